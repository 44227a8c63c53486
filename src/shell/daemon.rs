//! A node without a terminal: starts on the data folder, serves the control socket and the port
//! that was asked for, tells systemd how it is, and stops in order on SIGTERM or SIGINT.

use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

use super::actor::Handle;
use super::clock::now_s;
use super::embedded::Running;
use super::folder::{self, Holding};
use super::logs;
use crate::api::door::{Happening, Watch};
use crate::api::error::{CallError, ErrorKind};
use crate::api::service::Services;
use crate::chain::event::ChainEvent;
use crate::config::Config;
use crate::node::io::Act;
use crate::node::net::io::NetAct;

/// How often a waiting console looks for events.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A node that runs until a signal or its own console ends it.
pub struct Daemon {
    /// Taken by whoever stops it first.
    running: Arc<Mutex<Option<Running>>>,
    handle: Handle,
}

/// Tells systemd; without it there is nobody to tell.
fn notify(state: NotifyState<'_>) {
    let _ = sd_notify::notify(&[state]);
}

impl Daemon {
    /// Starts the node. A folder that another process holds is refused at once: two nodes never
    /// share one.
    pub fn start(config: &Config) -> Result<Daemon, CallError> {
        logs::start(&config.service)?;
        let held =
            folder::hold(config, Holding::Starting)?.ok_or_else(|| folder::in_use(config))?;
        let failed = |e: std::io::Error| {
            CallError::new(ErrorKind::Internal, format!("signals can't be heard: {e}"))
        };
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(failed)?;
        let running = Running::start(held)?;
        let handle = running.desk.handle.clone();
        let served = match config.service.websocket {
            Some(_) => running.desk.start_server().map(|_| ()),
            None => Ok(()),
        };
        // What was asked for by name must work, or the node stops in order.
        if let Err(error) = served.and_then(|()| go_online(&running, config)) {
            running.stop()?;
            return Err(error);
        }
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
        Ok(Daemon { running, handle })
    }

    /// What happens on the node from now on, for the console that waits with it.
    pub fn events(&self) -> Events {
        Events { receiver: self.handle.events() }
    }

    /// Stops in order: what was changed is on the disk when this returns.
    pub fn stop(&self) -> Result<(), CallError> {
        stop(&self.running)
    }
}

/// Listens and adds the nodes of the command line.
fn go_online(running: &Running, config: &Config) -> Result<(), CallError> {
    let ask = |act| running.desk.handle.act(Act::Net(act)).map(|_| ());
    if config.readonly {
        ask(NetAct::SetReadonly)?;
    }
    match config.listen.as_deref() {
        Some("none") => {}
        Some(address) => ask(NetAct::Listen { address: Some(address.to_owned()) })?,
        None if config.params.p2p_by_default => {
            // The usual port may be another node's: this one can still dial.
            if let Err(e) = ask(NetAct::Listen { address: None }) {
                eprintln!("forthcoin: {e}; others can't connect to this node");
            }
        }
        None => {}
    }
    config.peers.iter().try_for_each(|peer| ask(NetAct::AddNode { target: peer.clone() }))
}

fn stop(running: &Mutex<Option<Running>>) -> Result<(), CallError> {
    // Held while stopping, so that whoever comes second waits for the first.
    let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(running) = running.take() else { return Ok(()) };
    notify(NotifyState::Stopping);
    running.stop()
}

/// Keeps systemd quiet for as long as the node's own loop comes round: a node that hangs is
/// started anew.
fn watchdog(handle: &Handle, limit: Duration) {
    let every = (limit / 3).max(Duration::from_millis(100));
    loop {
        let quiet = now_s().saturating_sub(handle.last_beat_s());
        if Duration::from_secs(u64::from(quiet)) < limit {
            notify(NotifyState::Watchdog);
        }
        std::thread::sleep(every);
    }
}

/// Events as the console takes them.
pub struct Events {
    receiver: Receiver<Arc<ChainEvent>>,
}

impl Watch for Events {
    fn next(&mut self, wait: Duration) -> Option<Happening> {
        let deadline = Instant::now() + wait;
        loop {
            match self.receiver.try_recv() {
                Ok(event) => {
                    if let Some(happening) = happening(&event) {
                        return Some(happening);
                    }
                }
                Err(TryRecvError::Lagged(missed)) => {
                    tracing::warn!(target: "forth", missed, "events came faster than their words ran");
                }
                Err(TryRecvError::Empty | TryRecvError::Closed) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return None;
                    }
                    std::thread::sleep(left.min(LOOK_EVERY));
                }
            }
        }
    }

    fn failed(&mut self, what: &str, why: &str) {
        tracing::error!(target: "forth", word = what, "{why}");
    }
}

fn happening(event: &ChainEvent) -> Option<Happening> {
    match event {
        ChainEvent::BlockConnected { height, txids, .. } => Some(Happening::Block {
            height: height.0,
            txids: txids.iter().map(ToString::to_string).collect(),
        }),
        ChainEvent::TipChanged { height, disconnected, .. } if *disconnected > 0 => {
            Some(Happening::Reorganisation { height: height.0, depth: *disconnected })
        }
        _ => None,
    }
}
