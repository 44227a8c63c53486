//! The node at a glance, and blocks handed to it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::number::Difficulty;
use crate::text::BlockHash;

/// How the node is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// Name of the network: `main`, `testnet`, `regtest` or `bitcoin`.
    pub network: String,
    /// This program's version.
    pub version: String,
    /// Height of the best chain.
    pub height: u32,
    /// Hash of the best chain's last block.
    pub best: BlockHash,
    /// Time of that block, in seconds since 1970.
    pub tip_time: u32,
    /// Transactions in the best chain.
    pub transactions: u64,
    /// Peers whose handshake is done.
    pub peers: u64,
    /// The node is a replica: it follows a node and sends nothing of its own.
    pub readonly: bool,
}

/// The node in numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stats {
    /// Name of the network: `main`, `testnet`, `regtest` or `bitcoin`.
    pub network: String,
    /// Height of the best chain.
    pub height: u32,
    /// Hash of the best chain's last block.
    pub best: BlockHash,
    /// Time of that block, in seconds since 1970.
    pub tip_time: u32,
    /// Transactions in the best chain.
    pub transactions: u64,
    /// Difficulty of the last block, 1 being Bitcoin's easiest.
    pub difficulty: Difficulty,
    /// Hashes per second of the whole network over the last 120 blocks.
    pub network_hashrate: u64,
    /// Unconfirmed transactions.
    pub mempool_transactions: u64,
    /// Their virtual size in virtual bytes.
    pub mempool_bytes: u64,
    /// Peers whose handshake is done.
    pub peers: u64,
}

/// What became of a list of blocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ImportReport {
    /// Blocks that were taken.
    pub accepted: u64,
    /// Blocks that were there already.
    pub known: u64,
    /// Blocks whose parents have not come yet, over all lists since the last flush.
    pub waiting: u64,
    /// The first block that was refused; those after it were not taken. Null if none was.
    pub refused: Option<RefusedBlock>,
    /// Height of the best chain.
    pub height: u32,
    /// Hash of the best chain's last block.
    pub best: BlockHash,
}

/// A block that was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RefusedBlock {
    /// Its place in the list, from 0.
    pub index: u64,
    /// Why, in a sentence.
    pub reason: String,
}

/// What a reindex is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ReindexPhase {
    /// It reads the blocks.
    Blocks,
    /// It reads the coins.
    Coins,
    /// It connects the blocks again.
    Replay,
}

/// How far a reindex is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReindexProgress {
    /// Nothing is left to build.
    pub finished: bool,
    /// What it is at; null when it is finished.
    pub phase: Option<ReindexPhase>,
    /// Blocks done, or 65,536ths of the coins; null when it is finished.
    pub done: Option<u32>,
    /// The same, when this phase will be done; null when it is finished.
    pub of: Option<u32>,
}
