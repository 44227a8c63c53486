//! A block to mine elsewhere (BIP22, BIP23, BIP145).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alternatives::text_or_object;
use crate::text::{Bits, BlockHash, Hex, Target, Txid, Wtxid};

/// What `getblocktemplate` answers with.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum TemplateResult {
    /// Why a proposal is refused, in BIP22's words.
    Refused(String),
    /// A template.
    Template(Box<BlockTemplate>),
}

text_or_object!(TemplateResult { Refused(String), Template(Box<BlockTemplate>) });

/// A block to mine elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BlockTemplate {
    /// What the server can do: `proposal`.
    pub capabilities: Vec<String>,
    /// The block's version.
    pub version: i32,
    /// Soft forks that hold; a miner must know those with a `!`.
    pub rules: Vec<String>,
    /// Soft forks that may be signalled, with their bit; none.
    pub vbavailable: BTreeMap<String, u32>,
    /// Bits of the version that must be set; 0.
    pub vbrequired: u32,
    /// Hash of the block before it.
    pub previousblockhash: BlockHash,
    /// Its transactions without the coinbase, in order.
    pub transactions: Vec<TemplateTransaction>,
    /// Bytes to put into the coinbase's script; none.
    pub coinbaseaux: BTreeMap<String, Hex>,
    /// What the coinbase may pay, in base units.
    pub coinbasevalue: i64,
    /// Give it as `longpollid` to be answered when the template changes.
    pub longpollid: String,
    /// The number that the block's hash may not be above.
    pub target: Target,
    /// The earliest time that the block may have, in seconds since 1970.
    pub mintime: u32,
    /// What the miner may change: `time`, `transactions`, `prevblock`.
    pub mutable: Vec<String>,
    /// The first and the last nonce, each as 8 hex digits.
    pub noncerange: String,
    /// The most signature operations, by their cost once segwit holds.
    pub sigoplimit: u64,
    /// The largest size, in bytes.
    pub sizelimit: u64,
    /// The largest weight, in weight units (BIP141).
    pub weightlimit: u64,
    /// The time now, in seconds since 1970, within what the block may have.
    pub curtime: u32,
    /// The target in its compact form.
    pub bits: Bits,
    /// The block's height.
    pub height: u32,
    /// The latest time that the block may have, in seconds since 1970, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maxtime: Option<u32>,
    /// The output script that commits to the witnesses (BIP141), once segwit holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_witness_commitment: Option<Hex>,
}

/// A transaction of a template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TemplateTransaction {
    /// Its bytes.
    pub data: Hex,
    /// Its id.
    pub txid: Txid,
    /// Its hash with its witness.
    pub hash: Wtxid,
    /// Places of the template's transactions that it builds on, from 1.
    pub depends: Vec<u64>,
    /// Its fee in base units.
    pub fee: i64,
    /// Its signature operations, by their cost once segwit holds.
    pub sigops: u64,
    /// Its weight in weight units (BIP141).
    pub weight: u64,
}
