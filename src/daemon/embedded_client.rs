//! A node inside the console's own process: a view of the store for reads, and the node thread
//! from the first call that changes something.

use std::sync::Arc;

use serde_json::Value;

use super::data_folder::LockedFolder;
use super::network_setup::{self, NetworkSetup};
use super::requester::Requester;
use super::running_node::RunningNode;
use super::upkeep::{AtRest, Upkeep};
use crate::config::Config;
use consensus::scripts::ScriptEngine;
use mempool::pool::Pool;
use node::pool::SharedPool;
use node::view::View;
use rpc::call::Runner;
use rpc::door::Door;
use rpc::error::{CallError, ErrorKind};
use rpc::table;
use rpc::value::Reply;
use rpc::wire::Request;
use script::check::ScriptCache;

enum State {
    /// Only read so far.
    Reading(Box<View>, Box<LockedFolder>),
    Running(Box<RunningNode>),
    Closed,
}

/// The client of a node in this process.
pub struct EmbeddedClient {
    state: State,
    config: Config,
    upkeep: Arc<Upkeep>,
    /// The network options, applied by `init-network`.
    network_setup: NetworkSetup,
}

impl EmbeddedClient {
    pub fn new(folder: LockedFolder) -> EmbeddedClient {
        let config = folder.config.clone();
        let verifier = Arc::new(ScriptEngine::default());
        let no_pool = Pool::new(config.policy, Arc::new(ScriptCache::new([0; 32], 0)));
        let view = View::new(Arc::clone(&folder.store), verifier, SharedPool::new(no_pool));
        let upkeep = Upkeep::new(config.clone());
        let network_setup = NetworkSetup::new(&config);
        EmbeddedClient {
            state: State::Reading(Box::new(view), Box::new(folder)),
            config,
            upkeep,
            network_setup,
        }
    }

    /// Starts the node thread and the control socket, if they are not there yet.
    pub fn serve(&mut self) -> Result<(), CallError> {
        self.state = match std::mem::replace(&mut self.state, State::Closed) {
            State::Reading(_, folder) => {
                let running = RunningNode::start(*folder, Arc::clone(&self.upkeep))?;
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

impl Door for EmbeddedClient {
    fn ask(&mut self, request: Request) -> Result<Value, CallError> {
        let entry = table::find(&request.method)?;
        network_setup::check_readonly(&self.config, entry)?;
        if let (State::Reading(view, _), false) = (&self.state, entry.needs_node) {
            match entry.runner {
                Runner::Read(_) => {
                    return entry.run_read(view, request.params).map(Reply::into_value);
                }
                Runner::Service(run) => {
                    let services = AtRest { upkeep: &self.upkeep, view };
                    let run = |params| run(&services, &entry.arrange(params)?);
                    let audit = &self.upkeep.audit;
                    return audit.run_recorded(&Requester::console(), entry, request.params, run);
                }
                Runner::Act(..) => {}
            }
        }
        self.serve()?;
        match &self.state {
            State::Running(running) => {
                let answer = running.dispatcher.answer(&Requester::console(), request)?;
                if entry.method == network_setup::START {
                    self.network_setup.apply(&running.dispatcher.handle)?;
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
