//! What the node says about its peers, shown for people.

use super::{CONSOLE, ConsoleWord};
use crate::console::render::network;
use crate::console::sandbox::Capability;

/// Entries of the words.
pub const WORDS: &[ConsoleWord] = &[
    ConsoleWord {
        name: ".peers",
        effect: "( json-addr u -- )",
        help: "Show the result of get-peer-info as a table; unchanged under --json.",
        example: "init-storage get-peer-info .peers",
        group: CONSOLE,
        twin: None,
        capability: Capability::Pure,
        run: |console, context| console.show_by(network::peers, context),
    },
    ConsoleWord {
        name: ".sync",
        effect: "( json-addr u -- )",
        help: "Show the result of get-sync-status as a progress bar; unchanged under --json.",
        example: "init-storage get-sync-status .sync",
        group: CONSOLE,
        twin: None,
        capability: Capability::Pure,
        run: |console, context| console.show_by(network::sync, context),
    },
];
