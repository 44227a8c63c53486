//! The data types of a Bitcoin-format chain and their byte codecs; no rules.
//!
//! A decoder here accepts exactly what Bitcoin Core's deserialiser accepts, including contents that
//! consensus rejects: deciding that is up to `consensus`.

pub mod address;
pub mod amount;
pub mod block;
pub mod codec;
pub mod coin;
pub mod fee;
pub mod hex;
pub mod id;
pub mod map;
pub mod network;
pub mod script;
pub mod target;
pub mod tx;
