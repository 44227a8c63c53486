//! The call table: every call once, with its word, RPC name, help, class and schema.

pub mod call;
mod calls;
pub mod docs;
pub mod door;
pub mod error;
pub mod openrpc;
pub mod service;
pub mod show;
pub mod table;
pub mod value;
pub mod wire;
