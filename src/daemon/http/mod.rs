//! One port for WebSocket, HTTP JSON-RPC, health, metrics and the explorer.
//!
//! The runtime lives in a thread of its own that exists only while the port is open.

pub mod back;
mod guard;
pub mod health;
mod meter;
mod metrics;
mod news;
mod pages;
mod push;
mod rpc;
pub mod server;
mod socket;
mod topic;
