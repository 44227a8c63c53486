//! The result of every ForthCoin call as a Rust type with its JSON schema: what a client depends on.
//!
//! A module a subject, as the calls are sorted. Reading is lenient (unknown members are passed
//! over) and works whether or not the client's `serde_json` has `arbitrary_precision`; with that
//! feature, writing a value that was read gives the same bytes again.
//!
//! ```
//! let text = r#"{"balance":0.10000000,"utxos":1}"#;
//! let held: rpc_types::address::AddressBalance = serde_json::from_str(text).unwrap();
//! assert_eq!(held.balance.base_units(), 10_000_000);
//! ```

pub mod address;
mod alternatives;
pub mod block;
pub mod chain;
pub mod coins;
pub mod mining;
pub mod net;
pub mod node;
pub mod number;
pub mod pool;
pub mod schema;
pub mod script;
pub mod template;
pub mod text;
pub mod tx;
pub mod upkeep;
pub mod wallet;

pub use number::{Amount, AmountText, Difficulty};
pub use text::{Bits, BlockHash, Hex, Target, Txid, Work, Wtxid};

/// Reads a member that may be left out or be null, and tells the two apart.
fn present<'de, T: serde::Deserialize<'de>, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
