//! Words for keys in a PKCS#11 token.

use std::path::Path;

use super::WALLET;
use crate::console::sandbox::Capability;
use crate::console::stack_values::pop_text;
use crate::console::words::ConsoleWord;

/// Entries of the words.
pub const WORDS: &[ConsoleWord] = &[
    ConsoleWord {
        name: "hsm-open-at",
        effect: "( module-addr u slot -- )",
        help: "Log in to the token in a slot of a PKCS#11 module; prompts for the PIN.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let slot = context.pop()?;
            let module = pop_text(context)?;
            console.with_wallet(|wallet, services| wallet.open_token(&module, slot, services))
        },
    },
    ConsoleWord {
        name: "hsm-make-key",
        effect: "( name-addr u -- key-addr u )",
        help: "Create a non-extractable key in the token; the result is its public key, for use as a cosigner.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let name = pop_text(context)?;
            let text = console.with_wallet(|wallet, _| wallet.new_token_key(name.trim()))?;
            context.push_string(text.as_bytes())
        },
    },
    ConsoleWord {
        name: "hsm-sign-to",
        effect: "( file-addr u file-addr u -- n )",
        help: "Sign a PSBT file with the token's keys, writing the result to another file; n is the number of signatures made.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let (to, from) = (pop_text(context)?, pop_text(context)?);
            let count = console.with_wallet(|wallet, services| {
                wallet.sign_by_token(Path::new(&from), Path::new(&to), services)
            })?;
            context.push(count)
        },
    },
];
