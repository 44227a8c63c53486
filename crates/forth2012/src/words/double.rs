//! DOUBLE and DOUBLE EXT.

use crate::dict::{Entry, Kind, WordSet, control, prim};
use crate::error::{Res, throw};
use crate::machine::Machine;
use crate::op::Op;

/// The table.
pub const SET: WordSet = WordSet { name: "DOUBLE", words: WORDS };

static WORDS: &[Entry] = &[
    prim("d+", "( d1 d2 -- d3 )", "Adds double numbers.", d_plus),
    prim("d-", "( d1 d2 -- d3 )", "Subtracts double numbers.", d_minus),
    prim("d0=", "( d -- f )", "True when zero.", d_zero_equals),
    prim("d0<", "( d -- f )", "True when negative.", d_zero_less),
    prim("d2*", "( d1 -- d2 )", "Shifts left by one bit.", d_two_star),
    prim("d2/", "( d1 -- d2 )", "Halves, rounding down.", d_two_slash),
    prim("d<", "( d1 d2 -- f )", "True when d1 is less.", d_less),
    prim("d=", "( d1 d2 -- f )", "True when equal.", d_equals),
    prim("du<", "( ud1 ud2 -- f )", "True when ud1 is less, without sign.", du_less),
    prim("dabs", "( d -- ud )", "Absolute value.", d_abs),
    prim("dnegate", "( d1 -- d2 )", "Changes the sign.", d_negate),
    prim("dmax", "( d1 d2 -- d3 )", "The greater of two.", d_max),
    prim("dmin", "( d1 d2 -- d3 )", "The smaller of two.", d_min),
    prim("d>s", "( d -- n )", "The lower half of a double number.", d_to_s),
    prim("m+", "( d1 n -- d2 )", "Adds a single to a double number.", m_plus),
    prim(
        "m*/",
        "( d1 n1 +n2 -- d2 )",
        "d1 times n1 divided by n2, without overflow between.",
        m_star_slash,
    ),
    prim("2constant", "( x1 x2 \"name\" -- )", "Makes a word that pushes x1 x2.", two_constant),
    prim(
        "2variable",
        "( \"name\" -- )",
        "Makes a word that pushes the address of two cells.",
        two_variable,
    ),
    prim(
        "2value",
        "( x1 x2 \"name\" -- )",
        "Makes a word that pushes x1 x2, changed by TO.",
        two_value,
    ),
    control("2literal", "( x1 x2 -- )", "Compiles two numbers.", two_literal),
    prim("2rot", "( d1 d2 d3 -- d2 d3 d1 )", "Brings the third pair to the top.", two_rot),
];

/// 2!.
pub fn two_store(m: &mut Machine) -> Res {
    let [first, second, at] = m.pop_n()?;
    m.memory.set_cell(at.wrapping_add(8), first)?;
    m.memory.set_cell(at, second)
}

fn two(m: &mut Machine, f: fn(i128, i128) -> i128) -> Res {
    let b = m.pop_double()?;
    let a = m.pop_double()?;
    m.push_double(f(a, b))
}

fn compare(m: &mut Machine, f: fn(i128, i128) -> bool) -> Res {
    let b = m.pop_double()?;
    let a = m.pop_double()?;
    m.push_flag(f(a, b))
}

fn one(m: &mut Machine, f: fn(i128) -> i128) -> Res {
    let a = m.pop_double()?;
    m.push_double(f(a))
}

fn d_plus(m: &mut Machine) -> Res {
    two(m, i128::wrapping_add)
}

fn d_minus(m: &mut Machine) -> Res {
    two(m, i128::wrapping_sub)
}

fn d_zero_equals(m: &mut Machine) -> Res {
    let a = m.pop_double()?;
    m.push_flag(a == 0)
}

fn d_zero_less(m: &mut Machine) -> Res {
    let a = m.pop_double()?;
    m.push_flag(a < 0)
}

fn d_two_star(m: &mut Machine) -> Res {
    one(m, |a| a.wrapping_shl(1))
}

fn d_two_slash(m: &mut Machine) -> Res {
    one(m, |a| a >> 1)
}

fn d_less(m: &mut Machine) -> Res {
    compare(m, |a, b| a < b)
}

fn d_equals(m: &mut Machine) -> Res {
    compare(m, |a, b| a == b)
}

fn du_less(m: &mut Machine) -> Res {
    compare(m, |a, b| (a as u128) < b as u128)
}

fn d_abs(m: &mut Machine) -> Res {
    one(m, i128::wrapping_abs)
}

fn d_negate(m: &mut Machine) -> Res {
    one(m, i128::wrapping_neg)
}

fn d_max(m: &mut Machine) -> Res {
    two(m, i128::max)
}

fn d_min(m: &mut Machine) -> Res {
    two(m, i128::min)
}

fn d_to_s(m: &mut Machine) -> Res {
    let a = m.pop_double()?;
    m.push(a as i64)
}

fn m_plus(m: &mut Machine) -> Res {
    let n = m.pop()?;
    let d = m.pop_double()?;
    m.push_double(d.wrapping_add(i128::from(n)))
}

/// M*/ : the product has three cells, so it is divided in two steps.
fn m_star_slash(m: &mut Machine) -> Res {
    let [factor, divisor] = m.pop_n()?;
    let value = m.pop_double()?;
    if divisor == 0 {
        return Err(throw(-10));
    }
    let negative = (value < 0) != ((factor < 0) != (divisor < 0));
    let (value, factor) = (value.unsigned_abs(), u128::from(factor.unsigned_abs()));
    let divisor = u128::from(divisor.unsigned_abs());
    let low = (value & u128::from(u64::MAX)) * factor;
    let high = (value >> 64) * factor + (low >> 64);
    let (top, rest) = (high / divisor, high % divisor);
    let bottom = (rest << 64) | (low & u128::from(u64::MAX));
    if top > u128::from(u64::MAX) {
        return Err(throw(-11));
    }
    let mut quotient = (top << 64) | (bottom / divisor);
    if negative && bottom % divisor != 0 {
        quotient = quotient.wrapping_add(1);
    }
    let quotient = quotient as i128;
    m.push_double(if negative { quotient.wrapping_neg() } else { quotient })
}

fn two_cells(m: &mut Machine) -> Res<u32> {
    m.memory.align()?;
    let at = m.memory.here;
    m.memory.allot(16)?;
    m.push(at as i64)?;
    two_store(m)?;
    Ok(at as u32)
}

fn two_constant(m: &mut Machine) -> Res {
    let name = m.definition_name()?;
    let at = two_cells(m)?;
    m.define(&name, Kind::TwoConstant(at), 0).map(drop)
}

fn two_value(m: &mut Machine) -> Res {
    let name = m.definition_name()?;
    let at = two_cells(m)?;
    m.define(&name, Kind::TwoValue(at), 0).map(drop)
}

fn two_variable(m: &mut Machine) -> Res {
    let name = m.definition_name()?;
    super::core_compile::create_named(m, &name)?;
    m.memory.comma(0)?;
    m.memory.comma(0)
}

fn two_literal(m: &mut Machine) -> Res {
    let [a, b] = m.pop_n()?;
    m.emit(Op::Lit, a)?;
    m.emit(Op::Lit, b)
}

fn two_rot(m: &mut Machine) -> Res {
    let [a, b, c, d, e, f] = m.pop_n()?;
    m.push_n([c, d, e, f, a, b])
}
