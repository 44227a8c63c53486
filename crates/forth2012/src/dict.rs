//! Words, their headers, and the wordlists that find them.
//!
//! All names live in one chained hash table keyed by wordlist and name without case; a newer word
//! hides an older one because it stands earlier in its chain. An execution token is
//! [`XT_BASE`] plus the index of the word, so that it can never be taken for an address.

use super::op::{Op, Tok};
pub use super::primitive::Prim;
use super::primitive::{Form, Primitive};

/// Execution token of word 0.
pub const XT_BASE: i64 = 0x0100_0000_0000;
/// Token of word 0 that performs compilation semantics (FIND while compiling).
pub const CT_BASE: i64 = 0x0200_0000_0000;
/// "No word" in links.
pub const NONE: u32 = u32::MAX;
/// Wordlist of words that no search finds.
pub const NOWHERE: u32 = u32::MAX;
/// The wordlist FORTH.
pub const FORTH_LIST: u32 = 0;

/// Executes like a parse-time word while compiling.
pub const IMMEDIATE: u8 = 1;
/// Has no meaning outside a definition (-14).
pub const COMPILE_ONLY: u8 = 2;
/// Still being compiled: not found.
pub const HIDDEN: u8 = 4;
/// Fast code relies on what it does now.
pub const BOUND: u8 = 8;
/// Found only when written exactly like this: `.S` beside `.s`.
pub const EXACT: u8 = 16;

/// What a word does when executed.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A word that the fast engine knows.
    Primitive(&'static Primitive),
    /// A word in Rust.
    Prim(Prim),
    /// One action when interpreted, another when compiled.
    Dual(Prim, Prim),
    /// A definition: index of its Enter token.
    Colon(u32),
    /// CREATE: address of the body, and the token of its DOES> part or 0.
    Create(u32, u32),
    /// CONSTANT.
    Constant(i64),
    /// FCONSTANT.
    FConstant(f64),
    /// 2CONSTANT: address of two cells.
    TwoConstant(u32),
    /// VALUE: address.
    Value(u32),
    /// 2VALUE: address.
    TwoValue(u32),
    /// FVALUE: address.
    FValue(u32),
    /// DEFER: address of the xt.
    Defer(u32),
    /// A word of the host.
    Host(u32),
    /// VOCABULARY: its wordlist.
    Vocabulary(u32),
    /// SYNONYM of another word.
    Synonym(u32),
    /// MARKER: index of the saved state.
    Marker(u32),
    /// A local variable while its definition is compiled.
    Local(u16),
    /// Something that was never finished.
    Broken,
}

/// How a table entry becomes a word.
#[derive(Debug, Clone, Copy)]
pub enum Code {
    /// See [`Kind::Primitive`].
    Primitive(Primitive),
    /// See [`Kind::Prim`].
    Prim(Prim),
    /// See [`Kind::Dual`].
    Dual(Prim, Prim),
    /// See [`Kind::Constant`].
    Constant(i64),
}

/// One row of a word set's table.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Name.
    pub name: &'static str,
    /// Stack effect.
    pub effect: &'static str,
    /// One sentence.
    pub help: &'static str,
    /// [`IMMEDIATE`], [`COMPILE_ONLY`] or 0.
    pub flags: u8,
    /// Implementation.
    pub code: Code,
}

/// A word set: its name in the standard and its rows.
#[derive(Debug, Clone, Copy)]
pub struct WordSet {
    /// As in Forth-2012, for example `CORE EXT`.
    pub name: &'static str,
    /// The words.
    pub words: &'static [Entry],
}

/// Shorthand for a row with a primitive whose form tells the stepper what to do.
pub const fn primitive(
    name: &'static str,
    effect: &'static str,
    help: &'static str,
    form: Form,
) -> Entry {
    let code = Code::Primitive(Primitive::of_form(effect, form));
    Entry { name, effect, help, flags: 0, code }
}

/// Shorthand for a row with a primitive: code for the stepper, a form for the fast engine.
pub const fn stepped(
    name: &'static str,
    effect: &'static str,
    help: &'static str,
    run: Prim,
    form: Form,
) -> Entry {
    let code = Code::Primitive(Primitive::with_code(effect, run, form));
    Entry { name, effect, help, flags: 0, code }
}

/// As [`stepped`], for a word that needs a definition around it.
pub const fn stepped_only(
    name: &'static str,
    effect: &'static str,
    help: &'static str,
    run: Prim,
    form: Form,
) -> Entry {
    Entry { flags: COMPILE_ONLY, ..stepped(name, effect, help, run, form) }
}

/// Shorthand for a row with code in Rust.
pub const fn prim(
    name: &'static str,
    effect: &'static str,
    help: &'static str,
    prim: Prim,
) -> Entry {
    Entry { name, effect, help, flags: 0, code: Code::Prim(prim) }
}

/// Shorthand for a row with immediate code in Rust.
pub const fn immediate(
    name: &'static str,
    effect: &'static str,
    help: &'static str,
    prim: Prim,
) -> Entry {
    Entry { name, effect, help, flags: IMMEDIATE, code: Code::Prim(prim) }
}

/// Shorthand for a row with immediate code in Rust that needs a definition around it.
pub const fn control(
    name: &'static str,
    effect: &'static str,
    help: &'static str,
    prim: Prim,
) -> Entry {
    Entry { name, effect, help, flags: IMMEDIATE | COMPILE_ONLY, code: Code::Prim(prim) }
}

/// Shorthand for a row with two semantics.
pub const fn dual(
    name: &'static str,
    effect: &'static str,
    help: &'static str,
    interpreted: Prim,
    compiled: Prim,
) -> Entry {
    Entry { name, effect, help, flags: 0, code: Code::Dual(interpreted, compiled) }
}

/// Shorthand for a row with a constant.
pub const fn constant(
    name: &'static str,
    effect: &'static str,
    help: &'static str,
    value: i64,
) -> Entry {
    Entry { name, effect, help, flags: 0, code: Code::Constant(value) }
}

/// One word.
#[derive(Debug, Clone, Copy)]
pub struct Word {
    /// What it does.
    pub kind: Kind,
    /// Flags.
    pub flags: u8,
    name_len: u8,
    name_at: u32,
    /// Wordlist.
    pub list: u32,
    hash: u32,
    next: u32,
    /// Source positions: the name, and the end of the definition.
    pub pos: u32,
    /// See `pos`.
    pub end: u32,
    /// The table row, for words of the machine.
    pub entry: Option<&'static Entry>,
}

/// A name as it is searched: folded and hashed once.
pub struct Name<'a> {
    text: &'a [u8],
    hash: u32,
}

impl<'a> Name<'a> {
    /// Hashes without case (FNV-1a).
    #[must_use]
    pub fn new(text: &'a [u8]) -> Self {
        let mut hash = 0x811c_9dc5u32;
        for byte in text {
            hash = (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193);
        }
        Self { text, hash: hash ^ (hash >> 15) }
    }

    /// The name as written.
    #[must_use]
    pub const fn text(&self) -> &'a [u8] {
        self.text
    }
}

/// All words and wordlists.
pub struct Dict {
    words: Vec<Word>,
    names: Vec<u8>,
    heads: Vec<u32>,
    list_names: Vec<u32>,
    /// Search order, first searched last in the vector.
    pub order: Vec<u32>,
    /// Compilation wordlist.
    pub current: u32,
}

fn slot(list: u32, hash: u32, len: usize) -> usize {
    (hash ^ list.wrapping_mul(0x9e37_79b1)) as usize & (len - 1)
}

impl Dict {
    /// An empty dictionary with the wordlist FORTH.
    #[must_use]
    pub fn new() -> Self {
        Self {
            words: Vec::with_capacity(1024),
            names: Vec::with_capacity(8192),
            heads: vec![NONE; 1024],
            list_names: vec![NONE],
            order: vec![FORTH_LIST],
            current: FORTH_LIST,
        }
    }

    /// The primitive of a token, if it is one.
    #[inline]
    #[must_use]
    pub fn primitive(&self, tok: Tok) -> Option<&'static Primitive> {
        match self.words.get(tok.arg as usize)?.kind {
            Kind::Primitive(primitive) if tok.op == Op::Primitive => Some(primitive),
            _ => None,
        }
    }

    /// What the fast engine does for a token that is a primitive.
    #[must_use]
    pub fn form(&self, tok: Tok) -> Option<Form> {
        self.primitive(tok).map(|primitive| primitive.form)
    }

    /// Number of words, also hidden and forgotten-to-be ones.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// True before any word.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The word at an index.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<&Word> {
        self.words.get(index as usize)
    }

    /// The word at an index, to change.
    pub fn get_mut(&mut self, index: u32) -> Option<&mut Word> {
        self.words.get_mut(index as usize)
    }

    /// Name of a word; empty for :NONAME.
    #[must_use]
    pub fn name(&self, index: u32) -> &[u8] {
        self.words.get(index as usize).map_or(&[], |word| {
            let at = word.name_at as usize;
            &self.names[at..at + usize::from(word.name_len)]
        })
    }

    /// Adds a word; `list` [`NOWHERE`] makes it nameless for searches.
    pub fn add(&mut self, name: &[u8], list: u32, kind: Kind, flags: u8, pos: u32) -> u32 {
        let index = self.words.len() as u32;
        let name = &name[..name.len().min(255)];
        let hashed = Name::new(name);
        let mut next = NONE;
        if list != NOWHERE {
            if self.words.len() >= self.heads.len() * 2 {
                self.grow();
            }
            let slot = slot(list, hashed.hash, self.heads.len());
            next = std::mem::replace(&mut self.heads[slot], index);
        }
        let name_at = self.names.len() as u32;
        self.names.extend_from_slice(name);
        self.words.push(Word {
            kind,
            flags,
            name_len: name.len() as u8,
            name_at,
            list,
            hash: hashed.hash,
            next,
            pos,
            end: pos,
            entry: None,
        });
        index
    }

    fn grow(&mut self) {
        self.heads = vec![NONE; self.heads.len() * 4];
        for index in 0..self.words.len() {
            let (list, hash) = (self.words[index].list, self.words[index].hash);
            if list != NOWHERE {
                let slot = slot(list, hash, self.heads.len());
                self.words[index].next = std::mem::replace(&mut self.heads[slot], index as u32);
            }
        }
    }

    /// Forgets all words from `len` on.
    pub fn truncate(&mut self, len: usize) {
        while self.words.len() > len {
            if let Some(word) = self.words.pop() {
                if word.list != NOWHERE {
                    let slot = slot(word.list, word.hash, self.heads.len());
                    self.heads[slot] = word.next;
                }
                self.names.truncate(word.name_at as usize);
            }
        }
    }

    /// Finds a name in one wordlist.
    #[must_use]
    pub fn find_in(&self, name: &Name<'_>, list: u32) -> Option<u32> {
        let mut at = self.heads[slot(list, name.hash, self.heads.len())];
        while let Some(word) = self.words.get(at as usize) {
            if word.hash == name.hash
                && word.list == list
                && word.flags & HIDDEN == 0
                && self.name(at).eq_ignore_ascii_case(name.text)
                && (word.flags & EXACT == 0 || self.name(at) == name.text)
            {
                return Some(at);
            }
            at = word.next;
        }
        None
    }

    /// Finds a name in the search order.
    #[must_use]
    pub fn find(&self, name: &Name<'_>) -> Option<u32> {
        self.order.iter().rev().find_map(|&list| self.find_in(name, list))
    }

    /// A new empty wordlist; `None` when there are too many.
    pub fn new_list(&mut self) -> Option<u32> {
        if self.list_names.len() >= super::limits::WORDLISTS {
            return None;
        }
        self.list_names.push(NONE);
        Some(self.list_names.len() as u32 - 1)
    }

    /// Number of wordlists.
    #[must_use]
    pub fn lists(&self) -> usize {
        self.list_names.len()
    }

    /// Forgets wordlists from `len` on.
    pub fn truncate_lists(&mut self, len: usize) {
        self.list_names.truncate(len.max(1));
        let len = self.list_names.len() as u32;
        self.order.retain(|&list| list < len);
        if self.current >= len {
            self.current = FORTH_LIST;
        }
    }

    /// Remembers which word names a wordlist.
    pub fn name_list(&mut self, list: u32, word: u32) {
        if let Some(name) = self.list_names.get_mut(list as usize)
            && *name == NONE
        {
            *name = word;
        }
    }

    /// A name for a wordlist, for ORDER.
    #[must_use]
    pub fn list_name(&self, list: u32) -> String {
        if list == FORTH_LIST {
            return "FORTH".into();
        }
        match self.list_names.get(list as usize) {
            Some(&word) if word != NONE && (word as usize) < self.words.len() => {
                String::from_utf8_lossy(self.name(word)).into_owned()
            }
            _ => format!("wordlist#{list}"),
        }
    }

    /// Words of one list, newest first, without hidden ones.
    pub fn words_of(&self, list: u32) -> impl Iterator<Item = u32> + '_ {
        (0..self.words.len() as u32).rev().filter(move |&index| {
            let word = &self.words[index as usize];
            word.list == list && word.flags & HIDDEN == 0
        })
    }

    /// The word that an execution token means.
    #[must_use]
    pub fn from_xt(&self, xt: i64) -> Option<u32> {
        let index = xt.checked_sub(XT_BASE)?;
        (0..self.words.len() as i64).contains(&index).then_some(index as u32)
    }
}

impl Default for Dict {
    fn default() -> Self {
        Self::new()
    }
}

/// The execution token of a word.
#[must_use]
pub const fn xt_of(index: u32) -> i64 {
    XT_BASE + index as i64
}
