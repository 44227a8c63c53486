//! Block sync (Core's `FindNextBlocksToDownload`): which blocks are asked of whom, and what is done
//! with those that come. Signature hints travel with the blocks of an initial sync.

use std::collections::{BTreeMap, VecDeque};

use super::availability::BlockAvailability;
use super::blame::blame;
use super::compact::CompactBlocks;
use super::context::{Action, Context};
use super::peers::PeerManager;
use chain::error::BlockError;
use chain::index::Entry;
use consensus::rule::Blame;
use p2p::address::services;
use p2p::download::{Download, PeerId, WINDOW};
use p2p::limits::{BAN_SCORE, HINTS_VERSION};
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
/// Blocks by which the headers may be ahead of the chain before blocks are taken in bulk.
const BULK_AHEAD: u32 = 24;
/// Blocks come fast: so many in one or two stretches of that many milliseconds.
const ARRIVALS_MS: u64 = 5_000;
const ARRIVALS_BLOCKS: u32 = 32;

/// How many of the blocks that were asked for came lately.
#[derive(Debug, Default)]
struct ArrivalRate {
    since_ms: u64,
    count: u32,
    /// Of the stretch before.
    before: u32,
}

impl ArrivalRate {
    fn record(&mut self, now_ms: u64) {
        let passed = now_ms.saturating_sub(self.since_ms);
        if passed >= ARRIVALS_MS {
            self.before = if passed < 2 * ARRIVALS_MS { self.count } else { 0 };
            (self.since_ms, self.count) = (now_ms, 0);
        }
        self.count = self.count.saturating_add(1);
    }

    fn is_high(&self, now_ms: u64) -> bool {
        let passed = now_ms.saturating_sub(self.since_ms);
        passed < 2 * ARRIVALS_MS && self.count.saturating_add(self.before) >= ARRIVALS_BLOCKS
    }
}

/// What block sync knows of one peer.
#[derive(Debug, Default)]
struct BlockPeer {
    /// The last block of which all below is here, on its branch.
    common: u32,
    /// It gives hints of our version, and has not misled us yet.
    hints: bool,
}

/// Requests for blocks, and the blocks that came.
#[derive(Debug, Default)]
pub struct BlockSync {
    download: Download,
    arrivals: ArrivalRate,
    /// Blocks that came and have not been looked at.
    arrived: VecDeque<(PeerId, BlockHash, Vec<u8>)>,
    /// Taken in bulk and not on the disk yet: since when.
    unflushed_since: Option<u64>,
    peers: BTreeMap<PeerId, BlockPeer>,
}

impl BlockSync {
    pub fn connected(&mut self, id: PeerId) {
        self.peers.insert(id, BlockPeer::default());
    }

    /// What the peer owed is free for others.
    pub fn closed(&mut self, id: PeerId) {
        self.download.disconnected(id);
    }

    pub fn removed(&mut self, id: PeerId) {
        self.peers.remove(&id);
    }

    /// Requests on their way.
    pub fn download(&self) -> &Download {
        &self.download
    }

    /// Blocks that came and have not been looked at.
    pub fn arrived(&self) -> usize {
        self.arrived.len()
    }

    /// Nothing that was taken in bulk waits to be written.
    pub fn is_flushed(&self) -> bool {
        self.unflushed_since.is_none()
    }

    /// The last block that we have in common with a peer, as an id of the tree.
    pub fn common(&self, id: PeerId) -> u32 {
        self.peers.get(&id).map_or(0, |peer| peer.common)
    }

    /// Peers that give hints and have not misled us.
    pub fn hint_givers(&self) -> usize {
        self.peers.values().filter(|peer| peer.hints).count()
    }

    /// A `sendhints` message.
    pub fn send_hints(&mut self, id: PeerId, version: u32) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.hints = version == HINTS_VERSION;
        }
    }

    /// Blocks are taken in bulk: far more headers are known than blocks, and the blocks do come.
    /// Headers alone would let whoever withholds their blocks keep transactions from us.
    pub fn is_bulk(&self, ctx: &mut Context<'_>) -> Result<bool, StoreError> {
        let behind = ctx.best_header_height()? > ctx.chain.tip().height.0 + BULK_AHEAD;
        Ok(behind && self.arrivals.is_high(ctx.now_ms))
    }

    /// Asks every peer for what it has and we need, those that we chose first.
    pub fn fetch(
        &mut self,
        peers: &PeerManager,
        availability: &BlockAvailability,
        compact: &CompactBlocks,
        ctx: &mut Context<'_>,
    ) -> Result<(), StoreError> {
        let ready =
            peers.ready().filter_map(|peer| Some((peer, availability.best_known(peer.id)?)));
        let mut list: Vec<_> = ready.collect();
        list.sort_by_key(|(peer, _)| peer.inbound());
        for (peer, best) in list {
            let (id, services) = (peer.id, peer.services());
            if services & (services::NETWORK | services::NETWORK_LIMITED) != 0 {
                let witness = services & services::WITNESS != 0;
                self.fetch_from(id, best, witness, compact.is_supported_by(id), ctx)?;
            }
        }
        Ok(())
    }

    /// The first missing blocks of the peer's own branch, within a window, if that has as much
    /// work as ours.
    fn fetch_from(
        &mut self,
        id: PeerId,
        best: u32,
        witness: bool,
        compact: bool,
        ctx: &mut Context<'_>,
    ) -> Result<(), StoreError> {
        let room = self.download.room(id);
        let (tip, takes_hints) = (ctx.chain.tip(), ctx.chain.takes_hints());
        let tree = ctx.chain.tree()?;
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(()) };
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
            match self.download.may_request(id, &entry.row.hash, ctx.now_ms) {
                true => wanted.push((entry.row.hash, entry.row.parent)),
                false => {
                    owed_by = owed_by.or_else(|| self.download.requested_from(&entry.row.hash));
                }
            }
        }
        peer.common = common;
        if wanted.is_empty() {
            if let Some(owed_by) = owed_by.filter(|peer| *peer != id && last != best) {
                self.download.mark_stalling(owed_by, ctx.now_ms);
            }
            return Ok(());
        }
        // At the tip a compact block will do.
        let compact = wanted.len() == 1 && wanted[0].1 == tip.id && compact;
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
            self.download.request(id, hash, ctx.now_ms);
        }
        ctx.send(id, Message::GetData(invs));
        Ok(())
    }

    /// Drops who holds up others, asks for what is due, writes what waits.
    pub fn tick(&mut self, ctx: &mut Context<'_>) -> Result<(), StoreError> {
        for id in self.download.stalled(ctx.now_ms) {
            ctx.close(id, "it does not send the blocks that it told of");
        }
        ctx.push(Action::FetchBlocks);
        self.flush_when_due(ctx)
    }

    /// What was taken in bulk goes to the disk after a while, and when the tip is near.
    fn flush_when_due(&mut self, ctx: &mut Context<'_>) -> Result<(), StoreError> {
        let Some(since) = self.unflushed_since else { return Ok(()) };
        if ctx.now_ms >= since + FLUSH_MS || !self.is_bulk(ctx)? {
            ctx.chain.flush()?;
            self.unflushed_since = None;
        }
        Ok(())
    }

    /// Asks for one whole block.
    pub fn request(&mut self, id: PeerId, hash: BlockHash, ctx: &mut Context<'_>) {
        self.download.request(id, hash, ctx.now_ms);
        ctx.send(id, Message::GetData(vec![Inv::new(InvKind::WITNESS_BLOCK, hash.0)]));
    }

    /// The peer was asked for parts of a block.
    pub fn requested(&mut self, id: PeerId, hash: BlockHash, now_ms: u64) {
        self.download.request(id, hash, now_ms);
    }

    /// The peer will not give a block.
    pub fn not_found(&mut self, id: PeerId, hash: &BlockHash) {
        self.download.failed(id, hash);
    }

    /// A `block` message: looked at with all others that came in the same bytes.
    pub fn received(
        &mut self,
        id: PeerId,
        bytes: Vec<u8>,
        peers: &PeerManager,
        ctx: &mut Context<'_>,
    ) -> Result<(), StoreError> {
        let Some((header, hash)) = header_of(&bytes) else {
            ctx.misbehaved(id, BAN_SCORE, "a block without a header");
            return Ok(());
        };
        let asked = self.download.received(id, &hash, bytes.len(), ctx.now_ms);
        if asked {
            self.arrivals.record(ctx.now_ms);
        }
        ctx.push(Action::KnowsBlock { id, hash });
        if !asked && !is_welcome(&header, &hash, ctx)? {
            return Ok(());
        }
        self.arrived.push_back((id, hash, bytes));
        match self.arrived.len() >= BATCH {
            true => self.take_arrived(peers, ctx),
            false => Ok(()),
        }
    }

    /// A `hints` message: for a block that this peer was asked for.
    pub fn hints(
        &mut self,
        id: PeerId,
        block: BlockHash,
        packed: Vec<u8>,
        ctx: &mut Context<'_>,
    ) -> Result<(), StoreError> {
        let asked = self.download.requested_from(&block) == Some(id);
        let Some(peer) = self.peers.get(&id) else { return Ok(()) };
        if asked && peer.hints {
            return ctx.chain.offer_hints(block, id, packed);
        }
        // Late ones are nobody's fault; many are.
        if !asked {
            ctx.push(Action::Unsolicited { id });
        }
        Ok(())
    }

    /// Takes the blocks that have come.
    pub fn take_arrived(
        &mut self,
        peers: &PeerManager,
        ctx: &mut Context<'_>,
    ) -> Result<(), StoreError> {
        if self.arrived.is_empty() {
            return Ok(());
        }
        let bulk = self.is_bulk(ctx)?;
        let before = ctx.chain.tip();
        let batch = self.arrived.drain(..);
        let (senders, blocks): (Vec<_>, Vec<_>) =
            batch.map(|(id, hash, bytes)| ((id, hash), bytes)).unzip();
        self.accept(&senders, blocks, bulk, peers, ctx)?;
        for (id, hash) in senders {
            ctx.push(Action::GaveBlock { id });
            ctx.push(Action::HasBlock { id, hash });
        }
        self.heed_misled(peers, ctx);
        if ctx.chain.tip().id != before.id {
            ctx.push(Action::TipMoved);
        }
        self.flush_when_due(ctx)?;
        ctx.push(Action::FetchBlocks);
        ctx.push(Action::AnnounceTip);
        Ok(())
    }

    fn accept(
        &mut self,
        senders: &[(PeerId, BlockHash)],
        mut blocks: Vec<Vec<u8>>,
        bulk: bool,
        peers: &PeerManager,
        ctx: &mut Context<'_>,
    ) -> Result<(), StoreError> {
        let mut at = 0;
        while !blocks.is_empty() {
            // Only the rare list with a fault in it is gone through again from there.
            let again = blocks.clone();
            let result = ctx.accept_blocks(blocks, bulk)?;
            self.unflushed_since = bulk.then(|| self.unflushed_since.unwrap_or(ctx.now_ms));
            let Some((index, error)) = result.error else { break };
            let (id, hash) = senders[at + index];
            if let BlockError::Rule(rule) = &error {
                ctx.note(format!("block {hash} is refused: {rule}"));
            }
            blame(id, error, peers, ctx)?;
            blocks = again.into_iter().skip(index + 1).collect();
            at += index + 1;
        }
        Ok(())
    }

    /// Peers whose hints were wrong are not asked for hints again; their blocks are as good as any.
    fn heed_misled(&mut self, peers: &PeerManager, ctx: &mut Context<'_>) {
        for id in ctx.chain.take_misled() {
            let Some(state) = self.peers.get_mut(&id).filter(|peer| peer.hints) else { continue };
            state.hints = false;
            if let Some(peer) = peers.get(id) {
                let ip = peer.address.ip();
                let about = format!("peer {ip} gives wrong hints: no more are asked");
                ctx.push(Action::LogOnce(about));
            }
        }
    }

    /// Takes a block put together of the pool's transactions and the peer's. If that is not the
    /// block, two short ids were the same, which is nobody's fault: the whole block is asked for.
    pub fn assembled(
        &mut self,
        id: PeerId,
        hash: BlockHash,
        bytes: Vec<u8>,
        peers: &PeerManager,
        ctx: &mut Context<'_>,
    ) -> Result<(), StoreError> {
        self.download.received(id, &hash, bytes.len(), ctx.now_ms);
        let before = ctx.chain.tip();
        let result = ctx.accept_blocks(vec![bytes], false)?;
        match result.error {
            Some((_, BlockError::Rule(rule))) if rule.blame() == Blame::Mutated => {
                self.request(id, hash, ctx);
            }
            // Who relays compact blocks does so before all is checked (BIP152): no ban.
            Some((_, BlockError::Rule(rule))) => {
                ctx.note(format!("block {hash} is refused: {rule}"));
                ctx.close(id, rule.to_string());
            }
            Some((_, error)) => blame(id, error, peers, ctx)?,
            None => ctx.push(Action::GaveBlock { id }),
        }
        if ctx.chain.tip().id != before.id {
            ctx.push(Action::TipMoved);
        }
        ctx.push(Action::FetchBlocks);
        ctx.push(Action::AnnounceTip);
        Ok(())
    }

    /// Checks what must always hold; for tests and the simulator.
    pub fn assert_sound(&self) {
        self.download.assert_sound();
        assert!(self.arrived.is_empty(), "blocks are looked at in the step that brings them");
    }
}

/// A block that nobody asked for is only looked at when it may be near a new tip.
fn is_welcome(
    header: &Header,
    hash: &BlockHash,
    ctx: &mut Context<'_>,
) -> Result<bool, StoreError> {
    let tip = ctx.chain.tip();
    let tree = ctx.chain.tree()?;
    if let Some(known) = tree.id_of(hash) {
        let entry = tree.entry(known);
        return Ok(!entry.has_data() && entry.work >= tip.work && is_near(entry, &tip));
    }
    let Some(parent) = tree.id_of(&header.prev) else { return Ok(false) };
    let entry = tree.entry(parent);
    let sum = entry.work.saturating_add(header.bits.work());
    Ok(sum >= tip.work && is_near(entry, &tip))
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

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;
    use primitives::codec::Encode;

    /// A fixture with headers of `count` blocks, which the first of two peers has.
    fn with_headers(count: u32) -> (Fixture, Vec<primitives::block::Block>, BlockAvailability) {
        let mut fixture = Fixture::new();
        let blocks = fixture.blocks(count);
        let headers: Vec<Header> = blocks.iter().map(|block| block.header).collect();
        fixture.context(0).accept_headers(&headers).expect("good headers");
        let mut availability = BlockAvailability::default();
        availability.connected(1);
        let last = headers[headers.len() - 1].hash();
        availability.has(1, &last, &mut fixture.chain).expect("a store");
        (fixture, blocks, availability)
    }

    fn requested(actions: &[Action]) -> Vec<(PeerId, usize)> {
        let sent = actions.iter().filter_map(|action| match action {
            Action::Send { id, message: Message::GetData(invs) } => Some((*id, invs.len())),
            _ => None,
        });
        sent.collect()
    }

    #[test]
    fn blocks_are_asked_for_once_and_taken_when_they_come() {
        let (mut fixture, blocks, availability) = with_headers(10);
        let peers = fixture.ready_peers(&[1, 3], 0);
        let compact = CompactBlocks::default();
        let mut sync = BlockSync::default();
        sync.connected(1);
        let mut ctx = fixture.context(0);
        sync.fetch(&peers, &availability, &compact, &mut ctx).expect("a store");
        sync.fetch(&peers, &availability, &compact, &mut ctx).expect("a store");
        assert_eq!(requested(&ctx.actions), [(1, 10)]);
        ctx.actions.clear();
        for block in &blocks {
            sync.received(1, block.to_bytes(), &peers, &mut ctx).expect("a store");
        }
        assert_eq!((sync.arrived(), ctx.chain.tip().height), (10, Height(0)));
        sync.take_arrived(&peers, &mut ctx).expect("a store");
        assert_eq!(ctx.chain.tip().height, Height(10));
        assert!(matches!(
            ctx.actions[ctx.actions.len() - 3..],
            [Action::TipMoved, Action::FetchBlocks, Action::AnnounceTip]
        ));
        sync.assert_sound();
    }

    #[test]
    fn who_sends_a_broken_block_is_blamed_and_the_good_ones_count() {
        let (mut fixture, mut blocks, _) = with_headers(3);
        let peers = fixture.ready_peers(&[1, 3], 0);
        // Another coinbase than the header commits to.
        blocks[1].txs[0].outputs[0].value.0 -= 1;
        let mut sync = BlockSync::default();
        let mut ctx = fixture.context(0);
        for (block, id) in blocks.iter().zip([1, 3, 1]) {
            sync.requested(id, block.hash(), 0);
            sync.received(id, block.to_bytes(), &peers, &mut ctx).expect("a store");
        }
        sync.take_arrived(&peers, &mut ctx).expect("a store");
        assert_eq!(ctx.chain.tip().height, Height(1));
        let blamed = ctx.actions.iter().filter_map(|action| match action {
            Action::Misbehaved { id, points, .. } => Some((*id, *points)),
            _ => None,
        });
        assert_eq!(blamed.collect::<Vec<_>>(), [(3, BAN_SCORE)]);
    }

    #[test]
    fn who_does_not_send_is_dropped_and_another_asked() {
        let (mut fixture, _, mut availability) = with_headers(1);
        let mut peers = fixture.ready_peers(&[1, 3], 0);
        let compact = CompactBlocks::default();
        let mut sync = BlockSync::default();
        [1, 3].into_iter().for_each(|id| sync.connected(id));
        sync.fetch(&peers, &availability, &compact, &mut fixture.context(0)).expect("a store");
        let mut ctx = fixture.context(120_000);
        sync.tick(&mut ctx).expect("a store");
        assert!(matches!(ctx.actions[..], [Action::Close { id: 1, .. }, Action::FetchBlocks]));
        peers.closed(1);
        sync.closed(1);
        let best = ctx.chain.best_header().expect("a store").0;
        availability.connected(3);
        availability.has(3, &best, ctx.chain).expect("a store");
        ctx.actions.clear();
        sync.fetch(&peers, &availability, &compact, &mut ctx).expect("a store");
        assert_eq!(requested(&ctx.actions), [(3, 1)]);
    }

    #[test]
    fn bulk_needs_headers_ahead_and_blocks_that_come() {
        let (mut fixture, _, _) = with_headers(BULK_AHEAD + 1);
        let mut sync = BlockSync::default();
        assert!(!sync.is_bulk(&mut fixture.context(0)).expect("a store"));
        (0..ARRIVALS_BLOCKS).for_each(|_| sync.arrivals.record(1));
        assert!(sync.is_bulk(&mut fixture.context(1)).expect("a store"));
        assert!(!sync.is_bulk(&mut fixture.context(3 * ARRIVALS_MS)).expect("a store"));
    }
}
