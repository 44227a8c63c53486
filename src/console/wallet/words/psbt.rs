//! Words for PSBT files and multisig accounts.

use std::path::Path;

use super::WALLET;
use super::payments::pop_payment;
use crate::console::sandbox::Capability;
use crate::console::stack_values::{pop_text, push_json};
use crate::console::words::ConsoleWord;

/// Entries of the words.
pub const WORDS: &[ConsoleWord] = &[
    ConsoleWord {
        name: "psbt-create-to",
        effect: "( c-addr u n file-addr u -- )",
        help: "Write a payment of n base units to an address as an unsigned PSBT file.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let path = pop_text(context)?;
            let request = pop_payment(console, context)?;
            console.with_wallet(|wallet, services| {
                wallet.create_psbt(request, Path::new(&path), services)
            })
        },
    },
    ConsoleWord {
        name: "psbt-look-at",
        effect: "( file-addr u -- json-addr u )",
        help: "Analyse a PSBT file: inputs, outputs, change verified as the wallet's own, fee, signatures.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let path = pop_text(context)?;
            let value = console
                .with_wallet(|wallet, services| wallet.look_at(Path::new(&path), services))?;
            push_json(&value, context)
        },
    },
    ConsoleWord {
        name: "psbt-check-at",
        effect: "( file-addr u -- json-addr u flag )",
        help: "The verdict on a PSBT file as JSON, and whether it may be signed: amounts proven, change derived, nothing altered.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let path = pop_text(context)?;
            let (value, approved) = console
                .with_wallet(|wallet, services| wallet.check_psbt(Path::new(&path), services))?;
            push_json(&value, context)?;
            context.push_flag(approved)
        },
    },
    ConsoleWord {
        name: "psbt-sign-to",
        effect: "( file-addr u file-addr u -- n )",
        help: "Sign a PSBT file with this wallet's keys, writing the result to another file; n is the number of signatures made.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let (to, from) = (pop_text(context)?, pop_text(context)?);
            let count = console.with_wallet(|wallet, services| {
                wallet.sign_psbt(Path::new(&from), Path::new(&to), services)
            })?;
            context.push(count)
        },
    },
    ConsoleWord {
        name: "psbt-combine-to",
        effect: "( files-addr u file-addr u -- )",
        help: "Combine the signatures of several PSBT files, named with spaces between, into one file.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Files,
        run: |console, context| {
            let (to, from) = (pop_text(context)?, pop_text(context)?);
            let from: Vec<&Path> = from.split_whitespace().map(Path::new).collect();
            console.with_wallet(|wallet, _| wallet.combine(&from, Path::new(&to)))
        },
    },
    ConsoleWord {
        name: "psbt-finalize-to",
        effect: "( file-addr u file-addr u -- )",
        help: "Finalize a PSBT that has enough signatures; the script engine verifies every input.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Files,
        run: |console, context| {
            let (to, from) = (pop_text(context)?, pop_text(context)?);
            console.with_wallet(|wallet, _| wallet.finalize(Path::new(&from), Path::new(&to)))
        },
    },
    ConsoleWord {
        name: "psbt-extract-from",
        effect: "( file-addr u -- hex-addr u )",
        help: "Extract the transaction of a PSBT that has enough signatures.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Files,
        run: |console, context| {
            let path = pop_text(context)?;
            let text = console.with_wallet(|wallet, _| wallet.extract(Path::new(&path)))?;
            context.push_string(text.as_bytes())
        },
    },
    ConsoleWord {
        name: "psbt-broadcast-from",
        effect: "( file-addr u -- txid-addr u )",
        help: "Finalize a PSBT and broadcast its transaction.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::NodeChange,
        run: |console, context| {
            let path = pop_text(context)?;
            let text = console
                .with_wallet(|wallet, services| wallet.broadcast(Path::new(&path), services))?;
            context.push_string(text.as_bytes())
        },
    },
    ConsoleWord {
        name: "psbt-convert-to",
        effect: "( file-addr u version file-addr u -- )",
        help: "Convert a PSBT file to version 0 (BIP174) or 2 (BIP370).",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Files,
        run: |console, context| {
            let to = pop_text(context)?;
            let version = context.pop()?;
            let from = pop_text(context)?;
            console
                .with_wallet(|wallet, _| wallet.convert(Path::new(&from), version, Path::new(&to)))
        },
    },
    ConsoleWord {
        name: "get-multisig-key",
        effect: "( -- c-addr u )",
        help: "This wallet's public key for multisig accounts, with its origin (BIP48).",
        example: "new-wallet 2drop get-multisig-key type",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let text = console.with_wallet(|wallet, _| wallet.cosigner())?;
            context.push_string(text.as_bytes())
        },
    },
    ConsoleWord {
        name: "make-multisig",
        effect: "( keys-addr u m name-addr u -- json-addr u )",
        help: "Add an account that needs m signatures of the keys, which are separated by spaces.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let name = pop_text(context)?;
            let required = context.pop()?;
            let keys = pop_text(context)?;
            let keys: Vec<&str> = keys.split_whitespace().collect();
            let value = console.with_wallet(|wallet, services| {
                wallet.make_multisig(name.trim(), required, &keys, services)
            })?;
            push_json(&value, context)
        },
    },
    ConsoleWord {
        name: "get-multisig-info",
        effect: "( -- json-addr u )",
        help: "The multisig accounts: cosigners, required signatures, descriptor.",
        example: "new-wallet 2drop get-multisig-info .json",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let value = console.with_wallet(|wallet, _| wallet.multisig_info())?;
            push_json(&value, context)
        },
    },
    ConsoleWord {
        name: "get-multisig-sigs",
        effect: "( file-addr u -- json-addr u )",
        help: "Which cosigners have signed a PSBT file, input by input.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let path = pop_text(context)?;
            let value = console
                .with_wallet(|wallet, services| wallet.signatures(Path::new(&path), services))?;
            push_json(&value, context)
        },
    },
];
