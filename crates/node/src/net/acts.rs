//! What operators ask of the network side.

use super::connections::is_target;
use super::context::StepContext;
use super::io::{NetAct, NetDone};
use super::peer::Origin;
use super::router::Net;
use crate::io::{Act, Done, NodeError};
use p2p::address::split_host_port;
use p2p::bans::Ban;

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
        step: &mut StepContext<'_>,
    ) -> Option<Result<Done, NodeError>> {
        let result = match act {
            NetAct::Listen { address } => {
                return self.listen(ticket, address, step).err().map(Err);
            }
            NetAct::Connect { host, port, readonly } => {
                return self.connect(ticket, &host, port, readonly, step).err().map(Err);
            }
            act => self.act_now(act, step),
        };
        if let Err(fault) = self.publish(step) {
            return Some(Err(NodeError::Store(fault)));
        }
        Some(result.map(Done::Net))
    }

    /// What is answered at once.
    fn act_now(&mut self, act: NetAct, step: &mut StepContext<'_>) -> Result<NetDone, NodeError> {
        match act {
            NetAct::Start => self.start(step),
            NetAct::StopListening => {
                self.run_sure(step, |managers, ctx| managers.connections.stop_listening(ctx))?;
            }
            NetAct::AddNode { target } => self.add_node(&target, step)?,
            NetAct::RemoveNode { target } => {
                let (host, port) = self.target(&target)?;
                if !self.managers.connections.remove_node(&host, port) {
                    return refused(format!("{target} is not on the list of added nodes"));
                }
            }
            NetAct::TryNode { target } => {
                let (host, port) = self.target(&target)?;
                self.start(step);
                self.run_sure(step, |managers, ctx| {
                    managers.connections.dial(&host, port, Origin::Manual, ctx);
                })?;
            }
            NetAct::Disconnect { target } => self.disconnect(&target, step)?,
            NetAct::Ban { net, seconds, absolute, reason } => {
                let now = (self.shared.now_ms / 1000).max(u64::from(step.now));
                let until = if absolute { seconds } else { now.saturating_add(seconds) };
                self.run_sure(step, |managers, ctx| {
                    managers.peers.bans_mut().add(net, Ban { created: now, until, reason });
                    managers.peers.close_subnet(&net, "the operator bans it", ctx);
                })?;
            }
            NetAct::Unban { net } => {
                if !self.managers.peers.bans_mut().remove(&net) {
                    return refused(format!("{net} is not banned: `bans` shows who is"));
                }
            }
            NetAct::ClearBans => self.managers.peers.bans_mut().clear(),
            NetAct::SetActive(active) => {
                self.run_sure(step, |managers, ctx| {
                    managers.connections.set_active(active);
                    if !active {
                        managers.peers.close_all("the network is off", ctx);
                    }
                })?;
                return Ok(NetDone::Active(active));
            }
            NetAct::SetReadonly => self.set_readonly(),
            NetAct::ServeFilters => self.serve_filters(),
            NetAct::Ping => self.managers.peers.ping_soon(),
            // Taken before.
            NetAct::Listen { .. } | NetAct::Connect { .. } => {}
        }
        Ok(NetDone::Done)
    }

    fn target(&self, text: &str) -> Result<(String, u16), NodeError> {
        split_host_port(text, self.shared.params.p2p_port).map_or_else(
            || refused(format!("{text:?} is no address: write HOST:PORT, for instance node1:8333")),
            Ok,
        )
    }

    fn listen(
        &mut self,
        ticket: u64,
        address: Option<String>,
        step: &mut StepContext<'_>,
    ) -> Result<(), NodeError> {
        let (host, port) = match address {
            None => ("::".to_owned(), self.shared.params.p2p_port),
            Some(address) => self.target(&address)?,
        };
        if let Some(address) = self.managers.connections.listening() {
            return refused(format!(
                "this node listens on {address} already: stop-listening ends that"
            ));
        }
        self.start(step);
        self.run_sure(step, |m, ctx| m.connections.listen(ticket, host, port, ctx))?;
        Ok(())
    }

    fn connect(
        &mut self,
        ticket: u64,
        host: &str,
        port: Option<u16>,
        readonly: bool,
        step: &mut StepContext<'_>,
    ) -> Result<(), NodeError> {
        let text = match port {
            Some(port) if host.contains(':') => format!("[{host}]:{port}"),
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let (host, port) = self.target(&text)?;
        if !self.managers.connections.is_active() {
            return refused("the network is off: `true set-network-active` turns it on");
        }
        self.shared.readonly |= readonly;
        self.start(step);
        self.run_sure(step, |m, ctx| m.connections.connect(ticket, &host, port, ctx))?;
        Ok(())
    }

    fn add_node(&mut self, target: &str, step: &mut StepContext<'_>) -> Result<(), NodeError> {
        let (host, port) = self.target(target)?;
        if let Some(reason) = self.managers.connections.refuses_to_add(target, &host, port) {
            return refused(reason);
        }
        self.start(step);
        self.managers.connections.add_node(host, port);
        Ok(())
    }

    fn disconnect(&mut self, target: &str, step: &mut StepContext<'_>) -> Result<(), NodeError> {
        let address = self.target(target).ok();
        let connections = &self.managers.connections;
        let found = self.managers.peers.open().find(|peer| {
            let by_address =
                address.as_ref().is_some_and(|(host, port)| is_target(&peer.address, host, *port));
            by_address
                || target.parse() == Ok(peer.id)
                || target.parse() == Ok(peer.address.ip())
                || connections.name_of(peer.id) == address.as_ref()
        });
        let Some(id) = found.map(|peer| peer.id) else {
            return refused(format!("{target} is no peer of this node: `peers` lists them"));
        };
        self.run_sure(step, |managers, ctx| {
            managers.peers.close(id, "the operator asked for it", ctx);
        })?;
        Ok(())
    }
}
