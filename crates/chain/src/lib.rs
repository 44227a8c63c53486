//! The chain: the tree of headers, the coins at its best tip, and the way from one tip to the next.
//!
//! ```text
//! Store::open(folder, params, options) -> Arc<Store>    data folder, any thread reads snapshots
//! Chain::open(store, verifier)                          the one writer; reads nothing but the tip
//! chain.accept_block(bytes, now) -> Accepted | BlockError      one block, one durable commit
//! chain.accept_blocks(batch, now, bulk) -> BatchResult         many; in bulk coalesced until full
//! chain.flush()                                         make what bulk mode holds back durable
//! chain.begin_reindex(what), chain.continue_build()     the indexes again, step by step
//! query::*(&Snapshot, ..)                               reads that need no header tree
//! ```
//!
//! Nothing here holds a clock (`now` is an argument), starts a thread or prints; what happened
//! comes back as `event::ChainEvent`s, oldest first.

mod active;
pub mod coins;
pub mod core_folder;
pub mod error;
pub mod event;
mod history;
pub mod import;
pub mod index;
pub mod offers;
pub mod query;
pub mod reindex;
pub mod state;
pub mod tips;
pub mod verify;

#[cfg(test)]
mod tests;
