//! What the mining side of a node takes and gives, as values.

use std::sync::Arc;

use mining::block_template::Template;
use mining::work::Meter;
use primitives::amount::Amount;
use primitives::block::Height;
use primitives::id::{BlockHash, Txid};
use primitives::target::CompactTarget;
use primitives::tx::Transaction;

/// A transaction that a block is to hold: of the pool, or as it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    Pooled(Txid),
    Whole(Arc<Transaction>),
}

/// Something asked of the mining side.
#[derive(Debug, Clone, PartialEq)]
pub enum MineAct {
    /// Where the coins go; nothing stops mining.
    SetAddress {
        address: Option<String>,
    },
    /// Text that blocks carry in their coinbase.
    SetTag {
        tag: Vec<u8>,
    },
    /// Mine with so many threads (nothing: one a core), until so many blocks are found. While peers
    /// are ahead that is refused, or waits if `patient`.
    Start {
        threads: Option<usize>,
        blocks: Option<u64>,
        patient: bool,
    },
    Stop,
    /// Miners elsewhere want work, or no more.
    Serve {
        on: bool,
    },
    /// A template as it is now; or, once it is another than that of a long poll, by its id.
    Template {
        long_poll: Option<String>,
    },
    /// Would this block be good but for its proof of work (BIP23)?
    Propose {
        block: Vec<u8>,
    },
    /// Make a block of just these transactions; it is taken if `submit`, else only given.
    GenerateBlock {
        address: String,
        txs: Vec<Wanted>,
        submit: bool,
    },
    /// Add base units to what a transaction's fee counts for.
    Prioritise {
        txid: Txid,
        more: Amount,
    },
    /// Let the clock stand at that time, in seconds since 1970; 0 lets it run.
    SetMockTime {
        time: u32,
    },
}

/// How that ended.
#[derive(Debug, Clone)]
pub enum MineDone {
    Done,
    Started {
        threads: usize,
        found: u64,
    },
    Template {
        template: Arc<Template>,
        long_poll: String,
        now: u32,
    },
    /// Why the proposal is refused, in BIP22's words.
    Proposed(Option<String>),
    /// The block's hash, and its wire form if it was not to be taken.
    Made {
        hash: BlockHash,
        block: Option<Vec<u8>>,
    },
}

/// What the standing miner does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum MiningState {
    #[default]
    Off,
    Mining,
    /// It is wanted, but can't now.
    Paused(String),
}

/// The block that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aim {
    pub height: Height,
    pub bits: CompactTarget,
    /// Transactions beside the coinbase.
    pub txs: usize,
    pub weight: usize,
    pub fees: Amount,
    pub value: Amount,
}

/// Mining as reads see it.
#[derive(Debug, Clone, Default)]
pub struct MiningView {
    pub state: MiningState,
    pub address: Option<String>,
    pub threads: usize,
    /// Miners elsewhere are given work.
    pub served: bool,
    pub blocks_left: Option<u64>,
    pub aim: Option<Aim>,
    pub found: u64,
    /// Found on a tip that was no longer the tip.
    pub stale: u64,
    /// Found, and refused by our own rules.
    pub refused: u64,
    pub last: Option<(Height, BlockHash)>,
    pub mock_time: Option<u32>,
    pub meter: Arc<Meter>,
}
