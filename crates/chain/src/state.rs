//! `Chain`: the only writer of a store. Accepts headers and blocks, moves the tip, and reports what
//! happened.

use std::collections::BTreeSet;
use std::sync::Arc;

use rayon::prelude::*;

use super::active::Active;
use super::coins::CoinCache;
use super::error::{BlockError, Standing};
use super::event::ChainEvent;
use super::index::{HeaderTree, TreeBranch};
use super::offers::Giver;
use consensus::block::{CheckedBlock, check_block_in_place};
use consensus::connect::{ConnectError, Context, connect};
use consensus::header::{Branch, check_header_in_place};
use consensus::rule::RuleError;
use consensus::scripts::ScriptVerifier;
use primitives::block::{Block, Header, Height};
use primitives::codec::Encode;
use primitives::id::BlockHash;
use primitives::network::NetworkParams;
use store::db::Store;
use store::error::StoreError;
use store::rows::Tip;

/// Memory that bulk mode fills before it writes, in bytes, by default.
pub const BULK_BYTES: usize = 32 << 20;

/// Newest blocks that are never pruned, as Core's `MIN_BLOCKS_TO_KEEP`: peers ask for them,
/// and a reorganisation needs them.
pub const KEPT_BLOCKS: u32 = 288;

/// A block that was taken.
#[derive(Debug)]
pub struct Accepted {
    pub hash: BlockHash,
    pub standing: Standing,
    pub events: Vec<ChainEvent>,
}

/// A list of blocks that was taken up to its first fault.
#[derive(Debug, Default)]
pub struct BatchResult {
    /// Blocks that are new.
    pub accepted: usize,
    /// Blocks that were here already.
    pub known: usize,
    pub events: Vec<ChainEvent>,
    /// The place in the list of the block that was not taken, and why; none after it were tried.
    pub error: Option<(usize, BlockError)>,
}

/// The chain on a store. Opening reads the tip alone; the header tree is read at the first act.
#[derive(Debug)]
pub struct Chain {
    store: Arc<Store>,
    verifier: Arc<dyn ScriptVerifier>,
    opened_at: Tip,
    bulk_bytes: usize,
    active: Option<Active>,
    /// What stopped the chain: nothing is taken after a fault of the disk.
    fault: Option<StoreError>,
}

impl Chain {
    pub fn open(store: Arc<Store>, verifier: Arc<dyn ScriptVerifier>) -> Result<Chain, StoreError> {
        let opened_at = store.tip()?;
        let bulk_bytes = BULK_BYTES;
        Ok(Chain { store, verifier, opened_at, bulk_bytes, active: None, fault: None })
    }

    /// Sets how much bulk mode keeps in memory, in bytes.
    pub fn set_bulk_bytes(&mut self, bytes: usize) {
        self.bulk_bytes = bytes;
    }

    pub fn params(&self) -> &'static NetworkParams {
        self.store.params()
    }

    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The tip, written or not.
    pub fn tip(&self) -> Tip {
        self.active.as_ref().map_or(self.opened_at, Active::tip)
    }

    /// The header tree, for queries about branches; read at the first change.
    pub fn tree(&mut self) -> Result<&HeaderTree, StoreError> {
        Ok(&self.active()?.tree)
    }

    /// The coins at the tip and the branch that ends there, for validating unconfirmed
    /// transactions.
    pub fn around_tip(&mut self) -> Result<(&mut CoinCache, TreeBranch<'_>), StoreError> {
        self.active()?.around_tip()
    }

    /// The header with the most work that is not known to be invalid.
    pub fn best_header(&mut self) -> Result<(BlockHash, Header), StoreError> {
        let active = self.active()?;
        let row = active.tree.entry(active.best_header).row;
        Ok((row.hash, row.header))
    }

    /// A block of any branch, written or not.
    pub fn block(&mut self, hash: &BlockHash) -> Result<Option<Arc<Block>>, StoreError> {
        self.active()?.block(hash)
    }

    /// Whether hints for blocks to come are of any use.
    pub fn takes_hints(&self) -> bool {
        self.verifier.takes_hints()
    }

    /// Takes what somebody says of the signatures of a block to come (`script/hints`).
    pub fn offer_hints(
        &mut self,
        block: BlockHash,
        giver: Giver,
        packed: Vec<u8>,
    ) -> Result<(), StoreError> {
        self.active()?.offers.offer(block, giver, packed);
        Ok(())
    }

    /// Those whose hints were wrong since the last question.
    pub fn take_misled(&mut self) -> BTreeSet<Giver> {
        self.active.as_mut().map(|active| active.offers.take_misled()).unwrap_or_default()
    }

    /// What was learnt of a block's signatures, packed.
    pub fn hints(&mut self, hash: &BlockHash) -> Result<Option<Vec<u8>>, StoreError> {
        let active = self.active()?;
        match active.tree.id_of(hash) {
            Some(id) => active.hints(id),
            None => Ok(None),
        }
    }

    fn active(&mut self) -> Result<&mut Active, StoreError> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        if self.active.is_none() {
            let active = Active::load(Arc::clone(&self.store), Arc::clone(&self.verifier))?;
            self.active = Some(active);
        }
        Ok(self.active.as_mut().expect("it was just made"))
    }

    /// Drops cached knowledge of the store, which was changed from outside the chain.
    pub(super) fn reload(&mut self) -> Result<(), StoreError> {
        self.active = None;
        self.opened_at = self.store.tip()?;
        Ok(())
    }

    /// Runs an act; a fault of the disk ends the chain's working life.
    pub(super) fn act<T>(
        &mut self,
        act: impl FnOnce(&mut Active) -> Result<T, BlockError>,
    ) -> Result<T, BlockError> {
        let result = act(self.active()?);
        if let Err(BlockError::Store(fault)) = &result {
            self.fault = Some(fault.clone());
        }
        result
    }

    /// Takes headers, up to the first that breaks a rule; `now` is in seconds since 1970. They
    /// are written with the next block or `flush`: losing them costs a question to a peer.
    pub fn accept_headers(
        &mut self,
        headers: &[Header],
        now: u32,
    ) -> (Vec<ChainEvent>, Result<(), BlockError>) {
        let mut events = Vec::new();
        let result = self.act(|active| {
            for header in headers {
                active.accept_header(header, now, &mut events)?;
            }
            Ok(())
        });
        (events, result)
    }

    /// Takes a block's wire form: checks it, keeps it, moves the tip, and returns when all of it
    /// is durable. `now` is in seconds since 1970.
    pub fn accept_block(&mut self, bytes: Vec<u8>, now: u32) -> Result<Accepted, BlockError> {
        let checked = CheckedBlock::new(bytes, self.params())?;
        let (hash, mut events) = (checked.hash, Vec::new());
        let standing = self.accept_unflushed(checked, now, &mut events);
        // What a failed block leaves behind (that it failed) is kept as well.
        self.flush()?;
        Ok(Accepted { hash, standing: standing?, events })
    }

    /// Whether a block whose proof of work is still to be found would be a good child of the tip
    /// (Core's `TestBlockValidity`). `now` is in seconds since 1970; nothing is taken.
    pub fn test_block(&mut self, block: &Block, now: u32) -> Result<(), BlockError> {
        let checked = CheckedBlock::without_work(block.to_bytes())?;
        checked.verdict.clone()?;
        let (params, verifier) = (self.params(), Arc::clone(&self.verifier));
        let parent = block.header.prev;
        let (coins, branch) = self.around_tip()?;
        if branch.hash_at(branch.height()) != parent {
            return Err(RuleError::UnknownParent { parent }.into());
        }
        check_header_in_place(&block.header, &branch, now, params)?;
        check_block_in_place(&checked, &branch, params)?;
        let context = Context { branch: &branch, params, verifier: &*verifier };
        match connect(&checked, coins, &context) {
            Ok(_) => Ok(()),
            Err(ConnectError::Rule(rule)) => Err(rule.into()),
            Err(ConnectError::Coins(fault)) => Err(fault.into()),
        }
    }

    /// Takes a block that we made.
    pub fn accept_own_block(&mut self, block: &Block, now: u32) -> Result<Accepted, BlockError> {
        self.accept_block(block.to_bytes(), now)
    }

    /// Takes a block; the caller flushes, unless memory for it is full.
    fn accept_unflushed(
        &mut self,
        checked: CheckedBlock,
        now: u32,
        events: &mut Vec<ChainEvent>,
    ) -> Result<Standing, BlockError> {
        let limit = self.bulk_bytes;
        self.act(|active| {
            let mut news = Vec::new();
            let standing = active.accept_block(checked, now, &mut news)?;
            if active.pending_bytes() >= limit {
                active.flush()?;
            }
            events.append(&mut news);
            Ok(standing)
        })
    }

    /// Takes blocks' wire forms in order, up to the first fault; all that were taken are durable
    /// when it returns, by one commit where memory allows. In bulk nothing is durable before the
    /// memory for it is full or `flush` is called, and events carry tips only. A crash comes back
    /// at a tip on the way.
    pub fn accept_blocks(&mut self, blocks: Vec<Vec<u8>>, now: u32, bulk: bool) -> BatchResult {
        let params = self.params();
        let checked: Vec<_> =
            blocks.into_par_iter().map(|bytes| CheckedBlock::new(bytes, params)).collect();
        let mut result = BatchResult::default();
        for (index, checked) in checked.into_iter().enumerate() {
            let taken = checked.map_err(BlockError::from).and_then(|checked| match bulk {
                true => self.accept_in_bulk(checked, now, &mut result.events),
                false => self.accept_unflushed(checked, now, &mut result.events),
            });
            match taken {
                Ok(Standing::Known) => result.known += 1,
                Ok(_) => result.accepted += 1,
                Err(error) => {
                    result.error = Some((index, error));
                    break;
                }
            }
        }
        if !bulk && let Err(fault) = self.flush() {
            // What is not on the disk has not happened.
            result.events.clear();
            result.error = Some((0, fault.into()));
        }
        result
    }

    /// Whether a header is in the tree.
    pub fn has_header(&mut self, hash: &BlockHash) -> Result<bool, StoreError> {
        Ok(self.active()?.tree.id_of(hash).is_some())
    }

    /// One block of `accept_blocks` in bulk, checked by itself before.
    pub fn accept_in_bulk(
        &mut self,
        checked: CheckedBlock,
        now: u32,
        events: &mut Vec<ChainEvent>,
    ) -> Result<Standing, BlockError> {
        let mut news = Vec::new();
        let standing = self.accept_unflushed(checked, now, &mut news)?;
        // Blocks would keep the whole batch in memory; who follows in bulk reads the store.
        news.retain(|event| matches!(event, ChainEvent::TipChanged { .. }));
        for news in news {
            match events.last_mut() {
                Some(last @ ChainEvent::TipChanged { .. }) => merge_tips(last, news),
                _ => events.push(news),
            }
        }
        Ok(standing)
    }

    /// Makes everything taken so far durable.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        if self.active.is_none() && self.fault.is_none() {
            return Ok(());
        }
        self.store_act(|active, _| active.flush()).map(|_| ())
    }

    /// Declares a block invalid, as the operator wishes; the tip moves off it. False if the block
    /// is unknown or genesis.
    pub fn invalidate(&mut self, hash: &BlockHash) -> Result<(bool, Vec<ChainEvent>), StoreError> {
        self.store_act(|active, events| {
            let known = active.invalidate(hash, events)?;
            active.flush().map(|()| known)
        })
    }

    /// Takes `invalidate` back, and every verdict on the block's ancestors and descendants.
    pub fn reconsider(&mut self, hash: &BlockHash) -> Result<(bool, Vec<ChainEvent>), StoreError> {
        self.store_act(|active, events| {
            let known = active.reconsider(hash, events)?;
            active.flush().map(|()| known)
        })
    }

    /// Deletes blocks and undo data below a height. `Err` says why that is not possible.
    pub fn prune(&mut self, below: Height) -> Result<Result<(), String>, StoreError> {
        if below.0 == 0 {
            return Ok(Ok(()));
        }
        let tip = self.tip().height;
        let most = tip.0.saturating_sub(KEPT_BLOCKS);
        if below.0 > most {
            return Ok(Err(format!(
                "the newest {KEPT_BLOCKS} blocks are kept: at height {tip} prune to {most} at most"
            )));
        }
        if self.store.build().is_some() {
            return Ok(
                Err("the indexes are being built from the blocks: migrate first".to_owned()),
            );
        }
        self.flush()?;
        self.store_act(|active, _| active.store().prune(below)).map(|_| Ok(()))
    }

    /// Whether a block is on the active chain and what is below it was pruned, so that it
    /// can't be left.
    pub fn is_pinned(&mut self, hash: &BlockHash) -> Result<bool, StoreError> {
        let pruned = self.store.pruned_below();
        let active = self.active()?;
        let Some(id) = active.tree.id_of(hash) else { return Ok(false) };
        let height = active.tree.entry(id).height();
        Ok(height < pruned && active.tree.ancestor(active.tip, height) == id)
    }

    /// Goes on with what a crash in the middle of a reorganisation left undone; does nothing
    /// otherwise.
    pub fn settle(&mut self) -> Result<Vec<ChainEvent>, StoreError> {
        let settle = |active: &mut Active, events: &mut Vec<ChainEvent>| {
            active.activate(None, events)?;
            active.flush()
        };
        self.store_act(settle).map(|((), events)| events)
    }

    fn store_act<T>(
        &mut self,
        act: impl FnOnce(&mut Active, &mut Vec<ChainEvent>) -> Result<T, StoreError>,
    ) -> Result<(T, Vec<ChainEvent>), StoreError> {
        let mut events = Vec::new();
        let result = act(self.active()?, &mut events);
        if let Err(fault) = &result {
            self.fault = Some(fault.clone());
        }
        Ok((result?, events))
    }
}

/// Makes one tip change of two that follow each other.
fn merge_tips(earlier: &mut ChainEvent, later: ChainEvent) {
    if let (
        ChainEvent::TipChanged { hash, height, disconnected, connected },
        ChainEvent::TipChanged { hash: to, height: at, disconnected: back, connected: on },
    ) = (earlier, later)
    {
        (*hash, *height) = (to, at);
        *disconnected += back;
        *connected += on;
    }
}
