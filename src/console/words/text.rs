//! Arguments from the line, and text and JSON to the output.

use serde_json::Value;

use super::{CONSOLE, ConsoleWord};
use crate::console::host::{ConsoleHost, THROW_NO_NAME};
use crate::console::render::json::picture;
use crate::console::sandbox::Capability;
use crate::console::stack_values::pop_lossy;
use forth2012::host::{HostContext, Throw};

/// Entries of the words.
pub const WORDS: &[ConsoleWord] = &[
    ConsoleWord {
        name: "argument",
        effect: "( \"argument\" -- c-addr u )",
        help: "Parse the next argument of the line; put one that contains spaces between double quotes.",
        example: "argument \"my file\" type",
        group: CONSOLE,
        twin: None,
        capability: Capability::Pure,
        run: |_, context| argument(context),
    },
    ConsoleWord {
        name: ".json",
        effect: "( c-addr u -- )",
        help: "Show JSON formatted for people; unchanged under --json.",
        example: "init-storage get-chain-info .json",
        group: CONSOLE,
        twin: None,
        capability: Capability::Pure,
        run: show_json,
    },
    ConsoleWord {
        name: ".text",
        effect: "( c-addr u -- )",
        help: "Show text on its own line; as a JSON string under --json.",
        example: "network-name .text",
        group: CONSOLE,
        twin: None,
        capability: Capability::Pure,
        run: show_text,
    },
];

fn argument(context: &mut HostContext<'_>) -> Result<(), Throw> {
    match context.parse_name() {
        Some(argument) => context.push_string(argument.as_bytes()),
        None => Err(Throw::new(THROW_NO_NAME, "this word wants an argument on the same line")),
    }
}

fn show_json(console: &mut ConsoleHost, context: &mut HostContext<'_>) -> Result<(), Throw> {
    let text = context.pop_string()?;
    let lossy = || String::from_utf8_lossy(&text).into_owned();
    if console.config.json {
        return console.show(&(lossy() + "\n"), context);
    }
    let value = serde_json::from_slice(&text).unwrap_or_else(|_| Value::String(lossy()));
    console.show(&picture(&value), context)
}

fn show_text(console: &mut ConsoleHost, context: &mut HostContext<'_>) -> Result<(), Throw> {
    let text = pop_lossy(context)?;
    let line = if console.config.json { Value::String(text).to_string() } else { text };
    console.show(&(line + "\n"), context)
}
