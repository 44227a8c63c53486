//! Where secrets come from: a hidden prompt at a terminal, or the lines of a file or descriptor
//! that the operator named. They never pass the input line, history, logs or errors.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use zeroize::Zeroizing;

use rpc::error::{CallError, ErrorKind};

/// Longest file of secrets, in bytes.
const LONGEST: u64 = 64 * 1024;
/// A passphrase of fewer characters gets a hint.
const SHORT: usize = 14;

/// The operator's secrets. Each question takes the next line of the file; the last line answers
/// all that follow.
#[derive(Default)]
pub struct Secrets {
    file: Option<PathBuf>,
    lines: Option<VecDeque<Zeroizing<String>>>,
}

impl Secrets {
    pub fn new(file: Option<PathBuf>) -> Secrets {
        Secrets { file, lines: None }
    }

    /// Answers come from a file, so that nobody is asked.
    pub fn is_scripted(&self) -> bool {
        self.file.is_some()
    }

    /// One secret.
    pub fn ask(&mut self, prompt: &str, terminal: bool) -> Result<Zeroizing<String>, CallError> {
        if self.file.is_some() {
            return self.next_line();
        }
        if !terminal {
            let why = "a secret is wanted and there is no terminal to ask at: name a file by \
                       --passphrase-fd N or FORTHCOIN_PASSPHRASE_FILE";
            return Err(CallError::new(ErrorKind::Forbidden, why));
        }
        let answer = rpassword::prompt_password(prompt).map_err(|e| {
            CallError::new(ErrorKind::File, format!("the terminal can't be asked: {e}"))
        })?;
        Ok(Zeroizing::new(answer))
    }

    /// A new passphrase, asked for twice at a terminal.
    pub fn ask_new(&mut self, terminal: bool) -> Result<Zeroizing<String>, CallError> {
        let first = self.ask("Enter passphrase: ", terminal)?;
        if first.is_empty() {
            let why = "an empty passphrase protects nothing: nothing was written";
            return Err(CallError::new(ErrorKind::Rejected, why));
        }
        if self.is_scripted() {
            return Ok(first);
        }
        if let Some(hint) = hint(&first) {
            eprintln!("{hint}");
        }
        let again = self.ask("Confirm passphrase: ", terminal)?;
        if *first != *again {
            let why = "the two passphrases differ: nothing was written";
            return Err(CallError::new(ErrorKind::Rejected, why));
        }
        Ok(first)
    }

    fn next_line(&mut self) -> Result<Zeroizing<String>, CallError> {
        let failed = |why: String| CallError::new(ErrorKind::File, why);
        if self.lines.is_none() {
            let path = self.file.clone().unwrap_or_default();
            let mut text = Zeroizing::new(String::with_capacity(LONGEST as usize));
            File::open(&path)
                .and_then(|file| file.take(LONGEST).read_to_string(&mut text))
                .map_err(|e| failed(format!("can't read the passphrase from {path:?}: {e}")))?;
            let line = |line: &str| Zeroizing::new(line.trim_end_matches('\r').to_owned());
            self.lines = Some(text.split('\n').map(line).collect());
            if let Some(lines) = &mut self.lines
                && lines.len() > 1
                && lines.back().is_some_and(|last| last.is_empty())
            {
                lines.pop_back();
            }
        }
        let lines = self.lines.get_or_insert_default();
        match lines.len() {
            0 => Err(failed("the passphrase's file is empty".to_owned())),
            1 => Ok(lines[0].clone()),
            _ => Ok(lines.pop_front().unwrap_or_default()),
        }
    }
}

/// A word about a passphrase that is easily guessed.
fn hint(passphrase: &str) -> Option<&'static str> {
    let count = passphrase.chars().count();
    let mut seen: Vec<char> = passphrase.chars().collect();
    seen.sort_unstable();
    seen.dedup();
    if count < SHORT {
        Some("that is short: five or six words that have nothing to do with each other are strong")
    } else if seen.len() < 6 {
        Some("that repeats itself: five or six different words are strong")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_answer_in_turn_and_the_last_one_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("p");
        std::fs::write(&path, "one\ntwo\n").expect("written");
        let mut secrets = Secrets::new(Some(path));
        let mut next = || secrets.ask("", false).expect("a line").to_string();
        assert_eq!([next(), next(), next()], ["one", "two", "two"]);
        assert!(Secrets::new(None).ask("", false).is_err());
        assert!(hint("hunter2").is_some() && hint("aaaaaaaaaaaaaaaaaaa").is_some());
        assert!(hint("correct horse battery staple").is_none());
    }
}
