//! FLOATING EXT (Forth-2012 12.6.2) without text conversion.

use crate::dict::{Entry, Kind, WordSet, prim, primitive, stepped};
use crate::error::{Res, throw};
use crate::machine::Machine;
use crate::primitive::{Float, Form};

use super::float::{aligned, need, one, pop_two, to_integer, two};

/// The table.
pub const SET: WordSet = WordSet { name: "FLOATING EXT", words: WORDS };

static WORDS: &[Entry] = &[
    stepped(
        "s>f",
        "( n -- ) ( F: -- r )",
        "Makes a float of a number.",
        s_to_f,
        Form::Float(Float::FromSingle),
    ),
    prim("f>s", "( -- n ) ( F: r -- )", "Makes a number, cutting the fraction.", f_to_s),
    stepped(
        "fabs",
        "( F: r1 -- r2 )",
        "Absolute value.",
        |m| one(m, f64::abs),
        Form::Float(Float::Abs),
    ),
    prim("fsqrt", "( F: r1 -- r2 )", "Square root.", |m| one(m, f64::sqrt)),
    prim("ftrunc", "( F: r1 -- r2 )", "Rounds to zero.", |m| one(m, f64::trunc)),
    prim("f**", "( F: r1 r2 -- r3 )", "r1 to the power r2.", |m| two(m, f64::powf)),
    prim("fexp", "( F: r1 -- r2 )", "e to the power r1.", |m| one(m, f64::exp)),
    prim("fexpm1", "( F: r1 -- r2 )", "e to the power r1, less one.", |m| one(m, f64::exp_m1)),
    prim("falog", "( F: r1 -- r2 )", "10 to the power r1.", |m| one(m, |a| 10f64.powf(a))),
    prim("fln", "( F: r1 -- r2 )", "Natural logarithm.", |m| one(m, f64::ln)),
    prim("flnp1", "( F: r1 -- r2 )", "Natural logarithm of r1 plus one.", |m| one(m, f64::ln_1p)),
    prim("flog", "( F: r1 -- r2 )", "Logarithm to base ten.", |m| one(m, f64::log10)),
    prim("fsin", "( F: r1 -- r2 )", "Sine of an angle in radians.", |m| one(m, f64::sin)),
    prim("fcos", "( F: r1 -- r2 )", "Cosine of an angle in radians.", |m| one(m, f64::cos)),
    prim("ftan", "( F: r1 -- r2 )", "Tangent of an angle in radians.", |m| one(m, f64::tan)),
    prim("fasin", "( F: r1 -- r2 )", "Angle whose sine is r1.", |m| one(m, f64::asin)),
    prim("facos", "( F: r1 -- r2 )", "Angle whose cosine is r1.", |m| one(m, f64::acos)),
    prim("fatan", "( F: r1 -- r2 )", "Angle whose tangent is r1.", |m| one(m, f64::atan)),
    prim("fsinh", "( F: r1 -- r2 )", "Hyperbolic sine.", |m| one(m, f64::sinh)),
    prim("fcosh", "( F: r1 -- r2 )", "Hyperbolic cosine.", |m| one(m, f64::cosh)),
    prim("ftanh", "( F: r1 -- r2 )", "Hyperbolic tangent.", |m| one(m, f64::tanh)),
    prim("fasinh", "( F: r1 -- r2 )", "Inverse hyperbolic sine.", |m| one(m, asinh)),
    prim("facosh", "( F: r1 -- r2 )", "Inverse hyperbolic cosine.", |m| one(m, f64::acosh)),
    prim("fatanh", "( F: r1 -- r2 )", "Inverse hyperbolic tangent.", |m| one(m, f64::atanh)),
    prim("fatan2", "( F: y x -- r )", "Angle of the point x y.", |m| two(m, f64::atan2)),
    prim("fsincos", "( F: r1 -- sine cosine )", "Sine and cosine.", sin_cos),
    prim("f~", "( -- f ) ( F: r1 r2 r3 -- )", "Compares within r3: see 12.6.2.1640.", proximate),
    prim(
        "fvalue",
        "( \"name\" -- ) ( F: r -- )",
        "Makes a word that pushes r, changed by TO.",
        value,
    ),
    prim("df!", "( df-addr -- ) ( F: r -- )", "Writes a float as 64 bits.", double_store),
    prim("df@", "( df-addr -- ) ( F: -- r )", "Reads a float of 64 bits.", double_fetch),
    prim("sf!", "( sf-addr -- ) ( F: r -- )", "Writes a float as 32 bits.", single_store),
    prim("sf@", "( sf-addr -- ) ( F: -- r )", "Reads a float of 32 bits.", single_fetch),
    primitive(
        "dfloat+",
        "( df-addr1 -- df-addr2 )",
        "Address of the next 64-bit float.",
        Form::Add(8),
    ),
    primitive("dfloats", "( n1 -- n2 )", "Bytes of n1 64-bit floats.", Form::Cells),
    prim("sfloat+", "( sf-addr1 -- sf-addr2 )", "Address of the next 32-bit float.", |m| {
        let at = m.pop()?;
        m.push(at.wrapping_add(4))
    }),
    prim("sfloats", "( n1 -- n2 )", "Bytes of n1 32-bit floats.", |m| {
        let count = m.pop()?;
        m.push(count.wrapping_mul(4))
    }),
    prim("dfalign", "( -- )", "Moves HERE to an address for a 64-bit float.", |m| m.memory.align()),
    prim("sfalign", "( -- )", "Moves HERE to an address for a 32-bit float.", single_align),
    prim("dfaligned", "( addr -- df-addr )", "The first address for a 64-bit float.", |m| {
        aligned(m, 8)
    }),
    prim("sfaligned", "( addr -- sf-addr )", "The first address for a 32-bit float.", |m| {
        aligned(m, 4)
    }),
];

/// Rust's `asinh` loses the sign of zero on some targets.
fn asinh(a: f64) -> f64 {
    if a == 0.0 { a } else { a.asinh() }
}

fn s_to_f(m: &mut Machine) -> Res {
    let n = m.pop()?;
    m.fpush(n as f64)
}

fn f_to_s(m: &mut Machine) -> Res {
    let value = m.fpop()?;
    let value = i64::try_from(to_integer(value)?).map_err(|_| throw(-11))?;
    m.push(value)
}

fn sin_cos(m: &mut Machine) -> Res {
    let (sine, cosine) = m.fpop()?.sin_cos();
    m.fpush(sine)?;
    m.fpush(cosine)
}

/// F~: r3 above zero is an absolute distance, zero wants the same bits, below zero a relative one.
fn proximate(m: &mut Machine) -> Res {
    need(m, 3)?;
    let within = m.fpop()?;
    let [a, b] = pop_two(m)?;
    let near = if within > 0.0 {
        (a - b).abs() < within
    } else if within == 0.0 {
        a.to_bits() == b.to_bits()
    } else {
        (a - b).abs() < within.abs() * (a.abs() + b.abs())
    };
    m.push_flag(near)
}

fn value(m: &mut Machine) -> Res {
    let value = m.fpop()?;
    let name = m.definition_name()?;
    m.memory.align()?;
    let at = m.memory.here;
    m.memory.comma(value.to_bits() as i64)?;
    m.define(&name, Kind::FValue(at as u32), 0).map(drop)
}

fn double_store(m: &mut Machine) -> Res {
    let at = m.pop()?;
    let value = m.fpop()?;
    m.memory.set_cell(at, value.to_bits() as i64)
}

fn double_fetch(m: &mut Machine) -> Res {
    let at = m.pop()?;
    let bits = m.memory.cell(at)?;
    m.fpush(f64::from_bits(bits as u64))
}

fn single_store(m: &mut Machine) -> Res {
    let at = m.pop()?;
    let value = m.fpop()? as f32;
    m.memory.bytes_mut(at, 4)?.copy_from_slice(&value.to_ne_bytes());
    Ok(())
}

fn single_fetch(m: &mut Machine) -> Res {
    let at = m.pop()?;
    let mut bytes = [0; 4];
    bytes.copy_from_slice(m.memory.bytes(at, 4)?);
    m.fpush(f64::from(f32::from_ne_bytes(bytes)))
}

fn single_align(m: &mut Machine) -> Res {
    let pad = m.memory.here.wrapping_neg() & 3;
    let at = m.memory.here as i64;
    m.memory.allot(pad as i64)?;
    m.memory.bytes_mut(at, pad as i64)?.fill(0);
    Ok(())
}
