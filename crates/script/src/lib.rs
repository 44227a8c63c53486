//! Script: opcodes, engine, signature hashes, templates, text assembly.
//!
//! Imports `primitives` and `crypto` only; knows nothing of blocks, chains or coins.
//!
//! `check` is the door: a list of transactions with what they spend. Below it `verify` (one spend),
//! `engine` (one script), `ops` (what opcodes do), `vm` (what they work on) and the opcode table;
//! `checker` is what a script sees of its transaction. `collect` is the same door with signatures
//! put off and verified as lists.
//!
//! No two files need each other: the opcode table holds tokens, of which `opcode` takes constants
//! and names and `ops` the functions.

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
