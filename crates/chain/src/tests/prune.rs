//! Pruning: what remains keeps working, and what would need deleted blocks is refused.

use std::path::PathBuf;

use super::*;
use crate::verify::verify as verify_chain;
use store::batch::WriteBatch;
use store::db::StoreOptions;
use store::error::StoreError;
use testkit::blocks::Random;
use testkit::disk::FaultyDisk;

#[test]
fn a_pruned_chain_goes_on_and_refuses_to_go_back_too_far() {
    let mut lab = Lab::of_height(400);
    let store = Arc::clone(lab.chain.store());
    let before = totals(&store);
    assert!(lab.chain.prune(Height(113)).expect("the disk").is_err(), "the newest 288 stay");
    assert_eq!(lab.chain.prune(Height(100)).expect("the disk"), Ok(()));
    assert_eq!((store.pruned_below(), totals(&store)), (Height(100), before));
    let snapshot = store.snapshot().expect("a snapshot");
    let there = |height: u32| {
        let id = snapshot.id_at(Height(height)).expect("read").expect("there");
        let block = snapshot.block_bytes(id).expect("read").is_some();
        assert_eq!(snapshot.spent(id).expect("read").is_some(), block);
        block
    };
    assert_eq!([0, 1, 99, 100, 400].map(there), [true, false, false, true, true]);
    // A read of one that is gone is no fault of the disk.
    let id = snapshot.id_at(Height(50)).expect("read").expect("there");
    let hash = snapshot.header(id).expect("read").expect("there").hash;
    assert_eq!(lab.chain.block(&hash).expect("the disk"), None);
    assert!(lab.chain.is_pinned(&hash).expect("the disk"));
    drop(snapshot);
    let go_on = &mut |_| std::ops::ControlFlow::Continue(());
    verify_chain(&store, &maker::engine(), 0, 4, go_on).expect("what is left is sound");
    // A branch from far below with more work: kept out, and the chain stays as it is.
    lab.log.mute();
    let tip = lab.chain.tip();
    let mut parent = Parent::genesis(&REGTEST);
    let mut refused = None;
    for height in 1..=402 {
        let block = maker::block(parent, 7, vec![]);
        parent = Parent::of(&block, Height(height));
        if let Err(error) = lab.chain.accept_block(block.to_bytes(), NOW) {
            refused = Some(error);
            break;
        }
    }
    let Some(BlockError::Rule(error @ RuleError::BelowPruned { .. })) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(error.reason(), "below-pruned");
    assert_eq!(lab.chain.tip(), tip);
    // What comes next connects, also after the store was opened by another chain.
    let next = lab.next(vec![]);
    let mut again = chain(&store);
    again.accept_block(next.to_bytes(), NOW).expect("it goes on");
    assert_eq!(again.tip().hash, next.hash());
}

/// A store on a disk that may fail.
fn open(disk: &FaultyDisk) -> Result<Arc<Store>, StoreError> {
    let options = StoreOptions::default();
    let path = PathBuf::from("faulty");
    Store::with_backend(Box::new(disk.clone()), path, &REGTEST, options).map(Arc::new)
}

/// What there is of the blocks from 1 on: blocks, undo data and hints of each.
fn rows(store: &Store, last: u32) -> Vec<[bool; 3]> {
    let snapshot = store.snapshot().expect("a snapshot");
    let of = |height| {
        let id = snapshot.id_at(Height(height)).expect("read").expect("there");
        let block = snapshot.block_bytes(id).expect("read").is_some();
        let undo = snapshot.spent(id).expect("read").is_some();
        [block, undo, snapshot.hints(id).expect("read").is_some()]
    };
    (1..=last).map(of).collect()
}

#[test]
fn a_power_cut_leaves_all_of_them_or_none() {
    const TIP: u32 = 310;
    const BELOW: Height = Height(20);
    let disk = FaultyDisk::new();
    let store = open(&disk).expect("a fresh disk");
    let mut lab = chain(&store);
    let mut parent = Parent::genesis(&REGTEST);
    for height in 1..=TIP {
        let block = maker::block(parent, 0, vec![]);
        parent = Parent::of(&block, Height(height));
        lab.accept_block(block.to_bytes(), NOW).expect("it connects");
    }
    drop(lab);
    let mut hints = WriteBatch::default();
    for height in 1..=TIP {
        let id = store.snapshot().expect("a snapshot").id_at(Height(height));
        hints.hints.insert(id.expect("read").expect("there"), vec![height as u8; 3]);
    }
    store.commit(&mut hints).expect("the disk");
    drop(store);
    let image = disk.image();
    let whole = vec![[true; 3]; TIP as usize];
    let mut pruned = whole.clone();
    pruned[..BELOW.0 as usize - 1].fill([false; 3]);

    // Prunes; the steps of the disk before and after.
    let prune = |disk: &FaultyDisk| {
        let store = open(disk)?;
        let before = disk.steps();
        store.prune(BELOW).map(|()| (before, disk.steps()))
    };
    let (before, after) = prune(&FaultyDisk::with_image(image.clone())).expect("nothing fails");
    assert!(after > before + 2);
    let mut random = Random(7);
    let mut left = [0, 0];
    // At the first step behind it all is durable.
    for cut in before..=after + 1 {
        let disk = FaultyDisk::with_image(image.clone());
        disk.cut_at(cut);
        let told = prune(&disk).is_ok();
        let back = open(&disk.after_cut(random.word())).expect("it opens again");
        let found = rows(&back, TIP);
        match back.pruned_below() {
            Height(0) => assert!(!told && found == whole, "cut at {cut}: half is gone"),
            below => assert!(below == BELOW && found == pruned, "cut at {cut}: half is left"),
        }
        left[usize::from(found == pruned)] += 1;
    }
    assert!(left[0] > 0 && left[1] > 0, "{left:?}");
}
