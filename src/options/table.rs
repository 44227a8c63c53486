//! Every option, in the order of the help text. A new option is a row here and the use of what it sets.

use std::path::PathBuf;

use mining::work::MAX_THREADS;

use super::check;
use super::entry::{Entry, Group, Kind, Listen, Origin, PLAIN, Place, Usual};
use crate::config;

/// Numbers bounded only by their type.
const ANY: u64 = u32::MAX as u64;

/// The highest file descriptor that is accepted.
const MAX_DESCRIPTOR: u64 = 99_999;

/// Bytes in a megabyte, as Core counts the memory pool.
const MEGABYTE: usize = 1_000_000;

const SECONDS_IN_HOUR: u64 = 60 * 60;

/// The names of the two log formats.
const JSON: &str = "json";

pub static TABLE: &[Entry] = &[
    Entry {
        name: "network",
        value: "NETWORK",
        help: "The network: main, testnet, regtest or bitcoin; the first word of the command line",
        default: Some("main"),
        place: Place::FirstWord,
        kind: Kind::Network(|to, params| {
            to.config.params = params;
            to.network_named = true;
        }),
        ..PLAIN
    },
    Entry {
        name: "evaluate",
        short: Some('e'),
        value: "CODE",
        help: "Run a line of Forth; runs in order with files",
        place: Place::CommandLine,
        kind: Kind::Code,
        ..PLAIN
    },
    Entry {
        name: "datadir",
        value: "FOLDER",
        help: "The data folder; by default $XDG_DATA_HOME/forthcoin or ~/.forthcoin",
        kind: Kind::Path(|to, path| to.config.data_root = path),
        ..PLAIN
    },
    Entry {
        name: "json",
        help: "Show results as JSON instead of formatted text",
        default: Some("false"),
        kind: Kind::Switch(|to, on| to.config.json = on),
        ..PLAIN
    },
    Entry {
        name: "offline",
        help: "Open no chain and no socket",
        default: Some("false"),
        kind: Kind::Switch(|to, on| to.config.offline = on),
        ..PLAIN
    },
    Entry {
        name: "sandbox",
        help: "For untrusted Forth: allow pure words only; files, node, wallet, keyboard and clock are \
               refused",
        default: Some("false"),
        kind: Kind::Switch(|to, on| to.sandbox = on),
        ..PLAIN
    },
    Entry {
        name: "keep-going",
        help: "Continue after an error on standard input",
        default: Some("false"),
        kind: Kind::Switch(|to, on| to.keep_going = on),
        ..PLAIN
    },
    Entry {
        name: "passphrase-fd",
        value: "N",
        help: "Read passphrases from this file descriptor, one per line, instead of asking",
        kind: Kind::Number {
            least: 0,
            most: MAX_DESCRIPTOR,
            set: |to, number| {
                to.config.passphrase_file = Some(PathBuf::from(format!("/dev/fd/{number}")));
            },
        },
        ..PLAIN
    },
    Entry {
        name: "passphrase-file",
        value: "FILE",
        help: "Read passphrases from this file, one per line, instead of asking",
        instead_of: Some("passphrase-fd"),
        kind: Kind::Path(|to, path| to.config.passphrase_file = Some(path)),
        ..PLAIN
    },
    Entry {
        name: "attach",
        value: "ws://HOST:PORT",
        help: "Use a remote node through its API server",
        kind: Kind::Text {
            check: check::attach,
            set: |to, url| to.config.service.attach = Some(url),
        },
        ..PLAIN
    },
    Entry {
        name: "token-file",
        value: "FILE",
        help: "The file with USER:PASSWORD for --attach",
        kind: Kind::Path(|to, path| to.config.service.token_file = Some(path)),
        ..PLAIN
    },
    Entry {
        name: "peer",
        value: "HOST:PORT",
        group: Group::Node,
        help: "Keep a connection to this node once the network is started",
        kind: Kind::List { check: check::peer, set: |to, peers| to.config.peers = peers },
        ..PLAIN
    },
    Entry {
        name: "listen",
        value: "ADDRESS",
        group: Group::Node,
        help: "Accept peers on this address once the network is started; none: do not listen. By \
               default a node without a terminal listens on its network's port on every address",
        kind: Kind::Listen {
            usual: Usual::OfNetwork,
            set: |to, listen| {
                to.config.listen = match listen {
                    Listen::Off => Some(config::LISTEN_NOWHERE.to_owned()),
                    Listen::Usual => None,
                    Listen::At(address) => Some(address),
                };
            },
        },
        ..PLAIN
    },
    Entry {
        name: "readonly",
        group: Group::Node,
        help: "Follow the chain and refuse every change",
        default: Some("false"),
        kind: Kind::Switch(|to, on| to.config.readonly = on),
        ..PLAIN
    },
    Entry {
        name: "filters",
        group: Group::Node,
        help: "Serve compact block filters to light wallets (BIP157)",
        default: Some("false"),
        kind: Kind::Switch(|to, on| to.config.filters = on),
        ..PLAIN
    },
    Entry {
        name: "no-address-index",
        group: Group::Node,
        help: "Do not keep an address index, and delete an existing one",
        default: Some("false"),
        kind: Kind::Switch(|to, on| to.config.no_address_index = on),
        ..PLAIN
    },
    Entry {
        name: "one-by-one",
        group: Group::Node,
        help: "Verify the signatures of a block one by one instead of in batches",
        default: Some("false"),
        kind: Kind::Switch(|to, on| to.config.one_by_one = on),
        ..PLAIN
    },
    // Relay policy, under Bitcoin Core's option names. Rates are per 1,000 virtual bytes.
    Entry {
        name: "incrementalrelayfee",
        value: "FEERATE",
        group: Group::Policy,
        help: "Additional fee rate of a replacement, and increment of the minimum fee rate when the \
               mempool is full; in coins per 1,000 virtual bytes, or base units with sat",
        default: Some("100sat"),
        kind: Kind::FeeRate(|to, rate| {
            let policy = &mut to.config.policy;
            policy.incremental = rate;
            // As in Core, unless --minrelaytxfee says otherwise.
            policy.min_relay = policy.min_relay.max(rate);
        }),
        ..PLAIN
    },
    Entry {
        name: "minrelaytxfee",
        value: "FEERATE",
        group: Group::Policy,
        help: "Reject transactions below this fee rate",
        default: Some("100sat"),
        kind: Kind::FeeRate(|to, rate| to.config.policy.min_relay = rate),
        ..PLAIN
    },
    Entry {
        name: "dustrelayfee",
        value: "FEERATE",
        group: Group::Policy,
        help: "Fee rate that defines dust: outputs that cost more to spend than they are worth",
        default: Some("3000sat"),
        kind: Kind::FeeRate(|to, rate| to.config.policy.dust = rate),
        ..PLAIN
    },
    Entry {
        name: "maxmempool",
        value: "MB",
        group: Group::Policy,
        help: "Keep the mempool below this many megabytes",
        default: Some("300"),
        kind: Kind::Number {
            least: 5,
            most: 1_000_000,
            set: |to, megabytes| to.config.policy.max_bytes = megabytes as usize * MEGABYTE,
        },
        ..PLAIN
    },
    Entry {
        name: "mempoolexpiry",
        value: "HOURS",
        group: Group::Policy,
        help: "Drop transactions that are unconfirmed for this many hours",
        default: Some("336"),
        kind: Kind::Number {
            least: 1,
            most: 100_000,
            set: |to, hours| to.config.policy.expiry_s = hours * SECONDS_IN_HOUR,
        },
        ..PLAIN
    },
    Entry {
        name: "datacarriersize",
        value: "BYTES",
        group: Group::Policy,
        help: "Maximum total size of a transaction's OP_RETURN outputs",
        default: Some("100000"),
        kind: Kind::Number {
            least: 0,
            most: ANY,
            set: |to, bytes| to.config.policy.max_data_bytes = bytes as usize,
        },
        ..PLAIN
    },
    Entry {
        name: "datacarrier",
        group: Group::Policy,
        help: "Relay transactions with OP_RETURN outputs",
        default: Some("true"),
        kind: Kind::Switch(|to, on| {
            if !on {
                to.config.policy.max_data_bytes = 0;
            }
        }),
        ..PLAIN
    },
    Entry {
        name: "permitbaremultisig",
        group: Group::Policy,
        help: "Relay transactions with bare multisig outputs",
        default: Some("true"),
        kind: Kind::Switch(|to, on| to.config.policy.permit_bare_multisig = on),
        ..PLAIN
    },
    Entry {
        name: "bytespersigop",
        value: "BYTES",
        group: Group::Policy,
        help: "Minimum virtual bytes counted per signature operation",
        default: Some("20"),
        kind: Kind::Number {
            least: 1,
            most: ANY,
            set: |to, bytes| to.config.policy.bytes_per_sigop = bytes as usize,
        },
        ..PLAIN
    },
    Entry {
        name: "limitancestorcount",
        value: "N",
        group: Group::Policy,
        help: "Maximum number of a transaction's unconfirmed ancestors, including itself",
        default: Some("25"),
        kind: Kind::Number {
            least: 1,
            most: 1000,
            set: |to, count| to.config.policy.max_ancestors = count as usize,
        },
        ..PLAIN
    },
    Entry {
        name: "limitdescendantcount",
        value: "N",
        group: Group::Policy,
        help: "Maximum number of a transaction's unconfirmed descendants, including itself",
        default: Some("25"),
        kind: Kind::Number {
            least: 1,
            most: 1000,
            set: |to, count| to.config.policy.max_descendants = count as usize,
        },
        ..PLAIN
    },
    Entry {
        name: "acceptnonstdtxn",
        group: Group::Policy,
        help: "Also relay non-standard transactions; test networks only",
        default: Some("false"),
        kind: Kind::Switch(|to, on| to.config.policy.require_standard = !on),
        ..PLAIN
    },
    Entry {
        name: "mine",
        value: "ADDRESS",
        group: Group::Mining,
        help: "Mine from the start, paying this address",
        kind: Kind::Text {
            check: check::not_empty,
            set: |to, address| to.config.mining.address = Some(address),
        },
        ..PLAIN
    },
    Entry {
        name: "mine-threads",
        value: "N",
        group: Group::Mining,
        help: "Number of mining threads, by default one per core; 0: Stratum miners only",
        kind: Kind::Number {
            least: 0,
            most: MAX_THREADS as u64,
            set: |to, threads| to.config.mining.threads = Some(threads as usize),
        },
        ..PLAIN
    },
    Entry {
        name: "mine-tag",
        value: "TEXT",
        group: Group::Mining,
        help: "Text to put into mined blocks, at most 75 bytes",
        kind: Kind::Text { check: check::mine_tag, set: |to, tag| to.config.mining.tag = tag },
        ..PLAIN
    },
    Entry {
        name: "stratum",
        value: "ADDRESS",
        group: Group::Mining,
        help: "Start the Stratum v1 server, on 127.0.0.1:3333 or this address",
        kind: Kind::Listen {
            usual: Usual::Address(config::STRATUM_ADDRESS),
            set: |to, listen| to.config.mining.stratum = address(listen, config::STRATUM_ADDRESS),
        },
        ..PLAIN
    },
    Entry {
        name: "websocket",
        value: "ADDRESS",
        group: Group::Server,
        help: "Start the API server (WebSocket and HTTP), on 127.0.0.1:8765 or this address",
        kind: Kind::Listen {
            usual: Usual::Address(config::SERVICE_ADDRESS),
            set: |to, listen| {
                to.config.service.websocket = address(listen, config::SERVICE_ADDRESS)
            },
        },
        ..PLAIN
    },
    Entry {
        name: "rpcauth",
        value: "USER:SALT$HASH",
        group: Group::Server,
        help: "A user of the API server, in the format of Bitcoin Core's rpcauth",
        kind: Kind::List {
            check: check::rpcauth,
            set: |to, users| to.config.service.rpcauth = users,
        },
        ..PLAIN
    },
    Entry {
        name: "allow-host",
        value: "NAME",
        group: Group::Server,
        help: "A host name under which the API server may be addressed",
        kind: Kind::List {
            check: check::host_name,
            set: |to, names| to.config.service.hosts = names,
        },
        ..PLAIN
    },
    Entry {
        name: "allow-origin",
        value: "ORIGIN",
        group: Group::Server,
        help: "A site whose pages may use the API server, such as https://example.org",
        kind: Kind::List { check: check::origin, set: |to, all| to.config.service.origins = all },
        ..PLAIN
    },
    Entry {
        name: "proxy",
        value: "IP",
        group: Group::Server,
        help: "A proxy whose X-Real-IP header is trusted",
        kind: Kind::List {
            check: check::ip,
            set: |to, proxies| to.config.service.proxies = proxies,
        },
        ..PLAIN
    },
    Entry {
        name: "max-connections",
        value: "N",
        group: Group::Server,
        help: "Maximum number of simultaneous connections to the API server",
        default: Some("10000"),
        kind: Kind::Number {
            least: 1,
            most: ANY,
            set: |to, count| to.config.service.max_connections = count as usize,
        },
        ..PLAIN
    },
    Entry {
        name: "rate-limit",
        value: "N",
        group: Group::Server,
        help: "Maximum number of requests per second from one address; 0: no limit. By default 1000 \
               from other machines",
        kind: Kind::Number {
            least: 0,
            most: ANY,
            set: |to, rate| to.config.service.rate_limit = Some(rate as u32),
        },
        ..PLAIN
    },
    Entry {
        name: "ready-blocks",
        value: "N",
        group: Group::Server,
        help: "Number of blocks behind the best header up to which /ready reports ready",
        default: Some("3"),
        kind: Kind::Number {
            least: 0,
            most: ANY,
            set: |to, blocks| to.config.service.ready_blocks = blocks as u32,
        },
        ..PLAIN
    },
    Entry {
        name: "ready-age",
        value: "SECONDS",
        group: Group::Server,
        help: "Maximum age of the tip for /ready to report ready",
        default: Some("7200"),
        kind: Kind::Number {
            least: 0,
            most: ANY,
            set: |to, seconds| to.config.service.ready_age = seconds as u32,
        },
        ..PLAIN
    },
    Entry {
        name: "log-level",
        value: "FILTER",
        group: Group::Logs,
        help: "Log level, optionally also per target, such as info,http=debug",
        default: Some("info"),
        kind: Kind::List {
            check: check::log_level,
            set: |to, levels| to.config.service.log_level = levels.join(","),
        },
        ..PLAIN
    },
    Entry {
        name: "log-format",
        value: "text|json",
        group: Group::Logs,
        help: "Log format",
        default: Some("text"),
        kind: Kind::Choice {
            of: &["text", JSON],
            set: |to, format| to.config.service.log_json = format == JSON,
        },
        ..PLAIN
    },
    Entry {
        name: "log-file",
        value: "FILE",
        group: Group::Logs,
        help: "Log to this file instead of standard error; reopened on SIGHUP",
        kind: Kind::Path(|to, path| to.config.service.log_file = Some(path)),
        ..PLAIN
    },
    Entry {
        name: "metrics-postgres",
        value: "URL",
        group: Group::Metrics,
        help: "Write metrics as rows to PostgreSQL (feature postgres)",
        kind: Kind::Secret(|to, url, origin| {
            let postgres = &mut to.config.service.postgres;
            postgres.url = Some(url);
            postgres.is_public = origin == Origin::CommandLine;
        }),
        ..PLAIN
    },
    Entry {
        name: "metrics-postgres-file",
        value: "FILE",
        group: Group::Metrics,
        help: "The file with that URL, so that ps does not show it",
        instead_of: Some("metrics-postgres"),
        kind: Kind::Path(|to, path| to.config.service.postgres.url_file = Some(path)),
        ..PLAIN
    },
    Entry {
        name: "metrics-interval",
        value: "SECONDS",
        group: Group::Metrics,
        help: "Seconds between two rows",
        default: Some("10"),
        kind: Kind::Number {
            least: 1,
            most: 3600,
            set: |to, seconds| to.config.service.postgres.interval_s = seconds as u32,
        },
        ..PLAIN
    },
];

fn address(listen: Listen, usual: &str) -> Option<String> {
    match listen {
        Listen::Off => None,
        Listen::Usual => Some(usual.to_owned()),
        Listen::At(address) => Some(address),
    }
}

/// The place of an option in the table.
pub fn place_of(name: &str) -> Option<usize> {
    TABLE.iter().position(|entry| entry.name == name)
}
