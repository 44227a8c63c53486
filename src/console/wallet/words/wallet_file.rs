//! Words that make, open, seal and describe a wallet.

use std::path::Path;

use super::WALLET;
use crate::console::sandbox::Capability;
use crate::console::stack_values::{pop_text, push_json};
use crate::console::words::ConsoleWord;

/// Entries of the words.
pub const WORDS: &[ConsoleWord] = &[
    ConsoleWord {
        name: "new-wallet",
        effect: "( -- json-addr u )",
        help: "Create a wallet from a new 24-word phrase; the result is its fingerprint and first address, never a key.",
        example: "new-wallet .json",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let value = console.with_wallet(|wallet, services| wallet.create(services))?;
            push_json(&value, context)
        },
    },
    ConsoleWord {
        name: "restore-wallet",
        effect: "( -- json-addr u )",
        help: "Restore a wallet from its recovery phrase; prompts for the phrase.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let value = console.with_wallet(|wallet, services| wallet.restore(services))?;
            push_json(&value, context)
        },
    },
    ConsoleWord {
        name: "save-encrypted-to",
        effect: "( c-addr u -- )",
        help: "Save the wallet encrypted to the named file; prompts twice for a passphrase.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let path = pop_text(context)?;
            console.with_wallet(|wallet, services| wallet.save_to(Path::new(&path), services))
        },
    },
    ConsoleWord {
        name: "save",
        effect: "( -- )",
        help: "Save the wallet encrypted to its file; plain text is never written.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, _| console.with_wallet(|wallet, services| wallet.save(services)),
    },
    ConsoleWord {
        name: "load-encrypted-from",
        effect: "( c-addr u -- )",
        help: "Open the named encrypted wallet; prompts for its passphrase. Plain text is refused.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let path = pop_text(context)?;
            console.with_wallet(|wallet, services| wallet.load_from(Path::new(&path), services))
        },
    },
    ConsoleWord {
        name: "verify-wallet-at",
        effect: "( c-addr u -- json-addr u )",
        help: "Verify that the named encrypted wallet opens; prompts for its passphrase. The open wallet is not changed.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let path = pop_text(context)?;
            let value = console
                .with_wallet(|wallet, services| wallet.verify_backup(Path::new(&path), services))?;
            push_json(&value, context)
        },
    },
    ConsoleWord {
        name: "change-passphrase",
        effect: "( -- )",
        help: "Change the wallet's passphrase; prompts for the old one first.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, _| {
            console.with_wallet(|wallet, services| wallet.change_passphrase(services))
        },
    },
    ConsoleWord {
        name: "show-phrase",
        effect: "( -- )",
        help: "Show the wallet's recovery phrase on the terminal, after a confirmation.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, _| console.with_wallet(|wallet, services| wallet.show_phrase(services)),
    },
    ConsoleWord {
        name: "close-wallet",
        effect: "( -- )",
        help: "Close the wallet and wipe it from memory; one that was never saved stays open.",
        example: "new-wallet 2drop ' close-wallet catch drop",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, _| console.with_wallet(|wallet, services| wallet.close(services)),
    },
    ConsoleWord {
        name: "next-address",
        effect: "( -- c-addr u )",
        help: "A new address of the current account.",
        example: "new-wallet 2drop next-address type",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let text = console.with_wallet(|wallet, services| wallet.next_address(services))?;
            context.push_string(text.as_bytes())
        },
    },
    ConsoleWord {
        name: "use-account-named",
        effect: "( c-addr u -- )",
        help: "Select the current account: segwit, taproot, or one that was added.",
        example: "new-wallet 2drop s\" taproot\" use-account-named next-address type",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let name = pop_text(context)?;
            console.with_wallet(|wallet, _| wallet.use_account(name.trim()))
        },
    },
    ConsoleWord {
        name: "get-wallet-info",
        effect: "( -- json-addr u )",
        help: "Describe the wallet: accounts, descriptors, file; nothing secret.",
        example: "new-wallet 2drop get-wallet-info .json",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let value = console.with_wallet(|wallet, _| wallet.info())?;
            push_json(&value, context)
        },
    },
    ConsoleWord {
        name: "get-descriptors",
        effect: "( -- json-addr u )",
        help: "The wallet's output descriptors with checksums, for import into other wallets.",
        example: "new-wallet 2drop get-descriptors .json",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let value = console.with_wallet(|wallet, _| wallet.descriptors())?;
            push_json(&value, context)
        },
    },
    ConsoleWord {
        name: "watch-descriptor",
        effect: "( c-addr u -- json-addr u )",
        help: "Watch an output descriptor, in the open wallet or in a new watch-only one.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let descriptor = pop_text(context)?;
            let value =
                console.with_wallet(|wallet, services| wallet.watch(&descriptor, services))?;
            push_json(&value, context)
        },
    },
];
