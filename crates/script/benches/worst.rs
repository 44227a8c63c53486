//! What a block maker can make of scripts to slow its readers down, beside what blocks are made of:
//! lists and one by one, processor time of one thread, medians of three turns.
//!
//! ```text
//! cargo bench --profile quick -p script --bench worst
//! ```

use std::hint::black_box;

use crypto::hash::{hash160, sha256};
use k256::ecdsa::signature::hazmat::PrehashSigner;
use k256::ecdsa::{Signature, SigningKey};
use primitives::amount::Amount;
use primitives::hex;
use primitives::id::Txid;
use primitives::script::Script;
use primitives::tx::{OutPoint, Transaction, TxIn, TxOut};
use script::asm::assemble;
use script::check::{self, TxScripts};
use script::collect;
use script::flags::ScriptFlags;
use script::hints::Hints;
use script::instruction::push_data;
use script::sighash::TxMidstate;

const ROUNDS: usize = 3;

type Spend = (Transaction, Vec<TxOut>);

fn key(n: usize) -> SigningKey {
    SigningKey::from_slice(&sha256(&(n as u64).to_le_bytes())).expect("a scalar")
}

fn public(key: &SigningKey) -> Vec<u8> {
    key.verifying_key().to_sec1_point(true).as_bytes().to_vec()
}

fn sign(key: &SigningKey, hash: &[u8; 32]) -> Vec<u8> {
    let signature: Signature = key.sign_prehash(hash).expect("a signature");
    [signature.to_der().as_bytes(), &[1]].concat()
}

fn pushes(elements: &[Vec<u8>]) -> Script {
    let mut script = vec![];
    elements.iter().for_each(|element| push_data(&mut script, element));
    Script(script)
}

/// A transaction that spends those outputs, with about as many bytes of its own.
fn tx(seed: usize, scripts: &[Vec<u8>], bytes: usize) -> Spend {
    let spent: Vec<TxOut> = scripts
        .iter()
        .map(|script| TxOut { value: Amount(1000), script_pubkey: Script::new(&script[..]) })
        .collect();
    let txid = Txid(sha256(&(seed as u64).to_be_bytes()));
    let inputs = (0..scripts.len() as u32).map(|vout| TxIn {
        prevout: OutPoint { txid, vout },
        script_sig: Script::default(),
        sequence: u32::MAX,
        witness: vec![],
    });
    let output = |size| TxOut { value: Amount(1), script_pubkey: Script::new(vec![0x51; size]) };
    let mut outputs = vec![output(9000); bytes / 9000];
    outputs.push(output(1));
    (Transaction { version: 2, inputs: inputs.collect(), outputs, lock_time: 0 }, spent)
}

/// Inputs with signatures that fail and may, at so many places of their scripts.
fn failing(inputs: usize, bytes: usize, code: &str) -> Vec<Spend> {
    let elements = [sign(&key(2), &[1; 32]), public(&key(1))];
    let (mut tx, spent) = tx(1, &vec![assemble(code).expect("a script"); inputs], bytes);
    for input in &mut tx.inputs {
        input.script_sig = pushes(&elements);
    }
    vec![(tx, spent)]
}

fn failing_witness(inputs: usize, code: &str) -> Vec<Spend> {
    let script = assemble(code).expect("a script");
    let program = [&[0, 32], &sha256(&script)[..]].concat();
    let (mut tx, spent) = tx(1, &vec![program; inputs], 0);
    for input in &mut tx.inputs {
        input.witness = vec![sign(&key(2), &[1; 32]), public(&key(1)), script.clone()];
    }
    vec![(tx, spent)]
}

/// Transactions of ten inputs: pay to (witness) public key hash.
fn singles(count: usize, witness: bool) -> Vec<Spend> {
    (0..count / 10)
        .map(|seed| {
            let keys: Vec<SigningKey> = (0..10).map(|at| key(10 * seed + at)).collect();
            let codes: Vec<Vec<u8>> = keys
                .iter()
                .map(|key| {
                    let hash = hex::encode(&hash160(&public(key)));
                    assemble(&format!("DUP HASH160 <{hash}> EQUALVERIFY CHECKSIG")).expect("one")
                })
                .collect();
            let programs: Vec<Vec<u8>> =
                keys.iter().map(|key| [&[0, 20], &hash160(&public(key))[..]].concat()).collect();
            let (mut tx, spent) = tx(seed, if witness { &programs } else { &codes }, 0);
            for (at, key) in keys.iter().enumerate() {
                let midstate = TxMidstate::new(&tx, &spent);
                let hash = match witness {
                    true => midstate.witness_v0(at, &codes[at], 1000, 1),
                    false => midstate.legacy(at, &codes[at], 1),
                };
                let elements = [sign(key, &hash), public(key)];
                match witness {
                    true => tx.inputs[at].witness = elements.to_vec(),
                    false => tx.inputs[at].script_sig = pushes(&elements),
                }
            }
            (tx, spent)
        })
        .collect()
}

/// Two of three in witnesses, by any two.
fn multisig(count: usize) -> Vec<Spend> {
    (0..count)
        .map(|seed| {
            let keys = [key(3 * seed), key(3 * seed + 1), key(3 * seed + 2)];
            let text = keys.each_ref().map(|key| format!("<{}>", hex::encode(&public(key))));
            let code = assemble(&format!("2 {} 3 CHECKMULTISIG", text.join(" "))).expect("one");
            let (mut tx, spent) = tx(seed, &[[&[0, 32], &sha256(&code)[..]].concat()], 0);
            let hash = TxMidstate::new(&tx, &spent).witness_v0(0, &code, 1000, 1);
            let [first, second] = [[0, 1], [0, 2], [1, 2]][seed % 3].map(|at: usize| &keys[at]);
            tx.inputs[0].witness = vec![vec![], sign(first, &hash), sign(second, &hash), code];
            (tx, spent)
        })
        .collect()
}

/// Processor time of this thread, in milliseconds.
fn cpu_ms() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanoseconds = text.split_whitespace().next().and_then(|n| n.parse::<f64>().ok());
    nanoseconds.expect("a number") / 1e6
}

fn median(mut run: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = cpu_ms();
            run();
            cpu_ms() - start
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[ROUNDS / 2]
}

fn main() {
    let separated = "2DUP CHECKSIG DROP CODESEPARATOR ".repeat(50);
    let repeated = format!("{} 2DROP 1", "2DUP CHECKSIG DROP ".repeat(66));
    let branches = format!("{} 2DROP 1", "2DUP CHECKSIG IF ELSE CODESEPARATOR ENDIF ".repeat(33));
    let rows: [(&str, Vec<Spend>); 9] = [
        ("40 inputs, 900 kB, failing at 50 places", failing(40, 900_000, &separated)),
        ("60 inputs, 300 kB, failing at 50 places", failing(60, 300_000, &separated)),
        ("60 inputs, 30 kB, failing in branches", failing(60, 30_000, &branches)),
        ("P2WSH, 15,000 failing checks, one place", failing_witness(228, &repeated)),
        ("P2WSH, 11,400 failing checks, all places", failing_witness(228, &separated)),
        ("legacy, 6,000 inputs that sign all", failing(6000, 0, "CHECKSIG NOT")),
        ("P2PKH, 2,000 good inputs", singles(2000, false)),
        ("P2WPKH, 2,000 good inputs", singles(2000, true)),
        ("P2WSH, 700 good 2-of-3", multisig(700)),
    ];
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    println!("{:<42} {:>10} {:>10} {:>10}   ms of one thread", "", "lists", "hints", "each");
    for (name, spends) in &rows {
        let list: Vec<TxScripts<'_>> =
            spends.iter().map(|(tx, spent)| TxScripts { tx, spent }).collect();
        let flags = ScriptFlags::CONSENSUS;
        let as_lists = |hints: &Hints| {
            collect::verify_all(black_box(&list), flags, None, hints).expect("valid")
        };
        let hints = pool.install(|| as_lists(&vec![]));
        let lists = pool.install(|| median(|| drop(as_lists(&vec![]))));
        let hinted = pool.install(|| median(|| drop(as_lists(&hints))));
        let alone = pool.install(|| {
            median(|| assert_eq!(check::verify_all(black_box(&list), flags, None), Ok(())))
        });
        println!("{name:<42} {lists:>10.1} {hinted:>10.1} {alone:>10.1}");
    }
}
