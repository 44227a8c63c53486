//! One connection and all that is known of who is at its other end.

use core::net::SocketAddr;
use std::collections::{BTreeMap, VecDeque};

use p2p::address::PeerAddress;
use p2p::compact::PartialBlock;
use p2p::download::PeerId;
use p2p::frame::Decoder;
use p2p::handshake::Handshake;
use p2p::headers::Presync;
use p2p::limits::{MAX_ADDR, RateLimit};
use p2p::message::Inv;
use p2p::ping::Ping;
use p2p::relay::{RecentSet, TxAnnouncer};
use primitives::id::BlockHash;

/// Blocks and addresses that a peer is remembered to know.
const MAX_KNOWN_BLOCKS: usize = 2000;
const MAX_KNOWN_ADDRESSES: usize = 5000;
/// Addresses a second that are taken from a peer unasked (Core's rate).
const ADDR_PER_S: f64 = 0.1;
/// Messages a second that nobody asked for, and their burst.
const UNASKED_PER_S: f64 = 200.0;
const UNASKED_BURST: f64 = 5000.0;

/// How a connection came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Inbound,
    /// The operator asked for it.
    Manual,
    /// Chosen out of the address book.
    Automatic,
}

/// Where a peer's headers are.
#[derive(Debug, Default)]
pub struct HeaderState {
    /// When the question on its way was asked.
    pub asked: Option<u64>,
    /// It has been asked at all.
    pub started: bool,
    /// It has given all that it has.
    pub done: bool,
    /// More are to be asked for when the blocks have caught up.
    pub paused: bool,
    pub presync: Option<Box<Presync>>,
    /// Lists that did not connect.
    pub unconnecting: u32,
    pub next_ask: u64,
}

/// Bytes by the command of the messages that took them.
pub type Traffic = BTreeMap<&'static str, u64>;

/// What user agents of this program start with.
const OUR_AGENTS: &str = "/ForthCoin:";

/// A peer.
#[derive(Debug)]
pub struct Peer {
    pub id: PeerId,
    pub address: SocketAddr,
    pub origin: Origin,
    pub connected_ms: u64,
    pub handshake: Handshake,
    pub decoder: Decoder,
    pub ping: Ping,
    pub announcer: TxAnnouncer,
    pub score: u32,
    pub time_offset_s: i64,
    /// Told so: no more is read.
    pub closing: bool,

    /// The best header that it has told or proven to have, as an id of the tree.
    pub best_known: Option<u32>,
    /// A block that it told of before we knew its header.
    pub told_unknown: Option<BlockHash>,
    /// The last block of which all below is here, on its branch.
    pub common: u32,
    /// The best header that we told it.
    pub best_sent: Option<u32>,
    pub headers: HeaderState,
    pub known_blocks: RecentSet,
    pub wants_headers: bool,
    /// It takes compact blocks, of version 2.
    pub compact: bool,
    /// It wants them unasked; we want them unasked.
    pub compact_to: bool,
    pub compact_from: bool,
    pub partial: Option<(BlockHash, PartialBlock)>,
    /// It gives hints of our version, and has not misled us yet.
    pub hints: bool,

    pub requests: VecDeque<Inv>,
    /// Bytes that have not left yet.
    pub queued: u64,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    pub sent: Traffic,
    pub received: Traffic,
    pub last_send_ms: u64,
    pub last_receive_ms: u64,
    pub last_block_ms: u64,
    pub last_tx_ms: u64,
    /// Since when a message has been incomplete, and the bytes that had come by then.
    pub slow: Option<(u64, u64)>,

    pub unasked: RateLimit,
    pub addr_limit: RateLimit,
    /// Addresses that were read, and those that came too fast.
    pub addresses_taken: u64,
    pub addresses_refused: u64,
    pub addr_known: RecentSet,
    pub addr_queue: Vec<PeerAddress>,
    pub addr_next_ms: u64,
    pub gave_addresses: bool,
    pub gave_pool: bool,
}

impl Peer {
    pub fn new(
        id: PeerId,
        address: SocketAddr,
        origin: Origin,
        handshake: Handshake,
        magic: [u8; 4],
        now_ms: u64,
    ) -> Peer {
        let inbound = origin == Origin::Inbound;
        Peer {
            id,
            address,
            origin,
            connected_ms: now_ms,
            handshake,
            decoder: Decoder::new(magic),
            ping: Ping::default(),
            announcer: TxAnnouncer::new(inbound),
            score: 0,
            time_offset_s: 0,
            closing: false,
            best_known: None,
            told_unknown: None,
            common: 0,
            best_sent: None,
            headers: HeaderState::default(),
            known_blocks: RecentSet::new(MAX_KNOWN_BLOCKS),
            wants_headers: false,
            compact: false,
            compact_to: false,
            compact_from: false,
            partial: None,
            hints: false,
            requests: VecDeque::new(),
            queued: 0,
            bytes_sent: 0,
            bytes_received: 0,
            sent: Traffic::new(),
            received: Traffic::new(),
            last_send_ms: 0,
            last_receive_ms: 0,
            last_block_ms: 0,
            last_tx_ms: 0,
            slow: None,
            unasked: RateLimit::new(UNASKED_PER_S, UNASKED_BURST, now_ms),
            addresses_taken: 0,
            addresses_refused: 0,
            addr_limit: RateLimit::new(ADDR_PER_S, MAX_ADDR as f64, now_ms),
            addr_known: RecentSet::new(MAX_KNOWN_ADDRESSES),
            addr_queue: Vec::new(),
            addr_next_ms: 0,
            gave_addresses: false,
            gave_pool: false,
        }
    }

    pub fn inbound(&self) -> bool {
        self.origin == Origin::Inbound
    }

    /// The handshake is done and the connection is to last.
    pub fn ready(&self) -> bool {
        self.handshake.done && !self.closing
    }

    /// It says that it is a node of this program, of whatever version.
    pub fn is_our_kind(&self) -> bool {
        let version = self.handshake.version.as_ref();
        version.is_some_and(|version| version.user_agent.starts_with(OUR_AGENTS))
    }

    pub fn services(&self) -> u64 {
        self.handshake.version.as_ref().map_or(0, |version| version.services)
    }
}
