//! What can go wrong with a call, with its JSON-RPC code, THROW code and exit code in one table.
//!
//! JSON-RPC codes are Bitcoin Core's (`rpc/protocol.h`) where Core has one. THROW codes of ours
//! sit in -256…-4095 (Forth-2012 section 9.3.1); a number is never reused.

use serde_json::{Value, json};

use mempool::reject::Reject;
use node::io::NodeError;
use store::backup::BackupError;
use store::error::StoreError;

/// The kinds of failure. Order is that of `TABLE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The text is not JSON.
    Parse,
    /// JSON, but not a request.
    InvalidRequest,
    /// No such call.
    NoSuchCall,
    /// A parameter is missing, too many or of the wrong kind.
    InvalidParams,
    /// Something of ours broke.
    Internal,
    /// A value is out of range.
    OutOfRange,
    /// Well-formed, but there is no such thing.
    NotFound,
    /// Bytes that do not decode.
    Undecodable,
    /// A rule refuses it.
    Rejected,
    /// The disk or the database failed.
    Store,
    /// The node is still starting.
    WarmingUp,
    /// No node can be reached, or another process holds the data folder.
    NoNode,
    /// The node is read-only, or the caller may not.
    Forbidden,
    /// The operator interrupted it.
    Interrupted,
    /// A file could not be read or written.
    File,
    /// A check found something wrong.
    Unhealthy,
    /// A transaction can't be taken for a reason that is no rule, such as its fee being too high.
    Unwanted,
    /// The transaction is on the chain already.
    AlreadyConfirmed,
    /// A peer can't be reached, or there is none of that name.
    Network,
    /// More was asked than the node takes at once.
    Busy,
    /// Blocks that peers have are not here yet.
    Behind,
}

struct Row {
    kind: ErrorKind,
    rpc_code: i64,
    throw_code: i64,
    exit_code: u8,
}

const fn row(kind: ErrorKind, rpc_code: i64, throw_code: i64, exit_code: u8) -> Row {
    Row { kind, rpc_code, throw_code, exit_code }
}

const TABLE: [Row; 21] = [
    row(ErrorKind::Parse, -32700, -256, 1),
    row(ErrorKind::InvalidRequest, -32600, -257, 1),
    row(ErrorKind::NoSuchCall, -32601, -258, 1),
    row(ErrorKind::InvalidParams, -32602, -259, 1),
    row(ErrorKind::Internal, -32603, -260, 1),
    row(ErrorKind::OutOfRange, -8, -261, 1),
    row(ErrorKind::NotFound, -5, -262, 1),
    row(ErrorKind::Undecodable, -22, -263, 5),
    row(ErrorKind::Rejected, -26, -264, 5),
    row(ErrorKind::Store, -20, -265, 3),
    row(ErrorKind::WarmingUp, -28, -266, 4),
    row(ErrorKind::NoNode, -9, -267, 3),
    row(ErrorKind::Forbidden, -32001, -268, 5),
    row(ErrorKind::Interrupted, -32002, -28, 1),
    row(ErrorKind::File, -32003, -269, 1),
    row(ErrorKind::Unhealthy, -32004, -270, 6),
    row(ErrorKind::Unwanted, -25, -271, 5),
    row(ErrorKind::AlreadyConfirmed, -27, -272, 5),
    row(ErrorKind::Network, -29, -280, 5),
    row(ErrorKind::Busy, -32005, -290, 1),
    row(ErrorKind::Behind, -10, -300, 4),
];

impl ErrorKind {
    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    pub fn rpc_code(self) -> i64 {
        self.row().rpc_code
    }

    pub fn throw_code(self) -> i64 {
        self.row().throw_code
    }

    fn from_rpc_code(code: i64) -> ErrorKind {
        TABLE.iter().find(|row| row.rpc_code == code).map_or(ErrorKind::Internal, |row| row.kind)
    }
}

/// Every kind with its JSON-RPC code, THROW code and exit code.
pub fn codes() -> impl Iterator<Item = (ErrorKind, i64, i64, u8)> {
    TABLE.iter().map(|row| (row.kind, row.rpc_code, row.throw_code, row.exit_code))
}

/// The exit code of a process that ends by an uncaught THROW: 1, unless the code is one of ours
/// with a meaning of its own.
pub fn exit_code_of_throw(code: i64) -> u8 {
    TABLE.iter().find(|row| row.throw_code == code).map_or(1, |row| row.exit_code)
}

/// Why a call was not answered. The text says what was wrong and what to do; it never holds a
/// secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CallError {
    pub kind: ErrorKind,
    pub message: String,
}

impl CallError {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> CallError {
        CallError { kind, message: message.into() }
    }

    pub fn not_found(message: impl Into<String>) -> CallError {
        CallError::new(ErrorKind::NotFound, message)
    }

    pub fn invalid_params(message: impl Into<String>) -> CallError {
        CallError::new(ErrorKind::InvalidParams, message)
    }

    /// The `error` member of a JSON-RPC 2.0 reply.
    pub fn to_json(&self) -> Value {
        json!({ "code": self.kind.rpc_code(), "message": self.message })
    }

    /// Reads the `error` member of a reply.
    pub fn from_json(error: &Value) -> CallError {
        let code = error.get("code").and_then(Value::as_i64).unwrap_or(-32603);
        let message = error.get("message").and_then(Value::as_str).unwrap_or("no reason given");
        CallError::new(ErrorKind::from_rpc_code(code), message)
    }
}

impl From<StoreError> for CallError {
    fn from(error: StoreError) -> CallError {
        CallError::new(ErrorKind::Store, error.to_string())
    }
}

impl From<BackupError> for CallError {
    fn from(error: BackupError) -> CallError {
        let kind = match &error {
            BackupError::Store(_) => ErrorKind::Store,
            BackupError::Stopped => ErrorKind::Interrupted,
            BackupError::Damaged { .. } => ErrorKind::Undecodable,
            BackupError::OtherNetwork { .. }
            | BackupError::NewerSchema { .. }
            | BackupError::NotEmpty { .. } => ErrorKind::Rejected,
            BackupError::Io { .. } | BackupError::Exists { .. } => ErrorKind::File,
        };
        CallError::new(kind, error.to_string())
    }
}

impl From<NodeError> for CallError {
    fn from(error: NodeError) -> CallError {
        let kind = match &error {
            NodeError::Rejected { reject: Reject::MissingInputs { .. } }
            | NodeError::FeeTooHigh { .. } => ErrorKind::Unwanted,
            NodeError::Rejected { reject: Reject::Confirmed } => ErrorKind::AlreadyConfirmed,
            NodeError::Refused { .. } | NodeError::Rejected { .. } | NodeError::Pruning { .. } => {
                ErrorKind::Rejected
            }
            NodeError::NoMining { .. } => ErrorKind::Rejected,
            NodeError::Behind { .. } => ErrorKind::Behind,
            NodeError::Missing { .. } | NodeError::NotAnAddress { .. } => ErrorKind::NotFound,
            NodeError::Undecodable { .. } => ErrorKind::Undecodable,
            NodeError::Store(_) | NodeError::Unsaved { .. } => ErrorKind::Store,
            NodeError::Stopping => ErrorKind::NoNode,
            NodeError::Network { .. } => ErrorKind::Network,
            NodeError::ReadOnly => ErrorKind::Forbidden,
        };
        CallError::new(kind, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_table_is_in_order_and_codes_are_unique() {
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(row.kind as usize, index);
            assert_eq!(ErrorKind::from_rpc_code(row.rpc_code), row.kind);
        }
        let throws: BTreeSet<i64> = TABLE.iter().map(|row| row.throw_code).collect();
        assert_eq!(throws.len(), TABLE.len());
        assert!(throws.iter().all(|code| *code == -28 || (-4095..=-256).contains(code)));
    }

    #[test]
    fn there_and_back() {
        let error = CallError::not_found("no block at height 7");
        assert_eq!(CallError::from_json(&error.to_json()), error);
        assert_eq!(exit_code_of_throw(ErrorKind::WarmingUp.throw_code()), 4);
        assert_eq!(exit_code_of_throw(-13), 1);
    }
}
