//! Results about the chain as a whole.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::number::Difficulty;
use crate::text::{Bits, BlockHash, Target, Work};

/// The best chain and how far it has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChainInfo {
    /// Name of the network: `main`, `testnet`, `regtest` or `bitcoin`.
    pub chain: String,
    /// Height of the best chain.
    pub blocks: u32,
    /// Height of the best header known, at least `blocks`.
    pub headers: u32,
    /// Hash of the best chain's last block.
    pub bestblockhash: BlockHash,
    /// Target of the last block in its compact form.
    pub bits: Bits,
    /// Target of the last block.
    pub target: Target,
    /// Difficulty of the last block, 1 being Bitcoin's easiest.
    pub difficulty: Difficulty,
    /// Time of the last block, in seconds since 1970.
    pub time: u32,
    /// Median time of the last 11 blocks, in seconds since 1970.
    pub mediantime: u32,
    /// Share of the known headers whose blocks have been connected, from 0 to 1.
    pub verificationprogress: f64,
    /// Blocks of known headers are still missing.
    pub initialblockdownload: bool,
    /// Expected hashes behind the best chain.
    pub chainwork: Work,
    /// Size of the database, in bytes.
    pub size_on_disk: u64,
    /// Old blocks have been deleted.
    pub pruned: bool,
    /// Warnings for the operator; there are none at present.
    pub warnings: Vec<String>,
    /// Transactions in the best chain.
    pub transactions: u64,
    /// Transactions can be looked up by their id.
    pub txindex: bool,
    /// Height of the oldest block kept; only if `pruned`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pruneheight: Option<u32>,
}

/// The end of a branch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChainTip {
    /// Height of its last block.
    pub height: u32,
    /// Hash of its last block.
    pub hash: BlockHash,
    /// Blocks between it and the best chain; 0 for the best chain itself.
    pub branchlen: u32,
    /// How the branch stands.
    pub status: TipStatus,
}

/// How a branch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum TipStatus {
    /// It is the best chain.
    Active,
    /// A block of it breaks a rule, or was marked as invalid.
    Invalid,
    /// Blocks of it are not here.
    HeadersOnly,
    /// Its blocks are here and were not all checked.
    ValidHeaders,
    /// Its blocks were checked, and another branch has more work.
    ValidFork,
}

/// The soft forks as of the block after one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeploymentInfo {
    /// Hash of the block.
    pub hash: BlockHash,
    /// Height of the block.
    pub height: u32,
    /// Each soft fork by its name.
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
    /// Always `buried`: it holds from a height on.
    #[serde(rename = "type")]
    pub kind: String,
    /// It holds in the block after the one asked for.
    pub active: bool,
    /// The first height at which it holds.
    pub height: u32,
}

/// Newest blocks that have been checked again and found good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChainCheck {
    /// Always true: a fault is answered with an error.
    pub sound: bool,
    /// Blocks that were checked.
    pub blocks: u32,
    /// How thoroughly, from 0 to 4.
    pub level: u8,
}
