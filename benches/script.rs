//! Hashes, signatures and script verification beside their limits:
//!
//!   cargo bench --bench script
//!
//! `benches/peers` prints the same beside libsecp256k1.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crypto::curve::{EcdsaSignature, PublicKey, verify_schnorr};
use crypto::hash::{hash160, sha256};
use k256::ecdsa::signature::hazmat::PrehashSigner;
use k256::ecdsa::{Signature, SigningKey, VerifyingKey};
use primitives::amount::Amount;
use primitives::id::Txid;
use primitives::script::Script;
use primitives::tx::{OutPoint, Transaction, TxIn, TxOut};
use script::asm::assemble;
use script::check::{TxScripts, verify_all};
use script::flags::ScriptFlags;
use script::sighash::TxMidstate;

/// One line of the table.
pub struct Row {
    pub name: &'static str,
    pub time: Duration,
    /// What it may take at most.
    pub limit: Option<Duration>,
}

/// The middle of `rounds` rounds of `times` runs, for one run.
pub fn median(times: u32, mut run: impl FnMut()) -> Duration {
    const ROUNDS: usize = 9;
    run();
    let mut rounds: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            (0..times).for_each(|_| run());
            start.elapsed() / times
        })
        .collect();
    rounds.sort();
    rounds[ROUNDS / 2]
}

/// A transaction whose one input spends a pay-to-pubkey-hash output, the `n`th of its kind.
fn signed(key: &SigningKey, n: u32) -> (Transaction, Vec<TxOut>) {
    let public = key.verifying_key().to_sec1_point(true);
    let hash = primitives::hex::encode(&hash160(public.as_bytes()));
    let code = assemble(&format!("DUP HASH160 <{hash}> EQUALVERIFY CHECKSIG")).expect("a script");
    let spent = vec![TxOut { value: Amount(1000), script_pubkey: Script::new(code.clone()) }];
    let input = TxIn {
        prevout: OutPoint { txid: Txid(sha256(&n.to_le_bytes())), vout: n },
        script_sig: Script::default(),
        sequence: u32::MAX,
        witness: vec![],
    };
    let mut tx =
        Transaction { version: 2, inputs: vec![input], outputs: spent.clone(), lock_time: 0 };
    let digest = TxMidstate::new(&tx, &spent).legacy(0, &code, 1);
    let signature: Signature = key.sign_prehash(&digest).expect("a signature");
    let mut script_sig = vec![];
    let with_type = [signature.to_der().as_bytes(), &[1]].concat();
    script::instruction::push_data(&mut script_sig, &with_type);
    script::instruction::push_data(&mut script_sig, public.as_bytes());
    tx.inputs[0].script_sig = Script::new(script_sig);
    (tx, spent)
}

/// Measures everything.
pub fn rows() -> Vec<Row> {
    let ms = |count| Some(Duration::from_millis(count));
    let key = SigningKey::from_slice(&sha256(b"bench")).expect("a scalar");
    let digest = sha256(b"message");
    let signature: Signature = key.sign_prehash(&digest).expect("a signature");
    let der = signature.to_der().as_bytes().to_vec();
    let public = key.verifying_key().to_sec1_point(true).as_bytes().to_vec();
    let (_, recovery) = key.sign_prehash_recoverable(&digest);
    let schnorr_key = k256::schnorr::SigningKey::from_slice(&sha256(b"bench")).expect("a scalar");
    let schnorr = schnorr_key.sign_raw(&digest, &[1; 32]).expect("a signature").to_bytes();
    let x_only: [u8; 32] = schnorr_key.verifying_key().to_bytes().into();

    let block: Vec<_> = (0..100).map(|n| signed(&key, n)).collect();
    let list: Vec<_> = block.iter().map(|(tx, spent)| TxScripts { tx, spent }).collect();
    let flags = ScriptFlags::STANDARD;
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let verify_block = || assert_eq!(verify_all(black_box(&list), flags, None), Ok(()));

    vec![
        Row {
            name: "SHA-256 of 32 bytes",
            time: median(10_000, || {
                black_box(sha256(black_box(&digest)));
            }),
            limit: ms(1),
        },
        Row {
            name: "ECDSA sign",
            time: median(200, || {
                let signature: Signature =
                    key.sign_prehash(black_box(&digest)).expect("a signature");
                black_box(signature);
            }),
            limit: ms(5),
        },
        Row {
            name: "ECDSA verify (key and DER read)",
            time: median(200, || {
                let key = PublicKey::from_bytes(black_box(&public)).expect("a key");
                let signature = EcdsaSignature::from_lax_der(black_box(&der)).expect("DER");
                assert!(signature.verify(&key, &digest));
            }),
            limit: ms(10),
        },
        Row {
            name: "ECDSA recover",
            time: median(200, || {
                let found = VerifyingKey::recover_from_prehash(&digest, &signature, recovery);
                assert!(black_box(found).is_ok());
            }),
            limit: ms(10),
        },
        Row {
            name: "Schnorr verify",
            time: median(200, || {
                assert!(verify_schnorr(black_box(&x_only), &digest, black_box(&schnorr)));
            }),
            limit: None,
        },
        Row {
            name: "transaction of one input",
            time: median(200, || {
                assert_eq!(verify_all(black_box(&list[..1]), flags, None), Ok(()))
            }),
            limit: ms(2),
        },
        Row {
            name: "block of 100 transactions, one thread",
            time: one_thread.install(|| median(5, verify_block)),
            limit: ms(100),
        },
        Row {
            name: "block of 100 transactions, all threads",
            time: median(5, verify_block),
            limit: ms(100),
        },
    ]
}

#[allow(dead_code)]
fn main() {
    println!("{:<40} {:>12} {:>12}", "", "time", "limit");
    for row in rows() {
        let limit = row.limit.map_or(String::new(), |limit| format!("{limit:?}"));
        let time = format!("{:.2?}", row.time);
        let over = row.limit.is_some_and(|limit| row.time > limit);
        println!("{:<40} {time:>12} {limit:>12}{}", row.name, if over { "  OVER" } else { "" });
    }
}
