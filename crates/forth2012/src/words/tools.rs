//! TOOLS and the console's own looking glass.

use crate::dict::{COMPILE_ONLY, Entry, IMMEDIATE, Kind, NONE, Name, WordSet, immediate, prim};
use crate::error::{Res, throw, throw_with};
use crate::lex;
use crate::machine::Machine;
use crate::op::Op;

/// The table.
pub const SET: WordSet = WordSet { name: "TOOLS", words: WORDS };

static WORDS: &[Entry] = &[
    prim(".s", "( -- )", "Prints the stack.", dot_s),
    prim("?", "( a-addr -- )", "Prints a cell.", question),
    prim("dump", "( addr u -- )", "Prints memory.", dump),
    prim("words", "( -- )", "Prints the names of the first wordlist.", words),
    prim("see", "( \"name\" -- )", "Prints the source of a word.", see),
    prim("locate", "( \"name\" -- )", "Prints where a word was defined.", locate),
    prim("where", "( \"name\" -- )", "Prints where a word is used.", where_),
    prim(
        "apropos",
        "( \"text\" -- )",
        "Prints the words whose name or help has the text.",
        apropos,
    ),
    immediate("[if]", "( f -- )", "Skips to [ELSE] or [THEN] when the flag is false.", bracket_if),
    immediate("[else]", "( -- )", "Skips to [THEN].", bracket_else),
    immediate("[then]", "( -- )", "Ends [IF].", bracket_then),
    immediate("[defined]", "( \"name\" -- f )", "True when the name is known.", defined),
    immediate("[undefined]", "( \"name\" -- f )", "True when the name is not known.", undefined),
];

/// .S
pub fn dot_s(m: &mut Machine) -> Res {
    let mut text = format!("<{}> ", m.ds.depth).into_bytes();
    let base = m.base().clamp(2, 36) as u32;
    let skip = m.ds.depth.saturating_sub(64);
    if skip > 0 {
        text.extend_from_slice(b"... ");
    }
    for &item in &m.ds.items()[skip..] {
        let negative = item < 0;
        text.extend(super::number::digits(u128::from(item.unsigned_abs()), base, negative));
        text.push(b' ');
    }
    m.print(&text)
}

fn question(m: &mut Machine) -> Res {
    let at = m.pop()?;
    let value = m.memory.cell(at)?;
    let base = m.base().clamp(2, 36) as u32;
    let mut text = super::number::digits(u128::from(value.unsigned_abs()), base, value < 0);
    text.push(b' ');
    m.print(&text)
}

fn dump(m: &mut Machine) -> Res {
    let [address, count] = m.pop_n()?;
    m.memory.bytes(address, count)?;
    let mut at = 0;
    while at < count {
        let part = (count - at).min(16);
        let bytes = m.memory.bytes(address + at, part)?.to_vec();
        let mut line = format!("\n{:08X}: ", address + at);
        for index in 0..16 {
            match bytes.get(index) {
                Some(byte) => line.push_str(&format!("{byte:02X} ")),
                None => line.push_str("   "),
            }
        }
        line.push(' ');
        line.extend(bytes.iter().map(|&b| if (32..127).contains(&b) { b as char } else { '.' }));
        m.print(line.as_bytes())?;
        at += part;
        if at % 4096 == 0 {
            m.tick()?;
        }
    }
    m.print(b"\n")
}

fn words(m: &mut Machine) -> Res {
    let list = m.dict.order.last().copied().unwrap_or(0);
    let mut column = 0;
    let mut text = Vec::new();
    for word in m.dict.words_of(list) {
        let name = m.dict.name(word);
        if name.is_empty() || name.starts_with(b"(") && name.len() > 1 && name != b"(local)" {
            continue;
        }
        if column > 0 && column + name.len() > 78 {
            text.push(b'\n');
            column = 0;
        }
        column += name.len() + 1;
        text.extend_from_slice(name);
        text.push(b' ');
    }
    text.push(b'\n');
    m.print(&text)
}

fn see(m: &mut Machine) -> Res {
    let word = m.tick_name()?;
    let Some(header) = m.dict.get(word).copied() else { return Err(throw(-13)) };
    let name = String::from_utf8_lossy(m.dict.name(word)).into_owned();
    let info = m.describe_word(word);
    let source = m.sources.text_at(header.pos).and_then(|(_, text)| {
        let at = (header.pos - text.base) as usize;
        let line = text.text[..at].iter().rposition(|&b| b == b'\n').map_or(0, |i| i + 1);
        // The header's position is the defining word's own place; show the whole definition.
        m.sources.between(text.base + if at >= line { at as u32 } else { line as u32 }, header.end)
    });
    let mut text = match (header.kind, source) {
        (Kind::Constant(value), _) => format!("{value} constant {name}"),
        (Kind::Value(at), _) => format!("{} value {name}", m.memory.cell(i64::from(at))?),
        (Kind::Defer(at), _) => {
            let xt = m.memory.cell(i64::from(at))?;
            let action = m.dict.from_xt(xt).map(|word| m.dict.name(word).to_vec());
            let action = action.unwrap_or_default();
            format!("defer {name}\n' {} is {name}", String::from_utf8_lossy(&action))
        }
        (_, Some(source)) => source.trim_end().to_owned(),
        (Kind::Create(at, _), None) => format!("create {name} \\ at {at}"),
        _ => format!("\\ {name} {} is built in: {}", info.effect, info.help),
    };
    if header.flags & IMMEDIATE != 0 && !text.contains("immediate") {
        text.push_str(" immediate");
    }
    if header.flags & COMPILE_ONLY != 0 {
        text.push_str(" \\ only in definitions");
    }
    text.push('\n');
    m.print(text.as_bytes())
}

fn locate(m: &mut Machine) -> Res {
    let word = m.tick_name()?;
    let info = m.describe_word(word);
    let text = match info.place {
        Some(place) => format!(
            "{}:{}:{}\n  {}\n",
            place.name,
            place.line,
            place.column,
            place.source_line.trim_end()
        ),
        None => format!("{} is built in ({})\n", info.name, info.group),
    };
    m.print(text.as_bytes())
}

fn where_(m: &mut Machine) -> Res {
    let word = m.tick_name()?;
    let kind = m.dict.get(word).map(|header| header.kind);
    let mut text = String::new();
    let mut last = u32::MAX;
    for (index, tok) in m.code.iter().enumerate() {
        let used = match (tok.op, kind) {
            (Op::Word | Op::Compile | Op::Primitive, _) => tok.arg == i64::from(word),
            (Op::Deferred, Some(Kind::Defer(at))) => tok.arg == i64::from(at),
            _ => false,
        };
        if !used || tok.pos == last {
            continue;
        }
        last = tok.pos;
        let owner = m.definition_at(index as u32).map(|word| m.dict.name(word).to_vec());
        let owner = String::from_utf8_lossy(&owner.unwrap_or_default()).into_owned();
        if let Some(place) = m.sources.place(tok.pos) {
            text.push_str(&format!(
                "{}:{}:{}: in {owner}: {}\n",
                place.name,
                place.line,
                place.column,
                place.source_line.trim()
            ));
        }
    }
    m.print(text.as_bytes())
}

fn apropos(m: &mut Machine) -> Res {
    let [address, len] = m.parse_name()?;
    let wanted = String::from_utf8_lossy(m.memory.bytes(address, len)?).to_lowercase();
    let names: Vec<String> = m.word_names().collect();
    let mut text = String::new();
    for name in names {
        let Some(info) = m.describe(&name) else { continue };
        let hit = name.to_lowercase().contains(&wanted)
            || (wanted.len() > 2 && info.help.to_lowercase().contains(&wanted));
        if hit {
            text.push_str(&format!("{name} {} {}\n", info.effect, info.help));
        }
    }
    m.print(text.as_bytes())
}

/// Skips source to the matching [THEN], or to [ELSE] when `stop_at_else`.
fn skip_conditional(m: &mut Machine, stop_at_else: bool) -> Res {
    let mut depth = 0usize;
    loop {
        let (_, name, used) = lex::name(m.parse_area()?);
        if name.is_empty() {
            if !m.refill()? {
                return Err(throw_with(-39, "`[then]` is missing"));
            }
            continue;
        }
        let name = name.to_ascii_lowercase();
        m.advance(used);
        match name.as_slice() {
            b"[if]" => depth += 1,
            b"[then]" if depth == 0 => return Ok(()),
            b"[then]" => depth -= 1,
            b"[else]" if depth == 0 && stop_at_else => return Ok(()),
            _ => {}
        }
    }
}

fn bracket_if(m: &mut Machine) -> Res {
    if m.pop()? == 0 { skip_conditional(m, true) } else { Ok(()) }
}

fn bracket_else(m: &mut Machine) -> Res {
    skip_conditional(m, false)
}

fn bracket_then(_: &mut Machine) -> Res {
    Ok(())
}

fn is_defined(m: &mut Machine) -> Res<bool> {
    let [address, len] = m.parse_name()?;
    if len == 0 {
        return Err(throw(-16));
    }
    let name = m.memory.bytes(address, len)?.to_vec();
    let known = m.dict.find(&Name::new(&name)).is_some();
    Ok(known || m.autoload.index.contains_key(&name.to_ascii_lowercase()))
}

fn defined(m: &mut Machine) -> Res {
    let known = is_defined(m)?;
    m.push_flag(known)
}

fn undefined(m: &mut Machine) -> Res {
    let known = is_defined(m)?;
    m.push_flag(!known)
}

impl Machine {
    /// The definition that holds a token.
    pub(crate) fn definition_at(&self, token: u32) -> Option<u32> {
        let at = self.code_words.partition_point(|&(start, _)| start <= token).checked_sub(1)?;
        let (_, word) = self.code_words[at];
        (word != NONE && (word as usize) < self.dict.len()).then_some(word)
    }
}
