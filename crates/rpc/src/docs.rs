//! The call table as Markdown: docs/API.md.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::call::{Entry, Runner};
use super::error;
use super::fields::{self, Field};
use super::openrpc::class_name;
use super::table::CALLS;
use super::value::Param;

const HEAD: &str = "# Calls

Generated from the call table (`crates/rpc/src/table.rs`); a test holds it to the table, and \
`FORTHCOIN_BLESS=1 cargo nextest run -p rpc docs` writes it anew.

A call is made as JSON-RPC 2.0 through the API server (`POST /`, or a WebSocket on `GET /`), through \
`control.sock` in the data folder (one request per line), or as a word at the console. Parameters are \
passed by position or by name; those in brackets are optional. Methods that Bitcoin Core has use \
Core's names, shapes and error codes. `rpc.discover` gives the same table as an OpenRPC document.

A field in brackets may be missing; `[]` stands for each item of a list, `*` for each member of an \
object whose names are not fixed. Each call ends with a sample: a request, and the result it gave on \
a small regtest chain.

Classes: *read* changes nothing, *operate* changes what the node does, *admin* changes what the \
node is.
";

/// The whole page; `samples` as `sample::all` gives them.
pub fn reference(samples: &Map<String, Value>) -> String {
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
        call(&mut text, entry, samples.get(entry.method));
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

fn call(text: &mut String, entry: &Entry, sample: Option<&Value>) {
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
    let _ = writeln!(text, "- word: `{} {}`", entry.word, entry.effect());
    let needs = match entry.runner {
        Runner::Service(_) => "; needs a running node",
        _ if entry.needs_node => "; needs a running node, or starts one",
        _ => "",
    };
    let _ = writeln!(text, "- class: {}{needs}", class_name(entry.class));
    let _ = writeln!(text, "- at the console: `{}`", entry.example);
    result(text, &fields::of(&entry.out_schema()));
    if let Some(sample) = sample {
        show_sample(text, entry, sample);
    }
}

fn result(text: &mut String, fields: &[Field]) {
    let Some((whole, fields)) = fields.split_first() else { return };
    let meaning = match whole.meaning.as_str() {
        "" => String::new(),
        meaning => format!(". {meaning}"),
    };
    let _ = writeln!(text, "\nResult: {}{meaning}", whole.kind);
    if fields.is_empty() {
        return;
    }
    text.push_str("\n| field | type | meaning |\n|---|---|---|\n");
    for field in fields {
        let Field { path, optional, kind, meaning } = field;
        let path = if *optional { format!("[{path}]") } else { path.clone() };
        let _ = writeln!(text, "| `{path}` | {kind} | {} |", cell(meaning));
    }
}

/// Characters of a list or an object in a sample that still go on one line.
const SAMPLE_LINE: usize = 100;

/// A value in short lines, as people write JSON.
fn pretty(text: &mut String, value: &Value, indent: usize) {
    let flat = value.to_string();
    let (open, close) = if value.is_array() { ('[', ']') } else { ('{', '}') };
    let items: Vec<(Option<&String>, &Value)> = match value {
        Value::Array(items) => items.iter().map(|item| (None, item)).collect(),
        Value::Object(members) => members.iter().map(|(name, item)| (Some(name), item)).collect(),
        _ => Vec::new(),
    };
    if items.is_empty() || flat.len() <= SAMPLE_LINE {
        return text.push_str(&flat);
    }
    text.push(open);
    let last = items.len() - 1;
    for (at, (name, item)) in items.into_iter().enumerate() {
        let _ = write!(text, "\n{:1$}", "", indent + 2);
        if let Some(name) = name {
            let _ = write!(text, "{}: ", Value::from(name.as_str()));
        }
        pretty(text, item, indent + 2);
        text.push_str(if at == last { "" } else { "," });
    }
    let _ = write!(text, "\n{:indent$}{close}", "");
}

fn show_sample(text: &mut String, entry: &Entry, sample: &Value) {
    let request = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": entry.method,
        "params": sample["params"],
    });
    let _ = write!(text, "\n```json\n{request}\n");
    pretty(text, &sample["result"], 0);
    text.push_str("\n```\n");
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
    use crate::{answers, sample};
    use std::fs;
    use std::path::Path;

    fn kept(path: &str, made: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        if std::env::var_os("FORTHCOIN_BLESS").is_some() {
            fs::write(&path, made).expect("written");
        }
        let kept = fs::read_to_string(&path).expect("it is there");
        let hint = "FORTHCOIN_BLESS=1 cargo nextest run -p rpc docs writes it";
        assert!(kept == made, "{} is old: {hint}", path.display());
    }

    #[test]
    fn the_page_of_calls_and_its_samples_are_current() {
        let samples = answers::samples();
        let mut lines: Vec<String> = Vec::new();
        for (method, sample) in &samples {
            lines.push(format!("  {}: {sample}", json!(method)));
        }
        kept("src/samples.json", &format!("{{\n{}\n}}\n", lines.join(",\n")));
        kept("../../docs/API.md", &reference(&samples));
    }

    #[test]
    fn each_call_has_a_section_and_a_row() {
        let page = reference(&sample::all());
        for entry in CALLS {
            assert_eq!(page.matches(&format!("\n## {}\n", entry.method)).count(), 1);
            assert!(page.contains(&format!("(#{})", entry.method)), "{}", entry.method);
        }
    }
}
