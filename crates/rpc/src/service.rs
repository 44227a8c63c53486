//! What runs around a node in the process that owns it: doors that others come in by, and logs.
//! The node itself knows nothing of them.

use rpc_types::upkeep::{BackupStatus, Health, MemoryInfo, ServerInfo};

use super::error::CallError;

/// What a service call may ask of the process.
pub trait Services: Send + Sync {
    /// Opens the WebSocket and HTTP port that the process was told of; its status.
    fn start_server(&self) -> Result<ServerInfo, CallError>;

    /// Closes the port and every connection on it.
    fn stop_server(&self) -> Result<(), CallError>;

    /// How the port is; no more than that it does not run while it does not.
    fn server_status(&self) -> ServerInfo;

    /// Has the process stop in order, soon after this returns.
    fn stop_node(&self) -> Result<(), CallError>;

    /// Sets what is logged: `info`, or `info,http=debug`; the filter now in force.
    fn set_log_level(&self, filter: &str) -> Result<String, CallError>;

    /// Begins to write all of the chain, as it is now, to a new file; how it is going.
    fn start_backup(&self, path: &str) -> Result<BackupStatus, CallError>;

    /// How the last backup of this process is going or went.
    fn backup_status(&self) -> BackupStatus;

    /// Stops a backup that runs; nothing of it is left.
    fn stop_backup(&self);

    /// Checks of the node and its folder.
    fn health(&self) -> Health;

    /// Seconds since the process opened its folder.
    fn uptime_s(&self) -> u64;

    /// What memory the process takes, and for what.
    fn memory(&self) -> Result<MemoryInfo, CallError>;
}
