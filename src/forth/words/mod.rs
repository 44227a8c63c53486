//! The word sets: one module and one table each.
//!
//! To add a word set: write `words/NAME.rs` with `pub const SET: WordSet` (rows made by `prim`,
//! `immediate`, `control`, `dual`, `constant`, `op` of `dict`), name the module here and put its
//! `SET` into [`SETS`]. State that outlives a word goes into [`Extra`].

pub mod core;
pub mod core_compile;
pub mod core_ext;
pub mod double;
pub mod exception;
pub mod include;
pub mod locals;
pub mod memory;
pub mod number;
pub mod search;
pub mod string;
pub mod tools;

use super::dict::{Code, Dict, Entry, FORTH_LIST, Kind, WordSet};
use super::error::Res;
use super::machine::Machine;

/// All word sets in the order of the standard.
pub static SETS: &[WordSet] = &[
    core::SET,
    core_compile::SET,
    number::SET,
    core_ext::SET,
    double::SET,
    exception::SET,
    include::SET,
    locals::SET,
    memory::SET,
    tools::SET,
    search::SET,
    string::SET,
];

/// State of word sets that the machine itself does not need.
#[derive(Default)]
pub struct Extra {
    /// Names that (LOCAL) collects until the empty name.
    pub pending_locals: Vec<Vec<u8>>,
}

/// Puts all tables into a dictionary.
pub fn install(dict: &mut Dict) {
    for entry in SETS.iter().flat_map(|set| set.words) {
        let kind = match entry.code {
            Code::Op(op) => Kind::Op(op),
            Code::Prim(prim) => Kind::Prim(prim),
            Code::Dual(interpreted, compiled) => Kind::Dual(interpreted, compiled),
            Code::Constant(value) => Kind::Constant(value),
        };
        let index = dict.add(entry.name.as_bytes(), FORTH_LIST, kind, entry.flags, 0);
        if let Some(word) = dict.get_mut(index) {
            word.entry = Some(entry);
        }
    }
}

/// Name of the word set that a row belongs to.
#[must_use]
pub fn set_of(entry: &'static Entry) -> &'static str {
    SETS.iter()
        .find(|set| set.words.iter().any(|word| std::ptr::eq(word, entry)))
        .map_or("", |set| set.name)
}

/// REFILL of a block: the next block becomes the input.
pub fn refill_block(_: &mut Machine) -> Res<bool> {
    Ok(false)
}

/// REFILL of an open file: its next line becomes the input.
pub fn refill_file(_: &mut Machine, _: i64) -> Res<bool> {
    Ok(false)
}
