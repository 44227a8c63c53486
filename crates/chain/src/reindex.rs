//! Rebuilds the indexes step by step, alongside the chain's other work: each step is one commit,
//! and after a crash the rebuild continues at the last one.
//!
//! Rows of blocks come first, then the coins by script. Blocks connected or disconnected meanwhile
//! write their own rows; writing a row twice changes nothing. A replay resets the tip to genesis
//! and connects every block again, which recreates coins, undo data and indexes.

use super::active::Active;
use super::error::BlockError;
use super::history;
use super::state::Chain;
use consensus::block::CheckedBlock;
use primitives::block::Height;
use primitives::codec::Decode;
use primitives::coin::Coin;
use store::batch::WriteBatch;
use store::db::Store;
use store::error::StoreError;
use store::rows::TxPlace;
use store::script_rows::{Build, ScriptId};
use store::snapshot::Snapshot;
use store::tables::COIN_KEY;

/// Blocks or coins that a step takes when nobody says.
pub const STEP: u32 = 2000;

/// Coins are so much smaller than blocks that a step takes this many for one.
const COINS_FOR_A_BLOCK: usize = 50;

/// Bytes of blocks after which a step ends.
const STEP_BYTES: usize = 16 << 20;

/// What is to be built again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reindex {
    /// The indexes of transactions and scripts.
    Indexes,
    /// Those and the coins, by connecting every block again.
    Coins,
}

/// What a step works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Blocks,
    Coins,
    Replay,
}

/// How far the building is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Built {
    pub phase: Phase,
    /// Blocks done, or 1/65,536 parts of the coins.
    pub done: u32,
    pub of: u32,
}

impl Chain {
    /// Throws the indexes away and begins to build them; `continue_build` does the work.
    pub fn begin_reindex(&mut self, what: Reindex) -> Result<(), StoreError> {
        self.flush()?;
        let begun = self.store().begin_reindex(what == Reindex::Coins);
        if what == Reindex::Coins {
            self.reload()?;
        }
        begun
    }

    /// One step of the building that is not finished, over `most` blocks at most; `None` when there
    /// is none.
    pub fn continue_build(&mut self, most: u32) -> Result<Option<Built>, StoreError> {
        let Some(build) = self.store().build() else {
            if self.store().is_behind() {
                self.flush()?;
                self.store().commit(&mut WriteBatch::default())?;
            }
            return Ok(None);
        };
        let step = |active: &mut Active| {
            active.flush()?;
            let store = active.store();
            Ok(match build {
                Build::Blocks(next) => block_step(store, next, most)?,
                Build::Coins(after) => coin_step(store, &after, most as usize * COINS_FOR_A_BLOCK)?,
                Build::Replay => {
                    let (done, of) = active.replay_step(most as usize, STEP_BYTES)?;
                    Built { phase: Phase::Replay, done: done.0, of: of.0 }
                }
            })
        };
        match self.act(step) {
            Ok(built) => Ok(Some(built)),
            Err(BlockError::Store(error)) => Err(error),
            // A step judges no blocks.
            Err(other) => Err(StoreError::Corrupt {
                path: self.store().path().to_owned(),
                what: other.to_string(),
            }),
        }
    }
}

/// Writes the rows of the blocks from a height on.
fn block_step(store: &Store, next: Height, most: u32) -> Result<Built, StoreError> {
    let snapshot = store.snapshot()?;
    let tip = snapshot.tip()?.height;
    let last = tip.0.min(next.0.saturating_add(most.saturating_sub(1)));
    let mut batch = WriteBatch::default();
    let (mut bytes, mut at) = (0, next);
    for row in snapshot.chain(next.0..=last)? {
        let (height, id) = row?;
        bytes += add_rows(store, &snapshot, height, id, &mut batch)?;
        at = height.next();
        if bytes >= STEP_BYTES {
            break;
        }
    }
    drop(snapshot);
    let build = match (at > tip, store.has_script_index()) {
        (false, _) => Some(Build::Blocks(at)),
        (true, true) => Some(Build::Coins([0; COIN_KEY])),
        (true, false) => None,
    };
    batch.build = Some(build);
    store.commit(&mut batch)?;
    Ok(Built { phase: Phase::Blocks, done: at.0 - 1, of: tip.0 })
}

/// Adds a block's rows to the batch; gives the bytes that were read.
fn add_rows(
    store: &Store,
    snapshot: &Snapshot,
    height: Height,
    id: u32,
    batch: &mut WriteBatch,
) -> Result<usize, StoreError> {
    let missing = |what: &str| snapshot.corrupt(format!("the {what} of block {height} is missing"));
    let bytes = snapshot.block_bytes(id)?.ok_or_else(|| missing("block"))?;
    let size = bytes.len();
    let checked = CheckedBlock::decode(bytes).map_err(|_| missing("block"))?;
    if store.has_tx_index() {
        let places = checked.txids.iter().zip(&checked.offsets).zip(0..);
        batch.txs.extend(places.map(|((txid, &offset), position)| {
            (*txid, Some(TxPlace { height, position, offset }))
        }));
    }
    if store.has_script_index() {
        let spent = snapshot.spent(id)?.ok_or_else(|| missing("undo data"))?;
        batch.history.extend(history::changes(&checked, &spent, height));
    }
    Ok(size)
}

/// Sorts the coins behind a key by their scripts.
fn coin_step(store: &Store, after: &[u8; COIN_KEY], most: usize) -> Result<Built, StoreError> {
    let snapshot = store.snapshot()?;
    let coins = snapshot.coins_after(after, most)?;
    let mut batch = WriteBatch::default();
    for (key, bytes) in &coins {
        let coin = Coin::from_bytes(bytes).map_err(|e| snapshot.corrupt(format!("coin: {e}")))?;
        batch.script_coins.push((ScriptId::of(coin.output.script_pubkey.as_bytes()), *key));
    }
    drop(snapshot);
    let last = coins.last().filter(|_| coins.len() == most).map(|(key, _)| *key);
    batch.build = Some(last.map(Build::Coins));
    store.commit(&mut batch)?;
    // Txids are even over their range, so that the key says how far it is.
    let part = last.map_or(1 << 16, |key| u32::from(u16::from_be_bytes([key[0], key[1]])));
    Ok(Built { phase: Phase::Coins, done: part, of: 1 << 16 })
}
