//! A node looked after as its operators do: backups while it works, the disaster drill, an older
//! and a newer folder, health.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use chain::state::Chain;
use consensus::scripts::ScriptEngine;
use primitives::network::REGTEST;
use redb::{Database, TableDefinition};
use serde_json::Value;
use store::db::{Store, StoreOptions};

use super::run::{NodeProcess, regtest};
use super::service::Service;
use super::wallet::{Place, STRANGER};

const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");

fn json(text: &str) -> Value {
    serde_json::from_str(text.lines().last().unwrap_or_default())
        .unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// Runs code that must do, under --json.
fn asked(folder: &Path, code: &str) -> Value {
    let ran = regtest(folder, &["--json", "-e", code]);
    assert_eq!(ran.code, Some(0), "{code}: {}{}", ran.out, ran.err);
    json(&ran.out)
}

/// The whole chain of a folder validates, scripts included, and ends where it should.
fn validates(folder: &Path, height: u64, best: &str) {
    let code = "init-storage s\" [4,0]\" s\" verifychain\" ask-node type cr \
                get-best-hash type cr get-height . bye";
    let ran = regtest(folder, &["-e", code]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let lines: Vec<&str> = ran.out.lines().map(str::trim).collect();
    assert_eq!(lines, ["true", best, &height.to_string()], "{}", ran.err);
}

#[test]
fn backups_of_a_node_that_takes_blocks_end_where_they_say() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let node = NodeProcess::start(path);
    let mine = format!("init-storage mine-blocks 100 {STRANGER} bye");
    assert_eq!(regtest(path, &["-e", &mine]).code, Some(0));
    // Five hundred blocks connect in twenty calls while backups are written one after another.
    let miner = std::thread::spawn({
        let path = path.to_owned();
        move || {
            let code = format!(
                "init-storage : go  20 0 do  25 s\" {STRANGER}\" generate-to 2drop  loop ; go bye"
            );
            regtest(&path, &["-e", &code]).code
        }
    });
    let mut written = Vec::new();
    while !miner.is_finished() && written.len() < 40 {
        let file = path.join(format!("{}.backup", written.len()));
        let code = format!("init-storage backup {} bye", file.display());
        written.push((file, asked(path, &code)));
    }
    assert_eq!(miner.join().expect("it ran"), Some(0));
    let heights: Vec<u64> =
        written.iter().map(|(_, said)| said["height"].as_u64().expect("a height")).collect();
    assert!(heights.is_sorted() && heights[0] >= 100, "{heights:?}");
    assert!(heights.iter().any(|h| *h > 100 && *h < 600), "none in between: {heights:?}");
    assert_eq!(node.stop(), Some(0));
    let middle = heights.iter().position(|h| *h > 100).expect("one in between");
    for index in [0, middle, written.len() - 1] {
        let (file, said) = &written[index];
        let place = tempfile::tempdir().expect("a folder");
        let code = format!("restore {} bye", file.display());
        let restored = asked(place.path(), &code);
        assert_eq!((&restored["height"], &restored["best"]), (&said["height"], &said["best"]));
        validates(place.path(), heights[index], said["best"].as_str().expect("a hash"));
        // It goes on, and takes no second one.
        assert_eq!(regtest(place.path(), &["-e", &mine]).code, Some(0));
        let twice = regtest(place.path(), &["-e", &code]);
        assert!(twice.code == Some(5) && twice.err.contains("not empty"), "{}", twice.err);
    }
    // A name that is taken, a damaged file, one that is none.
    let (file, _) = &written[0];
    let taken = regtest(path, &["-e", &format!("init-storage backup {} bye", file.display())]);
    assert!(taken.code == Some(1) && taken.err.contains("there already"), "{}", taken.err);
    let mut bytes = fs::read(file).expect("read");
    let at = bytes.len() / 3;
    bytes[at] ^= 0x10;
    let bad = path.join("bad.backup");
    fs::write(&bad, bytes).expect("written");
    for code in ["verify-backup", "restore"] {
        let place = tempfile::tempdir().expect("a folder");
        let ran = regtest(place.path(), &["-e", &format!("{code} {} bye", bad.display())]);
        assert!(ran.code == Some(5) && ran.err.contains("damaged"), "{code}: {}", ran.err);
        let left = fs::read_dir(place.path().join("regtest"));
        assert_eq!(left.map_or(0, |entries| entries.count()), 0, "nothing is left");
    }
    fs::write(&bad, "words").expect("written");
    let ran = regtest(path, &["-e", &format!("verify-backup {} bye", bad.display())]);
    assert!(ran.code == Some(5) && ran.err.contains("neither"), "{}", ran.err);
}

/// The node is lost, and the wallet with it: a backup and the words bring the money back.
#[test]
fn the_disaster_drill() {
    let phrase = "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo \
                  zoo zoo zoo vote";
    let words = format!("{phrase}\nquarrel anchor violet tunnel\n");
    let place = Place::new();
    fs::write(place.file("words"), &words).expect("written");
    let ran = place.run_with(&[], "words", "restore-phrase save-encrypted a.wallet bye");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let node = NodeProcess::start(place.path());
    let mine = |address: &str, blocks: u32| {
        place.does(&format!("init-storage mine-blocks {blocks} {address} bye"));
    };
    let address = place.does("init-storage load a.wallet address bye");
    mine(address.lines().last().expect("an address"), 3);
    mine(STRANGER, 100);
    place.does(&format!("init-storage load a.wallet send {STRANGER} 12.5 bye"));
    mine(STRANGER, 1);
    let balance = place.does("init-storage load a.wallet get-balances type bye");
    // The name is taken from where the console stands, and the node writes the file.
    place.does("init-storage backup chain.backup bye");
    let sealed = place.does("verify-backup a.wallet bye");
    assert!(sealed.contains("wallet") && sealed.contains("opens"), "{sealed}");
    assert_eq!(node.stop(), Some(0));
    fs::remove_dir_all(place.file("regtest")).expect("the node is lost");
    fs::remove_file(place.file("a.wallet")).expect("the wallet is lost");

    place.does("verify-backup chain.backup restore chain.backup bye");
    let code = "init-storage restore-phrase cr get-balances type bye";
    let found = place.run_with(&[], "words", code);
    assert_eq!(found.code, Some(0), "{}", found.err);
    assert_eq!(json(&found.out), json(&balance));
}

/// Makes the store of a folder one of schema 1: without an index of scripts.
fn make_older(folder: &Path) {
    let db = Database::open(folder.join("regtest/chain.redb")).expect("opens");
    let txn = db.begin_write().expect("begins");
    {
        let mut meta = txn.open_table(META).expect("there");
        meta.insert("schema", 1u32.to_le_bytes().as_slice()).expect("written");
        meta.remove("script-index").expect("removed");
    }
    for name in ["script-history", "script-coins"] {
        let table: TableDefinition<&[u8], &[u8]> = TableDefinition::new(name);
        txn.delete_table(table).expect("deleted");
    }
    txn.commit().expect("committed");
}

#[test]
fn an_older_folder_is_brought_up_and_a_newer_one_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let mine = format!("init-storage mine-blocks 150 {STRANGER} bye");
    assert_eq!(regtest(path, &["-e", &mine]).code, Some(0));
    let history = format!("init-storage address-balance {STRANGER} bye");
    let before = asked(path, &history);
    make_older(path);
    // A look leaves it as it is, and so does a backup by the newer program.
    assert_eq!(asked(path, "init-storage schema bye")["schema"], 1);
    let file = path.join("old.backup");
    let said = asked(path, &format!("init-storage backup {} bye", file.display()));
    assert_eq!((&said["schema"], &said["height"]), (&Value::from(1), &Value::from(150)));
    assert_eq!(asked(path, "init-storage schema bye")["schema"], 1);
    // Cut off in the middle: what is done of it stays done, the rest is seen and finished.
    {
        let options = StoreOptions::default();
        let store = Store::open(&path.join("regtest"), &REGTEST, options).expect("opens");
        let mut chain =
            Chain::open(Arc::new(store), Arc::new(ScriptEngine::default())).expect("opens");
        chain.continue_build(40).expect("a step").expect("not the last");
        let step = chain.continue_build(40).expect("a step").expect("not the last");
        assert_eq!((step.done, step.of), (80, 150));
    }
    let halfway = asked(path, "init-storage schema bye");
    assert_eq!(
        (&halfway["address_index"], &halfway["building"]),
        (&"building".into(), &true.into())
    );
    let after = asked(path, "init-storage migrate bye");
    assert_eq!((&after["schema"], &after["address_index"]), (&2.into(), &"ready".into()));
    assert_eq!(asked(path, &history), before);
    let again = asked(path, "init-storage migrate bye");
    assert_eq!((&again["schema_before"], &again["current"]), (&2.into(), &true.into()));
    // The older backup is restored as it was, and brought up in one go.
    let place = tempfile::tempdir().expect("a folder");
    asked(place.path(), &format!("restore {} bye", file.display()));
    let up = asked(place.path(), "init-storage migrate bye");
    assert_eq!((&up["schema_before"], &up["schema"]), (&1.into(), &2.into()));
    assert_eq!(asked(place.path(), &history), before);
    // One of a newer program is refused and left alone.
    {
        let db = Database::open(path.join("regtest/chain.redb")).expect("opens");
        let txn = db.begin_write().expect("begins");
        let mut meta = txn.open_table(META).expect("there");
        meta.insert("schema", 3u32.to_le_bytes().as_slice()).expect("written");
        drop(meta);
        txn.commit().expect("committed");
    }
    let bytes = fs::read(path.join("regtest/chain.redb")).expect("read");
    for code in ["init-storage get-height . bye", "init-storage migrate bye"] {
        let ran = regtest(path, &["-e", code]);
        assert!(ran.code == Some(3) && ran.err.contains("newer version"), "{code}: {}", ran.err);
    }
    assert!(fs::read(path.join("regtest/chain.redb")).expect("read") == bytes, "left alone");
}

#[test]
fn health_is_a_probe() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let probe = ["-e", "health bye"];
    let ran = regtest(path, &probe);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    let node = NodeProcess::start(path);
    let attached = asked(path, "health bye");
    assert_eq!(attached["healthy"], true, "{attached}");
    let names: Vec<&str> = attached["checks"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|check| check["check"].as_str().expect("a name"))
        .collect();
    assert_eq!(names, ["node", "store", "clock", "indexes", "sync", "disk", "audit", "peers"]);
    let memory = asked(path, "memory bye");
    assert_eq!(memory["process"], node.child.id());
    assert!(memory["rss"].as_u64().is_some_and(|rss| rss > 1 << 20), "{memory}");
    assert!(memory["parts"]["headers"].as_u64().is_some_and(|bytes| bytes > 0), "{memory}");
    let mine = format!("init-storage mine-blocks 1 {STRANGER} bye");
    assert_eq!(regtest(path, &["-e", &mine]).code, Some(0));
    assert_eq!(node.stop(), Some(0));
    {
        let db = Database::open(path.join("regtest/chain.redb")).expect("opens");
        let txn = db.begin_write().expect("begins");
        let mut meta = txn.open_table(META).expect("there");
        meta.insert("tip", [7u8].as_slice()).expect("written");
        drop(meta);
        txn.commit().expect("committed");
    }
    let ran = regtest(path, &probe);
    assert_eq!(ran.code, Some(6), "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("store"), "{}", ran.err);
}

#[test]
fn every_door_is_audited_and_the_log_is_anchored() {
    let place = Place::new();
    let folder = place.path();
    place.does("new save-encrypted a.wallet bye");
    let address = place.does("load a.wallet address bye");
    let address = address.lines().last().expect("an address").to_owned();
    // A console by itself, a second one through the socket, the port with and without credentials.
    place.mine(1, &address);
    let service = Service::start(folder, &[]);
    place.mine(100, STRANGER);
    let cookie = format!("\r\nAuthorization: {}", service.basic());
    let call = |method: &str, params: Value| {
        serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
            .to_string()
    };
    let long = Value::from(vec!["00".repeat(600)]);
    service.post(&cookie, &call("sendrawtransaction", long));
    assert_eq!(service.post("", &call("flush", Value::Array(vec![]))).0, 401);
    service.post("", &call("getblockcount", Value::Array(vec![])));
    let lines = place.does("audit-log bye");
    let lines: Vec<Value> = lines.lines().map(json).collect();
    let told = |door: &str, method: &str| {
        let found = lines.iter().find(|l| l["door"] == door && l["method"] == method);
        found.unwrap_or_else(|| panic!("{door} {method}: {lines:?}")).clone()
    };
    assert_eq!(told("console", "generatetoaddress")["params"]["address"], address.as_str());
    let mined = told("control", "generatetoaddress");
    assert!(mined["user"].as_str().is_some_and(|user| user.starts_with("uid ")), "{mined}");
    let sent = told("http", "sendrawtransaction");
    assert_eq!((&sent["user"], &sent["address"]), (&"__cookie__".into(), &"127.0.0.1".into()));
    assert!(sent["result"].as_str().is_some_and(|why| why.contains("Undecodable")), "{sent}");
    assert!(sent.to_string().len() < 600, "{sent}");
    let refused = told("http", "flush");
    assert_eq!(refused["user"], "nobody");
    assert!(
        refused["result"].as_str().is_some_and(|why| why.starts_with("Forbidden")),
        "{refused}"
    );
    assert!(!lines.iter().any(|line| line["method"] == "getblockcount"));

    let verified = asked(folder, "audit-verify bye");
    assert_eq!(verified["faults"].as_array().map(Vec::len), Some(0), "{verified}");
    let anchored =
        place.run_with(&["--json"], "pass", "init-storage load a.wallet audit-anchor bye");
    assert_eq!(anchored.code, Some(0), "{}", anchored.err);
    let anchored = json(&anchored.out);
    assert_eq!(anchored["head"], verified["head"]);
    let txid = anchored["txid"].as_str().expect("an id");
    let raw = place.does(&format!("init-storage s\" {txid}\" get-raw-tx type bye"));
    assert!(raw.contains(anchored["data"].as_str().expect("data")), "{raw}");
    // Rotation while the node runs.
    let log = folder.join("regtest/audit.log");
    fs::rename(&log, folder.join("regtest/audit.log.1")).expect("moved");
    place.mine(1, STRANGER);
    let verified = asked(folder, "audit-verify bye");
    assert_eq!((&verified["files"], &verified["faults"]), (&2.into(), &Value::Array(vec![])));
    assert_eq!(service.node.stop(), Some(0));
    // One word of one line.
    let text = fs::read_to_string(folder.join("regtest/audit.log.1")).expect("read");
    fs::write(folder.join("regtest/audit.log.1"), text.replacen("uid", "UID", 1)).expect("written");
    let ran = regtest(folder, &["-e", "audit-verify bye"]);
    assert!(ran.code == Some(6) && ran.err.contains("was edited"), "{}", ran.err);
}

#[test]
fn exports_and_a_smaller_file() {
    let place = Place::new();
    let folder = place.path();
    place.does("new save-encrypted a.wallet bye");
    let address = place.does("load a.wallet address bye");
    let address = address.lines().last().expect("an address").to_owned();
    place.mine(3, &address);
    place.mine(120, STRANGER);
    let read = |name: &str| fs::read_to_string(place.file(name)).expect("read");
    place.does("init-storage export-blockchain a.jsonl export-blockchain a.csv bye");
    let blocks = read("a.jsonl");
    let rows: Vec<Value> = blocks.lines().map(json).collect();
    assert_eq!(rows.len(), 124);
    let csv = read("a.csv");
    let csv: Vec<&str> = csv.lines().collect();
    assert!(csv[0].starts_with("height,hash,previousblockhash,"), "{}", csv[0]);
    assert_eq!(csv.len(), 125);
    for (height, row) in rows.iter().enumerate() {
        assert_eq!(row["height"], height);
        let hash = row["hash"].as_str().expect("a hash");
        assert!(csv[height + 1].starts_with(&format!("{height},{hash},")), "{}", csv[height + 1]);
        if height > 0 {
            assert_eq!(row["previousblockhash"], rows[height - 1]["hash"]);
        }
    }
    // What all hold together is what was made.
    place.does("init-storage export-addresses all.jsonl bye");
    let holders: Vec<Value> = read("all.jsonl").lines().map(json).collect();
    let of = |who: &str| holders.iter().find(|row| row["address"] == who).expect("it holds");
    assert_eq!((holders.len(), &of(&address)["balance"]), (2, &"150.00000000".into()));
    assert_eq!(of(STRANGER)["coins"], 120);
    place.does("init-storage load a.wallet export-addresses mine.csv bye");
    let mine = read("mine.csv");
    assert!(mine.contains(&format!("segwit,receive,0,{address},150.00000000,3")), "{mine}");
    let again = place.fails("init-storage export-blockchain a.csv bye");
    assert!(again.contains("a.csv"), "{again}");
    // Pages meet without a gap.
    let code =
        ": page  s\" [1]\" s\" listaddressbalances\" ask-node type cr ; init-storage page bye";
    let page = json(&place.does(code));
    assert!(page["next"].is_string() && page["list"].as_array().is_some_and(|l| l.len() == 1));

    let before = asked(folder, "init-storage s\" [4,0]\" s\" verifychain\" ask-node .json bye");
    let said = asked(folder, "compact bye");
    let (was, is) = (said["bytes_before"].as_u64(), said["bytes"].as_u64());
    assert!(is > Some(0) && is <= was, "{said}");
    assert_eq!(
        asked(folder, "init-storage s\" [4,0]\" s\" verifychain\" ask-node .json bye"),
        before
    );
    let node = NodeProcess::start(folder);
    let ran = regtest(folder, &["-e", "compact bye"]);
    assert!(ran.code == Some(3) && ran.err.contains("in use"), "{}", ran.err);
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn a_pruned_node_says_what_it_has_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let node = NodeProcess::start(path);
    let does = |code: &str| {
        let ran = regtest(path, &["-e", code]);
        assert_eq!(ran.code, Some(0), "{code}: {}", ran.err);
        ran.out.trim().to_owned()
    };
    let fails = |code: &str, why: &str| {
        let ran = regtest(path, &["-e", code]);
        assert!(ran.code != Some(0) && ran.err.contains(why), "{code}: {}", ran.err);
    };
    does(&format!("init-storage mine-blocks 320 {STRANGER} bye"));
    does("init-storage init-network bye");
    let services = "init-storage get-network-info type bye";
    assert!(does(services).contains("\"NETWORK\""), "{}", does(services));
    let hash = does("init-storage 10 get-block-hash type bye");
    let block = does("init-storage s\" 10\" get-block type bye");
    let txid = json(&block)["tx"][0].as_str().expect("a transaction").to_owned();
    let raw = format!("init-storage s\" {txid}\" get-raw-tx type bye");
    assert!(does(&raw).len() > 100);
    fails("init-storage prune 100 bye", "288 blocks are kept");
    assert_eq!(does("init-storage prune 30 bye"), "30");
    let told = does(services);
    assert!(!told.contains("\"NETWORK\"") && told.contains("\"NETWORK_LIMITED\""), "{told}");
    fails("init-storage show-block 10 bye", "Block not available (pruned data)");
    // Its transactions are known, and where they were.
    fails(&raw, "Block not available (pruned data)");
    fails(&raw, &format!("block {hash} at height 10"));
    fails(
        &format!("init-storage rpc getrawtransaction [\"{txid}\",1,\"{hash}\"] bye"),
        "pruned data",
    );
    fails(&format!("init-storage tx {txid} bye"), "pruned data");
    let info = json(&does("init-storage get-chain-info type bye"));
    assert_eq!((&info["pruned"], &info["pruneheight"]), (&Value::Bool(true), &Value::from(30)));
    does("init-storage show-header 10 show-block 30 show-block 0 bye");
    fails("init-storage reindex bye", "pruned");
    fails(&format!("init-storage s\" {hash}\" invalidate-block bye"), "pruned");
    let balance = does(&format!("init-storage address-balance {STRANGER} bye"));
    does(&format!("init-storage mine-blocks 1 {STRANGER} bye"));
    assert_eq!(node.stop(), Some(0));
    // Backup and restore keep what is left.
    let file = path.join("a.backup");
    does(&format!("init-storage backup {} bye", file.display()));
    let place = tempfile::tempdir().expect("a folder");
    asked(place.path(), &format!("restore {} bye", file.display()));
    let best = does("init-storage get-best-hash type bye");
    validates(place.path(), 321, &best);
    assert!(!balance.is_empty());
}
