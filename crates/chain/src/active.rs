//! The engine inside `Chain`: moves the tip along the tree, block by block, and holds what has not
//! been written yet.
//!
//! At every block boundary coins, active chain and tip agree, so a flush can happen at any of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::coins::CoinCache;
use super::error::{BlockError, Standing};
use super::event::ChainEvent;
use super::history;
use super::index::{HeaderTree, TreeBranch};
use super::offers::{Giver, Offers};
use consensus::block::{CheckedBlock, check_block_in_place};
use consensus::connect::{ConnectError, Context, connect_with_hints};
use consensus::header::{check_header_in_place, check_work};
use consensus::rule::RuleError;
use consensus::scripts::ScriptVerifier;
use primitives::block::{Block, Header, Height};
use primitives::codec::{Decode, Encode};
use primitives::id::BlockHash;
use primitives::network::NetworkParams;
use script::hints::{self, Hints};
use store::batch::WriteBatch;
use store::db::Store;
use store::error::StoreError;
use store::rows::{BlockStatus, Spent, Tip, TxPlace};

/// Memory that a row of the transaction index takes until it is written, in bytes.
const TX_ROW_BYTES: usize = 56;

/// Memory that a long reorganisation fills before what it changed is written, in bytes. The tip is
/// then one on the way, from which the next act goes on.
const MOST_PENDING_BYTES: usize = 256 << 20;

#[derive(Debug)]
pub(super) struct Active {
    store: Arc<Store>,
    params: &'static NetworkParams,
    verifier: Arc<dyn ScriptVerifier>,
    pub(super) tree: HeaderTree,
    coins: CoinCache,
    /// Rows not written yet; coins, tip and headers join at the flush.
    batch: WriteBatch,
    dirty_headers: BTreeSet<u32>,
    /// Hints for blocks to come.
    pub(super) offers: Offers,
    pending_bytes: usize,
    pub(super) tip: u32,
    /// The tip differs from what the store says.
    moved: bool,
    /// The best block that can be the tip.
    best: u32,
    pub(super) best_header: u32,
    /// Where `moved` events are collected: blocks taken back and connected since the act began.
    disconnected: u32,
    connected: u32,
}

impl Active {
    pub(super) fn load(
        store: Arc<Store>,
        verifier: Arc<dyn ScriptVerifier>,
    ) -> Result<Active, StoreError> {
        let params = store.params();
        let snapshot = store.snapshot()?;
        let tree = HeaderTree::load(&snapshot, params)?;
        let tip = snapshot.tip()?;
        if tree.id_of(&tip.hash) != Some(tip.id) {
            return Err(snapshot.corrupt("its tip is not among its headers"));
        }
        let (best, best_header) = (tree.best_candidate(), tree.best_header());
        Ok(Active {
            store,
            params,
            verifier,
            tree,
            coins: CoinCache::default(),
            batch: WriteBatch::default(),
            dirty_headers: BTreeSet::new(),
            offers: Offers::default(),
            pending_bytes: 0,
            tip: tip.id,
            moved: false,
            best,
            best_header,
            disconnected: 0,
            connected: 0,
        })
    }

    /// The coins at the tip and the branch that ends there.
    pub(super) fn around_tip(&mut self) -> Result<(&mut CoinCache, TreeBranch<'_>), StoreError> {
        if !self.coins.has_snapshot() {
            self.coins.set_snapshot(Some(self.store.snapshot()?));
        }
        Ok((&mut self.coins, self.tree.branch(self.tip)))
    }

    /// Bytes in memory that a flush would write, about.
    pub(super) fn pending_bytes(&self) -> usize {
        self.pending_bytes + self.coins.bytes()
    }

    /// Takes a header into the tree (Core's `AcceptBlockHeader`).
    pub(super) fn accept_header(
        &mut self,
        header: &Header,
        now: u32,
        events: &mut Vec<ChainEvent>,
    ) -> Result<u32, RuleError> {
        let hash = header.hash();
        if let Some(id) = self.tree.id_of(&hash) {
            // A descendant of a failed block is as bad as one that failed by itself.
            return match self.tree.entry(id).failed {
                true => Err(RuleError::KnownInvalid { hash }),
                false => Ok(id),
            };
        }
        check_work(&hash, header.bits, self.params)?;
        let parent = header.prev;
        let parent_id = self.tree.id_of(&parent).ok_or(RuleError::UnknownParent { parent })?;
        if self.tree.entry(parent_id).failed {
            return Err(RuleError::InvalidParent { parent });
        }
        check_header_in_place(header, &self.tree.branch(parent_id), now, self.params)?;
        let id = self.tree.add(*header, hash, parent_id);
        self.dirty_headers.insert(id);
        let entry = self.tree.entry(id);
        if entry.work > self.tree.entry(self.best_header).work {
            self.best_header = id;
        }
        events.push(ChainEvent::HeaderAdded { hash, height: entry.height() });
        Ok(id)
    }

    /// Takes a block and moves the tip if that makes a better chain (Core's `ProcessNewBlock`).
    /// After a broken rule the tip is where it was and `events` has nothing of the attempt.
    pub(super) fn accept_block(
        &mut self,
        checked: CheckedBlock,
        now: u32,
        events: &mut Vec<ChainEvent>,
    ) -> Result<Standing, BlockError> {
        checked.verdict.clone()?;
        let id = self.accept_header(&checked.block.header, now, events)?;
        if self.tree.entry(id).has_data() {
            return Ok(Standing::Known);
        }
        let parent = self.tree.entry(id).row.parent;
        let in_place = check_block_in_place(&checked, &self.tree.branch(parent), self.params);
        if let Err(error) = in_place {
            if error.blame().is_permanent() {
                self.fail(id);
            }
            return Err(error.into());
        }
        self.tree.set_data(id, checked.block.txs.len() as u32);
        self.dirty_headers.insert(id);
        self.pending_bytes += checked.bytes.len();
        self.batch.blocks.insert(id, checked.bytes.clone());
        self.consider(id);
        let before = events.len();
        let failure = self.activate(Some((id, checked)), events)?;
        if let Some((_, error)) = failure.filter(|(failed, _)| *failed == id) {
            events.truncate(before);
            return Err(error.into());
        }
        let height = self.tree.entry(id).height();
        Ok(match self.tree.ancestor(self.tip, height) == id {
            true => Standing::Active,
            false => Standing::Stored,
        })
    }

    /// Looks whether a block that has just come, or one that waited for it, is the best.
    fn consider(&mut self, id: u32) {
        let mut todo = vec![id];
        while let Some(id) = todo.pop() {
            if self.tree.is_candidate(id) {
                if self.tree.is_better(id, self.best) {
                    self.best = id;
                }
                todo.extend(self.tree.children(id));
            }
        }
    }

    fn fail(&mut self, id: u32) {
        self.tree.fail(id);
        self.dirty_headers.insert(id);
        self.best = self.tree.best_candidate();
        self.best_header = self.tree.best_header();
    }

    /// Moves the tip to the best block that can be it. `fresh` is a block that need not be read
    /// again. Gives the first block that broke a rule on the way.
    pub(super) fn activate(
        &mut self,
        fresh: Option<(u32, CheckedBlock)>,
        events: &mut Vec<ChainEvent>,
    ) -> Result<Option<(u32, RuleError)>, StoreError> {
        self.advance(fresh, usize::MAX, events)
    }

    /// The same, but connects `most` blocks at most.
    fn advance(
        &mut self,
        mut fresh: Option<(u32, CheckedBlock)>,
        most: usize,
        events: &mut Vec<ChainEvent>,
    ) -> Result<Option<(u32, RuleError)>, StoreError> {
        let mut failure = None;
        let mut left = most;
        while self.best != self.tip && left > 0 {
            let fork = self.tree.fork(self.tip, self.best);
            let (forked, pruned) = (self.tree.entry(fork).height(), self.store.pruned_below());
            if forked.next() < pruned {
                // A block that would have to be disconnected or connected has been pruned.
                let id = self.best;
                let (hash, height) = (self.tree.entry(id).row.hash, self.tree.entry(id).height());
                let error = RuleError::BelowPruned { fork: forked, pruned };
                events.push(ChainEvent::BlockInvalid { hash, height, error: error.clone() });
                failure.get_or_insert((id, error));
                self.fail(id);
                continue;
            }
            while self.tip != fork {
                self.disconnect(events)?;
                self.relieve()?;
            }
            let mut path = Vec::new();
            let reach = self
                .tree
                .entry(fork)
                .height()
                .0
                .saturating_add(u32::try_from(left).unwrap_or(u32::MAX));
            let mut at = self.tree.ancestor(self.best, Height(reach));
            while at != fork {
                path.push(at);
                at = self.tree.entry(at).row.parent;
            }
            left = left.saturating_sub(path.len());
            for id in path.into_iter().rev() {
                let block = match fresh.take_if(|(fresh, _)| *fresh == id) {
                    Some((_, block)) => block,
                    None => self.read_block(id)?,
                };
                let error = match self.connect(id, &block, events) {
                    Ok(()) => None,
                    Err(ConnectError::Rule(error)) => Some(error),
                    Err(ConnectError::Coins(error)) => return Err(error),
                };
                if let Some(error) = error {
                    let entry = self.tree.entry(id);
                    let (hash, height) = (entry.row.hash, entry.height());
                    events.push(ChainEvent::BlockInvalid { hash, height, error: error.clone() });
                    failure.get_or_insert((id, error));
                    self.fail(id);
                    break;
                }
                self.relieve()?;
            }
        }
        if self.connected > 0 || self.disconnected > 0 {
            let entry = self.tree.entry(self.tip);
            events.push(ChainEvent::TipChanged {
                hash: entry.row.hash,
                height: entry.height(),
                disconnected: std::mem::take(&mut self.disconnected),
                connected: std::mem::take(&mut self.connected),
            });
        }
        Ok(failure)
    }

    /// A step of connecting the chain again, in one commit; the last one ends the building. Gives
    /// the heights of the tip and of the block that it goes to.
    pub(super) fn replay_step(
        &mut self,
        most: usize,
        bytes: usize,
    ) -> Result<(Height, Height), StoreError> {
        // A few at a time, so that the memory is watched.
        const FEW: usize = 32;
        let mut left = most;
        while self.tip != self.best && left > 0 && self.pending_bytes() < bytes {
            let few = left.min(FEW);
            self.advance(None, few, &mut Vec::new())?;
            left -= few;
        }
        if self.tip == self.best {
            self.batch.build = Some(None);
        }
        self.flush()?;
        Ok((self.tree.entry(self.tip).height(), self.tree.entry(self.best).height()))
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    fn relieve(&mut self) -> Result<(), StoreError> {
        match self.pending_bytes() >= MOST_PENDING_BYTES {
            true => self.flush(),
            false => Ok(()),
        }
    }

    fn connect(
        &mut self,
        id: u32,
        checked: &CheckedBlock,
        events: &mut Vec<ChainEvent>,
    ) -> Result<(), ConnectError<StoreError>> {
        if !self.coins.has_snapshot() {
            let snapshot = self.store.snapshot().map_err(ConnectError::Coins)?;
            self.coins.set_snapshot(Some(snapshot));
        }
        let (giver, hints) = self.hints_for(id).map_err(ConnectError::Coins)?;
        let entry = self.tree.entry(id);
        let (height, parent) = (entry.height(), entry.row.parent);
        let context = Context {
            branch: &self.tree.branch(parent),
            params: self.params,
            verifier: &*self.verifier,
        };
        let connected = connect_with_hints(checked, &mut self.coins, &context, &hints)?;
        if giver.is_some_and(|_| hints::misled(&hints, &connected.hints)) {
            giver.into_iter().for_each(|giver| self.offers.blame(giver));
        }
        if let Some(packed) = hints::pack(&connected.hints) {
            self.pending_bytes += packed.len();
            self.batch.hints.insert(id, packed);
        }
        self.coins.apply(connected.delta);
        let spent = Spent { outputs: connected.spent.outputs, origins: connected.spent.origins };
        if self.store.has_script_index() {
            let changes = history::changes(checked, &spent, height);
            self.pending_bytes += changes.len() * history::CHANGE_BYTES;
            self.batch.history.extend(changes);
        }
        let undo = spent.to_bytes();
        self.pending_bytes += undo.len();
        self.batch.undo.insert(id, undo);
        self.batch.chain.insert(height.0, Some(id));
        if self.store.has_tx_index() {
            let places = checked.txids.iter().zip(&checked.offsets).zip(0..);
            self.batch.txs.extend(places.map(|((txid, &offset), position)| {
                (*txid, Some(TxPlace { height, position, offset }))
            }));
            self.pending_bytes += checked.txids.len() * TX_ROW_BYTES;
        }
        let status = self.tree.entry(id).row.status;
        let status = status.with(BlockStatus::HAVE_UNDO).with(BlockStatus::VALID);
        self.tree.set_status(id, status);
        self.dirty_headers.insert(id);
        (self.tip, self.moved) = (id, true);
        self.connected += 1;
        events.push(ChainEvent::BlockConnected {
            hash: checked.hash,
            height,
            block: Arc::clone(&checked.block),
            txids: checked.txids.as_slice().into(),
        });
        Ok(())
    }

    /// What is known of the signatures of a block that is to be connected: who said so if a peer
    /// did, or what was learnt when it was connected before.
    fn hints_for(&mut self, id: u32) -> Result<(Option<Giver>, Hints), StoreError> {
        if !self.verifier.takes_hints() {
            return Ok((None, Hints::new()));
        }
        let row = self.tree.entry(id).row;
        if let Some((giver, packed)) = self.offers.take(&row.hash) {
            return Ok((Some(giver), hints::unpack(&packed).unwrap_or_default()));
        }
        let again = row.status.has(BlockStatus::HAVE_UNDO);
        let packed = if again { self.hints(id)? } else { None };
        Ok((None, packed.and_then(|packed| hints::unpack(&packed)).unwrap_or_default()))
    }

    /// What was learnt of a block's signatures, written or not.
    pub(super) fn hints(&self, id: u32) -> Result<Option<Vec<u8>>, StoreError> {
        match self.batch.hints.get(&id) {
            Some(packed) => Ok(Some(packed.clone())),
            None => self.store.snapshot()?.hints(id),
        }
    }

    /// Takes the tip back.
    fn disconnect(&mut self, events: &mut Vec<ChainEvent>) -> Result<(), StoreError> {
        let id = self.tip;
        if !self.coins.has_snapshot() {
            self.coins.set_snapshot(Some(self.store.snapshot()?));
        }
        let checked = self.read_block(id)?;
        let spent = match self.batch.undo.get(&id) {
            Some(bytes) => Spent::from_bytes(bytes).ok(),
            None => self.store.snapshot()?.spent(id)?,
        };
        let entry = self.tree.entry(id);
        let (height, parent) = (entry.height(), entry.row.parent);
        let Some(spent) = spent else { return Err(self.damaged(id, "undo data")) };
        if self.store.has_script_index() {
            let changes = history::changes(&checked, &spent, height);
            self.pending_bytes += changes.len() * history::CHANGE_BYTES;
            self.batch.history.extend(history::undo(changes));
        }
        if !self.coins.undo(&checked.block, &checked.txids, spent) {
            return Err(self.damaged(id, "undo data"));
        }
        self.batch.chain.insert(height.0, None);
        if self.store.has_tx_index() {
            self.batch.txs.extend(checked.txids.iter().map(|txid| (*txid, None)));
            self.pending_bytes += checked.txids.len() * TX_ROW_BYTES;
        }
        (self.tip, self.moved) = (parent, true);
        self.disconnected += 1;
        let block = Arc::clone(&checked.block);
        events.push(ChainEvent::BlockDisconnected { hash: checked.hash, height, block });
        Ok(())
    }

    /// An available block, written or not.
    fn read_block(&self, id: u32) -> Result<CheckedBlock, StoreError> {
        let bytes = match self.batch.blocks.get(&id) {
            Some(bytes) => Some(bytes.clone()),
            None => self.store.snapshot()?.block_bytes(id)?,
        };
        bytes
            .and_then(|bytes| CheckedBlock::decode(bytes).ok())
            .filter(|block| block.hash == self.tree.entry(id).row.hash)
            .ok_or_else(|| self.damaged(id, "block"))
    }

    pub(super) fn block(&self, hash: &BlockHash) -> Result<Option<Arc<Block>>, StoreError> {
        match self.tree.id_of(hash).filter(|&id| self.tree.entry(id).has_data()) {
            // A pruned one is known, but not here.
            Some(id) if id > 0 && self.tree.entry(id).height() < self.store.pruned_below() => {
                Ok(None)
            }
            Some(id) => Ok(Some(self.read_block(id)?.block)),
            None => Ok(None),
        }
    }

    fn damaged(&self, id: u32, what: &str) -> StoreError {
        let hash = self.tree.entry(id).row.hash;
        StoreError::Corrupt {
            path: self.store.path().to_owned(),
            what: format!("the {what} of block {hash} is missing or wrong"),
        }
    }

    /// Declares a block invalid at the operator's wish and moves off it. False if it is not known
    /// or genesis.
    pub(super) fn invalidate(
        &mut self,
        hash: &BlockHash,
        events: &mut Vec<ChainEvent>,
    ) -> Result<bool, StoreError> {
        let Some(id) = self.tree.id_of(hash).filter(|&id| id != 0) else { return Ok(false) };
        let below = self.tree.entry(id).row.parent;
        if self.tree.ancestor(self.tip, self.tree.entry(id).height()) == id {
            while self.tip != below {
                self.disconnect(events)?;
            }
        }
        self.fail(id);
        self.activate(None, events)?;
        Ok(true)
    }

    /// Takes back that a block, what it builds on or what builds on it is invalid; it will be
    /// checked again.
    pub(super) fn reconsider(
        &mut self,
        hash: &BlockHash,
        events: &mut Vec<ChainEvent>,
    ) -> Result<bool, StoreError> {
        let Some(id) = self.tree.id_of(hash) else { return Ok(false) };
        self.dirty_headers.extend(self.tree.unfail(id));
        self.best = self.tree.best_candidate();
        self.best_header = self.tree.best_header();
        self.activate(None, events)?;
        Ok(true)
    }

    /// The tip as it would be written now.
    pub(super) fn tip(&self) -> Tip {
        let entry = self.tree.entry(self.tip);
        Tip {
            id: self.tip,
            height: entry.height(),
            hash: entry.row.hash,
            work: entry.work,
            tx_total: entry.tx_total,
        }
    }

    /// Writes everything that is not written yet, in one commit. An error leaves the machine
    /// unusable: what was to be written is lost.
    pub(super) fn flush(&mut self) -> Result<(), StoreError> {
        if self.dirty_headers.is_empty() && self.batch.is_empty() && !self.moved {
            return Ok(());
        }
        let mut batch = std::mem::take(&mut self.batch);
        for id in std::mem::take(&mut self.dirty_headers) {
            batch.headers.insert(id, self.tree.entry(id).row);
        }
        self.coins.set_snapshot(None);
        batch.coins = self.coins.drain();
        if self.moved {
            batch.tip = Some(self.tip());
        }
        self.store.commit(&mut batch)?;
        self.moved = false;
        self.pending_bytes = 0;
        Ok(())
    }
}
