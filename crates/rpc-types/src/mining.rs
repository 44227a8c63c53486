//! Mining, difficulty and hashrates.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::number::{Amount, Difficulty};
use crate::text::{Bits, BlockHash, Hex, Target};

/// What the mining threads do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum MiningState {
    /// Nothing.
    Off,
    /// They are searching for a block.
    Mining,
    /// They are started but cannot mine now: `reason` says why.
    Paused,
}

/// This node's mining.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MiningStatus {
    /// What the mining threads do.
    pub state: MiningState,
    /// Why they are paused; null otherwise.
    pub reason: Option<String>,
    /// The payout address; null if none is set.
    pub address: Option<String>,
    /// Number of mining threads.
    pub threads: u64,
    /// The hash implementation in use, named by the processor's instructions.
    pub lanes: String,
    /// Current hash rate of the mining threads, in hashes per second.
    pub hashrate: u64,
    /// Average hash rate over all the time spent mining, in hashes per second.
    pub hashrate_average: u64,
    /// Number of hashes computed since the node started.
    pub hashes: u64,
    /// Number of blocks found since the node started.
    pub blocks_found: u64,
    /// Blocks still to find before mining stops by itself; null if there is no limit.
    pub blocks_left: Option<u64>,
    /// Stale blocks: found when another block was already the tip.
    pub stale: u64,
    /// Blocks found that the node itself rejected.
    pub refused: u64,
    /// The last block found; null before the first.
    pub last_block: Option<FoundBlock>,
    /// Difficulty of the block being mined, relative to Bitcoin's minimum.
    pub difficulty: Difficulty,
    /// Target of the block being mined.
    pub target: Target,
    /// Expected number of hashes per block.
    pub hashes_expected: u64,
    /// Expected seconds per block at `hashrate`; null while that is 0.
    pub seconds_expected: Option<f64>,
    /// The block being mined; null when there is no work.
    pub block: Option<SoughtBlock>,
    /// Miners connected over Stratum.
    pub stratum: StratumStatus,
}

/// A block that was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FoundBlock {
    /// Its height.
    pub height: u32,
    /// Its hash.
    pub hash: BlockHash,
}

/// The block being mined.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SoughtBlock {
    /// Its height.
    pub height: u32,
    /// Number of transactions, not counting the coinbase.
    pub transactions: u64,
    /// Its weight in weight units (BIP141).
    pub weight: u64,
    /// Fees of its transactions, in coins.
    pub fees: Amount,
    /// Amount that its coinbase pays, in coins.
    pub value: Amount,
}

/// Stratum miners.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StratumStatus {
    /// Whether the Stratum server is running.
    pub open: bool,
    /// Number of connected miners.
    pub miners: u64,
    /// Number of shares accepted since the node started.
    pub shares: u64,
    /// Number of stale shares.
    pub stale: u64,
    /// Number of rejected shares.
    pub refused: u64,
    /// Expected number of hashes behind the accepted shares.
    pub share_hashes: u64,
}

/// The chain from a miner's view.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MiningInfo {
    /// Height of the best chain.
    pub blocks: u32,
    /// Weight of the block being mined, in weight units; only while there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currentblockweight: Option<u64>,
    /// Number of its transactions, not counting the coinbase; only while there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currentblocktx: Option<u64>,
    /// Target of the tip in compact form (bits).
    pub bits: Bits,
    /// Difficulty of the tip, relative to Bitcoin's minimum.
    pub difficulty: Difficulty,
    /// Target of the tip.
    pub target: Target,
    /// Estimated hash rate of the whole network over the last 120 blocks, in hashes per second.
    pub networkhashps: f64,
    /// Number of transactions in the mempool.
    pub pooledtx: u64,
    /// The lowest fee rate accepted into a block, in coins per 1,000 virtual bytes.
    pub blockmintxfee: Amount,
    /// Name of the network.
    pub chain: String,
    /// The next block.
    pub next: NextBlock,
    /// Whether this node's mining threads are mining.
    pub mining: bool,
    /// Current hash rate of this node's mining threads, in hashes per second.
    pub hashrate: u64,
    /// Number of blocks found since the node started.
    pub blocks_found: u64,
    /// Warnings for the operator; always empty at present.
    pub warnings: Vec<String>,
}

/// The next block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NextBlock {
    /// Its height.
    pub height: u32,
    /// Its target in compact form (bits).
    pub bits: Bits,
    /// Its difficulty, relative to Bitcoin's minimum.
    pub difficulty: Difficulty,
    /// Its target.
    pub target: Target,
}

/// The difficulty of the next block, and when it changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DifficultyInfo {
    /// Height of the next block.
    pub height: u32,
    /// Its difficulty, relative to Bitcoin's minimum.
    pub difficulty: Difficulty,
    /// Its target in compact form (bits).
    pub bits: Bits,
    /// Its target.
    pub target: Target,
    /// Expected number of hashes to find it.
    pub hashes_expected: u64,
    /// Height of the next retarget; only on networks where the difficulty changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes_at: Option<u32>,
    /// Blocks until the next retarget; only on networks where the difficulty changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocks_until: Option<u32>,
    /// Expected change of difficulty in percent, from -75 to 300; null while unknown. Only on
    /// networks where it changes.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "crate::present")]
    #[schemars(extend("x-nullable" = true))]
    pub change_expected_percent: Option<Option<f64>>,
}

/// A retarget interval: a run of blocks with the same difficulty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DifficultyInterval {
    /// Height of its first block.
    pub height: u32,
    /// Time of its first block, in seconds since 1970.
    pub time: u32,
    /// Its target in compact form (bits).
    pub bits: Bits,
    /// Its difficulty, relative to Bitcoin's minimum.
    pub difficulty: Difficulty,
    /// Change from the previous interval, in percent; null for the first.
    pub change_percent: Option<f64>,
    /// Number of its blocks so far.
    pub blocks: u32,
    /// Seconds from its first block to its last.
    pub seconds: u32,
}

/// A block that was generated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GeneratedBlock {
    /// Its hash.
    pub hash: BlockHash,
    /// The serialised block in hex; only if it was not submitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hex: Option<Hex>,
}

/// Mining threads that were started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MiningStarted {
    /// Number of mining threads.
    pub threads: u64,
    /// Number of blocks found since the node started.
    pub blocks_found: u64,
}
