//! `help` and the word reference: everything comes from the tables that define the words.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::host_words;
use super::{CONSOLE, ConsoleWord};
use crate::console::library::{self, SOURCES};
use crate::console::sandbox::Capability;
use forth2012::machine::{Machine, WordInfo};

/// Entries of the words.
pub const WORDS: &[ConsoleWord] = &[
    ConsoleWord {
        name: "help",
        effect: "( \"word\" -- )",
        help: "Explain a word; without one, list the node's words.",
        example: "help get-height",
        group: CONSOLE,
        twin: None,
        capability: Capability::Pure,
        run: |console, context| {
            let name = context.parse_name();
            let text = help(context.machine(), name.as_deref());
            console.show(&text, context)
        },
    },
    ConsoleWord {
        name: "words-doc",
        effect: "( -- )",
        help: "Print the reference of all words as Markdown (docs/WORDS.md).",
        example: "",
        group: CONSOLE,
        twin: None,
        capability: Capability::Pure,
        run: |console, context| {
            let text = reference(context.machine());
            console.show(&text, context)
        },
    },
];

/// Columns of the overview.
const LINE_WIDTH: usize = 78;

/// A row of a list of words.
struct Row {
    name: String,
    effect: String,
    help: String,
}

/// The text of `help`, or of `help NAME`.
pub fn help(machine: &Machine, name: Option<&str>) -> String {
    match name {
        None => overview(),
        Some(name) => match machine.describe(name) {
            Some(info) => explain(&info),
            None => of_group(name).unwrap_or_else(|| {
                format!("there is no word {name}: `words` lists all, `help` the node's\n")
            }),
        },
    }
}

fn explain(info: &WordInfo) -> String {
    let mut text = format!("{} {}", info.name, info.effect);
    if info.immediate {
        text.push_str("  immediate");
    }
    let words = library::library_words();
    let ours = words.iter().find(|word| word.name.eq_ignore_ascii_case(&info.name));
    let (help, example) = match ours {
        Some(word) => (word.help.as_ref(), word.example),
        None => (info.help.as_str(), info.example.as_str()),
    };
    let _ = writeln!(text, "\n  {}", if help.is_empty() { "no help" } else { help });
    if !example.is_empty() {
        let _ = writeln!(text, "  example: {example}");
    }
    let _ = write!(text, "  from {}", info.group);
    if let Some(place) = &info.place {
        let _ = write!(text, ", defined at {}:{}:{}", place.name, place.line, place.column);
    }
    text.push('\n');
    text
}

/// The names alone, so that they fit on a screen or two.
fn overview() -> String {
    let mut text = String::from(
        "A Forth with the words of a node. `help WORD` explains one, `help GROUP` a group such as \
         wallet,\n`words` lists all, `apropos TEXT` searches, `bye` leaves.\n",
    );
    for (heading, rows) in groups() {
        let _ = write!(text, "\n{heading}");
        let mut column = LINE_WIDTH;
        for row in rows {
            let width = row.name.chars().count() + 1;
            if column + width > LINE_WIDTH {
                text.push_str("\n ");
                column = 1;
            }
            let _ = write!(text, " {}", row.name);
            column += width;
        }
        text.push('\n');
    }
    text
}

/// The words of the groups of a name, explained.
fn of_group(name: &str) -> Option<String> {
    let mut text = String::new();
    let key = |heading: &str| heading.split(':').next().unwrap_or_default().to_owned();
    for (heading, rows) in groups() {
        if !key(&heading).eq_ignore_ascii_case(name) {
            continue;
        }
        let _ = writeln!(text, "{heading}");
        let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
        for row in rows {
            let _ = writeln!(text, "  {:<width$}  {}", row.name, row.help);
        }
    }
    (!text.is_empty()).then_some(text)
}

/// The node's and the library's words, by heading.
fn groups() -> Vec<(String, Vec<Row>)> {
    let mut groups: Vec<(String, Vec<Row>)> = Vec::new();
    for (source, (heading, _)) in SOURCES.iter().enumerate() {
        let words = library::library_words();
        let rows = words.iter().filter(|word| word.source == source).map(|word| Row {
            name: word.name.to_owned(),
            effect: word.effect.to_owned(),
            help: word.help.clone().into_owned(),
        });
        groups.push((format!("{heading}: for people (words/{heading}.fs)"), rows.collect()));
    }
    for (group, about) in [
        ("node", "calls, on the stack"),
        ("wallet", "on the stack"),
        ("console", "the console's own"),
    ] {
        let rows = host_words().iter().filter(|word| word.group == group).map(|word| Row {
            name: word.name.to_owned(),
            effect: word.effect.to_owned(),
            help: word.help.to_owned(),
        });
        groups.push((format!("{group}: {about}"), rows.collect()));
    }
    groups
}

/// docs/WORDS.md.
pub fn reference(machine: &Machine) -> String {
    let mut text = String::from(
        "# Words\n\nGenerated by `./scripts/run -e words-doc`; a test holds it to the tables.\n",
    );
    for (heading, rows) in groups() {
        table(&mut text, &heading, &rows);
    }
    let mut sets: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for name in machine.word_names() {
        let Some(info) = machine.describe(&name) else { continue };
        if info.place.is_some() || ["node", "wallet", "console"].contains(&info.group.as_str()) {
            continue;
        }
        if SOURCES.iter().any(|(source, _)| *source == info.group) {
            continue;
        }
        let row = Row { name: info.name, effect: info.effect, help: info.help };
        sets.entry(info.group).or_default().push(row);
    }
    for (set, mut rows) in sets {
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        table(&mut text, &set, &rows);
    }
    text
}

fn table(text: &mut String, heading: &str, rows: &[Row]) {
    let cell = |part: &str| part.replace('|', "\\|");
    let _ = writeln!(text, "\n## {heading}\n\n| word | effect | what it does |\n|---|---|---|");
    for row in rows {
        let _ = writeln!(
            text,
            "| `{}` | `{}` | {} |",
            cell(&row.name),
            cell(&row.effect),
            cell(&row.help)
        );
    }
}
