//! Results for wallets, which ask for many scripts at once.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::number::AmountText;
use crate::text::Txid;

/// Which scripts of a list were ever used, and their unspent outputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScriptsScan {
    /// Height of the best chain.
    pub height: u32,
    /// Positions in the list, from 0, of the scripts that were ever used.
    pub used: Vec<u64>,
    /// Their unspent outputs, in the chain and the mempool.
    pub coins: Vec<ScannedCoin>,
}

/// An unspent output of a scanned script, as a list of six: there may be a million.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScannedCoin(
    /// Position of its script in the given list, from 0.
    pub u64,
    /// Id of the transaction that created it.
    pub Txid,
    /// Its index in that transaction, from 0.
    pub u32,
    /// Its value in base units.
    pub i64,
    /// Height of the block that created it; null if it is in the mempool.
    pub Option<u32>,
    /// Whether it is a coinbase output.
    pub bool,
);

/// A transaction that pays to or spends from a list of scripts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScriptsTransaction {
    /// Id of the transaction.
    pub txid: Txid,
    /// Height of its block; null if it is in the mempool.
    pub height: Option<u32>,
    /// Number of confirmations (1 at the tip); 0 if it is in the mempool.
    pub confirmations: u32,
    /// Amount that the scripts received, in coins, as text.
    pub received: AmountText,
    /// Amount that the scripts spent, in coins, as text.
    pub spent: AmountText,
}
