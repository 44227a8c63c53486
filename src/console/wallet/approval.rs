//! The verdict before every signature: the same for keys of the wallet, of a token and of scripts.

use serde_json::Value;

use super::coins::GAP;
use super::script_cache::ScriptCache;
use super::session::{ConsoleServices, Open, WalletSession, refused};
use crypto::entropy::{SystemEntropy, random_bytes};
use primitives::script::Script;
use rpc::error::CallError;
use wallet::book::Book;
use wallet::psbt::Psbt;
use wallet::psbt::sign::Signer;
use wallet::spend::MasterSigner;
use wallet::verdict::{Leave, Verdict, judge};

/// Judges a PSBT by the policies of the open wallet; without one, nothing is anybody's.
pub fn verdict_of(
    open: Option<&mut Open>,
    psbt: Psbt,
    services: &dyn ConsoleServices,
) -> Result<Verdict, CallError> {
    let empty = Book::watch_only(services.config().params);
    let none = ScriptCache::default();
    let (book, scripts) = match open {
        Some(open) => {
            // A finished PSBT tells no keys: its scripts are looked up.
            for at in 0..open.book.accounts.len() {
                let account = &open.book.accounts[at];
                for branch in 0..if account.descriptor.has_change() { 2 } else { 1 } {
                    let until = account.next[branch] as usize + GAP;
                    open.scripts.extend(&open.book, at, branch, until).map_err(refused)?;
                }
            }
            (&open.book, &open.scripts)
        }
        None => (&empty, &none),
    };
    let find = |script: &Script| scripts.place(script);
    judge(book, psbt, &find, Leave::default()).map_err(refused)
}

impl WalletSession {
    pub fn judge(
        &mut self,
        psbt: Psbt,
        services: &dyn ConsoleServices,
    ) -> Result<Verdict, CallError> {
        verdict_of(self.open.as_mut(), psbt, services)
    }

    /// What a verdict says, for scripts.
    pub fn verdict_json(&self, verdict: &Verdict, services: &dyn ConsoleServices) -> Value {
        match &self.open {
            Some(open) => verdict.to_json(&open.book),
            None => verdict.to_json(&Book::watch_only(services.config().params)),
        }
    }

    /// Refuses what is refused; asks about a fee that looks like a slip, and no in scripts; at a
    /// terminal, shows everything and asks.
    pub fn approve(
        &mut self,
        verdict: &Verdict,
        services: &mut dyn ConsoleServices,
    ) -> Result<(), CallError> {
        if let Some(refusal) = verdict.refusals.first() {
            return Err(refused(refusal));
        }
        if let Some(slip) = verdict.fee_slip()
            && !services.confirm(&format!("{slip}; sign it?"))
        {
            return Err(refused(format!("{slip}: not signed")));
        }
        if services.is_terminal() {
            let params = services.config().params;
            let screen = match &self.open {
                Some(open) => verdict.screen(&open.book),
                None => verdict.screen(&Book::watch_only(params)),
            };
            if !services.confirm(&format!("{screen}sign it?")) {
                return Err(refused("not signed"));
            }
        }
        Ok(())
    }

    /// Signs with the wallet's keys what was judged.
    pub fn sign(&mut self, verdict: Verdict) -> Result<(Psbt, usize), CallError> {
        let master = self.wallet()?.book.master().map_err(refused)?;
        sign_with(verdict, &MasterSigner(&master))
    }
}

/// Signs what was judged.
pub fn sign_with(verdict: Verdict, signer: &dyn Signer) -> Result<(Psbt, usize), CallError> {
    let aux = random_bytes(&mut SystemEntropy).map_err(refused)?;
    verdict.sign(signer, &aux).map_err(refused)
}
