//! State of word sets that the machine itself does not need.

use std::collections::{BTreeMap, VecDeque};

use crate::host::FileMode;

/// Digits that F. prints when nobody said otherwise: all that any decimal keeps.
pub const DEFAULT_PRECISION: usize = 15;

/// State of word sets that the machine itself does not need.
pub struct Extra {
    /// Names that (LOCAL) collects until the empty name.
    pub pending_locals: Vec<Vec<u8>>,
    /// Bytes from the keyboard that EKEY or XKEY looked at and gave back.
    pub keys: VecDeque<u8>,
    /// Digits that F. FE. FS. print.
    pub precision: usize,
    /// Open files.
    pub files: Files,
    /// Block buffers.
    pub blocks: Blocks,
    /// Texts of REPLACES.
    pub substitutions: Substitutions,
    /// What STEP walks through.
    pub walk: Option<Walk>,
}

impl Default for Extra {
    fn default() -> Self {
        Self {
            pending_locals: Vec::new(),
            keys: VecDeque::new(),
            precision: DEFAULT_PRECISION,
            files: Files::default(),
            blocks: Blocks::default(),
            substitutions: Substitutions::default(),
            walk: None,
        }
    }
}

/// The open files of a machine.
#[derive(Default)]
pub struct Files {
    pub(super) open: BTreeMap<i64, OpenFile>,
    pub(super) sources: i64,
}

/// An open file.
pub struct OpenFile {
    pub(super) mode: FileMode,
    pub(super) position: u64,
    pub(super) buffer: Vec<u8>,
    pub(super) buffer_at: u64,
}

/// The block file and its buffers.
#[derive(Default)]
pub struct Blocks {
    pub(super) name: Option<Vec<u8>>,
    pub(super) file: Option<i64>,
    pub(super) buffers: Vec<Buffer>,
    pub(super) current: Option<usize>,
    pub(super) clock: u64,
}

/// A buffer of a block.
pub struct Buffer {
    pub(super) address: usize,
    pub(super) block: Option<i64>,
    pub(super) changed: bool,
    pub(super) used: u64,
}

/// Texts by name, without case.
#[derive(Default)]
pub struct Substitutions {
    pub(super) texts: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) bytes: usize,
}

/// What is walked through.
pub struct Walk {
    /// Its tokens.
    pub(super) from: u32,
    pub(super) to: u32,
    /// Show the words that it calls, too.
    pub(super) deep: bool,
    /// Ask at each stop.
    pub(super) ask: bool,
}

/// What a MARKER puts back.
#[derive(Debug, Clone)]
pub struct MarkerState {
    pub(super) words: usize,
    pub(super) code: usize,
    pub(super) code_words: usize,
    pub(super) texts: usize,
    pub(super) here: usize,
    pub(super) strings: usize,
    pub(super) lists: usize,
    pub(super) order: Vec<u32>,
    pub(super) current: u32,
    pub(super) markers: usize,
    pub(super) included: usize,
}
