//! One port for WebSocket, HTTP JSON-RPC, health, metrics and the explorer.
//!
//! The runtime lives in a thread of its own that exists only while the port is open.

pub mod backend;
mod guard;
mod meter;
mod metrics;
mod notifications;
mod notifier;
mod pages;
pub mod readiness;
mod rpc;
pub mod server;
mod socket;
mod topic;
