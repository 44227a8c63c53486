//! The words that Rust gives the console: every call of the table as a plain stack word, and the
//! console's own.

use super::wallet::words::{self as wallet, Word};
use forth2012::host::HostWord;
use rpc::table::CALLS;

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
    AskNode,
    ScriptParen,
    AssembleScript,
    DisassembleScript,
    UseScriptFlags,
    OpenScript,
    OpenSpend,
    ScriptGo,
    ScriptNow,
    ScriptSteps,
    ShowScript,
    ImportBlocksFrom,
    ImportBlocksStrictlyFrom,
    ExportBlocksTo,
    ReindexWhat,
    BackUpTo,
    VerifyBackupAt,
    RestoreFrom,
    Migrate,
    Health,
    AuditTail,
    AuditVerify,
    AuditAnchor,
    SimulateWith,
    ShowPeers,
    ShowSync,
    ExportChainTo,
    ExportAddressesTo,
    Compact,
    Help,
    WordsDoc,
    OnBlock,
    OnTx,
    OnReorg,
    Every,
    IsAddress,
    MineN,
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
        Own::AskNode,
        "ask-node",
        "( params-addr u method-addr u -- json-addr u )",
        "Ask the node a method by name, with its parameters as a JSON list or object.",
        "init-storage s\" [0]\" s\" getblockhash\" ask-node type",
    ),
    Row(
        Own::ScriptParen,
        "script(",
        "( \"script )\" -- hex-addr u )",
        "Assemble the script up to the closing parenthesis: opcode names, numbers, <hex> pushed, 0xhex as it is, 'text'.",
        "script( DUP HASH160 <0102> EQUALVERIFY ) type",
    ),
    Row(
        Own::AssembleScript,
        "assemble-script",
        "( c-addr u -- hex-addr u )",
        "Assemble the text of a script; the twin of script( for use inside definitions.",
        "s\" 1 2 ADD\" assemble-script type",
    ),
    Row(
        Own::DisassembleScript,
        "disassemble-script",
        "( hex-addr u -- c-addr u )",
        "The text of a script given as hex, as Core writes it.",
        "s\" 5193\" disassemble-script type",
    ),
    Row(
        Own::UseScriptFlags,
        "use-script-flags",
        "( c-addr u -- )",
        "What typed scripts are held to: CONSENSUS, STANDARD, or names of flags with commas.",
        "s\" STANDARD\" use-script-flags",
    ),
    Row(
        Own::OpenScript,
        "open-script",
        "( sig-addr u pubkey-addr u -- )",
        "Put a scriptSig and a scriptPubKey, both hex, on the bench, to be walked through.",
        "script( 1 ) script( 2 ADD ) open-script",
    ),
    Row(
        Own::OpenSpend,
        "open-spend",
        "( json-addr u -- )",
        "Put a spend on the bench: what get-spend gives, or scriptSig, scriptPubKey, witness, amount, flags.",
        "s\" {}\" open-spend",
    ),
    Row(
        Own::ScriptGo,
        "script-go",
        "( n -- )",
        "Go n steps forward in the open script, or back.",
        "script( 1 ) script( 2 ADD ) open-script 2 script-go",
    ),
    Row(
        Own::ScriptNow,
        "script-now",
        "( -- json-addr u )",
        "The next step of the open script with its stacks, or the end with the verdict.",
        "script( 1 ) script( 2 ADD ) open-script script-now type",
    ),
    Row(
        Own::ScriptSteps,
        "script-steps",
        "( -- json-addr u )",
        "Every step of the open script with its stacks, and the verdict.",
        "script( 1 ) script( 2 ADD ) open-script script-steps type",
    ),
    Row(
        Own::ShowScript,
        ".script",
        "( json-addr u -- )",
        "Show what script-now or script-steps gave as a picture, or as it is under --json.",
        "script( 1 ) script( 2 ADD ) open-script script-steps .script",
    ),
    Row(
        Own::ShowPeers,
        ".peers",
        "( json-addr u -- )",
        "Show what get-peer-info gave as a table, or as it is under --json.",
        "init-storage get-peer-info .peers",
    ),
    Row(
        Own::ShowSync,
        ".sync",
        "( json-addr u -- )",
        "Show what get-sync-status gave as a bar, or as it is under --json.",
        "init-storage get-sync-status .sync",
    ),
    Row(
        Own::SimulateWith,
        "simulate-with",
        "( c-addr u -- )",
        "Run simulated networks of whole nodes, with the options of simulate.",
        "s\" --nodes=2 --blocks=3\" simulate-with",
    ),
    Row(
        Own::ImportBlocksFrom,
        "import-blocks-from",
        "( c-addr u -- )",
        "Add the blocks of the named file, or of a Bitcoin Core blocks folder, where what is no block or is refused is told and passed over.",
        "",
    ),
    Row(
        Own::ImportBlocksStrictlyFrom,
        "import-blocks-strictly-from",
        "( c-addr u -- )",
        "Add the blocks of the named file or folder up to the first that is none or is refused.",
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
        Own::ReindexWhat,
        "reindex-what",
        "( c-addr u -- )",
        "Build \"indexes\" or \"coins\" again to the end, showing how far it is.",
        "init-storage s\" indexes\" reindex-what",
    ),
    Row(
        Own::BackUpTo,
        "back-up-to",
        "( c-addr u -- )",
        "Write all of the chain to the named new file while the node goes on, verified; the node's process writes it.",
        "",
    ),
    Row(
        Own::VerifyBackupAt,
        "verify-backup-at",
        "( c-addr u -- )",
        "Read the named backup of a chain to its end, or open the named sealed wallet: what it is and whether it is whole.",
        "",
    ),
    Row(
        Own::RestoreFrom,
        "restore-from",
        "( c-addr u -- )",
        "Make the chain of the named backup in the data folder, which must be empty.",
        "",
    ),
    Row(
        Own::Migrate,
        "migrate",
        "( -- )",
        "Bring the folder's data up to this program's schema, showing how far it is; a cut-off run goes on where it was.",
        "init-storage migrate",
    ),
    Row(
        Own::Health,
        "health",
        "( -- )",
        "Show the checks of the node and its folder; THROW -270, which ends with exit code 6, when one fails.",
        "init-storage health",
    ),
    Row(
        Own::AuditTail,
        "audit-tail",
        "( n -- )",
        "Show the newest n lines of the folder's audit log: every change asked for, by whom, and how it ended.",
        "5 audit-tail",
    ),
    Row(
        Own::AuditVerify,
        "audit-verify",
        "( -- )",
        "Check the hash chain of the audit log, rotated files included; THROW -270 and name what was removed, edited or moved.",
        "audit-verify",
    ),
    Row(
        Own::AuditAnchor,
        "audit-anchor",
        "( -- )",
        "Put the newest hash of the audit log into an OP_RETURN, paid for by the open wallet; the transaction's id is shown.",
        "",
    ),
    Row(
        Own::ExportChainTo,
        "export-chain-to",
        "( c-addr u -- )",
        "Write every block's header and ids to the named new file: JSON lines, or CSV if it is named so.",
        "",
    ),
    Row(
        Own::ExportAddressesTo,
        "export-addresses-to",
        "( c-addr u -- )",
        "Write the open wallet's addresses and what they hold to the named new file; without a wallet, all of the chain's.",
        "",
    ),
    Row(
        Own::Compact,
        "compact",
        "( -- )",
        "Make the chain's file as small as what it holds; in a fresh console, while no node runs on the folder.",
        "compact",
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
        "Run xt ( c-addr u -- ) with the id of every transaction when it is first seen, in the pool or in a block.",
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
    Row(
        Own::IsAddress,
        "address?",
        "( c-addr u -- flag )",
        "Whether a text is an address of this network.",
        "s\" bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080\" address? .",
    ),
    Row(
        Own::MineN,
        "mine-n",
        "( n -- json-addr u )",
        "Mine so many blocks to the set address and wait for them; Ctrl-C stops. On a terminal it shows the hashrate.",
        "init-storage s\" bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080\" set-mining-address-to 2 mine-n .json",
    ),
];

/// What the host word at an index does.
pub enum Meaning {
    Own(Own),
    /// The call at this index of `CALLS`.
    Call(usize),
    Wallet(Word),
}

impl Own {
    /// It reaches no node, no file and no clock.
    pub fn is_harmless(self) -> bool {
        !matches!(
            self,
            Own::InitStorage
                | Own::NetworkName
                | Own::DataFolder
                | Own::VersionText
                | Own::AskNode
                | Own::ImportBlocksFrom
                | Own::ImportBlocksStrictlyFrom
                | Own::ExportBlocksTo
                | Own::MineN
                | Own::BackUpTo
                | Own::VerifyBackupAt
                | Own::RestoreFrom
                | Own::Migrate
                | Own::Health
                | Own::AuditTail
                | Own::AuditVerify
                | Own::AuditAnchor
                | Own::ExportChainTo
                | Own::ExportAddressesTo
                | Own::Compact
        )
    }
}

pub fn meaning(index: usize) -> Option<Meaning> {
    match OWN.get(index) {
        Some(row) => Some(Meaning::Own(row.0)),
        None => {
            let index = index - OWN.len();
            match CALLS.get(index) {
                Some(_) => Some(Meaning::Call(index)),
                None => wallet::at(index - CALLS.len()).map(Meaning::Wallet),
            }
        }
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
            twin: (row.0 == Own::ScriptParen).then_some("assemble-script"),
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
        own.chain(calls).chain(wallet::host_words()).collect()
    })
}
