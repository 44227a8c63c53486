//! Core's script, transaction and signature-hash vectors.

use std::collections::HashMap;

use serde_json::Value;

use super::{bytes, judge, load_json, outpoint, pair, text};
use crate::asm::{assemble, disassemble};
use crate::error::ScriptError;
use crate::flags::{NAMES, ScriptFlags};
use crate::sighash::TxMidstate;
use crate::template::solve;
use crate::verify::{TAPSCRIPT_LEAF, tap_leaf_hash, tap_tweak_hash};
use crypto::curve::tweak_x_only;
use primitives::amount::Amount;
use primitives::codec::Decode;
use primitives::hex;
use primitives::script::Script;
use primitives::tx::{OutPoint, Transaction, TxOut};

/// Sets of flags that mean something: what comes with what is added.
fn fill(mut flags: ScriptFlags) -> ScriptFlags {
    if flags.has(ScriptFlags::CLEANSTACK) {
        flags |= ScriptFlags::WITNESS;
    }
    if flags.has(ScriptFlags::WITNESS) {
        flags |= ScriptFlags::P2SH;
    }
    flags
}

/// Sets of flags that mean something: what lacks what it comes with is left out.
fn trim(flags: ScriptFlags) -> ScriptFlags {
    let mut kept = flags;
    if !kept.has(ScriptFlags::P2SH) {
        kept = kept.without(ScriptFlags::WITNESS);
    }
    if !kept.has(ScriptFlags::WITNESS) {
        kept = kept.without(ScriptFlags::CLEANSTACK);
    }
    kept
}

fn verify(
    tx: &Transaction,
    spent: &[TxOut],
    input: usize,
    flags: ScriptFlags,
) -> Result<(), ScriptError> {
    judge(&TxMidstate::new(tx, spent), input, flags)
}

/// The internal key of the taproot cases, which Core's test fixes: x of the BIP341 point without
/// known logarithm.
const TAPROOT_INTERNAL: &str = "50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0";

struct ScriptCase {
    witness: Vec<Vec<u8>>,
    amount: i64,
    script_sig: Vec<u8>,
    script_pubkey: Vec<u8>,
    flags: ScriptFlags,
    expected: String,
}

fn script_case(case: &[Value]) -> ScriptCase {
    let (mut witness, mut amount, mut at, mut output) = (vec![], 0, 0, String::new());
    if let Value::Array(items) = &case[0] {
        at = 1;
        let (value, elements) = items.split_last().expect("an amount at the end");
        amount = (value.as_f64().expect("coins") * 1e8).round() as i64;
        for element in elements {
            let element = text(element);
            if let Some(script) = element.strip_prefix("#SCRIPT#") {
                witness.push(assemble(script).expect("a tapscript"));
            } else if element == "#CONTROLBLOCK#" {
                let script = witness.last().expect("a script before its control block");
                let internal = hex::decode_array::<32>(TAPROOT_INTERNAL).expect("hex");
                let leaf = tap_leaf_hash(TAPSCRIPT_LEAF, script);
                let tweak = tap_tweak_hash(&internal, Some(&leaf));
                let (key, odd) = tweak_x_only(&internal, &tweak).expect("a key");
                output = format!("0x{}", hex::encode(&key));
                let mut control = vec![TAPSCRIPT_LEAF | u8::from(odd)];
                control.extend_from_slice(&internal);
                witness.push(control);
            } else {
                witness.push(hex::decode(element).expect("hex"));
            }
        }
    }
    let script_pubkey = text(&case[at + 1]).replace("#TAPROOTOUTPUT#", &output);
    ScriptCase {
        witness,
        amount,
        script_sig: assemble(text(&case[at])).expect("a scriptSig"),
        script_pubkey: assemble(&script_pubkey).expect("a scriptPubKey"),
        flags: text(&case[at + 2]).parse().expect("flags"),
        expected: text(&case[at + 3]).to_owned(),
    }
}

#[test]
fn script_tests() {
    let Some(cases) = load_json("core/script_tests.json") else { return };
    let mut count = 0;
    let mut wrong = vec![];
    for case in cases.iter().filter_map(Value::as_array).filter(|case| case.len() > 1) {
        let ScriptCase { witness, amount, script_sig, script_pubkey, flags, expected } =
            script_case(case);
        let (mut tx, spent) = pair(&script_pubkey, amount);
        tx.inputs[0].script_sig = Script::new(script_sig);
        tx.inputs[0].witness = witness;
        let flags = fill(flags);
        let verdict = verify(&tx, &spent, 0, flags).map_or_else(|e| e.name(), |()| "OK");
        if verdict != expected {
            wrong.push(format!("{verdict} instead of {expected}: {case:?}"));
        }
        // Fewer flags never refuse more, more flags never refuse less.
        for (flag, _) in NAMES {
            if expected == "OK" {
                let fewer = trim(flags.without(flag));
                assert_eq!(verify(&tx, &spent, 0, fewer), Ok(()), "{case:?} under {fewer}");
            } else {
                let more = fill(flags | flag);
                assert!(verify(&tx, &spent, 0, more).is_err(), "{case:?} under {more}");
            }
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("script_tests: {count} cases");
    assert!(count >= 1222);
}

struct TxCase {
    tx: Transaction,
    spent: Vec<TxOut>,
    flags: String,
}

fn tx_case(case: &[Value]) -> Option<TxCase> {
    let mut coins: HashMap<OutPoint, TxOut> = HashMap::new();
    for coin in case[0].as_array().expect("prevouts") {
        let script = assemble(text(&coin[2])).expect("a script");
        let value = Amount(coin.get(3).and_then(Value::as_i64).unwrap_or(0));
        coins.insert(
            outpoint(&coin[0], &coin[1]),
            TxOut { value, script_pubkey: Script::new(script) },
        );
    }
    let tx = Transaction::from_bytes(&bytes(&case[1])).ok()?;
    let none = TxOut { value: Amount(0), script_pubkey: Script::default() };
    let spent = tx.inputs.iter().map(|i| coins.get(&i.prevout).unwrap_or(&none).clone()).collect();
    Some(TxCase { tx, spent, flags: text(&case[2]).to_owned() })
}

fn verify_tx(case: &TxCase, flags: ScriptFlags) -> Result<(), ScriptError> {
    let midstate = TxMidstate::new(&case.tx, &case.spent);
    (0..case.tx.inputs.len()).try_for_each(|input| judge(&midstate, input, flags))
}

/// The flags of a valid transaction are those that have to be left out for it to pass.
#[test]
fn tx_valid() {
    let Some(cases) = load_json("core/tx_valid.json") else { return };
    let mut count = 0;
    for case in cases.iter().filter_map(Value::as_array).filter(|case| case.len() == 3) {
        let read = tx_case(case).expect("a transaction");
        let left_out: ScriptFlags = read.flags.parse().expect("flags");
        let flags = trim(ScriptFlags::ALL.without(left_out));
        assert_eq!(verify_tx(&read, flags), Ok(()), "{case:?}");
        for (flag, _) in NAMES {
            let fewer = trim(flags.without(flag));
            assert_eq!(verify_tx(&read, fewer), Ok(()), "{case:?} under {fewer}");
            // Each flag left out is needed.
            if left_out.has(flag) && left_out.0 != 0 {
                let more = fill(flags | flag);
                assert!(verify_tx(&read, more).is_err(), "{case:?} passes under {more}");
            }
        }
        count += 1;
    }
    println!("tx_valid: {count} cases");
    assert!(count >= 121);
}

/// The flags of an invalid transaction are those that refuse it; BADTX stands for the rules
/// without context, which are not the script's.
#[test]
fn tx_invalid() {
    let Some(cases) = load_json("core/tx_invalid.json") else { return };
    let (mut by_script, mut by_form) = (0, 0);
    for case in cases.iter().filter_map(Value::as_array).filter(|case| case.len() == 3) {
        if text(&case[2]) == "BADTX" {
            by_form += 1;
            continue;
        }
        let read = tx_case(case).expect("a transaction");
        let flags = fill(read.flags.parse().expect("flags"));
        assert!(verify_tx(&read, flags).is_err(), "{case:?}");
        for (flag, _) in NAMES {
            let more = fill(flags | flag);
            assert!(verify_tx(&read, more).is_err(), "{case:?} passes under {more}");
            if flags.has(flag) {
                let fewer = trim(flags.without(flag));
                assert_eq!(verify_tx(&read, fewer), Ok(()), "{case:?} under {fewer}");
            }
        }
        by_script += 1;
    }
    println!("tx_invalid: {by_script} cases by script, {by_form} left to consensus");
    assert!(by_script >= 84);
}

#[test]
fn sighash() {
    let Some(cases) = load_json("core/sighash.json") else { return };
    let mut count = 0;
    for case in cases.iter().filter_map(Value::as_array).filter(|case| case.len() == 5) {
        let tx = Transaction::from_bytes(&bytes(&case[0])).expect("a transaction");
        let input = case[2].as_u64().expect("an index") as usize;
        let hash_type = case[3].as_i64().expect("a hash type") as u32;
        let midstate = TxMidstate::new(&tx, &[]);
        let mut hash = midstate.legacy(input, &bytes(&case[1]), hash_type);
        hash.reverse();
        assert_eq!(hex::encode(&hash), text(&case[4]), "{case:?}");
        count += 1;
    }
    println!("sighash: {count} cases");
    assert!(count >= 500);
}

#[test]
fn decode_script() {
    let Some(cases) = load_json("core/rpc_decodescript.json") else { return };
    for case in &cases {
        let script = hex::decode(text(&case[0])).expect("hex");
        assert_eq!(disassemble(&script), text(&case[1]["asm"]));
        assert_eq!(solve(&script).name(), text(&case[1]["type"]));
    }
    println!("decodescript: {} cases", cases.len());
    assert!(!cases.is_empty());
}
