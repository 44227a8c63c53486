//! LOCALS and LOCALS EXT.

use crate::dict::{Entry, WordSet, control, prim};
use crate::error::{Res, throw, throw_with};
use crate::lex;
use crate::limits::{LOCALS_COUNT, NAME_BYTES};
use crate::machine::Machine;
use crate::op::Op;

/// The table.
pub const SET: WordSet = WordSet { name: "LOCALS", words: WORDS };

static WORDS: &[Entry] = &[
    prim("(local)", "( c-addr u -- )", "Declares a local, for words that declare locals.", declare),
    control(
        "{:",
        "( \"locals :}\" -- )",
        "Declares locals: { args | more -- results }.",
        brace_colon,
    ),
    control(
        "locals|",
        "( \"names |\" -- )",
        "Declares locals, the top of the stack first.",
        locals_bar,
    ),
];

/// Names of the group that (LOCAL) is building wait here until the empty name.
fn declare(m: &mut Machine) -> Res {
    let name = m.pop_text()?;
    if !m.comp.active {
        m.extra.pending_locals.clear();
        return Err(throw(-14));
    }
    if name.len() > NAME_BYTES {
        return Err(throw(-19));
    }
    if m.extra.pending_locals.len() > LOCALS_COUNT {
        m.extra.pending_locals.clear();
        return Err(throw_with(-32, "too many local variables in one definition"));
    }
    if name.is_empty() {
        let names = std::mem::take(&mut m.extra.pending_locals);
        return declare_group(m, names);
    }
    m.extra.pending_locals.push(name);
    Ok(())
}

/// Declares locals whose first name takes the top of the stack.
fn declare_group(m: &mut Machine, names: Vec<Vec<u8>>) -> Res {
    for name in names {
        let local = m.add_local(name)?;
        m.emit(Op::SetLocal, local as i64)?;
    }
    Ok(())
}

/// The next name of a declaration, which may go over several lines.
fn next_name(m: &mut Machine, closing: &str) -> Res<Vec<u8>> {
    loop {
        let (_, name, used) = lex::name(m.parse_area()?);
        if !name.is_empty() {
            let name = name.to_vec();
            m.advance(used);
            if name.len() > NAME_BYTES {
                return Err(throw(-19));
            }
            return Ok(name);
        }
        if !m.refill()? {
            return Err(throw_with(-39, format!("`{closing}` is missing")));
        }
    }
}

fn brace_colon(m: &mut Machine) -> Res {
    let mut arguments: Vec<Vec<u8>> = Vec::new();
    let mut fresh: Vec<Vec<u8>> = Vec::new();
    let mut after_bar = false;
    loop {
        let name = next_name(m, ":}")?;
        match name.as_slice() {
            b":}" => break,
            b"|" => after_bar = true,
            b"--" => {
                while next_name(m, ":}")? != b":}" {}
                break;
            }
            _ if after_bar => fresh.push(name),
            _ => arguments.push(name),
        }
    }
    for name in fresh {
        let local = m.add_local(name)?;
        m.emit(Op::Lit, 0)?;
        m.emit(Op::SetLocal, local as i64)?;
    }
    arguments.reverse();
    declare_group(m, arguments)
}

fn locals_bar(m: &mut Machine) -> Res {
    let mut names = Vec::new();
    loop {
        let name = next_name(m, "|")?;
        if name == b"|" {
            return declare_group(m, names);
        }
        names.push(name);
    }
}
