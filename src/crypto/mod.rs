//! Hashes, curve operations, sealing and entropy: thin over kept crates.

pub mod curve;
pub mod hash;
pub mod siphash;
