//! Assembles and disassembles scripts.
//!
//! `assemble` reads the notation of Core's test vectors: opcode names with or without `OP_`,
//! decimal numbers, `'text'` pushed, `0x…` as raw bytes of the script; and also `<hex>`, pushed
//! with the shortest opcode. `disassemble` writes what Core's RPC shows as `asm`.

use super::encoding::{hash_type_name, is_strict_der};
use super::instruction::{instructions, push_data, push_minimal, push_number};
use super::num;
use super::opcode::{CONSTANTS, Kind, OP_RETURN, TABLE};
use super::vm::MAX_SCRIPT_SIZE;
use primitives::hex::{self, HexError};

/// Numbers that can be written in decimal.
const LARGEST_NUMBER: i64 = 0xffff_ffff;

/// Why a text is not a script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AsmError {
    #[error("{word:?} is no opcode, number, <hex>, 0xhex or 'text'")]
    UnknownWord { word: String },
    #[error("{word:?}: {error}")]
    Hex { word: String, error: HexError },
    #[error("number {word} is over {LARGEST_NUMBER}")]
    NumberTooLarge { word: String },
}

/// The script that `text` describes, words set apart by white space.
pub fn assemble(text: &str) -> Result<Vec<u8>, AsmError> {
    let mut script = Vec::new();
    for word in text.split_whitespace() {
        assemble_word(&mut script, word)?;
    }
    Ok(script)
}

fn assemble_word(script: &mut Vec<u8>, word: &str) -> Result<(), AsmError> {
    let bytes = |digits: &str| {
        hex::decode(digits).map_err(|error| AsmError::Hex { word: word.to_owned(), error })
    };
    let digits = word.strip_prefix('-').unwrap_or(word);
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        let number: Option<i64> = word.parse().ok();
        let number = number.filter(|number| number.abs() <= LARGEST_NUMBER);
        push_number(script, number.ok_or(AsmError::NumberTooLarge { word: word.to_owned() })?);
    } else if let Some(raw) = word.strip_prefix("0x") {
        script.extend_from_slice(&bytes(raw)?);
    } else if let Some(data) = word.strip_prefix('<').and_then(|w| w.strip_suffix('>')) {
        push_minimal(script, &bytes(data)?);
    } else if word.len() >= 2 && word.starts_with('\'') && word.ends_with('\'') {
        push_data(script, &word.as_bytes()[1..word.len() - 1]);
    } else {
        let opcode = opcode_named(word);
        script.push(opcode.ok_or(AsmError::UnknownWord { word: word.to_owned() })?);
    }
    Ok(())
}

/// The opcode of a name such as `OP_DUP` or `DUP`; pushes of data have none.
pub fn opcode_named(name: &str) -> Option<u8> {
    let short = name.strip_prefix("OP_").unwrap_or(name);
    let row = CONSTANTS.iter().find(|(constant, _)| constant.strip_prefix("OP_") == Some(short));
    let (_, byte) = row?;
    let spelt_out = short.parse::<u8>().is_ok() && short == name;
    let pushes = TABLE[usize::from(*byte)].kind == Kind::Push && !name.starts_with("OP_");
    (!spelt_out && !pushes).then_some(*byte)
}

/// Core's text of a script: numbers of up to four bytes in decimal, longer pushes in hex, the rest
/// by name; `[error]` where a push runs out.
pub fn disassemble(script: &[u8]) -> String {
    write_asm(script, false)
}

/// As `disassemble`, with the hash type of whatever looks like a signature written out (Core shows
/// a scriptSig so).
pub fn disassemble_with_hash_types(script: &[u8]) -> String {
    write_asm(script, true)
}

fn write_asm(script: &[u8], hash_types: bool) -> String {
    let unspendable = script.first() == Some(&OP_RETURN) || script.len() > MAX_SCRIPT_SIZE;
    let hash_types = hash_types && !unspendable;
    let words = instructions(script).map(|item| match item {
        Err(_) => "[error]".to_owned(),
        Ok(instruction) => {
            let row = &TABLE[usize::from(instruction.opcode)];
            match (row.kind, instruction.data) {
                (Kind::Push, [] | [_] | [_, _] | [_, _, _] | [_, _, _, _]) => {
                    num::decode(instruction.data, false, 4)
                        .map_or_else(|e| e.to_string(), |n| n.to_string())
                }
                (Kind::Push, data) if hash_types => push_with_hash_type(data),
                (Kind::Push, data) => hex::encode(data),
                _ => row.name.to_owned(),
            }
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn push_with_hash_type(data: &[u8]) -> String {
    if let Some((hash_type, der)) = data.split_last()
        && is_strict_der(der)
        && let Some(name) = hash_type_name(*hash_type)
    {
        return format!("{}[{name}]", hex::encode(der));
    }
    hex::encode(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let asm = |text: &str| hex::encode(&assemble(text).expect(text));
        assert_eq!(asm("DUP OP_HASH160 <0102> EQUALVERIFY"), "76a902010288");
        assert_eq!(asm("0 -1 16 17 0x4c01 'Az'"), "004f6001114c0102417a");
        assert_eq!(asm("<01> <81> <> OP_1 OP_0 1NEGATE"), "514f0051004f");
        for (text, wants) in [
            ("DUPE", "no opcode"),
            ("PUSHDATA1", "no opcode"),
            ("0xabc", "even number"),
            ("4294967296", "over"),
            ("'", "no opcode"),
        ] {
            let error = assemble(text).expect_err(text).to_string();
            assert!(error.contains(wants), "{error}");
        }
    }

    #[test]
    fn every_name_reads_back() {
        for row in
            TABLE.iter().filter(|row| row.name.starts_with("OP_") && row.name != "OP_UNKNOWN")
        {
            assert_eq!(opcode_named(row.name), Some(row.byte), "{}", row.name);
        }
    }

    #[test]
    fn text_of_scripts() {
        assert_eq!(disassemble(&[0x51, 0x02, 0xee, 0xee]), "1 -28398");
        assert_eq!(disassemble(&[0x76, 0x05, 1]), "OP_DUP [error]");
        assert_eq!(disassemble(&[0xbb, 0x4f, 0]), "OP_UNKNOWN -1 0");
    }
}
