//! All managers of the network side, and which of them takes a message or an action.

use super::addresses::AddressManager;
use super::announce::TipAnnouncer;
use super::availability::BlockAvailability;
use super::blocks::BlockSync;
use super::compact::CompactBlocks;
use super::connections::ConnectionManager;
use super::context::{Action, Context};
use super::filters::FilterServer;
use super::headers::HeaderSync;
use super::io::NetOutput;
use super::peer::Origin;
use super::peers::PeerManager;
use super::serve::{Server, get_blocks, get_headers};
use super::transactions::TransactionRelay;
use p2p::download::PeerId;
use p2p::message::{Inv, InvKind, Message};
use primitives::id::BlockHash;
use store::error::StoreError;

/// The managers.
#[derive(Debug, Default)]
pub struct Managers {
    pub peers: PeerManager,
    pub connections: ConnectionManager,
    pub addresses: AddressManager,
    pub availability: BlockAvailability,
    pub headers: HeaderSync,
    pub blocks: BlockSync,
    pub compact: CompactBlocks,
    pub announcer: TipAnnouncer,
    pub transactions: TransactionRelay,
    pub server: Server,
    pub filters: FilterServer,
}

impl Managers {
    /// The services that we offer.
    pub fn services(&self) -> u64 {
        self.server.services(self.filters.is_enabled())
    }

    /// Takes a message of a peer.
    pub fn message(
        &mut self,
        id: PeerId,
        message: Message,
        ctx: &mut Context<'_>,
    ) -> Result<(), StoreError> {
        let Some(peer) = self.peers.get(id) else { return Ok(()) };
        if !peer.handshake.done {
            self.peers.handshake(id, message, ctx);
            return Ok(());
        }
        // What was asked for is bounded by the asking.
        let solicited = matches!(
            message,
            Message::Block(_)
                | Message::Headers(_)
                | Message::Tx(_)
                | Message::BlockTxn(_)
                | Message::Hints { .. }
        );
        if !solicited && !self.peers.unsolicited(id, ctx) {
            return Ok(());
        }
        match message {
            Message::Ping(nonce) => ctx.send(id, Message::Pong(nonce)),
            Message::Pong(nonce) => self.peers.pong(id, nonce, ctx.now_ms),
            Message::SendHeaders => self.announcer.send_headers(id),
            Message::FeeFilter(rate) => self.transactions.fee_filter(id, rate),
            Message::SendCompact { high_bandwidth, version } => {
                self.compact.send_compact(id, high_bandwidth, version);
            }
            Message::SendHints(version) => self.blocks.send_hints(id, version),
            Message::Hints { block, packed } => self.blocks.hints(id, block, packed, ctx)?,
            Message::Addr(entries) | Message::AddrV2(entries) => {
                self.addresses.received(id, entries, &self.peers, ctx);
            }
            Message::GetAddr => self.addresses.get_addr(id, &self.peers, ctx),
            Message::Inv(invs) => self.inv(id, invs, ctx)?,
            Message::GetData(invs) => self.server.get_data(id, invs, ctx),
            Message::NotFound(invs) => self.not_found(id, &invs, ctx),
            Message::GetHeaders(locator) => get_headers(id, &locator, ctx)?,
            Message::GetBlocks(locator) => get_blocks(id, &locator, ctx)?,
            Message::Headers(headers) => {
                self.headers.received(id, &headers, &self.availability, &self.peers, ctx)?;
            }
            Message::Block(bytes) => self.blocks.received(id, bytes, &self.peers, ctx)?,
            Message::Tx(tx) => {
                let wanted = self.transactions.is_requested(id, &tx)
                    || self.peers.allow_unsolicited(id, ctx.now_ms);
                let wanted = wanted && !self.blocks.is_bulk(ctx)?;
                self.transactions.received(id, *tx, wanted, ctx)?;
            }
            Message::Mempool => self.transactions.give_pool(id, ctx),
            Message::CompactBlock(block) => {
                let download = self.blocks.download();
                self.compact.received(id, *block, download, &self.peers, ctx)?;
            }
            Message::GetBlockTxn(request) => self.server.get_block_txn(id, &request, ctx)?,
            Message::BlockTxn(txns) => self.compact.transactions(id, txns, ctx),
            Message::GetCFilters(_) | Message::GetCFHeaders(_) | Message::GetCFCheckpt { .. } => {
                self.filters.answer(id, &message, ctx)?;
            }
            Message::Bloom => ctx.close(id, "it wants bloom filters (BIP37)"),
            // Out of place, of no use to us, or unknown.
            Message::Version(_)
            | Message::Verack
            | Message::WtxidRelay
            | Message::SendAddrV2
            | Message::CFilter { .. }
            | Message::CFHeaders { .. }
            | Message::CFCheckpt { .. }
            | Message::Unknown => {}
        }
        Ok(())
    }

    /// An `inv`: transactions go to relay, the last block to header sync.
    fn inv(&mut self, id: PeerId, invs: Vec<Inv>, ctx: &mut Context<'_>) -> Result<(), StoreError> {
        let block = invs.iter().rev().find(|inv| inv.kind == InvKind::BLOCK);
        let block = block.map(|inv| BlockHash(inv.hash));
        let is_tx = |inv: &Inv| matches!(inv.kind, InvKind::TX | InvKind::WTX);
        let txs = invs.into_iter().filter(is_tx).collect();
        let bulk = self.blocks.is_bulk(ctx)?;
        self.transactions.announced(id, txs, bulk, &self.peers, ctx);
        match block {
            Some(hash) => self.headers.block_announced(id, hash, ctx),
            None => Ok(()),
        }
    }

    fn not_found(&mut self, id: PeerId, invs: &[Inv], ctx: &Context<'_>) {
        for inv in invs {
            if inv.kind.is_tx() {
                self.transactions.not_found(id, &inv.hash, ctx.now_ms);
            } else if inv.kind.is_block() {
                self.blocks.not_found(id, &BlockHash(inv.hash));
            }
        }
    }

    /// Carries out what a manager asked for.
    pub fn carry_out(&mut self, action: Action, ctx: &mut Context<'_>) -> Result<(), StoreError> {
        let now = ctx.now_ms;
        match action {
            Action::Send { id, message } => self.peers.send(id, &message, ctx),
            Action::Close { id, why } => self.peers.close(id, &why, ctx),
            Action::Misbehaved { id, points, why } => {
                self.peers.misbehaved(id, points, &why, ctx);
            }
            Action::Unsolicited { id } => drop(self.peers.unsolicited(id, ctx)),
            Action::LogOnce(about) => self.peers.log_once(&about, ctx),
            Action::Admitted { id, address, origin } => {
                self.peers.connected(id, address, origin, ctx);
            }
            Action::Connected { id } => self.connected(id, now),
            Action::Ready { id } => self.ready(id, ctx)?,
            Action::Closed { id, why } => self.closed(id, &why, ctx),
            Action::DialFromBook => {
                let occupied = self.connections.occupied(&self.peers);
                let chosen = self.addresses.choose(&occupied, self.peers.bans(), ctx);
                if let Some(address) = chosen {
                    let host = address.ip().to_string();
                    self.connections.dial(&host, address.port(), Origin::Automatic, ctx);
                }
            }
            Action::Attempted(address) => self.addresses.attempted(&address, ctx.now_s()),
            Action::RequestHeaders { id, after } => self.headers.request(id, after, ctx)?,
            Action::HasBlock { id, hash } => self.availability.has(id, &hash, ctx.chain)?,
            Action::KnowsBlock { id, hash } => self.availability.set_known(id, &hash),
            Action::FetchBlocks => {
                self.blocks.fetch(&self.peers, &self.availability, &self.compact, ctx)?;
            }
            Action::RequestBlock { id, hash } => self.blocks.request(id, hash, ctx),
            Action::BlockRequested { id, hash } => self.blocks.requested(id, hash, now),
            Action::BlockNotFound { id, hash } => self.blocks.not_found(id, &hash),
            Action::BlockAssembled { id, hash, bytes } => {
                self.blocks.assembled(id, hash, bytes, &self.peers, ctx)?;
            }
            Action::GaveBlock { id } => self.peers.gave_block(id, now),
            Action::GaveTransaction { id } => self.peers.gave_transaction(id, now),
            Action::TipMoved => self.transactions.tip_moved(),
            Action::AnnounceTip => {
                let bulk = self.blocks.is_bulk(ctx)?;
                let Managers { peers, availability, compact, .. } = self;
                self.announcer.announce(bulk, peers, availability, compact, ctx)?;
            }
            Action::PreferCompactFrom { id } => self.compact.prefer(id, &self.peers, ctx),
            Action::HeadersSent { id, last } => self.announcer.headers_sent(id, last),
            Action::RequestTransactions => self.transactions.request_due(ctx),
            Action::TransactionRequested { txid } => {
                self.transactions.requested_by_peer(txid, ctx.pool);
            }
            Action::Serve { id } => self.server.serve(id, &self.peers, ctx)?,
            Action::Save => self.save(ctx),
            // The router keeps these.
            Action::Output(_) | Action::PublishView => {}
        }
        Ok(())
    }

    fn connected(&mut self, id: PeerId, now_ms: u64) {
        let inbound = self.peers.is_origin(id, Origin::Inbound);
        self.addresses.connected(id, now_ms);
        self.availability.connected(id);
        self.headers.connected(id);
        self.blocks.connected(id);
        self.compact.connected(id);
        self.announcer.connected(id);
        self.transactions.connected(id, inbound);
        self.server.connected(id);
    }

    fn ready(&mut self, id: PeerId, ctx: &mut Context<'_>) -> Result<(), StoreError> {
        let Some(peer) = self.peers.get(id) else { return Ok(()) };
        self.transactions.ready(peer);
        ctx.push(Action::PublishView);
        self.connections.ready(id, &peer.address, ctx);
        self.addresses.ready(id, self.connections.listening(), &self.peers, ctx);
        self.headers.start(id, &self.peers, ctx)
    }

    fn closed(&mut self, id: PeerId, why: &str, ctx: &mut Context<'_>) {
        self.connections.closed(id, why, ctx);
        self.peers.closed(id);
        self.headers.closed(id);
        self.blocks.closed(id);
        self.compact.closed(id);
        self.transactions.closed(id, ctx.now_ms);
        self.server.closed(id);
    }

    /// The socket of a peer is gone, and with it all that was known of the peer.
    pub fn removed(&mut self, id: PeerId, why: &str, ctx: &mut Context<'_>) {
        self.closed(id, why, ctx);
        self.peers.removed(id);
        self.addresses.removed(id);
        self.availability.removed(id);
        self.headers.removed(id);
        self.blocks.removed(id);
        self.compact.removed(id);
        self.announcer.removed(id);
        self.transactions.removed(id);
        self.server.removed(id);
    }

    /// Hands over what is kept for the next start, one thing a line.
    pub fn save(&self, ctx: &mut Context<'_>) {
        let mut text = String::new();
        self.peers.save(&mut text);
        self.addresses.save(&mut text);
        ctx.net(NetOutput::Save(text));
    }

    /// Takes what an earlier run kept.
    pub fn restore(&mut self, saved: &str, now_s: u64) {
        for line in saved.lines() {
            // A line that can't be read is passed over.
            let _ = match line.split_once(' ') {
                Some(("address", rest)) => self.addresses.restore_address(rest),
                Some(("anchor", rest)) => self.addresses.restore_anchor(rest),
                Some(("ban", rest)) => self.peers.restore_ban(rest),
                _ => None,
            };
        }
        self.peers.bans_mut().expire(now_s);
    }
}
