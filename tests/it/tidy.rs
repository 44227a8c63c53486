//! Holds the house to its floor table: imports point down, no circles, no clocks or sockets below
//! `shell`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms from the ground up. A file imports from lower floors or from its own room.
const FLOORS: &[&[&str]] = &[
    &["crypto"],
    &["primitives"],
    &["script", "p2p", "store", "config"],
    &["consensus", "wallet"],
    &["chain"],
    &["mempool"],
    &["miner"],
    &["node"],
    &["api", "sim"],
    &["console", "shell"],
    &["main"],
];

/// What only `shell` and what stands beside or above it may name.
const OUTSIDE: &[&str] = &["tokio", "std::net", "std::thread", "Instant::now", "SystemTime"];

/// Lines of a file past which it looks like two nouns; tables and tests may say why not.
const LONGEST_FILE: usize = 1200;

/// Files that may refer to each other in a circle, each group with its reason.
const KNOTS: &[&[&str]] = &[
    // One table holds each opcode's function, the functions run on the engine, and the engine
    // dispatches through the table.
    &["script/opcode", "script/engine", "script/instruction", "script/ops"],
    // One machine in several files, a subject each: its inputs are told apart in one and handled
    // in the others, which work on its state.
    &["node/net"],
    // The simulated world asks its checkers as it goes, and they look at all of it.
    &["sim/world", "sim/checks"],
];

fn in_one_knot(a: &str, b: &str) -> bool {
    let within = |knot: &[&str], module: &str| knot.iter().any(|name| module.starts_with(name));
    KNOTS.iter().any(|knot| within(knot, a) && within(knot, b))
}

struct Source {
    /// `chain/state`, `chain` for `chain/mod.rs`.
    module: String,
    room: String,
    text: String,
}

fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("src can be listed") {
        let path = entry.expect("src can be listed").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    files.sort();
    let mut sources = Vec::new();
    for path in files {
        let inner = path.strip_prefix(&root).expect("listed below src").with_extension("");
        let module = inner.to_string_lossy().replace('\\', "/");
        if module == "lib" {
            continue;
        }
        let module = module.strip_suffix("/mod").unwrap_or(&module).to_owned();
        let room = module.split('/').next().unwrap_or_default().to_owned();
        let text = fs::read_to_string(&path).expect("source is UTF-8");
        sources.push(Source { module, room, text: without_comments(&text) });
    }
    assert!(sources.len() > 10, "the house is not empty");
    sources
}

/// Modules of unit tests alone: they may measure time and run long.
fn is_tests(module: &str) -> bool {
    module.split('/').any(|part| part == "tests")
}

/// Code without `//` comments, so that prose may name what code may not.
fn without_comments(text: &str) -> String {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

fn floor(room: &str) -> usize {
    FLOORS
        .iter()
        .position(|rooms| rooms.contains(&room))
        .unwrap_or_else(|| panic!("room {room} has no floor: give it one in tests/it/tidy.rs"))
}

/// Every `PREFIX::…` path in the text as segments, `use` groups opened.
fn paths_after(text: &str, prefix: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices(prefix) {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        open_group(&text[at + prefix.len()..], &mut Vec::new(), &mut found);
    }
    found
}

/// Reads a path tree such as `a::{b, c::d}` at the start of `text`; returns what it consumed.
fn open_group(text: &str, stem: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> usize {
    let depth = stem.len();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let word: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        at += word.len();
        if !word.is_empty() {
            stem.push(word);
        }
        if text[at..].starts_with("::{") {
            at += 3;
            loop {
                at += text[at..].len() - text[at..].trim_start().len();
                if text[at..].starts_with('}') || at >= text.len() {
                    at += 1;
                    break;
                }
                let used = open_group(&text[at..], stem, found);
                at += used;
                at += text[at..].len() - text[at..].trim_start().len();
                if text[at..].starts_with(',') {
                    at += 1;
                } else if used == 0 {
                    at += text[at..].chars().next().map_or(1, char::len_utf8);
                }
                if at >= text.len() {
                    break;
                }
            }
            break;
        }
        if text[at..].starts_with("::")
            && text[at + 2..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
        {
            at += 2;
            continue;
        }
        found.push(stem.clone());
        break;
    }
    stem.truncate(depth);
    at.min(text.len())
}

#[test]
fn imports_point_down() {
    let mut wrong = Vec::new();
    for source in sources() {
        for prefix in ["crate::", "forthcoin::"] {
            for path in paths_after(&source.text, prefix) {
                let Some(target) = path.first() else { continue };
                if *target == source.room {
                    continue;
                }
                if floor(target) >= floor(&source.room) {
                    wrong.push(format!("{} imports {}", source.module, path.join("::")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that do not point down:\n{}", wrong.join("\n"));
}

#[test]
fn no_circles() {
    let sources = sources();
    let modules: BTreeSet<&str> = sources.iter().map(|s| s.module.as_str()).collect();
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in &sources {
        let code = source.text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let parent = source.module.rsplit_once('/').map_or("", |(parent, _)| parent);
        let grandparent = parent.rsplit_once('/').map_or("", |(parent, _)| parent);
        let bases = [
            ("crate::", ""),
            ("super::", parent),
            ("super::super::", grandparent),
            ("self::", &source.module),
        ];
        for (prefix, base) in bases {
            for path in paths_after(code, prefix) {
                let mut name = base.to_owned();
                let mut target = None;
                for segment in &path {
                    name =
                        if name.is_empty() { segment.clone() } else { format!("{name}/{segment}") };
                    if modules.contains(name.as_str()) {
                        target = Some(name.clone());
                    }
                }
                let Some(target) = target else { continue };
                // A room's mod.rs is its index, not a stop on a circle.
                let is_index =
                    |m: &str| sources.iter().any(|s| s.module.starts_with(&format!("{m}/")));
                let knotted = in_one_knot(&source.module, &target);
                if target != source.module
                    && !knotted
                    && !is_index(&target)
                    && !is_index(&source.module)
                {
                    arrows.entry(source.module.clone()).or_default().insert(target);
                }
            }
        }
    }
    let mut done = BTreeSet::new();
    for start in arrows.keys() {
        let mut trail = Vec::new();
        if let Some(circle) = find_circle(start, &arrows, &mut done, &mut trail) {
            panic!("circle: {}", circle.join(" -> "));
        }
    }
}

fn find_circle(
    at: &str,
    arrows: &BTreeMap<String, BTreeSet<String>>,
    done: &mut BTreeSet<String>,
    trail: &mut Vec<String>,
) -> Option<Vec<String>> {
    if let Some(start) = trail.iter().position(|module| module == at) {
        let mut circle = trail[start..].to_vec();
        circle.push(at.to_owned());
        return Some(circle);
    }
    if done.contains(at) {
        return None;
    }
    trail.push(at.to_owned());
    for next in arrows.get(at).into_iter().flatten() {
        if let Some(circle) = find_circle(next, arrows, done, trail) {
            return Some(circle);
        }
    }
    trail.pop();
    done.insert(at.to_owned());
    None
}

#[test]
fn no_clock_socket_or_thread_below_the_shell() {
    let mut wrong = Vec::new();
    for source in sources() {
        if floor(&source.room) >= floor("shell") || is_tests(&source.module) {
            continue;
        }
        for name in OUTSIDE {
            if source.text.contains(name) {
                wrong.push(format!("{} names {name}", source.module));
            }
        }
        if source.text.contains("async fn") || source.text.contains(".await") {
            wrong.push(format!("{} is async", source.module));
        }
    }
    assert!(wrong.is_empty(), "effects below the shell:\n{}", wrong.join("\n"));
}

#[test]
fn lib_defines_nothing() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
    let text = fs::read_to_string(path).expect("lib.rs is there");
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let plain =
            line.starts_with("//!") || (line.starts_with("pub mod ") && line.ends_with(';'));
        assert!(plain, "lib.rs holds only its map and `pub mod` lines, not: {line}");
    }
}

#[test]
fn every_file_says_what_it_is_and_stays_one_noun() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    for path in files {
        let text = fs::read_to_string(&path).expect("source is UTF-8");
        assert!(text.starts_with("//!"), "{} opens with a //! line", path.display());
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let lines = code.lines().count();
        assert!(
            lines <= LONGEST_FILE,
            "{} has {lines} lines: find its second noun",
            path.display()
        );
    }
}

#[test]
fn unsafe_stays_in_named_leaf_files() {
    /// Leaf files that may hold `unsafe`, each with a safe twin that tests compare it to.
    const LEAVES: &[&str] = &["crypto/sha_ni", "crypto/batch/simd/avx2", "crypto/batch/simd/ifma"];
    for source in sources() {
        let mentions = source.text.contains("unsafe {") || source.text.contains("unsafe fn");
        assert!(
            !mentions || LEAVES.contains(&source.module.as_str()),
            "{} holds unsafe code and is not a named leaf",
            source.module
        );
    }
}

#[test]
fn the_reader_of_paths_reads_paths() {
    let text = "use crate::a::{b, c::d, e::{self, f}}; let x = crate::g::H::new();";
    let mut names: Vec<String> =
        paths_after(text, "crate::").iter().map(|p| p.join("::")).collect();
    names.sort();
    assert_eq!(names, ["a::b", "a::c::d", "a::e::f", "a::e::self", "g::H::new"]);
}
