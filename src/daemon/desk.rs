//! Answers every request that comes to this process: the node's calls, and those on what runs
//! around it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use rpc_types::upkeep::{BackupStatus, Health, MemoryInfo, ServerInfo};
use tokio::sync::broadcast;

use super::actor::Handle;
use super::http::back::Back;
use super::http::server::Server;
use super::logs;
use super::online;
use super::upkeep::audit::Who;
use super::upkeep::{RowCounts, Upkeep};
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

/// Time for the answer to `stop` to leave.
const STOP_AFTER: Duration = Duration::from_millis(100);

/// The node's handle, and the port when it is open.
pub struct Desk {
    pub handle: Handle,
    pub upkeep: Arc<Upkeep>,
    config: Config,
    server: Mutex<Option<Server>>,
    /// The process heeds SIGTERM by stopping in order.
    stoppable: AtomicBool,
    itself: Weak<Desk>,
}

impl Desk {
    pub fn new(handle: Handle, upkeep: Arc<Upkeep>) -> Arc<Desk> {
        Arc::new_cyclic(|itself| Desk {
            handle,
            config: upkeep.config.clone(),
            upkeep,
            server: Mutex::default(),
            stoppable: AtomicBool::new(false),
            itself: Weak::clone(itself),
        })
    }

    /// Answers a request, wherever it came in.
    pub fn answer(&self, who: &Who, request: Request) -> Result<Reply, CallError> {
        let entry = table::find(&request.method)?;
        let Request { method, params } = request;
        self.upkeep.audit.around(who, entry, params, |params| {
            online::refusal(&self.config, entry)?;
            match entry.runner {
                Runner::Service(run) => run(self, &entry.arrange(params)?).map(Reply::Value),
                _ => self.handle.answer(Request { method, params }),
            }
        })
    }

    /// From now on SIGTERM stops the process in order.
    pub fn heeds_signals(&self) {
        self.stoppable.store(true, Ordering::Relaxed);
    }

    /// Ends the process's own work and closes the port; nobody comes in by it when this returns.
    pub fn close(&self) {
        self.upkeep.backups.stop();
        self.close_port();
    }

    fn close_port(&self) {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(server);
    }
}

impl Services for Desk {
    fn start_server(&self) -> Result<ServerInfo, CallError> {
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
        self.close_port();
        Ok(())
    }

    fn stop_node(&self) -> Result<(), CallError> {
        if !self.stoppable.load(Ordering::Relaxed) {
            let why = "this node runs in a console: `bye` there ends it";
            return Err(CallError::new(ErrorKind::Forbidden, why));
        }
        // Whoever asked is answered first.
        let ask = || {
            std::thread::sleep(STOP_AFTER);
            if let Err(e) = signal_hook::low_level::raise(signal_hook::consts::SIGTERM) {
                logs::note("daemon", &format!("the node can't stop by itself: {e}"));
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

impl Back for Desk {
    fn answer(&self, who: &Who, request: Request) -> Result<Reply, CallError> {
        Desk::answer(self, who, request)
    }

    fn refused(&self, who: &Who, entry: &Entry, error: &CallError) {
        self.upkeep.audit.refused(who, entry, error);
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
