//! Signature checks as lists beside libsecp256k1 and k256, keys and signatures read from bytes:
//!
//!   cargo run --release --manifest-path benches/peers/Cargo.toml --bin batch
//!
//! All ways take turns in each round; medians, microseconds a signature. Then what each kind of
//! lanes that the machine has takes for 1,000 signatures, and a block of 2,000 inputs through the
//! script engine, one by one and collected.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crypto::batch::equation::{Relation, Told, holds};
use crypto::batch::lanes::{Job, Lanes};
use crypto::batch::list::{self, Check};
use crypto::batch::{lockstep, simd};
use crypto::curve::{EcdsaSignature, PublicKey, verify_schnorr};
use crypto::hash::{hash160, sha256};
use primitives::amount::Amount;
use primitives::id::Txid;
use primitives::script::Script;
use primitives::tx::{OutPoint, Transaction, TxIn, TxOut};
use script::check::{TxScripts, verify_all};
use script::collect;
use script::flags::ScriptFlags;
use script::sighash::{TaprootContext, TxMidstate};
use secp256k1::{Keypair, Message, XOnlyPublicKey, ecdsa, schnorr};

const ROUNDS: usize = 7;
const SIZES: [usize; 4] = [16, 100, 1000, 4000];
const INPUTS: u32 = 2000;

type Way<'a> = (&'a str, Box<dyn FnMut() + 'a>);

/// Medians of all ways, each run once a round, in turn.
fn medians(ways: &mut [Way<'_>]) -> Vec<Duration> {
    let mut times = vec![vec![]; ways.len()];
    for round in 0..=ROUNDS {
        for ((_, run), times) in ways.iter_mut().zip(&mut times) {
            let start = Instant::now();
            run();
            if round > 0 {
                times.push(start.elapsed());
            }
        }
    }
    let middle = |mut times: Vec<Duration>| {
        times.sort();
        times[ROUNDS / 2]
    };
    times.into_iter().map(middle).collect()
}

struct Ecdsa {
    der: Vec<u8>,
    key: [u8; 33],
    digest: [u8; 32],
}

struct Schnorr {
    signature: [u8; 64],
    key: [u8; 32],
    digest: [u8; 32],
}

fn pair(n: usize) -> Keypair {
    Keypair::from_secret_bytes(sha256(&(n as u64).to_le_bytes())).expect("a scalar")
}

fn print(title: &str, count: usize, ways: &mut [Way<'_>]) {
    let times = medians(ways);
    let base = times[0].as_secs_f64();
    print!("{title:<22} {count:>5}");
    for ((name, _), time) in ways.iter().zip(&times) {
        let each = time.as_secs_f64() * 1e6 / count as f64;
        print!("  {name} {each:.1} ({:.2}x)", base / time.as_secs_f64());
    }
    println!();
}

fn signatures(one: &rayon::ThreadPool) {
    let most = SIZES[SIZES.len() - 1];
    let ecdsas: Vec<Ecdsa> = (0..most)
        .map(|n| {
            let digest = sha256(&(n as u32).to_be_bytes());
            let signature = ecdsa::sign(Message::from_digest(digest), &pair(n).secret_key());
            let der = signature.serialize_der().to_vec();
            Ecdsa { der, key: pair(n).public_key().serialize(), digest }
        })
        .collect();
    let schnorrs: Vec<Schnorr> = (0..most)
        .map(|n| {
            let digest = sha256(&(n as u32).to_be_bytes());
            let pair = pair(n);
            let signature = schnorr::sign_with_aux_rand(&digest, &pair, &[1; 32]).to_byte_array();
            Schnorr { signature, key: pair.x_only_public_key().0.to_byte_array(), digest }
        })
        .collect();
    let check = |e: &Ecdsa| Check::ecdsa(&e.der, &e.key, &e.digest).expect("well formed");
    let of_schnorr = |s: &Schnorr| Check::schnorr(&s.signature, &s.key, &s.digest).expect("formed");
    let all: Vec<Check> = ecdsas.iter().map(check).collect();
    let none = vec![None; most];
    let hints: Vec<_> = list::verify(&all, &none).iter().map(|f| Some(f.odd)).collect();
    let (check, of_schnorr, none, hints) = (&check, &of_schnorr, &none, &hints);
    for count in SIZES {
        let some = &ecdsas[..count];
        let run = move |hints: &[Option<bool>]| {
            let checks: Vec<Check> = some.iter().map(check).collect();
            assert!(list::verify(&checks, hints).iter().all(|found| found.valid));
        };
        let mut ways: Vec<Way<'_>> = vec![
            (
                "libsecp256k1",
                Box::new(|| {
                    for e in some {
                        let key = secp256k1::PublicKey::from_slice(&e.key).expect("a key");
                        let signature = ecdsa::Signature::from_der_lax(&e.der).expect("DER");
                        let message = Message::from_digest(e.digest);
                        assert!(ecdsa::verify(&signature, message, &key).is_ok());
                    }
                }),
            ),
            (
                "k256",
                Box::new(|| {
                    for e in some {
                        let key = PublicKey::from_bytes(&e.key).expect("a key");
                        let signature = EcdsaSignature::from_lax_der(&e.der).expect("DER");
                        assert!(signature.verify(&key, &e.digest));
                    }
                }),
            ),
            ("alone", Box::new(move || one.install(|| run(&none[..count])))),
            ("hints", Box::new(move || one.install(|| run(&hints[..count])))),
            ("alone, all cores", Box::new(move || run(&none[..count]))),
            ("hints, all cores", Box::new(move || run(&hints[..count]))),
        ];
        print("ECDSA", count, &mut ways);
        let some = &schnorrs[..count];
        let run = move || {
            let checks: Vec<Check> = some.iter().map(of_schnorr).collect();
            assert!(list::verify(&checks, &none[..count]).iter().all(|found| found.valid));
        };
        let mut ways: Vec<Way<'_>> = vec![
            (
                "libsecp256k1",
                Box::new(|| {
                    for s in some {
                        let key = XOnlyPublicKey::from_byte_array(s.key).expect("a key");
                        let signature = schnorr::Signature::from_byte_array(s.signature);
                        assert!(schnorr::verify(&signature, &s.digest, &key).is_ok());
                    }
                }),
            ),
            (
                "k256",
                Box::new(|| {
                    assert!(some.iter().all(|s| verify_schnorr(&s.key, &s.digest, &s.signature)));
                }),
            ),
            ("batch", Box::new(move || one.install(run))),
            ("batch, all cores", Box::new(run)),
        ];
        print("Schnorr", count, &mut ways);
    }
}

/// Medians of the batch equation and of verifying alone.
#[derive(Clone, Copy)]
struct Both<'a>(&'a [Relation], &'a [Option<bool>]);

impl Job for Both<'_> {
    type Output = [Duration; 2];

    #[inline(always)]
    fn run<const W: usize, L: Lanes<W>>(self) -> [Duration; 2] {
        let Both(relations, hints) = self;
        let mut times = [vec![], vec![]];
        for _ in 0..ROUNDS {
            let start = Instant::now();
            let told = relations.iter().zip(hints).map(|(one, hint)| Told::new(one, *hint));
            let told: Vec<Told<'_>> = told.map(|told| told.expect("a hint")).collect();
            assert!(holds::<W, L>(black_box(&told)));
            times[0].push(start.elapsed());
            let start = Instant::now();
            assert!(lockstep::verify::<W, L>(black_box(relations)).iter().all(|one| one.valid));
            times[1].push(start.elapsed());
        }
        times.map(|mut times| {
            times.sort();
            times[ROUNDS / 2]
        })
    }
}

fn each_kind_of_lanes() {
    const COUNT: usize = 1000;
    let checks: Vec<Check> = (0..COUNT)
        .map(|n| {
            let digest = sha256(&(n as u32).to_be_bytes());
            let signature = ecdsa::sign(Message::from_digest(digest), &pair(n).secret_key());
            let key = pair(n).public_key().serialize();
            Check::ecdsa(&signature.serialize_der(), &key, &digest).expect("well formed")
        })
        .collect();
    let found = list::verify(&checks, &[None; COUNT]);
    let hints: Vec<Option<bool>> = found.iter().map(|found| Some(found.odd)).collect();
    for (name, times) in simd::each(Both(&list::relations(&checks), &hints)) {
        let [equation, alone] = times.map(|time| time.as_secs_f64() * 1e6 / COUNT as f64);
        println!("{name:<22} {COUNT:>5}  the equation {equation:.1}  alone {alone:.1}");
    }
}

/// A spend of a witness key hash, or of a taproot key.
fn spend(n: u32, taproot: bool) -> (Transaction, Vec<TxOut>) {
    let pair = pair(n as usize);
    let hash = hash160(&pair.public_key().serialize());
    let program = match taproot {
        true => [&[0x51, 32], &pair.x_only_public_key().0.to_byte_array()[..]].concat(),
        false => [&[0, 20], &hash[..]].concat(),
    };
    let spent = vec![TxOut { value: Amount(1000), script_pubkey: Script::new(program) }];
    let input = TxIn {
        prevout: OutPoint { txid: Txid(sha256(&n.to_le_bytes())), vout: n },
        script_sig: Script::default(),
        sequence: u32::MAX,
        witness: vec![],
    };
    let mut tx =
        Transaction { version: 2, inputs: vec![input], outputs: spent.clone(), lock_time: 0 };
    let midstate = TxMidstate::new(&tx, &spent);
    let witness = if taproot {
        let context = TaprootContext { annex_hash: None, leaf: None };
        let digest = midstate.taproot(0, 0, &context).expect("a hash");
        vec![schnorr::sign_with_aux_rand(&digest, &pair, &[1; 32]).to_byte_array().to_vec()]
    } else {
        let code = [&[0x76, 0xa9, 20], &hash[..], &[0x88, 0xac]].concat();
        let digest = midstate.witness_v0(0, &code, 1000, 1);
        let signature = ecdsa::sign(Message::from_digest(digest), &pair.secret_key());
        let der = [&signature.serialize_der()[..], &[1]].concat();
        vec![der, pair.public_key().serialize().to_vec()]
    };
    tx.inputs[0].witness = witness;
    (tx, spent)
}

fn blocks(one: &rayon::ThreadPool) {
    for (title, taproot) in [("block of P2WPKH", false), ("block of P2TR", true)] {
        let spends: Vec<_> = (0..INPUTS).map(|n| spend(n, taproot)).collect();
        let list: Vec<_> = spends.iter().map(|(tx, spent)| TxScripts { tx, spent }).collect();
        let (list, flags) = (&list[..], ScriptFlags::CONSENSUS);
        let learnt = collect::verify_all(list, flags, None, &vec![]).expect("valid");
        let learnt = &learnt;
        let plain = move || assert_eq!(verify_all(black_box(list), flags, None), Ok(()));
        let none = move || assert!(collect::verify_all(list, flags, None, &vec![]).is_ok());
        let told = move || assert!(collect::verify_all(list, flags, None, learnt).is_ok());
        let mut ways: Vec<Way<'_>> = vec![
            ("one by one", Box::new(move || one.install(plain))),
            ("collected", Box::new(move || one.install(none))),
            ("with hints", Box::new(move || one.install(told))),
            ("one by one, all cores", Box::new(plain)),
            ("collected, all cores", Box::new(none)),
            ("with hints, all cores", Box::new(told)),
        ];
        print(title, INPUTS as usize, &mut ways);
    }
}

fn main() {
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    signatures(&one);
    each_kind_of_lanes();
    blocks(&one);
}
