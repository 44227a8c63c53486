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
struct Announcement {
    peer: PeerId,
    kind: InvKind,
    ready: u64,
}

#[derive(Debug, Default)]
struct Wanted {
    announcements: Vec<Announcement>,
    /// Who is asked, and until when.
    asked: Option<(PeerId, u64)>,
}

/// All announcements of transactions that we do not have.
#[derive(Debug, Default)]
pub struct TxRequests {
    wanted: BTreeMap<[u8; 32], Wanted>,
    announced: BTreeMap<PeerId, usize>,
    asked: BTreeMap<PeerId, usize>,
    /// Ids by when something may be due for them.
    due: BTreeSet<(u64, [u8; 32])>,
    /// Ids that are due while the peer has too many questions open, by peer: looked at again when
    /// one is free, so that a flood of announcements costs nothing while it waits.
    waiting: BTreeMap<PeerId, BTreeSet<[u8; 32]>>,
}

impl TxRequests {
    pub fn len(&self) -> usize {
        self.wanted.len()
    }

    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// A peer announces a transaction that we do not have.
    pub fn announced(&mut self, peer: PeerId, inv: Inv, chosen: bool, now: u64) {
        let count = self.announced.entry(peer).or_default();
        if *count >= MAX_ANNOUNCED_BY_PEER {
            return;
        }
        let wanted = self.wanted.entry(inv.hash).or_default();
        if wanted.announcements.iter().any(|announcement| announcement.peer == peer) {
            return;
        }
        *count += 1;
        let mut ready = now;
        ready += if chosen { 0 } else { INBOUND_DELAY_MS };
        ready += if inv.kind == InvKind::WTX { 0 } else { TXID_DELAY_MS };
        wanted.announcements.push(Announcement { peer, kind: inv.kind, ready });
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
                if let Some((peer, inv)) = self.next_request(hash, now) {
                    questions.entry(peer).or_default().push(inv);
                }
            }
            if !self.retry_waiting(now) {
                return questions;
            }
        }
    }

    /// Whom to ask for an id now, if anybody.
    fn next_request(&mut self, hash: [u8; 32], now: u64) -> Option<(PeerId, Inv)> {
        if let Some((peer, until)) = self.wanted.get(&hash)?.asked {
            if until > now {
                self.due.insert((until, hash));
                return None;
            }
            self.not_found(peer, &hash, now);
        }
        let wanted = self.wanted.get_mut(&hash)?;
        let asked = &self.asked;
        let free = |announcement: &&Announcement| {
            asked.get(&announcement.peer).copied().unwrap_or(0) < MAX_TX_IN_FLIGHT
        };
        let ready = wanted
            .announcements
            .iter()
            .filter(|announcement| announcement.ready <= now)
            .find(free)
            .copied();
        if let Some(announcement) = ready {
            let until = now + TIMEOUT_MS;
            wanted.asked = Some((announcement.peer, until));
            *self.asked.entry(announcement.peer).or_default() += 1;
            self.due.insert((until, hash));
            return Some((announcement.peer, Inv::new(announcement.kind, hash)));
        }
        for announcement in
            wanted.announcements.iter().filter(|announcement| announcement.ready <= now)
        {
            self.waiting.entry(announcement.peer).or_default().insert(hash);
        }
        let next = wanted
            .announcements
            .iter()
            .map(|announcement| announcement.ready)
            .filter(|ready| *ready > now)
            .min();
        self.due.extend(next.map(|next| (next, hash)));
        None
    }

    /// Has as many ids looked at as their peers have free questions; false if there are none.
    fn retry_waiting(&mut self, now: u64) -> bool {
        let mut retried = false;
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
                    retried = true;
                }
            }
            !hashes.is_empty()
        });
        retried
    }

    fn drop_announcement(&mut self, peer: PeerId, hash: &[u8; 32]) {
        let Some(wanted) = self.wanted.get_mut(hash) else { return };
        if let Some(at) =
            wanted.announcements.iter().position(|announcement| announcement.peer == peer)
        {
            wanted.announcements.remove(at);
            release(&mut self.announced, peer);
            forget(&mut self.waiting, peer, hash);
        }
        if wanted.announcements.is_empty() && wanted.asked.is_none() {
            self.wanted.remove(hash);
        }
    }

    /// It is here, or will not be wanted any more.
    pub fn forget_tx(&mut self, hash: &[u8; 32]) {
        let Some(wanted) = self.wanted.remove(hash) else { return };
        for announcement in &wanted.announcements {
            release(&mut self.announced, announcement.peer);
            forget(&mut self.waiting, announcement.peer, hash);
        }
        if let Some((peer, _)) = wanted.asked {
            release(&mut self.asked, peer);
        }
    }

    /// The peer was asked for it.
    pub fn is_requested(&self, peer: PeerId, hash: &[u8; 32]) -> bool {
        self.wanted.get(hash).is_some_and(|w| w.asked.is_some_and(|(asked, _)| asked == peer))
    }

    /// The peer does not have it: the next may be asked.
    pub fn not_found(&mut self, peer: PeerId, hash: &[u8; 32], now: u64) {
        if self.is_requested(peer, hash) {
            if let Some(wanted) = self.wanted.get_mut(hash) {
                wanted.asked = None;
            }
            release(&mut self.asked, peer);
            self.due.insert((now, *hash));
        }
        self.drop_announcement(peer, hash);
    }

    /// A connection is gone.
    pub fn disconnected(&mut self, peer: PeerId, now: u64) {
        let some = |counts: &BTreeMap<PeerId, usize>| counts.get(&peer).is_some_and(|n| *n > 0);
        if some(&self.announced) || some(&self.asked) {
            let touched = self.wanted.iter().filter(|(_, wanted)| {
                wanted.announcements.iter().any(|announcement| announcement.peer == peer)
                    || wanted.asked.is_some_and(|(asked, _)| asked == peer)
            });
            let hashes: Vec<[u8; 32]> = touched.map(|(hash, _)| *hash).collect();
            for hash in hashes {
                self.not_found(peer, &hash, now);
            }
        }
        self.announced.remove(&peer);
        self.asked.remove(&peer);
    }

    /// Checks what must always hold; for tests and the simulator.
    pub fn assert_sound(&self) {
        let announcements: usize =
            self.wanted.values().map(|wanted| wanted.announcements.len()).sum();
        assert_eq!(announcements, self.announced.values().sum::<usize>());
        let asked = self.wanted.values().filter(|wanted| wanted.asked.is_some()).count();
        assert_eq!(asked, self.asked.values().sum::<usize>());
        assert!(self.announced.values().all(|count| *count <= MAX_ANNOUNCED_BY_PEER));
        assert!(self.asked.values().all(|count| *count <= MAX_TX_IN_FLIGHT));
        let announcements = |peer: PeerId, hash| {
            let wanted: Option<&Wanted> = self.wanted.get(hash);
            wanted.is_some_and(|wanted| {
                wanted.announcements.iter().any(|announcement| announcement.peer == peer)
            })
        };
        let mut waiting = self.waiting.iter();
        assert!(waiting.all(|(peer, hashes)| hashes.iter().all(|hash| announcements(*peer, hash))));
    }
}

/// An announcement that waited, if it did, is gone.
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
        requests.announced(1, wtx(7), false, 0);
        requests.announced(2, wtx(7), true, 0);
        assert_eq!(requests.due(0), BTreeMap::from([(2, vec![wtx(7)])]));
        assert!(requests.due(INBOUND_DELAY_MS).is_empty());
        assert!(requests.is_requested(2, &[7; 32]));
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
            requests.announced(peer, wtx(7), true, 0);
        }
        assert_eq!(requests.due(0).into_keys().collect::<Vec<_>>(), [1]);
        requests.not_found(1, &[7; 32], 10);
        assert_eq!(requests.due(10).into_keys().collect::<Vec<_>>(), [2]);
        requests.disconnected(2, 20);
        assert_eq!(requests.due(20).into_keys().collect::<Vec<_>>(), [3]);
        requests.forget_tx(&[7; 32]);
        assert!(requests.is_empty() && requests.due(1_000_000).is_empty());
        requests.assert_sound();
    }

    #[test]
    fn one_peer_is_bounded() {
        let mut requests = TxRequests::default();
        for n in 0..20_000u32 {
            let mut hash = [0; 32];
            hash[..4].copy_from_slice(&n.to_le_bytes());
            requests.announced(1, Inv::new(InvKind::WTX, hash), true, 0);
        }
        assert_eq!(requests.len(), MAX_ANNOUNCED_BY_PEER);
        let asked = requests.due(0).remove(&1).expect("questions");
        assert_eq!(asked.len(), MAX_TX_IN_FLIGHT);
        requests.assert_sound();
        // All others wait without being looked at; each answer lets one of them go at once.
        assert_eq!(requests.due.len(), MAX_TX_IN_FLIGHT);
        assert!(requests.due(0).is_empty());
        for inv in &asked[..10] {
            requests.forget_tx(&inv.hash);
        }
        assert_eq!(requests.due(0)[&1].len(), 10);
        requests.assert_sound();
        // Another peer has them, too: it is asked for those that wait.
        let more: Vec<[u8; 32]> = requests.waiting[&1].iter().take(150).copied().collect();
        for hash in &more {
            requests.announced(2, Inv::new(InvKind::WTX, *hash), true, 1);
        }
        assert_eq!(requests.due(1)[&2].len(), MAX_TX_IN_FLIGHT);
        requests.assert_sound();
        // Nobody answers: the time is up, and both are asked for others.
        let late = requests.due(1 + TIMEOUT_MS);
        assert_eq!((late[&1].len(), late[&2].len()), (MAX_TX_IN_FLIGHT, 50));
        requests.assert_sound();
        requests.disconnected(1, 5);
        requests.assert_sound();
        requests.disconnected(2, 5);
        assert!(requests.is_empty());
        requests.assert_sound();
    }
}
