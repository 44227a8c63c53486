//! Words that show and lock the coins of a wallet.

use super::WALLET;
use crate::console::host::throw_of;
use crate::console::sandbox::Capability;
use crate::console::stack_values::{pop_text, push_json};
use crate::console::wallet::session::wrong;
use crate::console::words::ConsoleWord;
use primitives::amount::Amount;

/// Entries of the words.
pub const WORDS: &[ConsoleWord] = &[
    ConsoleWord {
        name: "get-balance",
        effect: "( -- n )",
        help: "The wallet's spendable balance in base units.",
        example: "init-storage new-wallet 2drop get-balance .",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let count = console.with_wallet(|wallet, services| wallet.balance(services))?;
            context.push(count)
        },
    },
    ConsoleWord {
        name: "get-balances",
        effect: "( -- json-addr u )",
        help: "The wallet's balances: spendable, unconfirmed, immature, locked, in vaults.",
        example: "init-storage new-wallet 2drop get-balances .json",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let value = console.with_wallet(|wallet, services| wallet.balances(services))?;
            push_json(&value, context)
        },
    },
    ConsoleWord {
        name: "get-utxos",
        effect: "( -- json-addr u )",
        help: "Every coin of the wallet and its state.",
        example: "init-storage new-wallet 2drop get-utxos .json",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let value = console.with_wallet(|wallet, services| wallet.utxos(services))?;
            push_json(&value, context)
        },
    },
    ConsoleWord {
        name: "get-wallet-history",
        effect: "( -- json-addr u )",
        help: "Every transaction of the wallet, newest first.",
        example: "init-storage new-wallet 2drop get-wallet-history .json",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let value = console.with_wallet(|wallet, services| wallet.history(services))?;
            push_json(&value, context)
        },
    },
    ConsoleWord {
        name: "text>amount",
        effect: "( c-addr u -- n )",
        help: "Convert an amount such as 1.5 or 150000sat to base units; a bare integer is refused.",
        example: "s\" 1.5\" text>amount .",
        group: WALLET,
        twin: None,
        capability: Capability::Pure,
        run: |_, context| {
            let amount = pop_text(context)?.trim().parse::<Amount>();
            context.push(amount.map_err(|e| throw_of(wrong(e)))?.0)
        },
    },
    ConsoleWord {
        name: "set-fee-rate-to",
        effect: "( c-addr u -- )",
        help: "Set the fee rate, with up to three decimals, in base units per virtual byte; 0 uses the node's estimate.",
        example: "s\" 1.5\" set-fee-rate-to",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let text = pop_text(context)?;
            console.with_wallet(|wallet, _| wallet.set_rate_text(&text))
        },
    },
    ConsoleWord {
        name: "set-fee-rate",
        effect: "( n -- )",
        help: "Set the fee rate to n base units per virtual byte; 0 uses the node's estimate.",
        example: "12 set-fee-rate",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let rate = context.pop()?;
            console.with_wallet(|wallet, _| wallet.set_rate(rate))
        },
    },
    ConsoleWord {
        name: "lock-coin-at",
        effect: "( c-addr u -- )",
        help: "Lock the coin TXID:N so that it is not spent.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let coin = pop_text(context)?;
            console.with_wallet(|wallet, services| wallet.lock_coin(&coin, true, services))
        },
    },
    ConsoleWord {
        name: "unlock-coin-at",
        effect: "( c-addr u -- )",
        help: "Unlock the coin TXID:N so that it can be spent.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let coin = pop_text(context)?;
            console.with_wallet(|wallet, services| wallet.lock_coin(&coin, false, services))
        },
    },
];
