//! Unconfirmed transactions: policy and pool.
//!
//! Pure: time comes in as an argument, what happened goes out as values. `pool` holds the
//! transactions and what they build on, `accept` decides on new ones, `policy` what is standard,
//! `follow` keeps step with the chain, `orphans` keeps what came before its parents, `estimate`
//! learns fees, `file` survives restarts.

pub mod accept;
pub mod estimate;
pub mod file;
pub mod follow;
pub mod orphans;
pub mod policy;
pub mod pool;
pub mod reject;

#[cfg(test)]
mod tests;
