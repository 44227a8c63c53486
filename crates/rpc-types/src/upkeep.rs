//! The process around the node: its health, memory, schema, backups and API server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text::BlockHash;

/// The WebSocket and HTTP server. Beside `running` all is there only while it runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServerInfo {
    /// The server runs.
    pub running: bool,
    /// The address and port on which it listens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Connections now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u64>,
    /// WebSockets among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub websockets: Option<u64>,
    /// WebSockets that have subscribed to something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscribers: Option<u64>,
    /// Calls answered since the server started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<u64>,
    /// Connections dropped because they read too slowly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped_slow: Option<u64>,
    /// Connections and requests refused because a limit was reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<u64>,
    /// The most connections at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<u64>,
    /// Seconds since the server started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uptime_s: Option<u64>,
}

/// Checks of the node and its folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// No check failed.
    pub healthy: bool,
    /// The checks.
    pub checks: Vec<Check>,
}

/// A check of the node or its folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// What is checked, such as `store`, `disk` or `peers`.
    pub check: String,
    /// How it ended.
    pub state: CheckState,
    /// What was found.
    pub why: String,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum CheckState {
    /// All is well.
    Ok,
    /// Something outside of the node is amiss.
    Warn,
    /// The node does not do its work.
    Fail,
}

/// Memory of the node's process, as the system and the node tell it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryInfo {
    /// Number of the process.
    pub process: u32,
    /// Resident memory, in bytes; null where the system does not tell.
    pub rss: Option<u64>,
    /// The most resident memory so far, in bytes.
    pub peak: Option<u64>,
    /// Resident memory that is no file, in bytes.
    pub heap_and_stacks: Option<u64>,
    /// Resident memory of mapped files, in bytes.
    pub files: Option<u64>,
    /// Memory that was swapped out, in bytes.
    pub swapped: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// What the largest holders of memory hold.
    pub parts: MemoryParts,
}

/// The largest holders of memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryParts {
    /// The header tree, in bytes.
    pub headers: u64,
    /// Unconfirmed transactions, in bytes.
    pub pool: u64,
    /// The most that the database's cache may take, in bytes.
    pub store_cache_at_most: u64,
}

/// The schema of the folder's data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SchemaInfo {
    /// Version of the folder's schema.
    pub schema: u32,
    /// Version that this program writes.
    pub known: u32,
    /// The folder's data is all in that version.
    pub current: bool,
    /// How the index of addresses is.
    pub address_index: IndexState,
    /// An index is being built.
    pub building: bool,
}

/// How an index is.
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

/// How a backup is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum BackupState {
    /// This process was asked for none.
    #[default]
    None,
    /// It is being written.
    Writing,
    /// It is written, and read again to verify it.
    Verifying,
    /// It failed or was stopped: `error` says why.
    Failed,
    /// It is whole.
    Done,
}

/// How the last backup of a process is going or went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BackupStatus {
    /// How it is.
    pub state: BackupState,
    /// Name of the file, without its folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Why it failed; only if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<BackupFailure>,
    /// Bytes written or verified so far; of the whole file when it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Size of the database when it began, in bytes; only while it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
    /// Rows written; only when it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Height of the chain in it; only when it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Hash of the last block in it; only when it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best: Option<BlockHash>,
    /// Version of its schema; only when it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<u32>,
    /// Seconds that it took; only when it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

/// Why a backup failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BackupFailure {
    /// The error's code, as in a JSON-RPC error.
    pub code: i64,
    /// What happened.
    pub message: String,
}
