//! Results about scripts, in Bitcoin Core's shapes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::number::Amount;
use crate::text::{Hex, Txid};

/// An output script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScriptPubKey {
    /// The script as words, data in hex.
    pub asm: String,
    /// An output descriptor of the script, with its checksum.
    pub desc: String,
    /// The script's bytes.
    pub hex: Hex,
    /// The address that pays to the script, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The kind of script, such as `pubkeyhash`, `witness_v1_taproot` or `nonstandard`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A script given as bytes, as an output script and as what may wrap it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DecodedScript {
    /// The script as words, data in hex.
    pub asm: String,
    /// An output descriptor of the script, with its checksum.
    pub desc: String,
    /// The address that pays to the script, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The kind of script, such as `pubkeyhash`, `witness_v1_taproot` or `nonstandard`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The P2SH address of the script, if it may be wrapped so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p2sh: Option<String>,
    /// The script as a witness program of version 0, if it may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segwit: Option<SegwitScript>,
}

/// A witness program that stands for a script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SegwitScript {
    /// The output script as words, data in hex.
    pub asm: String,
    /// An output descriptor of the output script, with its checksum.
    pub desc: String,
    /// The output script's bytes.
    pub hex: Hex,
    /// The address that pays to the output script.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The kind of output script: `witness_v0_keyhash` or `witness_v0_scripthash`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The P2SH address of the witness program.
    #[serde(rename = "p2sh-segwit")]
    pub p2sh_segwit: String,
}

/// An input with all that its scripts are run over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spend {
    /// Id of the spending transaction.
    pub txid: Txid,
    /// Number of the input, from 0.
    pub vin: u64,
    /// The spending transaction's bytes.
    pub tx: Hex,
    /// The outputs that the transaction spends, one an input, in order.
    pub spent: Vec<SpentOutput>,
    /// Names of the script rules in force, separated by commas.
    pub flags: String,
}

/// An output that is spent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpentOutput {
    /// Its value in coins.
    pub value: Amount,
    /// Its script's bytes.
    #[serde(rename = "scriptPubKey")]
    pub script_pubkey: Hex,
}
