//! Numbers to text and back: pictured output, `.`, >NUMBER.

use crate::dict::{Entry, WordSet, prim};
use crate::error::{Res, throw};
use crate::lex;
use crate::machine::Machine;
use crate::memory::{HLD, HOLD, HOLD_END};

/// The table.
pub const SET: WordSet = WordSet { name: "CORE", words: WORDS };

static WORDS: &[Entry] = &[
    prim("<#", "( -- )", "Starts a pictured number.", less_sharp),
    prim("#", "( ud1 -- ud2 )", "Puts one digit before the pictured number.", sharp),
    prim("#s", "( ud -- 0. )", "Puts all digits before the pictured number.", sharp_s),
    prim("#>", "( xd -- c-addr u )", "The pictured number as a string.", sharp_greater),
    prim("hold", "( char -- )", "Puts a character before the pictured number.", hold),
    prim("sign", "( n -- )", "Puts a minus before the pictured number when n is negative.", sign),
    prim(".", "( n -- )", "Prints a number and a blank.", dot),
    prim("u.", "( u -- )", "Prints a number without sign and a blank.", u_dot),
    prim(".r", "( n width -- )", "Prints a number to the right of a field.", dot_r),
    prim("u.r", "( u width -- )", "Prints a number without sign to the right of a field.", u_dot_r),
    prim("d.", "( d -- )", "Prints a double number and a blank.", d_dot),
    prim("d.r", "( d width -- )", "Prints a double number to the right of a field.", d_dot_r),
    prim("ud.", "( ud -- )", "Prints a double number without sign and a blank.", ud_dot),
    prim("holds", "( c-addr u -- )", "Puts a string before the pictured number.", holds),
    prim(
        ">number",
        "( ud1 c-addr1 u1 -- ud2 c-addr2 u2 )",
        "Adds the digits at the start of a string to a number.",
        to_number,
    ),
];

fn less_sharp(m: &mut Machine) -> Res {
    m.memory.set_system(HLD, HOLD_END as i64);
    Ok(())
}

/// Puts one byte before the pictured number.
pub fn hold_byte(m: &mut Machine, byte: u8) -> Res {
    let at = m.memory.system(HLD) - 1;
    if at < HOLD as i64 || at >= HOLD_END as i64 {
        return Err(throw(-17));
    }
    m.memory.set_system(HLD, at);
    m.memory.set_byte(at, byte)
}

fn checked_base(m: &Machine) -> Res<u128> {
    let base = m.base();
    if (2..=36).contains(&base) { Ok(base as u128) } else { Err(throw(-24)) }
}

const fn digit_char(digit: u128) -> u8 {
    let digit = digit as u8;
    if digit < 10 { b'0' + digit } else { b'A' + digit - 10 }
}

fn sharp(m: &mut Machine) -> Res {
    let base = checked_base(m)?;
    let value = m.pop_double()? as u128;
    hold_byte(m, digit_char(value % base))?;
    m.push_double((value / base) as i128)
}

fn sharp_s(m: &mut Machine) -> Res {
    let base = checked_base(m)?;
    let mut value = m.pop_double()? as u128;
    while value > u128::from(u64::MAX) {
        hold_byte(m, digit_char(value % base))?;
        value /= base;
    }
    let (mut value, base) = (value as u64, base as u64);
    loop {
        hold_byte(m, digit_char(u128::from(value % base)))?;
        value /= base;
        if value == 0 {
            break;
        }
    }
    m.push_double(0)
}

fn sharp_greater(m: &mut Machine) -> Res {
    m.pop_n::<2>()?;
    let at = m.memory.system(HLD).clamp(HOLD as i64, HOLD_END as i64);
    m.push_n([at, HOLD_END as i64 - at])
}

fn hold(m: &mut Machine) -> Res {
    let value = m.pop()?;
    hold_byte(m, value as u8)
}

fn sign(m: &mut Machine) -> Res {
    if m.pop()? < 0 { hold_byte(m, b'-') } else { Ok(()) }
}

fn holds(m: &mut Machine) -> Res {
    let [address, len] = m.pop_n()?;
    let at = m.memory.system(HLD);
    let room = (at - HOLD as i64).clamp(0, (HOLD_END - HOLD) as i64);
    if len < 0 || len > room {
        return Err(throw(-17));
    }
    let text = m.memory.bytes(address, len)?.to_vec();
    m.memory.bytes_mut(at - len, len)?.copy_from_slice(&text);
    m.memory.set_system(HLD, at - len);
    Ok(())
}

/// Digits of a number in a base from 2 to 36.
#[must_use]
pub fn digits(value: u128, base: u32, negative: bool) -> Vec<u8> {
    let base = u128::from(base.clamp(2, 36));
    let mut text = Vec::with_capacity(24);
    let mut value = value;
    loop {
        text.push(digit_char(value % base));
        value /= base;
        if value == 0 {
            break;
        }
    }
    if negative {
        text.push(b'-');
    }
    text.reverse();
    text
}

fn signed(m: &Machine, value: i128) -> Res<Vec<u8>> {
    Ok(digits(value.unsigned_abs(), checked_base(m)? as u32, value < 0))
}

fn unsigned(m: &Machine, value: u128) -> Res<Vec<u8>> {
    Ok(digits(value, checked_base(m)? as u32, false))
}

fn print_number(m: &mut Machine, mut text: Vec<u8>) -> Res {
    text.push(b' ');
    m.print(&text)
}

fn print_right(m: &mut Machine, text: &[u8], width: i64) -> Res {
    let pad = width.saturating_sub(text.len() as i64);
    m.push(pad)?;
    spaces(m)?;
    m.print(text)
}

fn dot(m: &mut Machine) -> Res {
    let value = m.pop()?;
    let text = signed(m, i128::from(value))?;
    print_number(m, text)
}

fn u_dot(m: &mut Machine) -> Res {
    let value = m.pop()?;
    let text = unsigned(m, u128::from(value as u64))?;
    print_number(m, text)
}

fn dot_r(m: &mut Machine) -> Res {
    let [value, width] = m.pop_n()?;
    let text = signed(m, i128::from(value))?;
    print_right(m, &text, width)
}

fn u_dot_r(m: &mut Machine) -> Res {
    let [value, width] = m.pop_n()?;
    let text = unsigned(m, u128::from(value as u64))?;
    print_right(m, &text, width)
}

fn d_dot(m: &mut Machine) -> Res {
    let value = m.pop_double()?;
    let text = signed(m, value)?;
    print_number(m, text)
}

fn d_dot_r(m: &mut Machine) -> Res {
    let width = m.pop()?;
    let value = m.pop_double()?;
    let text = signed(m, value)?;
    print_right(m, &text, width)
}

fn ud_dot(m: &mut Machine) -> Res {
    let value = m.pop_double()?;
    let text = unsigned(m, value as u128)?;
    print_number(m, text)
}

fn to_number(m: &mut Machine) -> Res {
    let [address, len] = m.pop_n()?;
    let mut value = m.pop_double()? as u128;
    let base = m.base();
    let text = m.memory.bytes(address, len)?;
    let mut used = 0;
    for &byte in text {
        match lex::digit(byte) {
            Some(digit) if i64::from(digit) < base => {
                value = value.wrapping_mul(base as u128).wrapping_add(u128::from(digit));
                used += 1;
            }
            _ => break,
        }
    }
    m.push_double(value as i128)?;
    m.push_n([address + used, len - used])
}

/// SPACES.
pub fn spaces(m: &mut Machine) -> Res {
    let mut count = m.pop()?;
    while count > 64 {
        m.print(&[b' '; 64])?;
        count -= 64;
        // A field may be wider than anybody waits for.
        m.tick()?;
    }
    m.print(&[b' '; 64][..count.max(0) as usize])
}
