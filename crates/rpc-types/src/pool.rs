//! Unconfirmed transactions, in Bitcoin Core's shapes.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::number::Amount;
use crate::text::{Txid, Wtxid};

/// Whether the pool would take a transaction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TestResult {
    /// Id of the transaction.
    pub txid: Txid,
    /// Its hash with its witness.
    pub wtxid: Wtxid,
    /// The pool would take it.
    pub allowed: bool,
    /// Its virtual size in virtual bytes, as policy counts them; only if `allowed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vsize: Option<u64>,
    /// What it pays; only if `allowed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fees: Option<TestedFees>,
    /// Why not, in Bitcoin Core's short words; only if not `allowed`.
    #[serde(rename = "reject-reason", skip_serializing_if = "Option::is_none")]
    pub reject_reason: Option<String>,
    /// Why not, in a sentence; only if not `allowed`.
    #[serde(rename = "reject-details", skip_serializing_if = "Option::is_none")]
    pub reject_details: Option<String>,
}

/// What a transaction pays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TestedFees {
    /// Its fee, in coins.
    pub base: Amount,
    /// Its fee rate, in coins per 1,000 virtual bytes.
    #[serde(rename = "effective-feerate")]
    pub effective_feerate: Amount,
    /// The transactions that the rate is taken over: itself.
    #[serde(rename = "effective-includes")]
    pub effective_includes: Vec<Wtxid>,
}

/// How an unconfirmed transaction stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PoolEntry {
    /// Its virtual size in virtual bytes, as policy counts them.
    pub vsize: u64,
    /// Its weight in weight units (BIP141).
    pub weight: u64,
    /// When it came into the pool, in seconds since 1970.
    pub time: u64,
    /// Height of the best chain then.
    pub height: u32,
    /// Transactions of the pool that build on it, itself counted.
    pub descendantcount: u64,
    /// Their virtual size in virtual bytes.
    pub descendantsize: u64,
    /// Transactions of the pool that it builds on, itself counted.
    pub ancestorcount: u64,
    /// Their virtual size in virtual bytes.
    pub ancestorsize: u64,
    /// Its hash with its witness.
    pub wtxid: Wtxid,
    /// What it and its relatives pay.
    pub fees: EntryFees,
    /// The transactions of the pool whose outputs it spends.
    pub depends: Vec<Txid>,
    /// The transactions of the pool that spend its outputs.
    pub spentby: Vec<Txid>,
    /// It, or something unconfirmed that it builds on, says that it may be replaced (BIP125).
    #[serde(rename = "bip125-replaceable")]
    pub bip125_replaceable: bool,
    /// No peer has asked for it yet.
    pub unbroadcast: bool,
}

/// Fees of an unconfirmed transaction and its relatives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EntryFees {
    /// Its fee, in coins.
    pub base: Amount,
    /// Its fee with what `prioritisetransaction` added, in coins.
    pub modified: Amount,
    /// Modified fees of what it builds on, itself counted, in coins.
    pub ancestor: Amount,
    /// Modified fees of what builds on it, itself counted, in coins.
    pub descendant: Amount,
}

/// The pool in numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PoolInfo {
    /// The pool of the last run has been read; always true.
    pub loaded: bool,
    /// Transactions.
    pub size: u64,
    /// Their virtual size in virtual bytes.
    pub bytes: u64,
    /// Memory that they take, in bytes.
    pub usage: u64,
    /// Their fees, in coins.
    pub total_fee: Amount,
    /// The most memory that they may take, in bytes.
    pub maxmempool: u64,
    /// The lowest fee rate that gets in now, in coins per 1,000 virtual bytes.
    pub mempoolminfee: Amount,
    /// The lowest fee rate that is relayed, in coins per 1,000 virtual bytes.
    pub minrelaytxfee: Amount,
    /// What a replacement must pay more, in coins per 1,000 virtual bytes.
    pub incrementalrelayfee: Amount,
    /// Transactions that no peer has asked for yet.
    pub unbroadcastcount: u64,
    /// Any transaction may be replaced; always true.
    pub fullrbf: bool,
    /// Multisig outputs without a script hash are relayed; always true.
    pub permitbaremultisig: bool,
    /// The longest data output that is relayed, in bytes.
    pub maxdatacarriersize: u64,
}

/// The fee rate for a confirmation within some blocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FeeEstimate {
    /// The rate, in coins per 1,000 virtual bytes; only if there is data for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feerate: Option<Amount>,
    /// Why there is no rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<String>>,
    /// Within how many blocks.
    pub blocks: u64,
}

/// Where the pool was saved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SavedPool {
    /// Path of the file; null if whoever runs the node keeps none.
    pub filename: Option<String>,
}

/// What `getrawmempool` answers with, in the order in which the transactions came.
#[derive(Debug, Clone, PartialEq)]
pub enum PoolList {
    /// The ids.
    Ids(Vec<Txid>),
    /// With `verbose`, an entry for each id.
    Entries(Vec<(Txid, PoolEntry)>),
}

impl Serialize for PoolList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            PoolList::Ids(ids) => ids.serialize(serializer),
            PoolList::Entries(entries) => {
                serializer.collect_map(entries.iter().map(|(txid, entry)| (txid, entry)))
            }
        }
    }
}

impl<'de> Deserialize<'de> for PoolList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PoolList, D::Error> {
        struct ListVisitor;

        impl<'de> Visitor<'de> for ListVisitor {
            type Value = PoolList;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of ids or an object with an entry for each")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<PoolList, A::Error> {
                let mut ids = Vec::new();
                while let Some(txid) = list.next_element()? {
                    ids.push(txid);
                }
                Ok(PoolList::Ids(ids))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PoolList, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(PoolList::Entries(entries))
            }
        }

        deserializer.deserialize_any(ListVisitor)
    }
}

impl JsonSchema for PoolList {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PoolList".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The unconfirmed transactions, in the order in which they came.",
            "anyOf": [
                generator.subschema_for::<Vec<Txid>>(),
                {
                    "description": "With verbose: an entry for each id.",
                    "type": "object",
                    "additionalProperties": generator.subschema_for::<PoolEntry>(),
                },
            ],
        })
    }
}
