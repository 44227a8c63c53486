//! Network, data folder and what the process may do, from flags and environment.

use std::path::{Path, PathBuf};

use crate::primitives::network::NetworkParams;

/// The control socket's file name in a network's data folder.
pub const CONTROL_SOCKET: &str = "control.sock";

/// The file that says which process holds the folder.
pub const HOLDER_FILE: &str = "holder";

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
    /// Nodes to keep a connection to, as `HOST:PORT`.
    pub peers: Vec<String>,
    /// Where a daemon listens: nothing for the usual port, `none` for nowhere.
    pub listen: Option<String>,
    /// Follow, and change nothing of our own.
    pub readonly: bool,
}

impl Config {
    /// The network's own folder: the root for main, a folder of the network's name below it
    /// otherwise.
    pub fn data_folder(&self) -> PathBuf {
        if self.params.name == crate::primitives::network::MAIN.name {
            self.data_root.clone()
        } else {
            self.data_root.join(self.params.name)
        }
    }

    pub fn control_socket(&self) -> PathBuf {
        self.data_folder().join(CONTROL_SOCKET)
    }
}

/// Where data goes when nobody says: `$XDG_DATA_HOME/forthcoin`, else `~/.forthcoin`, else here.
pub fn default_data_root(env: impl Fn(&str) -> Option<String>) -> PathBuf {
    let named = |name: &str| env(name).filter(|value| !value.is_empty());
    match (named("XDG_DATA_HOME"), named("HOME")) {
        (Some(data), _) => Path::new(&data).join("forthcoin"),
        (None, Some(home)) => Path::new(&home).join(".forthcoin"),
        (None, None) => PathBuf::from(".forthcoin"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::network::{MAIN, REGTEST};

    #[test]
    fn folders() {
        let config = |params| Config {
            params,
            data_root: PathBuf::from("/d"),
            json: false,
            offline: false,
            no_address_index: false,
            peers: Vec::new(),
            listen: None,
            readonly: false,
        };
        assert_eq!(config(&MAIN).data_folder(), Path::new("/d"));
        assert_eq!(config(&REGTEST).control_socket(), Path::new("/d/regtest/control.sock"));
        let env = |name: &str| (name == "HOME").then(|| "/home/op".to_owned());
        assert_eq!(default_data_root(env), Path::new("/home/op/.forthcoin"));
        assert_eq!(default_data_root(|_| None), Path::new(".forthcoin"));
    }
}
