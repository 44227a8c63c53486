//! Any list of signature checks, true ones with bytes changed: verified as a list, under any hints,
//! they get the verdicts of one-by-one checks.
#![no_main]

use std::sync::LazyLock;

use crypto::batch::list::{self, Check};
use crypto::curve::{EcdsaSignature, PublicKey, verify_schnorr};
use crypto::hash::sha256;
use crypto::sign::PrivateKey;

const KEYS: u8 = 16;
const MOST: usize = 24;

struct Signed {
    digest: [u8; 32],
    key: [u8; 33],
    der: Vec<u8>,
    x_only: [u8; 32],
    schnorr: [u8; 64],
}

static SIGNED: LazyLock<Vec<Signed>> = LazyLock::new(|| {
    let signed = |n| {
        let digest = sha256(&[n]);
        let key = PrivateKey::from_bytes(&sha256(&digest)).expect("a scalar");
        let schnorr = key.sign_schnorr(&digest, &[n; 32]).expect("a signature");
        let der = key.sign_ecdsa(&digest);
        Signed { digest, key: key.public_key(), der, x_only: key.x_only(), schnorr }
    };
    (0..KEYS).map(signed).collect()
});

/// Which signature, what to change (part, place, bits), what is said of its nonce.
type Change = (u8, u8, u8, u8, Option<bool>);

fn flip(bytes: &mut [u8], at: u8, bits: u8) {
    let length = bytes.len().max(1);
    if let Some(byte) = bytes.get_mut(usize::from(at) % length) {
        *byte ^= bits;
    }
}

libfuzzer_sys::fuzz_target!(|changes: Vec<Change>| {
    let (mut checks, mut hints, mut wanted) = (vec![], vec![], vec![]);
    for (which, part, at, bits, hint) in changes.into_iter().take(MOST) {
        let signed = &SIGNED[usize::from(which % KEYS)];
        let mut digest = signed.digest;
        let (check, verdict) = if which & 0x80 == 0 {
            let (mut key, mut der) = (signed.key, signed.der.clone());
            match part % 4 {
                0 => flip(&mut digest, at, bits),
                1 => flip(&mut key, at, bits),
                2 => flip(&mut der, at, bits),
                _ => {}
            }
            let verdict = PublicKey::from_bytes(&key)
                .zip(EcdsaSignature::from_lax_der(&der))
                .is_some_and(|(key, signature)| signature.verify(&key, &digest));
            (Check::ecdsa(&der, &key, &digest), verdict)
        } else {
            let (mut key, mut signature) = (signed.x_only, signed.schnorr);
            match part % 4 {
                0 => flip(&mut digest, at, bits),
                1 => flip(&mut key, at, bits),
                2 => flip(&mut signature, at, bits),
                _ => {}
            }
            let verdict = verify_schnorr(&key, &digest, &signature);
            (Check::schnorr(&signature, &key, &digest), verdict)
        };
        match check {
            Some(check) => {
                checks.push(check);
                hints.push(hint);
                wanted.push(verdict);
            }
            None => assert!(!verdict),
        }
    }
    let found: Vec<bool> = list::verify_here(&checks, &hints).iter().map(|f| f.valid).collect();
    assert_eq!(found, wanted);
});
