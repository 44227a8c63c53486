//! Script: opcodes, engine, signature hashes, templates, text assembly.
//!
//! Imports `primitives` and `crypto` only; knows nothing of blocks, chains or coins.
//!
//! `check` is the entry point: a list of transactions with the outputs they spend. Below it are
//! `verify` (one spend), `engine` (one script), `ops` (the opcodes' functions), `vm` (their state)
//! and the opcode table; `checker` is a script's view of its transaction. `collect` is the same
//! entry point with signature checks deferred and verified in batches.
//!
//! No two files depend on each other: the opcode table holds tokens, of which `opcode` takes
//! constants and names and `ops` the functions.

pub mod asm;
pub mod check;
pub mod checker;
pub mod collect;
pub mod descriptor;
pub mod encoding;
pub mod engine;
pub mod error;
pub mod flags;
pub mod hints;
pub mod instruction;
pub mod num;
pub mod opcode;
pub mod ops;
pub mod sighash;
pub mod sigops;
pub mod stack;
pub mod step;
pub mod template;
pub mod verify;
pub mod vm;

#[cfg(test)]
mod tests;
