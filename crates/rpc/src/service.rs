//! What runs around a node in the process that owns it: doors that others come in by, and logs.
//! The node itself knows nothing of them.

use serde_json::Value;

use super::error::CallError;

/// What a service call may ask of the process.
pub trait Services: Send + Sync {
    /// Opens the WebSocket and HTTP port that the process was told of; its status.
    fn start_server(&self) -> Result<Value, CallError>;

    /// Closes the port and every connection on it.
    fn stop_server(&self) -> Result<(), CallError>;

    /// `{"running": …}` with address, connections, requests and limits when it runs.
    fn server_status(&self) -> Value;

    /// Has the process stop in order, soon after this returns.
    fn stop_node(&self) -> Result<(), CallError>;

    /// Sets what is logged: `info`, or `info,http=debug`; the filter now in force.
    fn set_log_level(&self, filter: &str) -> Result<String, CallError>;

    /// Begins to write all of the chain, as it is now, to a new file; how it is going.
    fn start_backup(&self, path: &str) -> Result<Value, CallError>;

    /// How the last backup of this process is going or went.
    fn backup_status(&self) -> Value;

    /// Stops a backup that runs; nothing of it is left.
    fn stop_backup(&self);

    /// `{"healthy": …, "checks": […]}`.
    fn health(&self) -> Value;

    /// Seconds since the process opened its folder.
    fn uptime_s(&self) -> u64;

    /// What memory the process takes, and for what.
    fn memory(&self) -> Result<Value, CallError>;
}
