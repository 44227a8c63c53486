//! The API server: WebSocket, HTTP JSON-RPC, health, metrics and the explorer on one port.
//!
//! Its runtime has a thread of its own that exists only while the server runs.

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
