//! The man page, the shells' completions and docs/OPTIONS.md are what the table of options says;
//! `FORTHCOIN_BLESS=1` writes them anew.

use std::fs;
use std::path::Path;

use clap::{Arg, ArgAction, Command, ValueHint};
use clap_complete::Shell;
use forthcoin::options::entry::{Entry, Group, Kind, Place};
use forthcoin::options::environment::OF_SCRIPTS;
use forthcoin::options::help::{ABOUT, EXIT_CODES, READING};
use forthcoin::options::table::TABLE;

const NAME: &str = "forthcoin";

/// The day on which the page last said something else.
const DATE: &str = "2026-12-01";

/// The table as a grammar of clap, from which its crates make pages and completions.
fn command() -> Command {
    let source = Arg::new("source")
        .value_name("NETWORK | FILE")
        .num_args(0..)
        .value_hint(ValueHint::FilePath)
        .help("A network's name first, then Forth files to run in order");
    Command::new(NAME)
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .arg(source)
        .args(TABLE.iter().filter(|entry| entry.place != Place::FirstWord).map(argument))
}

fn argument(entry: &Entry) -> Arg {
    let mut argument = Arg::new(entry.name).long(entry.name).help(entry.summary());
    argument = argument.help_heading(entry.group.title());
    if let Some(short) = entry.short {
        argument = argument.short(short);
    }
    if entry.is_switch() {
        return match entry.default {
            // One that is on is given to turn it off.
            Some("true") => argument.num_args(0..=1).require_equals(true).value_name("true|false"),
            _ => argument.action(ArgAction::SetTrue),
        };
    }
    argument = argument.value_name(entry.value).value_hint(match entry.kind {
        Kind::Path(_) if entry.value == "FOLDER" => ValueHint::DirPath,
        Kind::Path(_) => ValueHint::FilePath,
        _ => ValueHint::Other,
    });
    if let Kind::Choice { of, .. } = entry.kind {
        argument = argument.value_parser(of.to_vec()).hide_possible_values(true);
    }
    if entry.stands_alone() {
        argument = argument.num_args(0..=1).require_equals(true);
    }
    argument.action(if entry.is_list() { ArgAction::Append } else { ArgAction::Set })
}

/// A section of plain text.
fn section(page: &mut Vec<u8>, title: &str, text: &str) {
    page.extend_from_slice(format!(".SH {title}\n{text}\n").as_bytes());
}

fn man_page() -> Vec<u8> {
    let man = clap_mangen::Man::new(command()).date(DATE);
    let mut page = Vec::new();
    man.render_title(&mut page).expect("it is written");
    man.render_name_section(&mut page).expect("it is written");
    man.render_synopsis_section(&mut page).expect("it is written");
    man.render_description_section(&mut page).expect("it is written");
    man.render_options_section(&mut page).expect("it is written");
    section(&mut page, "ENVIRONMENT", &READING.replace('-', "\\-"));
    let codes = EXIT_CODES.iter().map(|(code, why)| format!(".TP\n{code}\n{why}\n"));
    section(&mut page, "EXIT STATUS", codes.collect::<String>().trim_end());
    section(
        &mut page,
        "FILES",
        ".TP\n~/.forthcoin\nThe data folder: chain.redb, control.sock, .cookie, init.fs; other \
         networks are in subfolders of their names.",
    );
    section(
        &mut page,
        "EXAMPLES",
        ".TP\nforthcoin regtest\nA console on a private chain.\n.TP\nforthcoin testnet \
         \\-\\-websocket \\-\\-mine=ADDRESS </dev/null\nA running node.\n.TP\nforthcoin \\-e \"init\\-storage \
         get\\-height . bye\"\nA query in a script.",
    );
    section(&mut page, "SEE ALSO", "The word help at the console; docs/OPERATIONS.md.");
    page
}

fn completions(shell: Shell) -> Vec<u8> {
    let mut grammar = command();
    if shell == Shell::Zsh {
        // A colon ends a field of zsh's specifications.
        grammar = grammar.mut_args(|option| match option.get_value_names() {
            Some([name]) if name.contains(':') => {
                let name: &'static str = name.replace(':', "\\:").leak();
                option.value_name(name)
            }
            _ => option,
        });
    }
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut grammar, NAME, &mut script);
    script
}

/// docs/OPTIONS.md.
fn page_of_options() -> Vec<u8> {
    let mut page = format!(
        "# Options\n\nGenerated from the table of options (`src/options/table.rs`); \
         `FORTHCOIN_BLESS=1 cargo nextest run options_page` rewrites this page.\n\n    forthcoin \
         [NETWORK] [FILE]… [-e CODE]… [OPTIONS]\n\n{READING}\n\nA listening address is \
         `HOST:PORT`, `HOST`, `:PORT` or `PORT`; without a host it is on loopback, and all addresses \
         of the machine are written `0.0.0.0:PORT` or `[::]:PORT`. `true` stands for the default \
         address and `false` for none. A fee rate is per 1,000 virtual bytes: coins with a decimal \
         point (`0.00001`) or base units (`1000sat`). Paths may contain any bytes; everything else is \
         UTF-8. Mempool options use Bitcoin Core's names.\n\nAnything that is not understood \
         is an error with exit code 2: a misspelt option or network, a variable that begins with \
         `FORTHCOIN_` and is not listed here, an invalid value.\n"
    );
    for group in Group::ALL {
        page += &format!(
            "\n## {}\n\n| option | variable | default | |\n|---|---|---|---|\n",
            group.title()
        );
        for entry in TABLE.iter().filter(|entry| entry.group == group) {
            let value = entry.value.replace('|', "\\|");
            let form = match (entry.place, entry.is_switch(), entry.stands_alone()) {
                (Place::FirstWord, ..) => value,
                (_, true, _) if entry.default == Some("true") => format!("--{}=false", entry.name),
                (_, true, _) => format!("--{}", entry.name),
                (_, _, true) => format!("--{}[={value}]", entry.name),
                _ => format!("--{} {value}", entry.name),
            };
            let short = entry.short.map_or(String::new(), |short| format!("`-{short}`, "));
            let variable = match entry.place {
                Place::CommandLine => "–".to_owned(),
                _ => format!("`{}`", entry.variable()),
            };
            let default = entry.default.map_or(String::new(), |default| format!("`{default}`"));
            let more = if entry.is_list() { "; repeatable" } else { "" };
            page +=
                &format!("| {short}`{form}` | {variable} | {default} | {}{more} |\n", entry.help);
        }
    }
    page += "\n## Variables of scripts and tests\n\nThe program knows these and leaves them alone; \
             each is explained where it is read.\n\n";
    let names: Vec<String> = OF_SCRIPTS.iter().map(|name| format!("`{name}`")).collect();
    page += &format!("{}\n", names.join(", "));
    page.into_bytes()
}

fn is_current(name: &str, generated: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("FORTHCOIN_BLESS").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, generated).expect("written");
    }
    let kept = fs::read(&path).unwrap_or_default();
    assert!(kept == generated, "{name} is old: FORTHCOIN_BLESS=1 cargo nextest run generated");
}

#[test]
fn man_page_and_completions_are_current() {
    is_current("deploy/man/forthcoin.1", &man_page());
    is_current("deploy/completions/forthcoin.bash", &completions(Shell::Bash));
    is_current("deploy/completions/_forthcoin", &completions(Shell::Zsh));
    is_current("deploy/completions/forthcoin.fish", &completions(Shell::Fish));
}

#[test]
fn options_page_is_current() {
    is_current("docs/OPTIONS.md", &page_of_options());
}

#[test]
fn every_option_is_on_the_page() {
    let page = String::from_utf8(man_page()).expect("text").replace("\\-", "-");
    let bash = String::from_utf8(completions(Shell::Bash)).expect("text");
    let listed = String::from_utf8(page_of_options()).expect("text");
    for option in command().get_arguments().filter_map(|option| option.get_long()) {
        for text in [&page, &bash, &listed] {
            assert!(text.contains(&format!("--{option}")), "{option}");
        }
    }
}
