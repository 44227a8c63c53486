//! Which transaction is asked of whom, and when: after Core's `TxRequestTracker`.
//!
//! Peers that we chose are asked at once, others wait a little for them; one peer is asked at a
//! time; who does not answer in time is not asked again. Times are in milliseconds.

use std::collections::{BTreeMap, BTreeSet};

use super::download::PeerId;
use super::limits::{MAX_ANNOUNCED_BY_PEER, MAX_TX_IN_FLIGHT};
use super::message::{Inv, InvKind};

/// What peers of others wait for peers that we chose.
const INBOUND_DELAY_MS: u64 = 2_000;
/// What ids that are not wtxids wait for wtxids.
const TXID_DELAY_MS: u64 = 2_000;
/// An answer comes within this.
const TIMEOUT_MS: u64 = 60_000;

#[derive(Debug, Clone, Copy)]
struct Offer {
    peer: PeerId,
    kind: InvKind,
    ready: u64,
}

#[derive(Debug, Default)]
struct Wanted {
    offers: Vec<Offer>,
    /// Who is asked, and until when.
    asked: Option<(PeerId, u64)>,
}

/// All offers of transactions that we do not have.
#[derive(Debug, Default)]
pub struct TxRequests {
    wanted: BTreeMap<[u8; 32], Wanted>,
    offered: BTreeMap<PeerId, usize>,
    asked: BTreeMap<PeerId, usize>,
    /// Ids by when something may be due for them.
    due: BTreeSet<(u64, [u8; 32])>,
    /// Ids that are due while the peer has too many questions open, by peer: looked at again when
    /// one is free, so that a flood of offers costs nothing while it waits.
    waiting: BTreeMap<PeerId, BTreeSet<[u8; 32]>>,
}

impl TxRequests {
    pub fn len(&self) -> usize {
        self.wanted.len()
    }

    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// A peer offers a transaction that we do not have.
    pub fn offered(&mut self, peer: PeerId, inv: Inv, chosen: bool, now: u64) {
        let count = self.offered.entry(peer).or_default();
        if *count >= MAX_ANNOUNCED_BY_PEER {
            return;
        }
        let wanted = self.wanted.entry(inv.hash).or_default();
        if wanted.offers.iter().any(|offer| offer.peer == peer) {
            return;
        }
        *count += 1;
        let mut ready = now;
        ready += if chosen { 0 } else { INBOUND_DELAY_MS };
        ready += if inv.kind == InvKind::WTX { 0 } else { TXID_DELAY_MS };
        wanted.offers.push(Offer { peer, kind: inv.kind, ready });
        self.due.insert((ready, inv.hash));
    }

    /// The questions that are due now, by peer.
    pub fn due(&mut self, now: u64) -> BTreeMap<PeerId, Vec<Inv>> {
        let mut questions: BTreeMap<PeerId, Vec<Inv>> = BTreeMap::new();
        loop {
            while let Some(&(at, hash)) = self.due.first() {
                if at > now {
                    break;
                }
                self.due.pop_first();
                if let Some((peer, inv)) = self.look(hash, now) {
                    questions.entry(peer).or_default().push(inv);
                }
            }
            if !self.wake(now) {
                return questions;
            }
        }
    }

    /// Whom to ask for an id now, if anybody.
    fn look(&mut self, hash: [u8; 32], now: u64) -> Option<(PeerId, Inv)> {
        if let Some((peer, until)) = self.wanted.get(&hash)?.asked {
            if until > now {
                self.due.insert((until, hash));
                return None;
            }
            self.failed(peer, &hash, now);
        }
        let wanted = self.wanted.get_mut(&hash)?;
        let asked = &self.asked;
        let free = |offer: &&Offer| asked.get(&offer.peer).copied().unwrap_or(0) < MAX_TX_IN_FLIGHT;
        let ready = wanted.offers.iter().filter(|offer| offer.ready <= now).find(free).copied();
        if let Some(offer) = ready {
            let until = now + TIMEOUT_MS;
            wanted.asked = Some((offer.peer, until));
            *self.asked.entry(offer.peer).or_default() += 1;
            self.due.insert((until, hash));
            return Some((offer.peer, Inv::new(offer.kind, hash)));
        }
        for offer in wanted.offers.iter().filter(|offer| offer.ready <= now) {
            self.waiting.entry(offer.peer).or_default().insert(hash);
        }
        let next = wanted.offers.iter().map(|offer| offer.ready).filter(|ready| *ready > now).min();
        self.due.extend(next.map(|next| (next, hash)));
        None
    }

    /// Has as many ids looked at as their peers have free questions; false if there are none.
    fn wake(&mut self, now: u64) -> bool {
        let mut woken = false;
        let TxRequests { wanted, asked, due, waiting, .. } = self;
        waiting.retain(|peer, hashes| {
            let mut free = MAX_TX_IN_FLIGHT - asked.get(peer).copied().unwrap_or(0);
            while free > 0
                && let Some(hash) = hashes.pop_first()
            {
                // If somebody else is asked, the end of that question leads here again.
                if wanted.get(&hash).is_some_and(|wanted| wanted.asked.is_none()) {
                    due.insert((now, hash));
                    free -= 1;
                    woken = true;
                }
            }
            !hashes.is_empty()
        });
        woken
    }

    fn drop_offer(&mut self, peer: PeerId, hash: &[u8; 32]) {
        let Some(wanted) = self.wanted.get_mut(hash) else { return };
        if let Some(at) = wanted.offers.iter().position(|offer| offer.peer == peer) {
            wanted.offers.remove(at);
            release(&mut self.offered, peer);
            forget(&mut self.waiting, peer, hash);
        }
        if wanted.offers.is_empty() && wanted.asked.is_none() {
            self.wanted.remove(hash);
        }
    }

    /// It is here, or will not be wanted any more.
    pub fn settled(&mut self, hash: &[u8; 32]) {
        let Some(wanted) = self.wanted.remove(hash) else { return };
        for offer in &wanted.offers {
            release(&mut self.offered, offer.peer);
            forget(&mut self.waiting, offer.peer, hash);
        }
        if let Some((peer, _)) = wanted.asked {
            release(&mut self.asked, peer);
        }
    }

    /// The peer was asked for it.
    pub fn is_asked(&self, peer: PeerId, hash: &[u8; 32]) -> bool {
        self.wanted.get(hash).is_some_and(|w| w.asked.is_some_and(|(asked, _)| asked == peer))
    }

    /// The peer does not have it: the next may be asked.
    pub fn failed(&mut self, peer: PeerId, hash: &[u8; 32], now: u64) {
        if self.is_asked(peer, hash) {
            if let Some(wanted) = self.wanted.get_mut(hash) {
                wanted.asked = None;
            }
            release(&mut self.asked, peer);
            self.due.insert((now, *hash));
        }
        self.drop_offer(peer, hash);
    }

    /// A connection is gone.
    pub fn gone(&mut self, peer: PeerId, now: u64) {
        let some = |counts: &BTreeMap<PeerId, usize>| counts.get(&peer).is_some_and(|n| *n > 0);
        if some(&self.offered) || some(&self.asked) {
            let touched = self.wanted.iter().filter(|(_, wanted)| {
                wanted.offers.iter().any(|offer| offer.peer == peer)
                    || wanted.asked.is_some_and(|(asked, _)| asked == peer)
            });
            let hashes: Vec<[u8; 32]> = touched.map(|(hash, _)| *hash).collect();
            for hash in hashes {
                self.failed(peer, &hash, now);
            }
        }
        self.offered.remove(&peer);
        self.asked.remove(&peer);
    }

    /// Checks what must always hold; for tests and the simulator.
    pub fn assert_sound(&self) {
        let offers: usize = self.wanted.values().map(|wanted| wanted.offers.len()).sum();
        assert_eq!(offers, self.offered.values().sum::<usize>());
        let asked = self.wanted.values().filter(|wanted| wanted.asked.is_some()).count();
        assert_eq!(asked, self.asked.values().sum::<usize>());
        assert!(self.offered.values().all(|count| *count <= MAX_ANNOUNCED_BY_PEER));
        assert!(self.asked.values().all(|count| *count <= MAX_TX_IN_FLIGHT));
        let offers = |peer: PeerId, hash| {
            let wanted: Option<&Wanted> = self.wanted.get(hash);
            wanted.is_some_and(|wanted| wanted.offers.iter().any(|offer| offer.peer == peer))
        };
        let mut waiting = self.waiting.iter();
        assert!(waiting.all(|(peer, hashes)| hashes.iter().all(|hash| offers(*peer, hash))));
    }
}

/// An offer that waited, if it did, is gone.
fn forget(waiting: &mut BTreeMap<PeerId, BTreeSet<[u8; 32]>>, peer: PeerId, hash: &[u8; 32]) {
    if let Some(hashes) = waiting.get_mut(&peer) {
        hashes.remove(hash);
    }
}

fn release(counts: &mut BTreeMap<PeerId, usize>, peer: PeerId) {
    if let Some(count) = counts.get_mut(&peer) {
        *count = count.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wtx(n: u8) -> Inv {
        Inv::new(InvKind::WTX, [n; 32])
    }

    #[test]
    fn chosen_peers_come_first_and_one_at_a_time() {
        let mut requests = TxRequests::default();
        requests.offered(1, wtx(7), false, 0);
        requests.offered(2, wtx(7), true, 0);
        assert_eq!(requests.due(0), BTreeMap::from([(2, vec![wtx(7)])]));
        assert!(requests.due(INBOUND_DELAY_MS).is_empty());
        assert!(requests.is_asked(2, &[7; 32]));
        // No answer: the other is asked, and the first no more.
        assert_eq!(requests.due(TIMEOUT_MS), BTreeMap::from([(1, vec![wtx(7)])]));
        assert!(requests.due(3 * TIMEOUT_MS).is_empty());
        assert!(requests.is_empty());
        requests.assert_sound();
    }

    #[test]
    fn not_found_and_gone_pass_the_question_on() {
        let mut requests = TxRequests::default();
        for peer in 1..4 {
            requests.offered(peer, wtx(7), true, 0);
        }
        assert_eq!(requests.due(0).into_keys().collect::<Vec<_>>(), [1]);
        requests.failed(1, &[7; 32], 10);
        assert_eq!(requests.due(10).into_keys().collect::<Vec<_>>(), [2]);
        requests.gone(2, 20);
        assert_eq!(requests.due(20).into_keys().collect::<Vec<_>>(), [3]);
        requests.settled(&[7; 32]);
        assert!(requests.is_empty() && requests.due(1_000_000).is_empty());
        requests.assert_sound();
    }

    #[test]
    fn one_peer_is_bounded() {
        let mut requests = TxRequests::default();
        for n in 0..20_000u32 {
            let mut hash = [0; 32];
            hash[..4].copy_from_slice(&n.to_le_bytes());
            requests.offered(1, Inv::new(InvKind::WTX, hash), true, 0);
        }
        assert_eq!(requests.len(), MAX_ANNOUNCED_BY_PEER);
        let asked = requests.due(0).remove(&1).expect("questions");
        assert_eq!(asked.len(), MAX_TX_IN_FLIGHT);
        requests.assert_sound();
        // All others wait without being looked at; each answer lets one of them go at once.
        assert_eq!(requests.due.len(), MAX_TX_IN_FLIGHT);
        assert!(requests.due(0).is_empty());
        for inv in &asked[..10] {
            requests.settled(&inv.hash);
        }
        assert_eq!(requests.due(0)[&1].len(), 10);
        requests.assert_sound();
        // Another peer has them, too: it is asked for those that wait.
        let more: Vec<[u8; 32]> = requests.waiting[&1].iter().take(150).copied().collect();
        for hash in &more {
            requests.offered(2, Inv::new(InvKind::WTX, *hash), true, 1);
        }
        assert_eq!(requests.due(1)[&2].len(), MAX_TX_IN_FLIGHT);
        requests.assert_sound();
        // Nobody answers: the time is up, and both are asked for others.
        let late = requests.due(1 + TIMEOUT_MS);
        assert_eq!((late[&1].len(), late[&2].len()), (MAX_TX_IN_FLIGHT, 50));
        requests.assert_sound();
        requests.gone(1, 5);
        requests.assert_sound();
        requests.gone(2, 5);
        assert!(requests.is_empty());
        requests.assert_sound();
    }
}
