//! Any transaction, script code and hash type: the hashes with shared midstates are those without
//! (an input's hash must not depend on what was hashed before it), and nothing panics.
#![no_main]

use primitives::amount::Amount;
use primitives::codec::Decode;
use primitives::script::Script;
use primitives::tx::{Transaction, TxOut};
use script::sighash::TxMidstate;

libfuzzer_sys::fuzz_target!(|input: (Vec<u8>, Vec<u8>, u32, i64)| {
    let (bytes, code, hash_type, value) = input;
    let Ok(tx) = Transaction::from_bytes(&bytes) else { return };
    if tx.inputs.is_empty() || tx.inputs.len() > 50 {
        return;
    }
    let output = TxOut { value: Amount(value), script_pubkey: Script(code.clone()) };
    let spent = vec![output; tx.inputs.len()];
    let shared = TxMidstate::new(&tx, &spent);
    for index in (0..tx.inputs.len()).rev().chain(0..tx.inputs.len()) {
        let alone = TxMidstate::new(&tx, &spent);
        let legacy = shared.legacy(index, &code, hash_type);
        assert_eq!(legacy, alone.legacy(index, &code, hash_type));
        let witness = shared.witness_v0(index, &code, value, hash_type);
        assert_eq!(witness, alone.witness_v0(index, &code, value, hash_type));
    }
});
