//! The chain compared with published data and with a naive model of itself, and on failing disks.

mod backup;
mod branches;
mod cleanup;
mod core_folder;
mod crash;
mod faults;
mod files;
mod prune;
mod reorg;
mod rules;
mod scripts;

use std::sync::Arc;

use super::error::BlockError;
use super::query::{self, CoinTotals};
use super::state::{Accepted, Chain};
use consensus::rule::RuleError;
use primitives::block::{Block, Height};
use primitives::codec::Encode;
use primitives::hex;
use primitives::id::BlockHash;
use primitives::network::REGTEST;
use primitives::tx::{OutPoint, Transaction};
use store::db::{Store, StoreOptions};
use testkit::blocks::{self as maker, Parent};
use testkit::vectors;

/// A time after that of every block made here.
const NOW: u32 = 2_000_000_000;

fn chain(store: &Arc<Store>) -> Chain {
    Chain::open(Arc::clone(store), Arc::new(maker::engine())).expect("opens")
}

fn totals(store: &Store) -> CoinTotals {
    query::coin_totals(&store.snapshot().expect("a snapshot")).expect("the coins")
}

/// What happened to one chain, for Core's engine to judge: written to the file that
/// `FORTHCOIN_KERNEL_CASES` names, in the form that `tests/peers/kernel_chain.py` reads.
#[derive(Default)]
struct CaseLog {
    lines: Vec<String>,
    muted: bool,
}

impl CaseLog {
    fn took(&mut self, bytes: &[u8], error: Option<&BlockError>, tip: BlockHash) {
        let verdict = match error {
            None => "ok".to_owned(),
            Some(BlockError::Rule(error)) => error.reason(),
            Some(_) => "decode".to_owned(),
        };
        self.lines.push(format!("{}\t{verdict}\t{tip}\n", hex::encode(bytes)));
    }

    /// Core's engine can't be led this way.
    fn mute(&mut self) {
        self.muted = true;
    }
}

impl Drop for CaseLog {
    fn drop(&mut self) {
        let Some(path) = std::env::var_os("FORTHCOIN_KERNEL_CASES") else { return };
        if self.muted || self.lines.is_empty() || std::thread::panicking() {
            return;
        }
        // One write appends as a whole.
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        let text = format!("new\n{}", self.lines.concat());
        file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
            .expect("the file of cases can be written");
    }
}

/// A chain in memory with a way to build on it.
struct Lab {
    chain: Chain,
    tip: Parent,
    /// The coinbases' coins by height; 0 stands for none.
    coinbases: Vec<OutPoint>,
    log: CaseLog,
}

impl Lab {
    fn new() -> Lab {
        let store = Arc::new(Store::memory(&REGTEST).expect("memory"));
        let tip = Parent::genesis(&REGTEST);
        Lab { chain: chain(&store), tip, coinbases: vec![OutPoint::NULL], log: CaseLog::default() }
    }

    /// With some blocks on it.
    fn of_height(height: u32) -> Lab {
        let mut lab = Lab::new();
        let mut blocks = Vec::new();
        for _ in 0..height {
            let block = lab.next(vec![]);
            lab.follow(&block);
            lab.log.took(&block.to_bytes(), None, block.hash());
            blocks.push(block.to_bytes());
        }
        let result = lab.chain.accept_blocks(blocks, NOW, true);
        assert!(result.error.is_none(), "{:?}", result.error);
        lab.chain.flush().expect("memory");
        lab
    }

    fn next(&self, txs: Vec<Transaction>) -> Block {
        maker::block(self.tip, 0, txs)
    }

    fn follow(&mut self, block: &Block) {
        self.tip = Parent::of(block, self.tip.height.next());
        self.coinbases.push(OutPoint { txid: block.txs[0].txid(), vout: 0 });
    }

    fn submit(&mut self, block: &Block) -> Result<Accepted, BlockError> {
        let bytes = block.to_bytes();
        let result = self.chain.accept_block(bytes.clone(), NOW);
        self.log.took(&bytes, result.as_ref().err(), self.chain.tip().hash);
        result
    }

    /// Takes a block that is good.
    fn good(&mut self, block: &Block) {
        self.submit(block).expect("a good block");
        self.follow(block);
    }

    /// The rule that a block breaks; the tip stays.
    fn broken(&mut self, block: &Block) -> RuleError {
        let before = self.chain.tip();
        let error = match self.submit(block) {
            Err(BlockError::Rule(error)) => error,
            other => panic!("{other:?}"),
        };
        assert_eq!(self.chain.tip(), before);
        error
    }
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
    let wanted = totals(&store);
    drop((one_by_one, store));
    // The same after a reopening, and in bulk in memory.
    let store = open();
    assert_eq!(totals(&store), wanted);
    assert_eq!(chain(&store).tip().height, Height(206));
    let memory = Arc::new(Store::memory(&REGTEST).unwrap());
    let mut bulk = chain(&memory);
    let result = bulk.accept_blocks(blocks, NOW, true);
    assert!(result.error.is_none(), "{:?}", result.error);
    assert_eq!((result.accepted, result.events.len()), (206, 1));
    bulk.flush().unwrap();
    assert_eq!(totals(&memory), wanted);
    let level4 = super::verify::verify(&memory, &maker::engine(), 0, 4, &mut go_on).unwrap();
    assert_eq!(level4.blocks, 206);
    super::verify::replay(&store, Arc::new(maker::engine()), NOW, &mut go_on).unwrap();
}

fn go_on(_: u32) -> std::ops::ControlFlow<()> {
    std::ops::ControlFlow::Continue(())
}

#[test]
fn reads_over_a_snapshot() {
    let mut lab = Lab::of_height(101);
    let spend = maker::spend(&[lab.coinbases[1]], &[1000, 2000]);
    let block = lab.next(vec![spend.clone()]);
    lab.good(&block);
    let snapshot = lab.chain.store().snapshot().unwrap();
    let info = query::chain_info(&snapshot).unwrap();
    assert_eq!((info.tip.height, info.tip.hash), (Height(102), block.hash()));
    assert_eq!(info.median_time, block.header.time - 5 * 600);
    assert_eq!(info.tip.tx_total, 104);
    assert_eq!(query::hash_at(&snapshot, Height(102)).unwrap(), Some(block.hash()));
    assert_eq!(query::hash_at(&snapshot, Height(103)).unwrap(), None);
    assert_eq!(query::block(&snapshot, &block.hash()).unwrap().as_ref(), Some(&block));
    let found = query::transaction(&snapshot, &spend.txid()).unwrap().expect("it is indexed");
    assert_eq!((found.tx, found.position, found.height), (spend.clone(), 1, Height(102)));
    let outpoint = OutPoint { txid: spend.txid(), vout: 1 };
    let coin = query::coin(&snapshot, &outpoint).unwrap().expect("unspent");
    assert_eq!(coin.output, spend.outputs[1]);
    let spent = lab.coinbases[1];
    assert_eq!(query::coin(&snapshot, &spent).unwrap(), None);
    let header = query::header(&snapshot, &block.header.prev).unwrap().expect("known");
    assert!(header.active && header.next == Some(block.hash()));
    // An older snapshot goes on showing what it showed.
    let next = lab.next(vec![maker::spend(&[outpoint], &[5])]);
    lab.good(&next);
    assert!(query::coin(&snapshot, &outpoint).unwrap().is_some());
    assert!(query::coin(&lab.chain.store().snapshot().unwrap(), &outpoint).unwrap().is_none());
}
