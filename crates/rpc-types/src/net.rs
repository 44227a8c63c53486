//! Peers and connections.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::number::Amount;

/// A peer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PeerInfo {
    /// Its number, unique while the node runs.
    pub id: u64,
    /// Its address and port.
    pub addr: String,
    /// The services it offers, as 16 hex digits of flags.
    pub services: String,
    /// The services it offers, by name.
    pub servicesnames: Vec<String>,
    /// Whether it wants transactions relayed to it.
    pub relaytxes: bool,
    /// Time of the last send to it, in seconds since 1970.
    pub lastsend: u64,
    /// Time of the last receive from it, in seconds since 1970.
    pub lastrecv: u64,
    /// Time of its last new transaction, in seconds since 1970; 0 if none.
    pub last_transaction: u64,
    /// Time of its last new block, in seconds since 1970; 0 if none.
    pub last_block: u64,
    /// Bytes sent to it.
    pub bytessent: u64,
    /// Bytes received from it.
    pub bytesrecv: u64,
    /// Time of the connection, in seconds since 1970.
    pub conntime: u64,
    /// Offset of its clock from ours, in seconds; positive if it is ahead.
    pub timeoffset: i64,
    /// Round-trip time of the last ping, in seconds; null before the first.
    pub pingtime: Option<f64>,
    /// Shortest round-trip time, in seconds; null before the first ping.
    pub minping: Option<f64>,
    /// Its protocol version.
    pub version: u32,
    /// Its user agent (BIP14).
    pub subver: String,
    /// Whether the peer connected to us.
    pub inbound: bool,
    /// `ipv4` or `ipv6`.
    pub network: String,
    /// Whether we asked it for high-bandwidth compact blocks (BIP152).
    pub bip152_hb_to: bool,
    /// Whether it asked us for high-bandwidth compact blocks (BIP152).
    pub bip152_hb_from: bool,
    /// Height of its chain when it connected.
    pub startingheight: i32,
    /// Height of the best header known to be in its chain; -1 if none.
    pub synced_headers: i64,
    /// Height of the best block known to be in its chain; -1 if none.
    pub synced_blocks: i64,
    /// Heights of the blocks requested from it and not yet received.
    pub inflight: Vec<u32>,
    /// Number of addresses announced by it and processed.
    pub addr_processed: u64,
    /// Number of addresses announced by it and dropped by the rate limit.
    pub addr_rate_limited: u64,
    /// Special permissions of the peer; always empty at present.
    pub permissions: Vec<String>,
    /// The lowest fee rate that it wants relayed (BIP133), in coins per 1,000 virtual bytes.
    pub minfeefilter: Amount,
    /// Bytes sent to it, by message type.
    pub bytessent_per_msg: BTreeMap<String, u64>,
    /// Bytes received from it, by message type; `*other*` for unknown types.
    pub bytesrecv_per_msg: BTreeMap<String, u64>,
    /// The transport protocol: always `v1`.
    pub transport_protocol_type: String,
    /// Session id of an encrypted transport; always empty.
    pub session_id: String,
    /// Its misbehaviour score; at 100 it is banned.
    pub banscore: u32,
    /// The type of the connection.
    pub connection_type: ConnectionType,
}

/// The type of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum ConnectionType {
    /// The peer connected to us.
    Inbound,
    /// The operator requested it.
    Manual,
    /// The node chose the peer itself.
    OutboundFullRelay,
}

/// The network state of the node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NetworkInfo {
    /// This program's version, as two decimal digits each for major, minor and patch.
    pub version: u64,
    /// This node's user agent (BIP14).
    pub subversion: String,
    /// The protocol version it speaks.
    pub protocolversion: u32,
    /// The services it offers, as 16 hex digits of flags.
    pub localservices: String,
    /// The services it offers, by name.
    pub localservicesnames: Vec<String>,
    /// Whether it requests transactions from its peers.
    pub localrelay: bool,
    /// Whether the network has been started and is enabled.
    pub networkactive: bool,
    /// Number of connections.
    pub connections: u64,
    /// Number of inbound connections.
    pub connections_in: u64,
    /// Number of outbound connections.
    pub connections_out: u64,
    /// Median offset of the peers' clocks from ours, in seconds; positive if they are ahead.
    pub timeoffset: i64,
    /// The networks it can use.
    pub networks: Vec<Network>,
    /// The lowest fee rate that is relayed, in coins per 1,000 virtual bytes.
    pub relayfee: Amount,
    /// The minimum fee rate increase of a replacement, in coins per 1,000 virtual bytes.
    pub incrementalfee: Amount,
    /// Addresses that it announces; always empty at present.
    pub localaddresses: Vec<String>,
    /// Warnings for the operator; always empty at present.
    pub warnings: Vec<String>,
    /// The address and port on which it accepts peers; null if it does not.
    pub listening: Option<String>,
    /// Whether it is a replica, which follows a node and announces nothing of its own.
    pub readonly: bool,
    /// Number of addresses in its address book.
    pub addresses: u64,
}

/// A network type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Network {
    /// `ipv4` or `ipv6`.
    pub name: String,
    /// Whether its use is disabled; always false.
    pub limited: bool,
    /// Whether it is reachable; always true.
    pub reachable: bool,
    /// The proxy in use; always empty.
    pub proxy: String,
    /// Whether each connection uses its own proxy credentials; always false.
    pub proxy_randomize_credentials: bool,
}

/// Network traffic since the node started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NetTotals {
    /// Bytes received.
    pub totalbytesrecv: u64,
    /// Bytes sent.
    pub totalbytessent: u64,
    /// The time of these figures, in milliseconds since 1970.
    pub timemillis: u64,
    /// The limit on upload; there is none.
    pub uploadtarget: UploadTarget,
    /// Number of compact blocks received (BIP152).
    pub compactblocks: u64,
    /// Number of those completed from the mempool without a request.
    pub compacthits: u64,
}

/// A limit on upload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UploadTarget {
    /// Length of a cycle, in seconds.
    pub timeframe: u64,
    /// Bytes per cycle; 0 for no limit.
    pub target: u64,
    /// Whether the limit has been reached; always false.
    pub target_reached: bool,
    /// Whether old blocks are served; always true.
    pub serve_historical_blocks: bool,
    /// Bytes left in this cycle; always 0.
    pub bytes_left_in_cycle: u64,
    /// Seconds left in this cycle; always 0.
    pub time_left_in_cycle: u64,
}

/// A banned address or subnet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BannedNet {
    /// The address, or the subnet with its prefix length.
    pub address: String,
    /// Start of the ban, in seconds since 1970.
    pub ban_created: u64,
    /// End of the ban, in seconds since 1970.
    pub banned_until: u64,
    /// Duration of the ban, in seconds.
    pub ban_duration: u64,
    /// Time left until it ends, in seconds.
    pub time_remaining: u64,
    /// The reason.
    pub ban_reason: String,
}

/// A node added by the operator, to which a connection is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AddedNode {
    /// Its address, as given.
    pub addednode: String,
    /// Whether it is connected.
    pub connected: bool,
    /// The connection; empty while there is none.
    pub addresses: Vec<AddedAddress>,
}

/// A connection to an added node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AddedAddress {
    /// The address and port.
    pub address: String,
    /// The direction of the connection.
    pub connected: Direction,
}

/// The direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Direction {
    /// Made by the peer.
    Inbound,
    /// Made by this node.
    Outbound,
}

/// The progress of the sync.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SyncStatus {
    /// Height of the best header announced by peers.
    pub headers: u32,
    /// Height of the best chain.
    pub blocks: u32,
    /// Recent rate, in blocks connected per second.
    pub blocks_per_second: f64,
    /// Seconds until all blocks are connected at that rate; null while it is 0.
    pub seconds_left: Option<u64>,
    /// Whether every block of the best header chain has been connected.
    pub synced: bool,
    /// Whether the node is a replica, which follows a node and announces nothing of its own.
    pub readonly: bool,
}
