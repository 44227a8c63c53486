//! Disks that tear writes, lose power and fill up: what is recovered is a tip with the coins that
//! belong to it, and nothing that was reported as durable is lost.

use std::path::PathBuf;
use std::sync::Arc;

use super::{NOW, chain, totals};
use crate::error::BlockError;
use crate::verify;
use primitives::block::Height;
use primitives::codec::Encode;
use primitives::network::{MAIN, REGTEST};
use primitives::tx::OutPoint;
use store::db::{Store, StoreOptions};
use store::error::StoreError;
use store::tables;
use testkit::blocks::{self as maker, Parent, Random};
use testkit::disk::FaultyDisk;

fn open(disk: &FaultyDisk) -> Result<Store, StoreError> {
    let path = PathBuf::from("faulty");
    Store::with_backend(Box::new(disk.clone()), path, &REGTEST, StoreOptions::default())
}

/// A chain of 110 empty blocks and some with spends, then a longer branch from below.
fn story() -> Vec<Vec<u8>> {
    let mut at = Parent::genesis(&REGTEST);
    let mut blocks = Vec::new();
    let mut coins = Vec::new();
    for height in 1..=120 {
        let spends = match height {
            111.. => vec![maker::spend(&[coins[height - 111]], &[1000, 2000, 3000])],
            _ => vec![],
        };
        let block = maker::block(at, 0, spends);
        at = Parent::of(&block, at.height.next());
        coins.push(OutPoint { txid: block.txs[0].txid(), vout: 0 });
        blocks.push((block, at));
    }
    let mut bytes: Vec<_> = blocks.iter().map(|(block, _)| block.to_bytes()).collect();
    let mut at = blocks[114].1;
    for _ in 0..8 {
        let block =
            maker::block(at, 5, vec![maker::spend(&[coins[at.height.0 as usize - 108]], &[9])]);
        at = Parent::of(&block, at.height.next());
        bytes.push(block.to_bytes());
    }
    bytes
}

/// Runs the story on a disk until it fails; gives the height that was reported durable last.
fn live(disk: &FaultyDisk, story: &[Vec<u8>], bulk: bool) -> Height {
    let Ok(store) = open(disk) else { return Height(0) };
    let mut chain = chain(&Arc::new(store));
    let mut durable = chain.tip().height;
    for batch in story.chunks(if bulk { 16 } else { 1 }) {
        let result = chain.accept_blocks(batch.to_vec(), NOW, bulk);
        match result.error {
            None => {}
            Some((_, BlockError::Store(_))) => return durable,
            Some((_, error)) => panic!("{error}"),
        }
        if bulk && chain.flush().is_err() {
            return durable;
        }
        durable = chain.tip().height;
    }
    durable
}

/// The tip after a crash is consistent, and the story can be told to its end.
fn survives(disk: &FaultyDisk, durable: Height, story: &[Vec<u8>], what: &str) {
    let store = Arc::new(open(disk).unwrap_or_else(|error| panic!("{what}: {error}")));
    let mut again = chain(&store);
    // A branch change may have been under way: then the tip is on either side of it.
    assert!(again.tip().height >= durable, "{what}: lost {durable}, has {}", again.tip().height);
    verify::replay(&store, Arc::new(maker::engine()), NOW, &mut super::go_on)
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    let result = again.accept_blocks(story.to_vec(), NOW, true);
    assert!(result.error.is_none(), "{what}: {:?}", result.error);
    again.flush().unwrap();
    assert_eq!(again.tip().height, Height(123), "{what}");
    verify::verify(&store, &maker::engine(), 0, 4, &mut super::go_on)
        .unwrap_or_else(|error| panic!("{what}: {error}"));
}

fn crash_everywhere(bulk: bool, samples: u64, seed: u64) {
    let story = story();
    let whole = FaultyDisk::new();
    assert_eq!(live(&whole, &story, bulk), Height(123));
    let steps = whole.steps();
    let mut random = Random(seed);
    for sample in 0..samples {
        // The first steps, where the file is made, are all tried.
        let cut = if sample < 30 { sample } else { random.word() % steps };
        let disk = FaultyDisk::new();
        disk.cut_at(cut);
        let durable = live(&disk, &story, bulk);
        let seed = random.word();
        let back = disk.after_cut(seed);
        survives(&back, durable, &story, &format!("cut at {cut} of {steps}, seed {seed}"));
    }
}

#[test]
fn power_cuts_block_by_block() {
    crash_everywhere(false, 60, 1);
}

#[test]
fn power_cuts_in_bulk() {
    crash_everywhere(true, 60, 2);
}

#[test]
fn a_full_disk_says_so_and_loses_nothing() {
    let story = story();
    for room in [0u64, 4096, 1 << 20, 1_700_000, 1 << 21, 5 << 19] {
        let disk = FaultyDisk::new();
        disk.set_room(Some(room));
        let durable = live(&disk, &story, false);
        if durable < Height(123) {
            let store = open(&disk).unwrap();
            let error = chain(&Arc::new(store))
                .accept_blocks(story.clone(), NOW, false)
                .error
                .map(|(_, error)| error.to_string());
            assert!(error.as_ref().is_some_and(|e| e.contains("is full")), "{room}: {error:?}");
        }
        disk.set_room(None);
        survives(&disk, durable, &story, &format!("room {room}"));
    }
}

#[test]
fn looking_writes_nothing() {
    let disk = FaultyDisk::new();
    let before = disk.steps();
    drop(open(&disk).unwrap());
    assert_eq!(disk.steps(), before);
    live(&disk, &story(), true);
    let before = disk.steps();
    let store = open(&disk).unwrap();
    assert_eq!(store.snapshot().unwrap().tip().unwrap().height, Height(123));
    totals(&store);
    let (reads, snapshot) = (disk.reads(), store.snapshot().unwrap());
    drop(store);
    assert_eq!(disk.steps(), before);
    // Nor does closing walk the file for what it would only throw away.
    assert_eq!(disk.reads(), reads);
    assert!(matches!(snapshot.block_bytes(1), Err(StoreError::Stopped { .. })));
    drop(snapshot);
    assert_eq!(open(&disk).unwrap().snapshot().unwrap().tip().unwrap().height, Height(123));
}

#[test]
fn refusals_are_clear() {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions::default();
    let story = story();
    let store = Arc::new(Store::open(folder.path(), &REGTEST, options).unwrap());
    assert!(chain(&store).accept_blocks(story[..3].to_vec(), NOW, false).error.is_none());
    // Two at once.
    let error = Store::open(folder.path(), &REGTEST, options).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("in use by another process"), "{error}");
    drop(store);
    // Another network.
    let error = Store::open(folder.path(), &MAIN, options).unwrap_err();
    assert!(error.to_string().contains("\"regtest\", not of \"main\""), "{error}");
    // A newer schema.
    let path = folder.path().join(tables::FILE_NAME);
    {
        let db = redb::Database::create(&path).unwrap();
        let txn = db.begin_write().unwrap();
        let newer = (tables::SCHEMA_VERSION + 1).to_le_bytes();
        txn.open_table(tables::META)
            .unwrap()
            .insert(tables::META_SCHEMA, newer.as_slice())
            .unwrap();
        txn.commit().unwrap();
    }
    let error = Store::open(folder.path(), &REGTEST, options).unwrap_err();
    assert!(error.to_string().contains("upgrade this program"), "{error}");
    // Something else under our name, and a folder that can't be one.
    std::fs::write(&path, b"this is no chain at all, but text of some length").unwrap();
    let error = Store::open(folder.path(), &REGTEST, options).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    let error = Store::open(&path, &REGTEST, options).unwrap_err();
    assert!(matches!(error, StoreError::NotWritable { .. }), "{error}");
}

#[test]
fn a_fault_of_the_disk_stops_the_chain() {
    let disk = FaultyDisk::new();
    let store = Arc::new(open(&disk).unwrap());
    let mut chain = chain(&store);
    let story = story();
    chain.accept_block(story[0].clone(), NOW).unwrap();
    disk.cut_at(disk.steps() + 3);
    for block in &story[1..3] {
        let error = chain.accept_block(block.clone(), NOW).unwrap_err();
        assert!(matches!(error, BlockError::Store(_)), "{error}");
    }
}

#[test]
fn damage_is_found_by_an_integrity_check() {
    let disk = FaultyDisk::new();
    live(&disk, &story(), true);
    let used = disk.used();
    let mut random = Random(5);
    let mut found = 0;
    for _ in 0..300 {
        let copy = disk.after_cut(0);
        let (at, bit) = (random.word() % used, random.word() % 8);
        copy.flip(at, 1 << bit);
        let options = StoreOptions { check_integrity: true, ..StoreOptions::default() };
        let path = PathBuf::from("faulty");
        match Store::with_backend(Box::new(copy), path, &REGTEST, options) {
            Err(StoreError::Corrupt { .. }) => found += 1,
            Err(other) => panic!("byte {at}, bit {bit}: {other}"),
            // What is in no page in use harms nobody.
            Ok(store) => {
                verify::replay(&store, Arc::new(maker::engine()), NOW, &mut super::go_on)
                    .unwrap_or_else(|error| panic!("byte {at}, bit {bit}: {error}"));
            }
        }
    }
    assert!(found > 0);
}
