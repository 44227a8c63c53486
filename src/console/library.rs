//! The words in Forth that come with the binary: `words/*.fs`, compiled when first used.
//!
//! A definition there is `\` lines (its help; `\ > …` is an example), then `: NAME ( effect )`.

use std::borrow::Cow;

/// Words for which room is made; more are not refused.
const MOST_WORDS: usize = 256;

/// Sources in the order of `help`: heading and text.
pub static SOURCES: &[(&str, &str)] = &[
    ("node", include_str!("../../words/node.fs")),
    ("script", include_str!("../../words/script.fs")),
    ("wallet", include_str!("../../words/wallet.fs")),
    ("prelude", PRELUDE),
];

/// Compiled at every start.
pub const PRELUDE: &str = include_str!("../../words/prelude.fs");

/// One word of the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryWord {
    pub name: &'static str,
    pub effect: &'static str,
    pub help: Cow<'static, str>,
    pub example: &'static str,
    pub source: usize,
}

/// Every documented word of the library, read once for the process; helpers without a comment stay
/// out of sight.
pub fn library_words() -> &'static [LibraryWord] {
    static WORDS: std::sync::OnceLock<Vec<LibraryWord>> = std::sync::OnceLock::new();
    WORDS.get_or_init(read_words)
}

fn read_words() -> Vec<LibraryWord> {
    // Read at every start: no room is made twice, and help of one line is not copied.
    let mut words = Vec::with_capacity(MOST_WORDS);
    for (source, (_, text)) in SOURCES.iter().enumerate() {
        let mut help = Cow::Borrowed("");
        let mut example = "";
        for line in text.lines() {
            if let Some(comment) = line.strip_prefix("\\ ") {
                match comment.strip_prefix("> ") {
                    Some(line) => example = line,
                    None if help.is_empty() => help = Cow::Borrowed(comment),
                    None => help = Cow::Owned(format!("{help} {comment}")),
                }
                continue;
            }
            if let Some((name, effect)) = definition(line).filter(|_| !help.is_empty()) {
                let help = std::mem::take(&mut help);
                words.push(LibraryWord { name, effect, help, example, source });
            }
            help = Cow::Borrowed("");
            example = "";
        }
    }
    words
}

/// Name and effect of a line that opens a colon definition.
fn definition(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.strip_prefix(": ")?.split_once(' ')?;
    let rest = rest.trim_start();
    let end = rest.find(')')?;
    rest.starts_with('(').then(|| (name, &rest[..=end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_effect_help_and_example() {
        let words = library_words();
        assert!(words.iter().any(|word| word.name == "block"));
        for word in words {
            assert!(word.effect.contains("--"), "{}", word.name);
            assert!(word.help.ends_with('.'), "{}: {}", word.name, word.help);
            assert!(!word.example.is_empty(), "{} has no example", word.name);
        }
    }

    #[test]
    fn every_definition_is_documented() {
        for (name, text) in SOURCES {
            let defined = text.lines().filter(|line| line.starts_with(": ")).count();
            let documented =
                library_words().iter().filter(|w| SOURCES[w.source].0 == *name).count();
            assert_eq!(defined, documented, "{name}: a definition lacks its comment");
        }
    }
}
