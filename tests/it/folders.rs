//! Data folders that fail: damaged, without room, without permission, held by one that starts. Each
//! is told in one clear message with the exit code of its kind, and nothing committed is lost.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use forthcoin::config::{Config, HOLDER_FILE};
use forthcoin::daemon::data_folder::{Stage, lock};
use primitives::network::REGTEST;

use super::run::{NodeProcess, Ran, forthcoin, regtest, vector, wait_until};

const LOOK: &str = "init-storage get-height . bye";

/// Reads much of what a chain holds.
const READ_ALL: &str = "init-storage get-height . check-chain 2drop get-utxo-set-info 2drop \
                        206 get-block-hash get-block 2drop bye";

/// Single-bit flips that are tried; `FORTHCOIN_FLIPS` says more.
const FLIPS: u64 = 160;

/// A folder with the published chain.
fn chain() -> Option<(tempfile::TempDir, PathBuf)> {
    let blocks = vector("blocks/regtest-core-206.hex")?;
    let folder = tempfile::tempdir().expect("a folder");
    let import = format!("init-storage import-blocks {} bye", blocks.display());
    let ran = regtest(folder.path(), &["-e", &import]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let file = folder.path().join("regtest/chain.redb");
    Some((folder, file))
}

#[test]
fn every_damaged_bit_is_told_or_harmless() {
    let Some((folder, file)) = chain() else { return };
    let whole = fs::read(&file).expect("readable");
    let flips = std::env::var("FORTHCOIN_FLIPS").ok().and_then(|n| n.parse().ok()).unwrap_or(FLIPS);
    let first = std::env::var("FORTHCOIN_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    let (mut told, mut panicked) = (0, 0);
    for seed in first..first + flips {
        // SplitMix64.
        let mut z = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z ^= z >> 27;
        // Pages that hold something; half of the flips in the first bytes of one.
        let page = (z >> 8) as usize % (whole.len() / 4096) * 4096;
        let at = page + (z >> 40) as usize % if seed % 2 == 0 { 32 } else { 4096 };
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (z % 8);
        fs::write(&file, bytes).expect("written");
        let ran = regtest(folder.path(), &["-e", READ_ALL]);
        let shown = format!("seed {seed}, byte {at}: {} {}", ran.out, ran.err);
        match ran.code {
            Some(0) => {}
            Some(3 | 6) => {
                told += 1;
                panicked += u32::from(ran.err.starts_with("forthcoin: "));
                // A fault of the store, or a check that found one.
                let said = ["is damaged", "THROW -265", "THROW -270"];
                assert!(said.iter().any(|text| ran.err.contains(text)), "{shown}");
                assert_eq!(ran.err.matches("panicked").count(), 0, "{shown}");
            }
            code => panic!("{code:?}: {shown}"),
        }
    }
    println!("{flips} flips: {told} told, {panicked} of them asserted by the engine");
    assert!(told > 0, "no flip met anything");
}

/// Runs the program with a shell line before it, such as a limit.
fn under(limit: &str, binary: &Path, arguments: &[&str]) -> Ran {
    let line = format!("{limit}; exec \"$0\" \"$@\"");
    let mut command = Command::new("bash");
    command.args(["-c", &line]).arg(binary).args(arguments);
    command.output().expect("bash runs").into()
}

#[test]
fn a_disk_without_room_keeps_what_was_committed() {
    let Some(blocks) = vector("blocks/regtest-core-206.hex") else { return };
    let text = fs::read_to_string(&blocks).expect("readable");
    let folder = tempfile::tempdir().expect("a folder");
    // Each block with a commit of its own.
    let script = folder.path().join("slowly.fs");
    let lines: String = text.lines().map(|l| format!("s\" {l}\" submit-block 2drop\n")).collect();
    fs::write(&script, "init-storage\n".to_owned() + &lines).expect("written");
    let binary = Path::new(env!("CARGO_BIN_EXE_forthcoin"));
    let mut short = 0;
    for kib in [0, 4, 64, 200, 400, 2200] {
        let data = folder.path().join(format!("room-{kib}"));
        let arguments =
            ["regtest", "--datadir", &data.to_string_lossy(), &script.to_string_lossy()];
        // A limit on files is the one kind of full disk that needs no rights.
        let ran = under(&format!("ulimit -f {kib}"), binary, &arguments);
        if ran.code != Some(0) {
            short += 1;
            assert_eq!(ran.code, Some(3), "{kib} KiB: {}", ran.err);
            assert!(ran.err.contains("is full"), "{kib} KiB: {}", ran.err);
        }
        let look = regtest(&data, &["-e", LOOK]);
        assert_eq!(look.code, Some(0), "{kib} KiB: {}", look.err);
        let sound = regtest(&data, &["-e", "init-storage verify-chain bye"]);
        assert_eq!(sound.code, Some(0), "{kib} KiB: {}", sound.err);
        let again = regtest(&data, &[&script.to_string_lossy(), "-e", "get-height . bye"]);
        assert!(again.out.ends_with("206 "), "{kib} KiB: {} {}", again.out, again.err);
    }
    assert!(short >= 3, "the limits were met {short} times");
}

/// The program as an ordinary user: as it is, or under another name where we are root.
fn ordinary(place: &Path, arguments: &[&str]) -> Ran {
    let uid = Command::new("id").arg("-u").output().expect("id runs").stdout;
    let mut command = if uid.trim_ascii() == b"0" {
        // Root's folders may be closed to others: the program goes where all can read.
        let copy = place.join("program");
        if !copy.exists() {
            fs::copy(env!("CARGO_BIN_EXE_forthcoin"), &copy).expect("copied");
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).expect("set");
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(copy);
        command
    } else {
        forthcoin()
    };
    command.args(arguments).env("HOME", place).current_dir(place);
    command.output().expect("the program starts").into()
}

#[test]
fn a_folder_kept_by_permissions_is_told() {
    let Some((chain, _)) = chain() else { return };
    let place = tempfile::tempdir().expect("a folder");
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
    };
    mode(place.path(), 0o755);
    let data = place.path().join("data");
    fs::create_dir_all(data.join("regtest")).expect("made");
    let file = data.join("regtest/chain.redb");
    fs::copy(chain.path().join("regtest/chain.redb"), &file).expect("copied");
    let look = |data: &Path| {
        ordinary(place.path(), &["regtest", "--datadir", &data.to_string_lossy(), "-e", LOOK])
    };
    for (file_mode, folder_mode) in [(0o444, 0o555), (0o000, 0o555)] {
        mode(&file, file_mode);
        mode(&data.join("regtest"), folder_mode);
        let ran = look(&data);
        assert_eq!(ran.code, Some(3), "{} {}", ran.out, ran.err);
        assert!(ran.err.contains("give this user write permission"), "{}", ran.err);
    }
    // A folder that can't even be made, and one that can't be entered.
    mode(place.path(), 0o555);
    let ran = look(&place.path().join("absent"));
    assert_eq!(ran.code, Some(3), "{} {}", ran.out, ran.err);
    assert!(ran.err.contains("can't be made") && ran.err.contains("--datadir"), "{}", ran.err);
    mode(&data, 0o000);
    let ran = look(&data);
    assert_eq!(ran.code, Some(3), "{} {}", ran.out, ran.err);
    assert!(ran.err.contains("Permission denied"), "{}", ran.err);
    mode(&data, 0o755);
    mode(&data.join("regtest"), 0o755);
    mode(place.path(), 0o755);
    // Nothing was lost by looking.
    mode(&file, 0o644);
    assert_eq!(regtest(&data, &["-e", LOOK]).out, "206 ");
}

#[test]
fn a_node_that_is_still_starting_is_worth_another_try() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config::new(&REGTEST, folder.path().to_owned());
    // As a node does before it opens its socket.
    let held = lock(&config, Stage::Starting).expect("a folder").expect("free");
    let ran = regtest(folder.path(), &["-e", LOOK]);
    assert_eq!(ran.code, Some(4), "{}", ran.err);
    let us = format!("process {}", std::process::id());
    assert!(ran.err.contains(&us) && ran.err.contains("still starting"), "{}", ran.err);
    // One that only holds the folder is no node on its way.
    let holder = folder.path().join("regtest").join(HOLDER_FILE);
    fs::write(holder, format!("{}\n", std::process::id())).expect("written");
    let ran = regtest(folder.path(), &["-e", LOOK]);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    drop(held);
    assert_eq!(regtest(folder.path(), &["-e", LOOK]).out, "0 ");
}

/// A console that holds the folder of a regtest node until its standard input ends; the code runs
/// first.
fn console_on(folder: &Path, code: &str) -> std::process::Child {
    let mut command = forthcoin();
    command.args(["regtest", "--datadir"]).arg(folder).args(["-e", code, "/dev/stdin"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the program starts");
    let mut said = [0; 2];
    let out = child.stdout.as_mut().expect("piped");
    std::io::Read::read_exact(out, &mut said).expect("it says that it has the folder");
    child
}

fn daemon(folder: &Path) -> std::process::Child {
    let mut command = forthcoin();
    command.args(["regtest", "--datadir"]).arg(folder);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts")
}

#[test]
fn a_node_waits_for_a_console_but_not_for_another_node() {
    // One that reads, and one whose line changes something and so runs a node for a moment.
    for code in ["init-storage get-height .", "init-storage save-pool get-height ."] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut console = console_on(folder.path(), code);
        let mut node = daemon(folder.path());
        let mut said = BufReader::new(node.stderr.take().expect("piped"));
        let mut waits = String::new();
        said.read_line(&mut waits).expect("it says so");
        assert!(waits.contains(&format!("process {} holds", console.id())), "{code}: {waits}");
        drop(console.stdin.take());
        assert_eq!(console.wait().expect("it ends").code(), Some(0), "{code}");
        let socket = folder.path().join("regtest/control.sock");
        wait_until("the node", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
        let mut node = NodeProcess { child: node };
        // A second node is refused at once.
        let begun = Instant::now();
        let second = daemon(folder.path()).wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&second.stderr).into_owned();
        assert_eq!(second.status.code(), Some(3), "{said}");
        assert!(said.contains(&format!("process {}", node.child.id())), "{said}");
        assert!(begun.elapsed() < Duration::from_secs(3), "it waited for another node");
        assert!(node.child.try_wait().expect("looked").is_none());
        assert_eq!(node.stop(), Some(0));
    }
}

#[test]
fn a_node_does_not_wait_for_ever() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut console = console_on(folder.path(), "init-storage get-height .");
    let refused = daemon(folder.path()).wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(3), "{said}");
    assert!(said.contains(&format!("process {}", console.id())), "{said}");
    drop(console.stdin.take());
    assert_eq!(console.wait().expect("it ends").code(), Some(0));
}
