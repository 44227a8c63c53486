//! What is announced to one peer: transactions in random bursts (so that their origin stays hidden),
//! within its fee filter (BIP133), and nothing that it knows.

use std::collections::{HashSet, VecDeque};

use super::limits::{
    ANNOUNCE_BATCH, MAX_ANNOUNCE_PER_PEER, MAX_KNOWN_PER_PEER, TRICKLE_IN_MS, TRICKLE_OUT_MS,
};
use super::random::Random;
use primitives::id::{Txid, Wtxid};

/// A set that forgets the oldest half when it is full.
#[derive(Debug, Clone)]
pub struct RecentSet {
    new: HashSet<[u8; 32]>,
    old: HashSet<[u8; 32]>,
    most: usize,
}

impl RecentSet {
    pub fn new(most: usize) -> RecentSet {
        RecentSet { new: HashSet::new(), old: HashSet::new(), most }
    }

    pub fn contains(&self, id: &[u8; 32]) -> bool {
        self.new.contains(id) || self.old.contains(id)
    }

    /// True if it was not there.
    pub fn insert(&mut self, id: [u8; 32]) -> bool {
        if self.contains(&id) {
            return false;
        }
        if self.new.len() >= self.most / 2 {
            self.old = std::mem::take(&mut self.new);
        }
        self.new.insert(id)
    }

    pub fn remove(&mut self, id: &[u8; 32]) {
        self.new.remove(id);
        self.old.remove(id);
    }

    pub fn clear(&mut self) {
        self.new.clear();
        self.old.clear();
    }

    pub fn len(&self) -> usize {
        self.new.len() + self.old.len()
    }

    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.old.is_empty()
    }
}

/// A transaction to be announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TxAnnouncement {
    pub txid: Txid,
    pub wtxid: Wtxid,
    /// Base units for 1,000 virtual bytes.
    pub rate: i64,
}

/// One peer's queue.
#[derive(Debug)]
pub struct TxAnnouncer {
    /// The peer wants transactions.
    pub wanted: bool,
    /// Told by wtxid (BIP339).
    pub by_wtxid: bool,
    pub fee_filter: i64,
    known: RecentSet,
    queue: VecDeque<TxAnnouncement>,
    next_ms: u64,
    mean_ms: u64,
}

impl TxAnnouncer {
    pub fn new(inbound: bool) -> TxAnnouncer {
        TxAnnouncer {
            wanted: false,
            by_wtxid: false,
            fee_filter: 0,
            known: RecentSet::new(MAX_KNOWN_PER_PEER),
            queue: VecDeque::new(),
            next_ms: 0,
            mean_ms: if inbound { TRICKLE_IN_MS } else { TRICKLE_OUT_MS },
        }
    }

    /// The id that this peer knows a transaction by.
    fn id(&self, tx: &TxAnnouncement) -> [u8; 32] {
        if self.by_wtxid { tx.wtxid.0 } else { tx.txid.0 }
    }

    /// The peer has announced it, asked for it or sent it.
    pub fn knows(&mut self, id: [u8; 32]) {
        self.known.insert(id);
    }

    /// Queues a transaction; the oldest makes room.
    pub fn add(&mut self, tx: TxAnnouncement) {
        if !self.wanted || self.known.contains(&self.id(&tx)) {
            return;
        }
        if self.queue.len() >= MAX_ANNOUNCE_PER_PEER {
            self.queue.pop_front();
        }
        self.queue.push_back(tx);
    }

    /// Queues a transaction that the peer may have forgotten.
    pub fn add_again(&mut self, tx: TxAnnouncement) {
        let id = self.id(&tx);
        self.known.remove(&id);
        self.add(tx);
    }

    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// What is to be announced now, as ids; `in_pool` says whether the pool has it still.
    pub fn due(
        &mut self,
        now_ms: u64,
        random: &mut Random,
        in_pool: impl Fn(&Txid) -> bool,
    ) -> Vec<[u8; 32]> {
        if self.queue.is_empty() || now_ms < self.next_ms {
            return Vec::new();
        }
        self.next_ms = now_ms + random.exponential(self.mean_ms).min(self.mean_ms * 5);
        let mut announced = Vec::new();
        while announced.len() < ANNOUNCE_BATCH
            && let Some(tx) = self.queue.pop_front()
        {
            let id = self.id(&tx);
            if tx.rate >= self.fee_filter && in_pool(&tx.txid) && self.known.insert(id) {
                announced.push(id);
            }
        }
        announced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement(n: u8, rate: i64) -> TxAnnouncement {
        TxAnnouncement { txid: Txid([n; 32]), wtxid: Wtxid([n + 100; 32]), rate }
    }

    #[test]
    fn a_recent_set_forgets_but_stays_bounded() {
        let mut known = RecentSet::new(100);
        for n in 0..1000u32 {
            let mut id = [0; 32];
            id[..4].copy_from_slice(&n.to_le_bytes());
            assert!(known.insert(id) && !known.insert(id));
            assert!(known.len() <= 100);
        }
        assert!(!known.is_empty());
    }

    #[test]
    fn announced_once_within_the_filter_and_only_what_is_not_known() {
        let mut peer = TxAnnouncer::new(false);
        let mut random = Random::new(1);
        peer.add(announcement(1, 1000));
        assert_eq!(peer.waiting(), 0, "it wants none");
        (peer.wanted, peer.by_wtxid, peer.fee_filter) = (true, true, 500);
        peer.knows([103; 32]);
        for (n, rate) in [(1, 1000), (2, 400), (3, 1000), (4, 500), (5, 900)] {
            peer.add(announcement(n, rate));
        }
        peer.add(announcement(1, 1000));
        let evicted = Txid([5; 32]);
        let announced = peer.due(0, &mut random, |txid| *txid != evicted);
        assert_eq!(announced, [[101; 32], [104; 32]]);
        peer.add(announcement(6, 1000));
        assert!(peer.due(0, &mut random, |_| true).is_empty(), "bursts are apart");
        assert_eq!(peer.due(100_000, &mut random, |_| true), [[106; 32]]);
    }
}
