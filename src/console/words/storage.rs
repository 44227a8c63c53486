//! Where the console works: the chain, its network and folder, the program.

use super::{CONSOLE, ConsoleWord};
use crate::console::host::{VERSION, throw_of};
use crate::console::sandbox::Capability;

/// Entries of the words.
pub const WORDS: &[ConsoleWord] = &[
    ConsoleWord {
        name: "init-storage",
        effect: "( -- )",
        help: "Open the chain: connect to the node that runs on the data folder, or else open the folder itself, creating it if needed.",
        example: "init-storage get-height .",
        group: CONSOLE,
        twin: None,
        capability: Capability::NodeRead,
        run: |console, _| console.ask("getblockcount", Vec::new()).map(drop).map_err(throw_of),
    },
    ConsoleWord {
        name: "network-name",
        effect: "( -- c-addr u )",
        help: "The network that this console uses.",
        example: "network-name type",
        group: CONSOLE,
        twin: None,
        capability: Capability::Pure,
        run: |console, context| context.push_string(console.config.params.name.as_bytes()),
    },
    ConsoleWord {
        name: "data-folder",
        effect: "( -- c-addr u )",
        help: "The folder that holds the network's data.",
        example: "data-folder type",
        group: CONSOLE,
        twin: None,
        capability: Capability::Files,
        run: |console, context| {
            let folder = console.config.data_folder();
            context.push_string(folder.to_string_lossy().as_bytes())
        },
    },
    ConsoleWord {
        name: "version-text",
        effect: "( -- c-addr u )",
        help: "Name and version of this program.",
        example: "version-text type",
        group: CONSOLE,
        twin: None,
        capability: Capability::Pure,
        run: |_, context| context.push_string(VERSION.as_bytes()),
    },
];
