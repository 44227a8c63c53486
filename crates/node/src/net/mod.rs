//! The network side of a node: owns peers, address book, sync and relay, and stands between the
//! machines of `p2p` and chain and pool.

pub mod acts;
mod announce;
mod blocks;
mod connections;
mod gossip;
mod headers;
pub mod io;
mod messages;
pub mod peer;
mod serve;
pub mod state;
mod transactions;
pub mod view;
pub mod work;

#[cfg(test)]
mod hint_tests;
#[cfg(test)]
mod tests;
