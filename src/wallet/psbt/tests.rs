//! Bitcoin Core's published PSBT cases (BIP174, BIP371, BIP373), and noise.

use data_encoding::BASE64;
use proptest::prelude::*;
use serde_json::Value;

use super::Psbt;
use super::sign::Signer;
use crate::crypto::sign::PrivateKey;
use crate::primitives::hex;
use crate::primitives::network::REGTEST;
use crate::primitives::vectors;
use crate::wallet::keys::{KeyOrigin, parse_wif};

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
        assert!(made.is_ok_and(|made| made > 0) || wanted == read(&case["psbt"]));
        assert_eq!(psbt, wanted);
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
