//! Queries about branches, compared with walks from parent to parent.

use std::sync::Arc;

use super::{Lab, NOW};
use crate::tips::work_at;
use primitives::block::Height;
use primitives::codec::Encode;
use primitives::network::{NetworkParams, REGTEST};
use primitives::target::U256;
use store::rows::HeaderRow;
use store::snapshot::Snapshot;
use testkit::blocks::{self as maker, Parent};

/// A block's row and those before it, one by one.
fn walk(snapshot: &Snapshot, mut id: u32) -> Vec<HeaderRow> {
    let mut rows = vec![];
    loop {
        let row = snapshot.header(id).expect("a row").expect("a known id");
        rows.push(row);
        if row.height == Height::GENESIS {
            return rows;
        }
        id = row.parent;
    }
}

/// 40 blocks, and two shorter branches that grew in turns: their rows lie between each other's.
fn forked() -> Lab {
    let mut lab = Lab::of_height(20);
    let fork = lab.tip;
    for _ in 0..20 {
        let block = lab.next(vec![]);
        lab.good(&block);
    }
    let mut ends = [fork, fork];
    for _ in 0..12 {
        for (salt, end) in (1..).zip(&mut ends) {
            let block = maker::block(*end, salt, vec![]);
            lab.chain.accept_block(block.to_bytes(), NOW).expect("a good block");
            *end = Parent::of(&block, end.height.next());
        }
    }
    lab
}

#[test]
fn lineages_and_work_are_those_of_a_walk() {
    // Bits that stay as they are, read in spans of every kind.
    let weekly = NetworkParams {
        no_retarget: false,
        allow_min_difficulty: false,
        retarget_interval: 7,
        ..REGTEST.clone()
    };
    let each = NetworkParams { no_retarget: false, allow_min_difficulty: true, ..REGTEST.clone() };
    let spans = [&REGTEST, &weekly, &each];
    let lab = forked();
    let snapshot = lab.chain.store().snapshot().expect("a snapshot");
    let count = snapshot.header_count().expect("a count") as u32;
    assert_eq!(count, 1 + 40 + 24);
    for id in 0..count {
        let rows = walk(&snapshot, id);
        for most in [1, 2, 11, 50, 100] {
            let lineage = snapshot.lineage(id, most).expect("rows");
            assert_eq!(lineage, rows[..rows.len().min(most as usize)], "{most} up to {id}");
        }
        let work =
            rows.iter().fold(U256::ZERO, |sum, row| sum.saturating_add(row.header.bits.work()));
        for params in spans {
            assert_eq!(work_at(&snapshot, params, id, &rows[0]).expect("work"), work, "{id}");
        }
    }
}

#[test]
fn a_shared_snapshot_is_of_the_last_commit() {
    let mut lab = Lab::of_height(3);
    let store = Arc::clone(lab.chain.store());
    let first = store.shared().expect("a snapshot");
    assert!(Arc::ptr_eq(&first, &store.shared().expect("a snapshot")));
    for height in 4..8 {
        let block = lab.next(vec![]);
        lab.good(&block);
        lab.chain.flush().expect("memory");
        let shared = store.shared().expect("a snapshot");
        assert_eq!(shared.tip().expect("a tip").hash, block.hash());
        assert_eq!(store.tip().expect("a tip").height, Height(height));
    }
    // Who holds an older one reads on in it.
    assert_eq!(first.tip().expect("a tip").height, Height(3));
}
