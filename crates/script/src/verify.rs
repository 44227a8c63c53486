//! Verifies one spend: Core's `VerifyScript`, with P2SH (BIP16), witness v0 (BIP141) and taproot
//! (BIP341, BIP342).
//!
//! Order: scriptSig alone, scriptPubKey on the stack it left; then a witness program in
//! scriptPubKey, or the redeem script and a witness program in it; then the stack must be clean;
//! then no witness may be left unused. Each script starts after the previous one has ended: nothing
//! here recurses.

use super::engine;
use super::error::ScriptError;
use super::flags::ScriptFlags;
use super::instruction::{instructions, is_push_only, push_data, script_hash, witness_program};
use super::num;
use super::opcode::{OP_CHECKSIG, OP_DUP, OP_EQUALVERIFY, OP_HASH160, TABLE};
use super::stack::{MAX_STACK_SIZE, Stack};
use super::vm::{Checker, MAX_ELEMENT_SIZE, Phase, SigVersion, TapState};
use crypto::curve::tweak_x_only;
use crypto::hash::{sha256, tagged, tagged_hash};
use primitives::codec::{compact_size_len, put_compact_size, put_var_bytes};
use sha2::Digest;

/// First byte of an annex (BIP341).
pub const ANNEX_TAG: u8 = 0x50;
/// The leaf version that means tapscript (BIP342).
pub const TAPSCRIPT_LEAF: u8 = 0xc0;
/// Every leaf version is even; the low bit of a control block is the output key's parity.
const LEAF_MASK: u8 = 0xfe;
/// Control block: leaf version and internal key, then up to 128 nodes of the path.
const CONTROL_BASE_SIZE: usize = 33;
const CONTROL_NODE_SIZE: usize = 32;
const CONTROL_MAX_NODES: usize = 128;
/// What a tapscript's budget holds beyond the size of its witness.
const BUDGET_OFFSET: i64 = 50;
/// The program of pay-to-anchor.
pub const ANCHOR_PROGRAM: [u8; 2] = [0x4e, 0x73];

/// `script_sig` and `witness` spend an output with `script_pubkey`.
pub fn verify_script(
    script_sig: &[u8],
    script_pubkey: &[u8],
    witness: &[Vec<u8>],
    flags: ScriptFlags,
    checker: &dyn Checker,
) -> Result<(), ScriptError> {
    if flags.has(ScriptFlags::SIGPUSHONLY) && !is_push_only(script_sig) {
        return Err(ScriptError::SigPushOnly);
    }
    let spend = Spend { flags, checker };
    let mut stack = Stack::default();
    spend.base(script_sig, &mut stack, Phase::ScriptSig)?;
    let mut offered = if flags.has(ScriptFlags::P2SH) { stack.clone() } else { Stack::default() };
    spend.base(script_pubkey, &mut stack, Phase::ScriptPubKey)?;
    demand_true(&stack)?;

    let mut witness_used = false;
    if flags.has(ScriptFlags::WITNESS)
        && let Some((version, program)) = witness_program(script_pubkey)
    {
        witness_used = true;
        if !script_sig.is_empty() {
            return Err(ScriptError::WitnessMalleated);
        }
        spend.program(version, program, witness, false)?;
        // The program has left exactly one true element, whatever is here.
        stack.0.truncate(1);
    }
    if flags.has(ScriptFlags::P2SH) && script_hash(script_pubkey).is_some() {
        if !is_push_only(script_sig) {
            return Err(ScriptError::SigPushOnly);
        }
        // Not empty, else the hash in scriptPubKey could not have matched.
        let redeem = offered.pop()?;
        spend.base(&redeem, &mut offered, Phase::RedeemScript)?;
        demand_true(&offered)?;
        stack = offered;
        if flags.has(ScriptFlags::WITNESS)
            && let Some((version, program)) = witness_program(&redeem)
        {
            witness_used = true;
            let mut only_push = Vec::with_capacity(redeem.len() + 1);
            push_data(&mut only_push, &redeem);
            if script_sig != only_push {
                return Err(ScriptError::WitnessMalleatedP2sh);
            }
            spend.program(version, program, witness, true)?;
            stack.0.truncate(1);
        }
    }
    if flags.has(ScriptFlags::CLEANSTACK) && stack.len() != 1 {
        return Err(ScriptError::CleanStack);
    }
    if flags.has(ScriptFlags::WITNESS) && !witness_used && !witness.is_empty() {
        return Err(ScriptError::WitnessUnexpected);
    }
    Ok(())
}

fn demand_true(stack: &Stack) -> Result<(), ScriptError> {
    match stack.0.last() {
        Some(top) if num::is_true(top) => Ok(()),
        _ => Err(ScriptError::EvalFalse),
    }
}

#[derive(Clone, Copy)]
struct Spend<'a> {
    flags: ScriptFlags,
    checker: &'a dyn Checker,
}

impl Spend<'_> {
    fn base(&self, script: &[u8], stack: &mut Stack, phase: Phase) -> Result<(), ScriptError> {
        self.checker.on_phase(phase);
        let tap = &mut TapState::default();
        engine::run(script, stack, self.flags, SigVersion::Base, self.checker, tap)
    }

    /// A witness program; versions and lengths without a meaning yet succeed.
    fn program(
        &self,
        version: u8,
        program: &[u8],
        witness: &[Vec<u8>],
        in_p2sh: bool,
    ) -> Result<(), ScriptError> {
        match (version, program.len()) {
            (0, 32) => {
                let (script, stack) =
                    witness.split_last().ok_or(ScriptError::WitnessProgramWitnessEmpty)?;
                if sha256(script) != *program {
                    return Err(ScriptError::WitnessProgramMismatch);
                }
                self.witness(script, stack, SigVersion::WitnessV0, &mut TapState::default())
            }
            (0, 20) => {
                if witness.len() != 2 {
                    return Err(ScriptError::WitnessProgramMismatch);
                }
                let mut script = vec![OP_DUP, OP_HASH160];
                push_data(&mut script, program);
                script.extend_from_slice(&[OP_EQUALVERIFY, OP_CHECKSIG]);
                self.witness(&script, witness, SigVersion::WitnessV0, &mut TapState::default())
            }
            (0, _) => Err(ScriptError::WitnessProgramWrongLength),
            (1, 32) if !in_p2sh => self.taproot(program, witness),
            (1, 2) if !in_p2sh && *program == ANCHOR_PROGRAM => Ok(()),
            _ if self.flags.has(ScriptFlags::DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM) => {
                Err(ScriptError::DiscourageUpgradableWitnessProgram)
            }
            _ => Ok(()),
        }
    }

    /// BIP341: one element (annex aside) is a signature by the output key, more are a script with
    /// its control block.
    fn taproot(&self, program: &[u8], witness: &[Vec<u8>]) -> Result<(), ScriptError> {
        if !self.flags.has(ScriptFlags::TAPROOT) {
            return Ok(());
        }
        let mut key = [0u8; 32];
        key.copy_from_slice(program);
        let mut tap = TapState { code_separator: u32::MAX, ..TapState::default() };
        let elements = match witness {
            [] => return Err(ScriptError::WitnessProgramWitnessEmpty),
            [rest @ .., annex] if !rest.is_empty() && annex.first() == Some(&ANNEX_TAG) => {
                let mut bytes = Vec::with_capacity(annex.len() + 5);
                put_var_bytes(&mut bytes, annex);
                tap.annex_hash = Some(sha256(&bytes));
                rest
            }
            all => all,
        };
        let (script, control, stack) = match elements {
            [signature] => {
                self.checker.on_phase(Phase::TaprootKey);
                return self.checker.schnorr(signature, &key, &tap);
            }
            [stack @ .., script, control] => (script, control, stack),
            [] => return Err(ScriptError::WitnessProgramWitnessEmpty),
        };
        let path_size = control.len().checked_sub(CONTROL_BASE_SIZE);
        let nodes = path_size.filter(|size| size % CONTROL_NODE_SIZE == 0);
        if nodes.is_none_or(|size| size / CONTROL_NODE_SIZE > CONTROL_MAX_NODES) {
            return Err(ScriptError::TaprootWrongControlSize);
        }
        let leaf_version = control[0] & LEAF_MASK;
        let leaf_hash = tap_leaf_hash(leaf_version, script);
        tap.leaf_hash = Some(leaf_hash);
        if !commits(&key, control, &leaf_hash) {
            return Err(ScriptError::WitnessProgramMismatch);
        }
        if leaf_version == TAPSCRIPT_LEAF {
            tap.budget = witness_size(witness) as i64 + BUDGET_OFFSET;
            return self.witness(script, stack, SigVersion::Tapscript, &mut tap);
        }
        if self.flags.has(ScriptFlags::DISCOURAGE_UPGRADABLE_TAPROOT_VERSION) {
            return Err(ScriptError::DiscourageUpgradableTaprootVersion);
        }
        Ok(())
    }

    /// Runs a witness script: OP_SUCCESSx first (tapscript), then the limits on its stack, then
    /// the script, which must leave one true element.
    fn witness(
        &self,
        script: &[u8],
        stack: &[Vec<u8>],
        version: SigVersion,
        tap: &mut TapState,
    ) -> Result<(), ScriptError> {
        if version == SigVersion::Tapscript {
            for item in instructions(script) {
                let instruction = item.map_err(|_| ScriptError::BadOpcode)?;
                if TABLE[usize::from(instruction.opcode)].success {
                    let discouraged = self.flags.has(ScriptFlags::DISCOURAGE_OP_SUCCESS);
                    return if discouraged {
                        Err(ScriptError::DiscourageOpSuccess)
                    } else {
                        Ok(())
                    };
                }
            }
            if stack.len() > MAX_STACK_SIZE {
                return Err(ScriptError::StackSize);
            }
        }
        if stack.iter().any(|element| element.len() > MAX_ELEMENT_SIZE) {
            return Err(ScriptError::PushSize);
        }
        self.checker.on_phase(match version {
            SigVersion::Tapscript => Phase::Tapscript,
            SigVersion::Base | SigVersion::WitnessV0 => Phase::WitnessScript,
        });
        let mut stack = Stack(stack.to_vec());
        engine::run(script, &mut stack, self.flags, version, self.checker, tap)?;
        if stack.len() != 1 {
            return Err(ScriptError::CleanStack);
        }
        demand_true(&stack)
    }
}

/// The leaf's place in the tree of scripts (BIP341).
pub fn tap_leaf_hash(leaf_version: u8, script: &[u8]) -> [u8; 32] {
    let mut engine = tagged("TapLeaf");
    let mut head = vec![leaf_version];
    put_compact_size(&mut head, script.len());
    engine.update(&head);
    engine.update(script);
    engine.finalize().into()
}

/// Two nodes of the tree, in either order.
pub fn tap_branch_hash(a: &[u8; 32], b: &[u8; 32]) -> [u8; 32] {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    tagged_hash("TapBranch", &[&low[..], &high[..]].concat())
}

/// What a tree with `root` adds to the internal key; without a tree, what stands for none.
pub fn tap_tweak_hash(internal_key: &[u8; 32], root: Option<&[u8; 32]>) -> [u8; 32] {
    let root = root.map_or(&[][..], |root| root);
    tagged_hash("TapTweak", &[&internal_key[..], root].concat())
}

/// The output key is the control block's internal key tweaked by the tree that holds the leaf.
/// `control` has been measured.
fn commits(output_key: &[u8; 32], control: &[u8], leaf_hash: &[u8; 32]) -> bool {
    let mut internal = [0u8; 32];
    internal.copy_from_slice(&control[1..CONTROL_BASE_SIZE]);
    let mut root = *leaf_hash;
    for node in control[CONTROL_BASE_SIZE..].chunks_exact(CONTROL_NODE_SIZE) {
        let mut other = [0u8; 32];
        other.copy_from_slice(node);
        root = tap_branch_hash(&root, &other);
    }
    let odd = control[0] & 1 == 1;
    tweak_x_only(&internal, &tap_tweak_hash(&internal, Some(&root))) == Some((*output_key, odd))
}

/// Bytes of a witness's wire form.
fn witness_size(witness: &[Vec<u8>]) -> usize {
    let items: usize = witness.iter().map(|e| compact_size_len(e.len()) + e.len()).sum();
    compact_size_len(witness.len()) + items
}
