//! Bytes of a peer to messages, and each message to who answers it.

use super::peer::Peer;
use super::state::Net;
use super::work::Work;
use p2p::download::PeerId;
use p2p::frame::FrameError;
use p2p::handshake::Step;
use p2p::limits::{FEEFILTER_VERSION, HINTS_VERSION, MAX_WAITING_REQUESTS};
use p2p::message::{InvKind, Message};
use primitives::amount::Amount;
use primitives::id::BlockHash;
use store::error::StoreError;

/// What a message that does not decode counts.
const UNREADABLE: u32 = 20;
/// Most base units for 1,000 virtual bytes that a fee filter may name: all the money.
const MOST_FEE: i64 = 21_000_000 * 100_000_000;

impl Net {
    /// Takes bytes of a connection.
    pub(super) fn bytes(
        &mut self,
        id: PeerId,
        bytes: &[u8],
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let now = self.now_ms;
        self.bytes_received += bytes.len() as u64;
        let Some(peer) = self.peers.get_mut(&id).filter(|peer| !peer.closing) else {
            return Ok(());
        };
        peer.bytes_received += bytes.len() as u64;
        peer.last_receive_ms = now;
        peer.decoder.feed(bytes);
        while let Some(peer) = self.peers.get_mut(&id).filter(|peer| !peer.closing) {
            match peer.decoder.next() {
                Ok(None) => break,
                Ok(Some((message, size))) => {
                    *peer.received.entry(message.command()).or_default() += size as u64;
                    self.message(id, message, work)?;
                }
                Err(error @ FrameError::Payload { .. }) => {
                    self.misbehaved(id, UNREADABLE, &error.to_string(), work);
                }
                // Bytes that were garbled on the way are nobody's fault: no ban.
                Err(error) => self.close(id, &error.to_string(), work),
            }
        }
        self.take_arrived(work)
    }

    fn message(
        &mut self,
        id: PeerId,
        message: Message,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let Some(peer) = self.peers.get(&id) else { return Ok(()) };
        match peer.handshake.done {
            false => self.handshake(id, message, work),
            true => self.answer(id, message, work),
        }
    }

    fn handshake(
        &mut self,
        id: PeerId,
        message: Message,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let own = self.own(work);
        let now = i64::try_from(self.now_s()).unwrap_or(i64::MAX);
        let nonces: Vec<u64> = self
            .peers
            .values()
            .filter(|peer| !peer.inbound())
            .map(|peer| peer.handshake.nonce)
            .collect();
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(()) };
        if let Message::Version(version) = &message {
            peer.time_offset_s = version.time.saturating_sub(now);
        }
        let inbound = peer.inbound();
        let address = peer.address;
        let is_ours = |nonce| inbound && nonces.contains(&nonce);
        match peer.handshake.receive(message, &own, address, is_ours) {
            Ok(Step::Send(messages)) => {
                messages.iter().for_each(|message| self.send(id, message, work));
                Ok(())
            }
            Ok(Step::Done(messages)) => {
                messages.iter().for_each(|message| self.send(id, message, work));
                let common = self.peers.get(&id).map_or(0, |p| p.handshake.common_version());
                if common >= FEEFILTER_VERSION && !self.readonly {
                    let rate = work.pool.read().policy().min_relay.per_kvb;
                    self.send(id, &Message::FeeFilter(rate), work);
                }
                if self.peers.get(&id).is_some_and(Peer::is_our_kind) {
                    self.send(id, &Message::SendHints(HINTS_VERSION), work);
                }
                self.ready(id, work)
            }
            Err(error) => {
                self.close(id, &error.to_string(), work);
                Ok(())
            }
        }
    }

    fn answer(
        &mut self,
        id: PeerId,
        message: Message,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let now = self.now_ms;
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(()) };
        // What was asked for is bounded by the asking.
        let asked = matches!(
            message,
            Message::Block(_)
                | Message::Headers(_)
                | Message::Tx(_)
                | Message::BlockTxn(_)
                | Message::Hints { .. }
        );
        if !asked && !peer.unasked.take(1.0, now) {
            self.misbehaved(id, 1, "it talks too much", work);
            return Ok(());
        }
        match message {
            Message::Ping(nonce) => self.send(id, &Message::Pong(nonce), work),
            Message::Pong(nonce) => peer.ping.pong(nonce, now),
            Message::SendHeaders => peer.wants_headers = true,
            Message::FeeFilter(rate) => {
                if (0..=MOST_FEE).contains(&rate) {
                    peer.announcer.fee_filter = rate;
                }
            }
            Message::SendCompact { high_bandwidth, version } => {
                if version == 2 {
                    peer.compact = true;
                    peer.compact_to = high_bandwidth;
                }
            }
            Message::SendHints(version) => peer.hints = version == HINTS_VERSION,
            Message::Hints { block, packed } => self.hints(id, block, packed, work)?,
            Message::Addr(entries) | Message::AddrV2(entries) => self.addresses(id, entries, work),
            Message::GetAddr => self.give_addresses(id, work),
            Message::Inv(invs) => self.told(id, invs, work)?,
            Message::GetData(invs) => {
                let free = MAX_WAITING_REQUESTS - peer.requests.len();
                peer.requests.extend(invs.into_iter().take(free));
                self.serve_waiting(id, work)?;
            }
            Message::NotFound(invs) => {
                for inv in invs {
                    match inv.kind {
                        kind if kind.is_tx() => self.requests.not_found(id, &inv.hash, now),
                        kind if kind.is_block() => {
                            self.download.failed(id, &BlockHash(inv.hash));
                        }
                        _ => {}
                    }
                }
            }
            Message::GetHeaders(locator) => self.give_headers(id, &locator, work)?,
            Message::GetBlocks(locator) => self.give_hashes(id, &locator, work)?,
            Message::Headers(headers) => self.headers(id, headers, work)?,
            Message::Block(bytes) => self.block(id, bytes, work)?,
            Message::Tx(tx) => self.transaction(id, *tx, work)?,
            Message::Mempool => self.give_pool(id, work),
            Message::CompactBlock(block) => self.compact_block(id, *block, work)?,
            Message::GetBlockTxn(request) => self.give_block_txs(id, &request, work)?,
            Message::BlockTxn(txns) => self.block_txs(id, txns, work)?,
            Message::GetCFilters(_) | Message::GetCFHeaders(_) | Message::GetCFCheckpt { .. } => {
                self.give_filters(id, &message, work)?;
            }
            Message::Bloom => self.close(id, "it wants bloom filters (BIP37)", work),
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

    /// An `inv`: blocks lead to a question for headers, transactions to the list of the wanted.
    fn told(
        &mut self,
        id: PeerId,
        invs: Vec<p2p::message::Inv>,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let mut last_block = None;
        for inv in invs {
            match inv.kind {
                InvKind::BLOCK => last_block = Some(BlockHash(inv.hash)),
                InvKind::TX | InvKind::WTX => self.told_tx(id, inv, work)?,
                _ => {}
            }
        }
        self.ask_transactions(work);
        match last_block {
            Some(hash) => self.told_block(id, hash, work),
            None => Ok(()),
        }
    }
}

/// A fee rate as pool news have it.
pub(super) fn rate_of(fee: Amount, vsize: usize) -> i64 {
    mempool::policy::FeeRate::of(fee, vsize).per_kvb
}
