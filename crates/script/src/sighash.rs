//! What a signature covers: the legacy hash, witness v0 (BIP143) and taproot (BIP341, BIP342).
//!
//! A transaction's shared parts are hashed once, when first asked for, so that n inputs cost O(n);
//! the legacy hash, which covers the whole transaction for each input, hashes from a prepared
//! serialisation and starts from the midstate of the inputs before its own.

use std::sync::OnceLock;

use sha2::Digest;

use super::instruction;
use super::opcode::OP_CODESEPARATOR;
use super::vm::SigVersion;
use crypto::hash::{sha256, tagged};
use crypto::lanes::Lanes;
use crypto::midstate::{Absorb, Midstate};
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

/// Bytes of a taproot message at most.
pub const MOST_TAPROOT_BYTES: usize = 320;

/// Bytes of an input with an empty script: outpoint, length, sequence.
const BLANK_INPUT_SIZE: usize = 41;

/// Hashes shared by the inputs of one transaction (BIP143 uses their double, BIP341 these).
#[derive(Debug)]
struct Shared {
    prevouts: [u8; 32],
    sequences: [u8; 32],
    outputs: [u8; 32],
}

/// Hashes over what is spent (BIP341).
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
    /// The state before each input.
    before: Vec<Midstate>,
}

/// A transaction with what its inputs' signature hashes share. Safe to use from many threads.
#[derive(Debug)]
pub struct TxMidstate<'a> {
    tx: &'a Transaction,
    spent: &'a [TxOut],
    shared: OnceLock<Shared>,
    spent_hashes: OnceLock<Spent>,
    blank: OnceLock<Blank>,
    /// SHA-256 of each output alone, for SIGHASH_SINGLE.
    each_output: OnceLock<Vec<OnceLock<[u8; 32]>>>,
}

/// What an ECDSA signature covers, up to its hash type; not hashed yet.
#[derive(Debug)]
pub struct Message<'a> {
    start: Midstate,
    head: Vec<u8>,
    tail: &'a [u8],
}

impl Message<'_> {
    /// Bytes to be hashed.
    pub fn bytes(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    fn to_absorb(&self) -> Absorb<'_> {
        Absorb { midstate: self.start, parts: [&self.head, self.tail] }
    }

    pub fn absorb(&self) -> Midstate {
        count_hashed(self.bytes());
        let mut absorb = self.to_absorb();
        absorb.rest();
        absorb.midstate
    }

    /// Hashes many, side by side.
    pub fn absorb_all(messages: &[Message<'_>]) -> Vec<Midstate> {
        count_hashed(messages.iter().map(Message::bytes).sum());
        let mut absorbs: Vec<Absorb<'_>> = messages.iter().map(Message::to_absorb).collect();
        Lanes::best().absorb_many(&mut absorbs);
        absorbs.into_iter().map(|absorb| absorb.midstate).collect()
    }
}

#[cfg(test)]
thread_local! {
    /// Bytes that signature hashes took on this thread.
    pub(super) static HASHED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Tests count what is hashed for signatures.
fn count_hashed(_bytes: usize) {
    #[cfg(test)]
    HASHED.set(HASHED.get() + _bytes);
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
            each_output: OnceLock::new(),
        }
    }

    pub fn tx(&self) -> &'a Transaction {
        self.tx
    }

    pub fn spent(&self) -> &'a [TxOut] {
        self.spent
    }

    /// What an ECDSA signature of a spent output covers; None where the hash is the number one
    /// (SIGHASH_SINGLE without its output, before witness).
    pub fn message(
        &self,
        input: usize,
        code: &[u8],
        hash_type: u8,
        version: SigVersion,
    ) -> Option<Message<'_>> {
        let wide = u32::from(hash_type);
        match version {
            SigVersion::WitnessV0 => {
                Some(self.witness_v0_message(input, code, self.spent[input].value.0, wide))
            }
            SigVersion::Base | SigVersion::Tapscript => self.legacy_message(input, code, wide),
        }
    }

    fn legacy_message(&self, input: usize, code: &[u8], hash_type: u32) -> Option<Message<'_>> {
        let kind = (hash_type & 0x1f) as u8;
        if kind == SINGLE && input >= self.tx.outputs.len() {
            return None;
        }
        let code = without_code_separators(code);
        let alone = hash_type & u32::from(ANYONE_CAN_PAY) != 0;
        if !alone && kind != NONE && kind != SINGLE {
            return Some(self.legacy_all(input, &code));
        }
        let mut head = self.tx.version.to_le_bytes().to_vec();
        put_compact_size(&mut head, if alone { 1 } else { self.tx.inputs.len() });
        for (at, other) in self.tx.inputs.iter().enumerate() {
            if at == input {
                other.prevout.encode(&mut head);
                code.put(&mut head);
                head.extend_from_slice(&other.sequence.to_le_bytes());
            } else if !alone {
                other.prevout.encode(&mut head);
                // No script, and a sequence that others may still change.
                let sequence = if kind == NONE || kind == SINGLE { 0 } else { other.sequence };
                head.push(0);
                head.extend_from_slice(&sequence.to_le_bytes());
            }
        }
        let mut tail: &[u8] = &[];
        match kind {
            NONE => head.push(0),
            SINGLE => {
                put_compact_size(&mut head, input + 1);
                for _ in 0..input {
                    head.extend_from_slice(&(-1i64).to_le_bytes());
                    head.push(0);
                }
                self.tx.outputs[input].encode(&mut head);
            }
            _ => {
                let blank = self.blank();
                tail = &blank.bytes[blank.outputs_at..];
            }
        }
        if kind == NONE || kind == SINGLE {
            head.extend_from_slice(&self.tx.lock_time.to_le_bytes());
        }
        Some(Message { start: Midstate::default(), head, tail })
    }

    fn legacy_all(&self, input: usize, code: &Code<'_>) -> Message<'_> {
        let blank = self.blank();
        let at = blank.inputs_at + input * BLANK_INPUT_SIZE;
        let mut head = Vec::with_capacity(code.length + 46);
        head.extend_from_slice(&blank.bytes[at..at + 36]);
        code.put(&mut head);
        Message { start: blank.before[input], head, tail: &blank.bytes[at + 37..] }
    }

    /// The legacy signature hash of Bitcoin's first release. `hash_type` is 32 bits wide in what
    /// is hashed; signatures carry its low byte.
    pub fn legacy(&self, input: usize, code: &[u8], hash_type: u32) -> [u8; 32] {
        let message = self.legacy_message(input, code, hash_type);
        finish(message.map(|message| message.absorb()), hash_type)
    }

    /// BIP143. `amount` is what is spent.
    fn witness_v0_message(
        &self,
        input: usize,
        code: &[u8],
        amount: i64,
        hash_type: u32,
    ) -> Message<'_> {
        let kind = (hash_type & 0x1f) as u8;
        let alone = hash_type & u32::from(ANYONE_CAN_PAY) != 0;
        let this = &self.tx.inputs[input];
        let shared = self.shared();
        let zero = [0u8; 32];
        let mut head = Vec::with_capacity(code.len() + 168);
        head.extend_from_slice(&self.tx.version.to_le_bytes());
        head.extend_from_slice(&if alone { zero } else { sha256(&shared.prevouts) });
        let sequences = !alone && kind != SINGLE && kind != NONE;
        head.extend_from_slice(&if sequences { sha256(&shared.sequences) } else { zero });
        this.prevout.encode(&mut head);
        put_var_bytes(&mut head, code);
        head.extend_from_slice(&amount.to_le_bytes());
        head.extend_from_slice(&this.sequence.to_le_bytes());
        head.extend_from_slice(&match kind {
            SINGLE => self.output_hash(input).map_or(zero, |hash| sha256(&hash)),
            NONE => zero,
            _ => sha256(&shared.outputs),
        });
        head.extend_from_slice(&self.tx.lock_time.to_le_bytes());
        Message { start: Midstate::default(), head, tail: &[] }
    }

    /// The witness v0 signature hash (BIP143).
    pub fn witness_v0(&self, input: usize, code: &[u8], amount: i64, hash_type: u32) -> [u8; 32] {
        let message = self.witness_v0_message(input, code, amount, hash_type);
        finish(Some(message.absorb()), hash_type)
    }

    /// The taproot signature hash (BIP341) is defined for that hash type: not for SIGHASH_SINGLE
    /// without its output.
    pub fn has_taproot(&self, input: usize, hash_type: u8) -> bool {
        let single = hash_type & 3 == SINGLE;
        matches!(hash_type, 0..=3 | 0x81..=0x83) && (!single || input < self.tx.outputs.len())
    }

    /// The taproot signature hash (BIP341); None for an undefined hash type, and for
    /// SIGHASH_SINGLE without its output.
    pub fn taproot(
        &self,
        input: usize,
        hash_type: u8,
        context: &TaprootContext,
    ) -> Option<[u8; 32]> {
        if !self.has_taproot(input, hash_type) {
            return None;
        }
        count_hashed(MOST_TAPROOT_BYTES);
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
            engine.update(self.output_hash(input)?);
        }
        if let Some((leaf_hash, code_separator)) = context.leaf {
            engine.update(leaf_hash);
            // Key version zero.
            engine.update([0]);
            engine.update(code_separator.to_le_bytes());
        }
        Some(engine.finalize().into())
    }

    /// SHA-256 of one output, hashed once whoever asks.
    fn output_hash(&self, at: usize) -> Option<[u8; 32]> {
        let output = self.tx.outputs.get(at)?;
        let all = self.each_output.get_or_init(|| vec![OnceLock::new(); self.tx.outputs.len()]);
        Some(*all.get(at)?.get_or_init(|| sha256(&output.to_bytes())))
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
            let mut midstate = Midstate::default();
            midstate.update(&bytes);
            let mut before = Vec::with_capacity(self.tx.inputs.len());
            for input in &self.tx.inputs {
                before.push(midstate);
                let at = bytes.len();
                input.prevout.encode(&mut bytes);
                bytes.push(0);
                bytes.extend_from_slice(&input.sequence.to_le_bytes());
                midstate.update(&bytes[at..]);
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

/// Double SHA-256 of a message that was taken in, and its hash type; the number one where there is
/// no message.
pub fn finish(midstate: Option<Midstate>, hash_type: u32) -> [u8; 32] {
    let Some(mut midstate) = midstate else {
        let mut one = [0u8; 32];
        one[0] = 1;
        return one;
    };
    midstate.update(&hash_type.to_le_bytes());
    sha256(&midstate.finish())
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
