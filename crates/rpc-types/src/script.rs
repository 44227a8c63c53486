//! Results about scripts, in Bitcoin Core's shapes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::number::Amount;
use crate::text::{Hex, Txid};

/// An output script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScriptPubKey {
    /// The disassembled script, data in hex.
    pub asm: String,
    /// An output descriptor of the script, with its checksum.
    pub desc: String,
    /// The script, in hex.
    pub hex: Hex,
    /// The address that pays to the script, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The kind of script, such as `pubkeyhash`, `witness_v1_taproot` or `nonstandard`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A decoded script, with the forms that may wrap it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DecodedScript {
    /// The disassembled script, data in hex.
    pub asm: String,
    /// An output descriptor of the script, with its checksum.
    pub desc: String,
    /// The address that pays to the script, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The kind of script, such as `pubkeyhash`, `witness_v1_taproot` or `nonstandard`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The script's P2SH address, if it may be wrapped in P2SH.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p2sh: Option<String>,
    /// The script's version 0 witness program, if it may be wrapped in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segwit: Option<SegwitScript>,
}

/// The witness program of a script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SegwitScript {
    /// The disassembled output script, data in hex.
    pub asm: String,
    /// An output descriptor of the output script, with its checksum.
    pub desc: String,
    /// The output script, in hex.
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

/// An input with everything its scripts are verified against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spend {
    /// Id of the spending transaction.
    pub txid: Txid,
    /// Index of the input, from 0.
    pub vin: u64,
    /// The spending transaction, serialised in hex.
    pub tx: Hex,
    /// The outputs that the transaction spends, one per input, in order.
    pub spent: Vec<SpentOutput>,
    /// Names of the active script verification flags, separated by commas.
    pub flags: String,
}

/// A spent output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpentOutput {
    /// Its value in coins.
    pub value: Amount,
    /// Its script, in hex.
    #[serde(rename = "scriptPubKey")]
    pub script_pubkey: Hex,
}
