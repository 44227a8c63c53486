//! Maintenance of a node, or of the folder that a process only reads: backups, health, memory, audit.

pub mod audit_recorder;
mod backups;
mod health;
pub mod memory;

use std::sync::Arc;
use std::time::Instant;

use rpc_types::upkeep::{BackupStatus, Health, MemoryInfo, ServerInfo};

use self::audit_recorder::AuditRecorder;
pub use self::backups::Backups;
use super::actor::Handle;
use super::row_counts::RowCounts;
use crate::config::Config;
use node::view::View;
use rpc::error::{CallError, ErrorKind};
use rpc::service::Services;

/// The maintenance services of one process.
pub struct Upkeep {
    pub config: Config,
    pub backups: Backups,
    pub audit: AuditRecorder,
    pub rows: RowCounts,
    opened: Instant,
}

impl Upkeep {
    pub fn new(config: Config) -> Arc<Upkeep> {
        let audit = AuditRecorder::new(config.data_folder());
        let (backups, rows) = (Backups::default(), RowCounts::default());
        Arc::new(Upkeep { config, backups, audit, rows, opened: Instant::now() })
    }

    pub fn start_backup(&self, view: &View, path: &str) -> Result<BackupStatus, CallError> {
        self.backups.start(view, path)
    }

    /// `node` is the running node, if one runs in this process.
    pub fn health(&self, view: &View, node: Option<&Handle>) -> Health {
        health::report(&self.config, view, node, self.audit.fault())
    }

    pub fn uptime_s(&self) -> u64 {
        self.opened.elapsed().as_secs()
    }

    pub fn memory(&self, view: &View, node: Option<&Handle>) -> Result<MemoryInfo, CallError> {
        memory::report(view, node.is_some())
    }
}

/// The services of a process that only reads its folder.
pub struct AtRest<'a> {
    pub upkeep: &'a Upkeep,
    pub view: &'a View,
}

fn no_node() -> CallError {
    CallError::new(ErrorKind::NoNode, "no node runs in this process")
}

impl Services for AtRest<'_> {
    fn start_server(&self) -> Result<ServerInfo, CallError> {
        Err(no_node())
    }

    fn stop_server(&self) -> Result<(), CallError> {
        Err(no_node())
    }

    fn server_status(&self) -> ServerInfo {
        ServerInfo::default()
    }

    fn stop_node(&self) -> Result<(), CallError> {
        Err(no_node())
    }

    fn set_log_level(&self, _: &str) -> Result<String, CallError> {
        Err(no_node())
    }

    fn start_backup(&self, path: &str) -> Result<BackupStatus, CallError> {
        self.upkeep.start_backup(self.view, path)
    }

    fn backup_status(&self) -> BackupStatus {
        self.upkeep.backups.status()
    }

    fn stop_backup(&self) {
        self.upkeep.backups.stop();
    }

    fn health(&self) -> Health {
        self.upkeep.health(self.view, None)
    }

    fn uptime_s(&self) -> u64 {
        self.upkeep.uptime_s()
    }

    fn memory(&self) -> Result<MemoryInfo, CallError> {
        self.upkeep.memory(self.view, None)
    }
}
