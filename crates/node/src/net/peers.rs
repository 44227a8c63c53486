//! The table of peers: frames to messages, the handshake, pings (BIP31), misbehaviour and bans.
//!
//! A peer that is closing stays in the table until its socket is gone: nothing more is read from it
//! or sent to it.

use core::net::SocketAddr;
use std::collections::BTreeMap;

use super::context::{Action, Context};
use super::io::NetOutput;
use super::peer::{Origin, Peer};
use p2p::address::{is_local, services};
use p2p::bans::{Ban, Bans, Subnet};
use p2p::download::PeerId;
use p2p::frame::{self, FrameError};
use p2p::handshake::{Handshake, LocalNode, Step};
use p2p::limits::{
    BAN_S, BAN_SCORE, FEEFILTER_VERSION, HANDSHAKE_S, HINTS_VERSION, SEND_MOST_BYTES, SLOW_BYTES,
    SLOW_S,
};
use p2p::message::Message;
use p2p::ping::Due;
use p2p::relay::RecentSet;

/// How we introduce ourselves (BIP14).
pub const USER_AGENT: &str = concat!("/ForthCoin:", env!("CARGO_PKG_VERSION"), "/");
/// What a message that does not decode counts.
const UNREADABLE: u32 = 20;
/// Lines about peers that are not repeated.
const MAX_LOGGED: usize = 2000;
/// Connections that are remembered as anchors.
pub const ANCHORS: usize = 2;

/// The peers.
#[derive(Debug)]
pub struct PeerManager {
    table: BTreeMap<PeerId, Peer>,
    bans: Bans,
    logged: RecentSet,
    bytes_sent: u64,
    bytes_received: u64,
}

impl Default for PeerManager {
    fn default() -> PeerManager {
        PeerManager {
            table: BTreeMap::new(),
            bans: Bans::default(),
            logged: RecentSet::new(MAX_LOGGED),
            bytes_sent: 0,
            bytes_received: 0,
        }
    }
}

impl PeerManager {
    pub fn get(&self, id: PeerId) -> Option<&Peer> {
        self.table.get(&id)
    }

    /// Every peer, those that are closing too, by number.
    pub fn all(&self) -> impl Iterator<Item = &Peer> {
        self.table.values()
    }

    /// Peers that are not closing.
    pub fn open(&self) -> impl Iterator<Item = &Peer> {
        self.all().filter(|peer| !peer.closing)
    }

    /// Peers whose handshake is done.
    pub fn ready(&self) -> impl Iterator<Item = &Peer> {
        self.all().filter(|peer| peer.ready())
    }

    pub fn is_ready(&self, id: PeerId) -> bool {
        self.get(id).is_some_and(Peer::ready)
    }

    pub fn is_origin(&self, id: PeerId, origin: Origin) -> bool {
        self.get(id).is_some_and(|peer| peer.origin == origin)
    }

    pub fn bans(&self) -> &Bans {
        &self.bans
    }

    pub fn bans_mut(&mut self) -> &mut Bans {
        &mut self.bans
    }

    /// Bytes sent to and received from all peers so far.
    pub fn traffic(&self) -> (u64, u64) {
        (self.bytes_sent, self.bytes_received)
    }

    /// What we say of ourselves in a handshake.
    fn local_node(ctx: &Context<'_>) -> LocalNode {
        LocalNode {
            services: ctx.services,
            user_agent: USER_AGENT.to_owned(),
            height: i32::try_from(ctx.chain.tip().height.0).unwrap_or(i32::MAX),
            relay: !ctx.readonly,
            time: i64::try_from(ctx.now_s()).unwrap_or(i64::MAX),
        }
    }

    /// Adds a peer; who dialled speaks first.
    pub fn connected(
        &mut self,
        id: PeerId,
        address: SocketAddr,
        origin: Origin,
        ctx: &mut Context<'_>,
    ) {
        let needed = match origin {
            Origin::Automatic => services::NETWORK | services::WITNESS,
            _ => 0,
        };
        let inbound = origin == Origin::Inbound;
        let handshake = Handshake::new(inbound, ctx.random.word(), needed);
        let mut peer = Peer::new(id, address, origin, handshake, ctx.params.magic, ctx.now_ms);
        peer.ping.soon();
        let local = PeerManager::local_node(ctx);
        let version = (!inbound).then(|| peer.handshake.version_message(&local, address));
        self.table.insert(id, peer);
        ctx.push(Action::Connected { id });
        if let Some(version) = version {
            ctx.send(id, version);
        }
    }

    /// The socket is gone.
    pub fn removed(&mut self, id: PeerId) {
        self.table.remove(&id);
    }

    /// A connection no longer counts.
    pub fn closed(&mut self, id: PeerId) {
        if let Some(peer) = self.table.get_mut(&id) {
            peer.closing = true;
        }
    }

    /// Takes bytes of a connection.
    pub fn received(&mut self, id: PeerId, bytes: &[u8], now_ms: u64) {
        self.bytes_received += bytes.len() as u64;
        if let Some(peer) = self.table.get_mut(&id).filter(|peer| !peer.closing) {
            peer.bytes_received += bytes.len() as u64;
            peer.last_receive_ms = now_ms;
            peer.decoder.feed(bytes);
        }
    }

    /// The next whole message of a peer.
    pub fn next_message(&mut self, id: PeerId, ctx: &mut Context<'_>) -> Option<Message> {
        loop {
            let peer = self.table.get_mut(&id).filter(|peer| !peer.closing)?;
            match peer.decoder.next() {
                Ok(None) => return None,
                Ok(Some((message, size))) => {
                    *peer.received.entry(message.command()).or_default() += size as u64;
                    return Some(message);
                }
                Err(error @ FrameError::Payload { .. }) => {
                    self.misbehaved(id, UNREADABLE, &error.to_string(), ctx);
                }
                // Bytes that were garbled on the way are nobody's fault: no ban.
                Err(error) => self.close(id, &error.to_string(), ctx),
            }
        }
    }

    /// That many bytes have left for a peer.
    pub fn written(&mut self, id: PeerId, bytes: u64) {
        if let Some(peer) = self.table.get_mut(&id) {
            peer.queued = peer.queued.saturating_sub(bytes);
        }
    }

    pub fn send(&mut self, id: PeerId, message: &Message, ctx: &mut Context<'_>) {
        let Some(peer) = self.table.get_mut(&id).filter(|peer| !peer.closing) else { return };
        let bytes = frame::encode(ctx.params.magic, message);
        let size = bytes.len() as u64;
        peer.queued += size;
        peer.bytes_sent += size;
        *peer.sent.entry(message.command()).or_default() += size;
        peer.last_send_ms = ctx.now_ms;
        self.bytes_sent += size;
        ctx.net(NetOutput::Send { id, bytes });
    }

    /// A message before the handshake is done.
    pub fn handshake(&mut self, id: PeerId, message: Message, ctx: &mut Context<'_>) {
        let local = PeerManager::local_node(ctx);
        let outbound = self.all().filter(|peer| !peer.inbound());
        let nonces: Vec<u64> = outbound.map(|peer| peer.handshake.nonce).collect();
        let Some(peer) = self.table.get_mut(&id) else { return };
        if let Message::Version(version) = &message {
            peer.time_offset_s = version.time.saturating_sub(local.time);
        }
        let (inbound, address) = (peer.inbound(), peer.address);
        let is_ours = |nonce| inbound && nonces.contains(&nonce);
        match peer.handshake.receive(message, &local, address, is_ours) {
            Ok(Step::Send(messages)) => {
                messages.into_iter().for_each(|message| ctx.send(id, message));
            }
            Ok(Step::Done(messages)) => {
                messages.into_iter().for_each(|message| ctx.send(id, message));
                let relay = peer.handshake.version.as_ref().is_some_and(|v| v.relay);
                peer.relays = relay && !ctx.readonly;
                if peer.handshake.common_version() >= FEEFILTER_VERSION && !ctx.readonly {
                    let rate = ctx.pool.read().policy().min_relay.per_kvb;
                    ctx.send(id, Message::FeeFilter(rate));
                }
                if peer.is_our_kind() {
                    ctx.send(id, Message::SendHints(HINTS_VERSION));
                }
                ctx.push(Action::Ready { id });
            }
            Err(error) => self.close(id, &error.to_string(), ctx),
        }
    }

    pub fn pong(&mut self, id: PeerId, nonce: u64, now_ms: u64) {
        if let Some(peer) = self.table.get_mut(&id) {
            peer.ping.pong(nonce, now_ms);
        }
    }

    /// Ping every peer at the next tick.
    pub fn ping_soon(&mut self) {
        self.table.values_mut().for_each(|peer| peer.ping.soon());
    }

    /// Whether a message that nobody asked for is within what a peer may send.
    pub fn allow_unsolicited(&mut self, id: PeerId, now_ms: u64) -> bool {
        self.table.get_mut(&id).is_some_and(|peer| peer.unsolicited.take(1.0, now_ms))
    }

    /// Counts a message that nobody asked for; true if it is to be read.
    pub fn unsolicited(&mut self, id: PeerId, ctx: &mut Context<'_>) -> bool {
        let allowed = self.allow_unsolicited(id, ctx.now_ms);
        if !allowed {
            self.misbehaved(id, 1, "it talks too much", ctx);
        }
        allowed
    }

    pub fn gave_block(&mut self, id: PeerId, now_ms: u64) {
        if let Some(peer) = self.table.get_mut(&id) {
            peer.last_block_ms = now_ms;
        }
    }

    pub fn gave_transaction(&mut self, id: PeerId, now_ms: u64) {
        if let Some(peer) = self.table.get_mut(&id) {
            peer.last_tx_ms = now_ms;
        }
    }

    /// Says something about a peer once.
    pub fn log_once(&mut self, about: &str, ctx: &mut Context<'_>) {
        if self.logged.insert(crypto::hash::sha256(about.as_bytes())) {
            ctx.note(about);
        }
    }

    /// Ends a connection; what it owed is free for others.
    pub fn close(&mut self, id: PeerId, why: &str, ctx: &mut Context<'_>) {
        let Some(peer) = self.table.get_mut(&id).filter(|peer| !peer.closing) else { return };
        peer.closing = true;
        let about = format!("peer {} is dropped: {why}", peer.address.ip());
        ctx.net(NetOutput::Close { id });
        self.log_once(&about, ctx);
        ctx.push(Action::Closed { id, why: why.to_owned() });
    }

    /// Closes every connection with an address in a subnet.
    pub fn close_subnet(&mut self, net: &Subnet, why: &str, ctx: &mut Context<'_>) {
        let hit = self.all().filter(|peer| net.contains(&peer.address.ip()));
        let hit: Vec<PeerId> = hit.map(|peer| peer.id).collect();
        hit.into_iter().for_each(|id| self.close(id, why, ctx));
    }

    pub fn close_all(&mut self, why: &str, ctx: &mut Context<'_>) {
        let all: Vec<PeerId> = self.table.keys().copied().collect();
        all.into_iter().for_each(|id| self.close(id, why, ctx));
    }

    /// Counts against a peer what it did; at `BAN_SCORE` it is dropped and its address banned,
    /// unless that is this machine's or the operator asked for the peer.
    pub fn misbehaved(&mut self, id: PeerId, points: u32, why: &str, ctx: &mut Context<'_>) {
        let Some(peer) = self.table.get_mut(&id).filter(|peer| !peer.closing) else { return };
        peer.score = peer.score.saturating_add(points);
        if peer.score < BAN_SCORE {
            return;
        }
        let (ip, manual) = (peer.address.ip(), peer.origin == Origin::Manual);
        if !manual && !is_local(&ip) {
            let now = ctx.now_s();
            let ban = Ban { created: now, until: now + BAN_S, reason: why.to_owned() };
            self.bans.add(Subnet::single(ip), ban);
        }
        self.close(id, why, ctx);
    }

    /// Timeouts of handshakes, pings, slow senders and slow readers.
    pub fn tick(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now_ms;
        let mut leave: Vec<(PeerId, &'static str)> = Vec::new();
        let mut pings: Vec<(PeerId, u64)> = Vec::new();
        for peer in self.table.values_mut().filter(|peer| !peer.closing) {
            if !peer.handshake.done {
                if now >= peer.connected_ms + HANDSHAKE_S * 1000 {
                    leave.push((peer.id, "no handshake in time"));
                }
                continue;
            }
            match peer.ping.due(now, ctx.random.word()) {
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
            self.send(id, &Message::Ping(nonce), ctx);
        }
        for (id, why) in leave {
            self.close(id, why, ctx);
        }
        self.bans.expire(now / 1000);
    }

    /// Reads a line of an earlier run: `ban SUBNET CREATED UNTIL REASON`.
    pub fn restore_ban(&mut self, line: &str) -> Option<()> {
        let mut parts = line.splitn(4, ' ');
        let net: Subnet = parts.next()?.parse().ok()?;
        let created = parts.next()?.parse().ok()?;
        let until = parts.next()?.parse().ok()?;
        let reason = parts.next().unwrap_or_default().to_owned();
        self.bans.add(net, Ban { created, until, reason });
        Some(())
    }

    /// Anchors and bans, one a line, for the next start.
    pub fn save(&self, text: &mut String) {
        for peer in self.ready().filter(|peer| !peer.inbound()).take(ANCHORS) {
            text.push_str(&format!("anchor {}\n", peer.address));
        }
        for (net, ban) in self.bans.iter() {
            let reason = ban.reason.replace(['\n', '\r'], " ");
            text.push_str(&format!("ban {net} {} {} {reason}\n", ban.created, ban.until));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    fn address() -> SocketAddr {
        "20.0.0.1:8333".parse().expect("an address")
    }

    #[test]
    fn a_peer_is_banned_at_the_limit_and_hears_no_more() {
        let mut fixture = Fixture::new();
        let mut peers = PeerManager::default();
        let mut ctx = fixture.context(1_000_000);
        peers.connected(1, address(), Origin::Inbound, &mut ctx);
        peers.misbehaved(1, BAN_SCORE - 1, "nearly", &mut ctx);
        assert!(!peers.all().any(|peer| peer.closing));
        peers.misbehaved(1, 1, "enough", &mut ctx);
        ctx.actions.clear();
        peers.send(1, &Message::GetAddr, &mut ctx);
        peers.misbehaved(1, 1, "again", &mut ctx);
        assert!(ctx.actions.is_empty(), "nothing goes to who is closing");
        let ban = peers.bans().find(&address().ip(), 1000).expect("banned");
        assert_eq!((ban.until - ban.created, ban.reason.as_str()), (BAN_S, "enough"));
        let mut text = String::new();
        peers.save(&mut text);
        let mut next = PeerManager::default();
        next.restore_ban(text.trim_end().strip_prefix("ban ").expect("a ban")).expect("readable");
        assert!(next.bans().find(&address().ip(), 1000).is_some());
    }

    #[test]
    fn peers_that_the_operator_chose_are_closed_but_not_banned() {
        let mut fixture = Fixture::new();
        let mut peers = PeerManager::default();
        let mut ctx = fixture.context(1_000_000);
        peers.connected(2, address(), Origin::Manual, &mut ctx);
        assert!(matches!(
            ctx.actions[..],
            [Action::Connected { id: 2 }, Action::Send { id: 2, .. }]
        ));
        peers.misbehaved(2, BAN_SCORE, "a bad block", &mut ctx);
        assert!(peers.bans().find(&address().ip(), 1000).is_none());
        assert!(matches!(ctx.actions.last(), Some(Action::Closed { id: 2, .. })));
    }

    #[test]
    fn who_does_not_finish_the_handshake_is_dropped() {
        let mut fixture = Fixture::new();
        let mut peers = PeerManager::default();
        peers.connected(1, address(), Origin::Inbound, &mut fixture.context(0));
        let mut ctx = fixture.context(HANDSHAKE_S * 1000 - 1);
        peers.tick(&mut ctx);
        assert!(ctx.actions.is_empty());
        let mut ctx = fixture.context(HANDSHAKE_S * 1000);
        peers.tick(&mut ctx);
        assert!(matches!(ctx.actions.last(), Some(Action::Closed { id: 1, .. })));
    }
}
