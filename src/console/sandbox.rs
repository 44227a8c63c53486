//! What a word can reach, and `--sandbox`, under which only words that reach nothing run.
//!
//! Words of the console state their capability in their entry, calls of the node by their class,
//! the machine's own words by the table here. The sandbox is an allow-list: what no table names is
//! refused. The machine hands every word of its own that is not pure to the host
//! ([`Machine::delegate`]), so that one place refuses whatever way leads to a word: its name, its
//! execution token, a definition, EVALUATE. Below that, the host opens no file, reads no keyboard
//! and asks no node.

use forth2012::host::Throw;
use forth2012::machine::Machine;
use rpc::call::Class;

/// THROW of a refused word: unsupported operation.
const THROW_UNSUPPORTED: i64 = -21;

/// The most powerful thing that a word can reach, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// Its arguments, the machine, the output, and the tables of the program.
    Pure,
    /// Files of the user.
    Files,
    /// The keyboard, the cursor and the clock.
    Terminal,
    /// What the node knows.
    NodeRead,
    /// What the node does, or a node of its own.
    NodeChange,
    /// The keys and coins of the wallet.
    Wallet,
}

impl Capability {
    /// All of them.
    pub const ALL: [Capability; 6] = [
        Capability::Pure,
        Capability::Files,
        Capability::Terminal,
        Capability::NodeRead,
        Capability::NodeChange,
        Capability::Wallet,
    ];

    /// What a call of the node can reach.
    pub const fn of_class(class: Class) -> Capability {
        match class {
            Class::Read => Capability::NodeRead,
            Class::Operate | Class::Admin => Capability::NodeChange,
        }
    }

    /// What a word of the machine itself can reach, by its name and word set; `None` when no table
    /// names it.
    pub fn of_machine_word(name: &str, set: &str) -> Option<Capability> {
        let named = |table: &[(&str, Capability)], wanted: &str| {
            table.iter().find(|(name, _)| *name == wanted).map(|row| row.1)
        };
        named(MACHINE_WORDS, name).or_else(|| named(MACHINE_SETS, set))
    }

    /// The THROW of a word with this capability under `--sandbox`.
    pub fn refusal(self) -> Throw {
        let why = match self {
            Capability::Pure => "--sandbox allows this word",
            Capability::Files => "--sandbox opens no files",
            Capability::Terminal => "--sandbox gives no access to keyboard, cursor and clock",
            Capability::NodeRead | Capability::NodeChange => "--sandbox turns the node's words off",
            Capability::Wallet => "--sandbox turns the wallet's words off",
        };
        Throw::new(THROW_UNSUPPORTED, why)
    }
}

/// What the words of a word set can reach, where [`MACHINE_WORDS`] does not name them.
const MACHINE_SETS: &[(&str, Capability)] = &[
    ("BLOCK", Capability::Files),
    ("BLOCK EXT", Capability::Files),
    ("COMFORT", Capability::Pure),
    ("CORE", Capability::Pure),
    ("CORE EXT", Capability::Pure),
    ("DOUBLE", Capability::Pure),
    ("EXCEPTION", Capability::Pure),
    ("FACILITY", Capability::Terminal),
    ("FACILITY EXT", Capability::Pure),
    ("FILE", Capability::Files),
    ("FILE EXT", Capability::Files),
    ("FLOATING", Capability::Pure),
    ("FLOATING EXT", Capability::Pure),
    ("LOCALS", Capability::Pure),
    ("MEMORY", Capability::Pure),
    ("SEARCH", Capability::Pure),
    ("STRING", Capability::Pure),
    ("STRING EXT", Capability::Pure),
    ("TOOLS", Capability::Pure),
    ("TOOLS EXT", Capability::Pure),
    ("XCHAR", Capability::Pure),
    ("XCHAR EXT", Capability::Pure),
];

/// Words that reach something else than the rest of their set.
const MACHINE_WORDS: &[(&str, Capability)] = &[
    ("(bye)", Capability::Pure),
    ("accept", Capability::Terminal),
    ("bye", Capability::Pure),
    ("ekey", Capability::Terminal),
    ("ekey?", Capability::Terminal),
    ("key", Capability::Terminal),
    ("ms", Capability::Terminal),
    ("time&date", Capability::Terminal),
    ("time:", Capability::Terminal),
    ("utime", Capability::Terminal),
    ("xkey", Capability::Terminal),
    ("xkey?", Capability::Terminal),
];

/// Has the host run, and so refuse, all words of the machine that are not pure. Their indices
/// follow those of the host's `words`.
pub fn restrict(machine: &mut Machine, words: usize) {
    machine.delegate(|name, set| {
        let capability = Capability::of_machine_word(name, set).unwrap_or(Capability::Wallet);
        let place = Capability::ALL.iter().position(|known| *known == capability)?;
        let index = u32::try_from(words + place).ok()?;
        (capability != Capability::Pure).then_some(index)
    });
}

/// The refusal of a word of the machine that [`restrict`] has handed over.
pub fn refusal_of_machine_word(index: usize, words: usize) -> Throw {
    let place = index.checked_sub(words);
    let capability = place.and_then(|place| Capability::ALL.get(place));
    capability.copied().unwrap_or(Capability::Wallet).refusal()
}
