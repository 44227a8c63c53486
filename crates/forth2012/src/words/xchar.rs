//! XCHAR (Forth-2012 18.6): characters of more than one byte, in UTF-8.
//!
//! Words that give a character a meaning (XC@+ XC-SIZE XEMIT) THROW -77 for what is not UTF-8;
//! words that only step over text (XCHAR+ +X/STRING X-WIDTH) take such a byte as one character.

use crate::dict::{Entry, WordSet, prim};
use crate::error::{Res, throw};
use crate::machine::Machine;
use crate::words::keyboard::next_key;

/// The table.
pub const SET: WordSet = WordSet { name: "XCHAR", words: WORDS };

/// The table of the extension words; CHAR [CHAR] PARSE are those of CORE.
pub const EXT: WordSet = WordSet { name: "XCHAR EXT", words: EXTENSIONS };

static WORDS: &[Entry] = &[
    prim("x-size", "( xc-addr u1 -- u2 )", "Bytes of the first character of a string.", x_size),
    prim(
        "xc!+",
        "( xchar xc-addr1 -- xc-addr2 )",
        "Writes a character; the address behind.",
        store,
    ),
    prim(
        "xc!+?",
        "( xchar xc-addr1 u1 -- xc-addr2 u2 f )",
        "Writes a character if there is room.",
        store_in,
    ),
    prim("xc,", "( xchar -- )", "Appends a character to data space.", comma),
    prim("xc-size", "( xchar -- u )", "Bytes of a character.", xc_size),
    prim("xc@+", "( xc-addr1 -- xc-addr2 xchar )", "Reads a character; the address behind.", fetch),
    prim("xchar+", "( xc-addr1 -- xc-addr2 )", "The address behind a character.", next),
    prim("xemit", "( xchar -- )", "Prints a character.", emit),
    prim("xkey", "( -- xchar )", "Waits for a character.", key),
    prim("xkey?", "( -- f )", "True when XKEY would not wait.", key_ready),
];

static EXTENSIONS: &[Entry] = &[
    prim("+x/string", "( xc-addr1 u1 -- xc-addr2 u2 )", "Leaves the first character out.", rest),
    prim(
        "x\\string-",
        "( xc-addr u1 -- xc-addr u2 )",
        "Leaves the last character out.",
        all_but_last,
    ),
    prim(
        "-trailing-garbage",
        "( xc-addr u1 -- xc-addr u2 )",
        "Leaves a cut last character out.",
        minus_garbage,
    ),
    prim(
        "ekey>xchar",
        "( x -- x false | xchar true )",
        "The character of an event.",
        ekey_to_xchar,
    ),
    prim("x-width", "( xc-addr u -- n )", "Columns that a string takes.", x_width),
    prim("xc-width", "( xchar -- n )", "Columns that a character takes.", xc_width),
    prim("xchar-", "( xc-addr1 -- xc-addr2 )", "The address of the character before.", back),
    prim("xhold", "( xchar -- )", "Puts a character before the pictured number.", hold),
];

/// Longest character in bytes.
const LONGEST: usize = 4;

/// The character of a number; -77 when there is none.
pub fn checked(value: i64) -> Res<char> {
    u32::try_from(value).ok().and_then(char::from_u32).ok_or(throw(-77))
}

/// The first character of a text, or `None` when it does not start with a whole one.
fn first(text: &[u8]) -> Option<char> {
    let text = &text[..text.len().min(LONGEST)];
    match std::str::from_utf8(text) {
        Ok(text) => text.chars().next(),
        Err(error) => {
            std::str::from_utf8(&text[..error.valid_up_to()]).ok().and_then(|t| t.chars().next())
        }
    }
}

/// Bytes of the first character, one for a byte that starts none.
fn step(text: &[u8]) -> usize {
    first(text).map_or(1, char::len_utf8).min(text.len())
}

/// Up to four bytes at an address, fewer at the end of data space.
fn window(m: &Machine, address: i64) -> Res<&[u8]> {
    let mut room = LONGEST as i64;
    loop {
        match m.memory.bytes(address, room) {
            Err(_) if room > 1 => room -= 1,
            bytes => return bytes,
        }
    }
}

/// PARSE with a delimiter of more than one byte (18.6.2.2008); -77 when it is no character.
pub fn parse_until(m: &mut Machine, delimiter: i64) -> Res<[i64; 2]> {
    let mut buffer = [0; LONGEST];
    let wanted = checked(delimiter)?.encode_utf8(&mut buffer).as_bytes();
    let address = m.parse_address();
    let area = m.parse_area()?;
    let found = super::string::find(area, wanted);
    let len = found.unwrap_or(area.len());
    m.advance(found.map_or(len, |at| at + wanted.len()));
    Ok([address, len as i64])
}

fn x_size(m: &mut Machine) -> Res {
    let text = m.pop_n()?;
    let [address, len] = text;
    let size = step(m.memory.bytes(address, len)?);
    m.push(size as i64)
}

fn put(m: &mut Machine, value: char, address: i64) -> Res<i64> {
    let mut buffer = [0; LONGEST];
    let bytes = value.encode_utf8(&mut buffer).as_bytes();
    m.memory.bytes_mut(address, bytes.len() as i64)?.copy_from_slice(bytes);
    Ok(bytes.len() as i64)
}

fn store(m: &mut Machine) -> Res {
    let [value, address] = m.pop_n()?;
    let len = put(m, checked(value)?, address)?;
    m.push(address + len)
}

fn store_in(m: &mut Machine) -> Res {
    let [value, address, room] = m.pop_n()?;
    let value = checked(value)?;
    if (value.len_utf8() as u64) > room as u64 {
        return m.push_n([address, room, 0]);
    }
    let len = put(m, value, address)?;
    m.push_n([address + len, room - len, -1])
}

fn comma(m: &mut Machine) -> Res {
    let value = m.pop()?;
    let value = checked(value)?;
    let at = m.memory.here as i64;
    m.memory.allot(value.len_utf8() as i64)?;
    put(m, value, at).map(drop)
}

fn xc_size(m: &mut Machine) -> Res {
    let value = m.pop()?;
    m.push(checked(value)?.len_utf8() as i64)
}

fn fetch(m: &mut Machine) -> Res {
    let address = m.pop()?;
    let value = first(window(m, address)?).ok_or(throw(-77))?;
    m.push_n([address + value.len_utf8() as i64, i64::from(u32::from(value))])
}

fn next(m: &mut Machine) -> Res {
    let address = m.pop()?;
    let size = step(window(m, address)?);
    m.push(address + size as i64)
}

fn back(m: &mut Machine) -> Res {
    let address = m.pop()?;
    for size in 1..=LONGEST as i64 {
        let at = address.wrapping_sub(size);
        let text = m.memory.bytes(at, size)?;
        if text[0] & 0xc0 != 0x80 {
            let size = if step(text) == text.len() { size } else { 1 };
            return m.push(address - size);
        }
    }
    m.push(address - 1)
}

fn emit(m: &mut Machine) -> Res {
    let value = m.pop()?;
    let mut buffer = [0; LONGEST];
    let value = checked(value)?;
    m.print(value.encode_utf8(&mut buffer).as_bytes())
}

/// The character that a first byte of the keyboard starts; -77 when the rest does not follow.
pub fn rest_of_key(m: &mut Machine, lead: u8) -> Res<u32> {
    let wanted = match lead {
        0..=0x7f => return Ok(u32::from(lead)),
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Err(throw(-77)),
    };
    let mut bytes = vec![lead];
    while bytes.len() < wanted {
        let Some(byte) = next_key(m)? else { return Err(throw(-77)) };
        if byte & 0xc0 != 0x80 {
            m.extra.keys.push_front(byte);
            return Err(throw(-77));
        }
        bytes.push(byte);
    }
    first(&bytes).map(u32::from).ok_or(throw(-77))
}

fn key(m: &mut Machine) -> Res {
    let Some(lead) = next_key(m)? else { return Err(throw(-39)) };
    let value = rest_of_key(m, lead)?;
    m.push(i64::from(value))
}

fn key_ready(m: &mut Machine) -> Res {
    m.flush_out()?;
    let ready = !m.extra.keys.is_empty() || m.host.key_ready();
    m.push_flag(ready)
}

fn rest(m: &mut Machine) -> Res {
    let [address, len] = m.pop_n()?;
    let size = step(m.memory.bytes(address, len)?) as i64;
    m.push_n([address + size, len - size])
}

/// Where the last character of a text starts.
fn last_start(text: &[u8]) -> usize {
    (1..=LONGEST.min(text.len()))
        .map(|size| text.len() - size)
        .find(|&at| text[at] & 0xc0 != 0x80)
        .filter(|&at| step(&text[at..]) == text.len() - at)
        .unwrap_or(text.len().saturating_sub(1))
}

fn all_but_last(m: &mut Machine) -> Res {
    let [address, len] = m.pop_n()?;
    let kept = last_start(m.memory.bytes(address, len)?);
    m.push_n([address, kept as i64])
}

fn minus_garbage(m: &mut Machine) -> Res {
    let [address, len] = m.pop_n()?;
    let text = m.memory.bytes(address, len)?;
    let start = (1..=LONGEST.min(text.len()))
        .map(|size| text.len() - size)
        .find(|&at| text[at] & 0xc0 != 0x80);
    let kept = match start {
        Some(at) if first(&text[at..]).is_some_and(|c| at + c.len_utf8() == text.len()) => {
            text.len()
        }
        Some(at) => at,
        None => text.len().saturating_sub(LONGEST),
    };
    m.push_n([address, kept as i64])
}

fn ekey_to_xchar(m: &mut Machine) -> Res {
    let event = m.pop()?;
    // Function keys have numbers above all characters.
    let is_char = checked(event).is_ok();
    m.push(event)?;
    m.push_flag(is_char)
}

fn xc_width(m: &mut Machine) -> Res {
    let value = m.pop()?;
    m.push(width(checked(value)?))
}

fn x_width(m: &mut Machine) -> Res {
    let text = m.pop_text()?;
    let columns: i64 = String::from_utf8_lossy(&text).chars().map(width).sum();
    m.push(columns)
}

/// Columns of a character on a terminal: combining marks take none, East Asian wide ones two.
#[must_use]
pub fn width(value: char) -> i64 {
    const NONE: &[(u32, u32)] = &[
        (0x0300, 0x036f),
        (0x0483, 0x0489),
        (0x0591, 0x05bd),
        (0x0610, 0x061a),
        (0x064b, 0x065f),
        (0x0e34, 0x0e3a),
        (0x0e47, 0x0e4e),
        (0x1ab0, 0x1aff),
        (0x1dc0, 0x1dff),
        (0x200b, 0x200f),
        (0x20d0, 0x20ff),
        (0xfe00, 0xfe0f),
        (0xfe20, 0xfe2f),
        (0xe0100, 0xe01ef),
    ];
    const WIDE: &[(u32, u32)] = &[
        (0x1100, 0x115f),
        (0x2e80, 0x303e),
        (0x3041, 0xa4cf),
        (0xa960, 0xa97f),
        (0xac00, 0xd7a3),
        (0xf900, 0xfaff),
        (0xfe30, 0xfe6f),
        (0xff00, 0xff60),
        (0xffe0, 0xffe6),
        (0x1f300, 0x1f64f),
        (0x1f680, 0x1f6ff),
        (0x1f900, 0x1f9ff),
        (0x20000, 0x3fffd),
    ];
    let code = u32::from(value);
    let within =
        |ranges: &[(u32, u32)]| ranges.iter().any(|&(low, high)| low <= code && code <= high);
    if code == 0 || within(NONE) {
        0
    } else if within(WIDE) {
        2
    } else {
        1
    }
}

fn hold(m: &mut Machine) -> Res {
    let value = m.pop()?;
    let mut buffer = [0; LONGEST];
    let bytes = checked(value)?.encode_utf8(&mut buffer).as_bytes();
    bytes.iter().rev().try_for_each(|&byte| super::number::hold_byte(m, byte))
}
