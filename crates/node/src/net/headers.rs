//! Headers first: asking each peer for what comes after what we have, and judging what comes.

use super::peer::Origin;
use super::state::{Net, best_header_height};
use super::work::Work;
use chain::error::BlockError;
use consensus::rule::{Blame, RuleError};
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

impl Net {
    /// The locator of the best header's branch, or of what ends at `from`.
    fn locator(
        &mut self,
        from: Option<u32>,
        work: &mut Work<'_>,
    ) -> Result<Vec<BlockHash>, StoreError> {
        let (best, _) = work.chain.best_header()?;
        let tree = work.chain.tree()?;
        let id = from.or_else(|| tree.id_of(&best)).unwrap_or(0);
        let heights = locator_heights(tree.entry(id).height().0);
        let hash_at = |height| tree.entry(tree.ancestor(id, Height(height))).row.hash;
        Ok(heights.into_iter().map(hash_at).collect())
    }

    /// Asks a peer for headers after `after` (a header that it gave and we do not keep), or after
    /// what we have.
    pub(super) fn ask_headers(
        &mut self,
        id: PeerId,
        after: Option<BlockHash>,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let mut hashes = self.locator(None, work)?;
        if let Some(after) = after {
            hashes.insert(0, after);
        } else if let Some(first) = self.behind_best(work)? {
            // One below the best, so that a peer with the same chain still tells what it has.
            hashes = first;
        }
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(()) };
        peer.headers.asked = Some(self.now_ms);
        peer.headers.started = true;
        peer.headers.next_ask = self.now_ms + ASK_AGAIN_MS;
        let message = Message::GetHeaders(Locator { hashes, stop: BlockHash::ZERO });
        self.send(id, &message, work);
        Ok(())
    }

    fn behind_best(&mut self, work: &mut Work<'_>) -> Result<Option<Vec<BlockHash>>, StoreError> {
        let (best, _) = work.chain.best_header()?;
        let tree = work.chain.tree()?;
        let id = tree.id_of(&best).unwrap_or(0);
        let parent = tree.entry(id).row.parent;
        self.locator(Some(parent), work).map(Some)
    }

    /// Begins with a peer; while many headers come from one, others wait.
    pub(super) fn start_headers(
        &mut self,
        id: PeerId,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let busy = self.peers.values().any(|peer| {
            peer.id != id && peer.ready() && peer.headers.started && !peer.headers.done
        });
        match busy {
            true => Ok(()),
            false => self.ask_headers(id, None, work),
        }
    }

    pub(super) fn tick_headers(&mut self, work: &mut Work<'_>) -> Result<(), StoreError> {
        let now = self.now_ms;
        let ahead = best_header_height(work)?.saturating_sub(work.chain.tip().height.0);
        let mut late = Vec::new();
        let mut ask = Vec::new();
        let mut busy = false;
        for peer in self.peers.values().filter(|peer| peer.ready()) {
            let headers = &peer.headers;
            match headers.asked {
                Some(asked) if now >= asked + ANSWER_MS => late.push(peer.id),
                Some(_) => busy |= !headers.done,
                None if headers.paused && ahead < MAX_HEADERS_AHEAD / 2 => ask.push(peer.id),
                None if headers.done && now >= headers.next_ask => ask.push(peer.id),
                None => {}
            }
        }
        for id in late {
            let Some(peer) = self.peers.get_mut(&id) else { continue };
            peer.headers.asked = None;
            peer.headers.presync = None;
            peer.headers.next_ask = now + ASK_AGAIN_MS;
            let first = !peer.headers.done;
            peer.headers.done = true;
            if first && peer.origin == Origin::Automatic {
                self.close(id, "it does not answer with headers", work);
            }
        }
        if !busy {
            let new = |peer: &&super::peer::Peer| peer.ready() && !peer.headers.started;
            ask.extend(self.peers.values().find(new).map(|peer| peer.id));
        }
        for id in ask {
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.headers.paused = false;
            }
            self.ask_headers(id, None, work)?;
        }
        Ok(())
    }

    /// The work that a branch must have in all to be kept.
    pub(super) fn least_work(&self, work: &mut Work<'_>) -> Result<U256, StoreError> {
        let tip = work.chain.tip();
        let bits = work.chain.tree()?.entry(tip.id).row.header.bits;
        let margin = bits.work().wrapping_mul_u32(LOW_WORK_BLOCKS);
        Ok(tip.work.saturating_sub(margin))
    }

    /// A `headers` message.
    pub(super) fn headers(
        &mut self,
        id: PeerId,
        headers: Vec<Header>,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let full = headers.len() >= MAX_HEADERS;
        let tree = work.chain.tree()?;
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(()) };
        // What neither connects nor continues the branch that is looked at is news, and no answer:
        // the question stays open.
        let answers = headers.first().is_none_or(|first| match &peer.headers.presync {
            Some(presync) => presync.next() == first.prev,
            None => tree.id_of(&first.prev).is_some(),
        });
        let mut presync = None;
        if answers {
            peer.headers.done |= peer.headers.asked.take().is_some() && !full;
            presync = peer.headers.presync.take();
            if headers.is_empty() && peer.best_known.is_none() {
                peer.headers.next_ask = self.now_ms + ASK_UNKNOWN_MS;
            }
        }
        let (Some(first), Some(last)) = (headers.first(), headers.last()) else { return Ok(()) };
        let sum = match check_list(&headers, self.params) {
            Ok(sum) => sum,
            Err(error) => {
                self.misbehaved(id, BAN_SCORE, &error.to_string(), work);
                return Ok(());
            }
        };
        if let Some(presync) = presync {
            return self.look(id, presync, &headers, full, work);
        }
        let last_hash = last.hash();
        let least = self.least_work(work)?;
        let tree = work.chain.tree()?;
        let Some(parent) = tree.id_of(&first.prev) else {
            return self.unconnecting(id, headers.len(), work);
        };
        let total = tree.entry(parent).work.saturating_add(sum);
        let start = (tree.entry(parent).row.hash, tree.entry(parent).work);
        let known = tree.id_of(&last_hash).is_some();
        if total < least && !known {
            // A branch that is far behind: only if more of it comes may it matter.
            if !full {
                return Ok(());
            }
            let salt = (self.random.word(), self.random.word());
            let presync = Box::new(Presync::new(start.0, start.1, least, salt));
            return self.look(id, presync, &headers, full, work);
        }
        self.enter(id, &headers, full.then_some(last_hash), work)
    }

    fn unconnecting(
        &mut self,
        id: PeerId,
        count: usize,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(()) };
        peer.headers.unconnecting += 1;
        if count > ANNOUNCEMENT || peer.headers.unconnecting > MAX_UNCONNECTING {
            self.misbehaved(id, 20, "headers that connect to nothing", work);
            return Ok(());
        }
        if peer.headers.asked.is_some() {
            return Ok(());
        }
        self.ask_headers(id, None, work)
    }

    /// A long branch of little work so far.
    fn look(
        &mut self,
        id: PeerId,
        mut presync: Box<Presync>,
        headers: &[Header],
        full: bool,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        match presync.take(headers, full) {
            PresyncStep::LowWork => Ok(()),
            PresyncStep::Inconsistent => {
                self.misbehaved(
                    id,
                    BAN_SCORE,
                    "headers that change from one telling to the next",
                    work,
                );
                Ok(())
            }
            PresyncStep::More(next) => {
                if let Some(peer) = self.peers.get_mut(&id) {
                    peer.headers.presync = Some(presync);
                    peer.headers.done = false;
                }
                self.ask_headers(id, Some(next), work)
            }
            PresyncStep::Accept(headers, next) => {
                let done = presync.is_done();
                if let Some(peer) = self.peers.get_mut(&id).filter(|_| !done) {
                    peer.headers.presync = Some(presync);
                }
                self.enter(id, &headers, next, work)
            }
        }
    }

    /// Takes headers into the tree; `next`: the peer has more after this one.
    fn enter(
        &mut self,
        id: PeerId,
        headers: &[Header],
        next: Option<BlockHash>,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let taken = work.accept_headers(headers);
        if let Err(error) = taken {
            return self.blame(id, error, work);
        }
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.headers.unconnecting = 0;
        }
        if let Some(last) = headers.last() {
            self.has(id, &last.hash(), work)?;
        }
        if let Some(next) = next {
            let ahead = best_header_height(work)?.saturating_sub(work.chain.tip().height.0);
            match ahead < MAX_HEADERS_AHEAD {
                true => self.ask_headers(id, Some(next), work)?,
                false => {
                    if let Some(peer) = self.peers.get_mut(&id) {
                        peer.headers.paused = true;
                    }
                }
            }
        }
        self.fetch(work)
    }

    /// A peer has a block: its best is that one if it has more work.
    pub(super) fn has(
        &mut self,
        id: PeerId,
        hash: &BlockHash,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let tree = work.chain.tree()?;
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(()) };
        let told = peer.told_unknown.filter(|told| tree.id_of(told).is_some());
        if told.is_some() {
            peer.told_unknown = None;
        }
        for hash in told.iter().chain([hash]) {
            match tree.id_of(hash) {
                Some(block) => {
                    let better = peer
                        .best_known
                        .is_none_or(|best| tree.entry(block).work >= tree.entry(best).work);
                    if better {
                        peer.best_known = Some(block);
                    }
                }
                None => peer.told_unknown = Some(*hash),
            }
        }
        Ok(())
    }

    /// A block was told of by `inv`.
    pub(super) fn told_block(
        &mut self,
        id: PeerId,
        hash: BlockHash,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.known_blocks.insert(hash.0);
        }
        self.has(id, &hash, work)?;
        match work.chain.has_header(&hash)? {
            true => self.fetch(work),
            false => self.ask_headers(id, None, work),
        }
    }

    /// Counts a broken rule against the peer by whose fault it is; a fault of our disk goes up.
    pub(super) fn blame(
        &mut self,
        id: PeerId,
        error: BlockError,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let rule: RuleError = match error {
            BlockError::Store(fault) => return Err(fault),
            BlockError::Decode(error) => {
                self.misbehaved(id, BAN_SCORE, &format!("a block that is none: {error}"), work);
                return Ok(());
            }
            BlockError::Rule(rule) => rule,
        };
        let why = rule.to_string();
        match rule.blame() {
            Blame::Consensus | Blame::Header | Blame::Mutated => {
                self.misbehaved(id, BAN_SCORE, &why, work);
            }
            // The operator may have called it so: no ban, but no use either.
            Blame::Cached | Blame::InvalidParent => {
                let chosen = self.peers.get(&id).is_some_and(|p| p.origin == Origin::Automatic);
                if chosen {
                    self.close(id, &why, work);
                }
            }
            // Clocks differ.
            Blame::Future => {}
            Blame::MissingParent => return self.ask_headers(id, None, work),
        }
        Ok(())
    }
}
