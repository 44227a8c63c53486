//! The engine against published vectors and hostile inputs.

mod block;
mod collect;
mod core_vectors;
mod hostile;
mod taproot_vectors;
mod worst;
mod wycheproof;

use serde_json::Value;

use crate::check::verify_input;
use crate::checker::CheckNow;
use crate::collect::verify_one;
use crate::error::ScriptError;
use crate::flags::ScriptFlags;
use crate::hints::Hint;
use crate::sighash::TxMidstate;
use primitives::amount::Amount;
use primitives::hex;
use primitives::id::Txid;
use primitives::script::Script;
use primitives::tx::{OutPoint, Transaction, TxIn, TxOut};
use testkit::vectors;

pub fn load_json(name: &str) -> Option<Vec<Value>> {
    let bytes = vectors::read(name)?;
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

/// The verdict on one input: signatures one by one, and collected under hints of every kind; they
/// must not differ.
pub fn judge(
    midstate: &TxMidstate<'_>,
    input: usize,
    flags: ScriptFlags,
) -> Result<(), ScriptError> {
    let alone = verify_input(midstate, input, flags, &CheckNow);
    let learnt = verify_one(midstate, input, flags, &[]);
    assert_eq!(learnt.clone().map(drop), alone);
    let lies = [vec![Hint::Even; 25], vec![Hint::Odd; 3], vec![Hint::Fails; 25]];
    for lie in &lies {
        assert_eq!(verify_one(midstate, input, flags, lie).map(drop), alone, "{lie:?}");
    }
    if let Ok(learnt) = learnt {
        assert_eq!(verify_one(midstate, input, flags, &learnt), Ok(learnt));
    }
    alone
}

/// An outpoint from a vector: txid as people read it, index.
pub fn outpoint(txid: &Value, vout: &Value) -> OutPoint {
    let txid: Txid = text(txid).parse().expect("a txid");
    let vout = vout.as_i64().expect("a number") as u32;
    OutPoint { txid, vout }
}

/// Numbers from a seed (SplitMix64).
pub struct SplitMix(pub u64);

impl SplitMix {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}
