//! The standing miner, stepped by hand: on one node, and on two that race.

use std::sync::Arc;

use super::io::{MineAct, MineDone, MiningState};
use crate::io::{Act, Done, Input, NodeError, Output};
use crate::node::Node;
use crypto::lanes::Lanes;
use mempool::policy::Policy;
use mempool::pool::Pool;
use mining::grind::grind;
use mining::work::{Found, Work};
use primitives::block::{Block, Height};
use primitives::codec::Encode;
use primitives::id::BlockHash;
use primitives::network::REGTEST;
use primitives::tx::{OutPoint, Transaction};
use script::check::ScriptCache;
use store::db::Store;
use testkit::blocks::{self as maker, Parent};

const NOW: u32 = 2_000_000_000;
const OURS: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

struct Lab {
    node: Node,
    now: u32,
    /// What the last input brought.
    out: Vec<Output>,
}

impl Lab {
    fn new() -> Lab {
        let cache = Arc::new(ScriptCache::new([7; 32], 1000));
        let policy = Policy { require_standard: false, ..Policy::default() };
        let store = Arc::new(Store::memory(&REGTEST).expect("memory"));
        let node = Node::open(store, Arc::new(maker::engine()), Pool::new(policy, cache));
        Lab { node: node.expect("opens"), now: NOW, out: vec![] }
    }

    fn step(&mut self, input: Input) {
        self.out = self.node.step(input, self.now);
    }

    fn ask(&mut self, ticket: u64, act: Act) -> Option<Result<Done, NodeError>> {
        self.step(Input::Act { ticket, act });
        self.reply(ticket)
    }

    /// The answer to a ticket in what the last step brought.
    fn reply(&mut self, wanted: u64) -> Option<Result<Done, NodeError>> {
        let is_it = |o: &Output| matches!(o, Output::Reply { ticket, .. } if *ticket == wanted);
        let place = self.out.iter().position(is_it)?;
        match self.out.remove(place) {
            Output::Reply { answer, .. } => Some(answer),
            _ => None,
        }
    }

    fn mine(&mut self, act: MineAct) -> Result<MineDone, NodeError> {
        match self.ask(1, Act::Mine(act)).expect("answered at once")? {
            Done::Mine(done) => Ok(done),
            other => panic!("{other:?}"),
        }
    }

    /// The work that the last step gave out: nothing, none, or some.
    fn work(&self) -> Option<Option<Arc<Work>>> {
        self.out.iter().rev().find_map(|output| match output {
            Output::Work(work) => Some(work.clone()),
            _ => None,
        })
    }

    fn start(&mut self, blocks: Option<u64>) -> Arc<Work> {
        self.mine(MineAct::SetAddress { address: Some(OURS.to_owned()) }).expect("an address");
        self.mine(MineAct::Start { threads: Some(2), blocks, patient: false }).expect("it mines");
        self.work().flatten().expect("work")
    }

    fn take(&mut self, block: &Block) {
        let answer = self.ask(2, Act::SubmitBlock { block: block.to_bytes() });
        assert!(matches!(answer, Some(Ok(Done::Submitted(None)))), "{answer:?}");
    }

    fn tip(&mut self) -> (Height, BlockHash) {
        let tip = self.node.chain().tip();
        (tip.height, tip.hash)
    }
}

/// What a miner finds in some work.
fn find(work: &Work, extra_nonce: u64) -> Found {
    let time = work.template.time;
    let header = work.header(extra_nonce, time);
    let nonce = grind(Lanes::best(), &header, work.template.target, 0..10_000).nonce;
    let nonce = nonce.expect("regtest is easy");
    Found { epoch: work.epoch, extra_nonce, version: header.version, time, nonce }
}

#[test]
fn nothing_is_mined_without_an_address_and_nothing_for_another_network() {
    let mut lab = Lab::new();
    let error = lab
        .mine(MineAct::Start { threads: None, blocks: None, patient: false })
        .expect_err("no address");
    assert!(error.to_string().contains("set-mining-address"), "{error}");
    let error = lab.mine(MineAct::Serve { on: true }).expect_err("no address");
    assert!(error.to_string().contains("--mine=ADDRESS"), "{error}");
    for foreign in ["bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "", &"x".repeat(100_000)] {
        let act = MineAct::SetAddress { address: Some(foreign.to_owned()) };
        let error = lab.mine(act).expect_err("not of regtest");
        assert!(matches!(error, NodeError::NotAnAddress { .. }));
        assert!(error.to_string().len() < 400, "{error}");
    }
    assert!(lab.work().is_none());
    let tag = vec![b'x'; 76];
    assert!(matches!(lab.mine(MineAct::SetTag { tag }), Err(NodeError::NoMining { .. })));
    let started = MineAct::Start { threads: Some(257), blocks: None, patient: false };
    assert!(lab.mine(started).is_err());
}

#[test]
fn work_goes_out_and_dies_with_its_tip() {
    let mut lab = Lab::new();
    let first = lab.start(None);
    assert_eq!((first.threads, first.template.height, first.fresh_tip), (2, Height(1), true));
    let found = find(&first, 5);
    lab.step(Input::Mined(found));
    assert_eq!(lab.tip(), (Height(1), first.block(&found).hash()));
    // In the same step there is work on the new tip; its threads rest for a moment on regtest.
    let second = lab.work().flatten().expect("work");
    assert_eq!((second.template.height, second.threads), (Height(2), 0));
    assert!(second.epoch > first.epoch);
    lab.now += 1;
    lab.step(Input::Tick);
    assert_eq!(lab.work().flatten().expect("work").threads, 2);
    // What comes for the old tip is stale and changes nothing.
    lab.step(Input::Mined(find(&first, 6)));
    assert_eq!(lab.tip().0, Height(1));
    lab.step(Input::Mined(Found { epoch: 999, ..found }));
    let view = lab.node.view().mining;
    assert_eq!((view.found, view.stale, view.refused), (1, 2, 0));
    assert_eq!(view.last, Some(lab.tip()));
    assert!(matches!(lab.mine(MineAct::Stop), Ok(MineDone::Done)));
    assert!(matches!(lab.work(), Some(None)), "no work any more");
    assert_eq!(lab.node.view().mining.state, MiningState::Off);
    lab.step(Input::Mined(find(&second, 7)));
    assert_eq!(lab.tip().0, Height(1), "what was stopped is not taken");
}

#[test]
fn so_many_blocks_and_no_more() {
    let mut lab = Lab::new();
    let mut work = lab.start(Some(3));
    for left in [2, 1, 0u64] {
        lab.step(Input::Mined(find(&work, left)));
        match lab.work().expect("a change") {
            Some(next) => {
                assert_eq!(next.threads, 2, "asked for by number they don't rest");
                assert_eq!(lab.node.view().mining.blocks_left, Some(left));
                work = next;
            }
            None => assert_eq!(left, 0),
        }
    }
    assert_eq!(lab.tip().0, Height(3));
    assert_eq!(lab.node.view().mining.state, MiningState::Off);
}

#[test]
fn two_miners_race_and_stale_work_dies_within_one_event() {
    let mut labs = [Lab::new(), Lab::new()];
    let mut random = maker::Random(17);
    let mut works = [labs[0].start(None), labs[1].start(None)];
    let (mut stale, mut lost) = ([0u64; 2], 0);
    for round in 0..60u64 {
        let winner = random.below(2);
        let other = 1 - winner;
        let race = random.below(3) == 0;
        let found = find(&works[winner], round * 2 + winner as u64);
        let block = works[winner].block(&found);
        labs[winner].step(Input::Mined(found));
        let at_winner = labs[winner].work().flatten().expect("work on the new tip");
        assert_eq!(at_winner.template.prev, block.hash());
        let old = Arc::clone(&works[other]);
        // The other has found a block of its own, which its node sees only after the winner's.
        let late = race.then(|| find(&old, round * 2 + other as u64));
        labs[other].take(&block);
        // That one event killed the old work.
        let fresh = labs[other].work().flatten().expect("work on the new tip");
        assert_eq!(fresh.template.prev, block.hash());
        assert!(fresh.epoch > old.epoch && fresh.fresh_tip);
        if let Some(late) = late {
            labs[other].step(Input::Mined(late));
            stale[other] += 1;
            lost += 1;
        }
        assert_eq!(labs[0].tip(), labs[1].tip(), "round {round}");
        works = [0, 1].map(|n| if n == winner { Arc::clone(&at_winner) } else { fresh.clone() });
        for lab in &mut labs {
            lab.now += 1;
        }
    }
    assert!(lost > 5);
    for (lab, stale) in labs.iter().zip(stale) {
        assert_eq!(lab.node.view().mining.stale, stale);
    }
    let found: u64 = labs.iter().map(|lab| lab.node.view().mining.found).sum();
    assert_eq!((found, labs[0].tip().0), (60, Height(60)));
}

/// A lab with mature coins that anyone can spend.
fn rich() -> (Lab, Vec<OutPoint>) {
    let mut lab = Lab::new();
    let mut parent = Parent::genesis(&REGTEST);
    let mut coins = vec![];
    for height in 1..=110 {
        let block = maker::block(parent, 0, vec![]);
        parent = Parent::of(&block, Height(height));
        coins.push(OutPoint { txid: block.txs[0].txid(), vout: 0 });
        lab.take(&block);
    }
    (lab, coins)
}

fn pay(lab: &mut Lab, coin: OutPoint) -> Transaction {
    let tx = maker::spend(&[coin], &[4_999_990_000, 1_000]);
    let act = Act::SubmitTransaction { tx: Arc::new(tx.clone()), most_rate: None };
    assert!(matches!(lab.ask(3, act), Some(Ok(Done::Accepted { .. }))));
    tx
}

#[test]
fn a_changed_pool_makes_new_work_after_a_while() {
    let (mut lab, coins) = rich();
    let old = lab.start(None);
    let tx = pay(&mut lab, coins[0]);
    assert!(lab.work().is_none(), "not for each transaction");
    lab.now += 15;
    lab.step(Input::Tick);
    let new = lab.work().flatten().expect("new work");
    assert_eq!((old.template.txs.len(), new.template.txs.len(), new.fresh_tip), (0, 1, false));
    // Both are of this tip: either may be found.
    let found = find(&old, 1);
    lab.step(Input::Mined(found));
    assert_eq!(lab.tip().1, old.block(&found).hash());
    let next = lab.work().flatten().expect("work");
    assert_eq!(next.template.txs[0].txid, tx.txid());
    lab.now += 15;
    lab.step(Input::Tick);
    lab.now += 15;
    lab.step(Input::Tick);
    assert!(lab.work().is_none(), "the pool has not changed");
}

fn template(
    lab: &mut Lab,
    long_poll: Option<String>,
) -> (Arc<mining::block_template::Template>, String) {
    match lab.mine(MineAct::Template { long_poll }) {
        Ok(MineDone::Template { template, long_poll, .. }) => (template, long_poll),
        other => panic!("{other:?}"),
    }
}

#[test]
fn long_polls_wait_for_a_tip_or_a_pool() {
    let (mut lab, coins) = rich();
    let (first, id) = template(&mut lab, None);
    let poll = |id: &str| Act::Mine(MineAct::Template { long_poll: Some(id.to_owned()) });
    assert!(lab.ask(50, poll(&id)).is_none(), "nothing has changed");
    let parent = Parent { hash: first.prev, height: Height(110), time: NOW - 1 };
    let block = maker::block(parent, 9, vec![]);
    lab.now += 700;
    lab.take(&block);
    let Some(Ok(Done::Mine(MineDone::Template { template: second, long_poll: id, .. }))) =
        lab.reply(50)
    else {
        panic!("the new tip answers");
    };
    assert_eq!(second.prev, block.hash());
    // An id of an earlier tip is answered at once.
    let (again, _) = template(&mut lab, Some(format!("{}0", first.prev)));
    assert_eq!(again.prev, second.prev);
    assert!(lab.ask(51, poll(&id)).is_none());
    let tx = pay(&mut lab, coins[0]);
    assert!(lab.reply(51).is_none());
    lab.now += 60;
    lab.step(Input::Tick);
    match lab.reply(51) {
        Some(Ok(Done::Mine(MineDone::Template { template, .. }))) => {
            assert_eq!(template.txs[0].txid, tx.txid());
        }
        other => panic!("{other:?}"),
    }
    // They are bounded, and nobody waits for ever.
    let (_, id) = template(&mut lab, None);
    for ticket in 100..132 {
        assert!(lab.ask(ticket, poll(&id)).is_none());
    }
    assert!(matches!(lab.ask(132, poll(&id)), Some(Err(NodeError::NoMining { .. }))));
    lab.now += 300;
    lab.step(Input::Tick);
    for ticket in 100..132 {
        assert!(matches!(lab.reply(ticket), Some(Ok(_))));
    }
    for bad in ["", "x", "é".repeat(40).as_str(), &"0".repeat(63), &format!("{}x", "0".repeat(64))]
    {
        assert!(matches!(lab.ask(133, poll(bad)), Some(Err(NodeError::NoMining { .. }))), "{bad}");
    }
}

#[test]
fn proposals_are_judged_and_not_taken() {
    let (mut lab, coins) = rich();
    let tip = lab.tip();
    let propose = |lab: &mut Lab, block: &Block| match lab
        .mine(MineAct::Propose { block: block.to_bytes() })
    {
        Ok(MineDone::Proposed(verdict)) => verdict,
        other => panic!("{other:?}"),
    };
    let work = lab.start(None);
    pay(&mut lab, coins[0]);
    let mut block = work.block(&Found { nonce: 0, ..find(&work, 3) });
    while primitives::target::meets(&block.hash(), work.template.target) {
        block.header.nonce += 1;
    }
    assert_eq!(propose(&mut lab, &block), None, "good but for its proof of work");
    let mut greedy = block.clone();
    greedy.txs[0].outputs[0].value.0 += 1;
    maker::commit(&mut greedy);
    greedy.txs[0].outputs.pop();
    maker::seal(&mut greedy);
    assert_eq!(propose(&mut lab, &greedy).as_deref(), Some("bad-cb-amount"));
    block.header.prev = BlockHash([1; 32]);
    assert_eq!(propose(&mut lab, &block).as_deref(), Some("inconclusive-not-best-prevblk"));
    assert_eq!(lab.tip(), tip);
    let error = lab.mine(MineAct::Propose { block: vec![1, 2, 3] }).expect_err("no block");
    assert!(matches!(error, NodeError::Undecodable { .. }));
}

#[test]
fn nobody_mines_while_peers_are_ahead_or_for_a_replica() {
    let mut lab = Lab::new();
    lab.start(None);
    let mut parent = Parent::genesis(&REGTEST);
    let mut blocks = vec![];
    for height in 1..=4 {
        blocks.push(maker::block(parent, 0, vec![]));
        parent = Parent::of(&blocks[height - 1], Height(height as u32));
    }
    let headers: Vec<_> = blocks.iter().map(|block| block.header).collect();
    let (_, taken) = lab.node.chain().accept_headers(&headers, NOW);
    taken.expect("good headers");
    lab.step(Input::Tick);
    assert!(matches!(lab.work(), Some(None)));
    assert!(matches!(lab.node.view().mining.state, MiningState::Paused(_)));
    let behind = |error| matches!(error, NodeError::Behind { blocks: 4 });
    let start = MineAct::Start { threads: None, blocks: None, patient: false };
    assert!(lab.mine(start).is_err_and(behind));
    let ask = lab.ask(9, Act::Mine(MineAct::Template { long_poll: None }));
    assert!(ask.is_some_and(|answer| answer.is_err_and(behind)));
    // A node that is told from its start waits.
    let start = MineAct::Start { threads: Some(1), blocks: None, patient: true };
    lab.mine(start).expect("it waits");
    assert!(matches!(lab.node.view().mining.state, MiningState::Paused(_)));
    for block in &blocks {
        lab.take(block);
    }
    lab.now += 2;
    lab.step(Input::Tick);
    assert_eq!(lab.node.view().mining.aim.as_ref().map(|aim| aim.height), Some(Height(5)));
    lab.node.net_mut().set_readonly();
    lab.step(Input::Tick);
    assert!(matches!(lab.work(), Some(None)));
    let start = MineAct::Start { threads: None, blocks: None, patient: false };
    assert!(matches!(lab.mine(start), Err(NodeError::ReadOnly)));
}

#[test]
fn an_absurd_clock_pauses_and_a_set_one_dates_blocks() {
    let mut lab = Lab::new();
    let first = lab.start(Some(100));
    assert_eq!(first.template.time, NOW);
    lab.mine(MineAct::SetMockTime { time: NOW + 5_000 }).expect("regtest");
    let second = lab.work().flatten().expect("work of that time");
    assert_eq!(second.template.time, NOW + 5_000);
    lab.step(Input::Mined(find(&second, 1)));
    assert_eq!(lab.tip().0, Height(1));
    // Before genesis nothing can be dated.
    lab.mine(MineAct::SetMockTime { time: 1 }).expect("regtest");
    assert!(matches!(lab.work(), Some(None)));
    let state = lab.node.view().mining.state.clone();
    assert!(matches!(&state, MiningState::Paused(why) if why.contains("clock")), "{state:?}");
    lab.mine(MineAct::SetMockTime { time: 0 }).expect("regtest");
    assert!(lab.work().flatten().is_some());
}

#[test]
fn blocks_of_just_these_transactions() {
    let (mut lab, coins) = rich();
    let pooled = pay(&mut lab, coins[0]);
    let left = pay(&mut lab, coins[1]);
    let child = maker::spend(&[OutPoint { txid: pooled.txid(), vout: 0 }], &[4_999_000_000]);
    let make = |txs, submit| {
        let address = OURS.to_owned();
        MineAct::GenerateBlock { address, txs, submit }
    };
    use super::io::Wanted;
    let txs = vec![Wanted::Pooled(pooled.txid()), Wanted::Whole(Arc::new(child.clone()))];
    let Ok(MineDone::Made { block: Some(bytes), hash }) = lab.mine(make(txs.clone(), false)) else {
        panic!("a block in hex");
    };
    assert_eq!(lab.tip().0, Height(110), "not taken");
    let Ok(MineDone::Made { block: None, .. }) = lab.mine(make(txs, true)) else {
        panic!("taken");
    };
    use primitives::codec::Decode;
    let block = Block::from_bytes(&bytes).expect("a block");
    assert_eq!(block.hash(), hash);
    assert_eq!((&block.txs[1], &block.txs[2]), (&pooled, &child));
    assert_eq!(block.txs[0].outputs[0].value.0, 5_000_000_000 + 9_000 + 990_000);
    assert_eq!(lab.tip().0, Height(111));
    assert!(lab.node.view().pool.read().get(&left.txid()).is_some());
    for bad in [
        vec![Wanted::Pooled(pooled.txid())],
        vec![Wanted::Whole(Arc::new(child.clone()))],
        vec![Wanted::Pooled(left.txid()), Wanted::Pooled(left.txid())],
    ] {
        assert!(lab.mine(make(bad, true)).is_err());
    }
    assert_eq!(lab.tip().0, Height(111));
}
