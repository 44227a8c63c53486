//! Runs `-e` code, files and standard input in order, and says with which code the process ends.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::host::ConsoleHost;
use super::library::{self, PRELUDE, SOURCES};
use super::render::report::render;
use super::sandbox;
use super::session_state::SessionState;
use super::sources::{read_source, source_name};
use super::stdio;
use super::words::host_words;
use crate::options::arguments::{Arguments, Source};
use forth2012::error::{Failure, Report};
use forth2012::host::Host;
use forth2012::limits::Limits;
use forth2012::machine::Machine;
use rpc::door::Opener;
use rpc::error::{CallError, exit_code_of_throw};

/// Exit codes of the process that are not those of a call.
pub const EXIT_FINE: u8 = 0;
pub const EXIT_THROW: u8 = 1;
pub const EXIT_USAGE: u8 = 2;

/// What is said once when the console is left with a wallet that no file holds.
pub const UNSAVED: &str = "the wallet was never saved: `save-encrypted FILE` keeps it";

/// A console: the machine, and what lives as long as it.
pub struct Session {
    pub machine: Rc<RefCell<Machine>>,
    pub shared: Rc<SessionState>,
    pub arguments: Arguments,
    pub interrupt: Arc<AtomicBool>,
}

/// Whether to go on after a source.
pub enum Next {
    GoOn,
    Exit(u8),
}

impl Session {
    /// A machine with the node's words; nothing is opened yet.
    pub fn new(arguments: Arguments, opener: Opener) -> Session {
        let shared = Rc::new(SessionState::default());
        let host = ConsoleHost::new(
            arguments.config.clone(),
            opener,
            arguments.sandbox,
            Rc::clone(&shared),
        );
        let machine = console_machine(Box::new(host), arguments.sandbox);
        let interrupt = machine.interrupt();
        Session { machine: Rc::new(RefCell::new(machine)), shared, arguments, interrupt }
    }

    /// Runs `init.fs` of the data folder when it is there, then every file and `-e`.
    pub fn run_sources(&self) -> Next {
        let init = self.arguments.config.data_root.join("init.fs");
        let wanted = !self.arguments.sandbox && init.is_file();
        if let Some(Next::Exit(code)) = wanted.then(|| self.run_file(&init)) {
            return Next::Exit(code);
        }
        for source in &self.arguments.sources {
            let next = match source {
                Source::Code(code) => self.run_text(code.as_bytes(), "-e"),
                Source::File(path) => self.run_file(path),
            };
            if let Next::Exit(code) = next {
                return Next::Exit(code);
            }
        }
        Next::GoOn
    }

    fn run_file(&self, path: &Path) -> Next {
        match read_source(path) {
            Ok(text) => {
                let name = source_name(path);
                let result = self.machine.borrow_mut().interpret_file(&text, &name);
                self.ended(result, &name)
            }
            Err(e) => {
                eprintln!("forthcoin: can't read {}: {e}", path.display());
                Next::Exit(EXIT_USAGE)
            }
        }
    }

    fn run_text(&self, text: &[u8], name: &str) -> Next {
        let result = self.machine.borrow_mut().interpret(text, name);
        self.ended(result, name)
    }

    /// What to do after a whole text.
    fn ended(&self, result: Result<(), Failure>, name: &str) -> Next {
        let ended = result.is_ok();
        let next = self.after(result, false);
        if ended && self.machine.borrow().is_compiling() {
            eprintln!("forthcoin: {name} ends inside a definition: `;` is missing");
            return Next::Exit(EXIT_THROW);
        }
        next
    }

    /// Runs standard input line by line, so that a writer at the other end can wait for answers.
    pub fn run_stdin(&self) -> Next {
        self.shared.source_is_stdin.set(true);
        loop {
            let line = match stdio::read_line() {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(e) => {
                    eprintln!("forthcoin: can't read standard input: {e}");
                    return Next::Exit(EXIT_THROW);
                }
            };
            let result = self.machine.borrow_mut().interpret_line(&line);
            if let Next::Exit(code) = self.after(result, self.arguments.keep_going) {
                return Next::Exit(code);
            }
        }
        if self.machine.borrow().is_compiling() {
            eprintln!("forthcoin: standard input ends inside a definition: `;` is missing");
            return Next::Exit(EXIT_THROW);
        }
        Next::GoOn
    }

    fn after(&self, result: Result<(), Failure>, keep_going: bool) -> Next {
        let flushed = self.machine.borrow_mut().host_mut().flush();
        if self.shared.closed.get() {
            // Whoever read our output has what they wanted.
            return Next::Exit(EXIT_FINE);
        }
        match result {
            Ok(()) if flushed.is_err() => Next::Exit(EXIT_THROW),
            Ok(()) => Next::GoOn,
            Err(Failure::Bye { code }) => {
                if self.shared.unsaved.replace(false) {
                    eprintln!("forthcoin: {UNSAVED}");
                }
                Next::Exit(code as u8)
            }
            Err(Failure::Error(report)) => {
                self.show(&report);
                if keep_going { Next::GoOn } else { Next::Exit(exit_code_of_throw(report.code)) }
            }
        }
    }

    /// Shows an error, and makes Ctrl-C count anew.
    pub fn show(&self, report: &Report) {
        self.interrupt.store(false, Ordering::Relaxed);
        // A closed standard error has no reader to miss it.
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            format!("{}\n", render(report)).as_bytes(),
        );
    }

    /// Leaves the node in order.
    pub fn close(&self) -> Result<(), CallError> {
        self.shared.close()
    }
}

/// A Forth machine with the words of the console's host and its library.
pub(super) fn console_machine(host: Box<dyn Host>, sandbox: bool) -> Machine {
    let mut machine = Machine::new(Limits::default(), host);
    if sandbox {
        sandbox::restrict(&mut machine, host_words().len());
    }
    machine.autoload(autoload_table(), SOURCES);
    let prelude = machine.interpret(PRELUDE.as_bytes(), "prelude");
    assert!(prelude.is_ok(), "the prelude compiles: {prelude:?}");
    machine
}

type AutoloadRow = (&'static str, &'static str, &'static str, usize);

/// The library's names as the machine wants them, made once for the process.
fn autoload_table() -> &'static [AutoloadRow] {
    static TABLE: std::sync::OnceLock<Vec<AutoloadRow>> = std::sync::OnceLock::new();
    TABLE.get_or_init(|| {
        let row = |word: &'static library::LibraryWord| {
            (word.name, word.effect, word.help.as_ref(), word.source)
        };
        library::library_words().iter().map(row).collect()
    })
}
