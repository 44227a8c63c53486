//! The node at a glance, and blocks handed to it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::number::Difficulty;
use crate::text::BlockHash;

/// The state of the node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// Name of the network: `main`, `testnet`, `regtest` or `bitcoin`.
    pub network: String,
    /// This program's version.
    pub version: String,
    /// Height of the best chain.
    pub height: u32,
    /// Hash of the tip of the best chain.
    pub best: BlockHash,
    /// Time of that block, in seconds since 1970.
    pub tip_time: u32,
    /// Number of transactions in the best chain.
    pub transactions: u64,
    /// Number of peers that have completed the handshake.
    pub peers: u64,
    /// Whether the node is a replica, which follows a node and announces nothing of its own.
    pub readonly: bool,
}

/// Key figures of the node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stats {
    /// Name of the network: `main`, `testnet`, `regtest` or `bitcoin`.
    pub network: String,
    /// Height of the best chain.
    pub height: u32,
    /// Hash of the tip of the best chain.
    pub best: BlockHash,
    /// Time of that block, in seconds since 1970.
    pub tip_time: u32,
    /// Number of transactions in the best chain.
    pub transactions: u64,
    /// Difficulty of the tip, relative to Bitcoin's minimum.
    pub difficulty: Difficulty,
    /// Estimated hash rate of the whole network over the last 120 blocks, in hashes per second.
    pub network_hashrate: u64,
    /// Number of transactions in the mempool.
    pub mempool_transactions: u64,
    /// Their total virtual size, in virtual bytes.
    pub mempool_bytes: u64,
    /// Number of peers that have completed the handshake.
    pub peers: u64,
}

/// The outcome of an import of a list of blocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ImportReport {
    /// Number of blocks accepted.
    pub accepted: u64,
    /// Number of blocks that were already known.
    pub known: u64,
    /// Number of blocks whose parents are missing, over all lists since the last flush.
    pub waiting: u64,
    /// The first block that was rejected; those after it were not processed. Null if none was.
    pub refused: Option<RefusedBlock>,
    /// Height of the best chain.
    pub height: u32,
    /// Hash of the tip of the best chain.
    pub best: BlockHash,
}

/// A block that was rejected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RefusedBlock {
    /// Its position in the list, from 0.
    pub index: u64,
    /// The reason, as a sentence.
    pub reason: String,
}

/// The phase of a reindex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ReindexPhase {
    /// Reading the blocks.
    Blocks,
    /// Reading the coins.
    Coins,
    /// Reconnecting the blocks.
    Replay,
}

/// The progress of a reindex.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReindexProgress {
    /// Whether the reindex is complete.
    pub finished: bool,
    /// The current phase; null when it is finished.
    pub phase: Option<ReindexPhase>,
    /// Blocks processed, or 65,536ths of the coins; null when it is finished.
    pub done: Option<u32>,
    /// The same at the end of this phase; null when it is finished.
    pub of: Option<u32>,
}
