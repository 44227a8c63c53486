//! FACILITY (Forth-2012 10.6): keyboard events, the cursor, time, structures.

use crate::dict::{Entry, Kind, WordSet, constant, prim};
use crate::error::{Res, throw};
use crate::machine::Machine;
use crate::memory::STATE;
use crate::op::Op;
use crate::words::keyboard::next_key;

/// The table.
pub const SET: WordSet = WordSet { name: "FACILITY", words: WORDS };

/// The table of the extension words.
pub const EXT: WordSet = WordSet { name: "FACILITY EXT", words: EXTENSIONS };

static WORDS: &[Entry] = &[
    prim("at-xy", "( column row -- )", "Puts the cursor somewhere; 0 0 is the upper left.", at_xy),
    prim("key?", "( -- f )", "True when KEY would not wait.", key_ready),
    prim("page", "( -- )", "Clears the screen.", |m| m.print(b"\x1b[2J\x1b[H")),
];

/// Function keys as EKEY>FKEY names them; modifiers are or-ed in.
const KEY: i64 = 1 << 24;
const SHIFT: i64 = 1 << 16;
const CTRL: i64 = 1 << 17;
const ALT: i64 = 1 << 18;

static EXTENSIONS: &[Entry] = &[
    prim("ekey", "( -- x )", "Waits for a keyboard event.", ekey),
    prim("ekey?", "( -- f )", "True when EKEY would not wait.", key_ready),
    prim("ekey>char", "( x -- x false | char true )", "The character of an event.", ekey_to_char),
    prim("ekey>fkey", "( x -- u f )", "The function key of an event.", ekey_to_fkey),
    prim("emit?", "( -- f )", "True when EMIT would not wait.", |m| m.push(-1)),
    prim("ms", "( u -- )", "Waits u milliseconds.", ms),
    prim("time&date", "( -- sec min hour day month year )", "The local time.", time_and_date),
    prim(
        "begin-structure",
        "( \"name\" -- sys 0 )",
        "Starts a structure; its name pushes its size.",
        begin,
    ),
    prim("end-structure", "( sys n -- )", "Ends a structure of n bytes.", end),
    prim("+field", "( n1 n2 \"name\" -- n3 )", "A field of n2 bytes at offset n1.", plus_field),
    prim("field:", "( n1 \"name\" -- n2 )", "A field for a cell.", |m| field(m, 8, 8)),
    prim("cfield:", "( n1 \"name\" -- n2 )", "A field for a character.", |m| field(m, 1, 1)),
    prim("ffield:", "( n1 \"name\" -- n2 )", "A field for a float.", |m| field(m, 8, 8)),
    prim("dffield:", "( n1 \"name\" -- n2 )", "A field for a 64-bit float.", |m| field(m, 8, 8)),
    prim("sffield:", "( n1 \"name\" -- n2 )", "A field for a 32-bit float.", |m| field(m, 4, 4)),
    constant("k-up", "( -- u )", "The key cursor up.", KEY),
    constant("k-down", "( -- u )", "The key cursor down.", KEY + 1),
    constant("k-right", "( -- u )", "The key cursor right.", KEY + 2),
    constant("k-left", "( -- u )", "The key cursor left.", KEY + 3),
    constant("k-home", "( -- u )", "The key home.", KEY + 4),
    constant("k-end", "( -- u )", "The key end.", KEY + 5),
    constant("k-prior", "( -- u )", "The key page up.", KEY + 6),
    constant("k-next", "( -- u )", "The key page down.", KEY + 7),
    constant("k-insert", "( -- u )", "The key insert.", KEY + 8),
    constant("k-delete", "( -- u )", "The key delete.", KEY + 9),
    constant("k-f1", "( -- u )", "The key F1.", KEY + 11),
    constant("k-f2", "( -- u )", "The key F2.", KEY + 12),
    constant("k-f3", "( -- u )", "The key F3.", KEY + 13),
    constant("k-f4", "( -- u )", "The key F4.", KEY + 14),
    constant("k-f5", "( -- u )", "The key F5.", KEY + 15),
    constant("k-f6", "( -- u )", "The key F6.", KEY + 16),
    constant("k-f7", "( -- u )", "The key F7.", KEY + 17),
    constant("k-f8", "( -- u )", "The key F8.", KEY + 18),
    constant("k-f9", "( -- u )", "The key F9.", KEY + 19),
    constant("k-f10", "( -- u )", "The key F10.", KEY + 20),
    constant("k-f11", "( -- u )", "The key F11.", KEY + 21),
    constant("k-f12", "( -- u )", "The key F12.", KEY + 22),
    constant("k-shift-mask", "( -- u )", "Or-ed in when SHIFT was down.", SHIFT),
    constant("k-ctrl-mask", "( -- u )", "Or-ed in when CTRL was down.", CTRL),
    constant("k-alt-mask", "( -- u )", "Or-ed in when ALT was down.", ALT),
];

/// First value of events that are neither a character nor a function key.
const OTHER_EVENT: i64 = 1 << 32;

fn at_xy(m: &mut Machine) -> Res {
    let [column, row] = m.pop_n()?;
    let place = |at: i64| at.clamp(0, 9998) + 1;
    m.print(format!("\x1b[{};{}H", place(row), place(column)).as_bytes())
}

fn key_ready(m: &mut Machine) -> Res {
    m.flush_out()?;
    let ready = !m.extra.keys.is_empty() || m.host.key_ready();
    m.push_flag(ready)
}

/// A byte that is there already.
fn waiting_key(m: &mut Machine) -> Res<Option<u8>> {
    if m.extra.keys.is_empty() && !m.host.key_ready() { Ok(None) } else { next_key(m) }
}

fn ekey(m: &mut Machine) -> Res {
    let Some(first) = next_key(m)? else { return Err(throw(-39)) };
    let event = match first {
        0x1b => escape(m)?,
        0x80.. => i64::from(super::xchar::rest_of_key(m, first)?),
        byte => i64::from(byte),
    };
    m.push(event)
}

/// What follows an ESC: a function key, ALT with a character, or ESC itself.
fn escape(m: &mut Machine) -> Res<i64> {
    let Some(second) = waiting_key(m)? else { return Ok(0x1b) };
    if second != b'[' && second != b'O' {
        return Ok(OTHER_EVENT | ALT | i64::from(second));
    }
    let mut parameters = String::new();
    // No terminal sends longer sequences.
    while parameters.len() < 16 {
        match waiting_key(m)? {
            Some(byte @ (b'0'..=b'9' | b';')) => parameters.push(byte as char),
            Some(last) => return Ok(function_key(&parameters, last)),
            None => break,
        }
    }
    Ok(OTHER_EVENT | i64::from(second))
}

/// A key of a terminal's control sequence (xterm), with its modifiers.
fn function_key(parameters: &str, last: u8) -> i64 {
    let mut numbers = parameters.split(';').map(|number| number.parse::<i64>().unwrap_or(1));
    let first = numbers.next().unwrap_or(1);
    let modifiers = numbers.next().unwrap_or(1) - 1;
    let key = match (last, first) {
        (b'A', _) => 0,
        (b'B', _) => 1,
        (b'C', _) => 2,
        (b'D', _) => 3,
        (b'H', _) | (b'~', 1 | 7) => 4,
        (b'F', _) | (b'~', 4 | 8) => 5,
        (b'~', 5) => 6,
        (b'~', 6) => 7,
        (b'~', 2) => 8,
        (b'~', 3) => 9,
        (b'P'..=b'S', _) => 11 + i64::from(last - b'P'),
        (b'~', 11..=15) => first,
        (b'~', 17..=21) => first - 1,
        (b'~', 23 | 24) => first - 2,
        _ => return OTHER_EVENT | i64::from(last),
    };
    let mask = |bit: i64, mask: i64| if modifiers & bit != 0 { mask } else { 0 };
    KEY + key + mask(1, SHIFT) + mask(2, ALT) + mask(4, CTRL)
}

fn ekey_to_char(m: &mut Machine) -> Res {
    let event = m.pop()?;
    m.push(event)?;
    m.push_flag((0..=0xff).contains(&event))
}

fn ekey_to_fkey(m: &mut Machine) -> Res {
    let event = m.pop()?;
    m.push(event)?;
    m.push_flag((KEY..KEY << 1).contains(&event))
}

fn ms(m: &mut Machine) -> Res {
    let wait = m.pop()?;
    m.flush_out()?;
    m.host.flush()?;
    let interrupt = m.interrupt();
    m.host.ms(wait as u64, &interrupt);
    m.tick()
}

fn time_and_date(m: &mut Machine) -> Res {
    let parts = m.host.time_and_date();
    m.push_n(parts)
}

// ---------------------------------------------------------------------- structures

/// The size is known at END-STRUCTURE; until then the name pushes zero.
fn begin(m: &mut Machine) -> Res {
    let name = m.definition_name()?;
    let word = m.define(&name, Kind::Constant(0), 0)?;
    m.push_n([Machine::xt(word), 0])
}

fn end(m: &mut Machine) -> Res {
    let [word, size] = m.pop_n()?;
    let word = m.dict.from_xt(word).and_then(|word| m.dict.get_mut(word));
    match word.map(|word| &mut word.kind) {
        Some(Kind::Constant(value)) => {
            *value = size;
            Ok(())
        }
        _ => Err(throw(-22)),
    }
}

fn plus_field(m: &mut Machine) -> Res {
    let size = m.pop()?;
    field(m, size, 1)
}

/// A word that adds the offset on the stack, aligned; leaves the offset behind the field.
fn field(m: &mut Machine, size: i64, align: i64) -> Res {
    let offset = m.pop()?.wrapping_add(align - 1) & -align;
    let name = m.definition_name()?;
    let state = m.memory.system(STATE);
    m.begin_definition(Some(&name))?;
    m.emit(Op::Lit, offset)?;
    m.compile_named("+")?;
    m.end_definition()?;
    m.memory.set_system(STATE, state);
    m.push(offset.wrapping_add(size))
}
