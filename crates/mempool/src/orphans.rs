//! Orphans: transactions that arrived before their parents, kept for a while, bounded in number,
//! size and time.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use primitives::id::{Txid, Wtxid};
use primitives::tx::{OutPoint, Transaction};

/// Most orphans kept.
pub const MAX_ORPHANS: usize = 100;
/// Weight units of the heaviest that is kept.
pub const MAX_ORPHAN_WEIGHT: usize = 400_000;
/// Seconds until one is given up.
pub const ORPHAN_EXPIRY_S: u64 = 20 * 60;

#[derive(Debug)]
struct Orphan {
    tx: Arc<Transaction>,
    /// The peer that sent it, as the caller numbers peers.
    from: u64,
    until: u64,
}

/// The orphans, the oldest first.
#[derive(Debug, Default)]
pub struct Orphans {
    kept: BTreeMap<u64, Orphan>,
    by_wtxid: HashMap<Wtxid, u64>,
    by_parent: HashMap<Txid, HashSet<u64>>,
    next: u64,
}

impl Orphans {
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    pub fn contains(&self, wtxid: &Wtxid) -> bool {
        self.by_wtxid.contains_key(wtxid)
    }

    /// Keeps an orphan sent by peer `from`; false if it is already kept or too heavy. The
    /// oldest makes room.
    pub fn add(&mut self, tx: Arc<Transaction>, from: u64, now: u64) -> bool {
        let wtxid = tx.wtxid();
        if self.contains(&wtxid) || tx.weight().0 > MAX_ORPHAN_WEIGHT {
            return false;
        }
        self.expire(now);
        while self.kept.len() >= MAX_ORPHANS
            && let Some(oldest) = self.kept.keys().next().copied()
        {
            self.remove(oldest);
        }
        let number = self.next;
        self.next += 1;
        for input in &tx.inputs {
            self.by_parent.entry(input.prevout.txid).or_default().insert(number);
        }
        self.by_wtxid.insert(wtxid, number);
        self.kept.insert(number, Orphan { tx, from, until: now + ORPHAN_EXPIRY_S });
        true
    }

    /// Takes out those that spend outputs of `parent`, with who sent them, the oldest first: they
    /// may be acceptable now.
    pub fn take_children(&mut self, parent: &Txid) -> Vec<(Arc<Transaction>, u64)> {
        let mut numbers: Vec<u64> =
            self.by_parent.get(parent).into_iter().flatten().copied().collect();
        numbers.sort_unstable();
        let taken = numbers.into_iter().filter_map(|number| self.remove(number));
        taken.map(|orphan| (orphan.tx, orphan.from)).collect()
    }

    /// Drops those that spend one of these outputs: a block has spent them.
    pub fn drop_spenders(&mut self, spent: &[OutPoint]) {
        for outpoint in spent {
            let numbers = self.by_parent.get(&outpoint.txid).cloned().unwrap_or_default();
            for number in numbers {
                let spends = self
                    .kept
                    .get(&number)
                    .is_some_and(|o| o.tx.inputs.iter().any(|i| i.prevout == *outpoint));
                if spends {
                    self.remove(number);
                }
            }
        }
    }

    /// Drops what a disconnected peer has sent.
    pub fn drop_from(&mut self, from: u64) {
        let numbers: Vec<u64> =
            self.kept.iter().filter(|(_, o)| o.from == from).map(|(number, _)| *number).collect();
        numbers.into_iter().for_each(|number| drop(self.remove(number)));
    }

    /// Drops what has waited too long.
    pub fn expire(&mut self, now: u64) {
        let numbers: Vec<u64> =
            self.kept.iter().filter(|(_, o)| o.until <= now).map(|(number, _)| *number).collect();
        numbers.into_iter().for_each(|number| drop(self.remove(number)));
    }

    fn remove(&mut self, number: u64) -> Option<Orphan> {
        let orphan = self.kept.remove(&number)?;
        self.by_wtxid.remove(&orphan.tx.wtxid());
        for input in &orphan.tx.inputs {
            if let Some(numbers) = self.by_parent.get_mut(&input.prevout.txid) {
                numbers.remove(&number);
                if numbers.is_empty() {
                    self.by_parent.remove(&input.prevout.txid);
                }
            }
        }
        Some(orphan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::blocks::spend;

    fn orphan(parent: u8, value: i64) -> Arc<Transaction> {
        Arc::new(spend(&[OutPoint { txid: Txid([parent; 32]), vout: 0 }], &[value]))
    }

    #[test]
    fn bounded_in_number_and_time() {
        let mut orphans = Orphans::default();
        for n in 0..300 {
            assert!(orphans.add(orphan(1, n), 7, 1000));
        }
        assert!(!orphans.add(orphan(1, 299), 7, 1000));
        assert_eq!(orphans.len(), MAX_ORPHANS);
        assert!(!orphans.contains(&orphan(1, 0).wtxid()));
        orphans.expire(1000 + ORPHAN_EXPIRY_S);
        assert!(orphans.is_empty() && orphans.by_parent.is_empty());
    }

    #[test]
    fn children_come_out_in_order() {
        let mut orphans = Orphans::default();
        for (parent, value) in [(1, 1), (2, 2), (1, 3)] {
            orphans.add(orphan(parent, value), 7, 0);
        }
        let taken = orphans.take_children(&Txid([1; 32]));
        assert_eq!(taken, [(orphan(1, 1), 7), (orphan(1, 3), 7)]);
        orphans.drop_spenders(&[OutPoint { txid: Txid([2; 32]), vout: 1 }]);
        assert_eq!(orphans.len(), 1);
        orphans.drop_spenders(&[OutPoint { txid: Txid([2; 32]), vout: 0 }]);
        assert!(orphans.is_empty());
        orphans.add(orphan(3, 1), 8, 0);
        orphans.drop_from(8);
        assert!(orphans.is_empty());
    }
}
