//! What the port pushes, and the operator's own words that run on events.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::WebSocket;

use super::run::{forthcoin, regtest, terminate, wait_until};
use super::service::{Service, ask, blocks, next_json};

/// The address of the script OP_TRUE behind SHA-256, which anybody can spend (as Core's own tests
/// do), and its output script.
const ANYONE: &str = "bcrt1qft5p2uhsdcdc3l2ua4ap5qqfg4pjaqlp250x7us7a8qqhrxrxfsqseac85";
const ANYONE_SCRIPT: &str = "00204ae81572f06e1b88fd5ced7a1a000945432e83e1551e6f721ee9c00b8cc33260";

/// Moves the first output of `txid` to the same script, as `value` base units.
fn spend(txid: &str, value: u64) -> String {
    let mut id = data_encoding::HEXLOWER.decode(txid.as_bytes()).expect("hex");
    id.reverse();
    let id = data_encoding::HEXLOWER.encode(&id);
    let value = data_encoding::HEXLOWER.encode(&value.to_le_bytes());
    format!("02000000000101{id}0000000000fdffffff01{value}22{ANYONE_SCRIPT}01015100000000")
}

/// The next pushed event for which `wanted` holds.
fn pushed(socket: &mut WebSocket<TcpStream>, wanted: impl Fn(&Value) -> bool) -> Value {
    loop {
        let event = next_json(socket);
        if wanted(&event) {
            return event;
        }
    }
}

#[test]
fn events_are_pushed() {
    let Some(blocks) = blocks() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::start(folder.path(), &[]);
    let mut listener = service.websocket(None);
    let subscribed =
        ask(&mut listener, r#"{"id":1,"method":"subscribe","params":[["blocks","transactions"]]}"#);
    assert_eq!(subscribed["result"]["topics"], json!(["blocks", "transactions"]));
    let wrong = ask(&mut listener, r#"{"id":2,"method":"subscribe","params":["weather"]}"#);
    assert_eq!(wrong["error"]["code"], -32602);
    let mut operator = service.websocket(Some(&service.basic()));
    let submit =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "submitblock", "params": [blocks[0]] });
    assert_eq!(ask(&mut operator, submit.to_string())["result"], Value::Null);
    let block = next_json(&mut listener);
    assert_eq!((&block["type"], &block["height"]), (&json!("block"), &json!(1)));
    let transaction = next_json(&mut listener);
    assert_eq!(transaction["type"], "transaction");
    let txid = transaction["txid"].as_str().expect("an id").to_owned();

    // Updates of an address: that of the first coinbase receives again in the second block or not
    // at all, so watch the one that the second block pays.
    let submit_next = |operator: &mut WebSocket<TcpStream>, block: &str| {
        let submit = json!({ "id": 1, "method": "submitblock", "params": [block] });
        assert!(ask(operator, submit.to_string()).get("error").is_none());
    };
    let shown = ask(
        &mut operator,
        json!({ "id": 1, "method": "gettransaction", "params": [txid] }).to_string(),
    );
    let address = &shown["result"]["vout"][0]["scriptPubKey"]["address"];
    ask(&mut listener, r#"{"id":3,"method":"unsubscribe"}"#);
    if address.is_string() {
        let watch = json!({ "id": 4, "method": "subscribe", "params": ["address", address] });
        assert_eq!(ask(&mut listener, watch.to_string())["result"]["addresses"][0], *address);
        for block in &blocks[1..8] {
            submit_next(&mut operator, block);
        }
        let update = next_json(&mut listener);
        assert_eq!((&update["type"], &update["address"]), (&json!("address"), address));
    }
    assert_eq!(service.node.stop(), Some(0));
}

#[test]
fn the_operators_words_run_on_events() {
    let Some(blocks) = blocks() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let log = folder.path().join("log");
    let words = folder.path().join("alerts.fs");
    fs::write(
        &words,
        ": tell ( height -- ) .\" block \" . cr ;  ' tell on-block\n\
         : seen ( c-addr u -- ) .\" tx \" type cr ;  ' seen on-tx\n\
         : broken 1 throw ;  1 ' broken every\n\
         : endless begin again ;  1 ' endless every\n",
    )
    .expect("written");
    let mut command = forthcoin();
    command.arg("regtest").arg("--datadir").arg(folder.path()).arg("--websocket=127.0.0.1:0");
    command.arg("--log-format=json").arg("--log-file").arg(&log);
    command.stdin(fs::File::open(&words).expect("there"));
    command.stdout(fs::File::create(&out).expect("made")).stderr(Stdio::null());
    let service = Service::run(folder.path(), command);
    let text = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    wait_until("both failures", || {
        let log = text(&log);
        log.contains("THROW 1)")
            && log.lines().filter(|line| line.contains("\"every\"")).count() > 1
    });
    let mut operator = service.websocket(Some(&service.basic()));
    let submit = json!({ "id": 1, "method": "submitblock", "params": [blocks[0]] });
    assert!(ask(&mut operator, submit.to_string()).get("error").is_none());
    wait_until("the words", || text(&out).contains("block 1") && text(&out).contains("tx "));
    for line in text(&log).lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
    assert!(text(&log).contains("\"target\":\"audit\""));
    // The log is moved away and opened again.
    let moved = folder.path().join("log.1");
    fs::rename(&log, &moved).expect("moved");
    let pid = service.node.child.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().expect("kill runs").success());
    wait_until("the new log", || log.exists());
    let level = regtest(folder.path(), &["-e", "init-storage log-level http=debug,off bye"]);
    assert_eq!(level.code, Some(0), "{}", level.err);
    terminate(&service.node.child);
    assert_eq!(service.node.stop(), Some(0));
}

#[test]
fn on_tx_runs_once_for_each_transaction_and_on_reorg_with_its_depth() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let words = folder.path().join("alerts.fs");
    fs::write(
        &words,
        ": seen ( c-addr u -- ) .\" tx \" type cr ;  ' seen on-tx\n\
         : tell ( height -- ) .\" block \" . cr ;  ' tell on-block\n\
         : alarm ( depth height -- ) .\" reorg \" . . cr ;  ' alarm on-reorg\n",
    )
    .expect("written");
    let mut command = forthcoin();
    command.arg("regtest").arg("--datadir").arg(folder.path()).arg("--websocket=127.0.0.1:0");
    command.stdin(fs::File::open(&words).expect("there"));
    command.stdout(fs::File::create(&out).expect("made")).stderr(Stdio::null());
    let service = Service::run(folder.path(), command);
    let text = || fs::read_to_string(&out).unwrap_or_default();
    let mut operator = service.websocket(Some(&service.basic()));
    let mut call = |method: &str, params: Value| {
        let request = json!({ "id": 1, "method": method, "params": params });
        let reply = ask(&mut operator, request.to_string());
        assert!(reply["error"].is_null(), "{reply}");
        reply["result"].clone()
    };
    let mined = call("generatetoaddress", json!([1, ANYONE]));
    let block = call("getblock", json!([mined[0], 1]));
    let first = block["tx"][0].as_str().expect("a coinbase").to_owned();
    // Few at a time, so that no event is lost; the first from before the words were there.
    wait_until("the first block", || text().contains("block 1 "));
    for height in (26..=101).step_by(25) {
        call("generatetoaddress", json!([25, ANYONE]));
        wait_until("the blocks", || text().contains(&format!("block {height} ")));
    }
    let spent = call("sendrawtransaction", json!([spend(&first, 4_999_990_000)]));
    let spent = format!("tx {}\n", spent.as_str().expect("an id"));
    wait_until("the transaction of the pool", || text().contains(&spent));
    let tip = call("generatetoaddress", json!([1, ANYONE]));
    wait_until("its block", || text().contains("block 102 "));
    call("invalidateblock", json!([tip[0]]));
    wait_until("the reorganisation", || text().contains("reorg 101 1 "));
    wait_until("the transaction again", || text().matches(&spent).count() >= 2);
    assert_eq!(text().matches(&format!("tx {first}\n")).count(), 1);
    // Once for the pool it entered, not for its block, and once more for the pool it came back to.
    assert_eq!(text().matches(&spent).count(), 2);
    assert_eq!(service.node.stop(), Some(0));
}

#[test]
fn events_of_pool_peers_mining_and_addresses_are_pushed() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::start(folder.path(), &["--listen=127.0.0.1:0"]);
    let mut operator = service.websocket(Some(&service.basic()));
    let mut listener = service.websocket(None);
    let topics = json!({ "id": 1, "method": "subscribe",
        "params": [["transactions", "peers", "mining"], ANYONE] });
    let answer = ask(&mut listener, topics.to_string());
    assert_eq!(answer["result"]["addresses"], json!([ANYONE]), "{answer}");
    let mine = json!({ "id": 1, "method": "generatetoaddress", "params": [1, ANYONE] });
    let mined = ask(&mut operator, mine.to_string());
    let first = mined["result"][0].as_str().expect("a block").to_owned();
    let tip = pushed(&mut listener, |e| e["type"] == "mining");
    assert_eq!((&tip["height"], &tip["previousblockhash"]), (&json!(2), &json!(first)));
    let paid = pushed(&mut listener, |e| e["type"] == "address");
    assert_eq!((&paid["address"], &paid["confirmed"]), (&json!(ANYONE), &json!(true)));
    assert_eq!(paid["received"].as_f64(), Some(50.0), "{paid}");
    let txid = paid["txid"].as_str().expect("a txid").to_owned();

    for _ in 0..4 {
        let mine = json!({ "id": 1, "method": "generatetoaddress", "params": [25, ANYONE] });
        ask(&mut operator, mine.to_string());
    }
    // Into the pool, replaced by one that pays more, and into a block.
    let mut send = |value: u64| {
        let sent =
            json!({ "id": 1, "method": "sendrawtransaction", "params": [spend(&txid, value)] });
        let reply = ask(&mut operator, sent.to_string());
        reply["result"].as_str().unwrap_or_else(|| panic!("{reply}")).to_owned()
    };
    let entered = |id: &str, confirmed: bool| {
        let id = id.to_owned();
        move |e: &Value| {
            e["type"] == "transaction" && e["txid"] == id.as_str() && e["confirmed"] == confirmed
        }
    };
    let one = send(4_999_990_000);
    let event = pushed(&mut listener, entered(&one, false));
    assert_eq!(event["fee"].as_f64(), Some(0.0001), "{event}");
    let event = pushed(&mut listener, |e| e["type"] == "address" && e["confirmed"] == false);
    assert_eq!(event["txid"], json!(one));
    assert_eq!(event["sent"].as_f64(), Some(50.0), "{event}");
    let two = send(4_999_900_000);
    let gone = pushed(&mut listener, |e| e["type"] == "removed");
    assert_eq!((&gone["txid"], &gone["reason"]), (&json!(one), &json!("replaced")));
    let mine = json!({ "id": 1, "method": "generatetoaddress", "params": [1, ANYONE] });
    ask(&mut operator, mine.to_string());
    pushed(&mut listener, entered(&two, true));

    // A peer comes and goes.
    let mut port = String::new();
    wait_until("the network's port", || {
        let network = ask(&mut operator, r#"{"id":1,"method":"getnetworkinfo"}"#);
        port = network["result"]["listening"].as_str().unwrap_or_default().to_owned();
        !port.is_empty()
    });
    let other = tempfile::tempdir().expect("a folder");
    let peer = Service::start(other.path(), &["--listen=none", &format!("--peer={port}")]);
    let came = pushed(&mut listener, |e| e["type"] == "peer");
    assert_eq!((&came["event"], &came["peers"]), (&json!("connected"), &json!(1)), "{came}");
    wait_until("the peer among the metrics", || {
        service.get("/metrics").2.lines().any(|line| line == "forthcoin_peers 1.0")
    });
    assert_eq!(peer.node.stop(), Some(0));
    let went = pushed(&mut listener, |e| e["type"] == "peer");
    assert_eq!((&went["event"], &went["id"]), (&json!("disconnected"), &came["id"]), "{went}");
    let (_, _, metrics) = service.get("/metrics");
    for line in ["forthcoin_ready 1.0", "forthcoin_height 102.0", "forthcoin_peers_inbound 0.0"] {
        assert!(metrics.lines().any(|shown| shown == line), "{line} in {metrics}");
    }
}
