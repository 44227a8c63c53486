//! A regtest chain dense with signatures, connected by us and by Bitcoin Core's engine
//! (`py-bitcoinkernel`) in one run, one thread each and all threads each.
//!
//! ```text
//! cargo bench --bench dense [-- BLOCKS]
//! cargo bench --bench dense -- --generate FILE BLOCKS TRANSACTIONS   writes a chain alone
//! FORTHCOIN_KERNEL_PYTHON=/path/to/venv/bin/python   adds Core's engine
//! ```
//! Each of the 2,000 blocks (when nobody says otherwise) has ten transactions of ten inputs and ten
//! outputs, in equal parts P2PKH, P2WPKH, P2SH 2-of-3, P2WSH 2-of-3, taproot's key path and a
//! tapscript: eight signatures for six inputs, each by a key that is not seen again for thousands of
//! coins, ECDSA as RFC 6979 has it (our wallet's even nonces would help us). Each import runs in a
//! process of its own. The one with hints has what the first learnt, as a peer of our kind gives it.

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
use consensus::scripts::{BatchEngine, ScriptEngine, ScriptVerifier};
use crypto::curve::tweak_x_only;
use crypto::hash::{hash160, sha256, sha256d};
use crypto::sign::PrivateKey;
use primitives::amount::Amount;
use primitives::block::{Block, Header, Height};
use primitives::codec::Encode;
use primitives::id::BlockHash;
use primitives::network::REGTEST;
use primitives::script::Script;
use primitives::target::meets;
use primitives::tx::{OutPoint, Transaction, TxIn, TxOut};
use rayon::prelude::*;
use script::check::{ScriptFailure, TxScripts};
use script::flags::ScriptFlags;
use script::instruction::push_data;
use script::sighash::{TaprootContext, TxMidstate};
use script::sigops;
use store::db::{Store, StoreOptions};

const BLOCKS: u32 = 2000;
const TXS: usize = 10;
const INPUTS: usize = 10;
/// So many that those of one batch differ, as they do on a real chain.
const KEYS: usize = 1 << 16;
/// Keys that a coin may name.
const KEYS_EACH: usize = 4;
/// How far the coin moves on that an input makes: to the next kind, and to keys far away.
const STEP: usize = 100_003;
const NOW: u32 = 2_100_000_000;

/// Blocks before the first dense one: the first coinbase matures, then its coin is split.
const RIPE: u32 = 101;

/// Sighash type ALL.
const ALL: u8 = 1;

/// Leaf version of tapscript.
const TAPSCRIPT: u8 = 0xc0;

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let first = args.next();
    if first.as_deref() == Some("--import") {
        let mut next = || args.next().expect("--import FILE FOLDER ENGINE");
        let (file, folder, engine) = (next(), next(), next());
        return run_import(Path::new(&file), Path::new(&folder), &engine);
    }
    if first.as_deref() == Some("--generate") {
        let mut next = || args.next().expect("--generate FILE BLOCKS TRANSACTIONS");
        let (file, blocks, txs) = (next(), next(), next());
        let (blocks, txs) = (blocks.parse().expect("a number"), txs.parse().expect("a number"));
        return generate(Path::new(&file), blocks, txs).expect("the file of blocks");
    }
    let blocks = first.map_or(BLOCKS, |n| n.parse().expect("a number of blocks"));
    let folder = tempfile::tempdir().expect("a folder for the bench");
    let file = folder.path().join("blocks.dat");
    let start = Instant::now();
    generate(&file, blocks, TXS).expect("the file of blocks");
    let (inputs, size) = (blocks as usize * TXS * INPUTS, file.metadata().map_or(0, |m| m.len()));
    println!(
        "{blocks} blocks of {} inputs, {} MB, made in {:.0} s",
        TXS * INPUTS,
        size >> 20,
        start.elapsed().as_secs_f64()
    );
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let run = |name: &str, mut command: Command| -> f64 {
        let start = Instant::now();
        let output = command.output().expect("the import starts");
        let seconds = start.elapsed().as_secs_f64();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        println!(
            "{name:<36} {seconds:7.2} s {:7.0} blocks/s {:8.0} inputs/s   {}",
            f64::from(blocks) / seconds,
            inputs as f64 / seconds,
            said.trim()
        );
        seconds
    };
    let me = std::env::current_exe().expect("this program");
    let ours = |engine: &str, threads: usize| {
        let mut command = Command::new(&me);
        let data = folder.path().join(format!("{engine}-{threads}"));
        command.arg("--import").arg(&file).arg(data).arg(engine);
        command.env("RAYON_NUM_THREADS", threads.to_string());
        command
    };
    let python = std::env::var_os("FORTHCOIN_KERNEL_PYTHON");
    for threads in if threads > 1 { vec![1, threads] } else { vec![1] } {
        println!("-- threads: {threads}");
        let lists = run("forthcoin, signatures as lists", ours("lists", threads));
        let hinted = run("forthcoin, lists with hints", ours("hints", threads));
        let single = run("forthcoin, one by one", ours("one-by-one", threads));
        run("forthcoin, no script run", ours("none", threads));
        let Some(python) = &python else { continue };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/kernel_chain.py");
        let mut kernel = Command::new(python);
        let data = folder.path().join(format!("kernel-{threads}"));
        kernel.arg(script).arg("import").arg(&file).arg(data);
        // Core counts the threads beside the one that connects.
        kernel.arg((threads - 1).to_string());
        let kernel = run("py-bitcoinkernel", kernel);
        println!(
            "   blocks/s beside Core's: as lists {:.2}, with hints {:.2}, one by one {:.2}",
            kernel / lists,
            kernel / hinted,
            kernel / single
        );
    }
}

/// Says yes to every script: what is left is everything else.
#[derive(Debug)]
struct NoScripts;

impl ScriptVerifier for NoScripts {
    fn sigop_cost(&self, tx: &Transaction, spent: &[TxOut], flags: ScriptFlags) -> u64 {
        sigops::cost(tx, spent, flags) as u64
    }

    fn verify(&self, _: &[TxScripts<'_>], _: ScriptFlags) -> Result<(), ScriptFailure> {
        Ok(())
    }
}

fn run_import(file: &Path, folder: &Path, engine: &str) {
    let store = Store::open(folder, &REGTEST, StoreOptions::default()).expect("a fresh folder");
    let hinted = engine == "hints";
    let engine: Arc<dyn ScriptVerifier> = match engine {
        "lists" | "hints" => Arc::new(BatchEngine::default()),
        "one-by-one" => Arc::new(ScriptEngine::default()),
        _ => Arc::new(NoScripts),
    };
    let mut chain = Chain::open(Arc::new(store), engine).expect("opens");
    if hinted {
        offer_hints(&mut chain, folder);
    }
    let file = std::fs::File::open(file).expect("the file of blocks");
    let mut file = BlockFile::new(file, &REGTEST);
    let go_on = &mut |_: &_| ControlFlow::Continue(());
    let (progress, _) = import(&mut chain, &mut file, NOW, go_on).expect("valid blocks");
    drop(chain);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: ? kB");
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks: Vec<&str> = stat.split_whitespace().collect();
    let cpu = |i: usize| ticks.get(i).and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0) / 100.0;
    println!(
        "height {}, user {:.2} s, system {:.2} s, {}",
        progress.height,
        cpu(13),
        cpu(14),
        peak.split_whitespace().collect::<Vec<_>>().join(" ")
    );
}

/// Gives the chain what the import as lists beside this folder learnt.
fn offer_hints(chain: &mut Chain, folder: &Path) {
    let name = folder.file_name().and_then(|name| name.to_str()).expect("a name");
    let learnt = folder.with_file_name(name.replace("hints", "lists"));
    let store = Store::open(&learnt, &REGTEST, StoreOptions::default()).expect("was imported");
    let snapshot = store.snapshot().expect("a snapshot");
    for height in 1..=snapshot.tip().expect("a tip").height.0 {
        let id = snapshot.id_at(Height(height)).expect("read").expect("a block");
        let hash = snapshot.header(id).expect("read").expect("a header").hash;
        if let Some(packed) = snapshot.hints(id).expect("read") {
            chain.offer_hints(hash, 1, packed).expect("taken");
        }
    }
}

/// How an output is locked.
#[derive(Debug, Clone, Copy)]
enum Kind {
    KeyHash,
    WitnessKeyHash,
    ScriptHash,
    WitnessScriptHash,
    KeyPath,
    ScriptPath,
}

const KINDS: [Kind; 6] = [
    Kind::KeyHash,
    Kind::WitnessKeyHash,
    Kind::ScriptHash,
    Kind::WitnessScriptHash,
    Kind::KeyPath,
    Kind::ScriptPath,
];

struct Keys(Vec<PrivateKey>);

fn tagged(tag: &str, data: &[u8]) -> [u8; 32] {
    let tag = sha256(tag.as_bytes());
    sha256(&[&tag[..], &tag, data].concat())
}

fn pushed(parts: &[&[u8]]) -> Vec<u8> {
    let mut script = Vec::new();
    parts.iter().for_each(|part| push_data(&mut script, part));
    script
}

impl Keys {
    fn new() -> Keys {
        let key = |n: usize| PrivateKey::from_bytes(&sha256(&n.to_le_bytes())).expect("a scalar");
        Keys((0..KEYS).into_par_iter().map(key).collect())
    }

    /// Key `at` of coin `n`.
    fn key(&self, n: usize, at: usize) -> &PrivateKey {
        &self.0[(n * KEYS_EACH + at) % KEYS]
    }

    /// Two of three keys.
    fn multisig(&self, n: usize) -> Vec<u8> {
        let mut script = vec![0x52];
        (0..3).for_each(|at| push_data(&mut script, &self.key(n, at).public_key()));
        script.extend_from_slice(&[0x53, 0xae]);
        script
    }

    /// The tapscript `<key> CHECKSIG`.
    fn leaf(&self, n: usize) -> Vec<u8> {
        let mut script = pushed(&[&self.key(n, 1).x_only()]);
        script.push(0xac);
        script
    }

    fn leaf_hash(&self, n: usize) -> [u8; 32] {
        let leaf = self.leaf(n);
        tagged("TapLeaf", &[&[TAPSCRIPT, leaf.len() as u8][..], &leaf].concat())
    }

    fn tweak(&self, kind: Kind, n: usize) -> [u8; 32] {
        let key = self.key(n, 0).x_only();
        match kind {
            Kind::ScriptPath => tagged("TapTweak", &[key, self.leaf_hash(n)].concat()),
            _ => tagged("TapTweak", &key),
        }
    }

    fn lock(&self, kind: Kind, n: usize) -> Vec<u8> {
        let key_hash = hash160(&self.key(n, 0).public_key());
        let program = |version: u8, data: &[u8]| [&[version, data.len() as u8][..], data].concat();
        match kind {
            Kind::KeyHash => [&[0x76, 0xa9, 20][..], &key_hash, &[0x88, 0xac]].concat(),
            Kind::WitnessKeyHash => program(0, &key_hash),
            Kind::ScriptHash => [&[0xa9, 20][..], &hash160(&self.multisig(n)), &[0x87]].concat(),
            Kind::WitnessScriptHash => program(0, &sha256(&self.multisig(n))),
            Kind::KeyPath | Kind::ScriptPath => {
                let tweak = self.tweak(kind, n);
                program(0x51, &tweak_x_only(&self.key(n, 0).x_only(), &tweak).expect("a key").0)
            }
        }
    }

    /// scriptSig and witness of an input.
    fn unlock(
        &self,
        midstate: &TxMidstate<'_>,
        input: usize,
        (kind, n): (Kind, usize),
    ) -> (Vec<u8>, Vec<Vec<u8>>) {
        let amount = midstate.spent()[input].value.0;
        let ecdsa = |at: usize, digest: &[u8; 32]| {
            let (_, signature) = self.key(n, at).sign_recoverable(digest);
            let signature = k256::ecdsa::Signature::from_slice(&signature).expect("a signature");
            let mut der = signature.to_der().as_bytes().to_vec();
            der.push(ALL);
            der
        };
        let public = self.key(n, 0).public_key();
        match kind {
            Kind::KeyHash => {
                let digest = midstate.legacy(input, &self.lock(kind, n), ALL.into());
                (pushed(&[&ecdsa(0, &digest), &public]), vec![])
            }
            Kind::WitnessKeyHash => {
                let code = self.lock(Kind::KeyHash, n);
                let digest = midstate.witness_v0(input, &code, amount, ALL.into());
                (vec![], vec![ecdsa(0, &digest), public.to_vec()])
            }
            Kind::ScriptHash => {
                let code = self.multisig(n);
                let digest = midstate.legacy(input, &code, ALL.into());
                let signatures = [ecdsa(0, &digest), ecdsa(1, &digest)];
                let mut script = vec![0];
                script.extend(pushed(&[&signatures[0], &signatures[1], &code]));
                (script, vec![])
            }
            Kind::WitnessScriptHash => {
                let code = self.multisig(n);
                let digest = midstate.witness_v0(input, &code, amount, ALL.into());
                (vec![], vec![vec![], ecdsa(0, &digest), ecdsa(1, &digest), code])
            }
            Kind::KeyPath => {
                let context = TaprootContext { annex_hash: None, leaf: None };
                let digest = midstate.taproot(input, 0, &context).expect("a hash");
                let tweaked = self.key(n, 0).taproot_tweaked(&self.tweak(kind, n)).expect("a key");
                let signature = tweaked.sign_schnorr(&digest, &digest).expect("a signature");
                (vec![], vec![signature.to_vec()])
            }
            Kind::ScriptPath => {
                let leaf = Some((self.leaf_hash(n), u32::MAX));
                let context = TaprootContext { annex_hash: None, leaf };
                let digest = midstate.taproot(input, 0, &context).expect("a hash");
                let signature = self.key(n, 1).sign_schnorr(&digest, &digest).expect("signed");
                let internal = self.key(n, 0).x_only();
                let odd = tweak_x_only(&internal, &self.tweak(kind, n)).expect("a key").1;
                let control = [&[TAPSCRIPT | u8::from(odd)][..], &internal].concat();
                (vec![], vec![signature.to_vec(), self.leaf(n), control])
            }
        }
    }

    /// Spends coins in order, each into one of the same value and the next kind.
    fn spend(&self, coins: &[(OutPoint, i64, usize)]) -> Transaction {
        let lock = |n: usize| Script(self.lock(KINDS[n % KINDS.len()], n));
        let spent: Vec<TxOut> = coins
            .iter()
            .map(|&(_, value, n)| TxOut { value: Amount(value), script_pubkey: lock(n) })
            .collect();
        let outputs = coins
            .iter()
            .map(|&(_, value, n)| TxOut { value: Amount(value), script_pubkey: lock(n + STEP) });
        let mut tx = Transaction {
            version: 2,
            inputs: coins.iter().map(|&(coin, ..)| input(coin)).collect(),
            outputs: outputs.collect(),
            lock_time: 0,
        };
        let unsigned = tx.clone();
        let midstate = TxMidstate::new(&unsigned, &spent);
        for (index, &(_, _, n)) in coins.iter().enumerate() {
            let unlocked = self.unlock(&midstate, index, (KINDS[n % KINDS.len()], n));
            (tx.inputs[index].script_sig.0, tx.inputs[index].witness) = unlocked;
        }
        tx
    }
}

fn input(prevout: OutPoint) -> TxIn {
    TxIn { prevout, script_sig: Script::default(), sequence: u32::MAX, witness: vec![] }
}

fn generate(file: &Path, blocks: u32, txs_each: usize) -> std::io::Result<()> {
    let keys = Keys::new();
    let mut out = BufWriter::new(std::fs::File::create(file)?);
    let mut prev = REGTEST.genesis.hash;
    let mut first = OutPoint::NULL;
    let mut coins: Vec<(OutPoint, i64, usize)> = Vec::new();
    for height in 1..=RIPE + blocks {
        let mut txs = vec![coinbase(Height(height))];
        if height == RIPE {
            let count = txs_each * INPUTS;
            let value = subsidy(Height(1), &REGTEST).0 / count as i64;
            let lock = |n: usize| Script(keys.lock(KINDS[n % KINDS.len()], n));
            let outputs =
                (0..count).map(|n| TxOut { value: Amount(value), script_pubkey: lock(n) });
            let tx = Transaction {
                version: 2,
                inputs: vec![input(first)],
                outputs: outputs.collect(),
                lock_time: 0,
            };
            let txid = tx.txid();
            coins = (0..count).map(|n| (OutPoint { txid, vout: n as u32 }, value, n)).collect();
            txs.push(tx);
        } else if height > RIPE {
            let made: Vec<Transaction> =
                coins.par_chunks(INPUTS).map(|coins| keys.spend(coins)).collect();
            let next = made.iter().zip(coins.chunks(INPUTS)).flat_map(|(tx, spent)| {
                let txid = tx.txid();
                spent
                    .iter()
                    .zip(0..)
                    .map(move |(&(_, value, n), vout)| (OutPoint { txid, vout }, value, n + STEP))
            });
            coins = next.collect();
            txs.extend(made);
        }
        let block = mined(prev, height, txs);
        if height == 1 {
            first = OutPoint { txid: block.txs[0].txid(), vout: 0 };
        }
        prev = block.hash();
        let bytes = block.to_bytes();
        out.write_all(&REGTEST.magic)?;
        out.write_all(&(bytes.len() as u32).to_le_bytes())?;
        out.write_all(&bytes)?;
    }
    out.flush()
}

fn coinbase(height: Height) -> Transaction {
    let mut coinbase = input(OutPoint::NULL);
    coinbase.script_sig = Script(height_push(height));
    coinbase.script_sig.0.push(0);
    let value = Amount(subsidy(height, &REGTEST).0);
    let outputs = vec![TxOut { value, script_pubkey: Script(vec![0x51]) }];
    Transaction { version: 2, inputs: vec![coinbase], outputs, lock_time: 0 }
}

/// A block with its witness commitment and its work.
fn mined(prev: BlockHash, height: u32, mut txs: Vec<Transaction>) -> Block {
    let leaf = |(i, tx): (usize, &Transaction)| if i == 0 { [0; 32] } else { tx.wtxid().0 };
    let witness_root = merkle_root(txs.iter().enumerate().map(leaf).collect()).0;
    txs[0].inputs[0].witness = vec![vec![0; 32]];
    let mut script = vec![0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];
    script.extend_from_slice(&sha256d(&[witness_root.0, [0; 32]].concat()));
    txs[0].outputs.push(TxOut { value: Amount(0), script_pubkey: Script(script) });
    let merkle_root = merkle_root(txs.iter().map(|tx| tx.txid().0).collect()).0;
    let bits = REGTEST.genesis.bits;
    let time = REGTEST.genesis.time + height * 600;
    let header = Header { version: 4, prev, merkle_root, time, bits, nonce: 0 };
    let mut block = Block { header, txs };
    let target = bits.to_target().expect("regtest's target");
    while !meets(&block.hash(), target) {
        block.header.nonce += 1;
    }
    block
}
