//! The words of a source line and its numbers (Forth-2012 3.4.1), on `nom`.

use nom::IResult;
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{tag, take, take_till, take_while, take_while1};
use nom::character::complete::{char, one_of};
use nom::combinator::{all_consuming, map, opt, recognize, value};
use nom::sequence::{delimited, preceded};

/// A number in a source text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// One cell.
    Single(i64),
    /// Two cells: digits with a dot at the end.
    Double(i128),
    /// A floating-point number: has an `E`.
    Float(f64),
}

/// White space of a source: blank and every control character (3.4.1.1).
#[must_use]
pub const fn is_space(byte: u8) -> bool {
    byte <= b' '
}

/// Skips leading white space and takes one name: (bytes skipped, name, bytes used in all).
#[must_use]
pub fn name(text: &[u8]) -> (usize, &[u8], usize) {
    let parsed: IResult<&[u8], (&[u8], &[u8])> =
        (take_while(is_space), take_till(is_space)).parse(text);
    match parsed {
        Ok((rest, (space, name))) => {
            let used = text.len() - rest.len();
            (space.len(), name, used + usize::from(!rest.is_empty()))
        }
        Err(_) => (text.len(), &[], text.len()),
    }
}

fn sign(input: &[u8]) -> IResult<&[u8], bool> {
    map(opt(char('-')), |sign| sign.is_some()).parse(input)
}

fn prefix(input: &[u8]) -> IResult<&[u8], u32> {
    alt((value(10, char('#')), value(16, char('$')), value(2, char('%')))).parse(input)
}

fn quoted(input: &[u8]) -> IResult<&[u8], i64> {
    let (rest, byte) = delimited(char('\''), take(1usize), char('\'')).parse(input)?;
    Ok((rest, i64::from(byte[0])))
}

/// A quoted character of more than one byte.
fn quoted_wide(text: &[u8]) -> Option<i64> {
    let inner = text.strip_prefix(b"'")?.strip_suffix(b"'")?;
    let mut chars = std::str::from_utf8(inner).ok()?.chars();
    let first = chars.next()?;
    chars.next().is_none().then_some(i64::from(u32::from(first)))
}

fn digits_value(digits: &[u8], base: u32) -> Option<u128> {
    let mut total: u128 = 0;
    for &byte in digits {
        let digit = digit(byte)?;
        if digit >= base {
            return None;
        }
        total = total.checked_mul(u128::from(base))?.checked_add(u128::from(digit))?;
    }
    Some(total)
}

/// Value of a digit in any base up to 36.
#[must_use]
pub const fn digit(byte: u8) -> Option<u32> {
    match byte {
        b'0'..=b'9' => Some((byte - b'0') as u32),
        b'a'..=b'z' => Some((byte - b'a') as u32 + 10),
        b'A'..=b'Z' => Some((byte - b'A') as u32 + 10),
        _ => None,
    }
}

/// Reads a whole word as a number in `base`.
#[must_use]
pub fn number(text: &[u8], base: i64) -> Option<Number> {
    if let Ok((_, value)) = all_consuming(quoted).parse(text) {
        return Some(Number::Single(value));
    }
    if !text.iter().any(|&b| b.is_ascii_alphanumeric()) {
        return quoted_wide(text).map(Number::Single);
    }
    integer(text, base)
        .or_else(|| if base == 10 { float(text).map(Number::Float) } else { None })
        .or_else(|| quoted_wide(text).map(Number::Single))
}

fn integer(text: &[u8], base: i64) -> Option<Number> {
    let (rest, prefix) = opt(prefix).parse(text).ok()?;
    // 3.4.1.3 puts the sign after the prefix; one before it is taken too.
    let (rest, negative, prefix) = match (sign(rest).ok()?, prefix) {
        ((rest, true), None) => {
            let (rest, late) = opt(self::prefix).parse(rest).ok()?;
            (rest, true, late)
        }
        ((rest, negative), prefix) => (rest, negative, prefix),
    };
    let base = prefix.unwrap_or_else(|| u32::try_from(base).unwrap_or(0));
    if !(2..=36).contains(&base) {
        return None;
    }
    let (digits, double) = match rest.strip_suffix(b".") {
        Some(digits) => (digits, true),
        None => (rest, false),
    };
    if digits.is_empty() {
        return None;
    }
    let total = digits_value(digits, base)?;
    if double {
        let total = total as i128;
        Some(Number::Double(if negative { total.wrapping_neg() } else { total }))
    } else {
        let total = i64::from_ne_bytes(u64::try_from(total).ok()?.to_ne_bytes());
        Some(Number::Single(if negative { total.wrapping_neg() } else { total }))
    }
}

/// Mantissa and exponent of a float.
fn float_text(input: &[u8]) -> IResult<&[u8], [&[u8]; 2]> {
    let digits = || take_while(|b: u8| b.is_ascii_digit());
    let digits1 = || take_while1(|b: u8| b.is_ascii_digit());
    let (rest, mantissa) =
        recognize((opt(one_of("+-")), digits1(), opt(preceded(tag("."), digits()))))
            .parse(input)?;
    let (rest, exponent) =
        preceded(one_of("eE"), recognize((opt(one_of("+-")), digits()))).parse(rest)?;
    Ok((rest, [mantissa, exponent]))
}

/// Reads a floating-point number as in a source text (12.3.7): it must have an `E`.
#[must_use]
pub fn float(text: &[u8]) -> Option<f64> {
    let (_, [mantissa, exponent]) = all_consuming(float_text).parse(text).ok()?;
    let mantissa = std::str::from_utf8(mantissa).ok()?;
    let exponent = std::str::from_utf8(exponent).ok()?;
    let exponent = if exponent.trim_start_matches(['+', '-']).is_empty() { "0" } else { exponent };
    format!("{mantissa}e{exponent}").parse().ok()
}

/// Parses up to `delimiter`: (the part before it, bytes used with the delimiter).
#[must_use]
pub fn until(text: &[u8], delimiter: u8) -> (&[u8], usize) {
    match text.iter().position(|&b| b == delimiter || (delimiter == b' ' && is_space(b))) {
        Some(at) => (&text[..at], at + 1),
        None => (text, text.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_kind() {
        let cases: &[(&str, Option<Number>)] = &[
            ("12", Some(Number::Single(12))),
            ("-12", Some(Number::Single(-12))),
            ("$ff", Some(Number::Single(255))),
            ("$-Ff", Some(Number::Single(-255))),
            ("#10", Some(Number::Single(10))),
            ("%101", Some(Number::Single(5))),
            ("%-101", Some(Number::Single(-5))),
            ("'c'", Some(Number::Single(99))),
            ("'é'", Some(Number::Single(233))),
            ("''", None),
            ("12.", Some(Number::Double(12))),
            ("$-ff.", Some(Number::Double(-255))),
            ("192.168.1.1", None),
            ("1.5", None),
            ("1e", Some(Number::Float(1.0))),
            ("-1.5E3", Some(Number::Float(-1500.0))),
            ("1.e-2", Some(Number::Float(0.01))),
            ("e", None),
            (".", None),
            ("-", None),
            ("$", None),
            ("%12", None),
            ("18446744073709551615", Some(Number::Single(-1))),
            ("18446744073709551616", None),
        ];
        for (text, want) in cases {
            assert_eq!(number(text.as_bytes(), 10), *want, "{text}");
        }
        assert_eq!(number(b"1e", 16), Some(Number::Single(30)));
        assert_eq!(number(b"#19", 16), Some(Number::Single(19)));
    }

    #[test]
    fn names_and_blanks() {
        assert_eq!(name(b"  abc def"), (2, &b"abc"[..], 6));
        assert_eq!(name(b"abc"), (0, &b"abc"[..], 3));
        assert_eq!(name(b"  "), (2, &b""[..], 2));
    }
}
