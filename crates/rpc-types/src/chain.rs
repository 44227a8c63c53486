//! Results about the chain as a whole.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::number::Difficulty;
use crate::text::{Bits, BlockHash, Target, Work};

/// The state of the best chain and the progress of the sync.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChainInfo {
    /// Name of the network: `main`, `testnet`, `regtest` or `bitcoin`.
    pub chain: String,
    /// Height of the best chain.
    pub blocks: u32,
    /// Height of the best header known, at least `blocks`.
    pub headers: u32,
    /// Hash of the tip of the best chain.
    pub bestblockhash: BlockHash,
    /// Target of the tip in compact form (bits).
    pub bits: Bits,
    /// Target of the tip.
    pub target: Target,
    /// Difficulty of the tip, relative to Bitcoin's minimum.
    pub difficulty: Difficulty,
    /// Time of the tip, in seconds since 1970.
    pub time: u32,
    /// Median time of the last 11 blocks, in seconds since 1970.
    pub mediantime: u32,
    /// Share of the known headers whose blocks have been connected, from 0 to 1.
    pub verificationprogress: f64,
    /// Whether blocks of known headers are still missing.
    pub initialblockdownload: bool,
    /// Expected number of hashes of the best chain.
    pub chainwork: Work,
    /// Size of the database, in bytes.
    pub size_on_disk: u64,
    /// Whether old blocks have been deleted.
    pub pruned: bool,
    /// Warnings for the operator; always empty at present.
    pub warnings: Vec<String>,
    /// Number of transactions in the best chain.
    pub transactions: u64,
    /// Whether transactions can be looked up by id.
    pub txindex: bool,
    /// Height of the oldest block kept; only if `pruned`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pruneheight: Option<u32>,
}

/// The tip of a branch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChainTip {
    /// Height of its last block.
    pub height: u32,
    /// Hash of its last block.
    pub hash: BlockHash,
    /// Number of blocks between it and the best chain; 0 for the best chain itself.
    pub branchlen: u32,
    /// The status of the branch.
    pub status: TipStatus,
}

/// The status of a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum TipStatus {
    /// It is the best chain.
    Active,
    /// It contains a block that is invalid or was marked as invalid.
    Invalid,
    /// Some of its blocks have not been downloaded.
    HeadersOnly,
    /// Its blocks are available but not fully validated.
    ValidHeaders,
    /// It is fully validated, but another branch has more work.
    ValidFork,
}

/// The soft forks in force for the block after a given one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeploymentInfo {
    /// Hash of the block.
    pub hash: BlockHash,
    /// Height of the block.
    pub height: u32,
    /// Each soft fork by name.
    pub deployments: Deployments,
}

/// The soft forks of a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Deployments {
    /// Height in the coinbase (BIP34).
    pub bip34: Deployment,
    /// Strict DER signatures (BIP66).
    pub bip66: Deployment,
    /// CHECKLOCKTIMEVERIFY (BIP65).
    pub bip65: Deployment,
    /// Relative lock times (BIP68, BIP112, BIP113).
    pub csv: Deployment,
    /// Segregated witness (BIP141, BIP143, BIP147).
    pub segwit: Deployment,
    /// Taproot (BIP340, BIP341, BIP342).
    pub taproot: Deployment,
}

/// A soft fork.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Deployment {
    /// Always `buried`: active from a fixed height on.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it is active in the block after the one asked for.
    pub active: bool,
    /// The first height at which it is active.
    pub height: u32,
}

/// The result of a successful verification of the newest blocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChainCheck {
    /// Always true: a failure is reported as an error.
    pub sound: bool,
    /// Number of blocks verified.
    pub blocks: u32,
    /// The level of verification, from 0 to 4.
    pub level: u8,
}
