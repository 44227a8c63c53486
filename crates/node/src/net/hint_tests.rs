//! Hints between nodes: they come with the blocks of an initial sync and are kept beside them; where
//! they lie the chain is the same.

use std::sync::Arc;

use super::tests::{Pair, START};
use consensus::scripts::{BatchEngine, ScriptEngine, ScriptVerifier};
use crypto::hash::{hash160, sha256};
use crypto::sign::PrivateKey;
use p2p::frame::{Decoder, encode};
use p2p::message::Message;
use primitives::amount::Amount;
use primitives::block::{Block, Height};
use primitives::codec::Encode;
use primitives::id::BlockHash;
use primitives::network::REGTEST;
use primitives::script::Script;
use primitives::tx::{OutPoint, Transaction, TxOut};
use script::hints::{Hint, unpack};
use script::sighash::TxMidstate;
use testkit::blocks::{self as maker, Parent};

/// Signatures of the transaction that has some.
const SIGNATURES: u32 = 40;
/// Blocks above it, so that it comes in bulk.
const ABOVE: u32 = 60;

fn batch() -> Arc<dyn ScriptVerifier> {
    Arc::new(BatchEngine(ScriptEngine::default()))
}

/// A chain with one block of many signatures.
fn chain() -> (Vec<Block>, BlockHash) {
    let key = |n: u32| PrivateKey::from_bytes(&sha256(&n.to_le_bytes())).expect("a scalar");
    let mut blocks: Vec<Block> = Vec::new();
    let mut parent = Parent::genesis(&REGTEST);
    let mut add = |txs: Vec<Transaction>, blocks: &mut Vec<Block>| {
        let mut block = maker::block(parent, 7, txs);
        maker::commit(&mut block);
        parent = Parent::of(&block, Height(blocks.len() as u32 + 1));
        blocks.push(block);
    };
    for _ in 0..101 {
        add(vec![], &mut blocks);
    }
    let hash = |n| hash160(&key(n).public_key());
    let output = |n| TxOut {
        value: Amount(100_000),
        script_pubkey: Script::new([&[0, 20], &hash(n)[..]].concat()),
    };
    let coin = OutPoint { txid: blocks[0].txs[0].txid(), vout: 0 };
    let mut fan = maker::spend(&[coin], &[]);
    fan.outputs = (0..SIGNATURES).map(output).collect();
    let coins: Vec<OutPoint> =
        (0..SIGNATURES).map(|vout| OutPoint { txid: fan.txid(), vout }).collect();
    let mut tx = maker::spend(&coins, &[1000]);
    let witnesses: Vec<Vec<Vec<u8>>> = {
        let midstate = TxMidstate::new(&tx, &fan.outputs);
        let witness = |n: u32| {
            let code = [&[0x76, 0xa9, 20], &hash(n)[..], &[0x88, 0xac]].concat();
            let digest = midstate.witness_v0(n as usize, &code, 100_000, 1);
            // Every other one is high and so of an odd nonce, which consensus takes.
            let mut der = key(n).sign_ecdsa(&digest);
            if n % 2 == 1 {
                der = negated(&der);
            }
            vec![[&der[..], &[1]].concat(), key(n).public_key().to_vec()]
        };
        (0..SIGNATURES).map(witness).collect()
    };
    for (input, witness) in tx.inputs.iter_mut().zip(witnesses) {
        input.witness = witness;
    }
    add(vec![fan], &mut blocks);
    add(vec![tx], &mut blocks);
    let signed = blocks[blocks.len() - 1].hash();
    for _ in 0..ABOVE {
        add(vec![], &mut blocks);
    }
    (blocks, signed)
}

/// The same signature with S negated.
fn negated(der: &[u8]) -> Vec<u8> {
    let signature = k256::ecdsa::Signature::from_der(der).expect("DER");
    let (r, s) = signature.split_scalars();
    let other = k256::ecdsa::Signature::from_scalars(*r, -*s).expect("not zero");
    other.to_der().as_bytes().to_vec()
}

/// What the first node has after its sync from the second.
fn synced(engine: Arc<dyn ScriptVerifier>, tamper: fn(Vec<u8>) -> Vec<u8>) -> (Pair, BlockHash) {
    let (blocks, signed) = chain();
    let mut pair = Pair::with(engine);
    pair.tamper = tamper;
    let bytes = blocks.iter().map(Encode::to_bytes).collect();
    let taken = pair.nodes[1].chain().accept_blocks(bytes, START, true);
    assert!(taken.error.is_none(), "{:?}", taken.error);
    pair.connect();
    pair.run(10);
    assert_eq!(pair.tip(0), pair.tip(1));
    assert_eq!(pair.tip(0).0, Height(103 + ABOVE));
    (pair, signed)
}

fn kept(pair: &mut Pair, at: usize, block: &BlockHash) -> Option<Vec<u8>> {
    let chain = pair.nodes[at].chain();
    chain.flush().expect("written");
    chain.hints(block).expect("a store")
}

fn told() -> Vec<Hint> {
    (0..SIGNATURES).map(|n| if n % 2 == 1 { Hint::Odd } else { Hint::Even }).collect()
}

#[test]
fn hints_come_with_the_blocks_and_are_kept() {
    let (mut pair, signed) = synced(batch(), |bytes| bytes);
    let mine = kept(&mut pair, 0, &signed).expect("learnt");
    let hints: Vec<Hint> = unpack(&mine).expect("packed").into_iter().flatten().collect();
    assert_eq!(hints, told());
    assert_eq!(kept(&mut pair, 1, &signed), Some(mine));
    assert_eq!(pair.nodes[0].net().hint_givers(), 1);
}

#[test]
fn lies_change_nothing() {
    fn changed(bytes: Vec<u8>, change: fn(&mut Vec<u8>)) -> Vec<u8> {
        let mut decoder = Decoder::new(REGTEST.magic);
        decoder.feed(&bytes);
        match decoder.next() {
            Ok(Some((Message::Hints { block, mut packed }, _))) => {
                change(&mut packed);
                encode(REGTEST.magic, &Message::Hints { block, packed })
            }
            _ => bytes,
        }
    }
    let all: [fn(Vec<u8>) -> Vec<u8>; 4] = [
        |bytes| changed(bytes, |packed| packed.iter_mut().skip(4).for_each(|byte| *byte ^= 0xff)),
        |bytes| changed(bytes, |packed| packed.truncate(3)),
        |bytes| changed(bytes, Vec::clear),
        |bytes| changed(bytes, |packed| packed.extend([0xff; 5])),
    ];
    for lie in all {
        let (mut pair, signed) = synced(batch(), lie);
        let (mine, theirs) = (kept(&mut pair, 0, &signed), kept(&mut pair, 1, &signed));
        assert!(mine.is_some() && mine == theirs, "the truth is kept");
        assert_eq!(pair.nodes[0].net().hint_givers(), 0, "who lies is not asked again");
    }
}

#[test]
fn who_checks_one_by_one_asks_for_none() {
    let (mut pair, signed) = synced(Arc::new(maker::engine()), |bytes| {
        let mut decoder = Decoder::new(REGTEST.magic);
        decoder.feed(&bytes);
        let next = decoder.next();
        assert!(!matches!(next, Ok(Some((Message::Hints { .. }, _)))), "hints were not asked for");
        bytes
    });
    assert_eq!(kept(&mut pair, 0, &signed), None);
}
