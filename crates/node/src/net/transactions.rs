//! Transactions: what is told to us, asked for, taken, kept as an orphan, and told on.

use std::sync::Arc;

use super::state::Net;
use super::work::Work;
use crate::io::NodeError;
use mempool::reject::Reject;
use p2p::download::PeerId;
use p2p::limits::{BAN_SCORE, MAX_INV};
use p2p::message::{Inv, InvKind, Message};
use p2p::relay::TxAnnouncement;
use primitives::id::{Txid, Wtxid};
use primitives::tx::Transaction;
use store::error::StoreError;

/// Milliseconds after which our own transaction is told again.
pub(super) const REBROADCAST_MS: u64 = 10 * 60 * 1000;
/// Parents of one orphan that are asked for.
const MAX_PARENTS: usize = 24;

impl Net {
    /// A transaction was told of by `inv`.
    pub(super) fn told_tx(
        &mut self,
        id: PeerId,
        inv: Inv,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(()) };
        peer.announcer.knows(inv.hash);
        if (inv.kind == InvKind::WTX) != peer.handshake.wtxid_relay {
            return Ok(());
        }
        if self.readonly {
            // We said in the handshake that we want none.
            self.misbehaved(id, 1, "transactions that nobody wants", work);
            return Ok(());
        }
        let chosen = self.peers.get(&id).is_some_and(|peer| !peer.inbound());
        if self.is_bulk(work)? || self.have_tx(&inv, work) {
            return Ok(());
        }
        self.requests.announced(id, inv, chosen, self.now_ms);
        Ok(())
    }

    fn have_tx(&self, inv: &Inv, work: &Work<'_>) -> bool {
        let pool = work.pool.read();
        let here = match inv.kind {
            InvKind::WTX => {
                let wtxid = Wtxid(inv.hash);
                pool.get_by_wtxid(&wtxid).is_some() || self.orphans.contains(&wtxid)
            }
            _ => pool.get(&Txid(inv.hash)).is_some(),
        };
        here || self.rejected.contains(&inv.hash)
    }

    pub(super) fn ask_transactions(&mut self, work: &mut Work<'_>) {
        for (id, invs) in self.requests.due(self.now_ms) {
            let invs = invs.into_iter().map(|inv| match inv.kind {
                InvKind::TX => Inv::new(InvKind::WITNESS_TX, inv.hash),
                _ => inv,
            });
            self.send(id, &Message::GetData(invs.collect()), work);
        }
    }

    /// A `tx` message.
    pub(super) fn transaction(
        &mut self,
        id: PeerId,
        tx: Transaction,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let (txid, wtxid) = (tx.txid(), tx.wtxid());
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(()) };
        peer.announcer.knows(txid.0);
        peer.announcer.knows(wtxid.0);
        let asked =
            self.requests.is_requested(id, &txid.0) || self.requests.is_requested(id, &wtxid.0);
        self.requests.forget_tx(&txid.0);
        self.requests.forget_tx(&wtxid.0);
        let unasked = !asked && !peer.unasked.take(1.0, self.now_ms);
        if self.readonly || unasked || self.is_bulk(work)? {
            return Ok(());
        }
        if self.rejected.contains(&wtxid.0) {
            return Ok(());
        }
        self.take_transaction(id, Arc::new(tx), work)
    }

    /// Takes a transaction, then the orphans that waited for it.
    fn take_transaction(
        &mut self,
        id: PeerId,
        tx: Arc<Transaction>,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let mut todo = vec![(id, tx)];
        while let Some((id, tx)) = todo.pop() {
            let txid = tx.txid();
            match work.submit(Arc::clone(&tx)) {
                Ok(_) => {
                    if let Some(peer) = self.peers.get_mut(&id) {
                        peer.last_tx_ms = self.now_ms;
                    }
                    let children = self.orphans.take_children(&txid);
                    todo.extend(children.into_iter().map(|(tx, from)| (from, tx)));
                }
                Err(NodeError::Store(fault)) => return Err(fault),
                Err(NodeError::Rejected { reject }) => self.rejected(id, tx, reject, work),
                Err(_) => {}
            }
        }
        self.ask_transactions(work);
        Ok(())
    }

    fn rejected(&mut self, id: PeerId, tx: Arc<Transaction>, reject: Reject, work: &mut Work<'_>) {
        match reject {
            Reject::MissingInputs { missing } => {
                let now = self.now_ms / 1000;
                if !self.orphans.add(Arc::clone(&tx), id, now) {
                    return;
                }
                let mut parents: Vec<Txid> = missing.iter().map(|o| o.txid).collect();
                parents.sort_unstable();
                parents.dedup();
                for parent in parents.into_iter().take(MAX_PARENTS) {
                    let inv = Inv::new(InvKind::TX, parent.0);
                    if !self.have_tx(&inv, work) {
                        self.requests.announced(id, inv, true, self.now_ms);
                    }
                }
            }
            Reject::AlreadyHere | Reject::Confirmed => {}
            // Broken in any block: an honest peer checks before it tells.
            Reject::Rule(rule) => {
                self.rejected.insert(tx.wtxid().0);
                self.misbehaved(
                    id,
                    BAN_SCORE,
                    &format!("a transaction that no block may have: {rule}"),
                    work,
                );
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

    /// What is due: questions, tellings, tellings again.
    pub(super) fn tick_transactions(&mut self, work: &mut Work<'_>) {
        if self.readonly {
            return;
        }
        self.orphans.expire(self.now_ms / 1000);
        self.ask_transactions(work);
        let again: Vec<Txid> = self
            .untold
            .iter()
            .filter(|(_, due)| self.now_ms >= **due)
            .map(|(txid, _)| *txid)
            .collect();
        for txid in again {
            let news = {
                let pool = work.pool.read();
                pool.get(&txid).map(|entry| {
                    let rate = entry.fee_rate().per_kvb;
                    TxAnnouncement { txid, wtxid: entry.wtxid, rate }
                })
            };
            let Some(news) = news else {
                self.untold.remove(&txid);
                continue;
            };
            let wait = REBROADCAST_MS + self.random.below(REBROADCAST_MS / 2);
            self.untold.insert(txid, self.now_ms + wait);
            for peer in self.peers.values_mut().filter(|peer| peer.ready()) {
                peer.announcer.add_again(news);
            }
        }
        let now = self.now_ms;
        let mut messages = Vec::new();
        {
            let pool = work.pool.read();
            for peer in self.peers.values_mut().filter(|peer| peer.ready()) {
                let ids =
                    peer.announcer.due(now, &mut self.random, |txid| pool.get(txid).is_some());
                if ids.is_empty() {
                    continue;
                }
                let kind = if peer.announcer.by_wtxid { InvKind::WTX } else { InvKind::TX };
                let invs = ids.into_iter().map(|hash| Inv::new(kind, hash)).collect();
                messages.push((peer.id, Message::Inv(invs)));
            }
        }
        for (id, message) in messages {
            self.send(id, &message, work);
        }
    }

    /// The answer to `mempool` (BIP35), once a connection.
    pub(super) fn give_pool(&mut self, id: PeerId, work: &mut Work<'_>) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if std::mem::replace(&mut peer.gave_pool, true) || self.readonly {
            return;
        }
        let (by_wtxid, least) = (peer.announcer.by_wtxid, peer.announcer.fee_filter);
        let kind = if by_wtxid { InvKind::WTX } else { InvKind::TX };
        let invs: Vec<Inv> = {
            let pool = work.pool.read();
            let paid = pool.in_order().into_iter().filter(|e| e.fee_rate().per_kvb >= least);
            paid.take(MAX_INV)
                .map(|entry| Inv::new(kind, if by_wtxid { entry.wtxid.0 } else { entry.txid.0 }))
                .collect()
        };
        for inv in &invs {
            peer.announcer.knows(inv.hash);
        }
        if !invs.is_empty() {
            self.send(id, &Message::Inv(invs), work);
        }
    }
}
