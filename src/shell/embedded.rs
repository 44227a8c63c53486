//! A node inside the console's own process: a view of the store for reads, and the node thread
//! from the first call that changes something.

use std::sync::Arc;

use serde_json::Value;

use super::actor::Actor;
use super::control::ControlServer;
use super::desk::Desk;
use super::folder::Held;
use crate::api::call::{Class, Runner};
use crate::api::door::Door;
use crate::api::error::{CallError, ErrorKind};
use crate::api::table;
use crate::api::wire::Request;
use crate::config::Config;
use crate::node::state::Node;
use crate::node::view::View;

/// The node thread with its control socket.
pub struct Running {
    actor: Actor,
    pub desk: Arc<Desk>,
    // Dropped before the actor stops, so that nobody is let in to a stopping node.
    server: ControlServer,
}

impl Running {
    /// Starts the node thread on a held folder and lets other consoles in.
    pub fn start(held: Held) -> Result<Running, CallError> {
        let failed = |e: std::io::Error| {
            CallError::new(ErrorKind::Internal, format!("the node can't start: {e}"))
        };
        let socket = held.config.control_socket();
        let node = Node::open(held.store, held.engine)?;
        let actor = Actor::start(node, |why| {
            eprintln!("forthcoin: the node stops: {why}");
        })
        .map_err(failed)?;
        let desk = Desk::new(actor.handle.clone(), held.config);
        let server = ControlServer::start(&socket, Arc::clone(&desk)).map_err(|e| {
            let path = socket.display();
            CallError::new(
                ErrorKind::NoNode,
                format!("the control socket {path} can't be made: {e}"),
            )
        })?;
        Ok(Running { actor, desk, server })
    }

    /// Stops in order: what was changed is on the disk when this returns.
    pub fn stop(self) -> Result<(), CallError> {
        drop(self.server);
        self.desk.close();
        self.actor.stop()
    }
}

enum State {
    /// Only read so far.
    Reading(Box<View>, Held),
    Running(Running),
    Closed,
}

/// The door to a node in this process.
pub struct EmbeddedDoor {
    state: State,
    config: Config,
}

impl EmbeddedDoor {
    pub fn new(held: Held) -> EmbeddedDoor {
        let config = held.config.clone();
        let view = View::new(Arc::clone(&held.store), held.engine.clone(), false);
        EmbeddedDoor { state: State::Reading(Box::new(view), held), config }
    }

    /// Starts the node thread and the control socket, if they are not there yet.
    pub fn serve(&mut self) -> Result<(), CallError> {
        self.state = match std::mem::replace(&mut self.state, State::Closed) {
            State::Reading(_, held) => State::Running(Running::start(held)?),
            other => other,
        };
        Ok(())
    }
}

impl Door for EmbeddedDoor {
    fn ask(&mut self, request: Request) -> Result<Value, CallError> {
        let entry = table::find(&request.method)?;
        if self.config.readonly && entry.class != Class::Read {
            let why = format!("--readonly refuses every change: {} is one", entry.method);
            return Err(CallError::new(ErrorKind::Forbidden, why));
        }
        if let (State::Reading(view, _), Runner::Read(_)) = (&self.state, &entry.runner) {
            return entry.run_read(view, request.params);
        }
        self.serve()?;
        match &self.state {
            State::Running(running) => running.desk.answer(request),
            _ => Err(CallError::new(ErrorKind::NoNode, "the node of this console has stopped")),
        }
    }

    fn about(&self) -> String {
        format!("embedded on {}", self.config.data_folder().display())
    }

    fn close(&mut self) -> Result<(), CallError> {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Running(running) => running.stop(),
            _ => Ok(()),
        }
    }
}
