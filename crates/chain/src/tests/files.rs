//! Block files: round trips in both formats, out of order, truncated and corrupt.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::{Lab, NOW, chain, totals};
use crate::import::{self, BlockFile, FileError, Format, ImportError, MAX_BLOCK_BYTES, Progress};
use primitives::block::Height;
use primitives::codec::Encode;
use primitives::network::REGTEST;
use store::db::Store;
use testkit::blocks as maker;
use testkit::vectors;

fn exported(lab: &Lab, format: Format) -> Vec<u8> {
    let mut out = Vec::new();
    let snapshot = lab.chain.store().snapshot().unwrap();
    import::export(&snapshot, 0..=u32::MAX, format, REGTEST.magic, &mut out).unwrap();
    out
}

fn imported(bytes: &[u8]) -> (Arc<Store>, Result<Progress, ImportError>) {
    let store = Arc::new(Store::memory(&REGTEST).unwrap());
    let mut chain = chain(&store);
    let mut file = BlockFile::new(bytes, &REGTEST);
    let result = import::import(&mut chain, &mut file, NOW, &mut |_| ControlFlow::Continue(()));
    (store, result.map(|(progress, _)| progress))
}

#[test]
fn there_and_back_in_both_formats() {
    let lab = Lab::of_height(700);
    for format in [Format::Hex, Format::Framed] {
        let file = exported(&lab, format);
        let (store, progress) = imported(&file);
        let progress = progress.unwrap();
        assert_eq!((progress.accepted, progress.known, progress.height.0), (700, 1, 700));
        assert_eq!(totals(&store), totals(lab.chain.store()));
        // Once more: all known, nothing changes.
        let mut again = chain(&store);
        let mut file = BlockFile::new(&file[..], &REGTEST);
        let go_on = &mut |_: &Progress| ControlFlow::Continue(());
        let (progress, events) = import::import(&mut again, &mut file, NOW, go_on).unwrap();
        assert_eq!((progress.accepted, progress.known, events.len()), (0, 701, 0));
    }
}

#[test]
fn published_file() {
    let Some(bytes) = vectors::read("blocks/regtest-core-206.hex") else { return };
    let (_, progress) = imported(&bytes);
    assert_eq!(progress.unwrap().height, Height(206));
}

#[test]
fn an_import_can_be_cut_off_and_run_again() {
    let lab = Lab::of_height(1300);
    let bytes = exported(&lab, Format::Framed);
    let store = Arc::new(Store::memory(&REGTEST).unwrap());
    let mut chain = chain(&store);
    let mut file = BlockFile::new(&bytes[..], &REGTEST);
    let stop = &mut |progress: &Progress| match progress.accepted {
        0 => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    };
    let (progress, _) = import::import(&mut chain, &mut file, NOW, stop).unwrap();
    assert!(progress.height > Height(0) && progress.height < Height(1300));
    assert_eq!(store.snapshot().unwrap().tip().unwrap().height, progress.height);
    let mut file = BlockFile::new(&bytes[..], &REGTEST);
    let go_on = &mut |_: &Progress| ControlFlow::Continue(());
    let (progress, _) = import::import(&mut chain, &mut file, NOW, go_on).unwrap();
    assert_eq!(progress.height, Height(1300));
}

#[test]
fn out_of_order_as_core_writes_it() {
    let mut lab = Lab::of_height(0);
    let mut frames = Vec::new();
    for _ in 0..50 {
        let block = lab.next(vec![]);
        lab.good(&block);
        let bytes = block.to_bytes();
        let size = (bytes.len() as u32).to_le_bytes();
        frames.push([&REGTEST.magic[..], &size, &bytes].concat());
    }
    for pair in frames.chunks_exact_mut(7) {
        pair.reverse();
    }
    let mut bytes = frames.concat();
    bytes.extend_from_slice(&[0; 1000]);
    let (store, progress) = imported(&bytes);
    assert_eq!(progress.unwrap().height, Height(50));
    assert_eq!(totals(&store), totals(lab.chain.store()));
    // Without the first there is nothing to build on.
    let (_, result) = imported(&frames[10..].concat());
    assert!(matches!(result, Err(ImportError::NoParent { .. })), "{result:?}");
}

fn error_of(bytes: &[u8]) -> String {
    imported(bytes).1.expect_err("it is spoilt").to_string()
}

#[test]
fn spoilt_files_say_where() {
    let lab = Lab::of_height(5);
    let hex = exported(&lab, Format::Hex);
    let framed = exported(&lab, Format::Framed);
    assert!(imported(b"").1.is_ok());
    assert!(error_of(b"\x01\x02garbage").contains("no file of blocks"));
    let lines: Vec<&[u8]> = hex.split_inclusive(|&b| b == b'\n').collect();
    let bad = [lines[0], lines[1], b"abc\n"].concat();
    assert_eq!(error_of(&bad), "line 3: hex needs an even number of digits, got 3");
    let bad = [lines[0], lines[1], b"zz\n"].concat();
    assert!(error_of(&bad).starts_with("line 3: character 'z' at position 0"));
    let bad = [lines[0], b"\n\n", b"00\n"].concat();
    assert!(error_of(&bad).starts_with("line 4: a block of 1 bytes is too short"));
    let bad = [lines[0], &lines[1][..200], b"\n"].concat();
    assert!(error_of(&bad).starts_with("line 2: not a block: the data ends"));
    // What came before the fault is kept.
    let (store, result) = imported(&[lines[0], lines[1], b"\xff\xfe\n"].concat());
    assert!(matches!(result, Err(ImportError::File(FileError::Hex { .. }))), "{result:?}");
    assert_eq!(store.snapshot().unwrap().tip().unwrap().height, Height(1));
    assert!(error_of(&framed[..framed.len() - 1]).contains("ends in the middle of a block"));
    let mut bad = framed.clone();
    let second = 8 + REGTEST.genesis_block().total_size();
    bad[second] ^= 1;
    assert!(error_of(&bad).contains("where the magic of regtest belongs"));
    let mut bad = framed.clone();
    bad[second + 4..second + 8].copy_from_slice(&(MAX_BLOCK_BYTES as u32 + 1).to_le_bytes());
    assert!(error_of(&bad).contains("is the limit"));
    let endless = vec![b'0'; 2 * MAX_BLOCK_BYTES + 100];
    assert!(error_of(&endless).contains("is the limit"));
}

#[test]
fn a_broken_rule_names_the_block() {
    let mut lab = Lab::of_height(3);
    let mut block = lab.next(vec![]);
    block.txs[0].outputs[0].value.0 += 1;
    maker::seal(&mut block);
    let good = exported(&lab, Format::Hex);
    let line = primitives::hex::encode(&block.to_bytes());
    let bytes = [&good[..], line.as_bytes(), b"\n"].concat();
    let error = error_of(&bytes);
    assert!(error.starts_with("line 5: the coinbase pays 50.00000001"), "{error}");
    lab.follow(&block);
}

#[test]
fn noise_never_panics() {
    let lab = Lab::of_height(4);
    let mut random = maker::Random(11);
    for format in [Format::Hex, Format::Framed] {
        let bytes = exported(&lab, format);
        for _ in 0..300 {
            let mut noisy = bytes.clone();
            for _ in 0..=random.below(4) {
                let at = random.below(noisy.len());
                noisy[at] = random.word() as u8;
            }
            noisy.truncate(random.below(noisy.len() + 1));
            let _ = imported(&noisy);
        }
    }
}
