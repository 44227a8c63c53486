//! Addresses: asked for, taken within limits, told on to a few.

use core::net::SocketAddr;

use super::state::Net;
use super::work::Work;
use crypto::hash::siphash24;
use p2p::address::{PeerAddress, canonical, is_local, is_routable};
use p2p::download::PeerId;
use p2p::limits::MAX_ADDR;
use p2p::message::Message;

/// A list up to this long is news; a longer one answers a question.
const NEWS: usize = 10;
/// Seconds that news may be old to be told on.
const FRESH_S: u64 = 600;
/// Peers that each piece of news is told.
const TELL: usize = 2;
/// Mean milliseconds between two tellings of addresses to a peer.
const TELL_EVERY_MS: u64 = 30_000;
/// Addresses at which no more are asked for.
const ENOUGH: usize = 1000;
/// Addresses of ours that are kept.
const MAX_OWN: usize = 8;

impl Net {
    /// What is said right after a handshake: our own address, and a question for others.
    pub(super) fn greet(&mut self, id: PeerId, seen_as: Option<SocketAddr>, work: &mut Work<'_>) {
        let Some(peer) = self.peers.get(&id) else { return };
        let (inbound, theirs) = (peer.inbound(), peer.address);
        if inbound {
            return;
        }
        if let (Some(seen), Some(listening)) = (seen_as, self.listening) {
            let ip = if listening.ip().is_unspecified() { seen.ip() } else { listening.ip() };
            let own = SocketAddr::new(ip, listening.port());
            if acceptable(&own, &theirs) {
                if !self.own_addresses.contains(&own) && self.own_addresses.len() < MAX_OWN {
                    self.own_addresses.push(own);
                }
                let time = u32::try_from(self.now_s()).unwrap_or(u32::MAX);
                let entry = PeerAddress { time, services: self.services(), address: own };
                self.tell_addresses(id, vec![entry], work);
            }
        }
        if self.book.len() < ENOUGH {
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.addr_limit.grant(MAX_ADDR as f64);
            }
            self.send(id, &Message::GetAddr, work);
        }
    }

    fn tell_addresses(&mut self, id: PeerId, entries: Vec<PeerAddress>, work: &mut Work<'_>) {
        let v2 = self.peers.get(&id).is_some_and(|peer| peer.handshake.addr_v2);
        let message = if v2 { Message::AddrV2(entries) } else { Message::Addr(entries) };
        self.send(id, &message, work);
    }

    /// An `addr` or `addrv2` message.
    pub(super) fn addresses(
        &mut self,
        id: PeerId,
        entries: Vec<PeerAddress>,
        _work: &mut Work<'_>,
    ) {
        let (now, now_ms) = (self.now_s(), self.now_ms);
        let news = entries.len() <= NEWS;
        let Some(source) = self.peers.get(&id).map(|peer| peer.address) else { return };
        let mut left = entries.len() as u64;
        for mut entry in entries {
            entry.address = canonical(entry.address);
            let Some(peer) = self.peers.get_mut(&id) else { return };
            if !peer.addr_limit.take(1.0, now_ms) {
                peer.addresses_refused += left;
                break;
            }
            left -= 1;
            peer.addresses_taken += 1;
            peer.addr_known.insert(key(&entry.address));
            let useful = acceptable(&entry.address, &source)
                && !self.own_addresses.contains(&entry.address)
                && self.bans.find(&entry.address.ip(), now).is_none();
            if !useful {
                continue;
            }
            self.book.add(entry, &source, now);
            if news && u64::from(entry.time) + FRESH_S > now {
                self.pass_on(id, entry);
            }
        }
    }

    /// Chooses who hears of an address; for a day the same ones, so that repeating it gains nothing.
    fn pass_on(&mut self, from: PeerId, entry: PeerAddress) {
        let day = self.now_s() / (24 * 60 * 60);
        let known = key(&entry.address);
        let mut peers: Vec<(u64, PeerId)> = self
            .peers
            .values()
            .filter(|peer| peer.ready() && peer.id != from && !peer.addr_known.contains(&known))
            .filter(|peer| acceptable(&entry.address, &peer.address))
            .map(|peer| (siphash24(day, peer.id, &known), peer.id))
            .collect();
        peers.sort_unstable();
        for (_, id) in peers.into_iter().take(TELL) {
            if let Some(peer) = self.peers.get_mut(&id)
                && peer.addr_queue.len() < MAX_ADDR
            {
                peer.addr_queue.push(entry);
            }
        }
    }

    pub(super) fn tick_gossip(&mut self, work: &mut Work<'_>) {
        let now = self.now_ms;
        let mut due = Vec::new();
        for peer in self.peers.values_mut().filter(|peer| peer.ready()) {
            if peer.addr_queue.is_empty() || now < peer.addr_next_ms {
                continue;
            }
            peer.addr_next_ms = now + self.random.exponential(TELL_EVERY_MS);
            let mut entries = std::mem::take(&mut peer.addr_queue);
            entries.retain(|entry| peer.addr_known.insert(key(&entry.address)));
            if !entries.is_empty() {
                due.push((peer.id, entries));
            }
        }
        for (id, entries) in due {
            self.tell_addresses(id, entries, work);
        }
    }

    /// The answer to `getaddr`: once, and only to who connected to us, so that nobody finds out by
    /// asking whom we connect to.
    pub(super) fn give_addresses(&mut self, id: PeerId, work: &mut Work<'_>) {
        let now = self.now_s();
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let theirs = peer.address;
        if !peer.inbound() || std::mem::replace(&mut peer.gave_addresses, true) {
            return;
        }
        let mut random = self.random.clone();
        let mut entries = self.book.give(&mut random, MAX_ADDR, now);
        self.random = random;
        entries.retain(|entry| acceptable(&entry.address, &theirs));
        if !entries.is_empty() {
            self.tell_addresses(id, entries, work);
        }
    }
}

/// Whether two at these addresses have use for each other's: who is on the Internet is told of the
/// Internet; private networks tell each other of themselves.
fn acceptable(address: &SocketAddr, other: &SocketAddr) -> bool {
    match (is_local(&address.ip()), is_local(&other.ip())) {
        (true, true) => true,
        (true, false) => false,
        (false, _) => is_routable(&address.ip()) || !is_routable(&other.ip()),
    }
}

fn key(address: &SocketAddr) -> [u8; 32] {
    crypto::hash::sha256(address.to_string().as_bytes())
}
