//! The words that Rust gives the console: every call of the table as a plain stack word, and the
//! console's own.

use crate::api::table::CALLS;
use crate::forth::host::HostWord;

/// The console's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    InitStorage,
    NetworkName,
    DataFolder,
    VersionText,
    Argument,
    ShowJson,
    ShowText,
    ImportBlocksFrom,
    ExportBlocksTo,
    Help,
    WordsDoc,
    OnBlock,
    OnTx,
    OnReorg,
    Every,
}

struct Row(Own, &'static str, &'static str, &'static str, &'static str);

/// Word, effect, help and example of each; the order is that of `help`.
const OWN: &[Row] = &[
    Row(
        Own::InitStorage,
        "init-storage",
        "( -- )",
        "Open the chain: the node that runs on the data folder, or the folder itself, made if absent.",
        "init-storage get-height .",
    ),
    Row(
        Own::NetworkName,
        "network-name",
        "( -- c-addr u )",
        "The network that this console works on.",
        "network-name type",
    ),
    Row(
        Own::DataFolder,
        "data-folder",
        "( -- c-addr u )",
        "The folder that holds the network's data.",
        "data-folder type",
    ),
    Row(
        Own::VersionText,
        "version-text",
        "( -- c-addr u )",
        "Name and version of this program.",
        "version-text type",
    ),
    Row(
        Own::Argument,
        "argument",
        "( \"argument\" -- c-addr u )",
        "Parse the next argument of the line; one with blanks goes between double quotes.",
        "argument \"my file\" type",
    ),
    Row(
        Own::ShowJson,
        ".json",
        "( c-addr u -- )",
        "Show JSON as a picture, or as it is under --json.",
        "init-storage get-chain-info .json",
    ),
    Row(
        Own::ShowText,
        ".text",
        "( c-addr u -- )",
        "Show a text on a line of its own, as a JSON string under --json.",
        "network-name .text",
    ),
    Row(
        Own::ImportBlocksFrom,
        "import-blocks-from",
        "( c-addr u -- )",
        "Add the blocks of the named file; blocks already there are passed over.",
        "",
    ),
    Row(
        Own::ExportBlocksTo,
        "export-blocks-to",
        "( c-addr u -- )",
        "Write the best chain to the named file, one hex block a line from block 1 on.",
        "",
    ),
    Row(
        Own::Help,
        "help",
        "( \"word\" -- )",
        "Explain a word; without one, list the node's words.",
        "help get-height",
    ),
    Row(
        Own::WordsDoc,
        "words-doc",
        "( -- )",
        "Print the reference of all words as Markdown (docs/WORDS.md).",
        "",
    ),
    Row(
        Own::OnBlock,
        "on-block",
        "( xt -- )",
        "Run xt ( height -- ) after every new block of a node without a terminal; 0 ends it.",
        ": tell ( height -- ) . ; ' tell on-block",
    ),
    Row(
        Own::OnTx,
        "on-tx",
        "( xt -- )",
        "Run xt ( c-addr u -- ) with the id of every transaction seen, in the pool or in a block.",
        "' type on-tx",
    ),
    Row(
        Own::OnReorg,
        "on-reorg",
        "( xt -- )",
        "Run xt ( depth height -- ) after blocks were taken back and the chain ends at height.",
        ": alarm ( depth height -- ) . . ; ' alarm on-reorg",
    ),
    Row(
        Own::Every,
        "every",
        "( seconds xt -- )",
        "Run xt ( -- ) again and again, so many seconds apart; 0 seconds end it.",
        ": look ( -- ) get-height . ; 60 ' look every",
    ),
];

/// What the host word at an index does.
pub enum Meaning {
    Own(Own),
    /// The call at this index of `CALLS`.
    Call(usize),
}

pub fn meaning(index: usize) -> Option<Meaning> {
    match OWN.get(index) {
        Some(row) => Some(Meaning::Own(row.0)),
        None => CALLS.get(index - OWN.len()).map(|_| Meaning::Call(index - OWN.len())),
    }
}

/// All words of the host, made once for the process.
pub fn host_words() -> &'static [HostWord] {
    static WORDS: std::sync::OnceLock<Vec<HostWord>> = std::sync::OnceLock::new();
    WORDS.get_or_init(|| {
        let own = OWN.iter().map(|row| HostWord {
            name: row.1,
            effect: row.2,
            help: row.3,
            example: row.4,
            group: "console",
            twin: None,
        });
        let calls = CALLS.iter().map(|entry| HostWord {
            name: entry.word,
            // A handful of short texts that live as long as the process.
            effect: Box::leak(entry.effect().into_boxed_str()),
            help: entry.help,
            example: entry.example,
            group: "node",
            twin: None,
        });
        own.chain(calls).collect()
    })
}
