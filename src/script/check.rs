//! The one seam through which scripts are verified: a list of transactions with what they spend.

use super::error::ScriptError;
use crate::primitives::tx::{Transaction, TxOut};

/// One transaction with the outputs that it spends.
#[derive(Debug, Clone, Copy)]
pub struct TxScripts<'a> {
    pub tx: &'a Transaction,
    /// One output for each input, in input order.
    pub spent: &'a [TxOut],
}

/// The first input, in list order, whose script is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("input {input_index} of transaction {tx_index}: {error}")]
pub struct ScriptFailure {
    /// The transaction's place in the list that was checked.
    pub tx_index: usize,
    pub input_index: usize,
    pub error: ScriptError,
}
