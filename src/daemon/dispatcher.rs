//! Answers every request to this process, whichever transport it came by: calls of the node, and
//! calls on the services around it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use rpc_types::upkeep::{BackupStatus, Health, MemoryInfo, ServerInfo};
use tokio::sync::broadcast;

use super::actor::Handle;
use super::http::backend::Backend;
use super::http::server::Server;
use super::logs;
use super::network_setup;
use super::requester::Requester;
use super::row_counts::RowCounts;
use super::upkeep::Upkeep;
use crate::config::Config;
use chain::event::ChainEvent;
use mempool::pool::PoolEvent;
use node::view::View;
use rpc::call::{Entry, Runner};
use rpc::error::{CallError, ErrorKind};
use rpc::service::Services;
use rpc::table;
use rpc::value::Reply;
use rpc::wire::Request;

/// Time for the reply to `stop` to be sent.
const STOP_AFTER: Duration = Duration::from_millis(100);

/// The node's handle, the services around it, and the API server while it runs.
pub struct Dispatcher {
    pub handle: Handle,
    pub upkeep: Arc<Upkeep>,
    config: Config,
    server: Mutex<Option<Server>>,
    /// The process handles SIGTERM by a clean shutdown.
    stoppable: AtomicBool,
    itself: Weak<Dispatcher>,
}

impl Dispatcher {
    pub fn new(handle: Handle, upkeep: Arc<Upkeep>) -> Arc<Dispatcher> {
        Arc::new_cyclic(|itself| Dispatcher {
            handle,
            config: upkeep.config.clone(),
            upkeep,
            server: Mutex::default(),
            stoppable: AtomicBool::new(false),
            itself: Weak::clone(itself),
        })
    }

    /// Answers a request and records it in the audit log if it asks for a change.
    pub fn answer(&self, requester: &Requester, request: Request) -> Result<Reply, CallError> {
        let entry = table::find(&request.method)?;
        let Request { method, params } = request;
        self.upkeep.audit.run_recorded(requester, entry, params, |params| {
            network_setup::check_readonly(&self.config, entry)?;
            match entry.runner {
                Runner::Service(run) => run(self, &entry.arrange(params)?).map(Reply::Value),
                _ => self.handle.answer(Request { method, params }),
            }
        })
    }

    /// From now on SIGTERM shuts the process down cleanly.
    pub fn handles_signals(&self) {
        self.stoppable.store(true, Ordering::Relaxed);
    }

    /// Stops a running backup and the API server, which has no connection left when this returns.
    pub fn close(&self) {
        self.upkeep.backups.stop();
        self.close_server();
    }

    fn close_server(&self) {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(server);
    }
}

impl Services for Dispatcher {
    fn start_server(&self) -> Result<ServerInfo, CallError> {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = &*server {
            let why = format!("the API server is open already on {}", server.address);
            return Err(CallError::new(ErrorKind::Rejected, why));
        }
        let stopping = || CallError::new(ErrorKind::NoNode, "the node is stopping");
        let backend = self.itself.upgrade().ok_or_else(stopping)?;
        Ok(server.insert(Server::start(&self.config, backend)?).status())
    }

    fn stop_server(&self) -> Result<(), CallError> {
        self.close_server();
        Ok(())
    }

    fn stop_node(&self) -> Result<(), CallError> {
        if !self.stoppable.load(Ordering::Relaxed) {
            let why = "this node runs in a console: `bye` there ends it";
            return Err(CallError::new(ErrorKind::Forbidden, why));
        }
        // The reply is sent first.
        let ask = || {
            std::thread::sleep(STOP_AFTER);
            if let Err(e) = signal_hook::low_level::raise(signal_hook::consts::SIGTERM) {
                logs::note("daemon", &format!("the node can't stop itself: {e}"));
            }
        };
        let started = std::thread::Builder::new().name("stop".to_owned()).spawn(ask);
        let failed =
            |e| CallError::new(ErrorKind::Internal, format!("no thread to stop with: {e}"));
        started.map(drop).map_err(failed)
    }

    fn server_status(&self) -> ServerInfo {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        server.as_ref().map_or_else(ServerInfo::default, Server::status)
    }

    fn set_log_level(&self, filter: &str) -> Result<String, CallError> {
        logs::set_level(filter)
    }

    fn start_backup(&self, path: &str) -> Result<BackupStatus, CallError> {
        self.upkeep.start_backup(&self.handle.view(), path)
    }

    fn backup_status(&self) -> BackupStatus {
        self.upkeep.backups.status()
    }

    fn stop_backup(&self) {
        self.upkeep.backups.stop();
    }

    fn health(&self) -> Health {
        self.upkeep.health(&self.handle.view(), Some(&self.handle))
    }

    fn uptime_s(&self) -> u64 {
        self.upkeep.uptime_s()
    }

    fn memory(&self) -> Result<MemoryInfo, CallError> {
        self.upkeep.memory(&self.handle.view(), Some(&self.handle))
    }
}

impl Backend for Dispatcher {
    fn answer(&self, requester: &Requester, request: Request) -> Result<Reply, CallError> {
        Dispatcher::answer(self, requester, request)
    }

    fn refused(&self, requester: &Requester, entry: &Entry, error: &CallError) {
        self.upkeep.audit.refused(requester, entry, error);
    }

    fn view(&self) -> Arc<View> {
        self.handle.view()
    }

    fn events(&self) -> broadcast::Receiver<Arc<ChainEvent>> {
        self.handle.events()
    }

    fn pool_events(&self) -> broadcast::Receiver<PoolEvent> {
        self.handle.pool_events()
    }

    fn rows(&self) -> Option<&RowCounts> {
        self.config.service.postgres.is_on().then_some(&self.upkeep.rows)
    }
}
