//! The man page and the shells' completions are what the command line's grammar says;
//! `FORTHCOIN_BLESS=1` writes them anew.

use std::fs;
use std::path::Path;

use clap_complete::Shell;
use forthcoin::console::args::command;

const NAME: &str = "forthcoin";

/// The day on which the page last said something else.
const DATE: &str = "2026-11-27";

/// What the page says beyond the options.
const ENVIRONMENT: &str = "Every option is also read from the environment: \\-\\-datadir as \
FORTHCOIN_DATADIR, and so on. The command line comes first. FORTHCOIN_PASSPHRASE_FILE names a file \
of passphrases, one a line.";

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
    section(&mut page, "ENVIRONMENT", ENVIRONMENT);
    let codes = [
        ("0", "fine"),
        ("1", "an uncaught THROW"),
        ("2", "wrong usage"),
        ("3", "no node, or the data folder is in use or can't serve"),
        ("4", "the node is still warming up"),
        ("5", "refused or invalid"),
        ("6", "unhealthy"),
    ];
    let codes: String = codes.iter().map(|(code, why)| format!(".TP\n{code}\n{why}\n")).collect();
    section(&mut page, "EXIT STATUS", codes.trim_end());
    section(
        &mut page,
        "FILES",
        ".TP\n~/.forthcoin\nThe data folder: chain.redb, control.sock, .cookie, init.fs; the other \
         networks' in folders of their names.",
    );
    section(
        &mut page,
        "EXAMPLES",
        ".TP\nforthcoin regtest\nA console on a chain of one's own.\n.TP\nforthcoin testnet \
         \\-\\-websocket \\-\\-mine=ADDRESS </dev/null\nA running node.\n.TP\nforthcoin \\-e \"init\\-storage \
         get\\-height . bye\"\nA question in a script.",
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

#[test]
fn man_page_and_completions_are_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    let files = [
        ("man/forthcoin.1", man_page()),
        ("completions/forthcoin.bash", completions(Shell::Bash)),
        ("completions/_forthcoin", completions(Shell::Zsh)),
        ("completions/forthcoin.fish", completions(Shell::Fish)),
    ];
    for (name, generated) in files {
        let path = root.join(name);
        if std::env::var_os("FORTHCOIN_BLESS").is_some() {
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(&path, &generated).expect("written");
        }
        let kept = fs::read(&path).unwrap_or_default();
        assert!(
            kept == generated,
            "deploy/{name} is old: FORTHCOIN_BLESS=1 cargo nextest run man_page writes it anew"
        );
    }
}

#[test]
fn every_option_is_on_the_page() {
    let page = String::from_utf8(man_page()).expect("text").replace("\\-", "-");
    let bash = String::from_utf8(completions(Shell::Bash)).expect("text");
    for option in command().get_arguments().filter_map(|option| option.get_long()) {
        assert!(page.contains(&format!("--{option}")), "{option}");
        assert!(bash.contains(&format!("--{option}")), "{option}");
    }
}
