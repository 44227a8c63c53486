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
use super::logs;
use super::online::{self, Online};
use super::postgres::Exporter;
use super::stratum::StratumServer;
use super::upkeep::audit::Who;
use super::upkeep::{AtRest, Upkeep};
use crate::config::{Config, Mining};
use consensus::scripts::{BatchEngine, ScriptEngine, ScriptVerifier};
use mempool::policy::Policy;
use mempool::pool::Pool;
use node::io::Act;
use node::mine::io::MineAct;
use node::pool::SharedPool;
use node::node::Node;
use node::view::View;
use rpc::call::Runner;
use rpc::door::Door;
use rpc::error::{CallError, ErrorKind};
use rpc::table;
use rpc::value::Reply;
use rpc::wire::Request;
use script::check::ScriptCache;
use store::db::Store;

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
    stratum: Option<StratumServer>,
    rows: Option<Exporter>,
}

impl Running {
    /// Starts the node thread on a held folder and lets other consoles in.
    pub fn start(held: Held, upkeep: Arc<Upkeep>) -> Result<Running, CallError> {
        let failed = |e: std::io::Error| {
            CallError::new(ErrorKind::Internal, format!("the node can't start: {e}"))
        };
        let socket = held.config.control_socket();
        say(&held.config, Holding::Starting, held.shortly);
        let mut node = open_node(held.store, &held.config)?;
        warm_up(&mut node)?;
        let pool_file = held.config.data_folder().join(POOL_FILE);
        let actor = Actor::start(node, pool_file, |why| {
            logs::note("store", &format!("the node stops: {why}"));
        })
        .map_err(failed)?;
        let desk = Desk::new(actor.handle.clone(), upkeep);
        // Doors open last: whoever finds one finds the whole node behind it.
        let opened = serve_miners(&desk, &held.config.mining).and_then(|stratum| {
            let server = ControlServer::start(&socket, Arc::clone(&desk)).map_err(|e| {
                let path = socket.display();
                CallError::new(
                    ErrorKind::NoNode,
                    format!("the control socket {path} can't be made: {e}"),
                )
            })?;
            Ok((server, stratum))
        });
        match opened {
            Ok((server, stratum)) => {
                say(&held.config, Holding::Ready, held.shortly);
                Ok(Running { actor, desk, server, stratum, rows: None })
            }
            Err(error) => {
                desk.close();
                actor.stop()?;
                Err(error)
            }
        }
    }

    /// Begins what the command line asks for beside the node: to mine, and to write metrics as
    /// rows. A node that can't mine yet, because peers have blocks that are not here, begins once
    /// they are.
    pub fn begin(&mut self, config: &Config) -> Result<(), CallError> {
        self.rows = Exporter::start(config, self.desk.handle.clone(), &self.desk.upkeep)?;
        let mining = &config.mining;
        let ask = |act| self.desk.handle.act(Act::Mine(act)).map(|_| ());
        if mining.address.is_some() && mining.threads != Some(0) {
            ask(MineAct::Start { threads: mining.threads, blocks: None, patient: true })?;
        }
        Ok(())
    }

    /// Stops in order: what was changed is on the disk when this returns.
    pub fn stop(self) -> Result<(), CallError> {
        if let Some(rows) = self.rows {
            rows.stop();
        }
        drop(self.server);
        drop(self.stratum);
        self.desk.close();
        self.actor.stop()
    }
}

/// Tells the node where mined coins go, and opens the port for miners elsewhere.
fn serve_miners(desk: &Desk, mining: &Mining) -> Result<Option<StratumServer>, CallError> {
    let ask = |act| desk.handle.act(Act::Mine(act)).map(|_| ());
    if !mining.tag.is_empty() {
        ask(MineAct::SetTag { tag: mining.tag.clone().into_bytes() })?;
    }
    if mining.address.is_some() {
        ask(MineAct::SetAddress { address: mining.address.clone() })?;
    }
    let Some(address) = &mining.stratum else { return Ok(None) };
    ask(MineAct::Serve { on: true })?;
    StratumServer::start(address, desk.handle.clone()).map(Some)
}

/// Finishes what a node must have before it answers, and says so when it takes long.
fn warm_up(node: &mut Node) -> Result<(), CallError> {
    let mut said = Instant::now();
    while let Some(built) = node.warm_up()? {
        if said.elapsed() >= SAY_EVERY {
            said = Instant::now();
            let (done, of) = (u64::from(built.done), u64::from(built.of.max(1)));
            let percent = done * 100 / of;
            let text = format!("the indexes are being built, {:?} {percent} %", built.phase);
            logs::note("chain", &text);
        }
    }
    Ok(())
}

/// A node whose pool and script engine share what they have verified.
fn open_node(store: Arc<Store>, config: &Config) -> Result<Node, CallError> {
    let mut salt = [0; 32];
    getrandom::fill(&mut salt).map_err(|e| {
        CallError::new(ErrorKind::Internal, format!("the system gives no random bytes: {e}"))
    })?;
    let cache = Arc::new(ScriptCache::new(salt, SCRIPT_CACHE_ENTRIES));
    let engine = ScriptEngine { cache: Some(Arc::clone(&cache)) };
    let engine: Arc<dyn ScriptVerifier> = match config.one_by_one {
        true => Arc::new(engine),
        false => Arc::new(BatchEngine(engine)),
    };
    let mut node = Node::open(store, engine, Pool::new(Policy::default(), cache))?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    node.mining().set_cores(config.mining.threads.filter(|threads| *threads > 0).unwrap_or(cores));
    Ok(node)
}

enum State {
    /// Only read so far.
    Reading(Box<View>, Box<Held>),
    Running(Box<Running>),
    Closed,
}

/// The door to a node in this process.
pub struct EmbeddedDoor {
    state: State,
    config: Config,
    upkeep: Arc<Upkeep>,
    /// What `init-network` has to do for the command line.
    online: Online,
}

impl EmbeddedDoor {
    pub fn new(held: Held) -> EmbeddedDoor {
        let config = held.config.clone();
        let verifier = Arc::new(ScriptEngine::default());
        let no_pool = Pool::new(Policy::default(), Arc::new(ScriptCache::new([0; 32], 0)));
        let view = View::new(Arc::clone(&held.store), verifier, SharedPool::new(no_pool));
        let upkeep = Upkeep::new(config.clone());
        let online = Online::new(&config);
        EmbeddedDoor {
            state: State::Reading(Box::new(view), Box::new(held)),
            config,
            upkeep,
            online,
        }
    }

    /// Starts the node thread and the control socket, if they are not there yet.
    pub fn serve(&mut self) -> Result<(), CallError> {
        self.state = match std::mem::replace(&mut self.state, State::Closed) {
            State::Reading(_, held) => {
                let running = Running::start(*held, Arc::clone(&self.upkeep))?;
                State::Running(Box::new(running))
            }
            other => other,
        };
        Ok(())
    }

    /// Begins what the command line asks for beside the node.
    pub fn begin(&mut self) -> Result<(), CallError> {
        match &mut self.state {
            State::Running(running) => running.begin(&self.config),
            _ => Ok(()),
        }
    }
}

impl Door for EmbeddedDoor {
    fn ask(&mut self, request: Request) -> Result<Value, CallError> {
        let entry = table::find(&request.method)?;
        online::refusal(&self.config, entry)?;
        if let (State::Reading(view, _), false) = (&self.state, entry.needs_node) {
            match entry.runner {
                Runner::Read(_) => {
                    return entry.run_read(view, request.params).map(Reply::into_value);
                }
                Runner::Service(run) => {
                    let services = AtRest { upkeep: &self.upkeep, view };
                    let run = |params| run(&services, &entry.arrange(params)?);
                    let audit = &self.upkeep.audit;
                    return audit.around(&Who::console(), entry, request.params, run);
                }
                Runner::Act(..) => {}
            }
        }
        self.serve()?;
        match &self.state {
            State::Running(running) => {
                let answer = running.desk.answer(&Who::console(), request)?;
                if entry.method == online::START {
                    self.online.go(&running.desk.handle)?;
                }
                Ok(answer.into_value())
            }
            _ => Err(CallError::new(ErrorKind::NoNode, "the node of this console has stopped")),
        }
    }

    fn about(&self) -> String {
        format!("embedded on {}", self.config.data_folder().display())
    }

    fn close(&mut self) -> Result<(), CallError> {
        self.upkeep.backups.stop();
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Running(running) => running.stop(),
            _ => Ok(()),
        }
    }
}
