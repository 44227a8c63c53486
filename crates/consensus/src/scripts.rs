//! The interface to the script engine: which script rules apply to a block, and who verifies them.

use std::fmt::Debug;
use std::sync::Arc;

use primitives::block::Height;
use primitives::id::BlockHash;
use primitives::network::{NetworkParams, ScriptException};
use primitives::tx::{Transaction, TxOut};
use script::check::{ScriptCache, ScriptFailure, TxScripts, verify_all};
use script::collect;
use script::flags::ScriptFlags;
use script::hints::Hints;
use script::sigops;

/// Who runs scripts. The verdict may not depend on how many threads it uses.
pub trait ScriptVerifier: Debug + Send + Sync {
    /// The cost of a transaction's signature operations (BIP141), legacy ones included.
    fn sigop_cost(&self, tx: &Transaction, spent: &[TxOut], flags: ScriptFlags) -> u64;

    /// Runs the scripts of every input in the list.
    fn verify(&self, checks: &[TxScripts<'_>], flags: ScriptFlags) -> Result<(), ScriptFailure>;

    /// Whether it has any use for hints.
    fn takes_hints(&self) -> bool {
        false
    }

    /// The same, with hints for the inputs of the list, and what was learnt of them.
    fn verify_with_hints(
        &self,
        checks: &[TxScripts<'_>],
        flags: ScriptFlags,
        _hints: &Hints,
    ) -> Result<Hints, ScriptFailure> {
        self.verify(checks, flags).map(|()| Hints::new())
    }
}

/// The script engine; it passes over what `cache` (which the pool fills) says was verified.
#[derive(Debug, Clone, Default)]
pub struct ScriptEngine {
    pub cache: Option<Arc<ScriptCache>>,
}

impl ScriptVerifier for ScriptEngine {
    fn sigop_cost(&self, tx: &Transaction, spent: &[TxOut], flags: ScriptFlags) -> u64 {
        sigops::cost(tx, spent, flags) as u64
    }

    fn verify(&self, checks: &[TxScripts<'_>], flags: ScriptFlags) -> Result<(), ScriptFailure> {
        verify_all(checks, flags, self.cache.as_deref())
    }
}

/// The same engine with the signatures of a block collected and verified as lists
/// (`script/collect`): same verdicts, same errors.
#[derive(Debug, Clone, Default)]
pub struct BatchEngine(pub ScriptEngine);

impl ScriptVerifier for BatchEngine {
    fn sigop_cost(&self, tx: &Transaction, spent: &[TxOut], flags: ScriptFlags) -> u64 {
        self.0.sigop_cost(tx, spent, flags)
    }

    fn verify(&self, checks: &[TxScripts<'_>], flags: ScriptFlags) -> Result<(), ScriptFailure> {
        self.verify_with_hints(checks, flags, &Hints::new()).map(drop)
    }

    fn takes_hints(&self) -> bool {
        true
    }

    fn verify_with_hints(
        &self,
        checks: &[TxScripts<'_>],
        flags: ScriptFlags,
        hints: &Hints,
    ) -> Result<Hints, ScriptFailure> {
        collect::verify_all(checks, flags, self.0.cache.as_deref(), hints)
    }
}

/// The script rules of a block (Core's `GetBlockScriptFlags`).
pub fn block_flags(hash: &BlockHash, height: Height, params: &NetworkParams) -> ScriptFlags {
    let exception = params.script_exceptions.iter().find(|(block, _)| block == hash);
    let p2sh_witness = ScriptFlags::P2SH.with(ScriptFlags::WITNESS);
    let mut flags = match exception {
        Some((_, ScriptException::NoFlags)) => ScriptFlags::NONE,
        Some((_, ScriptException::NoTaproot)) => p2sh_witness,
        None => p2sh_witness.with(ScriptFlags::TAPROOT),
    };
    let forks = &params.forks;
    for (from, flag) in [
        (forks.bip66, ScriptFlags::DERSIG),
        (forks.bip65, ScriptFlags::CHECKLOCKTIMEVERIFY),
        (forks.csv, ScriptFlags::CHECKSEQUENCEVERIFY),
        (forks.segwit, ScriptFlags::NULLDUMMY),
    ] {
        if height.0 >= from {
            flags = flags.with(flag);
        }
    }
    flags
}
