//! The call table: every call once, with its word, RPC name, help, class and schema.

// A call without a line in the table is dead code.
#![deny(dead_code)]

#[cfg(test)]
mod answers;
pub mod call;
mod calls;
pub mod docs;
pub mod door;
pub mod error;
pub mod fields;
pub mod openrpc;
pub mod sample;
pub mod service;
pub mod show;
pub mod table;
pub mod value;
pub mod wire;
