//! Handlers of calls, returns and exceptions. Each ends by calling the next; nothing in them needs
//! dropping.

use super::super::dict::XT_BASE;
use super::super::frame::{CatchFrame, RETURN_TAG, is_return, return_token};
use super::super::limits::CATCH_NESTING;
use super::super::memory::TO_IN;
use super::super::stack::GUARD;
use super::chain::{
    Operands, cold_exit, fail, fetch, go, invalid_code, leave, measure, shifted, site_at, token_at,
};
use super::code::{BIAS, Exit, Insn, TOP, Vm, WINDOW, Window, locals_window, return_address};
use super::handlers::{load_cell, rpeek, rpush, store_cell};

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

/// First header that is too far for a direct call.
pub const DIRECT_END: u32 = 1 << 24;

/// Operands of a direct call.
#[must_use]
pub const fn direct_operands(by: i32, header: u32, back: u32) -> u64 {
    (by as i8 as u8 as u64)
        | ((header as u64 & (DIRECT_END as u64 - 1)) << 8)
        | ((back as u64) << 32)
}

/// Calls a definition whose fast code is known.
pub fn call_direct<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], _: &'a Window, sp: usize, _: i64) -> Exit {
    let (x, _) = fetch!(vm, ip);
    let header = (x >> 8) as usize & (DIRECT_END as usize - 1);
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
    match vm.headers.get(xt.wrapping_sub(XT_BASE) as u64 as usize) {
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
    let Some([insn, second]) = ip.first_chunk::<2>() else { return invalid_code(vm) };
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
    let Some(&back) = vm.rstack.get((GUARD - 1) + vm.rdepth) else { return invalid_code(vm) };
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
    invalid_code(vm)
}

// ---------------------------------------------------------------------- exceptions

/// Index of the header of [`catch_done`].
pub const CATCH_DONE: u32 = 1;

/// CATCH of the xt in slot `b`.
pub fn catch<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], frame: &'a Window, sp: usize, _: i64) -> Exit {
    let (x, _) = fetch!(vm, ip);
    let xt = frame[x.b() as usize].get();
    let depth = sp.wrapping_add_signed(isize::from(x as i8));
    // The token of a definition is asked for only where its fast code is not known.
    let header = head_of(vm, xt);
    let callee = match header {
        Some(_) => Some(0),
        None => vm.definitions.colon_of(xt),
    };
    let Some(callee) = callee else {
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
    match header {
        Some(header) => call_header!(vm, ip, sp, i32::from(x as i8), header, CATCH_DONE),
        None => call_token(vm, ip, sp, i32::from(x as i8), callee, CATCH_DONE),
    }
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
    return_from_catch(vm, ip, top.ds + BIAS, code)
}

/// A CATCH that ended well.
pub fn catch_done<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], _: &'a Window, sp: usize, _: i64) -> Exit {
    vm.catches.pop();
    return_from_catch(vm, ip, sp, 0)
}

/// Returns from CATCH with a code on the stack.
#[inline(always)]
fn return_from_catch<'a>(vm: &mut Vm<'a>, ip: &'a [Insn], sp: usize, code: i64) -> Exit {
    let Some((up, frame)) = shifted!(vm, sp, 1) else { return fail(vm, ip, sp, -3) };
    frame[TOP as usize - 1].set(code);
    return_to_top(vm, ip, up, 0)
}
