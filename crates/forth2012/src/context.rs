//! What a word of the host may do with the machine while it runs.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::error::{Fault, Throw};
use super::host::Host;
use super::lex;
use super::machine::Machine;

/// The machine as a host word sees it.
pub struct HostContext<'a> {
    machine: &'a mut Machine,
}

fn plain(fault: Fault) -> Throw {
    match fault {
        Fault::Throw(throw) => throw,
        Fault::Quit => Throw::code(-56),
        Fault::Bye(_) => Throw::code(-1),
    }
}

impl<'a> HostContext<'a> {
    pub(super) fn new(machine: &'a mut Machine) -> Self {
        Self { machine }
    }

    /// Pops a cell.
    pub fn pop(&mut self) -> Result<i64, Throw> {
        self.machine.pop().map_err(plain)
    }

    /// Pushes a cell.
    pub fn push(&mut self, value: i64) -> Result<(), Throw> {
        self.machine.push(value).map_err(plain)
    }

    /// Pushes a flag.
    pub fn push_flag(&mut self, flag: bool) -> Result<(), Throw> {
        self.machine.push_flag(flag).map_err(plain)
    }

    /// Pops a double number.
    pub fn pop_double(&mut self) -> Result<i128, Throw> {
        self.machine.pop_double().map_err(plain)
    }

    /// Pushes a double number.
    pub fn push_double(&mut self, value: i128) -> Result<(), Throw> {
        self.machine.push_double(value).map_err(plain)
    }

    /// Pops a float.
    pub fn pop_float(&mut self) -> Result<f64, Throw> {
        self.machine.fpop().map_err(plain)
    }

    /// Pushes a float.
    pub fn push_float(&mut self, value: f64) -> Result<(), Throw> {
        self.machine.fpush(value).map_err(plain)
    }

    /// Pops a string ( c-addr u ) as a copy.
    pub fn pop_string(&mut self) -> Result<Vec<u8>, Throw> {
        self.machine.pop_text().map_err(plain)
    }

    /// Pushes a copy of a string that stays good until several further strings.
    pub fn push_string(&mut self, text: &[u8]) -> Result<(), Throw> {
        let pair = self.machine.transient(text).map_err(plain)?;
        self.machine.push_pair(pair).map_err(plain)
    }

    /// The next token of the current input. A token that starts with `"` goes to the closing `"`.
    /// `None` at the end of the line.
    pub fn parse_name(&mut self) -> Option<String> {
        let rest = self.machine.parse_area().ok()?;
        let (skipped, name, used) = lex::name(rest);
        if name.is_empty() {
            return None;
        }
        if name[0] == b'"' {
            let inner = &rest[skipped + 1..];
            let (text, quoted) = lex::until(inner, b'"');
            let text = String::from_utf8_lossy(text).into_owned();
            self.machine.advance(skipped + 1 + quoted);
            return Some(text);
        }
        let text = String::from_utf8_lossy(name).into_owned();
        self.machine.advance(used);
        Some(text)
    }

    /// The rest of the line, without blanks around it.
    pub fn parse_rest_of_line(&mut self) -> String {
        let Ok(rest) = self.machine.parse_area() else { return String::new() };
        let (line, used) = lex::until(rest, b'\n');
        let text = String::from_utf8_lossy(line).trim().to_owned();
        self.machine.advance(used);
        text
    }

    /// The current number base.
    #[must_use]
    pub fn base(&self) -> i64 {
        self.machine.base()
    }

    /// Items on the data stack.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.machine.depth()
    }

    /// Prints on the terminal.
    pub fn write(&mut self, text: &[u8]) -> Result<(), Throw> {
        // The host itself is away while its word runs: what is printed waits in the buffer.
        self.machine.out.extend_from_slice(text);
        Ok(())
    }

    /// Takes what was printed and not yet handed to the host, for hosts that print directly.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.machine.out)
    }

    /// Set when the user wants the word to stop.
    #[must_use]
    pub fn interrupt(&self) -> Arc<AtomicBool> {
        self.machine.interrupt()
    }

    /// The machine, for `help` and the like.
    #[must_use]
    pub fn machine(&mut self) -> &mut Machine {
        self.machine
    }
}

/// A host with nothing in it: no output, no input, no files, no words. It is enough to calculate,
/// and it stands in for a host while one of its words runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NoHost;

impl Host for NoHost {
    fn type_out(&mut self, _: &[u8]) -> Result<(), Throw> {
        Ok(())
    }
}
