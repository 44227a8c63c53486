//! Hashes, curve operations, encrypted files and entropy: thin wrappers over maintained crates.

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
