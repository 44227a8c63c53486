//! The effect of a block on output scripts: the rows of the script index.
//!
//! Provably unspendable outputs are left out, as they are from the coins.

use consensus::block::CheckedBlock;
use primitives::amount::Amount;
use primitives::block::Height;
use script::template::is_unspendable;
use store::rows::Spent;
use store::script_rows::{ChainPlace, HistoryChange, HistoryEntry, ScriptId};

/// Memory that one change takes until it is written, in bytes.
pub(super) const CHANGE_BYTES: usize = 128;

/// The rows of a block on the active chain, one for each script that a transaction touches; `spent`
/// is what the block spends, in the order of inputs.
pub(super) fn changes(checked: &CheckedBlock, spent: &Spent, height: Height) -> Vec<HistoryChange> {
    let mut changes = Vec::with_capacity(2 * checked.block.txs.len());
    let mut rest = &spent.outputs[..];
    let mut touched: Vec<(ScriptId, i64, i64)> = Vec::new();
    for (position, (tx, txid)) in (0..).zip(checked.block.txs.iter().zip(&checked.txids)) {
        touched.clear();
        for output in &tx.outputs {
            let script = output.script_pubkey.as_bytes();
            if !is_unspendable(script) {
                touched.push((ScriptId::of(script), output.value.0, 0));
            }
        }
        if position > 0 {
            let (inputs, after) = rest.split_at(tx.inputs.len().min(rest.len()));
            rest = after;
            touched.extend(
                inputs.iter().map(|output| {
                    (ScriptId::of(output.script_pubkey.as_bytes()), 0, output.value.0)
                }),
            );
        }
        touched.sort_unstable_by_key(|(script, ..)| *script);
        let place = ChainPlace { height, position };
        for same in touched.chunk_by(|a, b| a.0 == b.0) {
            let sum = |part: fn(&(ScriptId, i64, i64)) -> i64| Amount(same.iter().map(part).sum());
            let (received, spent) = (sum(|t| t.1), sum(|t| t.2));
            let entry = HistoryEntry { place, txid: *txid, received, spent };
            changes.push(HistoryChange::Add(same[0].0, entry));
        }
    }
    changes
}

/// The same rows, to be taken away.
pub(super) fn undo(changes: Vec<HistoryChange>) -> impl Iterator<Item = HistoryChange> {
    changes.into_iter().map(|change| match change {
        HistoryChange::Add(script, entry) => HistoryChange::Remove(script, entry.place),
        remove => remove,
    })
}
