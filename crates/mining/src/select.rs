//! Selects transactions for a block: the highest fee rate first, a transaction together with its
//! ancestors (Core's ancestor score).
//!
//! Invariant: a transaction is selected only with or after all its ancestors, and the sums of what
//! is selected never exceed the limits.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use consensus::block::MAX_BLOCK_SIGOPS_COST;
use consensus::tx::{MAX_BLOCK_WEIGHT, is_final};
use mempool::pool::{Entry, Pool};
use primitives::amount::Amount;
use primitives::block::Height;
use primitives::id::{Txid, Wtxid};
use primitives::tx::Transaction;

/// Weight kept for header, count and coinbase, and sigop cost kept for the coinbase (Core's).
pub const RESERVED_WEIGHT: usize = 8_000;
pub const RESERVED_SIGOPS: usize = 400;
/// Minimum modified fee per 1,000 virtual bytes of a selected package (Core's `blockmintxfee`).
const MIN_RATE_PER_KVB: i128 = 1;
/// Failures in a row after which an almost full block is taken as it is.
const MAX_FAILURES: usize = 1_000;
/// Weight left that makes a block almost full.
const ALMOST_FULL: usize = 4_000;

/// What a block may hold, coinbase included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub weight: usize,
    pub sigop_cost: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { weight: MAX_BLOCK_WEIGHT, sigop_cost: MAX_BLOCK_SIGOPS_COST as usize }
    }
}

/// What the next block asks of its transactions.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    pub limits: Limits,
    pub height: Height,
    /// Lock times are compared with this (BIP113), in seconds since 1970.
    pub cutoff: u32,
    /// Witness data may be in the block.
    pub witness: bool,
}

/// A transaction that was chosen.
#[derive(Debug, Clone)]
pub struct Chosen {
    pub tx: Arc<Transaction>,
    pub txid: Txid,
    pub wtxid: Wtxid,
    pub fee: Amount,
    pub sigop_cost: usize,
    pub weight: usize,
    /// Places in the list of those that it spends from.
    pub depends: Vec<usize>,
}

/// Fee and size of a transaction with those of its ancestors that are not selected yet.
#[derive(Debug, Clone, Copy)]
struct Package {
    fee: i64,
    vsize: usize,
}

impl Package {
    fn beats(self, other: Package) -> Ordering {
        let left = i128::from(self.fee) * other.vsize as i128;
        left.cmp(&(i128::from(other.fee) * self.vsize as i128))
    }
}

/// A place in the queue; stale once the package has changed.
struct Queued {
    score: Package,
    sequence: u64,
    txid: Txid,
    version: u32,
}

impl Ord for Queued {
    fn cmp(&self, other: &Queued) -> Ordering {
        self.score.beats(other.score).then_with(|| other.sequence.cmp(&self.sequence))
    }
}

impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Queued) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Queued {
    fn eq(&self, other: &Queued) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Queued {}

enum Standing {
    /// Its package now, and how often that has changed.
    Open(Package, u32),
    Chosen(usize),
    /// It did not fit, or may not stand in this block.
    Failed,
}

/// Chooses transactions, parents before children.
pub fn select(pool: &Pool, terms: &Terms) -> Vec<Chosen> {
    let mut selecting = Selecting {
        pool,
        terms,
        standing: HashMap::with_capacity(pool.len()),
        queue: BinaryHeap::with_capacity(pool.len()),
        chosen: Vec::new(),
        weight: RESERVED_WEIGHT,
        sigop_cost: RESERVED_SIGOPS,
    };
    for entry in pool.iter() {
        let sums = entry.ancestors;
        selecting.queue_up(entry, Package { fee: sums.fees.0, vsize: sums.vsize }, 0);
    }
    selecting.run();
    selecting.chosen
}

struct Selecting<'a> {
    pool: &'a Pool,
    terms: &'a Terms,
    standing: HashMap<Txid, Standing>,
    queue: BinaryHeap<Queued>,
    chosen: Vec<Chosen>,
    weight: usize,
    sigop_cost: usize,
}

impl Selecting<'_> {
    fn queue_up(&mut self, entry: &Entry, package: Package, version: u32) {
        self.standing.insert(entry.txid, Standing::Open(package, version));
        // A rich parent does not lift a poor child.
        let own = Package { fee: entry.modified_fee().0, vsize: entry.vsize };
        let score = if own.beats(package) == Ordering::Less { own } else { package };
        let (sequence, txid) = (entry.sequence, entry.txid);
        self.queue.push(Queued { score, sequence, txid, version });
    }

    fn run(&mut self) {
        let mut failures = 0;
        while let Some(best) = self.queue.pop() {
            let Some(Standing::Open(package, version)) = self.standing.get(&best.txid) else {
                continue;
            };
            if *version != best.version {
                continue;
            }
            if i128::from(package.fee) * 1000 < MIN_RATE_PER_KVB * package.vsize as i128 {
                // What comes later has no better score, but its package may pay.
                self.standing.insert(best.txid, Standing::Failed);
                continue;
            }
            let members = self.members(&best.txid);
            if self.fits(&members) {
                failures = 0;
                self.take(&members);
                continue;
            }
            self.standing.insert(best.txid, Standing::Failed);
            failures += 1;
            let left = self.terms.limits.weight.saturating_sub(self.weight);
            if failures > MAX_FAILURES && left < ALMOST_FULL {
                break;
            }
        }
    }

    /// The transaction and its ancestors, except those already selected, parents first.
    fn members(&self, txid: &Txid) -> Vec<Txid> {
        let ancestors = self.pool.ancestors(txid).into_iter();
        let mut members: Vec<(usize, u64, Txid)> = ancestors
            .filter(|txid| !matches!(self.standing.get(txid), Some(Standing::Chosen(_))))
            .filter_map(|txid| self.pool.get(&txid))
            .map(|entry| (entry.ancestors.count, entry.sequence, entry.txid))
            .collect();
        members.sort_unstable();
        members.into_iter().map(|(_, _, txid)| txid).collect()
    }

    fn fits(&self, members: &[Txid]) -> bool {
        let (mut weight, mut sigop_cost) = (self.weight, self.sigop_cost);
        let Terms { limits, height, cutoff, witness } = *self.terms;
        members.iter().filter_map(|txid| self.pool.get(txid)).all(|entry| {
            weight += entry.weight;
            sigop_cost += entry.sigop_cost;
            weight <= limits.weight
                && sigop_cost <= limits.sigop_cost
                && is_final(&entry.tx, height, cutoff)
                && (witness || !entry.tx.has_witness())
        })
    }

    fn take(&mut self, members: &[Txid]) {
        for txid in members {
            let Some(entry) = self.pool.get(txid) else { continue };
            let place = |parent| match self.standing.get(parent) {
                Some(Standing::Chosen(place)) => Some(*place),
                _ => None,
            };
            let mut depends: Vec<usize> = entry.parents.iter().filter_map(place).collect();
            depends.sort_unstable();
            self.standing.insert(*txid, Standing::Chosen(self.chosen.len()));
            self.weight += entry.weight;
            self.sigop_cost += entry.sigop_cost;
            self.chosen.push(Chosen {
                tx: Arc::clone(&entry.tx),
                txid: entry.txid,
                wtxid: entry.wtxid,
                fee: entry.fee,
                sigop_cost: entry.sigop_cost,
                weight: entry.weight,
                depends,
            });
        }
        for txid in members {
            let Some(entry) = self.pool.get(txid) else { continue };
            for descendant in self.pool.descendants(txid) {
                let Some(Standing::Open(package, version)) = self.standing.get(&descendant) else {
                    continue;
                };
                let fee = package.fee.saturating_sub(entry.modified_fee().0);
                let vsize = package.vsize.saturating_sub(entry.vsize).max(1);
                let version = version + 1;
                if let Some(below) = self.pool.get(&descendant) {
                    self.queue_up(below, Package { fee, vsize }, version);
                }
            }
        }
    }
}
