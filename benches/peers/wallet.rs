//! Signing a thousand inputs, and what opening a wallet costs beyond its key derivation.
//!
//! ```text
//! cargo run --release --manifest-path benches/peers/Cargo.toml --bin wallet
//! ```
//! The crate `bitcoin` signs with libsecp256k1; both sign the same PSBT, in turn, medians of runs.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use bitcoin::bip32::Xpriv;
use bitcoin::psbt::Psbt as TheirPsbt;
use bitcoin::secp256k1::Secp256k1;
use crypto::entropy::SeededEntropy;
use crypto::seal::{self, Cost, SealKey};
use primitives::amount::Amount;
use primitives::fee::FeeRate;
use primitives::id::Txid;
use primitives::network::REGTEST;
use primitives::script::Script;
use primitives::tx::{OutPoint, Transaction, TxIn, TxOut};
use wallet::book::Book;
use wallet::keys::Seed;
use wallet::spend::{Coin, MasterSigner, Order, plan, psbt_of};
use wallet::verdict::{Leave, Place, judge};

const INPUTS: u32 = 1000;
const RUNS: usize = 7;

/// The transaction that made a coin.
fn before(output: &TxOut) -> Transaction {
    let input = TxIn {
        prevout: OutPoint { txid: Txid([9; 32]), vout: 0 },
        script_sig: Script::default(),
        sequence: u32::MAX,
        witness: Vec::new(),
    };
    Transaction { version: 2, inputs: vec![input], outputs: vec![output.clone()], lock_time: 0 }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn main() {
    let entropy = [7u8; 32];
    let seed = Seed::from_entropy(&entropy).expect("entropy");
    let book = Book::from_seed(seed, &REGTEST).expect("a wallet");
    let mnemonic = bip39::Mnemonic::from_entropy(&entropy).expect("entropy");
    let root = Xpriv::new_master(bitcoin::Network::Regtest, &mnemonic.to_seed("")).expect("a root");
    let secp = Secp256k1::new();
    let mut random = SeededEntropy::new([1; 32]);
    for (account, name) in [(0, "P2WPKH"), (1, "P2TR")] {
        let prepared = book.accounts[account].descriptor.prepare(0).expect("prepared");
        let mut previous = BTreeMap::new();
        let coins: Vec<Coin> = (0..INPUTS)
            .map(|index| {
                let script_pubkey = prepared.at(index).expect("derived").script_pubkey;
                let output = TxOut { value: Amount(100_000), script_pubkey };
                let tx = before(&output);
                let outpoint = OutPoint { txid: tx.txid(), vout: 0 };
                previous.insert(outpoint.txid, tx);
                let (height, coinbase, branch) = (Some(1), false, 0);
                Coin { outpoint, output, height, coinbase, account, branch, index }
            })
            .collect();
        let places: HashMap<Script, Place> = coins
            .iter()
            .map(|coin| (coin.output.script_pubkey.clone(), (account, 0, coin.index)))
            .collect();
        let script_pubkey = Script([&[0, 20][..], &[7; 20]].concat());
        let recipients = vec![TxOut { value: Amount::ZERO, script_pubkey }];
        let order = Order { recipients, rate: FeeRate { per_kvb: 1000 }, sweep: true, ..Order::default() };
        let plan = plan(&book, &coins, &order, &mut random).expect("planned");
        let psbt = psbt_of(&book, &plan, |txid| previous.get(txid).cloned()).expect("a PSBT");
        let their = TheirPsbt::deserialize(&psbt.to_bytes()).expect("read");
        let (mut ours_took, mut their_took) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            let psbt = psbt.clone();
            let started = Instant::now();
            let master = book.master().expect("keys");
            let find = |script: &Script| places.get(script).copied();
            let verdict = judge(&book, psbt, &find, Leave::default()).expect("understood");
            let made = verdict.sign(&MasterSigner(&master), &[5; 32]).expect("signed");
            ours_took.push(started.elapsed());
            assert_eq!(made.1, INPUTS as usize);
            let mut their = their.clone();
            let started = Instant::now();
            let signed = their.sign(&root, &secp).expect("signed");
            their_took.push(started.elapsed());
            assert_eq!(signed.len(), INPUTS as usize);
        }
        let (ours, their) = (median(ours_took), median(their_took));
        let ratio = ours.as_secs_f64() / their.as_secs_f64();
        println!(
            "sign {INPUTS} {name}: {ours:.0?}, bitcoin + libsecp256k1 {their:.0?}, ratio {ratio:.2}"
        );
    }
    let (mut derived, mut opened) = (Vec::new(), Vec::new());
    let key = SealKey::create(b"bench", Cost::DEFAULT, &mut random).expect("a key");
    let file = key.seal(&book.to_body(), &mut random).expect("sealed");
    for _ in 0..RUNS {
        let started = Instant::now();
        SealKey::create(b"bench", Cost::DEFAULT, &mut random).expect("a key");
        derived.push(started.elapsed());
        let started = Instant::now();
        let (body, _) = seal::open(b"bench", &file).expect("opens");
        let book = Book::from_body(&body, &REGTEST).expect("a wallet");
        book.master().expect("keys");
        opened.push(started.elapsed());
    }
    let (derived, opened) = (median(derived), median(opened));
    println!("open {opened:.1?}, its key derivation {derived:.1?}");
}
