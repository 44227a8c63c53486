//! Chain and pool: what is asked of both, each kept in step with the other.

use std::sync::Arc;

use super::io::{Act, Done, ImportReport, NodeError, Output};
use super::mine::generate;
use super::pool::SharedPool;
use chain::error::{BlockError, Standing};
use chain::event::ChainEvent;
use chain::import::{ImportError, Importer, Place};
use chain::reindex::STEP;
use chain::state::Chain;
use consensus::scripts::ScriptVerifier;
use mempool::pool::{Pool, PoolEvent};
use store::db::Store;
use store::error::StoreError;

/// The chain, the pool on its tip, and what is being imported.
#[derive(Debug)]
pub struct ChainManager {
    pub chain: Chain,
    pub pool: SharedPool,
    /// The pool is not as it was last saved.
    pub pool_changed: bool,
    store: Arc<Store>,
    importer: Importer,
}

impl ChainManager {
    pub fn open(
        store: Arc<Store>,
        verifier: Arc<dyn ScriptVerifier>,
        pool: Pool,
    ) -> Result<ChainManager, StoreError> {
        let chain = Chain::open(Arc::clone(&store), verifier)?;
        let (pool, importer) = (SharedPool::new(pool), Importer::default());
        Ok(ChainManager { chain, pool, pool_changed: false, store, importer })
    }

    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Drops transactions that have been in the pool too long.
    pub fn expire(&mut self, now: u32, outputs: &mut Vec<Output>) {
        let events = self.pool.expire(now);
        self.publish_pool(events, outputs);
    }

    /// Takes the pool that an earlier run saved.
    pub fn load_pool(
        &mut self,
        bytes: &[u8],
        now: u32,
        outputs: &mut Vec<Output>,
    ) -> Result<(), StoreError> {
        let mut events = Vec::new();
        let loaded = self.pool.load(&mut self.chain, bytes, now, &mut events);
        let result = loaded.map(|note| outputs.push(Output::Note(note)));
        self.publish_pool(events, outputs);
        // Written anew even if nothing of it was taken.
        self.pool_changed = true;
        result
    }

    /// Does what is asked of chain and pool; what happened goes out.
    pub fn act(
        &mut self,
        act: Act,
        now: u32,
        outputs: &mut Vec<Output>,
    ) -> Result<Done, NodeError> {
        match act {
            Act::ImportBlocks { blocks } => self.import(blocks, now, outputs).map(Done::Imported),
            Act::SubmitBlock { block } => match self.chain.accept_block(block, now) {
                Ok(accepted) => {
                    self.hand_on(accepted.events, now, outputs)?;
                    Ok(Done::Submitted(match accepted.standing {
                        Standing::Active => None,
                        Standing::Known => Some("duplicate".to_owned()),
                        Standing::Stored => Some("inconclusive".to_owned()),
                    }))
                }
                Err(BlockError::Rule(rule)) => Ok(Done::Submitted(Some(rule.reason()))),
                Err(BlockError::Store(error)) => Err(NodeError::Store(error)),
                Err(BlockError::Decode(error)) => {
                    Err(NodeError::Undecodable { reason: error.to_string() })
                }
            },
            Act::Flush => {
                self.importer = Importer::default();
                self.chain.flush().map_err(NodeError::Store)?;
                Ok(Done::Flushed)
            }
            Act::Prune { below } => match self.chain.prune(below)? {
                Ok(()) => Ok(Done::Pruned(self.store.pruned_below())),
                Err(reason) => Err(NodeError::Pruning { reason }),
            },
            Act::Reindex { begin: Some(_) } if self.store.pruned_below().0 > 0 => {
                let reason = format!(
                    "blocks below {} were pruned, so nothing can be built from them: restore a backup, or sync an empty folder",
                    self.store.pruned_below()
                );
                Err(NodeError::Pruning { reason })
            }
            Act::Reindex { begin } => {
                if let Some(what) = begin {
                    self.chain.begin_reindex(what)?;
                }
                Ok(Done::Built(self.chain.continue_build(STEP)?))
            }
            Act::Invalidate { hash } if self.chain.is_pinned(&hash)? => {
                let reason = format!(
                    "blocks below {} were pruned, so the chain can't go back behind them",
                    self.store.pruned_below()
                );
                Err(NodeError::Pruning { reason })
            }
            Act::Invalidate { hash } => {
                let (known, events) = self.chain.invalidate(&hash)?;
                self.hand_on(events, now, outputs)?;
                Ok(Done::Judged(known))
            }
            Act::Reconsider { hash } => {
                let (known, events) = self.chain.reconsider(&hash)?;
                self.hand_on(events, now, outputs)?;
                Ok(Done::Judged(known))
            }
            Act::SubmitTransaction { tx, most_rate } => {
                // As in Core's BroadcastTransaction: what the pool has is told to the peers again.
                let txid = tx.txid();
                if self.pool.read().get(&txid).is_some() {
                    return Ok(Done::Accepted { txid });
                }
                let mut events = Vec::new();
                let taken = self.pool.submit(&mut self.chain, tx, most_rate, now, &mut events);
                self.publish_pool(events, outputs);
                taken.map(|txid| Done::Accepted { txid })
            }
            Act::TestTransactions { txs, most_rate } => {
                let reports = self.pool.test_all(&mut self.chain, txs, most_rate, now)?;
                Ok(Done::Tested(reports))
            }
            Act::Generate { blocks, address, mut tries } => {
                let mut made = Vec::new();
                for extra_nonce in 0..u64::from(blocks) {
                    let mut events = Vec::new();
                    let pool = self.pool.read();
                    let hash = generate::generate(
                        &mut self.chain,
                        &pool,
                        &address,
                        extra_nonce,
                        &mut tries,
                        now,
                        &mut events,
                    );
                    drop(pool);
                    self.hand_on(events, now, outputs)?;
                    match hash? {
                        Some(hash) => made.push(hash),
                        None => break,
                    }
                }
                Ok(Done::Generated(made))
            }
            Act::SavePool => {
                self.pool_changed = false;
                outputs.push(Output::SavePool(self.pool.read().save()));
                Ok(Done::PoolSaved { file: None })
            }
            // Taken before.
            Act::Net(_) | Act::Mine(_) => Err(NodeError::Stopping),
        }
    }

    /// Hands on what happened to the chain: to the pool first, then to whoever listens.
    pub fn hand_on(
        &mut self,
        events: Vec<ChainEvent>,
        now: u32,
        outputs: &mut Vec<Output>,
    ) -> Result<(), StoreError> {
        let pool_events = self.pool.follow(&mut self.chain, &events, now)?;
        publish(events, outputs);
        self.publish_pool(pool_events, outputs);
        Ok(())
    }

    pub fn publish_pool(&mut self, events: Vec<PoolEvent>, outputs: &mut Vec<Output>) {
        self.pool_changed |= !events.is_empty();
        outputs.extend(events.into_iter().map(Output::Pool));
    }

    /// Takes a batch of blocks in bulk.
    fn import(
        &mut self,
        blocks: Vec<Vec<u8>>,
        now: u32,
        outputs: &mut Vec<Output>,
    ) -> Result<ImportReport, NodeError> {
        let before = self.importer.progress();
        let blocks =
            blocks.into_iter().enumerate().map(|(index, b)| (place_of(index), b)).collect();
        let taken = self.importer.take_blocks(&mut self.chain, blocks, now);
        // In bulk the blocks themselves are not announced.
        publish(self.importer.take_events(), outputs);
        let swept = self.pool.sweep(&mut self.chain, now)?;
        self.publish_pool(swept, outputs);
        let refused = match taken {
            Ok(()) => None,
            Err(ImportError::Block { error: BlockError::Store(error), .. }) => {
                return Err(NodeError::Store(error));
            }
            Err(ImportError::Block { at, error }) => Some((at.byte as usize, error.to_string())),
            Err(error @ ImportError::NoParent { at, .. }) => {
                Some((at.byte as usize, error.to_string()))
            }
            Err(ImportError::File(error)) => Some((0, error.to_string())),
        };
        let progress = self.importer.progress();
        let tip = self.chain.tip();
        Ok(ImportReport {
            accepted: progress.accepted - before.accepted,
            known: progress.known - before.known,
            waiting: progress.waiting,
            refused,
            height: tip.height,
            tip: tip.hash,
        })
    }
}

/// Where the block at an index of a batch stands, for the importer's errors.
fn place_of(index: usize) -> Place {
    Place { byte: index as u64, line: 0 }
}

/// Events go out in the order in which they happened.
fn publish(events: Vec<ChainEvent>, outputs: &mut Vec<Output>) {
    outputs.extend(events.into_iter().map(|event| Output::Event(Arc::new(event))));
}
