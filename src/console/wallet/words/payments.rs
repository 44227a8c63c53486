//! Words that pay.

use super::WALLET;
use crate::console::host::{ConsoleHost, throw_of};
use crate::console::sandbox::Capability;
use crate::console::stack_values::{pop_text, push_json};
use crate::console::wallet::pay::PaymentRequest;
use crate::console::wallet::session::wrong;
use crate::console::words::ConsoleWord;
use forth2012::host::{HostContext, Throw};
use primitives::amount::Amount;
use primitives::tx::TxOut;

/// Entries of the words.
pub const WORDS: &[ConsoleWord] = &[
    ConsoleWord {
        name: "plan-send-to",
        effect: "( c-addr u n -- json-addr u )",
        help: "Plan a payment of n base units to an address: its inputs, outputs and fee; nothing is signed.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let request = pop_payment(console, context)?;
            let shown = console.with_wallet(|wallet, services| {
                let plan = wallet.plan(request, services)?;
                wallet.shown(&plan)
            })?;
            push_json(&shown, context)
        },
    },
    ConsoleWord {
        name: "send-to",
        effect: "( c-addr u n -- txid-addr u )",
        help: "Pay n base units to an address.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let request = pop_payment(console, context)?;
            pay(request, console, context)
        },
    },
    ConsoleWord {
        name: "send-to-many",
        effect: "( json-addr u -- txid-addr u )",
        help: "Pay several addresses in one transaction: {\"ADDRESS\":\"AMOUNT\",…}.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let list = context.pop_string()?;
            let outputs =
                console.with_wallet(|wallet, services| wallet.recipients(&list, services))?;
            pay(PaymentRequest::Pay(outputs), console, context)
        },
    },
    ConsoleWord {
        name: "sweep-to",
        effect: "( c-addr u -- txid-addr u )",
        help: "Send everything that the account can spend to an address; the fee is subtracted.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let address = pop_text(context)?;
            let script =
                console.with_wallet(|wallet, services| wallet.script_of(&address, services))?;
            pay(PaymentRequest::Sweep(script), console, context)
        },
    },
    ConsoleWord {
        name: "bump-fee-of",
        effect: "( txid-addr u -- txid-addr u )",
        help: "Replace an unconfirmed payment with one that pays a higher fee (BIP125).",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let txid = pop_text(context)?;
            let text = console.with_wallet(|wallet, services| wallet.bump(&txid, services))?;
            context.push_string(text.as_bytes())
        },
    },
    ConsoleWord {
        name: "cancel-payment",
        effect: "( txid-addr u -- txid-addr u )",
        help: "Give up a payment that waits: a draft frees its coins, a sent one is replaced by one to ourselves, whose id is left.",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let txid = pop_text(context)?;
            let text = console.with_wallet(|wallet, services| wallet.cancel(&txid, services))?;
            context.push_string(text.as_bytes())
        },
    },
    ConsoleWord {
        name: "hurry-parent",
        effect: "( txid-addr u -- txid-addr u )",
        help: "Speed up an unconfirmed incoming transaction by spending it with a fee that pays for both (CPFP).",
        example: "",
        group: WALLET,
        twin: None,
        capability: Capability::Wallet,
        run: |console, context| {
            let txid = pop_text(context)?;
            let text = console.with_wallet(|wallet, services| wallet.cpfp(&txid, services))?;
            context.push_string(text.as_bytes())
        },
    },
];

/// A payment of the address and amount on the stack.
pub fn pop_payment(
    console: &mut ConsoleHost,
    context: &mut HostContext<'_>,
) -> Result<PaymentRequest, Throw> {
    let value = Amount(context.pop()?);
    let address = pop_text(context)?;
    let script_pubkey =
        console.with_wallet(|wallet, services| wallet.script_of(&address, services))?;
    if !value.is_money() {
        return Err(throw_of(wrong("the amount is below zero, or more than can exist")));
    }
    Ok(PaymentRequest::Pay(vec![TxOut { value, script_pubkey }]))
}

/// Plans a payment and sends it; the transaction's id goes to the stack.
fn pay(
    request: PaymentRequest,
    console: &mut ConsoleHost,
    context: &mut HostContext<'_>,
) -> Result<(), Throw> {
    let txid = console.with_wallet(|wallet, services| {
        let plan = wallet.plan(request, services)?;
        wallet.send(plan, None, services)
    })?;
    context.push_string(txid.as_bytes())
}
