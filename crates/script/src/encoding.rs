//! The encoding rules for signatures and public keys, checked before verification (BIP66, BIP62,
//! policy).

use super::error::ScriptError;
use super::flags::ScriptFlags;
use super::vm::SigVersion;
use crypto::curve::{COMPRESSED_KEY_SIZE, EcdsaSignature, FULL_KEY_SIZE};

/// An ECDSA signature (hash type included) is encoded as `flags` demand; empty always is.
pub fn check_signature(signature: &[u8], flags: ScriptFlags) -> Result<(), ScriptError> {
    let Some((hash_type, der)) = signature.split_last() else { return Ok(()) };
    let strict = ScriptFlags::DERSIG | ScriptFlags::LOW_S | ScriptFlags::STRICTENC;
    if flags.has_any(strict) && !is_strict_der(der) {
        return Err(ScriptError::SigDer);
    }
    let low_s = || EcdsaSignature::from_lax_der(der).is_some_and(|signature| signature.is_low_s());
    if flags.has(ScriptFlags::LOW_S) && !low_s() {
        return Err(ScriptError::SigHighS);
    }
    if flags.has(ScriptFlags::STRICTENC) && !matches!(hash_type & !0x80, 1..=3) {
        return Err(ScriptError::SigHashtype);
    }
    Ok(())
}

/// A public key is encoded as `flags` demand.
pub fn check_public_key(
    key: &[u8],
    flags: ScriptFlags,
    version: SigVersion,
) -> Result<(), ScriptError> {
    let compressed = matches!(key, [2 | 3, ..] if key.len() == COMPRESSED_KEY_SIZE);
    let full = matches!(key, [4, ..] if key.len() == FULL_KEY_SIZE);
    if flags.has(ScriptFlags::STRICTENC) && !compressed && !full {
        return Err(ScriptError::PubkeyType);
    }
    let witness = version == SigVersion::WitnessV0;
    if flags.has(ScriptFlags::WITNESS_PUBKEYTYPE) && witness && !compressed {
        return Err(ScriptError::WitnessPubkeyType);
    }
    Ok(())
}

/// The name of a defined ECDSA hash type, as Core writes it.
pub fn hash_type_name(hash_type: u8) -> Option<&'static str> {
    match hash_type {
        0x01 => Some("ALL"),
        0x02 => Some("NONE"),
        0x03 => Some("SINGLE"),
        0x81 => Some("ALL|ANYONECANPAY"),
        0x82 => Some("NONE|ANYONECANPAY"),
        0x83 => Some("SINGLE|ANYONECANPAY"),
        _ => None,
    }
}

/// A signature without hash type is strict DER as BIP66 defines it: `30 len 02 len R 02 len S`,
/// the lengths exact, R and S positive and unpadded.
pub fn is_strict_der(der: &[u8]) -> bool {
    // With its hash type a signature is 9 to 73 bytes.
    if !(8..=72).contains(&der.len()) {
        return false;
    }
    let [0x30, length, body @ ..] = der else { return false };
    if usize::from(*length) != body.len() {
        return false;
    }
    let Some(rest) = strict_integer(body) else { return false };
    strict_integer(rest).is_some_and(<[u8]>::is_empty)
}

/// What follows a positive, unpadded integer.
fn strict_integer(bytes: &[u8]) -> Option<&[u8]> {
    let [0x02, length, rest @ ..] = bytes else { return None };
    let (integer, rest) = rest.split_at_checked(usize::from(*length))?;
    match integer {
        [] | [0x80..=0xff, ..] | [0, 0..=0x7f, ..] => None,
        _ => Some(rest),
    }
}
