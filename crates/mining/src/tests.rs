//! Templates over random pools on a real chain in memory.

use std::collections::HashSet;
use std::sync::Arc;

use super::block_template::{MAX_TAG, Template, TemplateError};
use super::grind::grind;
use super::select::Limits;
use chain::state::Chain;
use consensus::block::CheckedBlock;
use consensus::connect::subsidy;
use consensus::scripts::ScriptEngine;
use crypto::lanes::Lanes;
use mempool::accept::{Around, Terms};
use mempool::policy::Policy;
use mempool::pool::Pool;
use primitives::amount::Amount;
use primitives::block::{Block, Height};
use primitives::codec::Encode;
use primitives::network::{NetworkParams, REGTEST};
use primitives::script::Script;
use primitives::tx::{OutPoint, Transaction, TxOut};
use script::check::ScriptCache;
use script::flags::ScriptFlags;
use script::sigops;
use store::db::Store;
use testkit::blocks::{self as maker, Parent, Random};

/// After the time of every block made here.
const NOW: u32 = 1_400_000_000;
const COINS: usize = 60;

struct Lab {
    chain: Chain,
    pool: Pool,
    /// What may be spent: outpoint and value.
    coins: Vec<(OutPoint, i64)>,
}

fn payout() -> Script {
    Script::new(maker::ANYONE)
}

impl Lab {
    fn new() -> Lab {
        let cache = Arc::new(ScriptCache::new([3; 32], 1000));
        let store = Arc::new(Store::memory(&REGTEST).expect("memory"));
        let engine = ScriptEngine { cache: Some(Arc::clone(&cache)) };
        let mut chain = Chain::open(store, Arc::new(engine)).expect("opens");
        let mut tip = Parent::genesis(&REGTEST);
        let mut coins = Vec::new();
        for n in 0..100 + COINS {
            let block = maker::block(tip, 0, vec![]);
            tip = Parent::of(&block, tip.height.next());
            if n < COINS {
                let value = block.txs[0].outputs[0].value.0;
                coins.push((OutPoint { txid: block.txs[0].txid(), vout: 0 }, value));
            }
            chain.accept_block(block.to_bytes(), NOW).expect("a good block");
        }
        let policy = Policy { require_standard: false, ..Policy::default() };
        Lab { chain, pool: Pool::new(policy, cache), coins }
    }

    fn send(&mut self, tx: Transaction) -> bool {
        let (coins, branch) = self.chain.around_tip().expect("a tip");
        let mut around = Around { coins, branch: &branch, params: &REGTEST };
        let taken =
            self.pool.accept(Arc::new(tx), &mut around, NOW.into(), Terms::default(), &mut vec![]);
        taken.is_ok()
    }

    /// A transaction of random shape on random coins, confirmed or not.
    fn random_tx(&mut self, random: &mut Random) {
        let inputs = 1 + random.below(3);
        let mut spent = Vec::new();
        for _ in 0..inputs.min(self.coins.len()) {
            spent.push(self.coins.swap_remove(random.below(self.coins.len())));
        }
        let sum: i64 = spent.iter().map(|(_, value)| value).sum();
        let fee = 1_000 + random.below(200_000) as i64;
        let outputs = 1 + random.below(3);
        let each = (sum - fee) / outputs as i64;
        if each < 1_000 {
            return;
        }
        let outpoints: Vec<OutPoint> = spent.iter().map(|(outpoint, _)| *outpoint).collect();
        let mut tx = maker::spend(&outpoints, &vec![each; outputs]);
        if random.below(3) == 0 {
            // Twenty signature operations each, in an output that nobody spends.
            let script = Script::new(vec![0xae; 1 + random.below(40)]);
            tx.outputs.push(TxOut { value: Amount(0), script_pubkey: script });
        }
        if random.below(4) == 0 {
            let mut data = vec![0x6a; 1 + random.below(20_000)];
            data[0] = 0x6a;
            tx.outputs.push(TxOut { value: Amount(0), script_pubkey: Script(data) });
        }
        let txid = tx.txid();
        if self.send(tx) {
            let made = (0..outputs as u32).map(|vout| (OutPoint { txid, vout }, each));
            self.coins.extend(made);
        }
    }

    fn template(&mut self, limits: Limits) -> Template {
        let (_, branch) = self.chain.around_tip().expect("a tip");
        Template::new(&self.pool, &branch, &REGTEST, NOW, b"/tests/", limits).expect("a template")
    }

    /// The template's block, checked in full.
    fn tested(&mut self, template: &Template) -> Block {
        let coinbase = template.coinbase(&payout(), 7);
        let block = template.block(template.header(&coinbase, template.time), coinbase);
        self.chain.test_block(&block, NOW).expect("a good block");
        block
    }
}

#[test]
fn random_pools_never_break_a_limit() {
    for seed in 0..12 {
        let mut random = Random(seed);
        let mut lab = Lab::new();
        for _ in 0..120 {
            lab.random_tx(&mut random);
        }
        assert!(lab.pool.len() > 40, "seed {seed}: {} in the pool", lab.pool.len());
        for limits in [
            Limits::default(),
            Limits { weight: 30_000 + random.below(200_000), sigop_cost: 80_000 },
            Limits { weight: 4_000_000, sigop_cost: 400 + random.below(6_000) },
            Limits { weight: 8_000, sigop_cost: 400 },
        ] {
            let template = lab.template(limits);
            let block = lab.tested(&template);
            assert!(block.weight().0 <= limits.weight, "seed {seed}");
            let cost: usize = template.txs.iter().map(|tx| tx.sigop_cost).sum();
            let coinbase = sigops::cost(&block.txs[0], &[], ScriptFlags::STANDARD);
            assert!(cost + coinbase <= limits.sigop_cost, "seed {seed}");
            let mut seen = HashSet::new();
            for (place, chosen) in template.txs.iter().enumerate() {
                let parents = &lab.pool.get(&chosen.txid).expect("of the pool").parents;
                assert!(parents.iter().all(|parent| seen.contains(parent)), "seed {seed}");
                assert_eq!(chosen.depends.len(), parents.len());
                assert!(chosen.depends.iter().all(|depend| *depend < place));
                seen.insert(chosen.txid);
            }
            let fees: i64 = template.txs.iter().map(|tx| tx.fee.0).sum();
            let paid: i64 = block.txs[0].outputs.iter().map(|output| output.value.0).sum();
            assert_eq!(paid, fees + subsidy(template.height, &REGTEST).0, "seed {seed}");
            if limits == Limits::default() {
                assert_eq!(template.txs.len(), lab.pool.len(), "everything fits and pays");
            }
        }
    }
}

#[test]
fn a_child_pays_for_its_parent() {
    let mut lab = Lab::new();
    let (first, value) = lab.coins.remove(0);
    let (other, _) = lab.coins.remove(0);
    let parent = maker::spend(&[first], &[value - 1_200, 1_000]);
    let outpoint = OutPoint { txid: parent.txid(), vout: 0 };
    let child = maker::spend(&[outpoint], &[value - 1_200 - 101_000, 1_000]);
    let middle = maker::spend(&[other], &[value - 11_000, 1_000]);
    for tx in [&parent, &middle, &child] {
        assert!(lab.send(tx.clone()));
    }
    let order = |lab: &mut Lab| -> Vec<_> {
        lab.template(Limits::default()).txs.iter().map(|chosen| chosen.txid).collect()
    };
    assert_eq!(order(&mut lab), [parent.txid(), child.txid(), middle.txid()]);
    // The operator can turn that round, and back; amounts of the block stay true.
    assert!(lab.pool.prioritise(middle.txid(), Amount(1_000_000)));
    lab.pool.assert_sound();
    assert_eq!(order(&mut lab), [middle.txid(), parent.txid(), child.txid()]);
    let template = lab.template(Limits::default());
    assert_eq!(template.fees, Amount(200 + 100_000 + 10_000));
    lab.tested(&template);
    assert!(lab.pool.prioritise(middle.txid(), Amount(-1_000_000 - 10_000)));
    lab.pool.assert_sound();
    assert_eq!(order(&mut lab), [parent.txid(), child.txid()]);
}

#[test]
fn a_mined_template_is_the_next_block() {
    let mut lab = Lab::new();
    let mut random = Random(99);
    for height in 161..180u32 {
        for _ in 0..10 {
            lab.random_tx(&mut random);
        }
        let template = lab.template(Limits::default());
        assert_eq!(template.height, Height(height));
        let coinbase = template.coinbase(&payout(), u64::from(height));
        let mut header = template.header(&coinbase, template.time);
        let ground = grind(Lanes::best(), &header, template.target, 0..1000);
        header.nonce = ground.nonce.expect("regtest is easy");
        let block = template.block(header, coinbase);
        let checked = CheckedBlock::from_block(&block, &REGTEST).expect("our own bytes");
        assert_eq!(checked.verdict, Ok(()));
        let accepted = lab.chain.accept_own_block(&block, NOW).expect("a good block");
        let (coins, branch) = lab.chain.around_tip().expect("a tip");
        let mut around = Around { coins, branch: &branch, params: &REGTEST };
        lab.pool.follow(&accepted.events, &mut around, NOW.into()).expect("memory");
        assert!(lab.pool.is_empty());
    }
}

#[test]
fn absurd_times_and_tags_are_refused() {
    let mut lab = Lab::new();
    let (_, branch) = lab.chain.around_tip().expect("a tip");
    let make = |now, tag: &[u8]| {
        Template::new(&lab.pool, &branch, &REGTEST, now, tag, Limits::default()).map(|t| t.time)
    };
    assert!(matches!(make(0, b""), Err(TemplateError::ClockBehind { .. })));
    assert!(matches!(make(NOW, &[b'x'; MAX_TAG + 1]), Err(TemplateError::TagTooLong { .. })));
    assert_eq!(make(NOW, &[b'x'; MAX_TAG]), Ok(NOW));
    assert_eq!(make(u32::MAX, b""), Ok(u32::MAX));
}

/// On a network under BIP54 blocks made from templates are good at every place of an interval, with
/// clocks that jump ahead and back, at the least time that a template allows and at its own.
#[test]
fn templates_keep_bip54() {
    let params: &'static NetworkParams = Box::leak(Box::new(testkit::rules::clean_regtest(60)));
    let store = Arc::new(Store::memory(params).expect("memory"));
    let mut chain = Chain::open(store, Arc::new(ScriptEngine::default())).expect("opens");
    let pool = Pool::new(Policy::default(), Arc::new(ScriptCache::new([3; 32], 10)));
    let mut random = Random(54);
    for height in 1..=100u32 {
        let now = NOW + 600 * height + random.below(7200) as u32;
        let (_, branch) = chain.around_tip().expect("a tip");
        let template = Template::new(&pool, &branch, params, now, b"/54/", Limits::default())
            .expect("a template");
        let make = |time: u32| {
            let coinbase = template.coinbase(&payout(), 7);
            let lock = (coinbase.lock_time, coinbase.inputs[0].sequence);
            assert_eq!(lock, (height - 1, u32::MAX - 1));
            let (before, after) = template.coinbase_parts(&payout());
            let whole = [&before[..], &7u64.to_be_bytes(), &after].concat();
            assert_eq!(crypto::hash::sha256d(&whole), coinbase.txid().0);
            template.block(template.header(&coinbase, time), coinbase)
        };
        let mut block = make(template.time);
        for block in [&make(template.min_time), &block] {
            chain.test_block(block, now).expect("a good block");
        }
        maker::grind(&mut block);
        chain.accept_block(block.to_bytes(), now).expect("a good block");
    }
    assert_eq!(chain.tip().height, Height(100));
}
