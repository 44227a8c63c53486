//! Reorganisations against a model that replays every branch from genesis.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::faults::{FAULTS, Place};
use super::{CaseLog, Lab, NOW, chain, totals};
use crate::error::{BlockError, Standing};
use crate::event::ChainEvent;
use crate::state::Chain;
use crate::verify;
use primitives::block::{Block, Height};
use primitives::codec::Encode;
use primitives::id::BlockHash;
use primitives::network::REGTEST;
use primitives::tx::{OutPoint, Transaction};
use store::db::Store;
use testkit::blocks::{self as maker, Parent, Random};

/// Value, and the height of a coinbase.
type Coins = BTreeMap<OutPoint, (i64, Option<u32>)>;

/// What the model knows of a block.
#[derive(Clone)]
struct Made {
    block: Block,
    height: u32,
    /// Coins after it.
    coins: Coins,
    valid: bool,
    arrived: u64,
}

/// Builds blocks at random on any branch, some of them invalid.
struct Model {
    random: Random,
    made: HashMap<BlockHash, Made>,
    order: Vec<BlockHash>,
}

impl Model {
    fn new(seed: u64) -> Model {
        Model { random: Random(seed), made: HashMap::new(), order: Vec::new() }
    }

    fn state(&self, parent: &Parent) -> (u32, Coins, bool) {
        self.made.get(&parent.hash).map_or((0, BTreeMap::new(), true), |made| {
            (made.height, made.coins.clone(), made.valid)
        })
    }

    /// A block on `parent`, with a few transactions; every eighth tries to spend twice.
    fn build(&mut self, parent: Parent, may_fail: bool) -> Block {
        let (height, mut coins, mut valid) = self.state(&parent);
        let height = height + 1;
        let salt = self.random.word() as u32;
        let mut txs: Vec<Transaction> = Vec::new();
        for _ in 0..self.random.below(4) {
            let ripe: Vec<(OutPoint, i64)> = coins
                .iter()
                .filter(|(_, (_, made))| made.is_none_or(|made| height - made >= 100))
                .map(|(outpoint, (value, _))| (*outpoint, *value))
                .collect();
            if ripe.is_empty() {
                break;
            }
            let (outpoint, value) = ripe[self.random.below(ripe.len())];
            let parts = 1 + self.random.below(3) as i64;
            if value < parts {
                continue;
            }
            let mut tx = maker::spend(&[outpoint], &vec![value / parts; parts as usize]);
            for output in &mut tx.outputs {
                // OP_1 to OP_3: anybody can spend those, too.
                output.script_pubkey.0[0] += self.random.below(3) as u8;
            }
            coins.remove(&outpoint);
            for (output, vout) in tx.outputs.iter().zip(0..) {
                coins.insert(OutPoint { txid: tx.txid(), vout }, (output.value.0, None));
            }
            txs.push(tx);
        }
        if may_fail && self.random.below(8) == 0 {
            let nothing = OutPoint { txid: primitives::id::Txid([3; 32]), vout: salt };
            txs.push(maker::spend(&[nothing], &[1]));
            valid = false;
        }
        let block = maker::block(parent, salt, txs);
        let reward = &block.txs[0];
        let coin = (reward.outputs[0].value.0, Some(height));
        coins.insert(OutPoint { txid: reward.txid(), vout: 0 }, coin);
        let arrived = self.order.len() as u64;
        let made = Made { block: block.clone(), height, coins, valid, arrived };
        self.made.insert(block.hash(), made);
        self.order.push(block.hash());
        block
    }

    /// A block on the best tip that breaks one rule, and the reason. It would be the best, so the
    /// fault shows at once; nothing is built on it.
    fn spoilt(&mut self, heavy: bool) -> Option<(Block, &'static str)> {
        let fault = loop {
            let fault = &FAULTS[self.random.below(FAULTS.len())];
            if heavy || !fault.heavy {
                break fault;
            }
        };
        let best = self.best()?;
        let height = best.height + 1;
        let ripe: Vec<(OutPoint, i64)> = best
            .coins
            .iter()
            .filter(|(_, (_, made))| made.is_none_or(|made| height - made >= 100))
            .filter(|(_, (value, _))| *value > 0)
            .map(|(outpoint, (value, _))| (*outpoint, *value))
            .collect();
        let parent = Parent::of(&best.block, Height(best.height));
        if ripe.is_empty() {
            return None;
        }
        let (outpoint, value) = ripe[self.random.below(ripe.len())];
        let salt = self.random.word() as u32;
        let mut block = maker::block(parent, salt, vec![maker::spend(&[outpoint], &[value])]);
        (fault.spoil)(&mut block, &Place { height: Height(height), value });
        Some((block, fault.reason))
    }

    /// The best tip by the model: highest valid, first seen.
    fn best(&self) -> Option<&Made> {
        self.made
            .values()
            .filter(|made| made.valid)
            .max_by_key(|made| (made.height, std::cmp::Reverse(made.arrived)))
    }
}

/// Checks a chain's coins against the model's and against a replay.
fn agree(chain: &mut Chain, model: &Model) {
    chain.flush().unwrap();
    let best = model.best().expect("there are blocks");
    assert_eq!(chain.tip().hash, best.block.hash());
    let snapshot = chain.store().snapshot().unwrap();
    let mut count = 0;
    snapshot
        .for_each_coin(|key, _| {
            let outpoint = store::tables::coin_outpoint(key);
            assert!(best.coins.contains_key(&outpoint), "{outpoint} should be spent");
            count += 1;
            Ok(())
        })
        .unwrap();
    assert_eq!(count, best.coins.len());
    verify::replay(chain.store(), Arc::new(maker::engine()), NOW, &mut super::go_on).unwrap();
    verify::verify(chain.store(), &maker::engine(), 0, 4, &mut super::go_on).unwrap();
    super::scripts::agree(chain.store());
}

fn run(seed: u64, blocks: usize) {
    let mut model = Model::new(seed);
    let store = Arc::new(Store::memory(&REGTEST).unwrap());
    let mut chain = chain(&store);
    let mut at = Parent::genesis(&REGTEST);
    let mut main = Vec::new();
    let mut log = CaseLog::default();
    for _ in 0..102 {
        let block = model.build(at, false);
        at = Parent::of(&block, at.height.next());
        log.took(&block.to_bytes(), None, at.hash);
        main.push(block.to_bytes());
    }
    assert!(chain.accept_blocks(main, NOW, true).error.is_none());
    for step in 0..blocks {
        if model.random.below(5) == 0
            && let Some((block, reason)) = model.spoilt(seed.is_multiple_of(100))
        {
            let result = chain.accept_block(block.to_bytes(), NOW);
            log.took(&block.to_bytes(), result.as_ref().err(), chain.tip().hash);
            match result {
                Err(BlockError::Rule(error)) => assert_eq!(error.reason(), reason, "seed {seed}"),
                other => panic!("seed {seed} step {step}, {reason}: {other:?}"),
            }
        }
        // Mostly on the tip, sometimes on one of the last blocks of any branch.
        let recent = model.order.len() - 1 - model.random.below(12.min(model.order.len()));
        let on = match model.random.below(3) {
            0 => model.order[recent],
            _ => model.best().unwrap().block.hash(),
        };
        let made = &model.made[&on];
        let parent = Parent::of(&made.block, Height(made.height));
        let parent_valid = made.valid;
        let block = model.build(parent, true);
        let bulk = model.random.below(2) == 0;
        let result = chain.accept_blocks(vec![block.to_bytes()], NOW, bulk);
        let error = result.error.as_ref().map(|(_, error)| error);
        log.took(&block.to_bytes(), error, chain.tip().hash);
        let made = &model.made[&block.hash()];
        match &result.error {
            None => {}
            Some((0, BlockError::Rule(error))) => {
                assert!(!made.valid, "seed {seed} step {step}: {error}");
                let wanted =
                    if parent_valid { "bad-txns-inputs-missingorspent" } else { "bad-prevblk" };
                // A side branch's fault shows when it is to become the best.
                assert!(error.reason() == wanted || !parent_valid, "{}", error.reason());
            }
            other => panic!("seed {seed} step {step}: {other:?}"),
        }
        let best = model.best().unwrap();
        assert_eq!(chain.tip().hash, best.block.hash(), "seed {seed} step {step}");
    }
    agree(&mut chain, &model);
}

#[test]
fn random_trees_end_where_the_model_ends() {
    let from_env = |name: &str, otherwise| {
        std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise)
    };
    let first = from_env("FORTHCOIN_FIRST_TREE", 0);
    for seed in first..first + from_env("FORTHCOIN_TREES", 12) {
        run(seed, 60);
    }
}

#[test]
fn deep_reorganisation_and_back() {
    let mut lab = Lab::of_height(130);
    let spend = maker::spend(&[lab.coinbases[1]], &[1000]);
    let block = lab.next(vec![spend.clone()]);
    lab.good(&block);
    let old = totals(lab.chain.store());
    // A branch from block 10 that is one longer.
    let base = lab.chain.store().snapshot().unwrap();
    let id = base.id_at(Height(10)).unwrap().unwrap();
    let base = Parent::of(&base.block(id).unwrap().unwrap(), Height(10));
    let mut at = base;
    let mut events = Vec::new();
    let mut branch = Vec::new();
    for _ in 0..122 {
        let block = maker::block(at, 7, vec![]);
        at = Parent::of(&block, at.height.next());
        let accepted = lab.submit(&block).unwrap();
        branch.push(block);
        events = accepted.events;
    }
    assert_eq!(lab.chain.tip().height, Height(132));
    let Some(ChainEvent::TipChanged { disconnected: 121, connected: 122, .. }) = events.last()
    else {
        panic!("{:?}", events.last())
    };
    let new = totals(lab.chain.store());
    verify::replay(lab.chain.store(), Arc::new(maker::engine()), NOW, &mut super::go_on).unwrap();
    // The index follows the active chain.
    let lookup = |lab: &Lab| {
        crate::query::transaction(&lab.chain.store().snapshot().unwrap(), &spend.txid())
    };
    assert!(lookup(&lab).unwrap().is_none());
    // The operator takes the branch back, and changes his mind; Core is not asked about it.
    let first = branch[0].hash();
    assert!(lab.chain.invalidate(&first).unwrap().0);
    assert_eq!(totals(lab.chain.store()), old);
    assert!(lookup(&lab).unwrap().is_some());
    assert!(lab.chain.reconsider(&first).unwrap().0);
    assert_eq!(totals(lab.chain.store()), new);
}

#[test]
fn blocks_out_of_order_wait_for_what_is_missing() {
    let mut lab = Lab::of_height(3);
    let mut at = lab.tip;
    let blocks: Vec<Block> = (0..5)
        .map(|_| {
            let block = maker::block(at, 1, vec![]);
            at = Parent::of(&block, at.height.next());
            block
        })
        .collect();
    let headers: Vec<_> = blocks.iter().map(|block| block.header).collect();
    lab.log.mute();
    let (events, result) = lab.chain.accept_headers(&headers, NOW);
    assert!(result.is_ok() && events.len() == 5);
    assert_eq!(lab.chain.best_header().unwrap().0, blocks[4].hash());
    for block in blocks[1..].iter().rev() {
        assert_eq!(lab.submit(block).unwrap().standing, Standing::Stored);
        assert_eq!(lab.chain.tip().height, Height(3));
    }
    let accepted = lab.submit(&blocks[0]).unwrap();
    assert_eq!(accepted.standing, Standing::Active);
    assert_eq!(lab.chain.tip().height, Height(8));
    assert_eq!(lab.submit(&blocks[2]).unwrap().standing, Standing::Known);
}

#[test]
fn first_seen_stays_and_invalid_stays_invalid_over_a_restart() {
    let mut lab = Lab::of_height(105);
    let (a, b) = (maker::block(lab.tip, 1, vec![]), maker::block(lab.tip, 2, vec![]));
    lab.submit(&a).unwrap();
    assert_eq!(lab.submit(&b).unwrap().standing, Standing::Stored);
    assert_eq!(lab.chain.tip().hash, a.hash());
    let nothing = OutPoint { txid: primitives::id::Txid([3; 32]), vout: 0 };
    let parent = Parent::of(&b, Height(106));
    let bad = maker::block(parent, 3, vec![maker::spend(&[nothing], &[1])]);
    assert_eq!(lab.broken(&bad).reason(), "bad-txns-inputs-missingorspent");
    assert_eq!(lab.chain.tip().hash, a.hash());
    let store = Arc::clone(lab.chain.store());
    let before = totals(&store);
    lab.chain = chain(&store);
    assert_eq!(lab.broken(&bad).reason(), "duplicate-invalid");
    let child = maker::block(Parent::of(&bad, Height(107)), 3, vec![]);
    assert_eq!(lab.broken(&child).reason(), "bad-prevblk");
    assert_eq!(totals(&store), before);
    verify::replay(&store, Arc::new(maker::engine()), NOW, &mut super::go_on).unwrap();
}
