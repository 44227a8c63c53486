//! FLOATING (Forth-2012 12.6.1) without text conversion: 64-bit IEEE floats on a stack of their own.
//!
//! Arithmetic follows IEEE 754: a division by zero gives an infinity or a NaN, never a THROW. A
//! float that does not fit an integer is THROW -11.

use crate::dict::{Entry, Kind, WordSet, control, prim, primitive, stepped};
use crate::error::{Res, throw};
use crate::machine::Machine;
use crate::op::Op;
use crate::operation::FloatBin;
use crate::primitive::{Float, Form};

/// The table.
pub const SET: WordSet = WordSet { name: "FLOATING", words: WORDS };

static WORDS: &[Entry] = &[
    stepped(
        "d>f",
        "( d -- ) ( F: -- r )",
        "Makes a float of a double number.",
        d_to_f,
        Form::Float(Float::FromDouble),
    ),
    prim("f>d", "( -- d ) ( F: r -- )", "Makes a double number, cutting the fraction.", f_to_d),
    stepped(
        "f!",
        "( f-addr -- ) ( F: r -- )",
        "Writes a float.",
        f_store,
        Form::Float(Float::Store),
    ),
    stepped(
        "f@",
        "( f-addr -- ) ( F: -- r )",
        "Reads a float.",
        f_fetch,
        Form::Float(Float::Fetch),
    ),
    primitive(
        "f+",
        "( F: r1 r2 -- r3 )",
        "Adds floats.",
        Form::Float(Float::Binary(FloatBin::Add)),
    ),
    primitive(
        "f-",
        "( F: r1 r2 -- r3 )",
        "Subtracts r2 from r1.",
        Form::Float(Float::Binary(FloatBin::Sub)),
    ),
    primitive(
        "f*",
        "( F: r1 r2 -- r3 )",
        "Multiplies floats.",
        Form::Float(Float::Binary(FloatBin::Mul)),
    ),
    primitive(
        "f/",
        "( F: r1 r2 -- r3 )",
        "Divides floats.",
        Form::Float(Float::Binary(FloatBin::Div)),
    ),
    stepped(
        "f0<",
        "( -- f ) ( F: r -- )",
        "True when negative.",
        |m| ask(m, |r| r < 0.0),
        Form::Float(Float::Negative),
    ),
    stepped(
        "f0=",
        "( -- f ) ( F: r -- )",
        "True when zero.",
        |m| ask(m, |r| r == 0.0),
        Form::Float(Float::Zero),
    ),
    stepped(
        "f<",
        "( -- f ) ( F: r1 r2 -- )",
        "True when r1 is less.",
        |m| compare(m, |r1, r2| r1 < r2),
        Form::Float(Float::Less),
    ),
    prim("fdepth", "( -- n )", "Number of floats on their stack.", f_depth),
    stepped(
        "fdrop",
        "( F: r -- )",
        "Removes the top float.",
        |m| m.fpop().map(drop),
        Form::Float(Float::Drop),
    ),
    stepped(
        "fdup",
        "( F: r -- r r )",
        "Copies the top float.",
        |m| pick(m, 0),
        Form::Float(Float::Dup),
    ),
    stepped(
        "fover",
        "( F: r1 r2 -- r1 r2 r1 )",
        "Copies the second float to the top.",
        |m| pick(m, 1),
        Form::Float(Float::Over),
    ),
    stepped(
        "fswap",
        "( F: r1 r2 -- r2 r1 )",
        "Exchanges the top two floats.",
        |m| rotate(m, 2),
        Form::Float(Float::Swap),
    ),
    stepped(
        "frot",
        "( F: r1 r2 r3 -- r2 r3 r1 )",
        "Brings the third float to the top.",
        |m| rotate(m, 3),
        Form::Float(Float::Rot),
    ),
    prim("floor", "( F: r1 -- r2 )", "Rounds down to a whole number.", |m| one(m, f64::floor)),
    prim("fround", "( F: r1 -- r2 )", "Rounds to the nearest whole number, ties to even.", |m| {
        one(m, f64::round_ties_even)
    }),
    prim("fmax", "( F: r1 r2 -- r3 )", "The greater of two floats.", |m| two(m, f64::max)),
    prim("fmin", "( F: r1 r2 -- r3 )", "The smaller of two floats.", |m| two(m, f64::min)),
    stepped(
        "fnegate",
        "( F: r1 -- r2 )",
        "Changes the sign.",
        |m| one(m, |r| -r),
        Form::Float(Float::Negate),
    ),
    prim("falign", "( -- )", "Moves HERE to an address aligned for floats.", |m| m.memory.align()),
    prim("faligned", "( addr -- f-addr )", "The first address from addr on for a float.", |m| {
        aligned(m, 8)
    }),
    primitive("float+", "( f-addr1 -- f-addr2 )", "Address of the next float.", Form::Add(8)),
    primitive("floats", "( n1 -- n2 )", "Bytes of n1 floats.", Form::Cells),
    prim("fconstant", "( \"name\" -- ) ( F: r -- )", "Makes a word that pushes r.", f_constant),
    prim(
        "fvariable",
        "( \"name\" -- )",
        "Makes a word that pushes the address of its float.",
        f_variable,
    ),
    control("fliteral", "( F: r -- )", "Compiles a float.", f_literal),
];

/// Replaces the top float.
pub fn one(m: &mut Machine, f: fn(f64) -> f64) -> Res {
    let a = m.fpop()?;
    m.fpush(f(a))
}

/// Replaces the top two floats.
pub fn two(m: &mut Machine, f: fn(f64, f64) -> f64) -> Res {
    let [a, b] = pop_two(m)?;
    m.fpush(f(a, b))
}

/// Pops two floats, the deeper first; leaves the stack alone when there are fewer.
pub fn pop_two(m: &mut Machine) -> Res<[f64; 2]> {
    need(m, 2)?;
    let b = m.fpop()?;
    Ok([m.fpop()?, b])
}

/// -45 unless there are `count` floats.
pub fn need(m: &Machine, count: usize) -> Res {
    if m.fs.depth < count { Err(throw(-45)) } else { Ok(()) }
}

/// Replaces the top float by a flag.
pub fn ask(m: &mut Machine, f: fn(f64) -> bool) -> Res {
    let a = m.fpop()?;
    m.push_flag(f(a))
}

/// Replaces the top two floats by a flag.
pub fn compare(m: &mut Machine, f: fn(f64, f64) -> bool) -> Res {
    let [a, b] = pop_two(m)?;
    m.push_flag(f(a, b))
}

fn pick(m: &mut Machine, n: usize) -> Res {
    let value = m.fs.peek(n).ok_or(throw(-45))?;
    m.fpush(value)
}

fn rotate(m: &mut Machine, count: usize) -> Res {
    need(m, count)?;
    let at = m.fs.depth - count;
    m.fs.items_mut()[at..].rotate_left(1);
    Ok(())
}

fn d_to_f(m: &mut Machine) -> Res {
    let value = m.pop_double()?;
    m.fpush(value as f64)
}

fn f_to_d(m: &mut Machine) -> Res {
    let value = m.fpop()?;
    m.push_double(to_integer(value)?)
}

/// The whole part of a float; -11 for NaN, infinities and what needs more than two cells.
pub fn to_integer(value: f64) -> Res<i128> {
    const LIMIT: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0; // 2^127
    if (-LIMIT..LIMIT).contains(&value) { Ok(value as i128) } else { Err(throw(-11)) }
}

fn f_store(m: &mut Machine) -> Res {
    let at = m.pop()?;
    let value = m.fpop()?;
    m.memory.set_cell(at, value.to_bits() as i64)
}

fn f_fetch(m: &mut Machine) -> Res {
    let at = m.pop()?;
    let bits = m.memory.cell(at)?;
    m.fpush(f64::from_bits(bits as u64))
}

fn f_depth(m: &mut Machine) -> Res {
    m.push(m.fs.depth as i64)
}

/// Rounds the address on the stack up to a multiple of a power of two.
pub fn aligned(m: &mut Machine, to: i64) -> Res {
    let address = m.pop()?;
    m.push(address.wrapping_add(to - 1) & -to)
}

fn f_constant(m: &mut Machine) -> Res {
    let value = m.fpop()?;
    let name = m.definition_name()?;
    m.define(&name, Kind::FConstant(value), 0).map(drop)
}

fn f_variable(m: &mut Machine) -> Res {
    let name = m.definition_name()?;
    super::core_compile::create_named(m, &name)?;
    m.memory.comma(0)
}

fn f_literal(m: &mut Machine) -> Res {
    let value = m.fpop()?;
    m.emit(Op::FLit, value.to_bits() as i64)
}
