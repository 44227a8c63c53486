//! Attacks that BIP54 ends, mined on regtest and on a network that is regtest but for BIP54: there
//! they are refused, on regtest they are accepted as Core accepts them.

use std::sync::Arc;

use super::{NOW, chain};
use crate::error::BlockError;
use crate::state::Chain;
use consensus::connect::subsidy;
use consensus::rule::RuleError;
use primitives::block::{Block, Height};
use primitives::codec::Encode;
use primitives::network::{NetworkParams, REGTEST};
use primitives::script::Script;
use primitives::tx::{OutPoint, Transaction};
use store::db::Store;
use testkit::blocks::{self as maker, Parent};
use testkit::rules::clean_regtest;

/// A chain on one of the two networks.
struct Mine {
    params: &'static NetworkParams,
    chain: Chain,
    tip: Parent,
}

impl Mine {
    fn new(clean: bool) -> Mine {
        let params: &'static NetworkParams = match clean {
            true => Box::leak(Box::new(clean_regtest(60))),
            false => &REGTEST,
        };
        let store = Arc::new(Store::memory(params).expect("memory"));
        Mine { params, chain: chain(&store), tip: Parent::genesis(params) }
    }

    /// A block of that time, clean where that is asked for.
    fn block(&self, time: u32, txs: Vec<Transaction>) -> Block {
        let height = self.tip.height.next();
        let mut all = vec![maker::coinbase(height, 0, subsidy(height, self.params))];
        all.extend(txs);
        let mut block = maker::finish(self.tip, all);
        block.header.time = time;
        maker::clean(&mut block, height, self.params);
        block
    }

    fn submit(&mut self, block: &Block) -> Result<(), RuleError> {
        match self.chain.accept_block(block.to_bytes(), NOW) {
            Ok(_) => {
                self.tip = Parent::of(block, self.tip.height.next());
                Ok(())
            }
            Err(BlockError::Rule(error)) => Err(error),
            Err(error) => panic!("{error}"),
        }
    }

    /// Blocks ten minutes apart up to a height; their coinbases' coins.
    fn up_to(&mut self, height: u32) -> Vec<OutPoint> {
        let mut coins = vec![];
        while self.tip.height < Height(height) {
            let block = self.block(self.tip.time + 600, vec![]);
            coins.push(OutPoint { txid: block.txs[0].txid(), vout: 0 });
            self.submit(&block).expect("a good block");
        }
        coins
    }
}

/// What both networks say of an attack.
fn attack(run: impl Fn(&mut Mine) -> Result<(), RuleError>) -> RuleError {
    run(&mut Mine::new(false)).expect("regtest takes it");
    run(&mut Mine::new(true)).expect_err("BIP54 does not")
}

/// The last block of an interval far ahead, the next one back where the chain was: the interval is
/// long, and so is the next.
#[test]
fn time_warp() {
    let warp = |back: u32| {
        attack(|mine| {
            mine.up_to(18);
            let honest = mine.tip.time;
            mine.submit(&mine.block(honest + 7200, vec![])).expect("ahead");
            mine.submit(&mine.block(honest + 7200 - back, vec![]))
        })
    };
    let error = warp(61);
    assert!(matches!(error, RuleError::TimeWarp { time, least } if least == time + 1), "{error}");
    assert_eq!(error.reason(), "time-timewarp-attack");
    // Back to where honest blocks are.
    assert!(matches!(warp(6600), RuleError::TimeWarp { .. }));
    // Within the grace, and anywhere else in an interval, times may go back.
    let mut mine = Mine::new(true);
    mine.up_to(18);
    let honest = mine.tip.time;
    for time in [honest + 7200, honest + 7140, honest + 600] {
        mine.submit(&mine.block(time, vec![])).expect("a good block");
    }
}

/// An interval that ends before it began, as a negative one is clamped to the shortest.
#[test]
fn murch_zawy() {
    let error = attack(|mine| {
        mine.up_to(19);
        let honest = mine.tip.time;
        mine.submit(&mine.block(honest + 600_000, vec![])).expect("ahead");
        for n in 1..19 {
            mine.submit(&mine.block(honest + 600 * n, vec![])).expect("within the interval");
        }
        mine.submit(&mine.block(honest + 599_999, vec![]))
    });
    assert!(matches!(error, RuleError::BackwardsInterval { .. }), "{error}");
    let mut mine = Mine::new(true);
    mine.up_to(19);
    let honest = mine.tip.time;
    mine.submit(&mine.block(honest + 600_000, vec![])).expect("ahead");
    for n in 1..19 {
        mine.submit(&mine.block(honest + 600 * n, vec![])).expect("within the interval");
    }
    mine.submit(&mine.block(honest + 600_000, vec![])).expect("as early as may be");
}

#[test]
fn transactions_of_64_bytes() {
    let error = attack(|mine| {
        let coins = mine.up_to(110);
        let mut tx = maker::spend(&coins[..1], &[1000]);
        tx.outputs[0].script_pubkey = Script(vec![0x51; 4]);
        assert_eq!(tx.base_size(), 64);
        mine.submit(&mine.block(mine.tip.time + 600, vec![tx]))
    });
    assert_eq!(error, RuleError::SizeOfMerkleNode { index: 1 });
}

#[test]
fn coinbases_that_could_come_again() {
    let error = attack(|mine| {
        mine.up_to(3);
        let mut block = mine.block(mine.tip.time + 600, vec![]);
        block.txs[0].lock_time = 0;
        maker::seal(&mut block);
        mine.submit(&block)
    });
    assert_eq!(error, RuleError::CoinbaseLockTime { found: 0, wanted: 3 });
    let error = attack(|mine| {
        mine.up_to(3);
        let mut block = mine.block(mine.tip.time + 600, vec![]);
        block.txs[0].inputs[0].sequence = u32::MAX;
        maker::seal(&mut block);
        mine.submit(&block)
    });
    assert_eq!(error, RuleError::CoinbaseFinal);
}

/// One transaction that can run more than 2,500 signature operations: the block that takes longest.
#[test]
fn signature_operations_of_one_transaction() {
    let spend = |mine: &mut Mine, ones: usize| {
        let coins = mine.up_to(110);
        let mut many = maker::spend(&coins[..1], &[1000]);
        let script = [&[0, 0x63][..], &[0xae; 124], &vec![0xac; ones], &[0x68, 0x51]].concat();
        many.outputs[0].script_pubkey = Script(script);
        let txid = many.txid();
        mine.submit(&mine.block(mine.tip.time + 600, vec![many])).expect("outputs are free");
        let tx = maker::spend(&[maker::outpoint(txid, 0)], &[900]);
        mine.submit(&mine.block(mine.tip.time + 600, vec![tx]))
    };
    let error = attack(|mine| spend(mine, 21));
    assert_eq!(error, RuleError::TooManyLegacySigops { index: 1, count: 2501, limit: 2500 });
    spend(&mut Mine::new(true), 20).expect("as many as may be");
}
