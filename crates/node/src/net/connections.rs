//! Connections: whom to dial, whom to let in, and which added nodes to keep.
//!
//! Outbound connections carry even numbers, which are given here; inbound ones odd numbers, which
//! the shell gives.

use core::net::{IpAddr, SocketAddr};
use std::collections::{BTreeMap, BTreeSet};

use super::context::{Action, Context};
use super::io::{NetDone, NetOutput};
use super::peer::Origin;
use super::peers::PeerManager;
use crate::io::{Done, NodeError, Output};
use p2p::address::{group, is_local, is_routable};
use p2p::download::PeerId;
use p2p::evict::{self, Candidate};
use p2p::limits::{MAX_INBOUND, MAX_INBOUND_PER_IP, MAX_OUTBOUND};

/// Milliseconds between two dials of our own choice, and until a dial is given up.
const DIAL_EVERY_MS: u64 = 500;
const DIAL_TIMEOUT_MS: u64 = 30_000;
/// Milliseconds between tries of an added node: doubles up to the last.
const RETRY_LEAST_MS: u64 = 1_000;
const RETRY_MOST_MS: u64 = 60_000;
/// Nodes on the list of those to keep.
const MAX_ADDED: usize = 64;

/// A connection being made.
#[derive(Debug, Clone)]
struct Dial {
    target: (String, u16),
    origin: Origin,
    since_ms: u64,
}

/// A peer that the operator wants to have.
#[derive(Debug, Clone)]
pub struct AddedNode {
    pub host: String,
    pub port: u16,
    next_ms: u64,
    failures: u32,
}

/// Addresses that need not be dialled: those in use, and groups that we have a chosen peer in.
#[derive(Debug, Default)]
pub struct Occupied {
    pub addresses: BTreeSet<SocketAddr>,
    pub groups: BTreeSet<[u8; 5]>,
}

/// Dials, added nodes, and who waits for a connection.
#[derive(Debug)]
pub struct ConnectionManager {
    /// The network is on.
    active: bool,
    listening: Option<SocketAddr>,
    dials: BTreeMap<PeerId, Dial>,
    next_id: PeerId,
    /// Connections that were asked for by a host's name.
    names: BTreeMap<PeerId, (String, u16)>,
    added: Vec<AddedNode>,
    next_dial_ms: u64,
    /// Who waits for what: listening, and connections by number.
    listen_tickets: Vec<u64>,
    connect_tickets: BTreeMap<PeerId, u64>,
}

impl Default for ConnectionManager {
    fn default() -> ConnectionManager {
        ConnectionManager {
            active: true,
            listening: None,
            dials: BTreeMap::new(),
            next_id: 2,
            names: BTreeMap::new(),
            added: Vec::new(),
            next_dial_ms: 0,
            listen_tickets: Vec::new(),
            connect_tickets: BTreeMap::new(),
        }
    }
}

impl ConnectionManager {
    pub fn is_active(&self) -> bool {
        self.active
    }

    pub fn set_active(&mut self, active: bool) {
        self.active = active;
    }

    pub fn listening(&self) -> Option<SocketAddr> {
        self.listening
    }

    /// Connections being made.
    pub fn dialling(&self) -> usize {
        self.dials.len()
    }

    pub fn added(&self) -> &[AddedNode] {
        &self.added
    }

    /// Asks the shell to listen; `ticket` is answered when it does.
    pub fn listen(&mut self, ticket: u64, host: String, port: u16, ctx: &mut Context<'_>) {
        self.listen_tickets.push(ticket);
        ctx.net(NetOutput::Listen { host, port });
    }

    pub fn stop_listening(&mut self, ctx: &mut Context<'_>) {
        self.listening = None;
        ctx.net(NetOutput::StopListening);
    }

    /// The shell listens, or can't.
    pub fn listening_result(&mut self, result: Result<SocketAddr, String>, ctx: &mut Context<'_>) {
        self.listening = result.as_ref().ok().copied();
        ctx.push(Action::PublishView);
        let answer = match result {
            Ok(address) => Ok(Done::Net(NetDone::Listening { address })),
            Err(reason) => Err(NodeError::Network { reason }),
        };
        if self.listen_tickets.is_empty()
            && let Err(error) = &answer
        {
            ctx.note(format!("{error}; others can't connect to this node"));
        }
        for ticket in std::mem::take(&mut self.listen_tickets) {
            ctx.output(Output::Reply { ticket, answer: answer.clone() });
        }
    }

    /// Dials for the operator; `ticket` is answered when the handshake is done.
    pub fn connect(&mut self, ticket: u64, host: &str, port: u16, ctx: &mut Context<'_>) {
        let id = self.dial(host, port, Origin::Manual, ctx);
        self.connect_tickets.insert(id, ticket);
    }

    /// Dials; the number names the connection from now on.
    pub fn dial(&mut self, host: &str, port: u16, origin: Origin, ctx: &mut Context<'_>) -> PeerId {
        let id = self.next_id;
        self.next_id += 2;
        if let Ok(ip) = host.parse() {
            ctx.push(Action::Attempted(SocketAddr::new(ip, port)));
        }
        let target = (host.to_owned(), port);
        self.dials.insert(id, Dial { target, origin, since_ms: ctx.now_ms });
        ctx.net(NetOutput::Connect { id, host: host.to_owned(), port });
        id
    }

    /// Why a node may not be added to the list, if so.
    pub fn refuses_to_add(&self, target: &str, host: &str, port: u16) -> Option<String> {
        if self.added.iter().any(|added| added.host == host && added.port == port) {
            return Some(format!("{target} is on the list of added nodes already"));
        }
        let full = self.added.len() >= MAX_ADDED;
        full.then(|| format!("{MAX_ADDED} nodes are the most that can be added"))
    }

    pub fn add_node(&mut self, host: String, port: u16) {
        self.added.push(AddedNode { host, port, next_ms: 0, failures: 0 });
    }

    /// False if the node was not on the list.
    pub fn remove_node(&mut self, host: &str, port: u16) -> bool {
        let before = self.added.len();
        self.added.retain(|added| added.host != host || added.port != port);
        self.added.len() < before
    }

    /// The name and port that a connection was asked for by.
    pub fn name_of(&self, id: PeerId) -> Option<&(String, u16)> {
        self.names.get(&id)
    }

    /// A connection that was asked for did not come to be.
    pub fn failed(&mut self, id: PeerId, reason: &str, ctx: &mut Context<'_>) {
        let Some(dial) = self.dials.remove(&id) else { return };
        self.added_failed(&dial.target, ctx.now_ms);
        self.answer_connect(id, Err(reason), ctx);
    }

    fn added_failed(&mut self, target: &(String, u16), now_ms: u64) {
        let same = |a: &&mut AddedNode| (a.host.as_str(), a.port) == (&target.0, target.1);
        if let Some(added) = self.added.iter_mut().find(same) {
            added.failures = (added.failures + 1).min(16);
            let wait = RETRY_LEAST_MS.saturating_mul(1 << added.failures.min(7));
            added.next_ms = now_ms + wait.min(RETRY_MOST_MS);
        }
    }

    fn answer_connect(&mut self, id: PeerId, result: Result<(), &str>, ctx: &mut Context<'_>) {
        let Some(ticket) = self.connect_tickets.remove(&id) else { return };
        let answer = match result {
            Ok(()) => Ok(Done::Net(NetDone::Connected { id })),
            Err(reason) => Err(NodeError::Network { reason: reason.to_owned() }),
        };
        ctx.output(Output::Reply { ticket, answer });
    }

    /// A connection stands: it is admitted or closed.
    pub fn connected(
        &mut self,
        id: PeerId,
        address: SocketAddr,
        inbound: bool,
        peers: &PeerManager,
        ctx: &mut Context<'_>,
    ) {
        let origin = match (inbound, self.dials.remove(&id)) {
            (true, _) => Origin::Inbound,
            (false, Some(dial)) => dial.origin,
            // Given up meanwhile.
            (false, None) => return ctx.net(NetOutput::Close { id }),
        };
        if !self.admits(&address, origin, peers, ctx) {
            ctx.net(NetOutput::Close { id });
            return self.answer_connect(id, Err("its address is banned"), ctx);
        }
        ctx.push(Action::Admitted { id, address, origin });
    }

    /// Whether a connection may stand; another may have to go for it.
    fn admits(
        &self,
        address: &SocketAddr,
        origin: Origin,
        peers: &PeerManager,
        ctx: &mut Context<'_>,
    ) -> bool {
        if !self.active {
            return false;
        }
        if origin == Origin::Manual {
            return true;
        }
        if peers.bans().find(&address.ip(), ctx.now_s()).is_some() {
            return false;
        }
        if origin == Origin::Automatic {
            return true;
        }
        let inbound = || peers.open().filter(|peer| peer.inbound());
        let same = inbound().filter(|p| p.address.ip() == address.ip()).count();
        if same >= MAX_INBOUND_PER_IP && !is_local(&address.ip()) {
            return false;
        }
        if inbound().count() < MAX_INBOUND {
            return true;
        }
        let key = ctx.now_ms / (24 * 60 * 60 * 1000);
        let candidates = inbound().map(|peer| Candidate {
            id: peer.id,
            connected_ms: peer.connected_ms,
            least_ping_ms: peer.ping.least_ms.unwrap_or(u64::MAX),
            last_block_ms: peer.last_block_ms,
            last_tx_ms: peer.last_tx_ms,
            keyed_group: crypto::hash::siphash24(key, 0, &group(&peer.address.ip())),
            relays: peer.relays,
        });
        match evict::select(candidates.collect()) {
            Some(worst) => {
                ctx.close(worst, "its place is needed for another");
                true
            }
            None => false,
        }
    }

    /// The handshake with a peer is done.
    pub fn ready(&mut self, id: PeerId, address: &SocketAddr, ctx: &mut Context<'_>) {
        self.answer_connect(id, Ok(()), ctx);
        if let Some(added) = self.added.iter_mut().find(|a| is_target(address, &a.host, a.port)) {
            added.failures = 0;
        }
    }

    /// A connection no longer counts.
    pub fn closed(&mut self, id: PeerId, why: &str, ctx: &mut Context<'_>) {
        self.answer_connect(id, Err(why), ctx);
        if let Some(dial) = self.dials.remove(&id) {
            self.added_failed(&dial.target, ctx.now_ms);
        }
    }

    /// Gives up dials that take too long.
    pub fn expire_dials(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now_ms;
        let late = self.dials.iter().filter(|(_, dial)| now >= dial.since_ms + DIAL_TIMEOUT_MS);
        let late: Vec<PeerId> = late.map(|(id, _)| *id).collect();
        for id in late {
            ctx.net(NetOutput::Close { id });
            self.failed(id, "the connection takes too long", ctx);
        }
    }

    /// Dials what is due: added nodes, then an address of the book.
    pub fn dial_due(&mut self, peers: &PeerManager, ctx: &mut Context<'_>) {
        if !self.active {
            return;
        }
        let now = ctx.now_ms;
        for index in 0..self.added.len() {
            let AddedNode { host, port, next_ms, .. } = self.added[index].clone();
            let here = peers.open().any(|peer| is_target(&peer.address, &host, port))
                || self.dials.values().any(|dial| dial.target == (host.clone(), port))
                || self.reached_by_name(&host, port, peers);
            if !here && now >= next_ms {
                self.added[index].next_ms = now + RETRY_LEAST_MS;
                let id = self.dial(&host, port, Origin::Manual, ctx);
                // A connection to a name stands under its number, whatever address the name has.
                if host.parse::<IpAddr>().is_err() {
                    self.names.insert(id, (host, port));
                }
            }
        }
        if now >= self.next_dial_ms {
            self.next_dial_ms = now + DIAL_EVERY_MS;
            let outbound = peers.open().filter(|peer| !peer.inbound()).count();
            let automatic = |dial: &&Dial| dial.origin == Origin::Automatic;
            if outbound + self.dials.values().filter(automatic).count() < MAX_OUTBOUND {
                ctx.push(Action::DialFromBook);
            }
        }
    }

    fn reached_by_name(&mut self, host: &str, port: u16, peers: &PeerManager) -> bool {
        let dials = &self.dials;
        self.names.retain(|id, _| {
            dials.contains_key(id) || peers.get(*id).is_some_and(|peer| !peer.closing)
        });
        self.names.values().any(|(name, p)| name == host && *p == port)
    }

    /// What need not be dialled.
    pub fn occupied(&self, peers: &PeerManager) -> Occupied {
        let outbound = peers.open().filter(|peer| !peer.inbound());
        let routable = outbound.map(|peer| peer.address.ip()).filter(is_routable);
        let dialled = self.dials.values().filter_map(|dial| {
            dial.target.0.parse().ok().map(|ip| SocketAddr::new(ip, dial.target.1))
        });
        Occupied {
            groups: routable.map(|ip| group(&ip)).collect(),
            addresses: peers.all().map(|peer| peer.address).chain(dialled).collect(),
        }
    }

    /// The node stops: who waits is answered.
    pub fn stop(&mut self, ctx: &mut Context<'_>) {
        let connects = std::mem::take(&mut self.connect_tickets).into_values();
        for ticket in connects.chain(std::mem::take(&mut self.listen_tickets)) {
            ctx.output(Output::Reply { ticket, answer: Err(NodeError::Stopping) });
        }
    }
}

/// Whether an address is what the operator named.
pub fn is_target(address: &SocketAddr, host: &str, port: u16) -> bool {
    address.port() == port && host.parse().is_ok_and(|ip: IpAddr| ip == address.ip())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    fn dialled(actions: &[Action]) -> Vec<PeerId> {
        let ids = actions.iter().filter_map(|action| match action {
            Action::Output(Output::Net(NetOutput::Connect { id, .. })) => Some(*id),
            _ => None,
        });
        ids.collect()
    }

    #[test]
    fn an_added_node_is_tried_again_ever_later() {
        let mut fixture = Fixture::new();
        let (mut connections, peers) = (ConnectionManager::default(), PeerManager::default());
        connections.add_node("20.0.0.1".into(), 8333);
        assert!(connections.refuses_to_add("20.0.0.1:8333", "20.0.0.1", 8333).is_some());
        let mut now = 1_000_000;
        for wait in [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            let mut ctx = fixture.context(now);
            connections.dial_due(&peers, &mut ctx);
            let ids = dialled(&ctx.actions);
            assert_eq!(ids.len(), 1, "after {wait}");
            connections.failed(ids[0], "refused", &mut ctx);
            let mut ctx = fixture.context(now + wait - 1);
            connections.dial_due(&peers, &mut ctx);
            assert!(dialled(&ctx.actions).is_empty());
            now += wait;
        }
        assert!(connections.remove_node("20.0.0.1", 8333));
        let mut ctx = fixture.context(now + 1_000_000);
        connections.dial_due(&peers, &mut ctx);
        assert!(dialled(&ctx.actions).is_empty());
    }

    #[test]
    fn a_dial_that_takes_too_long_is_answered() {
        let mut fixture = Fixture::new();
        let mut connections = ConnectionManager::default();
        let mut ctx = fixture.context(0);
        connections.connect(5, "node.example", 8333, &mut ctx);
        let mut ctx = fixture.context(DIAL_TIMEOUT_MS);
        connections.expire_dials(&mut ctx);
        let reply = |action: &Action| {
            matches!(action, Action::Output(Output::Reply { ticket: 5, answer: Err(_) }))
        };
        assert!(ctx.actions.iter().any(reply) && connections.dialling() == 0);
        // It comes after all: nobody waits for it.
        let address = "20.0.0.1:8333".parse().expect("an address");
        let mut ctx = fixture.context(DIAL_TIMEOUT_MS);
        connections.connected(2, address, false, &PeerManager::default(), &mut ctx);
        assert!(matches!(
            ctx.actions[..],
            [Action::Output(Output::Net(NetOutput::Close { id: 2 }))]
        ));
    }

    #[test]
    fn one_address_gets_a_bounded_number_of_places_and_the_banned_none() {
        let mut fixture = Fixture::new();
        let (mut connections, mut peers) = (ConnectionManager::default(), PeerManager::default());
        let address = "20.0.0.1:4000".parse().expect("an address");
        let mut admitted = 0;
        for id in (1..40).step_by(2) {
            let mut ctx = fixture.context(1_000);
            connections.connected(id, address, true, &peers, &mut ctx);
            if let [Action::Admitted { id, address, origin }] = ctx.actions[..] {
                admitted += 1;
                peers.connected(id, address, origin, &mut ctx);
            }
        }
        assert_eq!(admitted, MAX_INBOUND_PER_IP);
        peers.misbehaved(1, 100, "bad", &mut fixture.context(1_000));
        peers.misbehaved(3, 100, "bad", &mut fixture.context(1_000));
        let mut ctx = fixture.context(1_000);
        connections.connected(41, address, true, &peers, &mut ctx);
        assert!(!ctx.actions.iter().any(|a| matches!(a, Action::Admitted { .. })));
    }
}
