//! A full Bitcoin mainnet block: every script holds, and none survives being tampered with.

use std::io::Read;

use serde_json::Value;

use super::{SplitMix, bytes};
use crate::check::{ScriptCache, TxScripts, verify_all};
use crate::flags::ScriptFlags;
use crate::sigops;
use primitives::amount::Amount;
use primitives::block::Block;
use primitives::codec::Decode;
use primitives::script::Script;
use primitives::tx::TxOut;
use testkit::vectors;

fn unpack(name: &str) -> Option<Vec<u8>> {
    let packed = vectors::read(name)?;
    let mut bytes = vec![];
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(&packed[..]).expect("zstd");
    decoder.read_to_end(&mut bytes).expect("zstd");
    Some(bytes)
}

/// The block at height 367,891 with what each of its transactions spends.
fn block_and_spent() -> Option<(Block, Vec<Vec<TxOut>>)> {
    let block = Block::from_bytes(&unpack("blocks/mainnet-367891.block.zst")?).expect("a block");
    let outputs = unpack("blocks/mainnet-367891.spent-utxos.zst")?;
    let outputs: Vec<Value> = serde_json::from_slice(&outputs).expect("JSON");
    let mut outputs = outputs.iter().map(|entry| TxOut {
        value: Amount(entry["txout"]["value"].as_i64().expect("an amount")),
        script_pubkey: Script::new(bytes(&entry["txout"]["script_pubkey"])),
    });
    let spent =
        block.txs[1..].iter().map(|tx| outputs.by_ref().take(tx.inputs.len()).collect()).collect();
    assert_eq!(outputs.next(), None);
    Some((block, spent))
}

/// P2SH and strict DER hold at that height.
fn flags() -> ScriptFlags {
    ScriptFlags::P2SH | ScriptFlags::DERSIG
}

#[test]
fn mainnet_block() {
    let Some((block, spent)) = block_and_spent() else { return };
    let list: Vec<_> =
        block.txs[1..].iter().zip(&spent).map(|(tx, spent)| TxScripts { tx, spent }).collect();
    let cache = ScriptCache::new([1; 32], 10_000);
    assert_eq!(verify_all(&list, flags(), Some(&cache)), Ok(()));
    let inputs: usize = list.iter().map(|checks| checks.spent.len()).sum();
    let cost: usize = list.iter().map(|c| sigops::cost(c.tx, c.spent, flags())).sum();
    println!("block 367891: {} transactions, {inputs} inputs, sigop cost {cost}", list.len());

    // What the cache knows is not run: with every transaction known, broken scripts pass.
    for checks in &list {
        cache.insert(&checks.tx.wtxid(), flags());
    }
    let nothing = vec![TxOut { value: Amount(0), script_pubkey: Script::new([0x6a]) }; 20_000];
    let unspendable: Vec<_> =
        list.iter().map(|c| TxScripts { tx: c.tx, spent: &nothing[..c.tx.inputs.len()] }).collect();
    assert_eq!(verify_all(&unspendable, flags(), Some(&cache)), Ok(()));
    assert!(verify_all(&unspendable, flags(), None).is_err());
}

/// The lowest failing input is reported, however many threads look.
#[test]
fn the_first_failure_is_reported() {
    let Some((mut block, spent)) = block_and_spent() else { return };
    for at in [350, 300, 400] {
        block.txs[at].inputs[0].script_sig = Script::default();
    }
    let list: Vec<_> =
        block.txs[1..].iter().zip(&spent).map(|(tx, spent)| TxScripts { tx, spent }).collect();
    let mut failures = vec![];
    for threads in [1, 2, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        failures.push(pool.install(|| verify_all(&list[200..], flags(), None)));
    }
    let failure = failures[0].expect_err("tampered with");
    assert_eq!((failure.tx_index, failure.input_index), (99, 0));
    assert!(failures.iter().all(|f| *f == failures[0]));
}

/// A thousand changes, one at a time, to what inputs offer or to what signatures cover. Changes to
/// signature hash types and to parts that a hash type leaves open are taken out beforehand: only
/// transactions signed with SIGHASH_ALL throughout are changed.
#[test]
fn mutations_are_refused() {
    let Some((block, spent)) = block_and_spent() else { return };
    let mut rng = SplitMix(367_891);
    let mut pick = |below: usize| rng.below(below);
    let signed_all = |script: &Script| {
        // Each push of 70 to 74 bytes is a signature; its last byte its hash type.
        let instructions = crate::instruction::instructions(script.as_bytes());
        let mut signatures = instructions
            .filter_map(Result::ok)
            .filter(|i| (70..=74).contains(&i.data.len()) && i.data[0] == 0x30)
            .peekable();
        signatures.peek().is_some() && signatures.all(|i| i.data.last() == Some(&1))
    };
    let (mut refused, mut tried) = (0, 0);
    while refused < 1000 {
        tried += 1;
        let at = pick(spent.len());
        let (mut tx, spent) = (block.txs[at + 1].clone(), &spent[at]);
        if !tx.inputs.iter().all(|input| signed_all(&input.script_sig)) {
            assert!(tried < 100_000);
            continue;
        }
        let input = pick(tx.inputs.len());
        let what = match pick(6) {
            0 => {
                let output = pick(tx.outputs.len());
                tx.outputs[output].value.0 ^= 1 << pick(40);
                "amount"
            }
            1 => {
                tx.inputs[input].sequence ^= 1 << pick(32);
                "sequence"
            }
            2 => {
                tx.lock_time ^= 1 << pick(32);
                "lock time"
            }
            3 => {
                tx.inputs[input].prevout.vout ^= 1;
                "prevout"
            }
            4 => {
                tx.inputs[input].script_sig.0.pop();
                "short scriptSig"
            }
            _ => {
                let length = tx.inputs[input].script_sig.len();
                tx.inputs[input].script_sig.0[pick(length)] ^= 1 << pick(8);
                "scriptSig"
            }
        };
        let list = [TxScripts { tx: &tx, spent }];
        if verify_all(&list, flags() | ScriptFlags::STRICTENC, None).is_ok() {
            panic!("transaction {at} passes with another {what} at input {input}");
        }
        refused += 1;
    }
    println!("mutations: {refused} refused");
}
