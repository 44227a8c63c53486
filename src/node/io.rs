//! What goes into a node and what comes out of it, as values.

use std::sync::Arc;

use crate::chain::event::ChainEvent;
use crate::chain::reindex::{Built, Reindex};
use crate::primitives::block::Height;
use crate::primitives::id::BlockHash;
use crate::store::error::StoreError;

/// Something asked of the node that changes it or needs it whole.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Blocks in their wire form, in almost any order. They reach the disk together, at the latest
    /// with `Flush`, which also forgets those whose parents never came.
    ImportBlocks { blocks: Vec<Vec<u8>> },
    /// One block in its wire form.
    SubmitBlock { block: Vec<u8> },
    /// Put what is only cached on the disk.
    Flush,
    /// Begin to build indexes or coins again if told so, then take one step of what is not finished.
    Reindex { begin: Option<Reindex> },
    /// Hold a block for invalid and leave it.
    Invalidate { hash: BlockHash },
    /// Take back that a block, what it builds on and what builds on it are invalid.
    Reconsider { hash: BlockHash },
}

/// How an act ended.
#[derive(Debug)]
pub enum Done {
    Imported(ImportReport),
    /// The block is on the chain or stored beside it, or why not, in BIP22's words.
    Submitted(Option<String>),
    Flushed,
    /// How far the building is; `None`: nothing is left.
    Built(Option<Built>),
    /// The block was known and its standing has changed.
    Judged(bool),
}

/// What became of a batch of blocks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImportReport {
    pub accepted: u64,
    /// Blocks that were already there.
    pub known: u64,
    /// Blocks whose parents have not come yet, over all batches since the last flush.
    pub waiting: usize,
    /// The first block that was refused: its place in the batch and why. Later ones were not taken.
    pub refused: Option<(usize, String)>,
    pub height: Height,
    pub tip: BlockHash,
}

/// An input of the whole node.
#[derive(Debug)]
pub enum Input {
    /// An act and the ticket under which its answer comes back.
    Act { ticket: u64, act: Act },
    /// Stop in order: flush and answer no more.
    Stop,
}

/// An output of the whole node.
#[derive(Debug)]
pub enum Output {
    Reply {
        ticket: u64,
        answer: Result<Done, NodeError>,
    },
    Event(Arc<ChainEvent>),
    /// Our disk failed: the node must stop.
    Fatal(StoreError),
    Stopped,
}

/// Why an act was not done.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    #[error("the block is refused: {reason}")]
    Refused { reason: String },
    #[error("the bytes are not a block: {reason}")]
    Undecodable { reason: String },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the node is stopping")]
    Stopping,
}
