//! Calls about peers and connections.

use std::collections::BTreeMap;

use rpc_types::net as types;
use rpc_types::net::{AddedAddress, ConnectionType, Direction, Network, UploadTarget};

use super::pool::rate;
use crate::call::{ActCall, Call, Class, ReadCall};
use crate::error::{CallError, ErrorKind};
use crate::show;
use crate::value::{Count, Json};
use core::net::SocketAddr;
use node::io::{Act, Done};
use node::net::io::NetAct;
use node::net::peer::Traffic;
use node::net::view::{NetView, PeerView};
use node::view::View;
use p2p::address::services;
use p2p::limits::{BAN_S, PROTOCOL_VERSION};
use primitives::amount::Amount;

fn done(done: Done) -> Result<(), CallError> {
    match done {
        Done::Net(_) => Ok(()),
        other => Err(CallError::new(ErrorKind::Internal, format!("unexpected answer: {other:?}"))),
    }
}

macro_rules! net_act {
    ($name:ident, $word:literal, $method:literal, $help:literal, $example:literal,
     [$($param:literal),*], ($($arg:ident : $kind:ty),*), $act:expr) => {
        pub struct $name;

        impl Call for $name {
            const WORD: &'static str = $word;
            const METHOD: &'static str = $method;
            const HELP: &'static str = $help;
            const EXAMPLE: &'static str = $example;
            const CLASS: Class = Class::Admin;
            const PARAMS: &'static [&'static str] = &[$($param),*];
            type In = ($($kind,)*);
            type Out = ();
        }

        impl ActCall for $name {
            fn act(($($arg,)*): Self::In) -> Result<Act, CallError> {
                $act.map(Act::Net)
            }

            fn reply(answer: Done) -> Result<(), CallError> {
                done(answer)
            }
        }
    };
}

macro_rules! net_read {
    ($name:ident, $word:literal, $method:literal, $help:literal, $example:literal, $out:ty, $run:expr) => {
        pub struct $name;

        impl Call for $name {
            const WORD: &'static str = $word;
            const METHOD: &'static str = $method;
            const HELP: &'static str = $help;
            const EXAMPLE: &'static str = $example;
            const CLASS: Class = Class::Read;
            type In = ();
            type Out = $out;
        }

        impl ReadCall for $name {
            fn run(view: &View, (): ()) -> Result<$out, CallError> {
                let run: fn(&View) -> $out = $run;
                Ok(run(view))
            }
        }
    };
}

net_act!(
    StartNetwork,
    "init-network",
    "startnetwork",
    "Start the network; a console's own node then applies --peer, --listen, --filters and --readonly.",
    "init-storage init-network",
    [],
    (),
    Ok(NetAct::Start)
);
net_act!(StartListening, "start-listening-on", "startlistening",
    "Accept peer connections on an address HOST:PORT.",
    "init-storage s\" 127.0.0.1:0\" start-listening-on", ["address"], (address: String),
    Ok(NetAct::Listen { address: Some(address) }));
net_act!(
    StopListening,
    "stop-listening",
    "stoplistening",
    "Stop accepting peer connections.",
    "init-storage stop-listening",
    [],
    (),
    Ok(NetAct::StopListening)
);
net_act!(Connect, "connect-to", "connect", "Connect to a peer and wait for its handshake.",
    "init-storage : try s\" 127.0.0.1\" 1 connect-to ; ' try catch .", ["host", "port"],
    (host: String, port: Count), port_of(port).map(|port| NetAct::Connect { host, port: Some(port), readonly: false }));
net_act!(ConnectReadonly, "connect-readonly-to", "connectreadonly",
    "Become a read-only replica of a node: follow it, accept no changes, announce nothing of its own.",
    "init-storage : try s\" 127.0.0.1\" 1 connect-readonly-to ; ' try catch .", ["host", "port"],
    (host: String, port: Count), port_of(port).map(|port| NetAct::Connect { host, port: Some(port), readonly: true }));
net_act!(Disconnect, "disconnect-from", "disconnectnode", "Disconnect a peer, given by address or id.",
    "init-storage : try s\" 127.0.0.1:1\" disconnect-from ; ' try catch .", ["address"],
    (target: String), Ok(NetAct::Disconnect { target }));
net_act!(AddNode, "add-node-at", "addnode", "Keep (add), forget (remove) or try once (onetry) a connection to a node; add by default.",
"init-storage s\" 127.0.0.1:1\" add-node-at", ["node", "command"],
(target: String, command: Option<String>), match command.as_deref() {
    None | Some("add") => Ok(NetAct::AddNode { target }),
    Some("remove") => Ok(NetAct::RemoveNode { target }),
    Some("onetry") => Ok(NetAct::TryNode { target }),
    Some(other) => Err(CallError::invalid_params(format!("{other:?} is not add, remove or onetry"))),
});
net_act!(SetBan, "ban-net", "setban", "Ban an address or subnet (add), or lift its ban (remove).",
"init-storage s\" 192.0.2.1\" ban-net", ["subnet", "command", "bantime"],
(net: String, command: Option<String>, seconds: Option<Count>), {
    let net = net.parse().map_err(|()| CallError::invalid_params(format!("{net:?} is no address and no network like 1.2.3.0/24")))?;
    match command.as_deref() {
        None | Some("add") => Ok(NetAct::Ban {
            net,
            seconds: seconds.filter(|s| s.0 > 0).map_or(BAN_S, |s| s.0),
            absolute: false,
            reason: "by the operator".to_owned(),
        }),
        Some("remove") => Ok(NetAct::Unban { net }),
        Some(other) => Err(CallError::invalid_params(format!("{other:?} is not add or remove"))),
    }
});
net_act!(Unban, "unban-net", "unban", "Lift the ban of an address or subnet.",
"init-storage s\" 192.0.2.1\" ban-net s\" 192.0.2.1\" unban-net", ["subnet"], (net: String), {
    let bad = || CallError::invalid_params(format!("{net:?} is no address and no network like 1.2.3.0/24"));
    net.parse().map(|net| NetAct::Unban { net }).map_err(|()| bad())
});
net_act!(
    ClearBans,
    "clear-bans",
    "clearbanned",
    "Lift all bans.",
    "init-storage clear-bans",
    [],
    (),
    Ok(NetAct::ClearBans)
);
net_act!(SetActive, "set-network-active", "setnetworkactive", "Enable or disable all network activity.",
    "init-storage true set-network-active", ["state"], (on: bool), Ok(NetAct::SetActive(on)));
net_act!(
    ServeFilters,
    "serve-filters",
    "servefilters",
    "Serve compact block filters to peers that connect from now on (BIP157).",
    "init-storage serve-filters",
    [],
    (),
    Ok(NetAct::ServeFilters)
);
net_act!(
    Ping,
    "ping-peers",
    "ping",
    "Ping every peer.",
    "init-storage ping-peers",
    [],
    (),
    Ok(NetAct::Ping)
);

/// Bytes by command as Core shows them; what is no message that we know is `*other*`.
fn traffic(bytes: &Traffic) -> BTreeMap<String, u64> {
    let shown = bytes.iter().map(|(command, bytes)| {
        let command = if command.is_empty() { "*other*" } else { command };
        (command.to_owned(), *bytes)
    });
    shown.collect()
}

fn names(services: u64) -> Vec<String> {
    services::names(services).into_iter().map(str::to_owned).collect()
}

fn peer_info(peer: &PeerView) -> types::PeerInfo {
    let seconds = |ms: Option<u64>| ms.map(|ms| ms as f64 / 1000.0);
    types::PeerInfo {
        id: peer.id,
        addr: peer.address.to_string(),
        services: format!("{:016x}", peer.services),
        servicesnames: names(peer.services),
        relaytxes: peer.relays,
        lastsend: peer.last_send_ms / 1000,
        lastrecv: peer.last_receive_ms / 1000,
        last_transaction: peer.last_tx_ms / 1000,
        last_block: peer.last_block_ms / 1000,
        bytessent: peer.bytes_sent,
        bytesrecv: peer.bytes_received,
        conntime: peer.connected_ms / 1000,
        timeoffset: peer.time_offset_s,
        pingtime: seconds(peer.ping_ms),
        minping: seconds(peer.least_ping_ms),
        version: peer.version,
        subver: peer.agent.clone(),
        inbound: peer.inbound,
        network: if peer.address.is_ipv4() { "ipv4" } else { "ipv6" }.to_owned(),
        bip152_hb_to: peer.compact_from,
        bip152_hb_from: peer.compact_to,
        startingheight: peer.starting_height,
        synced_headers: peer.synced_headers.map_or(-1, |h| i64::from(h.0)),
        synced_blocks: peer.synced_blocks.map_or(-1, |h| i64::from(h.0)),
        inflight: peer.asked.clone(),
        addr_processed: peer.addresses_taken,
        addr_rate_limited: peer.addresses_refused,
        permissions: Vec::new(),
        minfeefilter: show::amount(Amount(peer.fee_filter)),
        bytessent_per_msg: traffic(&peer.sent),
        bytesrecv_per_msg: traffic(&peer.received),
        transport_protocol_type: "v1".to_owned(),
        session_id: String::new(),
        banscore: peer.score,
        connection_type: match (peer.inbound, peer.manual) {
            (true, _) => ConnectionType::Inbound,
            (_, true) => ConnectionType::Manual,
            _ => ConnectionType::OutboundFullRelay,
        },
    }
}

fn network_info(view: &View) -> types::NetworkInfo {
    let net = &view.net;
    let inbound = net.peers.iter().filter(|peer| peer.inbound).count() as u64;
    let connections = net.peers.len() as u64;
    let networks = ["ipv4", "ipv6"].map(|name| Network {
        name: name.to_owned(),
        limited: false,
        reachable: true,
        proxy: String::new(),
        proxy_randomize_credentials: false,
    });
    let pool = view.pool.read();
    let policy = pool.policy();
    types::NetworkInfo {
        version: version(),
        subversion: node::net::peers::USER_AGENT.to_owned(),
        protocolversion: PROTOCOL_VERSION,
        localservices: format!("{:016x}", net.services),
        localservicesnames: names(net.services),
        localrelay: !net.readonly,
        networkactive: net.started && net.active,
        connections,
        connections_in: inbound,
        connections_out: connections - inbound,
        timeoffset: median_offset(net),
        networks: networks.into(),
        relayfee: rate(policy.min_relay),
        incrementalfee: rate(policy.incremental),
        localaddresses: Vec::new(),
        warnings: Vec::new(),
        listening: net.listening.map(|address| address.to_string()),
        readonly: net.readonly,
        addresses: net.addresses as u64,
    }
}

fn net_totals(net: &NetView) -> types::NetTotals {
    types::NetTotals {
        totalbytesrecv: net.bytes_received,
        totalbytessent: net.bytes_sent,
        timemillis: net.now_ms,
        // There is no target: as Core says it.
        uploadtarget: UploadTarget {
            timeframe: 86_400,
            target: 0,
            target_reached: false,
            serve_historical_blocks: true,
            bytes_left_in_cycle: 0,
            time_left_in_cycle: 0,
        },
        compactblocks: net.compact_blocks,
        compacthits: net.compact_hits,
    }
}

fn banned(net: &NetView) -> Vec<types::BannedNet> {
    let shown = net.bans.iter().map(|(subnet, ban)| types::BannedNet {
        address: subnet.to_string(),
        ban_created: ban.created,
        banned_until: ban.until,
        ban_duration: ban.until.saturating_sub(ban.created),
        time_remaining: ban.until.saturating_sub(net.now_ms / 1000),
        ban_reason: ban.reason.clone(),
    });
    shown.collect()
}

fn added_nodes(net: &NetView) -> Vec<types::AddedNode> {
    let address = |(address, inbound): &(SocketAddr, bool)| AddedAddress {
        address: address.to_string(),
        connected: if *inbound { Direction::Inbound } else { Direction::Outbound },
    };
    let shown = net.added.iter().map(|added| types::AddedNode {
        addednode: added.target.clone(),
        connected: added.connected.is_some(),
        addresses: added.connected.iter().map(address).collect(),
    });
    shown.collect()
}

fn sync_status(net: &NetView) -> types::SyncStatus {
    let left = u64::from(net.headers.0.saturating_sub(net.height.0));
    types::SyncStatus {
        headers: net.headers.0,
        blocks: net.height.0,
        blocks_per_second: net.blocks_per_ks as f64 / 1000.0,
        seconds_left: (net.blocks_per_ks > 0).then(|| left * 1000 / net.blocks_per_ks.max(1)),
        synced: net.synced,
        readonly: net.readonly,
    }
}

/// This program's version as Core writes its own: two digits each for major, minor and patch.
fn version() -> u64 {
    env!("CARGO_PKG_VERSION").split('.').fold(0, |sum, part| sum * 100 + part.parse().unwrap_or(0))
}

/// How far the peers' clocks are ahead of ours, in seconds: their median.
fn median_offset(net: &NetView) -> i64 {
    let mut offsets: Vec<i64> = net.ready_peers().map(|peer| peer.time_offset_s).collect();
    offsets.sort_unstable();
    offsets.get(offsets.len() / 2).copied().unwrap_or(0)
}

fn port_of(port: Count) -> Result<u16, CallError> {
    u16::try_from(port.0).map_err(|_| CallError::invalid_params(format!("{} is no port", port.0)))
}

net_read!(
    PeerCount,
    "peer-count",
    "getconnectioncount",
    "The number of connected peers that have completed the handshake.",
    "init-storage peer-count .",
    Count,
    |view| Count(view.net.ready_peers().count() as u64)
);
net_read!(
    IsSynced,
    "synced?",
    "issynced",
    "Whether every block of the best known header chain has been connected.",
    "init-storage synced? .",
    bool,
    |view| view.net.synced
);
net_read!(
    PeerInfo,
    "get-peer-info",
    "getpeerinfo",
    "The connected peers, with their state and statistics.",
    "init-storage get-peer-info .json",
    Json<Vec<types::PeerInfo>>,
    |view| Json(view.net.peers.iter().map(peer_info).collect())
);
net_read!(
    NetworkInfo,
    "get-network-info",
    "getnetworkinfo",
    "The network state of this node: version, services, connections, addresses.",
    "init-storage get-network-info .json",
    Json<types::NetworkInfo>,
    |view| Json(network_info(view))
);
net_read!(
    NetTotals,
    "net-totals",
    "getnettotals",
    "Bytes sent and received, compact blocks received, and how many of them the mempool completed.",
    "init-storage net-totals .json",
    Json<types::NetTotals>,
    |view| Json(net_totals(&view.net))
);
net_read!(
    ListBanned,
    "list-bans",
    "listbanned",
    "The banned addresses and subnets, with the end of each ban.",
    "init-storage list-bans .json",
    Json<Vec<types::BannedNet>>,
    |view| Json(banned(&view.net))
);
net_read!(
    AddedNodes,
    "added-nodes",
    "getaddednodeinfo",
    "The added nodes, and whether each is connected.",
    "init-storage added-nodes .json",
    Json<Vec<types::AddedNode>>,
    |view| Json(added_nodes(&view.net))
);
net_read!(
    SyncStatus,
    "get-sync-status",
    "getsyncstatus",
    "The progress of the sync: headers, blocks, blocks per second, seconds left.",
    "init-storage get-sync-status .json",
    Json<types::SyncStatus>,
    |view| Json(sync_status(&view.net))
);
