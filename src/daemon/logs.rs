//! Logs of a running node: text or JSON, a level for each part, changed at run time; the file is
//! reopened on SIGHUP, so that it can be rotated.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::{Layer, Registry};

use crate::config::Service;
use rpc::error::{CallError, ErrorKind};

type Filter = reload::Handle<Targets, Registry>;

/// The process's logs, once they are started.
static LOGS: OnceLock<Logs> = OnceLock::new();

struct Logs {
    filter: Filter,
    file: Option<LogFile>,
}

/// Starts logging as the options say. A process has one log: a second start changes nothing.
pub fn start(service: &Service) -> Result<(), CallError> {
    if LOGS.get().is_some() {
        return Ok(());
    }
    let targets = read_filter(&service.log_level)?;
    let file = service.log_file.as_deref().map(LogFile::open).transpose()?;
    let (filter, handle) = reload::Layer::new(targets);
    let logs = LOGS.get_or_init(|| Logs { filter: handle, file });
    let writer = Writer(logs.file.as_ref());
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines = match service.log_json {
        true => lines.json().flatten_event(true).boxed(),
        false => lines.with_ansi(false).boxed(),
    };
    let subscriber = Registry::default().with(lines.with_filter(filter));
    // Only a test sets another before us; it keeps its own.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

/// Warns the operator: in the log, or on standard error in a process that has none.
pub fn note(target: &'static str, text: &str) {
    match LOGS.get() {
        Some(_) => tracing::warn!(target: "node", room = target, "{text}"),
        None => eprintln!("forthcoin: {text}"),
    }
}

fn read_filter(text: &str) -> Result<Targets, CallError> {
    text.trim().parse::<Targets>().map_err(|_| {
        let text: String = text.chars().take(80).collect();
        CallError::invalid_params(format!(
            "{text:?} is no log level: write error, warn, info, debug, trace or off, \
             and floors as info,http=debug"
        ))
    })
}

/// Changes what is logged from now on; returns the filter in force.
pub fn set_level(text: &str) -> Result<String, CallError> {
    let targets = read_filter(text)?;
    let shown = targets.to_string();
    let logs = LOGS.get().ok_or_else(|| {
        CallError::new(
            ErrorKind::Rejected,
            "this process keeps no logs: only a node without a terminal does",
        )
    })?;
    logs.filter
        .reload(targets)
        .map_err(|e| CallError::new(ErrorKind::Internal, format!("the log level stays: {e}")))?;
    Ok(shown)
}

/// Reopens the file under its name, after it was moved away.
pub fn reopen() {
    let Some(file) = LOGS.get().and_then(|logs| logs.file.as_ref()) else { return };
    match LogFile::open(&file.path) {
        Ok(new) => {
            let new = new.file.into_inner().unwrap_or_else(PoisonError::into_inner);
            *file.file.lock().unwrap_or_else(PoisonError::into_inner) = new;
            tracing::info!(target: "logs", "the log file is opened anew");
        }
        Err(error) => tracing::error!(target: "logs", %error, "the log file stays"),
    }
}

struct LogFile {
    path: PathBuf,
    file: Mutex<File>,
}

impl LogFile {
    fn open(path: &Path) -> Result<LogFile, CallError> {
        let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        let file = opened.map_err(|e| {
            let path = path.display();
            CallError::new(ErrorKind::File, format!("the log file {path} can't be opened: {e}"))
        })?;
        Ok(LogFile { path: path.to_owned(), file: Mutex::new(file) })
    }
}

/// Writes to the file, or to standard error.
#[derive(Clone, Copy)]
struct Writer(Option<&'static LogFile>);

impl Write for Writer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.0 {
            Some(file) => file.file.lock().unwrap_or_else(PoisonError::into_inner).write(line),
            None => io::stderr().write(line),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Writer {
    type Writer = Writer;

    fn make_writer(&self) -> Writer {
        *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters() {
        assert!(read_filter("info,http=debug,p2p=trace").is_ok());
        assert!(read_filter("off").is_ok());
        let error = read_filter("http=loud").expect_err("no such level");
        assert!(error.message.contains("http=loud"), "{error}");
    }
}
