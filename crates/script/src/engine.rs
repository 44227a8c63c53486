//! Runs one script over a stack: Core's `EvalScript`.
//!
//! Order of validation, for each script: its size; then for each instruction whether it can be
//! parsed, the size of its push, the operation count, whether it is disabled, whether CODESEPARATOR
//! is allowed; only then, if its branch is executed (or it is a branch opcode), its function runs;
//! after it the total stack size is checked. At the end no IF may be open. This order determines
//! which error a script gives, so it must not be changed.

use super::error::ScriptError;
use super::flags::ScriptFlags;
use super::instruction::{self, Instruction};
use super::opcode::{Kind, OP_0, OP_16, OP_CODESEPARATOR, TABLE};
use super::ops::RUN;
use super::stack::{Branches, MAX_STACK_SIZE, Stack};
use super::vm::{
    Checker, MAX_ELEMENT_SIZE, MAX_OPS, MAX_SCRIPT_SIZE, SigVersion, Step, TapState, Vm,
};

/// Runs `script` over `stack`, which keeps the result.
pub fn run(
    script: &[u8],
    stack: &mut Stack,
    flags: ScriptFlags,
    version: SigVersion,
    checker: &dyn Checker,
    tap: &mut TapState,
) -> Result<(), ScriptError> {
    let limited = version != SigVersion::Tapscript;
    if limited && script.len() > MAX_SCRIPT_SIZE {
        return Err(ScriptError::ScriptSize);
    }
    tap.code_separator = u32::MAX;
    let mut vm = Vm {
        script,
        at: 0,
        code_start: 0,
        opcode_index: 0,
        current: Instruction { opcode: OP_0, data: &[] },
        op_count: 0,
        stack,
        alt: Stack::default(),
        branches: Branches::default(),
        flags,
        version,
        checker,
        tap,
    };
    while vm.step()? {}
    checker.on_end(vm.stack);
    if !vm.branches.is_empty() {
        return Err(ScriptError::UnbalancedConditional);
    }
    Ok(())
}

impl Vm<'_> {
    /// Runs the next instruction; false at the end of the script.
    fn step(&mut self) -> Result<bool, ScriptError> {
        let start = self.at;
        let Some(read) = instruction::next(self.script, &mut self.at) else { return Ok(false) };
        self.current = read.map_err(|_| ScriptError::BadOpcode)?;
        let opcode = self.current.opcode;
        let row = &TABLE[usize::from(opcode)];
        let active = self.branches.all_true();
        self.checker.on_step(&Step {
            script: self.script,
            at: start,
            instruction: self.current,
            active,
            stack: self.stack,
            alt: &self.alt,
        });
        if self.current.data.len() > MAX_ELEMENT_SIZE {
            return Err(ScriptError::PushSize);
        }
        if self.version != SigVersion::Tapscript && opcode > OP_16 {
            self.op_count += 1;
            if self.op_count > MAX_OPS {
                return Err(ScriptError::OpCount);
            }
        }
        if row.kind == Kind::Disabled {
            return Err(ScriptError::DisabledOpcode);
        }
        let constant =
            self.version == SigVersion::Base && self.flags.has(ScriptFlags::CONST_SCRIPTCODE);
        if opcode == OP_CODESEPARATOR && constant {
            return Err(ScriptError::OpCodeseparator);
        }
        if active || row.kind == Kind::Branch {
            RUN[usize::from(opcode)](self)?;
        }
        if self.stack.len() + self.alt.len() > MAX_STACK_SIZE {
            return Err(ScriptError::StackSize);
        }
        self.opcode_index += 1;
        Ok(true)
    }
}
