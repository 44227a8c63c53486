//! The walls between crates hold: for each one a small offender is built, and refused.
//!
//! What a crate may import is in its manifest. The offenders have the real manifests with empty
//! crates behind them, so that building them takes no time.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// Our crates from the ground up; each may know those before it, and no other.
const FLOORS: &[&str] = &[
    "forth2012",
    "crypto",
    "primitives",
    "audit-log",
    "script",
    "p2p",
    "store",
    "wallet",
    "consensus",
    "testkit",
    "chain",
    "mempool",
    "mining",
    "node",
    "rpc-types",
    "rpc",
    "sim",
];

/// What must never be within reach of a crate, however indirectly: crate, what it may not reach.
const OUT_OF_REACH: &[(&str, &[&str])] = &[
    ("consensus", &["redb", "store", "tokio"]),
    ("wallet", &["node", "store", "chain", "mempool", "p2p", "redb", "tokio"]),
    ("p2p", &["store", "chain", "redb", "tokio"]),
    ("rpc-types", &["node", "store", "chain", "redb", "tokio", "k256"]),
    ("sim", &["tokio"]),
    ("rpc", &["tokio"]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn cargo(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo runs")
}

/// The names of the folders below `crates/`.
fn crates() -> BTreeSet<String> {
    let entries = fs::read_dir(root().join("crates")).expect("crates can be listed");
    let folders = entries.map(|entry| entry.expect("crates can be listed"));
    let folders = folders.filter(|entry| entry.path().join("Cargo.toml").exists());
    folders.map(|entry| entry.file_name().into_string().expect("names are text")).collect()
}

/// What cargo says of all packages and what each depends on, test dependencies left out.
fn reached() -> BTreeMap<String, BTreeSet<String>> {
    // This machine's packages alone: those of others may not have been downloaded.
    let version = cargo(root(), &["--version", "--verbose"]);
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host");
    let arguments =
        ["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform", host];
    let output = cargo(root(), &arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let name = |id: &Value| {
        let packages = list(&metadata["packages"]);
        let package = packages.iter().find(|package| package["id"] == *id).expect("it is listed");
        package["name"].as_str().expect("a name").to_owned()
    };
    let mut direct = BTreeMap::new();
    for node in list(&metadata["resolve"]["nodes"]) {
        let normal = list(&node["deps"])
            .into_iter()
            .filter(|dep| list(&dep["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev"));
        direct.insert(name(&node["id"]), normal.map(|dep| name(&dep["pkg"])).collect());
    }
    direct
}

/// Everything that a crate reaches.
fn reach(direct: &BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![from.to_owned()];
    while let Some(name) = open.pop() {
        for next in direct.get(&name).into_iter().flatten() {
            if found.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    found
}

#[test]
fn manifests_point_down() {
    let named: BTreeSet<String> = FLOORS.iter().map(|&name| name.to_owned()).collect();
    let above = |name: &String| !named.contains(name);
    let ours = crates();
    let unnamed: Vec<&String> =
        ours.iter().filter(|&name| above(name) && name != "metrics-postgres").collect();
    assert!(unnamed.is_empty(), "no floor is named for {unnamed:?}");
    let direct = reached();
    for (floor, name) in FLOORS.iter().enumerate() {
        for other in direct.get(*name).into_iter().flatten().filter(|other| ours.contains(*other)) {
            let lower = FLOORS.iter().position(|name| name == other);
            assert!(lower.is_some_and(|lower| lower < floor), "{name} depends on {other}");
        }
    }
    let alone = BTreeSet::from(["nom".to_owned()]);
    assert_eq!(direct["forth2012"], alone, "the Forth machine stands alone");
    for (name, never) in OUT_OF_REACH {
        let found = reach(&direct, name);
        for other in *never {
            assert!(!found.contains(*other), "{name} reaches {other}");
        }
    }
}

/// A workspace with the manifests of ours and nothing in the crates.
fn hollow_workspace(folder: &Path) {
    let ours = crates();
    fs::write(
        folder.join("Cargo.toml"),
        "[workspace]\nmembers = [\"crates/*\"]\nresolver = \"3\"\n",
    )
    .expect("written");
    let direct = reached();
    for name in &ours {
        let below = direct[name].iter().filter(|other| ours.contains(*other));
        let below: String =
            below.map(|other| format!("{other} = {{ path = \"../{other}\" }}\n")).collect();
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
             [dependencies]\n{below}"
        );
        let home = folder.join("crates").join(name);
        fs::create_dir_all(home.join("src")).expect("made");
        fs::write(home.join("Cargo.toml"), manifest).expect("written");
        fs::write(home.join("src/lib.rs"), "").expect("written");
    }
}

#[test]
fn an_import_that_no_manifest_allows_does_not_build() {
    let folder = tempfile::tempdir().expect("a folder");
    hollow_workspace(folder.path());
    let (ours, direct) = (crates(), reached());
    let ident = |name: &String| name.replace('-', "_");
    let built = cargo(folder.path(), &["check", "--quiet", "--offline", "--workspace"]);
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let mut offenders = 0;
    for name in &ours {
        let strangers = ours.iter().filter(|&other| other != name && !direct[name].contains(other));
        let strangers: Vec<String> = strangers.map(ident).collect();
        let home = folder.path().join("crates").join(name).join("src/lib.rs");
        let text: String =
            strangers.iter().map(|other| format!("pub use {other} as the_{other};\n")).collect();
        fs::write(&home, text).expect("written");
        let built = cargo(folder.path(), &["check", "--quiet", "--offline", "--package", name]);
        let told = String::from_utf8_lossy(&built.stderr);
        assert!(!built.status.success() || strangers.is_empty(), "{name} imports {strangers:?}");
        for other in &strangers {
            assert!(told.contains(&format!("`{other}`")), "{name} may import {other}: {told}");
        }
        offenders += strangers.len();
        fs::write(&home, "").expect("written");
    }
    assert!(offenders > 100, "{offenders} imports were tried");
}

#[test]
fn a_circle_of_crates_does_not_build() {
    let folder = tempfile::tempdir().expect("a folder");
    hollow_workspace(folder.path());
    let manifest = folder.path().join("crates/crypto/Cargo.toml");
    let text = fs::read_to_string(&manifest).expect("read");
    fs::write(&manifest, text + "node = { path = \"../node\" }\n").expect("written");
    let built = cargo(folder.path(), &["check", "--quiet", "--offline"]);
    assert!(!built.status.success());
    let told = String::from_utf8_lossy(&built.stderr);
    assert!(told.contains("cyclic package dependency"), "{told}");
}

/// Offences that manifests can't see, a line each, and what clippy or rustc says of it.
const OFFENCES: &[(&str, &str)] = &[
    ("pub fn f() { let _ = net::TcpStream::connect(\"127.0.0.1:1\"); }", "std::net::TcpStream"),
    ("pub fn f() { let _ = net::TcpListener::bind(\"127.0.0.1:1\"); }", "std::net::TcpListener"),
    ("pub fn f() { let _ = net::UdpSocket::bind(\"127.0.0.1:1\"); }", "std::net::UdpSocket"),
    ("pub fn f() { let _ = unix::UnixStream::pair(); }", "std::os::unix::net::UnixStream"),
    ("pub fn f() { let _ = unix::UnixListener::bind(\"x\"); }", "std::os::unix::net::UnixListener"),
    ("pub fn f() { let _ = thread::spawn(|| ()); }", "std::thread::spawn"),
    ("pub fn f() { thread::scope(|_| ()); }", "std::thread::scope"),
    ("pub fn f() { let _ = thread::Builder::new(); }", "std::thread::Builder"),
    ("pub fn f() { thread::sleep(std::time::Duration::ZERO); }", "std::thread::sleep"),
    ("pub fn f() { let _ = std::time::Instant::now(); }", "std::time::Instant"),
    ("pub fn f() { let _ = std::time::SystemTime::now(); }", "std::time::SystemTime"),
    ("pub fn f() { let _ = std::process::Command::new(\"x\"); }", "std::process::Command"),
    ("pub fn f() { std::process::exit(1); }", "std::process::exit"),
    ("pub async fn f() {}", "std::future::Future"),
    ("pub fn f(_: &std::task::Waker) {}", "std::task::Waker"),
    ("pub fn f(p: *const u8) -> u8 { unsafe { *p } }", "usage of an `unsafe` block"),
];

#[test]
fn sockets_threads_clocks_async_and_unsafe_are_refused_below_the_daemon() {
    let folder = tempfile::tempdir().expect("a folder");
    let copied = |from: PathBuf, to: &str| {
        fs::copy(from, folder.path().join(to)).expect("copied");
    };
    copied(root().join("crates/clippy.toml"), "clippy.toml");
    let lints = fs::read_to_string(root().join("Cargo.toml")).expect("read");
    let lints = lints.split("[workspace.lints.rust]\n").nth(1).expect("lints of the workspace");
    let lints = lints.split("\n[").next().expect("its lines");
    let manifest = format!(
        "[package]\nname = \"offender\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [workspace]\n[lints.rust]\n{lints}"
    );
    fs::write(folder.path().join("Cargo.toml"), manifest).expect("written");
    fs::create_dir(folder.path().join("src")).expect("made");
    // Each on a line of its own, in a module of its own; a way round by a braced import as well.
    let mut text = "#![allow(dead_code, unused_imports)]\n".to_owned();
    for (number, (line, _)) in OFFENCES.iter().enumerate() {
        let imports = "use std::os::unix::net as unix; use std::{net, thread};";
        text += &format!("pub mod m{number} {{ {imports} {line} }}\n");
    }
    fs::write(folder.path().join("src/lib.rs"), text).expect("written");
    let arguments = ["clippy", "--offline", "--message-format=short", "--", "-D", "warnings"];
    let built = cargo(folder.path(), &arguments);
    assert!(!built.status.success());
    let told = String::from_utf8_lossy(&built.stderr);
    for (number, (line, wants)) in OFFENCES.iter().enumerate() {
        let place = format!("src/lib.rs:{}:", number + 2);
        let found = told.lines().any(|said| said.starts_with(&place) && said.contains(wants));
        assert!(found, "{line} was not refused:\n{told}");
    }
}

#[test]
fn every_crate_has_the_lints_and_unsafe_only_in_its_leaves() {
    for name in crates() {
        let manifest = root().join("crates").join(&name).join("Cargo.toml");
        let text = fs::read_to_string(manifest).expect("read");
        let wanted = match name.as_str() {
            "crypto" => "[lints.rust]\nunsafe_code = \"deny\"\n",
            _ => "[lints]\nworkspace = true\n",
        };
        assert!(text.contains(wanted), "{name} has not the workspace's lints");
    }
    let mut leaves = Vec::new();
    let mut open = vec![root().join("crates"), root().join("src")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).expect("listed") {
            let path = entry.expect("listed").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                let text = fs::read_to_string(&path).expect("read");
                if text.contains("allow(unsafe_code") || text.contains("expect(unsafe_code") {
                    let inner = path.strip_prefix(root()).expect("below the root");
                    leaves.push(inner.to_string_lossy().replace('\\', "/"));
                }
            }
        }
    }
    leaves.sort();
    let named = [
        "crates/crypto/src/batch/simd/avx2.rs",
        "crates/crypto/src/batch/simd/ifma.rs",
        "crates/crypto/src/sha_ni.rs",
    ];
    assert_eq!(leaves, named);
}
