//! Bitcoin Core's published PSBT cases (BIP174, BIP371, BIP373), and noise.

use data_encoding::BASE64;
use proptest::prelude::*;
use serde_json::Value;

use super::Psbt;
use super::fields::input;
use super::sign::Signer;
use crate::keys::{KeyOrigin, parse_wif};
use crypto::sign::PrivateKey;
use primitives::hex;
use primitives::network::REGTEST;
use testkit::vectors;

fn cases() -> Option<Value> {
    let text = vectors::read("core/rpc_psbt.json")?;
    Some(serde_json::from_slice(&text).expect("JSON"))
}

fn texts<'a>(cases: &'a Value, name: &str) -> Vec<&'a str> {
    let list = cases[name].as_array().expect("a list");
    list.iter().map(|case| case.as_str().or_else(|| case[0].as_str()).expect("a text")).collect()
}

fn read(text: &Value) -> Psbt {
    Psbt::read(text.as_str().expect("a text").as_bytes()).expect("a PSBT")
}

#[test]
fn valid_ones_are_read_and_written_as_they_were() {
    let Some(cases) = cases() else { return };
    for (number, text) in texts(&cases, "valid").iter().enumerate() {
        let psbt = Psbt::read(text.as_bytes()).unwrap_or_else(|e| panic!("{number}: {e}"));
        let again = Psbt::from_bytes(&psbt.to_bytes()).expect("our own");
        assert_eq!(again, psbt, "{number}");
        let bytes = BASE64.decode(text.as_bytes()).expect("base64");
        // A version 0 that is written out takes seven bytes, and says nothing.
        let short = bytes.len() - psbt.to_bytes().len();
        assert!(matches!(short, 0 | 7), "{number}: {short}");
    }
}

#[test]
fn invalid_ones_are_refused() {
    let Some(cases) = cases() else { return };
    let mut accepted = Vec::new();
    for name in ["invalid", "invalid_with_msg"] {
        for (number, text) in texts(&cases, name).iter().enumerate() {
            let bytes = BASE64.decode(text.as_bytes()).unwrap_or_default();
            if Psbt::from_bytes(&bytes).is_ok() {
                accepted.push((name, number, cases[name][number][1].clone()));
            }
        }
    }
    assert!(accepted.is_empty(), "{accepted:?}");
}

struct Keys(Vec<PrivateKey>);

impl Signer for Keys {
    fn key(&self, _: Option<&KeyOrigin>, public: &[u8]) -> Option<PrivateKey> {
        let is = |key: &&PrivateKey| key.public_key()[..] == *public || key.x_only()[..] == *public;
        self.0.iter().find(is).cloned()
    }
}

/// The same with the hash types alone where ECDSA signatures are.
fn unsigned(mut psbt: Psbt) -> Psbt {
    for (key, value) in psbt.inputs.iter_mut().flatten() {
        if key.first() == Some(&input::PARTIAL_SIG) {
            value.drain(..value.len() - 1);
        }
    }
    psbt
}

#[test]
fn signed_combined_finished_and_extracted_as_core_does() {
    let Some(cases) = cases() else { return };
    for case in cases["signer"].as_array().expect("a list") {
        let wifs = case["privkeys"].as_array().expect("a list");
        let key = |wif: &Value| parse_wif(wif.as_str().expect("text"), &REGTEST).expect("a key").0;
        let mut psbt = read(&case["psbt"]);
        let made = psbt.sign(&Keys(wifs.iter().map(key).collect()), &[0; 32]);
        // Where Core adds nothing, we may say why.
        let wanted = read(&case["result"]);
        let signed = made.is_ok_and(|made| made > 0);
        assert!(signed || wanted == read(&case["psbt"]));
        // Core stops at a low R, we look for an even nonce as well: both are signatures of the same.
        assert!(!signed || psbt.check_signatures().is_ok() && wanted.check_signatures().is_ok());
        assert_eq!(unsigned(psbt), unsigned(wanted));
    }
    for case in cases["combiner"].as_array().expect("a list") {
        let list: Vec<Psbt> =
            case["combine"].as_array().expect("a list").iter().map(read).collect();
        let mut whole = list[0].clone();
        list[1..].iter().for_each(|other| whole.combine(other).expect("the same transaction"));
        assert_eq!(whole, read(&case["result"]));
    }
    for case in cases["finalizer"].as_array().expect("a list") {
        let mut psbt = read(&case["finalize"]);
        psbt.finalize().expect("complete");
        assert_eq!(psbt, read(&case["result"]));
    }
    for case in cases["extractor"].as_array().expect("a list") {
        let bytes = read(&case["extract"]).extract().expect("final");
        assert_eq!(hex::encode(&bytes), case["result"].as_str().expect("hex"));
    }
}

#[test]
fn version_two_there_and_back() {
    let Some(cases) = cases() else { return };
    for text in texts(&cases, "valid") {
        let psbt = Psbt::read(text.as_bytes()).expect("valid");
        if psbt.version != 0 || psbt.tx.version < 2 {
            continue;
        }
        let two = psbt.clone().to_version(2);
        let again = Psbt::from_bytes(&two.to_bytes()).expect("version 2");
        assert_eq!(again.tx, psbt.tx);
        assert_eq!(again.to_version(0).to_bytes(), psbt.to_bytes());
    }
}

/// Fields by their keys; a map of a PSBT as it is written.
type Raw<'a> = &'a [(u8, &'a [u8])];

/// A PSBT of raw fields: the global map, one input, one output.
fn raw(global: Raw, input: Raw, output: Raw) -> Vec<u8> {
    let mut bytes = b"psbt\xff".to_vec();
    for map in [global, input, output] {
        for (kind, value) in map {
            bytes.extend_from_slice(&[1, *kind, value.len() as u8]);
            bytes.extend_from_slice(value);
        }
        bytes.push(0);
    }
    bytes
}

/// What each version must have and must not have, as BIP370's tables say.
#[test]
fn fields_belong_to_their_version() {
    let one = 1u32.to_le_bytes();
    let two = 2u32.to_le_bytes();
    let locked = 500_000_000u32.to_le_bytes();
    let global: Raw = &[(2, &two), (4, &[1]), (5, &[1]), (0xfb, &two)];
    let input: Raw = &[(0x0e, &[7; 32]), (0x0f, &one)];
    let output: Raw = &[(3, &[1, 0, 0, 0, 0, 0, 0, 0]), (4, &[0x51])];
    let whole = Psbt::from_bytes(&raw(global, input, output)).expect("all that is needed");
    assert_eq!((whole.tx.version, whole.tx.lock_time, whole.tx.inputs[0].sequence), (2, 0, !0));
    let without = |map: Raw, kind: u8| -> Vec<(u8, Vec<u8>)> {
        map.iter().filter(|(k, _)| *k != kind).map(|(k, v)| (*k, v.to_vec())).collect()
    };
    let borrowed = |map: &[(u8, Vec<u8>)]| -> Vec<(u8, Vec<u8>)> { map.to_vec() };
    let read = |global: &[(u8, Vec<u8>)], input: &[(u8, Vec<u8>)], output: &[(u8, Vec<u8>)]| {
        let maps = [global, input, output].map(borrowed);
        let as_raw = |at: usize| -> Vec<(u8, &[u8])> {
            maps[at].iter().map(|(kind, value)| (*kind, &value[..])).collect()
        };
        Psbt::from_bytes(&raw(&as_raw(0), &as_raw(1), &as_raw(2)))
    };
    let (g, i, o) = (without(global, 0xff), without(input, 0xff), without(output, 0xff));
    for kind in [2, 4, 5] {
        assert!(read(&without(global, kind), &i, &o).is_err(), "no global {kind:#x}");
    }
    for kind in [0x0e, 0x0f] {
        assert!(read(&g, &without(input, kind), &o).is_err(), "no input {kind:#x}");
    }
    for kind in [3, 4] {
        assert!(read(&g, &i, &without(output, kind)).is_err(), "no output {kind:#x}");
    }
    let with = |map: &[(u8, Vec<u8>)], kind: u8, value: &[u8]| {
        let mut map: Vec<(u8, Vec<u8>)> = map.iter().filter(|(k, _)| *k != kind).cloned().collect();
        map.push((kind, value.to_vec()));
        map.sort();
        map
    };
    // A time is 500,000,000 or more, a height is less and not nothing.
    assert!(read(&g, &with(&i, 0x11, &one), &o).is_err());
    assert!(read(&g, &with(&i, 0x12, &locked), &o).is_err());
    assert!(read(&g, &with(&i, 0x12, &[0; 4]), &o).is_err());
    for (input, wanted) in [
        (with(&i, 0x11, &locked), 500_000_000),
        (with(&i, 0x12, &one), 1),
        // Both are allowed: the height is taken.
        (with(&with(&i, 0x11, &locked), 0x12, &two), 2),
        (i.clone(), 77),
    ] {
        let fallback = with(&g, 3, &77u32.to_le_bytes());
        assert_eq!(read(&fallback, &input, &o).expect("read").tx.lock_time, wanted);
    }
    assert_eq!(
        read(&g, &with(&i, 0x10, &[5, 0, 0, 0]), &o).expect("read").tx.inputs[0].sequence,
        5
    );

    // Version 0 has the transaction, and none of these.
    let mut tx = Vec::new();
    whole.tx.encode_base(&mut tx);
    let old = vec![(0u8, tx)];
    assert!(read(&old, &[], &[]).is_ok());
    for (kind, value) in &g {
        assert!(read(&with(&old, *kind, value), &[], &[]).is_err(), "global {kind:#x}");
    }
    assert!(read(&with(&old, 3, &one), &[], &[]).is_err());
    assert!(read(&with(&old, 6, &[0]), &[], &[]).is_err());
    for (kind, value) in i.iter().chain(&[(0x10, one.to_vec()), (0x12, one.to_vec())]) {
        assert!(read(&old, &with(&[], *kind, value), &[]).is_err(), "input {kind:#x}");
    }
    assert!(read(&old, &with(&[], 0x11, &locked), &[]).is_err());
    for (kind, value) in &o {
        assert!(read(&old, &[], &with(&[], *kind, value)).is_err(), "output {kind:#x}");
    }
    assert!(read(&with(&g, 0, &old[0].1), &i, &o).is_err(), "a transaction in version 2");
}

/// An input that needs a height and one that needs a time can't be in one transaction.
#[test]
fn locks_of_several_inputs_are_joined_or_refused() {
    let two = 2u32.to_le_bytes();
    let (low, high) = (10u32.to_le_bytes(), 20u32.to_le_bytes());
    let time = 1_700_000_000u32.to_le_bytes();
    let read = |first: Raw, second: Raw| {
        let head = raw(&[(2, &two), (4, &[2]), (5, &[0]), (0xfb, &two)], &[], &[]);
        let mut bytes = head[..head.len() - 2].to_vec();
        for (vout, locks) in [(0u32, first), (1, second)] {
            let vout = vout.to_le_bytes();
            let mut fields: Vec<(u8, &[u8])> = vec![(0x0e, &[7; 32]), (0x0f, &vout)];
            fields.extend_from_slice(locks);
            let part = raw(&[], &fields, &[]);
            bytes.extend_from_slice(&part[6..part.len() - 1]);
        }
        Psbt::from_bytes(&bytes).map(|psbt| psbt.tx.lock_time)
    };
    assert_eq!(read(&[], &[]), Ok(0));
    assert_eq!(read(&[(0x12, &low)], &[(0x12, &high)]), Ok(20));
    assert_eq!(read(&[(0x12, &low)], &[]), Ok(10));
    assert_eq!(read(&[(0x11, &time), (0x12, &low)], &[(0x12, &high)]), Ok(20));
    assert_eq!(read(&[(0x11, &time), (0x12, &low)], &[(0x11, &time)]), Ok(1_700_000_000));
    assert!(read(&[(0x11, &time)], &[(0x12, &low)]).is_err());
}

proptest! {
    #[test]
    fn noise_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = b"psbt\xff".to_vec();
        bytes.extend_from_slice(&noise);
        if let Ok(mut psbt) = Psbt::from_bytes(&bytes) {
            let _ = psbt.finalize();
            let _ = psbt.extract();
        }
    }

    #[test]
    fn damaged_ones_never_panic(case in 0usize..48, at in any::<prop::sample::Index>(), by in 1u8..) {
        if let Some(cases) = cases() {
            let list = texts(&cases, "valid");
            let mut bytes = BASE64.decode(list[case % list.len()].as_bytes()).expect("base64");
            let at = at.index(bytes.len());
            bytes[at] ^= by;
            if let Ok(mut psbt) = Psbt::from_bytes(&bytes) {
                let _ = psbt.sign(&Keys(Vec::new()), &[0; 32]);
                let _ = psbt.finalize();
            }
        }
    }
}
