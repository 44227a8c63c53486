//! STRING.

use crate::dict::{Entry, WordSet, control, prim};
use crate::error::Res;
use crate::machine::Machine;
use crate::memory::Memory;

/// The table.
pub const SET: WordSet = WordSet { name: "STRING", words: WORDS };

static WORDS: &[Entry] = &[
    prim(
        "-trailing",
        "( c-addr u1 -- c-addr u2 )",
        "Leaves blanks at the end out.",
        minus_trailing,
    ),
    prim(
        "/string",
        "( c-addr1 u1 n -- c-addr2 u2 )",
        "Leaves n characters at the start out.",
        slash_string,
    ),
    prim("blank", "( c-addr u -- )", "Fills u characters with blanks.", blank),
    prim("cmove", "( c-addr1 c-addr2 u -- )", "Copies from low to high addresses.", cmove),
    prim("cmove>", "( c-addr1 c-addr2 u -- )", "Copies from high to low addresses.", cmove_up),
    prim("compare", "( c-addr1 u1 c-addr2 u2 -- n )", "Orders two strings: -1, 0 or 1.", compare),
    prim(
        "search",
        "( c-addr1 u1 c-addr2 u2 -- c-addr3 u3 f )",
        "Looks for the second string in the first.",
        search,
    ),
    control("sliteral", "( c-addr u -- )", "Compiles a string.", sliteral),
];

fn minus_trailing(m: &mut Machine) -> Res {
    let [address, len] = m.pop_n()?;
    let text = m.memory.bytes(address, len)?;
    let kept = text.iter().rposition(|&b| b != b' ').map_or(0, |at| at as i64 + 1);
    m.push_n([address, kept])
}

fn slash_string(m: &mut Machine) -> Res {
    let [address, len, n] = m.pop_n()?;
    m.push_n([address.wrapping_add(n), len.wrapping_sub(n)])
}

fn blank(m: &mut Machine) -> Res {
    let [address, len] = m.pop_n()?;
    m.memory.bytes_mut(address, len)?.fill(b' ');
    Ok(())
}

fn cmove(m: &mut Machine) -> Res {
    let [from, to, count] = m.pop_n()?;
    let (from, to) = (Memory::range(from, count)?, Memory::range(to, count)?);
    let overlaps = to.start > from.start && to.start < from.end;
    if !overlaps {
        m.memory.space.copy_within(from, to.start);
        return Ok(());
    }
    // Overlapping upwards spreads the start over the rest, as the standard wants.
    let period = to.start - from.start;
    for at in 0..to.len() {
        m.memory.space[to.start + at] = m.memory.space[from.start + at % period];
    }
    Ok(())
}

fn cmove_up(m: &mut Machine) -> Res {
    let [from, to, count] = m.pop_n()?;
    let (from, to) = (Memory::range(from, count)?, Memory::range(to, count)?);
    let overlaps = to.start < from.start && from.start < to.end;
    if !overlaps {
        m.memory.space.copy_within(from, to.start);
        return Ok(());
    }
    for at in (0..to.len()).rev() {
        m.memory.space[to.start + at] = m.memory.space[from.start + at];
    }
    Ok(())
}

fn compare(m: &mut Machine) -> Res {
    let [address1, len1, address2, len2] = m.pop_n()?;
    let order = m.memory.bytes(address1, len1)?.cmp(m.memory.bytes(address2, len2)?);
    m.push(order as i64)
}

fn search(m: &mut Machine) -> Res {
    let [address1, len1, address2, len2] = m.pop_n()?;
    let at = find(m.memory.bytes(address1, len1)?, m.memory.bytes(address2, len2)?);
    match at {
        Some(at) => m.push_n([address1 + at as i64, len1 - at as i64, -1]),
        None => m.push_n([address1, len1, 0]),
    }
}

/// Where `needle` first stands in `text`; candidates are found by their first byte.
pub fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    let Some((&first, rest)) = needle.split_first() else { return Some(0) };
    let last = text.len().checked_sub(needle.len())?;
    let mut at = 0;
    while at <= last {
        at += text[at..=last].iter().position(|&byte| byte == first)?;
        if &text[at + 1..at + needle.len()] == rest {
            return Some(at);
        }
        at += 1;
    }
    None
}

fn sliteral(m: &mut Machine) -> Res {
    let text = m.pop_text()?;
    super::core_compile::compile_string(m, &text)
}
