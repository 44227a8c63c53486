//! Mining: block templates, and the search for a nonce.
//!
//! Pure: no thread, no clock. `grind` searches nonces, `block_template` builds a block from the tip
//! and the mempool, `work` is what miners receive, `stratum` is the protocol for external miners.

pub mod block_template;
pub mod grind;
pub mod select;
pub mod stratum;
pub mod work;

#[cfg(test)]
mod stratum_miner;
#[cfg(test)]
mod tests;
