//! A list of signature checks in, one verdict each out.
//!
//! Where the nonce points are known (BIP340 tells them, for ECDSA a hint does) the batch equation
//! is tried; whatever it does not show to be valid, and all else, is verified by itself in
//! lock-step. So a hint can only change the time it takes, and the equation only ever says yes.
//! What one-by-one checks refuse before they touch the curve is refused here by the same code
//! (`curve`).

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use k256::Scalar;
use rayon::prelude::*;
use sha2::Digest;

use super::equation::{Key, Relation, Target, Told, holds};
use super::field::Fe;
use super::lanes::{Job, Lanes};
use super::lockstep::{self, Found};
use super::scalar;
use super::simd::dispatch;
use crate::curve::{EcdsaSignature, KeyForm};
use crate::hash::tagged;

/// Most checks in one equation: bounds the memory, and more gain next to nothing.
const EQUATION_MOST: usize = 4096;
/// Failed equations are halved down to this many, which go in lock-step.
const BISECT_TO: usize = 16;
/// Parts of a failed equation that may be tried again, in multiples of its size.
const BISECT_BUDGET: usize = 2;
/// Relations that may stand in equations that fail, before any has held.
const CREDIT: i64 = 2 * EQUATION_MOST as i64;
/// So many relations that equations have proven pay for one more that stands in a failing one. One
/// in an equation costs less than 4/5 of one verified alone (the tests count multiplications), so
/// each that is proven saves a quarter of what it cost.
const PROVEN_FOR_ONE: i64 = 4;
/// Checks without a hint from which on some are tried, to see whether all are of signers that make
/// their nonce points even, as our wallet does; and how many are tried.
const GUESS_FROM: usize = 64;
const GUESS_BY: usize = 16;
/// Checks for which another thread is worth asking.
const CHECKS_PER_THREAD: usize = 16;

/// A signature check whose parts are well formed; the rest is not valid without looking further.
#[derive(Debug, Clone, Copy)]
pub enum Check {
    Ecdsa {
        signature: EcdsaSignature,
        key: Key,
        digest: [u8; 32],
    },
    /// `challenge` as BIP340 has it, `s` below the order, `r` below p.
    Schnorr {
        r: Fe,
        s: Scalar,
        key: Key,
        challenge: Scalar,
    },
}

impl Check {
    /// `der` without hash type. None: not valid.
    pub fn ecdsa(der: &[u8], key: &[u8], digest: &[u8; 32]) -> Option<Check> {
        let form = KeyForm::from_bytes(key)?;
        let signature = EcdsaSignature::from_lax_der(der)?;
        if signature.is_zero() {
            return None;
        }
        let y = match form.y {
            Some(y) => Some(Fe::from_bytes(&y)?),
            None => None,
        };
        let key = Key { x: Fe::from_bytes(&form.x)?, odd: form.odd, y };
        Some(Check::Ecdsa { signature, key, digest: *digest })
    }

    /// None: not valid.
    pub fn schnorr(signature: &[u8; 64], key: &[u8; 32], message: &[u8]) -> Option<Check> {
        let (mut r, mut s) = ([0u8; 32], [0u8; 32]);
        r.copy_from_slice(&signature[..32]);
        s.copy_from_slice(&signature[32..]);
        let x = Fe::from_bytes(key)?;
        let mut engine = tagged("BIP0340/challenge");
        engine.update(r);
        engine.update(key);
        engine.update(message);
        let challenge = scalar::reduced(&engine.finalize().into());
        let key = Key { x, odd: false, y: None };
        Some(Check::Schnorr { r: Fe::from_bytes(&r)?, s: scalar::from_bytes(&s)?, key, challenge })
    }

    /// The digest of an ECDSA check, where it was left for later.
    pub fn set_digest(&mut self, made: [u8; 32]) {
        if let Check::Ecdsa { digest, .. } = self {
            *digest = made;
        }
    }

    /// Both are ECDSA checks of one signature by one key, whatever they cover.
    pub fn is_same_ecdsa(&self, other: &Check) -> bool {
        match (self, other) {
            (
                Check::Ecdsa { signature, key, .. },
                Check::Ecdsa { signature: signature2, key: key2, .. },
            ) => signature == signature2 && key == key2,
            _ => false,
        }
    }

    /// Its nonce point has to be given.
    pub fn is_ecdsa(&self) -> bool {
        matches!(self, Check::Ecdsa { .. })
    }
}

/// What checks have cost, counted in relations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Work {
    /// Verified by themselves.
    pub alone: usize,
    /// Shown to be valid by an equation.
    pub proven: usize,
    /// In equations that were tried, whether they held or not.
    pub in_equations: usize,
}

impl Work {
    /// Checks that were made.
    pub fn checks(&self) -> usize {
        self.alone + self.proven
    }
}

/// Keeps failing equations within bounds over many lists: they may cost a constant, and beyond it
/// no more than equations that held have saved. Shared by the threads of one job.
#[derive(Debug)]
pub struct Ledger {
    credit: AtomicI64,
    alone: AtomicUsize,
    proven: AtomicUsize,
    in_equations: AtomicUsize,
}

impl Default for Ledger {
    fn default() -> Ledger {
        Ledger {
            credit: AtomicI64::new(CREDIT),
            alone: AtomicUsize::new(0),
            proven: AtomicUsize::new(0),
            in_equations: AtomicUsize::new(0),
        }
    }
}

impl Ledger {
    /// What was done so far.
    pub fn work(&self) -> Work {
        Work {
            alone: self.alone.load(Ordering::Relaxed),
            proven: self.proven.load(Ordering::Relaxed),
            in_equations: self.in_equations.load(Ordering::Relaxed),
        }
    }

    /// So many checks were made elsewhere, each by itself.
    pub fn made_alone(&self, checks: usize) {
        self.alone.fetch_add(checks, Ordering::Relaxed);
    }

    /// An equation of so many relations may be tried.
    fn try_equation(&self, relations: usize) -> bool {
        let cost = relations as i64;
        let less = |credit: i64| credit.checked_sub(cost).filter(|left| *left >= 0);
        let taken = self.credit.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok();
        if taken {
            self.in_equations.fetch_add(relations, Ordering::Relaxed);
        }
        taken
    }

    /// An equation that was tried has held.
    fn held(&self, relations: usize) {
        self.proven.fetch_add(relations, Ordering::Relaxed);
        let proven = relations as i64;
        self.credit.fetch_add(proven + proven / PROVEN_FOR_ONE, Ordering::Relaxed);
    }
}

/// Verifies each check; `hints` are the parities of the nonce points where they are known (true is
/// odd), in the order of checks, and may be wrong. On all threads; the verdicts are those of
/// `verify_here`.
pub fn verify(checks: &[Check], hints: &[Option<bool>]) -> Vec<Found> {
    verify_within(checks, hints, &Ledger::default())
}

/// The same on this thread.
pub fn verify_here(checks: &[Check], hints: &[Option<bool>]) -> Vec<Found> {
    verify_here_within(checks, hints, &Ledger::default())
}

/// `verify` as one of many lists.
pub fn verify_within(checks: &[Check], hints: &[Option<bool>], ledger: &Ledger) -> Vec<Found> {
    assert_eq!(checks.len(), hints.len(), "a hint or none for each check");
    let threads = rayon::current_num_threads().max(1);
    let part = checks.len().div_ceil(threads).clamp(CHECKS_PER_THREAD, EQUATION_MOST);
    if checks.len() <= part {
        return verify_here_within(checks, hints, ledger);
    }
    let parts: Vec<Vec<Found>> = checks
        .par_chunks(part)
        .zip(hints.par_chunks(part))
        .map(|(checks, hints)| verify_here_within(checks, hints, ledger))
        .collect();
    parts.concat()
}

/// `verify_here` as one of many lists.
pub fn verify_here_within(checks: &[Check], hints: &[Option<bool>], ledger: &Ledger) -> Vec<Found> {
    let parts = checks.chunks(EQUATION_MOST).zip(hints.chunks(EQUATION_MOST));
    parts.flat_map(|(checks, hints)| dispatch(Verify { checks, hints, ledger })).collect()
}

/// Verifies one check, where one in a set of lanes is quicker than k256 is; else None.
pub fn verify_one(check: &Check) -> Option<Found> {
    dispatch(One(check))
}

struct One<'a>(&'a Check);

impl Job for One<'_> {
    type Output = Option<Found>;

    #[inline(always)]
    fn run<const W: usize, L: Lanes<W>>(self) -> Option<Found> {
        if !L::QUICK_ALONE {
            return None;
        }
        let relations = relations(std::slice::from_ref(self.0));
        lockstep::verify::<W, L>(&relations).first().copied()
    }
}

/// The work of one part, over any lanes.
#[derive(Clone, Copy)]
pub(super) struct Verify<'a> {
    pub checks: &'a [Check],
    pub hints: &'a [Option<bool>],
    pub ledger: &'a Ledger,
}

impl Job for Verify<'_> {
    type Output = Vec<Found>;

    #[inline(always)]
    fn run<const W: usize, L: Lanes<W>>(self) -> Vec<Found> {
        let relations = relations(self.checks);
        let mut found = vec![None; relations.len()];
        let guess = guess::<W, L>(&relations, self.hints, self.ledger, &mut found);
        let told: Vec<(usize, Told<'_>)> = relations
            .iter()
            .zip(self.hints)
            .enumerate()
            .filter(|(at, _)| found[*at].is_none())
            .filter_map(|(at, (relation, hint))| Some((at, Told::new(relation, hint.or(guess))?)))
            .collect();
        if told.len() >= L::EQUATION_FROM {
            // Parts still to be tried, the first on top.
            let mut parts = Vec::from([(0, told.len())]);
            let mut budget = BISECT_BUDGET * told.len();
            let mut first = true;
            while let Some((start, end)) = parts.pop() {
                let part = &told[start..end];
                if !first {
                    if part.len() <= BISECT_TO || part.len() > budget {
                        continue;
                    }
                    budget -= part.len();
                }
                first = false;
                if !self.ledger.try_equation(part.len()) {
                    continue;
                }
                let relations: Vec<Told<'_>> = part.iter().map(|(_, told)| *told).collect();
                if holds::<W, L>(&relations) {
                    self.ledger.held(part.len());
                    for (at, told) in part {
                        found[*at] = Some(Found { valid: true, odd: told.odd });
                    }
                } else {
                    let middle = start + part.len() / 2;
                    parts.extend([(middle, end), (start, middle)]);
                }
            }
        }
        let rest: Vec<usize> = (0..found.len()).filter(|at| found[*at].is_none()).collect();
        if !rest.is_empty() {
            self.ledger.made_alone(rest.len());
            let alone: Vec<Relation> = rest.iter().map(|at| relations[*at]).collect();
            for (at, one) in rest.iter().zip(lockstep::verify::<W, L>(&alone)) {
                found[*at] = Some(one);
            }
        }
        found.into_iter().flatten().collect()
    }
}

/// What to take for a hint where there is none: even, if that is what a sample is. Somebody else's
/// signatures are odd as often as not, so that a sample of theirs is even once in 2^16 times, and
/// then the equation fails.
#[inline(always)]
fn guess<const W: usize, L: Lanes<W>>(
    relations: &[Relation],
    hints: &[Option<bool>],
    ledger: &Ledger,
    found: &mut [Option<Found>],
) -> Option<bool> {
    let told = relations.iter().zip(hints).map(|(one, hint)| Told::new(one, *hint).is_some());
    let untold: Vec<usize> = told.enumerate().filter(|(_, told)| !told).map(|(at, _)| at).collect();
    if untold.len() < GUESS_FROM {
        return None;
    }
    // As many at a time as there are lanes; as a rule the first ones say it.
    let sample: Vec<usize> = untold.iter().step_by(untold.len() / GUESS_BY).copied().collect();
    for some in sample[..GUESS_BY].chunks(W) {
        let alone: Vec<Relation> = some.iter().map(|at| relations[*at]).collect();
        ledger.made_alone(alone.len());
        let verified = lockstep::verify::<W, L>(&alone);
        for (at, one) in some.iter().zip(&verified) {
            found[*at] = Some(*one);
        }
        if verified.iter().any(|one| !one.valid || one.odd) {
            return None;
        }
    }
    Some(false)
}

/// What the checks say about points; the inverses of all S are found together.
pub fn relations(checks: &[Check]) -> Vec<Relation> {
    let mut inverses: Vec<Scalar> = checks
        .iter()
        .map(|check| match check {
            Check::Ecdsa { signature, .. } => signature.s(),
            Check::Schnorr { .. } => Scalar::ONE,
        })
        .collect();
    scalar::invert_all(&mut inverses);
    let relation = |(check, inverse): (&Check, Scalar)| match check {
        Check::Ecdsa { signature, key, digest } => Relation {
            u1: scalar::reduced(digest) * inverse,
            u2: signature.r() * inverse,
            key: *key,
            target: Target::Ecdsa { r: signature.r() },
        },
        Check::Schnorr { r, s, key, challenge } => {
            Relation { u1: *s, u2: -*challenge, key: *key, target: Target::Schnorr { x: *r } }
        }
    };
    checks.iter().zip(inverses).map(relation).collect()
}
