//! Blocks, headers, transactions and scripts as JSON, in Bitcoin Core's shapes.

use serde_json::{Value, json};

use super::error::CallError;
use crate::consensus::header::median;
use crate::primitives::address::Address;
use crate::primitives::amount::{Amount, COIN};
use crate::primitives::block::Block;
use crate::primitives::codec::Encode;
use crate::primitives::hex;
use crate::primitives::network::NetworkParams;
use crate::primitives::script::Script;
use crate::primitives::tx::Transaction;
use crate::store::rows::HeaderRow;
use crate::store::snapshot::Snapshot;

/// Coins as a number with eight decimals, as Core writes amounts.
pub fn amount(amount: Amount) -> Value {
    json!(amount.0 as f64 / COIN as f64)
}

/// An output script: hex, and the address when it has one.
pub fn script_pubkey(script: &Script, params: &NetworkParams) -> Value {
    let mut shown = json!({ "hex": script.to_string() });
    if let (Some(address), Some(members)) = (Address::from_script(script), shown.as_object_mut()) {
        members.insert("address".to_owned(), json!(address.to_text(params)));
    }
    shown
}

pub fn transaction(tx: &Transaction, params: &NetworkParams) -> Value {
    let inputs: Vec<Value> = tx
        .inputs
        .iter()
        .map(|input| {
            let mut shown = if tx.is_coinbase() {
                json!({ "coinbase": input.script_sig.to_string() })
            } else {
                json!({
                    "txid": input.prevout.txid.to_string(),
                    "vout": input.prevout.vout,
                    "scriptSig": { "hex": input.script_sig.to_string() },
                })
            };
            if let Some(members) = shown.as_object_mut() {
                if !input.witness.is_empty() {
                    let items = input.witness.iter().map(|item| hex::encode(item));
                    members.insert("txinwitness".to_owned(), items.collect());
                }
                members.insert("sequence".to_owned(), json!(input.sequence));
            }
            shown
        })
        .collect();
    let outputs: Vec<Value> = tx
        .outputs
        .iter()
        .enumerate()
        .map(|(n, output)| {
            json!({
                "value": amount(output.value),
                "n": n,
                "scriptPubKey": script_pubkey(&output.script_pubkey, params),
            })
        })
        .collect();
    json!({
        "txid": tx.txid().to_string(),
        "hash": tx.wtxid().to_string(),
        "version": tx.version,
        "size": tx.total_size(),
        "vsize": tx.vsize(),
        "weight": tx.weight(),
        "locktime": tx.lock_time,
        "vin": inputs,
        "vout": outputs,
        "hex": hex::encode(&tx.to_bytes()),
    })
}

/// The median of a block's time and those of the ten before it (BIP113), in seconds since 1970.
pub fn median_time(snapshot: &Snapshot, row: &HeaderRow) -> Result<u32, CallError> {
    const SPAN: usize = 11;
    let mut times = vec![row.header.time];
    let mut row = *row;
    while times.len() < SPAN && row.height.0 > 0 {
        let parent = row.parent;
        let lost = || snapshot.corrupt(format!("header {parent} is not there"));
        row = snapshot.header(parent)?.ok_or_else(lost)?;
        times.push(row.header.time);
    }
    Ok(median(&mut times))
}

/// A header with its place in the chain; -1 confirmations mean that it is not on the best one.
pub fn header(snapshot: &Snapshot, id: u32, row: &HeaderRow) -> Result<Value, CallError> {
    let tip = snapshot.tip()?;
    let active = snapshot.is_active(id, row)?;
    let confirmations = if active { i64::from(tip.height.0 - row.height.0) + 1 } else { -1 };
    let mut shown = json!({
        "hash": row.hash.to_string(),
        "confirmations": confirmations,
        "height": row.height.0,
        "version": row.header.version,
        "versionHex": format!("{:08x}", row.header.version),
        "merkleroot": row.header.merkle_root.to_string(),
        "time": row.header.time,
        "mediantime": median_time(snapshot, row)?,
        "nonce": row.header.nonce,
        "bits": format!("{:08x}", row.header.bits.0),
        "difficulty": row.header.bits.difficulty(),
        "nTx": row.tx_count,
    });
    if let Some(members) = shown.as_object_mut() {
        if row.height.0 > 0 {
            members.insert("previousblockhash".to_owned(), json!(row.header.prev.to_string()));
        }
        let next = if active { snapshot.id_at(row.height.next())? } else { None };
        if let Some(next) = next.map(|next| snapshot.header(next)).transpose()?.flatten() {
            members.insert("nextblockhash".to_owned(), json!(next.hash.to_string()));
        }
    }
    Ok(shown)
}

/// A block with the ids of its transactions, or with the transactions themselves.
pub fn block(
    snapshot: &Snapshot,
    params: &NetworkParams,
    id: u32,
    row: &HeaderRow,
    block: &Block,
    whole: bool,
) -> Result<Value, CallError> {
    let mut shown = header(snapshot, id, row)?;
    let txs: Vec<Value> = block
        .txs
        .iter()
        .map(|tx| if whole { transaction(tx, params) } else { json!(tx.txid().to_string()) })
        .collect();
    if let Some(members) = shown.as_object_mut() {
        members.insert("strippedsize".to_owned(), json!(block.base_size()));
        members.insert("size".to_owned(), json!(block.total_size()));
        members.insert("weight".to_owned(), json!(block.weight()));
        members.insert("tx".to_owned(), Value::Array(txs));
    }
    Ok(shown)
}
