//! Scripts: assembled, disassembled, and stepped through in the debugger.

use super::{CONSOLE, ConsoleWord};
use crate::console::host::{THROW_NO_NAME, throw_of};
use crate::console::sandbox::Capability;
use crate::console::script_debugger::{self, DebuggerError};
use crate::console::stack_values::{pop_hex, pop_lossy, push_json};
use forth2012::host::{HostContext, Throw};
use primitives::hex;
use rpc::error::CallError;
use script::asm::assemble;

/// Entries of the words.
pub const WORDS: &[ConsoleWord] = &[
    ConsoleWord {
        name: "script(",
        effect: "( \"script )\" -- hex-addr u )",
        help: "Assemble the script up to the closing parenthesis: opcode names, numbers, <hex> as a push, 0xhex as raw bytes, 'text'.",
        example: "script( DUP HASH160 <0102> EQUALVERIFY ) type",
        group: CONSOLE,
        twin: Some("assemble-script"),
        capability: Capability::Pure,
        run: |_, context| script_to_parenthesis(context),
    },
    ConsoleWord {
        name: "assemble-script",
        effect: "( c-addr u -- hex-addr u )",
        help: "Assemble the text of a script; the form of script( for use inside definitions.",
        example: "s\" 1 2 ADD\" assemble-script type",
        group: CONSOLE,
        twin: None,
        capability: Capability::Pure,
        run: |_, context| {
            let text = pop_lossy(context)?;
            push_assembled(&text, context)
        },
    },
    ConsoleWord {
        name: "disassemble-script",
        effect: "( hex-addr u -- c-addr u )",
        help: "Disassemble a script given as hex, in Bitcoin Core's notation.",
        example: "s\" 5193\" disassemble-script type",
        group: CONSOLE,
        twin: None,
        capability: Capability::Pure,
        run: |_, context| {
            let text = script_debugger::disassembled(&pop_lossy(context)?);
            context.push_string(text.map_err(debugger_throw)?.as_bytes())
        },
    },
    ConsoleWord {
        name: "use-script-flags",
        effect: "( c-addr u -- )",
        help: "Set the verification flags for typed scripts: CONSENSUS, STANDARD, or flag names separated by commas.",
        example: "s\" STANDARD\" use-script-flags",
        group: CONSOLE,
        twin: None,
        capability: Capability::Pure,
        run: |console, context| {
            let flags = pop_lossy(context)?;
            console.debugger.set_flags(&flags).map_err(debugger_throw)
        },
    },
    ConsoleWord {
        name: "open-script",
        effect: "( sig-addr u pubkey-addr u -- )",
        help: "Open a scriptSig and a scriptPubKey, both hex, in the script debugger.",
        example: "script( 1 ) script( 2 ADD ) open-script",
        group: CONSOLE,
        twin: None,
        capability: Capability::Pure,
        run: |console, context| {
            let script_pubkey = pop_hex(context)?;
            let script_sig = pop_hex(context)?;
            console.debugger.open_pair(script_sig, script_pubkey);
            Ok(())
        },
    },
    ConsoleWord {
        name: "open-spend",
        effect: "( json-addr u -- )",
        help: "Open a spend in the script debugger: the result of get-spend, or scriptSig, scriptPubKey, witness, amount, flags.",
        example: "s\" {}\" open-spend",
        group: CONSOLE,
        twin: None,
        capability: Capability::Pure,
        run: |console, context| {
            let spend = context.pop_string()?;
            console.debugger.open_json(&spend).map_err(debugger_throw)
        },
    },
    ConsoleWord {
        name: "script-go",
        effect: "( n -- )",
        help: "Move n steps forward in the open script, or back if n is negative.",
        example: "script( 1 ) script( 2 ADD ) open-script 2 script-go",
        group: CONSOLE,
        twin: None,
        capability: Capability::Pure,
        run: |console, context| {
            let steps = context.pop()?;
            console.debugger.go(steps).map_err(debugger_throw)
        },
    },
    ConsoleWord {
        name: "script-now",
        effect: "( -- json-addr u )",
        help: "The next step of the open script with its stacks, or at the end the result.",
        example: "script( 1 ) script( 2 ADD ) open-script script-now type",
        group: CONSOLE,
        twin: None,
        capability: Capability::Pure,
        run: |console, context| {
            push_json(&console.debugger.state().map_err(debugger_throw)?, context)
        },
    },
    ConsoleWord {
        name: "script-steps",
        effect: "( -- json-addr u )",
        help: "Every step of the open script with its stacks, and the result.",
        example: "script( 1 ) script( 2 ADD ) open-script script-steps type",
        group: CONSOLE,
        twin: None,
        capability: Capability::Pure,
        run: |console, context| {
            push_json(&console.debugger.trace().map_err(debugger_throw)?, context)
        },
    },
    ConsoleWord {
        name: ".script",
        effect: "( json-addr u -- )",
        help: "Show the result of script-now or script-steps for people; unchanged under --json.",
        example: "script( 1 ) script( 2 ADD ) open-script script-steps .script",
        group: CONSOLE,
        twin: None,
        capability: Capability::Pure,
        run: |console, context| console.show_by(script_debugger::picture, context),
    },
];

fn debugger_throw(error: DebuggerError) -> Throw {
    throw_of(CallError::invalid_params(error.to_string()))
}

fn push_assembled(text: &str, context: &mut HostContext<'_>) -> Result<(), Throw> {
    let script = assemble(text).map_err(|e| throw_of(CallError::invalid_params(e.to_string())))?;
    context.push_string(hex::encode(&script).as_bytes())
}

fn script_to_parenthesis(context: &mut HostContext<'_>) -> Result<(), Throw> {
    let mut words: Vec<String> = Vec::new();
    loop {
        match context.parse_name() {
            Some(word) if word == ")" => break,
            Some(word) => words.push(word),
            None => {
                let why = "script( wants its ) on the same line";
                return Err(Throw::new(THROW_NO_NAME, why));
            }
        }
    }
    push_assembled(&words.join(" "), context)
}
