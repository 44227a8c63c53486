//! Unconfirmed transactions, in Bitcoin Core's shapes.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::number::Amount;
use crate::text::{Txid, Wtxid};

/// Whether the mempool would accept a transaction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TestResult {
    /// Id of the transaction.
    pub txid: Txid,
    /// Its hash including the witness (wtxid).
    pub wtxid: Wtxid,
    /// Whether the mempool would accept it.
    pub allowed: bool,
    /// Its virtual size in virtual bytes, as policy counts them; only if `allowed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vsize: Option<u64>,
    /// Its fees; only if `allowed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fees: Option<TestedFees>,
    /// The reason for the rejection, as Bitcoin Core's reject code; only if not `allowed`.
    #[serde(rename = "reject-reason", skip_serializing_if = "Option::is_none")]
    pub reject_reason: Option<String>,
    /// The reason for the rejection, as a sentence; only if not `allowed`.
    #[serde(rename = "reject-details", skip_serializing_if = "Option::is_none")]
    pub reject_details: Option<String>,
}

/// The fees of a transaction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TestedFees {
    /// Its fee, in coins.
    pub base: Amount,
    /// Its fee rate, in coins per 1,000 virtual bytes.
    #[serde(rename = "effective-feerate")]
    pub effective_feerate: Amount,
    /// The transactions over which the rate is calculated: only itself.
    #[serde(rename = "effective-includes")]
    pub effective_includes: Vec<Wtxid>,
}

/// The mempool entry of a transaction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PoolEntry {
    /// Its virtual size in virtual bytes, as policy counts them.
    pub vsize: u64,
    /// Its weight in weight units (BIP141).
    pub weight: u64,
    /// When it entered the mempool, in seconds since 1970.
    pub time: u64,
    /// Height of the best chain at that time.
    pub height: u32,
    /// Number of its descendants in the mempool, including itself.
    pub descendantcount: u64,
    /// Their total virtual size, in virtual bytes.
    pub descendantsize: u64,
    /// Number of its ancestors in the mempool, including itself.
    pub ancestorcount: u64,
    /// Their total virtual size, in virtual bytes.
    pub ancestorsize: u64,
    /// Its hash including the witness (wtxid).
    pub wtxid: Wtxid,
    /// Fees of the transaction, its ancestors and its descendants.
    pub fees: EntryFees,
    /// The mempool transactions whose outputs it spends.
    pub depends: Vec<Txid>,
    /// The mempool transactions that spend its outputs.
    pub spentby: Vec<Txid>,
    /// Whether it or an unconfirmed ancestor signals replaceability (BIP125).
    #[serde(rename = "bip125-replaceable")]
    pub bip125_replaceable: bool,
    /// Whether no peer has requested it yet.
    pub unbroadcast: bool,
}

/// Fees of an unconfirmed transaction, its ancestors and its descendants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EntryFees {
    /// Its fee, in coins.
    pub base: Amount,
    /// Its fee including the change by `prioritisetransaction`, in coins.
    pub modified: Amount,
    /// Modified fees of its ancestors, including itself, in coins.
    pub ancestor: Amount,
    /// Modified fees of its descendants, including itself, in coins.
    pub descendant: Amount,
}

/// The state of the mempool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PoolInfo {
    /// Whether the saved mempool has been loaded; always true.
    pub loaded: bool,
    /// Number of transactions.
    pub size: u64,
    /// Their total virtual size, in virtual bytes.
    pub bytes: u64,
    /// Memory that they use, in bytes.
    pub usage: u64,
    /// Their total fees, in coins.
    pub total_fee: Amount,
    /// Maximum memory use, in bytes.
    pub maxmempool: u64,
    /// The lowest fee rate accepted now, in coins per 1,000 virtual bytes.
    pub mempoolminfee: Amount,
    /// The lowest fee rate that is relayed, in coins per 1,000 virtual bytes.
    pub minrelaytxfee: Amount,
    /// The minimum fee rate increase of a replacement, in coins per 1,000 virtual bytes.
    pub incrementalrelayfee: Amount,
    /// Number of transactions that no peer has requested yet.
    pub unbroadcastcount: u64,
    /// Whether any transaction may be replaced (full RBF); always true.
    pub fullrbf: bool,
    /// Whether bare multisig outputs are relayed (`--permitbaremultisig`).
    pub permitbaremultisig: bool,
    /// Maximum total size of data outputs that is relayed, in bytes.
    pub maxdatacarriersize: u64,
}

/// The estimated fee rate for confirmation within a number of blocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FeeEstimate {
    /// The fee rate, in coins per 1,000 virtual bytes; only if there is enough data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feerate: Option<Amount>,
    /// Why there is no estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<String>>,
    /// The number of blocks.
    pub blocks: u64,
}

/// The file to which the mempool was saved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SavedPool {
    /// Path of the file; null if the node keeps none.
    pub filename: Option<String>,
}

/// The result of `getrawmempool`, in the order in which the transactions arrived.
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
