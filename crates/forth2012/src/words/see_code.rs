//! What became of a definition: its tokens, and how much fast code each of them took.

use crate::dict::{Entry, Kind, WordSet, prim};
use crate::error::{Res, throw_with};
use crate::machine::Machine;
use crate::op::Op;

/// The table.
pub const SET: WordSet = WordSet { name: "TOOLS", words: WORDS };

static WORDS: &[Entry] =
    &[prim("see-code", "( \"name\" -- )", "Prints the translated code of a definition.", see_code)];

fn see_code(m: &mut Machine) -> Res {
    let word = m.tick_name()?;
    let start = match m.dict.get(word).map(|word| word.kind) {
        Some(Kind::Colon(start)) => start,
        Some(Kind::Create(_, does)) if does != 0 => does,
        _ => return Err(throw_with(-12, "not a definition: there is no translated code")),
    };
    let at = m.code_words.partition_point(|&(token, _)| token <= start);
    let end = m.code_words.get(at).map_or(m.code.len() as u32, |&(token, _)| token);
    let counts = m.instructions_of(start, end);
    let mut text = String::new();
    for (token, count) in (start..end).zip(&counts) {
        let tok = m.code[token as usize];
        let what = match tok.op {
            Op::Word | Op::Compile | Op::Primitive => {
                String::from_utf8_lossy(m.dict.name(tok.arg as u32)).into_owned()
            }
            Op::Lit | Op::Local | Op::SetLocal | Op::SetValue | Op::Deferred => tok.arg.to_string(),
            Op::FLit => f64::from_bits(tok.arg as u64).to_string(),
            _ if tok.jumps() => format!("-> {}", tok.arg - i64::from(start)),
            _ => String::new(),
        };
        let line = format!("{:4} {:<10} {what}", token - start, format!("{:?}", tok.op));
        text.push_str(&format!("{line:<40} {count}\n"));
    }
    let total: usize = counts.iter().sum();
    text.push_str(&format!("{} tokens, {total} instructions\n", end - start));
    m.print(text.as_bytes())
}
