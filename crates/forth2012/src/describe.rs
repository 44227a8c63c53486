//! Everything known about a word: its row, its source, or what the host says of it.

use super::dict::{IMMEDIATE, Kind, Name};
use super::machine::{Machine, WordInfo};
use super::words;

impl Machine {
    /// Everything known about a name.
    #[must_use]
    pub fn describe(&self, name: &str) -> Option<WordInfo> {
        let found = self.dict.find(&Name::new(name.as_bytes()));
        let Some(index) = found else {
            let row = self.autoload.index.get(name.to_ascii_lowercase().as_bytes())?;
            let (word, effect, help, source) = self.autoload.table[*row];
            return Some(WordInfo {
                name: word.into(),
                effect: effect.into(),
                help: help.into(),
                example: String::new(),
                group: self.autoload.sources.get(source).map_or("library", |s| s.0).into(),
                immediate: false,
                place: None,
            });
        };
        Some(self.describe_word(index))
    }

    pub(super) fn describe_word(&self, index: u32) -> WordInfo {
        let mut info = WordInfo {
            name: String::from_utf8_lossy(self.dict.name(index)).into_owned(),
            effect: String::new(),
            help: String::new(),
            example: String::new(),
            group: "user".into(),
            immediate: false,
            place: None,
        };
        let Some(word) = self.dict.get(index) else { return info };
        info.immediate = word.flags & IMMEDIATE != 0;
        info.place = self.sources.place(word.pos);
        if let Some(entry) = word.entry {
            info.effect = entry.effect.into();
            info.help = entry.help.into();
            info.group = words::set_of(entry).into();
        } else if let Kind::Host(at) = word.kind
            && let Some(host) = self.host_words.get(at as usize)
        {
            info.effect = host.effect.into();
            info.help = host.help.into();
            info.example = host.example.into();
            info.group = host.group.into();
        } else if let Some((effect, help)) = self.comments_of(word.pos, word.end) {
            info.effect = effect;
            info.help = help;
        }
        if let Some(row) = self.autoload.index.get(info.name.to_ascii_lowercase().as_bytes())
            && word.entry.is_none()
        {
            let (_, effect, help, source) = self.autoload.table[*row];
            if info.effect.is_empty() {
                info.effect = effect.into();
            }
            if info.help.is_empty() {
                info.help = help.into();
            }
            if let Some(source) = self.autoload.sources.get(source) {
                info.group = source.0.into();
            }
        }
        info
    }

    /// Stack effect and help of a definition from the comments in its source.
    fn comments_of(&self, pos: u32, end: u32) -> Option<(String, String)> {
        let (_, text) = self.sources.text_at(pos)?;
        let start = (pos - text.base) as usize;
        let stop = ((end.max(pos) - text.base) as usize).clamp(start, text.text.len());
        let line_start = text.text[..start].iter().rposition(|&b| b == b'\n').map_or(0, |i| i + 1);
        let before = String::from_utf8_lossy(&text.text[..line_start]).into_owned();
        let help = before.lines().next_back().and_then(|line| line.trim().strip_prefix("\\ "));
        let line_end = text.text[start..].iter().position(|&b| b == b'\n');
        let line_end = line_end.map_or(text.text.len(), |i| start + i);
        let body = String::from_utf8_lossy(&text.text[start..stop.max(line_end)]).into_owned();
        let effect = body.find("( ").and_then(|at| {
            let close = body[at..].find(')')?;
            let effect = &body[at..=at + close];
            effect.contains("--").then(|| effect.to_owned())
        });
        Some((effect.unwrap_or_default(), help.unwrap_or_default().to_owned()))
    }
}
