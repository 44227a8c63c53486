//! Hashes, curve operations, sealing and entropy: thin over kept crates.

pub mod curve;
pub mod entropy;
pub mod hash;
pub mod seal;
pub mod sign;
