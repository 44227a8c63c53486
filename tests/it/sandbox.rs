//! What Forth of a stranger can't do under `--sandbox`, tried on the program itself.

use std::fs;
use std::path::Path;
use std::time::Duration;

use expectrl::{Eof, Expect, Session};

use super::run::{NodeProcess, Ran, forthcoin, regtest, with_input};

const ADDRESS: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
/// Stands in files that the stranger wants to read.
const SECRET: &str = "the-secret-of-the-file";

/// `--sandbox` with code, in a folder that holds files, with something to read on standard input.
fn sandboxed(folder: &Path, code: &str) -> Ran {
    let mut command = forthcoin();
    command.current_dir(folder).args(["regtest", "--datadir", "data", "--sandbox", "-e", code]);
    command.env("FORTHCOIN_MINE_TAG", SECRET);
    command.output().expect("the program starts").into()
}

/// Names, sizes and times of what is in a folder and below.
fn listing(folder: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let entry = entry.expect("its entry");
        let data = entry.metadata().expect("its metadata");
        lines.push(format!("{:?} {} {:?}", entry.path(), data.len(), data.modified().ok()));
        if data.is_dir() {
            lines.extend(listing(&entry.path()));
        }
    }
    lines.sort();
    lines
}

#[test]
fn a_running_node_is_neither_rebuilt_nor_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = NodeProcess::start(folder.path());
    let mined = regtest(folder.path(), &["-e", &format!("mine-blocks 3 {ADDRESS} bye")]);
    assert_eq!(mined.code, Some(0), "{}", mined.err);
    let audit = || fs::read_to_string(folder.path().join("regtest/audit.log")).expect("the log");
    let before = audit();
    assert!(before.contains("generate"), "{before}");
    for code in [
        "s\" coins\" reindex-what bye",
        "reindex-coins",
        "s\\\" [\\\"coins\\\"]\" s\" reindex\" ask-node type",
        "get-height .",
        "' stop-node execute",
    ] {
        let ran = regtest(folder.path(), &["--sandbox", "-e", code]);
        assert_eq!(ran.code, Some(1), "{code}: {} {}", ran.out, ran.err);
        assert!(
            ran.err.contains("--sandbox turns the node's words off (THROW -21)"),
            "{}",
            ran.err
        );
        assert_eq!(ran.out, "", "{code}");
    }
    assert_eq!(audit(), before, "the node was asked for a change");
    let height = regtest(folder.path(), &["-e", "get-height . bye"]);
    assert_eq!(height.out.trim(), "3", "{}", height.err);
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn no_networks_are_simulated() {
    let folder = tempfile::tempdir().expect("a folder");
    for code in ["s\" --nodes=2 --blocks=1\" simulate-with bye", "simulate --nodes=2 --blocks=1"] {
        let ran = sandboxed(folder.path(), code);
        assert_eq!(ran.code, Some(1), "{code}: {}", ran.err);
        assert!(ran.err.contains("--sandbox turns the node's words off"), "{}", ran.err);
        assert_eq!(ran.out, "", "{code}");
    }
    assert_eq!(listing(folder.path()), [""; 0]);
}

#[test]
fn files_environment_and_keyboard_stay_out_of_reach() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let data = folder.join("data");
    fs::create_dir(&data).expect("made");
    fs::write(folder.join("secret.fs"), format!(".\" {SECRET}\"")).expect("written");
    fs::write(data.join("init.fs"), format!(".\" {SECRET}\"")).expect("written");
    fs::write(data.join("history"), SECRET).expect("written");
    fs::write(folder.join("stranger.fs"), "include secret.fs").expect("written");
    let before = listing(folder);
    for code in [
        "include secret.fs",
        "s\" secret.fs\" included",
        "s\" secret.fs\" required",
        "require secret.fs",
        "s\" include secret.fs\" evaluate",
        "s\" data/history\" r/o ' open-file execute",
        "s\" secret.fs\" 0 open-file drop pad 20 rot read-file",
        "s\" new.fs\" 2 create-file",
        "s\" secret.fs\" delete-file",
        "s\" secret.fs\" s\" x\" rename-file",
        "s\" secret.fs\" file-status",
        ": f s\" secret.fs\" included ; f",
        ": f s\" included\" evaluate ; s\" secret.fs\" f",
        ": f postpone include ; immediate : g f ; g secret.fs",
        "defer f ' include is f f secret.fs",
        "synonym f include f secret.fs",
        "s\" include\" find-name name>interpret execute secret.fs",
        "marker m m include secret.fs",
        "use secret.fs 0 list",
        "1 block drop",
        "1 load",
        "s\" secret.fs\" load-encrypted-from",
        "s\" secret.fs\" psbt-look-at type",
        "s\" secret.fs\" slurp-text type",
        "s\" out.csv\" export-chain-to",
        "s\" secret.fs\" verify-backup-at",
        "data-folder type",
        "20 audit-tail",
        "new-wallet type",
        "pad 100 accept pad swap type",
        "key emit",
        "ekey emit",
        "page",
        "time&date",
    ] {
        let ran = sandboxed(folder, code);
        assert_eq!(ran.code, Some(1), "{code}: {} {}", ran.out, ran.err);
        assert!(ran.err.contains("--sandbox "), "{code}: {}", ran.err);
        assert!(ran.err.contains("(THROW -21)"), "{code}: {}", ran.err);
        assert!(!ran.out.contains(SECRET) && !ran.err.contains(SECRET), "{code}: {}", ran.out);
    }
    let file: Ran = forthcoin()
        .current_dir(folder)
        .args(["regtest", "--datadir", "data", "--sandbox", "stranger.fs"])
        .output()
        .expect("the program starts")
        .into();
    assert_eq!((file.code, file.out.as_str()), (Some(1), ""), "{}", file.err);
    let variable: Ran = forthcoin()
        .current_dir(folder)
        .env("FORTHCOIN_SANDBOX", "1")
        .args(["regtest", "--datadir", "data", "-e", "include secret.fs"])
        .output()
        .expect("the program starts")
        .into();
    assert_eq!((variable.code, variable.out.as_str()), (Some(1), ""), "{}", variable.err);
    let asked = sandboxed(folder, "s\" FORTHCOIN_MINE_TAG\" environment? . bye");
    assert_eq!((asked.code, asked.out.as_str()), (Some(0), "0 "), "{}", asked.err);
    assert_eq!(listing(folder), before);
}

#[test]
fn standard_input_is_the_program_or_nothing() {
    let program = b"0 [if]\n1 .\n[else]\n2 .\n[then]\n: f\n3 . ;\nf\nrefill\n4 .\n";
    for arguments in [&["--sandbox"][..], &[]] {
        let ran = with_input(arguments, program);
        assert_eq!((ran.code, ran.out.as_str()), (Some(0), "2 3 4 "), "{}", ran.err);
    }
    for taken in ["pad 80 accept", "key", "refill drop source type key"] {
        let program = format!("{taken}\n{SECRET}\n");
        let ran = with_input(&["--sandbox"], program.as_bytes());
        assert_eq!(ran.code, Some(1), "{taken}: {}", ran.out);
    }
    for taken in ["pad 80 accept pad swap type", "key emit"] {
        let ran = with_input(&["--sandbox", "-e", taken], SECRET.as_bytes());
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{}", ran.err);
        assert!(ran.err.contains("--sandbox gives no access to keyboard"), "{}", ran.err);
    }
    let none = with_input(&["--sandbox", "-e", "refill . bye"], SECRET.as_bytes());
    assert_eq!((none.code, none.out.as_str()), (Some(0), "0 "), "{}", none.err);
}

#[test]
fn output_and_reports_steer_no_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let is_harmless = |text: &str| text.chars().all(|c| !c.is_control() || "\n\t".contains(c));
    for code in [
        "27 emit .\" [2J\" 13 emit 8 emit 127 emit 155 emit 194 emit 155 emit 65 emit",
        "s\\\" \\e]0;title\\a \\x9b31m \\xc2\\x9b31m\" type",
        "s\\\" \\e[2J\" .json s\\\" \\e[2J\" .text",
        "s\\\" \\e]52;c;eA==\\a\" evaluate",
        "s\\\" : \\e]0;x\\a abort ; \\e]0;x\\a\" evaluate",
        ": f s\\\" \\e[2Jx\" -2 throw ; f",
        ": f 1 abort\" \u{1b}[2J\" ; f",
    ] {
        let ran = sandboxed(folder.path(), code);
        assert!(is_harmless(&ran.out), "{code}: {:?}", ran.out);
        assert!(is_harmless(&ran.err), "{code}: {:?}", ran.err);
        assert!(!(ran.out + &ran.err).is_empty(), "{code} shows nothing");
    }
    let text = sandboxed(folder.path(), ".\" über\tfünf\" cr 1 . bye");
    assert_eq!(text.out, "über\tfünf\n1 ", "{}", text.err);
}

#[test]
fn a_console_in_a_sandbox_leaves_no_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_forthcoin"));
    command.args(["regtest", "--sandbox", "--datadir"]).arg(&data);
    command.env("NO_COLOR", "1").env("TERM", "xterm");
    let mut terminal = Session::spawn(command).expect("a pseudo-terminal");
    terminal.set_expect_timeout(Some(Duration::from_secs(10)));
    terminal.expect("regtest> ").expect("a prompt");
    for (line, shown) in [("1 2 + .", "3  ok"), ("new", "THROW -21"), ("pad 9 accept", "THROW -21")]
    {
        terminal.send_line(line).expect("sent");
        terminal.expect(shown).unwrap_or_else(|e| panic!("{line} did not show {shown}: {e}"));
    }
    terminal.send_line("bye").expect("sent");
    terminal.expect(Eof).expect("the program ends");
    assert!(!data.exists(), "the data folder was made");
}
