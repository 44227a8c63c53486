//! From signatures to scripts and witnesses, held to the script engine, and to the transaction.

use super::fields::{input, keep_final, read_witness};
use super::sign::{Spend, spend_of, unfinished};
use super::{Psbt, PsbtError, key};
use crate::vault::{VaultScript, Way};
use primitives::codec::{Encode, put_compact_size, put_var_bytes};
use primitives::script::Script;
use primitives::tx::{Transaction, TxOut, Witness};
use script::check::verify_input;
use script::checker::CheckNow;
use script::flags::ScriptFlags;
use script::instruction::{push_data, push_minimal};
use script::sighash::TxMidstate;
use script::template::{Template, solve};

/// Script and witness elements that satisfy a script.
type Stack = Vec<Vec<u8>>;

impl Psbt {
    /// Signatures that an input has, and how many it needs.
    pub fn progress(&self, at: usize) -> (usize, usize) {
        let map = &self.inputs[at];
        let have = Psbt::entries(map, input::PARTIAL_SIG).count()
            + usize::from(map.contains_key(&[input::TAP_KEY_SIG][..]));
        let needs = || {
            let utxo = self.utxo(at).ok()?;
            match spend_of(self, at, &utxo).ok()? {
                Spend::Legacy { code } | Spend::WitnessV0 { code } => {
                    match solve(code.as_bytes()) {
                        Template::Multisig { required, .. } => Some(required),
                        _ => Some(1),
                    }
                }
                Spend::Taproot { .. } => Some(1),
            }
        };
        (have, needs().unwrap_or(1))
    }

    /// Makes scripts and witnesses of the signatures of every input, and runs each through the
    /// script engine under the rules of relay.
    pub fn finalize(&mut self) -> Result<(), PsbtError> {
        let utxos = self.utxos()?;
        for (at, utxo) in utxos.iter().enumerate() {
            if !self.is_final(at) {
                self.finalize_input(at, utxo)?;
            }
        }
        self.verified().map(|_| ())
    }

    fn finalize_input(&mut self, at: usize, utxo: &TxOut) -> Result<(), PsbtError> {
        let spend = spend_of(self, at, utxo)?;
        let (mut script_sig, mut witness) = (Vec::new(), Witness::new());
        match &spend {
            Spend::Taproot { .. } => {
                let signature = self.inputs[at].get(&[input::TAP_KEY_SIG][..]);
                let missing = PsbtError::Incomplete { input: at, have: 0, required: 1 };
                witness = vec![signature.cloned().ok_or(missing)?];
            }
            Spend::Legacy { code } => {
                for element in self.satisfy(at, code)? {
                    push_minimal(&mut script_sig, &element);
                }
            }
            Spend::WitnessV0 { code } => {
                witness = self.satisfy(at, code)?;
                if self.inputs[at].contains_key(&[input::WITNESS_SCRIPT][..])
                    && witness.last() != Some(&code.0)
                {
                    witness.push(code.0.clone());
                }
            }
        }
        if let Some(redeem) = self.script_of(at, input::REDEEM_SCRIPT) {
            push_data(&mut script_sig, redeem.as_bytes());
        }
        let map = &mut self.inputs[at];
        if !script_sig.is_empty() {
            map.insert(vec![input::FINAL_SCRIPT_SIG], script_sig);
        }
        if !witness.is_empty() {
            let mut bytes = Vec::new();
            put_compact_size(&mut bytes, witness.len());
            witness.iter().for_each(|element| put_var_bytes(&mut bytes, element));
            map.insert(vec![input::FINAL_WITNESS], bytes);
        }
        keep_final(map);
        Ok(())
    }

    /// What satisfies a script, from the signatures and secrets that the input has.
    fn satisfy(&self, at: usize, code: &Script) -> Result<Stack, PsbtError> {
        let map = &self.inputs[at];
        let signature = |public: &[u8]| map.get(&key(input::PARTIAL_SIG, public)).cloned();
        let (have, required) = self.progress(at);
        let incomplete = || PsbtError::Incomplete { input: at, have, required };
        match solve(code.as_bytes()) {
            Template::PubKey { key } => Ok(vec![signature(key).ok_or_else(incomplete)?]),
            Template::PubKeyHash { hash } => {
                let found = Psbt::entries(map, input::PARTIAL_SIG)
                    .find(|(public, _)| crypto::hash::hash160(public) == hash);
                let (public, signature) = found.ok_or_else(incomplete)?;
                Ok(vec![signature.to_vec(), public.to_vec()])
            }
            Template::Multisig { required, keys } => {
                let mut stack = vec![Vec::new()];
                stack.extend(keys.iter().filter_map(|key| signature(key)).take(required));
                if stack.len() <= required { Err(incomplete()) } else { Ok(stack) }
            }
            _ => self.satisfy_vault(at, code),
        }
    }

    fn satisfy_vault(&self, at: usize, code: &Script) -> Result<Stack, PsbtError> {
        let vault = VaultScript::from_script(code.as_bytes())
            .ok_or_else(|| unfinished(at, "its script is of no known kind"))?;
        let map = &self.inputs[at];
        let signature = |public: &[u8; 33]| map.get(&key(input::PARTIAL_SIG, public));
        let secret = vault.hash().and_then(|hash| map.get(&key(input::SHA256, hash)));
        let made = match &vault {
            VaultScript::Timed { key, .. } => {
                signature(key).and_then(|s| vault.witness(Way::Wait, s, None))
            }
            VaultScript::Hashed { claim, refund, .. } => secret
                .zip(signature(claim))
                .and_then(|(secret, s)| vault.witness(Way::Claim, s, Some(secret)))
                .or_else(|| signature(refund).and_then(|s| vault.witness(Way::Wait, s, None))),
        };
        made.ok_or(PsbtError::Incomplete { input: at, have: 0, required: 1 })
    }

    /// The transaction with what is final in it.
    fn assembled(&self) -> Result<Transaction, PsbtError> {
        let mut tx = self.tx.clone();
        for (at, tx_input) in tx.inputs.iter_mut().enumerate() {
            if !self.is_final(at) {
                let (have, required) = self.progress(at);
                return Err(PsbtError::Incomplete { input: at, have, required });
            }
            let map = &self.inputs[at];
            if let Some(script) = map.get(&[input::FINAL_SCRIPT_SIG][..]) {
                tx_input.script_sig = Script(script.clone());
            }
            if let Some(bytes) = map.get(&[input::FINAL_WITNESS][..]) {
                tx_input.witness = read_witness(bytes).unwrap_or_default();
            }
        }
        Ok(tx)
    }

    /// The finished transaction; each input has passed the script engine.
    pub fn verified(&self) -> Result<Transaction, PsbtError> {
        let tx = self.assembled()?;
        let utxos = self.utxos()?;
        let midstate = TxMidstate::new(&tx, &utxos);
        for at in 0..tx.inputs.len() {
            verify_input(&midstate, at, ScriptFlags::STANDARD, &CheckNow)
                .map_err(|e| PsbtError::ScriptRefuses { input: at, why: e.to_string() })?;
        }
        Ok(tx)
    }

    /// The finished transaction as bytes, as it is; for who has its outputs elsewhere.
    pub fn extract(&self) -> Result<Vec<u8>, PsbtError> {
        match self.utxos() {
            Ok(_) => Ok(self.verified()?.to_bytes()),
            Err(PsbtError::NoUtxo { .. }) => Ok(self.assembled()?.to_bytes()),
            Err(e) => Err(e),
        }
    }
}
