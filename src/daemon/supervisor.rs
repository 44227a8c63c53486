//! A node without a terminal: starts on the data folder, serves the control socket and the API
//! server if it is enabled, notifies systemd of its state, and shuts down cleanly on SIGTERM or SIGINT.

use std::collections::{HashSet, VecDeque};
use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

use super::actor::{EVENT_LIMIT, Handle, POOL_EVENT_LIMIT};
use super::clock::now_s;
use super::data_folder;
use super::logs;
use super::network_setup;
use super::running_node::RunningNode;
use super::upkeep::Upkeep;
use crate::config::Config;
use chain::event::ChainEvent;
use mempool::pool::PoolEvent;
use primitives::id::Txid;
use rpc::door::{Happening, Watch};
use rpc::error::{CallError, ErrorKind};
use rpc::service::Services;

/// How often a waiting console polls for events.
const POLL_EVERY: Duration = Duration::from_millis(20);

/// A node that runs until a signal or its own console stops it.
pub struct Daemon {
    /// `None` once it is being stopped.
    running: Arc<Mutex<Option<RunningNode>>>,
    handle: Handle,
    /// Events since before any server was open, until the console takes them.
    queues: Mutex<Option<Queues>>,
}

/// Where the chain's and the pool's events arrive.
type Queues = (Receiver<Arc<ChainEvent>>, Receiver<PoolEvent>);

/// Notifies systemd, where it started this process.
fn notify(state: NotifyState<'_>) {
    let _ = sd_notify::notify(&[state]);
}

impl Daemon {
    /// Starts the node. It fails at once if another node has locked the folder.
    pub fn start(config: &Config) -> Result<Daemon, CallError> {
        logs::start(&config.service)?;
        let locked = data_folder::lock_for_node(config)?;
        let failed = |e: std::io::Error| {
            CallError::new(ErrorKind::Internal, format!("signals can't be heard: {e}"))
        };
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(failed)?;
        let mut running = RunningNode::start(locked, Upkeep::new(config.clone()))?;
        let handle = running.dispatcher.handle.clone();
        let queues = Mutex::new(Some((handle.events(), handle.pool_events())));
        let served = match config.service.websocket {
            Some(_) => running.dispatcher.start_server().map(|_| ()),
            None => Ok(()),
        };
        // What the options ask for must work, or the node shuts down.
        let online = served.and_then(|()| network_setup::apply_to_daemon(config, &handle));
        if let Err(error) = online.and_then(|()| running.begin(config)) {
            running.stop()?;
            return Err(error);
        }
        let dispatcher = Arc::clone(&running.dispatcher);
        let running = Arc::new(Mutex::new(Some(running)));
        let ours = Arc::clone(&running);
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                for signal in signals.forever() {
                    if signal == SIGHUP {
                        logs::reopen();
                        continue;
                    }
                    tracing::info!(target: "daemon", signal, "stopping");
                    process::exit(match stop(&ours) {
                        Ok(()) => 0,
                        Err(error) => {
                            tracing::error!(target: "daemon", %error, "not stopped in order");
                            1
                        }
                    });
                }
            })
            .map_err(failed)?;
        dispatcher.handles_signals();
        if let Some(limit) = sd_notify::watchdog_enabled() {
            let handle = handle.clone();
            std::thread::Builder::new()
                .name("watchdog".to_owned())
                .spawn(move || watchdog(&handle, limit))
                .map_err(failed)?;
        }
        notify(NotifyState::Ready);
        let (name, folder) = (config.params.name, config.data_folder());
        let folder = folder.display();
        tracing::info!(target: "daemon", network = name, %folder, process = process::id(), "the node runs");
        Ok(Daemon { running, handle, queues })
    }

    /// The node's events from its start on, for the console that waits with it: those that came while
    /// the console loaded its files are not lost.
    pub fn events(&self) -> Events {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner).take();
        Events {
            queues,
            handle: self.handle.clone(),
            ready: VecDeque::new(),
            announced: HashSet::new(),
            leaving: Vec::new(),
        }
    }

    /// Shuts down cleanly: every change is on disk when this returns.
    pub fn stop(&self) -> Result<(), CallError> {
        stop(&self.running)
    }
}

fn stop(running: &Mutex<Option<RunningNode>>) -> Result<(), CallError> {
    // Locked while stopping, so that a second caller waits for the first.
    let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(running) = running.take() else { return Ok(()) };
    notify(NotifyState::Stopping);
    running.stop()
}

/// Feeds systemd's watchdog as long as the node's loop makes progress: a node that hangs is restarted.
fn watchdog(handle: &Handle, limit: Duration) {
    let every = (limit / 3).max(Duration::from_millis(100));
    loop {
        let silent = now_s().saturating_sub(handle.last_beat_s());
        if Duration::from_secs(u64::from(silent)) < limit {
            notify(NotifyState::Watchdog);
        }
        std::thread::sleep(every);
    }
}

/// Events as the console takes them. A transaction is announced once: when it enters the mempool, or
/// by its block if it was first seen there.
pub struct Events {
    handle: Handle,
    /// `None` while nobody listens.
    queues: Option<Queues>,
    ready: VecDeque<Happening>,
    /// Announced, and in the mempool as far as we know.
    announced: HashSet<Txid>,
    /// Seen to leave the mempool, perhaps for a block whose event is not taken yet.
    leaving: Vec<Txid>,
}

fn missed(count: u64) {
    tracing::warn!(target: "forth", missed = count, "events came faster than their words ran");
}

impl Events {
    /// Takes the events of the mempool, as many as are queued at most; those that left go to `gone`.
    fn take_pool(&mut self, gone: &mut Vec<Txid>) {
        let Some((_, pool)) = &mut self.queues else { return };
        while self.ready.len() + gone.len() < POOL_EVENT_LIMIT {
            match pool.try_recv() {
                Ok(PoolEvent::Added { txid, .. }) => {
                    if self.announced.insert(txid) {
                        self.ready.push_back(Happening::Transaction { txid: txid.to_string() });
                    }
                }
                Ok(PoolEvent::Removed { txid, .. }) => gone.push(txid),
                Err(TryRecvError::Lagged(count)) => {
                    missed(count);
                    // The lost events may include removals.
                    self.announced.clear();
                }
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
    }

    fn take_chain(&mut self) -> Vec<Arc<ChainEvent>> {
        let mut events = Vec::new();
        let Some((chain, _)) = &mut self.queues else { return events };
        while events.len() < EVENT_LIMIT {
            match chain.try_recv() {
                Ok(event) => events.push(event),
                Err(TryRecvError::Lagged(count)) => missed(count),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        events
    }

    /// Takes all queued events; false if there are none.
    ///
    /// A step's events of the chain are sent before those of the mempool: the block that a transaction
    /// was seen to leave the mempool for is in the chain's queue by then. What entered the mempool
    /// before a block is seen before it, if the mempool's queue is read once more.
    fn take(&mut self) -> bool {
        let mut gone = std::mem::take(&mut self.leaving);
        self.take_pool(&mut gone);
        let events = self.take_chain();
        let mut leaving = Vec::new();
        self.take_pool(&mut leaving);
        self.leaving = leaving;
        let announced = &self.announced;
        self.ready.extend(events.iter().filter_map(|event| happening(event, announced)));
        for txid in gone {
            self.announced.remove(&txid);
        }
        !self.ready.is_empty()
    }
}

impl Watch for Events {
    fn next(&mut self, wait: Duration) -> Option<Happening> {
        let deadline = Instant::now() + wait;
        let handle = &self.handle;
        self.queues.get_or_insert_with(|| (handle.events(), handle.pool_events()));
        loop {
            if !self.ready.is_empty() || self.take() {
                return self.ready.pop_front();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            std::thread::sleep(left.min(POLL_EVERY));
        }
    }

    fn rest(&mut self, wait: Duration) {
        // A later listener gets the events from then on.
        self.queues = None;
        std::thread::sleep(wait);
        self.ready.clear();
        self.announced.clear();
        self.leaving.clear();
    }

    fn failed(&mut self, what: &str, why: &str) {
        tracing::error!(target: "forth", word = what, "{why}");
    }
}

fn happening(event: &ChainEvent, announced: &HashSet<Txid>) -> Option<Happening> {
    match event {
        ChainEvent::BlockConnected { height, txids, .. } => Some(Happening::Block {
            height: height.0,
            txids: txids
                .iter()
                .filter(|id| !announced.contains(id))
                .map(ToString::to_string)
                .collect(),
        }),
        ChainEvent::TipChanged { height, disconnected, .. } if *disconnected > 0 => {
            Some(Happening::Reorganisation { height: height.0, depth: *disconnected })
        }
        _ => None,
    }
}
