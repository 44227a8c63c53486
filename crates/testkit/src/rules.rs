//! Blocks and transactions that break each consensus rule, shared by the tests of `consensus` and
//! `chain`.

use std::collections::HashMap;
use std::convert::Infallible;

use consensus::block::{CheckedBlock, check_block_in_place};
use consensus::connect::{CoinView, ConnectError, Context, connect};
use consensus::header::{Branch, check_header_in_place};
use consensus::rule::RuleError;
use consensus::tx::check_transaction;
use primitives::amount::{Amount, MAX_MONEY};
use primitives::block::{Block, Height};
use primitives::coin::Coin;
use primitives::id::{BlockHash, Txid};
use primitives::network::{BITCOIN, Cleanup, NetworkParams, REGTEST};
use primitives::script::Script;
use primitives::target::CompactTarget;
use primitives::tx::{OutPoint, Transaction};

use crate::blocks::{self, Parent};

/// A branch that is the same at every height.
#[derive(Clone, Copy)]
pub struct Flat {
    pub height: u32,
    pub time: u32,
}

impl Branch for Flat {
    fn height(&self) -> Height {
        Height(self.height)
    }
    fn time_at(&self, _: Height) -> u32 {
        self.time
    }
    fn bits_at(&self, _: Height) -> CompactTarget {
        CompactTarget(0x207f_ffff)
    }
    fn hash_at(&self, _: Height) -> BlockHash {
        BlockHash::ZERO
    }
    fn median_time_at(&self, _: Height) -> u32 {
        self.time
    }
    fn last_real_bits(&self) -> CompactTarget {
        CompactTarget(0x207f_ffff)
    }
}

/// Invented coins.
#[derive(Default)]
pub struct Coins(pub HashMap<OutPoint, Coin>);

impl CoinView for Coins {
    type Error = Infallible;

    fn coin(&mut self, outpoint: &OutPoint) -> Result<Option<Coin>, Infallible> {
        Ok(self.0.get(outpoint).cloned())
    }
}

/// A coin of that value that anybody can spend.
pub fn coin(value: i64) -> Coin {
    Coin { output: blocks::output(value), height: Height(1), coinbase: false }
}

/// An invented outpoint.
pub fn named(n: u8) -> OutPoint {
    OutPoint { txid: Txid([n; 32]), vout: 0 }
}

/// The name of a variant; a new one does not build until it is named in `EVERY_RULE` too.
pub fn name(error: &RuleError) -> &'static str {
    use RuleError::*;
    match error {
        NoInputs => "NoInputs",
        NoOutputs => "NoOutputs",
        TxTooLarge { .. } => "TxTooLarge",
        NegativeOutput { .. } => "NegativeOutput",
        OutputTooLarge { .. } => "OutputTooLarge",
        OutputSumTooLarge { .. } => "OutputSumTooLarge",
        DuplicateInput { .. } => "DuplicateInput",
        CoinbaseScriptSize { .. } => "CoinbaseScriptSize",
        NullInput { .. } => "NullInput",
        HighHash { .. } => "HighHash",
        WrongBits { .. } => "WrongBits",
        TimeTooOld { .. } => "TimeTooOld",
        TimeTooNew { .. } => "TimeTooNew",
        OldVersion { .. } => "OldVersion",
        TimeWarp { .. } => "TimeWarp",
        BackwardsInterval { .. } => "BackwardsInterval",
        SizeOfMerkleNode { .. } => "SizeOfMerkleNode",
        CoinbaseLockTime { .. } => "CoinbaseLockTime",
        CoinbaseFinal => "CoinbaseFinal",
        TooManyLegacySigops { .. } => "TooManyLegacySigops",
        UnknownParent { .. } => "UnknownParent",
        InvalidParent { .. } => "InvalidParent",
        KnownInvalid { .. } => "KnownInvalid",
        BelowPruned { .. } => "BelowPruned",
        WrongMerkleRoot { .. } => "WrongMerkleRoot",
        RepeatedTransactions => "RepeatedTransactions",
        BlockSize { .. } => "BlockSize",
        NoCoinbase => "NoCoinbase",
        SecondCoinbase { .. } => "SecondCoinbase",
        TooManySigops { .. } => "TooManySigops",
        NotFinal { .. } => "NotFinal",
        CoinbaseHeight { .. } => "CoinbaseHeight",
        WitnessNonce => "WitnessNonce",
        WitnessCommitment => "WitnessCommitment",
        UnexpectedWitness => "UnexpectedWitness",
        BlockWeight { .. } => "BlockWeight",
        OverwritesCoins { .. } => "OverwritesCoins",
        MissingOrSpent { .. } => "MissingOrSpent",
        ImmatureCoinbase { .. } => "ImmatureCoinbase",
        InputSumTooLarge { .. } => "InputSumTooLarge",
        SpendsMoreThanItHas { .. } => "SpendsMoreThanItHas",
        FeeSumTooLarge { .. } => "FeeSumTooLarge",
        SequenceLocked { .. } => "SequenceLocked",
        CoinbaseAmount { .. } => "CoinbaseAmount",
        Script { .. } => "Script",
    }
}

/// How many variants `name` knows; the tables here and in `chain` raise each.
pub const EVERY_RULE: usize = 44;

/// What only transactions by themselves or invented coins can raise.
pub fn raised_without_a_chain() -> Vec<(RuleError, &'static str)> {
    let tx = blocks::spend(&[named(1)], &[1]);
    let edited = |edit: &dyn Fn(&mut Transaction)| {
        let mut tx = tx.clone();
        edit(&mut tx);
        check_transaction(&tx).expect_err("it is wrong")
    };
    let max = MAX_MONEY.0;
    vec![
        (edited(&|tx| tx.inputs.clear()), "bad-txns-vin-empty"),
        (edited(&|tx| tx.outputs.clear()), "bad-txns-vout-empty"),
        (
            edited(&|tx| tx.outputs[0].script_pubkey = Script(vec![0; 1_000_000])),
            "bad-txns-oversize",
        ),
        (edited(&|tx| tx.outputs[0].value = Amount(-1)), "bad-txns-vout-negative"),
        (edited(&|tx| tx.outputs[0].value = Amount(max + 1)), "bad-txns-vout-toolarge"),
        (
            edited(&|tx| tx.outputs = vec![blocks::output(max), blocks::output(1)]),
            "bad-txns-txouttotal-toolarge",
        ),
        (edited(&|tx| tx.inputs.push(tx.inputs[0].clone())), "bad-txns-inputs-duplicate"),
        (
            edited(&|tx| {
                let inputs = (0..20).map(|n| blocks::input(named(n % 19)));
                tx.inputs = inputs.collect();
            }),
            "bad-txns-inputs-duplicate",
        ),
        (edited(&|tx| tx.inputs[0] = blocks::input(OutPoint::NULL)), "bad-cb-length"),
        (edited(&|tx| tx.inputs.push(blocks::input(OutPoint::NULL))), "bad-txns-prevout-null"),
        (
            raised_by_connecting(vec![blocks::spend(&[named(1), named(2)], &[1])], &[max, 1]),
            "bad-txns-inputvalues-outofrange",
        ),
        (
            raised_by_connecting(
                vec![blocks::spend(&[named(1)], &[0]), blocks::spend(&[named(2)], &[0])],
                &[max, max],
            ),
            "bad-txns-accumulated-fee-outofrange",
        ),
        (raised_by_repeating(), "bad-txns-BIP30"),
        (raised_by_time(19, 9_999), "time-timewarp-attack"),
        (raised_by_time(18, 9_999), "time-murch-zawy-attack"),
        (raised_in_place(&|block| block.txs[0].lock_time = 5), "bad-cb-locktime"),
        (raised_in_place(&|block| block.txs[0].inputs[0].sequence = u32::MAX), "bad-cb-sequence"),
        (
            raised_in_place(&|block| block.txs[1].outputs[0].script_pubkey = Script(vec![0x51; 4])),
            "bad-txns-64-bytes",
        ),
        (raised_by_sigops(2501).expect("one too many"), "bad-txns-legacy-sigops"),
    ]
}

/// Regtest as it would be under BIP54, with intervals of 20 blocks.
pub fn clean_regtest(grace_s: u32) -> NetworkParams {
    let cleanup = Some(Cleanup { from: 1, grace_s });
    NetworkParams { cleanup, retarget_interval: 20, ..REGTEST.clone() }
}

/// A branch whose blocks are all of one time, but long after the median.
struct Late(u32);

impl Branch for Late {
    fn height(&self) -> Height {
        Height(self.0)
    }
    fn time_at(&self, _: Height) -> u32 {
        10_000
    }
    fn bits_at(&self, _: Height) -> CompactTarget {
        REGTEST.genesis.bits
    }
    fn hash_at(&self, _: Height) -> BlockHash {
        BlockHash::ZERO
    }
    fn median_time_at(&self, _: Height) -> u32 {
        5_000
    }
    fn last_real_bits(&self) -> CompactTarget {
        REGTEST.genesis.bits
    }
}

/// The rule that a header of that time breaks on a branch of that height whose blocks are of 10,000.
fn raised_by_time(height: u32, time: u32) -> RuleError {
    let branch = Late(height);
    let parent = Parent { hash: BlockHash::ZERO, height: Height(height), time: time - 600 };
    let header = blocks::block(parent, 0, vec![]).header;
    assert_eq!(header.time, time);
    check_header_in_place(&header, &branch, time, &REGTEST).expect("regtest takes it");
    let later = primitives::block::Header { time: time + 1, ..header };
    check_header_in_place(&later, &branch, time, &clean_regtest(0)).expect("late enough");
    check_header_in_place(&header, &branch, time, &clean_regtest(0)).expect_err("too early")
}

/// The rule that a clean block breaks once it is edited; on regtest it would break none.
fn raised_in_place(edit: &dyn Fn(&mut Block)) -> RuleError {
    let params = clean_regtest(0);
    let (height, branch) = (Height(501), Flat { height: 500, time: 1000 });
    let parent = Parent { hash: BlockHash::ZERO, height: Height(500), time: 1000 };
    let mut block = blocks::block(parent, 0, vec![blocks::spend(&[named(1)], &[1])]);
    let judge = |block: &Block, params: &NetworkParams| {
        let checked = CheckedBlock::from_block(block, &REGTEST).expect("a block");
        checked.verdict.clone().expect("good by itself");
        check_block_in_place(&checked, &branch, params)
    };
    blocks::clean(&mut block, height, &params);
    judge(&block, &params).expect("clean");
    edit(&mut block);
    blocks::seal(&mut block);
    judge(&block, &REGTEST).expect("regtest takes it");
    judge(&block, &params).expect_err("it is not clean any more")
}

/// Connects a transaction that spends a coin with so many signature operations, which do not run.
pub fn raised_by_sigops(count: usize) -> Option<RuleError> {
    let params: &'static NetworkParams = Box::leak(Box::new(clean_regtest(0)));
    let (twenties, ones) = (count / 20, count % 20);
    let mut script = vec![0, 0x63];
    script.extend(std::iter::repeat_n(0xae, twenties));
    script.extend(std::iter::repeat_n(0xac, ones));
    script.extend([0x68, 0x51]);
    let mut many = coin(1);
    many.output.script_pubkey = Script(script);
    let parent = Parent { hash: BlockHash::ZERO, height: Height(500), time: 1 };
    let block = blocks::block(parent, 0, vec![blocks::spend(&[named(1)], &[1])]);
    let checked = CheckedBlock::from_block(&block, &REGTEST).expect("a block");
    let branch = Flat { height: 500, time: 1000 };
    let connect = |params: &'static NetworkParams| {
        let mut view = Coins::default();
        view.0.insert(named(1), many.clone());
        connect(
            &checked,
            &mut view,
            &Context { branch: &branch, params, verifier: &blocks::engine() },
        )
    };
    connect(&REGTEST).expect("regtest takes it");
    match connect(params) {
        Ok(_) => None,
        Err(ConnectError::Rule(error)) => Some(error),
        Err(ConnectError::Coins(never)) => match never {},
    }
}

/// Connects a block over invented coins 1, 2, ... of those values.
fn raised_by_connecting(txs: Vec<Transaction>, values: &[i64]) -> RuleError {
    let mut view = Coins::default();
    view.0.extend((1..).zip(values).map(|(n, &value)| (named(n), coin(value))));
    let parent = Parent { hash: BlockHash::ZERO, height: Height(500), time: 1 };
    connect_over(&blocks::block(parent, 0, txs), &mut view, &REGTEST, 500)
}

/// A coinbase that repeats one with unspent outputs, before BIP34.
fn raised_by_repeating() -> RuleError {
    let parent = Parent { hash: BlockHash::ZERO, height: Height(500), time: 1 };
    let block = blocks::block(parent, 0, vec![]);
    let mut view = Coins::default();
    view.0.insert(OutPoint { txid: block.txs[0].txid(), vout: 0 }, coin(1));
    connect_over(&block, &mut view, &BITCOIN, 500)
}

/// The rule that a block over those coins breaks.
pub fn connect_over(
    block: &Block,
    view: &mut Coins,
    params: &'static NetworkParams,
    height: u32,
) -> RuleError {
    let checked = CheckedBlock::from_block(block, &REGTEST).unwrap();
    let branch = Flat { height, time: 1000 };
    let context = Context { branch: &branch, params, verifier: &blocks::engine() };
    match connect(&checked, view, &context) {
        Err(ConnectError::Rule(error)) => error,
        other => panic!("{other:?}"),
    }
}
