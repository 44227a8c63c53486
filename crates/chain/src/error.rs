//! The outcome of accepting a block, and the reasons for rejecting one.

use consensus::rule::RuleError;
use primitives::codec::DecodeError;
use store::error::StoreError;

/// Why a block or header was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BlockError {
    /// The bytes are no block.
    #[error("not a block: {0}")]
    Decode(#[from] DecodeError),
    /// The sender's fault.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// Our disk's fault: the node must stop.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How a block was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It was here already.
    Known,
    /// It is kept, off the active chain: a side branch, or a block below it is missing.
    Stored,
    /// It is on the active chain.
    Active,
}
