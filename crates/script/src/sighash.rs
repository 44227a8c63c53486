//! What a signature covers: the legacy hash, witness v0 (BIP143) and taproot (BIP341, BIP342).
//!
//! A transaction's shared parts are hashed once, when first asked for, so that n inputs cost O(n);
//! the legacy hash, which covers the whole transaction for each input, hashes from a prepared
//! serialisation and starts from the midstate of the inputs before its own.

use std::sync::OnceLock;

use sha2::{Digest, Sha256};

use super::instruction;
use super::opcode::OP_CODESEPARATOR;
use crypto::hash::{sha256, tagged};
use primitives::codec::{Encode, put_compact_size, put_var_bytes};
use primitives::tx::{Transaction, TxOut};

/// Taproot's default: as `ALL`, and no byte in the signature.
pub const DEFAULT: u8 = 0;
/// All outputs.
pub const ALL: u8 = 1;
/// No outputs.
pub const NONE: u8 = 2;
/// The output at the input's place.
pub const SINGLE: u8 = 3;
/// With one of the others: this input alone.
pub const ANYONE_CAN_PAY: u8 = 0x80;

/// Bytes of an input with an empty script: outpoint, length, sequence.
const BLANK_INPUT_SIZE: usize = 41;

/// Hashes shared by the inputs of one transaction (BIP143 uses their double, BIP341 these).
#[derive(Debug)]
struct Shared {
    prevouts: [u8; 32],
    sequences: [u8; 32],
    outputs: [u8; 32],
}

/// Hashes over the spent outputs (BIP341).
#[derive(Debug)]
struct Spent {
    amounts: [u8; 32],
    scripts: [u8; 32],
}

/// The transaction serialised with empty input scripts.
#[derive(Debug)]
struct Blank {
    bytes: Vec<u8>,
    /// Where the first input starts.
    inputs_at: usize,
    /// Where the outputs (their count) start.
    outputs_at: usize,
    /// The hash engine before each input.
    before: Vec<Sha256>,
}

/// A transaction with what its inputs' signature hashes share. Safe to use from many threads.
#[derive(Debug)]
pub struct TxMidstate<'a> {
    tx: &'a Transaction,
    spent: &'a [TxOut],
    shared: OnceLock<Shared>,
    spent_hashes: OnceLock<Spent>,
    blank: OnceLock<Blank>,
}

/// What a taproot signature covers beyond the transaction (BIP341, BIP342).
#[derive(Debug, Clone, Copy)]
pub struct TaprootContext {
    /// SHA-256 of the annex with its length.
    pub annex_hash: Option<[u8; 32]>,
    /// Leaf hash and position of the last CODESEPARATOR run; None on the key path.
    pub leaf: Option<([u8; 32], u32)>,
}

impl<'a> TxMidstate<'a> {
    /// `spent` holds the output that each input spends, in order; it may be empty when no taproot
    /// hash will be asked for.
    pub fn new(tx: &'a Transaction, spent: &'a [TxOut]) -> TxMidstate<'a> {
        TxMidstate {
            tx,
            spent,
            shared: OnceLock::new(),
            spent_hashes: OnceLock::new(),
            blank: OnceLock::new(),
        }
    }

    pub fn tx(&self) -> &'a Transaction {
        self.tx
    }

    pub fn spent(&self) -> &'a [TxOut] {
        self.spent
    }

    /// The legacy hash before its hash type is added; None where SIGHASH_SINGLE has no output,
    /// for which the hash is the number one.
    pub fn legacy_engine(&self, input: usize, code: &[u8], hash_type: u32) -> Option<Sha256> {
        let kind = (hash_type & 0x1f) as u8;
        if kind == SINGLE && input >= self.tx.outputs.len() {
            return None;
        }
        let code = without_code_separators(code);
        let alone = hash_type & u32::from(ANYONE_CAN_PAY) != 0;
        if !alone && kind != NONE && kind != SINGLE {
            return Some(self.legacy_all(input, &code));
        }
        let mut engine = Sha256::new();
        let mut bytes = self.tx.version.to_le_bytes().to_vec();
        put_compact_size(&mut bytes, if alone { 1 } else { self.tx.inputs.len() });
        for (at, other) in self.tx.inputs.iter().enumerate() {
            if at == input {
                other.prevout.encode(&mut bytes);
                code.put(&mut bytes);
                bytes.extend_from_slice(&other.sequence.to_le_bytes());
            } else if !alone {
                other.prevout.encode(&mut bytes);
                // No script, and a sequence that others may still change.
                let sequence = if kind == NONE || kind == SINGLE { 0 } else { other.sequence };
                bytes.push(0);
                bytes.extend_from_slice(&sequence.to_le_bytes());
            }
        }
        match kind {
            NONE => bytes.push(0),
            SINGLE => {
                put_compact_size(&mut bytes, input + 1);
                for _ in 0..input {
                    bytes.extend_from_slice(&(-1i64).to_le_bytes());
                    bytes.push(0);
                }
                self.tx.outputs[input].encode(&mut bytes);
            }
            _ => {
                engine.update(&bytes);
                bytes.clear();
                let blank = self.blank();
                bytes.extend_from_slice(&blank.bytes[blank.outputs_at..]);
            }
        }
        if kind == NONE || kind == SINGLE {
            bytes.extend_from_slice(&self.tx.lock_time.to_le_bytes());
        }
        engine.update(&bytes);
        Some(engine)
    }

    fn legacy_all(&self, input: usize, code: &Code<'_>) -> Sha256 {
        let blank = self.blank();
        let mut engine = blank.before[input].clone();
        let at = blank.inputs_at + input * BLANK_INPUT_SIZE;
        let mut bytes = blank.bytes[at..at + 36].to_vec();
        code.put(&mut bytes);
        engine.update(&bytes);
        engine.update(&blank.bytes[at + 37..]);
        engine
    }

    /// The legacy signature hash of Bitcoin's first release. `hash_type` is 32 bits wide in what
    /// is hashed; signatures carry its low byte.
    pub fn legacy(&self, input: usize, code: &[u8], hash_type: u32) -> [u8; 32] {
        finish_legacy(self.legacy_engine(input, code, hash_type), hash_type)
    }

    /// The witness v0 hash (BIP143) before its hash type is added. `amount` is that of the spent
    /// output.
    pub fn witness_v0_engine(
        &self,
        input: usize,
        code: &[u8],
        amount: i64,
        hash_type: u32,
    ) -> Sha256 {
        let kind = (hash_type & 0x1f) as u8;
        let alone = hash_type & u32::from(ANYONE_CAN_PAY) != 0;
        let this = &self.tx.inputs[input];
        let shared = self.shared();
        let zero = [0u8; 32];
        let mut engine = Sha256::new();
        engine.update(self.tx.version.to_le_bytes());
        engine.update(if alone { zero } else { sha256(&shared.prevouts) });
        let sequences = !alone && kind != SINGLE && kind != NONE;
        engine.update(if sequences { sha256(&shared.sequences) } else { zero });
        let mut bytes = Vec::with_capacity(code.len() + 60);
        this.prevout.encode(&mut bytes);
        put_var_bytes(&mut bytes, code);
        bytes.extend_from_slice(&amount.to_le_bytes());
        bytes.extend_from_slice(&this.sequence.to_le_bytes());
        engine.update(&bytes);
        engine.update(match (kind, self.tx.outputs.get(input)) {
            (SINGLE, Some(output)) => sha256(&sha256(&output.to_bytes())),
            (SINGLE, None) | (NONE, _) => zero,
            _ => sha256(&shared.outputs),
        });
        engine.update(self.tx.lock_time.to_le_bytes());
        engine
    }

    /// The witness v0 signature hash (BIP143).
    pub fn witness_v0(&self, input: usize, code: &[u8], amount: i64, hash_type: u32) -> [u8; 32] {
        finish(self.witness_v0_engine(input, code, amount, hash_type), hash_type)
    }

    /// The taproot signature hash (BIP341); None for an undefined hash type, and for
    /// SIGHASH_SINGLE without its output.
    pub fn taproot(
        &self,
        input: usize,
        hash_type: u8,
        context: &TaprootContext,
    ) -> Option<[u8; 32]> {
        if !matches!(hash_type, 0..=3 | 0x81..=0x83) {
            return None;
        }
        let kind = if hash_type == DEFAULT { ALL } else { hash_type & 3 };
        let alone = hash_type & ANYONE_CAN_PAY != 0;
        let this = &self.tx.inputs[input];
        let mut engine = tagged("TapSighash");
        // Epoch zero, then the hash type.
        engine.update([0, hash_type]);
        engine.update(self.tx.version.to_le_bytes());
        engine.update(self.tx.lock_time.to_le_bytes());
        let shared = self.shared();
        if !alone {
            let spent = self.spent_hashes();
            engine.update(shared.prevouts);
            engine.update(spent.amounts);
            engine.update(spent.scripts);
            engine.update(shared.sequences);
        }
        if kind == ALL {
            engine.update(shared.outputs);
        }
        let extension = u8::from(context.leaf.is_some());
        engine.update([extension * 2 + u8::from(context.annex_hash.is_some())]);
        if alone {
            let mut bytes = this.prevout.to_bytes();
            self.spent[input].encode(&mut bytes);
            bytes.extend_from_slice(&this.sequence.to_le_bytes());
            engine.update(&bytes);
        } else {
            engine.update((input as u32).to_le_bytes());
        }
        if let Some(annex_hash) = context.annex_hash {
            engine.update(annex_hash);
        }
        if kind == SINGLE {
            engine.update(sha256(&self.tx.outputs.get(input)?.to_bytes()));
        }
        if let Some((leaf_hash, code_separator)) = context.leaf {
            engine.update(leaf_hash);
            // Key version zero.
            engine.update([0]);
            engine.update(code_separator.to_le_bytes());
        }
        Some(engine.finalize().into())
    }

    fn shared(&self) -> &Shared {
        self.shared.get_or_init(|| {
            let mut prevouts = Vec::with_capacity(self.tx.inputs.len() * 36);
            let mut sequences = Vec::with_capacity(self.tx.inputs.len() * 4);
            for input in &self.tx.inputs {
                input.prevout.encode(&mut prevouts);
                sequences.extend_from_slice(&input.sequence.to_le_bytes());
            }
            let mut outputs = Vec::new();
            for output in &self.tx.outputs {
                output.encode(&mut outputs);
            }
            Shared {
                prevouts: sha256(&prevouts),
                sequences: sha256(&sequences),
                outputs: sha256(&outputs),
            }
        })
    }

    fn spent_hashes(&self) -> &Spent {
        self.spent_hashes.get_or_init(|| {
            let mut amounts = Vec::with_capacity(self.spent.len() * 8);
            let mut scripts = Vec::new();
            for output in self.spent {
                amounts.extend_from_slice(&output.value.0.to_le_bytes());
                output.script_pubkey.encode(&mut scripts);
            }
            Spent { amounts: sha256(&amounts), scripts: sha256(&scripts) }
        })
    }

    fn blank(&self) -> &Blank {
        self.blank.get_or_init(|| {
            let mut bytes = self.tx.version.to_le_bytes().to_vec();
            put_compact_size(&mut bytes, self.tx.inputs.len());
            let inputs_at = bytes.len();
            let mut engine = Sha256::new();
            engine.update(&bytes);
            let mut before = Vec::with_capacity(self.tx.inputs.len());
            for input in &self.tx.inputs {
                before.push(engine.clone());
                let at = bytes.len();
                input.prevout.encode(&mut bytes);
                bytes.push(0);
                bytes.extend_from_slice(&input.sequence.to_le_bytes());
                engine.update(&bytes[at..]);
            }
            let outputs_at = bytes.len();
            put_compact_size(&mut bytes, self.tx.outputs.len());
            for output in &self.tx.outputs {
                output.encode(&mut bytes);
            }
            bytes.extend_from_slice(&self.tx.lock_time.to_le_bytes());
            Blank { bytes, inputs_at, outputs_at, before }
        })
    }
}

/// Double SHA-256 of what the engine took and the hash type.
pub fn finish(mut engine: Sha256, hash_type: u32) -> [u8; 32] {
    engine.update(hash_type.to_le_bytes());
    sha256(&engine.finalize())
}

/// As `finish`; the number one where there is nothing to hash.
pub fn finish_legacy(engine: Option<Sha256>, hash_type: u32) -> [u8; 32] {
    let one = || {
        let mut one = [0u8; 32];
        one[0] = 1;
        one
    };
    engine.map_or_else(one, |engine| finish(engine, hash_type))
}

/// Script code cut at its CODESEPARATORs, as the legacy hash serialises it.
struct Code<'a> {
    /// The length that is written; what is written can be shorter, see `without_code_separators`.
    length: usize,
    parts: Vec<&'a [u8]>,
}

impl Code<'_> {
    fn put(&self, out: &mut Vec<u8>) {
        put_compact_size(out, self.length);
        for part in &self.parts {
            out.extend_from_slice(part);
        }
    }
}

/// Core writes the code up to where its parser stops: of a push that runs out of the script, the
/// opcode and its length are written, the bytes after them are not. Such a script fails anyway.
fn without_code_separators(code: &[u8]) -> Code<'_> {
    let (mut parts, mut from, mut at) = (vec![], 0, 0);
    while let Some(Ok(instruction)) = instruction::next(code, &mut at) {
        if instruction.opcode == OP_CODESEPARATOR {
            parts.push(&code[from..at - 1]);
            from = at;
        }
    }
    let length = code.len() - parts.len();
    parts.push(&code[from..at]);
    Code { length, parts }
}

/// The script without each `needle` that starts where an instruction does; None when there is
/// none.
pub fn find_and_delete(script: &[u8], needle: &[u8]) -> Option<Vec<u8>> {
    if needle.is_empty() || needle.len() > script.len() {
        return None;
    }
    let (mut kept, mut from, mut at, mut found) = (vec![], 0, 0, false);
    loop {
        kept.extend_from_slice(&script[from..at]);
        while script[at..].starts_with(needle) {
            at += needle.len();
            found = true;
        }
        from = at;
        if !matches!(instruction::next(script, &mut at), Some(Ok(_))) {
            kept.extend_from_slice(&script[from..]);
            return found.then_some(kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deletes_only_at_instruction_starts() {
        assert_eq!(find_and_delete(&[1, 0xab, 0xab], &[0xab]), Some(vec![1, 0xab]));
        assert_eq!(find_and_delete(&[1, 0xab], &[0xab]), None);
        assert_eq!(find_and_delete(&[0, 0, 0], &[0]), Some(vec![]));
        // What follows a malformed push stays.
        assert_eq!(find_and_delete(&[0xab, 5, 0xab], &[0xab]), Some(vec![5, 0xab]));
    }

    #[test]
    fn separators_are_cut_out() {
        let code = without_code_separators(&[0xab, 0x51, 1, 0xab, 0xab]);
        assert_eq!((code.length, code.parts.concat()), (3, vec![0x51, 1, 0xab]));
        let cut = without_code_separators(&[0x51, 5, 1, 2]);
        assert_eq!((cut.length, cut.parts.concat()), (4, vec![0x51, 5]));
    }
}
