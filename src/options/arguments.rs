//! What was read from the command line and the environment.

use std::path::PathBuf;

use primitives::network::MAIN;

use crate::config::Config;

/// A source of Forth text, in the order of the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Code(String),
    File(PathBuf),
}

/// The command line and the environment, understood.
#[derive(Debug, Clone)]
pub struct Arguments {
    pub config: Config,
    /// A network was named, which asks for a running node where there is no terminal.
    pub network_named: bool,
    pub sources: Vec<Source>,
    pub sandbox: bool,
    pub keep_going: bool,
}

impl Arguments {
    /// What holds when no option is given.
    pub fn new(data_root: PathBuf) -> Arguments {
        Arguments {
            config: Config::new(&MAIN, data_root),
            network_named: false,
            sources: Vec::new(),
            sandbox: false,
            keep_going: false,
        }
    }

    pub fn offline(&self) -> bool {
        self.config.offline
    }
}

/// What the command line asks for instead of a console.
#[derive(Debug)]
pub enum Refusal {
    /// Text for standard output, exit code 0: help and version.
    Show(String),
    /// Text for standard error, exit code 2.
    Usage(String),
}

/// Why a command line or a variable is wrong.
impl From<String> for Refusal {
    fn from(why: String) -> Refusal {
        Refusal::Usage(format!("forthcoin: {why}\n"))
    }
}
