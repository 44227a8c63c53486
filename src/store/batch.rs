//! A change of the whole database: written together or not at all.

use std::collections::BTreeMap;

use super::rows::{HeaderRow, Tip, TxPlace};
use crate::primitives::coin::Coin;
use crate::primitives::id::Txid;
use crate::primitives::tx::OutPoint;

/// Rows to write; `None` removes. A tip belongs to the coins and the chain rows beside it: a batch
/// that moves one carries all.
#[derive(Debug, Default)]
pub struct WriteBatch {
    pub headers: BTreeMap<u32, HeaderRow>,
    pub blocks: BTreeMap<u32, Vec<u8>>,
    pub undo: BTreeMap<u32, Vec<u8>>,
    pub chain: BTreeMap<u32, Option<u32>>,
    /// In any order; one entry for an outpoint.
    pub coins: Vec<(OutPoint, Option<Coin>)>,
    /// In any order; the last entry for a txid holds.
    pub txs: Vec<(Txid, Option<TxPlace>)>,
    pub tip: Option<Tip>,
}

impl WriteBatch {
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty()
            && self.blocks.is_empty()
            && self.undo.is_empty()
            && self.chain.is_empty()
            && self.coins.is_empty()
            && self.txs.is_empty()
            && self.tip.is_none()
    }
}
