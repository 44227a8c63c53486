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
    /// Hash of the best chain's last block.
    pub bestblock: BlockHash,
    /// Blocks from the one that made it to the tip, itself counted.
    pub confirmations: u32,
    /// Height of the block that made it.
    pub height: u32,
    /// Its value in coins.
    pub value: Amount,
    /// Its script.
    #[serde(rename = "scriptPubKey")]
    pub script_pubkey: ScriptPubKey,
    /// It is an output of a coinbase.
    pub coinbase: bool,
}

/// An unspent output of the best chain or the pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TxOut {
    /// Hash of the best chain's last block.
    pub bestblock: BlockHash,
    /// Blocks from the one that made it to the tip, itself counted; 0 for one of the pool.
    pub confirmations: u32,
    /// Its value in coins.
    pub value: Amount,
    /// Its script.
    #[serde(rename = "scriptPubKey")]
    pub script_pubkey: ScriptPubKey,
    /// It is an output of a coinbase.
    pub coinbase: bool,
}

/// All unspent outputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TxOutSetInfo {
    /// Height of the best chain.
    pub height: u32,
    /// Hash of the best chain's last block.
    pub bestblock: BlockHash,
    /// Unspent outputs.
    pub txouts: u64,
    /// Bitcoin Core's measure of the set's size, which no database changes.
    pub bogosize: u64,
    /// Bitcoin Core's hash over all of them; equal sets have equal hashes. Not with hash type
    /// `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash_serialized_3: Option<BlockHash>,
    /// Their sum in coins.
    pub total_amount: Amount,
    /// Transactions that have unspent outputs.
    pub transactions: u64,
    /// Size of the database, in bytes.
    pub disk_size: u64,
}
