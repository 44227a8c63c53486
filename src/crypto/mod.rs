//! Hashes, curve operations, sealing and entropy: thin over kept crates.

pub mod batch;
pub mod curve;
pub mod hash;
