//! The handlers. Each ends by calling the next; nothing in them needs dropping.
//!
//! Operand fields of an instruction's 64 bits: bytes `a` `b` `c` `d` from the lowest, then a 32-bit
//! immediate; `short` is the 16 bits of `c` and `d`.

use super::super::dict::XT_BASE;
use super::super::frame::{CatchFrame, RETURN_TAG, is_return, return_token};
use super::super::limits::{CATCH_NESTING, SPACE_BASE, SPACE_BYTES};
use super::super::memory::{Space, TO_IN};
use super::super::operation::{Binary, Unary};
use super::super::stack::GUARD;
use super::code::{
    BIAS, CHAIN_BYTES, Exit, Insn, LOCALS, TOP, Vm, WINDOW, Window, locals_window, position,
    return_address,
};

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
            None => return lost($vm),
        }
    };
}

/// Goes on with the next instruction.
macro_rules! go {
    ($next:ident, $vm:ident, $ip:ident, $frame:ident, $sp:ident, $acc:expr) => {
        $next($vm, &$ip[1..], $frame, $sp, $acc)
    };
}

#[cold]
#[inline(never)]
pub(super) fn lost(vm: &mut Vm<'_>) -> Exit {
    vm.code_thrown = -9;
    cold_exit(Exit::Throw)
}

/// Hides which exit a cold path takes, so that calling it can be a jump.
#[inline(always)]
fn cold_exit(exit: Exit) -> Exit {
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
fn measure(vm: &mut Vm<'_>) {
    vm.native_used = vm.native_used.max(position().abs_diff(vm.native_base));
}

#[inline(always)]
fn token_at<'a>(vm: &Vm<'a>, ip: &'a [Insn]) -> u32 {
    vm.token_of.get(vm.code.len() - ip.len()).copied().unwrap_or(0)
}

fn site_at<'a>(vm: &Vm<'a>, ip: &'a [Insn]) -> u32 {
    vm.site_of.get(vm.code.len() - ip.len()).copied().unwrap_or(0)
}

#[cold]
#[inline(never)]
fn leave(vm: &mut Vm<'_>, token: u32, depth: usize, exit: Exit) -> Exit {
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
                None => lost($vm),
            },
            None => lost($vm),
        }
    }};
}

/// A new window `$by` cells away; the depth must not leave the stack.
macro_rules! shifted {
    ($vm:ident, $sp:ident, $by:expr) => {{
        let sp = $sp.wrapping_add_signed($by as isize);
        let stack = $vm.stack;
        stack.get(sp..).and_then(|cells| cells.first_chunk::<{ WINDOW }>()).map(|frame| (sp, frame))
    }};
}

// ---------------------------------------------------------------------- values

/// `a = b op c`.
pub fn bin<'a, O: Binary, X: Source, Y: Second>(
    vm: &mut Vm<'a>,
    ip: &'a [Insn],
    frame: &'a Window,
    sp: usize,
    acc: i64,
) -> Exit {
    let (x, next) = fetch!(vm, ip);
    let value = O::eval(X::get(vm, frame, acc, x.b()), Y::get(vm, frame, acc, x, true));
    frame[x.a() as usize].set(value);
    go!(next, vm, ip, frame, sp, value)
}

#[inline(always)]
fn branch<'a, O: Binary, X: Source, Y: Second, const BACK: bool>(
    vm: &mut Vm<'a>,
    ip: &'a [Insn],
    frame: &'a Window,
    sp: usize,
    acc: i64,
) -> Exit {
    let (x, next) = fetch!(vm, ip);
    if O::eval(X::get(vm, frame, acc, x.b()), Y::get(vm, frame, acc, x, false)) == 0 {
        return go!(next, vm, ip, frame, sp, acc);
    }
    if BACK {
        vm.ticks = vm.ticks.wrapping_sub(1);
        if vm.ticks == 0 {
            return pause(vm, x.imm(), sp);
        }
    }
    jump!(vm, x.imm(), frame, sp, acc)
}

/// Jumps forward when the operation gives a flag that is not zero.
pub fn branch_on<'a, O: Binary, X: Source, Y: Second>(
    vm: &mut Vm<'a>,
    ip: &'a [Insn],
    frame: &'a Window,
    sp: usize,
    acc: i64,
) -> Exit {
    branch::<O, X, Y, false>(vm, ip, frame, sp, acc)
}

/// Jumps back when the operation gives a flag that is not zero; counts.
pub fn branch_back<'a, O: Binary, X: Source, Y: Second>(
    vm: &mut Vm<'a>,
    ip: &'a [Insn],
    frame: &'a Window,
    sp: usize,
    acc: i64,
) -> Exit {
    branch::<O, X, Y, true>(vm, ip, frame, sp, acc)
}

/// Jumps.
pub fn jump<'a, const BACK: bool>(
    vm: &mut Vm<'a>,
    ip: &'a [Insn],
    frame: &'a Window,
    sp: usize,
    acc: i64,
) -> Exit {
    let (x, _) = fetch!(vm, ip);
    if BACK {
        vm.ticks = vm.ticks.wrapping_sub(1);
        if vm.ticks == 0 {
            return pause(vm, x.imm(), sp);
        }
    }
    jump!(vm, x.imm(), frame, sp, acc)
}

/// Hands over at a loop head, to look at the clock. Its header stands before the target.
#[cold]
#[inline(never)]
fn pause(vm: &mut Vm<'_>, target: i32, sp: usize) -> Exit {
    vm.ticks = 0;
    vm.token = vm.token_of.get((target as usize).wrapping_sub(1)).copied().unwrap_or(0);
    vm.depth = sp;
    measure(vm);
    cold_exit(Exit::Resume)
}

/// `a = op b`.
pub fn un<'a, O: Unary, X: Source>(
    vm: &mut Vm<'a>,
    ip: &'a [Insn],
    frame: &'a Window,
    sp: usize,
    acc: i64,
) -> Exit {
    let (x, next) = fetch!(vm, ip);
    let value = O::eval(X::get(vm, frame, acc, x.b()));
    frame[x.a() as usize].set(value);
    go!(next, vm, ip, frame, sp, value)
}

/// `a = (b << 3) + imm`.
pub fn scale<'a, X: Source>(
    vm: &mut Vm<'a>,
    ip: &'a [Insn],
    frame: &'a Window,
    sp: usize,
    acc: i64,
) -> Exit {
    let (x, next) = fetch!(vm, ip);
    let value = (X::get(vm, frame, acc, x.b()) << 3).wrapping_add(i64::from(x.imm()));
    frame[x.a() as usize].set(value);
    go!(next, vm, ip, frame, sp, value)
}

/// `a = imm`.
pub fn lit<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], frame: &'a Window, sp: usize, _: i64) -> Exit {
    let (x, next) = fetch!(vm, ip);
    let value = i64::from(x.imm());
    frame[x.a() as usize].set(value);
    go!(next, vm, ip, frame, sp, value)
}

/// The result is the 64 bits of operands.
pub fn lit_wide<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], frame: &'a Window, sp: usize, _: i64) -> Exit {
    let (x, next) = fetch!(vm, ip);
    go!(next, vm, ip, frame, sp, x as i64)
}

/// Copies `N` slots at once: pairs of bytes, target first.
pub fn moves<'a, const N: usize>(
    vm: &mut Vm<'a>,
    ip: &'a [Insn],
    frame: &'a Window,
    sp: usize,
    acc: i64,
) -> Exit {
    let (x, next) = fetch!(vm, ip);
    let byte = |n: usize| (x >> (8 * n)) as u8 as usize;
    let mut values = [0i64; N];
    for (n, value) in values.iter_mut().enumerate() {
        *value = frame[byte(2 * n + 1)].get();
    }
    for (n, value) in values.iter().enumerate() {
        frame[byte(2 * n)].set(*value);
    }
    go!(next, vm, ip, frame, sp, acc)
}

/// `/` and `MOD`: `a = b op c`.
pub fn divide<'a, const MOD: bool, Y: Second>(
    vm: &mut Vm<'a>,
    ip: &'a [Insn],
    frame: &'a Window,
    sp: usize,
    acc: i64,
) -> Exit {
    let (x, next) = fetch!(vm, ip);
    let a = frame[x.b() as usize].get();
    let b = Y::get(vm, frame, acc, x, true);
    if b == 0 {
        return fail(vm, ip, sp, -10);
    }
    let (Some(quotient), Some(remainder)) = (a.checked_div(b), a.checked_rem(b)) else {
        return fail(vm, ip, sp, -11);
    };
    let down = remainder != 0 && (remainder ^ b) < 0;
    let value = match (MOD, down) {
        (true, true) => remainder + b,
        (true, false) => remainder,
        (false, true) => quotient - 1,
        (false, false) => quotient,
    };
    frame[x.a() as usize].set(value);
    go!(next, vm, ip, frame, sp, value)
}

// ---------------------------------------------------------------------- memory

#[inline(always)]
pub(super) fn load_cell(space: &Space, address: i64) -> Option<i64> {
    let at = (address as u64).wrapping_sub(SPACE_BASE as u64);
    if at > (SPACE_BYTES - 8) as u64 {
        return None;
    }
    let at = at as usize;
    let bytes: [u8; 8] = space[at..at + 8].try_into().ok()?;
    Some(i64::from_ne_bytes(bytes))
}

#[inline(always)]
pub(super) fn store_cell(space: &mut Space, address: i64, value: i64) -> bool {
    let at = (address as u64).wrapping_sub(SPACE_BASE as u64);
    if at > (SPACE_BYTES - 8) as u64 {
        return false;
    }
    let at = at as usize;
    space[at..at + 8].copy_from_slice(&value.to_ne_bytes());
    true
}

#[inline(always)]
fn byte_at(address: i64) -> Option<usize> {
    let at = (address as u64).wrapping_sub(SPACE_BASE as u64);
    (at < SPACE_BYTES as u64).then_some(at as usize)
}

#[inline(always)]
fn address<X: Source, const SCALED: bool>(vm: &Vm<'_>, frame: &Window, acc: i64, x: u64) -> i64 {
    let base = X::get(vm, frame, acc, x.b());
    let base = if SCALED { base << 3 } else { base };
    base.wrapping_add(i64::from(x.imm()))
}

/// `a = [b * scale + imm]`, a cell or a byte.
pub fn load<'a, X: Source, const SCALED: bool, const BYTE: bool>(
    vm: &mut Vm<'a>,
    ip: &'a [Insn],
    frame: &'a Window,
    sp: usize,
    acc: i64,
) -> Exit {
    let (x, next) = fetch!(vm, ip);
    let at = address::<X, SCALED>(vm, frame, acc, x);
    let value =
        if BYTE { byte_at(at).map(|at| i64::from(vm.space[at])) } else { load_cell(vm.space, at) };
    let Some(value) = value else { return fail(vm, ip, sp, -9) };
    frame[x.a() as usize].set(value);
    go!(next, vm, ip, frame, sp, value)
}

/// What a store does.
pub const STORE: u8 = 0;
/// `C!`.
pub const STORE_BYTE: u8 = 1;
/// `+!`.
pub const STORE_ADD: u8 = 2;

/// `[b * scale + imm] = c`.
pub fn store<'a, X: Source, const SCALED: bool, V: Second, const HOW: u8>(
    vm: &mut Vm<'a>,
    ip: &'a [Insn],
    frame: &'a Window,
    sp: usize,
    acc: i64,
) -> Exit {
    let (x, next) = fetch!(vm, ip);
    let at = address::<X, SCALED>(vm, frame, acc, x);
    let value = V::get(vm, frame, acc, x, false);
    let done = match HOW {
        STORE_BYTE => match byte_at(at) {
            Some(at) => {
                vm.space[at] = value as u8;
                true
            }
            None => false,
        },
        STORE_ADD => match load_cell(vm.space, at) {
            Some(old) => store_cell(vm.space, at, old.wrapping_add(value)),
            None => false,
        },
        _ => store_cell(vm.space, at, value),
    };
    if !done {
        return fail(vm, ip, sp, -9);
    }
    go!(next, vm, ip, frame, sp, acc)
}

// ---------------------------------------------------------------------- locals, return stack

/// Local `c` = slot `b`.
pub fn set_local<'a, X: Source>(
    vm: &mut Vm<'a>,
    ip: &'a [Insn],
    frame: &'a Window,
    sp: usize,
    acc: i64,
) -> Exit {
    let (x, next) = fetch!(vm, ip);
    let value = X::get(vm, frame, acc, x.b());
    vm.locals[x.c() as usize % LOCALS].set(value);
    go!(next, vm, ip, frame, sp, value)
}

/// Reserves `imm` locals.
pub fn enter_locals<'a>(
    vm: &mut Vm<'a>,
    ip: &'a [Insn],
    frame: &'a Window,
    sp: usize,
    acc: i64,
) -> Exit {
    let (x, next) = fetch!(vm, ip);
    let depth = vm.ldepth + x.imm() as usize;
    if depth > vm.llimit {
        return fail(vm, ip, sp, -5);
    }
    vm.ldepth = depth;
    match view(vm.lstack, depth) {
        Some(locals) => vm.locals = locals,
        None => return lost(vm),
    }
    go!(next, vm, ip, frame, sp, acc)
}

#[inline(always)]
fn view(cells: &[std::cell::Cell<i64>], depth: usize) -> Option<&[std::cell::Cell<i64>; LOCALS]> {
    cells.get(GUARD + depth - LOCALS..)?.first_chunk()
}

/// Gives `imm` locals back.
pub fn leave_locals<'a>(
    vm: &mut Vm<'a>,
    ip: &'a [Insn],
    frame: &'a Window,
    sp: usize,
    acc: i64,
) -> Exit {
    let (x, next) = fetch!(vm, ip);
    let depth = vm.ldepth.saturating_sub(x.imm() as usize);
    vm.ldepth = depth;
    match view(vm.lstack, depth) {
        Some(locals) => vm.locals = locals,
        None => return lost(vm),
    }
    go!(next, vm, ip, frame, sp, acc)
}

#[inline(always)]
fn rpush(vm: &mut Vm<'_>, value: i64) -> bool {
    let at = vm.rdepth;
    match vm.rstack.get_mut(GUARD + at) {
        Some(cell) => *cell = value,
        None => return false,
    }
    vm.rdepth = at + 1;
    true
}

#[inline(always)]
fn rpeek(vm: &Vm<'_>, n: usize) -> i64 {
    // Below the bottom lies the guard room; its zeroes are no return addresses.
    vm.rstack.get((GUARD + vm.rdepth).wrapping_sub(n + 1)).copied().unwrap_or(RETURN_TAG)
}

/// `>R` of slot `b`.
pub fn to_r<'a, X: Source>(
    vm: &mut Vm<'a>,
    ip: &'a [Insn],
    frame: &'a Window,
    sp: usize,
    acc: i64,
) -> Exit {
    let (x, next) = fetch!(vm, ip);
    let value = X::get(vm, frame, acc, x.b());
    if !rpush(vm, value) {
        return fail(vm, ip, sp, -5);
    }
    go!(next, vm, ip, frame, sp, acc)
}

/// `R>` to slot `a`.
pub fn r_from<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], frame: &'a Window, sp: usize, _: i64) -> Exit {
    let (x, next) = fetch!(vm, ip);
    let value = rpeek(vm, 0);
    if is_return(value) || vm.rdepth == 0 {
        return fail(vm, ip, sp, -6);
    }
    vm.rdepth -= 1;
    frame[x.a() as usize].set(value);
    go!(next, vm, ip, frame, sp, value)
}

/// Item `b` of the return stack to slot `a`: R@, J.
pub fn r_fetch<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], frame: &'a Window, sp: usize, _: i64) -> Exit {
    let (x, next) = fetch!(vm, ip);
    let value = rpeek(vm, x.b() as usize);
    if is_return(value) || vm.rdepth <= x.b() as usize {
        return fail(vm, ip, sp, -6);
    }
    frame[x.a() as usize].set(value);
    go!(next, vm, ip, frame, sp, value)
}

// ---------------------------------------------------------------------- loops

/// DO: limit in slot `b`, start in slot `c`.
pub fn do_<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], frame: &'a Window, sp: usize, acc: i64) -> Exit {
    let (x, next) = fetch!(vm, ip);
    let (limit, start) = (frame[x.b() as usize].get(), frame[x.c() as usize].get());
    if !start_loop(vm, limit, start) {
        return fail(vm, ip, sp, -5);
    }
    go!(next, vm, ip, frame, sp, acc)
}

#[inline(always)]
fn start_loop(vm: &mut Vm<'_>, limit: i64, start: i64) -> bool {
    let (old_limit, old_index) = (vm.loop_limit, vm.loop_index);
    if !rpush(vm, old_limit) || !rpush(vm, old_index) {
        return false;
    }
    (vm.loop_limit, vm.loop_index) = (limit, start);
    true
}

/// ?DO: jumps to `imm` when there is nothing to do.
pub fn q_do<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], frame: &'a Window, sp: usize, acc: i64) -> Exit {
    let (x, next) = fetch!(vm, ip);
    let (limit, start) = (frame[x.b() as usize].get(), frame[x.c() as usize].get());
    if limit == start {
        return jump!(vm, x.imm(), frame, sp, acc);
    }
    if !start_loop(vm, limit, start) {
        return fail(vm, ip, sp, -5);
    }
    go!(next, vm, ip, frame, sp, acc)
}

#[inline(always)]
fn end_loop(vm: &mut Vm<'_>) -> bool {
    let (index, limit) = (rpeek(vm, 0), rpeek(vm, 1));
    if is_return(index) || is_return(limit) || vm.rdepth < 2 {
        return false;
    }
    vm.rdepth -= 2;
    (vm.loop_index, vm.loop_limit) = (index, limit);
    true
}

/// LOOP.
pub fn loop_<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], frame: &'a Window, sp: usize, acc: i64) -> Exit {
    let (x, next) = fetch!(vm, ip);
    let index = vm.loop_index.wrapping_add(1);
    if index == vm.loop_limit {
        if !end_loop(vm) {
            return fail(vm, ip, sp, -26);
        }
        return go!(next, vm, ip, frame, sp, acc);
    }
    vm.loop_index = index;
    vm.ticks = vm.ticks.wrapping_sub(1);
    if vm.ticks == 0 {
        return pause(vm, x.imm(), sp);
    }
    jump!(vm, x.imm(), frame, sp, acc)
}

/// +LOOP with the step in `c`.
pub fn plus_loop<'a, Y: Second>(
    vm: &mut Vm<'a>,
    ip: &'a [Insn],
    frame: &'a Window,
    sp: usize,
    acc: i64,
) -> Exit {
    let (x, next) = fetch!(vm, ip);
    let step = Y::get(vm, frame, acc, x, false);
    let before = vm.loop_index.wrapping_sub(vm.loop_limit);
    let after = before.wrapping_add(step);
    if (before ^ after) & (before ^ step) < 0 {
        if !end_loop(vm) {
            return fail(vm, ip, sp, -26);
        }
        return go!(next, vm, ip, frame, sp, acc);
    }
    vm.loop_index = vm.loop_index.wrapping_add(step);
    vm.ticks = vm.ticks.wrapping_sub(1);
    if vm.ticks == 0 {
        return pause(vm, x.imm(), sp);
    }
    jump!(vm, x.imm(), frame, sp, acc)
}

/// UNLOOP.
pub fn unloop<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], frame: &'a Window, sp: usize, acc: i64) -> Exit {
    let (_, next) = fetch!(vm, ip);
    if !end_loop(vm) {
        return fail(vm, ip, sp, -26);
    }
    go!(next, vm, ip, frame, sp, acc)
}

// ---------------------------------------------------------------------- calls

/// The check before code that a call, a return or the stepper reaches: `imm` items must be there.
/// Fails to the stepper, which names the word.
pub fn header<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], frame: &'a Window, sp: usize, acc: i64) -> Exit {
    let (x, next) = fetch!(vm, ip);
    if sp < x.imm() as usize {
        let token = token_at(vm, ip);
        return leave(vm, token, sp, Exit::Step);
    }
    go!(next, vm, ip, frame, sp, acc)
}

/// Moves the window by `imm`.
pub fn shift<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], _: &'a Window, sp: usize, acc: i64) -> Exit {
    let (x, next) = fetch!(vm, ip);
    match shifted!(vm, sp, x.imm()) {
        Some((sp, frame)) => go!(next, vm, ip, frame, sp, acc),
        None => fail(vm, ip, sp, -3),
    }
}

/// Continues at the header of `token` with depth `sp`.
macro_rules! go_token {
    ($vm:ident, $token:expr, $frame:ident, $sp:ident) => {{
        let token: u32 = $token;
        let entries = $vm.entries;
        let code: &[Insn] = $vm.code;
        if let Some(entry) = entries.get(token as usize)
            && $sp >= entry.need as usize
            && let Some(ip) = code.get(entry.at as usize..)
            && let Some(first) = ip.first()
        {
            return (first.f)($vm, ip, $frame, $sp, 0);
        }
        leave($vm, token, $sp, Exit::Resume)
    }};
}

/// Calls a definition by its token.
#[inline(never)]
fn call_token<'a>(
    vm: &mut Vm<'a>,
    ip: &'a [Insn],
    sp: usize,
    by: i32,
    callee: u32,
    back: u32,
) -> Exit {
    let Some((sp, frame)) = shifted!(vm, sp, by) else { return fail(vm, ip, sp, -3) };
    if !rpush(vm, return_address(back)) {
        return fail(vm, ip, sp, -5);
    }
    vm.ticks = vm.ticks.wrapping_sub(1);
    if vm.ticks == 0 {
        return leave(vm, callee, sp, Exit::Resume);
    }
    go_token!(vm, callee, frame, sp)
}

/// Calls the code at a header.
macro_rules! call_header {
    ($vm:ident, $ip:ident, $sp:ident, $by:expr, $header:expr, $back:expr) => {{
        let Some((sp, frame)) = shifted!($vm, $sp, $by) else { return fail($vm, $ip, $sp, -3) };
        if !rpush($vm, return_address($back)) {
            return fail($vm, $ip, sp, -5);
        }
        let header: usize = $header;
        $vm.ticks = $vm.ticks.wrapping_sub(1);
        let code: &[Insn] = $vm.code;
        if $vm.ticks != 0
            && let Some(ip) = code.get(header..)
            && let Some([head, first]) = ip.first_chunk::<2>()
            && sp >= head.x.imm() as usize
        {
            return (first.f)($vm, &ip[1..], frame, sp, 0);
        }
        resume_at($vm, header, sp)
    }};
}

/// Bits of a token in a call.
pub const TOKEN_BITS: u32 = 28;
const TOKEN_MASK: u64 = (1 << TOKEN_BITS) - 1;

/// Operands of a call.
#[must_use]
pub const fn call_operands(by: i32, callee: u32, back: u32) -> u64 {
    (by as i8 as u8 as u64) | ((callee as u64 & TOKEN_MASK) << 8) | ((back as u64) << 36)
}

/// Calls a definition.
pub fn call<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], _: &'a Window, sp: usize, _: i64) -> Exit {
    let (x, _) = fetch!(vm, ip);
    let callee = ((x >> 8) & TOKEN_MASK) as u32;
    call_token(vm, ip, sp, i32::from(x as i8), callee, (x >> 36) as u32)
}

/// Operands of a direct call.
#[must_use]
pub const fn direct_operands(by: i32, header: u32, back: u32) -> u64 {
    (by as i8 as u8 as u64) | ((header as u64 & 0xff_ffff) << 8) | ((back as u64) << 32)
}

/// Calls a definition whose fast code is known.
pub fn call_direct<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], _: &'a Window, sp: usize, _: i64) -> Exit {
    let (x, _) = fetch!(vm, ip);
    let header = ((x >> 8) & 0xff_ffff) as usize;
    call_header!(vm, ip, sp, i32::from(x as i8), header, (x >> 32) as u32)
}

/// Hands over at a header.
#[cold]
#[inline(never)]
fn resume_at(vm: &mut Vm<'_>, header: usize, sp: usize) -> Exit {
    vm.token = vm.token_of.get(header).copied().unwrap_or(0);
    vm.depth = sp;
    measure(vm);
    cold_exit(Exit::Resume)
}

/// Header of the fast code of an execution token, when there is some.
#[inline(always)]
fn head_of(vm: &Vm<'_>, xt: i64) -> Option<usize> {
    match vm.heads.get(xt.wrapping_sub(XT_BASE) as u64 as usize) {
        Some(&head) if head != 0 => Some(head as usize),
        _ => None,
    }
}

/// EXECUTE of the xt in slot `b`; the window moves by the signed byte `a`, `imm` is where it returns.
pub fn execute<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], frame: &'a Window, sp: usize, _: i64) -> Exit {
    let (x, _) = fetch!(vm, ip);
    let xt = frame[x.b() as usize].get();
    match head_of(vm, xt) {
        Some(header) => call_header!(vm, ip, sp, i32::from(x as i8), header, x.imm() as u32),
        // The stepper runs EXECUTE itself: the xt is still on the stack.
        None => call_xt(vm, ip, sp, x, xt, 1),
    }
}

/// Runs the xt in the cell at the address that follows in the next instruction.
pub fn deferred<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], _: &'a Window, sp: usize, _: i64) -> Exit {
    let Some([insn, second]) = ip.first_chunk::<2>() else { return lost(vm) };
    let x = insn.x;
    let xt = load_cell(vm.space, second.x as i64).unwrap_or(0);
    match head_of(vm, xt) {
        Some(header) => call_header!(vm, ip, sp, i32::from(x as i8), header, x.imm() as u32),
        None => call_xt(vm, ip, sp, x, xt, 0),
    }
}

/// Calls a definition without fast code, or lets the stepper run what is no definition; `taken`
/// items that it must find are above the depth.
#[inline(never)]
fn call_xt<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], sp: usize, x: u64, xt: i64, taken: isize) -> Exit {
    let by = i32::from(x as i8);
    match vm.definitions.colon_of(xt) {
        Some(callee) => call_token(vm, ip, sp, by, callee, x.imm() as u32),
        None => {
            let token = token_at(vm, ip);
            leave(vm, token, sp.wrapping_add_signed(by as isize + taken), Exit::Step)
        }
    }
}

/// Returns; the window moves by the signed byte `a`.
pub fn ret<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], _: &'a Window, sp: usize, _: i64) -> Exit {
    let (x, _) = fetch!(vm, ip);
    return_to_top(vm, ip, sp, i32::from(x as i8))
}

/// Goes on at the return address on top of the return stack.
#[inline(always)]
fn return_to_top<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], sp: usize, by: i32) -> Exit {
    let Some(&back) = vm.rstack.get((GUARD - 1) + vm.rdepth) else { return lost(vm) };
    let Some((sp, frame)) = shifted!(vm, sp, by) else { return fail(vm, ip, sp, -3) };
    let code: &[Insn] = vm.code;
    // What is no address of fast code is beyond the end of all code.
    if let Some(ip) = code.get(back.wrapping_sub(RETURN_TAG) as u64 as usize..)
        && let Some([head, first]) = ip.first_chunk::<2>()
        && sp >= head.x.imm() as usize
    {
        vm.rdepth -= 1;
        return (first.f)(vm, &ip[1..], frame, sp, 0);
    }
    return_slowly(vm, ip, frame, sp, back)
}

#[inline(never)]
fn return_slowly<'a>(
    vm: &mut Vm<'a>,
    ip: &'a [Insn],
    frame: &'a Window,
    sp: usize,
    back: i64,
) -> Exit {
    if !is_return(back) {
        return fail(vm, ip, sp, -25);
    }
    vm.rdepth -= 1;
    go_token!(vm, return_token(back, vm.token_of), frame, sp)
}

/// Begins a copy of a definition: pushes the return address in the operands.
pub fn frame<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], frame: &'a Window, sp: usize, acc: i64) -> Exit {
    let (x, next) = fetch!(vm, ip);
    if !rpush(vm, x as i64) {
        return fail(vm, ip, sp, -5);
    }
    go!(next, vm, ip, frame, sp, acc)
}

/// Ends a copy of a definition: what is on the return stack must be its return address.
pub fn unframe<'a>(
    vm: &mut Vm<'a>,
    ip: &'a [Insn],
    frame: &'a Window,
    sp: usize,
    acc: i64,
) -> Exit {
    let (_, next) = fetch!(vm, ip);
    if !is_return(rpeek(vm, 0)) {
        return fail(vm, ip, sp, -25);
    }
    vm.rdepth -= 1;
    go!(next, vm, ip, frame, sp, acc)
}

/// Hands token `imm` to the stepper; the depth is off by the signed byte `a`.
pub fn step_out<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], _: &'a Window, sp: usize, _: i64) -> Exit {
    let (x, _) = fetch!(vm, ip);
    vm.token = x.imm() as u32;
    vm.depth = sp.wrapping_add_signed(isize::from(x as i8));
    Exit::Step
}

/// End of all code.
pub fn end<'a>(vm: &mut Vm<'a>, _: &'a [Insn], _: &'a Window, _: usize, _: i64) -> Exit {
    lost(vm)
}

// ---------------------------------------------------------------------- exceptions

/// Index of the header of [`catch_done`].
pub const CATCH_DONE: u32 = 1;

/// CATCH of the xt in slot `b`.
pub fn catch<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], frame: &'a Window, sp: usize, _: i64) -> Exit {
    let (x, _) = fetch!(vm, ip);
    let xt = frame[x.b() as usize].get();
    let depth = sp.wrapping_add_signed(isize::from(x as i8));
    let Some(callee) = vm.definitions.colon_of(xt) else {
        let token = token_at(vm, ip);
        return leave(vm, token, depth + 1, Exit::Step);
    };
    if vm.catches.len() >= CATCH_NESTING || vm.catches.len() == vm.catches.capacity() {
        let token = token_at(vm, ip);
        return leave(vm, token, depth + 1, Exit::Step);
    }
    if !rpush(vm, return_address(x.imm() as u32)) {
        return fail(vm, ip, sp, -5);
    }
    vm.catches.push(CatchFrame {
        rs: vm.rdepth,
        ds: depth.wrapping_sub(BIAS),
        fs: vm.fdepth,
        ls: vm.ldepth,
        ns: vm.nested,
        loop_index: vm.loop_index,
        loop_limit: vm.loop_limit,
        inputs: vm.inputs,
        to_in: load_cell(vm.space, TO_IN as i64).unwrap_or(0),
    });
    call_token(vm, ip, sp, i32::from(x as i8), callee, CATCH_DONE)
}

/// Hands over at a token that may be a copy.
#[cold]
#[inline(never)]
fn leave_at<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], token: u32, depth: usize) -> Exit {
    vm.site = site_at(vm, ip);
    leave(vm, token, depth, Exit::Step)
}

/// THROW of slot `b`.
pub fn throw<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], frame: &'a Window, sp: usize, acc: i64) -> Exit {
    let (x, next) = fetch!(vm, ip);
    let code = frame[x.b() as usize].get();
    if code == 0 {
        return go!(next, vm, ip, frame, sp, acc);
    }
    let token = x.imm() as u32;
    let depth = sp.wrapping_add_signed(isize::from(x as i8) + 1);
    let catching = vm.catches.len() > vm.floor && code != -56;
    let Some(&top) = vm.catches.last() else { return leave_at(vm, ip, token, depth) };
    if !catching || top.inputs != vm.inputs || top.ns != vm.nested {
        return leave_at(vm, ip, token, depth);
    }
    vm.catches.pop();
    vm.caught = true;
    store_cell(vm.space, TO_IN as i64, top.to_in);
    vm.fdepth = top.fs;
    vm.ldepth = top.ls;
    vm.locals = locals_window(vm.lstack, top.ls);
    vm.loop_index = top.loop_index;
    vm.loop_limit = top.loop_limit;
    vm.rdepth = top.rs.min(vm.rdepth);
    give(vm, ip, top.ds + BIAS, code)
}

/// A CATCH that ended well.
pub fn catch_done<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], _: &'a Window, sp: usize, _: i64) -> Exit {
    vm.catches.pop();
    give(vm, ip, sp, 0)
}

/// Returns from CATCH with a code on the stack.
#[inline(always)]
fn give<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], sp: usize, code: i64) -> Exit {
    let Some((up, frame)) = shifted!(vm, sp, 1) else { return fail(vm, ip, sp, -3) };
    frame[TOP as usize - 1].set(code);
    return_to_top(vm, ip, up, 0)
}
