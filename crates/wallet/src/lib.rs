//! Wallets: keys, descriptors, coins, spending, PSBTs, treasuries and vaults. No socket and no
//! clock: coins, heights and randomness come in as values; the node never sees a key.

pub mod book;
pub mod descriptor;
pub mod file;
pub mod journal;
pub mod keys;
pub mod message;
pub mod policy;
pub mod psbt;
pub mod select;
pub mod spend;
pub mod vault;
pub mod verdict;
