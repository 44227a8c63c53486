//! Independent verifications, as many at a time as there are lanes: the same operations on all of
//! them, whatever their scalars, so that nothing needs to be known in advance.
//!
//! It computes the whole nonce point, and so learns the parity that a batch needs as a hint.

use super::equation::{Relation, Target};
use super::field::Fe;
use super::lanes::{Entry, Lanes};
use super::point::{self, Affine, Projective, invert_all, lift_all};
use super::scalar::{self, digit_count, digits};

/// Bits of a digit of the key's scalar, and multiples of the key that are made for it.
const KEY_WINDOW: u32 = 5;
const KEY_MULTIPLES: usize = 1 << (KEY_WINDOW - 1);
/// The same for the generator, whose multiples are made once.
const G_WINDOW: u32 = 10;
const G_MULTIPLES: usize = 1 << (G_WINDOW - 1);

/// What a verification found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub valid: bool,
    /// The nonce point's y is odd; false where there is none.
    pub odd: bool,
}

/// Verifies each relation by itself.
#[inline(always)]
pub fn verify<const W: usize, L: Lanes<W>>(relations: &[Relation]) -> Vec<Found> {
    let generator = generator_multiples::<W, L>();
    let keys: Vec<(Fe, bool)> = relations.iter().map(|r| (r.key.x, r.key.odd)).collect();
    let keys = lift_all::<W, L>(&keys);
    let mut nonces = Vec::with_capacity(relations.len());
    for (relations, keys) in relations.chunks(W).zip(keys.chunks(W)) {
        nonces.extend(nonce_points::<W, L>(relations, keys, generator));
    }
    let nonces = to_affine_all(&nonces);
    let found = relations.iter().zip(keys).zip(nonces).map(|((relation, key), nonce)| {
        let none = Found { valid: false, odd: false };
        let (Some(key), Some(nonce)) = (key, nonce) else { return none };
        if relation.key.y.is_some_and(|y| y != key.y) {
            return none;
        }
        let odd = nonce.y.is_odd();
        let valid = match relation.target {
            Target::Ecdsa { r } => scalar::reduced(&nonce.x.to_bytes()) == r,
            Target::Schnorr { x } => nonce.x == x && !odd,
        };
        Found { valid, odd }
    });
    found.collect()
}

/// Multiples of some points, one in each lane, for each digit, negative ones first.
#[inline(always)]
fn key_multiples<const W: usize, L: Lanes<W>>(keys: &Affine<L>) -> Vec<[Entry<L::Slot>; W]> {
    entries(&multiples(keys, KEY_MULTIPLES))
}

/// The same of the generator, made once for the process.
#[inline(always)]
fn generator_multiples<const W: usize, L: Lanes<W>>() -> &'static [Entry<L::Slot>] {
    L::generator().get_or_init(|| {
        let generator = Affine { x: L::splat(&Affine::G.x), y: L::splat(&Affine::G.y) };
        entries(&multiples(&generator, G_MULTIPLES)).iter().map(|lanes| lanes[0]).collect()
    })
}

/// 1 to `most` times some points.
#[inline(always)]
fn multiples<const W: usize, L: Lanes<W>>(points: &Affine<L>, most: usize) -> Vec<Projective<L>> {
    let mut multiples = Vec::with_capacity(most);
    multiples.push(points.to_projective());
    for at in 1..most {
        let next = match at & 1 {
            1 => multiples[at / 2].double(),
            _ => multiples[at - 1].add_affine(points),
        };
        multiples.push(next);
    }
    multiples
}

/// For each digit from -most to most what it stands for, in each lane.
#[inline(always)]
fn entries<const W: usize, L: Lanes<W>>(multiples: &[Projective<L>]) -> Vec<[Entry<L::Slot>; W]> {
    let zero = L::splat(&Fe::ZERO);
    let beta = L::splat(&Fe::BETA);
    let mut entries = Vec::with_capacity(2 * multiples.len() + 1);
    let mut put = |x: &L, y: &L, z: &L| {
        let (beta_x, x, y, z) = (x.mul(&beta).store(), x.store(), y.store(), z.store());
        entries.push(std::array::from_fn(|lane| Entry {
            x: x[lane],
            beta_x: beta_x[lane],
            y: y[lane],
            z: z[lane],
        }));
    };
    for multiple in multiples.iter().rev() {
        put(&multiple.x, &zero.sub(&multiple.y), &multiple.z);
    }
    let identity = Projective::<L>::identity();
    put(&identity.x, &identity.y, &identity.z);
    for multiple in multiples {
        put(&multiple.x, &multiple.y, &multiple.z);
    }
    entries
}

/// Adds to `sum` one point in each lane, and λ times one more.
#[inline(always)]
fn add_entries<const W: usize, L: Lanes<W>>(
    sum: &Projective<L>,
    plain: [&Entry<L::Slot>; W],
    lambda: [&Entry<L::Slot>; W],
) -> Projective<L> {
    let first = Projective {
        x: L::load(plain.map(|entry| &entry.x)),
        y: L::load(plain.map(|entry| &entry.y)),
        z: L::load(plain.map(|entry| &entry.z)),
    };
    let second = Projective {
        x: L::load(lambda.map(|entry| &entry.beta_x)),
        y: L::load(lambda.map(|entry| &entry.y)),
        z: L::load(lambda.map(|entry| &entry.z)),
    };
    sum.add(&first).add(&second)
}

const KEY_DIGITS: usize = digit_count(KEY_WINDOW);
const G_DIGITS: usize = digit_count(G_WINDOW);

/// u1·G + u2·Q of some relations, one in each lane; lanes without a key count with the generator.
#[inline(always)]
fn nonce_points<const W: usize, L: Lanes<W>>(
    relations: &[Relation],
    keys: &[Option<Affine<Fe>>],
    generator: &[Entry<L::Slot>],
) -> impl Iterator<Item = Projective<Fe>> {
    let count = relations.len();
    let mut key_digits = [[[0i32; W]; 2]; KEY_DIGITS];
    let mut g_digits = [[[0i32; W]; 2]; G_DIGITS];
    for (lane, relation) in relations.iter().enumerate() {
        for (half, short) in scalar::split(&relation.u2).iter().enumerate() {
            digits(short, KEY_WINDOW, |at, digit| key_digits[at][half][lane] = digit);
        }
        for (half, short) in scalar::split(&relation.u1).iter().enumerate() {
            digits(short, G_WINDOW, |at, digit| g_digits[at][half][lane] = digit);
        }
    }
    let key = |lane: usize| keys.get(lane).copied().flatten().unwrap_or(Affine::G);
    let slots: [Affine<L::Slot>; W] = std::array::from_fn(|lane| {
        let key = key(lane);
        Affine { x: L::pack(&key.x), y: L::pack(&key.y) }
    });
    let keys = point::load::<W, L>(slots.each_ref());
    let multiples = key_multiples(&keys);
    let mut sum = Projective::<L>::identity();
    let top = ((KEY_DIGITS - 1) as u32 * KEY_WINDOW).max((G_DIGITS - 1) as u32 * G_WINDOW);
    for bit in (0..=top).rev() {
        sum = sum.double();
        if bit % KEY_WINDOW == 0
            && let Some([plain, lambda]) = key_digits.get((bit / KEY_WINDOW) as usize)
        {
            let of_keys = |digits: &[i32; W]| -> [&Entry<L::Slot>; W] {
                std::array::from_fn(|lane| {
                    &multiples[(digits[lane] + KEY_MULTIPLES as i32) as usize][lane]
                })
            };
            sum = add_entries(&sum, of_keys(plain), of_keys(lambda));
        }
        if bit % G_WINDOW == 0
            && let Some([plain, lambda]) = g_digits.get((bit / G_WINDOW) as usize)
        {
            let of_g = |digits: &[i32; W]| {
                digits.map(|digit| &generator[(digit + G_MULTIPLES as i32) as usize])
            };
            sum = add_entries(&sum, of_g(plain), of_g(lambda));
        }
    }
    let (x, y, z) = (sum.x.store(), sum.y.store(), sum.z.store());
    (0..count).map(move |lane| Projective {
        x: L::unpack(&x[lane]),
        y: L::unpack(&y[lane]),
        z: L::unpack(&z[lane]),
    })
}

/// Affine forms by one inversion; None for the identity.
fn to_affine_all(points: &[Projective<Fe>]) -> Vec<Option<Affine<Fe>>> {
    let mut inverses: Vec<Fe> = points.iter().map(|point| point.z).collect();
    invert_all(&mut inverses);
    let affine = |(point, own): (&Projective<Fe>, &Fe)| {
        let affine = Affine { x: point.x.mul(own), y: point.y.mul(own) };
        (!point.is_identity()).then_some(affine)
    };
    points.iter().zip(&inverses).map(affine).collect()
}
