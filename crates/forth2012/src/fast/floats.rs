//! Handlers of the floating-point stack. Its depth is known only when the code runs: each handler
//! checks it.

use super::super::operation::FloatBinary;
use super::super::stack::GUARD;
use super::chain::{Operands, Source, fail, fetch, invalid_code};
use super::code::{Exit, Insn, Vm, Window};
use super::handlers::{load_cell, store_cell};

/// The top `N` floats; the depth changes by `$by`.
macro_rules! floats {
    ($vm:ident, $ip:ident, $sp:ident, $n:literal) => {{
        if $vm.fdepth < $n {
            return fail($vm, $ip, $sp, -45);
        }
        let end = GUARD + $vm.fdepth;
        match $vm.fstack.get_mut(end - $n..).and_then(|cells| cells.first_chunk_mut::<$n>()) {
            Some(cells) => cells,
            None => return invalid_code($vm),
        }
    }};
}

/// Pushes a float.
macro_rules! fpush {
    ($vm:ident, $ip:ident, $sp:ident, $value:expr) => {{
        let value: f64 = $value;
        match $vm.fstack.get_mut(GUARD + $vm.fdepth) {
            Some(cell) => *cell = value,
            None => return fail($vm, $ip, $sp, -44),
        }
        $vm.fdepth += 1;
    }};
}

macro_rules! handler {
    ($(#[$doc:meta])* $name:ident [$($gen:tt)*] |$vm:ident, $ip:ident, $frame:ident, $sp:ident, $acc:ident, $x:ident| $body:block) => {
        $(#[$doc])*
        pub fn $name<'a, $($gen)*>(
            $vm: &mut Vm<'a>,
            $ip: &'a [Insn],
            $frame: &'a Window,
            $sp: usize,
            $acc: i64,
        ) -> Exit {
            let ($x, next) = fetch!($vm, $ip);
            let result: i64 = $body;
            next($vm, &$ip[1..], $frame, $sp, result)
        }
    };
}

handler! {
    /// Two floats to one.
    fbin [O: FloatBinary] |vm, ip, frame, sp, acc, _x| {
        let [a, b] = floats!(vm, ip, sp, 2);
        *a = O::eval(*a, *b);
        vm.fdepth -= 1;
        acc
    }
}
handler! {
    /// A float and the literal of the instruction to one.
    fbin_lit [O: FloatBinary] |vm, ip, frame, sp, acc, x| {
        let [a] = floats!(vm, ip, sp, 1);
        *a = O::eval(*a, f64::from_bits(x));
        acc
    }
}
handler! {
    /// A float and one from memory to one.
    fbin_load [O: FloatBinary] |vm, ip, frame, sp, acc, x| {
        let Some(bits) = load_cell(vm.space, x as i64) else { return fail(vm, ip, sp, -9) };
        let [a] = floats!(vm, ip, sp, 1);
        *a = O::eval(*a, f64::from_bits(bits as u64));
        acc
    }
}
handler! {
    /// FOVER and an operation: the deeper float stays.
    fbin_over [O: FloatBinary] |vm, ip, frame, sp, acc, _x| {
        let [a, b] = floats!(vm, ip, sp, 2);
        *b = O::eval(*b, *a);
        acc
    }
}
handler! {
    /// FOVER FOVER and an operation.
    fbin_two_over [O: FloatBinary] |vm, ip, frame, sp, acc, _x| {
        let [a, b] = floats!(vm, ip, sp, 2);
        let value = O::eval(*a, *b);
        fpush!(vm, ip, sp, value);
        acc
    }
}
handler! {
    /// FDUP F*.
    fsquare [] |vm, ip, frame, sp, acc, _x| {
        let [a] = floats!(vm, ip, sp, 1);
        *a *= *a;
        acc
    }
}
handler! {
    /// FOVER FDUP F*.
    fover_square [] |vm, ip, frame, sp, acc, _x| {
        let [a, _] = floats!(vm, ip, sp, 2);
        let value = *a * *a;
        fpush!(vm, ip, sp, value);
        acc
    }
}
handler! {
    /// A literal: the 64 bits of the instruction.
    flit [] |vm, ip, frame, sp, acc, x| {
        fpush!(vm, ip, sp, f64::from_bits(x));
        acc
    }
}
handler! {
    /// FDUP, FOVER: copies the float `x` below the top.
    fpick [const N: usize] |vm, ip, frame, sp, acc, _x| {
        if vm.fdepth <= N {
            return fail(vm, ip, sp, -45);
        }
        let value = vm.fstack.get(GUARD + vm.fdepth - 1 - N).copied().unwrap_or(0.0);
        fpush!(vm, ip, sp, value);
        acc
    }
}
handler! {
    /// FDROP.
    fdrop [] |vm, ip, frame, sp, acc, _x| {
        if vm.fdepth == 0 {
            return fail(vm, ip, sp, -45);
        }
        vm.fdepth -= 1;
        acc
    }
}
handler! {
    /// FSWAP.
    fswap [] |vm, ip, frame, sp, acc, _x| {
        let [a, b] = floats!(vm, ip, sp, 2);
        std::mem::swap(a, b);
        acc
    }
}
handler! {
    /// FROT.
    frot [] |vm, ip, frame, sp, acc, _x| {
        let [a, b, c] = floats!(vm, ip, sp, 3);
        (*a, *b, *c) = (*b, *c, *a);
        acc
    }
}
handler! {
    /// FROT FROT.
    frot_back [] |vm, ip, frame, sp, acc, _x| {
        let [a, b, c] = floats!(vm, ip, sp, 3);
        (*a, *b, *c) = (*c, *a, *b);
        acc
    }
}
handler! {
    /// FNEGATE.
    fnegate [] |vm, ip, frame, sp, acc, _x| {
        let [a] = floats!(vm, ip, sp, 1);
        *a = -*a;
        acc
    }
}
handler! {
    /// FABS.
    fabs [] |vm, ip, frame, sp, acc, _x| {
        let [a] = floats!(vm, ip, sp, 1);
        *a = a.abs();
        acc
    }
}
handler! {
    /// F@ of the address in `b` plus the immediate.
    fload [X: Source] |vm, ip, frame, sp, acc, x| {
        let at = X::get(vm, frame, acc, x.b()).wrapping_add(i64::from(x.imm()));
        let Some(bits) = load_cell(vm.space, at) else { return fail(vm, ip, sp, -9) };
        fpush!(vm, ip, sp, f64::from_bits(bits as u64));
        acc
    }
}
handler! {
    /// F! to the address in `b` plus the immediate.
    fstore [X: Source] |vm, ip, frame, sp, acc, x| {
        let at = X::get(vm, frame, acc, x.b()).wrapping_add(i64::from(x.imm()));
        let [a] = floats!(vm, ip, sp, 1);
        let bits = a.to_bits() as i64;
        if !store_cell(vm.space, at, bits) {
            return fail(vm, ip, sp, -9);
        }
        vm.fdepth -= 1;
        acc
    }
}
handler! {
    /// F< to slot `a`.
    fless [] |vm, ip, frame, sp, _acc, x| {
        let [a, b] = floats!(vm, ip, sp, 2);
        let flag = -i64::from(*a < *b);
        vm.fdepth -= 2;
        frame[x.a() as usize].set(flag);
        flag
    }
}
handler! {
    /// F0< to slot `a`.
    fnegative [] |vm, ip, frame, sp, _acc, x| {
        let [a] = floats!(vm, ip, sp, 1);
        let flag = -i64::from(*a < 0.0);
        vm.fdepth -= 1;
        frame[x.a() as usize].set(flag);
        flag
    }
}
handler! {
    /// F0= to slot `a`.
    fzero [] |vm, ip, frame, sp, _acc, x| {
        let [a] = floats!(vm, ip, sp, 1);
        let flag = -i64::from(*a == 0.0);
        vm.fdepth -= 1;
        frame[x.a() as usize].set(flag);
        flag
    }
}
handler! {
    /// D>F of the slots `b` (low) and `c` (high).
    d_to_f [] |vm, ip, frame, sp, acc, x| {
        let low = frame[x.b() as usize].get();
        let high = frame[x.c() as usize].get();
        let value = if high == low >> 63 {
            low as f64
        } else {
            ((i128::from(high) << 64) | i128::from(low as u64)) as f64
        };
        fpush!(vm, ip, sp, value);
        acc
    }
}
handler! {
    /// S>F of slot `b`.
    s_to_f [X: Source] |vm, ip, frame, sp, acc, x| {
        let value = X::get(vm, frame, acc, x.b());
        fpush!(vm, ip, sp, value as f64);
        acc
    }
}
