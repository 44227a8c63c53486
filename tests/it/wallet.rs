//! Wallets as their owners use them: files, payments, the treasury's ceremony, and what is left
//! behind by a session.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::run::{NodeProcess, Ran, forthcoin};

const PASSPHRASE: &str = "quarrel anchor violet tunnel";
pub const STRANGER: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

/// A folder with a passphrase file, and the program in it.
pub struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Place {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("pass"), format!("{PASSPHRASE}\n")).expect("written");
        Place { folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub fn run_with(&self, arguments: &[&str], pass: &str, code: &str) -> Ran {
        let mut command = forthcoin();
        command.arg("regtest").arg("--datadir").arg(self.path()).args(arguments);
        command.args(["-e", code]).current_dir(self.path());
        command.env("FORTHCOIN_PASSPHRASE_FILE", self.file(pass));
        command.output().expect("the program starts").into()
    }

    pub fn fails(&self, code: &str) -> String {
        let ran = self.run_with(&[], "pass", code);
        assert_ne!(ran.code, Some(0), "{code}: {}", ran.out);
        ran.err
    }

    pub fn does(&self, code: &str) -> String {
        let ran = self.run_with(&[], "pass", code);
        assert_eq!(ran.code, Some(0), "{code}: {}", ran.err);
        ran.out.trim().to_owned()
    }

    /// Without chain and socket.
    fn offline(&self, code: &str) -> String {
        let ran = self.run_with(&["--offline"], "pass", code);
        assert_eq!(ran.code, Some(0), "{code}: {}", ran.err);
        ran.out.trim().to_owned()
    }

    pub fn mine(&self, blocks: u32, address: &str) {
        self.does(&format!("init-storage mine-blocks {blocks} {address} bye"));
    }
}

#[test]
fn a_wallet_file_is_private_held_once_and_says_what_is_wrong_with_it() {
    let place = Place::new();
    let shown = place.does("new save-encrypted a.wallet bye");
    assert!(shown.contains("fingerprint") && shown.contains("bcrt1q"), "{shown}");
    let file = place.file("a.wallet");
    let mode = fs::metadata(&file).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let sealed = fs::read(&file).expect("read");

    // What is there is not written over; another wallet needs another name.
    assert!(place.fails("new save-encrypted a.wallet bye").contains("there already"));
    assert_eq!(fs::read(&file).expect("read"), sealed);

    fs::write(place.file("wrong"), "not the passphrase\n").expect("written");
    let wrong = place.run_with(&[], "wrong", "load-encrypted a.wallet bye");
    assert_eq!(wrong.code, Some(5));
    assert!(wrong.err.contains("passphrase is wrong"), "{}", wrong.err);
    for (name, bytes, wanted) in [
        ("cut", sealed[..sealed.len() - 9].to_vec(), "cut short"),
        ("flipped", with_flip(&sealed, 200), "contents are damaged"),
        ("header", with_flip(&sealed, 12), "header is damaged"),
        ("plain", b"{\"seed\":\"abandon\"}".to_vec(), "plain text"),
    ] {
        fs::write(place.file(name), bytes).expect("written");
        let error = place.fails(&format!("load-encrypted {name} bye"));
        assert!(error.contains(wanted), "{name}: {error}");
    }
    assert!(
        place
            .does("load a.wallet verify-wallet a.wallet bye")
            .contains("same_as_open_wallet  true")
    );

    // A second passphrase; the first no longer opens.
    fs::write(place.file("both"), format!("{PASSPHRASE}\n{PASSPHRASE}\nanother one entirely\n"))
        .expect("written");
    let changed = place.run_with(&[], "both", "load a.wallet change-passphrase bye");
    assert_eq!(changed.code, Some(0), "{}", changed.err);
    assert!(place.fails("load a.wallet bye").contains("passphrase is wrong"));
    fs::write(place.file("wrong"), "another one entirely\n").expect("written");
    let opened = place.run_with(&[], "wrong", "load a.wallet address bye");
    assert_eq!(opened.code, Some(0), "{}", opened.err);
    // Neither locks nor parts are left.
    let left = fs::read_dir(place.path()).expect("listed").filter(|entry| {
        let name = entry.as_ref().expect("listed").file_name();
        let name = name.to_string_lossy();
        name.ends_with(".lock") || name.ends_with(".part")
    });
    assert_eq!(left.count(), 0);
    assert!(place.fails("new show-phrase bye").contains("terminal"));
    let unsaved = place.run_with(&[], "pass", "new bye");
    assert!(unsaved.err.contains("never saved") && unsaved.code == Some(0), "{}", unsaved.err);
}

fn with_flip(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 0x40;
    bytes
}

#[test]
fn paid_paying_bumped_and_restored() {
    let place = Place::new();
    place.does("new save-encrypted a.wallet bye");
    let node = NodeProcess::start(place.path());
    let first = place.does("load a.wallet address bye");
    place.mine(1, &first);
    place.mine(101, STRANGER);
    let shown = place.does("init-storage load a.wallet balance bye");
    assert!(shown.contains("balance      50.00000000"), "{shown}");

    // Amounts, addresses, dust and too much are refused before anything leaves.
    for (code, wanted) in [
        (format!("send {STRANGER} 1"), "write 1.0 or 1sat"),
        (format!("send {STRANGER} 100sat"), "dust"),
        (format!("send {STRANGER} 50.0"), "more than the 50.0"),
        ("send bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4 1.0".to_owned(), "another network"),
        (format!("fee-rate 10000 send {STRANGER} 0.01"), "over 10 %"),
        (format!("fee-rate 9999999 send {STRANGER} 0.01"), "fee rate"),
    ] {
        let error = place.fails(&format!("init-storage load a.wallet {code} bye"));
        assert!(error.contains(wanted), "{code}: {error}");
    }
    let plan = place.does(&format!("init-storage load a.wallet plan-send {STRANGER} 1.5 bye"));
    assert!(plan.contains("fee_rate") && plan.contains("paid      1.50000000"), "{plan}");

    let sent =
        place.does(&format!("init-storage load a.wallet fee-rate 2 send {STRANGER} 1.5 bye"));
    let bumped = place.does(&format!("init-storage load a.wallet bump {sent} bye"));
    assert_ne!(sent, bumped);
    let pool = place.does("init-storage get-pool type bye");
    assert!(pool.contains(&bumped) && !pool.contains(&sent), "{pool}");
    place.mine(1, STRANGER);
    let again = place.fails(&format!("init-storage load a.wallet bump {bumped} bye"));
    assert!(again.contains("confirmed"), "{again}");
    let many = format!("{{\"{STRANGER}\":\"0.5\",\"{first}\":\"150000sat\"}}");
    place.does(&format!("init-storage load a.wallet send-many {many}\nbye"));
    place.mine(1, STRANGER);

    // A coin that is locked is not spent.
    let coins = place.does("init-storage load a.wallet get-utxos type bye");
    let coins: serde_json::Value = serde_json::from_str(&coins).expect("JSON");
    let all = coins.as_array().expect("a list");
    let locks: String = all
        .iter()
        .map(|coin| format!("lock-coin {} ", coin["outpoint"].as_str().expect("an outpoint")))
        .collect();
    let error = place.fails(&format!("init-storage load a.wallet {locks} send {STRANGER} 0.1 bye"));
    assert!(error.contains("more is locked"), "{error}");
    let unlock = locks.replace("lock-coin", "unlock-coin");
    place.does(&format!("init-storage load a.wallet {unlock} bye"));

    // Taproot coins move, too, and all can be swept.
    let taproot = place.does("init-storage load a.wallet use-account taproot address bye");
    assert!(taproot.starts_with("bcrt1p"));
    place.does(&format!("init-storage load a.wallet sweep {taproot} bye"));
    place.mine(1, STRANGER);
    let balance = place.does("init-storage load a.wallet balance bye");
    assert!(balance.contains("coins        1"), "{balance}");
    place.does(&format!("init-storage load a.wallet use-account taproot send {STRANGER} 2.0 bye"));
    place.mine(1, STRANGER);
    let history = place.does("init-storage load a.wallet get-wallet-history type bye");
    let history: serde_json::Value = serde_json::from_str(&history).expect("JSON");
    assert_eq!(history.as_array().expect("a list").len(), 5);
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn five_wallets_two_of_them_offline_spend_from_a_treasury() {
    let place = Place::new();
    let mut keys = Vec::new();
    for n in 1..=5 {
        place.offline(&format!("new save-encrypted {n}.wallet bye"));
        keys.push(place.offline(&format!("load {n}.wallet multisig-key bye")));
    }
    let keys = keys.join(" ");
    let mut addresses = Vec::new();
    for n in 1..=5 {
        place.offline(&format!("load {n}.wallet multisig-treasury {keys}\nbye"));
        addresses.push(place.offline(&format!("load {n}.wallet use-account treasury address bye")));
    }
    assert!(addresses.windows(2).all(|pair| pair[0] == pair[1]), "{addresses:?}");
    let node = NodeProcess::start(place.path());
    place.mine(1, &addresses[0]);
    place.mine(100, STRANGER);
    place.does(&format!(
        "init-storage load 1.wallet use-account treasury psbt-create pay.psbt {STRANGER} 7.5 bye"
    ));
    let shown = place.offline("load 4.wallet psbt-show pay.psbt bye");
    for wanted in ["change, verified as ours", "payment", "7.50000000", "0 of 3"] {
        assert!(shown.contains(wanted), "{wanted}: {shown}");
    }
    // Mixed order, two without any chain.
    place.offline("load 4.wallet multisig-sign pay.psbt four.psbt bye");
    place.does("load 2.wallet multisig-sign pay.psbt two.psbt bye");
    place.does("psbt-combine both.psbt four.psbt two.psbt\nbye");
    let error = place.fails("init-storage multisig-broadcast both.psbt bye");
    assert!(error.contains("2 of 3 signatures"), "{error}");
    place.offline("load 5.wallet multisig-sign both.psbt three.psbt bye");
    assert!(place.offline("multisig-sigs three.psbt bye").contains("3 of 3"));

    // A stranger has nothing to sign; an altered payment is refused by the next signer.
    place.offline("new save-encrypted stranger.wallet bye");
    let error = place.fails("load stranger.wallet multisig-sign pay.psbt s.psbt bye");
    assert!(error.contains("foreign"), "{error}");
    let text = fs::read_to_string(place.file("both.psbt")).expect("read");
    let mut bytes = data_encoding::BASE64.decode(text.trim().as_bytes()).expect("base64");
    let amount = 750_000_000u64.to_le_bytes();
    let at = bytes.windows(8).position(|window| window == amount).expect("the amount");
    bytes[at] ^= 1;
    fs::write(place.file("altered.psbt"), bytes).expect("written");
    let error = place.fails("load 5.wallet multisig-sign altered.psbt a.psbt bye");
    assert!(error.contains("altered") || error.contains("does not fit"), "{error}");

    // The same ceremony's file in version 2 is read as well.
    place.offline("s\" three.psbt\" 2 s\" v2.psbt\" psbt-convert-to bye");
    let txid = place.does("init-storage multisig-broadcast v2.psbt bye");
    place.mine(1, STRANGER);
    let shown = place.does(&format!("init-storage tx {txid} bye"));
    assert!(shown.contains("7.50000000"), "{shown}");
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn vaults_open_when_due_and_say_when_before() {
    let place = Place::new();
    place.does("new save-encrypted a.wallet bye");
    place.does("new save-encrypted b.wallet bye");
    let node = NodeProcess::start(place.path());
    let first = place.does("load a.wallet address bye");
    place.mine(3, &first);
    place.mine(100, STRANGER);
    let load = "init-storage load a.wallet";
    let name = |shown: &str| {
        let line = shown.lines().find(|line| line.starts_with("account")).expect("an account");
        line.split_whitespace().last().expect("a name").to_owned()
    };

    let until = name(&place.does(&format!("{load} lock-until 108 1.0 bye")));
    place.mine(1, STRANGER);
    let waiting = name(&place.does(&format!("{load} lock-for 3 2.0 bye")));
    place.mine(1, STRANGER);
    let error = place.fails(&format!("{load} open-vault {until} {STRANGER} bye"));
    assert!(error.contains("opens at height 108, the chain is at 105"), "{error}");
    let error = place.fails(&format!("{load} open-vault {waiting} {STRANGER} bye"));
    assert!(error.contains("opens at height 107, the chain is at 105"), "{error}");
    let balance = place.does(&format!("{load} balance bye"));
    assert!(balance.contains("vaults       3.00000000"), "{balance}");

    // Locked to the secret of another, who claims it.
    let key = place.does("load b.wallet vault-key bye");
    let secret = [7u8; 32];
    let hash = primitives::hex::encode(&crypto::hash::sha256(&secret));
    let shown = place.does(&format!("{load} hash-lock {hash} {key} 200 0.5 bye"));
    let descriptor = shown.lines().find(|line| line.starts_with("descriptor")).expect("one");
    let descriptor = descriptor.split_whitespace().last().expect("a text");
    place.mine(2, STRANGER);
    place.does(&format!("load b.wallet watch {descriptor} bye"));
    let error =
        place.fails(&format!("init-storage load b.wallet open-vault watch-2 {STRANGER} bye"));
    assert!(error.contains("learn-secret"), "{error}");
    let lines = format!("{PASSPHRASE}\n{}\n", primitives::hex::encode(&secret));
    fs::write(place.file("told"), lines).expect("written");
    let told = place.run_with(&[], "told", "load b.wallet learn-secret bye");
    assert_eq!(told.code, Some(0), "{}", told.err);
    place.does(&format!("init-storage load b.wallet open-vault watch-2 {STRANGER} bye"));
    place.does(&format!("{load} open-vault {waiting} {STRANGER} bye"));
    place.mine(1, STRANGER);
    place.does(&format!("{load} open-vault {until} {STRANGER} bye"));
    place.mine(1, STRANGER);
    let balance = place.does(&format!("{load} balance bye"));
    assert!(balance.contains("vaults       0.00000000"), "{balance}");
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn messages_are_signed_and_checked_without_a_chain() {
    let place = Place::new();
    place.offline("new save-encrypted a.wallet bye");
    for (account, word) in [
        ("segwit", "sign-message-by"),
        ("taproot", "sign-message-by"),
        ("segwit", "sign-message-137"),
    ] {
        let code = format!(
            "load a.wallet use-account {account} next-address 2dup type space s\" pay me\" {word} type bye"
        );
        let shown = place.offline(&code);
        let (address, signature) = shown.split_once(' ').expect("two");
        let checked = place.offline(&format!("check-message {address} {signature} pay me\nbye"));
        assert_eq!(word.ends_with("137"), checked.contains("public_key  0"), "{checked}");
        let error = place.fails(&format!("check-message {address} {signature} pay you\nbye"));
        assert!(error.contains("another message"), "{error}");
    }
}

/// Bytes that a process could be dumped with: what it may write to.
fn memory_of(pid: u32) -> Vec<Vec<u8>> {
    use std::io::{Read, Seek, SeekFrom};
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("maps");
    let mut memory = fs::File::open(format!("/proc/{pid}/mem")).expect("memory");
    let mut found = Vec::new();
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (range, _) = line.split_once(' ').expect("a range");
        let (from, to) = range.split_once('-').expect("a range");
        let number = |text: &str| u64::from_str_radix(text, 16).expect("hex");
        let (from, to) = (number(from), number(to));
        memory.seek(SeekFrom::Start(from)).expect("sought");
        let mut bytes = Vec::new();
        // Some ranges can't be read by anybody.
        if memory.by_ref().take(to - from).read_to_end(&mut bytes).is_ok() {
            found.push(bytes);
        }
    }
    found
}

#[test]
fn a_session_at_a_terminal_leaves_no_secret() {
    use expectrl::{Expect, Session};
    // One of BIP39's published phrases.
    let phrase = "void come effort suffer camp survey warrior heavy shoot primary clutch crush \
                  open amazing screen patrol group space point ten exist slush involve unfold";
    let place = Place::new();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_forthcoin"));
    command.args(["regtest", "--datadir"]).arg(place.path()).current_dir(place.path());
    command.env("NO_COLOR", "1").env("TERM", "xterm").env("FORTHCOIN_LISTEN", "none");
    let mut terminal = Session::spawn(command).expect("a pseudo-terminal");
    terminal.set_expect_timeout(Some(std::time::Duration::from_secs(20)));
    const DONE: &str = " ok\r\n";
    for (wanted, line) in [
        ("regtest> ", Some("restore-phrase")),
        ("Enter phrase: ", Some(phrase)),
        ("fingerprint", None),
        (DONE, Some("bye")),
        ("never saved", None),
        ("leaves without it\r\n", Some("save-encrypted a.wallet")),
        ("Enter passphrase: ", Some(PASSPHRASE)),
        ("Confirm passphrase: ", Some(PASSPHRASE)),
        (DONE, Some("show-phrase")),
        ("[y/N] ", Some("y")),
        ("1. void", None),
        ("24. unfold", None),
        (DONE, Some("close-wallet")),
        (DONE, Some("load-encrypted a.wallet")),
        ("Enter passphrase: ", Some(PASSPHRASE)),
        (DONE, Some("address wallet-info")),
        ("next_address", None),
        (DONE, Some("close-wallet")),
        (DONE, Some("1 2 + .")),
        ("3  ok", None),
    ] {
        if let Err(e) = terminal.expect(wanted) {
            panic!("the terminal never showed {wanted:?}: {e}");
        }
        if let Some(line) = line {
            terminal.send_line(line).expect("sent");
        }
    }
    let entropy = wallet::keys::Seed::from_phrase(phrase).expect("a phrase");
    let entropy = entropy.entropy();
    let entropy_hex = primitives::hex::encode(entropy);
    let pid = terminal.get_process().pid().as_raw() as u32;
    let memory = memory_of(pid);
    assert!(memory.iter().map(Vec::len).sum::<usize>() > 100_000, "memory was read");
    let holds = |bytes: &[u8]| {
        memory.iter().any(|range| range.windows(bytes.len()).any(|window| window == bytes))
    };
    assert!(holds(b"close-wallet"), "what was typed is there");
    for (what, bytes) in [
        ("passphrase", PASSPHRASE.as_bytes()),
        ("phrase", &phrase.as_bytes()[..40]),
        ("end of the phrase", &phrase.as_bytes()[phrase.len() - 40..]),
        ("entropy", entropy),
        ("entropy as hex", entropy_hex.as_bytes()),
    ] {
        assert!(!holds(bytes), "the {what} is in memory");
    }
    terminal.send_line("bye").expect("sent");
    terminal.expect(expectrl::Eof).expect("it ends");
    // Neither the history nor anything else that was written holds one.
    fs::remove_file(place.file("pass")).expect("removed");
    let mut folders = vec![place.path().to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("listed") {
            let path = entry.expect("listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                let text = fs::read(&path).expect("read");
                for secret in [PASSPHRASE, "void come effort", "exist slush involve"] {
                    let found = text.windows(secret.len()).any(|w| w == secret.as_bytes());
                    assert!(!found, "{} holds a secret", path.display());
                }
                files += 1;
            }
        }
    }
    assert!(files >= 2, "a wallet and a history");
}

/// `wallet-examples/NAME.fs` gives `NAME.out`, without chain and socket; `FORTHCOIN_BLESS=1`
/// writes the `.out` files anew.
#[test]
fn the_published_examples_show_what_they_did() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("wallet-examples");
    let names = |extension: &str| -> Vec<PathBuf> {
        let all = fs::read_dir(&examples).expect("listed").map(|e| e.expect("listed").path());
        all.filter(|path| path.extension().is_some_and(|e| e == extension)).collect()
    };
    let scripts = names("fs");
    assert!(scripts.len() >= 3);
    for script in scripts {
        let folder = tempfile::tempdir().expect("a folder");
        for file in names("wallet").iter().chain(&names("psbt")) {
            fs::copy(file, folder.path().join(file.file_name().expect("a name"))).expect("copied");
        }
        let mut command = forthcoin();
        command.args(["regtest", "--offline", "--datadir"]).arg(folder.path().join("data"));
        command.arg(&script).current_dir(folder.path());
        command.env("FORTHCOIN_PASSPHRASE_FILE", examples.join("passphrase"));
        let ran: Ran = command.output().expect("the program starts").into();
        assert_eq!(ran.code, Some(0), "{}: {}", script.display(), ran.err);
        let wanted = script.with_extension("out");
        if std::env::var_os("FORTHCOIN_BLESS").is_some() {
            fs::write(&wanted, &ran.out).expect("written");
        }
        let wanted = fs::read_to_string(wanted).expect("the .out file is there");
        assert_eq!(ran.out, wanted, "{}", script.display());
    }
}
