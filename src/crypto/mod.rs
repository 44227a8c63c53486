//! Hashes, curve operations, sealing and entropy: thin over kept crates.

pub mod curve;
pub mod hash;
pub mod lanes;
pub mod sha256;
#[cfg(target_arch = "x86_64")]
pub mod sha_ni;
