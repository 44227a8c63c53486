//! Words that lock coins until a time, or to a secret.

use super::WALLET;
use crate::console::sandbox::Capability;
use crate::console::stack_values::{pop_text, push_json};
use crate::console::words::ConsoleWord;
use primitives::amount::Amount;

/// Entries of the words.
pub const WORDS: &[ConsoleWord] = &[
    ConsoleWord {
        name: "get-vault-key",
        effect: "( -- c-addr u )",
        help: "This wallet's key for the next vault, to give to somebody who locks coins to it.",
        example: "new-wallet 2drop get-vault-key type",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let text = console.with_wallet(|wallet, _| wallet.show_vault_key())?;
            context.push_string(text.as_bytes())
        },
    },
    ConsoleWord {
        name: "lock-until-at",
        effect: "( c-addr u n -- json-addr u )",
        help: "Lock n base units of the wallet until a block height, or a Unix time in seconds.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let amount = Amount(context.pop()?);
            let until = pop_text(context)?;
            let value = console
                .with_wallet(|wallet, services| wallet.lock_until(&until, amount, services))?;
            push_json(&value, context)
        },
    },
    ConsoleWord {
        name: "lock-for-time",
        effect: "( c-addr u n -- json-addr u )",
        help: "Lock n base units of the wallet for a number of blocks, or of seconds as in 86400s, after confirmation.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let amount = Amount(context.pop()?);
            let time = pop_text(context)?;
            let value =
                console.with_wallet(|wallet, services| wallet.lock_for(&time, amount, services))?;
            push_json(&value, context)
        },
    },
    ConsoleWord {
        name: "hash-lock-to",
        effect: "( hash-addr u key-addr u until-addr u n -- json-addr u )",
        help: "Lock n base units to a key and the preimage of a hash; after a height or time they return to the wallet.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let amount = Amount(context.pop()?);
            let (until, key, hash) = (pop_text(context)?, pop_text(context)?, pop_text(context)?);
            let value = console.with_wallet(|wallet, services| {
                wallet.hash_lock([&hash, &key, &until], amount, services)
            })?;
            push_json(&value, context)
        },
    },
    ConsoleWord {
        name: "open-vault-to",
        effect: "( name-addr u c-addr u -- txid-addr u )",
        help: "Spend a vault to an address, or report when it can be opened.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let (address, name) = (pop_text(context)?, pop_text(context)?);
            let text = console
                .with_wallet(|wallet, services| wallet.open_vault(&name, &address, services))?;
            context.push_string(text.as_bytes())
        },
    },
    ConsoleWord {
        name: "learn-secret",
        effect: "( -- )",
        help: "Store the secret of a hash lock; prompts for it.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, _| {
            console.with_wallet(|wallet, services| wallet.learn_secret(services).map(drop))
        },
    },
    ConsoleWord {
        name: "show-secret-of",
        effect: "( hash-addr u -- )",
        help: "Show the secret of a hash on the terminal, after a confirmation.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let hash = pop_text(context)?;
            console.with_wallet(|wallet, services| wallet.show_secret(&hash, services))
        },
    },
];
