//! A script's view of its transaction: the spending transaction, its input, and the signature
//! checker.

use std::cell::RefCell;

use sha2::Sha256;

use super::error::ScriptError;
use super::sighash::{DEFAULT, TaprootContext, TxMidstate, finish, finish_legacy};
use super::vm::{Checker, SigVersion, TapState};
use crypto::curve::{EcdsaSignature, PublicKey, verify_schnorr};

/// Lock times below are heights, from here on seconds since 1970.
const LOCK_TIME_THRESHOLD: i64 = 500_000_000;
/// An input with this sequence ignores its transaction's lock time.
const SEQUENCE_FINAL: u32 = u32::MAX;
/// Parts of a relative lock (BIP68): no lock, units of 512 seconds, the value.
const SEQUENCE_DISABLE: u32 = 1 << 31;
const SEQUENCE_SECONDS: u32 = 1 << 22;
const SEQUENCE_VALUE: u32 = 0xffff;

/// Checks signatures whose hash is known: the place where checks can be counted, collected or
/// batched. A collector may answer true and check later only if it then runs an input again, with
/// the answers one by one, whenever a check of its batch fails: scripts may branch on a failing
/// ECDSA signature, though not on a failing Schnorr signature.
pub trait SignatureCheck {
    /// `der` comes without hash type and may be malformed, as may `key`.
    fn ecdsa(&self, der: &[u8], key: &[u8], hash: &[u8; 32]) -> bool;

    fn schnorr(&self, signature: &[u8; 64], key: &[u8; 32], hash: &[u8; 32]) -> bool;
}

/// Checks each signature when asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct CheckNow;

impl SignatureCheck for CheckNow {
    fn ecdsa(&self, der: &[u8], key: &[u8], hash: &[u8; 32]) -> bool {
        let Some(key) = PublicKey::from_bytes(key) else { return false };
        EcdsaSignature::from_lax_der(der).is_some_and(|signature| signature.verify(&key, hash))
    }

    fn schnorr(&self, signature: &[u8; 64], key: &[u8; 32], hash: &[u8; 32]) -> bool {
        verify_schnorr(key, hash, signature)
    }
}

/// A hash that was computed for this input but for its hash type, and for which code and class of
/// hash type. Repeated signatures over the same code then cost one hash of the transaction.
#[derive(Debug)]
struct CachedHash {
    class: u8,
    version: SigVersion,
    code: Vec<u8>,
    engine: Option<Sha256>,
}

/// One input of a transaction.
pub struct TxChecker<'a> {
    midstate: &'a TxMidstate<'a>,
    input: usize,
    signatures: &'a dyn SignatureCheck,
    hashes: RefCell<Vec<CachedHash>>,
}

impl<'a> TxChecker<'a> {
    /// `midstate` holds an output for each input, and `input` is one of them.
    pub fn new(
        midstate: &'a TxMidstate<'a>,
        input: usize,
        signatures: &'a dyn SignatureCheck,
    ) -> TxChecker<'a> {
        TxChecker { midstate, input, signatures, hashes: RefCell::default() }
    }

    /// The hash that an ECDSA signature with this hash type covers.
    fn ecdsa_hash(&self, code: &[u8], hash_type: u8, version: SigVersion) -> [u8; 32] {
        let wide = u32::from(hash_type);
        // Hash types of one class differ only in the bytes that come last.
        let class =
            hash_type & 0x80 | if matches!(hash_type & 0x1f, 2 | 3) { hash_type & 3 } else { 1 };
        let mut hashes = self.hashes.borrow_mut();
        let known = hashes
            .iter()
            .position(|h| h.class == class && h.version == version)
            .filter(|at| hashes[*at].code == code);
        let at = known.unwrap_or_else(|| {
            let engine = match version {
                SigVersion::WitnessV0 => {
                    let amount = self.midstate.spent()[self.input].value.0;
                    Some(self.midstate.witness_v0_engine(self.input, code, amount, wide))
                }
                SigVersion::Base | SigVersion::Tapscript => {
                    self.midstate.legacy_engine(self.input, code, wide)
                }
            };
            hashes.retain(|h| h.class != class || h.version != version);
            hashes.push(CachedHash { class, version, code: code.to_vec(), engine });
            hashes.len() - 1
        });
        let engine = hashes[at].engine.clone();
        match version {
            SigVersion::WitnessV0 => engine.map_or([0; 32], |engine| finish(engine, wide)),
            SigVersion::Base | SigVersion::Tapscript => finish_legacy(engine, wide),
        }
    }
}

impl Checker for TxChecker<'_> {
    fn ecdsa(&self, signature: &[u8], key: &[u8], code: &[u8], version: SigVersion) -> bool {
        let Some((hash_type, der)) = signature.split_last() else { return false };
        if !matches!((key.first(), key.len()), (Some(2 | 3), 33) | (Some(4 | 6 | 7), 65)) {
            return false;
        }
        let hash = self.ecdsa_hash(code, *hash_type, version);
        self.signatures.ecdsa(der, key, &hash)
    }

    fn schnorr(&self, sig: &[u8], key: &[u8; 32], tap: &TapState) -> Result<(), ScriptError> {
        let (signature, hash_type) = match sig.len() {
            64 => (sig, DEFAULT),
            // The default is never spelt out.
            65 if sig[64] != DEFAULT => (&sig[..64], sig[64]),
            65 => return Err(ScriptError::SchnorrSigHashtype),
            _ => return Err(ScriptError::SchnorrSigSize),
        };
        let signature =
            <&[u8; 64]>::try_from(signature).map_err(|_| ScriptError::SchnorrSigSize)?;
        let context = TaprootContext {
            annex_hash: tap.annex_hash,
            leaf: tap.leaf_hash.map(|leaf| (leaf, tap.code_separator)),
        };
        let hash = self.midstate.taproot(self.input, hash_type, &context);
        let hash = hash.ok_or(ScriptError::SchnorrSigHashtype)?;
        if self.signatures.schnorr(signature, key, &hash) {
            Ok(())
        } else {
            Err(ScriptError::SchnorrSig)
        }
    }

    /// Both are heights or both are times, the transaction's is as late, and its input is not
    /// final (BIP65).
    fn lock_time_reached(&self, lock_time: i64) -> bool {
        let tx = self.midstate.tx();
        let tx_lock_time = i64::from(tx.lock_time);
        (lock_time < LOCK_TIME_THRESHOLD) == (tx_lock_time < LOCK_TIME_THRESHOLD)
            && lock_time <= tx_lock_time
            && tx.inputs[self.input].sequence != SEQUENCE_FINAL
    }

    /// Version 2 at least, the input has a relative lock of the same unit, and it is as long
    /// (BIP112).
    fn sequence_reached(&self, sequence: i64) -> bool {
        let tx = self.midstate.tx();
        let of_input = tx.inputs[self.input].sequence;
        // Bits above the mask are not looked at, so the low 32 are all that count.
        let wanted = sequence as u32;
        tx.version >= 2
            && of_input & SEQUENCE_DISABLE == 0
            && of_input & SEQUENCE_SECONDS == wanted & SEQUENCE_SECONDS
            && of_input & SEQUENCE_VALUE >= wanted & SEQUENCE_VALUE
    }
}
