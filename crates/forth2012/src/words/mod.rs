//! The word sets: one module and one table each.
//!
//! To add a word set: write `words/NAME.rs` with `pub const SET: WordSet` (rows made by `prim`,
//! `immediate`, `control`, `dual`, `constant`, `primitive` and `stepped` of `dict`), name the module
//! here and put its `SET` into [`SETS`]. To add a primitive, which is a word that the fast engine
//! knows: add its row, see [`super::primitive`]. State that outlives a word goes into [`Extra`].

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
pub mod locals;
pub mod memory;
pub mod number;
pub mod search;
pub mod see_code;
pub mod step;
pub mod string;
pub mod string_ext;
pub mod tools;
pub mod tools_ext;
pub mod xchar;

use super::dict::{Code, Dict, Entry, FORTH_LIST, Kind, WordSet};

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

/// State of word sets that the machine itself does not need.
pub struct Extra {
    /// Names that (LOCAL) collects until the empty name.
    pub pending_locals: Vec<Vec<u8>>,
    /// Bytes from the keyboard that EKEY or XKEY looked at and gave back.
    pub keys: std::collections::VecDeque<u8>,
    /// Digits that F. FE. FS. print.
    pub precision: usize,
    /// Open files.
    pub files: file::Files,
    /// Block buffers.
    pub blocks: block::Blocks,
    /// Texts of REPLACES.
    pub substitutions: string_ext::Substitutions,
    /// What STEP walks through.
    pub walk: Option<step::Walk>,
}

impl Default for Extra {
    fn default() -> Self {
        Self {
            pending_locals: Vec::new(),
            keys: std::collections::VecDeque::new(),
            precision: float_text::DEFAULT_PRECISION,
            files: file::Files::default(),
            blocks: block::Blocks::default(),
            substitutions: string_ext::Substitutions::default(),
            walk: None,
        }
    }
}

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
