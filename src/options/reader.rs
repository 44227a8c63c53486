//! Reads the command line and the environment by the table.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use lexopt::{Arg, Parser};
use primitives::network::{self, BITCOIN, MAIN};

use super::apply::{apply, is_value_of};
use super::arguments::{Arguments, Refusal, Source};
use super::entry::{Entry, Kind, Origin, Place};
use super::environment::Environment;
use super::help;
use super::suggest::{hint, nearest};
use super::table::{TABLE, place_of};

/// The options that are not in the table, because they end the program.
const HELP: &str = "help";
const VERSION: &str = "version";

/// The words of the command line.
#[derive(Default)]
struct Line {
    /// Places in the table with what was given there; `None` for an option without a value.
    given: Vec<(usize, Option<OsString>)>,
    sources: Vec<Source>,
}

/// Reads the command line, the program's name first, and the variables of the environment.
pub fn read(
    words: impl IntoIterator<Item = OsString>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Arguments, Refusal> {
    let mut line = read_line(words)?;
    let mut environment = Environment::read(variables)?;
    let mut arguments = Arguments::new(environment.default_data_root());
    take_network(&mut line)?;
    keep_one_form(&line, &mut environment)?;
    for (place, entry) in TABLE.iter().enumerate() {
        set(place, entry, &line, &environment, &mut arguments)?;
    }
    check(&arguments)?;
    arguments.sources = line.sources;
    Ok(arguments)
}

fn read_line(words: impl IntoIterator<Item = OsString>) -> Result<Line, Refusal> {
    let mut parser = Parser::from_iter(words);
    let mut line = Line::default();
    // The option before a word, if that option may stand alone and did.
    let mut alone: Option<&Entry> = None;
    loop {
        let place = match parser.next().map_err(|e| e.to_string())? {
            None => return Ok(line),
            Some(Arg::Value(word)) => {
                if let Some(entry) = alone.take().filter(|entry| is_value_of(entry, &word))
                    && !Path::new(&word).exists()
                {
                    let (name, word) = (entry.name, word.to_string_lossy());
                    return Err(format!("--{name}: a value is written --{name}={word}").into());
                }
                line.sources.push(Source::File(word.into()));
                continue;
            }
            Some(Arg::Short('h') | Arg::Long(HELP)) => return Err(Refusal::Show(help::text())),
            Some(Arg::Short('V') | Arg::Long(VERSION)) => {
                let text = concat!("forthcoin ", env!("CARGO_PKG_VERSION"), "\n");
                return Err(Refusal::Show(text.to_owned()));
            }
            Some(Arg::Short(short)) => TABLE
                .iter()
                .position(|entry| entry.short == Some(short))
                .ok_or_else(|| format!("there is no option -{short}"))?,
            Some(Arg::Long(name)) => on_line(name)?,
        };
        let entry = &TABLE[place];
        let value = value_of(entry, &mut parser)?;
        alone = Some(entry).filter(|_| value.is_none());
        match (entry.kind, value) {
            (Kind::Code, value) => {
                let code = value.unwrap_or_default().into_string().map_err(|_| {
                    format!("{}: the code is not UTF-8", entry.called(Origin::CommandLine))
                })?;
                line.sources.push(Source::Code(code));
            }
            (_, value) => line.given.push((place, value)),
        }
    }
}

/// The option that is written `--name`.
fn on_line(name: &str) -> Result<usize, String> {
    let named = |entry: &&Entry| entry.place != Place::FirstWord;
    if let Some(place) = place_of(name).filter(|place| named(&&TABLE[*place])) {
        return Ok(place);
    }
    if name == "network" {
        return Err("a network is the first word: forthcoin regtest".to_owned());
    }
    let known = TABLE.iter().filter(named).map(|entry| entry.name).chain([HELP, VERSION]);
    let near = nearest(name, known).map(|near| format!("--{near}"));
    Err(format!("there is no option --{name}{}", hint(near.as_deref())))
}

/// The value that belongs to an option: behind `=`, or the next word where it must have one.
fn value_of(entry: &Entry, parser: &mut Parser) -> Result<Option<OsString>, String> {
    if entry.stands_alone() {
        return Ok(parser.optional_value());
    }
    if let Some(value) = parser.optional_value() {
        return Ok(Some(value));
    }
    let called = entry.called(Origin::CommandLine);
    let value = parser.value().map_err(|_| format!("{called} wants {}", entry.value))?;
    let is_option = value.as_encoded_bytes().starts_with(b"-") && value.len() > 1;
    if is_option && !matches!(entry.kind, Kind::Code) {
        let value = value.to_string_lossy();
        return Err(format!(
            "{called} wants {}: if it is {value}, write {called}={value}",
            entry.value
        ));
    }
    Ok(Some(value))
}

/// Takes the network's name from the front of the files, and tells a misspelt one from a file.
fn take_network(line: &mut Line) -> Result<(), String> {
    let name_at = |line: &Line, index: usize| match line.sources.get(index) {
        Some(Source::File(word)) => word.to_str().map(str::to_owned),
        _ => None,
    };
    let Some(first) = name_at(line, 0) else { return Ok(()) };
    let network = network::by_name(&first).is_some();
    if network {
        line.sources.remove(0);
        line.given.extend(place_of("network").map(|place| (place, Some(first.clone().into()))));
    }
    for index in 0..line.sources.len() {
        let Some(word) = name_at(line, index) else { continue };
        if network::by_name(&word).is_some() && !Path::new(&word).exists() {
            return Err(match network {
                true => format!("{first} and {word} are both networks: name one"),
                false => format!("the network {word} comes first: forthcoin {word} {first}"),
            });
        }
    }
    let plain = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric());
    if !network && plain(&first) && !Path::new(&first).exists() {
        let names = network::NETWORKS.map(|params| params.name);
        if let Some(near) = nearest(&first, names) {
            let near = hint(Some(near));
            return Err(format!("there is no network and no file {first:?}{near}"));
        }
    }
    Ok(())
}

/// Where an option has two forms, one may be given. What stands on the command line silences both
/// in the environment.
fn keep_one_form(line: &Line, environment: &mut Environment) -> Result<(), String> {
    for (second, entry) in TABLE.iter().enumerate() {
        let Some(first) = entry.instead_of.and_then(place_of) else { continue };
        let forms = [first, second];
        let both = |origin, given: &dyn Fn(usize) -> bool| match forms.iter().all(|at| given(*at)) {
            true => Err(format!(
                "{} and {} are one option in two forms: give one",
                TABLE[first].called(origin),
                entry.called(origin)
            )),
            false => Ok(()),
        };
        let on_line = |place| line.given.iter().any(|(at, _)| *at == place);
        both(Origin::CommandLine, &on_line)?;
        if forms.iter().any(|at| on_line(*at)) {
            environment.given.retain(|(at, _)| !forms.contains(at));
        }
        both(Origin::Environment, &|place| environment.given.iter().any(|(at, _)| *at == place))?;
    }
    Ok(())
}

/// Sets what was given for one option, on the command line or else in the environment.
fn set(
    place: usize,
    entry: &Entry,
    line: &Line,
    environment: &Environment,
    to: &mut Arguments,
) -> Result<(), String> {
    let here = line.given.iter().filter(|(at, _)| *at == place);
    let mut texts: Vec<Option<&OsStr>> = here.map(|(_, text)| text.as_deref()).collect();
    let mut origin = Origin::CommandLine;
    if texts.is_empty() {
        let there = environment.given.iter().filter(|(at, _)| *at == place);
        texts = there.map(|(_, text)| Some(text.as_os_str())).collect();
        origin = Origin::Environment;
    }
    if texts.is_empty() {
        return Ok(());
    }
    apply(entry, origin, &texts, to).map_err(|why| format!("{}: {why}", entry.called(origin)))
}

/// What the options together must hold to.
fn check(arguments: &Arguments) -> Result<(), String> {
    let config = &arguments.config;
    if config.mining.stratum.is_some() && config.mining.address.is_none() {
        return Err("--stratum serves miners for an address: give one with --mine=ADDRESS, and \
                    --mine-threads 0 if this machine shall not mine itself"
            .to_owned());
    }
    let real = [MAIN.name, BITCOIN.name].contains(&config.params.name);
    if real && !config.policy.require_standard {
        return Err(format!(
            "--acceptnonstdtxn is for test networks, not for {}",
            config.params.name
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::{Hidden, Mining, Postgres, Service};

    fn read_with(line: &str, variables: &[(&str, &str)]) -> Result<Arguments, Refusal> {
        let words = std::iter::once("forthcoin").chain(line.split(' ').filter(|w| !w.is_empty()));
        let home = [("HOME", "/home/op")];
        let variables =
            home.iter().chain(variables).map(|(name, value)| (name.into(), value.into()));
        read(words.map(Into::into), variables)
    }

    fn read_words(line: &str) -> Result<Arguments, Refusal> {
        read_with(line, &[])
    }

    #[test]
    fn order_is_kept() {
        let read = read_words("regtest a.fs -e one b.fs -e two --datadir /d").expect("valid");
        let file = |name: &str| Source::File(name.into());
        let code = |text: &str| Source::Code(text.to_owned());
        assert_eq!(read.sources, [file("a.fs"), code("one"), file("b.fs"), code("two")]);
        assert_eq!(read.config.params.name, "regtest");
        assert_eq!(read.config.data_root, PathBuf::from("/d"));
        assert!(read.network_named);
    }

    #[test]
    fn defaults() {
        let read = read_words("").expect("valid");
        assert_eq!(read.config.params.name, "main");
        assert!(!read.network_named && read.sources.is_empty());
        assert_eq!(read.config.data_root, PathBuf::from("/home/op/.forthcoin"));
    }

    /// Whoever gives a default by hand changes nothing.
    #[test]
    fn the_table_tells_the_defaults_that_hold() {
        let without = everything("testnet", &[]);
        for entry in TABLE {
            let Some(default) = entry.default else { continue };
            if entry.name == "network" {
                assert_eq!(everything("", &[]), everything("main", &[]), "{}", entry.name);
                continue;
            }
            let line = format!("testnet --{}={default}", entry.name);
            assert_eq!(everything(&line, &[]), without, "{line}");
            let variable = entry.variable();
            let given = [(variable.as_str(), default)];
            assert_eq!(everything("testnet", &given), without, "{variable}");
        }
    }

    /// All that options set, as text.
    fn everything(line: &str, variables: &[(&str, &str)]) -> String {
        let read = read_with(line, variables).expect("valid");
        format!("{:?} {} {}", read.config, read.sandbox, read.keep_going)
    }

    #[test]
    fn names_are_distinct_and_forms_exist() {
        for (index, entry) in TABLE.iter().enumerate() {
            assert_eq!(place_of(entry.name), Some(index), "{} is there twice", entry.name);
            assert!(entry.instead_of.is_none_or(|first| place_of(first).is_some()));
            assert!(entry.is_switch() == entry.value.is_empty(), "{}", entry.name);
            assert!(!entry.help.ends_with('.') && !entry.help.is_empty(), "{}", entry.name);
        }
    }

    #[test]
    fn code_may_start_with_a_minus() {
        for line in ["-e -1", "-e=-1", "--evaluate=-1", "--evaluate -1", "-e-1"] {
            let read = read_words(line).expect("valid");
            assert_eq!(read.sources, [Source::Code("-1".to_owned())], "{line}");
        }
        let read = read_words("-- --json").expect("valid");
        assert_eq!(read.sources, [Source::File("--json".into())]);
    }

    #[test]
    fn the_service_has_options() {
        let read = read_words("regtest --websocket").expect("valid");
        assert_eq!(read.config.service.websocket.as_deref(), Some("127.0.0.1:8765"));
        let line = "regtest --websocket=:9000 --proxy 10.0.0.1 --proxy 10.0.0.2 --ready-blocks 9";
        let read = read_words(line).expect("valid");
        assert_eq!(read.config.service.websocket.as_deref(), Some("127.0.0.1:9000"));
        assert_eq!(read.config.service.proxies, ["10.0.0.1", "10.0.0.2"]);
        assert_eq!(read.config.service.ready_blocks, 9);
        assert_eq!(read_words("").expect("valid").config.service, Service::default());
        for wrong in ["--ready-age soon", "--log-format xml"] {
            assert!(matches!(read_words(wrong), Err(Refusal::Usage(_))), "{wrong}");
        }
    }

    #[test]
    fn rows_of_metrics_have_options() {
        let of = |line: &str| read_words(line).map(|read| read.config.service.postgres);
        assert_eq!(of("").ok(), Some(Postgres::default()));
        let given = of("main --metrics-postgres postgresql://me:word@db/x --metrics-interval 60");
        let given = given.expect("valid");
        assert!(given.is_on() && given.is_public && given.interval_s == 60);
        assert!(!format!("{given:?}").contains("word"), "{given:?}");
        let file = of("main --metrics-postgres-file /etc/url").expect("valid");
        assert!(file.is_on() && !file.is_public);
        let env = [("FORTHCOIN_METRICS_POSTGRES", "host=/run user=me")];
        let read = read_with("", &env).expect("valid");
        let url = Some(Hidden("host=/run user=me".to_owned()));
        assert_eq!(read.config.service.postgres.url, url);
        assert!(!read.config.service.postgres.is_public);
        // The command line takes the place of either form in the environment.
        let read = read_with("--metrics-postgres-file /etc/url", &env).expect("valid");
        assert_eq!(read.config.service.postgres.url, None);
        for wrong in ["--metrics-interval 0", "--metrics-postgres a --metrics-postgres-file b"] {
            assert!(matches!(of(wrong), Err(Refusal::Usage(_))), "{wrong}");
        }
    }

    #[test]
    fn mining_has_options() {
        let line = "main --mine=fc1x --mine-threads 3 --mine-tag hi --stratum";
        let mining = read_words(line).expect("valid").config.mining;
        assert_eq!(mining.address.as_deref(), Some("fc1x"));
        assert_eq!((mining.threads, mining.tag.as_str()), (Some(3), "hi"));
        assert_eq!(mining.stratum.as_deref(), Some("127.0.0.1:3333"));
        assert_eq!(read_words("").expect("valid").config.mining, Mining::default());
        for wrong in ["--stratum", "--mine-threads many --mine=x"] {
            assert!(matches!(read_words(wrong), Err(Refusal::Usage(_))), "{wrong}");
        }
    }

    #[test]
    fn policy_has_options() {
        let line = "testnet --minrelaytxfee 0.00001 --incrementalrelayfee=500sat --maxmempool 5 \
                    --mempoolexpiry=24 --dustrelayfee 1sat --datacarriersize 83 \
                    --permitbaremultisig=0 --bytespersigop 10 --limitancestorcount 5 \
                    --limitdescendantcount 6 --acceptnonstdtxn";
        let policy = read_words(line).expect("valid").config.policy;
        assert_eq!((policy.min_relay.per_kvb, policy.incremental.per_kvb), (1000, 500));
        assert_eq!((policy.max_bytes, policy.expiry_s), (5_000_000, 86_400));
        assert_eq!((policy.dust.per_kvb, policy.max_data_bytes), (1, 83));
        assert!(!policy.permit_bare_multisig && !policy.require_standard);
        assert_eq!((policy.max_ancestors, policy.max_descendants), (5, 6));
        assert_eq!(policy.bytes_per_sigop, 10);
        // As Core: the floor follows the increment unless it is given.
        let policy = read_words("--incrementalrelayfee 500sat").expect("valid").config.policy;
        assert_eq!(policy.min_relay.per_kvb, 500);
        let policy = read_words("--datacarrier=no").expect("valid").config.policy;
        assert_eq!(policy.max_data_bytes, 0);
    }

    #[test]
    fn the_command_line_comes_before_the_environment() {
        let env =
            [("FORTHCOIN_JSON", "1"), ("FORTHCOIN_PEER", "a b,c"), ("FORTHCOIN_NETWORK", "main")];
        let read = read_with("regtest --json=off --peer d,e", &env).expect("valid");
        assert!(!read.config.json);
        assert_eq!(read.config.peers, ["d", "e"]);
        assert_eq!(read.config.params.name, "regtest");
        let read = read_with("", &env).expect("valid");
        assert!(read.config.json && read.network_named);
        assert_eq!(read.config.peers, ["a", "b", "c"]);
    }

    #[test]
    fn unknown_options_are_usage_errors() {
        assert!(matches!(read_words("--nonsense"), Err(Refusal::Usage(_))));
        assert!(matches!(read_words("--help"), Err(Refusal::Show(_))));
    }
}
