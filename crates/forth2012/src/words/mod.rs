//! The word sets: one module and one table each.
//!
//! To add a word set: write `words/NAME.rs` with `pub const SET: WordSet` (rows made by `prim`,
//! `immediate`, `control`, `dual`, `constant`, `primitive` and `stepped` of `dict`), name the module
//! here and put its `SET` into [`SETS`]. To add a primitive, which is a word that the fast engine
//! knows: add its row, see [`super::primitive`]. State that outlives a word goes into [`state::Extra`].

pub mod block;
pub mod comfort;
pub mod core;
pub mod core_compile;
pub mod core_ext;
pub mod double;
pub mod environment;
pub mod exception;
pub mod facility;
pub mod file;
pub mod float;
pub mod float_ext;
pub mod float_text;
pub mod include;
pub mod keyboard;
pub mod locals;
pub mod memory;
pub mod number;
pub mod search;
pub mod see_code;
pub mod state;
pub mod step;
pub mod string;
pub mod string_ext;
pub mod tools;
pub mod tools_ext;
pub mod xchar;

use super::dict::{Code, Dict, Entry, FORTH_LIST, Kind, WordSet};
use super::host::Host;
use super::limits::Limits;
use super::machine::Machine;

/// All word sets in the order of the standard.
pub static SETS: &[WordSet] = &[
    core::SET,
    core_compile::SET,
    number::SET,
    environment::SET,
    core_ext::SET,
    block::SET,
    block::EXT,
    double::SET,
    exception::SET,
    facility::SET,
    facility::EXT,
    file::SET,
    file::EXT,
    include::SET,
    float::SET,
    float_text::SET,
    float_ext::SET,
    float_text::EXT,
    locals::SET,
    memory::SET,
    tools::SET,
    tools_ext::SET,
    comfort::SET,
    see_code::SET,
    step::SET,
    search::SET,
    string::SET,
    string_ext::SET,
    xchar::SET,
    xchar::EXT,
];

/// Puts all tables into a dictionary.
pub fn install(dict: &mut Dict) {
    for entry in SETS.iter().flat_map(|set| set.words) {
        let kind = match &entry.code {
            Code::Primitive(primitive) => Kind::Primitive(primitive),
            Code::Prim(prim) => Kind::Prim(*prim),
            Code::Dual(interpreted, compiled) => Kind::Dual(*interpreted, *compiled),
            Code::Constant(value) => Kind::Constant(*value),
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

impl Machine {
    /// A machine with all word sets and the words of the host.
    #[must_use]
    pub fn new(limits: Limits, host: Box<dyn Host>) -> Self {
        let mut machine = Self::without_words(limits, host);
        install(&mut machine.dict);
        for (index, word) in machine.host_words.iter().enumerate() {
            let kind = Kind::Host(index as u32);
            machine.dict.add(word.name.as_bytes(), FORTH_LIST, kind, 0, 0);
        }
        machine
    }

    /// All tables of the machine's own words.
    #[must_use]
    pub fn word_table() -> &'static [WordSet] {
        SETS
    }

    /// Rows of the machine's own words with their word set.
    pub fn entries() -> impl Iterator<Item = (&'static str, &'static Entry)> {
        SETS.iter().flat_map(|set| set.words.iter().map(move |word| (set.name, word)))
    }

    /// Hands words of the machine itself over to the host: however one of them is reached, it runs
    /// as [`Host::call`] with the index that `index_of` gives for its name and word set. Code that
    /// was compiled before keeps what it has, so this is for a new machine.
    pub fn delegate(&mut self, index_of: impl Fn(&str, &str) -> Option<u32>) {
        let mut index = 0;
        while let Some(word) = self.dict.get_mut(index) {
            if let Some(entry) = word.entry
                && let Some(at) = index_of(entry.name, set_of(entry))
            {
                word.kind = Kind::Host(at);
            }
            index += 1;
        }
    }
}
