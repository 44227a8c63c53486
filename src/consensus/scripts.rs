//! The seam to the script engine: which script rules hold for a block, and who checks them.

use std::fmt::Debug;

use crate::primitives::block::Height;
use crate::primitives::id::BlockHash;
use crate::primitives::network::{NetworkParams, ScriptException};
use crate::primitives::tx::{Transaction, TxOut};
use crate::script::check::{self, ScriptCache, ScriptFailure, TxScripts};
use crate::script::flags::ScriptFlags;
use crate::script::sigops;

/// Who runs scripts. The verdict may not depend on how many threads it uses.
pub trait ScriptVerifier: Debug + Send + Sync {
    /// The cost of a transaction's signature operations (BIP141), legacy ones included.
    fn sigop_cost(&self, tx: &Transaction, spent: &[TxOut], flags: ScriptFlags) -> u64 {
        sigops::cost(tx, spent, flags) as u64
    }

    /// Runs the scripts of every input in the list.
    fn verify(&self, checks: &[TxScripts<'_>], flags: ScriptFlags) -> Result<(), ScriptFailure>;
}

/// The script engine, with what it has verified before.
#[derive(Debug)]
pub struct Engine {
    cache: ScriptCache,
}

impl Engine {
    /// Transactions that the engine remembers as verified.
    const CACHED_TXS: usize = 1 << 17;

    /// `salt` is random, so that no one can choose transactions that collide in the cache.
    pub fn new(salt: [u8; 32]) -> Engine {
        Engine { cache: ScriptCache::new(salt, Engine::CACHED_TXS) }
    }

    /// What was verified before; the mempool adds to it.
    pub fn cache(&self) -> &ScriptCache {
        &self.cache
    }
}

impl ScriptVerifier for Engine {
    fn verify(&self, checks: &[TxScripts<'_>], flags: ScriptFlags) -> Result<(), ScriptFailure> {
        check::verify_all(checks, flags, Some(&self.cache))
    }
}

/// The script rules of a block (Core's `GetBlockScriptFlags`).
pub fn block_flags(hash: &BlockHash, height: Height, params: &NetworkParams) -> ScriptFlags {
    let exception = params.script_exceptions.iter().find(|(block, _)| block == hash);
    let p2sh_witness = ScriptFlags::P2SH | ScriptFlags::WITNESS;
    let mut flags = match exception {
        Some((_, ScriptException::NoFlags)) => ScriptFlags::NONE,
        Some((_, ScriptException::NoTaproot)) => p2sh_witness,
        None => p2sh_witness | ScriptFlags::TAPROOT,
    };
    let forks = &params.forks;
    for (from, flag) in [
        (forks.bip66, ScriptFlags::DERSIG),
        (forks.bip65, ScriptFlags::CHECKLOCKTIMEVERIFY),
        (forks.csv, ScriptFlags::CHECKSEQUENCEVERIFY),
        (forks.segwit, ScriptFlags::NULLDUMMY),
    ] {
        if height.0 >= from {
            flags |= flag;
        }
    }
    flags
}
