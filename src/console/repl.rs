//! The read-eval-print loop on a terminal: rustyline, prompts, and the history.

use std::cell::Cell;
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::Ordering;

use colored::Colorize;
use rustyline::completion::FilenameCompleter;
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{Config, Editor};

use super::complete::{ConsoleHelper, Open, open_part};
use super::eval::{EXIT_FINE, EXIT_THROW, Session, UNSAVED};
use super::history_filter::looks_secret;
use super::host::VERSION;
use forth2012::error::Failure;

/// Lines that the history keeps.
const HISTORY_LINES: usize = 10_000;

/// Bytes at the end of the history file that are read.
const HISTORY_BYTES: u64 = 4 << 20;

type Console = Editor<ConsoleHelper, MemHistory>;

/// Runs until `bye` or the end of input; the exit code.
pub fn run(session: &Session) -> u8 {
    let in_comment = Rc::new(Cell::new(false));
    let mut editor = match editor(session, &in_comment) {
        Ok(editor) => editor,
        Err(e) => {
            eprintln!("forthcoin: the terminal can't be used: {e}");
            return EXIT_THROW;
        }
    };
    // A sandbox leaves no files.
    let keeps_history = !session.arguments.sandbox;
    let history_file = session.arguments.config.data_root.join("history");
    let mut history = keeps_history.then(|| History::read(history_file));
    if let Some(history) = &history {
        history.show_to(&mut editor);
    }
    println!(
        "{VERSION} on {}: `help` explains, `bye` leaves",
        session.arguments.config.params.name
    );
    session.shared.source_is_stdin.set(true);
    let mut text = String::new();
    loop {
        in_comment.set(!text.is_empty());
        match editor.readline(&prompt(session, !text.is_empty())) {
            Ok(line) => {
                text.push_str(&line);
                if open_part(&text) == Open::Comment {
                    text.push('\n');
                    continue;
                }
                let line = std::mem::take(&mut text);
                let is_kept =
                    !line.trim().is_empty() && !line.starts_with(' ') && !looks_secret(&line);
                if let Some(history) = history.as_mut().filter(|_| is_kept) {
                    history.add(line.replace('\n', " "), &mut editor);
                }
                session.interrupt.store(false, Ordering::Relaxed);
                if let Some(code) = evaluate(session, &line) {
                    return code;
                }
            }
            Err(ReadlineError::Interrupted) => {
                text.clear();
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
            // The output of a sandbox has no control characters, so no colours.
            let ok = if session.arguments.sandbox { ok } else { ok.dimmed().to_string() };
            let shown = machine
                .host_mut()
                .type_out(format!("{ok}\n").as_bytes())
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

/// Network, height once known, depth; dots inside a definition or a comment.
fn prompt(session: &Session, in_comment: bool) -> String {
    let machine = session.machine.borrow();
    if in_comment || machine.is_compiling() {
        return "  ...> ".to_owned();
    }
    let mut prompt = session.arguments.config.params.name.to_owned();
    // What ran last may have changed it.
    session.shared.update_height();
    if let Some(height) = session.shared.height.get() {
        prompt.push_str(&format!(" {height}"));
    }
    if machine.depth() > 0 {
        prompt.push_str(&format!(" <{}>", machine.depth()));
    }
    prompt + "> "
}

fn editor(session: &Session, in_comment: &Rc<Cell<bool>>) -> rustyline::Result<Console> {
    let config = Config::builder()
        .max_history_size(HISTORY_LINES)?
        .completion_type(rustyline::CompletionType::List)
        .build();
    let history = MemHistory::with_config(&config);
    let mut editor = Editor::with_history(config, history)?;
    editor.set_helper(Some(ConsoleHelper {
        machine: Rc::clone(&session.machine),
        shared: Rc::clone(&session.shared),
        files: FilenameCompleter::new(),
        in_comment: Rc::clone(in_comment),
    }));
    Ok(editor)
}

/// The lines typed so far, each once, in a file that only its owner can read.
struct History {
    path: PathBuf,
    lines: Vec<String>,
}

impl History {
    /// No history yet is no fault.
    fn read(path: PathBuf) -> History {
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = File::open(&path)?;
            let size = file.metadata()?.len();
            file.seek(SeekFrom::Start(size.saturating_sub(HISTORY_BYTES)))?;
            let mut bytes = Vec::new();
            file.take(HISTORY_BYTES).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = read().unwrap_or_default();
        let lines = each_once(String::from_utf8_lossy(&bytes).lines());
        History { path, lines }
    }

    fn show_to(&self, editor: &mut Console) {
        let _ = editor.clear_history();
        for line in &self.lines {
            let _ = editor.add_history_entry(line);
        }
    }

    fn add(&mut self, line: String, editor: &mut Console) {
        self.append(&line);
        let known = self.lines.iter().rposition(|other| *other == line);
        if let Some(at) = known {
            self.lines.remove(at);
        }
        self.lines.push(line);
        match known {
            Some(_) => self.show_to(editor),
            None => drop(editor.add_history_entry(&self.lines[self.lines.len() - 1])),
        }
    }

    fn append(&self, line: &str) {
        let folder = self.path.parent().map(Path::to_path_buf).unwrap_or_default();
        let written = std::fs::create_dir_all(&folder).and_then(|()| {
            let mut options = OpenOptions::new();
            let mut file = options.create(true).append(true).mode(0o600).open(&self.path)?;
            file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
            writeln!(file, "{line}")
        });
        // A history that can't be written is no error.
        drop(written);
    }
}

/// The last of each line, in order, not more than the history keeps.
fn each_once<'a>(lines: impl DoubleEndedIterator<Item = &'a str>) -> Vec<String> {
    let mut seen = HashSet::new();
    let newest = lines.rev().filter(|line| !line.trim().is_empty() && seen.insert(*line));
    let mut kept: Vec<String> = newest.take(HISTORY_LINES).map(str::to_owned).collect();
    kept.reverse();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stands_once_in_the_history() {
        let kept = each_once(["1 .", "2 .", "", "1 .", "3 ."].into_iter());
        assert_eq!(kept, ["2 .", "1 .", "3 ."]);
    }
}
