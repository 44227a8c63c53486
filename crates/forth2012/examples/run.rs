//! Runs Forth programs from files: `cargo run --release --example run -- FILE...`
//!
//! A host with a terminal, a clock and source files, and one word of its own, `arguments`.

use std::io::{BufRead, Read, Write};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use forth2012::error::Failure;
use forth2012::host::{Host, HostContext, HostFiles, HostWord, Throw};
use forth2012::limits::Limits;
use forth2012::machine::Machine;

/// Longest source file that is read.
const SOURCE_BYTES: u64 = 1 << 20;

static WORDS: &[HostWord] = &[HostWord {
    name: "arguments",
    effect: "( -- n )",
    help: "Number of files on the command line.",
    example: "arguments .",
    group: "run",
    twin: None,
}];

struct Terminal {
    started: Instant,
    arguments: i64,
}

/// Any error of the operating system is the standard's "file I/O exception".
fn io(error: std::io::Error) -> Throw {
    Throw::new(-37, error.to_string())
}

impl Host for Terminal {
    fn type_out(&mut self, text: &[u8]) -> Result<(), Throw> {
        std::io::stdout().write_all(text).map_err(io)
    }

    fn flush(&mut self) -> Result<(), Throw> {
        std::io::stdout().flush().map_err(io)
    }

    fn key(&mut self) -> Result<Option<u8>, Throw> {
        let mut byte = [0];
        let read = std::io::stdin().read(&mut byte).map_err(io)?;
        Ok((read == 1).then_some(byte[0]))
    }

    fn key_ready(&mut self) -> bool {
        true
    }

    fn accept(&mut self, max: usize) -> Result<Option<Vec<u8>>, Throw> {
        let mut line = Vec::new();
        let read = std::io::stdin().lock().take(max as u64).read_until(b'\n', &mut line);
        if read.map_err(io)? == 0 {
            return Ok(None);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        Ok(Some(line))
    }

    fn time_and_date(&mut self) -> [i64; 6] {
        // Universal time of day; a real host would ask a calendar for the date.
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let seconds = (seconds % 86_400) as i64;
        [seconds % 60, seconds / 60 % 60, seconds / 3600, 1, 1, 1970]
    }

    fn utime_us(&mut self) -> i64 {
        i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX)
    }

    fn ms(&mut self, ms: u64, _: &AtomicBool) {
        std::thread::sleep(Duration::from_millis(ms));
    }

    fn open_include(&mut self, name: &[u8], _: Option<&str>) -> Result<(String, Vec<u8>), Throw> {
        let path = String::from_utf8_lossy(name).into_owned();
        let mut text = Vec::new();
        let file = std::fs::File::open(&path).map_err(io)?;
        file.take(SOURCE_BYTES).read_to_end(&mut text).map_err(io)?;
        Ok((path, text))
    }

    fn file(&mut self) -> Option<&mut dyn HostFiles> {
        // Programs get no access to files beyond INCLUDE.
        None
    }

    fn words(&self) -> &'static [HostWord] {
        WORDS
    }

    fn call(&mut self, index: usize, context: &mut HostContext<'_>) -> Result<(), Throw> {
        match index {
            0 => context.push(self.arguments),
            _ => Err(Throw::code(-21)),
        }
    }
}

fn main() -> ExitCode {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let host = Terminal { started: Instant::now(), arguments: paths.len() as i64 };
    let mut machine = Machine::new(Limits::default(), Box::new(host));
    for path in &paths {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) => {
                eprintln!("{path}: {error}");
                return ExitCode::from(2);
            }
        };
        match machine.interpret_file(&text, path) {
            Ok(()) => {}
            Err(Failure::Bye { code }) => return ExitCode::from(code as u8),
            Err(Failure::Error(report)) => {
                eprintln!("{report}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
