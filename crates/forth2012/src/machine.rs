//! The machine: its state, and what its owner may do with it.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::definition::Compiler;
use super::dict::{Dict, NONE, XT_BASE};
use super::error::{Failure, Fault, Place, Res, throw};
use super::fast::code::Fast;
use super::frame::{CatchFrame, T_HALT, T_INTERPRET, is_return};
use super::host::{Host, HostWord, Throw};
use super::limits::Limits;
use super::memory::{self, Memory};
use super::op::{Op, Tok};
use super::source::{Input, Refill, SourceMap};
use super::stack::Stack;
use super::words::state::{Extra, MarkerState};

/// A library that is compiled when one of its names is first used: word, effect, help, source.
pub type AutoloadTable = &'static [(&'static str, &'static str, &'static str, usize)];
/// Library sources: name and text.
pub type AutoloadSources = &'static [(&'static str, &'static str)];

#[derive(Default)]
pub(super) struct Autoload {
    pub table: AutoloadTable,
    pub sources: AutoloadSources,
    pub index: HashMap<Vec<u8>, usize>,
    pub loaded: Vec<bool>,
}

/// Everything known about a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordInfo {
    /// Name as defined.
    pub name: String,
    /// Stack effect with its parentheses, empty when unknown.
    pub effect: String,
    /// One sentence, empty when unknown.
    pub help: String,
    /// A line to type, or empty.
    pub example: String,
    /// Word set or group.
    pub group: String,
    /// Runs while compiling.
    pub immediate: bool,
    /// Where it was defined.
    pub place: Option<Place>,
}

/// A Forth machine.
pub struct Machine {
    pub(super) memory: Memory,
    pub(super) ds: Stack<i64>,
    pub(super) rs: Stack<i64>,
    pub(super) fs: Stack<f64>,
    /// Locals.
    pub(super) ls: Stack<i64>,
    /// N>R.
    pub(super) ns: Vec<i64>,
    pub(super) loop_index: i64,
    pub(super) loop_limit: i64,
    pub(super) catches: Vec<CatchFrame>,
    pub(super) dict: Dict,
    pub(super) code: Vec<Tok>,
    /// Start token and word of every definition, in order.
    pub(super) code_words: Vec<(u32, u32)>,
    pub(super) fast: Fast,
    /// Everything goes through the stepper.
    pub(super) stepping: bool,
    pub(super) ip: u32,
    pub(super) ticks: u32,
    pub(super) fuel: Option<u64>,
    pub(super) interrupt: Arc<AtomicBool>,
    pub(super) sources: SourceMap,
    pub(super) inputs: Vec<Input>,
    pub(super) comp: Compiler,
    pub(super) comp_outer: Vec<Compiler>,
    /// The word that IMMEDIATE changes.
    pub(super) latest: u32,
    /// The word that DOES> changes.
    pub(super) latest_created: u32,
    pub(super) markers: Vec<MarkerState>,
    pub(super) transient_at: usize,
    pub(super) transient_heap: std::collections::VecDeque<usize>,
    pub(super) out: Vec<u8>,
    /// Sentence of the throw that was caught last, for throwing it again.
    pub(super) caught_message: Option<(i64, String)>,
    pub(super) suggestion: Option<String>,
    pub(super) included: Vec<Rc<str>>,
    pub(super) autoload: Autoload,
    /// After a MARKER: texts that may go, and the code and words that were left then.
    pub(super) forgotten: Option<(usize, usize)>,
    pub(super) nesting: usize,
    pub(super) host_words: &'static [HostWord],
    pub(super) host: Box<dyn Host>,
    pub(super) extra: Extra,
    pub(super) limits: Limits,
}

impl Machine {
    /// A machine whose dictionary is empty.
    #[must_use]
    pub(super) fn without_words(limits: Limits, host: Box<dyn Host>) -> Self {
        let host_words = host.words();
        let cells = |limit: usize| Stack::new(vec![0i64; Stack::<i64>::room(limit)], limit);
        Self {
            memory: Memory::new(&limits),
            ds: cells(limits.stack_cells),
            rs: cells(limits.return_cells),
            fs: Stack::new(vec![0f64; Stack::<f64>::room(limits.float_cells)], limits.float_cells),
            ls: cells(limits.locals_cells),
            ns: Vec::new(),
            loop_index: 0,
            loop_limit: 0,
            catches: Vec::with_capacity(64),
            dict: Dict::new(),
            code: vec![
                Tok::new(Op::Halt, 0, 0),
                Tok::new(Op::CatchDone, 0, 0),
                Tok::new(Op::Interpret, 0, 0),
            ],
            code_words: Vec::new(),
            fast: Fast::default(),
            stepping: false,
            ip: T_HALT,
            ticks: 0,
            fuel: None,
            interrupt: Arc::new(AtomicBool::new(false)),
            sources: SourceMap::default(),
            inputs: Vec::new(),
            comp: Compiler::default(),
            comp_outer: Vec::new(),
            latest: NONE,
            latest_created: NONE,
            markers: Vec::new(),
            transient_at: 0,
            transient_heap: std::collections::VecDeque::new(),
            out: Vec::new(),
            caught_message: None,
            suggestion: None,
            included: Vec::new(),
            autoload: Autoload::default(),
            forgotten: None,
            nesting: 0,
            host_words,
            host,
            extra: Extra::default(),
            limits,
        }
    }

    /// Interprets a whole source of any number of lines; `name` stands in places of errors.
    ///
    /// # Errors
    /// BYE, or the report of an uncaught THROW; the stacks are empty then.
    pub fn interpret(&mut self, text: &[u8], name: &str) -> Result<(), Failure> {
        let result = self.open_lines(text, Rc::from(name), 0, None);
        self.drive(result)
    }

    /// Interprets the text of a file, as INCLUDED would; `path` is what `open_include` calls it.
    ///
    /// # Errors
    /// As [`Machine::interpret`].
    pub fn interpret_file(&mut self, text: &[u8], path: &str) -> Result<(), Failure> {
        let result = self.open_file(text, Rc::from(path));
        self.drive(result)
    }

    /// Interprets one line typed at the keyboard; a definition may go on in the next.
    ///
    /// # Errors
    /// As [`Machine::interpret`].
    pub fn interpret_line(&mut self, line: &[u8]) -> Result<(), Failure> {
        let result = self.open_terminal(line);
        self.drive(result)
    }

    /// Runs from an input that was just opened to its end.
    fn drive(&mut self, opened: Res) -> Result<(), Failure> {
        self.caught_message = None;
        self.suggestion = None;
        let floor = self.inputs.len();
        let depth = self.rs.depth;
        let result = opened.and_then(|()| {
            if let Some(input) = self.inputs.last_mut() {
                input.outermost = true;
            }
            self.push_return(T_HALT)?;
            self.ip = T_INTERPRET;
            self.run(0)
        });
        let flushed = self.flush_out();
        let ended = result.and(flushed).and_then(|()| {
            // A return address that the program made up may have led past the end of a word.
            let balanced = self.rs.depth == depth && self.inputs.len() < floor.max(1);
            if balanced { Ok(()) } else { Err(throw(-25)) }
        });
        match ended {
            Ok(()) => Ok(()),
            Err(Fault::Bye(code)) => {
                let _ = self.flush_out();
                self.reset_after_error();
                Err(Failure::Bye { code })
            }
            Err(Fault::Quit) => {
                self.leave_everything();
                Ok(())
            }
            Err(Fault::Throw(throw)) => {
                let report = self.report(&throw);
                self.reset_after_error();
                Err(Failure::Error(Box::new(report)))
            }
        }
    }

    /// QUIT after an error: stacks empty, interpretation state, no open input.
    pub fn reset_after_error(&mut self) {
        self.ds.depth = 0;
        self.fs.depth = 0;
        self.leave_everything();
    }

    /// QUIT without emptying the data stack.
    pub(super) fn leave_everything(&mut self) {
        while !self.inputs.is_empty() {
            self.pop_input();
        }
        self.rs.depth = 0;
        self.ls.depth = 0;
        self.ns.clear();
        self.catches.clear();
        self.ip = T_HALT;
        self.abandon_definition();
        self.memory.set_system(memory::BLK, 0);
        self.nesting = 0;
    }

    /// True inside an unfinished definition.
    #[must_use]
    pub fn is_compiling(&self) -> bool {
        self.memory.system(memory::STATE) != 0
    }

    /// Items on the data stack.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.ds.depth
    }

    /// The data stack from the bottom.
    #[must_use]
    pub fn stack(&self) -> &[i64] {
        self.ds.items()
    }

    /// The floating-point stack from the bottom.
    #[must_use]
    pub fn float_stack(&self) -> &[f64] {
        self.fs.items()
    }

    /// Set from anywhere to stop the running word with THROW -28.
    #[must_use]
    pub fn interrupt(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.interrupt)
    }

    /// Branches, calls and straight runs that may still happen; `None` is no bound.
    pub fn set_fuel(&mut self, fuel: Option<u64>) {
        self.fuel = fuel;
        self.ticks = 0;
    }

    /// The host.
    pub fn host_mut(&mut self) -> &mut dyn Host {
        &mut *self.host
    }

    /// Registers a library that is compiled when one of its names is first used.
    pub fn autoload(&mut self, table: AutoloadTable, sources: AutoloadSources) {
        let index = table
            .iter()
            .enumerate()
            .map(|(at, row)| (row.0.to_ascii_lowercase().into_bytes(), at))
            .collect();
        self.autoload = Autoload { table, sources, index, loaded: vec![false; sources.len()] };
    }

    /// Names that can be used now: the search order, then the library.
    pub fn word_names(&self) -> impl Iterator<Item = String> + '_ {
        let mut lists: Vec<u32> = Vec::new();
        for &list in self.dict.order.iter().rev() {
            if !lists.contains(&list) {
                lists.push(list);
            }
        }
        let known = lists.into_iter().flat_map(move |list| self.dict.words_of(list));
        let known = known.map(|word| String::from_utf8_lossy(self.dict.name(word)).into_owned());
        let library = self.autoload.table.iter().filter(|row| !self.autoload.loaded[row.3]);
        known.chain(library.map(|row| row.0.to_owned()))
    }

    // ------------------------------------------------------------------ stacks, for primitives

    /// Pushes a cell.
    #[inline]
    pub(super) fn push(&mut self, value: i64) -> Res {
        if self.ds.push(value) { Ok(()) } else { Err(throw(-3)) }
    }

    /// Pops a cell.
    #[inline]
    pub(super) fn pop(&mut self) -> Res<i64> {
        self.ds.pop().ok_or(throw(-4))
    }

    /// Pops `N` cells, the deepest first.
    #[inline]
    pub(super) fn pop_n<const N: usize>(&mut self) -> Res<[i64; N]> {
        let Some(base) = self.ds.depth.checked_sub(N) else { return Err(throw(-4)) };
        let mut cells = [0; N];
        cells.copy_from_slice(&self.ds.cells[super::stack::GUARD + base..][..N]);
        self.ds.depth = base;
        Ok(cells)
    }

    /// Pushes `N` cells, the deepest first.
    #[inline]
    pub(super) fn push_n<const N: usize>(&mut self, cells: [i64; N]) -> Res {
        cells.into_iter().try_for_each(|cell| self.push(cell))
    }

    /// Pushes a flag.
    pub(super) fn push_flag(&mut self, flag: bool) -> Res {
        self.push(-i64::from(flag))
    }

    /// Pops a double number.
    pub(super) fn pop_double(&mut self) -> Res<i128> {
        let [low, high] = self.pop_n()?;
        Ok((i128::from(high) << 64) | i128::from(low as u64))
    }

    /// Pushes a double number.
    pub(super) fn push_double(&mut self, value: i128) -> Res {
        self.push_n([value as i64, (value >> 64) as i64])
    }

    /// Pushes ( first second ).
    pub(super) fn push_pair(&mut self, pair: [i64; 2]) -> Res {
        self.push_n(pair)
    }

    /// 2@ : the cell at the higher address below.
    pub(super) fn fetch_two(&self, at: i64) -> Res<[i64; 2]> {
        let top = self.memory.cell(at)?;
        Ok([self.memory.cell(at.wrapping_add(8))?, top])
    }

    /// Pops a string ( c-addr u ) as a copy.
    pub(super) fn pop_text(&mut self) -> Res<Vec<u8>> {
        let [address, len] = self.pop_n()?;
        Ok(self.memory.bytes(address, len)?.to_vec())
    }

    /// Pushes a return-stack item.
    pub(super) fn rpush(&mut self, value: i64) -> Res {
        if self.rs.push(value) { Ok(()) } else { Err(throw(-5)) }
    }

    /// Pops a return-stack item; a return address is not one.
    pub(super) fn rpop(&mut self) -> Res<i64> {
        match self.rs.peek(0) {
            Some(value) if !is_return(value) => {
                self.rs.depth -= 1;
                Ok(value)
            }
            _ => Err(throw(-6)),
        }
    }

    /// Pushes a float.
    pub(super) fn fpush(&mut self, value: f64) -> Res {
        if self.fs.push(value) { Ok(()) } else { Err(throw(-44)) }
    }

    /// Pops a float.
    pub(super) fn fpop(&mut self) -> Res<f64> {
        self.fs.pop().ok_or(throw(-45))
    }

    /// Reserves the locals of a definition.
    pub(super) fn reserve_locals(&mut self, count: usize) -> Res {
        if self.ls.depth + count > self.ls.limit {
            return Err(super::error::throw_with(-5, "too many local variables are alive"));
        }
        self.ls.depth += count;
        Ok(())
    }

    /// Copies a string to where it stays for a while; ( c-addr u ).
    pub(super) fn transient(&mut self, text: &[u8]) -> Res<[i64; 2]> {
        const SHORT: usize = memory::TRANSIENT_BYTES / 8;
        let address = if text.len() <= SHORT {
            if self.transient_at + text.len() > memory::TRANSIENT_BYTES {
                self.transient_at = 0;
            }
            let address = memory::TRANSIENT + self.transient_at;
            self.transient_at += (text.len() + 7) & !7;
            address
        } else {
            if self.transient_heap.len() >= super::limits::TRANSIENT_STRINGS
                && let Some(old) = self.transient_heap.pop_front()
            {
                self.memory.release(old);
            }
            let address = loop {
                match self.memory.allocate(text.len()) {
                    Some(address) => break address,
                    None => match self.transient_heap.pop_front() {
                        Some(old) => self.memory.release(old),
                        None => return Err(throw(-59)),
                    },
                };
            };
            self.transient_heap.push_back(address);
            address
        };
        self.memory.bytes_mut(address as i64, text.len() as i64)?.copy_from_slice(text);
        Ok([address as i64, text.len() as i64])
    }

    // ------------------------------------------------------------------ output and host

    /// Prints.
    pub(super) fn print(&mut self, text: &[u8]) -> Res {
        if self.out.len() + text.len() > 4096 {
            self.flush_out()?;
            if text.len() > 4096 {
                return Ok(self.host.type_out(text)?);
            }
        }
        self.out.extend_from_slice(text);
        // Whole lines are shown at once: what follows may run for long.
        if text.contains(&b'\n') { self.flush_out() } else { Ok(()) }
    }

    /// Hands everything printed to the host.
    pub(super) fn flush_out(&mut self) -> Res {
        if self.out.is_empty() {
            return Ok(());
        }
        let result = self.host.type_out(&self.out);
        self.out.clear();
        Ok(result?)
    }

    /// Runs a word of the host.
    pub(super) fn call_host(&mut self, index: u32) -> Res {
        self.with_host(|host, machine| {
            host.call(index as usize, &mut super::host::HostContext::new(machine))
        })
    }

    /// Lends the host out while the machine stays usable.
    pub(super) fn with_host<T>(
        &mut self,
        f: impl FnOnce(&mut dyn Host, &mut Self) -> Result<T, Throw>,
    ) -> Res<T> {
        let mut host = std::mem::replace(&mut self.host, Box::new(super::context::NoHost));
        let result = f(&mut *host, self);
        self.host = host;
        Ok(result?)
    }

    /// Execution token of a word.
    pub(super) const fn xt(index: u32) -> i64 {
        XT_BASE + index as i64
    }

    /// Opens the keyboard line as an input.
    fn open_terminal(&mut self, line: &[u8]) -> Res {
        self.open_lines(line, Rc::from("<terminal>"), 0, None)?;
        if let Some(input) = self.inputs.last_mut() {
            input.refill = match std::mem::replace(&mut input.refill, Refill::Terminal) {
                lines @ Refill::Lines { .. } if line.contains(&b'\n') => lines,
                _ => Refill::Terminal,
            };
        }
        Ok(())
    }
}
