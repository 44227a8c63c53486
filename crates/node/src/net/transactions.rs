//! Transaction relay: what is announced to us (by txid, or by wtxid: BIP339), asked for, taken, kept
//! as an orphan, and announced to others within their fee filters (BIP133).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::context::{Action, Context};
use super::peer::Peer;
use super::peers::PeerManager;
use crate::io::NodeError;
use crate::pool::SharedPool;
use mempool::orphans::Orphans;
use mempool::pool::Removal;
use mempool::reject::Reject;
use p2p::download::PeerId;
use p2p::limits::{BAN_SCORE, MAX_INV};
use p2p::message::{Inv, InvKind, Message};
use p2p::relay::{RecentSet, TxAnnouncement, TxAnnouncer};
use p2p::requests::TxRequests;
use primitives::id::{Txid, Wtxid};
use primitives::tx::Transaction;
use store::error::StoreError;

/// Milliseconds after which our own transaction is announced again.
const REBROADCAST_MS: u64 = 10 * 60 * 1000;
/// Parents of one orphan that are asked for.
const MAX_PARENTS: usize = 24;
/// Ids of transactions that were refused, until the tip moves.
const MAX_REJECTED: usize = 50_000;
/// Most base units for 1,000 virtual bytes that a fee filter may name: all the money.
const MAX_FEE_FILTER: i64 = 21_000_000 * 100_000_000;

/// What is announced to one peer.
#[derive(Debug)]
struct RelayPeer {
    announcer: TxAnnouncer,
    /// Its `mempool` was answered.
    gave_pool: bool,
}

/// Transactions on their way to us and to others.
#[derive(Debug)]
pub struct TransactionRelay {
    requests: TxRequests,
    orphans: Orphans,
    rejected: RecentSet,
    /// Our own transactions that no peer has asked for yet, and when to announce them again.
    unbroadcast: BTreeMap<Txid, u64>,
    peers: BTreeMap<PeerId, RelayPeer>,
}

impl Default for TransactionRelay {
    fn default() -> TransactionRelay {
        TransactionRelay {
            requests: TxRequests::default(),
            orphans: Orphans::default(),
            rejected: RecentSet::new(MAX_REJECTED),
            unbroadcast: BTreeMap::new(),
            peers: BTreeMap::new(),
        }
    }
}

impl TransactionRelay {
    pub fn connected(&mut self, id: PeerId, inbound: bool) {
        let peer = RelayPeer { announcer: TxAnnouncer::new(inbound), gave_pool: false };
        self.peers.insert(id, peer);
    }

    /// The handshake is done.
    pub fn ready(&mut self, peer: &Peer) {
        if let Some(state) = self.peers.get_mut(&peer.id) {
            state.announcer.by_wtxid = peer.handshake.wtxid_relay;
            state.announcer.wanted = peer.relays;
        }
    }

    /// What the peer owed is asked of others; its orphans go.
    pub fn closed(&mut self, id: PeerId, now_ms: u64) {
        self.requests.disconnected(id, now_ms);
        self.orphans.drop_from(id);
    }

    pub fn removed(&mut self, id: PeerId) {
        self.peers.remove(&id);
    }

    pub fn orphans(&self) -> usize {
        self.orphans.len()
    }

    /// Transactions that are announced to us and not here.
    pub fn wanted(&self) -> usize {
        self.requests.len()
    }

    /// The least rate that a peer wants to hear of.
    pub fn fee_filter_of(&self, id: PeerId) -> i64 {
        self.peers.get(&id).map_or(0, |peer| peer.announcer.fee_filter)
    }

    /// A `feefilter` message.
    pub fn fee_filter(&mut self, id: PeerId, rate: i64) {
        if (0..=MAX_FEE_FILTER).contains(&rate)
            && let Some(peer) = self.peers.get_mut(&id)
        {
            peer.announcer.fee_filter = rate;
        }
    }

    /// The tip has moved: what was refused may be good now.
    pub fn tip_moved(&mut self) {
        self.rejected.clear();
    }

    /// Transactions were announced by `inv`; `bulk`: blocks come in bulk, and none are wanted.
    pub fn announced(
        &mut self,
        id: PeerId,
        invs: Vec<Inv>,
        bulk: bool,
        peers: &PeerManager,
        ctx: &mut Context<'_>,
    ) {
        let Some(peer) = peers.get(id) else { return };
        let Some(state) = self.peers.get_mut(&id) else { return };
        invs.iter().for_each(|inv| state.announcer.knows(inv.hash));
        for inv in invs {
            if (inv.kind == InvKind::WTX) != peer.handshake.wtxid_relay {
                continue;
            }
            if ctx.readonly {
                // We said in the handshake that we want none.
                ctx.misbehaved(id, 1, "transactions that nobody wants");
            } else if !bulk && !self.have(&inv, ctx) {
                self.requests.announced(id, inv, !peer.inbound(), ctx.now_ms);
            }
        }
        self.request_due(ctx);
    }

    fn have(&self, inv: &Inv, ctx: &Context<'_>) -> bool {
        let pool = ctx.pool.read();
        let here = match inv.kind {
            InvKind::WTX => {
                let wtxid = Wtxid(inv.hash);
                pool.get_by_wtxid(&wtxid).is_some() || self.orphans.contains(&wtxid)
            }
            _ => pool.get(&Txid(inv.hash)).is_some(),
        };
        here || self.rejected.contains(&inv.hash)
    }

    /// Asks for what is due.
    pub fn request_due(&mut self, ctx: &mut Context<'_>) {
        for (id, invs) in self.requests.due(ctx.now_ms) {
            let invs = invs.into_iter().map(|inv| match inv.kind {
                InvKind::TX => Inv::new(InvKind::WITNESS_TX, inv.hash),
                _ => inv,
            });
            ctx.send(id, Message::GetData(invs.collect()));
        }
    }

    /// The peer does not have a transaction: the next may be asked.
    pub fn not_found(&mut self, id: PeerId, hash: &[u8; 32], now_ms: u64) {
        self.requests.not_found(id, hash, now_ms);
    }

    /// Whether a peer was asked for a transaction by either of its ids.
    pub fn is_requested(&self, id: PeerId, tx: &Transaction) -> bool {
        self.requests.is_requested(id, &tx.txid().0)
            || self.requests.is_requested(id, &tx.wtxid().0)
    }

    /// A `tx` message; `wanted`: it was asked for or may come unasked, and now.
    pub fn received(
        &mut self,
        id: PeerId,
        tx: Transaction,
        wanted: bool,
        ctx: &mut Context<'_>,
    ) -> Result<(), StoreError> {
        let (txid, wtxid) = (tx.txid(), tx.wtxid());
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(()) };
        peer.announcer.knows(txid.0);
        peer.announcer.knows(wtxid.0);
        self.requests.forget_tx(&txid.0);
        self.requests.forget_tx(&wtxid.0);
        match wanted && !ctx.readonly && !self.rejected.contains(&wtxid.0) {
            true => self.accept(id, Arc::new(tx), ctx),
            false => Ok(()),
        }
    }

    /// Takes a transaction, then the orphans that waited for it.
    fn accept(
        &mut self,
        id: PeerId,
        tx: Arc<Transaction>,
        ctx: &mut Context<'_>,
    ) -> Result<(), StoreError> {
        let mut todo = vec![(id, tx)];
        while let Some((id, tx)) = todo.pop() {
            let txid = tx.txid();
            match ctx.submit(Arc::clone(&tx)) {
                Ok(_) => {
                    ctx.push(Action::GaveTransaction { id });
                    let children = self.orphans.take_children(&txid);
                    todo.extend(children.into_iter().map(|(tx, from)| (from, tx)));
                }
                Err(NodeError::Store(fault)) => return Err(fault),
                Err(NodeError::Rejected { reject }) => self.reject(id, tx, reject, ctx),
                Err(_) => {}
            }
        }
        // After what became of the senders.
        ctx.push(Action::RequestTransactions);
        Ok(())
    }

    fn reject(&mut self, id: PeerId, tx: Arc<Transaction>, reject: Reject, ctx: &mut Context<'_>) {
        match reject {
            Reject::MissingInputs { missing } => {
                if !self.orphans.add(tx, id, ctx.now_s()) {
                    return;
                }
                let mut parents: Vec<Txid> = missing.iter().map(|o| o.txid).collect();
                parents.sort_unstable();
                parents.dedup();
                for parent in parents.into_iter().take(MAX_PARENTS) {
                    let inv = Inv::new(InvKind::TX, parent.0);
                    if !self.have(&inv, ctx) {
                        self.requests.announced(id, inv, true, ctx.now_ms);
                    }
                }
            }
            Reject::AlreadyHere | Reject::Confirmed => {}
            // Broken in any block: an honest peer checks before it announces.
            Reject::Rule(rule) => {
                self.rejected.insert(tx.wtxid().0);
                self.orphans.drop_from(id);
                let why = format!("a transaction that no block may have: {rule}");
                ctx.misbehaved(id, BAN_SCORE, why);
            }
            _ => {
                self.rejected.insert(tx.wtxid().0);
                // Without a witness the id says all; with one, another witness may be right.
                if !tx.has_witness() {
                    self.rejected.insert(tx.txid().0);
                }
            }
        }
    }

    /// A transaction of our own: announced again until somebody asks for it or it is confirmed, also
    /// when the network starts later.
    pub fn own_transaction(&mut self, txid: Txid, pool: &SharedPool, now_ms: u64) {
        pool.set_unbroadcast(txid, true);
        self.unbroadcast.insert(txid, now_ms + REBROADCAST_MS);
    }

    /// A peer has asked for a transaction: it need not be announced again.
    pub fn requested_by_peer(&mut self, txid: Txid, pool: &SharedPool) {
        if self.unbroadcast.remove(&txid).is_some() {
            pool.set_unbroadcast(txid, false);
        }
    }

    /// The pool took a transaction: it is announced to every peer that wants it.
    pub fn pool_added(&mut self, tx: TxAnnouncement, peers: &PeerManager) {
        self.requests.forget_tx(&tx.txid.0);
        self.requests.forget_tx(&tx.wtxid.0);
        for (_, peer) in self.peers.iter_mut().filter(|(id, _)| peers.is_ready(**id)) {
            peer.announcer.add(tx);
        }
    }

    /// The pool no longer has a transaction.
    pub fn pool_removed(&mut self, txid: Txid, why: Removal, ctx: &mut Context<'_>) {
        if self.unbroadcast.remove(&txid).is_some() && why == Removal::Replaced {
            ctx.push(Action::LogOnce(format!("our transaction {txid} was replaced")));
        }
    }

    /// What is due: questions, announcements, and our own transactions again.
    pub fn tick(&mut self, peers: &PeerManager, ctx: &mut Context<'_>) {
        if ctx.readonly {
            return;
        }
        self.orphans.expire(ctx.now_s());
        self.request_due(ctx);
        self.rebroadcast(peers, ctx);
        let pool = ctx.pool.read();
        for (&id, peer) in self.peers.iter_mut().filter(|(id, _)| peers.is_ready(**id)) {
            let announcer = &mut peer.announcer;
            let ids = announcer.due(ctx.now_ms, ctx.random, |txid| pool.get(txid).is_some());
            if ids.is_empty() {
                continue;
            }
            let kind = if announcer.by_wtxid { InvKind::WTX } else { InvKind::TX };
            let invs = ids.into_iter().map(|hash| Inv::new(kind, hash)).collect();
            ctx.actions.push(Action::Send { id, message: Message::Inv(invs) });
        }
    }

    fn rebroadcast(&mut self, peers: &PeerManager, ctx: &mut Context<'_>) {
        let now = ctx.now_ms;
        let due = self.unbroadcast.iter().filter(|(_, due)| now >= **due);
        let due: Vec<Txid> = due.map(|(txid, _)| *txid).collect();
        for txid in due {
            let tx = {
                let pool = ctx.pool.read();
                pool.get(&txid).map(|entry| {
                    let rate = entry.fee_rate().per_kvb;
                    TxAnnouncement { txid, wtxid: entry.wtxid, rate }
                })
            };
            let Some(tx) = tx else {
                self.unbroadcast.remove(&txid);
                continue;
            };
            let wait = REBROADCAST_MS + ctx.random.below(REBROADCAST_MS / 2);
            self.unbroadcast.insert(txid, now + wait);
            for (_, peer) in self.peers.iter_mut().filter(|(id, _)| peers.is_ready(**id)) {
                peer.announcer.add_again(tx);
            }
        }
    }

    /// The answer to `mempool` (BIP35), once a connection.
    pub fn give_pool(&mut self, id: PeerId, ctx: &mut Context<'_>) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if std::mem::replace(&mut peer.gave_pool, true) || ctx.readonly {
            return;
        }
        let (by_wtxid, least) = (peer.announcer.by_wtxid, peer.announcer.fee_filter);
        let kind = if by_wtxid { InvKind::WTX } else { InvKind::TX };
        let invs: Vec<Inv> = {
            let pool = ctx.pool.read();
            let paid = pool.in_order().into_iter().filter(|e| e.fee_rate().per_kvb >= least);
            paid.take(MAX_INV)
                .map(|entry| Inv::new(kind, if by_wtxid { entry.wtxid.0 } else { entry.txid.0 }))
                .collect()
        };
        invs.iter().for_each(|inv| peer.announcer.knows(inv.hash));
        if !invs.is_empty() {
            ctx.send(id, Message::Inv(invs));
        }
    }

    /// Checks what must always hold; for tests and the simulator.
    pub fn assert_sound(&self) {
        self.requests.assert_sound();
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;
    use primitives::tx::OutPoint;
    use testkit::blocks as maker;

    fn relay(ids: &[PeerId], peers: &PeerManager) -> TransactionRelay {
        let mut relay = TransactionRelay::default();
        for id in ids {
            relay.connected(*id, true);
            relay.ready(peers.get(*id).expect("a peer"));
        }
        relay
    }

    fn requested(actions: &[Action]) -> Vec<(PeerId, Vec<Inv>)> {
        let sent = actions.iter().filter_map(|action| match action {
            Action::Send { id, message: Message::GetData(invs) } => Some((*id, invs.clone())),
            _ => None,
        });
        sent.collect()
    }

    #[test]
    fn an_orphan_leads_to_a_question_for_its_parent() {
        let mut fixture = Fixture::new();
        let peers = fixture.ready_peers(&[1], 0);
        let mut relay = relay(&[1], &peers);
        let parent = Txid([7; 32]);
        let orphan = maker::spend(&[OutPoint { txid: parent, vout: 0 }], &[50_000, 1_000]);
        let mut ctx = fixture.context(0);
        relay.received(1, orphan, true, &mut ctx).expect("a store");
        assert!(matches!(ctx.actions[..], [Action::RequestTransactions]));
        assert_eq!(relay.orphans(), 1);
        let mut ctx = fixture.context(10_000);
        relay.request_due(&mut ctx);
        let wanted = vec![Inv::new(InvKind::WITNESS_TX, parent.0)];
        assert_eq!(requested(&ctx.actions), [(1, wanted)]);
        relay.closed(1, 10_000);
        assert_eq!((relay.orphans(), relay.wanted()), (0, 0));
        relay.assert_sound();
    }

    #[test]
    fn nothing_is_asked_for_in_bulk_or_by_a_replica() {
        let mut fixture = Fixture::new();
        let peers = fixture.ready_peers(&[1], 0);
        let mut relay = relay(&[1], &peers);
        let inv = vec![Inv::new(InvKind::TX, [5; 32])];
        relay.announced(1, inv.clone(), true, &peers, &mut fixture.context(0));
        assert_eq!(relay.wanted(), 0);
        let mut ctx = fixture.context(0);
        ctx.readonly = true;
        relay.announced(1, inv.clone(), false, &peers, &mut ctx);
        assert!(matches!(ctx.actions[..], [Action::Misbehaved { id: 1, points: 1, .. }]));
        relay.announced(1, inv, false, &peers, &mut fixture.context(0));
        assert_eq!(relay.wanted(), 1);
    }

    #[test]
    fn our_own_transaction_is_announced_until_a_peer_asks_for_it() {
        let mut fixture = Fixture::new();
        let peers = fixture.ready_peers(&[1], 0);
        let mut relay = relay(&[1], &peers);
        let tx = fixture.pooled_transaction();
        relay.own_transaction(tx.txid, &fixture.pool, 0);
        let announced = |relay: &mut TransactionRelay, fixture: &mut Fixture, now| {
            let mut ctx = fixture.context(now);
            relay.tick(&peers, &mut ctx);
            let inv =
                |action: &&Action| matches!(action, Action::Send { message: Message::Inv(_), .. });
            ctx.actions.iter().filter(inv).count()
        };
        relay.pool_added(tx, &peers);
        assert_eq!(announced(&mut relay, &mut fixture, 1_000), 1);
        assert_eq!(announced(&mut relay, &mut fixture, REBROADCAST_MS - 1), 0);
        assert_eq!(announced(&mut relay, &mut fixture, REBROADCAST_MS), 1);
        relay.requested_by_peer(tx.txid, &fixture.pool);
        assert_eq!(announced(&mut relay, &mut fixture, 10 * REBROADCAST_MS), 0);
    }
}
