//! Scripts run with their signature checks put off: the checks of many inputs are collected, what
//! they cover is hashed side by side, and they are verified as one list (`crypto/batch`).
//!
//! A script is first run on assumptions: that a signature is valid, or what a hint says. Then the
//! list is verified. Where every assumption of an input held, the script saw what it would have
//! seen one by one, and its result stands; where one did not, the input is run again with all
//! answers that are known. So verdicts and errors are those of `check::verify_all`, whatever was
//! assumed. What assumptions may cost is bounded by `Spare` (docs/BATCH.md, "What it costs at
//! worst").

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::check::{Prepared, ScriptCache, ScriptFailure, TxScripts, verify_input};
use super::checker::{Begun, Covered, Hashes, SignatureCheck};
use super::error::ScriptError;
use super::flags::ScriptFlags;
use super::hints::{Hint, Hints};
use super::sighash::{MOST_TAPROOT_BYTES, Message, TxMidstate};
use crypto::batch::list::{self, Check, Ledger, Work};
use crypto::batch::lockstep::Found;
use crypto::curve::{EcdsaSignature, PublicKey, verify_schnorr};

/// Fewer inputs than this for each thread are not parted further.
const INPUTS_PER_THREAD: usize = 16;
/// Times that an input is run on assumptions, not counted those that were right for so many checks
/// more.
const ROUNDS: usize = 4;
const CHECKS_OF_ROUND: usize = 1024;
/// How much is put off at a time, and what it may cost in vain.
pub(super) const LIMITS: Limits = Limits {
    checks_at_once: 4096,
    bytes_at_once: 32 << 20,
    spare_checks: 2 * 4096,
    spare_bytes: 32 << 20,
    spare_runs: 8192,
};
/// So many bytes of scripts count as one run more.
const SCRIPT_BYTES_OF_RUN: usize = 512;

/// See `LIMITS`; tests have lower ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Checks that are collected before they are verified, and bytes to be hashed for them; inputs
    /// are not parted, so one input's more.
    pub checks_at_once: usize,
    pub bytes_at_once: usize,
    /// What a part of a list may spend in vain (`Spare`): checks, bytes hashed for them, runs of
    /// scripts.
    pub spare_checks: usize,
    pub spare_bytes: usize,
    pub spare_runs: usize,
}

/// As `check::verify_all`, with the signatures verified as lists; gives back what it learnt of
/// them. What `cache` knows is not run again; it may know hints.
pub fn verify_all(
    list: &[TxScripts<'_>],
    flags: ScriptFlags,
    cache: Option<&ScriptCache>,
    hints: &Hints,
) -> Result<Hints, ScriptFailure> {
    verify_counted(list, flags, cache, hints, LIMITS).0
}

/// The same, with what the signatures have cost.
pub(super) fn verify_counted(
    list: &[TxScripts<'_>],
    flags: ScriptFlags,
    cache: Option<&ScriptCache>,
    hints: &Hints,
    limits: Limits,
) -> (Result<Hints, ScriptFailure>, Work) {
    let shared = Shared::new(limits);
    let result = verify_sharing(list, flags, cache, hints, &shared);
    (result, shared.ledger.work())
}

fn verify_sharing(
    list: &[TxScripts<'_>],
    flags: ScriptFlags,
    cache: Option<&ScriptCache>,
    hints: &Hints,
    shared: &Shared,
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
    let part = jobs.len().div_ceil(threads).clamp(INPUTS_PER_THREAD, LIMITS.checks_at_once);
    let alone = jobs.len() <= part;
    let parts: Vec<_> = match alone {
        true => vec![verify_part(&jobs, flags, alone, (0, shared))],
        false => jobs
            .par_chunks(part)
            .enumerate()
            .map(|(at, part)| verify_part(part, flags, alone, (at, shared)))
            .collect(),
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
    let learnt = verify_part(&[job], flags, false, (0, &Shared::new(LIMITS)))
        .map_err(|failure| failure.error)?;
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

impl Job<'_> {
    /// What running its scripts counts against `spare_runs`.
    fn run_cost(&self) -> usize {
        let input = &self.midstate.tx().inputs[self.input_index];
        let witness: usize = input.witness.iter().map(Vec::len).sum();
        let spent = self.midstate.spent()[self.input_index].script_pubkey.len();
        1 + (input.script_sig.len() + spent + witness) / SCRIPT_BYTES_OF_RUN
    }
}

/// The place of an input, and what was learnt of its checks.
type Learnt = (usize, Box<[Hint]>);

/// What all parts of a list share.
struct Shared {
    limits: Limits,
    ledger: Ledger,
    /// The first part that is known to fail; nobody asks for those behind it.
    failed: AtomicUsize,
}

impl Shared {
    fn new(limits: Limits) -> Shared {
        Shared { limits, ledger: Ledger::default(), failed: AtomicUsize::new(usize::MAX) }
    }
}

/// Verifies the inputs of one part in order, by windows of so many checks; the first failure ends
/// it.
fn verify_part(
    jobs: &[Job<'_>],
    flags: ScriptFlags,
    all_threads: bool,
    (part, shared): (usize, &Shared),
) -> Result<Vec<Learnt>, ScriptFailure> {
    let verify = if all_threads { list::verify_within } else { list::verify_here_within };
    let Limits { checks_at_once, bytes_at_once, .. } = shared.limits;
    let spare = Spare::new(shared.limits);
    let mut learnt = Vec::with_capacity(jobs.len());
    let mut next = 0;
    while next < jobs.len() {
        if shared.failed.load(Ordering::Relaxed) < part {
            return Ok(vec![]);
        }
        let mut queue = Queue::default();
        let mut waiting: Vec<Ran> = vec![];
        let mut failed: Option<(usize, ScriptError)> = None;
        while next < jobs.len()
            && queue.checks.len() < checks_at_once
            && queue.bytes < bytes_at_once
            && failed.is_none()
        {
            let run = Run { last: spare.is_used_up(), flags, spare: &spare, shared };
            let ran = run.of(&jobs[next], Open::new(next), &mut queue);
            match ran.verdict() {
                None => waiting.push(ran),
                Some(Ok(())) => learnt.push((jobs[next].place, ran.open.end(ran.order, &spare))),
                Some(Err(error)) => failed = Some((next, error)),
            }
            next += 1;
        }
        while !waiting.is_empty() {
            let done = std::mem::take(&mut queue).hashed();
            let found = verify(&done.checks, &done.parities, &shared.ledger);
            let mut again = vec![];
            for ran in std::mem::take(&mut waiting) {
                let (ran, verdict) = ran.settle(&found, &spare);
                let job = ran.open.job;
                match verdict {
                    None => again.push(ran.open),
                    Some(Ok(())) => {
                        learnt.push((jobs[job].place, ran.open.end(ran.order, &spare)));
                    }
                    Some(Err(error)) if failed.is_none_or(|(first, _)| job < first) => {
                        failed = Some((job, error));
                    }
                    Some(Err(_)) => {}
                }
            }
            for open in again {
                let at = open.job;
                // What comes after a failure has no say any more.
                if failed.is_some_and(|(first, _)| first < at) {
                    break;
                }
                // Hints that have misled once are not asked again.
                let hints = if open.misled { &[][..] } else { jobs[at].hints };
                let job = Job { hints, ..jobs[at] };
                let last = open.rounds >= ROUNDS || !spare.take_run(job.run_cost());
                let run = Run { last: last || spare.is_used_up(), flags, spare: &spare, shared };
                let ran = run.of(&job, open, &mut queue);
                match ran.verdict() {
                    None => waiting.push(ran),
                    Some(Ok(())) => learnt.push((job.place, ran.open.end(ran.order, &spare))),
                    Some(Err(error)) => failed = Some((at, error)),
                }
            }
        }
        if let Some((job, error)) = failed {
            shared.failed.fetch_min(part, Ordering::Relaxed);
            let Job { tx_index, input_index, .. } = jobs[job];
            return Err(ScriptFailure { tx_index, input_index, error });
        }
    }
    Ok(learnt)
}

/// What a part may spend beyond what one by one would: checks and bytes of their hashes that
/// scripts asked for on an assumption, which may turn out wrong, and scripts that run again. The
/// first two are taken when somebody asks and given back when it is known that one by one asks too.
struct Spare {
    checks: Cell<usize>,
    bytes: Cell<usize>,
    runs: Cell<usize>,
    limits: Limits,
    /// What was not given back and never will be.
    lost_checks: Cell<usize>,
    lost_bytes: Cell<usize>,
}

impl Spare {
    fn new(limits: Limits) -> Spare {
        Spare {
            checks: Cell::new(limits.spare_checks),
            bytes: Cell::new(limits.spare_bytes),
            runs: Cell::new(limits.spare_runs),
            limits,
            lost_checks: Cell::new(0),
            lost_bytes: Cell::new(0),
        }
    }

    /// For one check, and so many bytes to be hashed for it.
    fn take(&self, bytes: usize) -> bool {
        let left = (self.checks.get().checked_sub(1), self.bytes.get().checked_sub(bytes));
        let (Some(checks), Some(bytes)) = left else { return false };
        self.checks.set(checks);
        self.bytes.set(bytes);
        true
    }

    fn give_back(&self, bytes: usize) {
        self.checks.set(self.checks.get() + 1);
        self.bytes.set(self.bytes.get() + bytes);
    }

    fn lose(&self, bytes: usize) {
        self.lost_checks.set(self.lost_checks.get() + 1);
        self.lost_bytes.set(self.lost_bytes.get() + bytes);
    }

    fn take_run(&self, cost: usize) -> bool {
        let left = self.runs.get().checked_sub(cost);
        self.runs.set(left.unwrap_or(0));
        left.is_some()
    }

    /// Assumptions have failed so often that inputs go one by one at once.
    fn is_used_up(&self) -> bool {
        self.runs.get() == 0
            || self.lost_checks.get() > self.limits.spare_checks / 2
            || self.lost_bytes.get() > self.limits.spare_bytes / 2
    }
}

/// An input that has no verdict yet, and what its runs have found.
struct Open {
    job: usize,
    /// The checks that it has asked for, each once.
    asked: Vec<Asked>,
    /// Which of them it asks for first, in order, as far as that is known: up to the first wrong
    /// assumption of its last run.
    sure: Vec<usize>,
    hashes: Hashes,
    misled: bool,
    rounds: usize,
}

/// A check that an input has asked for.
struct Asked {
    check: Check,
    /// What an ECDSA signature covers.
    covers: Option<(Rc<Begun>, u8)>,
    assumed: bool,
    /// Taken from `Spare` with so many bytes.
    spare: Option<usize>,
    /// None while it waits in the queue.
    found: Option<Found>,
}

impl Open {
    fn new(job: usize) -> Open {
        Open {
            job,
            asked: vec![],
            sure: vec![],
            hashes: Hashes::that_keep_all(),
            misled: false,
            rounds: 0,
        }
    }

    /// The place among `asked` of an ECDSA check. Its script has at most some hundred.
    fn place(&self, check: &Check, covered: &Covered<'_>) -> Option<usize> {
        self.asked.iter().position(|asked| {
            let Some((begun, hash_type)) = &asked.covers else { return false };
            *hash_type == covered.hash_type
                && asked.check.is_same_ecdsa(check)
                && begun.is_for(covered)
        })
    }

    /// It has its verdict, having asked for what `order` says: what it learnt.
    fn end(mut self, order: Vec<(usize, bool)>, spare: &Spare) -> Box<[Hint]> {
        let hint = |found: Found| match (found.valid, found.odd) {
            (false, _) => Hint::Fails,
            (true, false) => Hint::Even,
            (true, true) => Hint::Odd,
        };
        let mut hints = Vec::with_capacity(order.len());
        for (at, _) in order {
            let asked = &mut self.asked[at];
            if let Some(bytes) = asked.spare.take() {
                spare.give_back(bytes);
            }
            if let Some(found) = asked.found.filter(|_| asked.check.is_ecdsa()) {
                hints.push(hint(found));
            }
        }
        self.asked.iter().filter_map(|asked| asked.spare).for_each(|bytes| spare.lose(bytes));
        hints.into()
    }
}

/// How an input runs.
struct Run<'a> {
    /// Nothing is assumed any more.
    last: bool,
    flags: ScriptFlags,
    spare: &'a Spare,
    shared: &'a Shared,
}

/// An input that has run.
struct Ran {
    open: Open,
    /// Which checks it asked for, and what it was told.
    order: Vec<(usize, bool)>,
    /// Places in the queue of those that it was the first to ask for: as many as have no `found`.
    queued: Range<usize>,
    /// Some answer was an assumption.
    unsure: bool,
    /// It was stopped, so that its result means nothing.
    stopped: bool,
    result: Result<(), ScriptError>,
}

impl Run<'_> {
    /// Runs one input, its checks going to the queue.
    fn of<'a>(&self, job: &Job<'a>, open: Open, queue: &mut Queue<'a>) -> Ran {
        let start = queue.checks.len();
        let state =
            State { open, queue, order: vec![], asked_ecdsa: 0, unsure: false, stopped: false };
        let collector = Collector { run: self, job, state: RefCell::new(state) };
        let result = verify_input(job.midstate, job.input_index, self.flags, &collector);
        let State { open, queue, order, unsure, stopped, .. } = collector.state.into_inner();
        Ran { open, order, queued: start..queue.checks.len(), unsure, stopped, result }
    }
}

impl Ran {
    /// Its verdict, where it rests on no assumption.
    fn verdict(&self) -> Option<Result<(), ScriptError>> {
        (!self.unsure && !self.stopped).then_some(self.result)
    }

    /// Its verdict now that the queue is verified, None when it has to run again.
    fn settle(mut self, found: &[Found], spare: &Spare) -> (Ran, Option<Result<(), ScriptError>>) {
        let waiting = self.open.asked.iter_mut().filter(|asked| asked.found.is_none());
        for (asked, found) in waiting.zip(&found[self.queued.clone()]) {
            asked.found = Some(*found);
        }
        let before = self.open.sure.len();
        self.open.sure.clear();
        let mut wrong = false;
        for (at, told) in &self.order {
            self.open.sure.push(*at);
            let asked = &mut self.open.asked[*at];
            if let Some(bytes) = asked.spare.take() {
                spare.give_back(bytes);
            }
            if asked.found.is_none_or(|found| found.valid != *told) {
                wrong = true;
                break;
            }
        }
        self.open.misled |= wrong;
        if self.open.sure.len() - before.min(self.open.sure.len()) < CHECKS_OF_ROUND {
            self.open.rounds += 1;
        }
        let verdict = (!wrong && !self.stopped).then_some(self.result);
        (self, verdict)
    }
}

/// Checks that wait, with what is known of their nonces.
#[derive(Default)]
struct Queue<'a> {
    checks: Vec<Check>,
    parities: Vec<Option<bool>>,
    /// What each covers, for those whose digest is still to be made.
    covers: Vec<Option<(Rc<Begun>, u8)>>,
    /// What has to be hashed for that.
    messages: Vec<Message<'a>>,
    begun: Vec<Rc<Begun>>,
    /// Bytes of `messages`.
    bytes: usize,
}

impl<'a> Queue<'a> {
    fn push(&mut self, check: Check, parity: Option<bool>, covers: Option<(Rc<Begun>, u8)>) {
        self.checks.push(check);
        self.parities.push(parity);
        self.covers.push(covers);
    }

    fn hash(&mut self, message: Message<'a>, begun: Rc<Begun>) {
        self.bytes += message.bytes();
        self.messages.push(message);
        self.begun.push(begun);
    }

    /// All digests made.
    fn hashed(mut self) -> Queue<'a> {
        let midstates = Message::absorb_all(&self.messages);
        for (begun, midstate) in self.begun.iter().zip(midstates) {
            begun.midstate.get_or_init(|| Some(midstate));
        }
        for (check, covers) in self.checks.iter_mut().zip(&self.covers) {
            if let Some((begun, hash_type)) = covers {
                check.set_digest(begun.hash(*hash_type));
            }
        }
        self
    }
}

/// Answers the checks of one input: from what is known, then by assumption, or by making them.
/// Malformed ones are not valid and count nowhere.
struct Collector<'r, 'q, 'a> {
    run: &'r Run<'r>,
    job: &'r Job<'a>,
    state: RefCell<State<'q, 'a>>,
}

struct State<'q, 'a> {
    open: Open,
    queue: &'q mut Queue<'a>,
    order: Vec<(usize, bool)>,
    asked_ecdsa: usize,
    unsure: bool,
    stopped: bool,
}

impl State<'_, '_> {
    /// The answer to a check that was asked for before.
    fn again(&mut self, at: usize) -> bool {
        let asked = &self.open.asked[at];
        let told = asked.found.map_or(asked.assumed, |found| found.valid);
        self.order.push((at, told));
        told
    }

    /// The answer to a check that is asked for the first time.
    fn first(&mut self, asked: Asked) -> bool {
        let told = asked.found.map_or(asked.assumed, |found| found.valid);
        self.order.push((self.open.asked.len(), told));
        self.unsure |= asked.found.is_none();
        self.open.asked.push(asked);
        told
    }
}

impl SignatureCheck for Collector<'_, '_, '_> {
    fn ecdsa(&self, der: &[u8], key: &[u8], covered: &Covered<'_>) -> bool {
        let Some(mut check) = Check::ecdsa(der, key, &[0; 32]) else { return false };
        let state = &mut *self.state.borrow_mut();
        if state.stopped {
            return false;
        }
        let hint = self.job.hints.get(state.asked_ecdsa).copied().unwrap_or_default();
        state.asked_ecdsa += 1;
        let known = state.open.sure.get(state.order.len()).copied();
        if let Some(at) = known.or_else(|| state.open.place(&check, covered)) {
            return state.again(at);
        }
        let begun = state.open.hashes.find(covered);
        let message = match &begun {
            Some(_) => None,
            None => {
                let (input, kind) = (self.job.input_index, covered.hash_type);
                Some(self.job.midstate.message(input, covered.code, kind, covered.version))
            }
        };
        let bytes = message.iter().flatten().map(Message::bytes).sum();
        let spare = match state.unsure {
            true if !self.run.spare.take(bytes) => {
                state.stopped = true;
                return false;
            }
            unsure => unsure.then_some(bytes),
        };
        let begun = begun.unwrap_or_else(|| state.open.hashes.begin(covered));
        match message {
            None => {}
            Some(Some(message)) if !self.run.last => state.queue.hash(message, begun.clone()),
            Some(message) => {
                begun.midstate.get_or_init(|| message.map(|message| message.absorb()));
            }
        }
        if self.run.last {
            check.set_digest(begun.hash(covered.hash_type));
            self.run.shared.ledger.made_alone(1);
            let found = list::verify_one(&check).unwrap_or_else(|| {
                let parity = PublicKey::from_bytes(key)
                    .zip(EcdsaSignature::from_lax_der(der))
                    .and_then(|(key, signature)| {
                        signature.verified_parity(&key, &begun.hash(covered.hash_type))
                    });
                Found { valid: parity.is_some(), odd: parity.unwrap_or(false) }
            });
            let covers = Some((begun, covered.hash_type));
            return state.first(Asked { check, covers, assumed: false, spare, found: Some(found) });
        }
        let covers = Some((begun, covered.hash_type));
        let parity = match hint {
            Hint::Even => Some(false),
            Hint::Odd => Some(true),
            Hint::Unknown | Hint::Fails => None,
        };
        state.queue.push(check, parity, covers.clone());
        let assumed = hint != Hint::Fails;
        state.first(Asked { check, covers, assumed, spare, found: None })
    }

    fn schnorr(&self, signature: &[u8; 64], key: &[u8; 32], hash: &dyn Fn() -> [u8; 32]) -> bool {
        let state = &mut *self.state.borrow_mut();
        if state.stopped {
            return false;
        }
        // A script ends with its first Schnorr check that fails, so that nothing is asked for again
        // but in the same place.
        if let Some(at) = state.open.sure.get(state.order.len()) {
            return state.again(*at);
        }
        let spare = match state.unsure {
            true if !self.run.spare.take(MOST_TAPROOT_BYTES) => {
                state.stopped = true;
                return false;
            }
            unsure => unsure.then_some(MOST_TAPROOT_BYTES),
        };
        let Some(check) = Check::schnorr(signature, key, &hash()) else {
            if let Some(bytes) = spare {
                self.run.spare.give_back(bytes);
            }
            return false;
        };
        let found = self.run.last.then(|| {
            self.run.shared.ledger.made_alone(1);
            list::verify_one(&check).unwrap_or_else(|| Found {
                valid: verify_schnorr(key, &hash(), signature),
                odd: false,
            })
        });
        if found.is_none() {
            state.queue.push(check, None, None);
        }
        state.first(Asked { check, covers: None, assumed: true, spare, found })
    }
}
