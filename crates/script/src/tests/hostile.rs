//! Inputs made to hurt: noise, depth, size, repetition. None panics, all end soon.

#![expect(clippy::disallowed_types, reason = "a test bounds what a script may cost")]

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{pair, spend};
use crate::asm::{assemble, disassemble, disassemble_with_hash_types};
use crate::check::{TxScripts, verify_all, verify_input};
use crate::checker::CheckNow;
use crate::error::ScriptError;
use crate::flags::ScriptFlags;
use crate::instruction::{push_data, push_minimal};
use crate::sighash::TxMidstate;
use crate::template::solve;
use crate::verify::{TAPSCRIPT_LEAF, tap_leaf_hash, tap_tweak_hash};
use crate::{num, sigops};
use crypto::curve::tweak_x_only;
use primitives::amount::Amount;
use primitives::hex;
use primitives::id::Txid;
use primitives::script::Script;
use primitives::tx::{OutPoint, Transaction, TxIn, TxOut};

/// No test below may take longer, whatever it verifies, on any machine that builds this.
const LONGEST: Duration = Duration::from_secs(200);

fn verdict(
    script_sig: &[u8],
    script_pubkey: &[u8],
    witness: Vec<Vec<u8>>,
) -> Result<(), ScriptError> {
    let (mut tx, spent) = pair(script_pubkey, 1);
    tx.inputs[0].script_sig = Script::new(script_sig);
    tx.inputs[0].witness = witness;
    let start = Instant::now();
    let midstate = TxMidstate::new(&tx, &spent);
    let verdict = verify_input(&midstate, 0, ScriptFlags::CONSENSUS, &CheckNow);
    assert!(start.elapsed() < LONGEST);
    verdict
}

/// The output that pays to one tapscript, and the witness that runs it over `stack`.
pub fn tapscript(script: Vec<u8>, mut stack: Vec<Vec<u8>>) -> (Vec<u8>, Vec<Vec<u8>>) {
    let internal =
        hex::decode_array::<32>("50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0")
            .expect("hex");
    let leaf = tap_leaf_hash(TAPSCRIPT_LEAF, &script);
    let (key, odd) =
        tweak_x_only(&internal, &tap_tweak_hash(&internal, Some(&leaf))).expect("a key");
    let mut script_pubkey = vec![0x51];
    push_data(&mut script_pubkey, &key);
    stack.push(script);
    stack.push([&[TAPSCRIPT_LEAF | u8::from(odd)], &internal[..]].concat());
    (script_pubkey, stack)
}

fn run_tapscript(text: &str, times: usize, tail: &str) -> Result<(), ScriptError> {
    let script = [assemble(text).expect("a script").repeat(times), assemble(tail).expect("a tail")];
    let (script_pubkey, witness) = tapscript(script.concat(), vec![]);
    verdict(&[], &script_pubkey, witness)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn noise_never_panics(
        sig in proptest::collection::vec(any::<u8>(), 0..80),
        key in proptest::collection::vec(any::<u8>(), 0..120),
        witness in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..4),
        bits in any::<u32>(),
    ) {
        let (mut tx, spent) = pair(&key, 1);
        tx.inputs[0].script_sig = Script::new(&sig[..]);
        tx.inputs[0].witness = witness;
        let flags = ScriptFlags(bits & ScriptFlags::ALL.0);
        let _ = super::judge(&TxMidstate::new(&tx, &spent), 0, flags);
        let _ = (solve(&key), sigops::count(&key, true), disassemble_with_hash_types(&sig));
        let _ = sigops::cost(&tx, &spent, flags);
    }

    /// Noise run as the three kinds of script, over a stack that lets it come some way.
    #[test]
    fn noisy_scripts_never_panic(
        ops in proptest::collection::vec(0x4cu8..=0xba, 0..60),
        which in 0..3,
    ) {
        let stack: Vec<Vec<u8>> = (0..8).map(num::encode).collect();
        let (script_pubkey, witness) = match which {
            0 => (ops.clone(), vec![]),
            1 => {
                let mut program = vec![0];
                push_data(&mut program, &crypto::hash::sha256(&ops));
                (program, [stack.clone(), vec![ops.clone()]].concat())
            }
            _ => tapscript(ops.clone(), stack.clone()),
        };
        let mut script_sig = vec![];
        if which == 0 {
            stack.iter().for_each(|element| push_minimal(&mut script_sig, element));
        }
        let _ = verdict(&script_sig, &script_pubkey, witness);
    }

    #[test]
    fn text_of_any_script_is_made(script in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = disassemble(&script);
    }
}

#[test]
fn depth_and_size_are_bounded() {
    // As deep as a tapscript can nest: nothing recurses.
    let deep = run_tapscript("1 IF", 500_000, "");
    assert_eq!(deep, Err(ScriptError::UnbalancedConditional));
    assert_eq!(run_tapscript("0 IF", 1, "1"), Err(ScriptError::UnbalancedConditional));
    assert_eq!(verdict(&[], &[0x51; 10_001], vec![]), Err(ScriptError::ScriptSize));
    assert_eq!(verdict(&[], &[0x51; 1001], vec![]), Err(ScriptError::StackSize));
    let mut push = vec![];
    push_data(&mut push, &[1; 521]);
    assert_eq!(verdict(&push, &[0x51], vec![]), Err(ScriptError::PushSize));
    assert_eq!(verdict(&[0x51], &[0x61; 202], vec![]), Err(ScriptError::OpCount));
    // A witness of 4 MB, as one element and as many.
    let (script_pubkey, witness) = tapscript(vec![0x75, 0x51], vec![vec![7; 4_000_000]]);
    assert_eq!(verdict(&[], &script_pubkey, witness), Err(ScriptError::PushSize));
    let (script_pubkey, witness) = tapscript(vec![0x51], vec![vec![]; 1_000_000]);
    assert_eq!(verdict(&[], &script_pubkey, witness), Err(ScriptError::StackSize));
    // As long a path as a control block holds, and one node more.
    let (script_pubkey, mut witness) = tapscript(vec![0x51], vec![]);
    witness[1].extend_from_slice(&[0; 32 * 128]);
    let at_limit = verdict(&[], &script_pubkey, witness.clone());
    assert_eq!(at_limit, Err(ScriptError::WitnessProgramMismatch));
    witness[1].extend_from_slice(&[0; 32]);
    let over = verdict(&[], &script_pubkey, witness);
    assert_eq!(over, Err(ScriptError::TaprootWrongControlSize));
}

#[test]
fn busy_tapscripts_end_soon() {
    assert_eq!(run_tapscript("1 DROP", 1_900_000, "1"), Ok(()));
    let hashes = format!("0x4d0802{} HASH256 DROP", "07".repeat(520));
    assert_eq!(run_tapscript(&hashes, 7000, "1"), Ok(()));
    let full = "1 ".repeat(998);
    let rolls = [
        assemble(&full).expect("pushes"),
        assemble("<e503> ROLL").expect("a roll").repeat(900_000),
    ];
    let (script_pubkey, witness) = tapscript(rolls.concat(), vec![]);
    assert_eq!(verdict(&[], &script_pubkey, witness), Err(ScriptError::CleanStack));
    // More signatures than the budget pays for.
    let sig = format!("<{}> <{}> CHECKSIG DROP", "01".repeat(64), "02".repeat(33));
    assert_eq!(run_tapscript(&sig, 1, "1"), Ok(()));
    let cheap = "2DUP CHECKSIG DROP";
    let script = format!("<01> <{}> {}", "02".repeat(33), format!("{cheap} ").repeat(200));
    assert_eq!(run_tapscript(&script, 1, "1"), Err(ScriptError::TapscriptValidationWeight));
}

/// Inputs that all sign everything: each hash covers the whole transaction.
#[test]
fn ten_thousand_inputs() {
    let signature = hex::decode("304402203da9d487be5302a6d69e02a861acff1da472885e43d7528ed9b1b537a8e2cac9022002d1bca03a1e9715a99971bafe3b1852b7a4f0168281cbd27a220380a01b330701").expect("hex");
    let key = hex::decode("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
        .expect("hex");
    let mut script_sig = vec![];
    push_data(&mut script_sig, &signature);
    let mut code = vec![];
    push_data(&mut code, &key);
    // CHECKSIG NOT: a signature that is wrong passes, so that each input is hashed.
    code.extend_from_slice(&[0xac, 0x91]);
    let spent = vec![TxOut { value: Amount(1), script_pubkey: Script::new(code) }; 10_000];
    let inputs = (0..10_000).map(|vout| TxIn {
        script_sig: Script::new(&script_sig[..]),
        ..spend(OutPoint { txid: Txid::ZERO, vout })
    });
    let tx = Transaction { version: 1, inputs: inputs.collect(), outputs: vec![], lock_time: 0 };
    let start = Instant::now();
    let list = [TxScripts { tx: &tx, spent: &spent }];
    assert_eq!(verify_all(&list, ScriptFlags::CONSENSUS, None), Ok(()));
    println!("10,000 inputs that sign all: {:?}", start.elapsed());
    assert!(start.elapsed() < LONGEST);
}

/// One input that asks for many signatures of a large transaction: the hash is made once.
#[test]
fn quadratic_hashing() {
    let key = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
    let sig = "304402203da9d487be5302a6d69e02a861acff1da472885e43d7528ed9b1b537a8e2cac9022002d1bca03a1e9715a99971bafe3b1852b7a4f0168281cbd27a220380a01b3307";
    let code = assemble(&format!("{} 1", "2DUP CHECKSIG DROP ".repeat(66))).expect("a script");
    let (mut tx, mut spent) = pair(&code, 1);
    let output = TxOut { value: Amount(1), script_pubkey: Script::new(vec![0x51; 9000]) };
    tx.outputs = vec![output; 110];
    let script_sig = assemble(&format!("<{sig}01> <{key}>")).expect("a script");
    tx.inputs = (0..50)
        .map(|vout| TxIn {
            script_sig: Script::new(&script_sig[..]),
            ..spend(OutPoint { txid: Txid::ZERO, vout })
        })
        .collect();
    spent = vec![spent.remove(0); 50];
    let start = Instant::now();
    let list = [TxScripts { tx: &tx, spent: &spent }];
    assert_eq!(verify_all(&list, ScriptFlags::CONSENSUS, None), Ok(()));
    println!("3,300 signatures of 1 MB: {:?}", start.elapsed());
    assert!(start.elapsed() < LONGEST);
}
