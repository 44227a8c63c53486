//! What operators ask of the network side.

use super::io::{NetAct, NetDone, NetOutput};
use super::peer::Origin;
use super::state::{Added, Net};
use super::work::Work;
use crate::io::{Act, Done, NodeError};
use p2p::address::split_host_port;
use p2p::bans::Ban;
use p2p::download::PeerId;

/// Nodes on the list of those to keep.
const MAX_ADDED: usize = 64;

/// Whether a replica may do it: nothing that changes chain or pool.
pub fn allowed_readonly(act: &Act) -> bool {
    matches!(act, Act::Net(_) | Act::Flush)
}

fn refused<T>(reason: impl Into<String>) -> Result<T, NodeError> {
    Err(NodeError::Network { reason: reason.into() })
}

impl Net {
    /// Does it; `None` if the answer comes later, under the ticket.
    pub fn act(
        &mut self,
        ticket: u64,
        act: NetAct,
        work: &mut Work<'_>,
    ) -> Option<Result<Done, NodeError>> {
        let result = match act {
            NetAct::Start => {
                self.start(work);
                Ok(NetDone::Done)
            }
            NetAct::Listen { address } => return self.listen(ticket, address, work),
            NetAct::Connect { host, port, readonly } => {
                return self.connect(ticket, &host, port, readonly, work);
            }
            NetAct::StopListening => {
                self.listening = None;
                work.net(NetOutput::StopListening);
                Ok(NetDone::Done)
            }
            NetAct::AddNode { target } => self.add_node(&target, work),
            NetAct::RemoveNode { target } => self.remove_node(&target),
            NetAct::TryNode { target } => self.target(&target).map(|(host, port)| {
                self.start(work);
                self.dial(&host, port, Origin::Manual, work);
                NetDone::Done
            }),
            NetAct::Disconnect { target } => self.disconnect(&target, work),
            NetAct::Ban { net, seconds, absolute, reason } => {
                let now = self.now_s().max(u64::from(work.now));
                let until = if absolute { seconds } else { now.saturating_add(seconds) };
                self.bans.add(net, Ban { created: now, until, reason });
                let hit = self.peers.values().filter(|p| net.contains(&p.address.ip()));
                let hit: Vec<PeerId> = hit.map(|peer| peer.id).collect();
                hit.into_iter().for_each(|id| self.close(id, "the operator bans it", work));
                Ok(NetDone::Done)
            }
            NetAct::Unban { net } => match self.bans.remove(&net) {
                true => Ok(NetDone::Done),
                false => refused(format!("{net} is not banned: `bans` shows who is")),
            },
            NetAct::ClearBans => {
                self.bans.clear();
                Ok(NetDone::Done)
            }
            NetAct::SetActive(on) => {
                self.active = on;
                if !on {
                    let all: Vec<PeerId> = self.peers.keys().copied().collect();
                    all.into_iter().for_each(|id| self.close(id, "the network is off", work));
                }
                Ok(NetDone::Active(on))
            }
            NetAct::SetReadonly => {
                self.readonly = true;
                Ok(NetDone::Done)
            }
            NetAct::ServeFilters => {
                self.serve_filters();
                Ok(NetDone::Done)
            }
            NetAct::Ping => {
                self.peers.values_mut().for_each(|peer| peer.ping.soon());
                Ok(NetDone::Done)
            }
        };
        if let Err(fault) = self.publish(work) {
            return Some(Err(NodeError::Store(fault)));
        }
        Some(result.map(Done::Net))
    }

    /// Starts the network side, once.
    fn start(&mut self, work: &mut Work<'_>) {
        if !self.started {
            self.started = true;
            self.now_ms = self.now_ms.max(u64::from(work.now) * 1000);
            // What is here already is no news.
            self.told_tip = Some(work.chain.tip().id);
            work.net(NetOutput::Open);
        }
    }

    fn target(&self, text: &str) -> Result<(String, u16), NodeError> {
        split_host_port(text, self.params.p2p_port).map_or_else(
            || refused(format!("{text:?} is no address: write HOST:PORT, for instance node1:8333")),
            Ok,
        )
    }

    fn listen(
        &mut self,
        ticket: u64,
        address: Option<String>,
        work: &mut Work<'_>,
    ) -> Option<Result<Done, NodeError>> {
        let port = self.params.p2p_port;
        let (host, port) = match address.map(|address| self.target(&address)) {
            None => ("::".to_owned(), port),
            Some(Ok(target)) => target,
            Some(Err(error)) => return Some(Err(error)),
        };
        if let Some(address) = self.listening {
            return Some(refused(format!(
                "this node listens on {address} already: stop-listening ends that"
            )));
        }
        self.start(work);
        self.listen_tickets.push(ticket);
        work.net(NetOutput::Listen { host, port });
        None
    }

    fn connect(
        &mut self,
        ticket: u64,
        host: &str,
        port: Option<u16>,
        readonly: bool,
        work: &mut Work<'_>,
    ) -> Option<Result<Done, NodeError>> {
        let text = match port {
            Some(port) if host.contains(':') => format!("[{host}]:{port}"),
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let (host, port) = match self.target(&text) {
            Ok(target) => target,
            Err(error) => return Some(Err(error)),
        };
        if !self.active {
            return Some(refused("the network is off: `true set-network-active` turns it on"));
        }
        self.readonly |= readonly;
        self.start(work);
        let id = self.dial(&host, port, Origin::Manual, work);
        self.connect_tickets.insert(id, ticket);
        None
    }

    fn add_node(&mut self, target: &str, work: &mut Work<'_>) -> Result<NetDone, NodeError> {
        let (host, port) = self.target(target)?;
        if self.added.iter().any(|added| added.host == host && added.port == port) {
            return refused(format!("{target} is on the list of added nodes already"));
        }
        if self.added.len() >= MAX_ADDED {
            return refused(format!("{MAX_ADDED} nodes are the most that can be added"));
        }
        self.start(work);
        self.added.push(Added { host, port, next_ms: 0, fails: 0 });
        Ok(NetDone::Done)
    }

    fn remove_node(&mut self, target: &str) -> Result<NetDone, NodeError> {
        let (host, port) = self.target(target)?;
        let before = self.added.len();
        self.added.retain(|added| added.host != host || added.port != port);
        match self.added.len() < before {
            true => Ok(NetDone::Done),
            false => refused(format!("{target} is not on the list of added nodes")),
        }
    }

    fn disconnect(&mut self, target: &str, work: &mut Work<'_>) -> Result<NetDone, NodeError> {
        let address = self.target(target).ok();
        let found = self.peers.values().filter(|peer| !peer.closing).find(|peer| {
            let by_address = address
                .as_ref()
                .is_some_and(|(host, port)| super::state::is_target(&peer.address, host, *port));
            by_address
                || target.parse() == Ok(peer.id)
                || target.parse() == Ok(peer.address.ip())
                || self.names.get(&peer.id) == address.as_ref()
        });
        match found.map(|peer| peer.id) {
            Some(id) => {
                self.close(id, "the operator asked for it", work);
                Ok(NetDone::Done)
            }
            None => refused(format!("{target} is no peer of this node: `peers` lists them")),
        }
    }
}
