//! The REPL through a real pseudo-terminal: prompt, multi-line definitions, errors, completion,
//! history, Ctrl-C and Ctrl-D.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use expectrl::process::unix::WaitStatus;
use expectrl::{ControlCode, Eof, Expect, Session};

use super::run::{NodeProcess, regtest, wait_until};

type Terminal = expectrl::session::OsSession;

fn open(folder: &Path) -> Terminal {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forthcoin"));
    command.args(["regtest", "--datadir"]).arg(folder).env("NO_COLOR", "1").env("TERM", "xterm");
    let mut terminal = Session::spawn(command).expect("a pseudo-terminal");
    terminal.set_expect_timeout(Some(Duration::from_secs(10)));
    expect(&mut terminal, "regtest> ");
    terminal
}

fn expect(terminal: &mut Terminal, text: &str) {
    if let Err(e) = terminal.expect(text) {
        panic!("the terminal never showed {text:?}: {e}");
    }
}

fn leave(mut terminal: Terminal, code: i32) {
    expect_end(&mut terminal);
    let status = terminal.get_process().wait().expect("it ends");
    assert!(matches!(status, WaitStatus::Exited(_, found) if found == code), "{status:?}");
}

fn expect_end(terminal: &mut Terminal) {
    terminal.expect(Eof).expect("the program ends");
}

#[test]
fn what_is_typed_ahead_is_run_in_turn() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut terminal = open(folder.path());
    terminal.send("300 ms 11 .\r12 .\r13 .\r").expect("sent");
    expect(&mut terminal, "11  ok");
    // While a word runs.
    terminal.send("300 ms 14 .\r").expect("sent");
    for shown in ["12  ok", "13  ok", "14  ok"] {
        expect(&mut terminal, shown);
    }
    terminal.send_line("bye").expect("sent");
    leave(terminal, 0);
}

#[test]
fn a_session() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut terminal = open(folder.path());
    terminal.send_line("1 2 + .").expect("sent");
    expect(&mut terminal, "3  ok");
    terminal.send_line("7 8").expect("sent");
    expect(&mut terminal, " ok 2");
    expect(&mut terminal, "<2>> ");
    terminal.send_line("nonsense").expect("sent");
    expect(&mut terminal, "undefined word");
    expect(&mut terminal, "^^^^^^^^");
    // The stack is emptied as the standard says, and the prompt comes back.
    expect(&mut terminal, "regtest> ");
    terminal.send_line(": sq").expect("sent");
    expect(&mut terminal, "...> ");
    terminal.send_line("dup * ;").expect("sent");
    expect(&mut terminal, "ok");
    terminal.send_line("7 sq .").expect("sent");
    expect(&mut terminal, "49  ok");
    terminal.send_line("init-storage get-height .").expect("sent");
    expect(&mut terminal, "0  ok");
    expect(&mut terminal, "regtest 0> ");
    let payee = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
    terminal.send_line(format!("mine-blocks 2 {payee}")).expect("sent");
    expect(&mut terminal, "regtest 2> ");
    terminal.send_line("bye").expect("sent");
    leave(terminal, 0);
}

#[test]
fn ctrl_c_stops_an_endless_loop_and_ctrl_d_leaves() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut terminal = open(folder.path());
    terminal.send_line(": forever .\" started\" cr begin again ; forever").expect("sent");
    expect(&mut terminal, "started\r\n");
    terminal.send(ControlCode::EndOfText).expect("sent");
    expect(&mut terminal, "THROW -28");
    expect(&mut terminal, "regtest> ");
    terminal.send_line("2 3 * .").expect("sent");
    expect(&mut terminal, "6  ok");
    terminal.send(ControlCode::EndOfTransmission).expect("sent");
    leave(terminal, 0);
}

#[test]
fn completion_and_hints() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut terminal = open(folder.path());
    terminal.send("get-bes").expect("sent");
    terminal.send("\t").expect("sent");
    expect(&mut terminal, "get-best-hash");
    expect(&mut terminal, "( -- hash-addr u )");
    terminal.send(ControlCode::EndOfText).expect("sent");
    expect(&mut terminal, "regtest> ");
    terminal.send_line("bye").expect("sent");
    leave(terminal, 0);
}

#[test]
fn arguments_complete_by_what_they_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let other = tempfile::tempdir().expect("a folder");
    let far = NodeProcess::start_with(other.path(), &["--listen", "127.0.0.1:0"]);
    let ask = |folder: &Path, call: &str| {
        let code = format!("init-storage rpc {call} [] bye");
        regtest(folder, &["--json", "-e", &code]).out
    };
    let mut peer = String::new();
    wait_until("the port of a peer", || {
        let info: serde_json::Value =
            serde_json::from_str(&ask(other.path(), "getnetworkinfo")).unwrap_or_default();
        peer = info["listening"].as_str().unwrap_or_default().to_owned();
        !peer.is_empty()
    });
    let near = NodeProcess::start_with(folder.path(), &["--peer", &peer]);
    wait_until("the peer", || ask(folder.path(), "getpeerinfo").contains(&peer));
    let mut terminal = open(folder.path());
    terminal.send_line("init-storage get-best-hash 2drop").expect("sent");
    expect(&mut terminal, " ok");
    expect(&mut terminal, "regtest 0> ");
    // Genesis was seen a moment ago.
    terminal.send("show-header 0f91").expect("sent");
    terminal.send("\t").expect("sent");
    expect(&mut terminal, "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206");
    terminal.send_line("").expect("sent");
    expect(&mut terminal, "merkleroot");
    expect(&mut terminal, "regtest 0> ");
    terminal.send("rpc getbestbl").expect("sent");
    terminal.send("\t").expect("sent");
    expect(&mut terminal, "getbestblockhash");
    terminal.send_line(" []").expect("sent");
    expect(&mut terminal, "regtest 0> ");
    // A file beside us.
    let file = folder.path().join("my-own-words.fs");
    fs::write(&file, ": mine 4711 . ;").expect("written");
    terminal.send(format!("include {}", folder.path().join("my-o").display())).expect("sent");
    terminal.send("\t").expect("sent");
    expect(&mut terminal, "my-own-words.fs");
    terminal.send_line("  mine").expect("sent");
    expect(&mut terminal, "4711  ok");
    expect(&mut terminal, "regtest 0> ");
    // A peer of the node.
    terminal.send("disconnect 127").expect("sent");
    terminal.send("\t").expect("sent");
    expect(&mut terminal, &peer);
    terminal.send_line("").expect("sent");
    expect(&mut terminal, " ok");
    terminal.send_line("bye").expect("sent");
    leave(terminal, 0);
    assert_eq!((near.stop(), far.stop()), (Some(0), Some(0)));
}

#[test]
fn open_comments_go_on_and_open_strings_are_held_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut terminal = open(folder.path());
    terminal.send_line("1 ( a comment").expect("sent");
    expect(&mut terminal, "...> ");
    terminal.send_line("of two lines ) 2 + .").expect("sent");
    expect(&mut terminal, "3  ok");
    // The line is not run; its end can still be typed.
    terminal.send("s\" abc").expect("sent");
    terminal.send("\r").expect("sent");
    expect(&mut terminal, "the closing \" is missing");
    terminal.send("\" type").expect("sent");
    terminal.send("\r").expect("sent");
    expect(&mut terminal, "abc ok");
    // A quotation is open as its definition is.
    terminal.send_line(": thirty [: 5").expect("sent");
    expect(&mut terminal, "...> ");
    terminal.send_line("6 * ;] execute ; thirty .").expect("sent");
    expect(&mut terminal, "30  ok");
    // Ctrl-C leaves an unfinished definition.
    terminal.send_line(": half").expect("sent");
    expect(&mut terminal, "...> ");
    terminal.send(ControlCode::EndOfText).expect("sent");
    expect(&mut terminal, "definition abandoned");
    expect(&mut terminal, "regtest> ");
    terminal.send_line("bye").expect("sent");
    leave(terminal, 0);
}

#[test]
fn a_definition_is_stepped_through_at_the_keyboard() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut terminal = open(folder.path());
    terminal.send_line(": sq dup * ; : f 1+ sq 2 - ;").expect("sent");
    expect(&mut terminal, " ok");
    terminal.send_line("4 step f").expect("sent");
    expect(&mut terminal, "1+               <1> 4  ? ");
    terminal.send_line("").expect("sent");
    expect(&mut terminal, "sq               <1> 5  ? ");
    terminal.send_line("i").expect("sent");
    expect(&mut terminal, "dup              <1> 5  ? ");
    terminal.send_line("what").expect("sent");
    expect(&mut terminal, "go on without stopping");
    terminal.send_line("o").expect("sent");
    expect(&mut terminal, "2                <1> 25  ? ");
    terminal.send_line("g").expect("sent");
    expect(&mut terminal, " ok 1");
    terminal.send_line("step f").expect("sent");
    expect(&mut terminal, "1+               <1> 23  ? ");
    terminal.send_line("q").expect("sent");
    expect(&mut terminal, "THROW -28");
    expect(&mut terminal, "regtest> ");
    terminal.send_line("bye").expect("sent");
    leave(terminal, 0);
}

#[test]
fn history_is_kept_privately_and_without_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut terminal = open(folder.path());
    for line in ["1 2 + drop", "s\" my passphrase is hunter2\" 2drop", "3 4 + drop"] {
        terminal.send_line(line).expect("sent");
        expect(&mut terminal, " ok");
    }
    terminal.send_line("bye").expect("sent");
    leave(terminal, 0);
    let path = folder.path().join("history");
    let kept = fs::read_to_string(&path).expect("a history");
    assert!(kept.contains("1 2 + drop") && kept.contains("3 4 + drop"), "{kept}");
    assert!(!kept.contains("hunter2"), "{kept}");
    let mode = fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // The next session recalls it with the arrow key.
    let mut terminal = open(folder.path());
    terminal.send("\x1b[A\x1b[A").expect("sent");
    expect(&mut terminal, "3 4 + drop");
    terminal.send(ControlCode::EndOfText).expect("sent");
    expect(&mut terminal, "regtest> ");
    // Ctrl-R finds it by a part of it.
    terminal.send("\x12").expect("sent");
    expect(&mut terminal, "reverse-i-search");
    terminal.send("1 2").expect("sent");
    expect(&mut terminal, "1 2 + drop");
    terminal.send("\r").expect("sent");
    expect(&mut terminal, " ok");
    terminal.send_line("bye").expect("sent");
    leave(terminal, 0);
}
