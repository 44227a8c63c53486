//! The seam to the script engine: which script rules hold for a block, and who checks them.

use std::fmt::Debug;

use crate::primitives::block::Height;
use crate::primitives::id::BlockHash;
use crate::primitives::network::{NetworkParams, ScriptException};
use crate::primitives::tx::{Transaction, TxOut};

/// A set of script rules, with the bit values of Core's `SCRIPT_VERIFY_*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ScriptFlags(pub u32);

impl ScriptFlags {
    pub const NONE: ScriptFlags = ScriptFlags(0);
    pub const P2SH: ScriptFlags = ScriptFlags(1);
    pub const DERSIG: ScriptFlags = ScriptFlags(1 << 2);
    pub const NULLDUMMY: ScriptFlags = ScriptFlags(1 << 4);
    pub const CHECKLOCKTIMEVERIFY: ScriptFlags = ScriptFlags(1 << 9);
    pub const CHECKSEQUENCEVERIFY: ScriptFlags = ScriptFlags(1 << 10);
    pub const WITNESS: ScriptFlags = ScriptFlags(1 << 11);
    pub const TAPROOT: ScriptFlags = ScriptFlags(1 << 17);

    pub const fn with(self, other: ScriptFlags) -> ScriptFlags {
        ScriptFlags(self.0 | other.0)
    }
}

/// One transaction with the outputs that it spends, one for each input.
#[derive(Debug, Clone, Copy)]
pub struct TxScripts<'a> {
    pub tx: &'a Transaction,
    pub spent: &'a [TxOut],
}

/// The first input, in list order, whose script is refused; `tx_index` is the place in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptFailure {
    pub tx_index: usize,
    pub input_index: usize,
    pub reason: String,
}

/// Who runs scripts. The verdict may not depend on how many threads it uses.
pub trait ScriptVerifier: Debug + Send + Sync {
    /// The cost of a transaction's signature operations (BIP141), legacy ones included.
    fn sigop_cost(&self, tx: &Transaction, spent: &[TxOut], flags: ScriptFlags) -> u64;

    /// Runs the scripts of every input in the list.
    fn verify(&self, checks: &[TxScripts<'_>], flags: ScriptFlags) -> Result<(), ScriptFailure>;
}

/// FOR TESTS ONLY: accepts EVERY script, so anybody can spend anything. A node that runs with it
/// does not validate.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoScripts;

impl ScriptVerifier for NoScripts {
    fn sigop_cost(&self, tx: &Transaction, _: &[TxOut], _: ScriptFlags) -> u64 {
        super::tx::legacy_sigops(tx) * crate::primitives::tx::WITNESS_SCALE as u64
    }

    fn verify(&self, _: &[TxScripts<'_>], _: ScriptFlags) -> Result<(), ScriptFailure> {
        Ok(())
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
