//! Fast code as data: instructions, what handlers work on, and how deep the native stack may be.

use std::cell::Cell;

use super::super::frame::{CatchFrame, RETURN_TAG};
use super::super::memory::Space;
use super::super::stack::GUARD;

/// Cells of the window.
pub const WINDOW: usize = 256;
/// Slot of the first cell above the top.
pub const TOP: i32 = 128;
/// Depths in fast code are this much greater than the depth of the stack: where paths meet, the
/// middle of the window may lie below the bottom.
pub const BIAS: usize = 128;
/// Locals in view.
pub const LOCALS: usize = 64;
/// Backward branches and calls between two visits to the run loop.
pub const QUANTUM: u32 = 8192;
/// As the place of an entry: this definition stays with the stepper.
pub const NEVER: u32 = u32::MAX;
/// As the place of an entry: not translated yet.
pub const NONE: u32 = u32::MAX - 1;
/// Native stack that a chain of handlers may use before a check ends it.
pub const CHAIN_BYTES: usize = 32 << 10;
/// Native stack that fast code uses at most, at any profile: a chain and what it may still use on
/// the way to its next check.
#[cfg(test)]
pub const STACK_BYTES: usize = 192 << 10;
/// Instructions from one check to the next where calls are jumps.
const APART_JUMPS: usize = 256;
/// Instructions from one check to the next where calls nest. A token adds up to about 250 more.
const APART_NESTS: usize = 32;

/// Instructions from one check to the next.
pub const fn apart(nests: bool) -> usize {
    if nests { APART_NESTS } else { APART_JUMPS }
}

/// An address in the frame of the caller, near enough.
#[inline(never)]
pub fn position() -> usize {
    let here = 0u8;
    std::ptr::from_ref(std::hint::black_box(&here)).addr()
}

/// The part of the data stack in view.
pub type Window = [Cell<i64>; WINDOW];

/// Runs one instruction and all that follow.
pub type Handler = for<'v, 'a> fn(&'v mut Vm<'a>, &'a [Insn], &'a Window, usize, i64) -> Exit;

/// One instruction.
#[derive(Clone, Copy)]
pub struct Insn {
    /// Its handler.
    pub f: Handler,
    /// Its operands, see [`Operands`].
    pub x: u64,
}

/// Where the fast code of a token is.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Index of its first instruction, behind the header; or [`NONE`], or [`NEVER`].
    pub at: u32,
    /// Items that must be on the stack.
    pub need: u32,
}

/// Why fast code ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The stepper must run the token `vm.token`.
    Step,
    /// Go on at the token `vm.token`, fast if possible.
    Resume,
    /// THROW `vm.code` at the token `vm.token`.
    Throw,
    /// The native stack is deep: go on at `vm.resume`.
    Unwind,
}

/// What handlers work on. Hot values travel as arguments: the instruction, the window, the depth of
/// the stack at the window's middle, and the last result.
pub struct Vm<'a> {
    pub space: &'a mut Space,
    pub stack: &'a [Cell<i64>],
    pub code: &'a [Insn],
    pub entries: &'a [Entry],
    pub headers: &'a [u32],
    pub token_of: &'a [u32],
    pub site_of: &'a [u32],
    pub definitions: &'a dyn Definitions,
    pub rstack: &'a mut [i64],
    pub rdepth: usize,
    pub lstack: &'a [Cell<i64>],
    pub ldepth: usize,
    pub llimit: usize,
    pub locals: &'a [Cell<i64>; LOCALS],
    pub fstack: &'a mut [f64],
    pub fdepth: usize,
    pub loop_index: i64,
    pub loop_limit: i64,
    pub ticks: u32,
    pub catches: &'a mut Vec<CatchFrame>,
    pub floor: usize,
    pub inputs: usize,
    pub nested: usize,
    pub caught: bool,
    pub token: u32,
    pub site: u32,
    pub code_thrown: i64,
    pub depth: usize,
    /// Where the native stack stood when fast code began.
    pub native_base: usize,
    /// Bytes of the native stack in use when fast code ended.
    pub native_used: usize,
    /// Instruction, window and last result to go on with after [`Exit::Unwind`].
    pub resume: (&'a [Insn], &'a Window, i64),
}

/// Fast code of a machine.
#[derive(Default)]
pub struct Fast {
    /// Instructions.
    pub code: Vec<Insn>,
    /// Token of each instruction.
    pub token_of: Vec<u32>,
    /// Site of each instruction, 0 for none.
    pub site_of: Vec<u32>,
    /// Definitions that are being translated.
    pub nesting: usize,
    /// Sites of copied words.
    pub sites: Vec<Site>,
    /// Fast code of each token.
    pub entries: Vec<Entry>,
    /// Header of each definition by the index of its word, 0 when it has no fast code yet.
    pub headers: Vec<u32>,
    /// Whether calls of handlers nest on the native stack, once that is known.
    pub nests: Option<bool>,
    /// Most bytes of the native stack seen in use.
    #[cfg(test)]
    pub native_peak: usize,
}

impl Fast {
    /// Drops all code; it comes back when it is needed.
    pub fn flush(&mut self) {
        self.code.clear();
        self.token_of.clear();
        self.site_of.clear();
        self.sites.clear();
        self.entries.clear();
        self.headers.clear();
    }
}

/// Where a copy stands.
#[derive(Debug, Clone, Copy, Default)]
pub struct Site {
    /// The calling token.
    pub token: u32,
    /// The site of that, 0 for none.
    pub outer: u32,
    /// The return address is on the return stack.
    pub framed: bool,
}

/// The locals in view when `depth` of them are alive.
pub fn locals_window(cells: &[Cell<i64>], depth: usize) -> &[Cell<i64>; LOCALS] {
    cells[GUARD + depth - LOCALS..]
        .first_chunk()
        .expect("the locals stack has guard room on both sides")
}

/// What handlers ask of the dictionary.
pub trait Definitions {
    /// The definition that an execution token starts, if it is one.
    fn colon_of(&self, xt: i64) -> Option<u32>;
}

/// A return address: the header of the fast code to go on with.
#[inline(always)]
pub const fn return_address(at: u32) -> i64 {
    RETURN_TAG | at as i64
}
