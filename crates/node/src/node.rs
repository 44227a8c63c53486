//! The node: takes inputs one at a time, gives each to chain and pool, network side or miner, and
//! answers with outputs. No clock, no thread: the time comes in with every input.

use std::sync::Arc;

use super::chain_manager::ChainManager;
use super::io::{Act, Done, Input, NodeError, Output};
use super::mine::generate;
use super::mine::io::{MineAct, MineDone};
use super::mine::standing::{Mining, MiningContext};
use super::net::acts::allowed_readonly;
use super::net::context::StepContext;
use super::net::router::Net;
use super::view::View;
use chain::reindex::{Built, STEP};
use chain::state::Chain;
use consensus::scripts::ScriptVerifier;
use mempool::pool::Pool;
use primitives::network::NetworkParams;
use store::db::Store;
use store::error::StoreError;

/// A whole node.
#[derive(Debug)]
pub struct Node {
    chainstate: ChainManager,
    verifier: Arc<dyn ScriptVerifier>,
    net: Net,
    mining: Mining,
    stopping: bool,
}

impl Node {
    /// A node on an open store. Only the tip is read; the header tree waits for the first act.
    /// `pool` should share its script cache with `verifier`, so that no script runs twice.
    pub fn open(
        store: Arc<Store>,
        verifier: Arc<dyn ScriptVerifier>,
        pool: Pool,
    ) -> Result<Node, StoreError> {
        let chainstate = ChainManager::open(Arc::clone(&store), Arc::clone(&verifier), pool)?;
        let mut net = Net::new(store.params());
        net.set_pruned(store.pruned_below().0 > 0);
        let mining = Mining::new(store.params());
        Ok(Node { chainstate, verifier, net, mining, stopping: false })
    }

    pub fn params(&self) -> &'static NetworkParams {
        self.chainstate.chain.params()
    }

    /// What reads run on from now on.
    pub fn view(&self) -> View {
        let (store, verifier) = (Arc::clone(self.chainstate.store()), Arc::clone(&self.verifier));
        let mut view = View::new(store, verifier, self.chainstate.pool.clone());
        view.net = self.net.view();
        view.mining = self.mining.view();
        view
    }

    /// The network side, for those who look at it.
    pub fn net(&self) -> &Net {
        &self.net
    }

    /// The network side, for those who set it up.
    pub fn net_mut(&mut self) -> &mut Net {
        &mut self.net
    }

    /// The standing miner, for those who set it up.
    pub fn mining(&mut self) -> &mut Mining {
        &mut self.mining
    }

    /// The chain, for those who check it.
    pub fn chain(&mut self) -> &mut Chain {
        &mut self.chainstate.chain
    }

    /// The network side and what it works on.
    fn net_and_step<'a>(
        &'a mut self,
        now: u32,
        out: &'a mut Vec<Output>,
    ) -> (&'a mut Net, StepContext<'a>) {
        let Node { chainstate: ChainManager { chain, pool, pool_changed, .. }, net, .. } = self;
        (net, StepContext { chain, pool, pool_changed, now, out })
    }

    /// One step of what must be done before the node is of full use: indexes that an earlier version
    /// did not have, or that a crash left unfinished. `None` when nothing is left.
    pub fn warm_up(&mut self) -> Result<Option<Built>, StoreError> {
        self.chainstate.chain.continue_build(STEP)
    }

    /// Takes one input; `clock` is the time in seconds since 1970.
    pub fn step(&mut self, input: Input, clock: u32) -> Vec<Output> {
        let mut outputs = Vec::new();
        self.take(input, clock, &mut outputs);
        if !self.stopping {
            let now = self.mining.now(clock);
            let (net, mut step) = self.net_and_step(now, &mut outputs);
            if let Err(error) = net.follow(&mut step) {
                self.fail(error, &mut outputs);
            }
        }
        if !self.stopping {
            if self.net.is_readonly() {
                self.mining.give_up();
            }
            let (mining, mut ctx) = self.mining_context(clock);
            if let Err(error) = mining.follow(&mut ctx, &mut outputs) {
                self.fail(error, &mut outputs);
            }
        }
        outputs
    }

    fn mining_context(&mut self, clock: u32) -> (&mut Mining, MiningContext<'_>) {
        let Node { chainstate: ChainManager { chain, pool, .. }, mining, .. } = self;
        let now = mining.now(clock);
        (mining, MiningContext { chain, pool, now, clock })
    }

    /// Does what is asked of mining; `None` if the answer comes later, under the ticket.
    fn mine(
        &mut self,
        ticket: u64,
        act: MineAct,
        clock: u32,
        outputs: &mut Vec<Output>,
    ) -> Option<Result<Done, NodeError>> {
        let done = |result: Result<(), NodeError>| result.map(|()| MineDone::Done);
        let (mining, mut ctx) = self.mining_context(clock);
        let result = match act {
            MineAct::SetAddress { address } => done(mining.set_address(address)),
            MineAct::SetTag { tag } => done(mining.set_tag(tag)),
            MineAct::Start { threads, blocks, patient } => {
                mining.start(threads, blocks, patient, ctx.chain)
            }
            MineAct::Stop => {
                mining.stop();
                Ok(MineDone::Done)
            }
            MineAct::Serve { on } => done(mining.serve(on)),
            MineAct::Template { long_poll } => {
                return mining.block_template(ticket, long_poll.as_deref(), &mut ctx);
            }
            MineAct::Propose { block } => mining.propose(&block, &mut ctx).map(MineDone::Proposed),
            MineAct::GenerateBlock { address, txs, submit } => {
                let mut events = Vec::new();
                let made = generate::block_of(&mut ctx, &address, txs, submit, &mut events);
                let now = ctx.now;
                self.chainstate.hand_on(events, now, outputs).map_err(NodeError::Store).and(made)
            }
            MineAct::Prioritise { txid, more } => match self.chainstate.pool.prioritise(txid, more)
            {
                true => Ok(MineDone::Done),
                false => Err(NodeError::NoMining {
                    reason: "too many transactions have a fee of their own already".to_owned(),
                }),
            },
            MineAct::SetMockTime { time } => done(mining.set_mock_time(time)),
        };
        Some(result.map(Done::Mine))
    }

    fn take(&mut self, input: Input, clock: u32, outputs: &mut Vec<Output>) {
        let now = self.mining.now(clock);
        match input {
            Input::Act { ticket, .. } if self.stopping => {
                outputs.push(Output::Reply { ticket, answer: Err(NodeError::Stopping) });
            }
            Input::Act { ticket, act } if self.net.is_readonly() && !allowed_readonly(&act) => {
                outputs.push(Output::Reply { ticket, answer: Err(NodeError::ReadOnly) });
            }
            Input::Act { ticket, act: Act::Net(act) } => {
                let (net, mut step) = self.net_and_step(now, outputs);
                if let Some(answer) = net.act(ticket, act, &mut step) {
                    outputs.push(Output::Reply { ticket, answer });
                }
            }
            Input::Act { ticket, act: Act::Mine(act) } => {
                if let Some(answer) = self.mine(ticket, act, clock, outputs) {
                    outputs.push(Output::Reply { ticket, answer });
                }
            }
            Input::Mined(_) if self.stopping || self.net.is_readonly() => {}
            Input::Mined(found) => {
                let (mining, mut ctx) = self.mining_context(clock);
                let taken = mining.mined(&found, &mut ctx, outputs);
                if let Err(error) =
                    taken.and_then(|events| self.chainstate.hand_on(events, now, outputs))
                {
                    self.fail(error, outputs);
                }
            }
            Input::Net { .. } if self.stopping => {}
            Input::Net { ms, event } => {
                let (net, mut step) = self.net_and_step(now, outputs);
                if let Err(error) = net.event(event, ms, &mut step) {
                    self.fail(error, outputs);
                }
            }
            Input::Act { ticket, act } => {
                let answer = self.act(act, now, outputs);
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
            Input::Tick => {
                self.chainstate.expire(now, outputs);
            }
            Input::LoadPool(bytes) => {
                if let Err(error) = self.chainstate.load_pool(&bytes, now, outputs) {
                    self.fail(error, outputs);
                }
            }
            Input::Stop => {
                self.stopping = true;
                let (net, mut step) = self.net_and_step(now, outputs);
                let stopped = net.stop(&mut step);
                if self.chainstate.pool_changed {
                    outputs.push(Output::SavePool(self.chainstate.pool.read().save()));
                }
                outputs.push(match stopped.and_then(|()| self.chainstate.chain.flush()) {
                    Ok(()) => Output::Stopped,
                    Err(error) => Output::Fatal(error),
                });
            }
        }
    }

    /// Our disk failed: nothing is taken from now on.
    fn fail(&mut self, error: StoreError, outputs: &mut Vec<Output>) {
        self.stopping = true;
        outputs.push(Output::Fatal(error));
    }

    /// Does what is asked of chain and pool, and tells the network side what concerns it.
    fn act(&mut self, act: Act, now: u32, outputs: &mut Vec<Output>) -> Result<Done, NodeError> {
        let done = self.chainstate.act(act, now, outputs)?;
        match &done {
            Done::Accepted { txid } => self.net.own_transaction(*txid, &self.chainstate.pool),
            Done::Pruned(below) => {
                self.net.set_pruned(below.0 > 0);
                let (net, mut step) = self.net_and_step(now, outputs);
                net.publish(&mut step)?;
            }
            _ => {}
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mempool::policy::Policy;
    use primitives::block::Block;
    use primitives::codec::Encode;
    use primitives::network::REGTEST;
    use script::check::ScriptCache;
    use testkit::blocks::{self as maker, Parent};

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
        let pool = Pool::new(Policy::default(), Arc::new(ScriptCache::new([1; 32], 100)));
        let mut node = Node::open(store, Arc::new(maker::engine()), pool).expect("opens");
        let first = maker::block(Parent::genesis(&REGTEST), 0, vec![]);
        let second = maker::block(Parent::of(&first, primitives::block::Height(1)), 0, vec![]);
        let side = maker::block(Parent::genesis(&REGTEST), 1, vec![]);
        assert_eq!(submit(&mut node, &first), None);
        assert_eq!(submit(&mut node, &second), None);
        assert_eq!(submit(&mut node, &first).as_deref(), Some("duplicate"));
        assert_eq!(submit(&mut node, &side).as_deref(), Some("inconclusive"));
        let mut late = maker::block(Parent::of(&second, primitives::block::Height(2)), 0, vec![]);
        late.header.prev = primitives::id::BlockHash([1; 32]);
        maker::grind(&mut late);
        assert_eq!(submit(&mut node, &late).as_deref(), Some("prev-blk-not-found"));
        let hash = first.hash();
        assert!(matches!(act(&mut node, Act::Invalidate { hash }), Ok(Done::Judged(true))));
        assert_eq!(node.view().tip().expect("a tip").hash, side.hash());
        assert_eq!(submit(&mut node, &first).as_deref(), Some("duplicate-invalid"));
        assert!(matches!(act(&mut node, Act::Reconsider { hash }), Ok(Done::Judged(true))));
        assert_eq!(node.view().tip().expect("a tip").hash, second.hash());
        let hash = primitives::id::BlockHash([1; 32]);
        assert!(matches!(act(&mut node, Act::Invalidate { hash }), Ok(Done::Judged(false))));
    }
}
