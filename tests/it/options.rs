//! The command line and the environment on the real program: what is wrong, what is right, and
//! names that are not UTF-8.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::process::Command;

use forthcoin::options::entry::{Entry, Place};
use forthcoin::options::environment::OF_SCRIPTS;
use forthcoin::options::table::TABLE;

use super::run::{NodeProcess, Ran, forthcoin, regtest};

/// Variables (`NAME=VALUE`, commas are theirs), words of the command line, and what is said.
/// Words stand between bars.
#[rustfmt::skip]
const WRONG: &[(&str, &str, &str)] = &[
    // Switches.
    ("FORTHCOIN_READONLY=maybe", "-e|bye", "FORTHCOIN_READONLY: \"maybe\" is neither on nor off: write true or false, 1 or 0, yes or no, on or off"),
    ("FORTHCOIN_JSON=2", "-e|bye", "FORTHCOIN_JSON: \"2\" is neither on nor off: write true or false, 1 or 0, yes or no, on or off"),
    ("FORTHCOIN_OFFLINE=enabled", "", "FORTHCOIN_OFFLINE: \"enabled\" is neither on nor off: write true or false, 1 or 0, yes or no, on or off"),
    ("", "--json=", "--json: \"\" is neither on nor off: write true or false, 1 or 0, yes or no, on or off"),
    ("", "--sandbox=y", "--sandbox: \"y\" is neither on nor off: write true or false, 1 or 0, yes or no, on or off"),
    ("", "--readonly|false", "--readonly: a value is written --readonly=false"),
    ("", "--json|--json", "--json: it is given more than once"),
    // Names.
    ("", "--nonsense", "there is no option --nonsense"),
    ("", "--read-only", "there is no option --read-only: did you mean --readonly?"),
    ("", "--min-relay-fee=1sat", "there is no option --min-relay-fee: did you mean --minrelaytxfee?"),
    ("", "--hlep", "there is no option --hlep: did you mean --help?"),
    ("", "-x", "there is no option -x"),
    ("", "--network=regtest", "a network is the first word: forthcoin regtest"),
    ("FORTHCOIN_READ_ONLY=1", "", "FORTHCOIN_READ_ONLY is no variable of this program: did you mean FORTHCOIN_READONLY?"),
    ("FORTHCOIN_DATA_DIR=/d", "", "FORTHCOIN_DATA_DIR is no variable of this program: did you mean FORTHCOIN_DATADIR?"),
    ("FORTHCOIN_PEERS=a", "", "FORTHCOIN_PEERS is no variable of this program: did you mean FORTHCOIN_PEER?"),
    ("FORTHCOIN_MIEN=", "", "FORTHCOIN_MIEN is no variable of this program: did you mean FORTHCOIN_MINE?"),
    ("FORTHCOIN_SERVICE_HOST_ELSEWHERE=x", "", "FORTHCOIN_SERVICE_HOST_ELSEWHERE is no variable of this program: `forthcoin --help` lists the options"),
    ("FORTHCOIN_=1", "", "FORTHCOIN_ is no variable of this program: `forthcoin --help` lists the options"),
    ("FORTHCOIN_readonly=1", "", "FORTHCOIN_readonly is no variable of this program: did you mean FORTHCOIN_READONLY?"),
    ("FORTHCOIN_EVALUATE=bye", "", "FORTHCOIN_EVALUATE is no variable of this program: it is an option of the command line alone"),
    // Networks.
    ("", "regtets", "there is no network and no file \"regtets\": did you mean regtest?"),
    ("", "mainnet|--json", "there is no network and no file \"mainnet\": did you mean main?"),
    ("", "Testnet|-e|bye", "there is no network and no file \"Testnet\": did you mean testnet?"),
    ("", "main|regtest", "main and regtest are both networks: name one"),
    ("", "none.fs|regtest", "the network regtest comes first: forthcoin regtest none.fs"),
    ("FORTHCOIN_NETWORK=regtets", "", "FORTHCOIN_NETWORK: there is no network \"regtets\": did you mean regtest?"),
    ("FORTHCOIN_NETWORK=signet", "", "FORTHCOIN_NETWORK: there is no network \"signet\", only main, testnet, regtest, bitcoin"),
    // Values that are missing or too many.
    ("", "--datadir", "--datadir wants FOLDER"),
    ("", "--datadir|--json", "--datadir wants FOLDER: if it is --json, write --datadir=--json"),
    ("", "--datadir=", "--datadir: a path is missing"),
    ("", "--datadir|a|--datadir|b", "--datadir: it is given more than once"),
    ("", "-e", "-e wants CODE"),
    ("", "--peer|,", "--peer: a value is missing"),
    ("", "--mine=", "--mine: a value is missing"),
    // Addresses to listen at.
    ("", "regtest|--websocket=[::1", "--websocket: \"[::1\" lacks the closing bracket: write [ADDRESS]:PORT"),
    ("FORTHCOIN_WEBSOCKET=0:8765", "regtest", "FORTHCOIN_WEBSOCKET: \"0\" is a number and no host: write 0.0.0.0:PORT for every IPv4 address of this machine, [::]:PORT for every address"),
    ("", "--websocket=8765:8765", "--websocket: \"8765\" is a number and no host: write HOST:PORT"),
    ("", "--websocket=*:8765", "--websocket: \"*:8765\" is no address: write 0.0.0.0:PORT for every IPv4 address of this machine, [::]:PORT for every address"),
    ("", "--websocket=127.1", "--websocket: \"127.1\" is no IPv4 address: it has four numbers, as 127.0.0.1"),
    ("", "--websocket=70000", "--websocket: \"70000\" is no port: a port is a number up to 65535"),
    ("", "--websocket=localhost:http", "--websocket: \"http\" is no port: a port is a number up to 65535"),
    ("", "--websocket|9000", "--websocket: a value is written --websocket=9000"),
    ("", "--listen=::1:8333:", "--listen: \"::1:8333:\" is no IPv6 address: write [ADDRESS]:PORT, as [::1]:8333"),
    ("", "--listen=node1:", "--listen: \"node1:\" ends without a port"),
    ("FORTHCOIN_LISTEN=0.0.0.0.0", "", "FORTHCOIN_LISTEN: \"0.0.0.0.0\" is no IPv4 address: it has four numbers, as 127.0.0.1"),
    ("", "--mine=x|--stratum=0x0:1", "--stratum: \"0x0\" is no IPv4 address: it has four numbers, as 127.0.0.1"),
    ("", "--stratum", "--stratum serves miners for an address: give one with --mine=ADDRESS, and --mine-threads 0 if this machine shall not mine itself"),
    // Addresses of others.
    ("", "--peer|8765", "--peer: \"8765\" is a number and no host: write HOST:PORT"),
    ("", "--peer=:8333", "--peer: \":8333\" names no host: write HOST:PORT"),
    ("FORTHCOIN_PEER=node1 node2:0", "", "FORTHCOIN_PEER: \"node2:0\" has port 0, at which nobody can be reached"),
    ("", "--peer=node1,[::1", "--peer: \"[::1\" lacks the closing bracket: write [ADDRESS]:PORT"),
    ("", "--attach=wss://node1", "--attach: \"wss://node1\": TLS ends at a proxy here: reach the node through an SSH tunnel or a VPN; write ws://HOST:PORT"),
    ("", "--attach=http://node1", "--attach: \"http\" is not spoken: write ws://HOST:PORT"),
    ("", "--attach=ws://me:word@node1", "--attach: a user and password go into a file named by --token-file"),
    ("", "--proxy=10.0.0.0/8", "--proxy: \"10.0.0.0/8\" is a network: name each proxy by its address"),
    ("", "--proxy=node1", "--proxy: \"node1\" is no IP address"),
    ("", "--allow-host=node1:8765", "--allow-host: \"node1:8765\" has a port: write the name alone"),
    ("", "--allow-origin=example.org", "--allow-origin: \"example.org\" is no origin: write it as https://example.org"),
    ("", "--allow-origin=https://example.org/", "--allow-origin: \"https://example.org/\" has a path: write it as https://example.org"),
    ("", "--rpcauth=me:password", "--rpcauth: it wants USER:SALT$HASH with 64 hex digits"),
    // Numbers.
    ("", "--max-connections=0", "--max-connections: \"0\" is no whole number from 1 to 4294967295"),
    ("FORTHCOIN_RATE_LIMIT=many", "", "FORTHCOIN_RATE_LIMIT: \"many\" is no whole number from 0 to 4294967295"),
    ("", "--ready-age=1e3", "--ready-age: \"1e3\" is no whole number from 0 to 4294967295"),
    ("", "--mine-threads=300", "--mine-threads: \"300\" is no whole number from 0 to 256"),
    ("", "--mine-threads|-1", "--mine-threads wants N: if it is -1, write --mine-threads=-1"),
    ("", "--metrics-interval=0", "--metrics-interval: \"0\" is no whole number from 1 to 3600"),
    ("", "--passphrase-fd=x", "--passphrase-fd: \"x\" is no whole number from 0 to 99999"),
    // Policy.
    ("", "--maxmempool=1", "--maxmempool: \"1\" is no whole number from 5 to 1000000"),
    ("FORTHCOIN_MEMPOOLEXPIRY=2w", "", "FORTHCOIN_MEMPOOLEXPIRY: \"2w\" is no whole number from 1 to 100000"),
    ("", "--minrelaytxfee=1", "--minrelaytxfee: amount \"1\" could be 1 coins or 1 base units: write 1.0 or 1sat"),
    ("", "--dustrelayfee=3000sats", "--dustrelayfee: amount \"3000sats\" is not a number: write coins as 1.5 or base units as 150000000sat"),
    ("", "--incrementalrelayfee=0.000000001", "--incrementalrelayfee: amount \"0.000000001\" has more than eight decimals"),
    ("", "--datacarriersize=-1", "--datacarriersize: \"-1\" is no whole number from 0 to 4294967295"),
    ("", "main|--acceptnonstdtxn", "--acceptnonstdtxn is for test networks, not for main"),
    // Logs, secrets, and one option in two forms.
    ("", "--log-level=loud", "--log-level: \"loud\" is no log level: write error, warn, info, debug, trace or off, or TARGET=LEVEL"),
    ("FORTHCOIN_LOG_LEVEL=info http=debgu", "", "FORTHCOIN_LOG_LEVEL: \"http=debgu\" is no log level: did you mean debug?"),
    ("", "--log-format=xml", "--log-format: \"xml\" is not text or json"),
    ("", "--mine-tag=0123456789012345678901234567890123456789012345678901234567890123456789012345", "--mine-tag: the text has 76 bytes, 75 is the limit"),
    ("FORTHCOIN_METRICS_POSTGRES=a,FORTHCOIN_METRICS_POSTGRES_FILE=b", "", "FORTHCOIN_METRICS_POSTGRES and FORTHCOIN_METRICS_POSTGRES_FILE are one option in two forms: give one"),
    ("", "--passphrase-fd=0|--passphrase-file=f", "--passphrase-fd and --passphrase-file are one option in two forms: give one"),
];

/// The program in an empty folder, with the variables of a row.
fn program(folder: &Path, variables: &str) -> Command {
    let mut command = forthcoin();
    command.env_remove("FORTHCOIN_LISTEN").env_remove("XDG_DATA_HOME");
    command.env("HOME", folder).current_dir(folder);
    for variable in variables.split(",FORTHCOIN").filter(|variable| !variable.is_empty()) {
        let (name, value) = variable.split_once('=').expect("NAME=VALUE");
        match name.starts_with("FORTHCOIN") {
            true => command.env(name, value),
            false => command.env(format!("FORTHCOIN{name}"), value),
        };
    }
    command
}

fn ran(mut command: Command) -> Ran {
    command.output().expect("the program starts").into()
}

#[test]
fn what_is_wrong_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut wrong = 0;
    for (variables, words, said) in WRONG {
        let mut command = program(folder.path(), variables);
        command.args(words.split('|').filter(|word| !word.is_empty()));
        let ran = ran(command);
        let shown = (ran.code, ran.out.as_str(), ran.err.trim_end_matches('\n'));
        let wanted = format!("forthcoin: {said}");
        if shown != (Some(2), "", wanted.as_str()) {
            println!("{variables} {words}\n  wanted {wanted}\n  {shown:?}");
            wrong += 1;
        }
    }
    assert_eq!(wrong, 0, "of {} rows", WRONG.len());
    assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 0, "something was written");
}

/// What was understood before is understood still, and ends in order.
#[test]
fn what_is_right_is_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let hash = "7681e9c5b74bdd85e78166031d2058e1069b3ed7ed967c93fc63abba06f31144";
    let rpcauth = format!("--rpcauth=me:93648e835a54c573682c2eb19f882535${hash}");
    #[rustfmt::skip]
    let lines = [
        ("", "-e|1 2 + . bye"),
        ("", "-e1 2 + . bye"),
        ("", "--evaluate=1 2 + . bye"),
        ("", "--datadir|d|-e|1 2 + . bye"),
        ("", "--datadir=d|--json|--offline|--keep-going|--sandbox|-e|1 2 + . bye"),
        ("", "main|--websocket|--peer|node1|--peer=node2:8333|--listen=none|-e|1 2 + . bye"),
        ("", "regtest|--websocket=127.0.0.1:0|--listen|0.0.0.0:18444|--filters|-e|1 2 + . bye"),
        ("", "regtest|--websocket=:8765|--listen=[::1]:1|--readonly|-e|1 2 + . bye"),
        ("", "regtest|--websocket=0.0.0.0|--one-by-one|--no-address-index|-e|1 2 + . bye"),
        ("", "testnet|--mine=x|--mine-threads|0|--mine-tag|me|--stratum=0.0.0.0:3333|-e|1 2 + . bye"),
        ("", "--log-level=info,http=debug|--log-format|text|--log-file=log|-e|1 2 + . bye"),
        ("", "--attach|ws://127.0.0.1:8765|--token-file=f|-e|1 2 + . bye"),
        ("", "--max-connections|5|--rate-limit=0|--ready-blocks=1|--ready-age=9|-e|1 2 + . bye"),
        ("", "--allow-host=node1|--allow-origin=https://a.example:8443|--proxy=::1|-e|1 2 + . bye"),
        ("", "--metrics-postgres=postgresql://h/d|--metrics-interval|3600|-e|1 2 + . bye"),
        ("", "--passphrase-fd|0|-e|1 2 + . bye"),
        ("", "--json=false|--readonly=off|-e|1 2 + . bye"),
        ("FORTHCOIN_READONLY=false,FORTHCOIN_JSON=0,FORTHCOIN_OFFLINE=no", "-e|1 2 + . bye"),
        ("FORTHCOIN_READONLY=TRUE,FORTHCOIN_FILTERS=1,FORTHCOIN_OFFLINE=yes", "-e|1 2 + . bye"),
        ("FORTHCOIN_WEBSOCKET=0", "-e|1 2 + . bye"),
        ("FORTHCOIN_WEBSOCKET=true,FORTHCOIN_NETWORK=testnet", "-e|1 2 + . bye"),
        ("FORTHCOIN_MINE=,FORTHCOIN_MINE_THREADS=,FORTHCOIN_PASSPHRASE_FILE=", "-e|1 2 + . bye"),
        ("FORTHCOIN_PEER=node1:8333 node2:8333", "-e|1 2 + . bye"),
        ("FORTHCOIN_VECTORS=x,FORTHCOIN_BACKUP_TO=y,FORTHCOIN_HEALTH_NETWORK=main", "-e|1 2 + . bye"),
        ("FORTHCOIN_LISTEN=0.0.0.0:8333,FORTHCOIN_LOG_FORMAT=json", "-e|1 2 + . bye"),
        ("", &format!("{rpcauth}|-e|1 2 + . bye")),
        ("", "--minrelaytxfee=0.00001|--maxmempool=50|--datacarrier=no|-e|1 2 + . bye"),
    ];
    for (variables, words) in lines {
        let mut command = program(folder.path(), variables);
        command.args(words.split('|'));
        let ran = ran(command);
        let shown = (ran.code, ran.out.as_str(), ran.err.as_str());
        assert_eq!(shown, (Some(0), "3 ", ""), "{variables} {words}");
    }
    for words in ["--help", "-h", "--version", "-V", "--json|--help|--nonsense"] {
        // Even where the environment is wrong.
        let mut command = program(folder.path(), "FORTHCOIN_NONSENSE=1");
        command.args(words.split('|'));
        let ran = ran(command);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{words}");
        assert!(ran.out.contains("forthcoin"), "{words}: {}", ran.out);
    }
}

/// A name in Latin-1, which is no UTF-8.
fn latin(name: &str) -> OsString {
    let mut bytes = name.as_bytes().to_vec();
    bytes.push(0xe9);
    OsString::from_vec(bytes)
}

#[test]
fn paths_are_bytes() {
    const LOOK: &str = "init-storage get-height . bye";
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join(latin("data"));
    // By the option, by its variable, and as the home.
    let chain = data.join("chain.redb");
    let mut command = program(folder.path(), "");
    command.arg("--datadir").arg(&data).args(["-e", LOOK]);
    assert_eq!(ran(command).out, "0 ");
    assert!(data.is_dir());
    let made = |chain: &Path| {
        let made = chain.exists();
        let _ = fs::remove_dir_all(chain.parent().expect("a folder"));
        made
    };
    let mine = format!("init-storage save-pool {LOOK}");
    let mut command = program(folder.path(), "");
    command.env("FORTHCOIN_DATADIR", &data).args(["-e", &mine]);
    let by_variable = ran(command);
    assert_eq!(by_variable.out, "0 ", "{}", by_variable.err);
    assert!(made(&chain));
    let home = folder.path().join(latin("home"));
    fs::create_dir(&home).expect("made");
    let mut command = program(folder.path(), "");
    command.env("HOME", &home).args(["-e", &mine]);
    let by_home = ran(command);
    assert_eq!(by_home.out, "0 ", "{}", by_home.err);
    assert!(made(&home.join(".forthcoin/chain.redb")));
    let mut command = program(folder.path(), "");
    command.env("XDG_DATA_HOME", &home).args(["-e", &mine]);
    assert_eq!(ran(command).out, "0 ");
    assert!(made(&home.join("forthcoin/chain.redb")));
    assert!(!folder.path().join(".forthcoin").exists(), "another folder was used");

    // A node on such a folder, its socket, its log and a console beside it.
    let log = folder.path().join(latin("log"));
    let mut command = program(folder.path(), "FORTHCOIN_LISTEN=none");
    command.arg("regtest").arg("--datadir").arg(&data).arg("--log-file").arg(&log);
    let child = command.spawn().expect("the program starts");
    let node = NodeProcess { child };
    let socket = data.join("regtest/control.sock");
    super::run::wait_until("the socket", || {
        std::os::unix::net::UnixStream::connect(&socket).is_ok()
    });
    assert_eq!(regtest(&data, &["-e", LOOK]).out, "0 ");
    let second = regtest(&data, &[]);
    assert_eq!(second.code, Some(3), "{}", second.err);
    assert!(second.err.contains(&format!("process {}", node.child.id())), "{}", second.err);
    assert_eq!(node.stop(), Some(0));
    assert!(fs::read_to_string(&log).is_ok_and(|text| text.contains("the node runs")));

    // A file of Forth, also on the command line.
    let source = folder.path().join(latin("source"));
    fs::write(&source, "7 .").expect("written");
    let mut command = program(folder.path(), "");
    command.arg(&source).args(["-e", "bye"]);
    assert_eq!(ran(command).out, "7 ");

    // Everything else is text, and the option is named.
    for (option, what) in [("-e", "code"), ("--mine", "value"), ("--metrics-postgres", "value")] {
        let mut command = program(folder.path(), "");
        command.arg(option).arg(latin("caf"));
        let refused = ran(command);
        let said = format!("forthcoin: {option}: the {what} is not UTF-8\n");
        assert_eq!((refused.code, refused.err), (Some(2), said));
    }
    let mut command = program(folder.path(), "");
    command.env("FORTHCOIN_NETWORK", latin("caf"));
    let said = "forthcoin: FORTHCOIN_NETWORK: the value is not UTF-8\n";
    let refused = ran(command);
    assert_eq!((refused.code, refused.err.as_str()), (Some(2), said));
}

#[test]
fn policy_reaches_the_pool() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = [
        "--minrelaytxfee=0.00002",
        "--incrementalrelayfee=300sat",
        "--maxmempool=7",
        "--datacarriersize=83",
        "--permitbaremultisig=false",
    ];
    let node = NodeProcess::start_with(folder.path(), &options);
    let ask = "init-storage get-pool-info .json get-network-info .json bye";
    let shown = regtest(folder.path(), &["--json", "-e", ask]);
    for wanted in [
        "\"minrelaytxfee\":0.00002000",
        "\"mempoolminfee\":0.00002000",
        "\"incrementalrelayfee\":0.00000300",
        "\"maxmempool\":7000000",
        "\"maxdatacarriersize\":83",
        "\"permitbaremultisig\":false",
        "\"relayfee\":0.00002000",
    ] {
        assert!(shown.out.contains(wanted), "{wanted}: {} {}", shown.out, shown.err);
    }
    assert_eq!(node.stop(), Some(0));
}

/// Every file of ours that is text, for what it says of the environment.
fn texts(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("listed").map(|entry| entry.expect("listed")) {
        let name = entry.file_name();
        if ["target", ".git", "node_modules"].iter().any(|left_out| name == *left_out) {
            continue;
        }
        let kind = entry.file_type().expect("known");
        if kind.is_dir() {
            texts(&entry.path(), found);
        } else if kind.is_file() && name != "options.rs" && name != "OPTIONS.md" {
            found.extend(fs::read_to_string(entry.path()).ok());
        }
    }
}

/// What scripts, units, images and tests set is known, and what is known is used.
#[test]
fn every_variable_of_the_project_is_known() {
    let mut all = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in
        ["benches", "crates", "deploy", "docs", "fuzz", "scripts", "tests", "wallet-examples"]
    {
        texts(&root.join(folder), &mut all);
    }
    let letter = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let used: BTreeSet<String> = all
        .iter()
        .flat_map(|text| text.split("FORTHCOIN_").skip(1))
        .map(|rest| rest.split(|c| !letter(c)).next().unwrap_or_default())
        .filter(|name| !name.is_empty())
        .map(|name| format!("FORTHCOIN_{name}"))
        .collect();
    let options = TABLE.iter().filter(|entry| entry.place != Place::CommandLine);
    let mut known: BTreeSet<String> = options.map(Entry::variable).collect();
    known.extend(OF_SCRIPTS.iter().map(|name| (*name).to_owned()));
    let unknown: Vec<_> = used.difference(&known).collect();
    assert!(unknown.is_empty(), "{unknown:?} would be refused");
    let idle: Vec<_> = OF_SCRIPTS.iter().filter(|name| !used.contains(**name)).collect();
    assert!(idle.is_empty(), "{idle:?} are used nowhere");
}
