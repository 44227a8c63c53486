//! A node inside the console's own process: a view of the store for reads, and the node thread
//! from the first call that changes something.

use std::sync::Arc;

use serde_json::Value;

use super::data_folder::Held;
use super::network_setup::{self, Online};
use super::requester::Who;
use super::running_node::Running;
use super::upkeep::{AtRest, Upkeep};
use crate::config::Config;
use consensus::scripts::ScriptEngine;
use mempool::policy::Policy;
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
        network_setup::refusal(&self.config, entry)?;
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
                if entry.method == network_setup::START {
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
