//! The data folder: one redb file with blocks, headers, undo data, coins and the indexes of
//! transactions and scripts.
//!
//! `db::Store` opens it, `batch::WriteBatch` is the only way to change it (one batch, one atomic
//! durable commit) and `snapshot::Snapshot` the way to read it, from any thread, while it changes.

pub mod backend;
pub mod backup;
pub mod batch;
pub mod db;
pub mod error;
pub mod migrate;
pub mod rows;
pub mod script_rows;
pub mod snapshot;
pub mod tables;
