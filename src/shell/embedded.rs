//! A node inside the console's own process: a view of the store for reads, and the node thread
//! from the first call that changes something.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::actor::Actor;
use super::control::ControlServer;
use super::desk::Desk;
use super::folder::{Held, Holding, say};
use super::keep::POOL_FILE;
use crate::api::call::{Class, Runner};
use crate::api::door::Door;
use crate::api::error::{CallError, ErrorKind};
use crate::api::table;
use crate::api::wire::Request;
use crate::config::Config;
use crate::consensus::scripts::ScriptEngine;
use crate::mempool::policy::Policy;
use crate::mempool::pool::Pool;
use crate::node::pool::SharedPool;
use crate::node::state::Node;
use crate::node::view::View;
use crate::script::check::ScriptCache;
use crate::store::db::Store;

/// Verified transactions that are remembered until a block has them.
const SCRIPT_CACHE_ENTRIES: usize = 200_000;

/// How often a long start says where it is.
const SAY_EVERY: Duration = Duration::from_secs(2);

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
        say(&held.config, Holding::Starting);
        let mut node = open_node(held.store)?;
        warm_up(&mut node)?;
        let pool_file = held.config.data_folder().join(POOL_FILE);
        let actor = Actor::start(node, pool_file, |why| {
            eprintln!("forthcoin: the node stops: {why}");
        })
        .map_err(failed)?;
        let desk = Desk::new(actor.handle.clone(), held.config.clone());
        let server = ControlServer::start(&socket, Arc::clone(&desk)).map_err(|e| {
            let path = socket.display();
            CallError::new(
                ErrorKind::NoNode,
                format!("the control socket {path} can't be made: {e}"),
            )
        })?;
        say(&held.config, Holding::Ready);
        Ok(Running { actor, desk, server })
    }

    /// Stops in order: what was changed is on the disk when this returns.
    pub fn stop(self) -> Result<(), CallError> {
        drop(self.server);
        self.desk.close();
        self.actor.stop()
    }
}

/// Finishes what a node must have before it answers, and says so when it takes long.
fn warm_up(node: &mut Node) -> Result<(), CallError> {
    let mut said = Instant::now();
    while let Some(built) = node.warm_up()? {
        if said.elapsed() >= SAY_EVERY {
            said = Instant::now();
            let (done, of) = (u64::from(built.done), u64::from(built.of.max(1)));
            let percent = done * 100 / of;
            eprintln!("forthcoin: the indexes are being built, {:?} {percent} %", built.phase);
        }
    }
    Ok(())
}

/// A node whose pool and script engine share what they have verified.
fn open_node(store: Arc<Store>) -> Result<Node, CallError> {
    let mut salt = [0; 32];
    getrandom::fill(&mut salt).map_err(|e| {
        CallError::new(ErrorKind::Internal, format!("the system gives no random bytes: {e}"))
    })?;
    let cache = Arc::new(ScriptCache::new(salt, SCRIPT_CACHE_ENTRIES));
    let engine = ScriptEngine { cache: Some(Arc::clone(&cache)) };
    Ok(Node::open(store, Arc::new(engine), Pool::new(Policy::default(), cache))?)
}

enum State {
    /// Only read so far.
    Reading(Box<View>, Box<Held>),
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
        let verifier = Arc::new(ScriptEngine::default());
        let no_pool = Pool::new(Policy::default(), Arc::new(ScriptCache::new([0; 32], 0)));
        let view = View::new(Arc::clone(&held.store), verifier, SharedPool::new(no_pool));
        EmbeddedDoor { state: State::Reading(Box::new(view), Box::new(held)), config }
    }

    /// Starts the node thread and the control socket, if they are not there yet.
    pub fn serve(&mut self) -> Result<(), CallError> {
        self.state = match std::mem::replace(&mut self.state, State::Closed) {
            State::Reading(_, held) => State::Running(Running::start(*held)?),
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
        if let (State::Reading(view, _), Runner::Read(_), false) =
            (&self.state, &entry.runner, entry.needs_node)
        {
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
