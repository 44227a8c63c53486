//! Addresses: what they are, and what they hold on the chain.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::number::{Amount, AmountText};
use crate::text::{Hex, Txid};

/// Whether a text is an address, and what it pays to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AddressValidity {
    /// It is an address of this network; if not, `error` says why.
    pub isvalid: bool,
    /// The address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Bytes of the output script that it stands for.
    #[serde(rename = "scriptPubKey", skip_serializing_if = "Option::is_none")]
    pub script_pubkey: Option<Hex>,
    /// It pays to a script.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isscript: Option<bool>,
    /// It pays to a witness program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iswitness: Option<bool>,
    /// Version of the witness program, from 0 to 16.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witness_version: Option<u8>,
    /// Bytes of the witness program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witness_program: Option<Hex>,
    /// Places of the wrong characters; never known at present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_locations: Option<Vec<u64>>,
    /// Why it is no address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A transaction of the best chain that an address has a part in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HistoryEntry {
    /// Id of the transaction.
    pub txid: Txid,
    /// Height of its block.
    pub height: u32,
    /// Its place in that block, from 0.
    pub position: u32,
    /// Blocks from that one to the tip, itself counted.
    pub confirmations: u32,
    /// What the address received by it, in coins.
    pub received: Amount,
    /// What the address spent in it, in coins.
    pub spent: Amount,
}

/// A place on the best chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// Height of a block.
    pub height: u32,
    /// Place of a transaction in it, from 0.
    pub position: u32,
}

/// A page of an address's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AddressHistory {
    /// Its transactions, newest first.
    pub transactions: Vec<HistoryEntry>,
    /// Where the next page goes on: give it as `before`. Null if this is the last page.
    pub next: Option<Place>,
}

/// An unspent output of an address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AddressUtxo {
    /// Id of the transaction that made it.
    pub txid: Txid,
    /// Its number in that transaction, from 0.
    pub vout: u32,
    /// Its value in coins.
    pub value: Amount,
    /// Height of the block that made it.
    pub height: u32,
    /// Blocks from that one to the tip, itself counted.
    pub confirmations: u32,
    /// It is an output of a coinbase.
    pub coinbase: bool,
}

/// What an address holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AddressBalance {
    /// The sum of its unspent outputs on the chain, in coins.
    pub balance: Amount,
    /// Number of those outputs.
    pub utxos: u64,
}

/// An address at a glance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AddressOverview {
    /// The address, or the output script in hex, as it was given.
    pub address: String,
    /// Bytes of the output script.
    #[serde(rename = "scriptPubKey")]
    pub script_pubkey: Hex,
    /// The sum of its unspent outputs on the chain, in coins.
    pub balance: Amount,
    /// Number of those outputs.
    pub utxos: u64,
    /// Its newest transactions, newest first, at most 25.
    pub transactions: Vec<HistoryEntry>,
    /// Where `getaddresshistory` goes on: give it as `before`. Null if these are all.
    pub next: Option<Place>,
}

/// A page of the addresses that hold coins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BalancePage {
    /// Height of the best chain.
    pub height: u32,
    /// The addresses, in the order of the index.
    pub list: Vec<Balance>,
    /// Where the next page goes on: give it as `after`. Null if this is the last page.
    pub next: Option<Hex>,
}

/// An output script that holds coins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Balance {
    /// The address that pays to the script, where there is one.
    pub address: Option<String>,
    /// The script's bytes.
    pub script: Hex,
    /// What it holds, in coins, as text.
    pub balance: AmountText,
    /// Number of its unspent outputs.
    pub coins: u64,
}
