//! The signer as a verifier and the journal, with money that really moves: what thieves hand to a
//! treasurer, and nodes that are killed.

use std::fs;
use std::path::Path;

use primitives::amount::Amount;
use wallet::psbt::Psbt;
use wallet::psbt::fields::input;

use super::run::NodeProcess;
use super::wallet::{Place, STRANGER};

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn read(path: &Path) -> Psbt {
    Psbt::read(&fs::read(path).expect("read")).expect("a PSBT")
}

fn put(path: &Path, psbt: &Psbt) {
    fs::write(path, psbt.to_base64()).expect("written");
}

/// Three wallets, and what each hands out for multisigs.
fn three(place: &Place) -> Vec<String> {
    let key = |n: u8| {
        place.does(&format!("new save-encrypted {n}.wallet bye"));
        place.does(&format!("load {n}.wallet multisig-key bye"))
    };
    (1..=3).map(key).collect()
}

#[test]
fn a_treasury_takes_no_key_twice_and_no_strangers_key_as_its_own() {
    let place = Place::new();
    let keys = three(&place);
    let (origin, xpub) = keys[1].split_once(']').expect("an origin");
    let mut bytes = base58ck::decode_check(xpub).expect("a key");
    bytes[6] ^= 1;
    let twin = base58ck::Base58CkString::encode(&bytes).expect("short");
    let disguised = format!("[0badcafe/1h]{}", twin.as_str());
    let fails = |keys: &[&str]| {
        place.fails(&format!("load 1.wallet multisig-2of3 {}\nbye", keys.join(" ")))
    };
    let error = fails(&[&keys[0], &keys[1], &disguised]);
    assert!(error.contains("two seats"), "{error}");
    // The second wallet's fingerprint around the third's key: the second is not deceived.
    let borrowed = format!("{origin}]{}", keys[2].split_once(']').expect("an origin").1);
    let list = [
        &keys[0][..],
        &borrowed,
        "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9",
    ];
    let error = place.fails(&format!("load 2.wallet multisig-2of3 {}\nbye", list.join(" ")));
    assert!(error.contains("somebody put theirs in its place"), "{error}");
    // A set without a key of ours is watched, when that is said.
    let without = format!("load 1.wallet multisig-budget {} {}\nbye", keys[1], keys[2]);
    assert!(place.fails(&without).contains("could never sign"));
    let made = place.does(&format!("load 2.wallet multisig-budget {} {}\nbye", keys[1], keys[2]));
    let descriptor = made.lines().find(|line| line.starts_with("descriptor")).expect("one");
    let descriptor = descriptor.split_whitespace().last().expect("a text");
    place.does(&format!("load 1.wallet watch {descriptor} bye"));
}

#[test]
fn altered_proposals_get_no_signature_and_scripts_are_told() {
    let place = Place::new();
    let keys = three(&place).join(" ");
    for n in 1..=3 {
        place.does(&format!("load {n}.wallet multisig-2of3 {keys}\nbye"));
    }
    let node = NodeProcess::start(place.path());
    let treasury = place.does("load 1.wallet use-account 2of3 address bye");
    place.mine(2, &treasury);
    place.mine(100, STRANGER);
    let create = |file: &str, amount: &str| {
        place.does(&format!(
            "init-storage load 1.wallet use-account 2of3 psbt-create {file} {STRANGER} {amount} bye"
        ))
    };
    create("pay.psbt", "60.0");
    let checked = json(&place.does("load 2.wallet psbt-check pay.psbt bye"));
    assert_eq!(checked["approved"], true, "{checked}");
    assert_eq!(checked["paid"], "60.00000000");
    assert_eq!(checked["inputs"][0]["amount_proven_by"], "previous transaction");
    // Two open proposals share no coin.
    let error = place.fails(&format!(
        "init-storage load 1.wallet use-account 2of3 psbt-create p.psbt {STRANGER} 1.0 bye"
    ));
    assert!(error.contains("more is locked"), "{error}");

    let honest = read(&place.file("pay.psbt"));
    let refused = |name: &str, psbt: &Psbt, wanted: &str| {
        put(&place.file("bad.psbt"), psbt);
        let ran = place.run_with(&[], "pass", "load 2.wallet psbt-check bad.psbt bye");
        assert_eq!(ran.code, Some(5), "{name}: {} {}", ran.out, ran.err);
        let verdict = json(ran.out.trim());
        assert_eq!(verdict["approved"], false, "{name}");
        assert!(verdict["refusals"].to_string().contains(wanted), "{name}: {verdict}");
        let error = place.fails("load 2.wallet psbt-sign bad.psbt signed.psbt bye");
        assert!(error.contains(wanted), "{name}: {error}");
        assert!(!place.file("signed.psbt").exists());
    };
    // The fee lie, in both ceremonies.
    for at in [0, 1] {
        let mut told = honest.clone();
        for map in &mut told.inputs {
            map.remove(&[input::NON_WITNESS_UTXO][..]);
        }
        let mut utxo = told.utxo(at).expect("an output");
        utxo.value = Amount(utxo.value.0 + 1_000_000_000);
        told.put_witness_utxo(at, &utxo);
        refused("fee lie", &told, "not proven");
        let mut told = honest.clone();
        told.put_witness_utxo(at, &utxo);
        refused("contradiction", &told, "another amount");
    }
    let change = honest.outputs.iter().position(|map| !map.is_empty()).expect("change");
    let mut stolen = honest.clone();
    stolen.tx.outputs[change].script_pubkey = honest.tx.outputs[1 - change].script_pubkey.clone();
    refused("change", &stolen, "says it is ours");
    let mut asked = honest.clone();
    asked.put_input(0, input::SIGHASH_TYPE, vec![0x82, 0, 0, 0]);
    refused("sighash", &asked, "NONE|ANYONECANPAY");

    // The honest one moves the coins, and the journal of who sent it follows.
    place.does("load 2.wallet psbt-sign pay.psbt one.psbt bye");
    place.does("load 3.wallet psbt-sign one.psbt two.psbt bye");
    let txid = place.does("init-storage load 1.wallet psbt-broadcast two.psbt bye");
    place.mine(1, STRANGER);
    let history = json(&place.does("init-storage load 1.wallet get-wallet-history type bye"));
    assert_eq!(history[0]["txid"], txid);
    assert_eq!(history[0]["state"], "confirmed, 1 deep");
    assert_eq!(node.stop(), Some(0));
}

/// A wallet with coins on one account, and a node that runs.
fn funded(blocks: u32) -> (Place, NodeProcess) {
    let place = Place::new();
    place.does("new save-encrypted a.wallet bye");
    let node = NodeProcess::start(place.path());
    let first = place.does("load a.wallet address bye");
    place.mine(blocks, &first);
    place.mine(100, STRANGER);
    (place, node)
}

/// Fault 4: the node dies without a word, with it its pool.
#[test]
fn a_payment_outlives_kill_9_and_is_paid_once() {
    let (place, node) = funded(3);
    let load = "init-storage load a.wallet";
    let sent = place.does(&format!("{load} send {STRANGER} 10.0 bye"));
    // A dropped process is killed by signal 9.
    drop(node);
    let node = NodeProcess::start(place.path());
    let pool = place.does("init-storage get-pool type bye");
    assert!(!pool.contains(&sent), "the pool is lost with the node: {pool}");
    // The coin of the payment is not free, whatever is asked first.
    let history = json(&place.does(&format!("{load} get-wallet-history type bye")));
    let row = history.as_array().expect("a list").iter().find(|row| row["txid"] == sent);
    assert_eq!(row.expect("it is not forgotten")["state"], "in pool");
    let pool = place.does("init-storage get-pool type bye");
    assert!(pool.contains(&sent), "it was sent again: {pool}");
    let second = place.does(&format!("{load} send {STRANGER} 20.0 bye"));
    drop(node);
    let node = NodeProcess::start(place.path());
    // This time the next payment comes first: it takes no coin of theirs.
    let third = place.does(&format!("{load} send {STRANGER} 30.0 bye"));
    place.mine(2, STRANGER);
    let history = json(&place.does(&format!("{load} get-wallet-history type bye")));
    for txid in [&sent, &second, &third] {
        let row = history.as_array().expect("a list").iter().find(|row| row["txid"] == **txid);
        let state = &row.expect("listed")["state"];
        assert!(state.as_str().is_some_and(|state| state.starts_with("confirmed")), "{state}");
    }
    let balance = place.does(&format!("{load} balance bye"));
    assert!(balance.contains("balance      89.999"), "{balance}");
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn payments_are_cancelled_one_at_a_time() {
    let (place, node) = funded(1);
    let load = "init-storage load a.wallet";
    let first = place.does(&format!("{load} fee-rate 2.5 send {STRANGER} 1.0 bye"));
    let entry = json(&place.does(&format!("init-storage s\" {first}\" get-pool-entry type bye")));
    let size = entry["vsize"].as_f64().expect("a size");
    let fee: f64 = entry["fees"]["base"].to_string().trim_matches('"').parse().expect("a sum");
    assert!((2.4..2.6).contains(&(fee * 1e8 / size)), "{entry}");
    // A later payment spends its change: it does not go with it unasked.
    let later = place.does(&format!("{load} send {STRANGER} 2.0 bye"));
    for word in ["bump", "cancel"] {
        let error = place.fails(&format!("{load} {word} {first} bye"));
        assert!(error.contains(&later) && error.contains("would be cancelled"), "{error}");
    }
    let gone = place.does(&format!("{load} cancel {later} bye"));
    let pool = place.does("init-storage get-pool type bye");
    assert!(pool.contains(&gone) && pool.contains(&first) && !pool.contains(&later), "{pool}");
    place.mine(1, STRANGER);
    let history = json(&place.does(&format!("{load} get-wallet-history type bye")));
    let row = history.as_array().expect("a list").iter().find(|row| row["txid"] == gone);
    assert_eq!(row.expect("listed")["replaces"][0], later);
    let balance = place.does(&format!("{load} balance bye"));
    assert!(balance.contains("balance      48.999"), "{balance}");
    let error = place.fails(&format!("{load} cancel {first} bye"));
    assert!(error.contains("confirmed"), "{error}");

    // A sweep is hurried, too, and its fee comes out of it.
    let own = place.does("load a.wallet use-account taproot address bye");
    let swept = place.does(&format!("{load} fee-rate 1 sweep {own} bye"));
    let hurried = place.does(&format!("{load} fee-rate 5 bump {swept} bye"));
    let pool = place.does("init-storage get-pool type bye");
    assert!(pool.contains(&hurried) && !pool.contains(&swept), "{pool}");
    place.mine(1, STRANGER);
    // Accounts never mix: the money is on taproot now.
    let error = place.fails(&format!("{load} send {STRANGER} 1.0 bye"));
    assert!(error.contains("more than the 0.0"), "{error}");
    place.does(&format!("{load} use-account taproot send {STRANGER} 1.0 bye"));

    // One payee in two cases is one payee, and a coin that is not there is not locked.
    let loud = STRANGER.to_uppercase();
    let twice = format!("{{\"{STRANGER}\":\"0.5\",\"{loud}\":\"0.5\"}}");
    let error = place.fails(&format!("{load} send-many {twice}\nbye"));
    assert!(error.contains("two of the addresses are one"), "{error}");
    let error = place.fails(&format!("{load} lock-coin {first}:7 bye"));
    assert!(error.contains("no coin"), "{error}");
    assert_eq!(node.stop(), Some(0));
}
