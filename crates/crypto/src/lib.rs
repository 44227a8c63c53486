//! Hashes, curve operations, sealing and entropy: thin over kept crates.

pub mod batch;
pub mod curve;
pub mod entropy;
pub mod hash;
pub mod lanes;
pub mod midstate;
pub mod seal;
pub mod sha256;
#[cfg(target_arch = "x86_64")]
pub mod sha_ni;
pub mod sign;
