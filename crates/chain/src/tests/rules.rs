//! Every rule is violated by a block or header, and rejected with Core's reason.

use std::collections::BTreeSet;

use super::faults::{FAULTS, Fault, Place};
use super::{Lab, NOW};
use crate::error::BlockError;
use consensus::connect::subsidy;
use consensus::rule::RuleError;
use crypto::hash::sha256;
use primitives::amount::Amount;
use primitives::block::{Block, Height};
use primitives::codec::Encode;
use primitives::network::REGTEST;
use primitives::script::Script;
use testkit::blocks as maker;
use testkit::rules::{EVERY_RULE, name, raised_without_a_chain};

/// A good block on a chain of 110, spoilt.
fn spoilt(fault: &Fault) -> RuleError {
    let mut lab = Lab::of_height(110);
    let tx = maker::spend(&[lab.coinbases[1]], &[1000]);
    let mut block = lab.next(vec![tx]);
    (fault.spoil)(&mut block, &Place { height: Height(111), value: 5_000_000_000 });
    lab.broken(&block)
}

/// The second input of the second transaction spends OP_0, which is not true.
fn refused_script() -> RuleError {
    let mut lab = Lab::of_height(110);
    let mut tx = maker::spend(&[lab.coinbases[1]], &[1000, 2000]);
    tx.outputs[1].script_pubkey = Script(vec![0]);
    let block = lab.next(vec![tx.clone()]);
    lab.good(&block);
    let first = maker::spend(&[maker::outpoint(tx.txid(), 0)], &[1000]);
    let second = maker::spend(&[lab.coinbases[2], maker::outpoint(tx.txid(), 1)], &[1000]);
    let block = lab.next(vec![first, second]);
    let error = lab.broken(&block);
    assert!(matches!(error, RuleError::Script { tx_index: 2, input_index: 1, .. }), "{error}");
    error
}

fn on_an_invalid_parent() -> (RuleError, RuleError) {
    let mut lab = Lab::of_height(3);
    lab.log.mute();
    let parent = lab.next(vec![]);
    lab.good(&parent);
    lab.chain.invalidate(&parent.hash()).unwrap();
    let again = lab.broken(&parent);
    let child = lab.next(vec![]);
    (again, lab.broken(&child))
}

fn too_new() -> RuleError {
    let mut lab = Lab::of_height(3);
    let block = lab.next(vec![]);
    let now = block.header.time - 7201;
    let result = lab.chain.accept_block(block.to_bytes(), now);
    let Err(BlockError::Rule(error)) = result else { panic!("{result:?}") };
    // It is not held against the block: in a second it is good.
    lab.chain.accept_block(block.to_bytes(), now + 1).expect("good by now");
    error
}

fn raised_by_blocks() -> Vec<(RuleError, &'static str)> {
    let (known_invalid, invalid_parent) = on_an_invalid_parent();
    let mut raised = vec![
        (too_new(), "time-too-new"),
        (known_invalid, "duplicate-invalid"),
        (invalid_parent, "bad-prevblk"),
        (
            refused_script(),
            "block-script-verify-flag-failed (Script evaluated without error but finished with a false/empty top stack element)",
        ),
    ];
    raised.extend(FAULTS.iter().map(|fault| (spoilt(fault), fault.reason)));
    raised
}

#[test]
fn every_rule_is_raised_with_cores_reason() {
    let mut raised = BTreeSet::new();
    for (error, reason) in raised_by_blocks().into_iter().chain(raised_without_a_chain()) {
        assert_eq!(error.reason(), reason, "{error}");
        raised.insert(name(&error));
    }
    assert_eq!(raised.len(), EVERY_RULE, "not raised by any of {raised:?}");
}

#[test]
fn limits_are_met_exactly() {
    let mut lab = Lab::of_height(110);
    // Fees may be claimed to the last unit; locks end at their block.
    let mut tx = maker::spend(&[lab.coinbases[1]], &[1000]);
    tx.inputs[0].sequence = 110;
    tx.lock_time = 110;
    let mut block = lab.next(vec![tx]);
    let all = subsidy(Height(111), &REGTEST).0 + 5_000_000_000 - 1000;
    block.txs[0].outputs[0].value = Amount(all);
    maker::seal(&mut block);
    lab.good(&block);
    // 20,000 signature operations are what fits.
    let mut tx = maker::spend(&[lab.coinbases[2]], &[1]);
    tx.outputs[0].script_pubkey = Script(vec![0xac; 20_000]);
    let block = lab.next(vec![tx]);
    lab.good(&block);
    // A witness under a commitment that is not in the last output.
    let mut tx = maker::spend(&[lab.coinbases[3]], &[1]);
    let script = maker::ANYONE.to_vec();
    let program = [&[0, 32][..], &sha256(&script)].concat();
    tx.outputs[0].script_pubkey = Script(program);
    let block = lab.next(vec![tx.clone()]);
    lab.good(&block);
    let mut tx = maker::spend(&[maker::outpoint(tx.txid(), 0)], &[1]);
    tx.inputs[0].witness = vec![script];
    let mut block = lab.next(vec![tx]);
    maker::commit(&mut block);
    block.txs[0].outputs.push(maker::output(0));
    maker::seal(&mut block);
    lab.good(&block);
}

#[test]
fn a_mutated_block_does_not_spoil_the_real_one() {
    let mut lab = Lab::of_height(110);
    let tx = maker::spend(&[lab.coinbases[1]], &[1000]);
    let block = lab.next(vec![tx.clone(), maker::spend(&[lab.coinbases[2]], &[5])]);
    let mut mutated = block.clone();
    mutated.txs.push(mutated.txs[2].clone());
    assert_eq!(lab.broken(&mutated).reason(), "bad-txns-duplicate");
    let mut stripped = block.clone();
    stripped.txs[1].inputs[0].witness = vec![vec![1]];
    assert_eq!(lab.broken(&stripped).reason(), "unexpected-witness");
    lab.good(&block);
}

#[test]
fn an_output_that_nobody_can_spend_is_no_coin() {
    let mut lab = Lab::of_height(110);
    let mut tx = maker::spend(&[lab.coinbases[1]], &[10, 20, 30]);
    tx.outputs[0].script_pubkey = Script(vec![0x6a]);
    tx.outputs[1].script_pubkey = Script(vec![0x51; 10_001]);
    let txid = tx.txid();
    let block = lab.next(vec![tx]);
    lab.good(&block);
    for vout in [0, 1] {
        let spend = maker::spend(&[maker::outpoint(txid, vout)], &[1]);
        let block = lab.next(vec![spend]);
        assert_eq!(lab.broken(&block).reason(), "bad-txns-inputs-missingorspent");
    }
    let block = lab.next(vec![maker::spend(&[maker::outpoint(txid, 2)], &[1])]);
    lab.good(&block);
}

#[test]
fn noise_and_bit_flips_are_refused() {
    let mut lab = Lab::of_height(105);
    let block = lab.next(vec![maker::spend(&[lab.coinbases[1]], &[1000])]);
    let bytes = block.to_bytes();
    let before = lab.chain.tip();
    for cut in 0..bytes.len() {
        let result = lab.chain.accept_block(bytes[..cut].to_vec(), NOW);
        assert!(matches!(result, Err(BlockError::Decode(_))), "{cut}: {result:?}");
    }
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let result = lab.chain.accept_block(flipped, NOW);
        // A flip in the version, time or nonce can leave good work behind.
        let free = bit / 8 < 4 || (68..72).contains(&(bit / 8)) || bit / 8 >= 76 && bit / 8 < 80;
        match result {
            Err(BlockError::Decode(_) | BlockError::Rule(_)) => {}
            Ok(_) if free => {}
            other => panic!("bit {bit}: {other:?}"),
        }
    }
    assert!(lab.chain.tip().height.0 <= before.height.0 + 1);
    let _: Block = block;
}
