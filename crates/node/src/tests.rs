//! The node stepped by hand, on a store in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::io::{Act, Done, Input, NodeError, Output};
use super::node::Node;
use chain::query::coin_totals;
use consensus::scripts::{ScriptEngine, ScriptVerifier};
use mempool::policy::Policy;
use mempool::pool::{Pool, PoolEvent, Removal};
use primitives::block::Block;
use primitives::codec::Encode;
use primitives::fee::FeeRate;
use primitives::id::Txid;
use primitives::network::REGTEST;
use primitives::tx::{OutPoint, Transaction, TxOut};
use script::check::{ScriptCache, ScriptFailure, TxScripts};
use script::flags::ScriptFlags;
use store::db::Store;
use testkit::blocks::{self as maker, Parent};

/// After the time of every block made here.
const NOW: u32 = 2_000_000_000;
const SUBSIDY: i64 = 5_000_000_000;

/// The engine, and how many transactions it ran the scripts of when blocks were connected.
#[derive(Debug)]
struct Counting {
    engine: ScriptEngine,
    cache: Arc<ScriptCache>,
    ran: Arc<AtomicUsize>,
}

impl ScriptVerifier for Counting {
    fn sigop_cost(&self, tx: &Transaction, spent: &[TxOut], flags: ScriptFlags) -> u64 {
        self.engine.sigop_cost(tx, spent, flags)
    }

    fn verify(&self, checks: &[TxScripts<'_>], flags: ScriptFlags) -> Result<(), ScriptFailure> {
        let fresh = checks.iter().filter(|c| !self.cache.contains(&c.tx.wtxid(), flags)).count();
        self.ran.fetch_add(fresh, Ordering::Relaxed);
        self.engine.verify(checks, flags)
    }
}

struct Lab {
    node: Node,
    tip: Parent,
    coins: Vec<OutPoint>,
    ran: Arc<AtomicUsize>,
    /// What the last input brought beside the answer.
    outputs: Vec<Output>,
}

impl Lab {
    /// A chain with some mature coins that anyone can spend.
    fn new() -> Lab {
        let cache = Arc::new(ScriptCache::new([9; 32], 1000));
        let ran = Arc::new(AtomicUsize::new(0));
        let engine = ScriptEngine { cache: Some(Arc::clone(&cache)) };
        let verifier = Counting { engine, cache: Arc::clone(&cache), ran: Arc::clone(&ran) };
        let policy = Policy { require_standard: false, ..Policy::default() };
        let store = Arc::new(Store::memory(&REGTEST).expect("memory"));
        let node = Node::open(store, Arc::new(verifier), Pool::new(policy, cache)).expect("opens");
        let tip = Parent::genesis(&REGTEST);
        let mut lab = Lab { node, tip, coins: vec![], ran, outputs: vec![] };
        for height in 0..110 {
            let block = lab.mine(vec![]);
            if height < 10 {
                lab.coins.push(OutPoint { txid: block.txs[0].txid(), vout: 0 });
            }
        }
        lab
    }

    fn act(&mut self, act: Act) -> Result<Done, NodeError> {
        self.outputs = self.node.step(Input::Act { ticket: 7, act }, NOW);
        let reply = self.outputs.iter().position(|output| matches!(output, Output::Reply { .. }));
        match self.outputs.remove(reply.expect("every act is answered")) {
            Output::Reply { ticket: 7, answer } => answer,
            other => panic!("not the answer: {other:?}"),
        }
    }

    fn take(&mut self, block: &Block) {
        self.act(Act::SubmitBlock { block: block.to_bytes() }).expect("a good block");
    }

    fn mine(&mut self, txs: Vec<Transaction>) -> Block {
        let block = maker::block(self.tip, 0, txs);
        self.take(&block);
        self.tip = Parent::of(&block, self.tip.height.next());
        block
    }

    fn submit(&mut self, tx: &Transaction) -> Result<Txid, NodeError> {
        match self.act(Act::SubmitTransaction { tx: Arc::new(tx.clone()), most_rate: None })? {
            Done::Accepted { txid } => Ok(txid),
            other => panic!("{other:?}"),
        }
    }

    fn spend(&mut self, fee: i64) -> Transaction {
        let coin = self.coins.remove(0);
        maker::spend(&[coin], &[SUBSIDY - fee - 1000, 1000])
    }

    fn pool_events(&self) -> Vec<PoolEvent> {
        let events = self.outputs.iter().filter_map(|output| match output {
            Output::Pool(event) => Some(event.clone()),
            _ => None,
        });
        events.collect()
    }
}

#[test]
fn what_the_pool_has_verified_is_not_run_again_in_a_block() {
    let mut lab = Lab::new();
    let (known, other) = (lab.spend(1000), lab.spend(1000));
    let child = maker::spend(&[OutPoint { txid: known.txid(), vout: 0 }], &[1_000_000, 0]);
    lab.submit(&known).expect("good");
    lab.submit(&child).expect("good");
    lab.ran.store(0, Ordering::Relaxed);
    lab.mine(vec![known.clone(), child.clone()]);
    assert_eq!(lab.ran.load(Ordering::Relaxed), 0, "both were verified on their way in");
    let txid = known.txid();
    assert!(lab.pool_events().contains(&PoolEvent::Removed { txid, why: Removal::Confirmed }));
    assert!(lab.node.view().pool.read().is_empty());
    lab.mine(vec![other]);
    assert_eq!(lab.ran.load(Ordering::Relaxed), 1, "this one was new");
}

#[test]
fn generated_blocks_take_what_the_pool_has() {
    let mut lab = Lab::new();
    let tx = lab.spend(1000);
    lab.submit(&tx).expect("good");
    let generate =
        |address: &str, tries| Act::Generate { blocks: 2, address: address.to_owned(), tries };
    let ours = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
    let before = lab.node.view().tip().expect("a tip").height.0;
    let Ok(Done::Generated(hashes)) = lab.act(generate(ours, 1_000_000)) else { panic!() };
    let tip = lab.node.view().tip().expect("a tip");
    assert_eq!((hashes.len(), tip.height.0, Some(&tip.hash)), (2, before + 2, hashes.last()));
    assert!(lab.node.view().pool.read().is_empty(), "the first of them has it");
    let first = lab.node.chain().block(&hashes[0]).expect("readable").expect("there");
    assert_eq!(first.txs[1], tx);
    assert_eq!(first.txs[0].outputs[0].value.0, SUBSIDY + 1000);
    assert!(matches!(lab.act(generate(ours, 0)), Ok(Done::Generated(none)) if none.is_empty()));
    let foreign = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
    let error = lab.act(generate(foreign, 1000)).expect_err("of another network");
    assert!(matches!(error, NodeError::NotAnAddress { .. }), "{error}");
}

#[test]
fn refusals_name_the_reason_and_change_nothing() {
    let mut lab = Lab::new();
    let tx = lab.spend(1000);
    let mut greedy = tx.clone();
    greedy.outputs[0].value.0 += 2 * SUBSIDY;
    let error = lab.submit(&greedy).expect_err("it makes coins");
    assert!(error.to_string().starts_with("bad-txns-in-belowout: "), "{error}");
    let most_rate = Some(FeeRate { per_kvb: 1000 });
    let act = Act::SubmitTransaction { tx: Arc::new(tx.clone()), most_rate };
    let error = lab.act(act).expect_err("it pays too much");
    assert!(matches!(error, NodeError::FeeTooHigh { .. }), "{error}");
    assert!(lab.node.view().pool.read().is_empty() && lab.pool_events().is_empty());
    lab.submit(&tx).expect("good");
    // Sent again it is named again, as Core does; the test of it says where it is.
    let txs = vec![Arc::new(tx.clone())];
    assert_eq!(lab.submit(&tx).expect("known"), tx.txid());
    assert!(lab.pool_events().is_empty());
    let Ok(Done::Tested(reports)) = lab.act(Act::TestTransactions { txs, most_rate: None }) else {
        panic!("no reports");
    };
    let error = reports[0].verdict.as_ref().expect_err("it is here");
    assert!(error.to_string().starts_with("txn-already-in-mempool: "), "{error}");
    lab.mine(vec![tx.clone()]);
    let error = lab.submit(&tx).expect_err("confirmed");
    assert!(error.to_string().starts_with("txn-already-known: "), "{error}");
}

#[test]
fn a_list_is_tested_in_its_order_and_nothing_is_taken() {
    let mut lab = Lab::new();
    let parent = lab.spend(1000);
    let child = maker::spend(&[OutPoint { txid: parent.txid(), vout: 0 }], &[1_000_000, 0]);
    let again = maker::spend(&[OutPoint { txid: parent.txid(), vout: 0 }], &[2_000_000, 0]);
    let txs: Vec<_> = [&parent, &child, &again].map(|tx| Arc::new(tx.clone())).into();
    let Ok(Done::Tested(reports)) = lab.act(Act::TestTransactions { txs, most_rate: None }) else {
        panic!("no reports");
    };
    let fees: Vec<_> = reports.iter().map(|r| r.verdict.as_ref().ok().map(|v| v.fee.0)).collect();
    assert_eq!(fees, [Some(1000), Some(SUBSIDY - 2000 - 1_000_000), None]);
    assert!(lab.node.view().pool.read().is_empty());
}

#[test]
fn a_hundred_blocks_taken_back_return_their_transactions() {
    let mut lab = Lab::new();
    let fork = lab.tip;
    let txs: Vec<Transaction> = (0..5).map(|_| lab.spend(1000)).collect();
    for tx in &txs {
        lab.mine(vec![tx.clone()]);
    }
    for _ in 5..100 {
        lab.mine(vec![]);
    }
    // The other branch confirms one of them and spends the coin of another in its own way.
    let own = maker::spend(&txs[1].inputs.iter().map(|i| i.prevout).collect::<Vec<_>>(), &[1]);
    let mut tip = fork;
    let mut blocks = vec![maker::block(tip, 1, vec![txs[0].clone(), own])];
    for _ in 1..101 {
        tip = Parent::of(blocks.last().expect("one"), tip.height.next());
        blocks.push(maker::block(tip, 1, vec![]));
    }
    for block in &blocks {
        lab.take(block);
    }
    let view = lab.node.view();
    assert_eq!(view.tip().expect("a tip").height.0, fork.height.0 + 101);
    let pool = view.pool.read();
    let here: Vec<bool> = txs.iter().map(|tx| pool.get(&tx.txid()).is_some()).collect();
    assert_eq!(here, [false, false, true, true, true]);
    pool.assert_sound();
    drop(pool);

    // The coins are those of a node that never saw the other branch.
    let mut fresh = Lab::new();
    assert_eq!(fresh.tip, fork);
    for block in &blocks {
        fresh.take(block);
    }
    let hash = |lab: &Lab| {
        let snapshot = lab.node.view().read().expect("readable");
        coin_totals(&snapshot).expect("readable").digest
    };
    assert_eq!(hash(&lab), hash(&fresh));
}

#[test]
fn an_invalidated_block_comes_back_when_reconsidered() {
    let mut lab = Lab::new();
    let tx = lab.spend(1000);
    let block = lab.mine(vec![tx.clone()]);
    let height = lab.tip.height;
    let hash = block.hash();
    assert!(matches!(lab.act(Act::Invalidate { hash }), Ok(Done::Judged(true))));
    assert_eq!(lab.node.view().tip().expect("a tip").height.0, height.0 - 1);
    assert!(lab.node.view().pool.read().get(&tx.txid()).is_some());
    assert!(matches!(lab.act(Act::Reconsider { hash }), Ok(Done::Judged(true))));
    assert_eq!(lab.node.view().tip().expect("a tip").hash, hash);
    assert!(lab.node.view().pool.read().is_empty());
}

#[test]
fn the_pool_survives_a_restart_and_is_saved_only_when_it_moved() {
    let mut lab = Lab::new();
    let tx = lab.spend(1000);
    lab.submit(&tx).expect("good");
    let saved = match &lab.node.step(Input::Stop, NOW)[..] {
        [Output::SavePool(bytes), Output::Stopped] => bytes.clone(),
        other => panic!("{other:?}"),
    };
    let mut next = Lab::new();
    next.node.step(Input::LoadPool(saved.clone()), NOW);
    assert!(next.node.view().pool.read().get(&tx.txid()).is_some());
    let mut damaged = Lab::new();
    let outputs = damaged.node.step(Input::LoadPool(saved[..saved.len() - 1].to_vec()), NOW);
    assert!(matches!(&outputs[..], [Output::Note(note)] if note.contains("starts empty")));
    let mut idle = Lab::new();
    assert!(matches!(idle.node.step(Input::Stop, NOW)[..], [Output::Stopped]));
}

#[test]
fn what_is_too_old_leaves_as_time_passes() {
    let mut lab = Lab::new();
    let tx = lab.spend(1000);
    lab.submit(&tx).expect("good");
    assert!(lab.node.step(Input::Tick, NOW + 1000).is_empty());
    let outputs = lab.node.step(Input::Tick, NOW + 337 * 3600);
    let gone = PoolEvent::Removed { txid: tx.txid(), why: Removal::Expired };
    assert!(matches!(&outputs[..], [Output::Pool(event)] if *event == gone));
}
