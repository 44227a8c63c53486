//! What the machine asks of the world outside: one trait for effects, one for files.
//!
//! The machine itself has no clock, no file and no terminal; whatever leaves it or comes in passes
//! through here, so that a test can stand in for the world with a few lines.

use std::sync::atomic::AtomicBool;

pub use super::context::{HostContext, NoHost};
pub use super::error::Throw;

/// One word that the host brings: its header data and its place in [`Host::call`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostWord {
    /// Name as typed at the console.
    pub name: &'static str,
    /// Stack effect with the parentheses; a `"` in it marks a word that parses when it executes.
    pub effect: &'static str,
    /// One sentence.
    pub help: &'static str,
    /// A line that can be typed, or empty.
    pub example: &'static str,
    /// The heading under which `help` lists the word.
    pub group: &'static str,
    /// For a parsing word: the word that takes the same argument from the stack.
    pub twin: Option<&'static str>,
}

/// The answer of the host to ENVIRONMENT?.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvironmentValue {
    /// One cell.
    Cell(i64),
    /// A double number.
    Double(i128),
    /// A flag alone.
    Flag(bool),
    /// A string ( c-addr u ).
    Text(Vec<u8>),
}

/// Effects that the machine needs from outside. A host that only prints has one method; all others
/// have a default without effect. An error is a THROW at the word that needed the effect.
pub trait Host {
    /// Prints bytes on the terminal (TYPE, EMIT, `.`).
    fn type_out(&mut self, text: &[u8]) -> Result<(), Throw>;
    /// Makes sure that what was printed is seen.
    fn flush(&mut self) -> Result<(), Throw> {
        Ok(())
    }
    /// One character from the keyboard (KEY); `None` at the end of input.
    fn key(&mut self) -> Result<Option<u8>, Throw> {
        Ok(None)
    }
    /// True when `key` would not wait (KEY?).
    fn key_ready(&mut self) -> bool {
        false
    }
    /// True when somebody sits at the keyboard and sees what is printed.
    fn is_watched(&self) -> bool {
        false
    }
    /// One edited line of at most `max` bytes (ACCEPT, REFILL); `None` at the end of input.
    fn accept(&mut self, max: usize) -> Result<Option<Vec<u8>>, Throw> {
        let _ = max;
        Ok(None)
    }
    /// Seconds, minutes, hours, day, month, year of the local time (TIME&DATE).
    fn time_and_date(&mut self) -> [i64; 6] {
        [0; 6]
    }
    /// A clock in microseconds, for timing.
    fn utime_us(&mut self) -> i64 {
        0
    }
    /// Waits (MS); returns early when `interrupt` is set.
    fn ms(&mut self, ms: u64, interrupt: &AtomicBool) {
        let _ = (ms, interrupt);
    }
    /// Reads a source file for INCLUDED: the resolved path and the text. `from` is the path of the
    /// including file. -38 when there is no such file.
    fn open_include(
        &mut self,
        name: &[u8],
        from: Option<&str>,
    ) -> Result<(String, Vec<u8>), Throw> {
        let _ = (name, from);
        Err(Throw::code(-38))
    }
    /// Files for the FILE and BLOCK word sets; `None` where there are none: their words THROW -21.
    fn file(&mut self) -> Option<&mut dyn HostFiles> {
        None
    }
    /// Words from outside. They are asked for once, when the machine is made.
    fn words(&self) -> &'static [HostWord] {
        &[]
    }
    /// Runs the word at `index` of [`Host::words`].
    fn call(&mut self, index: usize, context: &mut HostContext<'_>) -> Result<(), Throw> {
        let _ = (index, context);
        Err(Throw::code(-21))
    }
    /// Answers ENVIRONMENT? for names that the machine does not know.
    fn environment(&self, name: &str) -> Option<EnvironmentValue> {
        let _ = name;
        None
    }
}

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileMode {
    /// May be read.
    pub read: bool,
    /// May be written.
    pub write: bool,
    /// Made, or cut to nothing, when opened.
    pub create: bool,
    /// BIN was given.
    pub binary: bool,
}

/// Byte-level files for the FILE and BLOCK word sets. Errors are `ior`s (negative THROW codes).
pub trait HostFiles {
    /// Opens a file; the id is above zero and never the id of another open file.
    fn open(&mut self, name: &[u8], mode: FileMode) -> Result<i64, i64>;
    /// Closes a file.
    fn close(&mut self, id: i64) -> Result<(), i64>;
    /// Reads at a position in bytes; 0 bytes mean the end.
    fn read_at(&mut self, id: i64, position: u64, buffer: &mut [u8]) -> Result<usize, i64>;
    /// Writes all of `bytes` at a position.
    fn write_at(&mut self, id: i64, position: u64, bytes: &[u8]) -> Result<(), i64>;
    /// Size in bytes.
    fn size(&mut self, id: i64) -> Result<u64, i64>;
    /// Sets the size in bytes.
    fn resize(&mut self, id: i64, size: u64) -> Result<(), i64>;
    /// Makes sure that what was written is kept.
    fn flush(&mut self, id: i64) -> Result<(), i64>;
    /// Removes a file.
    fn delete(&mut self, name: &[u8]) -> Result<(), i64>;
    /// Renames a file.
    fn rename(&mut self, from: &[u8], to: &[u8]) -> Result<(), i64>;
    /// An implementation-defined status of an existing file.
    fn status(&mut self, name: &[u8]) -> Result<i64, i64>;
}
