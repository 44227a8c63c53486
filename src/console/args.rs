//! The command line: `forthcoin [NETWORK] [FILE…] [-e CODE]… [options]`, each option also as
//! `FORTHCOIN_…` in the environment.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::config::{self, Config};
use crate::primitives::network::{self, MAIN};

/// A source of Forth text, in the order of the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Code(String),
    File(PathBuf),
}

/// The command line, understood.
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
    pub fn offline(&self) -> bool {
        self.config.offline
    }
}

/// What the command line asks for instead of a console.
pub enum Refusal {
    /// Text for standard output, exit code 0: help and version.
    Show(String),
    /// Text for standard error, exit code 2.
    Usage(String),
}

fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    Command::new("forthcoin")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A full node of a Bitcoin-format proof-of-work chain, held from a Forth console")
        .after_help(
            "NETWORK is main (default), testnet, regtest or bitcoin. Every option is also read from \
             the environment: --datadir as FORTHCOIN_DATADIR, and so on.\n\
             Exit codes: 0 fine, 1 uncaught THROW, 2 usage, 3 no node or data folder in use, \
             4 still warming up, 5 refused or invalid, 6 unhealthy.",
        )
        .arg(
            Arg::new("source")
                .value_name("NETWORK | FILE")
                .num_args(0..)
                .help("A network's name first, then Forth files to run in order"),
        )
        .arg(
            Arg::new("code")
                .short('e')
                .long("evaluate")
                .value_name("CODE")
                .action(ArgAction::Append)
                .allow_hyphen_values(true)
                .help("Run a line of Forth; in order with files, repeatable"),
        )
        .arg(
            Arg::new("datadir")
                .long("datadir")
                .value_name("FOLDER")
                .help("Where data is kept (default ~/.forthcoin)"),
        )
        .arg(
            Arg::new("peer")
                .long("peer")
                .value_name("HOST:PORT")
                .action(ArgAction::Append)
                .help("Keep a connection to a node; repeatable"),
        )
        .arg(
            Arg::new("listen")
                .long("listen")
                .value_name("ADDRESS")
                .help("Where a daemon lets peers connect; none: nowhere"),
        )
        .arg(flag("readonly", "Follow the chain, refuse every change"))
        .arg(flag("json", "Show JSON instead of pictures"))
        .arg(flag("offline", "Open no chain and no socket"))
        .arg(flag("no-address-index", "Keep no index of addresses, and drop one that is there"))
        .arg(flag("sandbox", "Turn file words and the node's words off, for text that is not trusted"))
        .arg(flag("keep-going", "Go on after an error on standard input"))
}

/// Reads the command line and the environment.
pub fn read(
    arguments: impl IntoIterator<Item = std::ffi::OsString>,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Arguments, Refusal> {
    let matches = command().try_get_matches_from(arguments).map_err(|error| {
        if error.use_stderr() {
            Refusal::Usage(error.to_string())
        } else {
            Refusal::Show(error.to_string())
        }
    })?;
    let mut sources = in_order(&matches);
    let named = match sources.first() {
        Some(Source::File(name)) => name.to_str().and_then(network::by_name),
        _ => None,
    };
    if named.is_some() {
        sources.remove(0);
    }
    let from_env = |name: &str| env(name).filter(|value| !value.is_empty());
    let network_env = from_env("FORTHCOIN_NETWORK");
    let params = match (named, &network_env) {
        (Some(params), _) => params,
        (None, Some(name)) => network::by_name(name).ok_or_else(|| {
            Refusal::Usage(format!(
                "FORTHCOIN_NETWORK is {name:?}: it must be main, testnet, regtest or bitcoin\n"
            ))
        })?,
        (None, None) => &MAIN,
    };
    let switched = |name: &str| {
        let variable = format!("FORTHCOIN_{}", name.to_uppercase().replace('-', "_"));
        matches.get_flag(name) || from_env(&variable).is_some_and(|value| value != "0")
    };
    let datadir = matches.get_one::<String>("datadir").cloned();
    let data_root = datadir
        .or_else(|| from_env("FORTHCOIN_DATADIR"))
        .map_or_else(|| config::default_data_root(&env), PathBuf::from);
    let peers: Vec<String> = match matches.get_many::<String>("peer") {
        Some(peers) => peers.cloned().collect(),
        None => from_env("FORTHCOIN_PEER")
            .map(|list| list.split(',').map(|peer| peer.trim().to_owned()).collect())
            .unwrap_or_default(),
    };
    let listen =
        matches.get_one::<String>("listen").cloned().or_else(|| from_env("FORTHCOIN_LISTEN"));
    Ok(Arguments {
        config: Config {
            params,
            data_root,
            json: switched("json"),
            offline: switched("offline"),
            no_address_index: switched("no-address-index"),
            peers,
            listen,
            readonly: switched("readonly"),
        },
        network_named: named.is_some() || network_env.is_some(),
        sources,
        sandbox: switched("sandbox"),
        keep_going: switched("keep-going"),
    })
}

/// Files and code as they stood on the line.
fn in_order(matches: &ArgMatches) -> Vec<Source> {
    let mut found: Vec<(usize, Source)> = Vec::new();
    for (name, source) in [
        ("source", Source::File as fn(PathBuf) -> Source),
        ("code", |code| Source::Code(code.to_string_lossy().into_owned())),
    ] {
        let values = matches.get_many::<String>(name).into_iter().flatten();
        let places = matches.indices_of(name).into_iter().flatten();
        found.extend(places.zip(values.map(|value| source(PathBuf::from(value)))));
    }
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, source)| source).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_words(line: &str) -> Result<Arguments, Refusal> {
        let words = std::iter::once("forthcoin").chain(line.split(' ').filter(|w| !w.is_empty()));
        let env = |name: &str| (name == "HOME").then(|| "/home/op".to_owned());
        read(words.map(Into::into), env)
    }

    #[test]
    fn order_is_kept() {
        let read = read_words("regtest a.fs -e one b.fs -e two --datadir /d").ok().expect("valid");
        let file = |name: &str| Source::File(name.into());
        let code = |text: &str| Source::Code(text.to_owned());
        assert_eq!(read.sources, [file("a.fs"), code("one"), file("b.fs"), code("two")]);
        assert_eq!(read.config.params.name, "regtest");
        assert_eq!(read.config.data_root, PathBuf::from("/d"));
        assert!(read.network_named);
    }

    #[test]
    fn defaults() {
        let read = read_words("").ok().expect("valid");
        assert_eq!(read.config.params.name, "main");
        assert!(!read.network_named && read.sources.is_empty());
        assert_eq!(read.config.data_root, PathBuf::from("/home/op/.forthcoin"));
    }

    #[test]
    fn code_may_start_with_a_minus() {
        let read = read_words("-e -1").ok().expect("valid");
        assert_eq!(read.sources, [Source::Code("-1".to_owned())]);
    }

    #[test]
    fn unknown_options_are_usage_errors() {
        assert!(matches!(read_words("--nonsense"), Err(Refusal::Usage(_))));
        assert!(matches!(read_words("--help"), Err(Refusal::Show(_))));
    }
}
