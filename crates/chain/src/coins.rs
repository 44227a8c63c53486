//! The coins at the tip: a bounded write-back cache over the store.
//!
//! A coin that is created and spent between two flushes never reaches the disk: it is `fresh`,
//! unknown to the store.

use consensus::connect::{CoinDelta, CoinView};
use primitives::block::Block;
use primitives::coin::Coin;
use primitives::id::Txid;
use primitives::map::OutPointMap;
use primitives::tx::OutPoint;
use script::template::is_unspendable;
use store::error::StoreError;
use store::rows::Spent;
use store::snapshot::Snapshot;

/// What an entry takes in memory besides its script, in bytes: key, coin, allocation.
const ENTRY_BYTES: usize = 136;

/// What the cache knows of an outpoint.
#[derive(Debug)]
struct Cached {
    /// `None`: spent or never there.
    coin: Option<Coin>,
    /// Differs from the store.
    dirty: bool,
    /// The store has no coin of that name.
    fresh: bool,
}

/// The cache. `snapshot` is the store as of the last flush.
#[derive(Debug, Default)]
pub struct CoinCache {
    entries: OutPointMap<Cached>,
    snapshot: Option<Snapshot>,
    bytes: usize,
}

impl CoinCache {
    /// Shows the cache the store as it is now; drop it before a commit, so that the commit can
    /// reuse pages.
    pub fn set_snapshot(&mut self, snapshot: Option<Snapshot>) {
        self.snapshot = snapshot;
    }

    pub fn has_snapshot(&self) -> bool {
        self.snapshot.is_some()
    }

    /// Bytes in memory, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn stored(&self, outpoint: &OutPoint) -> Result<Option<Coin>, StoreError> {
        self.snapshot.as_ref().map_or(Ok(None), |snapshot| snapshot.coin(outpoint))
    }

    fn set(&mut self, outpoint: OutPoint, cached: Cached) {
        self.bytes += size_of(&cached);
        if let Some(old) = self.entries.insert(outpoint, cached) {
            self.bytes -= size_of(&old);
        }
    }

    /// Adds a coin; `overwrites` if the store may have one of that name.
    fn add(&mut self, outpoint: OutPoint, coin: Coin, overwrites: bool) {
        // A spent entry that is not fresh must still be removed from the store by a write.
        let fresh = match self.entries.get(&outpoint) {
            Some(old) => old.fresh,
            None => !overwrites,
        };
        self.set(outpoint, Cached { coin: Some(coin), dirty: true, fresh });
    }

    /// Removes a coin that is in the cache or in the store.
    fn spend(&mut self, outpoint: &OutPoint) {
        if self.entries.get(outpoint).is_some_and(|old| old.fresh) {
            if let Some(old) = self.entries.remove(outpoint) {
                self.bytes -= size_of(&old);
            }
            return;
        }
        self.set(*outpoint, Cached { coin: None, dirty: true, fresh: false });
    }

    /// Applies a connected block.
    pub fn apply(&mut self, delta: CoinDelta) {
        for outpoint in &delta.spent {
            self.spend(outpoint);
        }
        for (outpoint, coin) in delta.created {
            self.add(outpoint, coin, delta.overwrites);
        }
    }

    /// Takes a block back: its outputs go, what it spent returns. False if the undo data does not
    /// fit the block.
    pub fn undo(&mut self, block: &Block, txids: &[Txid], spent: Spent) -> bool {
        let inputs: usize = block.txs.iter().skip(1).map(|tx| tx.inputs.len()).sum();
        if inputs != spent.len() || txids.len() != block.txs.len() {
            return false;
        }
        let mut coins = spent.into_coins().rev();
        for (index, (tx, txid)) in block.txs.iter().zip(txids).enumerate().rev() {
            for (output, vout) in tx.outputs.iter().zip(0..) {
                if !is_unspendable(output.script_pubkey.as_bytes()) {
                    self.spend(&OutPoint { txid: *txid, vout });
                }
            }
            if index == 0 {
                break;
            }
            for (input, coin) in tx.inputs.iter().rev().zip(coins.by_ref()) {
                // The store may still have it, if the spending was never flushed.
                self.add(input.prevout, coin, true);
            }
        }
        true
    }

    /// Takes what differs from the store, for a batch, and forgets everything.
    pub fn drain(&mut self) -> Vec<(OutPoint, Option<Coin>)> {
        self.bytes = 0;
        let entries = std::mem::take(&mut self.entries);
        let dirty = entries.into_iter().filter(|(_, cached)| cached.dirty);
        dirty.map(|(outpoint, cached)| (outpoint, cached.coin)).collect()
    }
}

fn size_of(cached: &Cached) -> usize {
    ENTRY_BYTES + cached.coin.as_ref().map_or(0, |coin| coin.output.script_pubkey.len())
}

impl CoinView for CoinCache {
    type Error = StoreError;

    fn coin(&mut self, outpoint: &OutPoint) -> Result<Option<Coin>, StoreError> {
        if let Some(cached) = self.entries.get(outpoint) {
            return Ok(cached.coin.clone());
        }
        self.stored(outpoint)
    }
}
