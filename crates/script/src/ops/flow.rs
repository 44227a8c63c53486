//! Pushes, branches, lock times, and the opcodes that always fail.

use crate::error::ScriptError;
use crate::flags::ScriptFlags;
use crate::num::{self, MAX_LOCK_NUM_SIZE};
use crate::opcode::{OP_1, OP_NOTIF};
use crate::vm::{SigVersion, Vm};

/// A relative lock with this bit asks for nothing (BIP68, BIP112).
const SEQUENCE_DISABLE: i64 = 1 << 31;

/// ( -- bytes )
pub fn push_data(vm: &mut Vm<'_>) -> Result<(), ScriptError> {
    if vm.flags.has(ScriptFlags::MINIMALDATA) && !vm.current.is_minimal_push() {
        return Err(ScriptError::MinimalData);
    }
    vm.stack.push(vm.current.data.to_vec());
    Ok(())
}

/// ( -- n ) for -1 and 1 to 16.
pub fn push_number(vm: &mut Vm<'_>) -> Result<(), ScriptError> {
    vm.stack.push_num(i64::from(vm.current.opcode) - i64::from(OP_1 - 1));
    Ok(())
}

/// ( -- )
pub fn nop(_: &mut Vm<'_>) -> Result<(), ScriptError> {
    Ok(())
}

/// ( -- ) A NOP that a soft fork may give a meaning.
pub fn upgradable_nop(vm: &mut Vm<'_>) -> Result<(), ScriptError> {
    if vm.flags.has(ScriptFlags::DISCOURAGE_UPGRADABLE_NOPS) {
        return Err(ScriptError::DiscourageUpgradableNops);
    }
    Ok(())
}

/// Fails: unknown or reserved.
pub fn bad(_: &mut Vm<'_>) -> Result<(), ScriptError> {
    Err(ScriptError::BadOpcode)
}

/// Fails: disabled in 2010.
pub fn disabled(_: &mut Vm<'_>) -> Result<(), ScriptError> {
    Err(ScriptError::DisabledOpcode)
}

/// ( f -- ) IF and NOTIF; where no branch runs, nothing is taken from the stack.
pub fn if_(vm: &mut Vm<'_>) -> Result<(), ScriptError> {
    let mut taken = false;
    if vm.branches.all_true() {
        let condition = vm.stack.top(1)?;
        let minimal = matches!(condition, [] | [1]);
        match vm.version {
            SigVersion::Tapscript if !minimal => return Err(ScriptError::TapscriptMinimalIf),
            SigVersion::WitnessV0 if !minimal && vm.flags.has(ScriptFlags::MINIMALIF) => {
                return Err(ScriptError::MinimalIf);
            }
            _ => {}
        }
        taken = num::is_true(condition) != (vm.current.opcode == OP_NOTIF);
        vm.stack.drop(1)?;
    }
    vm.branches.enter(taken);
    Ok(())
}

/// ( -- )
pub fn else_(vm: &mut Vm<'_>) -> Result<(), ScriptError> {
    vm.branches.toggle()
}

/// ( -- )
pub fn endif(vm: &mut Vm<'_>) -> Result<(), ScriptError> {
    vm.branches.leave()
}

/// ( f -- )
pub fn verify(vm: &mut Vm<'_>) -> Result<(), ScriptError> {
    vm.verify_top(ScriptError::Verify)
}

/// Fails.
pub fn return_(_: &mut Vm<'_>) -> Result<(), ScriptError> {
    Err(ScriptError::OpReturn)
}

/// ( n -- n ) The transaction's lock time has reached `n` (BIP65); a NOP before its soft fork.
pub fn check_lock_time(vm: &mut Vm<'_>) -> Result<(), ScriptError> {
    if !vm.flags.has(ScriptFlags::CHECKLOCKTIMEVERIFY) {
        return Ok(());
    }
    let lock_time = num::decode(vm.stack.top(1)?, vm.minimal_numbers(), MAX_LOCK_NUM_SIZE)?;
    if lock_time < 0 {
        return Err(ScriptError::NegativeLocktime);
    }
    if vm.checker.lock_time_reached(lock_time) {
        Ok(())
    } else {
        Err(ScriptError::UnsatisfiedLocktime)
    }
}

/// ( n -- n ) The input's sequence has reached `n` (BIP112); a NOP before its soft fork.
pub fn check_sequence(vm: &mut Vm<'_>) -> Result<(), ScriptError> {
    if !vm.flags.has(ScriptFlags::CHECKSEQUENCEVERIFY) {
        return Ok(());
    }
    let sequence = num::decode(vm.stack.top(1)?, vm.minimal_numbers(), MAX_LOCK_NUM_SIZE)?;
    if sequence < 0 {
        return Err(ScriptError::NegativeLocktime);
    }
    if sequence & SEQUENCE_DISABLE != 0 || vm.checker.sequence_reached(sequence) {
        Ok(())
    } else {
        Err(ScriptError::UnsatisfiedLocktime)
    }
}
