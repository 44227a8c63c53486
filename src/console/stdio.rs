//! Standard input and output of the process, with a closed output distinguished from a broken one.

use std::io::{self, BufRead, IsTerminal, Read, Write};

/// Output is handed on when as much has gathered.
const OUT_BUFFER: usize = 64 * 1024;

/// The longest line read from standard input, in bytes.
pub const LONGEST_LINE: usize = 1024 * 1024;

/// Both streams and what is known of them.
pub struct Stdio {
    out: Vec<u8>,
    pub input_is_terminal: bool,
    pub output_is_terminal: bool,
    /// Nobody reads the output any more.
    pub closed: bool,
    /// The last character written was a line feed, or nothing was written yet.
    pub at_line_start: bool,
}

impl Stdio {
    pub fn new() -> Stdio {
        Stdio {
            out: Vec::new(),
            input_is_terminal: io::stdin().is_terminal(),
            output_is_terminal: io::stdout().is_terminal(),
            closed: false,
            at_line_start: true,
        }
    }

    pub fn write(&mut self, text: &[u8]) -> io::Result<()> {
        self.out.extend_from_slice(text);
        self.at_line_start = text.last().map_or(self.at_line_start, |last| *last == b'\n');
        let line_on_terminal = self.output_is_terminal && text.contains(&b'\n');
        if line_on_terminal || self.out.len() >= OUT_BUFFER { self.flush() } else { Ok(()) }
    }

    pub fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        let result = stdout.write_all(&self.out).and_then(|()| stdout.flush());
        self.out.clear();
        if result.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::BrokenPipe) {
            self.closed = true;
        }
        result
    }
}

/// One line of standard input without its end; `None` at the end of input. Longer lines than
/// `LONGEST_LINE` are an error.
pub fn read_line() -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let mut input = io::stdin().lock();
    input.by_ref().take(LONGEST_LINE as u64 + 1).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.len() > LONGEST_LINE {
        let why = format!("a line of input is over the limit of {LONGEST_LINE} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    if line.ends_with(b"\n") {
        line.pop();
        if line.ends_with(b"\r") {
            line.pop();
        }
    }
    Ok(Some(line))
}

/// One byte of standard input; `None` at the end.
pub fn read_byte() -> io::Result<Option<u8>> {
    let mut input = io::stdin().lock();
    let first = input.fill_buf()?.first().copied();
    if first.is_some() {
        input.consume(1);
    }
    Ok(first)
}
