//! The host of the console's Forth machine: terminal, files, clock, and the node.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::calendar::civil_time;
use super::files::Files;
use super::progress::Progress;
use super::render::json::picture;
use super::render::printable::PrintableStream;
use super::sandbox::{self, Capability};
use super::script_debugger::ScriptDebugger;
use super::session_state::SessionState;
use super::sources::{find_source, read_source, source_name};
use super::stdio::{self, Stdio};
use super::wallet::session::{ConsoleServices, WalletSession};
use super::words;
use crate::config::Config;
use forth2012::host::{Host, HostContext, HostFiles, HostWord, Throw};
use rpc::door::Opener;
use rpc::error::{CallError, ErrorKind};
use rpc::wire::{Params, Request};

/// THROW codes of the standard.
pub(super) const THROW_FILE: i64 = -37;
const THROW_NO_FILE: i64 = -38;
pub(super) const THROW_NO_NAME: i64 = -16;

/// The host of the console's machine.
pub struct ConsoleHost {
    pub(super) config: Config,
    opener: Opener,
    pub(super) stdio: Stdio,
    files: Option<Files>,
    /// Under `--sandbox`: what makes the output harmless.
    sandbox: Option<PrintableStream>,
    started: Instant,
    pub(super) shared: Rc<SessionState>,
    pub(super) debugger: ScriptDebugger,
    pub(super) wallet: WalletSession,
}

/// An error of a call as the THROW that it is at the console.
pub(super) fn throw_of(error: CallError) -> Throw {
    Throw::new(error.kind.throw_code(), error.message)
}

pub(super) fn file_error(what: &str, path: &str, error: &std::io::Error) -> CallError {
    CallError::new(ErrorKind::File, format!("can't {what} {path:?}: {error}"))
}

impl ConsoleHost {
    pub fn new(
        config: Config,
        opener: Opener,
        sandbox: bool,
        shared: Rc<SessionState>,
    ) -> ConsoleHost {
        ConsoleHost {
            wallet: WalletSession::new(config.passphrase_file.clone()),
            config,
            opener,
            stdio: Stdio::new(),
            files: (!sandbox).then(Files::default),
            sandbox: sandbox.then(PrintableStream::default),
            started: Instant::now(),
            shared,
            debugger: ScriptDebugger::default(),
        }
    }

    /// Asks the node; the connection opens on first use.
    pub(super) fn ask(&mut self, method: &str, params: Vec<Value>) -> Result<Value, CallError> {
        self.ask_with(method, Params::ByPosition(params))
    }

    pub(super) fn ask_with(&mut self, method: &str, params: Params) -> Result<Value, CallError> {
        if self.sandbox.is_some() {
            let why = "--sandbox asks no node";
            return Err(CallError::new(ErrorKind::Forbidden, why));
        }
        let mut client = self.shared.client.borrow_mut();
        let client = match &mut *client {
            Some(client) => client,
            closed => {
                if self.config.offline {
                    let why =
                        "--offline opens no chain and no socket: start without it for this word";
                    return Err(CallError::new(ErrorKind::Forbidden, why));
                }
                closed.insert((self.opener)()?)
            }
        };
        let answer = client.ask(Request { method: method.to_owned(), params })?;
        self.shared.note(method, &answer);
        Ok(answer)
    }

    /// The connection to the node is open.
    pub(super) fn is_open(&self) -> bool {
        self.shared.client.borrow().is_some()
    }

    /// Refuses what `--sandbox` does not allow.
    fn allow(&self, capability: Capability) -> Result<(), Throw> {
        match self.sandbox.is_some() && capability != Capability::Pure {
            true => Err(capability.refusal()),
            false => Ok(()),
        }
    }

    /// Shows whole lines, starting on a new line.
    pub(super) fn show(&mut self, text: &str, context: &mut HostContext<'_>) -> Result<(), Throw> {
        let pending = context.take_output();
        self.type_out(&pending)?;
        if !self.stdio.at_line_start {
            self.type_out(b"\n")?;
        }
        self.type_out(text.as_bytes())
    }

    /// Shows JSON from the stack in a format of its own; unchanged under --json.
    pub(super) fn show_by(
        &mut self,
        picture: fn(&Value) -> String,
        context: &mut HostContext<'_>,
    ) -> Result<(), Throw> {
        let text = context.pop_string()?;
        let shown = match serde_json::from_slice(&text) {
            Ok(value) if !self.config.json => picture(&value),
            _ => String::from_utf8_lossy(&text).into_owned() + "\n",
        };
        self.show(&shown, context)
    }

    /// Shows a value formatted for people; as JSON under --json.
    pub(super) fn show_value(
        &mut self,
        value: &Value,
        context: &mut HostContext<'_>,
    ) -> Result<(), CallError> {
        let text = match self.config.json {
            true => value.to_string() + "\n",
            false => picture(value),
        };
        let closed = |_| CallError::new(ErrorKind::Internal, "the output is closed");
        self.show(&text, context).map_err(closed)
    }

    /// Progress is drawn: somebody watches, and wants no JSON.
    pub(super) fn shows_progress(&self) -> bool {
        self.stdio.output_is_terminal && !self.config.json
    }

    /// A progress line that counts in `unit`.
    pub(super) fn progress(&self, unit: &'static str) -> Progress {
        Progress::new(self.shows_progress(), unit)
    }

    /// Works with the wallet session, which reaches node and terminal through this console.
    pub(super) fn with_wallet<T>(
        &mut self,
        work: impl FnOnce(&mut WalletSession, &mut dyn ConsoleServices) -> Result<T, CallError>,
    ) -> Result<T, Throw> {
        self.lend_to_wallet(work).map_err(throw_of)
    }

    /// As [`ConsoleHost::with_wallet`], for callers that add to the error.
    pub(super) fn lend_to_wallet<T>(
        &mut self,
        work: impl FnOnce(&mut WalletSession, &mut dyn ConsoleServices) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let mut session = std::mem::take(&mut self.wallet);
        let done = work(&mut session, self);
        self.wallet = session;
        done
    }

    fn out_failed(&self, error: &std::io::Error) -> Throw {
        self.shared.closed.set(self.stdio.closed);
        Throw::new(THROW_FILE, format!("the output can't be written: {error}"))
    }
}

/// Name and version of the program.
pub const VERSION: &str = concat!("forthcoin ", env!("CARGO_PKG_VERSION"));

impl ConsoleServices for ConsoleHost {
    fn ask(&mut self, method: &str, params: Vec<Value>) -> Result<Value, CallError> {
        ConsoleHost::ask(self, method, params)
    }

    fn config(&self) -> &Config {
        &self.config
    }

    fn is_terminal(&self) -> bool {
        self.stdio.input_is_terminal && self.stdio.output_is_terminal
    }

    fn confirm(&mut self, question: &str) -> bool {
        if !self.is_terminal() || self.stdio.flush().is_err() {
            return false;
        }
        eprint!("{question} [y/N] ");
        let answer = stdio::read_line().ok().flatten().unwrap_or_default();
        matches!(answer.trim_ascii(), b"y" | b"Y" | b"yes" | b"Yes")
    }

    fn show_secret(&mut self, text: &str) -> Result<(), CallError> {
        let failed = |e: std::io::Error| file_error("write", "the terminal", &e);
        self.stdio.flush().map_err(failed)?;
        // Past our own buffer, which nobody wipes.
        let mut terminal = fs::OpenOptions::new().write(true).open("/dev/tty").map_err(failed)?;
        terminal.write_all(text.as_bytes()).map_err(failed)
    }

    fn set_unsaved(&mut self, unsaved: bool) {
        self.shared.unsaved.set(unsaved);
    }
}

impl Host for ConsoleHost {
    fn type_out(&mut self, text: &[u8]) -> Result<(), Throw> {
        let written = match &mut self.sandbox {
            Some(stream) => self.stdio.write(stream.text_of(text).as_bytes()),
            None => self.stdio.write(text),
        };
        written.map_err(|e| self.out_failed(&e))
    }

    fn flush(&mut self) -> Result<(), Throw> {
        self.stdio.flush().map_err(|e| self.out_failed(&e))
    }

    fn key(&mut self) -> Result<Option<u8>, Throw> {
        self.allow(Capability::Terminal)?;
        self.flush()?;
        stdio::read_byte().map_err(|e| Throw::new(THROW_FILE, e.to_string()))
    }

    fn key_ready(&mut self) -> bool {
        self.sandbox.is_none() && !self.stdio.input_is_terminal
    }

    fn is_watched(&self) -> bool {
        self.sandbox.is_none() && self.stdio.input_is_terminal && self.stdio.output_is_terminal
    }

    fn accept(&mut self, max: usize) -> Result<Option<Vec<u8>>, Throw> {
        // The lines of the program itself are not the user's input.
        if !self.shared.source_is_stdin.get() {
            self.allow(Capability::Terminal)?;
        }
        self.flush()?;
        let line = stdio::read_line().map_err(|e| Throw::new(THROW_FILE, e.to_string()))?;
        Ok(line.map(|mut line| {
            line.truncate(max);
            line
        }))
    }

    fn time_and_date(&mut self) -> [i64; 6] {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        civil_time(now.as_secs() as i64)
    }

    fn utime_us(&mut self) -> i64 {
        self.started.elapsed().as_micros() as i64
    }

    fn ms(&mut self, ms: u64, interrupt: &AtomicBool) {
        let end = Instant::now() + Duration::from_millis(ms.min(u64::from(u32::MAX)));
        // Short waits, so that Ctrl-C is noticed.
        while !interrupt.load(Ordering::Relaxed) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
    }

    fn open_include(
        &mut self,
        name: &[u8],
        from: Option<&str>,
    ) -> Result<(String, Vec<u8>), Throw> {
        self.allow(Capability::Files)?;
        let name = String::from_utf8_lossy(name).into_owned();
        let path = find_source(Path::new(&name), from, &self.config.data_root)
            .ok_or_else(|| Throw::new(THROW_NO_FILE, format!("there is no file {name:?}")))?;
        let text = read_source(&path)
            .map_err(|e| Throw::new(THROW_FILE, format!("can't read {}: {e}", path.display())))?;
        Ok((source_name(&path), text))
    }

    fn file(&mut self) -> Option<&mut dyn HostFiles> {
        self.files.as_mut().map(|files| files as &mut dyn HostFiles)
    }

    fn words(&self) -> &'static [HostWord] {
        words::host_words()
    }

    fn call(&mut self, index: usize, context: &mut HostContext<'_>) -> Result<(), Throw> {
        let Some(word) = words::all().get(index) else {
            return Err(sandbox::refusal_of_machine_word(index, words::all().len()));
        };
        self.allow(word.capability())?;
        word.run(self, context)
    }
}
