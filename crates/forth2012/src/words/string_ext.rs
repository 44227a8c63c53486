//! STRING EXT (Forth-2012 17.6.2): text with `%name%` places.

use std::collections::BTreeMap;

use crate::dict::{Entry, WordSet, prim};
use crate::error::{Res, throw_with};
use crate::limits::SUBSTITUTION_BYTES;
use crate::machine::Machine;

/// The table.
pub const SET: WordSet = WordSet { name: "STRING EXT", words: WORDS };

static WORDS: &[Entry] = &[
    prim("replaces", "( c-addr1 u1 c-addr2 u2 -- )", "Sets the text for a name.", replaces),
    prim(
        "substitute",
        "( c-addr1 u1 c-addr2 u2 -- c-addr2 u3 n )",
        "Copies a text with its %names% replaced; n is their number or a THROW code.",
        substitute,
    ),
    prim(
        "unescape",
        "( c-addr1 u1 c-addr2 -- c-addr2 u2 )",
        "Copies a text with each % doubled.",
        unescape,
    ),
];

fn replaces(m: &mut Machine) -> Res {
    let name = m.pop_text()?.to_ascii_lowercase();
    let text = m.pop_text()?;
    if name.contains(&b'%') || name.is_empty() {
        return Err(throw_with(-79, "a name for REPLACES is empty or has a `%`"));
    }
    let all = &mut m.extra.substitutions;
    let before = all.texts.get(&name).map_or(0, |old| old.len() + name.len());
    let bytes = all.bytes - before + text.len() + name.len();
    if bytes > SUBSTITUTION_BYTES {
        return Err(throw_with(-79, "the texts of REPLACES are too long"));
    }
    all.bytes = bytes;
    all.texts.insert(name, text);
    Ok(())
}

/// Replaces `%name%`; unknown names stay, `%%` is a percent sign. Replaced text is not looked at.
fn replace(text: &[u8], texts: &BTreeMap<Vec<u8>, Vec<u8>>) -> (Vec<u8>, i64) {
    let mut result = Vec::with_capacity(text.len());
    let (mut count, mut rest) = (0, text);
    while let Some(at) = rest.iter().position(|&byte| byte == b'%') {
        result.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let Some(end) = rest[1..].iter().position(|&byte| byte == b'%') else { break };
        let name = &rest[1..=end];
        match texts.get(&name.to_ascii_lowercase()) {
            _ if name.is_empty() => result.push(b'%'),
            Some(text) => {
                result.extend_from_slice(text);
                count += 1;
            }
            None => result.extend_from_slice(&rest[..end + 2]),
        }
        rest = &rest[end + 2..];
        if result.len() > crate::limits::SPACE_BYTES {
            break;
        }
    }
    result.extend_from_slice(rest);
    (result, count)
}

fn substitute(m: &mut Machine) -> Res {
    let [address, room] = m.pop_n()?;
    let text = m.pop_text()?;
    m.memory.bytes(address, room)?;
    let (result, count) = replace(&text, &m.extra.substitutions.texts);
    let kept = result.len().min(room as usize);
    m.memory.bytes_mut(address, kept as i64)?.copy_from_slice(&result[..kept]);
    let answer = if kept < result.len() { -78 } else { count };
    m.push_n([address, kept as i64, answer])
}

fn unescape(m: &mut Machine) -> Res {
    let address = m.pop()?;
    let text = m.pop_text()?;
    let mut result = Vec::with_capacity(text.len());
    for byte in text {
        result.push(byte);
        if byte == b'%' {
            result.push(byte);
        }
    }
    m.memory.bytes_mut(address, result.len() as i64)?.copy_from_slice(&result);
    m.push_n([address, result.len() as i64])
}
