//! The words that Rust gives the console: its own, one entry each beside the code that runs it, and
//! every call of the node's table.
//!
//! To add a word: an entry in the `WORDS` of its family. Help, docs/WORDS.md, completion and the
//! sandbox read it from there.

mod address;
mod audit;
mod calls;
mod chain_files;
mod compact;
mod core_folder;
mod export;
mod help;
mod mining;
mod network;
mod script;
mod simulate;
mod storage;
mod text;
mod upkeep;
mod watch;

use std::sync::OnceLock;

use super::host::{ConsoleHost, throw_of};
use super::sandbox::Capability;
use super::stack_values::pop_path;
use super::wallet;
use forth2012::host::{HostContext, HostWord, Throw};
use rpc::call::Entry;
use rpc::error::CallError;
use rpc::table::CALLS;

/// The heading of the console's own words in `help`.
const CONSOLE: &str = "console";

/// The heading of the calls.
const NODE: &str = "node";

/// One word of the console.
pub struct ConsoleWord {
    /// Name as typed.
    pub name: &'static str,
    /// Stack effect; a `"` in it marks an argument that is parsed when the word executes.
    pub effect: &'static str,
    /// One sentence.
    pub help: &'static str,
    /// A line that runs on a fresh regtest folder, or empty.
    pub example: &'static str,
    /// The heading in `help`.
    pub group: &'static str,
    /// For a parsing word: the word that takes the same argument from the stack.
    pub twin: Option<&'static str>,
    /// What it can reach.
    pub capability: Capability,
    /// What it does.
    pub run: fn(&mut ConsoleHost, &mut HostContext<'_>) -> Result<(), Throw>,
}

/// The families of the console's own words, in the order of `help`.
const FAMILIES: &[&[ConsoleWord]] = &[
    storage::WORDS,
    text::WORDS,
    calls::WORDS,
    script::WORDS,
    network::WORDS,
    simulate::WORDS,
    chain_files::WORDS,
    upkeep::WORDS,
    audit::WORDS,
    export::WORDS,
    compact::WORDS,
    help::WORDS,
    watch::WORDS,
    address::WORDS,
    mining::WORDS,
];

/// A word as the machine calls it, by its index.
#[derive(Clone, Copy)]
pub enum RegisteredWord {
    Word(&'static ConsoleWord),
    Call(&'static Entry),
}

impl RegisteredWord {
    pub fn capability(self) -> Capability {
        match self {
            RegisteredWord::Word(word) => word.capability,
            RegisteredWord::Call(entry) => Capability::of_class(entry.class),
        }
    }

    pub fn run(
        self,
        console: &mut ConsoleHost,
        context: &mut HostContext<'_>,
    ) -> Result<(), Throw> {
        match self {
            RegisteredWord::Word(word) => (word.run)(console, context),
            RegisteredWord::Call(entry) => calls::run(entry, console, context),
        }
    }

    fn host_word(self) -> HostWord {
        match self {
            RegisteredWord::Word(word) => HostWord {
                name: word.name,
                effect: word.effect,
                help: word.help,
                example: word.example,
                group: word.group,
                twin: word.twin,
            },
            RegisteredWord::Call(entry) => HostWord {
                name: entry.word,
                // A handful of short texts that live as long as the process.
                effect: Box::leak(entry.effect().into_boxed_str()),
                help: entry.help,
                example: entry.example,
                group: NODE,
                twin: None,
            },
        }
    }
}

/// Every word, in the order of the machine's indices.
pub fn all() -> &'static [RegisteredWord] {
    static ALL: OnceLock<Vec<RegisteredWord>> = OnceLock::new();
    ALL.get_or_init(|| {
        let families = |families: &'static [&'static [ConsoleWord]]| {
            families.iter().flat_map(|words| words.iter()).map(RegisteredWord::Word)
        };
        let calls = CALLS.iter().map(RegisteredWord::Call);
        families(FAMILIES).chain(calls).chain(families(wallet::words::FAMILIES)).collect()
    })
}

/// The same as the machine wants them, made once for the process.
pub fn host_words() -> &'static [HostWord] {
    static WORDS: OnceLock<Vec<HostWord>> = OnceLock::new();
    WORDS.get_or_init(|| all().iter().map(|word| word.host_word()).collect())
}

/// Runs what takes the name of a file from the stack.
fn with_path(
    console: &mut ConsoleHost,
    context: &mut HostContext<'_>,
    act: fn(&mut ConsoleHost, &str, &mut HostContext<'_>) -> Result<(), CallError>,
) -> Result<(), Throw> {
    let path = pop_path(context)?;
    act(console, &path, context).map_err(throw_of)
}
