//! A script's bytes as instructions: the parser that engine, signature hashes, counting and
//! disassembly share.

use super::opcode::{
    OP_0, OP_1, OP_1NEGATE, OP_16, OP_PUSHDATA1, OP_PUSHDATA2, OP_PUSHDATA4, small_number,
};

/// An opcode with the bytes that it pushes (empty for all that push none).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction<'a> {
    pub opcode: u8,
    pub data: &'a [u8],
}

impl Instruction<'_> {
    /// No shorter opcode pushes the same (BIP62 rule 3).
    pub fn is_minimal_push(&self) -> bool {
        match *self.data {
            [] => self.opcode == OP_0,
            [1..=16] | [0x81] => false,
            _ => match self.data.len() {
                length @ ..=75 => usize::from(self.opcode) == length,
                76..=0xff => self.opcode == OP_PUSHDATA1,
                0x100..=0xffff => self.opcode == OP_PUSHDATA2,
                _ => true,
            },
        }
    }

    /// Pushes only: OP_0 to OP_16, OP_RESERVED among them as in Core.
    pub fn is_push(&self) -> bool {
        self.opcode <= OP_16
    }
}

/// Why the bytes ahead are no instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// Reads the instruction at `*at` and moves `at` past it. None at the end. On a push that runs
/// out of the script, `at` is left where Core's reader leaves it: after the length.
pub fn next<'a>(script: &'a [u8], at: &mut usize) -> Option<Result<Instruction<'a>, Malformed>> {
    let opcode = *script.get(*at)?;
    *at += 1;
    let length_size = match opcode {
        OP_PUSHDATA1 => 1,
        OP_PUSHDATA2 => 2,
        OP_PUSHDATA4 => 4,
        _ => 0,
    };
    let Some(length_bytes) = script.get(*at..*at + length_size) else {
        return Some(Err(Malformed));
    };
    *at += length_size;
    let length = match opcode {
        ..OP_PUSHDATA1 => usize::from(opcode),
        OP_PUSHDATA1..=OP_PUSHDATA4 => {
            length_bytes.iter().rev().fold(0, |length, byte| length << 8 | usize::from(*byte))
        }
        _ => 0,
    };
    if length > script.len() - *at {
        return Some(Err(Malformed));
    }
    let data = &script[*at..*at + length];
    *at += length;
    Some(Ok(Instruction { opcode, data }))
}

/// The instructions of a script up to its end or the first that is malformed (which is given).
pub fn instructions(script: &[u8]) -> impl Iterator<Item = Result<Instruction<'_>, Malformed>> {
    let mut at = 0;
    let mut failed = false;
    std::iter::from_fn(move || {
        if failed {
            return None;
        }
        let item = next(script, &mut at);
        failed = matches!(item, Some(Err(_)));
        item
    })
}

/// Every instruction is well-formed and pushes.
pub fn is_push_only(script: &[u8]) -> bool {
    instructions(script).all(|item| item.is_ok_and(|instruction| instruction.is_push()))
}

/// Appends a push of `data` by length alone, never by OP_1 and its like (Core's `CScript <<`).
pub fn push_data(script: &mut Vec<u8>, data: &[u8]) {
    let length = data.len();
    match length {
        0..=75 => script.push(length as u8),
        76..=0xff => script.extend_from_slice(&[OP_PUSHDATA1, length as u8]),
        0x100..=0xffff => {
            script.push(OP_PUSHDATA2);
            script.extend_from_slice(&(length as u16).to_le_bytes());
        }
        _ => {
            script.push(OP_PUSHDATA4);
            script.extend_from_slice(&(length as u32).to_le_bytes());
        }
    }
    script.extend_from_slice(data);
}

/// Appends the shortest push of `data`.
pub fn push_minimal(script: &mut Vec<u8>, data: &[u8]) {
    match *data {
        [value @ 1..=16] => script.push(small_number(value)),
        [0x81] => script.push(OP_1NEGATE),
        _ => push_data(script, data),
    }
}

/// Appends the shortest push of a number.
pub fn push_number(script: &mut Vec<u8>, value: i64) {
    push_minimal(script, &super::num::encode(value));
}

/// Version (0 to 16) and program of a witness output (BIP141).
pub fn witness_program(script: &[u8]) -> Option<(u8, &[u8])> {
    let (&first, rest) = script.split_first()?;
    let (&length, program) = rest.split_first()?;
    let version = match first {
        OP_0 => 0,
        OP_1..=OP_16 => first - OP_1 + 1,
        _ => return None,
    };
    let fits = (2..=40).contains(&length) && program.len() == usize::from(length);
    fits.then_some((version, program))
}

/// The script hash of a pay-to-script-hash output (BIP16).
pub fn script_hash(script: &[u8]) -> Option<&[u8]> {
    use super::opcode::{OP_EQUAL, OP_HASH160};
    match script {
        [OP_HASH160, 20, hash @ .., OP_EQUAL] if hash.len() == 20 => Some(hash),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_there_and_back() {
        for length in [0usize, 1, 75, 76, 255, 256, 520, 0xffff, 0x1_0000] {
            let data = vec![7; length];
            let mut script = vec![];
            push_data(&mut script, &data);
            let read: Vec<_> = instructions(&script).collect();
            assert_eq!(read.len(), 1);
            let instruction = read[0].expect("well-formed");
            assert_eq!(instruction.data, data);
            assert_eq!(instruction.is_minimal_push(), length != 1);
        }
    }

    #[test]
    fn pushes_past_the_end_are_malformed() {
        for script in
            [&[1u8][..], &[76], &[76, 1], &[77, 1], &[78, 0, 0, 0], &[78, 255, 255, 255, 255]]
        {
            assert_eq!(instructions(script).collect::<Vec<_>>(), [Err(Malformed)]);
        }
    }
}
