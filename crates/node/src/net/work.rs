//! What the network side works on: chain, pool and outputs, lent by the node for one step.

use std::sync::Arc;

use super::io::NetOutput;
use crate::io::{NodeError, Output};
use crate::pool::SharedPool;
use chain::error::BlockError;
use chain::event::ChainEvent;
use chain::state::{BatchResult, Chain};
use mempool::pool::PoolEvent;
use p2p::download::PeerId;
use p2p::frame;
use p2p::message::Message;
use primitives::block::Header;
use primitives::id::Txid;
use primitives::tx::Transaction;
use store::error::StoreError;

/// One step's loan.
pub struct Work<'a> {
    pub chain: &'a mut Chain,
    pub pool: &'a SharedPool,
    /// The pool has changed since it was saved.
    pub pool_moved: &'a mut bool,
    /// Seconds since 1970.
    pub now: u32,
    pub out: &'a mut Vec<Output>,
}

impl Work<'_> {
    pub fn net(&mut self, output: NetOutput) {
        self.out.push(Output::Net(output));
    }

    pub fn note(&mut self, text: impl Into<String>) {
        self.out.push(Output::Note(text.into()));
    }

    /// Frames a message and gives its size.
    pub fn send(&mut self, magic: [u8; 4], id: PeerId, message: &Message) -> u64 {
        let bytes = frame::encode(magic, message);
        let size = bytes.len() as u64;
        self.net(NetOutput::Send { id, bytes });
        size
    }

    /// Takes headers; what happened goes out.
    pub fn accept_headers(&mut self, headers: &[Header]) -> Result<(), BlockError> {
        let (events, result) = self.chain.accept_headers(headers, self.now);
        self.publish(events);
        result
    }

    /// Takes blocks; the pool follows.
    pub fn accept_blocks(
        &mut self,
        blocks: Vec<Vec<u8>>,
        bulk: bool,
    ) -> Result<BatchResult, StoreError> {
        let mut result = self.chain.accept_blocks(blocks, self.now, bulk);
        let events = std::mem::take(&mut result.events);
        let moved = match bulk {
            true => self.pool.sweep(self.chain, self.now)?,
            false => self.pool.follow(self.chain, &events, self.now)?,
        };
        self.publish(events);
        self.publish_pool(moved);
        Ok(result)
    }

    /// Takes a transaction into the pool, or says why not.
    pub fn submit(&mut self, tx: Arc<Transaction>) -> Result<Txid, NodeError> {
        let mut events = Vec::new();
        let taken = self.pool.submit(self.chain, tx, None, self.now, &mut events);
        self.publish_pool(events);
        taken
    }

    fn publish(&mut self, events: Vec<ChainEvent>) {
        self.out.extend(events.into_iter().map(|event| Output::Event(Arc::new(event))));
    }

    fn publish_pool(&mut self, events: Vec<PoolEvent>) {
        *self.pool_moved |= !events.is_empty();
        self.out.extend(events.into_iter().map(Output::Pool));
    }
}
