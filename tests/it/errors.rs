//! Every kind of error as it is shown with `-e`, from a file, from a pipe and at a terminal.
//! `FORTHCOIN_BLESS=1` writes `tests/transcripts/errors.out` anew.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use expectrl::{Expect, Session};

use super::run::{Ran, regtest, with_input};

fn lines() -> Vec<String> {
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts/errors.list");
    let text = fs::read_to_string(list).expect("the list is there");
    text.lines().filter(|line| !line.starts_with('\\')).map(str::to_owned).collect()
}

fn shown(ran: &Ran) -> String {
    let gap = if ran.out.is_empty() || ran.out.ends_with('\n') { "" } else { "\n" };
    format!("{}{gap}{}exit {}\n", ran.out, ran.err, ran.code.unwrap_or(-1))
}

/// One session at a terminal without an editor and without an echo, so that nothing but text is
/// on it: what each line shows up to the next prompt. That the prompt comes back is part of it.
fn at_a_terminal(data: &Path, lines: &[String]) -> Vec<String> {
    fs::create_dir_all(data).expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_forthcoin"));
    command.args(["regtest", "--datadir"]).arg(data).env("NO_COLOR", "1").env("TERM", "dumb");
    command.current_dir(data);
    let mut terminal = Session::spawn(command).expect("a pseudo-terminal");
    terminal.set_expect_timeout(Some(Duration::from_secs(20)));
    terminal.expect("> ").expect("a prompt");
    let mut all = Vec::new();
    for line in lines {
        terminal.send_line(line).expect("sent");
        let mut text = String::new();
        loop {
            let found = terminal.expect(expectrl::Regex("(regtest[^\r\n]*|  \\.\\.\\.)> "));
            let found = found.unwrap_or_else(|e| panic!("no prompt after {line:?}: {e}"));
            text += &String::from_utf8_lossy(found.before());
            let prompt = String::from_utf8_lossy(found.get(0).expect("whole")).into_owned();
            if !prompt.starts_with("  ...") {
                break;
            }
            // A definition that goes on; here it ends.
            terminal.send_line(";").expect("sent");
        }
        all.push(text.replace('\r', ""));
    }
    terminal.send_line("bye").expect("sent");
    all
}

#[test]
fn every_kind_of_error_is_shown_everywhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = lines();
    let sessions = at_a_terminal(&folder.path().join("terminal"), &lines);
    let mut text = String::new();
    for (line, session) in lines.iter().zip(&sessions) {
        let data = folder.path().join("data");
        let file = folder.path().join("error.fs");
        fs::write(&file, format!("{line}\n")).expect("written");
        let code = regtest(&data, &["-e", line]);
        // A network's name and no terminal would ask for a node; without one it is main.
        let piped = folder.path().join("piped");
        let piped =
            with_input(&["--datadir", &piped.to_string_lossy()], format!("{line}\n").as_bytes());
        let filed = regtest(&data, &[&file.to_string_lossy()]);
        for ran in [&code, &piped, &filed] {
            assert!(ran.code.is_some_and(|code| code != 0), "{line}: {ran:?}");
            assert!(!ran.err.is_empty(), "{line}: {ran:?}");
        }
        text += &format!("=== {line}\n");
        for (name, shown) in [
            ("-e", shown(&code)),
            ("file", shown(&filed)),
            ("pipe", shown(&piped)),
            ("terminal", session.clone()),
        ] {
            text += &format!("--- {name}\n{shown}");
            if !text.ends_with('\n') {
                text.push('\n');
            }
        }
    }
    let text = text.replace(&*folder.path().to_string_lossy(), "FOLDER");
    let wanted = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts/errors.out");
    if std::env::var_os("FORTHCOIN_BLESS").is_some() {
        fs::write(&wanted, &text).expect("written");
    }
    let wanted = fs::read_to_string(wanted).expect("errors.out is there");
    for (shown, wanted) in text.split("=== ").zip(wanted.split("=== ")) {
        assert_eq!(shown, wanted);
    }
    assert_eq!(text.len(), wanted.len());
}
