//! `Net`: the state of the network side, its clock, and its view.

use core::net::SocketAddr;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::io::NetOutput;
use super::peer::{Origin, Peer};
use super::serve::FilterIndex;
use super::view::{AddedView, NetView, PeerView};
use super::work::Work;
use mempool::orphans::Orphans;
use p2p::address::services;
use p2p::addrs::AddressBook;
use p2p::bans::Bans;
use p2p::download::{Download, PeerId};
use p2p::handshake::LocalNode;
use p2p::limits::{BAN_S, BAN_SCORE};
use p2p::message::Message;
use p2p::random::Random;
use p2p::relay::RecentSet;
use p2p::requests::TxRequests;
use primitives::id::{BlockHash, Txid};
use primitives::network::NetworkParams;
use store::error::StoreError;

/// How we introduce ourselves (BIP14).
pub const USER_AGENT: &str = concat!("/ForthCoin:", env!("CARGO_PKG_VERSION"), "/");
/// Ids of transactions that were refused, until the tip moves.
const MAX_REJECTED: usize = 50_000;
/// Lines about strangers that are not repeated.
const MAX_LOGGED: usize = 2000;
/// Milliseconds between two views, and between two looks at the rate of blocks.
const VIEW_EVERY_MS: u64 = 250;
const RATE_EVERY_MS: u64 = 2_000;
/// Milliseconds between two savings.
const SAVE_EVERY_MS: u64 = 15 * 60 * 1000;
/// Blocks by which the headers may be ahead of the chain before blocks are taken in bulk.
pub(super) const BULK_AHEAD: u32 = 24;

/// A flow of blocks: so many in one or two stretches of that many milliseconds.
const FLOW_MS: u64 = 5_000;
const FLOW_BLOCKS: u32 = 32;

/// A connection being made.
#[derive(Debug, Clone)]
pub(super) struct Connecting {
    pub target: (String, u16),
    pub origin: Origin,
    pub since_ms: u64,
}

/// A peer that the operator wants to have.
#[derive(Debug, Clone)]
pub(super) struct Added {
    pub host: String,
    pub port: u16,
    pub next_ms: u64,
    pub fails: u32,
}

/// How many of the blocks that were asked for came lately.
#[derive(Debug, Default)]
pub(super) struct Flow {
    since_ms: u64,
    count: u32,
    /// Of the stretch before.
    before: u32,
}

impl Flow {
    fn roll(&mut self, now_ms: u64) {
        let passed = now_ms.saturating_sub(self.since_ms);
        if passed >= FLOW_MS {
            self.before = if passed < 2 * FLOW_MS { self.count } else { 0 };
            (self.since_ms, self.count) = (now_ms, 0);
        }
    }

    pub(super) fn came(&mut self, now_ms: u64) {
        self.roll(now_ms);
        self.count = self.count.saturating_add(1);
    }

    fn is_strong(&self, now_ms: u64) -> bool {
        let passed = now_ms.saturating_sub(self.since_ms);
        passed < 2 * FLOW_MS && self.count.saturating_add(self.before) >= FLOW_BLOCKS
    }
}

/// The rate at which blocks come.
#[derive(Debug, Default)]
pub(super) struct BlockRate {
    at_ms: u64,
    height: u32,
    per_ks: u64,
}

/// How much the network side holds; `most_` is the greatest of one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    pub peers: usize,
    pub inbound: usize,
    pub connecting: usize,
    pub most_requests: usize,
    pub most_unread: usize,
    pub most_queued: u64,
    pub orphans: usize,
    pub addresses: usize,
    pub wanted: usize,
    pub arrived: usize,
}

/// The network side.
#[derive(Debug)]
pub struct Net {
    /// Old blocks are not here any more.
    pruned: bool,
    pub(super) params: &'static NetworkParams,
    pub(super) now_ms: u64,
    pub(super) random: Random,
    pub(super) started: bool,
    /// The shell is ready.
    pub(super) opened: bool,
    pub(super) active: bool,
    pub(super) readonly: bool,
    pub(super) listening: Option<SocketAddr>,
    pub(super) peers: BTreeMap<PeerId, Peer>,
    pub(super) connecting: BTreeMap<PeerId, Connecting>,
    pub(super) next_id: PeerId,
    /// Connections that were asked for by a host's name.
    pub(super) names: BTreeMap<PeerId, (String, u16)>,
    pub(super) book: AddressBook,
    pub(super) bans: Bans,
    pub(super) added: Vec<Added>,
    pub(super) anchors: Vec<SocketAddr>,
    pub(super) next_dial_ms: u64,
    pub(super) next_save_ms: u64,
    /// Our addresses, as others see them.
    pub(super) own_addresses: Vec<SocketAddr>,

    pub(super) download: Download,
    pub(super) flow: Flow,
    /// Blocks that came and have not been looked at.
    pub(super) arrived: VecDeque<(PeerId, BlockHash, Vec<u8>)>,
    /// Taken in bulk and not on the disk yet: since when.
    pub(super) unflushed: Option<u64>,
    /// The tip that was told last.
    pub(super) told_tip: Option<u32>,
    /// Peers that give us compact blocks unasked, the latest last.
    pub(super) compact_peers: Vec<PeerId>,
    pub(super) compact_blocks: u64,
    pub(super) compact_hits: u64,

    pub(super) requests: TxRequests,
    pub(super) orphans: Orphans,
    pub(super) rejected: RecentSet,
    /// Our own transactions that no peer has asked for yet, and when to tell them again.
    pub(super) untold: BTreeMap<Txid, u64>,

    pub(super) filters: FilterIndex,
    pub(super) bytes_sent: u64,
    pub(super) bytes_received: u64,
    /// Who waits for what: listening, and connections by number.
    pub(super) listen_tickets: Vec<u64>,
    pub(super) connect_tickets: BTreeMap<PeerId, u64>,
    logged: RecentSet,
    rate: BlockRate,
    view: Arc<NetView>,
    view_ms: u64,
    /// Something happened that somebody may be waiting to see.
    pub(super) view_due: bool,
}

impl Net {
    /// A network side that does nothing yet.
    pub fn new(params: &'static NetworkParams) -> Net {
        Net {
            pruned: false,
            params,
            now_ms: 0,
            random: Random::new(0),
            started: false,
            opened: false,
            active: true,
            readonly: false,
            listening: None,
            peers: BTreeMap::new(),
            connecting: BTreeMap::new(),
            next_id: 2,
            names: BTreeMap::new(),
            book: AddressBook::new((0, 0)),
            bans: Bans::default(),
            added: Vec::new(),
            anchors: Vec::new(),
            next_dial_ms: 0,
            next_save_ms: 0,
            own_addresses: Vec::new(),
            download: Download::default(),
            flow: Flow::default(),
            arrived: VecDeque::new(),
            unflushed: None,
            told_tip: None,
            compact_peers: Vec::new(),
            compact_blocks: 0,
            compact_hits: 0,
            requests: TxRequests::default(),
            orphans: Orphans::default(),
            rejected: RecentSet::new(MAX_REJECTED),
            untold: BTreeMap::new(),
            filters: FilterIndex::default(),
            bytes_sent: 0,
            bytes_received: 0,
            listen_tickets: Vec::new(),
            connect_tickets: BTreeMap::new(),
            logged: RecentSet::new(MAX_LOGGED),
            rate: BlockRate::default(),
            view: Arc::new(NetView::default()),
            view_ms: 0,
            view_due: false,
        }
    }

    pub fn is_started(&self) -> bool {
        self.started
    }

    pub fn is_readonly(&self) -> bool {
        self.readonly
    }

    pub fn set_readonly(&mut self) {
        self.readonly = true;
    }

    /// The copy that reads see.
    pub fn view(&self) -> Arc<NetView> {
        Arc::clone(&self.view)
    }

    /// Serve block filters (BIP157).
    pub fn serve_filters(&mut self) {
        self.filters.turn_on();
    }

    pub(super) fn now_s(&self) -> u64 {
        self.now_ms / 1000
    }

    /// Blocks were thrown away: peers that come from now on are told.
    pub fn set_pruned(&mut self, pruned: bool) {
        self.pruned = pruned;
    }

    /// What we offer. A replica, too, serves blocks.
    pub(super) fn services(&self) -> u64 {
        let filters = if self.filters.serves() { services::COMPACT_FILTERS } else { 0 };
        // Who has thrown blocks away gives only the newest (BIP159).
        let whole = if self.pruned { 0 } else { services::NETWORK | filters };
        whole | services::WITNESS | services::NETWORK_LIMITED
    }

    pub(super) fn send(&mut self, id: PeerId, message: &Message, work: &mut Work<'_>) {
        let now = self.now_ms;
        let Some(peer) = self.peers.get_mut(&id).filter(|peer| !peer.closing) else { return };
        let size = work.send(self.params.magic, id, message);
        peer.queued += size;
        peer.bytes_sent += size;
        *peer.sent.entry(message.command()).or_default() += size;
        peer.last_send_ms = now;
        self.bytes_sent += size;
    }

    /// Says something about a stranger once.
    pub(super) fn log_once(&mut self, about: &str, work: &mut Work<'_>) {
        let id = crypto::hash::sha256(about.as_bytes());
        if self.logged.insert(id) {
            work.note(about);
        }
    }

    /// What we say of ourselves in a handshake.
    pub(super) fn own(&self, work: &Work<'_>) -> LocalNode {
        LocalNode {
            services: self.services(),
            user_agent: USER_AGENT.to_owned(),
            height: i32::try_from(work.chain.tip().height.0).unwrap_or(i32::MAX),
            relay: !self.readonly,
            time: i64::try_from(self.now_s()).unwrap_or(i64::MAX),
        }
    }

    /// Ends a connection; what it owed is free for others.
    pub(super) fn close(&mut self, id: PeerId, why: &str, work: &mut Work<'_>) {
        let Some(peer) = self.peers.get_mut(&id).filter(|peer| !peer.closing) else { return };
        peer.closing = true;
        let about = format!("peer {} is dropped: {why}", peer.address.ip());
        work.net(NetOutput::Close { id });
        self.log_once(&about, work);
        self.forget(id, why, work);
    }

    /// Counts against a peer what it did; at `BAN_SCORE` it is dropped and its address banned,
    /// unless that is this machine's or the operator asked for the peer.
    pub(super) fn misbehaved(&mut self, id: PeerId, points: u32, why: &str, work: &mut Work<'_>) {
        let Some(peer) = self.peers.get_mut(&id).filter(|peer| !peer.closing) else { return };
        peer.score = peer.score.saturating_add(points);
        if peer.score < BAN_SCORE {
            return;
        }
        let (ip, manual) = (peer.address.ip(), peer.origin == Origin::Manual);
        if !manual && !p2p::address::is_local(&ip) {
            let now = self.now_ms / 1000;
            let ban = p2p::bans::Ban { created: now, until: now + BAN_S, reason: why.to_owned() };
            self.bans.add(p2p::bans::Subnet::single(ip), ban);
        }
        self.close(id, why, work);
    }

    /// Blocks are taken in bulk: far more headers are known than blocks, and the blocks do come.
    /// Headers alone would let whoever withholds their blocks keep transactions from us.
    pub(super) fn is_bulk(&self, work: &mut Work<'_>) -> Result<bool, StoreError> {
        let headers = best_header_height(work)?;
        let behind = headers > work.chain.tip().height.0 + BULK_AHEAD;
        Ok(behind && self.flow.is_strong(self.now_ms))
    }

    /// Time has passed: everything that is due happens.
    pub fn tick(&mut self, work: &mut Work<'_>) -> Result<(), StoreError> {
        if !self.started {
            return Ok(());
        }
        self.tick_peers(work);
        self.tick_connections(work);
        self.tick_headers(work)?;
        self.tick_blocks(work)?;
        self.tick_transactions(work);
        self.tick_gossip(work);
        if self.opened && self.now_ms >= self.next_save_ms {
            self.next_save_ms = self.now_ms + SAVE_EVERY_MS;
            let text = self.saved();
            work.net(NetOutput::Save(text));
        }
        if self.now_ms >= self.view_ms + VIEW_EVERY_MS {
            self.publish(work)?;
        }
        Ok(())
    }

    /// Makes a new view.
    pub fn publish(&mut self, work: &mut Work<'_>) -> Result<(), StoreError> {
        self.view_ms = self.now_ms;
        let tip = work.chain.tip();
        let headers = match self.started {
            true => best_header_height(work)?,
            false => tip.height.0,
        };
        let rate = &mut self.rate;
        if self.now_ms >= rate.at_ms + RATE_EVERY_MS {
            let passed = self.now_ms - rate.at_ms;
            let blocks = u64::from(tip.height.0.saturating_sub(rate.height));
            rate.per_ks = if rate.at_ms == 0 { 0 } else { blocks * 1_000_000 / passed };
            (rate.at_ms, rate.height) = (self.now_ms, tip.height.0);
        }
        let per_ks = rate.per_ks;
        let asked = self.peers.values().any(|peer| peer.ready() && peer.headers.done);
        let here = self.peers.values().filter(|peer| !peer.closing);
        let mut peers: Vec<PeerView> = here.map(|peer| self.peer_view(peer, work)).collect();
        let tree = work.chain.tree()?;
        for (hash, id) in self.download.flights() {
            let asked = peers.binary_search_by_key(&id, |peer| peer.id);
            if let (Some(block), Ok(at)) = (tree.id_of(hash), asked) {
                peers[at].asked.push(tree.entry(block).height().0);
            }
        }
        peers.iter_mut().for_each(|peer| peer.asked.sort_unstable());
        let view = NetView {
            started: self.started,
            active: self.active,
            readonly: self.readonly,
            listening: self.listening,
            services: self.services(),
            peers,
            connecting: self.connecting.len(),
            added: self.added.iter().map(|added| self.added_view(added)).collect(),
            bans: self.bans.iter().map(|(net, ban)| (*net, ban.clone())).collect(),
            bytes_sent: self.bytes_sent,
            bytes_received: self.bytes_received,
            addresses: self.book.len(),
            addresses_tried: self.book.tried(),
            height: tip.height,
            headers: primitives::block::Height(headers.max(tip.height.0)),
            synced: asked && self.unflushed.is_none() && headers <= tip.height.0,
            blocks_per_ks: per_ks,
            compact_blocks: self.compact_blocks,
            compact_hits: self.compact_hits,
            orphans: self.orphans.len(),
            now_ms: self.now_ms,
        };
        self.view = Arc::new(view);
        Ok(())
    }

    fn added_view(&self, added: &Added) -> AddedView {
        let target = format!("{}:{}", added.host, added.port);
        let mut ready = self.peers.values().filter(|peer| peer.ready());
        let connected = ready.find(|peer| is_target(&peer.address, &added.host, added.port));
        AddedView { target, connected: connected.map(|peer| (peer.address, peer.inbound())) }
    }

    fn peer_view(&self, peer: &Peer, work: &mut Work<'_>) -> PeerView {
        let version = peer.handshake.version.as_deref();
        let height = |id: u32, work: &mut Work<'_>| {
            work.chain.tree().ok().map(|tree| tree.entry(id).height())
        };
        PeerView {
            id: peer.id,
            address: peer.address,
            inbound: peer.inbound(),
            manual: peer.origin == Origin::Manual,
            ready: peer.ready(),
            services: peer.services(),
            version: version.map_or(0, |v| v.version),
            agent: version.map_or_else(String::new, |v| v.user_agent.clone()),
            relays: peer.announcer.wanted,
            connected_ms: peer.connected_ms,
            last_send_ms: peer.last_send_ms,
            last_receive_ms: peer.last_receive_ms,
            last_block_ms: peer.last_block_ms,
            last_tx_ms: peer.last_tx_ms,
            bytes_sent: peer.bytes_sent,
            bytes_received: peer.bytes_received,
            sent: peer.sent.clone(),
            received: peer.received.clone(),
            time_offset_s: peer.time_offset_s,
            ping_ms: peer.ping.last_ms,
            least_ping_ms: peer.ping.least_ms,
            starting_height: version.map_or(-1, |v| v.height),
            synced_headers: peer.best_known.and_then(|id| height(id, work)),
            synced_blocks: peer.best_known.and_then(|_| height(peer.common, work)),
            asked: Vec::new(),
            addresses_taken: peer.addresses_taken,
            addresses_refused: peer.addresses_refused,
            fee_filter: peer.announcer.fee_filter,
            score: peer.score,
            compact_to: peer.compact_to,
            compact_from: peer.compact_from,
        }
    }

    /// How much is held of what; for tests and the simulator.
    pub fn measure(&self) -> Measure {
        let most = |of: fn(&Peer) -> usize| self.peers.values().map(of).max().unwrap_or(0);
        Measure {
            peers: self.peers.len(),
            inbound: self.peers.values().filter(|p| p.inbound() && !p.closing).count(),
            connecting: self.connecting.len(),
            most_requests: most(|peer| peer.requests.len()),
            most_unread: most(|peer| peer.decoder.pending()),
            most_queued: self.peers.values().map(|peer| peer.queued).max().unwrap_or(0),
            orphans: self.orphans.len(),
            addresses: self.book.len(),
            wanted: self.requests.len(),
            arrived: self.arrived.len(),
        }
    }

    /// Peers that give hints and have not misled us.
    pub fn hint_givers(&self) -> usize {
        self.peers.values().filter(|peer| peer.hints).count()
    }

    /// Checks what must always hold; for tests and the simulator.
    pub fn assert_sound(&self) {
        self.download.assert_sound();
        self.requests.assert_sound();
        let most = p2p::limits::MAX_INBOUND;
        assert!(self.peers.values().filter(|p| p.inbound() && !p.closing).count() <= most);
        for peer in self.peers.values() {
            assert!(peer.requests.len() <= p2p::limits::MAX_WAITING_REQUESTS);
        }
        assert!(self.arrived.is_empty(), "blocks are looked at in the step that brings them");
    }
}

/// The height of the best header.
pub(super) fn best_header_height(work: &mut Work<'_>) -> Result<u32, StoreError> {
    let (hash, _) = work.chain.best_header()?;
    let tree = work.chain.tree()?;
    Ok(tree.id_of(&hash).map_or(0, |id| tree.entry(id).height().0))
}

/// Whether an address is what the operator named.
pub(super) fn is_target(address: &SocketAddr, host: &str, port: u16) -> bool {
    address.port() == port && host.parse().is_ok_and(|ip: core::net::IpAddr| ip == address.ip())
}
