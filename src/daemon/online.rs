//! What the command line says about the network, as acts of a node: `--readonly`, `--filters`,
//! `--listen`, `--peer`. A node without a terminal does it at its start, a console's own node when
//! `init-network` runs.

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

/// What is still to be done, in order.
pub struct Online(VecDeque<NetAct>);

impl Online {
    pub fn new(config: &Config) -> Online {
        let mut acts = VecDeque::new();
        acts.extend(config.readonly.then_some(NetAct::SetReadonly));
        acts.extend(config.filters.then_some(NetAct::ServeFilters));
        let listen = config.listen.clone().filter(|address| address != LISTEN_NOWHERE);
        acts.extend(listen.map(|address| NetAct::Listen { address: Some(address) }));
        acts.extend(config.peers.iter().map(|peer| NetAct::AddNode { target: peer.clone() }));
        Online(acts)
    }

    /// Does it. What fails ends it; the next try goes on from there.
    pub fn go(&mut self, handle: &Handle) -> Result<(), CallError> {
        while let Some(act) = self.0.front() {
            handle.act(Act::Net(act.clone()))?;
            self.0.pop_front();
        }
        Ok(())
    }
}

/// As `Online`, for a node that others should find: it also listens on its network's usual port.
pub fn whole_node(config: &Config, handle: &Handle) -> Result<(), CallError> {
    Online::new(config).go(handle)?;
    if config.listen.is_none() && config.params.p2p_by_default {
        // The usual port may be another node's: this one can still dial.
        if let Err(e) = handle.act(Act::Net(NetAct::Listen { address: None })) {
            logs::note("net", &format!("{e}; others can't connect to this node"));
        }
    }
    Ok(())
}

/// Why `--readonly` refuses a call. A replica must start its network to follow anybody.
pub fn refusal(config: &Config, entry: &Entry) -> Result<(), CallError> {
    match config.readonly && entry.class != Class::Read && entry.method != START {
        true => {
            let why = format!("this node is read-only: {} is refused", entry.method);
            Err(CallError::new(ErrorKind::Forbidden, why))
        }
        false => Ok(()),
    }
}
