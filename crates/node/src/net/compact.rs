//! Compact blocks (BIP152, version 2): from whom they are wanted unasked, and putting blocks
//! together from what the pool has.

use std::collections::BTreeMap;

use super::blame::blame;
use super::context::{Action, Context};
use super::headers::least_work;
use super::peers::PeerManager;
use p2p::compact::{BlockTxns, CompactBlock, CompactError, PartialBlock, TxnRequest};
use p2p::download::{Download, PeerId};
use p2p::headers::check_list;
use p2p::limits::BAN_SCORE;
use p2p::message::Message;
use primitives::id::BlockHash;
use primitives::tx::Transaction;
use store::error::StoreError;

/// The version that is spoken.
const VERSION: u64 = 2;
/// Peers that give us compact blocks unasked.
const MAX_HIGH_BANDWIDTH: usize = 3;
/// Blocks above the tip from which the pool is of no use.
const NEAR_TIP: u32 = 2;

/// One peer's compact blocks.
#[derive(Debug, Default)]
struct CompactPeer {
    /// It takes compact blocks of our version.
    supported: bool,
    /// It wants them unasked; we want them unasked.
    to: bool,
    from: bool,
    /// A block whose missing transactions it was asked for.
    partial: Option<(BlockHash, PartialBlock)>,
}

/// Every peer's compact blocks.
#[derive(Debug, Default)]
pub struct CompactBlocks {
    peers: BTreeMap<PeerId, CompactPeer>,
    /// Peers that give us compact blocks unasked, the latest last.
    high_bandwidth: Vec<PeerId>,
    /// Compact blocks that were near the tip, and those that the pool could fill without asking.
    received: u64,
    from_pool: u64,
}

impl CompactBlocks {
    pub fn connected(&mut self, id: PeerId) {
        self.peers.insert(id, CompactPeer::default());
    }

    pub fn closed(&mut self, id: PeerId) {
        self.high_bandwidth.retain(|peer| *peer != id);
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.partial = None;
        }
    }

    pub fn removed(&mut self, id: PeerId) {
        self.peers.remove(&id);
    }

    /// The peer takes compact blocks.
    pub fn is_supported_by(&self, id: PeerId) -> bool {
        self.peers.get(&id).is_some_and(|peer| peer.supported)
    }

    /// Whether the peer wants compact blocks unasked, and whether we want them of it.
    pub fn high_bandwidth(&self, id: PeerId) -> (bool, bool) {
        self.peers.get(&id).map_or((false, false), |peer| (peer.to, peer.from))
    }

    /// Compact blocks that came, and those that the pool could fill.
    pub fn counts(&self) -> (u64, u64) {
        (self.received, self.from_pool)
    }

    /// A `sendcmpct` message.
    pub fn send_compact(&mut self, id: PeerId, high_bandwidth: bool, version: u64) {
        if version == VERSION
            && let Some(peer) = self.peers.get_mut(&id)
        {
            (peer.supported, peer.to) = (true, high_bandwidth);
        }
    }

    /// A peer gave us the new tip: it, and the two before it, shall give us compact blocks unasked.
    pub fn prefer(&mut self, id: PeerId, peers: &PeerManager, ctx: &mut Context<'_>) {
        if !peers.is_ready(id) || !self.is_supported_by(id) || ctx.readonly {
            return;
        }
        if let Some(at) = self.high_bandwidth.iter().position(|peer| *peer == id) {
            self.high_bandwidth.remove(at);
        } else {
            if self.high_bandwidth.len() >= MAX_HIGH_BANDWIDTH {
                let old = self.high_bandwidth.remove(0);
                self.set_high_bandwidth(old, false, ctx);
            }
            self.set_high_bandwidth(id, true, ctx);
        }
        self.high_bandwidth.push(id);
    }

    fn set_high_bandwidth(&mut self, id: PeerId, on: bool, ctx: &mut Context<'_>) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.from = on;
        }
        ctx.send(id, Message::SendCompact { high_bandwidth: on, version: VERSION });
    }

    /// A `cmpctblock` message.
    pub fn received(
        &mut self,
        id: PeerId,
        compact: CompactBlock,
        download: &Download,
        peers: &PeerManager,
        ctx: &mut Context<'_>,
    ) -> Result<(), StoreError> {
        let header = compact.header;
        let hash = header.hash();
        ctx.push(Action::KnowsBlock { id, hash });
        let sum = match check_list(&[header], ctx.params) {
            Ok(sum) => sum,
            Err(error) => {
                ctx.misbehaved(id, BAN_SCORE, error.to_string());
                return Ok(());
            }
        };
        let least = least_work(ctx)?;
        let tree = ctx.chain.tree()?;
        let Some(parent) = tree.id_of(&header.prev) else {
            ctx.push(Action::HasBlock { id, hash });
            ctx.push(Action::RequestHeaders { id, after: None });
            return Ok(());
        };
        if tree.entry(parent).work.saturating_add(sum) < least {
            return Ok(());
        }
        if let Err(error) = ctx.accept_headers(&[header]) {
            return blame(id, error, peers, ctx);
        }
        ctx.push(Action::HasBlock { id, hash });
        let tip = ctx.chain.tip();
        let tree = ctx.chain.tree()?;
        let Some(entry) = tree.id_of(&hash).map(|block| tree.entry(block)) else { return Ok(()) };
        if entry.has_data() || entry.failed {
            return Ok(());
        }
        // Far from the tip the pool knows nothing: the usual way will do.
        if entry.work <= tip.work || entry.height().0 > tip.height.0 + NEAR_TIP {
            ctx.push(Action::BlockNotFound { id, hash });
            ctx.push(Action::FetchBlocks);
            return Ok(());
        }
        let partial = {
            let pool = ctx.pool.read();
            PartialBlock::new(compact, pool.iter().map(|entry| (entry.wtxid, &entry.tx)))
        };
        self.received += 1;
        match partial {
            Err(CompactError::Invalid) => {
                ctx.misbehaved(id, BAN_SCORE, "a compact block that can't be one");
            }
            Err(CompactError::Collision) => ctx.push(Action::RequestBlock { id, hash }),
            Ok(partial) => {
                let missing = partial.missing();
                if missing.is_empty() {
                    self.from_pool += 1;
                    assemble(id, hash, partial, Vec::new(), ctx);
                } else if download.requested_from(&hash).is_none_or(|other| other == id) {
                    ctx.push(Action::BlockRequested { id, hash });
                    if let Some(peer) = self.peers.get_mut(&id) {
                        peer.partial = Some((hash, partial));
                    }
                    let request = TxnRequest { block: hash, indexes: missing };
                    ctx.send(id, Message::GetBlockTxn(request));
                }
                // Else somebody else owes it: once is enough.
            }
        }
        Ok(())
    }

    /// A `blocktxn` message.
    pub fn transactions(&mut self, id: PeerId, txns: BlockTxns, ctx: &mut Context<'_>) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let Some((hash, partial)) = peer.partial.take_if(|(hash, _)| *hash == txns.block) else {
            return;
        };
        if partial.missing().len() != txns.txs.len() {
            ctx.misbehaved(id, BAN_SCORE, "another number of transactions than asked");
            return;
        }
        assemble(id, hash, partial, txns.txs, ctx);
    }
}

/// Puts a block together of the pool's transactions and `answer`.
fn assemble(
    id: PeerId,
    hash: BlockHash,
    partial: PartialBlock,
    answer: Vec<Transaction>,
    ctx: &mut Context<'_>,
) {
    ctx.push(match partial.finish(answer) {
        Some(bytes) => Action::BlockAssembled { id, hash, bytes },
        None => Action::RequestBlock { id, hash },
    });
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;
    use primitives::codec::Encode;

    #[test]
    fn the_last_three_who_gave_the_tip_give_compact_blocks_unasked() {
        let mut fixture = Fixture::new();
        let peers = fixture.ready_peers(&[1, 3, 5, 7, 9], 0);
        let mut compact = CompactBlocks::default();
        for id in [1, 3, 5, 7, 9] {
            compact.connected(id);
            // The last speaks another version.
            compact.send_compact(id, false, if id == 9 { 1 } else { VERSION });
        }
        let mut ctx = fixture.context(0);
        for id in [1, 3, 5, 1, 7, 9] {
            compact.prefer(id, &peers, &mut ctx);
        }
        let sent = ctx.actions.iter().map(|action| match action {
            Action::Send { id, message: Message::SendCompact { high_bandwidth, .. } } => {
                (*id, *high_bandwidth)
            }
            other => panic!("{other:?}"),
        });
        let sent: Vec<_> = sent.collect();
        assert_eq!(sent, [(1, true), (3, true), (5, true), (3, false), (7, true)]);
        assert_eq!(compact.high_bandwidth(7), (false, true));
    }

    #[test]
    fn a_block_is_put_together_of_what_the_peer_adds() {
        let mut fixture = Fixture::new();
        let peers = fixture.ready_peers(&[1], 0);
        let mut block = fixture.blocks(1).remove(0);
        block.txs.push(testkit::blocks::spend(&[], &[1]));
        testkit::blocks::commit(&mut block);
        let (mut compact, download) = (CompactBlocks::default(), Download::default());
        compact.connected(1);
        let mut ctx = fixture.context(0);
        let message = CompactBlock::of(&block, 7);
        compact.received(1, message.clone(), &download, &peers, &mut ctx).expect("a store");
        assert!(matches!(
            ctx.actions.last(),
            Some(Action::Send { id: 1, message: Message::GetBlockTxn(r) }) if r.indexes == [1]
        ));
        let hash = block.hash();
        let answer = BlockTxns { block: hash, txs: vec![block.txs[1].clone()] };
        compact.transactions(1, answer.clone(), &mut ctx);
        assert!(matches!(
            ctx.actions.last(),
            Some(Action::BlockAssembled { id: 1, bytes, .. }) if *bytes == block.to_bytes()
        ));
        // Another answer is one to nothing, and one of the wrong length is a fault.
        ctx.actions.clear();
        compact.transactions(1, answer, &mut ctx);
        assert!(ctx.actions.is_empty());
        compact.received(1, message, &download, &peers, &mut ctx).expect("a store");
        compact.transactions(1, BlockTxns { block: hash, txs: vec![] }, &mut ctx);
        assert!(matches!(
            ctx.actions.last(),
            Some(Action::Misbehaved { id: 1, points: BAN_SCORE, .. })
        ));
        assert_eq!(compact.counts(), (2, 0));
    }
}
