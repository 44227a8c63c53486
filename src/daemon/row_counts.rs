//! How many rows of metrics PostgreSQL has taken, wait for it, and were dropped while it was away.

use std::sync::atomic::AtomicU64;

#[derive(Debug, Default)]
pub struct RowCounts {
    pub written: AtomicU64,
    pub waiting: AtomicU64,
    pub dropped: AtomicU64,
}
