//! What goes into a node and what comes out of it, as values.

use std::collections::HashSet;
use std::sync::Arc;

use super::mine::io::{MineAct, MineDone};
use super::net::io::{NetAct, NetDone, NetEvent, NetOutput};
use chain::event::ChainEvent;
use chain::reindex::{Built, Reindex};
use mempool::pool::PoolEvent;
use mempool::reject::Reject;
use mining::work::{Found, Work};
use primitives::amount::Amount;
use primitives::block::Height;
use primitives::fee::FeeRate;
use primitives::id::{BlockHash, Txid};
use primitives::tx::Transaction;
use store::error::StoreError;

/// Something asked of the node that changes it or needs it whole.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Blocks in their wire form, in almost any order. They reach the disk together, at the latest
    /// with `Flush`, which also forgets those whose parents never came.
    ImportBlocks { blocks: Vec<Vec<u8>> },
    /// One block in its wire form.
    SubmitBlock { block: Vec<u8> },
    /// Flush cached state to disk.
    Flush,
    /// Begin to build indexes or coins again if told so, then take one step of what is not finished.
    Reindex { begin: Option<Reindex> },
    /// Prune blocks below a height.
    Prune { below: Height },
    /// Permanently mark a block as invalid and leave it.
    Invalidate { hash: BlockHash },
    /// Remove the invalid mark of a block, its ancestors and its descendants.
    Reconsider { hash: BlockHash },
    /// Take a transaction into the pool; refused if it pays over `most_rate`.
    SubmitTransaction { tx: Arc<Transaction>, most_rate: Option<FeeRate> },
    /// Say of each transaction whether the pool would take it, each after those before it in the
    /// list; take none.
    TestTransactions { txs: Vec<Arc<Transaction>>, most_rate: Option<FeeRate> },
    /// Save the pool to disk.
    SavePool,
    /// Make blocks that pay an address, with at most so many hashes in all.
    Generate { blocks: u32, address: String, tries: u64 },
    /// Something about mining.
    Mine(MineAct),
    /// Something about peers and connections.
    Net(NetAct),
}

/// How an act ended.
#[derive(Debug, Clone)]
pub enum Done {
    Imported(ImportReport),
    /// The block is on the chain or stored beside it, or why not, in BIP22's words.
    Submitted(Option<String>),
    Flushed,
    /// Blocks below this height are gone.
    Pruned(Height),
    /// How far the building is; `None`: nothing is left.
    Built(Option<Built>),
    /// The block was known and its standing has changed.
    Judged(bool),
    /// The pool has the transaction now.
    Accepted {
        txid: Txid,
    },
    Tested(Vec<TestReport>),
    PoolSaved {
        /// Where it is now, once whoever runs the node has put it there.
        file: Option<String>,
    },
    /// The blocks made, fewer than asked if the hashes did not do.
    Generated(Vec<BlockHash>),
    Mine(MineDone),
    Net(NetDone),
}

/// What the pool would say of a transaction.
#[derive(Debug, Clone)]
pub struct TestReport {
    pub tx: Arc<Transaction>,
    pub verdict: Result<TestedFee, NodeError>,
}

/// A transaction that the pool would take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestedFee {
    pub fee: Amount,
    /// Virtual bytes as policy counts them.
    pub vsize: usize,
    pub replaces: HashSet<Txid>,
}

/// What became of a batch of blocks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImportReport {
    pub accepted: u64,
    /// Blocks that were already there.
    pub known: u64,
    /// Blocks whose parents have not come yet, over all batches since the last flush.
    pub waiting: usize,
    /// The first block that was refused: its place in the batch and why. Later ones were not taken.
    pub refused: Option<(usize, String)>,
    pub height: Height,
    pub tip: BlockHash,
}

/// An input of the whole node.
#[derive(Debug)]
pub enum Input {
    /// An act and the ticket under which its answer comes back.
    Act { ticket: u64, act: Act },
    /// Time has passed.
    Tick,
    /// Something happened on the network; `ms` is in milliseconds since 1970.
    Net { ms: u64, event: NetEvent },
    /// A miner has found a block of work that was given out.
    Mined(Found),
    /// What `Output::SavePool` gave to an earlier run.
    LoadPool(Vec<u8>),
    /// Stop in order: flush and answer no more.
    Stop,
}

/// An output of the whole node.
#[derive(Debug)]
pub enum Output {
    Reply {
        ticket: u64,
        answer: Result<Done, NodeError>,
    },
    Event(Arc<ChainEvent>),
    Pool(PoolEvent),
    Net(NetOutput),
    /// Work for miners; all work before it of another tip is dead. `None`: there is none.
    Work(Option<Arc<Work>>),
    /// Bytes to keep until the next start, for `Input::LoadPool`.
    SavePool(Vec<u8>),
    /// Something that the operator should read in the log.
    Note(String),
    /// Our disk failed: the node must stop.
    Fatal(StoreError),
    Stopped,
}

/// Why an act was not done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NodeError {
    #[error("the block is refused: {reason}")]
    Refused { reason: String },
    #[error("{reason}")]
    NoMining { reason: String },
    #[error(
        "peers have {blocks} blocks that are not here yet: mining waits until they are, see sync-status"
    )]
    Behind { blocks: u32 },
    #[error("{reason}")]
    Missing { reason: String },
    #[error("{address:?} is no address of {network}: {reason}")]
    NotAnAddress { address: String, network: &'static str, reason: String },
    #[error("the bytes are not a block: {reason}")]
    Undecodable { reason: String },
    /// The pool does not take the transaction.
    #[error("{}: {reject}", .reject.reason())]
    Rejected { reject: Reject },
    #[error(
        "the transaction pays {fee}, over the limit of {most}: raise maxfeerate if that is meant"
    )]
    FeeTooHigh { fee: Amount, most: Amount },
    /// It would need blocks that were pruned, or must not be pruned.
    #[error("{reason}")]
    Pruning { reason: String },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the pool could not be saved in {reason}")]
    Unsaved { reason: String },
    #[error("{reason}")]
    Network { reason: String },
    #[error(
        "this node is a replica (--readonly): it changes nothing, ask the node that it follows"
    )]
    ReadOnly,
    #[error("the node is stopping")]
    Stopping,
}
