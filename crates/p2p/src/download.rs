//! Which block is asked of whom: a window over each peer's branch, bounded in blocks and bytes,
//! with stalls found and given to others.
//!
//! Times are in milliseconds. Every request is in exactly one peer's account.

use std::collections::BTreeMap;

use primitives::id::BlockHash;

/// A peer, by the number that the shell gave its connection.
pub type PeerId = u64;

/// How far beyond the last block that we have in common with a peer blocks are asked for.
pub const WINDOW: u32 = 2048;
/// Bytes on their way from one peer that are aimed for, and the bounds that this gives in blocks.
const AIM_BYTES: usize = 4 << 20;
const LEAST_BLOCKS: usize = 16;
const MOST_BLOCKS: usize = 512;
/// After this a block may be asked of somebody else; doubles with every try.
const REASSIGN_MS: u64 = 5_000;
/// A peer that holds up the window is dropped after this; doubles with every drop, halves with
/// every block.
const STALL_LEAST_MS: u64 = 2_000;
const STALL_MOST_MS: u64 = 64_000;
/// A peer whose oldest block is out this long is dropped.
const HARD_MS: u64 = 120_000;

#[derive(Debug, Clone, Copy)]
struct InFlight {
    peer: PeerId,
    since: u64,
    tries: u32,
}

#[derive(Debug, Clone, Default)]
struct PeerLoad {
    flights: usize,
    /// When the last block came, or the first request left.
    progress: u64,
    /// Since when others wait for a block of this peer.
    stalling: Option<u64>,
}

/// All requests for blocks.
#[derive(Debug)]
pub struct Download {
    flights: BTreeMap<BlockHash, InFlight>,
    loads: BTreeMap<PeerId, PeerLoad>,
    /// Average size of blocks, times sixteen.
    average16: usize,
    stall_ms: u64,
}

impl Default for Download {
    fn default() -> Download {
        Download {
            flights: BTreeMap::new(),
            loads: BTreeMap::new(),
            average16: 250_000 * 16,
            stall_ms: STALL_LEAST_MS,
        }
    }
}

impl Download {
    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// Blocks that may be on their way from one peer.
    fn capacity(&self) -> usize {
        (AIM_BYTES / (self.average16 / 16).max(1)).clamp(LEAST_BLOCKS, MOST_BLOCKS)
    }

    /// How many more blocks a peer may be asked for; nothing until half of the last have come, so
    /// that questions are few.
    pub fn room(&self, peer: PeerId) -> usize {
        let (flights, capacity) = (self.load(peer), self.capacity());
        if flights > capacity / 2 { 0 } else { capacity - flights }
    }

    /// Blocks on their way from a peer.
    pub fn load(&self, peer: PeerId) -> usize {
        self.loads.get(&peer).map_or(0, |load| load.flights)
    }

    /// Every block on its way, and from whom.
    pub fn flights(&self) -> impl Iterator<Item = (&BlockHash, PeerId)> {
        self.flights.iter().map(|(hash, flight)| (hash, flight.peer))
    }

    /// Who was asked for a block.
    pub fn requested_from(&self, hash: &BlockHash) -> Option<PeerId> {
        self.flights.get(hash).map(|flight| flight.peer)
    }

    /// Whether a block may be asked of `peer`: nobody is asked yet, or somebody too long.
    pub fn may_request(&self, peer: PeerId, hash: &BlockHash, now: u64) -> bool {
        self.flights.get(hash).is_none_or(|flight| {
            let patience = REASSIGN_MS << flight.tries.min(6);
            flight.peer != peer && now >= flight.since + patience
        })
    }

    /// Notes a request; one of somebody else for the same block ends.
    pub fn request(&mut self, peer: PeerId, hash: BlockHash, now: u64) {
        let tries = self.end(&hash).map_or(0, |flight| flight.tries + 1);
        self.flights.insert(hash, InFlight { peer, since: now, tries });
        let load = self.loads.entry(peer).or_default();
        if load.flights == 0 {
            load.progress = now;
        }
        load.flights += 1;
    }

    fn end(&mut self, hash: &BlockHash) -> Option<InFlight> {
        let flight = self.flights.remove(hash)?;
        if let Some(load) = self.loads.get_mut(&flight.peer) {
            load.flights -= 1;
            load.stalling = None;
        }
        Some(flight)
    }

    /// A block came from `peer`; true if it was asked of anybody.
    pub fn received(&mut self, peer: PeerId, hash: &BlockHash, bytes: usize, now: u64) -> bool {
        if let Some(load) = self.loads.get_mut(&peer) {
            load.progress = now;
        }
        let asked = self.end(hash).is_some();
        if asked {
            self.average16 = (self.average16 * 15 / 16 + bytes).max(16);
            self.stall_ms = (self.stall_ms * 9 / 10).max(STALL_LEAST_MS);
        }
        asked
    }

    /// The peer does not have it, or what it sent was not it.
    pub fn failed(&mut self, peer: PeerId, hash: &BlockHash) {
        if self.requested_from(hash) == Some(peer) {
            self.end(hash);
        }
    }

    /// A connection is gone: what it was asked for is free.
    pub fn disconnected(&mut self, peer: PeerId) {
        self.flights.retain(|_, flight| flight.peer != peer);
        self.loads.remove(&peer);
    }

    /// `waiting` has nothing to do because its window ends at a block that `at_fault` owes.
    pub fn mark_stalling(&mut self, at_fault: PeerId, now: u64) {
        if let Some(load) = self.loads.get_mut(&at_fault) {
            load.stalling.get_or_insert(now);
        }
    }

    /// Peers to be dropped: they hold up others, or have sent no block for too long.
    pub fn stalled(&mut self, now: u64) -> Vec<PeerId> {
        let stall = self.stall_ms;
        let late = |load: &PeerLoad| {
            let holds_up = load.stalling.is_some_and(|since| now >= since + stall);
            load.flights > 0 && (holds_up || now >= load.progress + HARD_MS)
        };
        let found: Vec<PeerId> =
            self.loads.iter().filter(|(_, load)| late(load)).map(|(peer, _)| *peer).collect();
        if !found.is_empty() {
            self.stall_ms = (self.stall_ms * 2).min(STALL_MOST_MS);
        }
        found
    }

    /// Checks what must always hold; for tests and the simulator.
    pub fn assert_sound(&self) {
        let mut counts: BTreeMap<PeerId, usize> = BTreeMap::new();
        for flight in self.flights.values() {
            *counts.entry(flight.peer).or_default() += 1;
        }
        for (peer, load) in &self.loads {
            assert_eq!(load.flights, counts.get(peer).copied().unwrap_or(0));
            assert!(load.flights <= MOST_BLOCKS + 64);
        }
        assert!(counts.keys().all(|peer| self.loads.contains_key(peer)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u8) -> BlockHash {
        BlockHash([n; 32])
    }

    #[test]
    fn room_follows_the_size_of_blocks() {
        let mut download = Download::default();
        assert_eq!(download.room(1), 16);
        for n in 0..100 {
            download.request(1, hash(n), 0);
            assert!(download.received(1, &hash(n), 300, 0));
        }
        assert_eq!(download.room(1), MOST_BLOCKS);
        for n in 0..100 {
            download.request(1, hash(n), 0);
            download.received(1, &hash(n), 4_000_000, 0);
        }
        assert_eq!(download.room(1), LEAST_BLOCKS);
        download.assert_sound();
    }

    #[test]
    fn late_blocks_go_to_others() {
        let mut download = Download::default();
        download.request(1, hash(1), 0);
        assert!(!download.may_request(2, &hash(1), REASSIGN_MS - 1));
        assert!(!download.may_request(1, &hash(1), REASSIGN_MS));
        assert!(download.may_request(2, &hash(1), REASSIGN_MS));
        download.request(2, hash(1), REASSIGN_MS);
        assert_eq!((download.load(1), download.load(2)), (0, 1));
        // The second time patience is longer.
        assert!(!download.may_request(3, &hash(1), 2 * REASSIGN_MS));
        assert!(download.may_request(3, &hash(1), 3 * REASSIGN_MS));
        // It comes from the first after all.
        assert!(download.received(1, &hash(1), 100, 0));
        assert!(!download.received(2, &hash(1), 100, 0));
        download.assert_sound();
    }

    #[test]
    fn who_holds_up_others_is_dropped() {
        let mut download = Download::default();
        download.request(1, hash(1), 0);
        download.mark_stalling(1, 1000);
        download.mark_stalling(1, 2000);
        assert!(download.stalled(1000 + STALL_LEAST_MS - 1).is_empty());
        assert_eq!(download.stalled(1000 + STALL_LEAST_MS), [1]);
        download.disconnected(1);
        assert!(download.may_request(2, &hash(1), 0) && download.stalled(1_000_000).is_empty());
        download.request(2, hash(1), 0);
        assert!(download.stalled(HARD_MS - 1).is_empty());
        assert_eq!(download.stalled(HARD_MS), [2]);
        download.failed(2, &hash(1));
        download.assert_sound();
    }
}
