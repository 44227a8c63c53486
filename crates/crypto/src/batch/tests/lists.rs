//! Lists of checks: the verdicts of `verify` equal those of one-by-one checks.

#![expect(clippy::disallowed_types, reason = "a test prints how long it took")]

use std::time::Instant;

use k256::Scalar;
use k256::ecdsa::signature::hazmat::PrehashSigner;
use k256::ecdsa::{Signature, SigningKey};

use super::{Random, from_env};
use crate::batch::equation::{Told, holds};
use crate::batch::lanes::{Job, Lanes, Twin};
use crate::batch::list::{Check, Ledger, Verify, verify, verify_here};
use crate::batch::simd::each;
use crate::curve::{EcdsaSignature, PublicKey, verify_schnorr};

/// A check as a script poses it.
#[derive(Debug, Clone)]
pub enum Posed {
    Ecdsa { der: Vec<u8>, key: Vec<u8>, digest: [u8; 32] },
    Schnorr { signature: [u8; 64], key: [u8; 32], message: [u8; 32] },
}

impl Posed {
    /// The one-by-one path.
    fn alone(&self) -> bool {
        match self {
            Posed::Ecdsa { der, key, digest } => PublicKey::from_bytes(key)
                .zip(EcdsaSignature::from_lax_der(der))
                .is_some_and(|(key, signature)| signature.verify(&key, digest)),
            Posed::Schnorr { signature, key, message } => verify_schnorr(key, message, signature),
        }
    }

    pub fn check(&self) -> Option<Check> {
        match self {
            Posed::Ecdsa { der, key, digest } => Check::ecdsa(der, key, digest),
            Posed::Schnorr { signature, key, message } => Check::schnorr(signature, key, message),
        }
    }
}

fn key(seed: u64) -> SigningKey {
    SigningKey::from_slice(&Random(seed).bytes()).expect("a scalar")
}

pub fn ecdsa(seed: u64, random: &mut Random) -> Posed {
    let key = key(seed);
    let digest = random.bytes();
    let signature: Signature = key.sign_prehash(&digest).expect("a signature");
    let (r, s) = signature.split_scalars();
    // Half of them with high S, which consensus takes.
    let signature = match random.below(2) {
        0 => Signature::from_scalars(*r, -*s).expect("not zero"),
        _ => signature,
    };
    let compressed = random.below(3) > 0;
    let mut public = key.verifying_key().to_sec1_point(compressed).as_bytes().to_vec();
    if !compressed && random.below(2) == 0 {
        public[0] = 6 | public[64] & 1;
    }
    Posed::Ecdsa { der: signature.to_der().as_bytes().to_vec(), key: public, digest }
}

pub fn schnorr(seed: u64, random: &mut Random) -> Posed {
    let key = k256::schnorr::SigningKey::from_slice(&Random(seed).bytes()).expect("a scalar");
    let message = random.bytes();
    let signature = key.sign_raw(&message, &random.bytes()).expect("a signature").to_bytes();
    Posed::Schnorr { signature, key: key.verifying_key().to_bytes().into(), message }
}

pub fn good(count: usize, random: &mut Random) -> Vec<Posed> {
    (0..count)
        .map(|_| {
            let seed = random.below(1 << 20) as u64;
            match random.below(2) {
                0 => ecdsa(seed, random),
                _ => schnorr(seed, random),
            }
        })
        .collect()
}

/// One of the ways in which a signature is bad; each is well formed enough to reach the curve.
pub fn spoil(posed: &mut Posed, random: &mut Random) {
    loop {
        match posed {
            Posed::Ecdsa { der, key, digest } => match random.below(6) {
                0 => digest[random.below(32)] ^= 1 << random.below(8),
                1 => key[1 + random.below(32)] ^= 1 << random.below(8),
                2 => key[0] ^= 1,
                3 => {
                    let at = der.len() - 1 - random.below(30);
                    der[at] ^= 1 << random.below(8);
                }
                4 => der[6 + random.below(20)] ^= 1 << random.below(8),
                _ => {
                    let other = ecdsa(random.next(), random);
                    if let Posed::Ecdsa { key: other, .. } = other {
                        *key = other;
                    }
                }
            },
            Posed::Schnorr { signature, key, message } => match random.below(4) {
                0 => message[random.below(32)] ^= 1 << random.below(8),
                1 => key[random.below(32)] ^= 1 << random.below(8),
                2 => signature[random.below(32)] ^= 1 << random.below(8),
                _ => signature[32 + random.below(32)] ^= 1 << random.below(8),
            },
        }
        if !posed.alone() {
            return;
        }
    }
}

/// The verdicts of a list, malformed checks included.
fn verdicts(posed: &[Posed], mut hint: impl FnMut(usize) -> Option<bool>) -> Vec<bool> {
    let checks: Vec<Option<Check>> = posed.iter().map(Posed::check).collect();
    let formed: Vec<Check> = checks.iter().flatten().copied().collect();
    let hints: Vec<Option<bool>> = (0..formed.len()).map(&mut hint).collect();
    let mut found = verify(&formed, &hints).into_iter();
    checks.iter().map(|check| check.is_some() && found.next().expect("one each").valid).collect()
}

/// The parities that hold, found without hints.
pub fn learnt(posed: &[Posed]) -> Vec<Option<bool>> {
    let checks: Vec<Check> = posed.iter().map(|p| p.check().expect("well formed")).collect();
    let found = verify(&checks, &vec![None; checks.len()]);
    found.iter().map(|found| found.valid.then_some(found.odd)).collect()
}

#[test]
fn good_lists_pass_with_and_without_hints() {
    let mut random = Random(21);
    assert_eq!(verify(&[], &[]), vec![]);
    for count in [1, 2, 3, 4, 5, 7, 8, 9, 16, 33, 100] {
        let posed = good(count, &mut random);
        assert!(posed.iter().all(Posed::alone));
        let all = vec![true; count];
        assert_eq!(verdicts(&posed, |_| None), all);
        let hints = learnt(&posed);
        assert_eq!(verdicts(&posed, |at| hints[at]), all);
        // Every hint wrong, all the same, at random.
        assert_eq!(verdicts(&posed, |at| hints[at].map(|odd| !odd)), all);
        assert_eq!(verdicts(&posed, |_| Some(true)), all);
        assert_eq!(verdicts(&posed, |at| (at % 3 == 0).then_some(at % 2 == 0)), all);
        // All lanes find the same, and lists cut in any way too.
        let checks: Vec<Check> = posed.iter().filter_map(Posed::check).collect();
        let ledger = Ledger::default();
        let job = Verify { checks: &checks, hints: &hints, ledger: &ledger };
        for (name, found) in each(job) {
            assert_eq!(found, verify_here(&checks, &hints), "{name}");
        }
    }
}

#[test]
fn a_planted_bad_signature_is_found() {
    let mut random = Random(22);
    let rounds = from_env("FORTHCOIN_BATCH_PLANTED", 60);
    let start = Instant::now();
    for round in 0..rounds {
        let count = 8 + random.below(if round % 16 == 0 { 64 } else { 12 });
        let mut posed = good(count, &mut random);
        let hints = learnt(&posed);
        let at = random.below(count);
        spoil(&mut posed[at], &mut random);
        let wanted: Vec<bool> = (0..count).map(|other| other != at).collect();
        // A spoilt check that is malformed has no place in the list of hints.
        let malformed = posed[at].check().is_none();
        let hint = |place: usize| hints[place + usize::from(malformed && place >= at)];
        assert_eq!(verdicts(&posed, hint), wanted, "round {round}: {:?}", posed[at]);
        if round % 8 == 0 {
            assert_eq!(verdicts(&posed, |_| None), wanted, "round {round}: {:?}", posed[at]);
        }
    }
    println!("{rounds} batches with a bad signature in {:?}", start.elapsed());
}

struct Holds(Vec<Check>, Vec<Option<bool>>);

impl Job for &Holds {
    type Output = bool;

    fn run<const W: usize, L: Lanes<W>>(self) -> bool {
        let relations = crate::batch::list::relations(&self.0);
        let told: Vec<Told<'_>> = relations
            .iter()
            .zip(&self.1)
            .map(|(relation, hint)| Told::new(relation, *hint).expect("told"))
            .collect();
        holds::<W, L>(&told)
    }
}

fn sum_of_s(checks: &[Check]) -> Scalar {
    let of = |check: &Check| match check {
        Check::Schnorr { s, .. } => *s,
        Check::Ecdsa { .. } => Scalar::ZERO,
    };
    checks.iter().map(of).sum()
}

/// Errors that cancel when every relation counts alike: s + d in one, s - d in another.
#[test]
fn errors_that_cancel_are_refused() {
    let mut random = Random(23);
    for round in 0..20u64 {
        let mut posed: Vec<Posed> = (0..12).map(|at| schnorr(100 + at, &mut random)).collect();
        let checks: Vec<Check> = posed.iter().filter_map(Posed::check).collect();
        let hints = vec![None; checks.len()];
        let before = sum_of_s(&checks);
        assert!(each(&Holds(checks, hints.clone())).iter().all(|(_, holds)| *holds));
        let delta = Scalar::from(1 + round);
        for (at, delta) in [(2, delta), (9, -delta)] {
            let Posed::Schnorr { signature, .. } = &mut posed[at] else { unreachable!() };
            let s: [u8; 32] = signature[32..].try_into().expect("32 bytes");
            let s = crate::batch::scalar::reduced(&s) + delta;
            signature[32..].copy_from_slice(&s.to_bytes());
        }
        let checks: Vec<Check> = posed.iter().filter_map(Posed::check).collect();
        // Counted alike, the relations add up to what they did before.
        assert_eq!(sum_of_s(&checks), before);
        let job = Holds(checks, hints);
        assert!(each(&job).iter().all(|(_, holds)| !holds));
        let verdicts = verdicts(&posed, |_| None);
        let wrong: Vec<usize> = (0..12).filter(|at| !verdicts[*at]).collect();
        assert_eq!(wrong, [2, 9]);
    }
}

/// An R at or above the order: the signature holds r = x - n, which no hint tells.
#[test]
fn nonces_beyond_the_order() {
    // The check solves for the key: Q = (s·R - z·G) / r with x(R) = n + small.
    use crate::batch::field::Fe;
    use crate::batch::point::lift_all;
    use k256::elliptic_curve::PrimeField;
    use k256::elliptic_curve::ops::Reduce;
    let n = -Scalar::ONE;
    let mut found = 0;
    for small in 1u64..40 {
        let r = Scalar::from(small);
        // n + small as bytes: (n - 1) + (small + 1).
        let mut bytes: [u8; 32] = n.to_repr().into();
        let mut carry = small + 1;
        for byte in bytes.iter_mut().rev() {
            let sum = u64::from(*byte) + (carry & 0xff);
            *byte = sum as u8;
            carry = (carry >> 8) + (sum >> 8);
        }
        let x = Fe::from_bytes(&bytes).expect("below p");
        let Some(point) = lift_all::<4, Twin<4>>(&[(x, false)])[0] else { continue };
        let mut sec1 = vec![4];
        sec1.extend_from_slice(&point.x.to_bytes());
        sec1.extend_from_slice(&point.y.to_bytes());
        let nonce = k256::PublicKey::from_sec1_bytes(&sec1).expect("a point").to_projective();
        let (s, digest) = (Scalar::from(77u64), [5u8; 32]);
        let z = <Scalar as Reduce<k256::FieldBytes>>::reduce(&k256::FieldBytes::from(digest));
        let inverse = r.invert().into_option().expect("not zero");
        let key = (nonce * s - k256::ProjectivePoint::GENERATOR * z) * inverse;
        let key = k256::PublicKey::from_affine(key.to_affine()).expect("not the identity");
        let signature = Signature::from_scalars(r.to_bytes(), s.to_bytes()).expect("not zero");
        let posed = Posed::Ecdsa {
            der: signature.to_der().as_bytes().to_vec(),
            key: key.to_sec1_bytes().to_vec(),
            digest,
        };
        assert!(posed.alone());
        let mut random = Random(small);
        let mut list = good(10, &mut random);
        list.insert(random.below(11), posed);
        for hint in [None, Some(false), Some(true)] {
            assert_eq!(verdicts(&list, |_| hint), vec![true; 11]);
        }
        found += 1;
    }
    assert!(found > 5);
}

/// One key for all, one nonce for all, one signature many times: still the right verdicts, soon.
#[test]
fn equal_keys_and_nonces() {
    let mut random = Random(24);
    let start = Instant::now();
    let mut posed: Vec<Posed> = (0..200).map(|_| ecdsa(7, &mut random)).collect();
    let again = posed[3].clone();
    posed.extend(std::iter::repeat_n(again, 200));
    let hints = learnt(&posed);
    assert_eq!(verdicts(&posed, |at| hints[at]), vec![true; 400]);
    spoil(&mut posed[250], &mut random);
    let wanted: Vec<bool> = (0..400).map(|at| at != 250).collect();
    if posed[250].check().is_some() {
        assert_eq!(verdicts(&posed, |at| hints[at]), wanted);
    }
    println!("equal keys: {:?}", start.elapsed());
}

/// Signatures of our own signer are taken for even without a hint; a list that starts so and goes on
/// otherwise, or holds bad ones, gets its verdicts all the same.
#[test]
fn even_nonces_are_guessed() {
    use crate::sign::PrivateKey;
    let mut random = Random(27);
    let own = |random: &mut Random| {
        let (key, digest) = (PrivateKey::from_bytes(&random.bytes()).expect("a scalar"), [9; 32]);
        Posed::Ecdsa { der: key.sign_ecdsa(&digest), key: key.public_key().to_vec(), digest }
    };
    let mut posed: Vec<Posed> = (0..160).map(|_| own(&mut random)).collect();
    assert_eq!(verdicts(&posed, |_| None), vec![true; 160]);
    assert_eq!(learnt(&posed), vec![Some(false); 160]);
    for bad in [0, 10, 77, 159] {
        let before = posed[bad].clone();
        spoil(&mut posed[bad], &mut random);
        let wanted: Vec<bool> = (0..160).map(|at| at != bad).collect();
        assert_eq!(verdicts(&posed, |_| None), wanted);
        posed[bad] = before;
    }
    // All but the sample are odd or even as it comes.
    for at in (0..160).filter(|at| at % 10 != 0) {
        posed[at] = ecdsa(at as u64, &mut random);
    }
    assert_eq!(verdicts(&posed, |_| None), vec![true; 160]);
    let alone = |at: usize| learnt(&posed[at..=at])[0];
    assert_eq!(learnt(&posed), (0..160).map(alone).collect::<Vec<_>>());
}

/// Lists longer than an equation; `FORTHCOIN_BATCH_LONG` says how long (5,000).
#[test]
fn long_lists() {
    let mut random = Random(25);
    let count = from_env("FORTHCOIN_BATCH_LONG", 5_000);
    let some = good(100, &mut random);
    let posed: Vec<Posed> = (0..count).map(|at| some[at % 100].clone()).collect();
    let some_hints = learnt(&some);
    let start = Instant::now();
    assert_eq!(verdicts(&posed, |at| some_hints[at % 100]), vec![true; count]);
    println!("{count} checks in {:?}", start.elapsed());
}

/// A verdict for what has no point: keys and nonces off the curve, the identity as nonce.
#[test]
fn points_that_are_none() {
    let mut random = Random(26);
    let mut list = good(10, &mut random);
    let Posed::Ecdsa { der, digest, .. } = ecdsa(5, &mut random) else { unreachable!() };
    // x = 5 is on no point.
    let mut key = vec![2];
    key.extend_from_slice(&[0; 31]);
    key.push(5);
    list.push(Posed::Ecdsa { der, key: key.clone(), digest });
    let mut off = [0u8; 32];
    off[31] = 5;
    let Posed::Schnorr { signature, key, message } = schnorr(6, &mut random) else {
        unreachable!()
    };
    list.push(Posed::Schnorr { signature, key: off, message });
    let mut nonce_off = signature;
    nonce_off[..32].copy_from_slice(&off);
    list.push(Posed::Schnorr { signature: nonce_off, key, message });
    let wanted: Vec<bool> = list.iter().map(Posed::alone).collect();
    assert_eq!(wanted.iter().filter(|valid| !**valid).count(), 3);
    for hint in [None, Some(true), Some(false)] {
        assert_eq!(verdicts(&list, |_| hint), wanted);
    }
    // z·G + r·Q is the identity for Q = -(z/r)·G: refused by both.
    let (r, s, digest) = (Scalar::from(9u64), Scalar::from(3u64), [8u8; 32]);
    let z = crate::batch::scalar::reduced(&digest);
    let secret = -(z * r.invert().into_option().expect("not zero"));
    let key = k256::SecretKey::from_bytes(&secret.to_bytes()).expect("a scalar").public_key();
    let signature = Signature::from_scalars(r.to_bytes(), s.to_bytes()).expect("not zero");
    let identity = Posed::Ecdsa {
        der: signature.to_der().as_bytes().to_vec(),
        key: key.to_sec1_bytes().to_vec(),
        digest,
    };
    assert!(!identity.alone());
    for hint in [None, Some(true), Some(false)] {
        assert_eq!(verdicts(std::slice::from_ref(&identity), |_| hint), [false]);
        let mut many = good(9, &mut random);
        many.insert(4, identity.clone());
        let wanted: Vec<bool> = (0..10).map(|at| at != 4).collect();
        assert_eq!(verdicts(&many, |_| hint), wanted);
    }
}
