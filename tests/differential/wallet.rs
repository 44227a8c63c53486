//! The wallet's spends before Core's verifier, and its PSBTs beside the crate `bitcoin`: theirs
//! reads and signs ours, ours signs and finishes theirs.

use std::collections::BTreeMap;
use std::str::FromStr;

use bitcoin::bip32::{DerivationPath, Fingerprint, Xpriv};
use bitcoin::secp256k1::{Secp256k1, XOnlyPublicKey};
use bitcoin::{Amount as TheirAmount, ScriptBuf, psbt::Psbt as TheirPsbt};
use crypto::entropy::SeededEntropy;
use crypto::hash::sha256;
use primitives::amount::Amount;
use primitives::codec::Encode;
use primitives::fee::FeeRate;
use primitives::id::Txid;
use primitives::network::REGTEST;
use primitives::script::Script;
use primitives::tx::{OutPoint, Transaction, TxIn, TxOut};
use wallet::book::Book;
use wallet::descriptor::{Descriptor, KeyExpr, Wrap, multisig};
use wallet::keys::{KeyOrigin, Seed, parse_path};
use wallet::psbt::Psbt;
use wallet::spend::{Coin, MasterSigner, Order, Plan, plan, psbt_of};
use wallet::vault::{Lock, VaultScript};
use wallet::verdict::{Leave, judge};
use psbt_v2::v2::Psbt as PsbtV2;

fn book(n: u8) -> Book {
    Book::from_seed(Seed::from_entropy(&[n; 32]).expect("entropy"), &REGTEST).expect("a wallet")
}

/// The same tree of keys as the crate `bitcoin` has it.
fn theirs(n: u8) -> Xpriv {
    let mnemonic = bip39::Mnemonic::from_entropy(&[n; 32]).expect("entropy");
    Xpriv::new_master(bitcoin::Network::Regtest, &mnemonic.to_seed("")).expect("a master")
}

/// The transaction that made a coin.
fn before(output: &TxOut) -> Transaction {
    Transaction {
        version: 2,
        lock_time: 0,
        inputs: vec![TxIn {
            prevout: OutPoint { txid: Txid([9; 32]), vout: 0 },
            script_sig: Script::default(),
            sequence: u32::MAX,
            witness: Vec::new(),
        }],
        outputs: vec![output.clone()],
    }
}

fn made(book: &Book, plan: &Plan) -> Psbt {
    let find = |txid: &Txid| {
        let all = plan.coins.iter().map(|coin| before(&coin.output));
        all.into_iter().find(|tx| tx.txid() == *txid)
    };
    psbt_of(book, plan, find).expect("a PSBT")
}

/// Judged and signed by wallet `n`, which has registered the accounts of `policy`.
fn signed(psbt: Psbt, n: u8, policy: &Book) -> Psbt {
    let mut signer = book(n);
    for account in &policy.accounts {
        // Its own are there already.
        let _ = signer.add_account(&format!("{}+", account.name), account.descriptor.clone());
    }
    let verdict = judge(&signer, psbt, &|_| None, Leave::default()).expect("understood");
    let master = signer.master().expect("keys");
    let (psbt, count) = verdict.sign(&MasterSigner(&master), &[5; 32]).expect("signed");
    assert!(count > 0);
    psbt
}

fn signed_by_owner(psbt: Psbt, owner: &Book) -> Psbt {
    signed(psbt, 1, owner)
}

fn coin(book: &Book, account: usize, index: u32) -> Coin {
    let derived = book.accounts[account].descriptor.derive(0, index).expect("derived");
    let output = TxOut { value: Amount(100_000), script_pubkey: derived.script_pubkey };
    Coin {
        outpoint: OutPoint { txid: before(&output).txid(), vout: 0 },
        output,
        height: Some(1),
        coinbase: false,
        account,
        branch: 0,
        index,
    }
}

fn sweep(book: &Book, account: usize, count: u32, order: Order) -> Plan {
    let coins: Vec<Coin> = (0..count).map(|index| coin(book, account, index)).collect();
    let script_pubkey = Script([&[0, 20][..], &[7; 20]].concat());
    let recipients = vec![TxOut { value: Amount::ZERO, script_pubkey }];
    let order = Order { recipients, rate: FeeRate { per_kvb: 1000 }, sweep: true, ..order };
    plan(book, &coins, &order, &mut SeededEntropy::new([1; 32])).expect("planned")
}

/// Core's verifier accepts every input.
fn accepted(tx: &Transaction, plan: &Plan) {
    let bytes = tx.to_bytes();
    let utxos: Vec<bitcoinconsensus::Utxo> = plan
        .coins
        .iter()
        .map(|coin| {
            let script = coin.output.script_pubkey.as_bytes();
            bitcoinconsensus::Utxo {
                script_pubkey: script.as_ptr(),
                script_pubkey_len: script.len() as u32,
                value: coin.output.value.0,
            }
        })
        .collect();
    for (at, coin) in plan.coins.iter().enumerate() {
        let verdict = bitcoinconsensus::verify_with_flags(
            coin.output.script_pubkey.as_bytes(),
            coin.output.value.0 as u64,
            &bytes,
            Some(&utxos),
            at,
            bitcoinconsensus::VERIFY_ALL_PRE_TAPROOT | bitcoinconsensus::VERIFY_TAPROOT,
        );
        assert!(verdict.is_ok(), "input {at}: {verdict:?}");
    }
}

fn finished(mut psbt: Psbt) -> Transaction {
    psbt.finalize().expect("complete");
    psbt.verified().expect("the engine accepts it")
}

/// Signed by us, read by them; signed by them, finished by us; Core accepts both.
fn both_ways(watch: &Book, plan: &Plan, signers: &[u8]) {
    let made = made(watch, plan);
    let mut ours = made.clone();
    let mut their = TheirPsbt::deserialize(&made.to_bytes()).expect("they read it");
    let secp = Secp256k1::new();
    for n in signers {
        ours = signed(ours, *n, watch);
        their.sign(&theirs(*n), &secp).expect("they sign it");
    }
    let read = TheirPsbt::deserialize(&ours.to_bytes()).expect("they read what we signed");
    assert_eq!(read.serialize(), ours.to_bytes(), "byte for byte");
    assert_eq!(read.unsigned_tx.compute_txid().to_string(), ours.tx.txid().to_string());
    accepted(&finished(ours), plan);
    let back = Psbt::from_bytes(&their.serialize()).expect("we read what they signed");
    accepted(&finished(back), plan);
}

#[test]
fn single_keys_and_treasuries_both_ways() {
    for account in [0, 1] {
        let owner = book(1);
        both_ways(&owner, &sweep(&owner, account, 3, Order::default()), &[1]);
    }
    for (wrap, required, signers) in
        [(Wrap::Wsh, 3, &[5u8, 1, 3][..]), (Wrap::Wsh, 2, &[2, 4]), (Wrap::ShWsh, 3, &[1, 2, 3])]
    {
        let keys: Vec<KeyExpr> = (1..=5).map(|n| book(n).cosigner().expect("a key")).collect();
        let mut watch = Book::watch_only(&REGTEST);
        let descriptor = multisig(wrap, true, required, keys).expect("a multisig");
        watch.add_account("treasury", descriptor).expect("added");
        both_ways(&watch, &sweep(&watch, 0, 2, Order::default()), signers);
    }
}

/// Outputs without a witness of their own: the whole transaction before is signed for.
#[test]
fn older_kinds_both_ways() {
    let keys = || -> Vec<KeyExpr> { (1..=3).map(|n| book(n).cosigner().expect("a key")).collect() };
    for (descriptor, signers) in [
        (Descriptor::Pkh(book(1).cosigner().expect("a key")), &[1u8][..]),
        (Descriptor::ShWpkh(book(1).cosigner().expect("a key")), &[1]),
        (multisig(Wrap::Sh, true, 2, keys()).expect("a multisig"), &[3, 1]),
        (multisig(Wrap::Sh, false, 2, keys()).expect("a multisig"), &[2, 3]),
    ] {
        let mut watch = Book::watch_only(&REGTEST);
        let account = watch.add_account("older", descriptor).expect("added");
        both_ways(&watch, &sweep(&watch, account, 1, Order::default()), signers);
    }
}

/// BIP370 as the crate `psbt-v2` has it.
#[test]
fn version_two_both_ways() {
    let secp = Secp256k1::new();
    for lock_time in [0, 500] {
        let owner = book(1);
        let plan = sweep(&owner, 0, 3, Order { lock_time, ..Order::default() });
        let made = made(&owner, &plan).to_version(2);
        let their = PsbtV2::deserialize(&made.to_bytes()).expect("they read it");
        same_fields(&their, &made);
        let signer = psbt_v2::v2::Signer::new(their).expect("its locks agree");
        let txid = signer.unsigned_tx().compute_txid();
        assert_eq!(txid.to_string(), made.tx.txid().to_string());
        let (whole, _) = signer.sign(&theirs(1), &secp).expect("they sign it");
        let back = Psbt::from_bytes(&whole.serialize()).expect("we read what they signed");
        accepted(&finished(back), &plan);
        let ours = signed_by_owner(made, &owner);
        let read = PsbtV2::deserialize(&ours.to_bytes()).expect("they read what we signed");
        same_fields(&read, &ours);
    }
}

/// Theirs orders the fields otherwise and writes the flags of what may be modified out.
fn same_fields(theirs: &PsbtV2, ours: &Psbt) {
    let again = Psbt::from_bytes(&theirs.serialize()).expect("we read it");
    assert_eq!(again.tx, ours.tx);
    assert_eq!((again.inputs, again.outputs), (ours.inputs.clone(), ours.outputs.clone()));
}

#[test]
fn vaults_before_core() {
    let origin = |path: &str| {
        let master = book(1).master().expect("keys");
        let path = parse_path(path).expect("a path");
        let key = master.private_key(&path).expect("a key").public_key();
        KeyExpr::single(KeyOrigin { fingerprint: master.fingerprint(), path }, key)
    };
    let own = origin("84h/1h/0h/2/0");
    let timed = |lock| VaultScript::Timed { key: own.clone(), lock };
    let hashed = || VaultScript::Hashed {
        claim: own.clone(),
        hash: sha256(&[8; 32]),
        refund: own.clone(),
        lock: Lock::Until(700),
    };
    for (vault, knows, lock_time, sequence) in [
        (timed(Lock::Until(700)), false, 700, None),
        (timed(Lock::For(12)), false, 0, Some(12)),
        (hashed(), true, 0, None),
        (hashed(), false, 700, None),
    ] {
        let mut owner = book(1);
        if knows {
            owner.add_secret([8; 32]);
        }
        let descriptor = Descriptor::Vault(Box::new(vault));
        let account = owner.add_account("vault", descriptor).expect("added");
        let order = Order { lock_time, sequence, ..Order::default() };
        let plan = sweep(&owner, account, 1, order);
        let psbt = signed_by_owner(made(&owner, &plan), &owner);
        TheirPsbt::deserialize(&psbt.to_bytes()).expect("they read it");
        accepted(&finished(psbt), &plan);
    }
}

/// PSBTs that the crate made, signed and finished by us.
#[test]
fn ours_sign_theirs() {
    let secp = Secp256k1::new();
    for (account, path) in [(0, "m/84h/1h/0h/0/0"), (1, "m/86h/1h/0h/0/0")] {
        let owner = book(1);
        let plan = sweep(&owner, account, 1, Order::default());
        let mut base = Vec::new();
        plan.tx.encode_base(&mut base);
        let tx = bitcoin::consensus::deserialize(&base).expect("they read it");
        let mut their = TheirPsbt::from_unsigned_tx(tx).expect("a PSBT");
        let coin = &plan.coins[0];
        their.inputs[0].witness_utxo = Some(bitcoin::TxOut {
            value: TheirAmount::from_sat(coin.output.value.0 as u64),
            script_pubkey: ScriptBuf::from_bytes(coin.output.script_pubkey.0.clone()),
        });
        if account == 0 {
            let bytes = before(&coin.output).to_bytes();
            let tx = bitcoin::consensus::deserialize(&bytes).expect("they read it");
            their.inputs[0].non_witness_utxo = Some(tx);
        }
        let root = theirs(1);
        let path = DerivationPath::from_str(path).expect("a path");
        let key = root.derive_priv(&secp, &path).expect("a key").to_priv().public_key(&secp);
        let source: (Fingerprint, DerivationPath) = (root.fingerprint(&secp), path);
        if account == 0 {
            their.inputs[0].bip32_derivation = BTreeMap::from([(key.inner, source)]);
        } else {
            let key = XOnlyPublicKey::from(key.inner);
            their.inputs[0].tap_internal_key = Some(key);
            their.inputs[0].tap_key_origins = BTreeMap::from([(key, (Vec::new(), source))]);
        }
        let ours = Psbt::from_bytes(&their.serialize()).expect("we read it");
        let ours = signed_by_owner(ours, &owner);
        accepted(&finished(ours), &plan);
    }
}
