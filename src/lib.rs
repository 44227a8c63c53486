//! ForthCoin: a full node of a Bitcoin-format proof-of-work chain, held from a Forth console.
//!
//! This package is the program: the console and the daemon. Everything below them is a crate under
//! `crates/`; docs/ARCHITECTURE.md has the map.

pub mod config;
pub mod console;
pub mod daemon;
pub mod options;
