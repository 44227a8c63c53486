//! A change to the whole database, written atomically.

use std::collections::BTreeMap;

use super::rows::{HeaderRow, Tip, TxPlace};
use super::script_rows::{Build, HistoryChange, ScriptId};
use super::tables::COIN_KEY;
use primitives::coin::Coin;
use primitives::id::Txid;
use primitives::tx::OutPoint;

/// Rows to write; `None` removes. A tip belongs to the coins and the chain rows beside it: a batch
/// that moves one carries all.
#[derive(Debug, Default)]
pub struct WriteBatch {
    pub headers: BTreeMap<u32, HeaderRow>,
    pub blocks: BTreeMap<u32, Vec<u8>>,
    pub undo: BTreeMap<u32, Vec<u8>>,
    /// What was learnt of a block's signatures, packed.
    pub hints: BTreeMap<u32, Vec<u8>>,
    pub chain: BTreeMap<u32, Option<u32>>,
    /// In any order; one entry for an outpoint.
    pub coins: Vec<(OutPoint, Option<Coin>)>,
    /// In any order; the last entry for a txid holds.
    pub txs: Vec<(Txid, Option<TxPlace>)>,
    /// In any order; the last change of a key holds.
    pub history: Vec<HistoryChange>,
    /// Coins that are there already, by script: for building the index. Coins that change are
    /// indexed by themselves.
    pub script_coins: Vec<(ScriptId, [u8; COIN_KEY])>,
    pub tip: Option<Tip>,
    /// How far the building of the indexes is after this batch; the inner `None`: done.
    pub build: Option<Option<Build>>,
}

impl WriteBatch {
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty()
            && self.blocks.is_empty()
            && self.undo.is_empty()
            && self.hints.is_empty()
            && self.chain.is_empty()
            && self.coins.is_empty()
            && self.txs.is_empty()
            && self.history.is_empty()
            && self.script_coins.is_empty()
            && self.tip.is_none()
            && self.build.is_none()
    }
}
