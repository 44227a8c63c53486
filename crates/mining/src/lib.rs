//! Mining: what a block may be made of, and the search for its nonce.
//!
//! Pure: no thread, no clock. `grind` searches nonces, `block_template` makes a block of the tip and the
//! pool, `work` is what miners are given, `stratum` is how miners elsewhere are talked to.

pub mod block_template;
pub mod grind;
pub mod select;
pub mod stratum;
pub mod work;

#[cfg(test)]
mod stratum_miner;
#[cfg(test)]
mod tests;
