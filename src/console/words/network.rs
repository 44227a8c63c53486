//! What the node says about its peers, shown for people.

use super::{CONSOLE, ConsoleWord};
use crate::console::render::network;
use crate::console::sandbox::Capability;

/// Entries of the words.
pub const WORDS: &[ConsoleWord] = &[
    ConsoleWord {
        name: ".peers",
        effect: "( json-addr u -- )",
        help: "Show what get-peer-info gave as a table, or as it is under --json.",
        example: "init-storage get-peer-info .peers",
        group: CONSOLE,
        twin: None,
        capability: Capability::Pure,
        run: |console, context| console.show_by(network::peers, context),
    },
    ConsoleWord {
        name: ".sync",
        effect: "( json-addr u -- )",
        help: "Show what get-sync-status gave as a bar, or as it is under --json.",
        example: "init-storage get-sync-status .sync",
        group: CONSOLE,
        twin: None,
        capability: Capability::Pure,
        run: |console, context| console.show_by(network::sync, context),
    },
];
