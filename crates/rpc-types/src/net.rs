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
    /// What it offers, as 16 hex digits of flags.
    pub services: String,
    /// What it offers, by name.
    pub servicesnames: Vec<String>,
    /// It wants to hear of transactions.
    pub relaytxes: bool,
    /// When something was last sent to it, in seconds since 1970.
    pub lastsend: u64,
    /// When something last came from it, in seconds since 1970.
    pub lastrecv: u64,
    /// When it last sent a new transaction, in seconds since 1970; 0 for never.
    pub last_transaction: u64,
    /// When it last sent a new block, in seconds since 1970; 0 for never.
    pub last_block: u64,
    /// Bytes sent to it.
    pub bytessent: u64,
    /// Bytes received from it.
    pub bytesrecv: u64,
    /// When the connection was made, in seconds since 1970.
    pub conntime: u64,
    /// How far its clock is ahead of ours, in seconds.
    pub timeoffset: i64,
    /// The last ping's round trip, in seconds; null before the first.
    pub pingtime: Option<f64>,
    /// The shortest round trip, in seconds; null before the first.
    pub minping: Option<f64>,
    /// Its protocol version.
    pub version: u32,
    /// Its user agent (BIP14).
    pub subver: String,
    /// It connected to us.
    pub inbound: bool,
    /// `ipv4` or `ipv6`.
    pub network: String,
    /// We asked it for compact blocks unannounced (BIP152).
    pub bip152_hb_to: bool,
    /// It asked us for compact blocks unannounced (BIP152).
    pub bip152_hb_from: bool,
    /// Height of its chain when it connected.
    pub startingheight: i32,
    /// Height of the best header that we know it to have; -1 for none.
    pub synced_headers: i64,
    /// Height of the best block that we know it to have; -1 for none.
    pub synced_blocks: i64,
    /// Heights of the blocks on their way from it.
    pub inflight: Vec<u32>,
    /// Addresses that it told of and that were read.
    pub addr_processed: u64,
    /// Addresses that it told of too fast, and that were dropped.
    pub addr_rate_limited: u64,
    /// Special rights of the peer; there are none at present.
    pub permissions: Vec<String>,
    /// The lowest fee rate that it wants to hear of, in coins per 1,000 virtual bytes.
    pub minfeefilter: Amount,
    /// Bytes sent to it, by message.
    pub bytessent_per_msg: BTreeMap<String, u64>,
    /// Bytes received from it, by message; `*other*` for unknown ones.
    pub bytesrecv_per_msg: BTreeMap<String, u64>,
    /// The transport: `v1`.
    pub transport_protocol_type: String,
    /// Session of an encrypted transport; empty.
    pub session_id: String,
    /// Its misbehaviour score; at 100 it is banned.
    pub banscore: u32,
    /// How the connection came about.
    pub connection_type: ConnectionType,
}

/// How a connection came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum ConnectionType {
    /// The peer connected to us.
    Inbound,
    /// The operator asked for it.
    Manual,
    /// The node chose the peer.
    OutboundFullRelay,
}

/// The network side of the node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NetworkInfo {
    /// This program's version, two decimal digits each for major, minor and patch.
    pub version: u64,
    /// This node's user agent (BIP14).
    pub subversion: String,
    /// The protocol version it speaks.
    pub protocolversion: u32,
    /// What it offers, as 16 hex digits of flags.
    pub localservices: String,
    /// What it offers, by name.
    pub localservicesnames: Vec<String>,
    /// It asks its peers for transactions.
    pub localrelay: bool,
    /// The network was started and is switched on.
    pub networkactive: bool,
    /// Connections.
    pub connections: u64,
    /// Connections that peers made.
    pub connections_in: u64,
    /// Connections that this node made.
    pub connections_out: u64,
    /// How far the peers' clocks are ahead of ours, in seconds: their median.
    pub timeoffset: i64,
    /// The kinds of network it can use.
    pub networks: Vec<Network>,
    /// The lowest fee rate that is relayed, in coins per 1,000 virtual bytes.
    pub relayfee: Amount,
    /// What a replacement must pay more, in coins per 1,000 virtual bytes.
    pub incrementalfee: Amount,
    /// Addresses that it announces; there are none at present.
    pub localaddresses: Vec<String>,
    /// Warnings for the operator; there are none at present.
    pub warnings: Vec<String>,
    /// The address and port on which peers can connect; null if they can't.
    pub listening: Option<String>,
    /// It is a replica: it follows a node and sends nothing of its own.
    pub readonly: bool,
    /// Addresses of nodes that it knows.
    pub addresses: u64,
}

/// A kind of network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Network {
    /// `ipv4` or `ipv6`.
    pub name: String,
    /// It is not used; always false.
    pub limited: bool,
    /// It can be used; always true.
    pub reachable: bool,
    /// The proxy in use; always empty.
    pub proxy: String,
    /// Each connection has credentials of its own; always false.
    pub proxy_randomize_credentials: bool,
}

/// Traffic since the node started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NetTotals {
    /// Bytes received.
    pub totalbytesrecv: u64,
    /// Bytes sent.
    pub totalbytessent: u64,
    /// The time of these numbers, in milliseconds since 1970.
    pub timemillis: u64,
    /// The limit on what is sent; there is none.
    pub uploadtarget: UploadTarget,
    /// Compact blocks received (BIP152).
    pub compactblocks: u64,
    /// Those that the pool could fill without asking.
    pub compacthits: u64,
}

/// A limit on what is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UploadTarget {
    /// The length of a cycle, in seconds.
    pub timeframe: u64,
    /// Bytes of a cycle; 0 for no limit.
    pub target: u64,
    /// The limit is reached; always false.
    pub target_reached: bool,
    /// Old blocks are served; always true.
    pub serve_historical_blocks: bool,
    /// Bytes left in this cycle; 0.
    pub bytes_left_in_cycle: u64,
    /// Seconds left of this cycle; 0.
    pub time_left_in_cycle: u64,
}

/// An address or network that may not connect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BannedNet {
    /// The address, or the network with its prefix length.
    pub address: String,
    /// When the ban began, in seconds since 1970.
    pub ban_created: u64,
    /// When it ends, in seconds since 1970.
    pub banned_until: u64,
    /// How long it is, in seconds.
    pub ban_duration: u64,
    /// How much is left of it, in seconds.
    pub time_remaining: u64,
    /// Why.
    pub ban_reason: String,
}

/// A node that a connection is kept to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AddedNode {
    /// Its address, as it was given.
    pub addednode: String,
    /// It is connected.
    pub connected: bool,
    /// The connection; empty while there is none.
    pub addresses: Vec<AddedAddress>,
}

/// A connection to an added node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AddedAddress {
    /// The address and port.
    pub address: String,
    /// Who made the connection.
    pub connected: Direction,
}

/// Who made a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Direction {
    /// The peer.
    Inbound,
    /// This node.
    Outbound,
}

/// How far the sync is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SyncStatus {
    /// Height of the best header that peers told of.
    pub headers: u32,
    /// Height of the best chain.
    pub blocks: u32,
    /// Blocks connected per second over the last while.
    pub blocks_per_second: f64,
    /// Seconds until all blocks are here at that rate; null while it is 0.
    pub seconds_left: Option<u64>,
    /// Every block of the best header chain is here.
    pub synced: bool,
    /// The node is a replica: it follows a node and sends nothing of its own.
    pub readonly: bool,
}
