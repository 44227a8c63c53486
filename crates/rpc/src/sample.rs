//! A sample of each call: parameters, and what it answered with.
//!
//! Those of reads and changes are from a small regtest chain that the tests make, always the same;
//! `FORTHCOIN_BLESS=1 cargo nextest run -p rpc docs` writes them anew. Those of the process around
//! the node (its health, its memory) are kept by hand, and tests hold them to the schema.

use serde_json::{Map, Value};

/// The kept samples, by method.
const KEPT: &str = include_str!("samples.json");

/// All samples, by method; each has `params` and `result`.
pub fn all() -> Map<String, Value> {
    serde_json::from_str(KEPT).unwrap_or_default()
}
