//! Any run of transactions over a handful of coins, blocks of some of them, restarts and time: the
//! pool's sums always hold, it never outgrows its limit, and what it saves it reads back.
#![no_main]

use std::collections::HashMap;
use std::sync::Arc;

use consensus::connect::CoinView;
use consensus::header::Branch;
use mempool::accept::{Around, Terms};
use mempool::policy::Policy;
use mempool::pool::Pool;
use primitives::amount::Amount;
use primitives::block::Height;
use primitives::coin::Coin;
use primitives::id::{BlockHash, Txid};
use primitives::network::REGTEST;
use primitives::script::Script;
use primitives::target::CompactTarget;
use primitives::tx::{OutPoint, Transaction, TxIn, TxOut};
use script::check::ScriptCache;
use store::error::StoreError;

const HEIGHT: u32 = 500;
const COINS: u8 = 16;
const VALUE: i64 = 100_000_000;
const MOST: usize = 60;
const NOW: u64 = 2_000_000_000;

struct Coins(HashMap<OutPoint, Coin>);

impl CoinView for Coins {
    type Error = StoreError;

    fn coin(&mut self, outpoint: &OutPoint) -> Result<Option<Coin>, StoreError> {
        Ok(self.0.get(outpoint).cloned())
    }
}

/// A branch that is the same at every height.
struct Flat;

impl Branch for Flat {
    fn height(&self) -> Height {
        Height(HEIGHT)
    }
    fn time_at(&self, _: Height) -> u32 {
        1_900_000_000
    }
    fn bits_at(&self, _: Height) -> CompactTarget {
        REGTEST.genesis.bits
    }
    fn hash_at(&self, _: Height) -> BlockHash {
        BlockHash::ZERO
    }
    fn median_time_at(&self, _: Height) -> u32 {
        1_900_000_000
    }
    fn last_real_bits(&self) -> CompactTarget {
        REGTEST.genesis.bits
    }
}

/// Which outputs it spends, the parts it pays, sequence and version, padding, seconds passed.
type Step = (Vec<u8>, Vec<u32>, u32, u8, u16);

fn outpoint(n: u8) -> OutPoint {
    OutPoint { txid: Txid([n; 32]), vout: 0 }
}

fn output(value: i64, padding: usize) -> TxOut {
    TxOut { value: Amount(value), script_pubkey: Script(vec![0x51; 1 + padding]) }
}

libfuzzer_sys::fuzz_target!(|steps: Vec<Step>| {
    let coin = |n| Coin {
        output: output(VALUE, 0),
        height: Height(if n < 2 { HEIGHT - 50 } else { 100 }),
        coinbase: n < 4,
    };
    let mut coins = Coins((0..COINS).map(|n| (outpoint(n), coin(n))).collect());
    let policy = Policy { require_standard: false, max_bytes: 20_000, ..Policy::default() };
    let mut pool = Pool::new(policy, Arc::new(ScriptCache::new([1; 32], 100)));
    let mut made: Vec<OutPoint> = (0..COINS).map(outpoint).collect();
    let (mut events, mut now) = (Vec::new(), NOW);
    for (spends, parts, sequence, padding, passed) in steps.into_iter().take(MOST) {
        let inputs = spends.iter().take(8).map(|&n| TxIn {
            prevout: made[usize::from(n) % made.len()],
            script_sig: Script::default(),
            sequence,
            witness: vec![],
        });
        let inputs: Vec<TxIn> = inputs.collect();
        let outputs = parts.iter().take(8).map(|&part| output(i64::from(part), padding.into()));
        let tx = Transaction {
            version: if sequence & 1 == 0 { 2 } else { 3 },
            inputs,
            outputs: outputs.collect(),
            lock_time: 0,
        };
        now += u64::from(passed) * 60;
        let txid = tx.txid();
        let count = tx.outputs.len() as u32;
        let mut around = Around { coins: &mut coins, branch: &Flat, params: &REGTEST };
        let taken = pool.accept(Arc::new(tx), &mut around, now, Terms::default(), &mut events);
        pool.assert_sound();
        assert!(pool.bytes() <= policy.max_bytes);
        if taken.is_ok() && made.len() < 250 {
            made.extend((0..count).map(|vout| OutPoint { txid, vout }));
        }
    }
    events.extend(pool.expire(now));
    let saved = pool.save();
    let mut again = Pool::new(policy, Arc::new(ScriptCache::new([1; 32], 100)));
    let mut around = Around { coins: &mut coins, branch: &Flat, params: &REGTEST };
    let loaded = again.load(&saved, &mut around, now, &mut events).expect("our own bytes");
    again.assert_sound();
    assert_eq!(loaded.expired, 0, "what has expired is not saved");
});
