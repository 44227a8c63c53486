//! The mempool: entries, their dependency graph, and the order of eviction.
//!
//! Invariant: no two entries spend the same output, and every input that spends an entry's output
//! is linked to that entry. Counts and sums over ancestors and descendants are maintained; each
//! entry counts itself.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::estimate::Estimator;
use super::policy::Policy;
use primitives::amount::Amount;
use primitives::block::Height;
use primitives::fee::FeeRate;
use primitives::id::{Txid, Wtxid};
use primitives::map::OutPointMap;
use primitives::tx::{OutPoint, Transaction};
use script::check::ScriptCache;

/// Bytes that an entry takes in memory beside its transaction, about.
const ENTRY_BYTES: usize = 800;
/// Seconds in which the floor halves when nothing is evicted.
const FLOOR_HALF_LIFE_S: f64 = 12.0 * 60.0 * 60.0;
/// Seconds between changes of the floor.
const FLOOR_STEP_S: u64 = 10;
/// Transactions, in the pool or not, that the operator may have given another fee.
const MAX_PRIORITISED: usize = 10_000;

/// Count, size and fees of some transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    pub count: usize,
    /// Virtual bytes.
    pub vsize: usize,
    /// With what the operator added to them.
    pub fees: Amount,
}

/// A transaction in the pool.
#[derive(Debug, Clone)]
pub struct Entry {
    pub tx: Arc<Transaction>,
    pub txid: Txid,
    pub wtxid: Wtxid,
    pub fee: Amount,
    /// What the operator added to the fee, for the miner's and the pool's choices alone.
    pub delta: Amount,
    /// Virtual bytes as policy counts them.
    pub vsize: usize,
    pub weight: usize,
    pub sigop_cost: usize,
    /// When it came, in seconds since 1970.
    pub time: u64,
    /// The tip's height when it came.
    pub height: Height,
    /// It spends a coinbase, which a reorganisation can make immature again.
    pub spends_coinbase: bool,
    pub parents: BTreeSet<Txid>,
    pub children: BTreeSet<Txid>,
    pub ancestors: Sums,
    pub descendants: Sums,
    /// Order of arrival.
    pub sequence: u64,
}

impl Entry {
    pub fn fee_rate(&self) -> FeeRate {
        FeeRate::of(self.fee, self.vsize)
    }

    /// The fee that choices go by.
    pub fn modified_fee(&self) -> Amount {
        Amount(self.fee.0.saturating_add(self.delta.0))
    }

    fn bytes(&self) -> usize {
        ENTRY_BYTES + 2 * self.tx.total_size()
    }

    /// What evicting it would lose: the better of its own rate and that of all that builds on it.
    fn score(&self) -> Score {
        let own = Score { fees: self.modified_fee().0, vsize: self.vsize };
        own.max(Score { fees: self.descendants.fees.0, vsize: self.descendants.vsize })
    }
}

/// A fee rate as an exact fraction.
#[derive(Debug, Clone, Copy)]
struct Score {
    fees: i64,
    vsize: usize,
}

impl Ord for Score {
    fn cmp(&self, other: &Score) -> Ordering {
        let left = i128::from(self.fees) * other.vsize as i128;
        left.cmp(&(i128::from(other.fees) * self.vsize as i128))
    }
}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Score) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Score {
    fn eq(&self, other: &Score) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Score {}

/// Why a transaction left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Removal {
    /// A block has it.
    Confirmed,
    /// A block has one that spends the same.
    Conflict,
    Replaced,
    Expired,
    /// The pool was over its size.
    Evicted,
    /// A reorganisation made it invalid.
    Reorganised,
}

/// Something that happened to the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PoolEvent {
    Added { txid: Txid, wtxid: Wtxid, fee: Amount, vsize: usize },
    Removed { txid: Txid, why: Removal },
}

/// The lowest rate taken, raised by evictions and sinking with time.
#[derive(Debug, Clone, Copy, Default)]
struct Floor {
    per_kvb: f64,
    changed_at: u64,
    /// Blocks have come since the last eviction: it may sink.
    may_sink: bool,
}

/// The pool of unconfirmed transactions.
#[derive(Debug)]
pub struct Pool {
    pub(super) policy: Policy,
    pub(super) cache: Arc<ScriptCache>,
    pub(super) estimator: Estimator,
    entries: HashMap<Txid, Entry>,
    by_wtxid: HashMap<Wtxid, Txid>,
    /// Which entry spends an output.
    spenders: OutPointMap<Txid>,
    by_score: BTreeSet<(Score, Txid)>,
    by_time: BTreeSet<(u64, Txid)>,
    bytes: usize,
    vsize: usize,
    fees: Amount,
    floor: Floor,
    deltas: HashMap<Txid, Amount>,
    /// Our own that no peer has asked for yet (Core's unbroadcast set).
    untold: HashSet<Txid>,
    next_sequence: u64,
    updates: u64,
    /// Transactions of disconnected blocks, oldest block first, until the tip settles.
    pub(super) returning: Vec<(Txid, Arc<Transaction>)>,
}

impl Pool {
    /// `cache` is shared with block connection, so that no script runs twice.
    pub fn new(policy: Policy, cache: Arc<ScriptCache>) -> Pool {
        Pool {
            policy,
            cache,
            estimator: Estimator::default(),
            entries: HashMap::new(),
            by_wtxid: HashMap::new(),
            spenders: OutPointMap::default(),
            by_score: BTreeSet::new(),
            by_time: BTreeSet::new(),
            bytes: 0,
            vsize: 0,
            fees: Amount::ZERO,
            floor: Floor::default(),
            deltas: HashMap::new(),
            untold: HashSet::new(),
            next_sequence: 0,
            updates: 0,
            returning: Vec::new(),
        }
    }

    /// Grows with every change that a block's choice of transactions could see.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes in memory, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Virtual bytes of all transactions.
    pub fn vsize(&self) -> usize {
        self.vsize
    }

    pub fn fees(&self) -> Amount {
        self.fees
    }

    pub fn get(&self, txid: &Txid) -> Option<&Entry> {
        self.entries.get(txid)
    }

    pub fn get_by_wtxid(&self, wtxid: &Wtxid) -> Option<&Entry> {
        self.entries.get(self.by_wtxid.get(wtxid)?)
    }

    /// In no order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// In the order of arrival, which puts parents before children.
    pub fn in_order(&self) -> Vec<&Entry> {
        let mut entries: Vec<_> = self.entries.values().collect();
        entries.sort_unstable_by_key(|entry| (entry.ancestors.count, entry.sequence));
        entries
    }

    /// Marks one of our own that no peer has asked for yet, or takes the mark off.
    pub fn set_untold(&mut self, txid: Txid, untold: bool) {
        match untold && self.entries.contains_key(&txid) {
            true => self.untold.insert(txid),
            false => self.untold.remove(&txid),
        };
    }

    /// Those that are marked.
    pub fn untold(&self) -> &HashSet<Txid> {
        &self.untold
    }

    /// The entry that spends an output.
    pub fn spender(&self, outpoint: &OutPoint) -> Option<&Entry> {
        self.entries.get(self.spenders.get(outpoint)?)
    }

    /// What it would take a block at once to have this confirmed: the estimator over history.
    pub fn estimator(&self) -> &Estimator {
        &self.estimator
    }

    /// All that `txid` builds on, itself included.
    pub fn ancestors(&self, txid: &Txid) -> HashSet<Txid> {
        self.reach([*txid], |entry| &entry.parents)
    }

    /// All that builds on `txid`, itself included.
    pub fn descendants(&self, txid: &Txid) -> HashSet<Txid> {
        self.reach([*txid], |entry| &entry.children)
    }

    pub(super) fn reach(
        &self,
        from: impl IntoIterator<Item = Txid>,
        next: impl Fn(&Entry) -> &BTreeSet<Txid>,
    ) -> HashSet<Txid> {
        let mut found = HashSet::new();
        let mut open: Vec<Txid> = from.into_iter().collect();
        while let Some(txid) = open.pop() {
            if let Some(entry) = self.entries.get(&txid)
                && found.insert(txid)
            {
                open.extend(next(entry));
            }
        }
        found
    }

    pub(super) fn sums(&self, txids: &HashSet<Txid>) -> Sums {
        let mut sums = Sums::default();
        for entry in txids.iter().filter_map(|txid| self.entries.get(txid)) {
            sums.count += 1;
            sums.vsize += entry.vsize;
            sums.fees.0 = sums.fees.0.saturating_add(entry.modified_fee().0);
        }
        sums
    }

    /// What the operator added to the fee of a transaction, in the pool or not.
    pub fn delta(&self, txid: &Txid) -> Amount {
        self.deltas.get(txid).copied().unwrap_or_default()
    }

    /// Adds to what the operator added to a transaction's fee (Core's `PrioritiseTransaction`). It
    /// need not be in the pool yet. False if too many have such fees already.
    pub fn prioritise(&mut self, txid: Txid, more: Amount) -> bool {
        let delta = Amount(self.delta(&txid).0.saturating_add(more.0));
        self.updates += 1;
        if delta == Amount::ZERO {
            self.deltas.remove(&txid);
        } else if self.deltas.len() < MAX_PRIORITISED || self.deltas.contains_key(&txid) {
            self.deltas.insert(txid, delta);
        } else {
            return false;
        }
        if let Some(entry) = self.entries.get_mut(&txid) {
            // Its place in the order goes by the fee that it had.
            self.by_score.remove(&(entry.score(), txid));
            entry.delta = delta;
            let mut touched = self.ancestors(&txid);
            touched.extend(self.descendants(&txid));
            self.recount(&touched);
        }
        true
    }

    /// Forgets what the operator added: the transaction is confirmed.
    pub(super) fn forget_delta(&mut self, txid: &Txid) {
        self.deltas.remove(txid);
    }

    /// Takes an entry that has been accepted, links it, and counts it in. `parents` and `children`
    /// of the entry are found here, children included: a transaction that returns from a block
    /// finds those that built on it.
    pub(super) fn insert(&mut self, mut entry: Entry) -> PoolEvent {
        let txid = entry.txid;
        entry.sequence = self.next_sequence;
        self.next_sequence += 1;
        self.updates += 1;
        let known = |input: &OutPoint| self.entries.contains_key(&input.txid);
        entry.parents =
            entry.tx.inputs.iter().map(|i| i.prevout).filter(known).map(|o| o.txid).collect();
        entry.children = (0..entry.tx.outputs.len() as u32)
            .filter_map(|vout| self.spenders.get(&OutPoint { txid, vout }).copied())
            .collect();
        for input in &entry.tx.inputs {
            self.spenders.insert(input.prevout, txid);
        }
        for parent in &entry.parents {
            if let Some(parent) = self.entries.get_mut(parent) {
                parent.children.insert(txid);
            }
        }
        for child in &entry.children {
            if let Some(child) = self.entries.get_mut(child) {
                child.parents.insert(txid);
            }
        }
        self.by_wtxid.insert(entry.wtxid, txid);
        self.by_time.insert((entry.time, txid));
        self.bytes += entry.bytes();
        self.vsize += entry.vsize;
        self.fees.0 += entry.fee.0;
        let event =
            PoolEvent::Added { txid, wtxid: entry.wtxid, fee: entry.fee, vsize: entry.vsize };
        self.entries.insert(txid, entry);
        let mut touched = self.ancestors(&txid);
        touched.extend(self.descendants(&txid));
        self.recount(&touched);
        event
    }

    /// Counts again what some entries build on and what builds on them.
    fn recount(&mut self, txids: &HashSet<Txid>) {
        for txid in txids {
            let ancestors = self.sums(&self.ancestors(txid));
            let descendants = self.sums(&self.descendants(txid));
            if let Some(entry) = self.entries.get_mut(txid) {
                self.by_score.remove(&(entry.score(), *txid));
                entry.ancestors = ancestors;
                entry.descendants = descendants;
                self.by_score.insert((entry.score(), *txid));
            }
        }
    }

    /// Removes some entries; those left that built on them no longer do.
    pub(super) fn remove(&mut self, txids: &HashSet<Txid>, why: Removal) -> Vec<PoolEvent> {
        let mut touched = self.reach(txids.iter().copied(), |entry| &entry.parents);
        touched.extend(self.reach(txids.iter().copied(), |entry| &entry.children));
        // Children go before parents, the same way in every run.
        let mut order: Vec<(u64, Txid)> = txids
            .iter()
            .filter_map(|txid| Some((self.entries.get(txid)?.sequence, *txid)))
            .collect();
        order.sort_unstable_by(|a, b| b.cmp(a));
        let mut events = Vec::with_capacity(order.len());
        self.updates += order.len() as u64;
        for (_, txid) in &order {
            let Some(entry) = self.entries.remove(txid) else { continue };
            self.by_score.remove(&(entry.score(), *txid));
            self.by_time.remove(&(entry.time, *txid));
            self.by_wtxid.remove(&entry.wtxid);
            self.untold.remove(txid);
            self.bytes -= entry.bytes();
            self.vsize -= entry.vsize;
            self.fees.0 -= entry.fee.0;
            for input in &entry.tx.inputs {
                if self.spenders.get(&input.prevout) == Some(txid) {
                    self.spenders.remove(&input.prevout);
                }
            }
            for parent in &entry.parents {
                if let Some(parent) = self.entries.get_mut(parent) {
                    parent.children.remove(txid);
                }
            }
            for child in &entry.children {
                if let Some(child) = self.entries.get_mut(child) {
                    child.parents.remove(txid);
                }
            }
            if why != Removal::Confirmed {
                self.estimator.forget(txid);
            }
            events.push(PoolEvent::Removed { txid: *txid, why });
        }
        touched.retain(|txid| !txids.contains(txid));
        self.recount(&touched);
        events
    }

    /// Removes some entries and all that builds on them.
    pub(super) fn remove_with_descendants(
        &mut self,
        txids: impl IntoIterator<Item = Txid>,
        why: Removal,
    ) -> Vec<PoolEvent> {
        let all = self.reach(txids, |entry| &entry.children);
        self.remove(&all, why)
    }

    /// Something has been here too long.
    pub fn has_expired(&self, now: u64) -> bool {
        let until = now.saturating_sub(self.policy.expiry_s);
        self.by_time.first().is_some_and(|(time, _)| *time < until)
    }

    /// Removes what has been here too long. `now` is in seconds since 1970.
    pub fn expire(&mut self, now: u64) -> Vec<PoolEvent> {
        let until = now.saturating_sub(self.policy.expiry_s);
        let old: Vec<Txid> =
            self.by_time.iter().take_while(|(time, _)| *time < until).map(|(_, id)| *id).collect();
        self.remove_with_descendants(old, Removal::Expired)
    }

    /// Evicts the worst until the pool fits its memory; the floor rises above what was evicted.
    pub(super) fn trim(&mut self, now: u64) -> Vec<PoolEvent> {
        self.floor = self.floor_at(now);
        let mut events = Vec::new();
        while self.bytes > self.policy.max_bytes {
            let Some((_, worst)) = self.by_score.first().copied() else { break };
            let lost = self.sums(&self.descendants(&worst));
            let rate = FeeRate::of(lost.fees, lost.vsize).per_kvb + self.policy.incremental.per_kvb;
            if rate as f64 > self.floor.per_kvb {
                self.floor = Floor { per_kvb: rate as f64, changed_at: now, may_sink: false };
            }
            events.extend(self.remove_with_descendants([worst], Removal::Evicted));
        }
        events
    }

    /// A block has come: the floor may sink again.
    pub(super) fn block_came(&mut self, now: u64) {
        self.floor = Floor { may_sink: true, changed_at: now, ..self.floor_at(now) };
    }

    /// The rate that a transaction must pay to come in at `now`: what relaying costs, or more after
    /// evictions. Sinks by half in twelve hours, faster when the pool is far from full.
    pub fn min_fee_rate(&self, now: u64) -> FeeRate {
        let floor = self.floor_at(now);
        let raised = FeeRate { per_kvb: floor.per_kvb.ceil() as i64 };
        match floor.per_kvb > 0.0 {
            true => raised.max(self.policy.incremental).max(self.policy.min_relay),
            false => self.policy.min_relay,
        }
    }

    /// `min_fee_rate` as of the last change of the pool: at least the present one.
    pub fn floor(&self) -> FeeRate {
        self.min_fee_rate(self.floor.changed_at)
    }

    /// The floor as it has sunk until `now`.
    fn floor_at(&self, now: u64) -> Floor {
        let mut floor = self.floor;
        if floor.may_sink && floor.per_kvb > 0.0 && now > floor.changed_at + FLOOR_STEP_S {
            let half_life = match self.bytes {
                bytes if bytes < self.policy.max_bytes / 4 => FLOOR_HALF_LIFE_S / 4.0,
                bytes if bytes < self.policy.max_bytes / 2 => FLOOR_HALF_LIFE_S / 2.0,
                _ => FLOOR_HALF_LIFE_S,
            };
            let passed = (now - floor.changed_at) as f64;
            floor.per_kvb /= 2f64.powf(passed / half_life);
            floor.changed_at = now;
            if floor.per_kvb < self.policy.incremental.per_kvb as f64 / 2.0 {
                floor.per_kvb = 0.0;
            }
        }
        floor
    }

    /// Checks what must always hold; for tests and the simulator.
    pub fn assert_sound(&self) {
        let (mut bytes, mut inputs) = (0, 0);
        for (txid, entry) in &self.entries {
            assert_eq!(entry.ancestors, self.sums(&self.ancestors(txid)));
            assert_eq!(entry.descendants, self.sums(&self.descendants(txid)));
            assert!(self.by_score.contains(&(entry.score(), *txid)));
            for input in &entry.tx.inputs {
                assert_eq!(self.spenders.get(&input.prevout), Some(txid));
                let parent = self.entries.get(&input.prevout.txid);
                assert_eq!(parent.is_some(), entry.parents.contains(&input.prevout.txid));
                assert!(parent.is_none_or(|parent| parent.children.contains(txid)));
            }
            bytes += entry.bytes();
            inputs += entry.tx.inputs.len();
        }
        assert_eq!((bytes, inputs), (self.bytes, self.spenders.len()));
        assert_eq!(self.by_score.len(), self.entries.len());
        assert_eq!(self.by_time.len(), self.entries.len());
        assert_eq!(self.by_wtxid.len(), self.entries.len());
    }
}
