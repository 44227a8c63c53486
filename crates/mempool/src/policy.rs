//! Relay policy: standard transactions, standard spends, dust, and fees, with Core's defaults.

use primitives::codec::Encode;
use primitives::fee::{
    DUST_RELAY_RATE, FeeRate, INCREMENTAL_RELAY_RATE, MAX_STANDARD_WEIGHT, MIN_RELAY_RATE, Weight,
};
use primitives::tx::{Transaction, TxIn, TxOut};
use script::instruction::{is_push_only, script_hash, witness_program};
use script::sigops::{self, last_push};
use script::template::{Template, is_unspendable, solve};
use script::verify::{ANCHOR_PROGRAM, ANNEX_TAG, TAPSCRIPT_LEAF};

/// Newest transaction version that is standard.
const MAX_VERSION: u32 = 3;
/// Fewest bytes without witness (CVE-2017-12842).
pub const MIN_SIZE: usize = 65;
/// Bytes of the longest standard scriptSig: a 15-of-15 multisig in P2SH.
const MAX_SCRIPT_SIG_SIZE: usize = 1650;
/// Most keys of a standard bare multisig.
const MAX_BARE_MULTISIG_KEYS: usize = 3;
/// Most signature checks of a standard P2SH redeem script.
const MAX_P2SH_SIGOPS: usize = 15;
/// Most signature checks outside of witnesses that a standard transaction runs (BIP54).
const MAX_LEGACY_SIGOPS: usize = 2500;
/// Sigop cost of a standard transaction: a fifth of a block's.
pub const MAX_STANDARD_SIGOPS_COST: usize = 16_000;
/// Limits of a standard witness v0 script and its stack, in bytes and elements.
const MAX_V0_SCRIPT_SIZE: usize = 3600;
const MAX_V0_STACK_ITEMS: usize = 100;
const MAX_STACK_ITEM_SIZE: usize = 80;

/// The pool's limits; `default` is Core's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Reject non-standard transactions (can be turned off on test networks).
    pub require_standard: bool,
    pub min_relay: FeeRate,
    /// What a replacement, and the floor after an eviction, pay on top.
    pub incremental: FeeRate,
    pub dust: FeeRate,
    /// Relay outputs of bare multisig.
    pub permit_bare_multisig: bool,
    /// Bytes of all data-carrying outputs of a transaction.
    pub max_data_bytes: usize,
    /// Virtual bytes that a unit of signature-operation cost counts for at least.
    pub bytes_per_sigop: usize,
    /// Bytes of memory for the pool.
    pub max_bytes: usize,
    /// Seconds until a transaction is given up.
    pub expiry_s: u64,
    /// Unconfirmed transactions that one may build on, and that may build on one, itself counted.
    pub max_ancestors: usize,
    pub max_descendants: usize,
    /// Their virtual bytes.
    pub max_ancestor_vsize: usize,
    pub max_descendant_vsize: usize,
    /// Transactions that one replacement may evict.
    pub max_replaced: usize,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            require_standard: true,
            min_relay: MIN_RELAY_RATE,
            incremental: INCREMENTAL_RELAY_RATE,
            dust: DUST_RELAY_RATE,
            permit_bare_multisig: true,
            max_data_bytes: 100_000,
            bytes_per_sigop: 20,
            max_bytes: 300_000_000,
            expiry_s: 336 * 60 * 60,
            max_ancestors: 25,
            max_descendants: 25,
            max_ancestor_vsize: 101_000,
            max_descendant_vsize: 101_000,
            max_replaced: 100,
        }
    }
}

/// Virtual bytes as policy counts them: dense signature checks weigh more.
pub fn policy_vsize(weight: Weight, sigop_cost: usize, bytes_per_sigop: usize) -> usize {
    weight.max(Weight(sigop_cost.saturating_mul(bytes_per_sigop))).vsize()
}

/// The transaction's own form is standard (Core's `IsStandardTx`); the error is Core's reason.
pub fn check_standard(tx: &Transaction, policy: &Policy) -> Result<(), &'static str> {
    if tx.version < 1 || tx.version > MAX_VERSION {
        return Err("version");
    }
    if tx.weight() > MAX_STANDARD_WEIGHT {
        return Err("tx-size");
    }
    for input in &tx.inputs {
        if input.script_sig.len() > MAX_SCRIPT_SIG_SIZE {
            return Err("scriptsig-size");
        }
        if !is_push_only(input.script_sig.as_bytes()) {
            return Err("scriptsig-not-pushonly");
        }
    }
    let mut data_bytes = 0;
    for output in &tx.outputs {
        match solve(output.script_pubkey.as_bytes()) {
            Template::NonStandard => return Err("scriptpubkey"),
            Template::Multisig { keys, .. } if keys.len() > MAX_BARE_MULTISIG_KEYS => {
                return Err("scriptpubkey");
            }
            Template::Multisig { .. } if !policy.permit_bare_multisig => {
                return Err("bare-multisig");
            }
            Template::NullData { .. } => data_bytes += output.script_pubkey.len(),
            _ => {}
        }
        if data_bytes > policy.max_data_bytes {
            return Err("datacarrier");
        }
    }
    if tx.outputs.iter().any(|output| is_dust(output, policy)) {
        return Err("dust");
    }
    Ok(())
}

/// Spending the output would cost more than it is worth, at the dust rate.
pub fn is_dust(output: &TxOut, policy: &Policy) -> bool {
    let script = output.script_pubkey.as_bytes();
    if is_unspendable(script) {
        return false;
    }
    let is_witness = witness_program(script).is_some();
    output.value < policy.dust.dust_threshold(output.to_bytes().len(), is_witness)
}

/// What is spent, and how, is standard (Core's `AreInputsStandard`). `spent` holds an output for
/// each input.
pub fn are_inputs_standard(tx: &Transaction, spent: &[TxOut]) -> bool {
    let mut legacy_sigops = 0;
    for (input, spent) in tx.inputs.iter().zip(spent) {
        let script_pubkey = spent.script_pubkey.as_bytes();
        let redeem_sigops = sigops::p2sh(input, spent);
        match solve(script_pubkey) {
            Template::NonStandard | Template::WitnessUnknown { .. } => return false,
            Template::ScriptHash { .. } => {
                if input.script_sig.is_empty() || redeem_sigops > MAX_P2SH_SIGOPS {
                    return false;
                }
                legacy_sigops += redeem_sigops;
            }
            _ => legacy_sigops += sigops::count(script_pubkey, true),
        }
        legacy_sigops += sigops::count(input.script_sig.as_bytes(), true);
    }
    legacy_sigops <= MAX_LEGACY_SIGOPS
}

/// Every witness is of a standard form and size (Core's `IsWitnessStandard`).
pub fn is_witness_standard(tx: &Transaction, spent: &[TxOut]) -> bool {
    let mut inputs = tx.inputs.iter().zip(spent).filter(|(input, _)| !input.witness.is_empty());
    inputs.all(|(input, spent)| is_input_witness_standard(input, spent))
}

fn is_input_witness_standard(input: &TxIn, spent: &TxOut) -> bool {
    let mut script = spent.script_pubkey.as_bytes();
    let in_p2sh = script_hash(script).is_some();
    if in_p2sh {
        match last_push(input.script_sig.as_bytes()) {
            Some(redeem) => script = redeem,
            None => return false,
        }
    }
    let small = |stack: &[Vec<u8>]| stack.iter().all(|item| item.len() <= MAX_STACK_ITEM_SIZE);
    match witness_program(script) {
        None => false,
        Some((1, program)) if program == ANCHOR_PROGRAM => false,
        Some((0, program)) if program.len() == 32 => match input.witness.split_last() {
            Some((script, stack)) => {
                script.len() <= MAX_V0_SCRIPT_SIZE
                    && stack.len() <= MAX_V0_STACK_ITEMS
                    && small(stack)
            }
            None => false,
        },
        Some((1, program)) if program.len() == 32 && !in_p2sh => match &input.witness[..] {
            [_, .., annex] if annex.first() == Some(&ANNEX_TAG) => false,
            [stack @ .., _, control] => match control.first() {
                Some(first) => first & 0xfe != TAPSCRIPT_LEAF || small(stack),
                None => false,
            },
            [_] => true,
            [] => false,
        },
        Some(_) => true,
    }
}
