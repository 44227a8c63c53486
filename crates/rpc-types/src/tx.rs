//! Transactions, in Bitcoin Core's shapes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alternatives::text_or_object;
use crate::number::Amount;
use crate::script::ScriptPubKey;
use crate::text::{BlockHash, Hex, Txid, Wtxid};

/// An input of a transaction: the output it spends and what satisfies its script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Input {
    /// The coinbase's script in hex; only in a coinbase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coinbase: Option<Hex>,
    /// Id of the transaction whose output is spent; not in a coinbase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub txid: Option<Txid>,
    /// Index of the output that is spent, from 0; not in a coinbase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vout: Option<u32>,
    /// The input's script; not in a coinbase.
    #[serde(rename = "scriptSig", skip_serializing_if = "Option::is_none")]
    pub script_sig: Option<ScriptSig>,
    /// The witness items in hex, if there is a witness.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub txinwitness: Option<Vec<Hex>>,
    /// The output that is spent, if requested and known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prevout: Option<Prevout>,
    /// The sequence number, which may encode a relative lock time (BIP68).
    pub sequence: u32,
}

/// An input's script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScriptSig {
    /// The disassembled script, data in hex, signatures with their hash type.
    pub asm: String,
    /// The script, in hex.
    pub hex: Hex,
}

/// The output that an input spends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Prevout {
    /// Whether it is a coinbase output.
    pub generated: bool,
    /// Height of the block that created it.
    pub height: u32,
    /// Its value in coins.
    pub value: Amount,
    /// Its script.
    #[serde(rename = "scriptPubKey")]
    pub script_pubkey: ScriptPubKey,
}

/// An output of a transaction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Output {
    /// Its value in coins.
    pub value: Amount,
    /// Its index in the transaction, from 0.
    pub n: u32,
    /// Its script.
    #[serde(rename = "scriptPubKey")]
    pub script_pubkey: ScriptPubKey,
}

macro_rules! with_transaction {
    ($(#[$meta:meta])* $name:ident { $($before:tt)* } and { $($after:tt)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        pub struct $name {
            $($before)*
            /// Its id.
            pub txid: Txid,
            /// Its hash including the witness (wtxid).
            pub hash: Wtxid,
            /// Its version.
            pub version: u32,
            /// Its size in bytes.
            pub size: u64,
            /// Its virtual size, in virtual bytes (BIP141).
            pub vsize: u64,
            /// Its weight, in weight units (BIP141).
            pub weight: u64,
            /// Its lock time: a height below 500,000,000, else seconds since 1970.
            pub locktime: u32,
            /// Its inputs, in order.
            pub vin: Vec<Input>,
            /// Its outputs, in order.
            pub vout: Vec<Output>,
            $($after)*
        }
    };
}

with_transaction! {
    /// A transaction in a block.
    Transaction {} and {
        /// Its fee, in coins; only if the outputs that it spends are known.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub fee: Option<Amount>,
        /// The serialised transaction, in hex.
        pub hex: Hex,
    }
}

with_transaction! {
    /// A decoded transaction.
    DecodedTransaction {} and {}
}

with_transaction! {
    /// A transaction of the mempool, the chain or a block.
    RawTransaction {
        /// Whether the given block is on the best chain; only if a block was given.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub in_active_chain: Option<bool>,
    } and {
        /// Its fee, in coins; at verbosity 2, if the outputs that it spends are known.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub fee: Option<Amount>,
        /// The serialised transaction, in hex.
        pub hex: Hex,
        /// Hash of the block that contains it; absent while it is unconfirmed.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub blockhash: Option<BlockHash>,
        /// Number of confirmations (1 at the tip); 0 if it is not on the best chain.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub confirmations: Option<u32>,
        /// Time of the block, in seconds since 1970; only if it is on the best chain.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub time: Option<u32>,
        /// The same as `time`.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub blocktime: Option<u32>,
    }
}

with_transaction! {
    /// A confirmed transaction with its position in the best chain.
    ConfirmedTransaction {} and {
        /// The serialised transaction, in hex.
        pub hex: Hex,
        /// Hash of the block that contains it.
        pub blockhash: BlockHash,
        /// Height of that block.
        pub height: u32,
        /// Its position in that block, from 0.
        pub position: u32,
        /// Number of confirmations (1 at the tip).
        pub confirmations: u32,
        /// Time of that block, in seconds since 1970.
        pub blocktime: u32,
    }
}

/// The result of `getrawtransaction`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum RawTransactionResult {
    /// The serialised transaction in hex, at verbosity 0.
    Hex(Hex),
    /// The transaction, at verbosity 1 and 2.
    Transaction(Box<RawTransaction>),
}

text_or_object!(RawTransactionResult { Hex(Hex), Transaction(Box<RawTransaction>) });

impl DecodedTransaction {
    /// Without its serialised form, which the caller has.
    pub fn from_transaction(tx: Transaction) -> DecodedTransaction {
        let Transaction { txid, hash, version, size, vsize, weight, locktime, vin, vout, .. } = tx;
        DecodedTransaction { txid, hash, version, size, vsize, weight, locktime, vin, vout }
    }
}

impl RawTransaction {
    /// Not in a block yet.
    pub fn from_transaction(tx: Transaction) -> RawTransaction {
        let Transaction { txid, hash, version, size, vsize, weight, locktime, vin, vout, fee, hex } =
            tx;
        let (in_active_chain, blockhash, confirmations) = (None, None, None);
        let (time, blocktime) = (None, None);
        RawTransaction {
            in_active_chain,
            txid,
            hash,
            version,
            size,
            vsize,
            weight,
            locktime,
            vin,
            vout,
            fee,
            hex,
            blockhash,
            confirmations,
            time,
            blocktime,
        }
    }
}

/// The position of a transaction in the best chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub blockhash: BlockHash,
    pub height: u32,
    pub position: u32,
    pub confirmations: u32,
    pub blocktime: u32,
}

impl ConfirmedTransaction {
    pub fn from_transaction(tx: Transaction, place: Place) -> ConfirmedTransaction {
        let Transaction {
            txid, hash, version, size, vsize, weight, locktime, vin, vout, hex, ..
        } = tx;
        let Place { blockhash, height, position, confirmations, blocktime } = place;
        ConfirmedTransaction {
            txid,
            hash,
            version,
            size,
            vsize,
            weight,
            locktime,
            vin,
            vout,
            hex,
            blockhash,
            height,
            position,
            confirmations,
            blocktime,
        }
    }
}
