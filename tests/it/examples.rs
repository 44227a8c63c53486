//! The example of every word runs, and docs/WORDS.md is what the tables say.

use std::fs;
use std::path::Path;

use super::run::{evaluate, regtest};
use rpc::table::CALLS;

#[test]
fn every_call_has_an_example_that_runs() {
    for entry in CALLS {
        assert!(!entry.example.is_empty(), "{} has no example", entry.word);
        let folder = tempfile::tempdir().expect("a folder");
        let ran = regtest(folder.path(), &["-e", entry.example]);
        assert_eq!(ran.code, Some(0), "{}: {}\n{}", entry.word, entry.example, ran.err);
    }
}

#[test]
fn every_library_word_has_an_example_that_runs() {
    let text = concat!(
        include_str!("../../words/node.fs"),
        include_str!("../../words/script.fs"),
        include_str!("../../words/wallet.fs"),
        include_str!("../../words/prelude.fs")
    );
    let examples: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("\\ > ")).collect();
    assert!(examples.len() >= 10);
    for example in examples {
        for json in [false, true] {
            let folder = tempfile::tempdir().expect("a folder");
            let mut arguments = vec!["-e", example];
            if json {
                arguments.push("--json");
            }
            let ran = regtest(folder.path(), &arguments);
            assert_eq!(ran.code, Some(0), "{example}\n{}", ran.err);
            if json {
                for line in ran.out.lines().filter(|line| !line.is_empty()) {
                    let parsed = serde_json::from_str::<serde_json::Value>(line);
                    assert!(parsed.is_ok(), "{example}: {line} is not JSON");
                }
            }
        }
    }
}

/// The names of the words below headings of docs/WORDS.md that start so.
fn words_below(heading: &str) -> Vec<String> {
    let reference = evaluate("words-doc bye").out;
    let sections = reference.split("\n## ").filter(|section| section.starts_with(heading));
    let rows = sections.flat_map(str::lines).filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| Some(row.split_once('`')?.0.to_owned())).collect()
}

#[test]
fn the_example_of_every_word_of_the_console_and_the_wallet_runs() {
    let names = [words_below("console:"), words_below("wallet: on the stack")].concat();
    assert!(names.len() >= 100, "{names:?}");
    let all: String = names.iter().map(|name| format!("help {name}\n")).collect();
    let explained = evaluate(&all).out;
    let examples: Vec<&str> =
        explained.lines().filter_map(|line| line.strip_prefix("  example: ")).collect();
    assert!(examples.len() >= 50, "{explained}");
    for example in examples {
        let folder = tempfile::tempdir().expect("a folder");
        let ran = regtest(folder.path(), &["-e", example]);
        assert_eq!(ran.code, Some(0), "{example}\n{}", ran.err);
    }
}

#[test]
fn help_explains_every_word() {
    let ran = evaluate("help get-height help block help dup bye");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.contains("( -- height )"), "{}", ran.out);
    assert!(ran.out.contains("( \"height|hash\" -- )"), "{}", ran.out);
    let overview = evaluate("help\nbye").out;
    for entry in CALLS {
        assert!(overview.contains(entry.word), "{} is not in help", entry.word);
    }
}

#[test]
fn the_word_reference_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/WORDS.md");
    let generated = evaluate("words-doc bye").out;
    if std::env::var_os("FORTHCOIN_BLESS").is_some() {
        fs::write(&path, &generated).expect("written");
    }
    let kept = fs::read_to_string(path).expect("docs/WORDS.md is there");
    assert!(kept == generated, "docs/WORDS.md is old: FORTHCOIN_BLESS=1 cargo test writes it anew");
}
