//! Ways to make a valid block invalid, each with the reason that Core gives for it.

use crypto::hash::sha256;
use primitives::amount::Amount;
use primitives::block::{Block, Height};
use primitives::id::{BlockHash, MerkleRoot, Txid};
use primitives::network::REGTEST;
use primitives::script::Script;
use primitives::target::{CompactTarget, meets};
use primitives::tx::{OutPoint, Transaction};
use testkit::blocks as maker;

/// What a fault has to know of the block that it spoils. Its second transaction spends one coin of
/// this value, at most a hundred blocks old, that anybody can spend; no fee is claimed.
pub struct Place {
    pub height: Height,
    pub value: i64,
}

pub struct Fault {
    /// Core's reject reason.
    pub reason: &'static str,
    pub spoil: fn(&mut Block, &Place),
    /// Megabytes: not for every chain.
    pub heavy: bool,
}

const fn fault(reason: &'static str, spoil: fn(&mut Block, &Place)) -> Fault {
    Fault { reason, spoil, heavy: false }
}

const fn heavy(reason: &'static str, spoil: fn(&mut Block, &Place)) -> Fault {
    Fault { reason, spoil, heavy: true }
}

fn in_tx(block: &mut Block, edit: impl FnOnce(&mut Transaction)) {
    edit(&mut block.txs[1]);
    maker::seal(block);
}

fn in_coinbase(block: &mut Block, edit: impl FnOnce(&mut Transaction)) {
    edit(&mut block.txs[0]);
    maker::seal(block);
}

fn in_header(block: &mut Block, edit: impl FnOnce(&mut Block)) {
    edit(block);
    maker::grind(block);
}

fn far() -> OutPoint {
    let name = sha256(b"no transaction has this id");
    OutPoint { txid: Txid(name), vout: 0 }
}

fn work_away(block: &mut Block, _: &Place) {
    let Some(target) = block.header.bits.to_target() else { return };
    while meets(&block.hash(), target) {
        block.header.nonce += 1;
    }
}

fn repeat_a_transaction(block: &mut Block, _: &Place) {
    let other = maker::spend(&[far()], &[1]);
    block.txs.push(other.clone());
    maker::seal(block);
    block.txs.push(other);
}

fn two_coinbases(block: &mut Block, place: &Place) {
    block.txs.push(maker::coinbase(place.height, 9, Amount(1)));
    maker::seal(block);
}

fn spend_twice(block: &mut Block, _: &Place) {
    block.txs.push(maker::spend(&[block.txs[1].inputs[0].prevout], &[7]));
    maker::seal(block);
}

fn spend_the_coinbase(block: &mut Block, _: &Place) {
    let reward = maker::outpoint(block.txs[0].txid(), 0);
    block.txs[1] = maker::spend(&[reward], &[7]);
    maker::seal(block);
}

fn committed_witness(block: &mut Block, nonce: Vec<u8>) {
    maker::commit(block);
    block.txs[0].inputs[0].witness = vec![nonce];
}

/// All that a single block on a chain can get wrong.
pub const FAULTS: &[Fault] = &[
    fault("bad-diffbits", |b, _| in_header(b, |b| b.header.bits = CompactTarget(0x207f_fffe))),
    fault("high-hash", work_away),
    fault("time-too-old", |b, _| in_header(b, |b| b.header.time = REGTEST.genesis.time)),
    fault("time-too-new", |b, _| in_header(b, |b| b.header.time = u32::MAX)),
    fault("bad-version(0x00000003)", |b, _| in_header(b, |b| b.header.version = 3)),
    fault("bad-version(0xffffffff)", |b, _| in_header(b, |b| b.header.version = -1)),
    fault("prev-blk-not-found", |b, _| in_header(b, |b| b.header.prev = BlockHash([1; 32]))),
    fault("bad-txnmrklroot", |b, _| {
        in_header(b, |b| b.header.merkle_root = MerkleRoot([1; 32]));
    }),
    fault("bad-txns-duplicate", repeat_a_transaction),
    fault("bad-blk-length", |b, _| {
        b.txs.clear();
        maker::seal(b);
    }),
    fault("bad-cb-missing", |b, _| {
        b.txs.remove(0);
        maker::seal(b);
    }),
    fault("bad-cb-multiple", two_coinbases),
    fault("bad-cb-height", |b, place| {
        in_coinbase(b, |tx| {
            let mut script = vec![4];
            script.extend_from_slice(&(place.height.0 + 1).to_le_bytes());
            tx.inputs[0].script_sig = Script(script);
        });
    }),
    fault("bad-cb-length", |b, _| {
        in_coinbase(b, |tx| tx.inputs[0].script_sig.0.resize(101, 0));
    }),
    fault("bad-cb-amount", |b, _| {
        in_coinbase(b, |tx| tx.outputs[0].value = Amount(20_000_000_000));
    }),
    fault("bad-txns-vout-empty", |b, _| in_tx(b, |tx| tx.outputs.clear())),
    fault("bad-txns-vout-negative", |b, _| {
        in_tx(b, |tx| tx.outputs[0].value = Amount(-1));
    }),
    fault("bad-txns-vout-toolarge", |b, _| {
        in_tx(b, |tx| tx.outputs[0].value = Amount(2_100_000_000_000_001));
    }),
    fault("bad-txns-txouttotal-toolarge", |b, _| {
        in_tx(b, |tx| tx.outputs = vec![maker::output(2_100_000_000_000_000), maker::output(1)]);
    }),
    fault("bad-txns-inputs-duplicate", |b, _| {
        in_tx(b, |tx| tx.inputs.push(tx.inputs[0].clone()));
    }),
    fault("bad-txns-prevout-null", |b, _| {
        in_tx(b, |tx| tx.inputs.push(maker::input(OutPoint::NULL)));
    }),
    // A transaction of that size makes its block too large, which is looked at first.
    heavy("bad-blk-length", |b, _| {
        in_tx(b, |tx| tx.outputs[0].script_pubkey = Script(vec![0; 1_000_000]));
    }),
    fault("bad-blk-sigops", |b, _| {
        in_tx(b, |tx| tx.outputs[0].script_pubkey = Script(vec![0xac; 20_001]));
    }),
    fault("bad-txns-nonfinal", |b, place| {
        in_tx(b, |tx| {
            tx.inputs[0].sequence = 0;
            tx.lock_time = place.height.0;
        });
    }),
    fault("bad-txns-nonfinal", |b, _| in_tx(b, |tx| tx.inputs[0].sequence = 0xffff)),
    fault("bad-txns-nonfinal", |b, _| in_tx(b, |tx| tx.inputs[0].sequence = 1 << 22 | 0xffff)),
    fault("bad-witness-nonce-size", |b, _| committed_witness(b, vec![0; 31])),
    fault("bad-witness-merkle-match", |b, _| committed_witness(b, vec![1; 32])),
    fault("unexpected-witness", |b, _| b.txs[1].inputs[0].witness = vec![vec![1]]),
    heavy("bad-blk-weight", |b, _| {
        b.txs[1].inputs[0].witness = vec![vec![0; 4_000_000]];
        maker::commit(b);
    }),
    fault("bad-txns-inputs-missingorspent", |b, _| in_tx(b, |tx| tx.inputs[0].prevout = far())),
    fault("bad-txns-inputs-missingorspent", spend_twice),
    fault("bad-txns-premature-spend-of-coinbase", spend_the_coinbase),
    fault("bad-txns-in-belowout", |b, place| {
        in_tx(b, |tx| tx.outputs[0].value = Amount(place.value + 1));
    }),
    fault("block-script-verify-flag-failed (OP_RETURN was encountered)", |b, _| {
        in_tx(b, |tx| tx.inputs[0].script_sig = Script::new([0x6a]));
    }),
    fault(
        "block-script-verify-flag-failed (Script evaluated without error but finished with a false/empty top stack element)",
        |b, _| {
            // OP_0 leaves a false value.
            b.txs[1].outputs[0].script_pubkey = Script::new([0x00]);
            let child = maker::spend(&[maker::outpoint(b.txs[1].txid(), 0)], &[1]);
            b.txs.push(child);
            maker::seal(b);
        },
    ),
];
