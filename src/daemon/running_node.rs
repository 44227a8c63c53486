//! The node thread with all that serves it in one process: control socket, Stratum, export of
//! metrics; started and stopped in order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::actor::{Actor, POOL_FILE};
use super::control::ControlServer;
use super::data_folder::{LockedFolder, Stage, write_holder};
use super::dispatcher::Dispatcher;
use super::logs;
use super::metrics_export::{self, Exporter};
use super::stratum::StratumServer;
use super::upkeep::Upkeep;
use crate::config::{Config, Mining};
use consensus::scripts::{BatchEngine, ScriptEngine, ScriptVerifier};
use mempool::pool::Pool;
use node::io::Act;
use node::mine::io::MineAct;
use node::node::Node;
use rpc::error::{CallError, ErrorKind};
use script::check::ScriptCache;
use store::db::Store;

/// Verified transactions that are remembered until a block has them.
const SCRIPT_CACHE_ENTRIES: usize = 200_000;

/// How often a long start reports its progress.
const REPORT_EVERY: Duration = Duration::from_secs(2);

/// The node thread with its control socket.
pub struct RunningNode {
    actor: Actor,
    pub dispatcher: Arc<Dispatcher>,
    // Dropped before the actor stops, so that a stopping node accepts no console.
    server: ControlServer,
    stratum: Option<StratumServer>,
    rows: Option<Exporter>,
}

impl RunningNode {
    /// Starts the node thread on a locked folder and accepts other consoles.
    pub fn start(folder: LockedFolder, upkeep: Arc<Upkeep>) -> Result<RunningNode, CallError> {
        let failed = |e: std::io::Error| {
            CallError::new(ErrorKind::Internal, format!("the node can't start: {e}"))
        };
        let socket = folder.config.control_socket();
        write_holder(&folder.config, Stage::Starting, folder.is_one_liner);
        let mut node = open_node(folder.store, &folder.config)?;
        warm_up(&mut node)?;
        let pool_file = folder.config.data_folder().join(POOL_FILE);
        let actor = Actor::start(node, pool_file, |why| {
            logs::note("store", &format!("the node stops: {why}"));
        })
        .map_err(failed)?;
        let dispatcher = Dispatcher::new(actor.handle.clone(), upkeep);
        // Servers start last: a client that can connect finds the whole node behind it.
        let opened = serve_miners(&dispatcher, &folder.config.mining).and_then(|stratum| {
            let server = ControlServer::start(&socket, Arc::clone(&dispatcher)).map_err(|e| {
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
                write_holder(&folder.config, Stage::Ready, folder.is_one_liner);
                Ok(RunningNode { actor, dispatcher, server, stratum, rows: None })
            }
            Err(error) => {
                dispatcher.close();
                actor.stop()?;
                Err(error)
            }
        }
    }

    /// Starts what the options ask for beside the node: mining, and the export of metrics. A node
    /// that can't mine yet, because it lacks blocks that its peers have, begins once it has them.
    pub fn begin(&mut self, config: &Config) -> Result<(), CallError> {
        self.rows =
            metrics_export::start(config, &self.dispatcher.handle, &self.dispatcher.upkeep)?;
        let mining = &config.mining;
        let ask = |act| self.dispatcher.handle.act(Act::Mine(act)).map(|_| ());
        if mining.address.is_some() && mining.threads != Some(0) {
            ask(MineAct::Start { threads: mining.threads, blocks: None, patient: true })?;
        }
        Ok(())
    }

    /// Shuts down cleanly: every change is on disk when this returns.
    pub fn stop(self) -> Result<(), CallError> {
        drop(self.rows);
        drop(self.server);
        drop(self.stratum);
        self.dispatcher.close();
        self.actor.stop()
    }
}

/// Sets where mined coins go, and starts the Stratum server for remote miners.
fn serve_miners(
    dispatcher: &Dispatcher,
    mining: &Mining,
) -> Result<Option<StratumServer>, CallError> {
    let ask = |act| dispatcher.handle.act(Act::Mine(act)).map(|_| ());
    if !mining.tag.is_empty() {
        ask(MineAct::SetTag { tag: mining.tag.clone().into_bytes() })?;
    }
    if mining.address.is_some() {
        ask(MineAct::SetAddress { address: mining.address.clone() })?;
    }
    let Some(address) = &mining.stratum else { return Ok(None) };
    ask(MineAct::Serve { on: true })?;
    StratumServer::start(address, dispatcher.handle.clone()).map(Some)
}

/// Finishes what a node needs before it can answer, and reports progress when it takes long.
fn warm_up(node: &mut Node) -> Result<(), CallError> {
    let mut reported = Instant::now();
    while let Some(built) = node.warm_up()? {
        if reported.elapsed() >= REPORT_EVERY {
            reported = Instant::now();
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
    let mut node = Node::open(store, engine, Pool::new(config.policy, cache))?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    node.mining().set_cores(config.mining.threads.filter(|threads| *threads > 0).unwrap_or(cores));
    Ok(node)
}
