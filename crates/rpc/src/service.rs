//! The services around a node in the process that owns it: API server, backups, logs. The node
//! itself knows nothing of them.

use rpc_types::upkeep::{BackupStatus, Health, MemoryInfo, ServerInfo};

use super::error::CallError;

/// What a service call may request from the process.
pub trait Services: Send + Sync {
    /// Starts the API server on its configured address; its status.
    fn start_server(&self) -> Result<ServerInfo, CallError>;

    /// Stops the API server and closes every connection to it.
    fn stop_server(&self) -> Result<(), CallError>;

    /// The status of the API server; only that it is not running while it is not.
    fn server_status(&self) -> ServerInfo;

    /// Makes the process shut down cleanly, soon after this returns.
    fn stop_node(&self) -> Result<(), CallError>;

    /// Sets the log level: `info`, or `info,http=debug`; the filter now in force.
    fn set_log_level(&self, filter: &str) -> Result<String, CallError>;

    /// Starts a backup of the chain's current state to a new file; its progress.
    fn start_backup(&self, path: &str) -> Result<BackupStatus, CallError>;

    /// The progress or result of the last backup of this process.
    fn backup_status(&self) -> BackupStatus;

    /// Aborts the running backup and deletes its file.
    fn stop_backup(&self);

    /// Health checks of the node and its data folder.
    fn health(&self) -> Health;

    /// Seconds since the process opened its data folder.
    fn uptime_s(&self) -> u64;

    /// Memory use of the process and of its largest parts.
    fn memory(&self) -> Result<MemoryInfo, CallError>;
}
