//! The mempool as bytes, to survive a restart: a version, then each transaction with its arrival
//! time, parents before children. Transactions are accepted again when read: the chain may have
//! moved on.

use std::sync::Arc;

use super::accept::{Around, Terms};
use super::pool::{Pool, PoolEvent};
use super::reject::PoolError;
use primitives::codec::{Decode, DecodeError, Encode, Reader, put_compact_size};
use primitives::tx::Transaction;
use store::error::StoreError;

/// First byte of a saved pool.
const VERSION: u8 = 1;
/// Fewest bytes of a saved transaction.
const LEAST_ENTRY: usize = 8 + 10;

/// Why a saved pool was not read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LoadError {
    #[error("the saved pool has version {0}, {VERSION} is known")]
    UnknownVersion(u8),
    #[error("the saved pool is damaged: {0}")]
    Damaged(#[from] DecodeError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of a saved pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Loaded {
    pub accepted: usize,
    pub refused: usize,
    /// Too old.
    pub expired: usize,
}

impl Pool {
    /// Everything in the pool, as bytes.
    pub fn save(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        put_compact_size(&mut bytes, self.len());
        for entry in self.in_order() {
            bytes.extend_from_slice(&entry.time.to_le_bytes());
            entry.tx.encode(&mut bytes);
        }
        bytes
    }

    /// Takes what `save` made, as far as it still is acceptable. Nothing is taken from bytes that
    /// are damaged anywhere.
    pub fn load(
        &mut self,
        bytes: &[u8],
        around: &mut Around<'_>,
        now: u64,
        events: &mut Vec<PoolEvent>,
    ) -> Result<Loaded, LoadError> {
        let mut reader = Reader::new(bytes);
        let version = reader.u8()?;
        if version != VERSION {
            return Err(LoadError::UnknownVersion(version));
        }
        let saved =
            reader.list(LEAST_ENTRY, |r| Ok((r.u64()?, Arc::new(Transaction::decode(r)?))))?;
        reader.finish()?;
        let mut loaded = Loaded::default();
        for (time, tx) in saved {
            if time.saturating_add(self.policy.expiry_s) < now {
                loaded.expired += 1;
                continue;
            }
            let terms = Terms { since: Some(time.min(now)), ..Terms::default() };
            match self.accept(tx, around, now, terms, events) {
                Ok(_) => loaded.accepted += 1,
                Err(PoolError::Reject(_)) => loaded.refused += 1,
                Err(PoolError::Store(fault)) => return Err(fault.into()),
            }
        }
        Ok(loaded)
    }
}
