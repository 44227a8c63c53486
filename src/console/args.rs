//! The command line: `forthcoin [NETWORK] [FILE…] [-e CODE]… [options]`, each option also as
//! `FORTHCOIN_…` in the environment.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint};

use crate::config::{self, Config, Hidden, Mining, Postgres, Service};
use primitives::network::{self, MAIN};

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

/// The command line's grammar; the man page and the shells' completions are made from it.
pub fn command() -> Command {
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
                .value_hint(ValueHint::FilePath)
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
                .value_hint(ValueHint::DirPath)
                .help("Where data is kept (default ~/.forthcoin)"),
        )
        .arg(
            Arg::new("peer")
                .long("peer")
                .value_name("HOST:PORT")
                .action(ArgAction::Append)
                .help("Keep a connection to a node, once the network starts; repeatable"),
        )
        .arg(
            Arg::new("listen")
                .long("listen")
                .value_name("ADDRESS")
                .help("Where peers may connect, once the network starts; none: nowhere"),
        )
        .arg(flag("readonly", "Follow the chain, refuse every change"))
        .arg(flag("filters", "Serve block filters to light wallets (BIP157)"))
        .arg(flag("json", "Show JSON instead of pictures"))
        .arg(flag("offline", "Open no chain and no socket"))
        .arg(
            Arg::new("passphrase-fd")
                .long("passphrase-fd")
                .value_name("N")
                .help("Read passphrases from this descriptor, one a line, instead of asking; or from the file FORTHCOIN_PASSPHRASE_FILE"),
        )
        .arg(flag("no-address-index", "Keep no index of addresses, and drop one that is there"))
        .arg(flag("one-by-one", "Check the signatures of a block one by one, not as lists"))
        .arg(flag("sandbox", "Turn file words and the node's words off, for text that is not trusted"))
        .arg(flag("keep-going", "Go on after an error on standard input"))
        .args(mining_options())
        .args(service_options())
}

fn mining_options() -> [Arg; 4] {
    let option = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    [
        option("mine", "ADDRESS", "Mine from the start; coins go to this address"),
        option("mine-threads", "N", "Mining threads (one a core; 0: only miners by Stratum)"),
        option("mine-tag", "TEXT", "Text that mined blocks carry, at most 75 bytes"),
        option("stratum", "ADDR", "Serve miners by Stratum v1 (127.0.0.1:3333)")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value(config::STRATUM_ADDRESS),
    ]
}

fn mining(line: &Line, env: impl Fn(&str) -> Option<String>) -> Result<Mining, Refusal> {
    let one = |name: &str| {
        let variable = format!("FORTHCOIN_{}", name.to_uppercase().replace('-', "_"));
        line.one(name).or_else(|| env(&variable))
    };
    let threads = one("mine-threads").map(|text| {
        let wrong = |_| Refusal::Usage(format!("--mine-threads wants a number, not {text:?}\n"));
        text.parse().map_err(wrong)
    });
    let mining = Mining {
        address: one("mine"),
        threads: threads.transpose()?,
        tag: one("mine-tag").unwrap_or_default(),
        stratum: one("stratum").map(|address| match address.as_str() {
            "1" | "true" => config::STRATUM_ADDRESS.to_owned(),
            _ => address,
        }),
    };
    if mining.stratum.is_some() && mining.address.is_none() {
        let why = "--stratum serves miners for an address: give one with --mine=ADDRESS, and \
                   --mine-threads 0 if this machine shall not mine itself\n";
        return Err(Refusal::Usage(why.to_owned()));
    }
    Ok(mining)
}

/// The options of the WebSocket and HTTP port, the logs, metrics as rows and `--attach`: name, value,
/// help, and whether it may be given more than once.
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
    ("metrics-postgres", "URL", "Write metrics as rows to PostgreSQL (feature postgres)", false),
    (
        "metrics-postgres-file",
        "FILE",
        "The file that holds that URL, so that ps does not show it",
        false,
    ),
    ("metrics-interval", "SECONDS", "How often rows are written (10)", false),
];

fn service_options() -> impl Iterator<Item = Arg> {
    SERVICE_OPTIONS.iter().map(|&(name, value, help, many)| {
        let option = Arg::new(name).long(name).value_name(value).help(help);
        let option = option.action(if many { ArgAction::Append } else { ArgAction::Set });
        let hint = if value == "FILE" { ValueHint::FilePath } else { ValueHint::Other };
        let option = option.value_hint(hint);
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

/// A command line that was read.
enum Line {
    /// Files, `-e` and `--datadir` alone: what health checks and scripts ask with.
    Usual {
        sources: Vec<Source>,
        datadir: Option<String>,
    },
    Any(ArgMatches),
}

impl Line {
    /// Reads a line. The usual ones go without clap: to build its command takes a fifth of the
    /// whole run of a one-liner.
    fn read(words: Vec<std::ffi::OsString>) -> Result<Line, Refusal> {
        if let Some(line) = Line::usual(&words) {
            return Ok(line);
        }
        command().try_get_matches_from(words).map(Line::Any).map_err(|error| {
            if error.use_stderr() {
                Refusal::Usage(error.to_string())
            } else {
                Refusal::Show(error.to_string())
            }
        })
    }

    /// `None` for whatever is not entirely plain: clap knows what to say of it.
    fn usual(words: &[std::ffi::OsString]) -> Option<Line> {
        let plain = |word: &std::ffi::OsString| {
            let text = word.to_str().filter(|text| !text.is_empty() && !text.starts_with('-'));
            text.map(str::to_owned)
        };
        let (mut sources, mut datadir) = (Vec::new(), None);
        let mut words = words.iter().skip(1);
        while let Some(word) = words.next() {
            match word.to_str()? {
                "-e" => sources.push(Source::Code(plain(words.next()?)?)),
                "--datadir" if datadir.is_none() => datadir = Some(plain(words.next()?)?),
                _ => sources.push(Source::File(plain(word)?.into())),
            }
        }
        Some(Line::Usual { sources, datadir })
    }

    fn flag(&self, name: &str) -> bool {
        matches!(self, Line::Any(matches) if matches.get_flag(name))
    }

    /// The values of an option.
    fn all(&self, name: &str) -> Vec<String> {
        match self {
            Line::Usual { datadir, .. } if name == "datadir" => datadir.iter().cloned().collect(),
            Line::Usual { .. } => Vec::new(),
            Line::Any(matches) => {
                matches.get_many::<String>(name).into_iter().flatten().cloned().collect()
            }
        }
    }

    fn one(&self, name: &str) -> Option<String> {
        self.all(name).pop()
    }

    /// Files and code as they stood on the line.
    fn sources(&self) -> Vec<Source> {
        match self {
            Line::Usual { sources, .. } => sources.clone(),
            Line::Any(matches) => in_order(matches),
        }
    }
}

/// Where rows of metrics go. What stands on the command line comes before the environment, of
/// which a URL is taken whole.
fn postgres(line: &Line, env: impl Fn(&str) -> Option<String>) -> Result<Postgres, Refusal> {
    let mut url = line.one("metrics-postgres");
    let mut file = line.one("metrics-postgres-file");
    let is_public = url.is_some();
    if url.is_none() && file.is_none() {
        url = env("FORTHCOIN_METRICS_POSTGRES");
        file = env("FORTHCOIN_METRICS_POSTGRES_FILE");
    }
    if url.is_some() && file.is_some() {
        let why = "--metrics-postgres and --metrics-postgres-file both name a database: give one\n";
        return Err(Refusal::Usage(why.to_owned()));
    }
    let interval = line.one("metrics-interval").or_else(|| env("FORTHCOIN_METRICS_INTERVAL"));
    let interval_s = match interval.as_deref().map(str::parse) {
        None => Postgres::default().interval_s,
        Some(Ok(seconds @ 1..=3600)) => seconds,
        Some(_) => {
            let why = "--metrics-interval wants seconds from 1 to 3600\n";
            return Err(Refusal::Usage(why.to_owned()));
        }
    };
    let (url, url_file) = (url.map(Hidden), file.map(PathBuf::from));
    Ok(Postgres { url, url_file, is_public, interval_s })
}

/// Reads the service's options; in the environment, several values stand between blanks.
fn service(line: &Line, env: impl Fn(&str) -> Option<String>) -> Result<Service, Refusal> {
    let all = |name: &str| -> Vec<String> {
        let given = line.all(name);
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
        postgres: postgres(line, env)?,
    })
}

/// Reads the command line and the environment.
pub fn read(
    arguments: impl IntoIterator<Item = std::ffi::OsString>,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Arguments, Refusal> {
    let line = Line::read(arguments.into_iter().collect())?;
    let mut sources = line.sources();
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
        line.flag(name) || from_env(&variable).is_some_and(|value| value != "0")
    };
    let data_root = line
        .one("datadir")
        .or_else(|| from_env("FORTHCOIN_DATADIR"))
        .map_or_else(|| config::default_data_root(&env), PathBuf::from);
    let mut peers = line.all("peer");
    if peers.is_empty() {
        peers = from_env("FORTHCOIN_PEER")
            .map(|list| list.split(',').map(|peer| peer.trim().to_owned()).collect())
            .unwrap_or_default();
    }
    let listen = line.one("listen").or_else(|| from_env("FORTHCOIN_LISTEN"));
    let passphrase_fd = line.one("passphrase-fd");
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
            one_by_one: switched("one-by-one"),
            filters: switched("filters"),
            peers,
            listen,
            readonly: switched("readonly"),
            mining: mining(&line, from_env)?,
            service: service(&line, from_env)?,
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
    fn the_usual_line_means_what_clap_says() {
        for line in
            ["", "regtest", "a.fs", "-e one", "regtest --datadir /d a.fs -e one b.fs -e two"]
        {
            let words: Vec<std::ffi::OsString> = std::iter::once("forthcoin")
                .chain(line.split_whitespace())
                .map(Into::into)
                .collect();
            let usual = Line::usual(&words).expect("nothing but the usual");
            let any = Line::Any(command().try_get_matches_from(words).expect("valid"));
            assert_eq!(usual.sources(), any.sources(), "{line}");
            assert_eq!(usual.all("datadir"), any.all("datadir"), "{line}");
            assert!(any.all("peer").is_empty() && !any.flag("json"), "{line}");
        }
        for line in ["-e", "-e -1", "--datadir", "--json", "--datadir a --datadir b", "-h"] {
            let words: Vec<std::ffi::OsString> = std::iter::once("forthcoin")
                .chain(line.split_whitespace())
                .map(Into::into)
                .collect();
            assert!(Line::usual(&words).is_none(), "{line}");
        }
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
    fn rows_of_metrics_have_options() {
        let of = |line: &str| read_words(line).map(|read| read.config.service.postgres);
        assert_eq!(of("").ok(), Some(Postgres::default()));
        let given = of("main --metrics-postgres postgresql://me:word@db/x --metrics-interval 60");
        let given = given.ok().expect("valid");
        assert!(given.is_on() && given.is_public && given.interval_s == 60);
        assert!(!format!("{given:?}").contains("word"), "{given:?}");
        let file = of("main --metrics-postgres-file /etc/url").ok().expect("valid");
        assert!(file.is_on() && !file.is_public);
        let env = |name: &str| {
            (name == "FORTHCOIN_METRICS_POSTGRES").then(|| "host=/run user=me".to_owned())
        };
        let read = read(["forthcoin".into()], env).ok().expect("valid");
        let url = Some(Hidden("host=/run user=me".to_owned()));
        assert_eq!(read.config.service.postgres.url, url);
        for wrong in ["--metrics-interval 0", "--metrics-postgres a --metrics-postgres-file b"] {
            assert!(matches!(of(wrong), Err(Refusal::Usage(_))), "{wrong}");
        }
    }

    #[test]
    fn mining_has_options() {
        let line = "main --mine=fc1x --mine-threads 3 --mine-tag hi --stratum";
        let mining = read_words(line).ok().expect("valid").config.mining;
        assert_eq!(mining.address.as_deref(), Some("fc1x"));
        assert_eq!((mining.threads, mining.tag.as_str()), (Some(3), "hi"));
        assert_eq!(mining.stratum.as_deref(), Some("127.0.0.1:3333"));
        assert_eq!(read_words("").ok().expect("valid").config.mining, Mining::default());
        for wrong in ["--stratum", "--mine-threads many --mine=x"] {
            assert!(matches!(read_words(wrong), Err(Refusal::Usage(_))), "{wrong}");
        }
    }

    #[test]
    fn unknown_options_are_usage_errors() {
        assert!(matches!(read_words("--nonsense"), Err(Refusal::Usage(_))));
        assert!(matches!(read_words("--help"), Err(Refusal::Show(_))));
    }
}
