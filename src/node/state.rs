//! The node: owns the chain, takes inputs one at a time and answers with outputs. No clock, no
//! thread: the time comes in with every input.

use std::sync::Arc;

use super::io::{Act, Done, ImportReport, Input, NodeError, Output};
use super::view::View;
use crate::chain::error::{BlockError, Standing};
use crate::chain::event::ChainEvent;
use crate::chain::import::{ImportError, Importer, Place};
use crate::chain::reindex::{Built, STEP};
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
    importer: Importer,
    stopping: bool,
}

impl Node {
    /// A node on an open store. Only the tip is read; the header tree waits for the first act.
    pub fn open(store: Arc<Store>, verifier: Arc<dyn ScriptVerifier>) -> Result<Node, StoreError> {
        let chain = Chain::open(Arc::clone(&store), Arc::clone(&verifier))?;
        Ok(Node { chain, store, verifier, importer: Importer::default(), stopping: false })
    }

    pub fn params(&self) -> &'static NetworkParams {
        self.chain.params()
    }

    /// What reads run on from now on.
    pub fn view(&self) -> View {
        View::new(Arc::clone(&self.store), Arc::clone(&self.verifier), true)
    }

    /// One step of what must be done before the node is of full use: indexes that an earlier version
    /// did not have, or that a crash left unfinished. `None` when nothing is left.
    pub fn warm_up(&mut self) -> Result<Option<Built>, StoreError> {
        self.chain.continue_build(STEP)
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
            Act::ImportBlocks { blocks } => self.import(blocks, now, outputs).map(Done::Imported),
            Act::SubmitBlock { block } => match self.chain.accept_block(block, now) {
                Ok(accepted) => {
                    publish(accepted.events, outputs);
                    Ok(Done::Submitted(match accepted.standing {
                        Standing::Active => None,
                        Standing::Known => Some("duplicate".to_owned()),
                        Standing::Stored => Some("inconclusive".to_owned()),
                    }))
                }
                Err(BlockError::Rule(rule)) => Ok(Done::Submitted(Some(rule.reason()))),
                Err(BlockError::Store(error)) => Err(NodeError::Store(error)),
                Err(BlockError::Decode(error)) => {
                    Err(NodeError::Undecodable { reason: error.to_string() })
                }
            },
            Act::Flush => {
                self.importer = Importer::default();
                self.chain.flush().map_err(NodeError::Store)?;
                Ok(Done::Flushed)
            }
            Act::Reindex { begin } => {
                if let Some(what) = begin {
                    self.chain.begin_reindex(what)?;
                }
                Ok(Done::Built(self.chain.continue_build(STEP)?))
            }
            Act::Invalidate { hash } => {
                let (known, events) = self.chain.invalidate(&hash)?;
                publish(events, outputs);
                Ok(Done::Judged(known))
            }
            Act::Reconsider { hash } => {
                let (known, events) = self.chain.reconsider(&hash)?;
                publish(events, outputs);
                Ok(Done::Judged(known))
            }
        }
    }

    /// Takes a batch of blocks in bulk.
    fn import(
        &mut self,
        blocks: Vec<Vec<u8>>,
        now: u32,
        outputs: &mut Vec<Output>,
    ) -> Result<ImportReport, NodeError> {
        let before = self.importer.progress();
        let blocks =
            blocks.into_iter().enumerate().map(|(index, b)| (place_of(index), b)).collect();
        let taken = self.importer.take_blocks(&mut self.chain, blocks, now);
        publish(self.importer.take_events(), outputs);
        let refused = match taken {
            Ok(()) => None,
            Err(ImportError::Block { error: BlockError::Store(error), .. }) => {
                return Err(NodeError::Store(error));
            }
            Err(ImportError::Block { at, error }) => Some((at.byte as usize, error.to_string())),
            Err(error @ ImportError::NoParent { at, .. }) => {
                Some((at.byte as usize, error.to_string()))
            }
            Err(ImportError::File(error)) => Some((0, error.to_string())),
        };
        let progress = self.importer.progress();
        let tip = self.chain.tip();
        Ok(ImportReport {
            accepted: progress.accepted - before.accepted,
            known: progress.known - before.known,
            waiting: progress.waiting,
            refused,
            height: tip.height,
            tip: tip.hash,
        })
    }
}

/// Where the block at an index of a batch stands, for the importer's errors.
fn place_of(index: usize) -> Place {
    Place { byte: index as u64, line: 0 }
}

/// Events go out in the order in which they happened.
fn publish(events: Vec<ChainEvent>, outputs: &mut Vec<Output>) {
    outputs.extend(events.into_iter().map(|event| Output::Event(Arc::new(event))));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::maker::{self, Parent};
    use crate::primitives::block::Block;
    use crate::primitives::codec::Encode;
    use crate::primitives::network::REGTEST;

    const NOW: u32 = 2_000_000_000;

    fn act(node: &mut Node, act: Act) -> Result<Done, NodeError> {
        let outputs = node.step(Input::Act { ticket: 1, act }, NOW);
        let reply = outputs.into_iter().find_map(|output| match output {
            Output::Reply { answer, .. } => Some(answer),
            _ => None,
        });
        reply.expect("every act is answered")
    }

    fn submit(node: &mut Node, block: &Block) -> Option<String> {
        match act(node, Act::SubmitBlock { block: block.to_bytes() }) {
            Ok(Done::Submitted(verdict)) => verdict,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn blocks_are_answered_as_bip22_says_and_can_be_left_and_taken_back() {
        let store = Arc::new(Store::memory(&REGTEST).expect("memory"));
        let mut node = Node::open(store, Arc::new(maker::engine())).expect("opens");
        let first = maker::block(Parent::genesis(&REGTEST), 0, vec![]);
        let second =
            maker::block(Parent::of(&first, crate::primitives::block::Height(1)), 0, vec![]);
        let side = maker::block(Parent::genesis(&REGTEST), 1, vec![]);
        assert_eq!(submit(&mut node, &first), None);
        assert_eq!(submit(&mut node, &second), None);
        assert_eq!(submit(&mut node, &first).as_deref(), Some("duplicate"));
        assert_eq!(submit(&mut node, &side).as_deref(), Some("inconclusive"));
        let mut late =
            maker::block(Parent::of(&second, crate::primitives::block::Height(2)), 0, vec![]);
        late.header.prev = crate::primitives::id::BlockHash([1; 32]);
        maker::grind(&mut late);
        assert_eq!(submit(&mut node, &late).as_deref(), Some("prev-blk-not-found"));
        let hash = first.hash();
        assert!(matches!(act(&mut node, Act::Invalidate { hash }), Ok(Done::Judged(true))));
        assert_eq!(node.view().tip().expect("a tip").hash, side.hash());
        assert_eq!(submit(&mut node, &first).as_deref(), Some("duplicate-invalid"));
        assert!(matches!(act(&mut node, Act::Reconsider { hash }), Ok(Done::Judged(true))));
        assert_eq!(node.view().tip().expect("a tip").hash, second.hash());
        let hash = crate::primitives::id::BlockHash([1; 32]);
        assert!(matches!(act(&mut node, Act::Invalidate { hash }), Ok(Done::Judged(false))));
    }
}
