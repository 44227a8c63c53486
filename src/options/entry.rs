//! One option: its name, what it takes, what it is for and where its value goes.

use std::fmt;
use std::path::PathBuf;

use primitives::fee::FeeRate;
use primitives::network::NetworkParams;

use super::arguments::Arguments;
use crate::config::Hidden;

/// The sections of `--help`, the man page and docs/OPTIONS.md, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Console,
    Node,
    Policy,
    Mining,
    Server,
    Logs,
    Metrics,
}

impl Group {
    pub const ALL: [Group; 7] = [
        Group::Console,
        Group::Node,
        Group::Policy,
        Group::Mining,
        Group::Server,
        Group::Logs,
        Group::Metrics,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Group::Console => "Console",
            Group::Node => "Node and network",
            Group::Policy => "Mempool and relay policy",
            Group::Mining => "Mining",
            Group::Server => "API server",
            Group::Logs => "Logs",
            Group::Metrics => "Metrics in PostgreSQL",
        }
    }
}

/// Where an option may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On the command line and in the environment.
    Everywhere,
    CommandLine,
    /// As the first word of the command line, without its name, and in the environment.
    FirstWord,
}

/// Where a value was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    CommandLine,
    Environment,
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    Off,
    /// At the usual address.
    Usual,
    /// `HOST:PORT`; `HOST` alone where the usual port depends on the network.
    At(String),
}

/// Refuses a text, and says why.
pub type Check = fn(&str) -> Result<(), String>;

/// What an option takes, and where the value goes.
#[derive(Clone, Copy)]
pub enum Kind {
    /// true, false, 1, 0, yes, no, on or off; on the command line also nothing, which is true.
    Switch(fn(&mut Arguments, bool)),
    /// A whole number within limits.
    Number {
        least: u64,
        most: u64,
        set: fn(&mut Arguments, u64),
    },
    /// An amount for 1,000 virtual bytes: coins with a decimal point, or base units with `sat`.
    FeeRate(fn(&mut Arguments, FeeRate)),
    Text {
        check: Check,
        set: fn(&mut Arguments, String),
    },
    /// One of a few words.
    Choice {
        of: &'static [&'static str],
        set: fn(&mut Arguments, &'static str),
    },
    /// Bytes as the system has them.
    Path(fn(&mut Arguments, PathBuf)),
    /// Text that no message repeats.
    Secret(fn(&mut Arguments, Hidden, Origin)),
    /// An address to listen at, a port on loopback, or a switch's word.
    Listen {
        usual: Usual,
        set: fn(&mut Arguments, Listen),
    },
    /// Several texts: repeated, or with commas or blanks between.
    List {
        check: Check,
        set: fn(&mut Arguments, Vec<String>),
    },
    Network(fn(&mut Arguments, &'static NetworkParams)),
    /// A line of Forth, which keeps its place among the files.
    Code,
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Switch(_) => "switch",
            Kind::Number { .. } => "number",
            Kind::FeeRate(_) => "fee rate",
            Kind::Text { .. } => "text",
            Kind::Choice { .. } => "choice",
            Kind::Path(_) => "path",
            Kind::Secret(_) => "secret",
            Kind::Listen { .. } => "address to listen at",
            Kind::List { .. } => "list",
            Kind::Network(_) => "network",
            Kind::Code => "code",
        })
    }
}

/// The usual address of something that listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usual {
    /// `HOST:PORT`; the option may stand alone.
    Address(&'static str),
    /// The network's own port; the option wants a value.
    OfNetwork,
}

/// One option.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// As on the command line behind `--`; the variable's name is made from it.
    pub name: &'static str,
    pub short: Option<char>,
    /// What help calls the value; nothing for switches.
    pub value: &'static str,
    pub group: Group,
    /// One sentence.
    pub help: &'static str,
    /// As one would write it; `None` where the option is off or empty unless given.
    pub default: Option<&'static str>,
    pub place: Place,
    /// The option that this one stands for in another form: only one of them may be given.
    pub instead_of: Option<&'static str>,
    pub kind: Kind,
}

/// What most entries have in common.
pub const PLAIN: Entry = Entry {
    name: "",
    short: None,
    value: "",
    group: Group::Console,
    help: "",
    default: None,
    place: Place::Everywhere,
    instead_of: None,
    kind: Kind::Code,
};

impl Entry {
    /// The name of its variable.
    pub fn variable(&self) -> String {
        format!("FORTHCOIN_{}", self.name.to_uppercase().replace('-', "_"))
    }

    pub fn is_switch(&self) -> bool {
        matches!(self.kind, Kind::Switch(_))
    }

    /// May stand without a value on the command line; one is then given behind `=`.
    pub fn stands_alone(&self) -> bool {
        self.is_switch() || matches!(self.kind, Kind::Listen { usual: Usual::Address(_), .. })
    }

    pub fn is_list(&self) -> bool {
        matches!(self.kind, Kind::List { .. } | Kind::Code)
    }

    /// Its help with the default.
    pub fn summary(&self) -> String {
        match self.default {
            Some(default) => format!("{} (default: {default})", self.help),
            None => self.help.to_owned(),
        }
    }

    /// How messages call it.
    pub fn called(&self, origin: Origin) -> String {
        match (origin, self.short) {
            (Origin::Environment, _) => self.variable(),
            (Origin::CommandLine, Some(short)) => format!("-{short}"),
            (Origin::CommandLine, None) => format!("--{}", self.name),
        }
    }
}
