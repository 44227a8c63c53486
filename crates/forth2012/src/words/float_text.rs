//! Floats to text and back (Forth-2012 12.6): `>FLOAT`, REPRESENT, `F.` `FE.` `FS.`.
//!
//! Both ways are exact: a text becomes the nearest float, and digits are those of the exact value,
//! rounded half to even.

use crate::dict::{Entry, WordSet, prim};
use crate::error::Res;
use crate::limits::{FLOAT_DIGITS, PRECISION_DIGITS};
use crate::machine::Machine;

/// The table.
pub const SET: WordSet = WordSet { name: "FLOATING", words: WORDS };

static WORDS: &[Entry] = &[
    prim(
        ">float",
        "( c-addr u -- f ) ( F: -- r | )",
        "Makes a float of a text; false when it is none.",
        to_float,
    ),
    prim(
        "represent",
        "( c-addr u -- n negative? valid? ) ( F: r -- )",
        "Writes u digits of a float; n is the exponent of 0.digits.",
        represent,
    ),
];

/// The table of the words that print.
pub const EXT: WordSet = WordSet { name: "FLOATING EXT", words: PRINTERS };

static PRINTERS: &[Entry] = &[
    prim("f.", "( F: r -- )", "Prints a float and a blank.", |m| print(m, fixed)),
    prim("fs.", "( F: r -- )", "Prints a float with one digit before the point.", |m| {
        print(m, scientific)
    }),
    prim(
        "fe.",
        "( F: r -- )",
        "Prints a float with an exponent that is a multiple of three.",
        |m| print(m, engineering),
    ),
    prim("precision", "( -- u )", "Significant digits that F. FE. FS. print.", precision),
    prim("set-precision", "( u -- )", "Sets the significant digits to print.", set_precision),
];

/// Reads a text as `>FLOAT` does: more lenient than the text interpreter (12.6.1.0558).
#[must_use]
pub fn parse(text: &[u8]) -> Option<f64> {
    if text.iter().all(|&byte| byte == b' ') {
        return Some(0.0);
    }
    let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let whole = digits(&text[sign..]);
    let mut at = sign + whole;
    let mut fraction = 0;
    if text.get(at) == Some(&b'.') {
        fraction = digits(&text[at + 1..]);
        at += 1 + fraction;
    }
    if whole + fraction == 0 {
        return None;
    }
    let mantissa = std::str::from_utf8(&text[..at]).ok()?;
    let marked = matches!(text.get(at), Some(b'e' | b'E' | b'd' | b'D'));
    at += usize::from(marked);
    let exponent = &text[at..];
    let signed = usize::from(matches!(exponent.first(), Some(b'+' | b'-')));
    if digits(&exponent[signed..]) != exponent.len() - signed
        || !marked && signed == 0 && !exponent.is_empty()
    {
        return None;
    }
    let exponent =
        if exponent.len() == signed { "0" } else { std::str::from_utf8(exponent).ok()? };
    format!("{mantissa}e{exponent}").parse().ok()
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn to_float(m: &mut Machine) -> Res {
    let text = m.pop_text()?;
    match parse(&text) {
        Some(value) => {
            m.fpush(value)?;
            m.push(-1)
        }
        None => m.push(0),
    }
}

/// `count` digits of a finite float and the exponent n of `0.digits * 10^n`, rounded half to even.
///
/// Zero has the exponent 1, like every number from 1 to 10.
#[must_use]
pub fn decimal(value: f64, count: usize) -> (Vec<u8>, i64) {
    // No float has more significant digits than this: the rest is zeroes.
    let exact = count.clamp(1, FLOAT_DIGITS);
    let text = format!("{:.*e}", exact - 1, value.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mut digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    digits.resize(count, b'0');
    (digits, exponent.parse::<i64>().unwrap_or(0) + 1)
}

fn represent(m: &mut Machine) -> Res {
    let [address, count] = m.pop_n()?;
    let value = m.fpop()?;
    let negative = value.is_sign_negative();
    let buffer = m.memory.bytes_mut(address, count)?;
    if !value.is_finite() {
        buffer.fill(b' ');
        let name = if value.is_nan() { b"nan" } else { b"inf" };
        let kept = name.len().min(buffer.len());
        buffer[..kept].copy_from_slice(&name[..kept]);
        m.push(0)?;
        m.push_flag(negative)?;
        return m.push(0);
    }
    let (digits, exponent) = decimal(value, buffer.len().min(FLOAT_DIGITS));
    buffer.fill(b'0');
    buffer[..digits.len()].copy_from_slice(&digits);
    m.push(exponent)?;
    m.push_flag(negative)?;
    m.push(-1)
}

fn print(m: &mut Machine, form: fn(f64, usize) -> String) -> Res {
    let value = m.fpop()?;
    let sign = if value.is_sign_negative() && !value.is_nan() { "-" } else { "" };
    let text = if value.is_nan() {
        "nan".into()
    } else if value.is_infinite() {
        "inf".into()
    } else {
        form(value, m.extra.precision)
    };
    m.print(format!("{sign}{text} ").as_bytes())
}

fn text_of(digits: &[u8]) -> String {
    String::from_utf8_lossy(digits).into_owned()
}

/// F.: all digits before the point, no zeroes at the end.
fn fixed(value: f64, precision: usize) -> String {
    let (digits, exponent) = rounded_fixed(value, precision);
    if exponent <= 0 {
        let zeroes = "0".repeat(exponent.unsigned_abs() as usize);
        let tail = format!("{zeroes}{}", text_of(&digits));
        return format!("0.{}", tail.trim_end_matches('0'));
    }
    let point = exponent as usize;
    let mut digits = digits;
    if digits.len() < point {
        digits.resize(point, b'0');
    }
    let tail = text_of(&digits[point..]);
    format!("{}.{}", text_of(&digits[..point]), tail.trim_end_matches('0'))
}

fn rounded_fixed(value: f64, precision: usize) -> (Vec<u8>, i64) {
    if value == 0.0 { (vec![b'0'], 1) } else { decimal(value, precision) }
}

/// FS.: one digit before the point.
fn scientific(value: f64, precision: usize) -> String {
    let (digits, exponent) = decimal(value, precision);
    format!("{}.{}E{}", text_of(&digits[..1]), text_of(&digits[1..]), exponent - 1)
}

/// FE.: one to three digits before the point.
fn engineering(value: f64, precision: usize) -> String {
    let (mut digits, exponent) = decimal(value, precision);
    let power = (exponent - 1).div_euclid(3) * 3;
    let before = (exponent - power).clamp(1, 3) as usize;
    if digits.len() < before {
        digits.resize(before, b'0');
    }
    format!("{}.{}E{power}", text_of(&digits[..before]), text_of(&digits[before..]))
}

fn precision(m: &mut Machine) -> Res {
    m.push(m.extra.precision as i64)
}

fn set_precision(m: &mut Machine) -> Res {
    let digits = m.pop()?;
    m.extra.precision = (digits as u64).clamp(1, PRECISION_DIGITS as u64) as usize;
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tests::run;

    #[test]
    fn floats_as_people_read_them() {
        for (source, want) in [
            ("1e f. 0e f. -0e f. 0.1e f. 1e22 f.", "1. 0. -0. 0.1 10000000000000000000000. "),
            (
                "1e fs. 20e fe. 4000e fe. 123456e fe.",
                "1.00000000000000E0 20.0000000000000E0 4.00000000000000E3 123.456000000000E3 ",
            ),
            ("5 set-precision 1e 3e f/ fdup f. fdup fs. fe.", "0.33333 3.3333E-1 333.33E-3 "),
            ("1 set-precision 999e fe. 123e f. 0.00096e f.", "1.E3 100. 0.001 "),
            ("1e 0e f/ f. -1e 0e f/ fs. 0e 0e f/ fabs fe.", "inf -inf nan "),
        ] {
            assert_eq!(run(source), want, "{source}");
        }
    }

    #[test]
    fn texts_that_are_floats() {
        for (text, want) in [
            ("1", Some(1.0)),
            (".5", Some(0.5)),
            ("1.5D-1", Some(0.15)),
            ("1+2", Some(100.0)),
            ("-1.e", Some(-1.0)),
            ("", Some(0.0)),
            ("   ", Some(0.0)),
            ("1e99999999999999999999", Some(f64::INFINITY)),
            (".", None),
            ("+.e0", None),
            ("e1", None),
            ("1ee", None),
            ("1e1e", None),
            (" 1", None),
            ("1 ", None),
            ("inf", None),
            ("1f", None),
        ] {
            assert_eq!(parse(text.as_bytes()), want, "{text}");
        }
    }

    #[test]
    fn ties_go_to_even() {
        assert_eq!(decimal(2.5, 1), (b"2".to_vec(), 1));
        assert_eq!(decimal(3.5, 1), (b"4".to_vec(), 1));
        assert_eq!(decimal(9.96, 2), (b"10".to_vec(), 2));
        assert_eq!(decimal(0.0, 3), (b"000".to_vec(), 1));
    }

    proptest! {
        #[test]
        fn seventeen_digits_bring_a_float_back(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            let (digits, exponent) = decimal(value, 17);
            let sign = if value.is_sign_negative() { "-" } else { "" };
            let text = format!("{sign}.{}E{exponent}", text_of(&digits));
            prop_assert_eq!(parse(text.as_bytes()).map(f64::to_bits), Some(bits));
        }

        #[test]
        fn reads_what_rust_writes(value in any::<f64>()) {
            prop_assume!(value.is_finite());
            let text = format!("{value:e}");
            prop_assert_eq!(parse(text.as_bytes()).map(f64::to_bits), Some(value.to_bits()));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[-+0-9eEdD. ]{0,24}") {
            let _ = parse(text.as_bytes());
        }
    }
}
