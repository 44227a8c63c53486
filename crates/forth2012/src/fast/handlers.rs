//! Handlers of arithmetic, memory, locals, the return stack and loops. Each ends by calling the next;
//! nothing in them needs dropping.

use super::super::frame::{RETURN_TAG, is_return};
use super::super::limits::{SPACE_BASE, SPACE_BYTES};
use super::super::memory::Space;
use super::super::operation::{Binary, Unary};
use super::super::stack::GUARD;
use super::chain::{
    Operands, Second, Source, cold_exit, fail, fetch, go, invalid_code, jump, measure,
};
use super::code::{Exit, Insn, LOCALS, Vm, Window};

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
        None => return invalid_code(vm),
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
        None => return invalid_code(vm),
    }
    go!(next, vm, ip, frame, sp, acc)
}

#[inline(always)]
pub(super) fn rpush(vm: &mut Vm<'_>, value: i64) -> bool {
    let at = vm.rdepth;
    match vm.rstack.get_mut(GUARD + at) {
        Some(cell) => *cell = value,
        None => return false,
    }
    vm.rdepth = at + 1;
    true
}

#[inline(always)]
pub(super) fn rpeek(vm: &Vm<'_>, n: usize) -> i64 {
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
