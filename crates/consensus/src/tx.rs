//! The checks of a transaction by itself (Core's `CheckTransaction`), and finality.

use std::collections::HashSet;

use super::rule::RuleError;
use primitives::amount::{Amount, MAX_MONEY};
use primitives::block::Height;
use primitives::fee::WITNESS_SCALE;
use primitives::tx::{OutPoint, Transaction};

/// Weight units of the heaviest block (BIP141).
pub const MAX_BLOCK_WEIGHT: usize = 4_000_000;

/// A lock time below this is a height, from it on a time in seconds.
pub const LOCK_TIME_THRESHOLD: u32 = 500_000_000;

/// The sequence number that switches lock times off.
pub const SEQUENCE_FINAL: u32 = u32::MAX;

/// Inputs up to which repeats are looked for by comparing all pairs.
const FEW_INPUTS: usize = 8;

/// The rules that need nothing but the transaction, in Core's order.
pub fn check_transaction(tx: &Transaction) -> Result<(), RuleError> {
    if tx.inputs.is_empty() {
        return Err(RuleError::NoInputs);
    }
    if tx.outputs.is_empty() {
        return Err(RuleError::NoOutputs);
    }
    let size = tx.base_size();
    let limit = MAX_BLOCK_WEIGHT / WITNESS_SCALE;
    if size > limit {
        return Err(RuleError::TxTooLarge { size, limit });
    }
    let mut sum = Amount::ZERO;
    for (index, output) in tx.outputs.iter().enumerate() {
        let value = output.value;
        if value < Amount::ZERO {
            return Err(RuleError::NegativeOutput { index, value });
        }
        if value > MAX_MONEY {
            return Err(RuleError::OutputTooLarge { index, value });
        }
        sum = sum.add_money(value).ok_or(RuleError::OutputSumTooLarge { index })?;
    }
    if let Some(index) = repeated_input(tx) {
        return Err(RuleError::DuplicateInput { index, outpoint: tx.inputs[index].prevout });
    }
    if tx.is_coinbase() {
        let size = tx.inputs[0].script_sig.len();
        if !(2..=100).contains(&size) {
            return Err(RuleError::CoinbaseScriptSize { size });
        }
    } else if let Some(index) = tx.inputs.iter().position(|i| i.prevout.is_null()) {
        return Err(RuleError::NullInput { index });
    }
    Ok(())
}

/// The first input that spends what one before it spends (CVE-2018-17144).
fn repeated_input(tx: &Transaction) -> Option<usize> {
    let inputs = &tx.inputs;
    if inputs.len() <= FEW_INPUTS {
        return (1..inputs.len())
            .find(|&i| inputs[..i].iter().any(|earlier| earlier.prevout == inputs[i].prevout));
    }
    let mut seen: HashSet<OutPoint> = HashSet::with_capacity(inputs.len());
    inputs.iter().position(|input| !seen.insert(input.prevout))
}

/// The sum of the outputs; `None` if it is not money.
pub fn output_sum(tx: &Transaction) -> Option<Amount> {
    tx.outputs.iter().try_fold(Amount::ZERO, |sum, output| sum.add_money(output.value))
}

/// Whether the lock time lets the transaction into a block of that height and lock-time cutoff
/// (Core's `IsFinalTx`).
pub fn is_final(tx: &Transaction, height: Height, cutoff: u32) -> bool {
    let reached = if tx.lock_time < LOCK_TIME_THRESHOLD { height.0 } else { cutoff };
    tx.lock_time == 0
        || tx.lock_time < reached
        || tx.inputs.iter().all(|input| input.sequence == SEQUENCE_FINAL)
}
