//! Unconfirmed transactions: policy and mempool.
//!
//! Pure: time is an argument, events are returned as values. `pool` holds the transactions and
//! their dependencies, `accept` decides on new ones, `policy` defines what is standard, `follow`
//! follows the chain, `orphans` keeps transactions that arrived before their parents, `estimate`
//! estimates fees, `file` saves the pool across restarts.

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
