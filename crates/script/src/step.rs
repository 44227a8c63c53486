//! A script debugger: the consensus engine runs the whole spend, and its state before each
//! instruction is recorded.
//!
//! There is no second engine: stepping forwards or backwards runs it again and shows another step,
//! so what is shown is what consensus did.

use std::cell::RefCell;

use super::checker::{CheckNow, TxChecker};
use super::error::ScriptError;
use super::flags::ScriptFlags;
use super::sighash::TxMidstate;
use super::stack::Stack;
use super::verify::verify_script;
use super::vm::{Checker, Phase, SigVersion, Step, TapState};
use primitives::amount::Amount;
use primitives::script::Script;
use primitives::tx::{OutPoint, Transaction, TxIn, TxOut, Witness};

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

/// A spend with its transaction context.
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

/// What is seen of a run, in its order.
#[derive(Debug)]
pub enum Sight<'a> {
    /// A script of the spend begins, or its signature is checked.
    Phase(Phase),
    /// An instruction is about to run: its number from 0, over all scripts.
    Step { number: usize, phase: Phase, step: &'a Step<'a> },
    /// The last instruction of a script has run and left this.
    End { stack: &'a Stack },
}

impl Stepper<'_> {
    /// Runs the spend and tells `each` what happens.
    pub fn watch(&self, each: &mut dyn FnMut(Sight<'_>)) -> Result<(), ScriptError> {
        let seen = RefCell::new(Seen { phase: Phase::ScriptSig, steps: 0, each });
        let watcher = Watcher { inner: self.checker, seen };
        verify_script(self.script_sig, self.script_pubkey, self.witness, self.flags, &watcher)
    }

    /// Runs the spend and keeps the state before step `wanted`.
    pub fn walk_to(&self, wanted: usize) -> Walk {
        let (mut snapshot, mut steps) = (None, 0);
        let verdict = self.watch(&mut |sight| {
            let Sight::Step { number, phase, step } = sight else { return };
            steps += 1;
            if number == wanted {
                snapshot = Some(Snapshot::of(number, phase, step));
            }
        });
        Walk { snapshot, steps, verdict }
    }
}

impl Snapshot {
    /// A copy of what an instruction finds.
    pub fn of(number: usize, phase: Phase, step: &Step<'_>) -> Snapshot {
        Snapshot {
            number,
            phase,
            script: step.script.to_vec(),
            at: step.at,
            opcode: step.instruction.opcode,
            data: step.instruction.data.to_vec(),
            active: step.active,
            stack: step.stack.0.clone(),
            alt: step.alt.0.clone(),
        }
    }
}

struct Seen<'a> {
    phase: Phase,
    steps: usize,
    each: &'a mut dyn FnMut(Sight<'_>),
}

/// Passes requests on and records what it sees.
struct Watcher<'a> {
    inner: &'a dyn Checker,
    seen: RefCell<Seen<'a>>,
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
        let mut seen = self.seen.borrow_mut();
        seen.phase = phase;
        (seen.each)(Sight::Phase(phase));
    }

    fn on_step(&self, step: &Step<'_>) {
        self.inner.on_step(step);
        let mut seen = self.seen.borrow_mut();
        let (number, phase) = (seen.steps, seen.phase);
        seen.steps += 1;
        (seen.each)(Sight::Step { number, phase, step });
    }

    fn on_end(&self, stack: &Stack) {
        self.inner.on_end(stack);
        (self.seen.borrow_mut().each)(Sight::End { stack });
    }
}

/// One input of a transaction, with all that its scripts are verified over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spend {
    pub tx: Transaction,
    /// An output for each input.
    pub spent: Vec<TxOut>,
    /// One of the inputs.
    pub input: usize,
    pub flags: ScriptFlags,
}

impl Spend {
    /// A script pair without a transaction of its own, in the pair of transactions of Core's
    /// script tests: one that pays to `script_pubkey`, and one that spends it.
    pub fn of_pair(
        script_sig: Vec<u8>,
        script_pubkey: Vec<u8>,
        witness: Witness,
        value: Amount,
        flags: ScriptFlags,
    ) -> Spend {
        let input = |prevout, script_sig, witness| TxIn {
            prevout,
            script_sig: Script(script_sig),
            sequence: u32::MAX,
            witness,
        };
        let output = TxOut { value, script_pubkey: Script(script_pubkey) };
        let credit = Transaction {
            version: 1,
            inputs: vec![input(OutPoint::NULL, vec![0, 0], Witness::new())],
            outputs: vec![output.clone()],
            lock_time: 0,
        };
        let prevout = OutPoint { txid: credit.txid(), vout: 0 };
        let tx = Transaction {
            version: 1,
            inputs: vec![input(prevout, script_sig, witness)],
            outputs: vec![TxOut { value, script_pubkey: Script::default() }],
            lock_time: 0,
        };
        Spend { tx, spent: vec![output], input: 0, flags }
    }

    /// Runs the spend as consensus does and tells `each` what happens.
    pub fn watch(&self, each: &mut dyn FnMut(Sight<'_>)) -> Result<(), ScriptError> {
        let midstate = TxMidstate::new(&self.tx, &self.spent);
        let input = &self.tx.inputs[self.input];
        Stepper {
            script_sig: input.script_sig.as_bytes(),
            script_pubkey: self.spent[self.input].script_pubkey.as_bytes(),
            witness: &input.witness,
            flags: self.flags,
            checker: &TxChecker::new(&midstate, self.input, &CheckNow),
        }
        .watch(each)
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
    use crate::asm::assemble;
    use crate::opcode::{OP_ADD, OP_EQUALVERIFY};

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
