//! Addresses without a node.

use super::{CONSOLE, ConsoleWord};
use crate::console::sandbox::Capability;
use crate::console::stack_values::pop_lossy;
use primitives::address::Address;

/// Entries of the words.
pub const WORDS: &[ConsoleWord] = &[ConsoleWord {
    name: "address?",
    effect: "( c-addr u -- flag )",
    help: "Whether a text is an address of this network.",
    example: "s\" bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080\" address? .",
    group: CONSOLE,
    twin: None,
    capability: Capability::Pure,
    run: |console, context| {
        let text = pop_lossy(context)?;
        context.push_flag(Address::from_text(&text, console.config.params).is_ok())
    },
}];
