//! Runs scripts with deferred signature checks: the checks of many inputs are collected and
//! verified as a batch (`crypto/batch`).
//!
//! A script first runs on assumptions: that a signature is valid, or what a hint says. Then the
//! batch is verified. Where every assumption of an input held, the script saw what it would have
//! seen one by one, and its result stands; where one did not, the input runs again with the answers
//! known up to there. So verdicts and errors are those of `check::verify_all`, whatever was
//! assumed.

use std::cell::{Cell, RefCell};
use std::ops::Range;

use rayon::prelude::*;

use super::check::{Prepared, ScriptCache, ScriptFailure, TxScripts, verify_input};
use super::checker::{CheckNow, SignatureCheck};
use super::error::ScriptError;
use super::flags::ScriptFlags;
use super::hints::{Hint, Hints};
use super::sighash::TxMidstate;
use crypto::batch::list::{self, Check};
use crypto::batch::lockstep::Found;

/// Fewer inputs than this for each thread are not parted further.
const INPUTS_PER_THREAD: usize = 16;
/// Checks that are collected before they are verified; inputs are not parted, so one input's more.
const CHECKS_AT_ONCE: usize = 4096;
/// Checks of one input that are put off; further ones are made when asked.
const CHECKS_OF_INPUT: usize = 4096;
/// Times that an input is run on assumptions.
const ROUNDS: usize = 4;

/// As `check::verify_all`, with the signatures verified as lists; gives back what it learnt of
/// them. What `cache` knows is not run again; it may know hints.
pub fn verify_all(
    list: &[TxScripts<'_>],
    flags: ScriptFlags,
    cache: Option<&ScriptCache>,
    hints: &Hints,
) -> Result<Hints, ScriptFailure> {
    let prepared = Prepared::new(list, flags, cache);
    // The place of each transaction's first input in the list of hints.
    let mut first = Vec::with_capacity(list.len());
    let mut inputs = 0;
    for checks in list {
        first.push(inputs);
        inputs += checks.tx.inputs.len();
    }
    let jobs: Vec<Job<'_>> = prepared
        .inputs()
        .map(|(tx_index, input_index, midstate)| {
            let place = first[tx_index] + input_index;
            let hints = hints.get(place).map_or(&[][..], |hints| hints);
            Job { tx_index, input_index, place, midstate, hints }
        })
        .collect();
    let threads = rayon::current_num_threads().max(1);
    let part = jobs.len().div_ceil(threads).clamp(INPUTS_PER_THREAD, CHECKS_AT_ONCE);
    let alone = jobs.len() <= part;
    let parts: Vec<_> = match alone {
        true => vec![verify_part(&jobs, flags, alone)],
        false => jobs.par_chunks(part).map(|part| verify_part(part, flags, alone)).collect(),
    };
    let mut learnt = vec![Box::default(); inputs];
    for at in prepared.known() {
        let hints = cache.and_then(|cache| cache.hints(&list[at].tx.wtxid(), flags));
        for (place, hints) in
            (first[at]..first[at] + list[at].tx.inputs.len()).zip(hints.unwrap_or_default())
        {
            learnt[place] = hints;
        }
    }
    for part in parts {
        for (place, hints) in part? {
            learnt[place] = hints;
        }
    }
    Ok(learnt)
}

/// One input alone.
#[cfg(test)]
pub(super) fn verify_one(
    midstate: &TxMidstate<'_>,
    input_index: usize,
    flags: ScriptFlags,
    hints: &[Hint],
) -> Result<Box<[Hint]>, ScriptError> {
    let job = Job { tx_index: 0, input_index, place: 0, midstate, hints };
    let learnt = verify_part(&[job], flags, false).map_err(|failure| failure.error)?;
    Ok(learnt.into_iter().next().map(|(_, hints)| hints).unwrap_or_default())
}

/// One input, its place among all inputs, and what was said of its checks.
#[derive(Clone, Copy)]
struct Job<'a> {
    tx_index: usize,
    input_index: usize,
    place: usize,
    midstate: &'a TxMidstate<'a>,
    hints: &'a [Hint],
}

/// An input that has no verdict yet.
struct Open {
    job: usize,
    /// The true answers to its first checks.
    known: Vec<Known>,
}

/// The place of an input, and what was learnt of its checks.
type Learnt = (usize, Box<[Hint]>);

#[derive(Clone, Copy)]
struct Known {
    found: Found,
    ecdsa: bool,
}

/// An input that has run on assumptions: its checks of the queue, and what came of it.
struct Ran {
    open: Open,
    checks: Range<usize>,
    result: Result<(), ScriptError>,
}

/// Verifies inputs in order, by windows of so many checks; the first failure ends it.
fn verify_part(
    jobs: &[Job<'_>],
    flags: ScriptFlags,
    all_threads: bool,
) -> Result<Vec<Learnt>, ScriptFailure> {
    let verify = if all_threads { list::verify } else { list::verify_here };
    let mut learnt = Vec::with_capacity(jobs.len());
    let mut next = 0;
    while next < jobs.len() {
        let mut failed: Option<(usize, ScriptError)> = None;
        let mut queue: RefCell<Queue> = RefCell::default();
        let mut ran = vec![];
        while next < jobs.len() && queue.get_mut().checks.len() < CHECKS_AT_ONCE {
            let open = Open { job: next, known: vec![] };
            ran.push(run(&jobs[next], open, flags, CHECKS_OF_INPUT, &queue));
            next += 1;
        }
        for round in 1.. {
            let queue_done = std::mem::take(&mut queue).into_inner();
            let found = verify(&queue_done.checks, &queue_done.parities);
            let mut again = vec![];
            for ran in std::mem::take(&mut ran) {
                let (open, result) = settle(ran, &queue_done, &found);
                match result {
                    None => again.push(open),
                    Some(Ok(())) => learnt.push((jobs[open.job].place, hints_of(&open.known))),
                    Some(Err(error)) if failed.is_none_or(|(job, _)| open.job < job) => {
                        failed = Some((open.job, error));
                    }
                    Some(Err(_)) => {}
                }
            }
            // What comes after a failure has no say any more.
            again.retain(|open| failed.is_none_or(|(job, _)| open.job < job));
            if again.is_empty() {
                break;
            }
            let most = if round < ROUNDS { CHECKS_OF_INPUT } else { 0 };
            for open in again {
                // Its hints have misled once, or there were none.
                let job = Job { hints: &[], ..jobs[open.job] };
                ran.push(run(&job, open, flags, most, &queue));
            }
        }
        if let Some((job, error)) = failed {
            let Job { tx_index, input_index, .. } = jobs[job];
            return Err(ScriptFailure { tx_index, input_index, error });
        }
    }
    Ok(learnt)
}

/// Runs one input, at most `most` of its checks going to the queue.
fn run(job: &Job<'_>, open: Open, flags: ScriptFlags, most: usize, queue: &RefCell<Queue>) -> Ran {
    let start = queue.borrow().checks.len();
    let collector = Collector {
        known: &open.known,
        hints: job.hints,
        full: start + most,
        asked: Cell::new(0),
        asked_ecdsa: Cell::new(0),
        queue,
    };
    let result = verify_input(job.midstate, job.input_index, flags, &collector);
    Ran { open, checks: start..queue.borrow().checks.len(), result }
}

/// What is known of an input now that its checks are verified, and its result, or None when it
/// has to run again.
fn settle(ran: Ran, queue: &Queue, found: &[Found]) -> (Open, Option<Result<(), ScriptError>>) {
    let Ran { mut open, checks, result } = ran;
    for at in checks {
        open.known.push(Known { found: found[at], ecdsa: queue.checks[at].is_ecdsa() });
        if found[at].valid != queue.assumed[at] {
            return (open, None);
        }
    }
    (open, Some(result))
}

fn hints_of(known: &[Known]) -> Box<[Hint]> {
    let hint = |found: Found| match (found.valid, found.odd) {
        (false, _) => Hint::Fails,
        (true, false) => Hint::Even,
        (true, true) => Hint::Odd,
    };
    known.iter().filter(|known| known.ecdsa).map(|known| hint(known.found)).collect()
}

/// Queued checks, with what is known of their nonces and the answers that scripts were given.
#[derive(Default)]
struct Queue {
    checks: Vec<Check>,
    parities: Vec<Option<bool>>,
    assumed: Vec<bool>,
}

/// Answers the checks of one input: from what is known, then by assumption, and once the queue is
/// full by making them. Malformed ones are not valid and count nowhere.
struct Collector<'a> {
    known: &'a [Known],
    hints: &'a [Hint],
    /// Length of the queue from which on checks are made when asked.
    full: usize,
    asked: Cell<usize>,
    asked_ecdsa: Cell<usize>,
    queue: &'a RefCell<Queue>,
}

impl Collector<'_> {
    /// None: to be checked now.
    fn answer(&self, check: Check) -> Option<bool> {
        let ecdsa = usize::from(check.is_ecdsa());
        let hint = match ecdsa {
            1 => self.hints.get(self.asked_ecdsa.get()).copied().unwrap_or_default(),
            _ => Hint::Unknown,
        };
        self.asked_ecdsa.set(self.asked_ecdsa.get() + ecdsa);
        let at = self.asked.replace(self.asked.get() + 1);
        if let Some(known) = self.known.get(at) {
            return Some(known.found.valid);
        }
        let mut queue = self.queue.borrow_mut();
        if queue.checks.len() >= self.full {
            return None;
        }
        let assumed = hint != Hint::Fails;
        queue.checks.push(check);
        queue.parities.push(match hint {
            Hint::Even => Some(false),
            Hint::Odd => Some(true),
            Hint::Unknown | Hint::Fails => None,
        });
        queue.assumed.push(assumed);
        Some(assumed)
    }
}

impl SignatureCheck for Collector<'_> {
    fn ecdsa(&self, der: &[u8], key: &[u8], hash: &[u8; 32]) -> bool {
        let Some(check) = Check::ecdsa(der, key, hash) else { return false };
        self.answer(check).unwrap_or_else(|| CheckNow.ecdsa(der, key, hash))
    }

    fn schnorr(&self, signature: &[u8; 64], key: &[u8; 32], hash: &[u8; 32]) -> bool {
        let Some(check) = Check::schnorr(signature, key, hash) else { return false };
        self.answer(check).unwrap_or_else(|| CheckNow.schnorr(signature, key, hash))
    }
}
