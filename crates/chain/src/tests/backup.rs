//! Backups: complete and equal, written while the chain moves, rejected when a byte is wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::verify::verify as verify_chain;
use primitives::network::TESTNET;
use store::backup::BackupError;
use store::backup::file::{Phase, back_up, restore, verify};

fn always(_: Phase, _: u64) -> bool {
    true
}

fn back_up_to(lab: &Lab, path: &Path) -> Result<store::backup::Summary, BackupError> {
    back_up(lab.chain.store().snapshot()?, path, 7, &mut always)
}

#[test]
fn what_comes_back_is_what_was_there_and_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut lab = Lab::of_height(120);
    let file = folder.path().join("a.backup");
    let written = back_up_to(&lab, &file).expect("written");
    assert_eq!(written.head.tip, lab.chain.tip());
    assert_eq!(
        (written.bytes, written.head.made_at),
        (fs::metadata(&file).expect("there").len(), 7)
    );
    assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
    assert_eq!(verify(&file, &mut always).expect("whole"), written);
    assert!(matches!(back_up_to(&lab, &file), Err(BackupError::Exists { .. })));
    // The chain that it was taken from moves on; the backup does not.
    let next = lab.next(vec![]);
    lab.submit(&next).expect("good");
    let place = folder.path().join("new");
    let restored = restore(&file, &place, &REGTEST, &mut always).expect("restored");
    assert_eq!(restored, written);
    let store = Arc::new(Store::open(&place, &REGTEST, StoreOptions::default()).expect("opens"));
    assert_eq!(store.tip().expect("a tip"), written.head.tip);
    let go_on = &mut |_| std::ops::ControlFlow::Continue(());
    verify_chain(&store, &maker::engine(), 200, 4, go_on).expect("sound");
    let mut again = chain(&store);
    again.accept_block(next.to_bytes(), NOW).expect("it goes on");
    assert_eq!(totals(&store), totals(lab.chain.store()));
    // A folder in use, or one that holds something, takes no second one.
    assert!(matches!(
        restore(&file, &place, &REGTEST, &mut always),
        Err(BackupError::NotEmpty { .. })
    ));
    let left: Vec<_> = fs::read_dir(folder.path()).expect("listed").collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn a_backup_is_of_one_moment_however_the_chain_moves() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut lab = Lab::of_height(60);
    let snapshot = lab.chain.store().snapshot().expect("a snapshot");
    let tip = lab.chain.tip();
    // Every step of the writing, a block connects.
    let file = folder.path().join("a.backup");
    let mut connected = 0;
    let mut watch = |phase: Phase, _| {
        if phase == Phase::Writing {
            let block = lab.next(vec![]);
            lab.submit(&block).expect("good");
            lab.follow(&block);
            connected += 1;
        }
        true
    };
    let written = back_up(snapshot, &file, 0, &mut watch).expect("written");
    assert!(connected >= 1);
    assert_eq!(written.head.tip, tip);
    assert_eq!(verify(&file, &mut always).expect("whole").head.tip, tip);
}

#[test]
fn every_damaged_byte_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.backup");
    back_up_to(&Lab::of_height(20), &file).expect("written");
    let good = fs::read(&file).expect("read");
    let bad = folder.path().join("bad");
    let refused = |bytes: &[u8]| {
        fs::write(&bad, bytes).expect("written");
        matches!(verify(&bad, &mut always), Err(BackupError::Damaged { .. }))
    };
    // Each byte of the first and last 200, and every 97th of what lies between.
    let last = good.len() - 200;
    for at in (0..good.len()).filter(|at| *at < 200 || *at >= last || at % 97 == 0) {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        assert!(refused(&bytes), "byte {at}");
    }
    for end in [0, 7, 8, 12, 200, good.len() / 2, good.len() - 36, good.len() - 1] {
        assert!(refused(&good[..end]), "cut at {end}");
    }
    assert!(refused(&[good.as_slice(), &[0]].concat()));
    let place = folder.path().join("new");
    let mut bytes = good.clone();
    bytes[good.len() / 2] ^= 1;
    fs::write(&bad, &bytes).expect("written");
    assert!(matches!(
        restore(&bad, &place, &REGTEST, &mut always),
        Err(BackupError::Damaged { .. })
    ));
    assert_eq!(fs::read_dir(&place).expect("made").count(), 0, "nothing is left");
    assert!(matches!(
        restore(&file, &place, &TESTNET, &mut always),
        Err(BackupError::OtherNetwork { .. })
    ));
    // Stopped half way, nothing is left, and it can be done again.
    assert!(matches!(
        restore(&file, &place, &REGTEST, &mut |_, _| false),
        Err(BackupError::Stopped)
    ));
    assert_eq!(fs::read_dir(&place).expect("made").count(), 0);
    restore(&file, &place, &REGTEST, &mut always).expect("restored");
}
