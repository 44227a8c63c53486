//! One connection and what its handshake and its traffic say of who is at its other end.

use core::net::SocketAddr;
use std::collections::BTreeMap;

use p2p::download::PeerId;
use p2p::frame::Decoder;
use p2p::handshake::Handshake;
use p2p::limits::RateLimit;
use p2p::ping::Ping;

/// Messages a second that nobody asked for, and their burst.
const UNSOLICITED_PER_S: f64 = 200.0;
const UNSOLICITED_BURST: f64 = 5000.0;

/// How a connection came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Inbound,
    /// The operator asked for it.
    Manual,
    /// Chosen out of the address book.
    Automatic,
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
    pub score: u32,
    pub time_offset_s: i64,
    /// It wants transactions, and we give them.
    pub relays: bool,
    /// The shell was asked to close it: no more is read.
    pub closing: bool,

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
    pub unsolicited: RateLimit,
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
        Peer {
            id,
            address,
            origin,
            connected_ms: now_ms,
            handshake,
            decoder: Decoder::new(magic),
            ping: Ping::default(),
            score: 0,
            time_offset_s: 0,
            relays: false,
            closing: false,
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
            unsolicited: RateLimit::new(UNSOLICITED_PER_S, UNSOLICITED_BURST, now_ms),
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
