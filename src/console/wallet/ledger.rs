//! The journal of payments at work: followed on the node, shown as history, and payments that are
//! given up.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::coins::GAP;
use super::session::{ConsoleServices, WalletSession, address_text, refused, wrong};
use crypto::entropy::SystemEntropy;
use primitives::amount::Amount;
use primitives::codec::Encode;
use primitives::hex;
use primitives::id::Txid;
use primitives::tx::{OutPoint, Transaction, TxOut};
use rpc::error::{CallError, ErrorKind};
use wallet::book::Book;
use wallet::journal::{Node, Payment, Seen, State};
use wallet::spend::{Coin, Order, plan};

/// Seconds since 1970, by this machine's clock.
pub fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs())
}

/// The node looked at the transaction and said no.
pub fn is_answer(kind: ErrorKind) -> bool {
    use ErrorKind as K;
    matches!(kind, K::Rejected | K::Unwanted | K::Undecodable | K::InvalidParams | K::Forbidden)
}

/// The node as the journal asks it: what it has of all payments in one question.
struct ChainNode<'a> {
    services: &'a mut dyn ConsoleServices,
    /// Confirmations by transaction, 0 in the pool.
    seen: HashMap<Txid, u64>,
}

impl Node for ChainNode<'_> {
    type Error = CallError;

    fn seen(&mut self, txid: &Txid) -> Result<Seen, CallError> {
        Ok(match self.seen.get(txid) {
            None => Seen::Absent,
            Some(0) => Seen::Pool,
            Some(depth) => Seen::Block { depth: u32::try_from(*depth).unwrap_or(u32::MAX) },
        })
    }

    fn send(&mut self, tx: &Transaction) -> Result<Result<(), String>, CallError> {
        let hex = hex::encode(&tx.to_bytes());
        match self.services.ask("sendrawtransaction", vec![json!(hex)]) {
            Ok(_) => Ok(Ok(())),
            Err(e) if e.kind == ErrorKind::AlreadyConfirmed => Ok(Ok(())),
            Err(e) if is_answer(e.kind) => Ok(Err(e.message)),
            Err(e) => Err(e),
        }
    }
}

impl WalletSession {
    /// Asks the node for every payment that is not settled, and sends those again that it lost.
    pub fn follow(&mut self, services: &mut dyn ConsoleServices) -> Result<(), CallError> {
        let book = &mut self.wallet()?.book;
        let scripts = book.journal.scripts_to_ask();
        if scripts.is_empty() {
            return Ok(());
        }
        let hexes: Value = scripts.iter().map(|script| json!(hex::encode(script))).collect();
        let rows = services.ask("getscriptshistory", vec![hexes])?;
        let row = |row: &Value| {
            Some((row["txid"].as_str()?.parse().ok()?, row["confirmations"].as_u64()?))
        };
        let seen = rows.as_array().into_iter().flatten().filter_map(row).collect();
        let changed = book.journal.follow(&mut ChainNode { services, seen })?;
        if changed { self.touched(services) } else { Ok(()) }
    }

    /// Every transaction, newest first: what the node has of the wallet's scripts, and payments that
    /// it does not have.
    pub fn history(&mut self, services: &mut dyn ConsoleServices) -> Result<Value, CallError> {
        // A scan finds how far addresses are used, and follows the journal.
        self.scan(services)?;
        let open = self.wallet()?;
        let mut scripts = Vec::new();
        for at in 0..open.book.accounts.len() {
            let account = &open.book.accounts[at];
            let count = if account.descriptor.has_change() { 2 } else { 1 };
            for branch in 0..count {
                let until = open.book.accounts[at].next[branch] as usize + GAP;
                let list = open.scripts.extend(&open.book, at, branch, until).map_err(refused)?;
                scripts.extend(list.iter().map(|script| json!(hex::encode(script.as_bytes()))));
            }
        }
        let found = services.ask("getscriptshistory", vec![Value::Array(scripts)])?;
        let mut rows: Vec<Value> = found.as_array().cloned().unwrap_or_default();
        let book = &self.wallet()?.book;
        let mut missing = Vec::new();
        for payment in book.journal.payments().iter().rev() {
            let txid = payment.txid().to_string();
            match rows.iter_mut().find(|row| row["txid"] == json!(txid)) {
                Some(row) => annotate(row, book, payment),
                // What was replaced is named by what replaced it.
                None if matches!(payment.state, State::Replaced { .. }) => {}
                None => {
                    let mut row = json!({ "txid": txid, "height": null, "confirmations": 0 });
                    annotate(&mut row, book, payment);
                    missing.push(row);
                }
            }
        }
        missing.append(&mut rows);
        Ok(Value::Array(missing))
    }

    /// Gives a payment up: a draft lets its coins go; what may be out is replaced by a payment of
    /// its coins to ourselves, whose id comes back.
    pub fn cancel(
        &mut self,
        text: &str,
        services: &mut dyn ConsoleServices,
    ) -> Result<String, CallError> {
        let txid: Txid = text.trim().parse().map_err(|_| wrong("this is no transaction id"))?;
        let journal = &mut self.wallet()?.book.journal;
        let unknown = || CallError::not_found(format!("this wallet did not send {txid}"));
        if journal.get(&txid).ok_or_else(unknown)?.state == State::Draft {
            journal.abandon(&txid, false).map_err(refused)?;
            self.touched(services)?;
            return Ok(txid.to_string());
        }
        let scan = self.scan(services)?;
        let old = self.wallet()?.book.journal.get(&txid).cloned().ok_or_else(unknown)?;
        match old.state {
            State::Signed | State::Sent | State::InPool | State::Dropped => {}
            state => return Err(refused(format!("the payment is {state}: it can't be cancelled"))),
        }
        self.refuse_later_payments(&old, services)?;
        let mut must = Vec::new();
        for coin in self.coins_of(&old)? {
            if self.is_there(&coin.outpoint, services)? {
                must.push(coin);
            }
        }
        if must.is_empty() {
            self.wallet()?.book.journal.abandon(&txid, true).map_err(refused)?;
            self.touched(services)?;
            return Ok(txid.to_string());
        }
        let rate = self.rate(services)?.max(old.rate());
        let open = self.wallet()?;
        let account = must[0].account;
        let next = open.book.accounts[account].next[0];
        let back = open.scripts.script(&open.book, account, 0, next).map_err(refused)?;
        let order = Order {
            recipients: vec![TxOut { value: Amount::ZERO, script_pubkey: back }],
            rate,
            sweep: true,
            must,
            replaced_fee: Some(old.fee()),
            lock_time: scan.height,
            change_account: account,
            ..Order::default()
        };
        let plan = plan(&open.book, &[], &order, &mut SystemEntropy).map_err(refused)?;
        self.send(plan, Some(&old), services)
    }

    /// The coins of a payment, where they are this wallet's.
    pub fn coins_of(&mut self, payment: &Payment) -> Result<Vec<Coin>, CallError> {
        let open = self.wallet()?;
        let mut coins = Vec::new();
        for (input, output) in payment.tx.inputs.iter().zip(&payment.spent) {
            let place = open.scripts.place(&output.script_pubkey);
            let (account, branch, index) =
                place.ok_or_else(|| refused("the payment spends what is not this wallet's"))?;
            coins.push(Coin {
                outpoint: input.prevout,
                output: output.clone(),
                height: Some(0),
                coinbase: false,
                account,
                branch,
                index,
            });
        }
        Ok(coins)
    }

    /// The chain has the coin, or an open payment of ours will make it.
    fn is_there(
        &mut self,
        outpoint: &OutPoint,
        services: &mut dyn ConsoleServices,
    ) -> Result<bool, CallError> {
        let journal = &self.wallet()?.book.journal;
        let open = |state| !matches!(state, State::Abandoned | State::Replaced { .. });
        if journal
            .get(&outpoint.txid)
            .is_some_and(|made| open(made.state) && !matches!(made.state, State::Confirmed { .. }))
        {
            return Ok(true);
        }
        let params = vec![json!(outpoint.txid.to_string()), json!(outpoint.vout), json!(false)];
        Ok(!services.ask("gettxout", params)?.is_null())
    }

    /// Asks before later payments go that spend what this one makes; no in scripts.
    pub fn refuse_later_payments(
        &mut self,
        old: &Payment,
        services: &mut dyn ConsoleServices,
    ) -> Result<(), CallError> {
        let later = self.wallet()?.book.journal.spenders_of(&old.txid());
        if later.is_empty() {
            return Ok(());
        }
        let list: Vec<String> = later.iter().map(Txid::to_string).collect();
        let why = format!(
            "{} would be cancelled with it, as it spends what this payment makes: {}",
            if list.len() == 1 { "a later payment" } else { "later payments" },
            list.join(" ")
        );
        if services.confirm(&format!("{why}; go on?")) {
            return Ok(());
        }
        Err(refused(format!("{why}: nothing was sent; `cpfp` hurries both")))
    }
}

/// What the journal knows of a payment, in its row of the history.
fn annotate(row: &mut Value, book: &Book, payment: &Payment) {
    let Some(row) = row.as_object_mut() else { return };
    let mut put = |name: &str, value: Value| row.insert(name.to_owned(), value);
    put("state", json!(payment.state.to_string()));
    put("fee", json!(payment.fee().to_string()));
    if payment.time_s > 0 {
        put("sent_at", json!(payment.time_s));
    }
    let paid = payment.payees().map(|output| {
        let to = address_text(book, &output.script_pubkey);
        json!({ "to": to, "amount": output.value.to_string() })
    });
    put("payees", paid.collect());
    if !payment.label.is_empty() {
        put("label", json!(payment.label));
    }
    let replaced: Vec<String> = book
        .journal
        .payments()
        .iter()
        .filter(|old| old.state == State::Replaced { by: payment.txid() })
        .map(|old| old.txid().to_string())
        .collect();
    if !replaced.is_empty() {
        put("replaces", json!(replaced));
    }
    if let Some(note) = &payment.note {
        put("node_says", json!(note));
    }
}
