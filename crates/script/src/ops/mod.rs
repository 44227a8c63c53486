//! What the opcodes do, a file per family; each function is a row's in `opcode.rs`.

pub mod flow;
pub mod hash;
pub mod number;
pub mod signature;
pub mod stack;
