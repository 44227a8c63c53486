//! Hexadecimal text to bytes and back: the codec of `data-encoding`, with errors that say what is
//! wrong and where.

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};

/// Why a text is not hex.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HexError {
    #[error("hex needs an even number of digits, got {digits}")]
    OddLength { digits: usize },
    #[error("character {found:?} at position {position} is not a hex digit")]
    NotADigit { found: char, position: usize },
    #[error("expected {expected} bytes of hex, got {got}")]
    WrongLength { expected: usize, got: usize },
}

/// Lower-case hex of `bytes`.
pub fn encode(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// The same into `text`, which must be twice as long as `bytes`.
pub fn encode_to<'a>(bytes: &[u8], text: &'a mut [u8]) -> &'a str {
    HEXLOWER.encode_mut_str(bytes, text)
}

/// Bytes of hex text, either case.
pub fn decode(text: &str) -> Result<Vec<u8>, HexError> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| fault(text))
}

/// What is wrong with a text that could not be decoded: the first character that is no digit, else
/// its length.
fn fault(text: &str) -> HexError {
    match text.char_indices().find(|(_, c)| !c.is_ascii_hexdigit()) {
        Some((position, found)) => HexError::NotADigit { found, position },
        None => HexError::OddLength { digits: text.len() },
    }
}

/// Exactly `N` bytes of hex text.
pub fn decode_array<const N: usize>(text: &str) -> Result<[u8; N], HexError> {
    let bytes = decode(text)?;
    let got = bytes.len();
    bytes.try_into().map_err(|_| HexError::WrongLength { expected: N, got })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        assert_eq!(decode(&encode(&[0, 1, 0xab, 255])), Ok(vec![0, 1, 0xab, 255]));
        assert_eq!(decode("00FF"), Ok(vec![0, 255]));
        assert_eq!(decode("abc"), Err(HexError::OddLength { digits: 3 }));
        assert_eq!(decode("aé"), Err(HexError::NotADigit { found: 'é', position: 1 }));
        assert_eq!(decode("abx"), Err(HexError::NotADigit { found: 'x', position: 2 }));
        assert_eq!(decode_array::<2>("00"), Err(HexError::WrongLength { expected: 2, got: 1 }));
        assert_eq!(encode_to(&[0xab, 1], &mut [0; 4]), "ab01");
    }
}
