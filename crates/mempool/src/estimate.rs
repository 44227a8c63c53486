//! Fee estimation: which fee rate gets a transaction confirmed in time, learned from transactions
//! that were.
//!
//! Core's `CBlockPolicyEstimator` with one horizon: fee rates fall into buckets; each bucket
//! counts, with a weight that decays block by block, how many transactions arrived and how many of
//! them were confirmed within each number of blocks. The estimate is the lowest run of buckets,
//! from the top down, of which enough were confirmed in time.

use std::collections::HashMap;

use primitives::block::Height;
use primitives::fee::FeeRate;
use primitives::id::Txid;

/// Longest wait that is answered for, in blocks.
pub const MAX_TARGET: usize = 144;
/// Rates: the lowest and highest told apart, in base units for 1,000 virtual bytes, and the ratio
/// between neighbours.
const MIN_RATE: f64 = 100.0;
const MAX_RATE: f64 = 1e7;
const SPACING: f64 = 1.1;
/// What a count is worth after one more block: half in about two days.
const DECAY: f64 = 0.9976;
/// Share that must have been confirmed in time.
const ENOUGH: f64 = 0.85;
/// Weight of transactions that a run of buckets needs.
const LEAST_WEIGHT: f64 = 2.0;
/// Most transactions watched at once.
const MAX_WATCHED: usize = 200_000;

#[derive(Debug, Clone)]
struct Bucket {
    /// Rates below this one fall into it.
    up_to: f64,
    /// Transactions confirmed, and the sum of their rates.
    confirmed: f64,
    rates: f64,
    /// Of those, within 1, 2, … blocks; empty until there is one.
    within: Vec<f64>,
    /// Left without being confirmed, after having waited that many blocks; empty until there is one.
    failed: Vec<f64>,
}

/// One more for each number of blocks among `waits`. The room is made with the first, so that a
/// console that starts no node pays nothing for it.
fn count(counts: &mut Vec<f64>, waits: impl std::slice::SliceIndex<[f64], Output = [f64]>) {
    counts.resize(MAX_TARGET, 0.0);
    counts.get_mut(waits).unwrap_or_default().iter_mut().for_each(|count| *count += 1.0);
}

#[derive(Debug, Clone, Copy)]
struct Watched {
    bucket: usize,
    rate: FeeRate,
    height: Height,
}

/// The history.
#[derive(Debug)]
pub struct Estimator {
    buckets: Vec<Bucket>,
    watched: HashMap<Txid, Watched>,
    height: Height,
}

impl Default for Estimator {
    fn default() -> Estimator {
        let mut buckets = Vec::new();
        let mut up_to = MIN_RATE;
        while up_to < MAX_RATE * SPACING {
            let (within, failed) = (vec![], vec![]);
            buckets.push(Bucket { up_to, confirmed: 0.0, rates: 0.0, within, failed });
            up_to *= SPACING;
        }
        Estimator { buckets, watched: HashMap::new(), height: Height::GENESIS }
    }
}

impl Estimator {
    /// A transaction without unconfirmed parents came at this height of the tip.
    pub(super) fn enter(&mut self, txid: Txid, rate: FeeRate, height: Height) {
        if self.watched.len() >= MAX_WATCHED {
            return;
        }
        let bucket = self.buckets.partition_point(|b| b.up_to <= rate.per_kvb as f64);
        let bucket = bucket.min(self.buckets.len() - 1);
        self.watched.insert(txid, Watched { bucket, rate, height });
        self.height = self.height.max(height);
    }

    /// A transaction left without being confirmed.
    pub(super) fn forget(&mut self, txid: &Txid) {
        let Some(watched) = self.watched.remove(txid) else { return };
        let waited = (self.height.0.saturating_sub(watched.height.0) as usize).min(MAX_TARGET);
        count(&mut self.buckets[watched.bucket].failed, ..waited);
    }

    /// A block confirmed some of those watched. A block at a height seen before teaches nothing.
    pub(super) fn block(&mut self, height: Height, confirmed: &[Txid]) {
        if height <= self.height {
            self.watched.retain(|txid, _| !confirmed.contains(txid));
            return;
        }
        self.height = height;
        for bucket in &mut self.buckets {
            bucket.confirmed *= DECAY;
            bucket.rates *= DECAY;
            bucket.within.iter_mut().for_each(|count| *count *= DECAY);
            bucket.failed.iter_mut().for_each(|count| *count *= DECAY);
        }
        for watched in confirmed.iter().filter_map(|txid| self.watched.remove(txid)) {
            let waited = height.0.saturating_sub(watched.height.0).max(1) as usize;
            let bucket = &mut self.buckets[watched.bucket];
            bucket.confirmed += 1.0;
            bucket.rates += watched.rate.per_kvb as f64;
            count(&mut bucket.within, waited - 1..);
        }
    }

    /// The rate that has been confirmed within `target` blocks (1 to `MAX_TARGET`), None when too
    /// little is known.
    pub fn estimate(&self, target: usize) -> Option<FeeRate> {
        let at = target.clamp(1, MAX_TARGET) - 1;
        let mut waiting = vec![0.0; self.buckets.len()];
        for watched in self.watched.values() {
            // Still here after longer than the target: not confirmed in time.
            if self.height.0.saturating_sub(watched.height.0) as usize > at {
                waiting[watched.bucket] += 1.0;
            }
        }
        let (mut in_time, mut all, mut confirmed, mut rates) = (0.0, 0.0, 0.0, 0.0);
        let mut answer = None;
        for (bucket, waiting) in self.buckets.iter().zip(&waiting).rev() {
            let told = |counts: &[f64]| counts.get(at).copied().unwrap_or(0.0);
            in_time += told(&bucket.within);
            all += bucket.confirmed + told(&bucket.failed) + waiting;
            confirmed += bucket.confirmed;
            rates += bucket.rates;
            if all < LEAST_WEIGHT || confirmed < LEAST_WEIGHT {
                continue;
            }
            if in_time < all * ENOUGH {
                break;
            }
            answer = Some(FeeRate { per_kvb: (rates / confirmed) as i64 });
            (in_time, all, confirmed, rates) = (0.0, 0.0, 0.0, 0.0);
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto::hash::sha256;

    /// High fees are confirmed in the next block, middling ones after six, low ones never.
    #[test]
    fn learns_what_waits() {
        let mut estimator = Estimator::default();
        assert_eq!(estimator.estimate(1), None);
        let mut slow: Vec<Vec<Txid>> = vec![vec![]; 7];
        for height in 1..200 {
            let (mut next, mut late) = (vec![], vec![]);
            for n in 0..4u32 {
                let id = |kind: u8| {
                    Txid(sha256(
                        &[&[kind], &n.to_le_bytes()[..], &u32::to_le_bytes(height)].concat(),
                    ))
                };
                for (kind, rate) in [(1, 50_000), (2, 5_000), (3, 500)] {
                    estimator.enter(id(kind), FeeRate { per_kvb: rate }, Height(height));
                }
                next.push(id(1));
                late.push(id(2));
            }
            slow.push(late);
            next.extend(slow.remove(0));
            estimator.block(Height(height + 1), &next);
        }
        let rate = |target| estimator.estimate(target).expect("history").per_kvb;
        assert!((45_000..55_000).contains(&rate(1)), "{}", rate(1));
        assert!((4_500..5_500).contains(&rate(10)), "{}", rate(10));
    }
}
