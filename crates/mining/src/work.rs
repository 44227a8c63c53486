//! Work handed to miners, their solutions, and statistics about both.
//!
//! Work has an epoch, which is never reused. All work on an old tip expires with it: a solution for
//! an expired epoch is stale.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::block_template::Template;
use primitives::block::{Block, Header};
use primitives::script::Script;

/// Threads that may mine in one process.
pub const MAX_THREADS: usize = 256;

/// A block to look for.
#[derive(Debug, Clone)]
pub struct Work {
    pub epoch: u64,
    pub template: Arc<Template>,
    /// What the coinbase pays to.
    pub payout: Script,
    /// Threads of this process that should look for it; 0 when only others do.
    pub threads: usize,
    /// The tip is another one than that of the work before.
    pub fresh_tip: bool,
}

/// What a miner found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub epoch: u64,
    pub extra_nonce: u64,
    pub version: i32,
    pub time: u32,
    pub nonce: u32,
}

impl Work {
    /// The header over an extra nonce, with nonce zero.
    pub fn header(&self, extra_nonce: u64, time: u32) -> Header {
        self.template.header(&self.template.coinbase(&self.payout, extra_nonce), time)
    }

    /// The whole block that was found.
    pub fn block(&self, found: &Found) -> Block {
        let coinbase = self.template.coinbase(&self.payout, found.extra_nonce);
        let mut header = self.template.header(&coinbase, found.time);
        header.version = found.version;
        header.nonce = found.nonce;
        self.template.block(header, coinbase)
    }
}

/// Counters that miners write and reads see at once; nothing is decided by them.
#[derive(Debug)]
pub struct Meter {
    /// Hashes made by this process' threads, and the thread time that they took, in microseconds.
    pub hashes: AtomicU64,
    pub busy_us: AtomicU64,
    /// Hashes a second of each thread of late.
    rates: Vec<AtomicU64>,
    /// Connected miners elsewhere, and their shares.
    pub workers: AtomicU64,
    pub shares: AtomicU64,
    pub stale_shares: AtomicU64,
    pub refused_shares: AtomicU64,
    /// Hashes that the accepted shares stand for.
    pub share_hashes: AtomicU64,
}

impl Default for Meter {
    fn default() -> Meter {
        Meter {
            hashes: AtomicU64::new(0),
            busy_us: AtomicU64::new(0),
            rates: (0..MAX_THREADS).map(|_| AtomicU64::new(0)).collect(),
            workers: AtomicU64::new(0),
            shares: AtomicU64::new(0),
            stale_shares: AtomicU64::new(0),
            refused_shares: AtomicU64::new(0),
            share_hashes: AtomicU64::new(0),
        }
    }
}

impl Meter {
    /// Notes how fast a thread is now; 0 when it rests.
    pub fn set_rate(&self, thread: usize, hashes_per_s: u64) {
        if let Some(rate) = self.rates.get(thread) {
            rate.store(hashes_per_s, Ordering::Relaxed);
        }
    }

    /// Hashes a second of all threads now.
    pub fn hashrate(&self) -> u64 {
        self.rates.iter().map(|rate| rate.load(Ordering::Relaxed)).sum()
    }
}
