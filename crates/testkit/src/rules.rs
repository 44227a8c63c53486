//! Blocks and transactions that break each consensus rule, shared by the tests of `consensus` and
//! `chain`.

use std::collections::HashMap;
use std::convert::Infallible;

use consensus::block::CheckedBlock;
use consensus::connect::{CoinView, ConnectError, Context, connect};
use consensus::header::Branch;
use consensus::rule::RuleError;
use consensus::tx::check_transaction;
use primitives::amount::{Amount, MAX_MONEY};
use primitives::block::{Block, Height};
use primitives::coin::Coin;
use primitives::id::{BlockHash, Txid};
use primitives::network::{BITCOIN, NetworkParams, REGTEST};
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
pub const EVERY_RULE: usize = 38;

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
    ]
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
