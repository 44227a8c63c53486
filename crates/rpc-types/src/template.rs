//! A block to mine elsewhere (BIP22, BIP23, BIP145).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alternatives::text_or_object;
use crate::text::{Bits, BlockHash, Hex, Target, Txid, Wtxid};

/// The result of `getblocktemplate`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum TemplateResult {
    /// The BIP22 reason for which a proposal is rejected.
    Refused(String),
    /// A template.
    Template(Box<BlockTemplate>),
}

text_or_object!(TemplateResult { Refused(String), Template(Box<BlockTemplate>) });

/// A template of a block for an external miner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BlockTemplate {
    /// Capabilities of the server: `proposal`.
    pub capabilities: Vec<String>,
    /// The block's version.
    pub version: i32,
    /// Active soft forks; a miner must support those marked with `!`.
    pub rules: Vec<String>,
    /// Soft forks that can be signalled, with their bits; always empty.
    pub vbavailable: BTreeMap<String, u32>,
    /// Version bits that must be set; always 0.
    pub vbrequired: u32,
    /// Hash of the previous block.
    pub previousblockhash: BlockHash,
    /// Its transactions without the coinbase, in order.
    pub transactions: Vec<TemplateTransaction>,
    /// Data to include in the coinbase's script; always empty.
    pub coinbaseaux: BTreeMap<String, Hex>,
    /// Maximum amount that the coinbase may pay, in base units.
    pub coinbasevalue: i64,
    /// Pass it as `longpollid` to receive an answer when the template changes.
    pub longpollid: String,
    /// The target, which the block's hash must not exceed.
    pub target: Target,
    /// The block's earliest valid time, in seconds since 1970.
    pub mintime: u32,
    /// What the miner may change: `time`, `transactions`, `prevblock`.
    pub mutable: Vec<String>,
    /// The range of nonces: first and last, 8 hex digits each.
    pub noncerange: String,
    /// Maximum number of signature operations; their cost once segwit is active.
    pub sigoplimit: u64,
    /// Maximum size, in bytes.
    pub sizelimit: u64,
    /// Maximum weight, in weight units (BIP141).
    pub weightlimit: u64,
    /// The current time, in seconds since 1970, limited to the times valid for the block.
    pub curtime: u32,
    /// The target in compact form (bits).
    pub bits: Bits,
    /// The block's height.
    pub height: u32,
    /// The block's latest valid time, in seconds since 1970, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maxtime: Option<u32>,
    /// The output script with the witness commitment (BIP141), once segwit is active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_witness_commitment: Option<Hex>,
}

/// A transaction of a template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TemplateTransaction {
    /// The serialised transaction, in hex.
    pub data: Hex,
    /// Its id.
    pub txid: Txid,
    /// Its hash including the witness (wtxid).
    pub hash: Wtxid,
    /// Positions, from 1, of the template's transactions that it depends on.
    pub depends: Vec<u64>,
    /// Its fee in base units.
    pub fee: i64,
    /// Number of its signature operations; their cost once segwit is active.
    pub sigops: u64,
    /// Its weight in weight units (BIP141).
    pub weight: u64,
}
