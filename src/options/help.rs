//! The text of `--help`.

use super::entry::{Entry, Group, Place};
use super::table::TABLE;

/// What the program is.
pub const ABOUT: &str =
    "A full node of a Bitcoin-format proof-of-work chain, operated from a Forth console";

/// The command line.
pub const USAGE: &str = "forthcoin [NETWORK] [FILE]... [-e CODE]... [OPTIONS]";

/// How options are read.
pub const READING: &str = "Every option can also be set in the environment, --datadir as \
FORTHCOIN_DATADIR. The command line takes precedence, and an empty variable counts as not set; an \
unknown FORTHCOIN_ variable is an error. Switches take true, false, 1, 0, yes, no, on or off. Lists \
are repeated, or separated by commas or blanks. A listening address that is only a port number is \
that port on loopback.";

/// Exit codes and what they mean.
pub const EXIT_CODES: &[(u8, &str)] = &[
    (0, "success"),
    (1, "uncaught THROW"),
    (2, "usage error"),
    (3, "no node, or the data folder is in use or cannot be served"),
    (4, "the node is still warming up"),
    (5, "refused or invalid"),
    (6, "unhealthy"),
];

/// The width of a line.
const WIDTH: usize = 100;
/// The column at which the help of an option begins.
const INDENT: usize = 34;

pub fn text() -> String {
    let mut out = format!("{ABOUT}\n\nUsage: {USAGE}\n");
    for group in Group::ALL {
        out += &format!("\n{}:\n", group.title());
        for entry in TABLE.iter().filter(|entry| entry.group == group) {
            row(&mut out, &form(entry), &entry.summary());
        }
        if group == Group::Console {
            row(&mut out, "  -h, --help", "Print help");
            row(&mut out, "  -V, --version", "Print version");
        }
    }
    out.push('\n');
    wrapped(&mut out, READING, 0, 0);
    let codes: Vec<String> = EXIT_CODES.iter().map(|(code, why)| format!("{code} {why}")).collect();
    wrapped(&mut out, &format!("Exit codes: {}.", codes.join("; ")), 0, 0);
    out
}

/// An option in the form in which it is written.
pub fn form(entry: &Entry) -> String {
    if entry.place == Place::FirstWord {
        return format!("  {}", entry.value);
    }
    let short = entry.short.map_or("    ".to_owned(), |short| format!("-{short}, "));
    let value = match (entry.is_switch(), entry.stands_alone()) {
        (true, _) if entry.default == Some("true") => "[=<true|false>]".to_owned(),
        (true, _) => String::new(),
        (false, true) => format!("[=<{}>]", entry.value),
        (false, false) => format!(" <{}>", entry.value),
    };
    let more = if entry.is_list() { "..." } else { "" };
    format!("  {short}--{}{value}{more}", entry.name)
}

fn row(out: &mut String, form: &str, help: &str) {
    out.push_str(form);
    let mut at = form.len();
    if at + 2 > INDENT {
        out.push('\n');
        at = 0;
    }
    out.push_str(&" ".repeat(INDENT - at));
    wrapped(out, help, INDENT, INDENT);
}

/// Wraps text; the first line has begun in column `at`, the others are indented.
fn wrapped(out: &mut String, text: &str, mut at: usize, indent: usize) {
    for (index, word) in text.split(' ').enumerate() {
        if index > 0 && at + 1 + word.len() > WIDTH {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            at = indent;
        } else if index > 0 {
            out.push(' ');
            at += 1;
        }
        out.push_str(word);
        at += word.len();
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_there_and_lines_are_short() {
        let text = text();
        for entry in TABLE.iter().filter(|entry| entry.place != Place::FirstWord) {
            assert!(text.contains(&format!("--{}", entry.name)), "{}", entry.name);
        }
        for line in text.lines() {
            assert!(line.len() <= WIDTH && line.trim_end() == line, "{line:?}");
        }
    }
}
