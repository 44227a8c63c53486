//! BIP340, BIP341 and Core's taproot assets.

use serde_json::Value;

use super::{bytes, judge, text};
use crate::error::ScriptError;
use crate::flags::ScriptFlags;
use crate::sighash::{TaprootContext, TxMidstate};
use crate::verify::{tap_branch_hash, tap_leaf_hash, tap_tweak_hash};
use crypto::curve::{tweak_x_only, verify_schnorr};
use primitives::amount::Amount;
use primitives::codec::Decode;
use primitives::hex;
use primitives::script::Script;
use primitives::tx::{Transaction, TxOut};
use testkit::vectors;

#[test]
fn bip340() {
    let Some(csv) = vectors::read("bips/bip-0340-test-vectors.csv") else { return };
    let csv = String::from_utf8(csv).expect("text");
    let mut count = 0;
    for line in csv.lines().skip(1) {
        let fields: Vec<_> = line.split(',').collect();
        let read = |at: usize| hex::decode(fields[at]).expect("hex");
        let key: [u8; 32] = read(2).try_into().expect("32 bytes");
        let signature: [u8; 64] = read(5).try_into().expect("64 bytes");
        assert_eq!(verify_schnorr(&key, &read(4), &signature), fields[6] == "TRUE", "{line}");
        count += 1;
    }
    println!("bip340: {count} cases");
    assert!(count >= 19);
}

fn tree_root(tree: &Value) -> [u8; 32] {
    match tree {
        Value::Array(branches) => {
            tap_branch_hash(&tree_root(&branches[0]), &tree_root(&branches[1]))
        }
        leaf => {
            let version = leaf["leafVersion"].as_u64().expect("a version") as u8;
            tap_leaf_hash(version, &bytes(&leaf["script"]))
        }
    }
}

#[test]
fn bip341_wallet() {
    let Some(file) = vectors::read("core/bip341_wallet_vectors.json") else { return };
    let file: Value = serde_json::from_slice(&file).expect("JSON");
    let mut outputs = 0;
    for case in file["scriptPubKey"].as_array().expect("cases") {
        let given = &case["given"];
        let key: [u8; 32] = bytes(&given["internalPubkey"]).try_into().expect("32 bytes");
        let root = (!given["scriptTree"].is_null()).then(|| tree_root(&given["scriptTree"]));
        let tweak = tap_tweak_hash(&key, root.as_ref());
        assert_eq!(hex::encode(&tweak), text(&case["intermediary"]["tweak"]));
        let (tweaked, _) = tweak_x_only(&key, &tweak).expect("a key");
        assert_eq!(hex::encode(&tweaked), text(&case["intermediary"]["tweakedPubkey"]));
        outputs += 1;
    }
    let mut hashes = 0;
    for case in file["keyPathSpending"].as_array().expect("cases") {
        let given = &case["given"];
        let tx = Transaction::from_bytes(&bytes(&given["rawUnsignedTx"])).expect("a transaction");
        let spent: Vec<TxOut> = given["utxosSpent"]
            .as_array()
            .expect("outputs")
            .iter()
            .map(|o| TxOut {
                value: Amount(o["amountSats"].as_i64().expect("an amount")),
                script_pubkey: Script::new(bytes(&o["scriptPubKey"])),
            })
            .collect();
        let midstate = TxMidstate::new(&tx, &spent);
        let mut signed =
            Transaction::from_bytes(&bytes(&case["auxiliary"]["fullySignedTx"])).expect("signed");
        for spending in case["inputSpending"].as_array().expect("inputs") {
            let input = spending["given"]["txinIndex"].as_u64().expect("an index") as usize;
            let hash_type = spending["given"]["hashType"].as_u64().expect("a type") as u8;
            let context = TaprootContext { annex_hash: None, leaf: None };
            let hash = midstate.taproot(input, hash_type, &context).expect("a hash");
            assert_eq!(hex::encode(&hash), text(&spending["intermediary"]["sigHash"]));
            let signed_midstate = TxMidstate::new(&signed, &spent);
            let verdict = judge(&signed_midstate, input, ScriptFlags::STANDARD);
            assert_eq!(verdict, Ok(()));
            signed.inputs[input].witness[0][5] ^= 1;
            let signed_midstate = TxMidstate::new(&signed, &spent);
            let verdict = judge(&signed_midstate, input, ScriptFlags::STANDARD);
            assert_eq!(verdict, Err(ScriptError::SchnorrSig));
            hashes += 1;
        }
    }
    println!("bip341: {outputs} outputs, {hashes} signature hashes");
    assert!(outputs >= 7 && hashes >= 7);
}

/// A flag less never refuses, a flag more never accepts.
fn flag_sets(of_case: ScriptFlags, valid: bool) -> [ScriptFlags; 3] {
    match valid {
        true => [of_case, of_case.without(ScriptFlags::TAPROOT), ScriptFlags::P2SH],
        false => [of_case, of_case | ScriptFlags::CONSENSUS, of_case | ScriptFlags::STANDARD],
    }
}

#[test]
fn script_assets() {
    let Some(file) = vectors::read("taproot/script-assets-sample.jsonl") else { return };
    let file = String::from_utf8(file).expect("text");
    let (mut good, mut bad) = (0, 0);
    for line in file.lines() {
        let case: Value = serde_json::from_str(line).expect("JSON");
        let mut tx = Transaction::from_bytes(&bytes(&case["tx"])).expect("a transaction");
        let spent: Vec<TxOut> = case["prevouts"]
            .as_array()
            .expect("outputs")
            .iter()
            .map(|o| TxOut::from_bytes(&bytes(o)).expect("an output"))
            .collect();
        let input = case["index"].as_u64().expect("an index") as usize;
        let flags: ScriptFlags = text(&case["flags"]).parse().expect("flags");
        for (which, valid) in [("success", true), ("failure", false)] {
            let offer = &case[which];
            if offer.is_null() {
                continue;
            }
            tx.inputs[input].script_sig = Script::new(bytes(&offer["scriptSig"]));
            tx.inputs[input].witness =
                offer["witness"].as_array().expect("a witness").iter().map(bytes).collect();
            let midstate = TxMidstate::new(&tx, &spent);
            for flags in flag_sets(flags, valid) {
                let verdict = judge(&midstate, input, flags);
                assert_eq!(
                    verdict.is_ok(),
                    valid,
                    "{} {which}: {verdict:?}",
                    text(&case["comment"])
                );
            }
            if valid { good += 1 } else { bad += 1 }
        }
    }
    println!("script assets: {good} that succeed, {bad} that fail");
    assert!(good + bad >= 276);
}
