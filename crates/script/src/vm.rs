//! The state of one running script: its rules, its stacks, and its access to the transaction.
//!
//! Opcode functions (`ops`) work on a `Vm`; `engine` drives it.

use super::error::ScriptError;
use super::flags::ScriptFlags;
use super::instruction::Instruction;
use super::num;
use super::stack::{Branches, Stack};

/// Bytes of the longest script outside of tapscript.
pub const MAX_SCRIPT_SIZE: usize = 10_000;
/// Bytes of the longest element that may be pushed or stand on a witness stack.
pub const MAX_ELEMENT_SIZE: usize = 520;
/// Most operations (pushes don't count) in a script outside of tapscript.
pub const MAX_OPS: usize = 201;

/// Which rules a script runs under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SigVersion {
    /// scriptSig, scriptPubKey and P2SH redeem scripts.
    Base,
    /// Witness version 0 (BIP141, BIP143).
    WitnessV0,
    /// Leaf version c0 of witness version 1 (BIP342).
    Tapscript,
}

/// What a tapscript carries along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TapState {
    /// SHA-256 of the annex with its length (BIP341).
    pub annex_hash: Option<[u8; 32]>,
    /// The leaf that runs; None on the key path.
    pub leaf_hash: Option<[u8; 32]>,
    /// Place of the last CODESEPARATOR run, in opcodes; `u32::MAX` before the first.
    pub code_separator: u32,
    /// Weight that signature checks may still use up (BIP342).
    pub budget: i64,
}

/// The script of a spend that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    ScriptSig,
    ScriptPubKey,
    RedeemScript,
    WitnessScript,
    Tapscript,
    /// No script: the signature of a taproot key.
    TaprootKey,
}

impl Phase {
    pub const fn name(self) -> &'static str {
        match self {
            Phase::ScriptSig => "scriptSig",
            Phase::ScriptPubKey => "scriptPubKey",
            Phase::RedeemScript => "redeem script",
            Phase::WitnessScript => "witness script",
            Phase::Tapscript => "tapscript",
            Phase::TaprootKey => "taproot key path",
        }
    }
}

/// The state before an instruction, for an observer.
#[derive(Debug)]
pub struct Step<'a> {
    pub script: &'a [u8],
    /// Where the instruction starts.
    pub at: usize,
    pub instruction: Instruction<'a>,
    /// Its branch is taken.
    pub active: bool,
    pub stack: &'a Stack,
    pub alt: &'a Stack,
}

/// A script's access to its transaction, and the observer of its run.
pub trait Checker {
    /// The signature (hash type at its end) is the key's over `code`; encodings have been checked
    /// as the flags demand, and whatever is malformed still is simply false.
    fn ecdsa(&self, signature: &[u8], key: &[u8], code: &[u8], version: SigVersion) -> bool;

    /// The signature is valid (BIP341, BIP342), else why not.
    fn schnorr(&self, sig: &[u8], key: &[u8; 32], tap: &TapState) -> Result<(), ScriptError>;

    /// The transaction's lock time has reached `lock_time`, which is not negative (BIP65).
    fn lock_time_reached(&self, lock_time: i64) -> bool;

    /// The input's sequence has reached `sequence`, which is not negative (BIP112).
    fn sequence_reached(&self, sequence: i64) -> bool;

    /// A script of the spend begins.
    fn on_phase(&self, _phase: Phase) {}

    /// An instruction is about to run.
    fn on_step(&self, _step: &Step<'_>) {}

    /// The last instruction of a script has run.
    fn on_end(&self, _stack: &Stack) {}
}

/// The machine that runs one script.
pub struct Vm<'a> {
    pub(super) script: &'a [u8],
    pub(super) at: usize,
    /// Where the code that signatures cover starts.
    pub(super) code_start: usize,
    /// Place of the current instruction, in opcodes.
    pub(super) opcode_index: u32,
    pub(super) current: Instruction<'a>,
    pub(super) op_count: usize,
    pub(super) stack: &'a mut Stack,
    pub(super) alt: Stack,
    pub(super) branches: Branches,
    pub(super) flags: ScriptFlags,
    pub(super) version: SigVersion,
    pub(super) checker: &'a dyn Checker,
    pub(super) tap: &'a mut TapState,
}

impl<'a> Vm<'a> {
    /// The script from the last CODESEPARATOR run on.
    pub(super) fn code(&self) -> &'a [u8] {
        &self.script[self.code_start..]
    }

    pub(super) fn mark_code_separator(&mut self) {
        self.code_start = self.at;
        self.tap.code_separator = self.opcode_index;
    }

    pub(super) fn minimal_numbers(&self) -> bool {
        self.flags.has(ScriptFlags::MINIMALDATA)
    }

    /// ( f -- ) or `error`.
    pub(super) fn verify_top(&mut self, error: ScriptError) -> Result<(), ScriptError> {
        if !num::is_true(self.stack.top(1)?) {
            return Err(error);
        }
        self.stack.drop(1)
    }
}
