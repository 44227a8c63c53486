//! The call table as Markdown: docs/API.md.

use std::fmt::Write;

use serde_json::{Value, json};

use super::call::{Class, Entry, Runner};
use super::error;
use super::openrpc::{class_name, example_params};
use super::table::CALLS;
use super::value::Param;
use primitives::network::REGTEST;

const HEAD: &str = "# Calls

Generated from the call table (`crates/rpc/src/table.rs`); a test holds it to the table, and \
`FORTHCOIN_BLESS=1 cargo test -p rpc docs` writes it anew.

A call is made as JSON-RPC 2.0 through the API server (`POST /`, or a WebSocket on `GET /`), through \
`control.sock` in the data folder (one request per line), or as a word at the console. Parameters are \
passed by position or by name; those in brackets are optional. Methods that Bitcoin Core has use \
Core's names, shapes and error codes. `rpc.discover` gives the same table as an OpenRPC document.

Classes: *read* changes nothing, *operate* changes what the node does, *admin* changes what the \
node is.
";

/// The whole page.
pub fn reference() -> String {
    let mut text = String::from(HEAD);
    text.push_str("\n| method | word | class | what it does |\n|---|---|---|---|\n");
    for entry in CALLS {
        let _ = writeln!(
            text,
            "| [`{}`](#{}) | `{}` | {} | {} |",
            entry.method,
            entry.method,
            cell(entry.word),
            class_name(entry.class),
            cell(entry.help)
        );
    }
    for entry in CALLS {
        call(&mut text, entry);
    }
    text.push_str(
        "\n## Errors\n\nThe `code` of a JSON-RPC error, the THROW code at the console, and the \
         exit code of a process that it ends.\n\n| kind | code | THROW | exit |\n|---|---|---|---|\n",
    );
    for (kind, code, throw, exit) in error::codes() {
        let _ = writeln!(text, "| {kind:?} | {code} | {throw} | {exit} |");
    }
    text
}

fn cell(part: &str) -> String {
    part.replace('|', "\\|")
}

fn call(text: &mut String, entry: &Entry) {
    let params = entry.params();
    let shown: Vec<String> = params
        .iter()
        .map(|param| match param.optional {
            true => format!("[{}]", param.name),
            false => param.name.to_owned(),
        })
        .collect();
    let called = [&[entry.method.to_owned()][..], &shown].concat().join(" ");
    let _ = writeln!(text, "\n## {}\n\n`{called}`\n\n{}\n", entry.method, entry.help);
    if !params.is_empty() {
        text.push_str("| parameter | kind | schema |\n|---|---|---|\n");
        for param in &params {
            parameter(text, param);
        }
        text.push('\n');
    }
    let _ = writeln!(text, "- result: `{}`", entry.out_schema());
    let _ = writeln!(text, "- word: `{} {}`", entry.word, entry.effect());
    let needs = match entry.runner {
        Runner::Service(_) => "; needs a running node",
        _ if entry.needs_node => "; needs a running node, or starts one",
        _ => "",
    };
    let _ = writeln!(text, "- class: {}{needs}", class_name(entry.class));
    if let (Class::Read, Some(given)) = (entry.class, example_params(entry, &REGTEST)) {
        let values: Vec<Value> = given.into_iter().map(|(_, value)| value).collect();
        let request =
            json!({ "jsonrpc": "2.0", "id": 1, "method": entry.method, "params": values });
        let _ = writeln!(text, "- request: `{request}`");
    }
    let _ = writeln!(text, "- at the console: `{}`", entry.example);
}

fn parameter(text: &mut String, param: &Param) {
    let name = match param.optional {
        true => format!("[{}]", param.name),
        false => param.name.to_owned(),
    };
    let schema = cell(&(param.schema)().to_string());
    let _ = writeln!(text, "| `{name}` | {} | `{schema}` |", cell(param.kind));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    #[test]
    fn the_page_of_calls_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/API.md");
        let generated = reference();
        if std::env::var_os("FORTHCOIN_BLESS").is_some() {
            fs::write(&path, &generated).expect("written");
        }
        let kept = fs::read_to_string(path).expect("docs/API.md is there");
        assert!(kept == generated, "docs/API.md is old: FORTHCOIN_BLESS=1 cargo test writes it");
    }

    #[test]
    fn each_call_has_a_section_and_a_row() {
        let page = reference();
        for entry in CALLS {
            assert_eq!(page.matches(&format!("\n## {}\n", entry.method)).count(), 1);
            assert!(page.contains(&format!("(#{})", entry.method)), "{}", entry.method);
        }
    }
}
