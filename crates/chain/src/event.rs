//! Chain events as values, oldest first.

use std::sync::Arc;

use consensus::rule::RuleError;
use primitives::block::{Block, Height};
use primitives::id::{BlockHash, Txid};

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum ChainEvent {
    /// A header was added to the tree.
    HeaderAdded { hash: BlockHash, height: Height },
    /// The block is now the tip. `txids` are in the order of its transactions.
    BlockConnected { hash: BlockHash, height: Height, block: Arc<Block>, txids: Arc<[Txid]> },
    /// The block was the tip and no longer is; its transactions are unconfirmed again.
    BlockDisconnected { hash: BlockHash, height: Height, block: Arc<Block> },
    /// The block broke a rule when it was to be connected.
    BlockInvalid { hash: BlockHash, height: Height, error: RuleError },
    /// The chain now ends elsewhere; `disconnected` blocks were disconnected on the way (a
    /// reorganisation if any were).
    TipChanged { hash: BlockHash, height: Height, disconnected: u32, connected: u32 },
}
