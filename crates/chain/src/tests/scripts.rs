//! The script index compared with a naive scan of the chain: created, dropped, rebuilt,
//! interrupted.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Lab, NOW, chain};
use crate::reindex::{Built, Phase, Reindex};
use crate::state::Chain;
use primitives::amount::Amount;
use primitives::block::Height;
use primitives::coin::Coin;
use primitives::network::REGTEST;
use primitives::script::Script;
use primitives::tx::{OutPoint, TxOut};
use script::template::is_unspendable;
use store::db::{Store, StoreOptions};
use store::script_rows::{Build, ChainPlace, HistoryEntry, ScriptIndex};
use store::tables;
use testkit::blocks::{self as maker, ANYONE, Random};
use testkit::disk::FaultyDisk;

/// Everything that the index should say, from the blocks alone.
fn naive(store: &Store) -> BTreeMap<Script, (Vec<HistoryEntry>, BTreeMap<OutPoint, Coin>)> {
    let snapshot = store.snapshot().unwrap();
    let mut all: BTreeMap<Script, (Vec<HistoryEntry>, BTreeMap<OutPoint, Coin>)> = BTreeMap::new();
    let mut outputs: BTreeMap<OutPoint, TxOut> = BTreeMap::new();
    for row in snapshot.chain(1..=u32::MAX).unwrap() {
        let (height, id) = row.unwrap();
        let block = snapshot.block(id).unwrap().unwrap();
        for (position, tx) in (0..).zip(&block.txs) {
            let (place, txid) = (ChainPlace { height, position }, tx.txid());
            let mut touched: BTreeMap<Script, (i64, i64)> = BTreeMap::new();
            for input in tx.inputs.iter().filter(|_| position > 0) {
                let spent = outputs.remove(&input.prevout).unwrap();
                all.get_mut(&spent.script_pubkey).unwrap().1.remove(&input.prevout).unwrap();
                touched.entry(spent.script_pubkey).or_default().1 += spent.value.0;
            }
            for (vout, output) in (0..).zip(&tx.outputs) {
                if !is_unspendable(output.script_pubkey.as_bytes()) {
                    let outpoint = OutPoint { txid, vout };
                    outputs.insert(outpoint, output.clone());
                    touched.entry(output.script_pubkey.clone()).or_default().0 += output.value.0;
                    let coin = Coin { output: output.clone(), height, coinbase: position == 0 };
                    let of_script = all.entry(output.script_pubkey.clone()).or_default();
                    of_script.1.insert(outpoint, coin);
                }
            }
            for (script, (received, spent)) in touched {
                let (received, spent) = (Amount(received), Amount(spent));
                let entry = HistoryEntry { place, txid, received, spent };
                all.entry(script).or_default().0.push(entry);
            }
        }
    }
    all
}

/// The index is ready and says what the blocks say.
pub(super) fn agree(store: &Store) {
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.script_index().unwrap(), ScriptIndex::Ready);
    let naive = naive(store);
    let mut rows = 0;
    for (script, (history, coins)) in &naive {
        let all = snapshot.script_history(script, ChainPlace::default(), usize::MAX).unwrap();
        assert_eq!(&all, history);
        let found = snapshot.script_coins(script).unwrap();
        assert!(found.iter().map(|(outpoint, coin)| (outpoint, coin)).eq(coins));
        rows += all.len() + found.len();
    }
    // Nothing else is there.
    assert_eq!(snapshot.script_rows().unwrap().len(), rows);
}

/// A chain with coins on three scripts, and one that nobody can spend.
fn lab() -> Lab {
    let mut lab = Lab::of_height(105);
    for n in 1..=4 {
        let mut tx = maker::spend(&[lab.coinbases[n]], &[1000, 2000, 3000, 0]);
        tx.outputs[1].script_pubkey = Script::new([0x52]);
        tx.outputs[3].script_pubkey = Script::new([0x6a, 1, 7]);
        let mut child = maker::spend(&[OutPoint { txid: tx.txid(), vout: 1 }], &[1500]);
        child.outputs[0].script_pubkey = Script::new([0x53]);
        let block = lab.next(vec![tx, child]);
        lab.good(&block);
    }
    lab
}

fn finish(chain: &mut Chain, most: u32) -> Vec<Built> {
    std::iter::from_fn(|| chain.continue_build(most).unwrap()).collect()
}

#[test]
fn history_in_pages_both_ways() {
    let lab = lab();
    agree(lab.chain.store());
    let snapshot = lab.chain.store().snapshot().unwrap();
    let anyone = Script::new(ANYONE);
    let all = snapshot.script_history(&anyone, ChainPlace::default(), usize::MAX).unwrap();
    // Each block pays its coinbase there, four spend from one and pay back twice.
    assert_eq!(all.len(), 109 + 4);
    let entry = all[106];
    assert_eq!(entry.place, ChainPlace { height: Height(106), position: 1 });
    assert_eq!((entry.received, entry.spent), (Amount(4000), Amount(50 * 100_000_000)));
    let (mut forward, mut from) = (Vec::new(), ChainPlace::default());
    loop {
        let page = snapshot.script_history(&anyone, from, 10).unwrap();
        let Some(last) = page.last() else { break };
        from = ChainPlace { position: last.place.position + 1, ..last.place };
        forward.extend(page);
    }
    assert_eq!(forward, all);
    let (mut back, mut before) = (Vec::new(), ChainPlace::END);
    loop {
        let page = snapshot.script_history_back(&anyone, before, 7).unwrap();
        let Some(last) = page.last() else { break };
        before = last.place;
        back.extend(page);
    }
    back.reverse();
    assert_eq!(back, all);
    let coins = snapshot.script_coins(&anyone).unwrap();
    let first = snapshot.script_coins_after(&anyone, None, 5).unwrap();
    let rest = snapshot.script_coins_after(&anyone, Some(&first[4].0), usize::MAX).unwrap();
    assert_eq!([first, rest].concat(), coins);
    assert!(snapshot.script_coins(&Script::new([0x52])).unwrap().is_empty());
    assert!(snapshot.script_coins(&Script::new([0x6a, 1, 7])).unwrap().is_empty());
}

#[test]
fn built_again_while_blocks_come() {
    let mut lab = lab();
    lab.log.mute();
    let store = Arc::clone(lab.chain.store());
    let tx = lab.chain.store().snapshot().unwrap();
    let txid = tx.block(106).unwrap().unwrap().txs[1].txid();
    for what in [Reindex::Indexes, Reindex::Coins] {
        let before = super::totals(&store);
        let rows = store.snapshot().unwrap().script_rows().unwrap();
        lab.chain.begin_reindex(what).unwrap();
        let snapshot = store.snapshot().unwrap();
        assert!(matches!(snapshot.script_index().unwrap(), ScriptIndex::Building(_)));
        assert!(snapshot.tx_place(&txid).unwrap().is_none());
        let built = finish(&mut lab.chain, 10);
        assert!(built.len() > 10, "{built:?}");
        assert_eq!(super::totals(&store), before);
        assert_eq!(store.snapshot().unwrap().script_rows().unwrap(), rows);
        assert!(store.snapshot().unwrap().tx_place(&txid).unwrap().is_some());
        agree(&store);
        // Again, with a block and a change of branch between the steps.
        lab.chain.begin_reindex(what).unwrap();
        let (mut steps, mut coin) = (0, 4);
        while let Some(built) = lab.chain.continue_build(30).unwrap() {
            steps += 1;
            if what == Reindex::Indexes && (steps == 2 || built.phase == Phase::Coins) {
                coin += 1;
                let rival = maker::block(lab.tip, 77 + steps, vec![]);
                let block = lab.next(vec![maker::spend(&[lab.coinbases[coin]], &[5])]);
                lab.submit(&rival).unwrap();
                lab.good(&block);
                let next = lab.next(vec![]);
                lab.good(&next);
                assert_eq!(lab.chain.tip().hash, next.hash());
            }
        }
        agree(&store);
    }
}

#[test]
fn an_older_folder_gets_an_index_and_it_can_be_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions::default();
    let without = StoreOptions { no_script_index: true, ..options };
    let open = |options| Arc::new(Store::open(folder.path(), &REGTEST, options).unwrap());
    let lab = lab();
    let snapshot = lab.chain.store().snapshot().unwrap();
    let blocks: Vec<_> = (1..=109).map(|id| snapshot.block_bytes(id).unwrap().unwrap()).collect();
    let mut first = chain(&open(options));
    assert!(first.accept_blocks(blocks, NOW, true).error.is_none());
    first.flush().unwrap();
    agree(first.store());
    drop(first);
    // As schema 1 was.
    {
        let db = redb::Database::create(folder.path().join(tables::FILE_NAME)).unwrap();
        let txn = db.begin_write().unwrap();
        {
            let mut meta = txn.open_table(tables::META).unwrap();
            meta.insert(tables::META_SCHEMA, 1u32.to_le_bytes().as_slice()).unwrap();
            meta.remove(tables::META_SCRIPT_INDEX).unwrap();
        }
        txn.delete_table(tables::SCRIPT_HISTORY).unwrap();
        txn.delete_table(tables::SCRIPT_COINS).unwrap();
        txn.commit().unwrap();
    }
    let schema = |store: &Store| store.snapshot().unwrap().meta(tables::META_SCHEMA).unwrap();
    let store = open(options);
    assert_eq!(store.tip().unwrap().height, Height(109));
    assert_eq!(store.snapshot().unwrap().script_index().unwrap(), ScriptIndex::Off);
    assert_eq!(store.build(), Some(Build::Blocks(Height(1))));
    assert_eq!(schema(&store), Some(vec![1, 0, 0, 0]), "a look changes nothing");
    assert!(finish(&mut chain(&store), 40).len() > 3);
    agree(&store);
    assert_eq!(schema(&store), Some(vec![2, 0, 0, 0]));
    drop(store);
    // Dropped with the next commit, and not made again by itself.
    let store = open(without);
    let mut dropping = chain(&store);
    let tip = maker::Parent::of(
        &lab.chain.store().snapshot().unwrap().block(109).unwrap().unwrap(),
        Height(109),
    );
    dropping.accept_own_block(&maker::block(tip, 1, vec![]), NOW).unwrap();
    assert_eq!(store.snapshot().unwrap().script_index().unwrap(), ScriptIndex::Off);
    drop((dropping, store));
    let store = open(options);
    assert!(!store.has_script_index() && store.build().is_none());
    let mut again = chain(&store);
    again.begin_reindex(Reindex::Indexes).unwrap();
    finish(&mut again, 1000);
    agree(&store);
    drop((again, store));
    assert!(open(options).has_script_index());
}

#[test]
fn cut_off_anywhere_it_goes_on() {
    let lab = lab();
    let snapshot = lab.chain.store().snapshot().unwrap();
    let blocks: Vec<_> = (1..=109).map(|id| snapshot.block_bytes(id).unwrap().unwrap()).collect();
    let wanted = snapshot.script_rows().unwrap();
    let open = |disk: &FaultyDisk| {
        let path = PathBuf::from("faulty");
        Store::with_backend(Box::new(disk.clone()), path, &REGTEST, StoreOptions::default())
    };
    let mut random = Random(3);
    for sample in 0..24 {
        let what = if sample % 2 == 0 { Reindex::Indexes } else { Reindex::Coins };
        let disk = FaultyDisk::new();
        let mut before = chain(&Arc::new(open(&disk).unwrap()));
        assert!(before.accept_blocks(blocks.clone(), NOW, true).error.is_none());
        before.flush().unwrap();
        disk.cut_at(disk.steps() + 2 + random.below(120) as u64);
        let mut built = before.begin_reindex(what).map(|()| None);
        while let Ok(step) = before.continue_build(20) {
            let done = step.is_none();
            built = Ok(step);
            if done {
                break;
            }
        }
        drop((before, built));
        let back = disk.after_cut(random.word());
        let store = Arc::new(open(&back).unwrap());
        finish(&mut chain(&store), 20);
        assert_eq!(store.tip().unwrap().height, Height(109), "sample {sample}");
        assert_eq!(store.snapshot().unwrap().script_rows().unwrap(), wanted, "sample {sample}");
        agree(&store);
    }
}
