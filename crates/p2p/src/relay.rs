//! What is told to one peer: transactions in random bursts (so that their origin stays hidden),
//! within its fee filter (BIP133), and nothing that it knows.

use std::collections::{HashSet, VecDeque};

use super::limits::{
    ANNOUNCE_BATCH, MAX_ANNOUNCE_PER_PEER, MAX_KNOWN_PER_PEER, TRICKLE_IN_MS, TRICKLE_OUT_MS,
};
use super::random::Random;
use primitives::id::{Txid, Wtxid};

/// A set that forgets the oldest half when it is full.
#[derive(Debug, Clone)]
pub struct Known {
    new: HashSet<[u8; 32]>,
    old: HashSet<[u8; 32]>,
    most: usize,
}

impl Known {
    pub fn new(most: usize) -> Known {
        Known { new: HashSet::new(), old: HashSet::new(), most }
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

/// A transaction to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct News {
    pub txid: Txid,
    pub wtxid: Wtxid,
    /// Base units for 1,000 virtual bytes.
    pub rate: i64,
}

/// One peer's queue.
#[derive(Debug)]
pub struct Announcer {
    /// The peer wants transactions.
    pub wanted: bool,
    /// Told by wtxid (BIP339).
    pub by_wtxid: bool,
    pub fee_filter: i64,
    known: Known,
    queue: VecDeque<News>,
    next_ms: u64,
    mean_ms: u64,
}

impl Announcer {
    pub fn new(inbound: bool) -> Announcer {
        Announcer {
            wanted: false,
            by_wtxid: false,
            fee_filter: 0,
            known: Known::new(MAX_KNOWN_PER_PEER),
            queue: VecDeque::new(),
            next_ms: 0,
            mean_ms: if inbound { TRICKLE_IN_MS } else { TRICKLE_OUT_MS },
        }
    }

    /// The id that this peer knows a transaction by.
    fn id(&self, news: &News) -> [u8; 32] {
        if self.by_wtxid { news.wtxid.0 } else { news.txid.0 }
    }

    /// The peer has told us of it, asked for it or sent it.
    pub fn knows(&mut self, id: [u8; 32]) {
        self.known.insert(id);
    }

    /// Queues a transaction; the oldest makes room.
    pub fn add(&mut self, news: News) {
        if !self.wanted || self.known.contains(&self.id(&news)) {
            return;
        }
        if self.queue.len() >= MAX_ANNOUNCE_PER_PEER {
            self.queue.pop_front();
        }
        self.queue.push_back(news);
    }

    /// Queues a transaction that the peer may have forgotten.
    pub fn add_again(&mut self, news: News) {
        let id = self.id(&news);
        self.known.remove(&id);
        self.add(news);
    }

    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// What is to be told now, as ids; `still_here` says whether the pool has it still.
    pub fn due(
        &mut self,
        now_ms: u64,
        random: &mut Random,
        still_here: impl Fn(&Txid) -> bool,
    ) -> Vec<[u8; 32]> {
        if self.queue.is_empty() || now_ms < self.next_ms {
            return Vec::new();
        }
        self.next_ms = now_ms + random.exponential(self.mean_ms).min(self.mean_ms * 5);
        let mut told = Vec::new();
        while told.len() < ANNOUNCE_BATCH
            && let Some(news) = self.queue.pop_front()
        {
            let id = self.id(&news);
            if news.rate >= self.fee_filter && still_here(&news.txid) && self.known.insert(id) {
                told.push(id);
            }
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(n: u8, rate: i64) -> News {
        News { txid: Txid([n; 32]), wtxid: Wtxid([n + 100; 32]), rate }
    }

    #[test]
    fn known_forgets_but_stays_bounded() {
        let mut known = Known::new(100);
        for n in 0..1000u32 {
            let mut id = [0; 32];
            id[..4].copy_from_slice(&n.to_le_bytes());
            assert!(known.insert(id) && !known.insert(id));
            assert!(known.len() <= 100);
        }
        assert!(!known.is_empty());
    }

    #[test]
    fn told_once_within_the_filter_and_only_what_is_not_known() {
        let mut peer = Announcer::new(false);
        let mut random = Random::new(1);
        peer.add(news(1, 1000));
        assert_eq!(peer.waiting(), 0, "it wants none");
        (peer.wanted, peer.by_wtxid, peer.fee_filter) = (true, true, 500);
        peer.knows([103; 32]);
        for (n, rate) in [(1, 1000), (2, 400), (3, 1000), (4, 500), (5, 900)] {
            peer.add(news(n, rate));
        }
        peer.add(news(1, 1000));
        let gone = Txid([5; 32]);
        let told = peer.due(0, &mut random, |txid| *txid != gone);
        assert_eq!(told, [[101; 32], [104; 32]]);
        peer.add(news(6, 1000));
        assert!(peer.due(0, &mut random, |_| true).is_empty(), "bursts are apart");
        assert_eq!(peer.due(100_000, &mut random, |_| true), [[106; 32]]);
    }
}
