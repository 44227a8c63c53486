//! What all handlers share: operands, the step to the next handler, and the ways out of a chain.
//!
//! Operand fields of an instruction's 64 bits: bytes `a` `b` `c` `d` from the lowest, then a 32-bit
//! immediate; `short` is the 16 bits of `c` and `d`.

use super::code::{CHAIN_BYTES, Exit, Insn, LOCALS, Vm, Window, position};

/// Operand fields.
pub trait Operands {
    /// Lowest byte.
    fn a(&self) -> u8;
    /// Second byte.
    fn b(&self) -> u8;
    /// Third byte.
    fn c(&self) -> u8;
    /// Third and fourth byte.
    fn short(&self) -> i16;
    /// Upper half.
    fn imm(&self) -> i32;
}

impl Operands for u64 {
    #[inline(always)]
    fn a(&self) -> u8 {
        *self as u8
    }
    #[inline(always)]
    fn b(&self) -> u8 {
        (*self >> 8) as u8
    }
    #[inline(always)]
    fn c(&self) -> u8 {
        (*self >> 16) as u8
    }
    #[inline(always)]
    fn short(&self) -> i16 {
        (*self >> 16) as i16
    }
    #[inline(always)]
    fn imm(&self) -> i32 {
        (*self >> 32) as i32
    }
}

/// Where an operand comes from.
pub trait Source {
    /// Its value.
    fn get(vm: &Vm<'_>, frame: &Window, acc: i64, slot: u8) -> i64;
}

/// A slot of the window.
pub struct Slot;
/// The result of the last instruction.
pub struct Acc;
/// A local.
pub struct Local;
/// The loop index.
pub struct Index;
/// Zero.
pub struct Zero;

impl Source for Slot {
    #[inline(always)]
    fn get(_: &Vm<'_>, frame: &Window, _: i64, slot: u8) -> i64 {
        frame[slot as usize].get()
    }
}
impl Source for Acc {
    #[inline(always)]
    fn get(_: &Vm<'_>, _: &Window, acc: i64, _: u8) -> i64 {
        acc
    }
}
impl Source for Local {
    #[inline(always)]
    fn get(vm: &Vm<'_>, _: &Window, _: i64, slot: u8) -> i64 {
        vm.locals[slot as usize % LOCALS].get()
    }
}
impl Source for Index {
    #[inline(always)]
    fn get(vm: &Vm<'_>, _: &Window, _: i64, _: u8) -> i64 {
        vm.loop_index
    }
}

impl Source for Zero {
    #[inline(always)]
    fn get(_: &Vm<'_>, _: &Window, _: i64, _: u8) -> i64 {
        0
    }
}

/// The second operand: a source, or an immediate.
pub trait Second {
    /// Its value; `long` picks the 32-bit immediate, otherwise the short one.
    fn get(vm: &Vm<'_>, frame: &Window, acc: i64, x: u64, long: bool) -> i64;
}

/// An immediate.
pub struct Imm;

impl<T: Source> Second for T {
    #[inline(always)]
    fn get(vm: &Vm<'_>, frame: &Window, acc: i64, x: u64, _: bool) -> i64 {
        T::get(vm, frame, acc, x.c())
    }
}
impl Second for Imm {
    #[inline(always)]
    fn get(_: &Vm<'_>, _: &Window, _: i64, x: u64, long: bool) -> i64 {
        if long { i64::from(x.imm()) } else { i64::from(x.short()) }
    }
}

/// Splits the instruction from its successor, or ends: code always ends in an exit.
macro_rules! fetch {
    ($vm:ident, $ip:ident) => {
        match $ip.first_chunk::<2>() {
            Some([insn, next]) => (insn.x, next.f),
            None => return invalid_code($vm),
        }
    };
}
pub(super) use fetch;

/// Goes on with the next instruction.
macro_rules! go {
    ($next:ident, $vm:ident, $ip:ident, $frame:ident, $sp:ident, $acc:expr) => {
        $next($vm, &$ip[1..], $frame, $sp, $acc)
    };
}
pub(super) use go;

#[cold]
#[inline(never)]
pub(super) fn invalid_code(vm: &mut Vm<'_>) -> Exit {
    vm.code_thrown = -9;
    cold_exit(Exit::Throw)
}

/// Hides which exit a cold path takes, so that calling it can be a jump.
#[inline(always)]
pub(super) fn cold_exit(exit: Exit) -> Exit {
    std::hint::black_box(exit)
}

#[cold]
#[inline(never)]
pub(super) fn fail<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], sp: usize, code: i64) -> Exit {
    vm.token = token_at(vm, ip);
    vm.site = site_at(vm, ip);
    vm.depth = sp;
    vm.code_thrown = code;
    measure(vm);
    cold_exit(Exit::Throw)
}

/// Notes how much of the native stack is in use.
#[inline(always)]
pub(super) fn measure(vm: &mut Vm<'_>) {
    vm.native_used = vm.native_used.max(position().abs_diff(vm.native_base));
}

#[inline(always)]
pub(super) fn token_at<'a>(vm: &Vm<'a>, ip: &'a [Insn]) -> u32 {
    vm.token_of.get(vm.code.len() - ip.len()).copied().unwrap_or(0)
}

pub(super) fn site_at<'a>(vm: &Vm<'a>, ip: &'a [Insn]) -> u32 {
    vm.site_of.get(vm.code.len() - ip.len()).copied().unwrap_or(0)
}

#[cold]
#[inline(never)]
pub(super) fn leave(vm: &mut Vm<'_>, token: u32, depth: usize, exit: Exit) -> Exit {
    vm.token = token;
    vm.depth = depth;
    measure(vm);
    cold_exit(exit)
}

/// Ends the chain of handlers when it has used its share of the native stack.
pub fn check_stack<'a>(
    vm: &mut Vm<'a>,
    ip: &'a [Insn],
    frame: &'a Window,
    sp: usize,
    acc: i64,
) -> Exit {
    let (_, next) = fetch!(vm, ip);
    if position().abs_diff(vm.native_base) > CHAIN_BYTES {
        return unwind(vm, ip, frame, sp, acc);
    }
    go!(next, vm, ip, frame, sp, acc)
}

#[cold]
#[inline(never)]
fn unwind<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], frame: &'a Window, sp: usize, acc: i64) -> Exit {
    vm.resume = (ip.get(1..).unwrap_or(&[]), frame, acc);
    vm.depth = sp;
    measure(vm);
    cold_exit(Exit::Unwind)
}

/// Goes on at an instruction index.
macro_rules! jump {
    ($vm:ident, $target:expr, $frame:expr, $sp:expr, $acc:expr) => {{
        let code: &[Insn] = $vm.code;
        match code.get($target as usize..) {
            Some(ip) => match ip.first() {
                Some(insn) => (insn.f)($vm, ip, $frame, $sp, $acc),
                None => invalid_code($vm),
            },
            None => invalid_code($vm),
        }
    }};
}
pub(super) use jump;

/// A new window `$by` cells away; the depth must not leave the stack.
macro_rules! shifted {
    ($vm:ident, $sp:ident, $by:expr) => {{
        let sp = $sp.wrapping_add_signed($by as isize);
        let stack = $vm.stack;
        stack.get(sp..).and_then(|cells| cells.first_chunk::<{ WINDOW }>()).map(|frame| (sp, frame))
    }};
}
pub(super) use shifted;
