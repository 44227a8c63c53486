//! The entry point for verifying scripts: a list of transactions with the outputs they spend.
//!
//! The verdict and the reported failure (the first input in list order) do not depend on the number
//! of threads.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use rayon::prelude::*;

use super::checker::{CheckNow, SignatureCheck, TxChecker};
use super::error::ScriptError;
use super::flags::ScriptFlags;
use super::hints::{self, Hint, Hints, Learning};
use super::sighash::TxMidstate;
use super::verify::verify_script;
use crypto::hash::sha256;
use primitives::id::Wtxid;
use primitives::tx::{Transaction, TxOut};

/// Lists of fewer inputs are checked on the caller's thread.
const PARALLEL_INPUTS: usize = 3;

/// One transaction with the outputs that it spends.
#[derive(Debug, Clone, Copy)]
pub struct TxScripts<'a> {
    /// Not a coinbase.
    pub tx: &'a Transaction,
    /// One output for each input, in input order.
    pub spent: &'a [TxOut],
}

/// The first input, in list order, whose script is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("input {input_index} of transaction {tx_index}: {error}")]
pub struct ScriptFailure {
    /// The transaction's place in the list that was checked.
    pub tx_index: usize,
    pub input_index: usize,
    pub error: ScriptError,
}

impl ScriptFailure {
    /// As Core (30 and later) words it for a transaction that the pool refuses.
    pub fn pool_reason(&self) -> String {
        format!("mempool-script-verify-flag-failed ({})", self.error)
    }

    /// As Core words it for a block.
    pub fn block_reason(&self) -> String {
        format!("block-script-verify-flag-failed ({})", self.error)
    }
}

/// Verifies the scripts of all inputs of all `list`ed transactions under `flags`, in parallel;
/// those that `cache` knows are not run again. Nothing is added to `cache`: what a block brings
/// is not asked for twice.
pub fn verify_all(
    list: &[TxScripts<'_>],
    flags: ScriptFlags,
    cache: Option<&ScriptCache>,
) -> Result<(), ScriptFailure> {
    verify_each(&Prepared::new(list, flags, cache), |midstate, input_index| {
        verify_input(midstate, input_index, flags, &CheckNow)
    })
}

/// The same for one transaction, with what was learnt of its signatures; nothing is learnt of one
/// that `cache` knows.
pub fn verify_learning(
    checks: TxScripts<'_>,
    flags: ScriptFlags,
    cache: Option<&ScriptCache>,
) -> Result<Hints, ScriptFailure> {
    let learnt: Vec<OnceLock<Box<[Hint]>>> = checks.spent.iter().map(|_| OnceLock::new()).collect();
    verify_each(&Prepared::new(&[checks], flags, cache), |midstate, input_index| {
        let learning = Learning::default();
        verify_input(midstate, input_index, flags, &learning)?;
        learnt[input_index].get_or_init(|| learning.hints());
        Ok(())
    })?;
    Ok(learnt.into_iter().map(|hints| hints.into_inner().unwrap_or_default()).collect())
}

fn verify_each(
    prepared: &Prepared<'_>,
    verify: impl Fn(&TxMidstate<'_>, usize) -> Result<(), ScriptError> + Sync,
) -> Result<(), ScriptFailure> {
    let jobs: Vec<_> = prepared.inputs().collect();
    let run = |&(tx_index, input_index, midstate): &(usize, usize, &TxMidstate<'_>)| {
        let error = verify(midstate, input_index).err()?;
        Some(ScriptFailure { tx_index, input_index, error })
    };
    let failure = if jobs.len() < PARALLEL_INPUTS {
        jobs.iter().find_map(run)
    } else {
        jobs.par_iter().find_map_first(run)
    };
    failure.map_or(Ok(()), Err)
}

/// What the inputs of a list share; nothing for transactions that are known.
pub(super) struct Prepared<'a>(Vec<Option<TxMidstate<'a>>>);

impl<'a> Prepared<'a> {
    pub(super) fn new(
        list: &[TxScripts<'a>],
        flags: ScriptFlags,
        cache: Option<&ScriptCache>,
    ) -> Prepared<'a> {
        let known = |checks: &TxScripts<'_>| {
            cache.is_some_and(|cache| cache.contains(&checks.tx.wtxid(), flags))
        };
        let midstate = |checks: &TxScripts<'a>| {
            assert_eq!(checks.tx.inputs.len(), checks.spent.len(), "an output for each input");
            (!known(checks)).then(|| TxMidstate::new(checks.tx, checks.spent))
        };
        Prepared(list.par_iter().with_min_len(16).map(midstate).collect())
    }

    /// The places of the transactions that the cache knows.
    pub(super) fn known(&self) -> impl Iterator<Item = usize> {
        let all = self.0.iter().enumerate();
        all.filter(|(_, midstate)| midstate.is_none()).map(|(at, _)| at)
    }

    /// The inputs to verify, in list order: transaction, input, shared hashes.
    pub(super) fn inputs(&self) -> impl Iterator<Item = (usize, usize, &TxMidstate<'a>)> {
        let known = self.0.iter().enumerate();
        known.filter_map(|(at, midstate)| Some((at, midstate.as_ref()?))).flat_map(
            |(at, midstate)| {
                (0..midstate.tx().inputs.len()).map(move |input| (at, input, midstate))
            },
        )
    }
}

/// Verifies one input; `midstate` holds an output for each.
pub fn verify_input(
    midstate: &TxMidstate<'_>,
    input_index: usize,
    flags: ScriptFlags,
    signatures: &dyn SignatureCheck,
) -> Result<(), ScriptError> {
    let input = &midstate.tx().inputs[input_index];
    let spent = &midstate.spent()[input_index];
    let checker = TxChecker::new(midstate, input_index, signatures);
    verify_script(
        input.script_sig.as_bytes(),
        spent.script_pubkey.as_bytes(),
        &input.witness,
        flags,
        &checker,
    )
}

/// Remembers transactions whose scripts were all verified under some flags. Bounded; the older
/// half is forgotten first. A wtxid commits to all that a script sees: the spent outputs are those
/// of the transactions that its inputs name.
#[derive(Debug)]
pub struct ScriptCache {
    salt: [u8; 32],
    /// Entries of a generation; two generations are held.
    generation_size: usize,
    generations: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: Known,
    old: Known,
}

/// Transactions, with the packed hints of their signatures where there are any.
type Known = HashMap<[u8; 16], Option<Box<[u8]>>>;

impl ScriptCache {
    /// Holds at most `capacity` entries (2 at least); `salt` is random, so that no one can choose
    /// transactions that collide.
    pub fn new(salt: [u8; 32], capacity: usize) -> ScriptCache {
        let generation_size = (capacity / 2).max(1);
        ScriptCache { salt, generation_size, generations: Mutex::default() }
    }

    pub fn contains(&self, wtxid: &Wtxid, flags: ScriptFlags) -> bool {
        let key = self.key(wtxid, flags);
        let generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.young.contains_key(&key) || generations.old.contains_key(&key)
    }

    /// What is known of the signatures of a transaction that was verified under `flags`.
    pub fn hints(&self, wtxid: &Wtxid, flags: ScriptFlags) -> Option<Hints> {
        let key = self.key(wtxid, flags);
        let generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let found = generations.young.get(&key).or_else(|| generations.old.get(&key));
        found.and_then(|packed| hints::unpack(packed.as_deref()?))
    }

    /// Every script of the transaction has been verified under `flags`.
    pub fn insert(&self, wtxid: &Wtxid, flags: ScriptFlags) {
        self.insert_with_hints(wtxid, flags, &Hints::new());
    }

    /// The same, and this is what was learnt of its signatures.
    pub fn insert_with_hints(&self, wtxid: &Wtxid, flags: ScriptFlags, hints: &Hints) {
        let key = self.key(wtxid, flags);
        let mut packed = hints::pack(hints).map(Vec::into_boxed_slice);
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if packed.is_none() {
            // Who passed over the scripts because they were known has learnt nothing.
            let known = generations.young.get(&key).or_else(|| generations.old.get(&key));
            packed = known.cloned().flatten();
        }
        if generations.young.len() >= self.generation_size {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(key, packed);
    }

    fn key(&self, wtxid: &Wtxid, flags: ScriptFlags) -> [u8; 16] {
        let mut bytes = [0u8; 68];
        bytes[..32].copy_from_slice(&self.salt);
        bytes[32..64].copy_from_slice(&wtxid.0);
        bytes[64..].copy_from_slice(&flags.0.to_le_bytes());
        let mut key = [0u8; 16];
        key.copy_from_slice(&sha256(&bytes)[..16]);
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_bounded_and_knows_flags() {
        let cache = ScriptCache::new([7; 32], 4);
        let id = |n: u8| Wtxid([n; 32]);
        for n in 0..100 {
            cache.insert(&id(n), ScriptFlags::P2SH);
            assert!(cache.contains(&id(n), ScriptFlags::P2SH));
            assert!(!cache.contains(&id(n), ScriptFlags::NONE));
        }
        assert!(!cache.contains(&id(0), ScriptFlags::P2SH));
        let held = (0..100).filter(|n| cache.contains(&id(*n), ScriptFlags::P2SH)).count();
        assert!((2..=4).contains(&held));
    }
}
