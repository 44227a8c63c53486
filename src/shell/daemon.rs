//! A node without a terminal: starts on the data folder, serves the control socket, and stops in
//! order on SIGTERM or SIGINT.

use std::process;
use std::sync::{Arc, Mutex, PoisonError};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::embedded::Running;
use super::folder::{self, Holding};
use crate::api::error::{CallError, ErrorKind};
use crate::config::Config;
use crate::node::io::Act;
use crate::node::net::io::NetAct;

/// A node that runs until a signal or its own console ends it.
pub struct Daemon {
    /// Taken by whoever stops it first.
    running: Arc<Mutex<Option<Running>>>,
}

impl Daemon {
    /// Starts the node. A folder that another process holds is refused at once: two nodes never
    /// share one.
    pub fn start(config: &Config) -> Result<Daemon, CallError> {
        let held =
            folder::hold(config, Holding::Starting)?.ok_or_else(|| folder::in_use(config))?;
        let failed = |e: std::io::Error| {
            CallError::new(ErrorKind::Internal, format!("signals can't be heard: {e}"))
        };
        let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(failed)?;
        let started = Running::start(held)?;
        if let Err(error) = go_online(&started, config) {
            // What was asked for by name must work; the node stops in order.
            started.stop()?;
            return Err(error);
        }
        let running = Arc::new(Mutex::new(Some(started)));
        let ours = Arc::clone(&running);
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                signals.forever().next();
                process::exit(match stop(&ours) {
                    Ok(()) => 0,
                    Err(e) => {
                        eprintln!("forthcoin: {e}");
                        1
                    }
                });
            })
            .map_err(failed)?;
        let (name, folder) = (config.params.name, config.data_folder());
        eprintln!("forthcoin: {name} node runs on {}, process {}", folder.display(), process::id());
        Ok(Daemon { running })
    }

    /// Waits for the signal that ends the process.
    pub fn wait(&self) -> ! {
        loop {
            std::thread::park();
        }
    }

    /// Stops in order: what was changed is on the disk when this returns.
    pub fn stop(&self) -> Result<(), CallError> {
        stop(&self.running)
    }
}

/// Listens and adds the nodes of the command line.
fn go_online(running: &Running, config: &Config) -> Result<(), CallError> {
    let ask = |act| running.actor.handle.act(Act::Net(act)).map(|_| ());
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
    running.take().map_or(Ok(()), Running::stop)
}
