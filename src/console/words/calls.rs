//! Calls of the node: each one of the table is a word, and `ask-node` asks any by name.

use serde_json::Value;

use super::{CONSOLE, ConsoleWord};
use crate::console::host::{ConsoleHost, throw_of};
use crate::console::sandbox::Capability;
use crate::console::stack_values::{pop_value, push_json, push_value};
use forth2012::host::{HostContext, Throw};
use rpc::call::Entry;
use rpc::error::CallError;
use rpc::wire::Params;

/// Entries of the words.
pub const WORDS: &[ConsoleWord] = &[ConsoleWord {
    name: "ask-node",
    effect: "( params-addr u method-addr u -- json-addr u )",
    help: "Call a method of the node by name, with its parameters as a JSON array or object.",
    example: "init-storage s\" [0]\" s\" getblockhash\" ask-node type",
    group: CONSOLE,
    twin: None,
    capability: Capability::NodeChange,
    run: ask_node,
}];

/// Runs the word of a call: its parameters come from the stack, its result goes there.
pub fn run(
    entry: &Entry,
    console: &mut ConsoleHost,
    context: &mut HostContext<'_>,
) -> Result<(), Throw> {
    let mut values = Vec::new();
    for param in entry.params().iter().rev() {
        values.push(if param.optional { Value::Null } else { pop_value(param, context)? });
    }
    values.reverse();
    let result = console.ask(entry.method, values).map_err(throw_of)?;
    push_value(entry.out(), &result, context)
}

fn ask_node(console: &mut ConsoleHost, context: &mut HostContext<'_>) -> Result<(), Throw> {
    let method = context.pop_string()?;
    let params = context.pop_string()?;
    let params = params_of(&params).map_err(throw_of)?;
    let result = console.ask_with(&String::from_utf8_lossy(&method), params).map_err(throw_of)?;
    push_json(&result, context)
}

fn params_of(text: &[u8]) -> Result<Params, CallError> {
    match serde_json::from_slice(text) {
        Ok(Value::Array(values)) => Ok(Params::ByPosition(values)),
        Ok(Value::Object(values)) => Ok(Params::ByName(values)),
        _ => {
            let why = "parameters are a JSON list such as [0,2], or an object; [] for none";
            Err(CallError::invalid_params(why))
        }
    }
}
