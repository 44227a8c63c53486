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
    let mut text = vec![0u8; bytes.len() * 2];
    encode_to(bytes, &mut text);
    String::from_utf8(text).unwrap_or_default()
}

/// The same in a place of twice the length.
pub fn encode_to<'a>(bytes: &[u8], text: &'a mut [u8]) -> &'a str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    std::str::from_utf8(text).unwrap_or_default()
}

/// Bytes of hex text, either case.
pub fn decode(text: &str) -> Result<Vec<u8>, HexError> {
    let raw = text.as_bytes();
    let (pairs, odd) = raw.as_chunks::<2>();
    let mut bad = 0;
    let bytes = pairs
        .iter()
        .map(|pair| {
            let (high, low) = (VALUES[usize::from(pair[0])], VALUES[usize::from(pair[1])]);
            bad |= high | low;
            high << 4 | low & 15
        })
        .collect();
    if bad & NO_DIGIT != 0 || odd.first().is_some_and(|b| !b.is_ascii_hexdigit()) {
        let position = raw.iter().position(|b| !b.is_ascii_hexdigit()).unwrap_or(0);
        let found = text.chars().find(|c| !c.is_ascii_hexdigit()).unwrap_or('?');
        return Err(HexError::NotADigit { found, position });
    }
    if !odd.is_empty() {
        return Err(HexError::OddLength { digits: raw.len() });
    }
    Ok(bytes)
}

/// The bit that marks what is no digit.
const NO_DIGIT: u8 = 0x80;

/// The value of each character as a digit.
const VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < 10 {
        values[b'0' as usize + digit] = digit as u8;
        digit += 1;
    }
    let mut letter = 0;
    while letter < 6 {
        values[b'a' as usize + letter] = 10 + letter as u8;
        values[b'A' as usize + letter] = 10 + letter as u8;
        letter += 1;
    }
    values
};

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
        assert_eq!(decode_array::<2>("00"), Err(HexError::WrongLength { expected: 2, got: 1 }));
    }
}
