//! Payments: planned, shown, signed, sent; and what is done for those that wait too long.

use rpc_types::tx::RawTransactionResult;
use serde_json::{Value, json};

use super::coins::State;
use super::session::{ConsoleServices, WalletSession, address_text, refused, wrong};
use crypto::entropy::{SystemEntropy, random_bytes};
use primitives::address::Address;
use primitives::amount::Amount;
use primitives::codec::{Decode, Encode};
use primitives::fee::FeeRate;
use primitives::hex;
use primitives::id::Txid;
use primitives::script::Script;
use primitives::tx::{Transaction, TxOut};
use rpc::error::{CallError, ErrorKind};
use rpc::table::calls;
use rpc::value::{Json, Mixed};
use wallet::book::Sent;
use wallet::descriptor::Descriptor;
use wallet::psbt::Psbt;
use wallet::spend::{Coin, MasterSigner, Order, Plan, plan, psbt_of};

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
        map.iter()
            .map(|(address, amount)| {
                let script_pubkey = self.script_of(address, services)?;
                let text = amount.as_str().ok_or_else(|| wrong(why))?;
                let value: Amount = text.parse().map_err(wrong)?;
                Ok(TxOut { value, script_pubkey })
            })
            .collect()
    }

    pub fn set_rate(&mut self, rate: i64) -> Result<(), CallError> {
        if !(0..=MOST_RATE).contains(&rate) {
            let why = format!(
                "a fee rate is 1 to {MOST_RATE} base units a virtual byte; 0: the node's estimate"
            );
            return Err(wrong(why));
        }
        self.rate = (rate != 0).then_some(rate);
        Ok(())
    }

    /// The fee rate: as set, else the node's estimate, else the least.
    pub fn rate(&self, services: &mut dyn ConsoleServices) -> Result<FeeRate, CallError> {
        if let Some(rate) = self.rate {
            return Ok(FeeRate { per_kvb: rate * 1000 });
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
        let single = |descriptor: &Descriptor| {
            !matches!(descriptor, Descriptor::Multi { .. } | Descriptor::Vault(_))
        };
        let mut coins = Vec::new();
        let mut waiting = Amount::ZERO;
        for coin in scan.coins {
            let book = &self.wallet()?.book;
            let usable = coin.account == at
                || single(&book.accounts[coin.account].descriptor)
                    && book.accounts.get(at).is_some_and(|a| single(&a.descriptor));
            if !usable {
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

    /// Signs a plan and sends it, once the operator at a terminal says yes.
    pub fn send(
        &mut self,
        plan: Plan,
        replaces: Option<&Transaction>,
        services: &mut dyn ConsoleServices,
    ) -> Result<String, CallError> {
        self.wallet()?.book.seed().map_err(refused)?;
        self.agree(&plan, services)?;
        let psbt = self.psbt(&plan, services)?;
        let tx = self.sign_whole(psbt)?;
        self.submit(&plan, tx, replaces, services)
    }

    /// At a terminal, shows the plan and asks; elsewhere a fee that looks like a slip is refused.
    fn agree(&mut self, plan: &Plan, services: &mut dyn ConsoleServices) -> Result<(), CallError> {
        if let Some(slip) = plan.fee_slip() {
            if !services.is_terminal() {
                return Err(refused(format!("{slip}: nothing was sent; set a lower `fee-rate`")));
            }
            if !services.confirm(&format!("{slip}; send it nevertheless?")) {
                return Err(refused("nothing was sent"));
            }
        }
        if services.is_terminal() {
            let shown = self.shown(plan)?;
            let mut question = String::new();
            for output in shown["outputs"].as_array().into_iter().flatten() {
                let kind = if output["change"] == json!(true) { "change to" } else { "pay" };
                let text = |name: &str| output[name].as_str().unwrap_or_default().to_owned();
                question += &format!("{kind} {} {}\n", text("to"), text("amount"));
            }
            let inputs = plan.coins.len();
            let inputs = if inputs == 1 { "1 input".into() } else { format!("{inputs} inputs") };
            question += &format!("fee {} for {} vB, {inputs}; send it?", plan.fee, plan.vsize);
            if !services.confirm(&question) {
                return Err(refused("nothing was sent"));
            }
        }
        Ok(())
    }

    pub fn psbt(
        &mut self,
        plan: &Plan,
        services: &mut dyn ConsoleServices,
    ) -> Result<Psbt, CallError> {
        let open = self.wallet()?;
        psbt_of(&open.book, plan, |txid| {
            let params = vec![json!(txid.to_string())];
            match services.call_node::<calls::GetRawTx>(params).ok()? {
                Mixed(RawTransactionResult::Hex(hex)) => {
                    Transaction::from_bytes(&hex::decode(&hex.0).ok()?).ok()
                }
                Mixed(RawTransactionResult::Transaction(_)) => None,
            }
        })
        .map_err(refused)
    }

    pub fn sign_whole(&mut self, mut psbt: Psbt) -> Result<Transaction, CallError> {
        let master = self.wallet()?.book.master().map_err(refused)?;
        let aux = random_bytes(&mut SystemEntropy).map_err(refused)?;
        psbt.sign(&MasterSigner(&master), &aux).map_err(refused)?;
        psbt.finalize().map_err(refused)?;
        psbt.verified().map_err(refused)
    }

    /// Remembers, then sends: whatever happens on the way, the wallet knows what it signed.
    pub fn submit(
        &mut self,
        plan: &Plan,
        tx: Transaction,
        replaces: Option<&Transaction>,
        services: &mut dyn ConsoleServices,
    ) -> Result<String, CallError> {
        let spent = plan.coins.iter().map(|coin| coin.output.clone()).collect();
        let change = plan.change.map(|(vout, ..)| vout);
        let book = &mut self.wallet()?.book;
        let before = (book.sent.clone(), plan.change.map(|(_, a, _)| book.accounts[a].next[1]));
        book.remember(Sent { tx: tx.clone(), spent, change }, replaces);
        if let Some((_, account, index)) = plan.change {
            let next = &mut book.accounts[account].next[1];
            *next = (*next).max(index + 1);
        }
        self.touched(services)?;
        let txid = tx.txid();
        let sent = services.ask("sendrawtransaction", vec![json!(hex::encode(&tx.to_bytes()))]);
        match sent {
            Ok(_) => Ok(txid.to_string()),
            Err(e) if is_answer(e.kind) => {
                let book = &mut self.wallet()?.book;
                book.sent = before.0;
                if let (Some((_, account, _)), Some(next)) = (plan.change, before.1) {
                    book.accounts[account].next[1] = next;
                }
                self.touched(services)?;
                let why = format!("the node refused the payment, nothing left: {}", e.message);
                Err(CallError::new(e.kind, why))
            }
            Err(e) => Err(CallError::new(
                e.kind,
                format!(
                    "the node was lost while {txid} was handed over, so it may have left or not: \
                     `tx {txid}` or `history` tells; sending again can't pay twice if you \
                     `bump {txid}`: {}",
                    e.message
                ),
            )),
        }
    }

    /// A transaction that this wallet sent and that is not confirmed yet.
    fn sent(&mut self, txid: &str) -> Result<Sent, CallError> {
        let txid: Txid = txid.trim().parse().map_err(|_| wrong("this is no transaction id"))?;
        let book = &self.wallet()?.book;
        let found = book.sent.iter().find(|sent| sent.tx.txid() == txid).cloned();
        let why = format!("this wallet did not send {txid}");
        found.ok_or_else(|| CallError::not_found(why))
    }

    /// Replaces a payment by one that pays a higher fee (BIP125).
    pub fn bump(
        &mut self,
        txid: &str,
        services: &mut dyn ConsoleServices,
    ) -> Result<String, CallError> {
        let old = self.sent(txid)?;
        let (mut coins, waiting, height) = self.candidates(services)?;
        let entry = services.ask("getmempoolentry", vec![json!(old.tx.txid().to_string())]);
        if entry.as_ref().is_err_and(|e| e.kind == ErrorKind::NotFound) {
            let known = services.ask("getrawtransaction", vec![json!(txid.trim())]).is_ok();
            if known {
                return Err(refused("the payment is confirmed: there is nothing to hurry"));
            }
        }
        let rate = self.rate(services)?;
        let fee = old.fee();
        let open = self.wallet()?;
        let mut must = Vec::new();
        for (input, output) in old.tx.inputs.iter().zip(&old.spent) {
            let place = open.scripts.place(&output.script_pubkey);
            let (account, branch, index) =
                place.ok_or_else(|| refused("the payment spends what is not this wallet's"))?;
            must.push(Coin {
                outpoint: input.prevout,
                output: output.clone(),
                height: Some(0),
                coinbase: false,
                account,
                branch,
                index,
            });
        }
        // What the old payment made can't be spent by the new one.
        coins.retain(|coin| coin.outpoint.txid != old.tx.txid() && coin.height.is_some());
        let change = old.change.map(|vout| vout as usize);
        let recipients: Vec<TxOut> = old
            .tx
            .outputs
            .iter()
            .enumerate()
            .filter(|(at, _)| Some(*at) != change)
            .map(|(_, output)| output.clone())
            .collect();
        let order = Order {
            recipients,
            // Half as much again at least, so that a bump is felt.
            rate: rate.max(FeeRate::of(Amount(fee.0 * 3 / 2), old.tx.vsize())),
            must,
            replaced_fee: Some(fee),
            lock_time: height,
            change_account: open.account,
            waiting,
            ..Order::default()
        };
        let plan = plan(&open.book, &coins, &order, &mut SystemEntropy).map_err(refused)?;
        self.send(plan, Some(&old.tx), services)
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

/// The node examined the transaction and rejected it.
fn is_answer(kind: ErrorKind) -> bool {
    use ErrorKind as K;
    matches!(kind, K::Rejected | K::Unwanted | K::Undecodable | K::InvalidParams | K::Forbidden)
}
