//! Bitcoin's wire protocol as machines without sockets, clocks or threads, one noun a file.
//!
//! They know messages, peers and time, not the chain: what they need of it comes in as values, and
//! what they want of it goes out as values (`node/net` stands between).

pub mod address;
pub mod addrs;
pub mod bans;
pub mod compact;
pub mod download;
pub mod evict;
pub mod filters;
pub mod frame;
pub mod handshake;
pub mod headers;
pub mod limits;
pub mod message;
pub mod ping;
pub mod random;
pub mod relay;
pub mod requests;
