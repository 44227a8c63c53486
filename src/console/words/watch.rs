//! Which words of the operator run when something happens on a node without a terminal.

use super::{CONSOLE, ConsoleWord};
use crate::console::host::throw_of;
use crate::console::sandbox::Capability;

/// Entries of the words.
pub const WORDS: &[ConsoleWord] = &[
    ConsoleWord {
        name: "on-block",
        effect: "( xt -- )",
        help: "Run xt ( height -- ) after every new block of a node without a terminal; 0 stops it.",
        example: ": tell ( height -- ) . ; ' tell on-block",
        group: CONSOLE,
        twin: None,
        capability: Capability::NodeRead,
        run: |console, context| {
            console.shared.handlers.borrow_mut().on_block = handler(context.pop()?);
            Ok(())
        },
    },
    ConsoleWord {
        name: "on-tx",
        effect: "( xt -- )",
        help: "Run xt ( c-addr u -- ) with the id of every transaction when it is first seen, in the pool or in a block.",
        example: "' type on-tx",
        group: CONSOLE,
        twin: None,
        capability: Capability::NodeRead,
        run: |console, context| {
            console.shared.handlers.borrow_mut().on_tx = handler(context.pop()?);
            Ok(())
        },
    },
    ConsoleWord {
        name: "on-reorg",
        effect: "( xt -- )",
        help: "Run xt ( depth height -- ) after a reorganisation that disconnected depth blocks and left the chain at height.",
        example: ": alarm ( depth height -- ) . . ; ' alarm on-reorg",
        group: CONSOLE,
        twin: None,
        capability: Capability::NodeRead,
        run: |console, context| {
            console.shared.handlers.borrow_mut().on_reorg = handler(context.pop()?);
            Ok(())
        },
    },
    ConsoleWord {
        name: "every",
        effect: "( seconds xt -- )",
        help: "Run xt ( -- ) repeatedly at that interval in seconds; 0 seconds stop it.",
        example: ": look ( -- ) get-height . ; 60 ' look every",
        group: CONSOLE,
        twin: None,
        capability: Capability::NodeRead,
        run: |console, context| {
            let (xt, seconds) = (context.pop()?, context.pop()?);
            console.shared.handlers.borrow_mut().every(xt, seconds).map_err(throw_of)
        },
    },
];

/// An execution token to run; 0 is none.
fn handler(xt: i64) -> Option<i64> {
    (xt != 0).then_some(xt)
}
