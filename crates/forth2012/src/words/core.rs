//! CORE: stack, arithmetic, memory, execution.

use crate::dict::{Entry, WordSet, constant, op, op_only, prim};
use crate::error::{Fault, Res, throw};
use crate::machine::{Machine, T_INTERPRET};
use crate::memory;
use crate::op::Op;

/// The table.
pub const SET: WordSet = WordSet { name: "CORE", words: WORDS };

static WORDS: &[Entry] = &[
    op("dup", "( x -- x x )", "Copies the top item.", Op::Dup),
    op("drop", "( x -- )", "Removes the top item.", Op::Drop),
    op("swap", "( x1 x2 -- x2 x1 )", "Exchanges the top two items.", Op::Swap),
    op("over", "( x1 x2 -- x1 x2 x1 )", "Copies the second item to the top.", Op::Over),
    op("rot", "( x1 x2 x3 -- x2 x3 x1 )", "Brings the third item to the top.", Op::Rot),
    op("2dup", "( x1 x2 -- x1 x2 x1 x2 )", "Copies the top pair.", Op::TwoDup),
    op("2drop", "( x1 x2 -- )", "Removes the top pair.", Op::TwoDrop),
    op("2swap", "( x1 x2 x3 x4 -- x3 x4 x1 x2 )", "Exchanges the top two pairs.", Op::TwoSwap),
    op(
        "2over",
        "( x1 x2 x3 x4 -- x1 x2 x3 x4 x1 x2 )",
        "Copies the second pair to the top.",
        Op::TwoOver,
    ),
    op("?dup", "( x -- 0 | x x )", "Copies the top item unless it is zero.", Op::QDup),
    prim("depth", "( -- n )", "Number of items on the stack.", depth),
    op_only(">r", "( x -- ) ( R: -- x )", "Moves an item to the return stack.", Op::ToR),
    op_only("r>", "( -- x ) ( R: x -- )", "Moves an item from the return stack.", Op::RFrom),
    op_only("r@", "( -- x ) ( R: x -- x )", "Copies the top of the return stack.", Op::RFetch),
    op("+", "( n1 n2 -- n3 )", "Adds.", Op::Add),
    op("-", "( n1 n2 -- n3 )", "Subtracts n2 from n1.", Op::Sub),
    op("*", "( n1 n2 -- n3 )", "Multiplies.", Op::Mul),
    op("/", "( n1 n2 -- n3 )", "Divides, rounding down.", Op::Div),
    op("mod", "( n1 n2 -- n3 )", "Remainder with the sign of the divisor.", Op::Mod),
    op("/mod", "( n1 n2 -- rem quot )", "Remainder and quotient.", Op::SlashMod),
    prim(
        "*/",
        "( n1 n2 n3 -- n4 )",
        "n1 times n2 divided by n3, without overflow between.",
        mul_div,
    ),
    prim("*/mod", "( n1 n2 n3 -- rem quot )", "As */ with the remainder.", mul_div_mod),
    op("and", "( x1 x2 -- x3 )", "Bitwise and.", Op::And),
    op("or", "( x1 x2 -- x3 )", "Bitwise or.", Op::Or),
    op("xor", "( x1 x2 -- x3 )", "Bitwise exclusive or.", Op::Xor),
    op("invert", "( x1 -- x2 )", "Inverts all bits.", Op::Invert),
    op("negate", "( n1 -- n2 )", "Changes the sign.", Op::Negate),
    op("abs", "( n -- u )", "Absolute value.", Op::Abs),
    op("min", "( n1 n2 -- n3 )", "The smaller of two.", Op::Min),
    op("max", "( n1 n2 -- n3 )", "The greater of two.", Op::Max),
    op("1+", "( n1 -- n2 )", "Adds one.", Op::OnePlus),
    op("1-", "( n1 -- n2 )", "Subtracts one.", Op::OneMinus),
    op("2*", "( x1 -- x2 )", "Shifts left by one bit.", Op::TwoStar),
    op("2/", "( x1 -- x2 )", "Halves, rounding down.", Op::TwoSlash),
    op("lshift", "( x1 u -- x2 )", "Shifts left by u bits.", Op::LShift),
    op("rshift", "( x1 u -- x2 )", "Shifts right by u bits, filling with zeroes.", Op::RShift),
    op("=", "( x1 x2 -- f )", "True when equal.", Op::Eq),
    op("<", "( n1 n2 -- f )", "True when n1 is less.", Op::Lt),
    op(">", "( n1 n2 -- f )", "True when n1 is greater.", Op::Gt),
    op("u<", "( u1 u2 -- f )", "True when u1 is less, without sign.", Op::ULt),
    op("0=", "( x -- f )", "True when zero.", Op::ZEq),
    op("0<", "( n -- f )", "True when negative.", Op::ZLt),
    op("s>d", "( n -- d )", "Makes a double number of a single one.", Op::StoD),
    prim("m*", "( n1 n2 -- d )", "Multiplies to a double number.", m_star),
    prim("um*", "( u1 u2 -- ud )", "Multiplies to a double number, without sign.", um_star),
    prim("um/mod", "( ud u -- rem quot )", "Divides a double number, without sign.", um_mod),
    prim("fm/mod", "( d n -- rem quot )", "Divides a double number, rounding down.", fm_mod),
    prim("sm/rem", "( d n -- rem quot )", "Divides a double number, rounding to zero.", sm_rem),
    op("@", "( a-addr -- x )", "Reads a cell.", Op::Fetch),
    op("!", "( x a-addr -- )", "Writes a cell.", Op::Store),
    op("c@", "( c-addr -- char )", "Reads a byte.", Op::CFetch),
    op("c!", "( char c-addr -- )", "Writes a byte.", Op::CStore),
    op("+!", "( n a-addr -- )", "Adds to a cell.", Op::PlusStore),
    op("2@", "( a-addr -- x1 x2 )", "Reads a pair, x2 from the lower address.", Op::TwoFetch),
    op("2!", "( x1 x2 a-addr -- )", "Writes a pair, x2 to the lower address.", Op::TwoStore),
    op("cells", "( n1 -- n2 )", "Bytes of n1 cells.", Op::Cells),
    op("cell+", "( a-addr1 -- a-addr2 )", "Address of the next cell.", Op::CellPlus),
    op("chars", "( n1 -- n2 )", "Bytes of n1 characters.", Op::Chars),
    op("char+", "( c-addr1 -- c-addr2 )", "Address of the next character.", Op::CharPlus),
    prim("here", "( -- addr )", "The end of the dictionary.", here),
    prim("allot", "( n -- )", "Reserves n bytes of data space, or gives them back.", allot),
    prim(",", "( x -- )", "Appends a cell to data space.", comma),
    prim("c,", "( char -- )", "Appends a byte to data space.", c_comma),
    prim("align", "( -- )", "Moves HERE to an aligned address.", align),
    prim("aligned", "( addr -- a-addr )", "The first aligned address from addr on.", aligned),
    prim("move", "( addr1 addr2 u -- )", "Copies u bytes, overlapping or not.", move_bytes),
    prim("fill", "( c-addr u char -- )", "Fills u bytes.", fill),
    op("execute", "( i*x xt -- j*x )", "Runs the word of an execution token.", Op::Execute),
    prim("count", "( c-addr1 -- c-addr2 u )", "The text of a counted string.", count),
    prim("type", "( c-addr u -- )", "Prints a string.", type_text),
    prim("emit", "( x -- )", "Prints a character.", emit),
    prim("cr", "( -- )", "Ends the line.", cr),
    prim("space", "( -- )", "Prints a blank.", space),
    prim("spaces", "( n -- )", "Prints n blanks.", spaces),
    constant("bl", "( -- char )", "The blank character.", 32),
    prim("key", "( -- char )", "Waits for a character.", key),
    prim("accept", "( c-addr +n1 -- +n2 )", "Reads a line of at most n1 characters.", accept),
    constant("base", "( -- a-addr )", "The cell with the number base.", memory::BASE as i64),
    constant(
        "state",
        "( -- a-addr )",
        "The cell that is true while compiling.",
        memory::STATE as i64,
    ),
    constant(
        ">in",
        "( -- a-addr )",
        "The cell with the offset into the parse area.",
        memory::TO_IN as i64,
    ),
    prim("decimal", "( -- )", "Numbers are decimal.", decimal),
    prim("source", "( -- c-addr u )", "The parse area.", source),
    prim("evaluate", "( i*x c-addr u -- j*x )", "Interprets a string.", evaluate),
    prim("quit", "( -- ) ( R: i*x -- )", "Back to the keyboard.", quit),
    prim("abort", "( i*x -- )", "Empties the stacks and goes back to the keyboard.", abort),
];

/// A well-formed flag.
#[inline]
#[must_use]
pub const fn flag(value: bool) -> i64 {
    -(value as i64)
}

/// Quotient, rounding down.
pub fn div(a: i64, b: i64) -> Res<i64> {
    if b == 0 {
        return Err(throw(-10));
    }
    let Some(quotient) = a.checked_div(b) else { return Err(throw(-11)) };
    Ok(quotient - i64::from(a % b != 0 && (a ^ b) < 0))
}

/// Remainder with the sign of the divisor.
pub fn modulo(a: i64, b: i64) -> Res<i64> {
    if b == 0 {
        return Err(throw(-10));
    }
    let Some(remainder) = a.checked_rem(b) else { return Err(throw(-11)) };
    Ok(if remainder != 0 && (remainder ^ b) < 0 { remainder + b } else { remainder })
}

fn narrow(value: i128) -> Res<i64> {
    i64::try_from(value).map_err(|_| throw(-11))
}

/// Rounding down: (quotient, remainder).
pub fn floored(dividend: i128, divisor: i64) -> Res<(i128, i64)> {
    if divisor == 0 {
        return Err(throw(-10));
    }
    let by = i128::from(divisor);
    let Some(quotient) = dividend.checked_div(by) else { return Err(throw(-11)) };
    let remainder = dividend.wrapping_rem(by);
    if remainder != 0 && (remainder ^ by) < 0 {
        Ok((quotient - 1, (remainder + by) as i64))
    } else {
        Ok((quotient, remainder as i64))
    }
}

fn depth(m: &mut Machine) -> Res {
    m.push(m.depth() as i64)
}

fn mul_div(m: &mut Machine) -> Res {
    let [a, b, c] = m.pop_n()?;
    let (quotient, _) = floored(i128::from(a) * i128::from(b), c)?;
    m.push(narrow(quotient)?)
}

fn mul_div_mod(m: &mut Machine) -> Res {
    let [a, b, c] = m.pop_n()?;
    let (quotient, remainder) = floored(i128::from(a) * i128::from(b), c)?;
    m.push_n([remainder, narrow(quotient)?])
}

fn m_star(m: &mut Machine) -> Res {
    let [a, b] = m.pop_n()?;
    m.push_double(i128::from(a) * i128::from(b))
}

fn um_star(m: &mut Machine) -> Res {
    let [a, b] = m.pop_n()?;
    m.push_double((u128::from(a as u64) * u128::from(b as u64)) as i128)
}

fn um_mod(m: &mut Machine) -> Res {
    let divisor = m.pop()? as u64;
    let dividend = m.pop_double()? as u128;
    if divisor == 0 {
        return Err(throw(-10));
    }
    let quotient = u64::try_from(dividend / u128::from(divisor)).map_err(|_| throw(-11))?;
    m.push_n([(dividend % u128::from(divisor)) as i64, quotient as i64])
}

fn fm_mod(m: &mut Machine) -> Res {
    let divisor = m.pop()?;
    let dividend = m.pop_double()?;
    let (quotient, remainder) = floored(dividend, divisor)?;
    m.push_n([remainder, narrow(quotient)?])
}

fn sm_rem(m: &mut Machine) -> Res {
    let divisor = i128::from(m.pop()?);
    let dividend = m.pop_double()?;
    if divisor == 0 {
        return Err(throw(-10));
    }
    let quotient = dividend.checked_div(divisor).ok_or(throw(-11))?;
    m.push_n([dividend.wrapping_rem(divisor) as i64, narrow(quotient)?])
}

fn here(m: &mut Machine) -> Res {
    m.push(m.memory.here as i64)
}

fn allot(m: &mut Machine) -> Res {
    let count = m.pop()?;
    m.memory.allot(count)
}

fn comma(m: &mut Machine) -> Res {
    let value = m.pop()?;
    m.memory.comma(value)
}

fn c_comma(m: &mut Machine) -> Res {
    let value = m.pop()?;
    let at = m.memory.here as i64;
    m.memory.allot(1)?;
    m.memory.set_byte(at, value as u8)
}

fn align(m: &mut Machine) -> Res {
    m.memory.align()
}

fn aligned(m: &mut Machine) -> Res {
    let address = m.pop()?;
    m.push(address.wrapping_add(7) & !7)
}

/// MOVE.
pub fn move_bytes(m: &mut Machine) -> Res {
    let [from, to, count] = m.pop_n()?;
    let from = memory::Memory::range(from, count)?;
    let to = memory::Memory::range(to, count)?;
    m.memory.space.copy_within(from, to.start);
    Ok(())
}

fn fill(m: &mut Machine) -> Res {
    let [address, count, value] = m.pop_n()?;
    // The standard fills nothing for a count of zero; a negative count is a huge one.
    m.memory.bytes_mut(address, count)?.fill(value as u8);
    Ok(())
}

/// COUNT.
pub fn count(m: &mut Machine) -> Res {
    let address = m.pop()?;
    let len = m.memory.byte(address)?;
    m.push_n([address.wrapping_add(1), i64::from(len)])
}

/// TYPE.
pub fn type_text(m: &mut Machine) -> Res {
    let [address, len] = m.pop_n()?;
    let range = memory::Memory::range(address, len)?;
    if range.len() <= 4096 {
        if m.out.len() + range.len() > 8192 {
            m.flush_out()?;
        }
        m.out.extend_from_slice(&m.memory.space[range]);
        return Ok(());
    }
    m.flush_out()?;
    Ok(m.host.type_out(&m.memory.space[range])?)
}

fn emit(m: &mut Machine) -> Res {
    let value = m.pop()?;
    m.print(&[value as u8])
}

fn cr(m: &mut Machine) -> Res {
    m.print(b"\n")
}

fn space(m: &mut Machine) -> Res {
    m.print(b" ")
}

/// SPACES.
pub fn spaces(m: &mut Machine) -> Res {
    let mut count = m.pop()?;
    while count > 64 {
        m.print(&[b' '; 64])?;
        count -= 64;
        // A field may be wider than anybody waits for.
        m.tick()?;
    }
    m.print(&[b' '; 64][..count.max(0) as usize])
}

fn key(m: &mut Machine) -> Res {
    match super::facility::next_key(m)? {
        Some(byte) => m.push(i64::from(byte)),
        None => Err(throw(-39)),
    }
}

fn accept(m: &mut Machine) -> Res {
    let [address, len] = m.pop_n()?;
    m.memory.bytes(address, len)?;
    m.flush_out()?;
    m.host.flush()?;
    match m.host.accept(len as usize)? {
        Some(line) => {
            let count = line.len().min(len as usize) as i64;
            m.memory.bytes_mut(address, count)?.copy_from_slice(&line[..count as usize]);
            m.push(count)
        }
        None => m.push(0),
    }
}

fn decimal(m: &mut Machine) -> Res {
    m.memory.set_system(memory::BASE, 10);
    Ok(())
}

/// SOURCE.
pub fn source(m: &mut Machine) -> Res {
    let pair = m.inputs.last().map_or([memory::PAD as i64, 0], |input| [input.address, input.len]);
    m.push_n(pair)
}

fn evaluate(m: &mut Machine) -> Res {
    let [address, len] = m.pop_n()?;
    m.push_return(m.ip)?;
    m.open_string(address, len)?;
    m.ip = T_INTERPRET;
    Ok(())
}

fn quit(_: &mut Machine) -> Res {
    Err(Fault::Quit)
}

fn abort(_: &mut Machine) -> Res {
    Err(throw(-1))
}
