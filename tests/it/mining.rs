//! Mining as operators meet it: words, options, refusals, and a node that mines from its start.

use serde_json::Value;

use super::run::{NodeProcess, regtest, wait_until};

const ADDRESS: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

fn number(text: &str, name: &str) -> Option<u64> {
    let value: Value = serde_json::from_str(text.lines().next()?).ok()?;
    value[name].as_u64()
}

#[test]
fn words_mine_to_the_set_address_on_either_side_of_the_socket() {
    let folder = tempfile::tempdir().expect("a folder");
    let line =
        format!("init-storage set-mining-address {ADDRESS} mine mine-blocks 4 get-height . bye");
    let ran = regtest(folder.path(), &["--json", "-e", &line]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(number(&ran.out, "mined"), Some(1), "{}", ran.out);
    assert!(ran.out.ends_with("5 "), "{}", ran.out);
    let node = NodeProcess::start(folder.path());
    // The word after the count is no address: it runs.
    let ran = regtest(folder.path(), &["--json", "-e", &line]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.ends_with("10 "), "{}", ran.out);
    let line = format!("init-storage mine-blocks 2 {ADDRESS} get-height . bye");
    assert!(regtest(folder.path(), &["-e", &line]).out.ends_with("12 "));
    // A miner that stays, started and stopped by one-liners; it takes its time on regtest.
    let ran = regtest(folder.path(), &["-e", "init-storage start-mining 1 bye"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let status = || {
        let code = "init-storage get-mining-status type bye";
        regtest(folder.path(), &["-e", code]).out
    };
    wait_until("a block of the standing miner", || number(&status(), "blocks_found") > Some(5));
    let shown: Value = serde_json::from_str(&status()).expect("JSON");
    assert_eq!((&shown["state"], &shown["threads"]), (&"mining".into(), &1.into()), "{shown}");
    assert_eq!(shown["address"], ADDRESS);
    // Who only waits for a block waits with it.
    let ran = regtest(folder.path(), &["-e", "init-storage mine hashrate stop-mining bye"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.contains("MH/s"), "{}", ran.out);
    assert!(status().contains("\"state\":\"off\""));
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn mining_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| regtest(folder.path(), arguments);
    for word in ["mine", "mine-blocks 3", "start-mining", "start-mining 2"] {
        let ran = run(&["-e", &format!("init-storage {word} bye")]);
        assert_eq!(ran.code, Some(5), "{word}: {}", ran.err);
        assert!(ran.err.contains("set-mining-address"), "{word}: {}", ran.err);
    }
    let ran = run(&[
        "-e",
        "init-storage set-mining-address bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4 bye",
    ]);
    assert_ne!(ran.code, Some(0));
    assert!(ran.err.contains("no address of regtest"), "{}", ran.err);
    let ran = run(&["--readonly", "-e", "init-storage start-mining bye"]);
    assert_eq!(ran.code, Some(5), "{}", ran.err);
    let ran = run(&["--mine=nonsense"]);
    assert_ne!(ran.code, Some(0), "a node that can't do what it was asked for does not run");
    assert!(ran.err.contains("no address of regtest"), "{}", ran.err);
    let ran = run(&["--stratum"]);
    assert_eq!(ran.code, Some(2));
    let line = format!("init-storage set-mining-address {ADDRESS} 300 start-mining-on bye");
    let ran = run(&["-e", &line]);
    assert!(ran.err.contains("256"), "{}", ran.err);
    assert!(regtest(folder.path(), &["-e", "init-storage get-height . bye"]).out.ends_with("0 "));
}
