//! Numbers on a script's stack: little-endian, sign and magnitude, of bounded length.
//!
//! A number read is at most 4 bytes (5 for lock times); one computed from those is at most 5 bytes
//! long and can be pushed, but not read back as a number.

use super::error::ScriptError;

/// Bytes of a number that arithmetic takes.
pub const MAX_NUM_SIZE: usize = 4;
/// Bytes of a number that CHECKLOCKTIMEVERIFY and CHECKSEQUENCEVERIFY take.
pub const MAX_LOCK_NUM_SIZE: usize = 5;

/// Reads a number of at most `max_size` bytes (8 at the very most), the shortest form only when
/// `minimal`.
pub fn decode(bytes: &[u8], minimal: bool, max_size: usize) -> Result<i64, ScriptError> {
    if bytes.len() > max_size.min(8) || (minimal && !is_minimal(bytes)) {
        return Err(ScriptError::ScriptNum);
    }
    let Some((last, rest)) = bytes.split_last() else { return Ok(0) };
    let magnitude =
        rest.iter().rev().fold(i64::from(last & 0x7f), |value, byte| value << 8 | i64::from(*byte));
    Ok(if last & 0x80 != 0 { -magnitude } else { magnitude })
}

/// No byte more than the value needs: the last is not a bare sign unless the bit below it is
/// taken.
pub fn is_minimal(bytes: &[u8]) -> bool {
    match bytes {
        [] => true,
        [only] => only & 0x7f != 0,
        [.., before, last] => last & 0x7f != 0 || before & 0x80 != 0,
    }
}

/// The shortest form of `value`.
pub fn encode(value: i64) -> Vec<u8> {
    let mut magnitude = value.unsigned_abs();
    let mut bytes = Vec::with_capacity(5);
    while magnitude > 0 {
        bytes.push((magnitude & 0xff) as u8);
        magnitude >>= 8;
    }
    let sign = if value < 0 { 0x80 } else { 0 };
    match bytes.last_mut() {
        Some(last) if *last & 0x80 == 0 => *last |= sign,
        Some(_) => bytes.push(sign),
        None => {}
    }
    bytes
}

/// The value as Core's `getint` gives it: held to 32 bits.
pub fn to_i32(value: i64) -> i32 {
    value.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

/// False is empty, or zeros of any length, the last of which may carry a sign.
pub fn is_true(bytes: &[u8]) -> bool {
    match bytes.split_last() {
        Some((last, rest)) => last & 0x7f != 0 || rest.iter().any(|b| *b != 0),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for value in [0, 1, -1, 127, 128, -128, 255, 256, 32767, -32768, 0x7fff_ffff, 1 << 38] {
            let bytes = encode(value);
            assert!(is_minimal(&bytes), "{value}");
            assert_eq!(decode(&bytes, true, 5), Ok(value));
        }
        assert_eq!(encode(-255), [0xff, 0x80]);
    }

    #[test]
    fn limits() {
        assert_eq!(decode(&[1, 0], false, 4), Ok(1));
        assert_eq!(decode(&[1, 0], true, 4), Err(ScriptError::ScriptNum));
        assert_eq!(decode(&[0; 5], false, 4), Err(ScriptError::ScriptNum));
        assert_eq!(decode(&[0x80], false, 4), Ok(0));
        assert_eq!(to_i32(1 << 40), i32::MAX);
    }

    #[test]
    fn truth() {
        assert!(!is_true(&[]) && !is_true(&[0, 0]) && !is_true(&[0, 0x80]));
        assert!(is_true(&[0x80, 0]) && is_true(&[1]) && is_true(&[0x81]));
    }
}
