//! PSBT files and multisig accounts: every step reads one file and writes another, so that it can
//! be done on machines that never meet.

use std::path::Path;

use serde_json::{Value, json};

use super::approval::sign_with;
use super::hsm::Hsm;
use super::ledger::now_s;
use super::pay::{PaymentRequest, finished};
use super::session::{ConsoleServices, WalletSession, refused, wrong};
use primitives::codec::Encode;
use primitives::hex;
use rpc::error::{CallError, ErrorKind};
use wallet::descriptor::{Descriptor, KeyExpr, Wrap, multisig};
use wallet::file;
use wallet::journal::{Payment, State};
use wallet::policy::{Role, check, own_seats};
use wallet::psbt::Psbt;
use wallet::psbt::codec::MAX_SIZE;
use wallet::verdict::{OutputView, Owner, Refusal, Verdict};

fn failed(why: impl ToString) -> CallError {
    CallError::new(ErrorKind::File, why.to_string())
}

/// Reads a PSBT file, in base64 or bytes.
pub fn read(path: &Path) -> Result<Psbt, CallError> {
    let bytes = file::read(path).map_err(failed)?;
    Psbt::read(&bytes).map_err(|e| refused(format!("{}: {e}", path.display())))
}

/// Writes a PSBT file as base64; a file that is there stays.
fn write(path: &Path, psbt: &Psbt) -> Result<(), CallError> {
    // Each input carries the transaction that made its coin.
    if psbt.to_bytes().len() > MAX_SIZE {
        let why = "the PSBT would be over 16 MiB, which nobody reads: spend fewer coins at once";
        return Err(refused(why));
    }
    file::write(path, (psbt.to_base64() + "\n").as_bytes(), false).map_err(failed)
}

impl WalletSession {
    /// A payment of the chosen account as a PSBT file, unsigned.
    pub fn create_psbt(
        &mut self,
        request: PaymentRequest,
        path: &Path,
        services: &mut dyn ConsoleServices,
    ) -> Result<(), CallError> {
        let plan = self.plan(request, services)?;
        if let Some(slip) = plan.fee_slip()
            && !services.confirm(&format!("{slip}; go on?"))
        {
            let why = format!("{slip}: nothing was written; set a lower `fee-rate`");
            return Err(refused(why));
        }
        let psbt = self.psbt(&plan, &[], services)?;
        // Its coins are spoken for before anybody is asked to sign.
        let spent = plan.coins.iter().map(|coin| coin.output.clone()).collect();
        let change = plan.change.map(|(vout, ..)| vout);
        let mut draft = Payment::new(plan.tx.clone(), spent, change, State::Draft);
        draft.time_s = now_s();
        draft.sweep = plan.sweep;
        write(path, &psbt)?;
        let book = &mut self.wallet()?.book;
        book.journal.record(draft).map_err(refused)?;
        if let Some((_, account, index)) = plan.change {
            let next = &mut book.accounts[account].next[1];
            *next = (*next).max(index + 1);
        }
        self.touched(services)
    }

    /// What a PSBT does: who pays whom how much, what comes back to us, who has signed.
    pub fn look_at(
        &mut self,
        path: &Path,
        services: &mut dyn ConsoleServices,
    ) -> Result<Value, CallError> {
        let verdict = self.judge(read(path)?, services)?;
        Ok(self.verdict_json(&verdict, services))
    }

    /// The verdict on a PSBT, and whether it is that a script may sign it.
    pub fn check_psbt(
        &mut self,
        path: &Path,
        services: &mut dyn ConsoleServices,
    ) -> Result<(Value, bool), CallError> {
        match read(path).and_then(|psbt| self.judge(psbt, services)) {
            // A fee that looks like a slip is signed by no script.
            Ok(verdict) => {
                let approved = verdict.is_approved() && verdict.fee_slip().is_none();
                Ok((self.verdict_json(&verdict, services), approved))
            }
            Err(e) if e.kind == ErrorKind::Rejected => {
                Ok((json!({ "approved": false, "refusals": [e.message] }), false))
            }
            Err(e) => Err(e),
        }
    }

    /// Signs with this wallet's keys what is this wallet's, into another file; the number of
    /// signatures.
    pub fn sign_psbt(
        &mut self,
        from: &Path,
        to: &Path,
        services: &mut dyn ConsoleServices,
    ) -> Result<i64, CallError> {
        let psbt = read(from)?;
        self.wallet()?.book.seed().map_err(refused)?;
        let verdict = self.judge(psbt, services)?;
        self.approve(&verdict, services)?;
        let (psbt, made) = self.sign(verdict)?;
        if made == 0 {
            return Err(refused("this wallet has signed it already, or has no key in it"));
        }
        write(to, &psbt)?;
        Ok(made as i64)
    }

    /// Enters a token with a PIN that is asked for.
    pub fn open_token(
        &mut self,
        module: &str,
        slot: i64,
        services: &mut dyn ConsoleServices,
    ) -> Result<(), CallError> {
        let slot = u64::try_from(slot).map_err(wrong)?;
        let pin = self.secrets.ask("Enter PIN: ", services.is_terminal())?;
        // One token at a time; the one before is left first.
        self.token = None;
        self.token = Some(Hsm::open(module, slot, &pin)?);
        Ok(())
    }

    fn token(&self) -> Result<&Hsm, CallError> {
        let why = "no token is open: `hsm-open MODULE SLOT` enters one";
        self.token.as_ref().ok_or_else(|| CallError::not_found(why))
    }

    pub fn new_token_key(&mut self, label: &str) -> Result<String, CallError> {
        Ok(hex::encode(&self.token()?.new_key(label)?))
    }

    /// Signs with the token's keys what asks for them.
    pub fn sign_by_token(
        &mut self,
        from: &Path,
        to: &Path,
        services: &mut dyn ConsoleServices,
    ) -> Result<i64, CallError> {
        let psbt = read(from)?;
        self.token()?;
        // By the policies of the wallet that is open; a token alone knows none.
        let verdict = self.judge(psbt, services)?;
        if verdict.refusals.contains(&Refusal::Foreign) {
            let why = "no wallet is open that has registered the policy of its inputs, so neither \
                       its members nor its change can be verified: `watch DESCRIPTOR` or `load` one \
                       first";
            return Err(refused(why));
        }
        self.approve(&verdict, services)?;
        let (psbt, made) = sign_with(verdict, self.token()?)?;
        if made == 0 {
            return Err(refused("the PSBT asks for no key of this token, or has its signature"));
        }
        write(to, &psbt)?;
        Ok(made as i64)
    }

    /// Brings what several have signed together.
    pub fn combine(&mut self, from: &[&Path], to: &Path) -> Result<(), CallError> {
        let (first, others) =
            from.split_first().ok_or_else(|| wrong("name the files to combine"))?;
        let mut whole = read(first)?;
        for other in others {
            whole.combine(&read(other)?).map_err(refused)?;
        }
        whole.check_signatures().map_err(refused)?;
        write(to, &whole)
    }

    /// Makes the spend of enough signatures; the script engine checks every input.
    pub fn finalize(&mut self, from: &Path, to: &Path) -> Result<(), CallError> {
        let mut psbt = read(from)?;
        psbt.finalize().map_err(refused)?;
        write(to, &psbt)
    }

    /// The transaction of a complete PSBT, as hex.
    pub fn extract(&mut self, from: &Path) -> Result<String, CallError> {
        let mut psbt = read(from)?;
        psbt.finalize().map_err(refused)?;
        Ok(hex::encode(&psbt.verified().map_err(refused)?.to_bytes()))
    }

    /// Finishes a PSBT and hands it to the node.
    pub fn broadcast(
        &mut self,
        from: &Path,
        services: &mut dyn ConsoleServices,
    ) -> Result<String, CallError> {
        let psbt = read(from)?;
        if self.open.is_some() {
            let verdict = self.judge(psbt.clone(), services)?;
            if verdict.inputs.iter().any(|input| input.owner != Owner::Foreign) {
                return self.broadcast_ours(verdict, psbt, services);
            }
        }
        let hex = hex::encode(&finished(psbt)?.to_bytes());
        let sent = services.ask("sendrawtransaction", vec![json!(hex)]);
        let txid = sent.map_err(|e| {
            let why = format!("the payment was not taken, as far as is known: {}", e.message);
            CallError::new(e.kind, why)
        })?;
        Ok(txid.as_str().unwrap_or_default().to_owned())
    }

    /// The same of a payment of the open wallet: it is written down and followed.
    fn broadcast_ours(
        &mut self,
        verdict: Verdict,
        psbt: Psbt,
        services: &mut dyn ConsoleServices,
    ) -> Result<String, CallError> {
        let tx = finished(psbt)?;
        let spent = verdict.inputs.iter().map(|input| input.output.clone()).collect();
        let is_change =
            |output: &OutputView| matches!(output.owner, Owner::Account { branch: 1, .. });
        let change = verdict.outputs.iter().position(is_change).map(|vout| vout as u32);
        let draft = self.wallet()?.book.journal.get(&tx.txid()).cloned();
        let mut payment = Payment::new(tx, spent, change, State::Signed);
        payment.time_s = draft.as_ref().map_or_else(now_s, |draft| draft.time_s);
        payment.sweep = draft.is_some_and(|draft| draft.sweep);
        self.hand_over(payment, services)
    }

    /// This wallet's key as a cosigner.
    pub fn cosigner(&mut self) -> Result<String, CallError> {
        let book = &self.wallet()?.book;
        let key = book.cosigner().map_err(refused)?;
        Ok(key.show_cosigner(book.params))
    }

    /// A multisig account of cosigners' keys, in the open wallet or in a watch-only one.
    pub fn make_multisig(
        &mut self,
        name: &str,
        required: i64,
        keys: &[&str],
        services: &mut dyn ConsoleServices,
    ) -> Result<Value, CallError> {
        let params = services.config().params;
        let keys: Result<Vec<KeyExpr>, _> =
            keys.iter().map(|key| KeyExpr::parse_cosigner(key, params)).collect();
        let required = usize::try_from(required).map_err(wrong)?;
        let made = multisig(Wrap::Wsh, true, required, keys.map_err(wrong)?).map_err(wrong)?;
        if self.open.is_none() {
            let why = "no wallet is open: `new`, `load-encrypted FILE`, or `watch DESCRIPTOR` for \
                       one without keys";
            return Err(CallError::not_found(why));
        }
        let book = &self.wallet()?.book;
        let master =
            if book.is_watch_only() { None } else { Some(book.master().map_err(refused)?) };
        // Whatever can be refused is, before anybody is asked.
        check(&made, master.as_ref(), Role::Member, params).map_err(refused)?;
        if services.is_terminal() {
            let own = master.as_ref().map(|master| own_seats(&made, master, params));
            let own = own.transpose().map_err(refused)?.unwrap_or_default();
            let keys = made.key_exprs();
            let mut question = format!("{name}: {required} of {} must sign\n", keys.len());
            for (at, key) in keys.into_iter().enumerate() {
                let ours = if own.contains(&at) { " (this wallet)" } else { "" };
                question += &format!("  {}{ours}\n", key.show_cosigner(params));
            }
            if !services.confirm(&format!("{question}register it?")) {
                return Err(refused("not registered"));
            }
        }
        self.add_account(name, made, Role::Member, services)
    }

    /// The multisig accounts.
    pub fn multisig_info(&mut self) -> Result<Value, CallError> {
        let book = &self.wallet()?.book;
        let master = book.master().ok();
        let list = book.accounts.iter().filter_map(|account| {
            let Descriptor::Multi { required, wrap, .. } = &account.descriptor else { return None };
            // Not by what the text says, but by deriving the key.
            let own = master.as_ref();
            let own = own.and_then(|m| own_seats(&account.descriptor, m, book.params).ok());
            let own = own.unwrap_or_default();
            let signer = |(at, key): (usize, &KeyExpr)| {
                let ours = if own.contains(&at) { " (this wallet)" } else { "" };
                format!("{}{ours}", hex::encode(&key.base().fingerprint))
            };
            let keys = account.descriptor.key_exprs();
            let signers: Vec<String> = keys.into_iter().enumerate().map(signer).collect();
            Some(json!({
                "account": account.name,
                "required": required,
                "signers": signers,
                "kind": wrap.to_string(),
                "descriptor": account.descriptor.show(book.params),
            }))
        });
        Ok(Value::Array(list.collect()))
    }

    /// Signatures that a PSBT has, input by input.
    pub fn signatures(
        &mut self,
        path: &Path,
        services: &mut dyn ConsoleServices,
    ) -> Result<Value, CallError> {
        let look = self.look_at(path, services)?;
        let rows = look["inputs"].as_array().into_iter().flatten().map(|input| {
            json!({
                "outpoint": input["outpoint"],
                "signatures": input["signatures"],
                "signed_by": input["signed_by"],
            })
        });
        Ok(Value::Array(rows.collect()))
    }

    /// The same PSBT in version 0 or 2.
    pub fn convert(&mut self, from: &Path, version: i64, to: &Path) -> Result<(), CallError> {
        let version = match version {
            0 => 0,
            2 => 2,
            _ => return Err(wrong("a PSBT is of version 0 or 2")),
        };
        write(to, &read(from)?.to_version(version))
    }
}
