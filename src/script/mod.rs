//! Script: opcodes, engine, signature hashes, templates, text assembly.
//!
//! Imports `primitives` and `crypto` only; knows nothing of blocks, chains or coins.

pub mod check;
pub mod error;
pub mod flags;
