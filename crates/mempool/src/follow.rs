//! Follows the chain: removes what a block confirms and what conflicts with it, returns what a
//! reorganisation disconnects, and removes what it made invalid.

use std::collections::HashSet;
use std::sync::Arc;

use super::accept::{Around, Terms};
use super::pool::{Pool, PoolEvent, Removal};
use super::reject::PoolError;
use chain::event::ChainEvent;
use consensus::connect::is_sequence_locked;
use consensus::tx::is_final;
use primitives::block::{Block, Height};
use primitives::coin::Coin;
use primitives::fee::COINBASE_MATURITY;
use primitives::id::Txid;
use primitives::tx::OutPoint;
use store::error::StoreError;

/// Most bytes of transactions kept for their return during a reorganisation; the oldest blocks'
/// are dropped first (Core's `MAX_DISCONNECTED_TX_POOL_BYTES`).
const MAX_RETURNING_BYTES: usize = 20_000_000;

impl Pool {
    /// Follows what happened to the chain, in its order. `around` is the chain as it is after the
    /// last of the events, which ends with a `TipChanged` if any block moved.
    pub fn follow(
        &mut self,
        events: &[ChainEvent],
        around: &mut Around<'_>,
        now: u64,
    ) -> Result<Vec<PoolEvent>, StoreError> {
        let mut done = Vec::new();
        for event in events {
            match event {
                ChainEvent::BlockConnected { height, block, txids, .. } => {
                    done.extend(self.confirm(*height, block, txids, now));
                }
                ChainEvent::BlockDisconnected { block, .. } => self.take_back(block),
                ChainEvent::TipChanged { disconnected, .. } => {
                    if *disconnected > 0 {
                        done.extend(self.settle(around, now)?);
                    }
                }
                ChainEvent::HeaderAdded { .. } | ChainEvent::BlockInvalid { .. } => {}
            }
        }
        Ok(done)
    }

    /// A block's transactions leave, and with all that builds on them those that spend what it
    /// spends.
    fn confirm(
        &mut self,
        height: Height,
        block: &Block,
        txids: &[Txid],
        now: u64,
    ) -> Vec<PoolEvent> {
        let inside: HashSet<Txid> = txids.iter().copied().collect();
        self.returning.retain(|(txid, _)| !inside.contains(txid));
        let ours: Vec<Txid> =
            txids.iter().filter(|txid| self.get(txid).is_some()).copied().collect();
        self.estimator.block(height, &ours);
        let mut events = self.remove(&ours.into_iter().collect(), Removal::Confirmed);
        txids.iter().for_each(|txid| self.forget_delta(txid));
        let inputs = block.txs.iter().skip(1).flat_map(|tx| &tx.inputs);
        let conflicts: Vec<Txid> =
            inputs.filter_map(|i| self.spender(&i.prevout)).map(|entry| entry.txid).collect();
        events.extend(self.remove_with_descendants(conflicts, Removal::Conflict));
        self.block_came(now);
        events
    }

    /// Keeps a block's transactions for when the tip has settled. Blocks are taken back newest
    /// first, so each goes before those kept already.
    fn take_back(&mut self, block: &Block) {
        let txs = block.txs.iter().skip(1).map(|tx| (tx.txid(), Arc::new(tx.clone())));
        self.returning.splice(0..0, txs);
        let mut bytes = 0;
        let kept = self.returning.iter().rev().take_while(|(_, tx)| {
            bytes += tx.total_size();
            bytes <= MAX_RETURNING_BYTES
        });
        let dropped = self.returning.len() - kept.count();
        self.returning.drain(..dropped);
    }

    /// After a reorganisation: disconnected transactions return if still valid, and whatever no
    /// longer could stand in the next block leaves.
    fn settle(&mut self, around: &mut Around<'_>, now: u64) -> Result<Vec<PoolEvent>, StoreError> {
        let mut events = Vec::new();
        for (txid, tx) in std::mem::take(&mut self.returning) {
            let terms = Terms { returning: true, since: None };
            let outputs = tx.outputs.len() as u32;
            match self.accept(tx, around, now, terms, &mut events) {
                Ok(_) => {}
                Err(PoolError::Store(fault)) => return Err(fault),
                Err(PoolError::Reject(_)) => {
                    // What builds on it here spends nothing now.
                    let orphaned: Vec<Txid> = (0..outputs)
                        .filter_map(|vout| self.spender(&OutPoint { txid, vout }))
                        .map(|entry| entry.txid)
                        .collect();
                    if self.get(&txid).is_none() {
                        let why = Removal::Reorganised;
                        events.extend(self.remove_with_descendants(orphaned, why));
                    }
                }
            }
        }
        events.extend(self.sweep(around, now)?);
        Ok(events)
    }

    /// Drops what could no longer stand in the next block, is too old, or has no room.
    pub fn sweep(
        &mut self,
        around: &mut Around<'_>,
        now: u64,
    ) -> Result<Vec<PoolEvent>, StoreError> {
        let mut stale = Vec::new();
        let all: Vec<Txid> = self.in_order().iter().map(|entry| entry.txid).collect();
        for txid in all {
            if !self.still_fits(&txid, around)? {
                stale.push(txid);
            }
        }
        let mut events = self.remove_with_descendants(stale, Removal::Reorganised);
        events.extend(self.expire(now));
        events.extend(self.trim(now));
        Ok(events)
    }

    /// Whether the entry could be in the next block: lock times, maturity, and existing coins.
    fn still_fits(&self, txid: &Txid, around: &mut Around<'_>) -> Result<bool, StoreError> {
        let Some(entry) = self.get(txid) else { return Ok(true) };
        let height = around.branch.height();
        if !is_final(&entry.tx, height.next(), around.branch.median_time_at(height)) {
            return Ok(false);
        }
        let mut made = Vec::with_capacity(entry.tx.inputs.len());
        for input in &entry.tx.inputs {
            if self.get(&input.prevout.txid).is_some() {
                made.push(height.next());
                continue;
            }
            match around.coins.coin(&input.prevout)? {
                Some(Coin { height: born, coinbase, .. }) => {
                    if coinbase && height.next().0 - born.0 < COINBASE_MATURITY {
                        return Ok(false);
                    }
                    made.push(born);
                }
                None => return Ok(false),
            }
        }
        let locked = is_sequence_locked(&entry.tx, made.into_iter(), around.branch, around.params);
        Ok(!locked)
    }
}
