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
            /// Number of confirmations (1 at the tip); -1 if it is not on the best chain.
            pub confirmations: i64,
            /// Its height.
            pub height: u32,
            /// Its version.
            pub version: i32,
            /// Its version as 8 hex digits.
            #[serde(rename = "versionHex")]
            pub version_hex: String,
            /// Merkle root of its transaction ids, as 64 hex digits.
            pub merkleroot: String,
            /// Its time, in seconds since 1970.
            pub time: u32,
            /// Median time of this block and the 10 before it, in seconds since 1970.
            pub mediantime: u32,
            /// Its nonce.
            pub nonce: u32,
            /// Its target in compact form (bits).
            pub bits: Bits,
            /// Its target.
            pub target: Target,
            /// Its difficulty, relative to Bitcoin's minimum.
            pub difficulty: Difficulty,
            /// Expected number of hashes of the chain up to this block.
            pub chainwork: Work,
            /// Number of its transactions; 0 while the block has not been downloaded.
            #[serde(rename = "nTx")]
            pub n_tx: u32,
            /// Hash of the previous block; absent in the genesis block.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub previousblockhash: Option<BlockHash>,
            /// Hash of the next block; only on the best chain, and not at its tip.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub nextblockhash: Option<BlockHash>,
            $($rest)*
        }
    };
}

with_header! {
    /// A block header with its position in the chain.
    Header {}
}

with_header! {
    /// A block with its transactions.
    Block {
        /// Size without witness data, in bytes.
        pub strippedsize: u64,
        /// Size in bytes.
        pub size: u64,
        /// Weight in weight units (BIP141).
        pub weight: u64,
        /// The transactions in order: ids at verbosity 1, otherwise complete.
        pub tx: Vec<BlockTransaction>,
    }
}

/// A transaction of a block.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum BlockTransaction {
    /// Its id, at verbosity 1.
    Id(Txid),
    /// The complete transaction, at verbosity 2 and 3.
    Whole(Box<Transaction>),
}

text_or_object!(BlockTransaction { Id(Txid), Whole(Box<Transaction>) });

/// The result of `getblock`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum BlockResult {
    /// The serialised block in hex, at verbosity 0.
    Hex(Hex),
    /// The block, at verbosity 1, 2 and 3.
    Block(Box<Block>),
}

text_or_object!(BlockResult { Hex(Hex), Block(Box<Block>) });

/// The result of `getblockheader`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum HeaderResult {
    /// The 80 bytes of the header in hex, if `verbose` is false.
    Hex(Hex),
    /// The header, otherwise.
    Header(Box<Header>),
}

text_or_object!(HeaderResult { Hex(Hex), Header(Box<Header>) });
