//! What the router lends to a manager for one call, and the actions that come back.
//!
//! A manager changes its own state, reads chain and pool, and asks for everything else by pushing
//! an `Action`. Actions are carried out in order, those that an action leads to before the next.

use core::net::SocketAddr;
use std::sync::Arc;

use super::io::NetOutput;
use super::peer::Origin;
use crate::io::{NodeError, Output};
use crate::pool::SharedPool;
use chain::error::BlockError;
use chain::event::ChainEvent;
use chain::state::{BatchResult, Chain};
use mempool::pool::PoolEvent;
use p2p::download::PeerId;
use p2p::message::Message;
use p2p::random::Random;
use primitives::block::Header;
use primitives::id::{BlockHash, Txid};
use primitives::network::NetworkParams;
use primitives::tx::Transaction;
use store::error::StoreError;

/// What the node lends to its network side for one step.
pub struct StepContext<'a> {
    pub chain: &'a mut Chain,
    pub pool: &'a SharedPool,
    /// The pool has changed since it was saved.
    pub pool_changed: &'a mut bool,
    /// Seconds since 1970, as the chain's rules see them.
    pub now: u32,
    pub out: &'a mut Vec<Output>,
}

/// What a manager asks to be done.
#[derive(Debug)]
pub enum Action {
    /// For the shell, the log or who follows the node.
    Output(Output),
    Send {
        id: PeerId,
        message: Message,
    },
    /// End a connection.
    Close {
        id: PeerId,
        why: String,
    },
    /// Add to a peer's score; at `BAN_SCORE` it is dropped and banned.
    Misbehaved {
        id: PeerId,
        points: u32,
        why: String,
    },
    /// Count a message that nobody asked for.
    Unsolicited {
        id: PeerId,
    },
    /// Log a line about a peer unless it was logged before.
    LogOnce(String),

    /// A connection is admitted.
    Admitted {
        id: PeerId,
        address: SocketAddr,
        origin: Origin,
    },
    /// A peer was added to the table; its handshake begins.
    Connected {
        id: PeerId,
    },
    /// The handshake is done.
    Ready {
        id: PeerId,
    },
    /// The connection no longer counts: what the peer owed is asked of others.
    Closed {
        id: PeerId,
        why: String,
    },
    /// Dial an address of the book.
    DialFromBook,
    /// An address is being dialled.
    Attempted(SocketAddr),

    /// Ask for headers after one, or after what we have.
    RequestHeaders {
        id: PeerId,
        after: Option<BlockHash>,
    },
    /// The peer has this block.
    HasBlock {
        id: PeerId,
        hash: BlockHash,
    },
    /// This block need not be announced to the peer.
    KnowsBlock {
        id: PeerId,
        hash: BlockHash,
    },
    /// Ask every peer for the blocks that it has and we need.
    FetchBlocks,
    /// Ask for a whole block now.
    RequestBlock {
        id: PeerId,
        hash: BlockHash,
    },
    /// The peer was asked for parts of this block.
    BlockRequested {
        id: PeerId,
        hash: BlockHash,
    },
    /// The peer will not give this block.
    BlockNotFound {
        id: PeerId,
        hash: BlockHash,
    },
    /// A compact block has been put together.
    BlockAssembled {
        id: PeerId,
        hash: BlockHash,
        bytes: Vec<u8>,
    },
    /// The peer gave us a block, or a transaction, that was new.
    GaveBlock {
        id: PeerId,
    },
    GaveTransaction {
        id: PeerId,
    },

    /// The tip has moved by blocks of peers.
    TipMoved,
    /// Announce the tip to who does not have it.
    AnnounceTip,
    /// This peer gave us the new tip: it shall give us compact blocks unasked.
    PreferCompactFrom {
        id: PeerId,
    },
    /// Headers up to this one, by its id of the tree, went to the peer.
    HeadersSent {
        id: PeerId,
        last: u32,
    },

    /// Ask for the transactions that are due.
    RequestTransactions,
    /// A peer has asked for this transaction.
    TransactionRequested {
        txid: Txid,
    },
    /// Go on with what the peer has asked for.
    Serve {
        id: PeerId,
    },

    /// Keep addresses, bans and anchors for the next start.
    Save,
    /// Something happened that somebody may be waiting to see.
    PublishView,
}

/// What a manager works with during one call.
pub struct Context<'a> {
    pub params: &'static NetworkParams,
    /// Milliseconds since 1970.
    pub now_ms: u64,
    /// Seconds since 1970, as the chain's rules see them.
    pub chain_now: u32,
    /// This node follows, and takes and announces no transactions.
    pub readonly: bool,
    /// The services that we offer.
    pub services: u64,
    pub random: &'a mut Random,
    pub chain: &'a mut Chain,
    pub pool: &'a SharedPool,
    pub pool_changed: &'a mut bool,
    /// The outbox.
    pub actions: Vec<Action>,
}

impl Context<'_> {
    pub fn now_s(&self) -> u64 {
        self.now_ms / 1000
    }

    pub fn push(&mut self, action: Action) {
        self.actions.push(action);
    }

    pub fn output(&mut self, output: Output) {
        self.push(Action::Output(output));
    }

    pub fn net(&mut self, output: NetOutput) {
        self.output(Output::Net(output));
    }

    pub fn note(&mut self, text: impl Into<String>) {
        self.output(Output::Note(text.into()));
    }

    pub fn send(&mut self, id: PeerId, message: Message) {
        self.push(Action::Send { id, message });
    }

    pub fn close(&mut self, id: PeerId, why: impl Into<String>) {
        self.push(Action::Close { id, why: why.into() });
    }

    pub fn misbehaved(&mut self, id: PeerId, points: u32, why: impl Into<String>) {
        self.push(Action::Misbehaved { id, points, why: why.into() });
    }

    /// The height of the best header.
    pub fn best_header_height(&mut self) -> Result<u32, StoreError> {
        best_header_height(self.chain)
    }

    /// How far the best header is ahead of the tip.
    pub fn headers_ahead(&mut self) -> Result<u32, StoreError> {
        Ok(self.best_header_height()?.saturating_sub(self.chain.tip().height.0))
    }

    /// Takes headers into the tree; what happened goes out.
    pub fn accept_headers(&mut self, headers: &[Header]) -> Result<(), BlockError> {
        let (events, result) = self.chain.accept_headers(headers, self.chain_now);
        self.publish(events);
        result
    }

    /// Takes blocks; the pool follows.
    pub fn accept_blocks(
        &mut self,
        blocks: Vec<Vec<u8>>,
        bulk: bool,
    ) -> Result<BatchResult, StoreError> {
        let now = self.chain_now;
        let mut result = self.chain.accept_blocks(blocks, now, bulk);
        let events = std::mem::take(&mut result.events);
        let pool_events = match bulk {
            true => self.pool.sweep(self.chain, now)?,
            false => self.pool.follow(self.chain, &events, now)?,
        };
        self.publish(events);
        self.publish_pool(pool_events);
        Ok(result)
    }

    /// Takes a transaction into the pool, or says why not.
    pub fn submit(&mut self, tx: Arc<Transaction>) -> Result<Txid, NodeError> {
        let mut events = Vec::new();
        let taken = self.pool.submit(self.chain, tx, None, self.chain_now, &mut events);
        self.publish_pool(events);
        taken
    }

    fn publish(&mut self, events: Vec<ChainEvent>) {
        let events = events.into_iter().map(|event| Action::Output(Output::Event(Arc::new(event))));
        self.actions.extend(events);
    }

    fn publish_pool(&mut self, events: Vec<PoolEvent>) {
        *self.pool_changed |= !events.is_empty();
        self.actions.extend(events.into_iter().map(|event| Action::Output(Output::Pool(event))));
    }
}

/// The height of the best header.
pub fn best_header_height(chain: &mut Chain) -> Result<u32, StoreError> {
    let (hash, _) = chain.best_header()?;
    let tree = chain.tree()?;
    Ok(tree.id_of(&hash).map_or(0, |id| tree.entry(id).height().0))
}
