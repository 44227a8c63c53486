//! The command line: `forthcoin [NETWORK] [FILE…] [-e CODE]… [options]`, each option also as
//! `FORTHCOIN_…` in the environment.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::config::{self, Config, Service};
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
        .arg(
            Arg::new("passphrase-fd")
                .long("passphrase-fd")
                .value_name("N")
                .help("Read passphrases from this descriptor, one a line, instead of asking; or from the file FORTHCOIN_PASSPHRASE_FILE"),
        )
        .arg(flag("no-address-index", "Keep no index of addresses, and drop one that is there"))
        .arg(flag("sandbox", "Turn file words and the node's words off, for text that is not trusted"))
        .arg(flag("keep-going", "Go on after an error on standard input"))
        .args(service_options())
}

/// The options of the WebSocket and HTTP port, the logs and `--attach`: name, value, help, and
/// whether it may be given more than once.
const SERVICE_OPTIONS: &[(&str, &str, &str, bool)] = &[
    ("websocket", "ADDR", "Open the WebSocket and HTTP port (127.0.0.1:8765)", false),
    ("attach", "ws://HOST:PORT", "Hold a node elsewhere by its WebSocket port", false),
    ("token-file", "FILE", "The file that holds USER:PASSWORD for --attach", false),
    ("rpcauth", "USER:SALT$HASH", "A user of the port, as Bitcoin Core's rpcauth", true),
    ("allow-host", "NAME", "A name under which the port may be asked for", true),
    ("allow-origin", "ORIGIN", "A site whose pages may use the port", true),
    ("proxy", "IP", "A proxy whose X-Real-IP is believed", true),
    ("max-connections", "N", "Connections on the port at once (10000)", false),
    ("rate-limit", "N", "Requests a second from one address (1000 for others; 0: none)", false),
    ("ready-blocks", "N", "How many blocks behind is still ready (3)", false),
    ("ready-age", "SECONDS", "How old the tip may be to be ready (7200)", false),
    ("log-level", "FILTER", "What is logged, as info or info,http=debug (info)", false),
    ("log-format", "text|json", "How logs are written (text)", false),
    ("log-file", "FILE", "Where logs go (standard error); opened again on SIGHUP", false),
];

fn service_options() -> impl Iterator<Item = Arg> {
    SERVICE_OPTIONS.iter().map(|&(name, value, help, many)| {
        let option = Arg::new(name).long(name).value_name(value).help(help);
        let option = option.action(if many { ArgAction::Append } else { ArgAction::Set });
        match name {
            // The address may be left out, so it comes after `=`.
            "websocket" => option
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value(config::SERVICE_ADDRESS),
            _ => option,
        }
    })
}

/// Reads the service's options; in the environment, several values stand between blanks.
fn service(matches: &ArgMatches, env: impl Fn(&str) -> Option<String>) -> Result<Service, Refusal> {
    let all = |name: &str| -> Vec<String> {
        let given: Vec<String> =
            matches.get_many::<String>(name).into_iter().flatten().cloned().collect();
        if !given.is_empty() {
            return given;
        }
        let variable = format!("FORTHCOIN_{}", name.to_uppercase().replace('-', "_"));
        env(&variable).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    };
    let one = |name: &str| all(name).pop();
    fn number<T: std::str::FromStr>(
        name: &str,
        text: Option<String>,
    ) -> Result<Option<T>, Refusal> {
        let parsed = text.map(|text| {
            let wrong = |_| Refusal::Usage(format!("--{name} wants a number, not {text:?}\n"));
            text.parse().map_err(wrong)
        });
        parsed.transpose()
    }
    let defaults = Service::default();
    let log_json = match one("log-format").as_deref() {
        None | Some("text") => false,
        Some("json") => true,
        Some(other) => {
            let why = format!("--log-format is text or json, not {other:?}\n");
            return Err(Refusal::Usage(why));
        }
    };
    Ok(Service {
        websocket: one("websocket").map(|address| match address.as_str() {
            "1" | "true" => config::SERVICE_ADDRESS.to_owned(),
            _ => address,
        }),
        attach: one("attach"),
        token_file: one("token-file").map(PathBuf::from),
        rpcauth: all("rpcauth"),
        hosts: all("allow-host"),
        origins: all("allow-origin"),
        proxies: all("proxy"),
        max_connections: number("max-connections", one("max-connections"))?
            .unwrap_or(defaults.max_connections),
        rate_limit: number("rate-limit", one("rate-limit"))?,
        ready_blocks: number("ready-blocks", one("ready-blocks"))?.unwrap_or(defaults.ready_blocks),
        ready_age: number("ready-age", one("ready-age"))?.unwrap_or(defaults.ready_age),
        log_level: one("log-level").unwrap_or(defaults.log_level),
        log_json,
        log_file: one("log-file").map(PathBuf::from),
    })
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
    let passphrase_fd = matches.get_one::<String>("passphrase-fd");
    let passphrase_file = match passphrase_fd {
        None => from_env("FORTHCOIN_PASSPHRASE_FILE").map(PathBuf::from),
        Some(number) if number.bytes().all(|b| b.is_ascii_digit()) && number.len() < 6 => {
            Some(PathBuf::from(format!("/dev/fd/{number}")))
        }
        Some(other) => {
            let why = format!("--passphrase-fd wants the number of a descriptor, not {other:?}\n");
            return Err(Refusal::Usage(why));
        }
    };
    Ok(Arguments {
        config: Config {
            passphrase_file,
            params,
            data_root,
            json: switched("json"),
            offline: switched("offline"),
            no_address_index: switched("no-address-index"),
            peers,
            listen,
            readonly: switched("readonly"),
            service: service(&matches, from_env)?,
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
    fn the_service_has_options() {
        let read = read_words("regtest --websocket").ok().expect("valid");
        assert_eq!(read.config.service.websocket.as_deref(), Some("127.0.0.1:8765"));
        let line = "regtest --websocket=:9000 --proxy 10.0.0.1 --proxy 10.0.0.2 --ready-blocks 9";
        let read = read_words(line).ok().expect("valid");
        assert_eq!(read.config.service.websocket.as_deref(), Some(":9000"));
        assert_eq!(read.config.service.proxies, ["10.0.0.1", "10.0.0.2"]);
        assert_eq!(read.config.service.ready_blocks, 9);
        assert_eq!(read_words("").ok().expect("valid").config.service, Service::default());
        for wrong in ["--ready-age soon", "--log-format xml"] {
            assert!(matches!(read_words(wrong), Err(Refusal::Usage(_))), "{wrong}");
        }
    }

    #[test]
    fn unknown_options_are_usage_errors() {
        assert!(matches!(read_words("--nonsense"), Err(Refusal::Usage(_))));
        assert!(matches!(read_words("--help"), Err(Refusal::Show(_))));
    }
}
