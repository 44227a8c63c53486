//! The pool over a real chain in memory: reasons, limits, replacement, eviction, reorganisations.

use std::sync::Arc;

use super::accept::{Around, Terms};
use super::policy::{Policy, check_standard, policy_vsize};
use super::pool::{Pool, PoolEvent, Removal};
use super::reject::{PoolError, Reject};
use chain::event::ChainEvent;
use chain::state::Chain;
use consensus::scripts::ScriptEngine;
use crypto::hash::hash160;
use primitives::block::Block;
use primitives::codec::Encode;
use primitives::fee::Weight;
use primitives::network::REGTEST;
use primitives::script::Script;
use primitives::tx::{OutPoint, Transaction};
use script::asm::assemble;
use script::check::ScriptCache;
use store::db::Store;
use testkit::blocks::{self as maker, Parent};

/// After the time of every block made here.
const NOW: u64 = 2_000_000_000;
/// What the coinbases pay.
const SUBSIDY: i64 = 5_000_000_000;

struct Lab {
    chain: Chain,
    pool: Pool,
    cache: Arc<ScriptCache>,
    tip: Parent,
    /// Outputs of mature coinbases, oldest first.
    coins: Vec<OutPoint>,
    events: Vec<PoolEvent>,
}

impl Lab {
    /// A chain with some mature coins, and a pool under `policy`.
    fn new(policy: Policy) -> Lab {
        let cache = Arc::new(ScriptCache::new([9; 32], 1000));
        let store = Arc::new(Store::memory(&REGTEST).expect("memory"));
        let engine = ScriptEngine { cache: Some(Arc::clone(&cache)) };
        let chain = Chain::open(store, Arc::new(engine)).expect("opens");
        let pool = Pool::new(policy, Arc::clone(&cache));
        let tip = Parent::genesis(&REGTEST);
        let mut lab = Lab { chain, pool, cache, tip, coins: vec![], events: vec![] };
        for height in 0..140 {
            let block = lab.mine(vec![]);
            if height < 40 {
                lab.coins.push(OutPoint { txid: block.txs[0].txid(), vout: 0 });
            }
        }
        lab
    }

    /// Any script will do: outputs here pay to OP_TRUE.
    fn lax() -> Lab {
        Lab::new(Policy { require_standard: false, ..Policy::default() })
    }

    fn coin(&mut self) -> OutPoint {
        self.coins.remove(0)
    }

    fn mine(&mut self, txs: Vec<Transaction>) -> Block {
        let block = maker::block(self.tip, 0, txs);
        self.connect(&block);
        self.tip = Parent::of(&block, self.tip.height.next());
        block
    }

    fn connect(&mut self, block: &Block) {
        let accepted = self.chain.accept_block(block.to_bytes(), NOW as u32).expect("a good block");
        self.follow(&accepted.events);
    }

    fn follow(&mut self, events: &[ChainEvent]) {
        let (coins, branch) = self.chain.around_tip().expect("a tip");
        let mut around = Around { coins, branch: &branch, params: &REGTEST };
        let done = self.pool.follow(events, &mut around, NOW).expect("memory");
        self.events.extend(done);
        self.pool.assert_sound();
    }

    fn send_at(&mut self, tx: &Transaction, now: u64) -> Result<(), Reject> {
        let (coins, branch) = self.chain.around_tip().expect("a tip");
        let mut around = Around { coins, branch: &branch, params: &REGTEST };
        let tx = Arc::new(tx.clone());
        let terms = Terms::default();
        let result = self.pool.accept(tx, &mut around, now, terms, &mut self.events);
        self.pool.assert_sound();
        match result {
            Ok(_) => Ok(()),
            Err(PoolError::Reject(reject)) => Err(reject),
            Err(PoolError::Store(fault)) => panic!("{fault}"),
        }
    }

    fn send(&mut self, tx: &Transaction) -> Result<(), Reject> {
        self.send_at(tx, NOW)
    }

    fn refused(&mut self, tx: &Transaction) -> String {
        self.send(tx).expect_err("refused").reason()
    }

    fn holds(&self, tx: &Transaction) -> bool {
        self.pool.get(&tx.txid()).is_some()
    }

    fn removed(&self, tx: &Transaction) -> Option<Removal> {
        let txid = tx.txid();
        self.events.iter().rev().find_map(|event| match event {
            PoolEvent::Removed { txid: gone, why } if *gone == txid => Some(*why),
            _ => None,
        })
    }
}

/// Spends one output with one, leaving a fee; large enough to be relayed.
fn pay(from: OutPoint, value: i64, fee: i64) -> Transaction {
    let mut tx = maker::spend(&[from], &[value - fee]);
    tx.outputs[0].script_pubkey = Script::new([0x51; 20]);
    tx.inputs[0].sequence = u32::MAX - 2;
    tx
}

fn first_of(tx: &Transaction) -> OutPoint {
    OutPoint { txid: tx.txid(), vout: 0 }
}

fn value_of(tx: &Transaction) -> i64 {
    tx.outputs[0].value.0
}

#[test]
fn reasons_are_cores() {
    let mut lab = Lab::lax();
    let coin = lab.coin();
    let good = pay(coin, SUBSIDY, 1000);
    let with = |change: &dyn Fn(&mut Transaction)| {
        let mut tx = good.clone();
        change(&mut tx);
        tx
    };
    let young = first_of(&lab.mine(vec![]).txs[0]);
    let mut coinbase = maker::coinbase(lab.tip.height.next(), 0, good.outputs[0].value);
    coinbase.outputs[0].script_pubkey = Script::new([0x51; 20]);
    for (tx, reason) in [
        (with(&|tx| tx.outputs.clear()), "bad-txns-vout-empty"),
        (coinbase, "coinbase"),
        (with(&|tx| tx.outputs[0].script_pubkey = Script::new([0x51])), "tx-size-small"),
        (with(&|tx| tx.lock_time = 1_000_000), "non-final"),
        (with(&|tx| tx.inputs[0].prevout.vout = 7), "bad-txns-inputs-missingorspent"),
        (with(&|tx| tx.inputs[0].sequence = 1000), "non-BIP68-final"),
        (pay(young, SUBSIDY, 1000), "bad-txns-premature-spend-of-coinbase"),
        (pay(coin, SUBSIDY + 2, 1), "bad-txns-in-belowout"),
        (
            with(&|tx| tx.outputs[0].script_pubkey = Script::new([0xac; 4001])),
            "bad-txns-too-many-sigops",
        ),
        (pay(coin, SUBSIDY, 0), "min relay fee not met"),
        (
            with(&|tx| tx.inputs[0].script_sig = Script::new([0x6a])),
            "mempool-script-verify-flag-failed (OP_RETURN was encountered)",
        ),
    ] {
        assert_eq!(lab.refused(&tx), reason);
    }
    assert_eq!(lab.send(&good), Ok(()));
    assert_eq!(lab.refused(&good), "txn-already-in-mempool");
    let other = with(&|tx| tx.inputs[0].witness = vec![vec![1]]);
    assert_eq!(lab.refused(&other), "txn-same-nonwitness-data-in-mempool");
    lab.mine(vec![good.clone()]);
    assert_eq!(lab.removed(&good), Some(Removal::Confirmed));
    assert_eq!(lab.refused(&good), "txn-already-known");
}

#[test]
fn operators_may_refuse_bare_multisig_and_data() {
    let key = [&[0x21, 2][..], &[7; 32]].concat();
    let multisig = [&[0x51][..], &key, &[0x51, 0xae]].concat();
    let paying_to = |script: &[u8]| {
        let mut tx = pay(OutPoint { txid: primitives::id::Txid::ZERO, vout: 0 }, SUBSIDY, 10_000);
        tx.outputs[0].script_pubkey = Script::new(script);
        tx
    };
    let (multisig, data) = (paying_to(&multisig), paying_to(&[0x6a, 1, 7]));
    let usual = Policy::default();
    assert_eq!(check_standard(&multisig, &usual), Ok(()));
    assert_eq!(check_standard(&data, &usual), Ok(()));
    let strict = Policy { permit_bare_multisig: false, max_data_bytes: 0, ..usual };
    assert_eq!(check_standard(&multisig, &strict), Err("bare-multisig"));
    assert_eq!(check_standard(&data, &strict), Err("datacarrier"));
    assert_eq!(policy_vsize(Weight(400), 80, usual.bytes_per_sigop), 400);
    assert_eq!(policy_vsize(Weight(400), 80, 1), 100);
}

#[test]
fn standard_is_what_core_relays() {
    let mut lab = Lab::new(Policy::default());
    let coin = lab.coin();
    let redeem = assemble("1").expect("a script");
    let p2sh = |redeem: &[u8]| [&[0xa9, 20][..], &hash160(redeem), &[0x87]].concat();
    let base = || {
        let mut tx = pay(coin, SUBSIDY, 10_000);
        tx.outputs[0].script_pubkey = Script::new(p2sh(&redeem));
        tx
    };
    let with = |change: &dyn Fn(&mut Transaction)| {
        let mut tx = base();
        change(&mut tx);
        tx
    };
    for (tx, reason) in [
        (with(&|tx| tx.version = 4), "version"),
        (with(&|tx| tx.inputs[0].script_sig = Script::new([0x51; 1651])), "scriptsig-size"),
        (with(&|tx| tx.inputs[0].script_sig = Script::new([0x61])), "scriptsig-not-pushonly"),
        (with(&|tx| tx.outputs[0].script_pubkey = Script::new([0x51])), "scriptpubkey"),
        (with(&|tx| tx.outputs[0].value.0 = 539), "dust"),
        (with(&|tx| tx.outputs = vec![tx.outputs[0].clone(); 3200]), "tx-size"),
        // The coinbases of the lab pay to a bare OP_TRUE.
        (base(), "bad-txns-nonstandard-inputs"),
    ] {
        assert_eq!(lab.refused(&tx), reason);
    }
    // Confirmed without asking the pool; from there on all is standard.
    let funding = base();
    lab.mine(vec![funding.clone()]);
    let mut spend = pay(first_of(&funding), value_of(&funding), 10_000);
    spend.outputs[0].script_pubkey = Script::new(p2sh(&redeem));
    spend.inputs[0].script_sig = Script::new([1, 0x51]);
    let mut stuffed = spend.clone();
    stuffed.inputs[0].witness = vec![vec![1]];
    assert_eq!(lab.refused(&stuffed), "bad-witness-nonstandard");
    assert_eq!(lab.send(&spend), Ok(()));
}

#[test]
fn chains_are_limited() {
    let mut lab = Lab::lax();
    let mut tx = pay(lab.coin(), SUBSIDY, 1000);
    for _ in 0..25 {
        assert_eq!(lab.send(&tx), Ok(()));
        tx = pay(first_of(&tx), value_of(&tx), 1000);
    }
    assert_eq!(lab.refused(&tx), "too-long-mempool-chain");
    let fan = {
        let mut tx = pay(lab.coin(), SUBSIDY, 10_000);
        tx.outputs = vec![tx.outputs[0].clone(); 30];
        tx.outputs.iter_mut().for_each(|output| output.value.0 = 100_000_000);
        tx
    };
    assert_eq!(lab.send(&fan), Ok(()));
    let child = |vout| pay(OutPoint { vout, ..first_of(&fan) }, 100_000_000, 1000);
    for vout in 0..24 {
        assert_eq!(lab.send(&child(vout)), Ok(()));
    }
    assert_eq!(lab.refused(&child(24)), "too-long-mempool-chain");
    // In a block they all leave, and what built on them no longer does.
    let entry = lab.pool.get(&child(3).txid()).expect("there").clone();
    assert_eq!(entry.ancestors.count, 2);
    lab.mine(vec![fan.clone()]);
    assert_eq!(lab.pool.get(&child(3).txid()).map(|entry| entry.ancestors.count), Some(1));
    assert_eq!(lab.send(&child(24)), Ok(()));
}

#[test]
fn version_three_stands_in_pairs() {
    let mut lab = Lab::lax();
    let v3 = |tx: Transaction| Transaction { version: 3, ..tx };
    let parent = v3(pay(lab.coin(), SUBSIDY, 1000));
    assert_eq!(lab.send(&parent), Ok(()));
    let child = pay(first_of(&parent), value_of(&parent), 1000);
    assert_eq!(lab.refused(&child), "TRUC-violation");
    let child = v3(child);
    assert_eq!(lab.send(&child), Ok(()));
    let third = v3(pay(first_of(&child), value_of(&child), 1000));
    assert_eq!(lab.refused(&third), "TRUC-violation");
}

#[test]
fn replacement_pays_for_what_it_evicts() {
    let mut lab = Lab::lax();
    let coin = lab.coin();
    let first = pay(coin, SUBSIDY, 1000);
    let child = pay(first_of(&first), value_of(&first), 5000);
    assert_eq!((lab.send(&first), lab.send(&child)), (Ok(()), Ok(())));
    // More than the one it conflicts with, less than both.
    assert_eq!(lab.refused(&pay(coin, SUBSIDY, 3000)), "insufficient fee");
    assert_eq!(lab.refused(&pay(coin, SUBSIDY, 6000)), "insufficient fee");
    let mut both = pay(coin, SUBSIDY, 8000);
    both.inputs.push(maker::input(first_of(&child)));
    both.outputs[0].value.0 = SUBSIDY;
    assert_eq!(lab.refused(&both), "bad-txns-spends-conflicting-tx");
    let unrelated = pay(lab.coin(), SUBSIDY, 1000);
    assert_eq!(lab.send(&unrelated), Ok(()));
    let mut adds = pay(coin, SUBSIDY, 8000);
    adds.inputs.push(maker::input(first_of(&unrelated)));
    assert_eq!(lab.refused(&adds), "replacement-adds-unconfirmed");
    let better = pay(coin, SUBSIDY, 6100);
    assert_eq!(lab.send(&better), Ok(()));
    assert_eq!(
        (lab.removed(&first), lab.removed(&child)),
        (Some(Removal::Replaced), Some(Removal::Replaced))
    );
    assert_eq!(lab.pool.len(), 2);
}

#[test]
fn the_worst_is_evicted_and_the_floor_rises() {
    let mut lab = Lab::lax();
    let poor = pay(lab.coin(), SUBSIDY, 200);
    assert_eq!(lab.send(&poor), Ok(()));
    // A poor parent is kept for the sake of its child.
    let parent = pay(lab.coin(), SUBSIDY, 100);
    let child = pay(first_of(&parent), value_of(&parent), 50_000);
    assert_eq!((lab.send(&parent), lab.send(&child)), (Ok(()), Ok(())));
    lab.pool.policy.max_bytes = lab.pool.bytes();
    let rich = pay(lab.coin(), SUBSIDY, 100_000);
    assert_eq!(lab.send(&rich), Ok(()));
    assert_eq!(lab.removed(&poor), Some(Removal::Evicted));
    assert!(lab.holds(&parent) && lab.holds(&child));
    let floor = lab.pool.min_fee_rate(NOW);
    assert!(floor > lab.pool.policy().min_relay, "{floor:?}");
    let coin = lab.coin();
    assert_eq!(lab.refused(&pay(coin, SUBSIDY, 150)), "mempool min fee not met");
    // What is worse than all that is here does not come in.
    let floor_fee = floor.fee(100).0 + 1;
    assert_eq!(lab.refused(&pay(coin, SUBSIDY, floor_fee)), "mempool full");
    // The floor sinks with time once a block has come.
    lab.pool.policy.max_bytes = Policy::default().max_bytes;
    let now = lab.pool.min_fee_rate(NOW);
    assert!(lab.pool.min_fee_rate(NOW + 100_000) == now);
    lab.mine(vec![]);
    assert_eq!(lab.pool.min_fee_rate(NOW + 1_000_000), lab.pool.policy().min_relay);
}

#[test]
fn the_old_expire_with_what_builds_on_them() {
    let mut lab = Lab::lax();
    let old = pay(lab.coin(), SUBSIDY, 1000);
    let child = pay(first_of(&old), value_of(&old), 1000);
    let week = 7 * 24 * 60 * 60;
    assert_eq!(lab.send_at(&old, NOW), Ok(()));
    assert_eq!(lab.send_at(&child, NOW + week), Ok(()));
    let fresh = pay(lab.coin(), SUBSIDY, 1000);
    assert_eq!(lab.send_at(&fresh, NOW + 2 * week + 1), Ok(()));
    assert_eq!(
        (lab.removed(&old), lab.removed(&child)),
        (Some(Removal::Expired), Some(Removal::Expired))
    );
    assert_eq!(lab.pool.len(), 1);
}

#[test]
fn blocks_remove_and_reorganisations_return() {
    let mut lab = Lab::lax();
    let fork = lab.tip;
    let (coin, other) = (lab.coin(), lab.coin());
    let paid = pay(coin, SUBSIDY, 1000);
    let child = pay(first_of(&paid), value_of(&paid), 1000);
    let never = pay(other, SUBSIDY, 1000);
    for tx in [&paid, &child, &never] {
        assert_eq!(lab.send(tx), Ok(()));
    }
    // A block with one of ours, and one that spends what ours spends.
    let rival = pay(other, SUBSIDY, 2000);
    let block = lab.mine(vec![paid.clone(), rival.clone()]);
    assert_eq!(
        (lab.removed(&paid), lab.removed(&never)),
        (Some(Removal::Confirmed), Some(Removal::Conflict))
    );
    assert!(lab.holds(&child));
    let onwards = lab.mine(vec![]);
    assert_eq!(onwards.header.prev, block.hash());
    // A longer branch without them.
    let mut tip = fork;
    for salt in 1..4 {
        let block = maker::block(tip, salt, vec![]);
        lab.connect(&block);
        tip = Parent::of(&block, tip.height.next());
    }
    assert!(lab.holds(&paid) && lab.holds(&child) && lab.holds(&rival));
    assert_eq!(lab.pool.get(&child.txid()).map(|entry| entry.ancestors.count), Some(2));
    // What returned is mined again on the new branch, and its scripts are known.
    lab.tip = tip;
    assert!(lab.cache.contains(&paid.wtxid(), script::flags::ScriptFlags::CONSENSUS));
    lab.mine(vec![paid, child, rival]);
    assert!(lab.pool.is_empty());
}

#[test]
fn survives_a_restart() {
    let mut lab = Lab::lax();
    let a = pay(lab.coin(), SUBSIDY, 1000);
    let b = pay(first_of(&a), value_of(&a), 2000);
    let gone = pay(lab.coin(), SUBSIDY, 1000);
    for tx in [&a, &b, &gone] {
        assert_eq!(lab.send(tx), Ok(()));
    }
    let saved = lab.pool.save();
    lab.mine(vec![gone.clone()]);
    lab.pool = Pool::new(*lab.pool.policy(), Arc::clone(&lab.cache));
    let load = |lab: &mut Lab, bytes: &[u8], now| {
        let (coins, branch) = lab.chain.around_tip().expect("a tip");
        let mut around = Around { coins, branch: &branch, params: &REGTEST };
        lab.pool.load(bytes, &mut around, now, &mut lab.events)
    };
    let loaded = load(&mut lab, &saved, NOW + 60).expect("sound bytes");
    assert_eq!((loaded.accepted, loaded.refused, loaded.expired), (2, 1, 0));
    assert_eq!(lab.pool.get(&a.txid()).map(|entry| entry.time), Some(NOW));
    assert_eq!(lab.pool.save().len(), saved.len() - 8 - gone.total_size());
    for cut in 0..saved.len() {
        assert!(load(&mut lab, &saved[..cut], NOW).is_err(), "{cut}");
    }
    let late = load(&mut lab, &saved, NOW * 2).expect("sound bytes");
    assert_eq!(late.expired, 3);
}

/// Random spends, replacements and blocks: the sums always hold.
#[test]
fn stays_sound_under_random_traffic() {
    let mut lab = Lab::lax();
    lab.pool.policy.max_bytes = 60_000;
    let mut rng = maker::Random(5);
    let mut outputs: Vec<(OutPoint, i64)> = lab.coins.iter().map(|coin| (*coin, SUBSIDY)).collect();
    let (mut taken, mut refused) = (0, 0);
    for step in 0..1500 {
        let (from, value) = outputs[rng.below(outputs.len())];
        let mut tx = pay(from, value, 100 + rng.below(20_000) as i64);
        if rng.below(2) == 0 {
            let half = value_of(&tx) / 2;
            tx.outputs[0].value.0 = half;
            tx.outputs.push(tx.outputs[0].clone());
        }
        if value_of(&tx) < 100_000 {
            continue;
        }
        match lab.send_at(&tx, NOW + step) {
            Ok(()) => {
                taken += 1;
                for (vout, output) in tx.outputs.iter().enumerate() {
                    outputs.push((OutPoint { vout: vout as u32, ..first_of(&tx) }, output.value.0));
                }
            }
            Err(_) => refused += 1,
        }
        if rng.below(200) == 0 {
            let txs = lab.pool.in_order().iter().take(10).map(|e| (*e.tx).clone()).collect();
            lab.mine(txs);
        }
    }
    assert!(taken > 200 && refused > 100, "{taken} {refused}");
}
