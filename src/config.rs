//! Network, data folder and what the process may do, from flags and environment.

use std::fmt;
use std::path::PathBuf;

use mempool::policy::Policy;
use primitives::network::NetworkParams;

/// The control socket's file name in a network's data folder.
pub const CONTROL_SOCKET: &str = "control.sock";

/// The file that says which process holds the folder.
pub const HOLDER_FILE: &str = "holder";

/// The cookie's file name in a network's data folder: `USER:PASSWORD` for this run, as Core's.
pub const COOKIE_FILE: &str = ".cookie";

/// Where the WebSocket and HTTP port opens when nobody says.
pub const SERVICE_ADDRESS: &str = "127.0.0.1:8765";

/// Where Stratum is served when nobody says.
pub const STRATUM_ADDRESS: &str = "127.0.0.1:3333";

/// `Config::listen` where peers may connect nowhere.
pub const LISTEN_NOWHERE: &str = "none";

/// Text that is not shown: a URL with a password in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(pub String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// Where metrics go as rows, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postgres {
    /// `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`.
    pub url: Option<Hidden>,
    /// The file that holds the URL.
    pub url_file: Option<PathBuf>,
    /// The URL stood on the command line, where every user of the machine sees it.
    pub is_public: bool,
    pub interval_s: u32,
}

impl Postgres {
    pub fn is_on(&self) -> bool {
        self.url.is_some() || self.url_file.is_some()
    }
}

impl Default for Postgres {
    fn default() -> Postgres {
        Postgres { url: None, url_file: None, is_public: false, interval_s: 10 }
    }
}

/// The WebSocket and HTTP port, the logs, metrics as rows, and the way to another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// `HOST:PORT`, when the port shall be open from the start.
    pub websocket: Option<String>,
    /// `ws://HOST:PORT` of a node elsewhere, in place of one here.
    pub attach: Option<String>,
    /// The file that holds the token for `attach`.
    pub token_file: Option<PathBuf>,
    /// `USER:SALT$HASH` as Core's `rpcauth`: HMAC-SHA256 of the password under the salt, in hex.
    pub rpcauth: Vec<String>,
    /// Names under which browsers and proxies may ask for us, beside addresses and `localhost`.
    pub hosts: Vec<String>,
    /// Origins of other sites whose pages may ask, as `https://example.org`.
    pub origins: Vec<String>,
    /// Addresses of proxies whose `X-Real-IP` is believed.
    pub proxies: Vec<String>,
    /// Connections at once.
    pub max_connections: usize,
    /// Requests a second from one address; `None` is the default for all but this machine, 0 no
    /// limit.
    pub rate_limit: Option<u32>,
    /// `/ready`: how many blocks behind the best known header is still ready.
    pub ready_blocks: u32,
    /// `/ready`: how old the tip may be, in seconds; not counted on regtest.
    pub ready_age: u32,
    /// As `log-level` takes it.
    pub log_level: String,
    pub log_json: bool,
    /// Opened again on SIGHUP; standard error without one.
    pub log_file: Option<PathBuf>,
    pub postgres: Postgres,
}

impl Default for Service {
    fn default() -> Service {
        Service {
            websocket: None,
            attach: None,
            token_file: None,
            rpcauth: Vec::new(),
            hosts: Vec::new(),
            origins: Vec::new(),
            proxies: Vec::new(),
            max_connections: 10_000,
            rate_limit: None,
            ready_blocks: 3,
            ready_age: 2 * 60 * 60,
            log_level: "info".to_owned(),
            log_json: false,
            log_file: None,
            postgres: Postgres::default(),
        }
    }
}

/// What this process mines, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mining {
    /// Where mined coins go; a node that is given one mines from its start.
    pub address: Option<String>,
    /// Threads; nothing: one a core, 0: none, only miners elsewhere.
    pub threads: Option<usize>,
    /// Text that its blocks carry.
    pub tag: String,
    /// `HOST:PORT` where miners elsewhere are served by Stratum.
    pub stratum: Option<String>,
}

/// What one process works with.
#[derive(Debug, Clone)]
pub struct Config {
    pub params: &'static NetworkParams,
    /// The root of all networks' folders.
    pub data_root: PathBuf,
    /// Words and pictures print JSON.
    pub json: bool,
    /// No socket, no chain: for signers.
    pub offline: bool,
    /// Keep no index of addresses.
    pub no_address_index: bool,
    /// Check the signatures of a block one by one, not as lists.
    pub one_by_one: bool,
    /// Serve block filters (BIP157).
    pub filters: bool,
    /// Where passphrases are read from, one a line, in place of asking.
    pub passphrase_file: Option<PathBuf>,
    /// Nodes to keep a connection to, as `HOST:PORT`.
    pub peers: Vec<String>,
    /// Where a daemon listens: nothing for the usual port, `none` for nowhere.
    pub listen: Option<String>,
    /// Follow, and change nothing of our own.
    pub readonly: bool,
    /// What the memory pool takes and keeps.
    pub policy: Policy,
    pub service: Service,
    pub mining: Mining,
}

impl Config {
    /// What holds when no option is given.
    pub fn new(params: &'static NetworkParams, data_root: PathBuf) -> Config {
        Config {
            params,
            data_root,
            json: false,
            offline: false,
            no_address_index: false,
            one_by_one: false,
            filters: false,
            passphrase_file: None,
            peers: Vec::new(),
            listen: None,
            readonly: false,
            policy: Policy::default(),
            service: Service::default(),
            mining: Mining::default(),
        }
    }

    /// The network's own folder: the root for main, a folder of the network's name below it
    /// otherwise.
    pub fn data_folder(&self) -> PathBuf {
        if self.params.name == primitives::network::MAIN.name {
            self.data_root.clone()
        } else {
            self.data_root.join(self.params.name)
        }
    }

    pub fn control_socket(&self) -> PathBuf {
        self.data_folder().join(CONTROL_SOCKET)
    }

    pub fn cookie_file(&self) -> PathBuf {
        self.data_folder().join(COOKIE_FILE)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use primitives::network::{MAIN, REGTEST};

    #[test]
    fn folders() {
        let config = |params| Config::new(params, PathBuf::from("/d"));
        assert_eq!(config(&MAIN).data_folder(), Path::new("/d"));
        assert_eq!(config(&REGTEST).control_socket(), Path::new("/d/regtest/control.sock"));
    }
}
