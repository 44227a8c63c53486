//! What the node tells of itself: a new tip, transactions that the pool took.

use super::messages::rate_of;
use super::state::Net;
use super::work::Work;
use crate::io::Output;
use crate::pool::SharedPool;
use chain::event::ChainEvent;
use mempool::pool::{PoolEvent, Removal};
use p2p::compact::CompactBlock;
use p2p::download::PeerId;
use p2p::message::{Inv, InvKind, Message};
use p2p::relay::TxAnnouncement;
use primitives::block::Header;
use primitives::id::Txid;
use store::error::StoreError;

/// Headers in one announcement; more are told by `inv`.
const MAX_HEADERS_TOLD: usize = 8;

impl Net {
    /// Follows what a step of the node did, whoever asked for it: `outputs` since `from`.
    pub fn follow(&mut self, from: usize, work: &mut Work<'_>) -> Result<(), StoreError> {
        if !self.started {
            return Ok(());
        }
        let (mut moved, mut news, mut gone) = (false, Vec::new(), Vec::new());
        for output in work.out.iter().skip(from) {
            match output {
                Output::Event(event) => {
                    moved |= matches!(**event, ChainEvent::TipChanged { .. });
                }
                Output::Pool(PoolEvent::Added { txid, wtxid, fee, vsize }) => {
                    let rate = rate_of(*fee, *vsize);
                    news.push(TxAnnouncement { txid: *txid, wtxid: *wtxid, rate });
                }
                Output::Pool(PoolEvent::Removed { txid, why }) => gone.push((*txid, *why)),
                _ => {}
            }
        }
        if !self.readonly {
            for news in &news {
                self.requests.forget_tx(&news.txid.0);
                self.requests.forget_tx(&news.wtxid.0);
                for peer in self.peers.values_mut().filter(|peer| peer.ready()) {
                    peer.announcer.add(*news);
                }
            }
        }
        for (txid, why) in gone {
            if self.untold.remove(&txid).is_some() && why == Removal::Replaced {
                self.log_once(&format!("our transaction {txid} was replaced"), work);
            }
        }
        match moved {
            true => self.tell_tip(work),
            false => Ok(()),
        }
    }

    /// A transaction of our own: told again until somebody asks for it or it is confirmed, also
    /// when the network starts later.
    pub fn own_transaction(&mut self, txid: Txid, pool: &SharedPool) {
        if !self.readonly {
            pool.set_untold(txid, true);
            self.untold.insert(txid, self.now_ms + super::transactions::REBROADCAST_MS);
        }
    }

    /// Tells every peer of a new tip in the way that it likes best.
    pub(super) fn tell_tip(&mut self, work: &mut Work<'_>) -> Result<(), StoreError> {
        let tip = work.chain.tip();
        if self.told_tip == Some(tip.id) || !self.started {
            return Ok(());
        }
        let first_time = self.told_tip.is_none();
        let told = self.told_tip.unwrap_or(tip.id);
        if self.is_bulk(work)? {
            return Ok(());
        }
        self.told_tip = Some(tip.id);
        if first_time && tip.id == 0 {
            return Ok(());
        }
        self.gave_tip(work);
        let tree = work.chain.tree()?;
        // The new blocks, oldest first, as far as headers tell them.
        let fork = tree.fork(told, tip.id);
        let mut new: Vec<(u32, Header)> = Vec::new();
        let mut at = tip.id;
        while at != fork && new.len() <= MAX_HEADERS_TOLD {
            new.push((at, tree.entry(at).row.header));
            at = tree.entry(at).row.parent;
        }
        if new.is_empty() {
            new.push((tip.id, tree.entry(tip.id).row.header));
        }
        new.reverse();
        let parent = tree.entry(new[0].0).row.parent;
        let has = |block: Option<u32>, wanted: u32| {
            let height = tree.entry(wanted).height();
            block.is_some_and(|block| tree.ancestor(block, height) == wanted)
        };
        let mut by_compact: Vec<PeerId> = Vec::new();
        let mut by_headers: Vec<PeerId> = Vec::new();
        let mut by_inv: Vec<PeerId> = Vec::new();
        for peer in self.peers.values().filter(|peer| peer.ready()) {
            if has(peer.best_known, tip.id)
                || peer.known_blocks.contains(&tip.hash.0)
                || peer.best_sent == Some(tip.id)
            {
                continue;
            }
            let connects = has(peer.best_known, parent) || has(peer.best_sent, parent);
            let few = new.len() <= MAX_HEADERS_TOLD;
            match (peer.compact_to && new.len() == 1, peer.wants_headers && few) {
                (true, _) if connects => by_compact.push(peer.id),
                (_, true) if connects => by_headers.push(peer.id),
                _ => by_inv.push(peer.id),
            }
        }
        if !by_compact.is_empty()
            && let Some(block) = work.chain.block(&tip.hash)?
        {
            let compact = CompactBlock::of(&block, self.random.word());
            let message = Message::CompactBlock(Box::new(compact));
            self.tell(&by_compact, tip.id, &message, work);
        }
        let headers = Message::Headers(new.iter().map(|(_, header)| *header).collect());
        self.tell(&by_headers, tip.id, &headers, work);
        let inv = Message::Inv(vec![Inv::new(InvKind::BLOCK, tip.hash.0)]);
        self.tell(&by_inv, tip.id, &inv, work);
        Ok(())
    }

    fn tell(&mut self, ids: &[PeerId], tip: u32, message: &Message, work: &mut Work<'_>) {
        for id in ids {
            if let Some(peer) = self.peers.get_mut(id) {
                peer.best_sent = Some(tip);
            }
            self.send(*id, message, work);
        }
    }
}
