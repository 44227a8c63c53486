//! The balance of a wallet of 10,000 coins, each on its own address, asked of a running node.
//!
//! ```text
//! ./scripts/build && cargo bench --bench wallet
//! ```
//! The first balance of a session reads the kept scripts; the later ones are medians.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crypto::entropy::SystemEntropy;
use crypto::seal::{Cost, SealKey};
use primitives::address::Address;
use primitives::network::REGTEST;
use wallet::book::Book;
use wallet::file;

const COINS: u32 = 10_000;
const PER_PAYMENT: u32 = 2_500;
const STRANGER: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let binary = std::env::var_os("FORTHCOIN_BINARY")
        .map_or_else(|| target.join("release/forthcoin"), PathBuf::from);
    let folder = tempfile::tempdir().expect("a folder");
    let ours = || {
        let mut command = Command::new(&binary);
        command.args(["regtest", "--datadir"]).arg(folder.path()).current_dir(folder.path());
        command.env("FORTHCOIN_LISTEN", "none");
        command.env("FORTHCOIN_PASSPHRASE_FILE", folder.path().join("pass"));
        command
    };
    let run = |code: &str| {
        std::fs::write(folder.path().join("run.fs"), code).expect("written");
        let output = ours().arg("run.fs").output().expect("the release binary runs");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{error}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    std::fs::write(folder.path().join("pass"), "bench\n").expect("written");
    let book = Book::generate(&REGTEST, &mut SystemEntropy).expect("a wallet");
    let key = SealKey::create(b"bench", Cost::DEFAULT, &mut SystemEntropy).expect("a key");
    let sealed = key.seal(&book.to_body(), &mut SystemEntropy).expect("sealed");
    file::write(&folder.path().join("a.wallet"), &sealed, false).expect("written");
    let address = |account: usize, index: u32| {
        let derived = book.accounts[account].descriptor.derive(0, index).expect("derived");
        let address = Address::from_script(&derived.script_pubkey).expect("an address");
        address.to_text(&REGTEST)
    };

    let mut node = ours().stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("a node");
    while !folder.path().join("regtest/control.sock").exists() {
        std::thread::yield_now();
    }
    let payments = COINS / PER_PAYMENT;
    run(&format!(
        "init-storage mine-blocks {payments} {} mine-blocks 100 {STRANGER}\nbye\n",
        address(1, 0)
    ));
    for payment in 0..payments {
        let mut list = String::from("{");
        for index in payment * PER_PAYMENT..(payment + 1) * PER_PAYMENT {
            let _ = write!(list, "\"{}\":\"0.015\",", address(0, index));
        }
        list.pop();
        run(&format!(
            "init-storage load a.wallet use-account taproot fee-rate 1\nsend-many {list}}}\nbye\n"
        ));
        run(&format!("init-storage mine-blocks 1 {STRANGER}\nbye\n"));
    }
    let shown = run("init-storage load a.wallet get-utxos nip drop\n\
         : took ( -- )  utime get-balance drop utime 2swap d- drop . ;\n\
         took took took took took took took bye\n");
    let fresh = run("init-storage load a.wallet\n\
         utime get-balance drop utime 2swap d- drop . bye\n");
    let mut later: Vec<u64> = shown.split_whitespace().filter_map(|w| w.parse().ok()).collect();
    assert_eq!(later.len(), 7, "{shown}");
    later.sort_unstable();
    println!("{COINS} coins: first balance {} µs, later ones {} µs", fresh.trim(), later[3]);
    let _ = node.kill();
    let _ = node.wait();
}
