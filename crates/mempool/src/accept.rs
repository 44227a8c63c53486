//! Decides on a new transaction: Core's `MemPoolAccept`, one transaction at a time.
//!
//! Order: the transaction by itself; standardness; lock times; whether it is already known; its
//! inputs; amounts; standardness of the spends; fee; ancestor and descendant limits; what it
//! replaces; its scripts last, since they cost most. This order determines the reason given for a
//! rejection.

use std::collections::HashSet;
use std::sync::Arc;

use super::policy::{
    MAX_STANDARD_SIGOPS_COST, MIN_SIZE, are_inputs_standard, check_standard, is_witness_standard,
    policy_vsize,
};
use super::pool::{Entry, Pool, PoolEvent, Removal, Sums};
use super::reject::{PoolError, Reject};
use consensus::connect::{CoinView, check_amounts, check_legacy_sigops, is_sequence_locked};
use consensus::header::Branch;
use consensus::scripts::block_flags;
use consensus::tx::{check_transaction, is_final};
use primitives::amount::Amount;
use primitives::block::Height;
use primitives::coin::Coin;
use primitives::id::{BlockHash, Txid};
use primitives::network::NetworkParams;
use primitives::tx::{OutPoint, Transaction, TxOut};
use script::check::{TxScripts, verify_learning};
use script::flags::ScriptFlags;
use script::sigops;
use store::error::StoreError;

/// Version 3 transactions (BIP431): virtual bytes, also of one with an unconfirmed parent.
const TRUC_VERSION: u32 = 3;
const TRUC_MAX_VSIZE: usize = 10_000;
const TRUC_CHILD_MAX_VSIZE: usize = 1_000;

/// What the pool asks of the chain: the coins at the tip, and the branch that ends there.
pub struct Around<'a> {
    pub coins: &'a mut dyn CoinView<Error = StoreError>,
    pub branch: &'a dyn Branch,
    pub params: &'static NetworkParams,
}

/// How a transaction is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terms {
    /// It was confirmed until a reorganisation: fees and size limits are waived.
    pub returning: bool,
    /// When it first came, if that was earlier (a saved pool).
    pub since: Option<u64>,
}

/// A transaction that would be taken.
#[derive(Debug, Clone)]
pub struct Verdict {
    pub txid: Txid,
    pub fee: Amount,
    pub vsize: usize,
    /// What it replaces, descendants included.
    pub replaces: HashSet<Txid>,
    entry: Entry,
}

/// What is spent, with its origin.
struct Spends {
    outputs: Vec<TxOut>,
    origins: Vec<(Height, bool)>,
}

impl Pool {
    /// Takes a transaction, or says why not. `now` is in seconds since 1970. What happened is
    /// added to `events`, the replaced first and the evicted last; that can be something even
    /// where the transaction is refused in the end.
    pub fn accept(
        &mut self,
        tx: Arc<Transaction>,
        around: &mut Around<'_>,
        now: u64,
        terms: Terms,
        events: &mut Vec<PoolEvent>,
    ) -> Result<Txid, PoolError> {
        let verdict = self.test(tx, around, now, terms)?;
        Ok(self.take(verdict, around.branch.height(), now, terms, events)?)
    }

    /// Takes what `test` has just found good, at the tip's `height`; costs no script.
    pub fn take(
        &mut self,
        verdict: Verdict,
        height: Height,
        now: u64,
        terms: Terms,
        events: &mut Vec<PoolEvent>,
    ) -> Result<Txid, Reject> {
        let tracked = !terms.returning && verdict.entry.ancestors.count == 0;
        let (txid, rate) = (verdict.txid, verdict.entry.fee_rate());
        events.extend(self.remove(&verdict.replaces, Removal::Replaced));
        if tracked {
            self.estimator.enter(txid, rate, height);
        }
        events.push(self.insert(verdict.entry));
        if !terms.returning {
            events.extend(self.expire(now));
            events.extend(self.trim(now));
            if self.get(&txid).is_none() {
                return Err(Reject::PoolFull);
            }
        }
        Ok(txid)
    }

    /// What `accept` would say; takes nothing.
    pub fn test(
        &self,
        tx: Arc<Transaction>,
        around: &mut Around<'_>,
        now: u64,
        terms: Terms,
    ) -> Result<Verdict, PoolError> {
        let height = around.branch.height();
        self.check_form(&tx, around)?;
        let (txid, wtxid) = (tx.txid(), tx.wtxid());
        if self.get_by_wtxid(&wtxid).is_some() {
            return Err(Reject::AlreadyHere.into());
        }
        if self.get(&txid).is_some() {
            return Err(Reject::OtherWitness.into());
        }
        let conflicts: HashSet<Txid> =
            tx.inputs.iter().filter_map(|i| self.spender(&i.prevout)).map(|e| e.txid).collect();
        let spends = self.find_spends(&tx, &txid, around)?;
        let made = spends.origins.iter().map(|(made, _)| *made);
        if is_sequence_locked(&tx, made, around.branch, around.params) {
            return Err(Reject::SequenceLocked.into());
        }
        let coins = spends.outputs.iter().zip(&spends.origins);
        let coins = coins.map(|(output, (made, coinbase))| (output, *made, *coinbase));
        let fee = check_amounts(0, &tx, coins, height.next())?;
        if self.policy.require_standard {
            if !are_inputs_standard(&tx, &spends.outputs) {
                return Err(Reject::NonStandard { reason: "bad-txns-nonstandard-inputs" }.into());
            }
            if !is_witness_standard(&tx, &spends.outputs) {
                return Err(Reject::NonStandard { reason: "bad-witness-nonstandard" }.into());
            }
        }
        check_legacy_sigops(0, &tx, &spends.outputs, height.next(), around.params)?;
        let sigop_cost = sigops::cost(&tx, &spends.outputs, ScriptFlags::STANDARD);
        if sigop_cost > MAX_STANDARD_SIGOPS_COST {
            let limit = MAX_STANDARD_SIGOPS_COST;
            return Err(Reject::TooManySigops { cost: sigop_cost, limit }.into());
        }
        let weight = tx.weight();
        let vsize = policy_vsize(weight, sigop_cost, self.policy.bytes_per_sigop);
        let delta = self.delta(&txid);
        if !terms.returning {
            self.check_fee(Amount(fee.0.saturating_add(delta.0)), vsize, now)?;
        }
        let entry = Entry {
            txid,
            wtxid,
            fee,
            delta,
            vsize,
            weight: weight.0,
            sigop_cost,
            time: terms.since.unwrap_or(now),
            height,
            spends_coinbase: spends.origins.iter().any(|(_, coinbase)| *coinbase),
            parents: Default::default(),
            children: Default::default(),
            ancestors: Sums::default(),
            descendants: Sums::default(),
            sequence: 0,
            tx,
        };
        let (entry, replaces) = self.check_place(entry, &conflicts)?;
        self.check_scripts(&entry, &spends, around)?;
        Ok(Verdict { txid, fee, vsize, replaces, entry })
    }

    /// The transaction by itself, standardness, and its lock time in the next block.
    fn check_form(&self, tx: &Transaction, around: &Around<'_>) -> Result<(), PoolError> {
        check_transaction(tx)?;
        if tx.is_coinbase() {
            return Err(Reject::Coinbase.into());
        }
        if self.policy.require_standard {
            check_standard(tx, &self.policy).map_err(|reason| Reject::NonStandard { reason })?;
        }
        let size = tx.base_size();
        if size < MIN_SIZE {
            return Err(Reject::TooSmall { size }.into());
        }
        let height = around.branch.height();
        if !is_final(tx, height.next(), around.branch.median_time_at(height)) {
            return Err(Reject::NotFinal.into());
        }
        Ok(())
    }

    /// What the inputs spend, in the pool or at the tip.
    fn find_spends(
        &self,
        tx: &Transaction,
        txid: &Txid,
        around: &mut Around<'_>,
    ) -> Result<Spends, PoolError> {
        let next = around.branch.height().next();
        let mut spends = Spends { outputs: Vec::new(), origins: Vec::new() };
        let mut missing = Vec::new();
        for input in &tx.inputs {
            let parent = self.get(&input.prevout.txid);
            let coin = match parent.map(|p| p.tx.outputs.get(input.prevout.vout as usize)) {
                Some(output) => {
                    output.map(|o| Coin { output: o.clone(), height: next, coinbase: false })
                }
                None => around.coins.coin(&input.prevout)?,
            };
            match coin {
                Some(coin) => {
                    spends.outputs.push(coin.output);
                    spends.origins.push((coin.height, coin.coinbase));
                }
                None => missing.push(input.prevout),
            }
        }
        if missing.is_empty() {
            return Ok(spends);
        }
        if is_confirmed(tx, txid, around)? {
            return Err(Reject::Confirmed.into());
        }
        Err(Reject::MissingInputs { missing }.into())
    }

    fn check_fee(&self, fee: Amount, vsize: usize, now: u64) -> Result<(), Reject> {
        let relay = self.policy.min_relay.fee(vsize);
        let pool = self.min_fee_rate(now).fee(vsize);
        if pool > relay && fee < pool {
            return Err(Reject::BelowPoolFee { fee, wanted: pool });
        }
        if fee < relay {
            return Err(Reject::BelowRelayFee { fee, wanted: relay });
        }
        Ok(())
    }

    /// Its position among unconfirmed transactions: chain limits, version 3, and replacement.
    fn check_place(
        &self,
        mut entry: Entry,
        conflicts: &HashSet<Txid>,
    ) -> Result<(Entry, HashSet<Txid>), Reject> {
        let replaces = self.reach(conflicts.iter().copied(), |entry| &entry.children);
        let parents: HashSet<Txid> = entry
            .tx
            .inputs
            .iter()
            .map(|input| input.prevout.txid)
            .filter(|txid| self.get(txid).is_some())
            .collect();
        let ancestors = self.reach(parents.iter().copied(), |entry| &entry.parents);
        if ancestors.iter().any(|txid| replaces.contains(txid)) {
            return Err(Reject::SpendsConflicting);
        }
        self.check_chains(&entry, &ancestors, &replaces)?;
        self.check_truc(&entry, &parents, &ancestors, &replaces)?;
        if !conflicts.is_empty() {
            self.check_replacement(&entry, &parents, conflicts, &replaces)?;
        }
        entry.ancestors = self.sums(&ancestors);
        Ok((entry, replaces))
    }

    /// Limits of Core's `CalculateMemPoolAncestors`.
    fn check_chains(
        &self,
        entry: &Entry,
        ancestors: &HashSet<Txid>,
        replaces: &HashSet<Txid>,
    ) -> Result<(), Reject> {
        let too_long = |limit| Err(Reject::TooLongChain { limit });
        let policy = &self.policy;
        let sums = self.sums(ancestors);
        if sums.count + 1 > policy.max_ancestors {
            return too_long("too many unconfirmed ancestors");
        }
        if sums.vsize + entry.vsize > policy.max_ancestor_vsize {
            return too_long("exceeds ancestor size limit");
        }
        for ancestor in ancestors {
            let mut below = self.descendants(ancestor);
            below.retain(|txid| !replaces.contains(txid));
            let sums = self.sums(&below);
            if sums.count + 1 > policy.max_descendants {
                return too_long("too many descendants");
            }
            if sums.vsize + entry.vsize > policy.max_descendant_vsize {
                return too_long("exceeds descendant size limit");
            }
        }
        Ok(())
    }

    /// BIP431: version 3 builds on version 3 only, is small, and stands in pairs at most.
    fn check_truc(
        &self,
        entry: &Entry,
        parents: &HashSet<Txid>,
        ancestors: &HashSet<Txid>,
        replaces: &HashSet<Txid>,
    ) -> Result<(), Reject> {
        let broken = |rule| Err(Reject::Truc { rule });
        let is_truc = entry.tx.version == TRUC_VERSION;
        let mut parent_entries = parents.iter().filter_map(|txid| self.get(txid));
        if parent_entries.any(|parent| (parent.tx.version == TRUC_VERSION) != is_truc) {
            return broken("it builds on an unconfirmed transaction of another kind");
        }
        if !is_truc {
            return Ok(());
        }
        if entry.vsize > TRUC_MAX_VSIZE {
            return broken("it is too large");
        }
        if ancestors.len() > 1 {
            return broken("it has more than one unconfirmed ancestor");
        }
        let Some(parent) = parents.iter().next() else { return Ok(()) };
        if entry.vsize > TRUC_CHILD_MAX_VSIZE {
            return broken("it is too large for a child");
        }
        let siblings = self.descendants(parent);
        if siblings.iter().any(|txid| txid != parent && !replaces.contains(txid)) {
            return broken("its parent has a child");
        }
        Ok(())
    }

    /// Full replacement by fee: pays more, per byte than each it conflicts with, in sum than all
    /// it evicts and for its own relay on top, and brings no new unconfirmed inputs.
    fn check_replacement(
        &self,
        entry: &Entry,
        parents: &HashSet<Txid>,
        conflicts: &HashSet<Txid>,
        replaces: &HashSet<Txid>,
    ) -> Result<(), Reject> {
        let (fee, limit) = (entry.modified_fee(), self.policy.max_replaced);
        let conflicting = || conflicts.iter().filter_map(|txid| self.get(txid));
        let rate = entry.fee_rate();
        if let Some(better) = conflicting().find(|other| rate <= other.fee_rate()) {
            let wanted = better.fee_rate().fee(entry.vsize);
            return Err(Reject::ReplacementFee { fee, wanted });
        }
        if replaces.len() > limit {
            return Err(Reject::TooManyReplaced { count: replaces.len(), limit });
        }
        let had: HashSet<Txid> = conflicting().flat_map(|other| other.parents.clone()).collect();
        if parents.iter().any(|parent| !had.contains(parent)) {
            return Err(Reject::AddsUnconfirmed);
        }
        let evicted = self.sums(replaces).fees;
        let wanted = Amount(evicted.0 + self.policy.incremental.fee(entry.vsize).0);
        if fee < wanted {
            return Err(Reject::ReplacementFee { fee, wanted });
        }
        Ok(())
    }

    /// Scripts under policy's flags, then what a block would ask remembered for its sake.
    fn check_scripts(
        &self,
        entry: &Entry,
        spends: &Spends,
        around: &Around<'_>,
    ) -> Result<(), Reject> {
        let consensus = block_flags(&BlockHash::ZERO, around.branch.height().next(), around.params);
        let flags = match self.policy.require_standard {
            true => ScriptFlags::STANDARD | consensus,
            false => consensus,
        };
        let checks = TxScripts { tx: &entry.tx, spent: &spends.outputs };
        let learnt = verify_learning(checks, flags, Some(&self.cache)).map_err(Reject::Script)?;
        // Flags only ever forbid more, so what holds under more holds under fewer.
        self.cache.insert(&entry.wtxid, flags);
        self.cache.insert_with_hints(&entry.wtxid, consensus, &learnt);
        Ok(())
    }
}

/// Some output of the transaction is a coin at the tip.
fn is_confirmed(
    tx: &Transaction,
    txid: &Txid,
    around: &mut Around<'_>,
) -> Result<bool, StoreError> {
    for vout in 0..tx.outputs.len() as u32 {
        if around.coins.coin(&OutPoint { txid: *txid, vout })?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
