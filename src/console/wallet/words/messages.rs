//! Words that sign messages and check signatures.

use super::WALLET;
use crate::console::host::ConsoleHost;
use crate::console::sandbox::Capability;
use crate::console::stack_values::{pop_text, push_json};
use crate::console::words::ConsoleWord;
use forth2012::host::{HostContext, Throw};

/// Entries of the words.
pub const WORDS: &[ConsoleWord] = &[
    ConsoleWord {
        name: "sign-message-by",
        effect: "( c-addr u message-addr u -- sig-addr u )",
        help: "Sign a message with one of the wallet's addresses (BIP322).",
        example: "new-wallet 2drop next-address s\" hello\" sign-message-by type",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| sign(false, console, context),
    },
    ConsoleWord {
        name: "sign-message-137",
        effect: "( c-addr u message-addr u -- sig-addr u )",
        help: "Sign a message with one of the wallet's addresses so that the key can be recovered from the signature (BIP137).",
        example: "new-wallet 2drop next-address s\" hello\" sign-message-137 type",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| sign(true, console, context),
    },
    ConsoleWord {
        name: "check-message-by",
        effect: "( c-addr u sig-addr u message-addr u -- json-addr u )",
        help: "Verify an address' signature of a message, in either format; THROW if it is invalid.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Pure,
        run: |console, context| {
            let message = context.pop_string()?;
            let (signature, address) = (pop_text(context)?, pop_text(context)?);
            let value = console.with_wallet(|wallet, services| {
                wallet.check_message(&address, &signature, &message, services)
            })?;
            push_json(&value, context)
        },
    },
];

/// Signs by an address of ours: BIP137 where `old`, else BIP322.
fn sign(old: bool, console: &mut ConsoleHost, context: &mut HostContext<'_>) -> Result<(), Throw> {
    let message = context.pop_string()?;
    let address = pop_text(context)?;
    let signature = console
        .with_wallet(|wallet, services| wallet.sign_message(&address, &message, old, services))?;
    context.push_string(signature.as_bytes())
}
