//! Signature opcodes: CHECKSIG and its variants, CHECKMULTISIG, CODESEPARATOR.

use std::borrow::Cow;

use crate::encoding::{check_public_key, check_signature};
use crate::error::ScriptError;
use crate::flags::ScriptFlags;
use crate::instruction::push_data;
use crate::num::{self, MAX_NUM_SIZE};
use crate::sighash::find_and_delete;
use crate::vm::{MAX_OPS, SigVersion, Vm};

type Done = Result<(), ScriptError>;

/// Most keys that CHECKMULTISIG takes.
pub const MAX_MULTISIG_KEYS: usize = 20;

/// What one signature check costs of a tapscript's budget (BIP342).
const TAPSCRIPT_SIGNATURE_WEIGHT: i64 = 50;

/// ( -- ) Signatures from here on cover the script from here on.
pub fn code_separator(vm: &mut Vm<'_>) -> Done {
    vm.mark_code_separator();
    Ok(())
}

/// ( sig key -- f )
pub fn check_sig(vm: &mut Vm<'_>) -> Done {
    vm.stack.need(2)?;
    let key = vm.stack.pop()?;
    let signature = vm.stack.pop()?;
    let valid = check_one(vm, &signature, &key)?;
    vm.stack.push_bool(valid);
    Ok(())
}

/// ( sig key -- )
pub fn check_sig_verify(vm: &mut Vm<'_>) -> Done {
    check_sig(vm)?;
    vm.verify_top(ScriptError::CheckSigVerify)
}

/// ( sig n key -- n+f ) Tapscript only.
pub fn check_sig_add(vm: &mut Vm<'_>) -> Done {
    if vm.version != SigVersion::Tapscript {
        return Err(ScriptError::BadOpcode);
    }
    vm.stack.need(3)?;
    let count = num::decode(vm.stack.top(2)?, vm.minimal_numbers(), MAX_NUM_SIZE)?;
    let key = vm.stack.pop()?;
    vm.stack.drop(1)?;
    let signature = vm.stack.pop()?;
    let valid = check_one(vm, &signature, &key)?;
    vm.stack.push_num(count + i64::from(valid));
    Ok(())
}

fn check_one(vm: &mut Vm<'_>, signature: &[u8], key: &[u8]) -> Result<bool, ScriptError> {
    match vm.version {
        SigVersion::Base | SigVersion::WitnessV0 => check_one_ecdsa(vm, signature, key),
        SigVersion::Tapscript => check_one_schnorr(vm, signature, key),
    }
}

/// In this order: the signature is deleted from the code, its encoding and the key's are checked,
/// then the signature itself; a failing one must be empty where NULLFAIL holds.
fn check_one_ecdsa(vm: &Vm<'_>, signature: &[u8], key: &[u8]) -> Result<bool, ScriptError> {
    let code = code_without(vm, &[signature])?;
    check_signature(signature, vm.flags)?;
    check_public_key(key, vm.flags, vm.version)?;
    let valid = vm.checker.ecdsa(signature, key, &code, vm.version);
    if !valid && vm.flags.has(ScriptFlags::NULLFAIL) && !signature.is_empty() {
        return Err(ScriptError::NullFail);
    }
    Ok(valid)
}

/// BIP342: an empty signature is false, any other must be valid; each other one costs budget, and
/// a key of unknown type accepts all.
fn check_one_schnorr(vm: &mut Vm<'_>, signature: &[u8], key: &[u8]) -> Result<bool, ScriptError> {
    let present = !signature.is_empty();
    if present {
        vm.tap.budget -= TAPSCRIPT_SIGNATURE_WEIGHT;
        if vm.tap.budget < 0 {
            return Err(ScriptError::TapscriptValidationWeight);
        }
    }
    if key.is_empty() {
        return Err(ScriptError::TapscriptEmptyPubkey);
    }
    if let Ok(key) = <&[u8; 32]>::try_from(key) {
        if present {
            vm.checker.schnorr(signature, key, vm.tap)?;
        }
    } else if vm.flags.has(ScriptFlags::DISCOURAGE_UPGRADABLE_PUBKEYTYPE) {
        return Err(ScriptError::DiscourageUpgradablePubkeyType);
    }
    Ok(present)
}

/// The code that signatures cover: from the last CODESEPARATOR on, before witness without the
/// signatures themselves.
fn code_without<'a>(vm: &Vm<'a>, signatures: &[&[u8]]) -> Result<Cow<'a, [u8]>, ScriptError> {
    let mut code = Cow::Borrowed(vm.code());
    if vm.version == SigVersion::Base {
        for signature in signatures {
            let mut pushed = Vec::with_capacity(signature.len() + 5);
            push_data(&mut pushed, signature);
            if let Some(rest) = find_and_delete(&code, &pushed) {
                if vm.flags.has(ScriptFlags::CONST_SCRIPTCODE) {
                    return Err(ScriptError::SigFindAndDelete);
                }
                code = Cow::Owned(rest);
            }
        }
    }
    Ok(code)
}

/// ( dummy sig1 … sigm m key1 … keyn n -- f ) Each signature is checked against the keys from the
/// last one matched on, so that signatures stand in the order of their keys.
pub fn check_multisig(vm: &mut Vm<'_>) -> Done {
    if vm.version == SigVersion::Tapscript {
        return Err(ScriptError::TapscriptCheckMultisig);
    }
    let count = num::decode(vm.stack.top(1)?, vm.minimal_numbers(), MAX_NUM_SIZE)?;
    let keys = usize::try_from(count).ok().filter(|keys| *keys <= MAX_MULTISIG_KEYS);
    let keys = keys.ok_or(ScriptError::PubkeyCount)?;
    vm.op_count += keys;
    if vm.op_count > MAX_OPS {
        return Err(ScriptError::OpCount);
    }
    let first_key = 2;
    let count = num::decode(vm.stack.top(first_key + keys)?, vm.minimal_numbers(), MAX_NUM_SIZE)?;
    let sigs = usize::try_from(count).ok().filter(|sigs| *sigs <= keys);
    let sigs = sigs.ok_or(ScriptError::SigCount)?;
    let first_sig = first_key + keys + 1;
    // One element more than the arguments has always been taken.
    vm.stack.need(first_sig + sigs)?;

    let valid = match_signatures(vm, first_sig, sigs, first_key, keys)?;

    let null_fail = !valid && vm.flags.has(ScriptFlags::NULLFAIL);
    let mut signatures = (first_sig..first_sig + sigs).map(|depth| vm.stack.top(depth));
    if null_fail && signatures.any(|s| s.is_ok_and(|s| !s.is_empty())) {
        return Err(ScriptError::NullFail);
    }
    vm.stack.drop(first_sig + sigs - 1)?;
    // BIP147 wants the extra element empty.
    if !vm.stack.top(1)?.is_empty() && vm.flags.has(ScriptFlags::NULLDUMMY) {
        return Err(ScriptError::SigNullDummy);
    }
    vm.stack.drop(1)?;
    vm.stack.push_bool(valid);
    Ok(())
}

/// Walks signatures and keys from the top of the stack down; gives up as soon as fewer keys than
/// signatures are left, so that encodings further down are never looked at.
fn match_signatures(
    vm: &Vm<'_>,
    mut sig_at: usize,
    mut sigs: usize,
    mut key_at: usize,
    mut keys: usize,
) -> Result<bool, ScriptError> {
    let signatures: Vec<&[u8]> =
        (sig_at..sig_at + sigs).map(|depth| vm.stack.top(depth)).collect::<Result<_, _>>()?;
    let code = code_without(vm, &signatures)?;
    while sigs > 0 {
        if sigs > keys {
            return Ok(false);
        }
        let (signature, key) = (vm.stack.top(sig_at)?, vm.stack.top(key_at)?);
        check_signature(signature, vm.flags)?;
        check_public_key(key, vm.flags, vm.version)?;
        if vm.checker.ecdsa(signature, key, &code, vm.version) {
            sig_at += 1;
            sigs -= 1;
        }
        key_at += 1;
        keys -= 1;
    }
    Ok(true)
}

/// ( dummy sigs m keys n -- )
pub fn check_multisig_verify(vm: &mut Vm<'_>) -> Done {
    check_multisig(vm)?;
    vm.verify_top(ScriptError::CheckMultisigVerify)
}
