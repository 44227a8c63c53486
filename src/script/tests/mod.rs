//! Published vectors and hostile inputs, held against the engine.

mod core_vectors;
mod taproot_vectors;

use serde_json::Value;

use crate::primitives::amount::Amount;
use crate::primitives::hex;
use crate::primitives::id::Txid;
use crate::primitives::script::Script;
use crate::primitives::tx::{OutPoint, Transaction, TxIn, TxOut};
use crate::primitives::vectors;

pub fn load_json(name: &str) -> Option<Vec<Value>> {
    let bytes = vectors::load(name)?;
    Some(serde_json::from_slice(&bytes).expect("the vectors are JSON lists"))
}

pub fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

pub fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(text(value)).expect("hex")
}

pub fn spend(prevout: OutPoint) -> TxIn {
    TxIn { prevout, script_sig: Script::default(), sequence: u32::MAX, witness: vec![] }
}

/// The transaction pair of Core's script tests: one output with `script_pubkey`, spent by one
/// input with nothing in it yet.
pub fn pair(script_pubkey: &[u8], amount: i64) -> (Transaction, Vec<TxOut>) {
    let output = TxOut { value: Amount(amount), script_pubkey: Script::new(script_pubkey) };
    let credit = Transaction {
        version: 1,
        inputs: vec![TxIn { script_sig: Script::new([0, 0]), ..spend(OutPoint::NULL) }],
        outputs: vec![output.clone()],
        lock_time: 0,
    };
    let to_nobody = TxOut { value: Amount(amount), script_pubkey: Script::default() };
    let tx = Transaction {
        version: 1,
        inputs: vec![spend(OutPoint { txid: credit.txid(), vout: 0 })],
        outputs: vec![to_nobody],
        lock_time: 0,
    };
    (tx, vec![output])
}

/// An outpoint from a vector: txid as people read it, index.
pub fn outpoint(txid: &Value, vout: &Value) -> OutPoint {
    let txid: Txid = text(txid).parse().expect("a txid");
    let vout = vout.as_i64().expect("a number") as u32;
    OutPoint { txid, vout }
}
