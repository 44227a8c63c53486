//! A script's view of its transaction: the spending transaction, its input, and the signature
//! checker.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use super::error::ScriptError;
use super::sighash::{DEFAULT, TaprootContext, TxMidstate, finish};
use super::vm::{Checker, SigVersion, TapState};
use crypto::curve::{EcdsaSignature, PublicKey, verify_schnorr};
use crypto::midstate::Midstate;

/// Lock times below are heights, from here on seconds since 1970.
const LOCK_TIME_THRESHOLD: i64 = 500_000_000;
/// An input with this sequence ignores its transaction's lock time.
const SEQUENCE_FINAL: u32 = u32::MAX;
/// Parts of a relative lock (BIP68): no lock, units of 512 seconds, the value.
const SEQUENCE_DISABLE: u32 = 1 << 31;
const SEQUENCE_SECONDS: u32 = 1 << 22;
const SEQUENCE_VALUE: u32 = 0xffff;

/// Checks signatures: the place where checks can be counted, collected or batched. A collector may
/// answer by assumption and check later only if it then runs an input again, with the answers known
/// to be true, whenever an assumption was wrong: scripts may branch on a failing ECDSA signature,
/// though not on a failing Schnorr signature.
pub trait SignatureCheck {
    /// `der` comes without hash type and may be malformed, as may `key`.
    fn ecdsa(&self, der: &[u8], key: &[u8], covered: &Covered<'_>) -> bool;

    /// `hash` makes what the signature covers.
    fn schnorr(&self, signature: &[u8; 64], key: &[u8; 32], hash: &dyn Fn() -> [u8; 32]) -> bool;
}

/// Checks each signature when asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct CheckNow;

impl SignatureCheck for CheckNow {
    fn ecdsa(&self, der: &[u8], key: &[u8], covered: &Covered<'_>) -> bool {
        let Some(key) = PublicKey::from_bytes(key) else { return false };
        EcdsaSignature::from_lax_der(der)
            .is_some_and(|signature| signature.verify(&key, &covered.hash()))
    }

    fn schnorr(&self, signature: &[u8; 64], key: &[u8; 32], hash: &dyn Fn() -> [u8; 32]) -> bool {
        verify_schnorr(key, &hash(), signature)
    }
}

/// What an ECDSA signature of an input covers, hashed when asked.
pub struct Covered<'a> {
    checker: &'a TxChecker<'a>,
    pub code: &'a [u8],
    pub hash_type: u8,
    pub version: SigVersion,
}

impl Covered<'_> {
    pub fn hash(&self) -> [u8; 32] {
        let hashes = &self.checker.hashes;
        let begun = hashes.find(self).unwrap_or_else(|| hashes.begin(self));
        let midstate = *begun.midstate.get_or_init(|| {
            let (midstate, input) = (self.checker.midstate, self.checker.input);
            let message = midstate.message(input, self.code, self.hash_type, self.version);
            message.map(|message| message.absorb())
        });
        finish(midstate, u32::from(self.hash_type))
    }

    /// Hash types of one class differ only in the bytes that come last.
    fn class(&self) -> u8 {
        let base = if matches!(self.hash_type & 0x1f, 2 | 3) { self.hash_type & 3 } else { 1 };
        self.hash_type & 0x80 | base
    }
}

/// A hash of an input but for its hash type, for one code and one class of hash types. Repeated
/// signatures over the same code then cost one hash of the transaction.
#[derive(Debug)]
pub struct Begun {
    class: u8,
    version: SigVersion,
    code: Box<[u8]>,
    /// Empty until it is hashed; None where there is nothing to hash.
    pub midstate: OnceCell<Option<Midstate>>,
}

impl Begun {
    /// The hash with its type, once the rest is hashed.
    pub fn hash(&self, hash_type: u8) -> [u8; 32] {
        finish(self.midstate.get().copied().flatten(), u32::from(hash_type))
    }

    /// Begun for what is covered.
    pub fn is_for(&self, covered: &Covered<'_>) -> bool {
        let class = self.class == covered.class() && self.version == covered.version;
        class && *self.code == *covered.code
    }
}

/// The hashes begun for one input.
#[derive(Debug, Default)]
pub struct Hashes {
    begun: RefCell<Vec<Rc<Begun>>>,
    /// All are kept, not only the last of each class.
    all: bool,
}

impl Hashes {
    /// Keeps what it is given, so that a script that runs again hashes nothing twice.
    pub fn that_keep_all() -> Hashes {
        Hashes { all: true, ..Hashes::default() }
    }

    pub fn find(&self, covered: &Covered<'_>) -> Option<Rc<Begun>> {
        let begun = self.begun.borrow();
        begun.iter().rev().find(|begun| begun.is_for(covered)).cloned()
    }

    /// One that was not found.
    pub fn begin(&self, covered: &Covered<'_>) -> Rc<Begun> {
        let (class, version) = (covered.class(), covered.version);
        let code = covered.code.into();
        let new = Rc::new(Begun { class, version, code, midstate: OnceCell::new() });
        let mut begun = self.begun.borrow_mut();
        if !self.all {
            begun.retain(|other| other.class != class || other.version != version);
        }
        begun.push(new.clone());
        new
    }
}

/// One input of a transaction.
pub struct TxChecker<'a> {
    midstate: &'a TxMidstate<'a>,
    input: usize,
    signatures: &'a dyn SignatureCheck,
    hashes: Hashes,
}

impl<'a> TxChecker<'a> {
    /// `midstate` holds an output for each input, and `input` is one of them.
    pub fn new(
        midstate: &'a TxMidstate<'a>,
        input: usize,
        signatures: &'a dyn SignatureCheck,
    ) -> TxChecker<'a> {
        TxChecker { midstate, input, signatures, hashes: Hashes::default() }
    }
}

impl Checker for TxChecker<'_> {
    fn ecdsa(&self, signature: &[u8], key: &[u8], code: &[u8], version: SigVersion) -> bool {
        let Some((hash_type, der)) = signature.split_last() else { return false };
        if !matches!((key.first(), key.len()), (Some(2 | 3), 33) | (Some(4 | 6 | 7), 65)) {
            return false;
        }
        let covered = Covered { checker: self, code, hash_type: *hash_type, version };
        self.signatures.ecdsa(der, key, &covered)
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
        if !self.midstate.has_taproot(self.input, hash_type) {
            return Err(ScriptError::SchnorrSigHashtype);
        }
        let context = TaprootContext {
            annex_hash: tap.annex_hash,
            leaf: tap.leaf_hash.map(|leaf| (leaf, tap.code_separator)),
        };
        let hash = || {
            let hash = self.midstate.taproot(self.input, hash_type, &context);
            hash.expect("the hash type was just found to have one")
        };
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
