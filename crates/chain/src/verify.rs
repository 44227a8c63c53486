//! `verify-chain`: checks that what the store says about the last blocks is true.
//!
//! The levels are those of Core's `verifychain`, each including the ones below it: 0 blocks can be
//! read, 1 they are valid by themselves, 2 their undo data can be read, 3 disconnecting them is
//! consistent with the coins, 4 reconnecting them yields the stored coins.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::coins::CoinCache;
use super::error::BlockError;
use super::index::HeaderTree;
use super::query::{CoinTotals, coin_totals};
use super::state::Chain;
use consensus::block::{CheckedBlock, check_block_in_place};
use consensus::connect::{CoinView, ConnectError, Context, connect};
use consensus::rule::RuleError;
use consensus::scripts::ScriptVerifier;
use primitives::block::Height;
use primitives::coin::Coin;
use primitives::tx::OutPoint;
use script::template::is_unspendable;
use store::db::Store;
use store::error::StoreError;

/// What was looked at and found good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    pub blocks: u32,
    pub level: u8,
}

/// What is wrong with a chain that was thought good.
#[derive(Debug, Clone, thiserror::Error)]
pub enum VerifyError {
    #[error("block {height} can't be read from the store")]
    NoBlock { height: Height },
    #[error("block {height} is not the one that the header says")]
    OtherBlock { height: Height },
    #[error("the undo data of block {height} is missing or does not fit it")]
    BadUndo { height: Height },
    #[error("the coins do not fit block {height}: {outpoint} is not what it should be")]
    BadCoin { height: Height, outpoint: OutPoint },
    #[error("block {height} breaks a rule: {error}")]
    Rule { height: Height, error: RuleError },
    #[error("replaying the blocks gives other coins than the store has")]
    OtherCoins { stored: Box<CoinTotals>, replayed: Box<CoinTotals> },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Checks the last `depth` blocks (0: all) at a level from 0 to 4. `watch` receives how many blocks
/// are done and can end the check early.
pub fn verify(
    store: &Store,
    verifier: &dyn ScriptVerifier,
    depth: u32,
    level: u8,
    watch: &mut dyn FnMut(u32) -> ControlFlow<()>,
) -> Result<Verified, VerifyError> {
    let snapshot = store.snapshot()?;
    let tree = HeaderTree::load(&snapshot, store.params())?;
    let tip = snapshot.tip()?;
    let wanted = if depth == 0 { tip.height.0 } else { depth.min(tip.height.0) };
    let mut coins = CoinCache::default();
    coins.set_snapshot(Some(store.snapshot()?));
    let mut at = tip.id;
    let mut done = 0;
    let mut blocks = Vec::new();
    for _ in 0..wanted {
        let entry = tree.entry(at);
        let height = entry.height();
        if height < store.pruned_below() {
            // As in Core: the remaining blocks of a pruned chain are checked.
            break;
        }
        let bytes = snapshot.block_bytes(at)?.ok_or(VerifyError::NoBlock { height })?;
        let checked = match level {
            0 => CheckedBlock::decode(bytes),
            _ => CheckedBlock::new(bytes, store.params()),
        };
        let checked = checked.map_err(|_| VerifyError::NoBlock { height })?;
        if checked.hash != entry.row.hash || snapshot.id_at(height)? != Some(at) {
            return Err(VerifyError::OtherBlock { height });
        }
        let rule = |error| VerifyError::Rule { height, error };
        checked.verdict.clone().map_err(rule)?;
        let parent = entry.row.parent;
        if level >= 1 {
            check_block_in_place(&checked, &tree.branch(parent), store.params()).map_err(rule)?;
        }
        if level >= 2 {
            let spent = snapshot.spent(at)?.ok_or(VerifyError::BadUndo { height })?;
            if level >= 3 {
                check_made(&checked, height, &mut coins)?;
                if !coins.undo(&checked.block, &checked.txids, spent) {
                    return Err(VerifyError::BadUndo { height });
                }
            }
        }
        if level >= 4 {
            blocks.push((at, checked));
        }
        at = parent;
        done += 1;
        if watch(done).is_break() {
            break;
        }
    }
    for (id, checked) in blocks.into_iter().rev() {
        let height = tree.entry(id).height();
        let branch = tree.branch(tree.entry(id).row.parent);
        let context = Context { branch: &branch, params: store.params(), verifier };
        let connected = connect(&checked, &mut coins, &context).map_err(|error| match error {
            ConnectError::Rule(error) => VerifyError::Rule { height, error },
            ConnectError::Coins(error) => error.into(),
        })?;
        coins.apply(connected.delta);
    }
    if level >= 4 {
        // Back at the tip the cache must say what the store says.
        for (outpoint, coin) in coins.drain() {
            if snapshot.coin(&outpoint)? != coin {
                return Err(VerifyError::BadCoin { height: tip.height, outpoint });
            }
        }
    }
    Ok(Verified { blocks: done, level })
}

/// What a block made and did not spend itself, or what came after it spent and was taken back, must
/// be there.
fn check_made(
    checked: &CheckedBlock,
    height: Height,
    coins: &mut CoinCache,
) -> Result<(), VerifyError> {
    let inner: std::collections::HashSet<OutPoint> =
        checked.block.txs.iter().skip(1).flat_map(|tx| &tx.inputs).map(|i| i.prevout).collect();
    for (index, (tx, txid)) in checked.block.txs.iter().zip(&checked.txids).enumerate() {
        for (output, vout) in tx.outputs.iter().zip(0..) {
            let outpoint = OutPoint { txid: *txid, vout };
            if is_unspendable(output.script_pubkey.as_bytes()) || inner.contains(&outpoint) {
                continue;
            }
            let made = Coin { output: output.clone(), height, coinbase: index == 0 };
            if coins.coin(&outpoint)? != Some(made) {
                return Err(VerifyError::BadCoin { height, outpoint });
            }
        }
    }
    Ok(())
}

/// Connects every block of the active chain again, into a store in memory, and compares the coins.
pub fn replay(
    store: &Store,
    verifier: Arc<dyn ScriptVerifier>,
    now: u32,
    watch: &mut dyn FnMut(u32) -> ControlFlow<()>,
) -> Result<CoinTotals, VerifyError> {
    let snapshot = store.snapshot()?;
    let stored = coin_totals(&snapshot)?;
    let memory = Arc::new(Store::memory(store.params())?);
    let mut chain = Chain::open(Arc::clone(&memory), verifier)?;
    let mut ignored = Vec::new();
    for row in snapshot.chain(1..=stored.height.0)? {
        let (height, id) = row?;
        let bytes = snapshot.block_bytes(id)?.ok_or(VerifyError::NoBlock { height })?;
        let checked = CheckedBlock::new(bytes, store.params())
            .map_err(|_| VerifyError::NoBlock { height })?;
        chain.accept_in_bulk(checked, now, &mut ignored).map_err(|error| match error {
            BlockError::Rule(error) => VerifyError::Rule { height, error },
            BlockError::Store(error) => error.into(),
            BlockError::Decode(_) => VerifyError::NoBlock { height },
        })?;
        if watch(height.0).is_break() {
            break;
        }
    }
    chain.flush()?;
    let replayed = coin_totals(&memory.snapshot()?)?;
    if replayed != stored {
        let (stored, replayed) = (Box::new(stored), Box::new(replayed));
        return Err(VerifyError::OtherCoins { stored, replayed });
    }
    Ok(replayed)
}
