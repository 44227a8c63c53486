//! A verdict on one screen, and as JSON for scripts.

use serde_json::{Value, json};

use super::inputs::sighash_name;
use super::{InputView, Owner, Proof, Seat, Verdict};
use crate::book::Book;
use crate::descriptor::Descriptor;
use crate::keys::show_path;
use primitives::address::Address;
use primitives::amount::Amount;
use primitives::hex;
use primitives::script::Script;
use script::instruction::instructions;
use script::opcode::OP_RETURN;

/// Most bytes of a data output that are shown.
const MOST_DATA: usize = 80;
/// Most inputs that are listed one by one on the screen.
const MOST_LISTED: usize = 20;

fn to(book: &Book, script: &Script) -> String {
    match Address::from_script(script) {
        Some(address) => address.to_text(book.params),
        None => hex::encode(script.as_bytes()),
    }
}

/// Seconds or a height (BIP65).
fn lock_time(number: u32) -> String {
    match number {
        0 => "none".to_owned(),
        number if number < crate::vault::TIME_THRESHOLD => format!("height {number}"),
        number => format!("time {number}"),
    }
}

impl Owner {
    fn name(&self, book: &Book) -> Value {
        match self {
            Owner::Account { account, .. } => json!(book.accounts[*account].name),
            Owner::Key { path } => json!(format!("m/{}", show_path(path))),
            Owner::Foreign => Value::Null,
        }
    }

    /// What an output is to the wallet.
    fn what(&self) -> &'static str {
        match self {
            Owner::Account { branch: 1, .. } => "change, verified as ours",
            Owner::Account { .. } => "ours, verified",
            Owner::Key { .. } => "ours, at a path of no account",
            Owner::Foreign => "payment",
        }
    }
}

fn seat_name(seat: &Seat) -> String {
    let fingerprint = seat.origin.as_ref().map(|origin| hex::encode(&origin.fingerprint));
    fingerprint.unwrap_or_else(|| hex::encode(&seat.key))
}

impl InputView {
    fn progress(&self) -> String {
        let have = if self.is_final { self.required } else { self.signed() };
        format!("{have} of {}", self.required)
    }

    fn to_json(&self, book: &Book) -> Value {
        let proof = self.proof.map(|proof| match proof {
            Proof::PreviousTransaction => "previous transaction",
            Proof::Taproot => "taproot signature",
        });
        let signed = self.seats.iter().filter(|seat| seat.signed.is_some()).map(seat_name);
        let missing = self.seats.iter().filter(|seat| seat.signed.is_none()).map(seat_name);
        let kinds = self.sighashes.iter().map(|kind| sighash_name(*kind));
        json!({
            "outpoint": self.outpoint.to_string(),
            "amount": self.output.value.to_string(),
            "amount_proven_by": proof,
            "address": to(book, &self.output.script_pubkey),
            "ours": self.owner != Owner::Foreign,
            "account": self.owner.name(book),
            "signatures": self.progress(),
            "signed_by": signed.collect::<Vec<_>>(),
            "not_signed_by": missing.collect::<Vec<_>>(),
            "sighashes": kinds.collect::<Vec<_>>(),
        })
    }
}

impl Verdict {
    /// Everything, for scripts.
    pub fn to_json(&self, book: &Book) -> Value {
        let outputs = self.outputs.iter().map(|output| {
            json!({
                "to": to(book, &output.output.script_pubkey),
                "amount": output.output.value.to_string(),
                "what": output.owner.what(),
                "account": output.owner.name(book),
            })
        });
        json!({
            "approved": self.is_approved(),
            "refusals": self.refusals.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "warnings": self.fee_slip().into_iter().collect::<Vec<_>>(),
            "txid": self.psbt.tx.txid().to_string(),
            "inputs": self.inputs.iter().map(|input| input.to_json(book)).collect::<Vec<_>>(),
            "outputs": outputs.collect::<Vec<_>>(),
            "paid": self.paid().to_string(),
            "fee": self.fee.to_string(),
            "fee_rate": self.rate_text(),
            "vsize": self.vsize,
            "lock_time": self.lock_time(),
            "replaceable": self.is_replaceable(),
            "complete": self.is_complete(),
            "version": self.psbt.version,
        })
    }

    fn rate_text(&self) -> String {
        let rate = self.fee_rate().per_kvb;
        format!("{}.{:02} sat/vB", rate / 1000, rate % 1000 / 10)
    }

    /// Everything, for the one who is asked.
    pub fn screen(&self, book: &Book) -> String {
        let mut text = String::new();
        let mut line = |parts: &[&str]| {
            text.push_str(&parts.concat());
            text.push('\n');
        };
        let spent: Amount = self.inputs.iter().map(|input| input.output.value).sum();
        let count = match self.inputs.len() {
            1 => "1 input".to_owned(),
            many => format!("{many} inputs"),
        };
        line(&["spend   ", &count, ", ", &spent.to_string(), self.policy(book).as_str()]);
        for input in self.inputs.iter().take(MOST_LISTED) {
            let of = match input.owner.name(book) {
                Value::String(name) => name,
                _ => "of others".to_owned(),
            };
            let amount = input.output.value.to_string();
            let signed: Vec<String> =
                input.seats.iter().filter(|s| s.signed.is_some()).map(seat_name).collect();
            let by = if signed.is_empty() {
                String::new()
            } else {
                format!(" by {}", signed.join(", "))
            };
            let outpoint = input.outpoint.to_string();
            line(&["  ", &outpoint, " ", &amount, " ", &of, ", signed ", &input.progress(), &by]);
        }
        if self.inputs.len() > MOST_LISTED {
            line(&["  and ", &(self.inputs.len() - MOST_LISTED).to_string(), " more"]);
        }
        for output in &self.outputs {
            let kind = match output.owner {
                Owner::Account { branch: 1, .. } => "change  ",
                Owner::Foreign => "pay     ",
                _ => "to us   ",
            };
            let amount = output.output.value.to_string();
            let script = &output.output.script_pubkey;
            let place = data(script).unwrap_or_else(|| to(book, script));
            let of = match output.owner.name(book) {
                Value::String(name) => format!(" ({name}, verified)"),
                _ => String::new(),
            };
            line(&[kind, &amount, " to ", &place, &of]);
        }
        let fee = self.fee.to_string();
        line(&["fee     ", &fee, ", ", &self.rate_text(), " for ", &self.vsize.to_string(), " vB"]);
        let replaceable = if self.is_replaceable() { ", may be replaced" } else { "" };
        line(&["lock    ", &lock_time(self.lock_time()), replaceable]);
        for refusal in &self.refusals {
            line(&["REFUSED ", &refusal.to_string()]);
        }
        if let Some(slip) = self.fee_slip() {
            line(&["WARNING ", &slip]);
        }
        text
    }

    /// The multisig policy that the inputs are of, in words.
    fn policy(&self, book: &Book) -> String {
        let first = self.inputs.iter().find_map(|input| match input.owner {
            Owner::Account { account, .. } => Some(&book.accounts[account]),
            _ => None,
        });
        match first.map(|account| (&account.name, &account.descriptor)) {
            Some((name, Descriptor::Multi { required, keys, .. })) => {
                format!(", of {name}: {required} of {} sign", keys.len())
            }
            _ => String::new(),
        }
    }
}

/// A data output in words.
fn data(script: &Script) -> Option<String> {
    if script.as_bytes().first() != Some(&OP_RETURN) {
        return None;
    }
    let pushed =
        instructions(&script.as_bytes()[1..]).flatten().flat_map(|push| push.data.to_vec());
    let bytes: Vec<u8> = pushed.take(MOST_DATA).collect();
    Some(format!("nobody (data {})", hex::encode(&bytes)))
}
