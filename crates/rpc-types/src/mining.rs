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
    /// They look for a block.
    Mining,
    /// They are wanted, but can't mine now: `reason` says why.
    Paused,
}

/// This node's mining.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MiningStatus {
    /// What the mining threads do.
    pub state: MiningState,
    /// Why they are paused; null otherwise.
    pub reason: Option<String>,
    /// The address that mined coins go to; null if none is set.
    pub address: Option<String>,
    /// Mining threads.
    pub threads: u64,
    /// The hash code in use, by this processor's instructions.
    pub lanes: String,
    /// Hashes per second of the mining threads now.
    pub hashrate: u64,
    /// Hashes per second over all the time that they have mined.
    pub hashrate_average: u64,
    /// Hashes made since the node started.
    pub hashes: u64,
    /// Blocks found since the node started.
    pub blocks_found: u64,
    /// Blocks until mining stops by itself; null if it does not.
    pub blocks_left: Option<u64>,
    /// Blocks found too late: another was the tip already.
    pub stale: u64,
    /// Blocks found that the node's own rules refused.
    pub refused: u64,
    /// The last block found; null before the first.
    pub last_block: Option<FoundBlock>,
    /// Difficulty of the block looked for, 1 being Bitcoin's easiest.
    pub difficulty: Difficulty,
    /// Target of the block looked for.
    pub target: Target,
    /// Hashes that a block takes on average.
    pub hashes_expected: u64,
    /// Seconds that a block takes on average at `hashrate`; null while that is 0.
    pub seconds_expected: Option<f64>,
    /// The block looked for; null when there is no work.
    pub block: Option<SoughtBlock>,
    /// Miners elsewhere, over Stratum.
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

/// The block that is looked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SoughtBlock {
    /// Its height.
    pub height: u32,
    /// Transactions beside the coinbase.
    pub transactions: u64,
    /// Its weight in weight units (BIP141).
    pub weight: u64,
    /// Fees of its transactions, in coins.
    pub fees: Amount,
    /// What its coinbase pays, in coins.
    pub value: Amount,
}

/// Miners elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StratumStatus {
    /// They are given work.
    pub open: bool,
    /// Miners connected.
    pub miners: u64,
    /// Shares taken since the node started.
    pub shares: u64,
    /// Shares that came too late.
    pub stale: u64,
    /// Shares that were refused.
    pub refused: u64,
    /// Hashes that the shares taken stand for.
    pub share_hashes: u64,
}

/// The chain as a miner sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MiningInfo {
    /// Height of the best chain.
    pub blocks: u32,
    /// Weight of the block looked for, in weight units; only while there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currentblockweight: Option<u64>,
    /// Its transactions beside the coinbase; only while there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currentblocktx: Option<u64>,
    /// Target of the last block in its compact form.
    pub bits: Bits,
    /// Difficulty of the last block, 1 being Bitcoin's easiest.
    pub difficulty: Difficulty,
    /// Target of the last block.
    pub target: Target,
    /// Hashes per second of the whole network over the last 120 blocks.
    pub networkhashps: f64,
    /// Unconfirmed transactions.
    pub pooledtx: u64,
    /// The lowest fee rate that gets into a block, in coins per 1,000 virtual bytes.
    pub blockmintxfee: Amount,
    /// Name of the network.
    pub chain: String,
    /// The block after the last.
    pub next: NextBlock,
    /// This node's mining threads are at work.
    pub mining: bool,
    /// Hashes per second of this node's mining threads now.
    pub hashrate: u64,
    /// Blocks found since the node started.
    pub blocks_found: u64,
    /// Warnings for the operator; there are none at present.
    pub warnings: Vec<String>,
}

/// The block after the last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NextBlock {
    /// Its height.
    pub height: u32,
    /// Its target in its compact form.
    pub bits: Bits,
    /// Its difficulty, 1 being Bitcoin's easiest.
    pub difficulty: Difficulty,
    /// Its target.
    pub target: Target,
}

/// The difficulty of the next block, and when it changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DifficultyInfo {
    /// Height of the next block.
    pub height: u32,
    /// Its difficulty, 1 being Bitcoin's easiest.
    pub difficulty: Difficulty,
    /// Its target in its compact form.
    pub bits: Bits,
    /// Its target.
    pub target: Target,
    /// Hashes that it takes on average.
    pub hashes_expected: u64,
    /// Height of the next change of difficulty; only on networks where it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes_at: Option<u32>,
    /// Blocks before that one; only on networks where it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocks_until: Option<u32>,
    /// Expected change of difficulty in percent, from -75 to 300; null while nothing tells. Only on
    /// networks where it changes.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "crate::present")]
    pub change_expected_percent: Option<Option<f64>>,
}

/// An interval of blocks of one difficulty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DifficultyInterval {
    /// Height of its first block.
    pub height: u32,
    /// Time of its first block, in seconds since 1970.
    pub time: u32,
    /// Its target in its compact form.
    pub bits: Bits,
    /// Its difficulty, 1 being Bitcoin's easiest.
    pub difficulty: Difficulty,
    /// Change against the interval before it, in percent; null for the first.
    pub change_percent: Option<f64>,
    /// Its blocks so far.
    pub blocks: u32,
    /// Seconds from its first block to its last.
    pub seconds: u32,
}

/// A block that was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GeneratedBlock {
    /// Its hash.
    pub hash: BlockHash,
    /// Its bytes; only if it was not submitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hex: Option<Hex>,
}

/// Mining threads that were started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MiningStarted {
    /// Mining threads.
    pub threads: u64,
    /// Blocks found since the node started.
    pub blocks_found: u64,
}
