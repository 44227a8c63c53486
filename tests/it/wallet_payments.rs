//! Payments that go another way than planned: one that waits and is hurried by who it pays, a
//! wallet that is lost and made again from its words, a node that is lost in the middle of a send.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread::JoinHandle;

use super::run::NodeProcess;
use super::wallet::{Place, STRANGER};

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// A wallet with one mature coinbase, and a node that runs.
fn funded() -> (Place, NodeProcess) {
    let place = Place::new();
    place.does("new save-encrypted a.wallet bye");
    let node = NodeProcess::start(place.path());
    let first = place.does("load a.wallet address bye");
    place.mine(1, &first);
    place.mine(100, STRANGER);
    (place, node)
}

#[test]
fn who_is_paid_can_hurry_a_payment() {
    let (place, node) = funded();
    let theirs = place.does("new save-encrypted b.wallet address bye");
    let theirs = theirs.lines().last().expect("an address").to_owned();
    let sent = place.does(&format!("init-storage load a.wallet fee-rate 1 send {theirs} 2.0 bye"));
    let child = place.does(&format!("init-storage load b.wallet fee-rate 40 cpfp {sent} bye"));
    let shown = place.does(&format!("init-storage s\" {child}\" get-pool-entry type bye"));
    let both = json(&shown);
    let size = both["ancestorsize"].as_f64().expect("a size");
    let fees: f64 = both["fees"]["ancestor"].to_string().trim_matches('"').parse().expect("a sum");
    let rate = fees * 1e8 / size;
    assert!((39.0..45.0).contains(&rate), "{rate} for both: {both}");
    // Nothing of it is left to hurry once it is confirmed.
    place.mine(1, STRANGER);
    let late = place.fails(&format!("init-storage load b.wallet cpfp {sent} bye"));
    assert!(late.contains("no unconfirmed output"), "{late}");
    let balance = place.does("init-storage load b.wallet balance bye");
    assert!(balance.contains("balance      1.999"), "{balance}");
    assert_eq!(node.stop(), Some(0));
}

/// The words of a published test wallet, used on a node that never heard of it.
#[test]
fn the_words_alone_bring_the_balance_back() {
    let phrase = "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo \
                  zoo zoo zoo vote";
    let place = Place::new();
    fs::write(place.file("words"), format!("{phrase}\nquarrel anchor violet tunnel\n"))
        .expect("written");
    let restored = |place: &Place, code: &str| {
        let ran = place.run_with(&[], "words", code);
        assert_eq!(ran.code, Some(0), "{code}: {}", ran.err);
        ran.out.trim().to_owned()
    };
    restored(&place, "restore-phrase save-encrypted a.wallet bye");
    let node = NodeProcess::start(place.path());
    // Coins of both accounts, some far along the chain of addresses, and change.
    let address = |code: &str| {
        let out = place.does(&format!("init-storage load a.wallet {code} bye"));
        out.lines().last().expect("an address").to_owned()
    };
    place.mine(2, &address("address"));
    place.mine(1, &address("use-account taproot address"));
    place.mine(101, STRANGER);
    for _ in 0..5 {
        let far = address("balance address");
        place.does(&format!("init-storage load a.wallet send {far} 0.25 bye"));
    }
    place.mine(1, STRANGER);
    place.does(&format!("init-storage load a.wallet send {STRANGER} 60.0 bye"));
    place.mine(1, STRANGER);
    let wanted = place.does("init-storage load a.wallet get-balances type bye");
    let utxos = place.does("init-storage load a.wallet get-utxos type bye");
    assert!(json(&utxos).as_array().is_some_and(|list| list.len() > 2), "{utxos}");
    place.does("init-storage export-blocks chain.hex bye");
    assert_eq!(node.stop(), Some(0));

    let second = Place::new();
    fs::copy(place.file("words"), second.file("words")).expect("copied");
    fs::copy(place.file("chain.hex"), second.file("chain.hex")).expect("copied");
    second.does("init-storage import-blocks chain.hex bye");
    let found = restored(&second, "init-storage restore-phrase cr get-balances type bye");
    assert_eq!(json(found.lines().last().expect("a line")), json(&wanted));
}

/// Where the way to the node breaks while a payment is handed over.
#[derive(Clone, Copy, PartialEq)]
enum Cut {
    BeforeTheNodeHears,
    BeforeTheAnswer,
}

/// A control socket in `folder` that hands everything on to `node`'s, until a payment comes.
fn breaking(folder: &Path, node: &Path, cut: Cut) -> JoinHandle<bool> {
    fs::create_dir_all(folder.join("regtest")).expect("made");
    let listener = UnixListener::bind(folder.join("regtest/control.sock")).expect("bound");
    let node = node.join("regtest/control.sock");
    std::thread::spawn(move || {
        let (console, _) = listener.accept().expect("a console");
        drop(listener);
        let upstream = UnixStream::connect(node).expect("the node");
        let mut answers = BufReader::new(upstream.try_clone().expect("cloned"));
        let mut requests = BufReader::new(console.try_clone().expect("cloned"));
        let (mut console, mut upstream) = (console, upstream);
        let (mut request, mut answer) = (String::new(), String::new());
        while requests.read_line(&mut request).is_ok_and(|read| read > 0) {
            let payment = request.contains("sendrawtransaction");
            if payment && cut == Cut::BeforeTheNodeHears {
                return true;
            }
            upstream.write_all(request.as_bytes()).expect("handed on");
            answers.read_line(&mut answer).expect("answered");
            if payment {
                return true;
            }
            console.write_all(answer.as_bytes()).expect("handed back");
            request.clear();
            answer.clear();
        }
        false
    })
}

#[test]
fn a_node_lost_in_the_middle_of_a_send_leaves_nothing_half_done() {
    let (place, node) = funded();
    for (cut, amount) in [(Cut::BeforeTheNodeHears, "3.0"), (Cut::BeforeTheAnswer, "4.0")] {
        let elsewhere = tempfile::tempdir().expect("a folder");
        let relay = breaking(elsewhere.path(), place.path(), cut);
        let code = format!("init-storage load a.wallet fee-rate 2 send {STRANGER} {amount} bye");
        let mut command = super::run::forthcoin();
        command.arg("regtest").arg("--datadir").arg(elsewhere.path()).args(["-e", &code]);
        command.env("FORTHCOIN_PASSPHRASE_FILE", place.file("pass")).current_dir(place.path());
        let ran: super::run::Ran = command.output().expect("the program starts").into();
        assert!(relay.join().expect("the relay ends"), "no payment came: {}", ran.err);
        assert_ne!(ran.code, Some(0));
        assert!(ran.err.contains("may have left or not"), "{}", ran.err);
        let after = ran.err.split("bump ").nth(1).expect("it says how to go on");
        let txid = after.split('`').next().expect("a transaction id").to_owned();
        let pool = place.does("init-storage get-pool type bye");
        assert_eq!(pool.contains(&txid), cut == Cut::BeforeTheAnswer, "{pool}");
        // What the message advises pays once, whether it left or not.
        let bumped = place.does(&format!("init-storage load a.wallet bump {txid} bye"));
        let pool = place.does("init-storage get-pool type bye");
        assert!(pool.contains(&bumped) && !pool.contains(&txid), "{pool}");
        place.mine(1, STRANGER);
    }
    let balance = place.does("init-storage load a.wallet balance bye");
    assert!(balance.contains("balance      42.999"), "{balance}");
    assert_eq!(node.stop(), Some(0));
}
