//! Results for wallets, which ask for many scripts at once.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::number::AmountText;
use crate::text::Txid;

/// What a list of scripts was ever used for, and holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScriptsScan {
    /// Height of the best chain.
    pub height: u32,
    /// Places in the list, from 0, of the scripts that were ever used.
    pub used: Vec<u64>,
    /// Their unspent outputs, of the chain and the pool.
    pub coins: Vec<ScannedCoin>,
}

/// An unspent output of a scanned script, as a list of six: there may be a million.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScannedCoin(
    /// Place of its script in the list that was asked for, from 0.
    pub u64,
    /// Id of the transaction that made it.
    pub Txid,
    /// Its number in that transaction, from 0.
    pub u32,
    /// Its value in base units.
    pub i64,
    /// Height of the block that made it; null for one of the pool.
    pub Option<u32>,
    /// It is an output of a coinbase.
    pub bool,
);

/// A transaction that a list of scripts has a part in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScriptsTransaction {
    /// Id of the transaction.
    pub txid: Txid,
    /// Height of its block; null for one of the pool.
    pub height: Option<u32>,
    /// Blocks from that one to the tip, itself counted; 0 for one of the pool.
    pub confirmations: u32,
    /// What the scripts received by it, in coins, as text.
    pub received: AmountText,
    /// What the scripts spent in it, in coins, as text.
    pub spent: AmountText,
}
