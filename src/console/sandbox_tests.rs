//! Every word that the console knows: it has a capability; under `--sandbox` one that is not pure is
//! refused whatever way leads to it; one that is pure reaches no node, no file and no keyboard.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;

use super::eval::console_machine;
use super::host::ConsoleHost;
use super::library::{SOURCES, library_words};
use super::sandbox::Capability;
use super::session_state::SessionState;
use super::words;
use crate::options::reader;
use forth2012::error::Failure;
use forth2012::host::{Host, HostContext, HostFiles, HostWord, Throw};
use forth2012::machine::Machine;
use rpc::error::{CallError, ErrorKind};

/// Cells on the stack before a word runs: as many as the hungriest word takes.
const STACK: &str = "1 1 1 1 1 1 1 1";

/// Branches and calls of one run.
const FUEL: u64 = 200_000;

/// What was reached outside of the machine.
type Reached = Rc<RefCell<Vec<&'static str>>>;

/// The console's host, with a note of whatever reaches beyond it.
struct WatchedHost {
    console: ConsoleHost,
    reached: Reached,
}

impl WatchedHost {
    fn note(&self, what: &'static str) {
        self.reached.borrow_mut().push(what);
    }
}

impl Host for WatchedHost {
    fn type_out(&mut self, _: &[u8]) -> Result<(), Throw> {
        Ok(())
    }
    fn flush(&mut self) -> Result<(), Throw> {
        Ok(())
    }
    fn key(&mut self) -> Result<Option<u8>, Throw> {
        self.note("key");
        Ok(None)
    }
    fn key_ready(&mut self) -> bool {
        self.note("key?");
        false
    }
    fn is_watched(&self) -> bool {
        false
    }
    fn accept(&mut self, _: usize) -> Result<Option<Vec<u8>>, Throw> {
        self.note("accept");
        Ok(None)
    }
    fn time_and_date(&mut self) -> [i64; 6] {
        self.note("time&date");
        [0; 6]
    }
    fn utime_us(&mut self) -> i64 {
        self.note("utime");
        0
    }
    fn ms(&mut self, _: u64, _: &AtomicBool) {
        self.note("ms");
    }
    fn open_include(&mut self, _: &[u8], _: Option<&str>) -> Result<(String, Vec<u8>), Throw> {
        self.note("included");
        Err(Throw::code(-38))
    }
    fn file(&mut self) -> Option<&mut dyn HostFiles> {
        self.note("file");
        None
    }
    fn words(&self) -> &'static [HostWord] {
        self.console.words()
    }
    fn call(&mut self, index: usize, context: &mut HostContext<'_>) -> Result<(), Throw> {
        self.console.call(index, context)
    }
}

/// A console over a folder that nothing may make, and what it reached.
fn console(folder: &Path, sandbox: bool) -> (Machine, Reached) {
    let line = ["forthcoin", "regtest", "--datadir"].map(std::ffi::OsString::from);
    let line = line.into_iter().chain([folder.as_os_str().to_owned()]);
    let Ok(arguments) = reader::read(line, std::iter::empty()) else {
        panic!("a plain command line")
    };
    let reached = Reached::default();
    let opened = Rc::clone(&reached);
    let opener = Box::new(move || {
        opened.borrow_mut().push("node");
        Err(CallError::new(ErrorKind::NoNode, "no node in this test"))
    });
    let shared = Rc::new(SessionState::default());
    let console = ConsoleHost::new(arguments.config, opener, sandbox, shared);
    let host = WatchedHost { console, reached: Rc::clone(&reached) };
    let mut machine = console_machine(Box::new(host), sandbox);
    machine.set_fuel(Some(FUEL));
    (machine, reached)
}

/// The capability of a word of Rust: the console's, a call's, or the machine's own.
fn capability_of(name: &str) -> Option<Capability> {
    let host = words::host_words().iter().position(|word| word.name.eq_ignore_ascii_case(name));
    if let Some(index) = host {
        return Some(words::all()[index].capability());
    }
    let row = Machine::entries().find(|(_, entry)| entry.name.eq_ignore_ascii_case(name));
    row.and_then(|(set, entry)| Capability::of_machine_word(entry.name, set))
}

/// What a definition of the library can reach: the most of what its words can.
fn capability_of_definition(name: &str, source: usize) -> Capability {
    let text = SOURCES[source].1;
    let opening = format!(": {name} ");
    let start = text.find(&format!("\n{opening}")).expect("its definition") + 1 + opening.len();
    let body = &text[start..];
    let body = &body[body.find(')').expect("its effect") + 1..];
    let body = &body[..body.find(" ;").expect("its end")];
    let library = |word: &str| library_words().iter().find(|known| known.name == word);
    let of = |word: &str| match library(word).filter(|known| known.name != name) {
        Some(known) => capability_of_definition(known.name, known.source),
        None => capability_of(word).unwrap_or(Capability::Pure),
    };
    body.split_whitespace().map(of).max().unwrap_or(Capability::Pure)
}

/// Arguments on the line for a word that parses them.
fn arguments_of(effect: &str) -> String {
    let of = |name: &str| if name == "amount" { "1.5" } else { "1" };
    effect.split('"').skip(1).step_by(2).map(|name| format!(" {}", of(name))).collect()
}

/// All ways to run a word that come to mind.
fn ways(name: &str, arguments: &str) -> Vec<String> {
    let end = format!("{arguments}\n");
    vec![
        format!("{STACK} {name}{end}"),
        format!("{STACK} ' {name} execute{end}"),
        format!(": probe ['] {name} catch throw ; {STACK} probe{end}"),
        format!(": probe {name} ; {STACK} probe{end}"),
        format!(": probe ['] {name} execute ; {STACK} probe{end}"),
        format!(": probe [ ' {name} compile, ] ; {STACK} probe{end}"),
        format!(": probe postpone {name} ; immediate : probe2 probe ; {STACK} probe2{end}"),
        format!(": probe [compile] {name} ; {STACK} probe{end}"),
        format!("defer probe ' {name} is probe {STACK} probe{end}"),
        format!("synonym probe {name} {STACK} probe{end}"),
        format!(":noname {name} ; constant probe {STACK} probe execute{end}"),
        format!("create probe ' {name} , {STACK} probe @ execute{end}"),
        format!("{STACK} s\" {name}{arguments}\" evaluate{end}"),
        format!(": probe evaluate ; {STACK} s\" {name}{arguments}\" probe{end}"),
        format!("{STACK} s\" {name}\" find-name name>interpret execute{end}"),
        format!("{STACK} s\" {name}\" forth-wordlist search-wordlist drop execute{end}"),
        format!(": probe [: {name} ;] execute ; {STACK} probe{end}"),
    ]
}

fn is_refused(machine: &mut Machine, text: &str) -> Result<(), String> {
    match machine.interpret(text.as_bytes(), "test") {
        Err(Failure::Error(report))
            if report.code == -21 && report.message.starts_with("--sandbox ") =>
        {
            Ok(())
        }
        other => Err(format!("{text:?} was not refused: {other:?}")),
    }
}

/// Every name that a user of the console can type, with effect, and what it can reach.
fn every_word(machine: &Machine) -> BTreeMap<String, (String, Capability)> {
    let names: BTreeSet<String> = machine.word_names().collect();
    let word = |name: String| {
        let info = machine.describe(&name).expect("a word that is listed");
        let library = library_words().iter().find(|word| word.name == name);
        let capability = match library {
            Some(word) => Some(capability_of_definition(&name, word.source)),
            None => capability_of(&name),
        };
        let capability = capability.unwrap_or_else(|| panic!("{name} has no capability"));
        (name, (info.effect, capability))
    };
    names.into_iter().map(word).collect()
}

#[test]
fn every_word_has_a_capability() {
    for (set, entry) in Machine::entries() {
        let known = Capability::of_machine_word(entry.name, set);
        assert!(known.is_some(), "{} of the word set {set} has no capability", entry.name);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (machine, _) = console(&folder.path().join("none"), false);
    let words = every_word(&machine);
    let mut counts: BTreeMap<Capability, usize> = BTreeMap::new();
    for (_, capability) in words.values() {
        *counts.entry(*capability).or_default() += 1;
    }
    println!("{} words: {counts:?}", words.len());
    for name in ["reindex-what", "simulate-with", "reindex", "simulate", "ask-node", "rpc"] {
        assert_eq!(words[name].1, Capability::NodeChange, "{name}");
    }
    for (name, capability) in [
        ("get-height", Capability::NodeRead),
        ("on-block", Capability::NodeRead),
        ("send", Capability::Wallet),
        ("included", Capability::Files),
        ("block", Capability::Files),
        ("load", Capability::Files),
        ("accept", Capability::Terminal),
        ("run-script", Capability::Pure),
        ("dup", Capability::Pure),
    ] {
        // The two words of the prelude reach more than the blocks whose names they have.
        assert!(words[name].1 >= capability, "{name}");
        assert_eq!(words[name].1 == Capability::Pure, capability == Capability::Pure, "{name}");
    }
}

#[test]
fn the_sandbox_refuses_every_word_that_is_not_pure() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().join("none");
    let (mut machine, reached) = console(&folder, true);
    let words = every_word(&machine);
    let mut refused = 0;
    for (name, (effect, capability)) in &words {
        if *capability == Capability::Pure {
            continue;
        }
        for text in ways(name, &arguments_of(effect)) {
            is_refused(&mut machine, &text).unwrap_or_else(|why| panic!("{name}: {why}"));
            assert_eq!(*reached.borrow(), [""; 0], "{text:?}");
            refused += 1;
        }
    }
    assert!(refused > 2000, "{refused}");
    assert!(!folder.exists(), "the data folder was made");
}

#[test]
fn the_sandbox_allows_every_word_that_is_pure_and_those_reach_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().join("none");
    let words = every_word(&console(&folder, false).0);
    let (file_code, node_code) = (ErrorKind::File.throw_code(), ErrorKind::NoNode.throw_code());
    let here = || std::fs::read_dir(".").expect("this folder").count();
    let before = here();
    for (name, (effect, capability)) in &words {
        if *capability != Capability::Pure {
            continue;
        }
        let arguments = arguments_of(effect);
        for text in [
            format!("{STACK} {name}{arguments}\n"),
            format!(": probe {name}{arguments} ; {STACK} probe{arguments}\n"),
            format!("s\" 00\" 2dup 2dup {name}{arguments}\n"),
        ] {
            for sandbox in [false, true] {
                // A fresh one: a word may have left no search order, or another base.
                let (mut machine, reached) = console(&folder, sandbox);
                if let Err(Failure::Error(report)) = machine.interpret(text.as_bytes(), "test") {
                    let refused = report.message.starts_with("--sandbox");
                    assert!(!refused, "{text:?}: {report}");
                    // What a word says that looked for a file, or for a node.
                    let looked = [-37, -38, file_code, node_code].contains(&report.code);
                    assert!(!looked, "{text:?}: {report}");
                }
                assert_eq!(*reached.borrow(), [""; 0], "{text:?}");
            }
        }
    }
    assert_eq!(here(), before, "a file was made in the current folder");
    assert!(!folder.exists(), "the data folder was made");
}

#[test]
fn no_number_is_a_token_that_the_sandbox_forgot() {
    /// Execution token of the first word, and as many as there are words and some more.
    const FIRST: i64 = 0x0100_0000_0000;
    const COUNT: i64 = 1500;
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().join("none");
    let mut refused = 0;
    for token in (FIRST..FIRST + COUNT).chain(-5..5) {
        // A fresh one: a word may have left no search order.
        let (mut machine, reached) = console(&folder, true);
        let text = format!("{STACK} {token} execute 1\n");
        refused += usize::from(is_refused(&mut machine, &text).is_ok());
        assert_eq!(*reached.borrow(), [""; 0], "{text:?}");
    }
    let of_host = words::all().iter().map(|word| Some(word.capability()));
    let of_machine = Machine::entries().map(|(set, e)| Capability::of_machine_word(e.name, set));
    let closed = of_host.chain(of_machine).filter(|known| *known != Some(Capability::Pure)).count();
    assert!(refused >= closed, "{refused} tokens of {closed} words are refused");
    assert!(!folder.exists(), "the data folder was made");
}

#[test]
fn what_no_table_names_is_refused() {
    assert_eq!(Capability::of_machine_word("new-word", "A NEW SET"), None);
    assert_eq!(Capability::of_machine_word("new-word", "FILE"), Some(Capability::Files));
}
