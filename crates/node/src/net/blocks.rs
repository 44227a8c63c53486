//! Blocks: which are asked of whom, and what is done with those that come.

use super::state::Net;
use super::work::Work;
use chain::error::BlockError;
use chain::index::Entry;
use consensus::rule::Blame;
use p2p::address::services;
use p2p::compact::{BlockTxns, CompactBlock, CompactError, PartialBlock, TxnRequest};
use p2p::download::{PeerId, WINDOW};
use p2p::headers::check_list;
use p2p::limits::BAN_SCORE;
use p2p::message::{Inv, InvKind, Message};
use primitives::block::{HEADER_SIZE, Header, Height};
use primitives::codec::{Decode, Reader};
use primitives::id::BlockHash;
use store::error::StoreError;
use store::rows::Tip;

/// Blocks that are taken in one go in bulk.
const BATCH: usize = 512;
/// Milliseconds after which what was taken in bulk is written even if more comes.
const FLUSH_MS: u64 = 20_000;
/// Blocks above the tip that one may be that nobody asked for.
const UNASKED_ABOVE: u32 = 288;
/// Peers that give us compact blocks unasked (BIP152).
const COMPACT_PEERS: usize = 3;

impl Net {
    /// Asks every peer for what it has and we need.
    pub(super) fn fetch(&mut self, work: &mut Work<'_>) -> Result<(), StoreError> {
        let ready = self.peers.values().filter(|peer| peer.ready() && peer.best_known.is_some());
        let mut ids: Vec<PeerId> = ready.map(|peer| peer.id).collect();
        // Those that we chose first.
        ids.sort_by_key(|id| self.peers.get(id).is_some_and(|peer| peer.inbound()));
        for id in ids {
            self.fetch_from(id, work)?;
        }
        Ok(())
    }

    /// Core's `FindNextBlocksToDownload`: the first missing blocks of the peer's own branch, within
    /// a window, if that has as much work as ours.
    fn fetch_from(&mut self, id: PeerId, work: &mut Work<'_>) -> Result<(), StoreError> {
        let room = self.download.room(id);
        let (tip, takes_hints) = (work.chain.tip(), work.chain.takes_hints());
        let tree = work.chain.tree()?;
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(()) };
        let serves = services::NETWORK | services::NETWORK_LIMITED;
        let Some(best) = peer.best_known.filter(|_| peer.services() & serves != 0) else {
            return Ok(());
        };
        if room == 0 || tree.entry(best).work < tip.work || tree.entry(best).failed {
            return Ok(());
        }
        let forks = [tree.fork(tip.id, best), tree.fork(peer.common, best)];
        let mut common = forks[0];
        if tree.entry(forks[1]).height() > tree.entry(common).height() {
            common = forks[1];
        }
        let end = Height(tree.entry(common).height().0.saturating_add(WINDOW));
        let last = tree.ancestor(best, end);
        let mut branch = Vec::new();
        let mut at = last;
        while at != common {
            branch.push(at);
            at = tree.entry(at).row.parent;
        }
        let (mut wanted, mut owed_by, mut gap) = (Vec::new(), None, false);
        for &block in branch.iter().rev() {
            let entry = tree.entry(block);
            if entry.failed || wanted.len() >= room {
                break;
            }
            if entry.has_data() {
                if !gap {
                    common = block;
                }
                continue;
            }
            gap = true;
            match self.download.may_request(id, &entry.row.hash, self.now_ms) {
                true => wanted.push((entry.row.hash, entry.row.parent)),
                false => {
                    owed_by = owed_by.or_else(|| self.download.requested_from(&entry.row.hash));
                }
            }
        }
        peer.common = common;
        if wanted.is_empty() {
            if let Some(owed_by) = owed_by.filter(|peer| *peer != id && last != best) {
                self.download.mark_stalling(owed_by, self.now_ms);
            }
            return Ok(());
        }
        // At the tip a compact block will do.
        let compact = wanted.len() == 1 && wanted[0].1 == tip.id && peer.compact;
        let witness = peer.services() & services::WITNESS != 0;
        let kind = match (compact, witness) {
            (true, _) => InvKind::COMPACT_BLOCK,
            (false, true) => InvKind::WITNESS_BLOCK,
            (false, false) => InvKind::BLOCK,
        };
        // Hints come just before their block. Among blocks at the tip the pool knows most.
        let with_hints = !compact && peer.hints && takes_hints;
        let invs = wanted.iter().flat_map(|(hash, _)| {
            let hints = with_hints.then_some(Inv::new(InvKind::HINTS, hash.0));
            hints.into_iter().chain([Inv::new(kind, hash.0)])
        });
        let invs = invs.collect();
        for (hash, _) in wanted {
            self.download.request(id, hash, self.now_ms);
        }
        self.send(id, &Message::GetData(invs), work);
        Ok(())
    }

    pub(super) fn tick_blocks(&mut self, work: &mut Work<'_>) -> Result<(), StoreError> {
        for id in self.download.stalled(self.now_ms) {
            self.close(id, "it does not send the blocks that it told of", work);
        }
        self.fetch(work)?;
        self.flush_when_due(work)
    }

    /// What was taken in bulk goes to the disk after a while, and when the tip is near.
    fn flush_when_due(&mut self, work: &mut Work<'_>) -> Result<(), StoreError> {
        let Some(since) = self.unflushed else { return Ok(()) };
        if self.now_ms >= since + FLUSH_MS || !self.is_bulk(work)? {
            work.chain.flush()?;
            self.unflushed = None;
        }
        Ok(())
    }

    /// A `block` message: looked at with all others that came in the same bytes.
    pub(super) fn block(
        &mut self,
        id: PeerId,
        bytes: Vec<u8>,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let Some((header, hash)) = header_of(&bytes) else {
            self.misbehaved(id, BAN_SCORE, "a block without a header", work);
            return Ok(());
        };
        let asked = self.download.received(id, &hash, bytes.len(), self.now_ms);
        if asked {
            self.flow.came(self.now_ms);
        }
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.known_blocks.insert(hash.0);
        }
        if !asked && !self.welcome(&header, &hash, work)? {
            return Ok(());
        }
        self.arrived.push_back((id, hash, bytes));
        match self.arrived.len() >= BATCH {
            true => self.take_arrived(work),
            false => Ok(()),
        }
    }

    /// A `hints` message: for a block that this peer was asked for.
    pub(super) fn hints(
        &mut self,
        id: PeerId,
        block: BlockHash,
        packed: Vec<u8>,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let asked = self.download.requested_from(&block) == Some(id);
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(()) };
        if asked && peer.hints {
            return work.chain.offer_hints(block, id, packed);
        }
        // Late ones are nobody's fault; many are.
        if !asked && !peer.unasked.take(1.0, self.now_ms) {
            self.misbehaved(id, 1, "it talks too much", work);
        }
        Ok(())
    }

    /// Peers whose hints were wrong are not asked for hints again; their blocks are as good as any.
    fn heed_misled(&mut self, work: &mut Work<'_>) {
        for id in work.chain.take_misled() {
            let Some(peer) = self.peers.get_mut(&id).filter(|peer| peer.hints) else { continue };
            peer.hints = false;
            let about = format!("peer {} gives wrong hints: no more are asked", peer.address.ip());
            self.log_once(&about, work);
        }
    }

    /// A block that nobody asked for is only looked at when it may be near a new tip.
    fn welcome(
        &mut self,
        header: &Header,
        hash: &BlockHash,
        work: &mut Work<'_>,
    ) -> Result<bool, StoreError> {
        let tip = work.chain.tip();
        let tree = work.chain.tree()?;
        if let Some(known) = tree.id_of(hash) {
            let entry = tree.entry(known);
            return Ok(!entry.has_data() && entry.work >= tip.work && is_near(entry, &tip));
        }
        let Some(parent) = tree.id_of(&header.prev) else { return Ok(false) };
        let entry = tree.entry(parent);
        let sum = entry.work.saturating_add(header.bits.work());
        Ok(sum >= tip.work && is_near(entry, &tip))
    }

    /// Takes the blocks that have come.
    pub(super) fn take_arrived(&mut self, work: &mut Work<'_>) -> Result<(), StoreError> {
        if self.arrived.is_empty() {
            return Ok(());
        }
        let bulk = self.is_bulk(work)?;
        let batch = self.arrived.drain(..).collect();
        self.take_batch(batch, bulk, work)?;
        self.flush_when_due(work)?;
        self.fetch(work)?;
        self.tell_tip(work)
    }

    fn take_batch(
        &mut self,
        batch: Vec<(PeerId, BlockHash, Vec<u8>)>,
        bulk: bool,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let mut senders = Vec::with_capacity(batch.len());
        let mut blocks = Vec::with_capacity(batch.len());
        for (id, hash, bytes) in batch {
            senders.push((id, hash));
            blocks.push(bytes);
        }
        let before = work.chain.tip();
        let mut left = blocks;
        let mut at = 0;
        loop {
            // Only the rare list with a fault in it is gone through again from there.
            let again = left.clone();
            let result = work.accept_blocks(left, bulk)?;
            self.unflushed = bulk.then(|| self.unflushed.unwrap_or(self.now_ms));
            let Some((index, error)) = result.error else { break };
            let (id, hash) = senders[at + index];
            self.refused(id, &hash, error, work)?;
            left = again.into_iter().skip(index + 1).collect();
            at += index + 1;
            if left.is_empty() {
                break;
            }
        }
        for (id, hash) in senders {
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.last_block_ms = self.now_ms;
            }
            self.has(id, &hash, work)?;
        }
        self.heed_misled(work);
        let tip = work.chain.tip();
        if tip.id != before.id {
            self.rejected.clear();
        }
        Ok(())
    }

    fn refused(
        &mut self,
        id: PeerId,
        hash: &BlockHash,
        error: BlockError,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        if let BlockError::Rule(rule) = &error {
            work.note(format!("block {hash} is refused: {rule}"));
        }
        self.blame(id, error, work)
    }

    /// A peer gave us the new tip: it, and the two before it, shall give us compact blocks unasked.
    fn favour(&mut self, id: PeerId, work: &mut Work<'_>) {
        let takes = self.peers.get(&id).is_some_and(|peer| peer.ready() && peer.compact);
        if !takes || self.readonly {
            return;
        }
        if let Some(at) = self.compact_peers.iter().position(|peer| *peer == id) {
            self.compact_peers.remove(at);
        } else {
            if self.compact_peers.len() >= COMPACT_PEERS {
                let old = self.compact_peers.remove(0);
                self.set_compact(old, false, work);
            }
            self.set_compact(id, true, work);
        }
        self.compact_peers.push(id);
    }

    fn set_compact(&mut self, id: PeerId, on: bool, work: &mut Work<'_>) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.compact_from = on;
        }
        self.send(id, &Message::SendCompact { high_bandwidth: on, version: 2 }, work);
    }

    /// A `cmpctblock` message.
    pub(super) fn compact_block(
        &mut self,
        id: PeerId,
        compact: CompactBlock,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let header = compact.header;
        let hash = header.hash();
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.known_blocks.insert(hash.0);
        }
        let sum = match check_list(&[header], self.params) {
            Ok(sum) => sum,
            Err(error) => {
                self.misbehaved(id, BAN_SCORE, &error.to_string(), work);
                return Ok(());
            }
        };
        let least = self.least_work(work)?;
        let tree = work.chain.tree()?;
        let Some(parent) = tree.id_of(&header.prev) else {
            self.has(id, &hash, work)?;
            return self.ask_headers(id, None, work);
        };
        if tree.entry(parent).work.saturating_add(sum) < least {
            return Ok(());
        }
        if let Err(error) = work.accept_headers(&[header]) {
            return self.blame(id, error, work);
        }
        self.has(id, &hash, work)?;
        let tip = work.chain.tip();
        let tree = work.chain.tree()?;
        let Some(entry) = tree.id_of(&hash).map(|block| tree.entry(block)) else { return Ok(()) };
        if entry.has_data() || entry.failed {
            return Ok(());
        }
        let asked = self.download.requested_from(&hash);
        // Far from the tip the pool knows nothing: the usual way will do.
        if entry.work <= tip.work || entry.height().0 > tip.height.0 + 2 {
            self.download.failed(id, &hash);
            return self.fetch(work);
        }
        let partial = {
            let pool = work.pool.read();
            PartialBlock::new(compact, pool.iter().map(|entry| (entry.wtxid, &entry.tx)))
        };
        self.compact_blocks += 1;
        match partial {
            Err(CompactError::Invalid) => {
                self.misbehaved(id, BAN_SCORE, "a compact block that can't be one", work);
                Ok(())
            }
            Err(CompactError::Collision) => self.ask_whole(id, hash, work),
            Ok(partial) => {
                let missing = partial.missing();
                if missing.is_empty() {
                    self.compact_hits += 1;
                    return self.put_together(id, hash, partial, Vec::new(), work);
                }
                if asked.is_some_and(|other| other != id) {
                    // Somebody else owes it: once is enough.
                    return Ok(());
                }
                self.download.request(id, hash, self.now_ms);
                if let Some(peer) = self.peers.get_mut(&id) {
                    peer.partial = Some((hash, partial));
                }
                let request = TxnRequest { block: hash, indexes: missing };
                self.send(id, &Message::GetBlockTxn(request), work);
                Ok(())
            }
        }
    }

    fn ask_whole(
        &mut self,
        id: PeerId,
        hash: BlockHash,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        self.download.request(id, hash, self.now_ms);
        let inv = Inv::new(InvKind::WITNESS_BLOCK, hash.0);
        self.send(id, &Message::GetData(vec![inv]), work);
        Ok(())
    }

    /// A `blocktxn` message.
    pub(super) fn block_txs(
        &mut self,
        id: PeerId,
        txns: BlockTxns,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(()) };
        let Some((hash, partial)) = peer.partial.take_if(|(hash, _)| *hash == txns.block) else {
            return Ok(());
        };
        if partial.missing().len() != txns.txs.len() {
            self.misbehaved(id, BAN_SCORE, "another number of transactions than asked", work);
            return Ok(());
        }
        self.put_together(id, hash, partial, txns.txs, work)
    }

    /// Takes a block made of the pool's transactions and `answer`. If that is not the block, two
    /// short ids were the same, which is nobody's fault: the whole block is asked for.
    fn put_together(
        &mut self,
        id: PeerId,
        hash: BlockHash,
        partial: PartialBlock,
        answer: Vec<primitives::tx::Transaction>,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let Some(bytes) = partial.finish(answer) else { return self.ask_whole(id, hash, work) };
        self.download.received(id, &hash, bytes.len(), self.now_ms);
        let before = work.chain.tip();
        let result = work.accept_blocks(vec![bytes], false)?;
        match result.error {
            Some((_, BlockError::Rule(rule))) if rule.blame() == Blame::Mutated => {
                self.ask_whole(id, hash, work)?;
            }
            // Who relays compact blocks does so before all is checked (BIP152): no ban.
            Some((_, BlockError::Rule(rule))) => {
                work.note(format!("block {hash} is refused: {rule}"));
                self.close(id, &rule.to_string(), work);
            }
            Some((_, error)) => self.blame(id, error, work)?,
            None => {
                if let Some(peer) = self.peers.get_mut(&id) {
                    peer.last_block_ms = self.now_ms;
                }
            }
        }
        if work.chain.tip().id != before.id {
            self.rejected.clear();
        }
        self.fetch(work)?;
        self.tell_tip(work)
    }

    /// The tip has moved by what `id` gave.
    pub(super) fn gave_tip(&mut self, work: &mut Work<'_>) {
        let tip = work.chain.tip();
        let gave = self.peers.values().filter(|peer| peer.last_block_ms == self.now_ms);
        let gave = gave.filter(|peer| peer.known_blocks.contains(&tip.hash.0));
        if let Some(id) = gave.map(|peer| peer.id).next() {
            self.favour(id, work);
        }
    }
}

/// Within what a block that nobody asked for may be above the tip.
fn is_near(entry: &Entry, tip: &Tip) -> bool {
    entry.height().0 <= tip.height.0.saturating_add(UNASKED_ABOVE)
}

fn header_of(bytes: &[u8]) -> Option<(Header, BlockHash)> {
    let header = bytes.get(..HEADER_SIZE)?;
    let header = Header::decode(&mut Reader::new(header)).ok()?;
    Some((header, header.hash()))
}
