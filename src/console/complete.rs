//! What the line editor knows while a line is typed: completion by what an argument is, hints,
//! and parts of a line that are still open.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use colored::Colorize;
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};

use super::session_state::SessionState;
use forth2012::machine::Machine;
use rpc::table::CALLS;

/// Standard words that take a file's name; the console's own say so in their stack effect.
const FILE_WORDS: &[&str] = &["include", "require", "use"];

/// Words whose next word is a name or a character, whatever it looks like.
const NAMING: &[&str] = &[
    ":", "'", "[']", "char", "[char]", "postpone", "help", "see", "step", "locate", "where",
    "create", "variable", "constant", "value", "defer", "to", "is", "synonym",
];

/// Words that parse up to a quotation mark.
const QUOTING: &[&str] = &["s\"", ".\"", "c\"", "s\\\"", "abort\""];

/// Arguments that the longest parsing word takes.
const MOST_ARGUMENTS: usize = 4;

/// What may be typed next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    File,
    Peer,
    BlockHash,
    Call,
}

/// What a line leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    Nothing,
    /// A `(`: the lines that follow belong to it.
    Comment,
    /// A string, which must end on its line.
    Text,
}

/// The editor's helper.
pub struct ConsoleHelper {
    pub machine: Rc<RefCell<Machine>>,
    pub shared: Rc<SessionState>,
    pub files: FilenameCompleter,
    /// The lines before this one left a comment open.
    pub in_comment: Rc<Cell<bool>>,
}

/// The blank-delimited word that ends at `position`, and where it starts.
fn word_before(line: &str, position: usize) -> (usize, &str) {
    let upto = &line[..position];
    let start = upto.rfind(char::is_whitespace).map_or(0, |at| at + 1);
    (start, &upto[start..])
}

/// The kind of an argument by its name in a stack effect.
fn kind_of(argument: &str) -> Kind {
    match argument {
        "file" | "files" | "from" | "to" => Kind::File,
        "peer" | "host" | "host:port" => Kind::Peer,
        "method" => Kind::Call,
        other if other.split('|').any(|part| part == "hash") => Kind::BlockHash,
        _ => Kind::Word,
    }
}

/// What stands at the end of `before`: an argument of the nearest word that parses that many.
fn expected(before: &str, effect_of: impl Fn(&str) -> Option<String>) -> Kind {
    let words = before.split_whitespace().rev().take(MOST_ARGUMENTS);
    for (distance, word) in words.enumerate() {
        if distance == 0 && FILE_WORDS.contains(&word.to_lowercase().as_str()) {
            return Kind::File;
        }
        let Some(effect) = effect_of(word) else { continue };
        // Between quotation marks stand the arguments that are parsed.
        if let Some(argument) = effect.split('"').skip(1).step_by(2).nth(distance) {
            return kind_of(argument);
        }
    }
    Kind::Word
}

/// What a line, or several, leave open.
pub fn open_part(text: &str) -> Open {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut named = false;
    while at < bytes.len() {
        if bytes[at] <= b' ' {
            at += 1;
            continue;
        }
        let end = bytes[at..].iter().position(|&b| b <= b' ').map_or(bytes.len(), |n| at + n);
        let word = text[at..end].to_lowercase();
        let behind = (end + 1).min(bytes.len());
        at = end;
        if std::mem::replace(&mut named, NAMING.contains(&word.as_str())) {
            named = false;
            continue;
        }
        let close = |stop: u8| bytes[behind..].iter().position(|&b| b == stop);
        match word.as_str() {
            "\\" => at = close(b'\n').map_or(bytes.len(), |n| behind + n),
            "(" => match close(b')') {
                Some(n) => at = behind + n + 1,
                None => return Open::Comment,
            },
            quoting if QUOTING.contains(&quoting) => match quote_end(&bytes[behind..], quoting) {
                Some(n) => at = behind + n + 1,
                None => return Open::Text,
            },
            _ => {}
        }
    }
    Open::Nothing
}

/// Where a string ends; only `S\"` knows a quotation mark behind a backslash.
fn quote_end(text: &[u8], word: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(&byte) = text.get(at).filter(|&&byte| byte != b'\n') {
        match byte {
            b'"' => return Some(at),
            b'\\' if word == "s\\\"" => at += 2,
            _ => at += 1,
        }
    }
    None
}

impl ConsoleHelper {
    fn candidates(&self, kind: Kind) -> Vec<String> {
        match kind {
            Kind::Peer => self.shared.peers(),
            Kind::BlockHash => self.shared.block_hashes(),
            Kind::Call => CALLS.iter().map(|entry| entry.method.to_owned()).collect(),
            Kind::Word | Kind::File => {
                let machine = self.machine.borrow();
                let mut names: Vec<String> =
                    machine.word_names().map(|name| name.to_lowercase()).collect();
                names.sort();
                names.dedup();
                names
            }
        }
    }
}

impl Helper for ConsoleHelper {}

impl Validator for ConsoleHelper {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let open = !self.in_comment.get() && open_part(context.input()) == Open::Text;
        Ok(match open {
            true => ValidationResult::Invalid(Some("   the closing \" is missing".to_owned())),
            false => ValidationResult::Valid(None),
        })
    }
}

impl Completer for ConsoleHelper {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, word) = word_before(line, position);
        let effect_of = |word: &str| Some(self.machine.borrow().describe(word)?.effect);
        let kind = expected(&line[..start], effect_of);
        if kind == Kind::File {
            return self.files.complete(line, position, context);
        }
        let lower = word.to_lowercase();
        let fitting = self.candidates(kind).into_iter();
        let fitting = fitting.filter(|name| name.to_lowercase().starts_with(&lower));
        let pair = |name: String| Pair { display: name.clone(), replacement: name };
        Ok((start, fitting.map(pair).collect()))
    }
}

impl Hinter for ConsoleHelper {
    type Hint = String;

    fn hint(&self, line: &str, position: usize, _: &Context<'_>) -> Option<String> {
        if position < line.len() {
            return None;
        }
        let (_, word) = word_before(line, position);
        if word.is_empty() {
            return None;
        }
        let info = self.machine.borrow().describe(word)?;
        if info.effect.is_empty() && info.help.is_empty() {
            return None;
        }
        Some(format!("   {} {}", info.effect, info.help))
    }
}

impl Highlighter for ConsoleHelper {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(hint.dimmed().to_string())
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        Cow::Owned(prompt.cyan().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_before_the_cursor() {
        assert_eq!(word_before("1 get-h", 7), (2, "get-h"));
        assert_eq!(word_before("", 0), (0, ""));
        assert_eq!(word_before("é get", 6), (3, "get"));
    }

    #[test]
    fn arguments_are_known_by_the_effect_of_their_word() {
        let effects = |word: &str| {
            let effect = match word {
                "block" => "( \"height|hash\" -- )",
                "connect" => "( \"host\" \"port\" -- )",
                "import-blocks" => "( \"file\" -- )",
                "rpc" => "( \"method\" \"params\" -- )",
                "dup" => "( x -- x x )",
                _ => return None,
            };
            Some(effect.to_owned())
        };
        let kind = |before: &str| expected(before, effects);
        assert_eq!(kind("1 2 + block "), Kind::BlockHash);
        assert_eq!(kind("connect "), Kind::Peer);
        assert_eq!(kind("connect 127.0.0.1 "), Kind::Word);
        assert_eq!(kind("connect 127.0.0.1 18444 "), Kind::Word);
        assert_eq!(kind("import-blocks "), Kind::File);
        assert_eq!(kind("Include "), Kind::File);
        assert_eq!(kind("rpc "), Kind::Call);
        assert_eq!(kind("block 5 dup "), Kind::Word);
        assert_eq!(kind(""), Kind::Word);
    }

    #[test]
    fn open_parts_of_a_line() {
        for done in [
            "",
            "1 2 +",
            "( a comment ) 1",
            "s\" text\" type",
            "s\" ( \" type",
            "\\ ( and s\" in a comment",
            "char ( emit  ' s\" drop",
            ": ( 1 ;",
            "s\\\" a \\\" b\" type",
            "( over\nlines ) 1",
            ".( text",
        ] {
            assert_eq!(open_part(done), Open::Nothing, "{done}");
        }
        for open in ["( a", "1 ( a b", "s\" x\" ( y", "( over\nlines"] {
            assert_eq!(open_part(open), Open::Comment, "{open}");
        }
        for open in ["s\" a", ": f .\" a", "s\\\" a \\\"", "abort\" x", "S\" a\nb\""] {
            assert_eq!(open_part(open), Open::Text, "{open}");
        }
    }
}
