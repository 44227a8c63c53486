//! What a manager needs around it in a test: a chain in memory, a pool, peers past their handshake.

use core::net::SocketAddr;
use std::sync::Arc;

use super::context::Context;
use super::peer::Origin;
use super::peers::PeerManager;
use crate::pool::SharedPool;
use chain::state::Chain;
use mempool::policy::Policy;
use mempool::pool::Pool;
use p2p::address::services;
use p2p::download::PeerId;
use p2p::message::{Message, Version};
use p2p::random::Random;
use p2p::relay::TxAnnouncement;
use primitives::block::{Block, Height};
use primitives::codec::Encode;
use primitives::network::REGTEST;
use primitives::tx::OutPoint;
use script::check::ScriptCache;
use store::db::Store;
use testkit::blocks::{self as maker, Parent};

/// Seconds since 1970, after the time of every block made here.
const NOW_S: u32 = 1_700_000_000;
/// Blocks until the coins of the first can be spent.
const MATURE: u32 = 101;

/// Chain, pool and random numbers.
pub struct Fixture {
    pub chain: Chain,
    pub pool: SharedPool,
    pool_changed: bool,
    random: Random,
}

impl Fixture {
    pub fn new() -> Fixture {
        let store = Arc::new(Store::memory(&REGTEST).expect("a store"));
        let chain = Chain::open(store, Arc::new(maker::engine())).expect("a chain");
        let policy = Policy { require_standard: false, ..Policy::default() };
        let pool = Pool::new(policy, Arc::new(ScriptCache::new([0; 32], 100)));
        let pool = SharedPool::new(pool);
        Fixture { chain, pool, pool_changed: false, random: Random::new(1) }
    }

    /// A context of that time.
    pub fn context(&mut self, now_ms: u64) -> Context<'_> {
        Context {
            params: &REGTEST,
            now_ms,
            chain_now: NOW_S,
            readonly: false,
            services: services::NETWORK | services::WITNESS,
            random: &mut self.random,
            chain: &mut self.chain,
            pool: &self.pool,
            pool_changed: &mut self.pool_changed,
            actions: Vec::new(),
        }
    }

    /// Blocks on the genesis block, not accepted yet.
    pub fn blocks(&self, count: u32) -> Vec<Block> {
        let mut parent = Parent::genesis(&REGTEST);
        let blocks = (1..=count).map(|height| {
            let block = maker::block(parent, 7, Vec::new());
            parent = Parent::of(&block, Height(height));
            block
        });
        blocks.collect()
    }

    pub fn accept(&mut self, blocks: &[Block]) {
        let bytes = blocks.iter().map(Encode::to_bytes).collect();
        let taken = self.chain.accept_blocks(bytes, NOW_S, false);
        assert!(taken.error.is_none(), "{:?}", taken.error);
    }

    /// Peers that connected to us from addresses of their own, past their handshake.
    pub fn ready_peers(&mut self, ids: &[PeerId], now_ms: u64) -> PeerManager {
        let mut peers = PeerManager::default();
        let mut ctx = self.context(now_ms);
        for &id in ids {
            let address = SocketAddr::from(([20, id as u8, 1, 1], 8333));
            peers.connected(id, address, Origin::Inbound, &mut ctx);
            let version = Version {
                version: 70016,
                services: services::NETWORK | services::WITNESS,
                time: 0,
                receiver: address,
                nonce: id,
                user_agent: "/test/".to_owned(),
                height: 0,
                relay: true,
            };
            peers.handshake(id, Message::Version(Box::new(version)), &mut ctx);
            peers.handshake(id, Message::Verack, &mut ctx);
            assert!(peers.is_ready(id));
        }
        peers
    }

    /// A transaction that the pool has taken.
    pub fn pooled_transaction(&mut self) -> TxAnnouncement {
        let blocks = self.blocks(MATURE);
        self.accept(&blocks);
        let coin = OutPoint { txid: blocks[0].txs[0].txid(), vout: 0 };
        let value = blocks[0].txs[0].outputs[0].value.0;
        let tx = maker::spend(&[coin], &[value - 10_000, 1_000]);
        let (txid, wtxid) = (tx.txid(), tx.wtxid());
        self.context(0).submit(Arc::new(tx)).expect("a good transaction");
        TxAnnouncement { txid, wtxid, rate: 10_000 }
    }
}
