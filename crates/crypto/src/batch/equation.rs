//! Checks as linear relations over the curve, and the randomised equation that verifies many of
//! them at once (BIP340, "Batch Verification").
//!
//! A relation states u1·G + u2·Q = R. BIP340 gives R whole; ECDSA gives only its x (modulo the
//! order), so the parity of y has to be known from a hint. Relations with R known are added up,
//! each multiplied by a 128-bit coefficient that is derived from a hash over all of them: the sum
//! is the identity if all hold, and if one does not, with a probability of about 2^-128.

use k256::Scalar;
use sha2::{Digest, Sha256};

use super::field::Fe;
use super::lanes::Lanes;
use super::multiscalar;
use super::point::{Affine, lift_all};
use super::scalar::{self, Short};
use crate::hash::tagged;

/// A public key that may be no point: x below p, the parity of y, and y where it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub x: Fe,
    pub odd: bool,
    pub y: Option<Fe>,
}

/// What the nonce point R must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Its x is `r` modulo the order; `r` is not zero.
    Ecdsa { r: Scalar },
    /// Its x is this and its y is even.
    Schnorr { x: Fe },
}

/// u1·G + u2·Q is a point as `target` wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relation {
    pub u1: Scalar,
    pub u2: Scalar,
    pub key: Key,
    pub target: Target,
}

/// A relation with its nonce point given: x and the parity of y.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    pub relation: &'a Relation,
    pub x: Fe,
    pub odd: bool,
}

impl<'a> Told<'a> {
    /// None when it takes a hint, and there is none. An `r` that is x less the order is as good as
    /// not told: the equation then fails.
    pub fn new(relation: &'a Relation, hint: Option<bool>) -> Option<Told<'a>> {
        let (x, odd) = match relation.target {
            Target::Schnorr { x } => (x, false),
            Target::Ecdsa { r } => (Fe::from_bytes(&r.to_bytes().into())?, hint?),
        };
        Some(Told { relation, x, odd })
    }
}

/// Whether all relations hold with the given nonce points. False means that one of them does not,
/// but not which.
#[inline(always)]
pub fn holds<const W: usize, L: Lanes<W>>(told: &[Told<'_>]) -> bool {
    let seed = seed(told);
    let mut of_generator = Scalar::ZERO;
    // Points with even y, by x, with what they are multiplied by.
    let mut terms: Vec<Term> = Vec::with_capacity(2 * told.len());
    for (at, one) in told.iter().enumerate() {
        let coefficient = coefficient(&seed, at);
        let scalar = scalar::from_u128(coefficient);
        let relation = one.relation;
        of_generator += scalar * relation.u1;
        let of_key = scalar * relation.u2;
        terms.push(Term {
            x: one.x,
            scalar: if one.odd { scalar } else { -scalar },
            short: Some(Short { negative: !one.odd, magnitude: coefficient }),
            y: None,
        });
        terms.push(Term {
            x: relation.key.x,
            scalar: if relation.key.odd { -of_key } else { of_key },
            short: None,
            y: relation.key.y.map(|y| if relation.key.odd { y.neg() } else { y }),
        });
    }
    let Some(terms) = merge(terms) else { return false };
    let xs: Vec<(Fe, bool)> = terms.iter().map(|term| (term.x, false)).collect();
    let mut points = Vec::with_capacity(2 * terms.len() + 2);
    let mut scalars = Vec::with_capacity(2 * terms.len() + 2);
    let mut put = |point: Affine<Fe>, scalar: &Scalar, short: Option<Short>| match short {
        Some(short) => {
            points.push(point);
            scalars.push(short);
        }
        None => {
            points.extend([point, point.endomorphism()]);
            scalars.extend(scalar::split(scalar));
        }
    };
    put(Affine::G, &of_generator, None);
    for (term, point) in terms.iter().zip(lift_all::<W, L>(&xs)) {
        let Some(point) = point else { return false };
        if term.y.is_some_and(|y| y != point.y) {
            return false;
        }
        put(point, &term.scalar, term.short);
    }
    multiscalar::sum::<W, L>(&points, &scalars).is_identity()
}

/// A multiple of the point with even y at x.
struct Term {
    x: Fe,
    scalar: Scalar,
    /// The same as `scalar`, while that is short.
    short: Option<Short>,
    /// y of the point, where it was given.
    y: Option<Fe>,
}

/// One term for each x, so that keys that come again cost nothing. None if two disagree about y.
fn merge(mut terms: Vec<Term>) -> Option<Vec<Term>> {
    terms.sort_unstable_by_key(|term| term.x.canonical());
    let mut merged: Vec<Term> = Vec::with_capacity(terms.len());
    for term in terms {
        match merged.last_mut() {
            Some(last) if last.x == term.x => {
                if last.y.is_some() && term.y.is_some() && last.y != term.y {
                    return None;
                }
                last.y = last.y.or(term.y);
                last.scalar += term.scalar;
                last.short = None;
            }
            _ => merged.push(term),
        }
    }
    Some(merged)
}

/// A hash over every part of every relation and over its given nonce point.
fn seed(told: &[Told<'_>]) -> [u8; 32] {
    let mut engine = tagged("ForthCoin/batch");
    for one in told {
        let relation = one.relation;
        engine.update(relation.u1.to_bytes());
        engine.update(relation.u2.to_bytes());
        engine.update(relation.key.x.to_bytes());
        engine.update(one.x.to_bytes());
        let y = relation.key.y.unwrap_or(Fe::ZERO);
        let flags = u8::from(one.odd)
            | u8::from(relation.key.odd) << 1
            | u8::from(relation.key.y.is_some()) << 2
            | u8::from(matches!(relation.target, Target::Schnorr { .. })) << 3;
        engine.update([flags]);
        if relation.key.y.is_some() {
            engine.update(y.to_bytes());
        }
    }
    engine.finalize().into()
}

/// The coefficient of relation `at`: 128 bits, not zero.
fn coefficient(seed: &[u8; 32], at: usize) -> u128 {
    let mut engine = Sha256::new();
    engine.update(seed);
    engine.update((at as u64).to_le_bytes());
    let digest: [u8; 32] = engine.finalize().into();
    let mut bytes = [0u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    u128::from_le_bytes(bytes).max(1)
}
