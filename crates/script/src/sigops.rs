//! Counts signature operations as the block limit does: over the bytes of the scripts, without
//! running them.

use super::flags::ScriptFlags;
use super::instruction::{instructions, script_hash, witness_program};
use super::opcode::{
    OP_1, OP_16, OP_CHECKMULTISIG, OP_CHECKMULTISIGVERIFY, OP_CHECKSIG, OP_CHECKSIGVERIFY,
};
use super::ops::signature::MAX_MULTISIG_KEYS;
use primitives::fee::WITNESS_SCALE;
use primitives::tx::{Transaction, TxIn, TxOut};

/// Signature checks in a script up to its first malformed push. `accurate` believes the number of
/// keys that stands before CHECKMULTISIG; otherwise each counts for 20.
pub fn count(script: &[u8], accurate: bool) -> usize {
    let (mut total, mut before) = (0, None);
    for instruction in instructions(script).map_while(Result::ok) {
        total += match instruction.opcode {
            OP_CHECKSIG | OP_CHECKSIGVERIFY => 1,
            OP_CHECKMULTISIG | OP_CHECKMULTISIGVERIFY => match before {
                Some(keys @ OP_1..=OP_16) if accurate => usize::from(keys - OP_1 + 1),
                _ => MAX_MULTISIG_KEYS,
            },
            _ => 0,
        };
        before = Some(instruction.opcode);
    }
    total
}

/// Signature checks that a transaction's own scripts show, inaccurately (Core's
/// `GetLegacySigOpCount`).
pub fn legacy(tx: &Transaction) -> usize {
    let inputs = tx.inputs.iter().map(|input| count(input.script_sig.as_bytes(), false));
    let outputs = tx.outputs.iter().map(|output| count(output.script_pubkey.as_bytes(), false));
    inputs.chain(outputs).sum()
}

/// Signature checks that a transaction's inputs can run outside of witnesses, counted accurately:
/// in scriptSigs, and in what they spend or, for pay-to-script-hash, redeem (BIP54). `spent` holds
/// an output for each input.
pub fn legacy_run(tx: &Transaction, spent: &[TxOut]) -> usize {
    let of_input = |(input, spent): (&TxIn, &TxOut)| {
        let script_pubkey = spent.script_pubkey.as_bytes();
        let run = match script_hash(script_pubkey) {
            Some(_) => p2sh(input, spent),
            None => count(script_pubkey, true),
        };
        run + count(input.script_sig.as_bytes(), true)
    };
    tx.inputs.iter().zip(spent).map(of_input).sum()
}

/// Signature checks in the redeem script that an input offers to a pay-to-script-hash output
/// (BIP16); zero for any other output.
pub fn p2sh(input: &TxIn, spent: &TxOut) -> usize {
    if script_hash(spent.script_pubkey.as_bytes()).is_none() {
        return 0;
    }
    last_push(input.script_sig.as_bytes()).map_or(0, |redeem| count(redeem, true))
}

/// Signature checks in an input's witness program (BIP141).
pub fn witness(input: &TxIn, spent: &TxOut) -> usize {
    let script_pubkey = spent.script_pubkey.as_bytes();
    let program = witness_program(script_pubkey).or_else(|| {
        script_hash(script_pubkey)?;
        witness_program(last_push(input.script_sig.as_bytes())?)
    });
    match (program, input.witness.last()) {
        (Some((0, program)), _) if program.len() == 20 => 1,
        (Some((0, program)), Some(script)) if program.len() == 32 => count(script, true),
        _ => 0,
    }
}

/// What a transaction counts against `MAX_BLOCK_SIGOPS_COST` (BIP141): checks outside of the
/// witness four times. `spent` holds an output for each input; a coinbase needs none.
pub fn cost(tx: &Transaction, spent: &[TxOut], flags: ScriptFlags) -> usize {
    let mut cost = legacy(tx) * WITNESS_SCALE;
    if tx.is_coinbase() {
        return cost;
    }
    for (input, spent) in tx.inputs.iter().zip(spent) {
        if flags.has(ScriptFlags::P2SH) {
            cost += p2sh(input, spent) * WITNESS_SCALE;
        }
        if flags.has(ScriptFlags::WITNESS) {
            cost += witness(input, spent);
        }
    }
    cost
}

/// What the last push of a script leaves on the stack, if the script only pushes; empty for the
/// opcodes that push a number, as Core reads it.
pub fn last_push(script: &[u8]) -> Option<&[u8]> {
    let mut last: &[u8] = &[];
    for item in instructions(script) {
        let instruction = item.ok().filter(|instruction| instruction.is_push())?;
        last = instruction.data;
    }
    Some(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asm::assemble;
    use crypto::hash::{hash160, sha256};
    use primitives::amount::Amount;
    use primitives::script::Script;
    use primitives::tx::OutPoint;

    fn script(text: &str) -> Vec<u8> {
        assemble(text).expect(text)
    }

    #[test]
    fn counts_as_core_does() {
        assert_eq!(count(&script("CHECKSIG CHECKSIGVERIFY"), false), 2);
        assert_eq!(count(&script("2 CHECKMULTISIG"), true), 2);
        assert_eq!(count(&script("2 CHECKMULTISIG"), false), 20);
        assert_eq!(count(&script("0 CHECKMULTISIG"), true), 20);
        assert_eq!(count(&script("NOP CHECKMULTISIGVERIFY"), true), 20);
        assert_eq!(count(&script("CHECKSIG 0x05 CHECKSIG"), true), 1);
    }

    /// As in Core's sigopcount_tests: legacy, P2SH, witness, nested witness.
    #[test]
    fn costs_of_a_spend() {
        let multisig = script("1 <02> <03> 2 CHECKMULTISIGVERIFY");
        let flags = ScriptFlags::P2SH | ScriptFlags::WITNESS;
        let cost_of = |spk: &str, script_sig: &str, witness: &[&[u8]]| {
            let input = TxIn {
                prevout: OutPoint { vout: 0, ..OutPoint::NULL },
                script_sig: Script::new(script(script_sig)),
                sequence: 0,
                witness: witness.iter().map(|element| element.to_vec()).collect(),
            };
            let spent = TxOut { value: Amount(1), script_pubkey: Script::new(script(spk)) };
            let tx = Transaction { version: 1, inputs: vec![input], outputs: vec![], lock_time: 0 };
            cost(&tx, &[spent], flags)
        };
        let hex = primitives::hex::encode;
        let p2sh = format!("HASH160 <{}> EQUAL", hex(&hash160(&multisig)));
        let redeem = format!("0 0 <{}>", hex(&multisig));
        assert_eq!(cost_of(&hex_script(&multisig), "", &[]), 0);
        assert_eq!(cost_of(&p2sh, &redeem, &[]), 8);
        assert_eq!(cost_of(&p2sh, &format!("{redeem} NOP"), &[]), 0);
        assert_eq!(cost_of("0 <1111111111111111111111111111111111111111>", "", &[]), 1);
        assert_eq!(cost_of("1 <1111111111111111111111111111111111111111>", "", &[]), 0);
        let program = format!("0 <{}>", hex(&sha256(&multisig)));
        assert_eq!(cost_of(&program, "", &[&[], &multisig]), 2);
        assert_eq!(cost_of(&program, "", &[]), 0);
        let program = script(&program);
        let nested = format!("HASH160 <{}> EQUAL", hex(&hash160(&program)));
        assert_eq!(cost_of(&nested, &format!("<{}>", hex(&program)), &[&[], &multisig]), 2);
    }

    fn hex_script(script: &[u8]) -> String {
        format!("0x{}", primitives::hex::encode(script))
    }
}
