//! The chain against published data and against a naive model of itself.

use std::sync::Arc;

use super::query;
use super::state::Chain;
use crate::consensus::scripts::NoScripts;
use crate::primitives::block::Height;
use crate::primitives::network::REGTEST;
use crate::primitives::vectors;
use crate::store::db::{Store, StoreOptions};

const NOW: u32 = 2_000_000_000;

fn chain(store: &Arc<Store>) -> Chain {
    Chain::open(Arc::clone(store), Arc::new(NoScripts)).expect("opens")
}

#[test]
fn published_regtest_chain_connects() {
    let Some(blocks) = vectors::regtest_blocks() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let open = || Arc::new(Store::open(folder.path(), &REGTEST, StoreOptions::default()).unwrap());
    let store = open();
    let mut one_by_one = chain(&store);
    for bytes in &blocks {
        one_by_one.accept_block(bytes.clone(), NOW).expect("valid");
    }
    assert_eq!(one_by_one.tip().height, Height(206));
    let totals = query::coin_totals(&store.snapshot().unwrap()).unwrap();
    drop((one_by_one, store));
    // The same after a reopening, and in bulk in memory.
    let store = open();
    assert_eq!(query::coin_totals(&store.snapshot().unwrap()).unwrap(), totals);
    assert_eq!(chain(&store).tip().height, Height(206));
    let memory = Arc::new(Store::memory(&REGTEST).unwrap());
    let mut bulk = chain(&memory);
    let result = bulk.accept_blocks(blocks, NOW, true);
    assert!(result.error.is_none(), "{:?}", result.error);
    assert_eq!((result.accepted, result.events.len()), (206, 1));
    bulk.flush().unwrap();
    assert_eq!(query::coin_totals(&memory.snapshot().unwrap()).unwrap(), totals);
}
