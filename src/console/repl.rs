//! The read-eval-print loop on a terminal: rustyline with history, completion, hints and colour.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::Ordering;

use colored::Colorize;
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{Config, Context, Editor, Helper};

use super::eval::{EXIT_FINE, EXIT_THROW, Session, UNSAVED};
use super::host::VERSION;
use super::secrets::looks_secret;
use crate::forth::error::Failure;
use crate::forth::machine::Machine;

/// Lines that the history keeps.
const HISTORY_LINES: usize = 10_000;

/// Words that take a file's name from the line.
const FILE_WORDS: &[&str] = &["include", "require", "import-blocks", "export-blocks"];

/// Runs until `bye` or the end of input; the exit code.
pub fn run(session: &Session) -> u8 {
    let mut editor = match editor(session) {
        Ok(editor) => editor,
        Err(e) => {
            eprintln!("forthcoin: the terminal can't be used: {e}");
            return EXIT_THROW;
        }
    };
    let history = session.arguments.config.data_root.join("history");
    // No history yet is no fault.
    let _ = editor.load_history(&history);
    println!(
        "{VERSION} on {}: `help` explains, `bye` leaves",
        session.arguments.config.params.name
    );
    loop {
        match editor.readline(&prompt(session)) {
            Ok(line) => {
                if !line.trim().is_empty() && !looks_secret(&line) {
                    let _ = editor.add_history_entry(&line);
                    keep(&history, &line);
                }
                session.interrupt.store(false, Ordering::Relaxed);
                if let Some(code) = evaluate(session, &line) {
                    return code;
                }
            }
            Err(ReadlineError::Interrupted) => {
                if session.machine.borrow().is_compiling() {
                    session.machine.borrow_mut().reset_after_error();
                    println!("definition abandoned");
                }
            }
            Err(ReadlineError::Eof) => return EXIT_FINE,
            Err(e) => {
                eprintln!("forthcoin: the terminal failed: {e}");
                return EXIT_THROW;
            }
        }
    }
}

/// Runs a line; the exit code when it was the last.
fn evaluate(session: &Session, line: &str) -> Option<u8> {
    let result = session.machine.borrow_mut().interpret_line(line.as_bytes());
    let mut machine = session.machine.borrow_mut();
    match result {
        Ok(()) => {
            if machine.is_compiling() {
                return None;
            }
            let ok = match machine.depth() {
                0 => " ok".to_owned(),
                depth => format!(" ok {depth}"),
            };
            let shown = machine
                .host_mut()
                .type_out(format!("{}\n", ok.dimmed()).as_bytes())
                .and_then(|()| machine.host_mut().flush());
            shown.is_err().then_some(EXIT_FINE)
        }
        Err(Failure::Bye { .. }) if session.shared.unsaved.replace(false) => {
            eprintln!("{UNSAVED}; `bye` again leaves without it");
            None
        }
        Err(Failure::Bye { code }) => Some(code as u8),
        Err(Failure::Error(report)) => {
            let _ = machine.host_mut().flush();
            drop(machine);
            session.show(&report);
            None
        }
    }
}

/// Network, height once known, depth; dots inside a definition.
fn prompt(session: &Session) -> String {
    let machine = session.machine.borrow();
    if machine.is_compiling() {
        return "  ...> ".to_owned();
    }
    let mut prompt = session.arguments.config.params.name.to_owned();
    if let Some(height) = session.shared.height.get() {
        prompt.push_str(&format!(" {height}"));
    }
    if machine.depth() > 0 {
        prompt.push_str(&format!(" <{}>", machine.depth()));
    }
    prompt + "> "
}

fn editor(session: &Session) -> rustyline::Result<Editor<ConsoleHelper, FileHistory>> {
    let config = Config::builder()
        .max_history_size(HISTORY_LINES)?
        .history_ignore_dups(true)?
        .history_ignore_space(true)
        .completion_type(rustyline::CompletionType::List)
        .build();
    let mut editor = Editor::with_config(config)?;
    let machine = Rc::clone(&session.machine);
    editor.set_helper(Some(ConsoleHelper { machine, files: FilenameCompleter::new() }));
    Ok(editor)
}

/// Adds a line to the history file, which only its owner can read.
fn keep(path: &Path, line: &str) {
    let folder = path.parent().map(PathBuf::from).unwrap_or_default();
    let written = std::fs::create_dir_all(&folder).and_then(|()| {
        let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        writeln!(file, "{}", line.replace('\n', " "))
    });
    // A history that can't be kept stops nobody.
    drop(written);
}

/// Completion and hints from the machine's dictionary.
struct ConsoleHelper {
    machine: Rc<RefCell<Machine>>,
    files: FilenameCompleter,
}

impl Helper for ConsoleHelper {}
impl Validator for ConsoleHelper {}

/// The blank-delimited word that ends at `position`, and where it starts.
fn word_before(line: &str, position: usize) -> (usize, &str) {
    let upto = &line[..position];
    let start = upto.rfind(char::is_whitespace).map_or(0, |at| at + 1);
    (start, &upto[start..])
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
        let before = line[..start].split_whitespace().next_back().unwrap_or_default();
        if FILE_WORDS.contains(&before.to_lowercase().as_str()) {
            return self.files.complete(line, position, context);
        }
        let machine = self.machine.borrow();
        let lower = word.to_lowercase();
        let mut names: Vec<String> = machine
            .word_names()
            .filter(|name| name.to_lowercase().starts_with(&lower))
            .map(|name| name.to_lowercase())
            .collect();
        names.sort();
        names.dedup();
        let pair = |name: String| Pair { display: name.clone(), replacement: name };
        Ok((start, names.into_iter().map(pair).collect()))
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
}
