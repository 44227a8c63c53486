//! Addresses: `addr`, `addrv2` (BIP155) and `getaddr`: asked for, taken within limits, passed on to
//! a few, kept in the book, and chosen from it to be dialled.

use core::net::SocketAddr;
use std::collections::BTreeMap;

use super::connections::Occupied;
use super::context::{Action, Context};
use super::peers::{ANCHORS, PeerManager};
use crypto::hash::siphash24;
use p2p::address::{PeerAddress, canonical, group, is_local, is_routable};
use p2p::addrs::AddressBook;
use p2p::bans::Bans;
use p2p::download::PeerId;
use p2p::limits::{MAX_ADDR, RateLimit};
use p2p::message::Message;
use p2p::relay::RecentSet;

/// A list up to this long is news; a longer one answers a question.
const NEWS: usize = 10;
/// Seconds that news may be old to be passed on.
const FRESH_S: u64 = 600;
/// Peers that each piece of news is passed on to.
const PASS_ON_TO: usize = 2;
/// Mean milliseconds between two announcements of addresses to a peer.
const ANNOUNCE_EVERY_MS: u64 = 30_000;
/// Addresses at which no more are asked for.
const ENOUGH: usize = 1000;
/// Addresses of ours that are kept.
const MAX_OWN: usize = 8;
/// Addresses that a peer is remembered to know.
const MAX_KNOWN_ADDRESSES: usize = 5000;
/// Addresses a second that are taken from a peer unasked (Core's rate).
const ADDR_PER_S: f64 = 0.1;
/// Milliseconds between two savings.
const SAVE_EVERY_MS: u64 = 15 * 60 * 1000;

/// One peer's exchange of addresses.
#[derive(Debug)]
struct AddressPeer {
    limit: RateLimit,
    /// Addresses that were read, and those that came too fast.
    taken: u64,
    refused: u64,
    known: RecentSet,
    queue: Vec<PeerAddress>,
    next_ms: u64,
    /// Its `getaddr` was answered.
    answered: bool,
}

/// The address book and each peer's exchange of addresses.
#[derive(Debug)]
pub struct AddressManager {
    book: AddressBook,
    /// Chosen peers of the last run, to be dialled first.
    anchors: Vec<SocketAddr>,
    /// Our addresses, as others see them.
    own: Vec<SocketAddr>,
    peers: BTreeMap<PeerId, AddressPeer>,
    next_save_ms: u64,
}

impl Default for AddressManager {
    fn default() -> AddressManager {
        AddressManager {
            book: AddressBook::new((0, 0)),
            anchors: Vec::new(),
            own: Vec::new(),
            peers: BTreeMap::new(),
            next_save_ms: 0,
        }
    }
}

impl AddressManager {
    /// Begins an empty book under a secret key.
    pub fn open(&mut self, key: (u64, u64)) {
        self.book = AddressBook::new(key);
    }

    pub fn book(&self) -> &AddressBook {
        &self.book
    }

    /// Addresses of a peer that were read, and those that came too fast.
    pub fn counts(&self, id: PeerId) -> (u64, u64) {
        self.peers.get(&id).map_or((0, 0), |peer| (peer.taken, peer.refused))
    }

    pub fn restore_address(&mut self, line: &str) -> Option<()> {
        self.book.read_line(line)
    }

    pub fn restore_anchor(&mut self, line: &str) -> Option<()> {
        self.anchors.push(line.parse().ok()?);
        self.anchors.truncate(ANCHORS);
        Some(())
    }

    /// The book, one address a line, for the next start.
    pub fn save(&self, text: &mut String) {
        for line in self.book.to_text().lines() {
            text.push_str(&format!("address {line}\n"));
        }
    }

    pub fn connected(&mut self, id: PeerId, now_ms: u64) {
        let peer = AddressPeer {
            limit: RateLimit::new(ADDR_PER_S, MAX_ADDR as f64, now_ms),
            taken: 0,
            refused: 0,
            known: RecentSet::new(MAX_KNOWN_ADDRESSES),
            queue: Vec::new(),
            next_ms: 0,
            answered: false,
        };
        self.peers.insert(id, peer);
    }

    pub fn removed(&mut self, id: PeerId) {
        self.peers.remove(&id);
    }

    /// An address is being dialled.
    pub fn attempted(&mut self, address: &SocketAddr, now_s: u64) {
        self.book.attempted(address, now_s);
    }

    /// The handshake is done: a peer that we dialled is noted as good, told our own address and
    /// asked for others.
    pub fn ready(
        &mut self,
        id: PeerId,
        listening: Option<SocketAddr>,
        peers: &PeerManager,
        ctx: &mut Context<'_>,
    ) {
        let Some(peer) = peers.get(id).filter(|peer| !peer.inbound()) else { return };
        let theirs = peer.address;
        self.book.good(&theirs, peer.services(), ctx.now_s());
        let seen_as = peer.handshake.version.as_ref().map(|version| version.receiver);
        if let (Some(seen), Some(listening)) = (seen_as, listening) {
            let ip = if listening.ip().is_unspecified() { seen.ip() } else { listening.ip() };
            let own = SocketAddr::new(ip, listening.port());
            if acceptable(&own, &theirs) {
                if !self.own.contains(&own) && self.own.len() < MAX_OWN {
                    self.own.push(own);
                }
                let time = u32::try_from(ctx.now_s()).unwrap_or(u32::MAX);
                let entry = PeerAddress { time, services: ctx.services, address: own };
                announce(id, vec![entry], peers, ctx);
            }
        }
        if self.book.len() < ENOUGH {
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.limit.grant(MAX_ADDR as f64);
            }
            ctx.send(id, Message::GetAddr);
        }
    }

    /// An `addr` or `addrv2` message.
    pub fn received(
        &mut self,
        id: PeerId,
        entries: Vec<PeerAddress>,
        peers: &PeerManager,
        ctx: &Context<'_>,
    ) {
        let now = ctx.now_s();
        let news = entries.len() <= NEWS;
        let Some(source) = peers.get(id).map(|peer| peer.address) else { return };
        let mut rest = entries.len() as u64;
        for mut entry in entries {
            entry.address = canonical(entry.address);
            let Some(peer) = self.peers.get_mut(&id) else { return };
            if !peer.limit.take(1.0, ctx.now_ms) {
                peer.refused += rest;
                break;
            }
            rest -= 1;
            peer.taken += 1;
            peer.known.insert(key(&entry.address));
            let useful = acceptable(&entry.address, &source)
                && !self.own.contains(&entry.address)
                && peers.bans().find(&entry.address.ip(), now).is_none();
            if !useful {
                continue;
            }
            self.book.add(entry, &source, now);
            if news && u64::from(entry.time) + FRESH_S > now {
                self.pass_on(id, entry, peers, now);
            }
        }
    }

    /// Chooses who hears of an address; for a day the same ones, so that repeating it gains nothing.
    fn pass_on(&mut self, from: PeerId, entry: PeerAddress, peers: &PeerManager, now: u64) {
        let day = now / (24 * 60 * 60);
        let known = key(&entry.address);
        let others = peers.ready().filter(|peer| peer.id != from);
        let others = others.filter(|peer| acceptable(&entry.address, &peer.address));
        let unaware = others.filter(|peer| {
            self.peers.get(&peer.id).is_some_and(|state| !state.known.contains(&known))
        });
        let mut ranked: Vec<(u64, PeerId)> =
            unaware.map(|peer| (siphash24(day, peer.id, &known), peer.id)).collect();
        ranked.sort_unstable();
        for (_, id) in ranked.into_iter().take(PASS_ON_TO) {
            if let Some(peer) = self.peers.get_mut(&id)
                && peer.queue.len() < MAX_ADDR
            {
                peer.queue.push(entry);
            }
        }
    }

    /// Announces what is due.
    pub fn tick(&mut self, peers: &PeerManager, ctx: &mut Context<'_>) {
        let now = ctx.now_ms;
        for (&id, peer) in &mut self.peers {
            if !peers.is_ready(id) || peer.queue.is_empty() || now < peer.next_ms {
                continue;
            }
            peer.next_ms = now + ctx.random.exponential(ANNOUNCE_EVERY_MS);
            let mut entries = std::mem::take(&mut peer.queue);
            entries.retain(|entry| peer.known.insert(key(&entry.address)));
            if !entries.is_empty() {
                announce(id, entries, peers, ctx);
            }
        }
    }

    /// Has everything saved now and then.
    pub fn save_when_due(&mut self, ctx: &mut Context<'_>) {
        if ctx.now_ms >= self.next_save_ms {
            self.next_save_ms = ctx.now_ms + SAVE_EVERY_MS;
            ctx.push(Action::Save);
        }
    }

    /// The answer to `getaddr`: once, and only to who connected to us, so that nobody finds out by
    /// asking whom we connect to.
    pub fn get_addr(&mut self, id: PeerId, peers: &PeerManager, ctx: &mut Context<'_>) {
        let Some(theirs) = peers.get(id).filter(|p| p.inbound()).map(|p| p.address) else { return };
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if std::mem::replace(&mut peer.answered, true) {
            return;
        }
        let now = ctx.now_s();
        let mut entries = self.book.give(ctx.random, MAX_ADDR, now);
        entries.retain(|entry| acceptable(&entry.address, &theirs));
        if !entries.is_empty() {
            announce(id, entries, peers, ctx);
        }
    }

    /// An address to dial, of a group that we have no chosen peer in: anchors first.
    pub fn choose(
        &mut self,
        occupied: &Occupied,
        bans: &Bans,
        ctx: &mut Context<'_>,
    ) -> Option<SocketAddr> {
        let now = ctx.now_s();
        let own = &self.own;
        let usable = |address: &SocketAddr| {
            !occupied.addresses.contains(address)
                && !own.contains(address)
                && !occupied.groups.contains(&group(&address.ip()))
                && bans.find(&address.ip(), now).is_none()
        };
        while let Some(anchor) = self.anchors.pop() {
            if usable(&anchor) {
                return Some(anchor);
            }
        }
        self.book.select(ctx.random, now, usable)
    }
}

fn announce(id: PeerId, entries: Vec<PeerAddress>, peers: &PeerManager, ctx: &mut Context<'_>) {
    let v2 = peers.get(id).is_some_and(|peer| peer.handshake.addr_v2);
    ctx.send(id, if v2 { Message::AddrV2(entries) } else { Message::Addr(entries) });
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

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    /// Now, in milliseconds.
    const NOW_MS: u64 = 1_700_000_000_000;

    fn entry(n: u8) -> PeerAddress {
        let time = (NOW_MS / 1000) as u32;
        PeerAddress { time, services: 9, address: SocketAddr::from(([50 + n, 1, 1, 1], 8333)) }
    }

    #[test]
    fn news_is_passed_on_to_two_and_never_back() {
        let mut fixture = Fixture::new();
        let peers = fixture.ready_peers(&[1, 3, 5, 7], NOW_MS);
        let mut addresses = AddressManager::default();
        peers.all().for_each(|peer| addresses.connected(peer.id, NOW_MS));
        let mut ctx = fixture.context(NOW_MS);
        addresses.received(1, vec![entry(1)], &peers, &ctx);
        addresses.tick(&peers, &mut ctx);
        let to = ctx.actions.iter().map(|action| match action {
            Action::Send { id, message: Message::Addr(list) } => (*id, list.len()),
            other => panic!("{other:?}"),
        });
        let to: Vec<_> = to.collect();
        assert_eq!(to.len(), PASS_ON_TO);
        assert!(to.iter().all(|(id, count)| *id != 1 && *count == 1));
        assert_eq!(addresses.counts(1), (1, 0));
        // Told again, it goes to nobody who knows it.
        let mut ctx = fixture.context(NOW_MS + 10 * ANNOUNCE_EVERY_MS);
        addresses.received(1, vec![entry(1)], &peers, &ctx);
        addresses.tick(&peers, &mut ctx);
        let again = ctx.actions.iter().filter(|action| match action {
            Action::Send { id, .. } => to.iter().any(|(known, _)| known == id),
            _ => true,
        });
        assert_eq!(again.count(), 0);
    }

    #[test]
    fn getaddr_is_answered_once_and_too_many_addresses_are_refused() {
        let mut fixture = Fixture::new();
        let peers = fixture.ready_peers(&[1, 3], NOW_MS);
        let mut addresses = AddressManager::default();
        peers.all().for_each(|peer| addresses.connected(peer.id, NOW_MS));
        let mut ctx = fixture.context(NOW_MS);
        let many = (0..2 * MAX_ADDR).map(|n| entry((n % 100) as u8));
        addresses.received(1, many.collect(), &peers, &ctx);
        assert_eq!(addresses.counts(1), (MAX_ADDR as u64, MAX_ADDR as u64));
        addresses.get_addr(3, &peers, &mut ctx);
        addresses.get_addr(3, &peers, &mut ctx);
        assert!(matches!(
            &ctx.actions[..],
            [Action::Send { id: 3, message: Message::Addr(list) }] if !list.is_empty()
        ));
    }

    #[test]
    fn anchors_are_dialled_before_the_book_and_banned_addresses_never() {
        let mut fixture = Fixture::new();
        let mut peers = PeerManager::default();
        let mut addresses = AddressManager::default();
        addresses.restore_anchor("60.1.1.1:8333").expect("an address");
        addresses.restore_anchor("60.2.1.1:8333").expect("an address");
        peers.restore_ban("60.2.1.1/32 1 9999999999 bad").expect("a ban");
        let occupied = Occupied::default();
        let mut ctx = fixture.context(NOW_MS);
        let first = addresses.choose(&occupied, peers.bans(), &mut ctx);
        assert_eq!(first, "60.1.1.1:8333".parse().ok());
        assert_eq!(addresses.choose(&occupied, peers.bans(), &mut ctx), None);
    }
}
