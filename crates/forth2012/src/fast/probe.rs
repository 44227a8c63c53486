//! Whether handlers follow each other by jumps or nest on the native stack.
//!
//! Stable Rust cannot demand that a call in tail position becomes a jump. So a machine does not
//! rely on it: before it makes its first fast code it runs [`probe`], two chains of handlers of
//! different length. When both end at the same native address, calls are jumps and code is checked
//! only now and then. Otherwise [`chain::check_stack`] stands wherever control arrives and
//! after every few instructions, and returns to the run loop once [`code::CHAIN_BYTES`] are in use.

use super::super::limits::SPACE_BASE;
use super::super::machine::Machine;
use super::super::operation::{Bin, FloatBin, Un};
use super::calls;
use super::chain;
use super::code::{self, Exit, Handler, Insn, LOCALS, TOP, Vm, Window, position};
use super::floats as f;
use super::handlers as h;
use super::select::{self, From, X, Y};

/// True when calls of handlers nest on the native stack.
pub fn probe(machine: &mut Machine) -> bool {
    let (code, starts) = chain();
    let saved = std::mem::replace(&mut machine.fast.code, code);
    let used = starts.map(|start| machine.fast_state().and_then(|mut vm| run(&mut vm, start)));
    machine.fast.code = saved;
    used[0].is_none() || used[0] != used[1]
}

/// Native bytes that a chain from `start` on used.
#[inline(never)]
fn run(vm: &mut Vm<'_>, start: usize) -> Option<usize> {
    let sp = vm.depth;
    let frame: &Window = vm.stack.get(sp..)?.first_chunk()?;
    let code: &[Insn] = vm.code.get(start..)?;
    vm.native_base = position();
    let exit = (code.first()?.f)(vm, code, frame, sp, 0);
    (exit == Exit::Unwind).then_some(vm.native_used)
}

/// The end of a chain.
fn measure<'a>(vm: &mut Vm<'a>, _: &'a [Insn], _: &'a Window, _: usize, _: i64) -> Exit {
    vm.native_used = position().abs_diff(vm.native_base);
    Exit::Unwind
}

/// Handlers of every kind one after the other, twice; the starts of both parts.
fn chain() -> (Vec<Insn>, [usize; 2]) {
    let end = Insn { f: calls::end, x: 0 };
    // A definition to call: nothing but its end. No depth is too small for a header with 0.
    let mut code = vec![end, Insn { f: calls::header, x: 0 }, Insn { f: calls::ret, x: 0 }];
    let starts = [(); 2].map(|()| {
        let start = code.len();
        part(&mut code);
        start
    });
    code.extend([Insn { f: measure, x: 0 }, end]);
    (code, starts)
}

/// The slot byte `n` above the top of the stack, where a probe may write.
const fn slot(n: u64) -> u64 {
    TOP as u64 + n
}

const fn imm(value: usize) -> u64 {
    (value as u64) << 32
}

fn part(code: &mut Vec<Insn>) {
    const CALLEE: u32 = 1;
    // Result in slot 2 of the slots 0 and 1; local 63 is one that the probe reserved.
    let (a, b, c) = (slot(2), slot(0) << 8, slot(1) << 16);
    let local = LOCALS as u64 - 1;
    let mut put = |f: Handler, x: u64| {
        code.push(Insn { f, x });
        code.len()
    };
    put(calls::header, 0);
    put(h::enter_locals, imm(1));
    put(h::lit_wide, SPACE_BASE as u64);
    put(select::un(Un::Copy, X::Acc), slot(0));
    put(h::lit, slot(1) | imm(2));
    for un in [Un::Invert, Un::Negate, Un::Abs] {
        put(select::un(un, X::Slot), a | b);
    }
    for &op in Bin::ALL {
        for y in [Y::Slot, Y::Imm] {
            if let Some(f) = select::bin(op, X::Slot, y) {
                put(f, a | b | if y == Y::Slot { c } else { imm(1) });
            }
        }
        // Taken or not, it goes to the next instruction.
        for back in [false, true] {
            if let Some(f) = select::branch(op, X::Slot, Y::Slot, back) {
                let next = put(h::lit, a) + 1;
                put(f, b | c | imm(next));
            }
        }
    }
    put(select::set_local(X::Slot), b | (local << 16));
    if let Some(f) = select::bin(Bin::Add, X::Local, Y::Local) {
        put(f, a | (local << 8) | (local << 16));
    }
    put(select::scale(X::Slot), a | b);
    put(h::moves::<1>, slot(3) | b);
    put(h::moves::<4>, slot(3) | b | (slot(4) << 16) | (slot(1) << 24));
    put(select::divide(false, Y::Slot), a | b | c);
    put(select::divide(true, Y::Imm), a | b | imm(3));
    // Memory keeps what it had: slot 0 holds the address of the first cell.
    put(select::load(X::Slot, false, false), a | b);
    put(select::store(X::Slot, false, Y::Slot, h::STORE), b | (slot(2) << 16));
    put(select::store(X::Slot, false, Y::Imm, h::STORE_ADD), b);
    put(select::load(X::Slot, false, true), a | b);
    put(select::store(X::Slot, false, Y::Slot, h::STORE_BYTE), b | (slot(2) << 16));
    put(select::to_r(X::Slot), b);
    put(h::r_fetch, a);
    put(h::r_from, a);
    put(calls::shift, imm(0));
    put(calls::frame, code::return_address(0) as u64);
    put(calls::unframe, 0);
    // Slot 1 to slot 2: two turns.
    put(h::lit, slot(1) | imm(2));
    put(h::lit, slot(2));
    let turn = put(h::do_, (slot(1) << 8) | (slot(2) << 16));
    put(h::loop_, imm(turn));
    let next = put(h::lit, a) + 1;
    put(h::q_do, (slot(1) << 8) | (slot(1) << 16) | imm(next));
    let turn = put(h::q_do, (slot(1) << 8) | (slot(2) << 16));
    put(select::plus_loop(Y::Imm), (1 << 16) | imm(turn));
    put(h::do_, (slot(1) << 8) | (slot(2) << 16));
    put(h::unloop, 0);
    put(f::flit, 0);
    put(f::fpick::<0>, 0);
    for from in [From::Stack, From::Lit, From::Over, From::TwoOver] {
        put(f::fpick::<0>, 0);
        put(select::float_binary(FloatBin::Add, from), 0);
    }
    put(select::s_to_f(X::Slot), b);
    put(f::d_to_f, b | c);
    for f in [f::frot as Handler, f::fswap, f::fnegate, f::fabs, f::fsquare, f::fdrop] {
        put(f, 0);
    }
    put(select::float_memory(X::Slot, false), b);
    put(select::float_memory(X::Slot, true), b);
    for f in [f::fless as Handler, f::fnegative, f::fzero] {
        put(f::flit, 0);
        put(f::flit, 0);
        put(f, a);
    }
    let next = put(h::lit, a) + 1;
    put(h::jump::<false>, imm(next));
    let back = put(h::lit, a) as u32 + 1;
    put(calls::call_direct, calls::direct_operands(0, CALLEE, back));
    put(calls::header, 0);
    put(h::leave_locals, imm(1));
    put(chain::check_stack, 0);
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::machine;
    use super::code::STACK_BYTES;

    /// Native stack of the thread that a program runs on.
    const THREAD_BYTES: usize = 512 << 10;

    /// Programs that go deep in every way; each leaves one number.
    fn programs() -> Vec<(&'static str, String, i64)> {
        let repeated = |word: &str, count: usize| format!("{word} ").repeat(count);
        vec![
            (
                "recursion",
                ": fib dup 2 < if drop 1 else dup 1- recurse swap 2 - recurse + then ; 20 fib"
                    .into(),
                10_946,
            ),
            ("straight code", format!(": t 0 {} ; t", repeated("1+ dup xor 7 +", 16_000)), 7),
            (
                "straight code without sums",
                format!(": t 1 2 {} 2drop 5 ; t", repeated("swap over xor invert", 16_000)),
                5,
            ),
            (
                "straight memory",
                format!("variable v : t {} v @ ; t", repeated("1 v +!", 64_000)),
                64_000,
            ),
            ("straight floats", format!(": t 0e {} f>s ; t", repeated("1e f+", 32_000)), 32_000),
            (
                "divisions",
                format!(
                    ": t 1000000 swap {} nip ; 3 t",
                    repeated("swap over / over mod 7 + swap", 8_000)
                ),
                3,
            ),
            (
                "merges of many items",
                format!(
                    ": t {} {} {} 5 ; t",
                    repeated("7", 100),
                    repeated("dup if 1+ swap rot else drop 3 then over", 2),
                    repeated("drop", 102),
                ),
                5,
            ),
            (
                "calls",
                format!(
                    ": f begin dup 1 and while 1+ repeat 2 + ; : t 0 {} ; t",
                    repeated("f", 64_000)
                ),
                128_000,
            ),
            (
                "forward branches",
                format!(": t 0 {} ; t", repeated("dup 0< if drop 5 else 1+ then", 10_000)),
                10_000,
            ),
            (
                "loops in loops",
                ": t 0 40 0 do 40 0 do 40 0 do i j + 1 and + loop loop loop ; t".into(),
                32_000,
            ),
            ("a long loop", ": t 0 1000000 0 do i 1 and + 2 +loop ; t".into(), 0),
            (
                "loops that call",
                ": f dup 3 > if 1+ exit then 2 + ; : t 0 200000 0 do f loop ; t".into(),
                200_002,
            ),
            ("deep returns", ": down dup if 1- recurse 1+ then ; 60000 down".into(), 60_000),
            (
                "loops across calls",
                ": f dup if 1- 2 0 do i if recurse then loop 1+ then ; 12000 f".into(),
                12_000,
            ),
            (
                "locals",
                ": f {: n :} n if n 1- recurse n swap - n + else 0 then ; 20000 f".into(),
                20_000,
            ),
            (
                "nested catches",
                "defer g : f dup if 1- ['] g catch drop 1+ then ; ' f is g 16000 f".into(),
                16_000,
            ),
            (
                "catch and throw",
                ": f 7 throw ; : t 0 50000 0 do ['] f catch 6 - + loop ; t".into(),
                50_000,
            ),
            (
                "execution tokens",
                "defer g : f dup if 1- g 1+ then ; ' f is g : t ['] g execute ; 30000 t".into(),
                30_000,
            ),
            (
                "callbacks in callbacks",
                "variable n defer g : f drop n @ 30 < if 1 n +! ['] g get-current \
                 traverse-wordlist then false ; ' f is g ' g get-current traverse-wordlist n @"
                    .into(),
                30,
            ),
            (
                "sources in sources",
                r#"variable n : f n @ 200 < if 1 n +! s" f" evaluate then ; f n @"#.into(),
                200,
            ),
        ]
    }

    /// Runs every program on a small thread; the most native stack that fast code used.
    fn run_all(nests: Option<bool>) -> usize {
        let run = move || {
            let mut peak = 0;
            for (name, text, wanted) in programs() {
                let (mut machine, out) = machine();
                machine.fast.nests = nests;
                if let Err(failure) = machine.interpret(text.as_bytes(), name) {
                    panic!("{name}: {failure:?}");
                }
                drop(out);
                assert!(machine.stack() == [wanted], "{name}: {:?}", machine.stack().last());
                peak = peak.max(machine.fast.native_peak);
            }
            peak
        };
        let thread = std::thread::Builder::new().stack_size(THREAD_BYTES).spawn(run);
        thread.expect("a thread").join().expect("every program ends")
    }

    #[test]
    fn deep_programs_run_on_a_small_native_stack() {
        assert!(run_all(None) <= STACK_BYTES);
    }

    #[test]
    fn deep_programs_run_where_calls_nest() {
        assert!(run_all(Some(true)) <= STACK_BYTES);
    }
}
