//! Answers to what peers ask of the chain and the pool, as fast as they read them.

use super::state::Net;
use super::work::Work;
use p2p::compact::{BlockTxns, CompactBlock, TxnRequest};
use p2p::download::PeerId;
use p2p::filters::{BASIC, basic_filter, filter_hash, filter_header};
use p2p::limits::{
    BAN_SCORE, CFCHECKPT_INTERVAL, MAX_BLOCKS_INV, MAX_BLOCKTXN_DEPTH, MAX_CFHEADERS, MAX_CFILTERS,
    MAX_COMPACT_DEPTH, MAX_HEADERS, SEND_PAUSE_BYTES,
};
use p2p::message::{Inv, InvKind, Locator, Message};
use primitives::block::{Block, Header, Height};
use primitives::codec::{Decode, Encode};
use primitives::id::{BlockHash, Txid, Wtxid};
use primitives::script::Script;
use store::error::StoreError;

impl Net {
    /// The height of the last block of the active chain that a locator names.
    fn fork_of(&self, locator: &Locator, work: &mut Work<'_>) -> Result<u32, StoreError> {
        let tip = work.chain.tip();
        let tree = work.chain.tree()?;
        let active = |hash: &BlockHash| {
            let id = tree.id_of(hash)?;
            let height = tree.entry(id).height();
            (tree.ancestor(tip.id, height) == id).then_some(height.0)
        };
        Ok(locator.hashes.iter().find_map(active).unwrap_or(0))
    }

    /// The answer to `getheaders`.
    pub(super) fn give_headers(
        &mut self,
        id: PeerId,
        locator: &Locator,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let fork = self.fork_of(locator, work)?;
        let tip = work.chain.tip();
        let tree = work.chain.tree()?;
        let mut headers: Vec<Header> = Vec::new();
        let mut last = None;
        if locator.hashes.is_empty() {
            // One header by its hash.
            let one = tree.id_of(&locator.stop);
            headers.extend(one.map(|id| tree.entry(id).row.header));
        } else {
            let end = (fork + MAX_HEADERS as u32).min(tip.height.0);
            let mut at = tree.ancestor(tip.id, Height(end));
            let mut ids = Vec::with_capacity((end - fork) as usize);
            while tree.entry(at).height().0 > fork {
                ids.push(at);
                at = tree.entry(at).row.parent;
            }
            for &block in ids.iter().rev() {
                let row = tree.entry(block).row;
                headers.push(row.header);
                last = Some(block);
                if row.hash == locator.stop {
                    break;
                }
            }
            last = last.or(Some(at));
        }
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.best_sent = last.or(peer.best_sent);
        }
        self.send(id, &Message::Headers(headers), work);
        Ok(())
    }

    /// The answer to `getblocks`.
    pub(super) fn give_hashes(
        &mut self,
        id: PeerId,
        locator: &Locator,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let fork = self.fork_of(locator, work)?;
        let tip = work.chain.tip();
        let tree = work.chain.tree()?;
        let end = (fork + MAX_BLOCKS_INV as u32).min(tip.height.0);
        let hashes = (fork + 1..=end)
            .map(|height| tree.entry(tree.ancestor(tip.id, Height(height))).row.hash);
        let invs: Vec<Inv> = hashes
            .take_while(|hash| *hash != locator.stop)
            .map(|hash| Inv::new(InvKind::BLOCK, hash.0))
            .collect();
        if !invs.is_empty() {
            self.send(id, &Message::Inv(invs), work);
        }
        Ok(())
    }

    /// Goes on with what a peer has asked for, until enough waits to be written.
    pub(super) fn serve_waiting(
        &mut self,
        id: PeerId,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let mut missing = Vec::new();
        while let Some(peer) = self.peers.get_mut(&id).filter(|peer| peer.ready()) {
            if peer.queued >= SEND_PAUSE_BYTES {
                break;
            }
            let Some(inv) = peer.requests.pop_front() else { break };
            let found = match inv.kind {
                InvKind::HINTS => self.give_hints(id, &inv, work)?,
                kind if kind.is_tx() => self.give_tx(id, &inv, work),
                kind if kind.is_block() => self.give_block(id, &inv, work)?,
                _ => false,
            };
            if !found {
                missing.push(inv);
            }
        }
        if !missing.is_empty() {
            self.send(id, &Message::NotFound(missing), work);
        }
        Ok(())
    }

    fn give_tx(&mut self, id: PeerId, inv: &Inv, work: &mut Work<'_>) -> bool {
        if self.readonly {
            return false;
        }
        let found = {
            let pool = work.pool.read();
            let entry = match inv.kind {
                InvKind::WTX => pool.get_by_wtxid(&Wtxid(inv.hash)),
                _ => pool.get(&Txid(inv.hash)),
            };
            entry.map(|entry| (entry.txid, (*entry.tx).clone()))
        };
        let Some((txid, mut tx)) = found else { return false };
        if inv.kind == InvKind::TX {
            tx.inputs.iter_mut().for_each(|input| input.witness.clear());
        }
        // Somebody wants it: it need not be told again.
        if self.untold.remove(&txid).is_some() {
            work.pool.set_untold(txid, false);
        }
        self.send(id, &Message::Tx(Box::new(tx)), work);
        true
    }

    /// Hints that are not there are passed over: the block comes next anyway.
    fn give_hints(
        &mut self,
        id: PeerId,
        inv: &Inv,
        work: &mut Work<'_>,
    ) -> Result<bool, StoreError> {
        let block = BlockHash(inv.hash);
        if let Some(packed) = work.chain.hints(&block)? {
            self.send(id, &Message::Hints { block, packed }, work);
        }
        Ok(true)
    }

    fn give_block(
        &mut self,
        id: PeerId,
        inv: &Inv,
        work: &mut Work<'_>,
    ) -> Result<bool, StoreError> {
        let hash = BlockHash(inv.hash);
        let tip = work.chain.tip();
        let tree = work.chain.tree()?;
        let Some(block) = tree.id_of(&hash) else { return Ok(false) };
        let entry = tree.entry(block);
        // Side branches only while they are near: an old one would tell us apart from others.
        let active = tree.ancestor(tip.id, entry.height()) == block;
        if !entry.has_data() || (!active && entry.height().0 + 2016 < tip.height.0) {
            return Ok(false);
        }
        let depth = tip.height.0.saturating_sub(entry.height().0);
        let Some(bytes) = block_bytes(work, block, &hash)? else { return Ok(false) };
        let message = match inv.kind {
            InvKind::COMPACT_BLOCK if depth <= MAX_COMPACT_DEPTH => {
                let Ok(block) = Block::from_bytes(&bytes) else { return Ok(false) };
                let compact = CompactBlock::of(&block, self.random.word());
                Message::CompactBlock(Box::new(compact))
            }
            InvKind::WITNESS_BLOCK | InvKind::COMPACT_BLOCK => Message::Block(bytes),
            _ => {
                let Ok(mut block) = Block::from_bytes(&bytes) else { return Ok(false) };
                let inputs = block.txs.iter_mut().flat_map(|tx| &mut tx.inputs);
                inputs.for_each(|input| input.witness.clear());
                Message::Block(block.to_bytes())
            }
        };
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.known_blocks.insert(hash.0);
        }
        self.send(id, &message, work);
        Ok(true)
    }

    /// The answer to `getblocktxn`.
    pub(super) fn give_block_txs(
        &mut self,
        id: PeerId,
        request: &TxnRequest,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let tip = work.chain.tip();
        let tree = work.chain.tree()?;
        let Some(block) = tree.id_of(&request.block).map(|id| tree.entry(id)) else {
            return Ok(());
        };
        if block.height().0 + MAX_BLOCKTXN_DEPTH < tip.height.0 {
            // Old ones whole, so that asking costs as much as answering.
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.requests.push_back(Inv::new(InvKind::WITNESS_BLOCK, request.block.0));
            }
            return self.serve_waiting(id, work);
        }
        let Some(block) = work.chain.block(&request.block)? else { return Ok(()) };
        let txs: Option<Vec<_>> = request
            .indexes
            .iter()
            .map(|&index| block.txs.get(usize::from(index)).cloned())
            .collect();
        match txs {
            Some(txs) => {
                let txns = BlockTxns { block: request.block, txs };
                self.send(id, &Message::BlockTxn(txns), work);
            }
            None => self.misbehaved(
                id,
                BAN_SCORE,
                "a question for a transaction that is not there",
                work,
            ),
        }
        Ok(())
    }

    /// Answers about filters (BIP157), as far as the index of filters has come.
    pub(super) fn give_filters(
        &mut self,
        id: PeerId,
        message: &Message,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        if !self.filters.serves() {
            self.close(id, "it wants filters, which this node does not serve", work);
            return Ok(());
        }
        let (kind, start, stop, most) = match message {
            Message::GetCFilters(range) => (range.kind, range.start, range.stop, MAX_CFILTERS),
            Message::GetCFHeaders(range) => (range.kind, range.start, range.stop, MAX_CFHEADERS),
            Message::GetCFCheckpt { kind, stop } => (*kind, 0, *stop, u32::MAX),
            _ => return Ok(()),
        };
        let tip = work.chain.tip();
        let tree = work.chain.tree()?;
        let end =
            tree.id_of(&stop).filter(|&id| tree.ancestor(tip.id, tree.entry(id).height()) == id);
        let end = end.map(|id| tree.entry(id).height().0);
        let Some(end) = end.filter(|end| kind == BASIC && start <= *end && end - start < most)
        else {
            self.close(id, "a question for filters that can't be answered", work);
            return Ok(());
        };
        self.filters.extend(end, work)?;
        match message {
            Message::GetCFilters(_) => {
                for height in start..=end {
                    let Some((block, filter)) = filter_at(height, work)? else { return Ok(()) };
                    self.send(id, &Message::CFilter { kind, block, filter }, work);
                }
            }
            Message::GetCFHeaders(_) => {
                let previous = match start {
                    0 => [0; 32],
                    _ => self.filters.header(start - 1),
                };
                let hashes = (start..=end).map(|height| self.filters.hash(height)).collect();
                self.send(id, &Message::CFHeaders { kind, stop, previous, hashes }, work);
            }
            _ => {
                let heights = (1..=end / CFCHECKPT_INTERVAL).map(|n| n * CFCHECKPT_INTERVAL);
                let headers = heights.map(|height| self.filters.header(height)).collect();
                self.send(id, &Message::CFCheckpt { kind, stop, headers }, work);
            }
        }
        Ok(())
    }
}

/// A block's wire form, written or not.
pub(super) fn block_bytes(
    work: &mut Work<'_>,
    id: u32,
    hash: &BlockHash,
) -> Result<Option<Vec<u8>>, StoreError> {
    if let Some(bytes) = work.chain.store().snapshot()?.block_bytes(id)? {
        return Ok(Some(bytes));
    }
    Ok(work.chain.block(hash)?.map(|block| block.to_bytes()))
}

/// The filter of the active chain's block at a height, and the block's hash.
fn filter_at(height: u32, work: &mut Work<'_>) -> Result<Option<(BlockHash, Vec<u8>)>, StoreError> {
    let tip = work.chain.tip();
    let tree = work.chain.tree()?;
    let id = tree.ancestor(tip.id, Height(height));
    let hash = tree.entry(id).row.hash;
    let snapshot = work.chain.store().snapshot()?;
    let Some(block) = snapshot.block(id)? else { return Ok(None) };
    let Some(spent) = snapshot.spent(id)? else { return Ok(None) };
    let scripts: Vec<Script> = spent.into_coins().map(|coin| coin.output.script_pubkey).collect();
    Ok(Some((hash, basic_filter(&block, &hash, scripts.iter()))))
}

/// The chain of filter headers of the active chain, made as far as it is asked for and kept in
/// memory: 96 bytes a block.
#[derive(Debug, Default)]
pub struct FilterIndex {
    on: bool,
    /// Block, hash of its filter, filter header, by height.
    rows: Vec<(BlockHash, [u8; 32], [u8; 32])>,
}

impl FilterIndex {
    /// Serve filters from now on.
    pub fn turn_on(&mut self) {
        self.on = true;
    }

    pub fn serves(&self) -> bool {
        self.on
    }

    /// The hash of the filter at a height that `extend` has reached.
    fn hash(&self, height: u32) -> [u8; 32] {
        self.rows.get(height as usize).map_or([0; 32], |row| row.1)
    }

    fn header(&self, height: u32) -> [u8; 32] {
        self.rows.get(height as usize).map_or([0; 32], |row| row.2)
    }

    /// Follows the active chain up to a height.
    fn extend(&mut self, height: u32, work: &mut Work<'_>) -> Result<(), StoreError> {
        work.chain.flush()?;
        let tip = work.chain.tip();
        let tree = work.chain.tree()?;
        while let Some((block, ..)) = self.rows.last() {
            let at = Height(self.rows.len() as u32 - 1);
            if at <= tip.height && tree.entry(tree.ancestor(tip.id, at)).row.hash == *block {
                break;
            }
            self.rows.pop();
        }
        while self.rows.len() <= height.min(tip.height.0) as usize {
            let Some((block, filter)) = filter_at(self.rows.len() as u32, work)? else { break };
            let hash = filter_hash(&filter);
            let previous = self.rows.last().map_or([0; 32], |row| row.2);
            self.rows.push((block, hash, filter_header(&hash, &previous)));
        }
        Ok(())
    }
}
