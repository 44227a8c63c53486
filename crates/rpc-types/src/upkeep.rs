//! The process around the node: its health, memory, schema, backups and API server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text::BlockHash;

/// The API server (WebSocket and HTTP). Members other than `running` are present only while it
/// runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServerInfo {
    /// Whether the server is running.
    pub running: bool,
    /// The address and port on which it listens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Number of current connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u64>,
    /// Number of WebSockets among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub websockets: Option<u64>,
    /// Number of WebSockets with a subscription.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscribers: Option<u64>,
    /// Number of calls answered since the server started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<u64>,
    /// Number of connections dropped for reading too slowly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped_slow: Option<u64>,
    /// Number of connections and requests refused because of a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<u64>,
    /// Maximum number of simultaneous connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<u64>,
    /// Seconds since the server started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uptime_s: Option<u64>,
}

/// Health checks of the node and its data folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// Whether no check failed.
    pub healthy: bool,
    /// The checks.
    pub checks: Vec<Check>,
}

/// A health check of the node or its data folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// What is checked, such as `store`, `disk` or `peers`.
    pub check: String,
    /// The result.
    pub state: CheckState,
    /// What was found.
    pub why: String,
}

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum CheckState {
    /// No problem was found.
    Ok,
    /// A problem outside the node.
    Warn,
    /// The node is not working properly.
    Fail,
}

/// Memory use of the node's process, as reported by the system and the node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryInfo {
    /// Process id.
    pub process: u32,
    /// Resident memory, in bytes; null where the system does not report it.
    pub rss: Option<u64>,
    /// Peak resident memory, in bytes.
    pub peak: Option<u64>,
    /// Resident anonymous memory, in bytes.
    pub heap_and_stacks: Option<u64>,
    /// Resident memory of mapped files, in bytes.
    pub files: Option<u64>,
    /// Swapped-out memory, in bytes.
    pub swapped: Option<u64>,
    /// Number of threads.
    pub threads: Option<u64>,
    /// Memory of the node's largest parts.
    pub parts: MemoryParts,
}

/// Memory of the node's largest parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryParts {
    /// The header tree, in bytes.
    pub headers: u64,
    /// Unconfirmed transactions, in bytes.
    pub pool: u64,
    /// Maximum size of the database cache, in bytes.
    pub store_cache_at_most: u64,
}

/// The schema of the data folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SchemaInfo {
    /// Schema version of the data folder.
    pub schema: u32,
    /// Schema version that this program writes.
    pub known: u32,
    /// Whether all of the data folder is in that version.
    pub current: bool,
    /// The state of the address index.
    pub address_index: IndexState,
    /// Whether an index is being built.
    pub building: bool,
}

/// The state of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum IndexState {
    /// It can be used.
    Ready,
    /// It is being built.
    Building,
    /// There is none.
    Off,
}

/// The state of a backup.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum BackupState {
    /// No backup was requested from this process.
    #[default]
    None,
    /// It is being written.
    Writing,
    /// It has been written and is being verified.
    Verifying,
    /// It failed or was aborted: `error` gives the reason.
    Failed,
    /// It is complete and verified.
    Done,
}

/// The progress or result of the last backup of a process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BackupStatus {
    /// Its state.
    pub state: BackupState,
    /// Name of the file, without its folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Why it failed; only if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<BackupFailure>,
    /// Bytes written or verified so far; the size of the file when it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Size of the database at the start, in bytes; only while it is running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
    /// Number of rows written; only when it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Height of the chain in it; only when it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Hash of the last block in it; only when it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best: Option<BlockHash>,
    /// Its schema version; only when it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<u32>,
    /// Duration in seconds; only when it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

/// Why a backup failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BackupFailure {
    /// The error's code, as in a JSON-RPC error.
    pub code: i64,
    /// The error message.
    pub message: String,
}
