//! What the network side of a node takes and gives, as values.

use core::net::SocketAddr;

use p2p::bans::Subnet;
use p2p::download::PeerId;

/// Something that happened at a socket, or time. Outbound connections carry even numbers, which
/// the node gives; inbound ones odd numbers, which the shell gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetEvent {
    /// The shell is ready: a secret seed, and what `NetOutput::Save` gave to an earlier run.
    Opened { seed: u64, saved: String },
    /// A connection stands.
    Connected { id: PeerId, address: SocketAddr, inbound: bool },
    /// A connection that was asked for did not come to be.
    Failed { id: PeerId, reason: String },
    /// Bytes came.
    Bytes { id: PeerId, bytes: Vec<u8> },
    /// That many bytes have left for a peer.
    Written { id: PeerId, bytes: u64 },
    /// A connection has ended.
    Gone { id: PeerId, reason: String },
    /// The answer to `NetOutput::Listen`.
    Listening(Result<SocketAddr, String>),
    /// Time has passed.
    Tick,
}

/// What the shell is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetOutput {
    /// Get ready, and answer `NetEvent::Opened`.
    Open,
    /// Connect to a host by name or address.
    Connect {
        id: PeerId,
        host: String,
        port: u16,
    },
    Send {
        id: PeerId,
        bytes: Vec<u8>,
    },
    /// Close when what was sent has left.
    Close {
        id: PeerId,
    },
    Listen {
        host: String,
        port: u16,
    },
    StopListening,
    /// Text to keep until the next start: addresses, bans, anchors.
    Save(String),
}

/// Something asked of the network side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetAct {
    /// Start: nothing happens on the network before.
    Start,
    /// Let others connect, on that address (`HOST:PORT`; nothing: every address, usual port).
    Listen {
        address: Option<String>,
    },
    StopListening,
    /// Connect once, and answer when the handshake is done. `readonly` makes the node a replica.
    Connect {
        host: String,
        port: Option<u16>,
        readonly: bool,
    },
    /// Keep a connection: try again for as long as it is on the list.
    AddNode {
        target: String,
    },
    RemoveNode {
        target: String,
    },
    /// Try once, and don't wait.
    TryNode {
        target: String,
    },
    /// By address, host and port, or number.
    Disconnect {
        target: String,
    },
    /// `seconds` from now, or until then if `absolute`.
    Ban {
        net: Subnet,
        seconds: u64,
        absolute: bool,
        reason: String,
    },
    Unban {
        net: Subnet,
    },
    ClearBans,
    /// Switch all of the network off or on.
    SetActive(bool),
    /// Follow the chain as a replica: relay no transactions and submit nothing of our own.
    SetReadonly,
    /// Serve block filters to those who connect from now on (BIP157).
    ServeFilters,
    /// Ping every peer now.
    Ping,
}

/// How such an act ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetDone {
    Done,
    /// The handshake with that peer is done.
    Connected {
        id: PeerId,
    },
    Listening {
        address: SocketAddr,
    },
    Active(bool),
}
