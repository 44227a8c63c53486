//! Folders of blocks as Bitcoin Core keeps them: masked, out of order, with rubbish in them, and
//! with blocks that are refused.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::{Lab, NOW, chain, totals};
use crate::core_folder::{CoreFolder, FolderError, Record};
use crate::import::{FolderImportError, Passed, Progress, import_folder};
use primitives::block::{Block, Height};
use primitives::codec::Encode;
use primitives::network::REGTEST;
use store::db::Store;
use testkit::blocks::{self as maker, Random};

const KEY: [u8; 8] = [0x5a, 0, 0xff, 7, 0x81, 0x33, 0xe0, 0x12];

fn frame(block: &Block) -> Vec<u8> {
    let bytes = block.to_bytes();
    [&REGTEST.magic[..], &(bytes.len() as u32).to_le_bytes(), &bytes].concat()
}

/// Writes files, masked with the key.
fn write(folder: &Path, files: &[Vec<u8>]) {
    fs::write(folder.join("xor.dat"), KEY).expect("written");
    for (number, file) in files.iter().enumerate() {
        let masked: Vec<u8> =
            file.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        fs::write(folder.join(format!("blk{number:05}.dat")), masked).expect("written");
    }
    // What else is there is no file of blocks.
    for other in ["rev00000.dat", "blk1.dat", "blkxxxxx.dat", ".lock"] {
        fs::write(folder.join(other), b"rubbish").expect("written");
    }
}

/// The store, how it went, and what was passed over.
fn imported(
    folder: &Path,
    strict: bool,
) -> (Arc<Store>, Result<Progress, FolderImportError>, Vec<String>) {
    let store = Arc::new(Store::memory(&REGTEST).expect("memory"));
    let mut chain = chain(&store);
    let mut told = vec![];
    let tell = &mut |passed: Passed| {
        told.push(passed.to_string());
        if strict { Err(passed) } else { Ok(()) }
    };
    let mut files = CoreFolder::open(folder, &REGTEST).expect("a folder");
    let go_on = &mut |_: &Progress| ControlFlow::Continue(());
    let result = import_folder(&mut chain, &mut files, NOW, tell, go_on);
    if result.is_ok() {
        assert_eq!(files.read(), files.size());
    }
    (store, result.map(|(progress, _)| progress), told)
}

/// Good blocks from genesis on.
fn blocks(lab: &mut Lab, count: usize) -> Vec<Block> {
    let mut blocks = vec![REGTEST.genesis_block()];
    for _ in 0..count {
        let block = lab.next(vec![]);
        lab.good(&block);
        blocks.push(block);
    }
    blocks
}

#[test]
fn masked_and_out_of_order_over_files() {
    let mut lab = Lab::of_height(0);
    let mut frames: Vec<Vec<u8>> = blocks(&mut lab, 120).iter().map(frame).collect();
    for part in frames.chunks_exact_mut(9) {
        part.reverse();
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = |part: &[Vec<u8>]| [part.concat(), vec![0; 5000]].concat();
    write(folder.path(), &[file(&frames[..40]), file(&frames[40..41]), file(&frames[41..])]);
    for strict in [false, true] {
        let (store, result, told) = imported(folder.path(), strict);
        assert_eq!(told, Vec::<String>::new());
        let progress = result.expect("read");
        assert_eq!((progress.accepted, progress.known, progress.height.0), (120, 1, 120));
        assert_eq!(totals(&store), totals(lab.chain.store()));
    }
    // Without a mask, as before Core 28.
    fs::remove_file(folder.path().join("xor.dat")).expect("removed");
    fs::write(folder.path().join("blk00000.dat"), file(&frames)).expect("written");
    for number in [1, 2] {
        fs::remove_file(folder.path().join(format!("blk{number:05}.dat"))).expect("removed");
    }
    assert_eq!(imported(folder.path(), true).1.expect("read").height, Height(120));
}

#[test]
fn rubbish_between_records_is_passed_over() {
    let mut lab = Lab::of_height(0);
    let frames: Vec<Vec<u8>> = blocks(&mut lab, 8).iter().map(frame).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let magic = REGTEST.magic;
    let huge = [&magic[..], &u32::MAX.to_le_bytes(), b"no block"].concat();
    let short = [&magic[..], &20u32.to_le_bytes(), &[7; 20]].concat();
    // A size that takes the next records in.
    let greedy = [&magic[..], &5000u32.to_le_bytes(), &[1; 80]].concat();
    // A true header with a size that takes the next records in.
    let mut swallows = frames[4][..88].to_vec();
    swallows[4..8].copy_from_slice(&700u32.to_le_bytes());
    let file = [
        &frames[0][..],
        b"rubbish",
        &frames[1],
        &magic[..3],
        &frames[2],
        &huge,
        &frames[3],
        &short,
        &frames[4],
        &greedy,
        &frames[5],
        &swallows,
        &frames[6],
        &[0; 100],
        &frames[7],
        // Cut off in the middle.
        &frames[8][..frames[8].len() - 3],
    ]
    .concat();
    write(folder.path(), &[file.clone(), frames[8].clone()]);
    let (store, result, told) = imported(folder.path(), false);
    assert_eq!(result.expect("read").height, Height(8));
    assert_eq!(totals(&store), totals(lab.chain.store()));
    let first = frames[0].len();
    assert_eq!(told.len(), 7, "{told:#?}");
    let wanted = format!("blk00000.dat byte {first}: 7 bytes are no block of this network");
    assert_eq!(told[0], wanted);
    let last = file.len() - (frames[8].len() - 3);
    assert!(told[6].starts_with(&format!("blk00000.dat byte {last}: ")), "{told:#?}");
    // Strictly, the first is the end; what came before is kept.
    let (store, result, told) = imported(folder.path(), true);
    assert_eq!(result.expect_err("rubbish").to_string(), wanted);
    assert_eq!((told.len(), store.snapshot().unwrap().tip().unwrap().height), (1, Height(0)));
}

#[test]
fn refused_blocks_are_passed_over_and_others_go_on() {
    let mut lab = Lab::of_height(0);
    let good = blocks(&mut lab, 20);
    // A branch from height 10 on whose first block pays too much.
    let mut bad = maker::block(maker::Parent::of(&good[10], Height(10)), 9, vec![]);
    bad.txs[0].outputs[0].value.0 += 1;
    maker::seal(&mut bad);
    let mut branch = vec![bad];
    for height in 11..24 {
        let parent = maker::Parent::of(branch.last().expect("one"), Height(height));
        branch.push(maker::block(parent, 9, vec![]));
    }
    // Children before their parent, so that they wait for it.
    let mut order: Vec<&Block> = good[..11].iter().collect();
    order.extend([&branch[2], &branch[1], &branch[0]]);
    order.extend(&branch[3..]);
    order.extend(&good[11..]);
    // Somebody whose parent is nowhere.
    let nowhere =
        maker::Parent { hash: maker_hash(), height: Height(5), time: good[5].header.time };
    let orphan = maker::block(nowhere, 3, vec![]);
    order.push(&orphan);
    let folder = tempfile::tempdir().expect("a folder");
    let frames: Vec<Vec<u8>> = order.into_iter().map(frame).collect();
    write(folder.path(), &[frames.concat()]);
    let (store, result, told) = imported(folder.path(), false);
    assert_eq!(result.expect("read").height, Height(20));
    assert_eq!(totals(&store), totals(lab.chain.store()));
    assert_eq!(told.len(), branch.len() + 1, "{told:#?}");
    let hash = branch[0].hash();
    assert!(told[0].contains(&hash.to_string()), "{told:#?}");
    assert!(told.iter().any(|line| line.contains("the coinbase pays 50.00000001")), "{told:#?}");
    let last = "1 blocks name parents that are neither known nor in the folder";
    assert_eq!(told.last().map(String::as_str), Some(last));
    let (_, result, told) = imported(folder.path(), true);
    assert!(matches!(result, Err(FolderImportError::Passed(Passed::Block { .. }))), "{result:?}");
    assert_eq!(told.len(), 1);
}

fn maker_hash() -> primitives::id::BlockHash {
    primitives::id::BlockHash([9; 32])
}

#[test]
fn folders_that_are_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = || CoreFolder::open(folder.path(), &REGTEST);
    assert!(matches!(open(), Err(FolderError::Empty { .. })));
    fs::write(folder.path().join("xor.dat"), [1, 2, 3]).expect("written");
    let error = open().expect_err("no key").to_string();
    assert!(error.ends_with("has 3 bytes, a key has 8"), "{error}");
    let nowhere = CoreFolder::open(&folder.path().join("nowhere"), &REGTEST);
    assert!(matches!(nowhere, Err(FolderError::Io { .. })));
}

/// Flipped bytes anywhere: what is still a record is given, everything else is told of, to the byte.
#[test]
fn every_byte_is_accounted_for() {
    let mut lab = Lab::of_height(0);
    let frames: Vec<Vec<u8>> = blocks(&mut lab, 6).iter().map(frame).collect();
    let mut random = Random(14);
    for _ in 0..200 {
        let mut file = frames.concat();
        for _ in 0..random.below(6) {
            let at = random.below(file.len());
            file[at] = random.word() as u8;
        }
        file.truncate(random.below(file.len() + 1));
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), std::slice::from_ref(&file));
        let mut folder = CoreFolder::open(folder.path(), &REGTEST).expect("a folder");
        let mut covered = vec![false; file.len()];
        while let Some(record) = folder.next_record().expect("read") {
            let range = match record {
                Record::Block(at, block) => {
                    let from = at.byte as usize;
                    assert_eq!(file[from + 8..from + 8 + block.len()], block[..]);
                    from..from + 8 + block.len()
                }
                Record::Rubbish(rubbish) => {
                    rubbish.at.byte as usize..(rubbish.at.byte + rubbish.bytes) as usize
                }
            };
            for at in range {
                assert!(!std::mem::replace(&mut covered[at], true), "byte {at} twice");
            }
        }
        let missed = (0..file.len()).filter(|at| !covered[*at]).find(|at| file[*at] != 0);
        assert_eq!(missed, None);
    }
}
