//! The network side of a node: managers, each with one part of the peer protocol and the state of
//! it, and the router between them. They stand between the machines of `p2p` and chain and pool.

pub mod acts;
mod addresses;
mod announce;
mod availability;
mod blame;
mod blocks;
mod compact;
mod connections;
pub mod context;
mod filters;
mod headers;
pub mod io;
mod managers;
pub mod measure;
pub mod peer;
pub mod peers;
mod publish;
pub mod router;
mod serve;
mod transactions;
pub mod view;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod hint_tests;
#[cfg(test)]
mod tests;
