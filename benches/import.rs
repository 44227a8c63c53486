//! Import of a chain of small regtest blocks: blocks a second and peak memory, beside Bitcoin
//! Core's engine (`py-bitcoinkernel`) on the same file in the same run.
//!
//! ```text
//! cargo bench --bench import [-- BLOCKS]
//! cargo bench --bench import -- --generate FILE BLOCKS       writes the chain alone
//! FORTHCOIN_KERNEL_PYTHON=/path/to/venv/bin/python   adds the comparison
//! ```
//! Each import runs in a process of its own, from a warm page cache, into a fresh folder.

use std::collections::VecDeque;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use chain::import::{BlockFile, import};
use chain::state::Chain;
use consensus::block::{height_push, merkle_root};
use consensus::connect::subsidy;
use consensus::scripts::ScriptEngine;
use primitives::amount::Amount;
use primitives::block::{Block, Header, Height};
use primitives::codec::Encode;
use primitives::id::MerkleRoot;
use primitives::network::REGTEST;
use primitives::script::Script;
use primitives::target::meets;
use primitives::tx::{OutPoint, Transaction, TxIn, TxOut};
use store::db::{Store, StoreOptions};

const BLOCKS: u32 = 50_000;
const TXS_PER_BLOCK: usize = 3;
const NOW: u32 = 2_100_000_000;

/// Coins that can be spent, from which later ones are split off.
const MOST_COINS: usize = 20_000;

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let first = args.next();
    if first.as_deref() == Some("--import") {
        let (file, folder) = (args.next().expect("a file"), args.next().expect("a folder"));
        return run_import(Path::new(&file), Path::new(&folder));
    }
    if first.as_deref() == Some("--generate") {
        let (file, blocks) = (args.next().expect("a file"), args.next().expect("a number"));
        return generate(Path::new(&file), blocks.parse().expect("a number")).expect("written");
    }
    let blocks = first.and_then(|n| n.parse().ok()).unwrap_or(BLOCKS);
    let folder = std::env::temp_dir().join(format!("forthcoin-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the bench");
    let file = folder.join("blocks.dat");
    generate(&file, blocks).expect("the file of blocks");
    let size = file.metadata().map_or(0, |m| m.len());
    println!("{blocks} blocks, {} transactions each, {} MB", TXS_PER_BLOCK + 1, size >> 20);
    let me = std::env::current_exe().expect("this program");
    let mut ours = Command::new(me);
    ours.arg("--import").arg(&file).arg(folder.join("ours"));
    let ours = timed("forthcoin", &mut ours, blocks);
    if let Some(python) = std::env::var_os("FORTHCOIN_KERNEL_PYTHON") {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/kernel_chain.py");
        let mut kernel = Command::new(python);
        kernel.arg(script).arg("import").arg(&file).arg(folder.join("kernel"));
        let kernel = timed("py-bitcoinkernel", &mut kernel, blocks);
        println!("ratio: {:.2} times Core's blocks a second", kernel / ours);
    }
    let _ = std::fs::remove_dir_all(&folder);
}

/// Runs an import as a process, which prints its tip and peak memory; gives its seconds.
fn timed(name: &str, command: &mut Command, blocks: u32) -> f64 {
    let start = Instant::now();
    let output = command.output().expect("the import starts");
    let seconds = start.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    println!(
        "{name:>18}: {seconds:6.2} s, {:8.0} blocks/s, {}",
        f64::from(blocks) / seconds,
        said.trim()
    );
    seconds
}

fn run_import(file: &Path, folder: &Path) {
    let store = Store::open(folder, &REGTEST, StoreOptions::default()).expect("a fresh folder");
    let mut chain = Chain::open(Arc::new(store), Arc::new(ScriptEngine::default())).expect("opens");
    let file = std::fs::File::open(file).expect("the file of blocks");
    let mut file = BlockFile::new(file, &REGTEST);
    let go_on = &mut |_: &_| ControlFlow::Continue(());
    let (progress, _) = import(&mut chain, &mut file, NOW, go_on).expect("valid blocks");
    drop(chain);
    let open_us = |folder: &Path| {
        let start = Instant::now();
        let store = Store::open(folder, &REGTEST, StoreOptions::default()).expect("opens");
        let tip = store.snapshot().and_then(|s| s.tip()).expect("a tip");
        drop(store);
        (start.elapsed().as_micros(), tip.height)
    };
    let (again, _) = open_us(folder);
    let (fresh, _) = open_us(&folder.join("fresh"));
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: ? kB");
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks: Vec<&str> = stat.split_whitespace().collect();
    let cpu = |i: usize| ticks.get(i).and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0) / 100.0;
    println!(
        "height {}, user {:.2} s, system {:.2} s, {}; opens in {again} us, fresh in {fresh} us",
        progress.height,
        cpu(13),
        cpu(14),
        peak.split_whitespace().collect::<Vec<_>>().join(" ")
    );
}

fn generate(file: &Path, blocks: u32) -> std::io::Result<()> {
    let mut out = BufWriter::new(std::fs::File::create(file)?);
    let mut prev = REGTEST.genesis.hash;
    let mut coins: VecDeque<(OutPoint, i64)> = VecDeque::new();
    let mut young = VecDeque::new();
    let mut seed = 1u64;
    for height in 1..=blocks {
        let height = Height(height);
        if let Some(&(at, coin, value)) = young.front()
            && height.0 >= at + 100
        {
            young.pop_front();
            coins.push_back((coin, value));
        }
        let reward = subsidy(height, &REGTEST).0;
        let mut txs = vec![coinbase(height, reward)];
        for _ in 0..TXS_PER_BLOCK.min(coins.len()) {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let count = if coins.len() > MOST_COINS { 2 } else { 1 };
            let picked: Vec<_> = (0..count)
                .filter_map(|i| {
                    let at = (seed >> 33) as usize % coins.len();
                    coins.swap_remove_back(if i == 0 { at } else { 0 })
                })
                .collect();
            let value: i64 = picked.iter().map(|(_, value)| value).sum();
            let tx = Transaction {
                version: 2,
                inputs: picked.into_iter().map(|(coin, _)| input(coin, vec![])).collect(),
                outputs: vec![output(value / 2), output(value - value / 2)],
                lock_time: 0,
            };
            txs.push(tx);
        }
        for tx in &txs[1..] {
            let txid = tx.txid();
            let outputs = tx.outputs.iter().zip(0..);
            coins.extend(outputs.map(|(o, vout)| (OutPoint { txid, vout }, o.value.0)));
        }
        young.push_back((height.0, OutPoint { txid: txs[0].txid(), vout: 0 }, reward));
        let root = merkle_root(txs.iter().map(|tx| tx.txid().0).collect()).0;
        let block = mined(prev, height, root, txs);
        prev = block.hash();
        let bytes = block.to_bytes();
        out.write_all(&REGTEST.magic)?;
        out.write_all(&(bytes.len() as u32).to_le_bytes())?;
        out.write_all(&bytes)?;
    }
    out.flush()
}

fn mined(
    prev: primitives::id::BlockHash,
    height: Height,
    merkle_root: MerkleRoot,
    txs: Vec<Transaction>,
) -> Block {
    let bits = REGTEST.genesis.bits;
    let time = REGTEST.genesis.time + height.0 * 600;
    let mut block =
        Block { header: Header { version: 4, prev, merkle_root, time, bits, nonce: 0 }, txs };
    let target = bits.to_target().expect("regtest's target");
    while !meets(&block.hash(), target) {
        block.header.nonce += 1;
    }
    block
}

fn coinbase(height: Height, value: i64) -> Transaction {
    let mut script = height_push(height);
    script.push(0);
    let inputs = vec![input(OutPoint::NULL, script)];
    Transaction { version: 2, inputs, outputs: vec![output(value)], lock_time: 0 }
}

fn input(prevout: OutPoint, script: Vec<u8>) -> TxIn {
    TxIn { prevout, script_sig: Script(script), sequence: u32::MAX, witness: vec![] }
}

/// An output of the size of the common ones: 20 pushed bytes dropped, then OP_TRUE.
fn output(value: i64) -> TxOut {
    let mut script = vec![20];
    script.extend_from_slice(&[7; 20]);
    script.extend_from_slice(&[0x75, 0x51]);
    TxOut { value: Amount(value), script_pubkey: Script(script) }
}
