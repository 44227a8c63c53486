//! Announcing a new tip to each peer in the way that it likes best: by compact block (BIP152), by
//! headers (BIP130) or by `inv`.

use std::collections::BTreeMap;

use super::availability::BlockAvailability;
use super::compact::CompactBlocks;
use super::context::{Action, Context};
use super::peers::PeerManager;
use p2p::compact::CompactBlock;
use p2p::download::PeerId;
use p2p::message::{Inv, InvKind, Message};
use primitives::block::Header;
use store::error::StoreError;

/// Headers in one announcement; more are announced by `inv`.
const MAX_HEADERS_ANNOUNCED: usize = 8;

/// How one peer hears of blocks.
#[derive(Debug, Default)]
struct AnnouncePeer {
    wants_headers: bool,
    /// The best header that we sent it, as an id of the tree.
    best_sent: Option<u32>,
}

/// The last tip that was announced, and to whom how.
#[derive(Debug, Default)]
pub struct TipAnnouncer {
    announced: Option<u32>,
    peers: BTreeMap<PeerId, AnnouncePeer>,
}

impl TipAnnouncer {
    /// What is here already is no news.
    pub fn start(&mut self, tip: u32) {
        self.announced = Some(tip);
    }

    pub fn connected(&mut self, id: PeerId) {
        self.peers.insert(id, AnnouncePeer::default());
    }

    pub fn removed(&mut self, id: PeerId) {
        self.peers.remove(&id);
    }

    /// A `sendheaders` message.
    pub fn send_headers(&mut self, id: PeerId) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.wants_headers = true;
        }
    }

    /// Headers up to this one went to the peer.
    pub fn headers_sent(&mut self, id: PeerId, last: u32) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.best_sent = Some(last);
        }
    }

    /// Announces the tip, unless it was announced or blocks come in bulk.
    pub fn announce(
        &mut self,
        bulk: bool,
        peers: &PeerManager,
        availability: &BlockAvailability,
        compact: &CompactBlocks,
        ctx: &mut Context<'_>,
    ) -> Result<(), StoreError> {
        let tip = ctx.chain.tip();
        if self.announced == Some(tip.id) || bulk {
            return Ok(());
        }
        let last = self.announced.replace(tip.id);
        if last.is_none() && tip.id == 0 {
            return Ok(());
        }
        // Who gave it in this step gave it first.
        let mut gave = peers.all().filter(|peer| peer.last_block_ms == ctx.now_ms);
        if let Some(peer) = gave.find(|peer| availability.is_known(peer.id, &tip.hash)) {
            ctx.push(Action::PreferCompactFrom { id: peer.id });
        }
        let tree = ctx.chain.tree()?;
        // The new blocks, oldest first, as far as headers tell them.
        let fork = tree.fork(last.unwrap_or(tip.id), tip.id);
        let mut new: Vec<(u32, Header)> = Vec::new();
        let mut at = tip.id;
        while at != fork && new.len() <= MAX_HEADERS_ANNOUNCED {
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
        for (&id, peer) in self.peers.iter().filter(|(id, _)| peers.is_ready(**id)) {
            let best_known = availability.best_known(id);
            if has(best_known, tip.id)
                || availability.is_known(id, &tip.hash)
                || peer.best_sent == Some(tip.id)
            {
                continue;
            }
            let connects = has(best_known, parent) || has(peer.best_sent, parent);
            let few = new.len() <= MAX_HEADERS_ANNOUNCED;
            let wants_compact = compact.high_bandwidth(id).0;
            match (wants_compact && new.len() == 1, peer.wants_headers && few) {
                (true, _) if connects => by_compact.push(id),
                (_, true) if connects => by_headers.push(id),
                _ => by_inv.push(id),
            }
        }
        if !by_compact.is_empty()
            && let Some(block) = ctx.chain.block(&tip.hash)?
        {
            let block = CompactBlock::of(&block, ctx.random.word());
            self.send(&by_compact, tip.id, Message::CompactBlock(Box::new(block)), ctx);
        }
        let headers = Message::Headers(new.iter().map(|(_, header)| *header).collect());
        self.send(&by_headers, tip.id, headers, ctx);
        let inv = Message::Inv(vec![Inv::new(InvKind::BLOCK, tip.hash.0)]);
        self.send(&by_inv, tip.id, inv, ctx);
        Ok(())
    }

    fn send(&mut self, ids: &[PeerId], tip: u32, message: Message, ctx: &mut Context<'_>) {
        for &id in ids {
            self.headers_sent(id, tip);
            ctx.send(id, message.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    fn sent(actions: &[Action]) -> Vec<(PeerId, &'static str)> {
        let sent = actions.iter().filter_map(|action| match action {
            Action::Send { id, message } => Some((*id, message.command())),
            _ => None,
        });
        sent.collect()
    }

    #[test]
    fn each_peer_hears_of_the_tip_once_and_as_it_likes() {
        let mut fixture = Fixture::new();
        let peers = fixture.ready_peers(&[1, 3, 5, 7], 0);
        let blocks = fixture.blocks(2);
        fixture.accept(&blocks[..1]);
        let (mut availability, mut compact) =
            (BlockAvailability::default(), CompactBlocks::default());
        let mut announcer = TipAnnouncer::default();
        announcer.start(fixture.chain.tip().id);
        for id in [1, 3, 5, 7] {
            announcer.connected(id);
            availability.connected(id);
            compact.connected(id);
            availability.has(id, &blocks[0].hash(), &mut fixture.chain).expect("a store");
        }
        compact.send_compact(1, true, 2);
        announcer.send_headers(3);
        // The last has sent it to us.
        availability.set_known(7, &blocks[1].hash());
        fixture.accept(&blocks[1..]);
        let mut ctx = fixture.context(0);
        announcer.announce(true, &peers, &availability, &compact, &mut ctx).expect("a store");
        assert!(ctx.actions.is_empty(), "nothing while blocks come in bulk");
        announcer.announce(false, &peers, &availability, &compact, &mut ctx).expect("a store");
        assert_eq!(sent(&ctx.actions), [(1, "cmpctblock"), (3, "headers"), (5, "inv")]);
        ctx.actions.clear();
        announcer.announce(false, &peers, &availability, &compact, &mut ctx).expect("a store");
        assert!(ctx.actions.is_empty());
    }
}
