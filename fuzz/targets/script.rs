//! Any two scripts: the engine never panics, whatever the flags.
#![no_main]

use primitives::amount::Amount;
use primitives::id::Txid;
use primitives::script::Script;
use primitives::tx::{OutPoint, Transaction, TxIn, TxOut};
use script::check::{TxScripts, verify_all};
use script::flags::ScriptFlags;

libfuzzer_sys::fuzz_target!(|input: (Vec<u8>, Vec<u8>, Vec<Vec<u8>>, u32)| {
    let (script_sig, script_pubkey, witness, flags) = input;
    let flags = ScriptFlags(flags & ScriptFlags::ALL.0);
    if !flags.is_coherent() {
        return;
    }
    let prevout = OutPoint { txid: Txid([1; 32]), vout: 0 };
    let input = TxIn { prevout, script_sig: Script(script_sig), sequence: 0, witness };
    let output = TxOut { value: Amount(1), script_pubkey: Script(vec![0x51]) };
    let tx = Transaction { version: 2, inputs: vec![input], outputs: vec![output], lock_time: 0 };
    let spent = [TxOut { value: Amount(2), script_pubkey: Script(script_pubkey) }];
    let _ = verify_all(&[TxScripts { tx: &tx, spent: &spent }], flags, None);
});
