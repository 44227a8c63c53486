//! Hexadecimal text to bytes and back.

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
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)] as char);
        text.push(DIGITS[usize::from(byte & 15)] as char);
    }
    text
}

/// Bytes of hex text, either case.
pub fn decode(text: &str) -> Result<Vec<u8>, HexError> {
    let raw = text.as_bytes();
    if let Some(position) = raw.iter().position(|b| !b.is_ascii_hexdigit()) {
        let found = text[..].chars().find(|c| !c.is_ascii_hexdigit()).unwrap_or('?');
        return Err(HexError::NotADigit { found, position });
    }
    if !raw.len().is_multiple_of(2) {
        return Err(HexError::OddLength { digits: raw.len() });
    }
    Ok(raw.chunks_exact(2).map(|pair| (digit(pair[0]) << 4) | digit(pair[1])).collect())
}

/// Exactly `N` bytes of hex text.
pub fn decode_array<const N: usize>(text: &str) -> Result<[u8; N], HexError> {
    let bytes = decode(text)?;
    let got = bytes.len();
    bytes.try_into().map_err(|_| HexError::WrongLength { expected: N, got })
}

fn digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        _ => byte.wrapping_sub(b'A').wrapping_add(10),
    }
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
        assert_eq!(decode_array::<2>("00"), Err(HexError::WrongLength { expected: 2, got: 1 }));
    }
}
