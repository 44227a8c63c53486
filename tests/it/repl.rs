//! The REPL through a real pseudo-terminal: prompt, multi-line definitions, errors, completion,
//! history, Ctrl-C and Ctrl-D.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use expectrl::process::unix::WaitStatus;
use expectrl::{ControlCode, Eof, Expect, Session};

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
    terminal.send_line("bye").expect("sent");
    leave(terminal, 0);
}
