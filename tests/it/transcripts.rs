//! `tests/transcripts/NAME.fs` gives `NAME.out`, twice: with the node in the process and with the
//! node behind its socket. `FORTHCOIN_BLESS=1` writes the `.out` files anew.

use std::fs;
use std::path::Path;

use super::run::{NodeProcess, regtest, vector};

fn show(folder: &Path, script: &Path) -> String {
    let script = script.to_str().expect("UTF-8 path");
    let ran = regtest(folder, &[script]);
    let root = format!("{}/", env!("CARGO_MANIFEST_DIR"));
    let text = format!("{}{}exit {}\n", ran.out, ran.err, ran.code.unwrap_or(-1));
    let text = text.replace(&root, "").replace(&folder.display().to_string(), "DATA");
    text.lines().map(|line| without_sizes(line) + "\n").collect()
}

/// How large the file of the database is depends on when it last grew.
fn without_sizes(line: &str) -> String {
    match line.split_once("  ") {
        Some((name @ ("size_on_disk" | "disk_size"), _)) => format!("{name}  SIZE"),
        _ => line.to_owned(),
    }
}

#[test]
fn every_transcript_shows_what_it_did() {
    let Some(blocks) = vector("blocks/regtest-core-206.hex") else { return };
    let data = tempfile::tempdir().expect("a folder");
    let import = format!("init-storage import-blocks {} bye", blocks.display());
    assert_eq!(regtest(data.path(), &["-e", &import]).code, Some(0));

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut scripts: Vec<_> = fs::read_dir(folder)
        .expect("transcripts are there")
        .map(|entry| entry.expect("listed").path())
        .filter(|path| path.extension().is_some_and(|e| e == "fs"))
        .collect();
    scripts.sort();
    assert!(scripts.len() >= 3, "transcripts are there");

    let bless = std::env::var_os("FORTHCOIN_BLESS").is_some();
    for script in &scripts {
        let shown = show(data.path(), script);
        let wanted = script.with_extension("out");
        if bless {
            fs::write(&wanted, &shown).expect("written");
        }
        let wanted = fs::read_to_string(wanted).expect("the .out file is there");
        assert_eq!(shown, wanted, "{} in the process", script.display());
    }
    let node = NodeProcess::start(data.path());
    for script in &scripts {
        let wanted = fs::read_to_string(script.with_extension("out")).expect("there");
        assert_eq!(show(data.path(), script), wanted, "{} through the socket", script.display());
    }
    assert_eq!(node.stop(), Some(0));
}
