//! `crypto/batch` beside libsecp256k1: points, sums of points, and lists of signatures with a bad one
//! in them.
//!
//! `FORTHCOIN_BATCH_POINTS` says how many cases of points are tried (20,000),
//! `FORTHCOIN_BATCH_PLANTED` how many lists (2,000); `FORTHCOIN_BATCH_SEED` from where random
//! numbers start.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bitcoin::secp256k1::{
    All, Keypair, Message, PublicKey, Scalar, Secp256k1, XOnlyPublicKey, ecdsa, schnorr,
};
use crypto::batch::field::Fe;
use crypto::batch::lanes::{Job, Lanes};
use crypto::batch::list::{Check, verify_here};
use crypto::batch::multiscalar::sum;
use crypto::batch::point::{Affine, Projective, lift_all};
use crypto::batch::scalar::Short;
use crypto::batch::simd::{dispatch, each};
use rayon::prelude::*;

const P: [u8; 32] = {
    let mut p = [0xff; 32];
    (p[27], p[30], p[31]) = (0xfe, 0xfc, 0x2f);
    p
};

/// Numbers from a seed (SplitMix64).
struct Random(u64);

impl Random {
    fn of(round: usize) -> Random {
        let mut random = Random(from_env("FORTHCOIN_BATCH_SEED", 1) as u64);
        Random(random.next().wrapping_add((round as u64).wrapping_mul(0xd134_2543_de82_ef95)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_exact_mut(8) {
            chunk.copy_from_slice(&self.next().to_be_bytes());
        }
        bytes
    }

    /// 32 bytes, often with long runs of equal bits, or close to 0 or p.
    fn rough(&mut self) -> [u8; 32] {
        let mut bytes = self.bytes();
        match self.below(6) {
            0 => bytes[self.below(32)..].fill(0xff),
            1 => {
                let (start, fill) = (self.below(32), [0, 0xff][self.below(2)]);
                bytes[..start].fill(fill);
            }
            2 => {
                bytes = P;
                bytes[31] = self.next() as u8;
            }
            3 => {
                bytes = [0; 32];
                bytes[31] = self.next() as u8;
            }
            _ => {}
        }
        bytes
    }
}

fn from_env(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

#[derive(Clone, Copy)]
struct Lift<'a>(&'a [(Fe, bool)]);

impl Job for Lift<'_> {
    type Output = Vec<Option<Affine<Fe>>>;

    fn run<const W: usize, L: Lanes<W>>(self) -> Self::Output {
        lift_all::<W, L>(self.0)
    }
}

#[derive(Clone, Copy)]
struct Sum<'a>(&'a [Affine<Fe>], &'a [Short]);

impl Job for Sum<'_> {
    type Output = Projective<Fe>;

    fn run<const W: usize, L: Lanes<W>>(self) -> Projective<Fe> {
        sum::<W, L>(self.0, self.1)
    }
}

fn theirs(point: &Affine<Fe>) -> PublicKey {
    let bytes = [&[4][..], &point.x.to_bytes(), &point.y.to_bytes()].concat();
    PublicKey::from_slice(&bytes).expect("a point of the curve")
}

fn same(ours: Projective<Fe>, wanted: Option<PublicKey>) -> bool {
    ours.to_affine().map(|point| theirs(&point)) == wanted
}

/// The sum of what is there; None is the identity.
fn combined(keys: &[PublicKey]) -> Option<PublicKey> {
    let keys: Vec<&PublicKey> = keys.iter().collect();
    if keys.is_empty() { None } else { PublicKey::combine_keys(&keys).ok() }
}

/// Points lifted from x, added and doubled, and multiplied and added up, by both.
fn compare_points(random: &mut Random, secp: &Secp256k1<All>) {
    let xs: Vec<(Fe, bool)> = (0..12)
        .filter_map(|_| Some((Fe::from_bytes(&random.rough())?, random.below(2) == 1)))
        .collect();
    let lifted = dispatch(Lift(&xs));
    let mut points = vec![];
    for ((x, odd), point) in xs.iter().zip(&lifted) {
        let bytes = [&[2 + u8::from(*odd)][..], &x.to_bytes()].concat();
        let wanted = PublicKey::from_slice(&bytes).ok();
        assert_eq!(point.map(|point| theirs(&point)), wanted, "{bytes:?}");
        points.extend(*point);
    }
    // The same point again, and one with the same x.
    if let Some(&first) = points.first() {
        points.push(first);
        points.push(Affine { x: first.x, y: first.y.neg() });
    }
    for pair in points.windows(2) {
        let (a, b) = (pair[0].to_projective(), pair[1].to_projective());
        let wanted = combined(&[theirs(&pair[0]), theirs(&pair[1])]);
        assert!(same(a.add(&b), wanted) && same(a.add_affine(&pair[1]), wanted), "{pair:?}");
        assert!(same(a.double(), combined(&[theirs(&pair[0]); 2])), "2 · {pair:?}");
    }
    let scalars: Vec<Short> = points
        .iter()
        .map(|_| {
            let wide = u128::from(random.next()) << 64 | u128::from(random.next());
            let magnitude = match random.below(5) {
                0 => u128::MAX - u128::from(random.next() % 4),
                1 => u128::from(random.next() % 4),
                2 => 1 << random.below(128),
                _ => wide,
            };
            Short { negative: random.below(2) == 1, magnitude }
        })
        .collect();
    let products: Vec<PublicKey> = points
        .iter()
        .zip(&scalars)
        .filter(|(_, scalar)| scalar.magnitude > 0)
        .map(|(point, scalar)| {
            let mut bytes = [0; 32];
            bytes[16..].copy_from_slice(&scalar.magnitude.to_be_bytes());
            let factor = Scalar::from_be_bytes(bytes).expect("a scalar");
            let product = theirs(point).mul_tweak(secp, &factor).expect("not the identity");
            if scalar.negative { product.negate(secp) } else { product }
        })
        .collect();
    let wanted = combined(&products);
    assert!(same(dispatch(Sum(&points, &scalars)), wanted), "{points:?} {scalars:?}");
    if random.below(16) == 0 {
        for (name, sum) in each(Sum(&points, &scalars)) {
            assert!(same(sum, wanted), "{name}: {points:?} {scalars:?}");
        }
        for (name, again) in each(Lift(&xs)) {
            assert_eq!(again, lifted, "{name}");
        }
    }
}

#[test]
fn points_are_libsecp256k1s() {
    let (secp, start) = (Secp256k1::new(), Instant::now());
    let rounds = from_env("FORTHCOIN_BATCH_POINTS", 20_000).div_ceil(12);
    (0..rounds).into_par_iter().for_each(|round| compare_points(&mut Random::of(round), &secp));
    println!("{} points and {rounds} sums in {:?}", 12 * rounds, start.elapsed());
}

/// A signature as bytes.
#[derive(Debug, Clone)]
enum Posed {
    Ecdsa { der: Vec<u8>, key: [u8; 33], digest: [u8; 32] },
    Schnorr { signature: [u8; 64], key: [u8; 32], digest: [u8; 32] },
}

impl Posed {
    fn new(n: usize, secp: &Secp256k1<All>) -> Posed {
        let mut random = Random(n as u64 + 1);
        let pair = Keypair::from_seckey_slice(secp, &random.bytes()).expect("a scalar");
        let digest = random.bytes();
        let message = Message::from_digest(digest);
        if n.is_multiple_of(2) {
            let signature = secp.sign_schnorr_with_aux_rand(&message, &pair, &random.bytes());
            let key = pair.x_only_public_key().0.serialize();
            return Posed::Schnorr { signature: signature.serialize(), key, digest };
        }
        let signature = secp.sign_ecdsa(&message, &pair.secret_key());
        let der = signature.serialize_der().to_vec();
        Posed::Ecdsa { der, key: pair.public_key().serialize(), digest }
    }

    fn check(&self) -> Option<Check> {
        match self {
            Posed::Ecdsa { der, key, digest } => Check::ecdsa(der, key, digest),
            Posed::Schnorr { signature, key, digest } => Check::schnorr(signature, key, digest),
        }
    }

    /// What libsecp256k1 says, as Core asks it.
    fn alone(&self, secp: &Secp256k1<All>) -> bool {
        match self {
            Posed::Ecdsa { der, key, digest } => {
                let signature = ecdsa::Signature::from_der_lax(der).ok();
                let key = PublicKey::from_slice(key).ok();
                signature.zip(key).is_some_and(|(mut signature, key)| {
                    signature.normalize_s();
                    secp.verify_ecdsa(&Message::from_digest(*digest), &signature, &key).is_ok()
                })
            }
            Posed::Schnorr { signature, key, digest } => {
                let signature = schnorr::Signature::from_slice(signature).expect("64 bytes");
                XOnlyPublicKey::from_slice(key).is_ok_and(|key| {
                    secp.verify_schnorr(&signature, &Message::from_digest(*digest), &key).is_ok()
                })
            }
        }
    }

    /// Makes it bad in one of the ways that there are; it may become malformed.
    fn spoil(&mut self, other: &Posed, random: &mut Random) {
        let bit = 1u8 << random.below(8);
        match self {
            Posed::Ecdsa { der, key, digest } => match random.below(7) {
                0 => digest[random.below(32)] ^= bit,
                1 => key[1 + random.below(32)] ^= bit,
                2 => key[0] ^= 1,
                3 => {
                    let at = der.len() - 1 - random.below(30);
                    der[at] ^= bit;
                }
                4 => der[6 + random.below(20)] ^= bit,
                5 => der[random.below(5)] ^= bit,
                _ => match other {
                    Posed::Ecdsa { key: others, .. } => *key = *others,
                    Posed::Schnorr { key: x, .. } => key[1..].copy_from_slice(x),
                },
            },
            Posed::Schnorr { signature, key, digest } => match random.below(6) {
                0 => digest[random.below(32)] ^= bit,
                1 => key[random.below(32)] ^= bit,
                2 => signature[random.below(32)] ^= bit,
                3 => signature[32 + random.below(32)] ^= bit,
                4 => signature[32..].copy_from_slice(&random.rough()),
                _ => match other {
                    Posed::Ecdsa { key: others, .. } => key.copy_from_slice(&others[1..]),
                    Posed::Schnorr { key: others, .. } => *key = *others,
                },
            },
        }
    }
}

/// One bad signature at a random place of a list is named, and it alone.
#[test]
fn a_planted_bad_signature_is_named() {
    let secp = Secp256k1::new();
    let rounds = from_env("FORTHCOIN_BATCH_PLANTED", 2_000);
    let pool: Vec<Posed> =
        (0..rounds.clamp(64, 4096)).into_par_iter().map(|n| Posed::new(n, &secp)).collect();
    let checks: Vec<Check> = pool.iter().map(|posed| posed.check().expect("formed")).collect();
    let found = verify_here(&checks, &vec![None; checks.len()]);
    assert!(found.iter().all(|found| found.valid));
    let (start, malformed) = (Instant::now(), AtomicUsize::new(0));
    (0..rounds).into_par_iter().for_each(|round| {
        let mut random = Random::of(round);
        let count = 8 + random.below(if round % 64 == 0 { 200 } else { 12 });
        let places: Vec<usize> = (0..count).map(|_| random.below(pool.len())).collect();
        let bad = random.below(count);
        let mut posed = pool[places[bad]].clone();
        while posed.alone(&secp) {
            posed.spoil(&pool[random.below(pool.len())], &mut random);
        }
        let mut list: Vec<Check> = places.iter().map(|at| checks[*at]).collect();
        let mut hints: Vec<Option<bool>> = places.iter().map(|at| Some(found[*at].odd)).collect();
        let mut wanted: Vec<bool> = (0..count).map(|at| at != bad).collect();
        match posed.check() {
            Some(check) => list[bad] = check,
            // Refused without a look at the curve: it has no place in the list.
            None => {
                list.remove(bad);
                hints.remove(bad);
                wanted.remove(bad);
                malformed.fetch_add(1, Ordering::Relaxed);
            }
        }
        // What is said of nonces is true, missing, or a lie.
        match round % 8 {
            0 => hints.fill(None),
            1 => hints.iter_mut().for_each(|hint| *hint = Some(random.below(2) == 1)),
            _ => {}
        }
        let verdicts: Vec<bool> = verify_here(&list, &hints).iter().map(|f| f.valid).collect();
        assert_eq!(verdicts, wanted, "round {round}: {posed:?} at {bad}");
    });
    let malformed = malformed.into_inner();
    println!("{rounds} lists, {malformed} bad ones malformed, in {:?}", start.elapsed());
}

/// Pairs of signatures whose errors add up to nothing if every relation counts alike.
#[test]
fn errors_that_cancel_are_refused() {
    let secp = Secp256k1::new();
    for round in 0..from_env("FORTHCOIN_BATCH_PLANTED", 2_000) / 20 {
        let mut random = Random::of(round);
        let mut list: Vec<Posed> =
            (0..16).map(|at| Posed::new(2 * (at + random.below(1 << 20)), &secp)).collect();
        let (a, b) = (random.below(8), 8 + random.below(8));
        // s + d and s - d, d small: bytes alone, so that nothing wraps but once in 2^200 times.
        let delta = 1 + random.below(1 << 30) as i64;
        for (at, mut carry) in [(a, delta), (b, -delta)] {
            let Posed::Schnorr { signature, .. } = &mut list[at] else { unreachable!() };
            for byte in signature[32..].iter_mut().rev() {
                let sum = i64::from(*byte) + carry;
                (*byte, carry) = (sum.rem_euclid(256) as u8, sum.div_euclid(256));
            }
        }
        let checks: Vec<Check> = list.iter().map(|one| one.check().expect("formed")).collect();
        let verdicts = verify_here(&checks, &[None; 16]);
        let wanted: Vec<bool> = list.iter().map(|one| one.alone(&secp)).collect();
        assert_eq!(wanted.iter().filter(|valid| !**valid).count(), 2);
        assert_eq!(verdicts.iter().map(|found| found.valid).collect::<Vec<_>>(), wanted);
    }
}
