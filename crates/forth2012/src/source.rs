//! Where source text comes from: the map of all texts for places, and the stack of inputs.

use std::rc::Rc;

use super::error::Place;
use super::limits::SOURCE_KEPT_BYTES;

/// A text that was interpreted. Its positions are `base..=base + text.len()`.
#[derive(Debug, Clone)]
pub struct Text {
    /// File name or a name in angle brackets.
    pub name: Rc<str>,
    /// The text.
    pub text: Rc<[u8]>,
    /// Global position of the first byte.
    pub base: u32,
    /// Number of the first line.
    pub line: u32,
}

/// All texts that code may point into, in order of their positions.
#[derive(Debug, Default)]
pub struct SourceMap {
    texts: Vec<Text>,
    kept: usize,
}

impl SourceMap {
    /// Adds a text; its base position. Position 0 means "nowhere".
    pub fn add(&mut self, name: Rc<str>, text: Rc<[u8]>, line: u32) -> u32 {
        let base = self.texts.last().map_or(1, |last| last.base + last.text.len() as u32 + 1);
        let full = self.kept + text.len() > SOURCE_KEPT_BYTES || base > u32::MAX / 2;
        let text: Rc<[u8]> = if full { Rc::from(&[][..]) } else { text };
        self.kept += text.len();
        self.texts.push(Text { name, text, base, line });
        base
    }

    /// Number of texts.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // nobody asks
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Drops texts from `len` on.
    pub fn truncate(&mut self, len: usize) {
        while self.texts.len() > len {
            if let Some(text) = self.texts.pop() {
                self.kept -= text.text.len();
            }
        }
    }

    /// The text that holds a position.
    #[must_use]
    pub fn text_at(&self, pos: u32) -> Option<(usize, &Text)> {
        if pos == 0 {
            return None;
        }
        let index = self.texts.partition_point(|text| text.base <= pos).checked_sub(1)?;
        let text = &self.texts[index];
        ((pos - text.base) as usize <= text.text.len()).then_some((index, text))
    }

    /// The text between two positions, across texts of several lines typed one by one.
    #[must_use]
    pub fn between(&self, start: u32, end: u32) -> Option<String> {
        let (first, text) = self.text_at(start)?;
        let (last, _) = self.text_at(end)?;
        let from = (start - text.base) as usize;
        if first == last {
            let to = (end - text.base) as usize;
            return Some(String::from_utf8_lossy(text.text.get(from..to)?).into_owned());
        }
        let mut all = String::from_utf8_lossy(text.text.get(from..)?).trim_end().to_owned();
        for text in &self.texts[first + 1..=last] {
            let to = if text.base <= end { (end - text.base) as usize } else { 0 };
            let part = &text.text[..to.min(text.text.len())];
            all.push('\n');
            all.push_str(String::from_utf8_lossy(part).trim_end());
        }
        Some(all)
    }

    /// A position as a person reads it; `width` is that of the word there.
    #[must_use]
    pub fn place(&self, pos: u32) -> Option<Place> {
        let (_, text) = self.text_at(pos)?;
        Some(place_in(&text.name, &text.text, text.line, (pos - text.base) as usize))
    }
}

/// The place of byte `at` of a text.
#[must_use]
pub fn place_in(name: &str, text: &[u8], first_line: u32, at: usize) -> Place {
    let at = at.min(text.len());
    let line_start = text[..at].iter().rposition(|&b| b == b'\n').map_or(0, |i| i + 1);
    let line_end = text[at..].iter().position(|&b| b == b'\n').map_or(text.len(), |i| at + i);
    let line = text[..line_start].iter().filter(|&&b| b == b'\n').count();
    let word = text[at..line_end].iter().position(u8::is_ascii_whitespace);
    let word_end = word.map_or(line_end, |i| at + i);
    // Long lines are cut around the word so that a report stays small.
    let from = if at - line_start > 4096 { at - 1024 } else { line_start };
    let to = line_end.min(at + 1024);
    Place {
        name: name.to_owned(),
        line: first_line as usize + line,
        column: String::from_utf8_lossy(&text[line_start..at]).chars().count() + 1
            - String::from_utf8_lossy(&text[line_start..from]).chars().count(),
        source_line: String::from_utf8_lossy(&text[from..to]).trim_end_matches('\r').to_owned(),
        width: String::from_utf8_lossy(&text[at..word_end.min(at + 256)]).chars().count().max(1),
    }
}

/// How an input gets its next line.
#[derive(Debug, Clone)]
pub enum Refill {
    /// A file or a whole source: lines follow in `text` from `next`.
    Lines {
        /// The whole text.
        text: Rc<[u8]>,
        /// Offset of the line after the current one.
        next: usize,
    },
    /// A string for EVALUATE: no further line.
    Never,
    /// The keyboard, through ACCEPT of the host.
    Terminal,
    /// Blocks of LOAD or THRU; `next` to `last` are still to come.
    Blocks {
        /// The block after the current one.
        next: i64,
        /// The last one.
        last: i64,
    },
}

/// One input source. The parse area lies in data space.
#[derive(Debug, Clone)]
pub struct Input {
    /// SOURCE-ID.
    pub id: i64,
    /// Address of the parse area.
    pub address: i64,
    /// Length of the parse area.
    pub len: i64,
    /// What follows.
    pub refill: Refill,
    /// Line buffer in the heap, given back at the end.
    pub buffer: Option<usize>,
    /// Bytes of `buffer`.
    pub buffer_bytes: usize,
    /// Position of the start of the parse area in the source map; 0 when unknown.
    pub pos: u32,
    /// Path, for relative includes.
    pub path: Option<Rc<str>>,
    /// BLK of this input.
    pub blk: i64,
    /// >IN while another input is current.
    pub saved_in: i64,
    /// Texts in the source map before this input, and tokens and words then: for dropping texts
    /// that nothing points into.
    pub texts_before: usize,
    /// See `texts_before`.
    pub words_before: usize,
    /// Where the word that is being interpreted starts, as an offset into the parse area.
    pub word_at: i64,
    /// True when the machine must stop here (the end of a Rust call).
    pub outermost: bool,
}
