//! Signing a PSBT, and telling whether the signatures in it fit what it says.

use super::fields::{input, tap_origin};
use super::{Psbt, PsbtError, key};
use crate::keys::KeyOrigin;
use crypto::curve::{EcdsaSignature, PublicKey, tweak_x_only, verify_schnorr};
use crypto::hash::{hash160, sha256};
use crypto::sign::PrivateKey;
use primitives::hex;
use primitives::script::Script;
use primitives::tx::TxOut;
use script::instruction::{script_hash, witness_program};
use script::sighash::{self, TaprootContext, TxMidstate};
use script::template::{Template, solve};
use script::verify::tap_tweak_hash;

/// How an input is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spend {
    Legacy {
        code: Script,
    },
    WitnessV0 {
        code: Script,
    },
    /// Key path alone.
    Taproot {
        internal: Option<[u8; 32]>,
    },
}

/// Public keys whose signatures an input has, with the hash type of each.
pub(crate) type Signed = Vec<(Vec<u8>, u8)>;

/// Who has keys: asked with an origin where the PSBT tells one, and the public key wanted.
pub trait Signer {
    fn key(&self, origin: Option<&KeyOrigin>, public: &[u8]) -> Option<PrivateKey>;

    /// A signature made elsewhere, such as in a token: DER over a hash, low S.
    fn sign_elsewhere(&self, _public: &[u8], _hash: &[u8; 32]) -> Option<Vec<u8>> {
        None
    }
}

/// How an input is spent, from the output and the scripts that the PSBT brings; they must hash to
/// what the output holds.
pub fn spend_of(psbt: &Psbt, at: usize, utxo: &TxOut) -> Result<Spend, PsbtError> {
    let altered = |why: &str| PsbtError::Altered(format!("input {at}: {why}"));
    let mut script = utxo.script_pubkey.clone();
    let mut nested = false;
    if let Some(hash) = script_hash(script.as_bytes()) {
        let redeem = psbt.script_of(at, input::REDEEM_SCRIPT);
        let redeem = redeem.ok_or_else(|| unfinished(at, "its redeem script is missing"))?;
        if hash160(redeem.as_bytes()) != hash {
            return Err(altered("its redeem script is not the output's"));
        }
        script = redeem;
        nested = true;
    } else if psbt.inputs[at].contains_key(&[input::REDEEM_SCRIPT][..]) {
        return Err(altered("it has a redeem script that the output does not ask for"));
    }
    match witness_program(script.as_bytes()) {
        Some((0, program)) if program.len() == 20 => {
            let code = [&[0x76, 0xa9, 20][..], program, &[0x88, 0xac]].concat();
            Ok(Spend::WitnessV0 { code: Script(code) })
        }
        Some((0, program)) => {
            let witness = psbt.script_of(at, input::WITNESS_SCRIPT);
            let witness = witness.ok_or_else(|| unfinished(at, "its witness script is missing"))?;
            if sha256(witness.as_bytes()) != program {
                return Err(altered("its witness script is not the output's"));
            }
            Ok(Spend::WitnessV0 { code: witness })
        }
        Some((1, program)) if program.len() == 32 && !nested => {
            let internal = psbt.inputs[at].get(&[input::TAP_INTERNAL_KEY][..]);
            let internal = internal.and_then(|bytes| <[u8; 32]>::try_from(&bytes[..]).ok());
            Ok(Spend::Taproot { internal })
        }
        Some(_) => Err(unfinished(at, "its output is of a kind that nothing here spends")),
        None => {
            if !psbt.inputs[at].contains_key(&[input::NON_WITNESS_UTXO][..]) {
                return Err(unfinished(
                    at,
                    "an output without witness is signed only with the whole transaction it is of",
                ));
            }
            Ok(Spend::Legacy { code: script })
        }
    }
}

pub(super) fn unfinished(input: usize, why: &str) -> PsbtError {
    PsbtError::Unfinished { input, why: why.to_owned() }
}

/// The hash type that the PSBT asks for; only those over all outputs are signed.
fn hash_type(psbt: &Psbt, at: usize, taproot: bool) -> Result<u8, PsbtError> {
    let asked = psbt.inputs[at].get(&[input::SIGHASH_TYPE][..]);
    let asked = asked.and_then(|bytes| bytes.first_chunk::<4>()).map(|b| u32::from_le_bytes(*b));
    match asked {
        None if taproot => Ok(sighash::DEFAULT),
        None => Ok(sighash::ALL),
        Some(0) if taproot => Ok(sighash::DEFAULT),
        Some(1) => Ok(sighash::ALL),
        Some(_) => Err(unfinished(
            at,
            "it asks for a signature that leaves parts of the transaction open to others",
        )),
    }
}

/// The hash that an ECDSA signature of an input covers.
fn ecdsa_hash(
    midstate: &TxMidstate<'_>,
    at: usize,
    spend: &Spend,
    utxo: &TxOut,
    kind: u8,
) -> Option<[u8; 32]> {
    match spend {
        Spend::Legacy { code } => Some(midstate.legacy(at, code.as_bytes(), u32::from(kind))),
        Spend::WitnessV0 { code } => {
            Some(midstate.witness_v0(at, code.as_bytes(), utxo.value.0, u32::from(kind)))
        }
        Spend::Taproot { .. } => None,
    }
}

/// Public keys that an input's script asks for.
pub(crate) fn keys_asked(spend: &Spend, psbt: &Psbt, at: usize) -> Vec<Vec<u8>> {
    let code = match spend {
        Spend::Legacy { code } | Spend::WitnessV0 { code } => code,
        Spend::Taproot { .. } => return Vec::new(),
    };
    let mut keys: Vec<Vec<u8>> = match solve(code.as_bytes()) {
        Template::PubKey { key } => vec![key.to_vec()],
        Template::Multisig { keys, .. } => keys.iter().map(|key| key.to_vec()).collect(),
        // Vaults hold their keys as plain pushes; a hash names a key that a derivation tells.
        _ => script::instruction::instructions(code.as_bytes())
            .flatten()
            .filter(|i| i.data.len() == 33 && matches!(i.data[0], 2 | 3))
            .map(|i| i.data.to_vec())
            .collect(),
    };
    if let Template::PubKeyHash { hash } = solve(code.as_bytes()) {
        let told = Psbt::entries(&psbt.inputs[at], input::BIP32_DERIVATION);
        keys.extend(told.map(|(k, _)| k.to_vec()).filter(|k| hash160(k) == hash));
    }
    keys
}

impl Psbt {
    /// Signs what `signer` has keys for, unjudged, as BIP174's signers do; the number of signatures
    /// added. From outside `Verdict::sign` is the only way.
    #[cfg(test)]
    pub(crate) fn sign(&mut self, signer: &dyn Signer, aux: &[u8; 32]) -> Result<usize, PsbtError> {
        let utxos = self.utxos()?;
        self.check_signatures()?;
        self.fee()?;
        self.sign_inputs(&utxos, |_| true, signer, aux)
    }

    /// Signs the chosen inputs, which spend `utxos`.
    pub(crate) fn sign_inputs(
        &mut self,
        utxos: &[TxOut],
        chosen: impl Fn(usize) -> bool,
        signer: &dyn Signer,
        aux: &[u8; 32],
    ) -> Result<usize, PsbtError> {
        let tx = self.tx.clone();
        let midstate = TxMidstate::new(&tx, utxos);
        let mut made = Vec::new();
        for (at, utxo) in utxos.iter().enumerate() {
            if self.is_final(at) || !chosen(at) {
                continue;
            }
            let spend = spend_of(self, at, utxo)?;
            if let Spend::Taproot { internal } = &spend {
                let signed = self.sign_taproot(at, utxo, *internal, &midstate, signer, aux)?;
                made.extend(signed.map(|signature| (at, vec![input::TAP_KEY_SIG], signature)));
                continue;
            }
            let kind = hash_type(self, at, false)?;
            for public in keys_asked(&spend, self, at) {
                let place = key(input::PARTIAL_SIG, &public);
                if self.inputs[at].contains_key(&place) {
                    continue;
                }
                let told = self.inputs[at].get(&key(input::BIP32_DERIVATION, &public));
                let origin = told.and_then(|bytes| KeyOrigin::from_bytes(bytes));
                let Some(hash) = ecdsa_hash(&midstate, at, &spend, utxo, kind) else { continue };
                let mut signature = match signer.key(origin.as_ref(), &public) {
                    Some(private) if private.public_key()[..] == public[..] => {
                        private.sign_ecdsa(&hash)
                    }
                    Some(_) => {
                        let why = format!(
                            "input {at} says that key {} is ours at a place where we have another",
                            hex::encode(&public)
                        );
                        return Err(PsbtError::Altered(why));
                    }
                    None => match signer.sign_elsewhere(&public, &hash) {
                        Some(signature) => signature,
                        None => continue,
                    },
                };
                signature.push(kind);
                made.push((at, place, signature));
            }
        }
        let count = made.len();
        for (at, place, signature) in made {
            self.inputs[at].insert(place, signature);
        }
        Ok(count)
    }

    fn sign_taproot(
        &self,
        at: usize,
        utxo: &TxOut,
        internal: Option<[u8; 32]>,
        midstate: &TxMidstate<'_>,
        signer: &dyn Signer,
        aux: &[u8; 32],
    ) -> Result<Option<Vec<u8>>, PsbtError> {
        let Some(internal) = internal else { return Ok(None) };
        if self.inputs[at].contains_key(&[input::TAP_KEY_SIG][..]) {
            return Ok(None);
        }
        let root = self.inputs[at].get(&[input::TAP_MERKLE_ROOT][..]);
        let root = root.and_then(|bytes| <[u8; 32]>::try_from(&bytes[..]).ok());
        let tweak = tap_tweak_hash(&internal, root.as_ref());
        let output = tweak_x_only(&internal, &tweak).map(|(key, _)| key);
        if output.is_none_or(|key| utxo.script_pubkey.as_bytes()[2..] != key) {
            let why = format!("input {at}: its internal key is not the output's");
            return Err(PsbtError::Altered(why));
        }
        let told = self.inputs[at].get(&key(input::TAP_BIP32_DERIVATION, &internal));
        let origin = told.and_then(|bytes| tap_origin(bytes)).and_then(KeyOrigin::from_bytes);
        let Some(private) = signer.key(origin.as_ref(), &internal) else { return Ok(None) };
        if private.x_only() != internal {
            let why =
                format!("input {at} says that a key is ours at a place where we have another");
            return Err(PsbtError::Altered(why));
        }
        let kind = hash_type(self, at, true)?;
        let context = TaprootContext { annex_hash: None, leaf: None };
        let hash = midstate.taproot(at, kind, &context);
        let signature = hash
            .and_then(|hash| private.taproot_tweaked(&tweak)?.sign_schnorr(&hash, aux))
            .ok_or_else(|| unfinished(at, "the key can't sign"))?;
        let mut signature = signature.to_vec();
        if kind != sighash::DEFAULT {
            signature.push(kind);
        }
        Ok(Some(signature))
    }

    /// Every signature in it fits the transaction as it is now.
    pub fn check_signatures(&self) -> Result<(), PsbtError> {
        let signed = self.inputs.iter().any(|map| {
            Psbt::entries(map, input::PARTIAL_SIG).next().is_some()
                || map.contains_key(&[input::TAP_KEY_SIG][..])
        });
        if !signed {
            return Ok(());
        }
        self.verified_signatures(&self.utxos()?).map(|_| ())
    }

    /// The signatures of each input that is not finished, each verified; one that does not fit the
    /// transaction is an error.
    pub(crate) fn verified_signatures(&self, utxos: &[TxOut]) -> Result<Vec<Signed>, PsbtError> {
        let midstate = TxMidstate::new(&self.tx, utxos);
        let mut all = Vec::with_capacity(utxos.len());
        for (at, utxo) in utxos.iter().enumerate() {
            let map = &self.inputs[at];
            let mut signed = Signed::new();
            let any = Psbt::entries(map, input::PARTIAL_SIG).next().is_some()
                || map.contains_key(&[input::TAP_KEY_SIG][..]);
            if self.is_final(at) || !any {
                all.push(signed);
                continue;
            }
            let spend = spend_of(self, at, utxo)?;
            let wrong = |who: &str| {
                PsbtError::Altered(format!(
                    "the signature of {who} in input {at} does not fit, so the transaction was \
                     changed after it was signed, or the signature was"
                ))
            };
            for (public, signature) in Psbt::entries(map, input::PARTIAL_SIG) {
                let Some((kind, der)) = signature.split_last() else { continue };
                let fits = || {
                    let hash = ecdsa_hash(&midstate, at, &spend, utxo, *kind)?;
                    let public = PublicKey::from_bytes(public)?;
                    let signature = EcdsaSignature::from_lax_der(der)?;
                    Some(signature.is_low_s() && signature.verify(&public, &hash))
                };
                if fits() != Some(true) {
                    return Err(wrong(&hex::encode(public)));
                }
                signed.push((public.to_vec(), *kind));
            }
            if let (Spend::Taproot { internal }, Some(bytes)) =
                (&spend, map.get(&[input::TAP_KEY_SIG][..]))
            {
                let kind = bytes.get(64).copied().unwrap_or(sighash::DEFAULT);
                let context = TaprootContext { annex_hash: None, leaf: None };
                let output = utxo.script_pubkey.as_bytes().get(2..);
                let output = output.and_then(|key| <[u8; 32]>::try_from(key).ok());
                let fits = || {
                    let hash = midstate.taproot(at, kind, &context)?;
                    Some(verify_schnorr(&output?, &hash, bytes.first_chunk::<64>()?))
                };
                if fits() != Some(true) {
                    return Err(wrong("the taproot key"));
                }
                signed.push((internal.or(output).unwrap_or_default().to_vec(), kind));
            }
            all.push(signed);
        }
        Ok(all)
    }
}
