//! PSBT files and multisig accounts: every step reads one file and writes another, so that it can
//! be done on machines that never meet.

use std::path::Path;

use serde_json::{Value, json};

use super::hsm::Hsm;
use super::pay::PaymentRequest;
use super::script_cache::ScriptCache;
use super::session::{ConsoleServices, WalletSession, address_text, refused, wrong};
use crypto::entropy::{SystemEntropy, random_bytes};
use primitives::codec::Encode;
use primitives::hex;
use primitives::tx::TxOut;
use rpc::error::{CallError, ErrorKind};
use wallet::book::Book;
use wallet::descriptor::{Descriptor, KeyExpr, Wrap, multisig};
use wallet::file;
use wallet::keys::KeyOrigin;
use wallet::psbt::Psbt;
use wallet::spend::{MOST_FEE, MasterSigner};

/// Unused places that are looked through for an output that says it is ours.
const LOOK_AHEAD: u32 = 1000;

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
    file::write(path, (psbt.to_base64() + "\n").as_bytes(), false).map_err(failed)
}

/// What an output is to this wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Others,
    /// Derived anew and found to be the same.
    Ours {
        change: bool,
    },
}

/// Whether the script that stands at a place of our keys is one of our accounts' there. One that
/// says so and is not is a lie.
fn whose(
    book: &Book,
    scripts: &mut ScriptCache,
    output: &TxOut,
    told: &[(Vec<u8>, KeyOrigin)],
) -> Result<Whose, CallError> {
    for (at, account) in book.accounts.iter().enumerate() {
        let origins = account.descriptor.origins();
        for (_, origin) in told {
            let Some(base) = origins.iter().find(|base| {
                base.fingerprint == origin.fingerprint && origin.path.starts_with(&base.path)
            }) else {
                continue;
            };
            let (branch, index) = match origin.path[base.path.len()..] {
                [branch @ 0..2, index] => (branch as usize, index),
                _ => (0, 0),
            };
            let most = account.next[branch.min(1)].saturating_add(LOOK_AHEAD);
            if index > most || branch > 0 && !account.descriptor.has_change() {
                continue;
            }
            let script = scripts.script(book, at, branch, index);
            if script.is_ok_and(|script| script == output.script_pubkey) {
                return Ok(Whose::Ours { change: branch == 1 });
            }
        }
    }
    Ok(Whose::Others)
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
        let psbt = self.psbt(&plan, services)?;
        write(path, &psbt)?;
        if let Some((_, account, index)) = plan.change {
            let next = &mut self.wallet()?.book.accounts[account].next[1];
            *next = (*next).max(index + 1);
            self.touched(services)?;
        }
        Ok(())
    }

    /// What a PSBT does: who pays whom how much, what comes back to us, who has signed.
    pub fn look_at(
        &mut self,
        path: &Path,
        services: &mut dyn ConsoleServices,
    ) -> Result<Value, CallError> {
        let psbt = read(path)?;
        psbt.check_signatures().map_err(refused)?;
        let params = services.config().params;
        let empty = Book::watch_only(params);
        let (book, scripts) = match &mut self.open {
            Some(open) => (&open.book, &mut open.scripts),
            None => (&empty, &mut ScriptCache::default()),
        };
        let mut inputs = Vec::new();
        let mut complete = true;
        for at in 0..psbt.inputs.len() {
            let utxo = psbt.utxo(at).map_err(refused)?;
            let (have, required) = psbt.progress(at);
            let told = psbt.input_origins(at);
            complete &= psbt.is_final(at) || have >= required;
            let fingerprint = |key: &[u8]| {
                let told = told.iter().find(|(public, _)| public == key);
                told.map(|(_, origin)| hex::encode(&origin.fingerprint))
            };
            let signed: Vec<String> = psbt
                .signed_by(at)
                .iter()
                .map(|key| fingerprint(key).unwrap_or_else(|| hex::encode(key)))
                .collect();
            inputs.push(json!({
                "outpoint": psbt.tx.inputs[at].prevout.to_string(),
                "amount": utxo.value.to_string(),
                "address": address_text(book, &utxo.script_pubkey),
                "ours": whose(book, scripts, &utxo, &told)? != Whose::Others,
                "signatures": format!("{} of {required}", if psbt.is_final(at) { required } else { have }),
                "signed_by": signed,
            }));
        }
        let mut outputs = Vec::new();
        for (at, output) in psbt.tx.outputs.iter().enumerate() {
            let kind = match whose(book, scripts, output, &psbt.output_origins(at))? {
                Whose::Others => "payment",
                Whose::Ours { change: true } => "change, verified as ours",
                Whose::Ours { change: false } => "ours, verified",
            };
            outputs.push(json!({
                "to": address_text(book, &output.script_pubkey),
                "amount": output.value.to_string(),
                "what": kind,
            }));
        }
        let fee = psbt.fee().map_err(refused)?;
        Ok(json!({
            "txid": psbt.tx.txid().to_string(),
            "inputs": inputs,
            "outputs": outputs,
            "fee": fee.to_string(),
            "lock_time": psbt.tx.lock_time,
            "complete": complete,
            "version": psbt.version,
        }))
    }

    /// Signs with this wallet's keys what is this wallet's, into another file; the number of
    /// signatures.
    pub fn sign_psbt(
        &mut self,
        from: &Path,
        to: &Path,
        services: &mut dyn ConsoleServices,
    ) -> Result<i64, CallError> {
        let mut psbt = read(from)?;
        let open = self.wallet()?;
        let master = open.book.master().map_err(refused)?;
        self.check_whose(&psbt)?;
        let fee = psbt.fee().map_err(refused)?;
        let paid: i64 = psbt.tx.outputs.iter().map(|output| output.value.0).sum();
        if fee > MOST_FEE || fee.0 > paid / 10 {
            let question = format!("the fee of {fee} is over 10 % of what moves, or over the cap");
            if !services.confirm(&format!("{question}; sign it?")) {
                return Err(refused(format!("{question}: not signed")));
            }
        }
        if services.is_terminal() {
            let question = self.question(&psbt)?;
            if !services.confirm(&question) {
                return Err(refused("not signed"));
            }
        }
        let aux = random_bytes(&mut SystemEntropy).map_err(refused)?;
        let made = psbt.sign(&MasterSigner(&master), &aux).map_err(refused)?;
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
        let mut psbt = read(from)?;
        let token = self.token()?;
        let fee = psbt.fee().map_err(refused)?;
        let paid: i64 = psbt.tx.outputs.iter().map(|output| output.value.0).sum();
        if (fee > MOST_FEE || fee.0 > paid / 10)
            && !services.confirm(&format!("the fee of {fee} looks like a slip; sign it?"))
        {
            return Err(refused(format!("the fee of {fee} looks like a slip: not signed")));
        }
        let made = psbt.sign(token, &[0; 32]).map_err(refused)?;
        if made == 0 {
            return Err(refused("the PSBT asks for no key of this token, or has its signature"));
        }
        write(to, &psbt)?;
        Ok(made as i64)
    }

    /// The inputs that tell keys of ours are of accounts of ours, where we keep the account.
    fn check_whose(&mut self, psbt: &Psbt) -> Result<(), CallError> {
        let open = self.wallet()?;
        let fingerprint = open.book.master().map_err(refused)?.fingerprint();
        let mut ours = 0;
        for at in 0..psbt.inputs.len() {
            let utxo = psbt.utxo(at).map_err(refused)?;
            let told = psbt.input_origins(at);
            if !told.iter().any(|(_, origin)| origin.fingerprint == fingerprint) {
                continue;
            }
            ours += 1;
            let multi = told.len() > 1;
            let keeps = open.book.accounts.iter().any(|account| {
                let origins = account.descriptor.origins();
                origins.len() == told.len()
                    && told
                        .iter()
                        .all(|(_, t)| origins.iter().any(|o| o.fingerprint == t.fingerprint))
            });
            if (keeps || !multi)
                && whose(&open.book, &mut open.scripts, &utxo, &told)? == Whose::Others
                && open.book.accounts.iter().any(|a| {
                    a.descriptor.origins().iter().any(|o| {
                        told.iter().any(|(_, t)| {
                            t.fingerprint == o.fingerprint && t.path.starts_with(&o.path)
                        })
                    })
                })
            {
                let why = format!(
                    "the PSBT was altered: input {at} says it is of an account of ours, but its \
                     script is not the one that the account has there"
                );
                return Err(refused(why));
            }
        }
        if ours == 0 {
            return Err(refused(wallet::psbt::PsbtError::Foreign));
        }
        Ok(())
    }

    fn question(&mut self, psbt: &Psbt) -> Result<String, CallError> {
        let open = self.wallet()?;
        let mut text = String::new();
        for (at, output) in psbt.tx.outputs.iter().enumerate() {
            let told = psbt.output_origins(at);
            let kind = match whose(&open.book, &mut open.scripts, output, &told)? {
                Whose::Others => "pay",
                Whose::Ours { .. } => "back to us",
            };
            let to = address_text(&open.book, &output.script_pubkey);
            text += &format!("{kind} {to} {}\n", output.value);
        }
        let fee = psbt.fee().map_err(refused)?;
        Ok(text + &format!("fee {fee}; sign it?"))
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
        let hex = self.extract(from)?;
        let sent = services.ask("sendrawtransaction", vec![json!(hex)]);
        let txid = sent.map_err(|e| {
            let why = format!("the payment was not taken, as far as is known: {}", e.message);
            CallError::new(e.kind, why)
        })?;
        Ok(txid.as_str().unwrap_or_default().to_owned())
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
        self.add_account(name, made, services)
    }

    /// The multisig accounts.
    pub fn multisig_info(&mut self) -> Result<Value, CallError> {
        let book = &self.wallet()?.book;
        let own = book.master().ok().map(|master| master.fingerprint());
        let list = book.accounts.iter().filter_map(|account| {
            let Descriptor::Multi { required, wrap, .. } = &account.descriptor else { return None };
            let signers: Vec<String> = account
                .descriptor
                .origins()
                .iter()
                .map(|origin| {
                    let ours = if Some(origin.fingerprint) == own { " (this wallet)" } else { "" };
                    format!("{}{ours}", hex::encode(&origin.fingerprint))
                })
                .collect();
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
