//! Words that the wallet's words for people need for text.

use std::path::Path;

use super::WALLET;
use crate::console::host::throw_of;
use crate::console::sandbox::Capability;
use crate::console::stack_values::pop_text;
use crate::console::wallet::{psbt_files, qr};
use crate::console::words::ConsoleWord;

/// Entries of the words.
pub const WORDS: &[ConsoleWord] = &[
    ConsoleWord {
        name: "rest-of-line",
        effect: "( -- c-addr u )",
        help: "The rest of the line, without surrounding spaces.",
        example: "rest-of-line some words",
        group: WALLET,
        twin: None,
        capability: Capability::Pure,
        run: |_, context| {
            let text = context.parse_rest_of_line();
            context.push_string(text.as_bytes())
        },
    },
    ConsoleWord {
        name: "slurp-text",
        effect: "( file-addr u -- c-addr u )",
        help: "The contents of a PSBT file as base64, for a QR code.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Files,
        run: |_, context| {
            let psbt = psbt_files::read(Path::new(&pop_text(context)?)).map_err(throw_of)?;
            context.push_string(psbt.to_base64().as_bytes())
        },
    },
    ConsoleWord {
        name: "get-wallet-help",
        effect: "( -- c-addr u )",
        help: "An overview of the wallet's words by task.",
        example: "get-wallet-help type",
        group: WALLET,
        twin: None,
        capability: Capability::Pure,
        run: |_, context| context.push_string(HELP.as_bytes()),
    },
    ConsoleWord {
        name: "qr-picture",
        effect: "( c-addr u -- picture-addr u )",
        help: "Draw a text, such as an address or a PSBT, as a QR code.",
        example: "s\" bcrt1q\" qr-picture .text",
        group: WALLET,
        twin: None,
        capability: Capability::Pure,
        run: |_, context| {
            let code = qr::picture(&context.pop_string()?).map_err(throw_of)?;
            context.push_string(code.as_bytes())
        },
    },
];

/// What `wallet-cli` shows.
const HELP: &str = "\
make    new | restore-phrase | load-encrypted FILE | watch DESCRIPTOR
keep    save-encrypted FILE, then save | change-passphrase | verify-wallet FILE | show-phrase
look    wallet-info | balance | utxos | history | descriptors
get     address | use-account NAME | qr TEXT
pay     plan-send ADDRESS AMOUNT | send ADDRESS AMOUNT | send-many JSON | sweep ADDRESS
care    fee-rate N | bump TXID | cpfp TXID | lock-coin TXID:N | unlock-coin TXID:N
share   multisig-key | multisig-2of3 KEYS | multisig-budget KEYS | multisig-treasury KEYS
        multisig-info | psbt-create FILE ADDRESS AMOUNT | psbt-show FILE | multisig-sigs FILE
        multisig-sign FROM TO | psbt-combine TO FILES | multisig-broadcast FILE
vault   lock-until HEIGHT|TIME AMOUNT | lock-for BLOCKS|SECONDSs AMOUNT | vault-key
        hash-lock HASH|new KEY HEIGHT|TIME AMOUNT | open-vault NAME ADDRESS | learn-secret
token   hsm-open MODULE SLOT | hsm-new-key NAME | hsm-sign FROM TO
prove   sign-message ADDRESS TEXT | check-message ADDRESS SIGNATURE TEXT
amounts are coins with a point (1.5) or base units (150000sat); `help WORD` explains a word
";
