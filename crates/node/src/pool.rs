//! The pool in the node: one writer, readers on any thread, and what both ask of the chain.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::io::{NodeError, TestReport, TestedFee};
use chain::event::ChainEvent;
use chain::state::Chain;
use consensus::connect::CoinView;
use mempool::accept::{Around, Terms, Verdict};
use mempool::file::{LoadError, Loaded};
use mempool::pool::{Pool, PoolEvent};
use mempool::reject::PoolError;
use primitives::amount::Amount;
use primitives::block::Height;
use primitives::coin::Coin;
use primitives::fee::FeeRate;
use primitives::id::Txid;
use primitives::tx::{OutPoint, Transaction};
use store::error::StoreError;

/// The pool, shared with readers. The node alone writes, and never while it runs scripts.
#[derive(Debug, Clone)]
pub struct SharedPool(Arc<RwLock<Pool>>);

impl SharedPool {
    pub fn new(pool: Pool) -> SharedPool {
        SharedPool(Arc::new(RwLock::new(pool)))
    }

    /// The pool as it is now. Held briefly: the node waits to change it.
    pub fn read(&self) -> RwLockReadGuard<'_, Pool> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds to what a transaction's fee counts for; false if too many have such fees already.
    pub(super) fn prioritise(&self, txid: Txid, more: Amount) -> bool {
        self.write().prioritise(txid, more)
    }

    /// Marks one of our own that no peer has asked for yet, or takes the mark off.
    pub(super) fn set_unbroadcast(&self, txid: Txid, unbroadcast: bool) {
        self.write().set_untold(txid, unbroadcast);
    }

    fn write(&self) -> RwLockWriteGuard<'_, Pool> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps step with what has happened to the chain.
    pub(super) fn follow(
        &self,
        chain: &mut Chain,
        events: &[ChainEvent],
        now: u32,
    ) -> Result<Vec<PoolEvent>, StoreError> {
        if !events.iter().any(moves_blocks) {
            return Ok(Vec::new());
        }
        with_tip(chain, |around| self.write().follow(events, around, u64::from(now)))?
    }

    /// Drops what can no longer be confirmed, after blocks that came without events of their own.
    pub(super) fn sweep(&self, chain: &mut Chain, now: u32) -> Result<Vec<PoolEvent>, StoreError> {
        if self.read().is_empty() {
            return Ok(Vec::new());
        }
        with_tip(chain, |around| self.write().sweep(around, u64::from(now)))?
    }

    /// Takes a transaction, or says why not.
    pub(super) fn submit(
        &self,
        chain: &mut Chain,
        tx: Arc<Transaction>,
        most_rate: Option<FeeRate>,
        now: u32,
        events: &mut Vec<PoolEvent>,
    ) -> Result<Txid, NodeError> {
        let now = u64::from(now);
        let verdict = with_tip(chain, |around| self.test(around, tx, most_rate, now))??;
        let taken = self.write().take(verdict, chain.tip().height, now, Terms::default(), events);
        taken.map_err(|reject| NodeError::Rejected { reject })
    }

    /// Says of each what `submit` would do with it if it had taken those before it.
    pub(super) fn test_all(
        &self,
        chain: &mut Chain,
        txs: Vec<Arc<Transaction>>,
        most_rate: Option<FeeRate>,
        now: u32,
    ) -> Result<Vec<TestReport>, StoreError> {
        with_tip(chain, |tip| {
            let height = tip.branch.height().next();
            let mut coins = ListedCoins { below: &mut *tip.coins, made: HashMap::new() };
            let mut reports = Vec::with_capacity(txs.len());
            for tx in txs {
                let mut around =
                    Around { coins: &mut coins, branch: tip.branch, params: tip.params };
                let verdict =
                    match self.test(&mut around, Arc::clone(&tx), most_rate, u64::from(now)) {
                        Err(NodeError::Store(fault)) => return Err(fault),
                        tested => tested.map(|verdict| TestedFee {
                            fee: verdict.fee,
                            vsize: verdict.vsize,
                            replaces: verdict.replaces,
                        }),
                    };
                if verdict.is_ok() {
                    coins.add(&tx, height);
                }
                reports.push(TestReport { tx, verdict });
            }
            Ok(reports)
        })?
    }

    fn test(
        &self,
        around: &mut Around<'_>,
        tx: Arc<Transaction>,
        most_rate: Option<FeeRate>,
        now: u64,
    ) -> Result<Verdict, NodeError> {
        let tested = self.read().test(tx, around, now, Terms::default());
        let verdict = tested.map_err(|error| match error {
            PoolError::Reject(reject) => NodeError::Rejected { reject },
            PoolError::Store(fault) => NodeError::Store(fault),
        })?;
        match most_rate.map(|rate| rate.fee(verdict.vsize)) {
            Some(most) if verdict.fee > most => {
                Err(NodeError::FeeTooHigh { fee: verdict.fee, most })
            }
            _ => Ok(verdict),
        }
    }

    /// Drops what has been here too long.
    pub(super) fn expire(&self, now: u32) -> Vec<PoolEvent> {
        // Its own statement: a guard in the match would still be held at `write`.
        let expired = self.read().has_expired(u64::from(now));
        match expired {
            true => self.write().expire(u64::from(now)),
            false => Vec::new(),
        }
    }

    /// Takes what an earlier run saved; the text says what became of it.
    pub(super) fn load(
        &self,
        chain: &mut Chain,
        bytes: &[u8],
        now: u32,
        events: &mut Vec<PoolEvent>,
    ) -> Result<String, StoreError> {
        let loaded =
            with_tip(chain, |around| self.write().load(bytes, around, u64::from(now), events))?;
        match loaded {
            Ok(Loaded { accepted, refused, expired }) => Ok(format!(
                "the saved pool is read: {accepted} transactions taken, {refused} no longer valid, \
                 {expired} too old"
            )),
            Err(LoadError::Store(fault)) => Err(fault),
            Err(error) => Ok(format!("{error}; the pool starts empty")),
        }
    }
}

/// The coins at the tip and what transactions of a list make, as if those were in the pool.
struct ListedCoins<'a> {
    below: &'a mut dyn CoinView<Error = StoreError>,
    /// `None`: spent by one of the list.
    made: HashMap<OutPoint, Option<Coin>>,
}

impl ListedCoins<'_> {
    fn add(&mut self, tx: &Transaction, height: Height) {
        for input in &tx.inputs {
            self.made.insert(input.prevout, None);
        }
        let txid = tx.txid();
        for (output, vout) in tx.outputs.iter().zip(0..) {
            let coin = Coin { output: output.clone(), height, coinbase: false };
            self.made.insert(OutPoint { txid, vout }, Some(coin));
        }
    }
}

impl CoinView for ListedCoins<'_> {
    type Error = StoreError;

    fn coin(&mut self, outpoint: &OutPoint) -> Result<Option<Coin>, StoreError> {
        match self.made.get(outpoint) {
            Some(coin) => Ok(coin.clone()),
            None => self.below.coin(outpoint),
        }
    }
}

/// Runs `ask` on the coins at the tip and the branch that ends there.
fn with_tip<T>(chain: &mut Chain, ask: impl FnOnce(&mut Around<'_>) -> T) -> Result<T, StoreError> {
    let params = chain.params();
    let (coins, branch) = chain.around_tip()?;
    Ok(ask(&mut Around { coins, branch: &branch, params }))
}

fn moves_blocks(event: &ChainEvent) -> bool {
    matches!(event, ChainEvent::BlockConnected { .. } | ChainEvent::BlockDisconnected { .. })
}
