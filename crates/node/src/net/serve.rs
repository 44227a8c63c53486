//! Serving: answers to `getheaders`, `getblocks`, `getdata` and `getblocktxn`, as fast as peers read
//! them.

use std::collections::{BTreeMap, VecDeque};

use super::context::{Action, Context};
use super::peers::PeerManager;
use p2p::address::services;
use p2p::compact::{BlockTxns, CompactBlock, TxnRequest};
use p2p::download::PeerId;
use p2p::limits::{
    BAN_SCORE, MAX_BLOCKS_INV, MAX_BLOCKTXN_DEPTH, MAX_COMPACT_DEPTH, MAX_HEADERS,
    MAX_WAITING_REQUESTS, SEND_PAUSE_BYTES,
};
use p2p::message::{Inv, InvKind, Locator, Message};
use primitives::block::{Block, Header, Height};
use primitives::codec::{Decode, Encode};
use primitives::id::{BlockHash, Txid, Wtxid};
use store::error::StoreError;

/// Depth to which blocks beside the active chain are served: an old one would tell us apart.
const MAX_SIDE_DEPTH: u32 = 2016;

/// What one peer has asked for.
#[derive(Debug, Default)]
struct ServedPeer {
    requests: VecDeque<Inv>,
    /// Not here; said when the other answers are out.
    missing: Vec<Inv>,
}

/// What peers have asked for.
#[derive(Debug, Default)]
pub struct Server {
    /// Old blocks are not here any more.
    pruned: bool,
    peers: BTreeMap<PeerId, ServedPeer>,
}

impl Server {
    /// Blocks were pruned: the services that we offer change for peers that connect from now on.
    pub fn set_pruned(&mut self, pruned: bool) {
        self.pruned = pruned;
    }

    /// What we offer. A replica, too, serves blocks.
    pub fn services(&self, filters: bool) -> u64 {
        let filters = if filters { services::COMPACT_FILTERS } else { 0 };
        // A pruned node serves only the newest blocks (BIP159).
        let whole = if self.pruned { 0 } else { services::NETWORK | filters };
        whole | services::WITNESS | services::NETWORK_LIMITED
    }

    pub fn connected(&mut self, id: PeerId) {
        self.peers.insert(id, ServedPeer::default());
    }

    pub fn closed(&mut self, id: PeerId) {
        if let Some(peer) = self.peers.get_mut(&id) {
            *peer = ServedPeer::default();
        }
    }

    pub fn removed(&mut self, id: PeerId) {
        self.peers.remove(&id);
    }

    /// The most requests of one peer that wait.
    pub fn most_waiting(&self) -> usize {
        self.peers.values().map(|peer| peer.requests.len()).max().unwrap_or(0)
    }

    /// A `getdata` message.
    pub fn get_data(&mut self, id: PeerId, invs: Vec<Inv>, ctx: &mut Context<'_>) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let free = MAX_WAITING_REQUESTS.saturating_sub(peer.requests.len());
        peer.requests.extend(invs.into_iter().take(free));
        ctx.push(Action::Serve { id });
    }

    /// Gives the next thing that a peer has asked for and that is here, unless enough waits to be
    /// written to it.
    pub fn serve(
        &mut self,
        id: PeerId,
        peers: &PeerManager,
        ctx: &mut Context<'_>,
    ) -> Result<(), StoreError> {
        let Some(state) = self.peers.get_mut(&id) else { return Ok(()) };
        let Some(peer) = peers.get(id).filter(|peer| peer.ready()) else { return Ok(()) };
        while peer.queued < SEND_PAUSE_BYTES
            && let Some(inv) = state.requests.pop_front()
        {
            let found = match inv.kind {
                InvKind::HINTS => give_hints(id, &inv, ctx)?,
                kind if kind.is_tx() => give_tx(id, &inv, ctx),
                kind if kind.is_block() => give_block(id, &inv, ctx)?,
                _ => false,
            };
            if found {
                ctx.push(Action::Serve { id });
                return Ok(());
            }
            state.missing.push(inv);
        }
        if !state.missing.is_empty() {
            ctx.send(id, Message::NotFound(std::mem::take(&mut state.missing)));
        }
        Ok(())
    }

    /// The answer to `getblocktxn`.
    pub fn get_block_txn(
        &mut self,
        id: PeerId,
        request: &TxnRequest,
        ctx: &mut Context<'_>,
    ) -> Result<(), StoreError> {
        let tip = ctx.chain.tip();
        let tree = ctx.chain.tree()?;
        let Some(block) = tree.id_of(&request.block).map(|id| tree.entry(id)) else {
            return Ok(());
        };
        if block.height().0 + MAX_BLOCKTXN_DEPTH < tip.height.0 {
            // Old ones whole, so that asking costs as much as answering.
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.requests.push_back(Inv::new(InvKind::WITNESS_BLOCK, request.block.0));
            }
            ctx.push(Action::Serve { id });
            return Ok(());
        }
        let Some(block) = ctx.chain.block(&request.block)? else { return Ok(()) };
        let txs: Option<Vec<_>> = request
            .indexes
            .iter()
            .map(|&index| block.txs.get(usize::from(index)).cloned())
            .collect();
        match txs {
            Some(txs) => ctx.send(id, Message::BlockTxn(BlockTxns { block: request.block, txs })),
            None => {
                ctx.misbehaved(id, BAN_SCORE, "a question for a transaction that is not there");
            }
        }
        Ok(())
    }
}

/// The height of the last block of the active chain that a locator names.
fn fork_height(locator: &Locator, ctx: &mut Context<'_>) -> Result<u32, StoreError> {
    let tip = ctx.chain.tip();
    let tree = ctx.chain.tree()?;
    let active = |hash: &BlockHash| {
        let id = tree.id_of(hash)?;
        let height = tree.entry(id).height();
        (tree.ancestor(tip.id, height) == id).then_some(height.0)
    };
    Ok(locator.hashes.iter().find_map(active).unwrap_or(0))
}

/// The answer to `getheaders`.
pub fn get_headers(id: PeerId, locator: &Locator, ctx: &mut Context<'_>) -> Result<(), StoreError> {
    let fork = fork_height(locator, ctx)?;
    let tip = ctx.chain.tip();
    let tree = ctx.chain.tree()?;
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
    if let Some(last) = last {
        ctx.push(Action::HeadersSent { id, last });
    }
    ctx.send(id, Message::Headers(headers));
    Ok(())
}

/// The answer to `getblocks`.
pub fn get_blocks(id: PeerId, locator: &Locator, ctx: &mut Context<'_>) -> Result<(), StoreError> {
    let fork = fork_height(locator, ctx)?;
    let tip = ctx.chain.tip();
    let tree = ctx.chain.tree()?;
    let end = (fork + MAX_BLOCKS_INV as u32).min(tip.height.0);
    let hashes =
        (fork + 1..=end).map(|height| tree.entry(tree.ancestor(tip.id, Height(height))).row.hash);
    let invs: Vec<Inv> = hashes
        .take_while(|hash| *hash != locator.stop)
        .map(|hash| Inv::new(InvKind::BLOCK, hash.0))
        .collect();
    if !invs.is_empty() {
        ctx.send(id, Message::Inv(invs));
    }
    Ok(())
}

fn give_tx(id: PeerId, inv: &Inv, ctx: &mut Context<'_>) -> bool {
    if ctx.readonly {
        return false;
    }
    let found = {
        let pool = ctx.pool.read();
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
    ctx.push(Action::TransactionRequested { txid });
    ctx.send(id, Message::Tx(Box::new(tx)));
    true
}

/// Hints that are not there are passed over: the block comes next anyway.
fn give_hints(id: PeerId, inv: &Inv, ctx: &mut Context<'_>) -> Result<bool, StoreError> {
    let block = BlockHash(inv.hash);
    if let Some(packed) = ctx.chain.hints(&block)? {
        ctx.send(id, Message::Hints { block, packed });
    }
    Ok(true)
}

fn give_block(id: PeerId, inv: &Inv, ctx: &mut Context<'_>) -> Result<bool, StoreError> {
    let hash = BlockHash(inv.hash);
    let tip = ctx.chain.tip();
    let tree = ctx.chain.tree()?;
    let Some(block) = tree.id_of(&hash) else { return Ok(false) };
    let entry = tree.entry(block);
    let active = tree.ancestor(tip.id, entry.height()) == block;
    if !entry.has_data() || (!active && entry.height().0 + MAX_SIDE_DEPTH < tip.height.0) {
        return Ok(false);
    }
    let depth = tip.height.0.saturating_sub(entry.height().0);
    let Some(bytes) = block_bytes(block, &hash, ctx)? else { return Ok(false) };
    let message = match inv.kind {
        InvKind::COMPACT_BLOCK if depth <= MAX_COMPACT_DEPTH => {
            let Ok(block) = Block::from_bytes(&bytes) else { return Ok(false) };
            Message::CompactBlock(Box::new(CompactBlock::of(&block, ctx.random.word())))
        }
        InvKind::WITNESS_BLOCK | InvKind::COMPACT_BLOCK => Message::Block(bytes),
        _ => {
            let Ok(mut block) = Block::from_bytes(&bytes) else { return Ok(false) };
            let inputs = block.txs.iter_mut().flat_map(|tx| &mut tx.inputs);
            inputs.for_each(|input| input.witness.clear());
            Message::Block(block.to_bytes())
        }
    };
    ctx.push(Action::KnowsBlock { id, hash });
    ctx.send(id, message);
    Ok(true)
}

/// A block's wire form, written or not.
fn block_bytes(
    id: u32,
    hash: &BlockHash,
    ctx: &mut Context<'_>,
) -> Result<Option<Vec<u8>>, StoreError> {
    if let Some(bytes) = ctx.chain.store().snapshot()?.block_bytes(id)? {
        return Ok(Some(bytes));
    }
    Ok(ctx.chain.block(hash)?.map(|block| block.to_bytes()))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    fn commands(actions: &[Action]) -> Vec<&'static str> {
        let sent = actions.iter().filter_map(|action| match action {
            Action::Send { message, .. } => Some(message.command()),
            _ => None,
        });
        sent.collect()
    }

    #[test]
    fn blocks_are_given_one_at_a_time_and_what_is_missing_is_said_last() {
        let mut fixture = Fixture::new();
        let blocks = fixture.blocks(2);
        fixture.accept(&blocks);
        let peers = fixture.ready_peers(&[1], 0);
        let mut server = Server::default();
        server.connected(1);
        let block = |hash: BlockHash| Inv::new(InvKind::WITNESS_BLOCK, hash.0);
        let nothing = block(BlockHash([9; 32]));
        let invs = vec![block(blocks[0].hash()), nothing, block(blocks[1].hash())];
        let mut ctx = fixture.context(0);
        server.get_data(1, invs, &mut ctx);
        let mut steps = 0;
        while let Some(Action::Serve { id }) = ctx.actions.last() {
            let id = *id;
            steps += 1;
            server.serve(id, &peers, &mut ctx).expect("a store");
        }
        assert_eq!(steps, 3);
        assert_eq!(commands(&ctx.actions), ["block", "block", "notfound"]);
        assert!(matches!(
            ctx.actions.last(),
            Some(Action::Send { message: Message::NotFound(list), .. }) if *list == [nothing]
        ));
    }

    #[test]
    fn who_does_not_read_is_given_nothing_more() {
        let mut fixture = Fixture::new();
        let blocks = fixture.blocks(1);
        fixture.accept(&blocks);
        let mut peers = fixture.ready_peers(&[1], 0);
        let mut server = Server::default();
        server.connected(1);
        let mut ctx = fixture.context(0);
        let big = Message::Block(vec![0; SEND_PAUSE_BYTES as usize]);
        peers.send(1, &big, &mut ctx);
        let inv = Inv::new(InvKind::WITNESS_BLOCK, blocks[0].hash().0);
        server.get_data(1, vec![inv], &mut ctx);
        ctx.actions.clear();
        server.serve(1, &peers, &mut ctx).expect("a store");
        assert!(ctx.actions.is_empty() && server.most_waiting() == 1);
        peers.written(1, SEND_PAUSE_BYTES);
        server.serve(1, &peers, &mut ctx).expect("a store");
        assert_eq!(commands(&ctx.actions), ["block"]);
    }

    #[test]
    fn headers_follow_what_the_locator_names() {
        let mut fixture = Fixture::new();
        let blocks = fixture.blocks(5);
        fixture.accept(&blocks);
        let mut ctx = fixture.context(0);
        let locator = Locator { hashes: vec![blocks[1].hash()], stop: blocks[3].hash() };
        get_headers(1, &locator, &mut ctx).expect("a store");
        let wanted = vec![blocks[2].header, blocks[3].header];
        assert!(matches!(
            &ctx.actions[..],
            [Action::HeadersSent { id: 1, .. }, Action::Send { message: Message::Headers(list), .. }]
                if *list == wanted
        ));
    }
}
