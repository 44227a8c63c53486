//! Answers every request that comes to this process: the node's calls, and those on what runs
//! around it.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::{Value, json};
use tokio::sync::broadcast;

use super::actor::Handle;
use super::http::back::Back;
use super::http::server::Server;
use super::logs;
use crate::api::call::{Class, Runner};
use crate::api::error::{CallError, ErrorKind};
use crate::api::service::Services;
use crate::api::table;
use crate::api::wire::Request;
use crate::chain::event::ChainEvent;
use crate::config::Config;
use crate::node::view::View;

/// The node's handle, and the port when it is open.
pub struct Desk {
    pub handle: Handle,
    config: Config,
    server: Mutex<Option<Server>>,
    itself: Weak<Desk>,
}

impl Desk {
    pub fn new(handle: Handle, config: Config) -> Arc<Desk> {
        Arc::new_cyclic(|itself| Desk {
            handle,
            config,
            server: Mutex::default(),
            itself: Weak::clone(itself),
        })
    }

    /// Answers a request, wherever it came in.
    pub fn answer(&self, request: Request) -> Result<Value, CallError> {
        let entry = table::find(&request.method)?;
        if self.config.readonly && entry.class != Class::Read {
            let why = format!("this node is read-only: {} is refused", entry.method);
            return Err(CallError::new(ErrorKind::Forbidden, why));
        }
        match entry.runner {
            Runner::Service(run) => run(self, &entry.arrange(request.params)?),
            _ => self.handle.answer(request),
        }
    }

    /// Closes the port; nobody comes in by it when this returns.
    pub fn close(&self) {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(server);
    }
}

impl Services for Desk {
    fn start_server(&self) -> Result<Value, CallError> {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = &*server {
            let why = format!("the port is open already on {}", server.address);
            return Err(CallError::new(ErrorKind::Rejected, why));
        }
        let stopping = || CallError::new(ErrorKind::NoNode, "the node is stopping");
        let back = self.itself.upgrade().ok_or_else(stopping)?;
        Ok(server.insert(Server::start(&self.config, back)?).status())
    }

    fn stop_server(&self) -> Result<(), CallError> {
        self.close();
        Ok(())
    }

    fn server_status(&self) -> Value {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        server.as_ref().map_or_else(|| json!({ "running": false }), Server::status)
    }

    fn set_log_level(&self, filter: &str) -> Result<String, CallError> {
        logs::set_level(filter)
    }
}

impl Back for Desk {
    fn answer(&self, request: Request) -> Result<Value, CallError> {
        Desk::answer(self, request)
    }

    fn view(&self) -> Arc<View> {
        self.handle.view()
    }

    fn events(&self) -> broadcast::Receiver<Arc<ChainEvent>> {
        self.handle.events()
    }
}
