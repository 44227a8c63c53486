//! The node: owns the chain, takes inputs one at a time and answers with outputs. No clock, no
//! thread: the time comes in with every input.

use std::sync::Arc;

use super::io::{Act, Done, ImportReport, Input, NodeError, Output};
use super::view::View;
use crate::chain::error::BlockError;
use crate::chain::event::ChainEvent;
use crate::chain::state::Chain;
use crate::consensus::scripts::ScriptVerifier;
use crate::primitives::network::NetworkParams;
use crate::store::db::Store;
use crate::store::error::StoreError;

/// A whole node.
#[derive(Debug)]
pub struct Node {
    chain: Chain,
    store: Arc<Store>,
    verifier: Arc<dyn ScriptVerifier>,
    stopping: bool,
}

impl Node {
    /// A node on an open store. Only the tip is read; the header tree waits for the first act.
    pub fn open(store: Arc<Store>, verifier: Arc<dyn ScriptVerifier>) -> Result<Node, StoreError> {
        let chain = Chain::open(Arc::clone(&store), Arc::clone(&verifier))?;
        Ok(Node { chain, store, verifier, stopping: false })
    }

    pub fn params(&self) -> &'static NetworkParams {
        self.chain.params()
    }

    /// What reads run on from now on.
    pub fn view(&self) -> View {
        View::new(Arc::clone(&self.store), Arc::clone(&self.verifier), true)
    }

    /// Takes one input at `now` (seconds since 1970).
    pub fn step(&mut self, input: Input, now: u32) -> Vec<Output> {
        let mut outputs = Vec::new();
        match input {
            Input::Act { ticket, .. } if self.stopping => {
                outputs.push(Output::Reply { ticket, answer: Err(NodeError::Stopping) });
            }
            Input::Act { ticket, act } => {
                let answer = self.act(act, now, &mut outputs);
                let fatal = match &answer {
                    Err(NodeError::Store(error)) => Some(error.clone()),
                    _ => None,
                };
                outputs.push(Output::Reply { ticket, answer });
                if let Some(error) = fatal {
                    self.stopping = true;
                    outputs.push(Output::Fatal(error));
                }
            }
            Input::Stop => {
                self.stopping = true;
                outputs.push(match self.chain.flush() {
                    Ok(()) => Output::Stopped,
                    Err(error) => Output::Fatal(error),
                });
            }
        }
        outputs
    }

    fn act(&mut self, act: Act, now: u32, outputs: &mut Vec<Output>) -> Result<Done, NodeError> {
        match act {
            Act::ImportBlocks { blocks, bulk } => {
                let result = self.chain.accept_blocks(blocks, now, bulk);
                publish(result.events, outputs);
                let refused = match result.error {
                    Some((_, BlockError::Store(error))) => return Err(NodeError::Store(error)),
                    Some((index, error)) => Some((index, error.to_string())),
                    None => None,
                };
                let tip = self.chain.tip();
                Ok(Done::Imported(ImportReport {
                    accepted: result.accepted as u64,
                    known: result.known as u64,
                    refused,
                    height: tip.height,
                    tip: tip.hash,
                }))
            }
            Act::SubmitBlock { block } => match self.chain.accept_block(block, now) {
                Ok(accepted) => {
                    publish(accepted.events, outputs);
                    Ok(Done::Submitted)
                }
                Err(BlockError::Store(error)) => Err(NodeError::Store(error)),
                Err(BlockError::Decode(error)) => {
                    Err(NodeError::Undecodable { reason: error.to_string() })
                }
                Err(error) => Err(NodeError::Refused { reason: error.to_string() }),
            },
            Act::Flush => {
                self.chain.flush().map_err(NodeError::Store)?;
                Ok(Done::Flushed)
            }
        }
    }
}

/// Events go out in the order in which they happened.
fn publish(events: Vec<ChainEvent>, outputs: &mut Vec<Output>) {
    outputs.extend(events.into_iter().map(|event| Output::Event(Arc::new(event))));
}
