//! Header sync, headers first (Core's `HeadersSyncState`): asking each peer for what comes after
//! what we have, and judging what comes. A branch of little work is read twice before any of it is
//! kept.

use std::collections::BTreeMap;

use super::availability::BlockAvailability;
use super::blame::blame;
use super::context::{Action, Context};
use super::peer::Origin;
use super::peers::PeerManager;
use p2p::download::PeerId;
use p2p::headers::{Presync, PresyncStep, check_list, locator_heights};
use p2p::limits::{BAN_SCORE, LOW_WORK_BLOCKS, MAX_HEADERS, MAX_HEADERS_AHEAD};
use p2p::message::{Locator, Message};
use primitives::block::{Header, Height};
use primitives::id::BlockHash;
use primitives::target::U256;
use store::error::StoreError;

/// Milliseconds that an answer with headers may take, and between questions to a quiet peer.
const ANSWER_MS: u64 = 30_000;
const ASK_AGAIN_MS: u64 = 120_000;
/// Milliseconds between questions to a peer of whom nothing is known: it was behind us when it was
/// asked, and who follows us has no reason to tell when it has caught up.
const ASK_UNKNOWN_MS: u64 = 15_000;
/// Headers of an announcement that may fail to connect, and how often.
const MAX_UNCONNECTING: u32 = 10;
const ANNOUNCEMENT: usize = 8;

/// Where one peer's headers are.
#[derive(Debug, Default)]
struct HeaderPeer {
    /// When the question on its way was asked.
    asked: Option<u64>,
    /// It has been asked at all.
    started: bool,
    /// It has given all that it has.
    done: bool,
    /// More are to be asked for when the blocks have caught up.
    paused: bool,
    presync: Option<Box<Presync>>,
    /// Lists that did not connect.
    unconnecting: u32,
    next_ask: u64,
}

/// Every peer's headers.
#[derive(Debug, Default)]
pub struct HeaderSync {
    peers: BTreeMap<PeerId, HeaderPeer>,
}

impl HeaderSync {
    pub fn connected(&mut self, id: PeerId) {
        self.peers.insert(id, HeaderPeer::default());
    }

    pub fn closed(&mut self, id: PeerId) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.presync = None;
        }
    }

    pub fn removed(&mut self, id: PeerId) {
        self.peers.remove(&id);
    }

    /// The peer has given all the headers that it has.
    pub fn is_done(&self, id: PeerId) -> bool {
        self.peers.get(&id).is_some_and(|peer| peer.done)
    }

    /// Asks a peer for headers after `after` (a header that it gave and we do not keep), or after
    /// what we have.
    pub fn request(
        &mut self,
        id: PeerId,
        after: Option<BlockHash>,
        ctx: &mut Context<'_>,
    ) -> Result<(), StoreError> {
        let (best, _) = ctx.chain.best_header()?;
        let tree = ctx.chain.tree()?;
        let best = tree.id_of(&best).unwrap_or(0);
        // One below the best, so that a peer with the same chain still tells what it has.
        let from = if after.is_some() { best } else { tree.entry(best).row.parent };
        let heights = locator_heights(tree.entry(from).height().0);
        let hash_at = |height| tree.entry(tree.ancestor(from, Height(height))).row.hash;
        let hashes = after.into_iter().chain(heights.into_iter().map(hash_at)).collect();
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(()) };
        peer.asked = Some(ctx.now_ms);
        peer.started = true;
        peer.next_ask = ctx.now_ms + ASK_AGAIN_MS;
        ctx.send(id, Message::GetHeaders(Locator { hashes, stop: BlockHash::ZERO }));
        Ok(())
    }

    /// Begins with a peer; while many headers come from one, others wait.
    pub fn start(
        &mut self,
        id: PeerId,
        peers: &PeerManager,
        ctx: &mut Context<'_>,
    ) -> Result<(), StoreError> {
        let busy = self.peers.iter().any(|(&other, peer)| {
            other != id && peers.is_ready(other) && peer.started && !peer.done
        });
        match busy {
            true => Ok(()),
            false => self.request(id, None, ctx),
        }
    }

    /// Gives up answers that are late, and asks who has not been asked for a while.
    pub fn tick(&mut self, peers: &PeerManager, ctx: &mut Context<'_>) -> Result<(), StoreError> {
        let now = ctx.now_ms;
        let ahead = ctx.headers_ahead()?;
        let mut late = Vec::new();
        let mut ask = Vec::new();
        let mut busy = false;
        for (&id, peer) in self.peers.iter().filter(|(id, _)| peers.is_ready(**id)) {
            match peer.asked {
                Some(asked) if now >= asked + ANSWER_MS => late.push(id),
                Some(_) => busy |= !peer.done,
                None if peer.paused && ahead < MAX_HEADERS_AHEAD / 2 => ask.push(id),
                None if peer.done && now >= peer.next_ask => ask.push(id),
                None => {}
            }
        }
        for id in late {
            let Some(peer) = self.peers.get_mut(&id) else { continue };
            peer.asked = None;
            peer.presync = None;
            peer.next_ask = now + ASK_AGAIN_MS;
            let first = !std::mem::replace(&mut peer.done, true);
            if first && peers.is_origin(id, Origin::Automatic) {
                ctx.close(id, "it does not answer with headers");
            }
        }
        if !busy {
            let new = |(id, peer): &(&PeerId, &HeaderPeer)| peers.is_ready(**id) && !peer.started;
            ask.extend(self.peers.iter().find(new).map(|(id, _)| *id));
        }
        for id in ask {
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.paused = false;
            }
            self.request(id, None, ctx)?;
        }
        Ok(())
    }

    /// A `headers` message.
    pub fn received(
        &mut self,
        id: PeerId,
        headers: &[Header],
        availability: &BlockAvailability,
        peers: &PeerManager,
        ctx: &mut Context<'_>,
    ) -> Result<(), StoreError> {
        let full = headers.len() >= MAX_HEADERS;
        let tree = ctx.chain.tree()?;
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(()) };
        // What neither connects nor continues the branch that is looked at is news, and no answer:
        // the question stays open.
        let answers = headers.first().is_none_or(|first| match &peer.presync {
            Some(presync) => presync.next() == first.prev,
            None => tree.id_of(&first.prev).is_some(),
        });
        let mut presync = None;
        if answers {
            peer.done |= peer.asked.take().is_some() && !full;
            presync = peer.presync.take();
            if headers.is_empty() && availability.best_known(id).is_none() {
                peer.next_ask = ctx.now_ms + ASK_UNKNOWN_MS;
            }
        }
        let (Some(first), Some(last)) = (headers.first(), headers.last()) else { return Ok(()) };
        let sum = match check_list(headers, ctx.params) {
            Ok(sum) => sum,
            Err(error) => {
                ctx.misbehaved(id, BAN_SCORE, error.to_string());
                return Ok(());
            }
        };
        if let Some(presync) = presync {
            return self.continue_presync(id, presync, headers, full, peers, ctx);
        }
        let last_hash = last.hash();
        let least = least_work(ctx)?;
        let tree = ctx.chain.tree()?;
        let Some(parent) = tree.id_of(&first.prev) else {
            return self.unconnecting(id, headers.len(), ctx);
        };
        let total = tree.entry(parent).work.saturating_add(sum);
        let start = (tree.entry(parent).row.hash, tree.entry(parent).work);
        let known = tree.id_of(&last_hash).is_some();
        if total < least && !known {
            // A branch that is far behind: only if more of it comes may it matter.
            if !full {
                return Ok(());
            }
            let salt = (ctx.random.word(), ctx.random.word());
            let presync = Box::new(Presync::new(start.0, start.1, least, salt));
            return self.continue_presync(id, presync, headers, full, peers, ctx);
        }
        self.accept(id, headers, full.then_some(last_hash), peers, ctx)
    }

    fn unconnecting(
        &mut self,
        id: PeerId,
        count: usize,
        ctx: &mut Context<'_>,
    ) -> Result<(), StoreError> {
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(()) };
        peer.unconnecting += 1;
        if count > ANNOUNCEMENT || peer.unconnecting > MAX_UNCONNECTING {
            ctx.misbehaved(id, 20, "headers that connect to nothing");
            return Ok(());
        }
        match peer.asked {
            Some(_) => Ok(()),
            None => self.request(id, None, ctx),
        }
    }

    /// A list of a long branch of little work so far.
    fn continue_presync(
        &mut self,
        id: PeerId,
        mut presync: Box<Presync>,
        headers: &[Header],
        full: bool,
        peers: &PeerManager,
        ctx: &mut Context<'_>,
    ) -> Result<(), StoreError> {
        match presync.take(headers, full) {
            PresyncStep::LowWork => Ok(()),
            PresyncStep::Inconsistent => {
                ctx.misbehaved(id, BAN_SCORE, "headers that change from one telling to the next");
                Ok(())
            }
            PresyncStep::More(next) => {
                if let Some(peer) = self.peers.get_mut(&id) {
                    peer.presync = Some(presync);
                    peer.done = false;
                }
                self.request(id, Some(next), ctx)
            }
            PresyncStep::Accept(headers, next) => {
                let done = presync.is_done();
                if let Some(peer) = self.peers.get_mut(&id).filter(|_| !done) {
                    peer.presync = Some(presync);
                }
                self.accept(id, &headers, next, peers, ctx)
            }
        }
    }

    /// Takes headers into the tree; `next`: the peer has more after this one.
    fn accept(
        &mut self,
        id: PeerId,
        headers: &[Header],
        next: Option<BlockHash>,
        peers: &PeerManager,
        ctx: &mut Context<'_>,
    ) -> Result<(), StoreError> {
        if let Err(error) = ctx.accept_headers(headers) {
            return blame(id, error, peers, ctx);
        }
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.unconnecting = 0;
        }
        if let Some(last) = headers.last() {
            ctx.push(Action::HasBlock { id, hash: last.hash() });
        }
        if let Some(next) = next {
            match ctx.headers_ahead()? < MAX_HEADERS_AHEAD {
                true => self.request(id, Some(next), ctx)?,
                false => {
                    if let Some(peer) = self.peers.get_mut(&id) {
                        peer.paused = true;
                    }
                }
            }
        }
        ctx.push(Action::FetchBlocks);
        Ok(())
    }

    /// A block was announced by `inv`.
    pub fn block_announced(
        &mut self,
        id: PeerId,
        hash: BlockHash,
        ctx: &mut Context<'_>,
    ) -> Result<(), StoreError> {
        ctx.push(Action::KnowsBlock { id, hash });
        ctx.push(Action::HasBlock { id, hash });
        match ctx.chain.has_header(&hash)? {
            true => {
                ctx.push(Action::FetchBlocks);
                Ok(())
            }
            false => self.request(id, None, ctx),
        }
    }
}

/// The work that a branch must have in all to be kept.
pub fn least_work(ctx: &mut Context<'_>) -> Result<U256, StoreError> {
    let tip = ctx.chain.tip();
    let bits = ctx.chain.tree()?.entry(tip.id).row.header.bits;
    let margin = bits.work().wrapping_mul_u32(LOW_WORK_BLOCKS);
    Ok(tip.work.saturating_sub(margin))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    fn asked(actions: &[Action]) -> Vec<PeerId> {
        let ids = actions.iter().filter_map(|action| match action {
            Action::Send { id, message: Message::GetHeaders(_) } => Some(*id),
            _ => None,
        });
        ids.collect()
    }

    fn sync(ids: &[PeerId]) -> HeaderSync {
        let mut sync = HeaderSync::default();
        ids.iter().for_each(|id| sync.connected(*id));
        sync
    }

    #[test]
    fn one_peer_is_asked_at_first_and_another_if_it_is_late() {
        let mut fixture = Fixture::new();
        let peers = fixture.ready_peers(&[1, 3], 0);
        let mut sync = sync(&[1, 3]);
        let mut ctx = fixture.context(0);
        sync.start(1, &peers, &mut ctx).expect("a store");
        sync.start(3, &peers, &mut ctx).expect("a store");
        sync.tick(&peers, &mut ctx).expect("a store");
        assert_eq!(asked(&ctx.actions), [1]);
        let mut ctx = fixture.context(ANSWER_MS);
        sync.tick(&peers, &mut ctx).expect("a store");
        assert_eq!(asked(&ctx.actions), [3]);
        assert!(sync.is_done(1) && !sync.is_done(3));
    }

    #[test]
    fn headers_enter_the_tree_and_lead_to_blocks() {
        let mut fixture = Fixture::new();
        let peers = fixture.ready_peers(&[1], 0);
        let headers: Vec<Header> = fixture.blocks(5).iter().map(|block| block.header).collect();
        let (mut sync, availability) = (sync(&[1]), BlockAvailability::default());
        let mut ctx = fixture.context(0);
        sync.start(1, &peers, &mut ctx).expect("a store");
        sync.received(1, &headers, &availability, &peers, &mut ctx).expect("a store");
        let last = headers[4].hash();
        assert!(sync.is_done(1) && ctx.chain.has_header(&last).expect("a store"));
        assert!(matches!(
            ctx.actions[ctx.actions.len() - 2..],
            [Action::HasBlock { id: 1, hash }, Action::FetchBlocks] if hash == last
        ));
    }

    #[test]
    fn headers_without_work_or_a_parent_count_against_the_peer() {
        let mut fixture = Fixture::new();
        let peers = fixture.ready_peers(&[1], 0);
        let headers: Vec<Header> = fixture.blocks(20).iter().map(|block| block.header).collect();
        let (mut sync, availability) = (sync(&[1]), BlockAvailability::default());
        let points = |list: &[Header], sync: &mut HeaderSync, fixture: &mut Fixture| {
            let mut ctx = fixture.context(0);
            sync.received(1, list, &availability, &peers, &mut ctx).expect("a store");
            ctx.actions.iter().find_map(|action| match action {
                Action::Misbehaved { points, .. } => Some(*points),
                _ => None,
            })
        };
        let gap = [headers[0], headers[2]];
        assert_eq!(points(&gap, &mut sync, &mut fixture), Some(BAN_SCORE));
        // A short list may be news of what is not known yet: it is asked for; a long one is not.
        assert_eq!(points(&headers[3..5], &mut sync, &mut fixture), None);
        assert_eq!(points(&headers[3..], &mut sync, &mut fixture), Some(20));
    }
}
