//! Unspent outputs, one and all.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::number::Amount;
use crate::script::ScriptPubKey;
use crate::text::BlockHash;

/// An unspent output of the best chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Utxo {
    /// The output, as `TXID:N`.
    pub outpoint: String,
    /// Hash of the tip of the best chain.
    pub bestblock: BlockHash,
    /// Number of confirmations (1 at the tip).
    pub confirmations: u32,
    /// Height of the block that created it.
    pub height: u32,
    /// Its value in coins.
    pub value: Amount,
    /// Its script.
    #[serde(rename = "scriptPubKey")]
    pub script_pubkey: ScriptPubKey,
    /// Whether it is a coinbase output.
    pub coinbase: bool,
}

/// An unspent output of the best chain or the pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TxOut {
    /// Hash of the tip of the best chain.
    pub bestblock: BlockHash,
    /// Number of confirmations (1 at the tip); 0 if it is in the mempool.
    pub confirmations: u32,
    /// Its value in coins.
    pub value: Amount,
    /// Its script.
    #[serde(rename = "scriptPubKey")]
    pub script_pubkey: ScriptPubKey,
    /// Whether it is a coinbase output.
    pub coinbase: bool,
}

/// Statistics of the UTXO set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TxOutSetInfo {
    /// Height of the best chain.
    pub height: u32,
    /// Hash of the tip of the best chain.
    pub bestblock: BlockHash,
    /// Number of unspent outputs.
    pub txouts: u64,
    /// Size of the set as Bitcoin Core measures it, independent of the database.
    pub bogosize: u64,
    /// Bitcoin Core's hash over all of them; equal sets have equal hashes. Not with hash type
    /// `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash_serialized_3: Option<BlockHash>,
    /// Total amount, in coins.
    pub total_amount: Amount,
    /// Number of transactions with unspent outputs.
    pub transactions: u64,
    /// Size of the database, in bytes.
    pub disk_size: u64,
}
