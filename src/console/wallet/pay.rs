//! Payments: planned, shown, signed, sent; and what is done for those that wait too long.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::coins::State;
use super::ledger::{is_answer, now_s};
use super::session::{ConsoleServices, WalletSession, address_text, refused, wrong};
use crypto::entropy::SystemEntropy;
use primitives::address::Address;
use primitives::amount::Amount;
use primitives::codec::{Decode, Encode};
use primitives::fee::FeeRate;
use primitives::hex;
use primitives::id::Txid;
use primitives::script::Script;
use primitives::tx::{Transaction, TxOut};
use rpc::error::CallError;
use rpc::table::calls;
use rpc::value::Json;
use wallet::descriptor::Descriptor;
use wallet::journal::{Payment, State as Paid};
use wallet::psbt::Psbt;
use wallet::spend::{Coin, Order, Plan, plan, psbt_of};

/// Blocks in which a payment shall be confirmed when nobody gives a fee rate.
const TARGET_BLOCKS: u64 = 6;
/// Used while the node has no estimate.
const FALLBACK_RATE: FeeRate = FeeRate { per_kvb: 1000 };
/// Highest fee rate that may be set, in base units for a virtual byte.
const MOST_RATE: i64 = 10_000;

/// What a payment is for.
pub enum PaymentRequest {
    Pay(Vec<TxOut>),
    Sweep(Script),
}

impl WalletSession {
    /// The script that an address of this network stands for.
    pub fn script_of(
        &self,
        text: &str,
        services: &dyn ConsoleServices,
    ) -> Result<Script, CallError> {
        let address = Address::from_text(text.trim(), services.config().params).map_err(wrong)?;
        Ok(address.to_script())
    }

    /// `{"ADDRESS": "1.5", …}` as outputs.
    pub fn recipients(
        &self,
        json: &[u8],
        services: &dyn ConsoleServices,
    ) -> Result<Vec<TxOut>, CallError> {
        let value: Value = serde_json::from_slice(json).map_err(wrong)?;
        let why = "recipients are {\"ADDRESS\":\"AMOUNT\",…}, amounts as 1.5 or 150000sat";
        let map = value.as_object().ok_or_else(|| wrong(why))?;
        // A name that comes twice would be paid once: the texts are counted, four quotes a payee.
        if json.iter().filter(|byte| **byte == b'"').count() != 4 * map.len() {
            return Err(wrong(format!("{why}, each address once")));
        }
        let outputs: Result<Vec<TxOut>, CallError> = map
            .iter()
            .map(|(address, amount)| {
                let script_pubkey = self.script_of(address, services)?;
                let text = amount.as_str().ok_or_else(|| wrong(why))?;
                let value: Amount = text.parse().map_err(wrong)?;
                Ok(TxOut { value, script_pubkey })
            })
            .collect();
        let outputs = outputs?;
        // One address in two ways of writing it is one payee.
        let scripts: BTreeSet<&[u8]> = outputs.iter().map(|o| o.script_pubkey.as_bytes()).collect();
        if scripts.len() != outputs.len() {
            return Err(wrong("two of the addresses are one: name each payee once"));
        }
        Ok(outputs)
    }

    /// Base units for a virtual byte, with up to three decimals.
    pub fn set_rate_text(&mut self, text: &str) -> Result<(), CallError> {
        let why = "a fee rate is a number such as 2 or 1.5, in base units a virtual byte";
        let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 3 {
            return Err(wrong(why));
        }
        let number = |text: &str| text.parse::<i64>().unwrap_or(i64::MAX);
        let per_kvb = number(whole).saturating_mul(1000);
        self.set_rate_of(FeeRate {
            per_kvb: per_kvb.saturating_add(number(&format!("{part:0<3}"))),
        })
    }

    pub fn set_rate(&mut self, rate: i64) -> Result<(), CallError> {
        self.set_rate_of(FeeRate { per_kvb: rate.saturating_mul(1000) })
    }

    fn set_rate_of(&mut self, rate: FeeRate) -> Result<(), CallError> {
        if !(0..=MOST_RATE * 1000).contains(&rate.per_kvb) {
            let why = format!(
                "a fee rate is 1 to {MOST_RATE} base units a virtual byte; 0: the node's estimate"
            );
            return Err(wrong(why));
        }
        self.rate = (rate.per_kvb != 0).then_some(rate);
        Ok(())
    }

    /// The fee rate: as set, else the node's estimate, else the least.
    pub fn rate(&self, services: &mut dyn ConsoleServices) -> Result<FeeRate, CallError> {
        if let Some(rate) = self.rate {
            return Ok(rate);
        }
        let Json(estimate) =
            services.call_node::<calls::EstimateFee>(vec![json!(TARGET_BLOCKS)])?;
        if let Some(rate) = estimate.feerate {
            return Ok(FeeRate { per_kvb: rate.base_units().max(1) });
        }
        let Json(info) = services.call_node::<calls::PoolInfo>(Vec::new())?;
        Ok(FALLBACK_RATE.max(FeeRate { per_kvb: info.mempoolminfee.base_units() }))
    }

    /// Coins that a payment of the chosen account may use, and what can't be used now.
    fn candidates(
        &mut self,
        services: &mut dyn ConsoleServices,
    ) -> Result<(Vec<Coin>, Amount, u32), CallError> {
        let scan = self.scan(services)?;
        let at = self.wallet()?.account;
        let mut coins = Vec::new();
        let mut waiting = Amount::ZERO;
        for coin in scan.coins {
            // Accounts never mix: who pays from one does not show the coins of another.
            if coin.account != at {
                continue;
            }
            match self.state_of(&coin, scan.height)? {
                State::Spendable => coins.push(coin),
                State::Vault => {}
                _ => waiting = waiting.saturating_add(coin.output.value),
            }
        }
        Ok((coins, waiting, scan.height))
    }

    /// Plans a payment; nothing is signed.
    pub fn plan(
        &mut self,
        request: PaymentRequest,
        services: &mut dyn ConsoleServices,
    ) -> Result<Plan, CallError> {
        let (coins, waiting, height) = self.candidates(services)?;
        let rate = self.rate(services)?;
        let open = self.wallet()?;
        let (recipients, sweep) = match request {
            PaymentRequest::Pay(recipients) => (recipients, false),
            PaymentRequest::Sweep(script_pubkey) => {
                (vec![TxOut { value: Amount::ZERO, script_pubkey }], true)
            }
        };
        // A lock time of the tip: nobody gains by mining blocks again to take the fee.
        let order = Order {
            recipients,
            rate,
            sweep,
            lock_time: height,
            change_account: open.account,
            waiting,
            ..Order::default()
        };
        plan(&open.book, &coins, &order, &mut SystemEntropy).map_err(refused)
    }

    /// The plan in words.
    pub fn shown(&mut self, plan: &Plan) -> Result<Value, CallError> {
        let book = &self.wallet()?.book;
        let inputs = plan.coins.iter().map(|coin| {
            json!({
                "outpoint": coin.outpoint.to_string(),
                "amount": coin.output.value.to_string(),
                "address": address_text(book, &coin.output.script_pubkey),
            })
        });
        let outputs = plan.tx.outputs.iter().enumerate().map(|(at, output)| {
            json!({
                "to": address_text(book, &output.script_pubkey),
                "amount": output.value.to_string(),
                "change": plan.change.is_some_and(|(vout, ..)| vout as usize == at),
            })
        });
        Ok(json!({
            "inputs": inputs.collect::<Vec<_>>(),
            "outputs": outputs.collect::<Vec<_>>(),
            "fee": plan.fee.to_string(),
            "fee_rate": format!("{:.2} sat/vB", plan.fee.0 as f64 / plan.vsize.max(1) as f64),
            "vsize": plan.vsize,
            "paid": plan.paid().to_string(),
        }))
    }

    /// Signs a plan and sends it, once it is judged and the operator at a terminal says yes.
    pub fn send(
        &mut self,
        plan: Plan,
        replaces: Option<&Payment>,
        services: &mut dyn ConsoleServices,
    ) -> Result<String, CallError> {
        self.wallet()?.book.seed().map_err(refused)?;
        self.agree(&plan, services)?;
        let psbt = self.psbt(&plan, &[], services)?;
        let verdict = self.judge(psbt, services)?;
        if services.is_terminal() && verdict.is_approved() {
            let screen = verdict.screen(&self.wallet()?.book);
            if !services.confirm(&format!("{screen}send it?")) {
                return Err(refused("nothing was sent"));
            }
        }
        let (psbt, _) = self.sign(verdict)?;
        let tx = finished(psbt)?;
        self.submit(&plan, tx, replaces, services)
    }

    /// A fee that looks like a slip is asked about at a terminal and refused elsewhere.
    fn agree(&mut self, plan: &Plan, services: &mut dyn ConsoleServices) -> Result<(), CallError> {
        let Some(slip) = plan.fee_slip() else { return Ok(()) };
        if !services.is_terminal() {
            return Err(refused(format!("{slip}: nothing was sent; set a lower `fee-rate`")));
        }
        match services.confirm(&format!("{slip}; send it nevertheless?")) {
            true => Ok(()),
            false => Err(refused("nothing was sent")),
        }
    }

    /// The PSBT of a plan. Transactions that made its coins are asked of the node, each once, but
    /// for those that are `known`.
    pub fn psbt(
        &mut self,
        plan: &Plan,
        known: &[Transaction],
        services: &mut dyn ConsoleServices,
    ) -> Result<Psbt, CallError> {
        let mut previous: BTreeMap<Txid, Transaction> =
            known.iter().map(|tx| (tx.txid(), tx.clone())).collect();
        let book = &self.wallet()?.book;
        for coin in &plan.coins {
            let txid = coin.outpoint.txid;
            let taproot = matches!(book.accounts[coin.account].descriptor, Descriptor::Tr(_));
            if taproot || previous.contains_key(&txid) {
                continue;
            }
            let ours = book.journal.get(&txid).map(|payment| payment.tx.clone());
            if let Some(tx) = ours.or_else(|| previous_of(coin, services)) {
                previous.insert(txid, tx);
            }
        }
        psbt_of(book, plan, |txid| previous.get(txid).cloned()).map_err(refused)
    }

    /// Writes the payment down, then sends it: whatever happens on the way, the wallet knows what it
    /// signed, keeps its coins, and sends it again.
    fn submit(
        &mut self,
        plan: &Plan,
        tx: Transaction,
        replaces: Option<&Payment>,
        services: &mut dyn ConsoleServices,
    ) -> Result<String, CallError> {
        let spent = plan.coins.iter().map(|coin| coin.output.clone()).collect();
        let change = plan.change.map(|(vout, ..)| vout);
        let book = &mut self.wallet()?.book;
        let mut payment = Payment::new(tx, spent, change, Paid::Signed);
        payment.time_s = now_s();
        payment.sweep = plan.sweep;
        payment.replaces = replaces.map(Payment::txid);
        let before = plan.change.map(|(_, account, _)| (account, book.accounts[account].next[1]));
        if let Some((_, account, index)) = plan.change {
            let next = &mut book.accounts[account].next[1];
            *next = (*next).max(index + 1);
        }
        let sent = self.hand_over(payment, services);
        if let (Err(e), Some((account, next))) = (&sent, before)
            && is_answer(e.kind)
        {
            self.wallet()?.book.accounts[account].next[1] = next;
            self.touched(services)?;
        }
        sent
    }

    /// Writes a signed payment down and hands it to the node.
    pub fn hand_over(
        &mut self,
        payment: Payment,
        services: &mut dyn ConsoleServices,
    ) -> Result<String, CallError> {
        let txid = payment.txid();
        let hex = hex::encode(&payment.tx.to_bytes());
        let known = self.wallet()?.book.journal.get(&txid).is_some();
        self.wallet()?.book.journal.record(payment).map_err(refused)?;
        self.touched(services)?;
        match services.ask("sendrawtransaction", vec![json!(hex)]) {
            Ok(_) => {
                self.wallet()?.book.journal.handed(&txid).map_err(refused)?;
                self.touched(services)?;
                Ok(txid.to_string())
            }
            Err(e) if is_answer(e.kind) => {
                // A proposal that was written down before stays, with its coins.
                if !known {
                    self.wallet()?.book.journal.take_back(&txid).map_err(refused)?;
                    self.touched(services)?;
                }
                let why = format!("the node refused the payment, nothing left: {}", e.message);
                Err(CallError::new(e.kind, why))
            }
            Err(e) => Err(CallError::new(
                e.kind,
                format!(
                    "the node was lost while {txid} was handed over, so it may have left or not: \
                     it is written down, and `history` or `balance` sends it again; pay more for \
                     it with `bump {txid}`, or give it up with `cancel {txid}`: {}",
                    e.message
                ),
            )),
        }
    }

    /// A payment of this wallet that waits.
    fn waiting(&mut self, txid: &str) -> Result<Payment, CallError> {
        let txid: Txid = txid.trim().parse().map_err(|_| wrong("this is no transaction id"))?;
        let found = self.wallet()?.book.journal.get(&txid).cloned();
        let why = format!("this wallet did not send {txid}");
        let payment = found.ok_or_else(|| CallError::not_found(why))?;
        match payment.state {
            Paid::Signed | Paid::Sent | Paid::InPool | Paid::Dropped => Ok(payment),
            Paid::Confirmed { .. } => {
                Err(refused("the payment is confirmed: there is nothing to hurry"))
            }
            state => Err(refused(format!("the payment is {state}: there is nothing to hurry"))),
        }
    }

    /// Replaces a payment by one that pays a higher fee (BIP125).
    pub fn bump(
        &mut self,
        txid: &str,
        services: &mut dyn ConsoleServices,
    ) -> Result<String, CallError> {
        // What the node has of it is asked first, and what it lost is sent again.
        let (mut coins, waiting, height) = self.candidates(services)?;
        let old = self.waiting(txid)?;
        self.refuse_later_payments(&old, services)?;
        let rate = self.rate(services)?;
        let fee = old.fee();
        let must = self.coins_of(&old)?;
        let account = must.first().map_or(0, |coin| coin.account);
        let open = self.wallet()?;
        coins.retain(|coin| coin.account == account);
        // What the old payment made can't be spent by the new one.
        coins.retain(|coin| coin.outpoint.txid != old.tx.txid() && coin.height.is_some());
        if old.sweep {
            coins.clear();
        }
        let recipients: Vec<TxOut> = old.payees().cloned().collect();
        let order = Order {
            recipients,
            // Half as much again at least, so that a bump is felt.
            rate: rate.max(FeeRate::of(Amount(fee.0 * 3 / 2), old.tx.vsize())),
            must,
            sweep: old.sweep,
            replaced_fee: Some(fee),
            lock_time: height,
            change_account: account,
            waiting,
            ..Order::default()
        };
        let plan = plan(&open.book, &coins, &order, &mut SystemEntropy).map_err(refused)?;
        self.send(plan, Some(&old), services)
    }

    /// Spends what an unconfirmed transaction brought, with a fee for both (CPFP).
    pub fn cpfp(
        &mut self,
        txid: &str,
        services: &mut dyn ConsoleServices,
    ) -> Result<String, CallError> {
        let parent: Txid = txid.trim().parse().map_err(|_| wrong("this is no transaction id"))?;
        let scan = self.scan(services)?;
        let must: Vec<Coin> = scan
            .coins
            .into_iter()
            .filter(|coin| coin.outpoint.txid == parent && coin.height.is_none())
            .collect();
        if must.is_empty() {
            let why = format!("{parent} has no unconfirmed output of this wallet to spend");
            return Err(CallError::not_found(why));
        }
        let params = vec![json!(parent.to_string())];
        let Json(entry) = services.call_node::<calls::PoolEntry>(params)?;
        let size = usize::try_from(entry.ancestorsize).unwrap_or(usize::MAX);
        let paid = Amount(entry.fees.ancestor.base_units());
        let rate = self.rate(services)?.max(FeeRate::of(Amount(2 * paid.0), size));
        let open = self.wallet()?;
        let account = must[0].account;
        let back = open.scripts.script(&open.book, account, 0, open.book.accounts[account].next[0]);
        let script_pubkey = back.map_err(refused)?;
        let order = Order {
            recipients: vec![TxOut { value: Amount::ZERO, script_pubkey }],
            rate,
            sweep: true,
            must,
            extra_fee: rate.fee(size).saturating_sub(paid).max(Amount::ZERO),
            lock_time: scan.height,
            change_account: account,
            ..Order::default()
        };
        let plan = plan(&open.book, &[], &order, &mut SystemEntropy).map_err(refused)?;
        self.send(plan, None, services)
    }
}

/// The transaction that made a coin: from the pool or the index of transactions, else from the coin's
/// block, for chains that keep no index.
fn previous_of(coin: &Coin, services: &mut dyn ConsoleServices) -> Option<Transaction> {
    let txid = json!(coin.outpoint.txid.to_string());
    let found = services.ask("getrawtransaction", vec![txid.clone()]);
    let found = found.or_else(|e| {
        let height = coin.height.ok_or(e)?;
        let block = services.ask("getblockhash", vec![json!(height)])?;
        services.ask("getrawtransaction", vec![txid, json!(0), block])
    });
    Transaction::from_bytes(&hex::decode(found.ok()?.as_str()?).ok()?).ok()
}

/// The transaction of enough signatures; the script engine checks every input.
pub fn finished(mut psbt: Psbt) -> Result<Transaction, CallError> {
    psbt.finalize().map_err(refused)?;
    psbt.verified().map_err(refused)
}
