//! Addresses: what they are, and what they hold on the chain.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::number::{Amount, AmountText};
use crate::text::{Hex, Txid};

/// Whether a text is a valid address, and the script that it pays to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AddressValidity {
    /// Whether it is an address of this network; if not, `error` gives the reason.
    pub isvalid: bool,
    /// The address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The output script of the address, in hex.
    #[serde(rename = "scriptPubKey", skip_serializing_if = "Option::is_none")]
    pub script_pubkey: Option<Hex>,
    /// Whether it pays to a script hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isscript: Option<bool>,
    /// Whether it pays to a witness program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iswitness: Option<bool>,
    /// Version of the witness program, from 0 to 16.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witness_version: Option<u8>,
    /// The witness program, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witness_program: Option<Hex>,
    /// Positions of the wrong characters; always empty at present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_locations: Option<Vec<u64>>,
    /// Why it is not an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A confirmed transaction that pays to an address or spends from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HistoryEntry {
    /// Id of the transaction.
    pub txid: Txid,
    /// Height of its block.
    pub height: u32,
    /// Its position in that block, from 0.
    pub position: u32,
    /// Number of confirmations (1 at the tip).
    pub confirmations: u32,
    /// Amount that the address received, in coins.
    pub received: Amount,
    /// Amount that the address spent, in coins.
    pub spent: Amount,
}

/// A position in the best chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// Height of a block.
    pub height: u32,
    /// Position of a transaction in it, from 0.
    pub position: u32,
}

/// A page of an address's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AddressHistory {
    /// Its transactions, newest first.
    pub transactions: Vec<HistoryEntry>,
    /// Where the next page starts: pass it as `before`. Null if this is the last page.
    pub next: Option<Place>,
}

/// An unspent output of an address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AddressUtxo {
    /// Id of the transaction that created it.
    pub txid: Txid,
    /// Its index in that transaction, from 0.
    pub vout: u32,
    /// Its value in coins.
    pub value: Amount,
    /// Height of the block that created it.
    pub height: u32,
    /// Number of confirmations (1 at the tip).
    pub confirmations: u32,
    /// Whether it is a coinbase output.
    pub coinbase: bool,
}

/// The balance of an address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AddressBalance {
    /// The sum of its unspent outputs on the chain, in coins.
    pub balance: Amount,
    /// Number of those outputs.
    pub utxos: u64,
}

/// An overview of an address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AddressOverview {
    /// The address, or the output script in hex, as given.
    pub address: String,
    /// The output script, in hex.
    #[serde(rename = "scriptPubKey")]
    pub script_pubkey: Hex,
    /// The sum of its unspent outputs on the chain, in coins.
    pub balance: Amount,
    /// Number of those outputs.
    pub utxos: u64,
    /// Its newest transactions, newest first, at most 25.
    pub transactions: Vec<HistoryEntry>,
    /// Where `getaddresshistory` continues: pass it as `before`. Null if these are all.
    pub next: Option<Place>,
}

/// A page of the addresses that hold coins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BalancePage {
    /// Height of the best chain.
    pub height: u32,
    /// The addresses, in the order of the index.
    pub list: Vec<Balance>,
    /// Where the next page starts: pass it as `after`. Null if this is the last page.
    pub next: Option<Hex>,
}

/// An output script that holds coins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Balance {
    /// The address that pays to the script, where there is one.
    pub address: Option<String>,
    /// The script, in hex.
    pub script: Hex,
    /// Its balance, in coins, as text.
    pub balance: AmountText,
    /// Number of its unspent outputs.
    pub coins: u64,
}
