//! What reads see of the network: copied a few times a second.

use core::net::SocketAddr;

use super::peer::Traffic;
use p2p::bans::{Ban, Subnet};
use p2p::download::PeerId;
use primitives::block::Height;

/// One peer. Times are in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerView {
    pub id: PeerId,
    pub address: SocketAddr,
    pub inbound: bool,
    pub manual: bool,
    /// The handshake is done.
    pub ready: bool,
    pub services: u64,
    pub version: u32,
    pub agent: String,
    pub relays: bool,
    pub connected_ms: u64,
    pub last_send_ms: u64,
    pub last_receive_ms: u64,
    pub last_block_ms: u64,
    pub last_tx_ms: u64,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    pub sent: Traffic,
    pub received: Traffic,
    pub time_offset_s: i64,
    pub ping_ms: Option<u64>,
    pub least_ping_ms: Option<u64>,
    pub starting_height: i32,
    /// Height of the best header and of the last block that we know it to have.
    pub synced_headers: Option<Height>,
    pub synced_blocks: Option<Height>,
    /// Heights of the blocks on their way from it.
    pub asked: Vec<u32>,
    /// Addresses that it announced and that were read, and those that came too fast.
    pub addresses_taken: u64,
    pub addresses_refused: u64,
    pub fee_filter: i64,
    pub score: u32,
    pub compact_to: bool,
    pub compact_from: bool,
}

/// An address that the operator wants a connection to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedView {
    pub target: String,
    pub connected: Option<(SocketAddr, bool)>,
}

/// The network as of a moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NetView {
    /// The network has been started.
    pub started: bool,
    pub active: bool,
    pub readonly: bool,
    pub listening: Option<SocketAddr>,
    pub services: u64,
    pub peers: Vec<PeerView>,
    pub connecting: usize,
    pub added: Vec<AddedView>,
    pub bans: Vec<(Subnet, Ban)>,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    pub addresses: usize,
    pub addresses_tried: usize,
    pub height: Height,
    pub headers: Height,
    /// Every block of the best header chain is here, and some peer has been asked.
    pub synced: bool,
    /// Blocks a second over the last while, times a thousand.
    pub blocks_per_ks: u64,
    pub compact_blocks: u64,
    /// Those that the pool could fill without asking.
    pub compact_hits: u64,
    pub orphans: usize,
    pub now_ms: u64,
}

impl NetView {
    /// Peers whose handshake is done.
    pub fn ready_peers(&self) -> impl Iterator<Item = &PeerView> {
        self.peers.iter().filter(|peer| peer.ready)
    }
}
