//! Walks a spend one instruction at a time: the consensus engine runs the whole spend, and what it
//! shows before each instruction is kept.
//!
//! There is no second engine: going forward or back is running again and looking at another step,
//! so that what is shown is what consensus did.

use std::cell::RefCell;

use super::engine::{Checker, Phase, SigVersion, Step, TapState};
use super::error::ScriptError;
use super::flags::ScriptFlags;
use super::verify::verify_script;

/// The state before one instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// From 0.
    pub number: usize,
    pub phase: Phase,
    pub script: Vec<u8>,
    /// Where the instruction starts in the script.
    pub at: usize,
    pub opcode: u8,
    /// What it pushes.
    pub data: Vec<u8>,
    /// Its branch is taken.
    pub active: bool,
    pub stack: Vec<Vec<u8>>,
    pub alt: Vec<Vec<u8>>,
}

/// A spend with what it asks of the world.
pub struct Stepper<'a> {
    pub script_sig: &'a [u8],
    pub script_pubkey: &'a [u8],
    pub witness: &'a [Vec<u8>],
    pub flags: ScriptFlags,
    pub checker: &'a dyn Checker,
}

/// What a run has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// The step asked for, None when the spend has fewer.
    pub snapshot: Option<Snapshot>,
    /// Steps that ran. Of a spend that is refused the last is the instruction that failed, unless
    /// the rule is one that holds between scripts (an unclean stack, a hash that doesn't match).
    pub steps: usize,
    pub verdict: Result<(), ScriptError>,
}

impl Stepper<'_> {
    /// Runs the spend and keeps the state before step `number`.
    pub fn walk_to(&self, number: usize) -> Walk {
        let watcher = Watcher {
            inner: self.checker,
            wanted: number,
            seen: RefCell::new(Seen { phase: Phase::ScriptSig, steps: 0, snapshot: None }),
        };
        let verdict =
            verify_script(self.script_sig, self.script_pubkey, self.witness, self.flags, &watcher);
        let seen = watcher.seen.into_inner();
        Walk { snapshot: seen.snapshot, steps: seen.steps, verdict }
    }
}

struct Seen {
    phase: Phase,
    steps: usize,
    snapshot: Option<Snapshot>,
}

/// Passes questions on and keeps the step that is wanted.
struct Watcher<'a> {
    inner: &'a dyn Checker,
    wanted: usize,
    seen: RefCell<Seen>,
}

impl Checker for Watcher<'_> {
    fn ecdsa(&self, signature: &[u8], key: &[u8], code: &[u8], version: SigVersion) -> bool {
        self.inner.ecdsa(signature, key, code, version)
    }

    fn schnorr(&self, sig: &[u8], key: &[u8; 32], tap: &TapState) -> Result<(), ScriptError> {
        self.inner.schnorr(sig, key, tap)
    }

    fn lock_time_reached(&self, lock_time: i64) -> bool {
        self.inner.lock_time_reached(lock_time)
    }

    fn sequence_reached(&self, sequence: i64) -> bool {
        self.inner.sequence_reached(sequence)
    }

    fn on_phase(&self, phase: Phase) {
        self.inner.on_phase(phase);
        self.seen.borrow_mut().phase = phase;
    }

    fn on_step(&self, step: &Step<'_>) {
        self.inner.on_step(step);
        let mut seen = self.seen.borrow_mut();
        if seen.steps == self.wanted {
            seen.snapshot = Some(Snapshot {
                number: seen.steps,
                phase: seen.phase,
                script: step.script.to_vec(),
                at: step.at,
                opcode: step.instruction.opcode,
                data: step.instruction.data.to_vec(),
                active: step.active,
                stack: step.stack.0.clone(),
                alt: step.alt.0.clone(),
            });
        }
        seen.steps += 1;
    }
}

/// A world without a transaction: no signature is valid, no lock is open.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTransaction;

impl Checker for NoTransaction {
    fn ecdsa(&self, _: &[u8], _: &[u8], _: &[u8], _: SigVersion) -> bool {
        false
    }

    fn schnorr(&self, _: &[u8], _: &[u8; 32], _: &TapState) -> Result<(), ScriptError> {
        Err(ScriptError::SchnorrSig)
    }

    fn lock_time_reached(&self, _: i64) -> bool {
        false
    }

    fn sequence_reached(&self, _: i64) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::asm::assemble;
    use crate::script::opcode::{OP_ADD, OP_EQUALVERIFY};

    fn walk(script_sig: &str, script_pubkey: &str, number: usize) -> Walk {
        Stepper {
            script_sig: &assemble(script_sig).expect("a script"),
            script_pubkey: &assemble(script_pubkey).expect("a script"),
            witness: &[],
            flags: ScriptFlags::CONSENSUS,
            checker: &NoTransaction,
        }
        .walk_to(number)
    }

    #[test]
    fn forward_and_back() {
        let third = walk("1 2", "ADD 3 EQUAL", 2);
        assert_eq!((third.steps, third.verdict), (5, Ok(())));
        let snapshot = third.snapshot.expect("five steps");
        assert_eq!((snapshot.opcode, snapshot.phase), (OP_ADD, Phase::ScriptPubKey));
        assert_eq!(snapshot.stack, [vec![1], vec![2]]);
        let back = walk("1 2", "ADD 3 EQUAL", 1).snapshot.expect("five steps");
        assert_eq!((back.phase, back.stack), (Phase::ScriptSig, vec![vec![1]]));
        assert_eq!(walk("1 2", "ADD 3 EQUAL", 5).snapshot, None);
    }

    #[test]
    fn the_last_step_is_what_failed() {
        let walk_through = walk("1", "2 EQUALVERIFY 1", usize::MAX);
        assert_eq!(walk_through.verdict, Err(ScriptError::EqualVerify));
        let last = walk("1", "2 EQUALVERIFY 1", walk_through.steps - 1).snapshot.expect("a step");
        assert_eq!(last.opcode, OP_EQUALVERIFY);
    }
}
