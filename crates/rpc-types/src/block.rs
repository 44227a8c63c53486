//! Blocks and their headers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alternatives::text_or_object;
use crate::number::Difficulty;
use crate::text::{Bits, BlockHash, Hex, Target, Txid, Work};
use crate::tx::Transaction;

macro_rules! with_header {
    ($(#[$meta:meta])* $name:ident { $($rest:tt)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        pub struct $name {
            /// The block's hash.
            pub hash: BlockHash,
            /// Blocks from this one to the tip, itself counted; -1 if it is not on the best chain.
            pub confirmations: i64,
            /// Its height.
            pub height: u32,
            /// Its version.
            pub version: i32,
            /// Its version as 8 hex digits.
            #[serde(rename = "versionHex")]
            pub version_hex: String,
            /// Root of the tree of its transaction ids, as 64 hex digits.
            pub merkleroot: String,
            /// Its time, in seconds since 1970.
            pub time: u32,
            /// Median time of it and the 10 blocks before it, in seconds since 1970.
            pub mediantime: u32,
            /// Its nonce.
            pub nonce: u32,
            /// Its target in its compact form.
            pub bits: Bits,
            /// Its target.
            pub target: Target,
            /// Its difficulty, 1 being Bitcoin's easiest.
            pub difficulty: Difficulty,
            /// Expected hashes behind the chain up to it.
            pub chainwork: Work,
            /// Its transactions; 0 while the block is not here.
            #[serde(rename = "nTx")]
            pub n_tx: u32,
            /// Hash of the block before it; not in the first block.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub previousblockhash: Option<BlockHash>,
            /// Hash of the block after it; only on the best chain, and not at its tip.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub nextblockhash: Option<BlockHash>,
            $($rest)*
        }
    };
}

with_header! {
    /// A block's header with its place in the chain.
    Header {}
}

with_header! {
    /// A block with its transactions.
    Block {
        /// Size without witnesses, in bytes.
        pub strippedsize: u64,
        /// Size in bytes.
        pub size: u64,
        /// Weight in weight units (BIP141).
        pub weight: u64,
        /// The transactions in their order: ids at verbosity 1, else whole.
        pub tx: Vec<BlockTransaction>,
    }
}

/// A transaction of a block.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum BlockTransaction {
    /// Its id, at verbosity 1.
    Id(Txid),
    /// The whole of it, at verbosity 2 and 3.
    Whole(Box<Transaction>),
}

text_or_object!(BlockTransaction { Id(Txid), Whole(Box<Transaction>) });

/// What `getblock` answers with.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum BlockResult {
    /// The block's bytes, at verbosity 0.
    Hex(Hex),
    /// The block, at verbosity 1, 2 and 3.
    Block(Box<Block>),
}

text_or_object!(BlockResult { Hex(Hex), Block(Box<Block>) });

/// What `getblockheader` answers with.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum HeaderResult {
    /// The header's 80 bytes, if `verbose` is false.
    Hex(Hex),
    /// The header, otherwise.
    Header(Box<Header>),
}

text_or_object!(HeaderResult { Hex(Hex), Header(Box<Header>) });
