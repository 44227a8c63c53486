//! The standard output types, under the names that Core's `Solver` gives them.

use super::instruction::{Instruction, instructions, is_push_only, script_hash, witness_program};
use super::num;
use super::opcode::{
    Kind, OP_CHECKMULTISIG, OP_CHECKSIG, OP_DUP, OP_EQUALVERIFY, OP_HASH160, OP_RETURN, TABLE,
    small_value,
};
use super::ops::signature::MAX_MULTISIG_KEYS;
use super::verify::ANCHOR_PROGRAM;
use super::vm::MAX_SCRIPT_SIZE;

/// The type of a standard output, with its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Template<'a> {
    PubKey { key: &'a [u8] },
    PubKeyHash { hash: &'a [u8] },
    ScriptHash { hash: &'a [u8] },
    Multisig { required: usize, keys: Vec<&'a [u8]> },
    NullData { pushes: &'a [u8] },
    WitnessV0KeyHash { hash: &'a [u8] },
    WitnessV0ScriptHash { hash: &'a [u8] },
    WitnessV1Taproot { key: &'a [u8] },
    WitnessUnknown { version: u8, program: &'a [u8] },
    Anchor,
    NonStandard,
}

impl Template<'_> {
    /// Core's `type`.
    pub const fn name(&self) -> &'static str {
        match self {
            Template::PubKey { .. } => "pubkey",
            Template::PubKeyHash { .. } => "pubkeyhash",
            Template::ScriptHash { .. } => "scripthash",
            Template::Multisig { .. } => "multisig",
            Template::NullData { .. } => "nulldata",
            Template::WitnessV0KeyHash { .. } => "witness_v0_keyhash",
            Template::WitnessV0ScriptHash { .. } => "witness_v0_scripthash",
            Template::WitnessV1Taproot { .. } => "witness_v1_taproot",
            Template::WitnessUnknown { .. } => "witness_unknown",
            Template::Anchor => "anchor",
            Template::NonStandard => "nonstandard",
        }
    }
}

/// The kind of output that `script` makes.
pub fn solve(script: &[u8]) -> Template<'_> {
    if let Some(hash) = script_hash(script) {
        return Template::ScriptHash { hash };
    }
    if let Some((version, program)) = witness_program(script) {
        return match (version, program.len()) {
            (0, 20) => Template::WitnessV0KeyHash { hash: program },
            (0, 32) => Template::WitnessV0ScriptHash { hash: program },
            (0, _) => Template::NonStandard,
            (1, 32) => Template::WitnessV1Taproot { key: program },
            (1, 2) if program == ANCHOR_PROGRAM => Template::Anchor,
            _ => Template::WitnessUnknown { version, program },
        };
    }
    match script {
        [OP_RETURN, pushes @ ..] if is_push_only(pushes) => Template::NullData { pushes },
        [33 | 65, key @ .., OP_CHECKSIG]
            if usize::from(script[0]) == key.len() && is_key_sized(key) =>
        {
            Template::PubKey { key }
        }
        [OP_DUP, OP_HASH160, 20, hash @ .., OP_EQUALVERIFY, OP_CHECKSIG] if hash.len() == 20 => {
            Template::PubKeyHash { hash }
        }
        _ => multisig(script).unwrap_or(Template::NonStandard),
    }
}

/// No input can ever spend this output: it returns, or is too long to run.
pub fn is_unspendable(script: &[u8]) -> bool {
    script.first() == Some(&OP_RETURN) || script.len() > MAX_SCRIPT_SIZE
}

/// As long as its first byte says a public key is.
fn is_key_sized(key: &[u8]) -> bool {
    matches!((key.first(), key.len()), (Some(2 | 3), 33) | (Some(4 | 6 | 7), 65))
}

/// `m key1 … keyn n CHECKMULTISIG`, 1 <= m <= n <= 20.
fn multisig(script: &[u8]) -> Option<Template<'_>> {
    let (body, [OP_CHECKMULTISIG]) = script.split_at_checked(script.len().checked_sub(1)?)? else {
        return None;
    };
    let all: Vec<_> = instructions(body).collect::<Result<_, _>>().ok()?;
    let [first, keys @ .., last] = &all[..] else { return None };
    let (required, count) = (key_count(first)?, key_count(last)?);
    let keys: Vec<_> = keys.iter().map(|key| key.data).collect();
    let fits = keys.len() == count && required <= count && keys.iter().all(|key| is_key_sized(key));
    fits.then_some(Template::Multisig { required, keys })
}

/// A number from 1 to 20, pushed as short as can be.
fn key_count(instruction: &Instruction<'_>) -> Option<usize> {
    let value = match small_value(instruction.opcode) {
        Some(value) => i64::from(value),
        None => {
            let push = TABLE[usize::from(instruction.opcode)].kind == Kind::Push;
            if !push || !instruction.is_minimal_push() {
                return None;
            }
            num::decode(instruction.data, true, num::MAX_NUM_SIZE).ok()?
        }
    };
    usize::try_from(value).ok().filter(|count| (1..=MAX_MULTISIG_KEYS).contains(count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asm::assemble;

    #[test]
    fn kinds() {
        let key = format!("<02{}>", "11".repeat(32));
        for (text, name) in [
            (format!("{key} CHECKSIG"), "pubkey"),
            (format!("<05{}> CHECKSIG", "11".repeat(32)), "nonstandard"),
            (format!("1 {key} {key} 2 CHECKMULTISIG"), "multisig"),
            (format!("3 {key} {key} 2 CHECKMULTISIG"), "nonstandard"),
            (format!("0 {key} 1 CHECKMULTISIG"), "nonstandard"),
            (format!("1 {} 17 CHECKMULTISIG", format!("{key} ").repeat(17)), "multisig"),
            (format!("1 {} 0x0111 0x01 CHECKMULTISIG", key), "nonstandard"),
            ("RETURN 'text'".to_owned(), "nulldata"),
            ("RETURN DUP".to_owned(), "nonstandard"),
            ("1 <4e73>".to_owned(), "anchor"),
            ("0 <4e73>".to_owned(), "nonstandard"),
            ("2 <4e73>".to_owned(), "witness_unknown"),
            (String::new(), "nonstandard"),
        ] {
            assert_eq!(solve(&assemble(&text).expect(&text)).name(), name, "{text}");
        }
    }
}
