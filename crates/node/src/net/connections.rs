//! Connections: whom to dial, whom to let in, who leaves, and what is kept between runs.

use core::net::SocketAddr;
use std::collections::BTreeSet;

use super::io::{NetDone, NetEvent, NetOutput};
use super::peer::{Origin, Peer};
use super::state::{Added, Connecting, Net, is_target};
use super::work::Work;
use crate::io::{Done, NodeError, Output};
use p2p::address::{canonical, group, is_local, is_routable, services};
use p2p::addrs::AddressBook;
use p2p::bans::{Ban, Subnet};
use p2p::download::PeerId;
use p2p::evict::{self, Candidate};
use p2p::handshake::Handshake;
use p2p::limits::{
    HANDSHAKE_S, MAX_INBOUND, MAX_INBOUND_PER_IP, MAX_OUTBOUND, SEND_MOST_BYTES, SLOW_BYTES, SLOW_S,
};
use p2p::message::Message;
use p2p::ping::Due;
use p2p::random::Random;
use store::error::StoreError;

/// Milliseconds between two dials of our own choice, and until a dial is given up.
const DIAL_EVERY_MS: u64 = 500;
const DIAL_TIMEOUT_MS: u64 = 30_000;
/// Milliseconds between tries of an added node: doubles up to the last.
const RETRY_LEAST_MS: u64 = 1_000;
const RETRY_MOST_MS: u64 = 60_000;
/// Connections that are remembered as anchors.
const ANCHORS: usize = 2;

impl Net {
    /// Takes what happened at the sockets; `now_ms` is in milliseconds since 1970.
    pub fn event(
        &mut self,
        event: NetEvent,
        now_ms: u64,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        self.now_ms = self.now_ms.max(now_ms);
        match event {
            NetEvent::Opened { seed, saved } => self.opened(seed, &saved),
            NetEvent::Connected { id, address, inbound } => {
                self.connected(id, canonical(address), inbound, work);
            }
            NetEvent::Failed { id, reason } => self.failed(id, &reason, work),
            NetEvent::Bytes { id, bytes } => self.bytes(id, &bytes, work)?,
            NetEvent::Written { id, bytes } => {
                if let Some(peer) = self.peers.get_mut(&id) {
                    peer.queued = peer.queued.saturating_sub(bytes);
                    self.serve_waiting(id, work)?;
                }
            }
            NetEvent::Gone { id, reason } => {
                self.forget(id, &reason, work);
                self.peers.remove(&id);
            }
            NetEvent::Listening(result) => self.listening_now(result, work),
            NetEvent::Tick => self.tick(work)?,
        }
        // Who waited for it looks at once.
        match std::mem::take(&mut self.view_due) {
            true => self.publish(work),
            false => Ok(()),
        }
    }

    fn opened(&mut self, seed: u64, saved: &str) {
        self.random = Random::new(seed);
        self.book = AddressBook::new((self.random.word(), self.random.word()));
        self.opened = true;
        for line in saved.lines() {
            self.read_saved(line);
        }
        self.bans.expire(self.now_s());
    }

    fn read_saved(&mut self, line: &str) -> Option<()> {
        let (kind, rest) = line.split_once(' ')?;
        match kind {
            "address" => self.book.read_line(rest),
            "anchor" => {
                self.anchors.push(rest.parse().ok()?);
                self.anchors.truncate(ANCHORS);
                Some(())
            }
            "ban" => {
                let mut parts = rest.splitn(4, ' ');
                let net: Subnet = parts.next()?.parse().ok()?;
                let created = parts.next()?.parse().ok()?;
                let until = parts.next()?.parse().ok()?;
                let reason = parts.next().unwrap_or_default().to_owned();
                self.bans.add(net, Ban { created, until, reason });
                Some(())
            }
            _ => None,
        }
    }

    /// What is kept for the next start, one thing a line.
    pub(super) fn saved(&self) -> String {
        let mut text = String::new();
        let chosen = self.peers.values().filter(|p| p.ready() && !p.inbound());
        for peer in chosen.take(ANCHORS) {
            text.push_str(&format!("anchor {}\n", peer.address));
        }
        for (net, ban) in self.bans.iter() {
            let reason = ban.reason.replace(['\n', '\r'], " ");
            text.push_str(&format!("ban {net} {} {} {reason}\n", ban.created, ban.until));
        }
        for line in self.book.to_text().lines() {
            text.push_str(&format!("address {line}\n"));
        }
        text
    }

    /// The node stops: what is to be kept goes out.
    pub fn stop(&mut self, work: &mut Work<'_>) {
        if self.opened {
            let text = self.saved();
            work.net(NetOutput::Save(text));
        }
        for ticket in std::mem::take(&mut self.connect_tickets).into_values() {
            work.out.push(Output::Reply { ticket, answer: Err(NodeError::Stopping) });
        }
        for ticket in std::mem::take(&mut self.listen_tickets) {
            work.out.push(Output::Reply { ticket, answer: Err(NodeError::Stopping) });
        }
    }

    fn listening_now(&mut self, result: Result<SocketAddr, String>, work: &mut Work<'_>) {
        self.listening = result.as_ref().ok().copied();
        self.view_due = true;
        let answer = match result {
            Ok(address) => Ok(Done::Net(NetDone::Listening { address })),
            Err(reason) => Err(NodeError::Network { reason }),
        };
        match self.listen_tickets.is_empty() {
            true => {
                if let Err(error) = &answer {
                    work.note(format!("{error}; others can't connect to this node"));
                }
            }
            false => {
                for ticket in std::mem::take(&mut self.listen_tickets) {
                    work.out.push(Output::Reply { ticket, answer: answer.clone() });
                }
            }
        }
    }

    /// Dials; the number names the connection from now on.
    pub(super) fn dial(
        &mut self,
        host: &str,
        port: u16,
        origin: Origin,
        work: &mut Work<'_>,
    ) -> PeerId {
        let id = self.next_id;
        self.next_id += 2;
        if let Ok(ip) = host.parse() {
            let now = self.now_s();
            self.book.attempted(&SocketAddr::new(ip, port), now);
        }
        let target = (host.to_owned(), port);
        self.connecting.insert(id, Connecting { target, origin, since_ms: self.now_ms });
        work.net(NetOutput::Connect { id, host: host.to_owned(), port });
        id
    }

    fn failed(&mut self, id: PeerId, reason: &str, work: &mut Work<'_>) {
        let Some(gone) = self.connecting.remove(&id) else { return };
        self.added_failed(&gone.target);
        self.answer_connect(id, Err(reason), work);
    }

    fn added_failed(&mut self, target: &(String, u16)) {
        let now = self.now_ms;
        if let Some(added) =
            self.added.iter_mut().find(|a| (a.host.as_str(), a.port) == (&target.0, target.1))
        {
            added.fails = (added.fails + 1).min(16);
            let wait = RETRY_LEAST_MS.saturating_mul(1 << added.fails.min(7));
            added.next_ms = now + wait.min(RETRY_MOST_MS);
        }
    }

    fn answer_connect(&mut self, id: PeerId, result: Result<(), &str>, work: &mut Work<'_>) {
        let Some(ticket) = self.connect_tickets.remove(&id) else { return };
        let answer = match result {
            Ok(()) => Ok(Done::Net(NetDone::Connected { id })),
            Err(reason) => Err(NodeError::Network { reason: reason.to_owned() }),
        };
        work.out.push(Output::Reply { ticket, answer });
    }

    fn connected(&mut self, id: PeerId, address: SocketAddr, inbound: bool, work: &mut Work<'_>) {
        let origin = match (inbound, self.connecting.remove(&id)) {
            (true, _) => Origin::Inbound,
            (false, Some(dialled)) => dialled.origin,
            // Given up meanwhile.
            (false, None) => return work.net(NetOutput::Close { id }),
        };
        if !self.admits(&address, origin, work) {
            work.net(NetOutput::Close { id });
            return self.answer_connect(id, Err("its address is banned"), work);
        }
        let needed = match origin {
            Origin::Automatic => services::NETWORK | services::WITNESS,
            _ => 0,
        };
        let handshake = Handshake::new(inbound, self.random.word(), needed);
        let mut peer = Peer::new(id, address, origin, handshake, self.params.magic, self.now_ms);
        peer.ping.soon();
        let own = self.own(work);
        let hello = (!inbound).then(|| peer.handshake.version_message(&own, address));
        self.peers.insert(id, peer);
        if let Some(hello) = hello {
            self.send(id, &hello, work);
        }
    }

    /// Whether a connection may stand; another may have to go for it.
    fn admits(&mut self, address: &SocketAddr, origin: Origin, work: &mut Work<'_>) -> bool {
        if !self.active {
            return false;
        }
        if origin == Origin::Manual {
            return true;
        }
        if self.bans.find(&address.ip(), self.now_s()).is_some() {
            return false;
        }
        if origin == Origin::Automatic {
            return true;
        }
        let inbound = || self.peers.values().filter(|p| p.inbound() && !p.closing);
        let same = inbound().filter(|p| p.address.ip() == address.ip()).count();
        if same >= MAX_INBOUND_PER_IP && !is_local(&address.ip()) {
            return false;
        }
        if inbound().count() < MAX_INBOUND {
            return true;
        }
        let key = self.now_ms / (24 * 60 * 60 * 1000);
        let candidates = inbound().map(|peer| Candidate {
            id: peer.id,
            connected_ms: peer.connected_ms,
            least_ping_ms: peer.ping.least_ms.unwrap_or(u64::MAX),
            last_block_ms: peer.last_block_ms,
            last_tx_ms: peer.last_tx_ms,
            keyed_group: crypto::siphash::siphash24(key, 0, &group(&peer.address.ip())),
            relays: peer.announcer.wanted,
        });
        match evict::select(candidates.collect()) {
            Some(worst) => {
                self.close(worst, "its place is needed for another", work);
                true
            }
            None => false,
        }
    }

    /// A connection no longer counts: what it owed is asked of others.
    pub(super) fn forget(&mut self, id: PeerId, why: &str, work: &mut Work<'_>) {
        self.answer_connect(id, Err(why), work);
        if let Some(dialled) = self.connecting.remove(&id) {
            self.added_failed(&dialled.target);
        }
        self.download.disconnected(id);
        self.requests.disconnected(id, self.now_ms);
        self.orphans.drop_from(id);
        self.compact_peers.retain(|peer| *peer != id);
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.closing = true;
            peer.requests.clear();
            peer.partial = None;
            peer.headers.presync = None;
        }
    }

    /// The handshake is done.
    pub(super) fn ready(&mut self, id: PeerId, work: &mut Work<'_>) -> Result<(), StoreError> {
        let now = self.now_s();
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(()) };
        let (address, inbound) = (peer.address, peer.inbound());
        let services = peer.services();
        let seen_as = peer.handshake.version.as_ref().map(|v| v.receiver);
        peer.announcer.by_wtxid = peer.handshake.wtxid_relay;
        let relay = peer.handshake.version.as_ref().is_some_and(|v| v.relay);
        peer.announcer.wanted = relay && !self.readonly;
        if !inbound {
            self.book.good(&address, services, now);
        }
        self.view_due = true;
        self.answer_connect(id, Ok(()), work);
        if let Some(added) = self.added.iter_mut().find(|a| is_target(&address, &a.host, a.port)) {
            added.fails = 0;
        }
        self.greet(id, seen_as, work);
        self.start_headers(id, work)
    }

    /// Timeouts of handshakes, pings, slow senders and slow readers.
    pub(super) fn tick_peers(&mut self, work: &mut Work<'_>) {
        let now = self.now_ms;
        let mut leave: Vec<(PeerId, &'static str)> = Vec::new();
        let mut pings: Vec<(PeerId, u64)> = Vec::new();
        for peer in self.peers.values_mut().filter(|peer| !peer.closing) {
            if !peer.handshake.done {
                if now >= peer.connected_ms + HANDSHAKE_S * 1000 {
                    leave.push((peer.id, "no handshake in time"));
                }
                continue;
            }
            match peer.ping.due(now, self.random.word()) {
                Due::Send(nonce) => pings.push((peer.id, nonce)),
                Due::TimedOut => leave.push((peer.id, "it does not answer pings")),
                Due::Nothing => {}
            }
            match peer.slow {
                _ if peer.decoder.pending() == 0 => peer.slow = None,
                None => peer.slow = Some((now, peer.bytes_received)),
                Some((since, bytes)) if now >= since + SLOW_S * 1000 => {
                    if peer.bytes_received < bytes + SLOW_BYTES as u64 {
                        leave.push((peer.id, "its message does not come to an end"));
                    }
                    peer.slow = Some((now, peer.bytes_received));
                }
                Some(_) => {}
            }
            if peer.queued > SEND_MOST_BYTES {
                leave.push((peer.id, "it does not read what it asks for"));
            }
        }
        for (id, nonce) in pings {
            self.send(id, &Message::Ping(nonce), work);
        }
        for (id, why) in leave {
            self.close(id, why, work);
        }
        self.bans.expire(now / 1000);
    }

    /// Dials what is due: added nodes, anchors, then addresses of the book.
    pub(super) fn tick_connections(&mut self, work: &mut Work<'_>) {
        let now = self.now_ms;
        let late = self.connecting.iter().filter(|(_, c)| now >= c.since_ms + DIAL_TIMEOUT_MS);
        let late: Vec<PeerId> = late.map(|(id, _)| *id).collect();
        for id in late {
            work.net(NetOutput::Close { id });
            self.failed(id, "the connection takes too long", work);
        }
        if !self.active || !self.opened {
            return;
        }
        for index in 0..self.added.len() {
            let Added { host, port, next_ms, .. } = self.added[index].clone();
            let here =
                self.peers.values().any(|p| !p.closing && is_target(&p.address, &host, port))
                    || self.connecting.values().any(|c| c.target == (host.clone(), port))
                    || self.reached_by_name(&host, port);
            if !here && now >= next_ms {
                self.added[index].next_ms = now + RETRY_LEAST_MS;
                let id = self.dial(&host, port, Origin::Manual, work);
                self.named(id, &host, port);
            }
        }
        if now >= self.next_dial_ms {
            self.next_dial_ms = now + DIAL_EVERY_MS;
            if let Some(address) = self.choose() {
                let host = address.ip().to_string();
                self.dial(&host, address.port(), Origin::Automatic, work);
            }
        }
    }

    /// A connection to a name stands under its number, whatever address the name has.
    fn named(&mut self, id: PeerId, host: &str, port: u16) {
        if host.parse::<core::net::IpAddr>().is_err() {
            self.names.insert(id, (host.to_owned(), port));
        }
    }

    fn reached_by_name(&mut self, host: &str, port: u16) -> bool {
        let (peers, connecting) = (&self.peers, &self.connecting);
        self.names.retain(|id, _| {
            connecting.contains_key(id) || peers.get(id).is_some_and(|peer| !peer.closing)
        });
        self.names.values().any(|(name, p)| name == host && *p == port)
    }

    /// An address to dial, of a group that we have no chosen peer in.
    fn choose(&mut self) -> Option<SocketAddr> {
        let outbound = self.peers.values().filter(|p| !p.inbound() && !p.closing);
        let mut groups: BTreeSet<[u8; 5]> = BTreeSet::new();
        let mut count = 0;
        for address in outbound.map(|p| p.address) {
            count += 1;
            if is_routable(&address.ip()) {
                groups.insert(group(&address.ip()));
            }
        }
        let dialling = self.connecting.values().filter(|c| c.origin == Origin::Automatic).count();
        if count + dialling >= MAX_OUTBOUND {
            return None;
        }
        let now = self.now_s();
        let taken: BTreeSet<SocketAddr> =
            self.peers
                .values()
                .map(|p| p.address)
                .chain(self.connecting.values().filter_map(|c| {
                    c.target.0.parse().ok().map(|ip| SocketAddr::new(ip, c.target.1))
                }))
                .chain(self.own_addresses.iter().copied())
                .collect();
        let usable = |address: &SocketAddr| {
            !taken.contains(address)
                && !groups.contains(&group(&address.ip()))
                && self.bans.find(&address.ip(), now).is_none()
        };
        while let Some(anchor) = self.anchors.pop() {
            if usable(&anchor) {
                return Some(anchor);
            }
        }
        let mut random = self.random.clone();
        let chosen = self.book.select(&mut random, now, usable);
        self.random = random;
        chosen
    }
}
