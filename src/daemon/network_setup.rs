//! Applies the network options to a node: `--readonly`, `--filters`, `--listen`, `--peer`. A daemon
//! does it when it starts, a console's own node when `init-network` runs.

use std::collections::VecDeque;

use super::actor::Handle;
use super::logs;
use crate::config::{Config, LISTEN_NOWHERE};
use node::io::Act;
use node::net::io::NetAct;
use rpc::call::{Class, Entry};
use rpc::error::{CallError, ErrorKind};

/// The call that starts the network.
pub const START: &str = "startnetwork";

/// The options that are still to be applied, in order.
pub struct NetworkSetup(VecDeque<NetAct>);

impl NetworkSetup {
    pub fn new(config: &Config) -> NetworkSetup {
        let mut acts = VecDeque::new();
        acts.extend(config.readonly.then_some(NetAct::SetReadonly));
        acts.extend(config.filters.then_some(NetAct::ServeFilters));
        let listen = config.listen.clone().filter(|address| address != LISTEN_NOWHERE);
        acts.extend(listen.map(|address| NetAct::Listen { address: Some(address) }));
        acts.extend(config.peers.iter().map(|peer| NetAct::AddNode { target: peer.clone() }));
        NetworkSetup(acts)
    }

    /// Applies them until one fails; the next attempt begins with that one.
    pub fn apply(&mut self, handle: &Handle) -> Result<(), CallError> {
        while let Some(act) = self.0.front() {
            handle.act(Act::Net(act.clone()))?;
            self.0.pop_front();
        }
        Ok(())
    }
}

/// Applies the options to a daemon, which also listens on its network's default port.
pub fn apply_to_daemon(config: &Config, handle: &Handle) -> Result<(), CallError> {
    NetworkSetup::new(config).apply(handle)?;
    if config.listen.is_none() && config.params.p2p_by_default {
        // The port may be another node's: this one can still make outbound connections.
        if let Err(e) = handle.act(Act::Net(NetAct::Listen { address: None })) {
            logs::note("net", &format!("{e}; others can't connect to this node"));
        }
    }
    Ok(())
}

/// An error if `--readonly` forbids the call. A replica may start its network: it must follow peers.
pub fn check_readonly(config: &Config, entry: &Entry) -> Result<(), CallError> {
    match config.readonly && entry.class != Class::Read && entry.method != START {
        true => {
            let why = format!("this node is read-only: {} is refused", entry.method);
            Err(CallError::new(ErrorKind::Forbidden, why))
        }
        false => Ok(()),
    }
}
