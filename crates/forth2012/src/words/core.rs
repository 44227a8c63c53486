//! CORE: stack, arithmetic, memory, execution.

use crate::dict::{Entry, WordSet, constant, prim, primitive, stepped, stepped_only};
use crate::error::{Fault, Res, throw};
use crate::frame::T_INTERPRET;
use crate::machine::Machine;
use crate::memory;
use crate::operation::{Bin, Un};
use crate::primitive::{DUP, Form, SWAP};
use crate::words::keyboard::next_key;
use crate::words::number::spaces;

/// The table.
pub const SET: WordSet = WordSet { name: "CORE", words: WORDS };

static WORDS: &[Entry] = &[
    primitive("dup", "( x -- x x )", "Copies the top item.", Form::Shuffle),
    primitive("drop", "( x -- )", "Removes the top item.", Form::Shuffle),
    primitive("swap", "( x1 x2 -- x2 x1 )", "Exchanges the top two items.", Form::Shuffle),
    primitive("over", "( x1 x2 -- x1 x2 x1 )", "Copies the second item to the top.", Form::Shuffle),
    primitive(
        "rot",
        "( x1 x2 x3 -- x2 x3 x1 )",
        "Brings the third item to the top.",
        Form::Shuffle,
    ),
    primitive("2dup", "( x1 x2 -- x1 x2 x1 x2 )", "Copies the top pair.", Form::Shuffle),
    primitive("2drop", "( x1 x2 -- )", "Removes the top pair.", Form::Shuffle),
    primitive(
        "2swap",
        "( x1 x2 x3 x4 -- x3 x4 x1 x2 )",
        "Exchanges the top two pairs.",
        Form::Shuffle,
    ),
    primitive(
        "2over",
        "( x1 x2 x3 x4 -- x1 x2 x3 x4 x1 x2 )",
        "Copies the second pair to the top.",
        Form::Shuffle,
    ),
    stepped(
        "?dup",
        "( x -- 0 | x x )",
        "Copies the top item unless it is zero.",
        dup_if,
        Form::DupIf,
    ),
    prim("depth", "( -- n )", "Number of items on the stack.", depth),
    stepped_only(
        ">r",
        "( x -- ) ( R: -- x )",
        "Moves an item to the return stack.",
        to_r,
        Form::ToReturn,
    ),
    stepped_only(
        "r>",
        "( -- x ) ( R: x -- )",
        "Moves an item from the return stack.",
        r_from,
        Form::FromReturn,
    ),
    stepped_only(
        "r@",
        "( -- x ) ( R: x -- x )",
        "Copies the top of the return stack.",
        r_fetch,
        Form::FetchReturn(0),
    ),
    primitive("+", "( n1 n2 -- n3 )", "Adds.", Form::Binary(Bin::Add)),
    primitive("-", "( n1 n2 -- n3 )", "Subtracts n2 from n1.", Form::Binary(Bin::Sub)),
    primitive("*", "( n1 n2 -- n3 )", "Multiplies.", Form::Binary(Bin::Mul)),
    stepped("/", "( n1 n2 -- n3 )", "Divides, rounding down.", |m| divide(m, div), Form::Divide),
    stepped(
        "mod",
        "( n1 n2 -- n3 )",
        "Remainder with the sign of the divisor.",
        |m| divide(m, modulo),
        Form::Modulo,
    ),
    stepped("/mod", "( n1 n2 -- rem quot )", "Remainder and quotient.", slash_mod, Form::Step),
    prim(
        "*/",
        "( n1 n2 n3 -- n4 )",
        "n1 times n2 divided by n3, without overflow between.",
        mul_div,
    ),
    prim("*/mod", "( n1 n2 n3 -- rem quot )", "As */ with the remainder.", mul_div_mod),
    primitive("and", "( x1 x2 -- x3 )", "Bitwise and.", Form::Binary(Bin::And)),
    primitive("or", "( x1 x2 -- x3 )", "Bitwise or.", Form::Binary(Bin::Or)),
    primitive("xor", "( x1 x2 -- x3 )", "Bitwise exclusive or.", Form::Binary(Bin::Xor)),
    primitive("invert", "( x1 -- x2 )", "Inverts all bits.", Form::Unary(Un::Invert)),
    primitive("negate", "( n1 -- n2 )", "Changes the sign.", Form::Unary(Un::Negate)),
    primitive("abs", "( n -- u )", "Absolute value.", Form::Unary(Un::Abs)),
    primitive("min", "( n1 n2 -- n3 )", "The smaller of two.", Form::Binary(Bin::Min)),
    primitive("max", "( n1 n2 -- n3 )", "The greater of two.", Form::Binary(Bin::Max)),
    primitive("1+", "( n1 -- n2 )", "Adds one.", Form::Add(1)),
    primitive("1-", "( n1 -- n2 )", "Subtracts one.", Form::Add(-1)),
    stepped(
        "2*",
        "( x1 -- x2 )",
        "Shifts left by one bit.",
        |m| m.map_top(|x| x.wrapping_mul(2)),
        Form::Sequence(&[Form::Number(1), Form::Binary(Bin::Shl)]),
    ),
    stepped(
        "2/",
        "( x1 -- x2 )",
        "Halves, rounding down.",
        |m| m.map_top(|x| x >> 1),
        Form::Sequence(&[Form::Number(1), Form::Binary(Bin::Sar)]),
    ),
    primitive("lshift", "( x1 u -- x2 )", "Shifts left by u bits.", Form::Binary(Bin::Shl)),
    primitive(
        "rshift",
        "( x1 u -- x2 )",
        "Shifts right by u bits, filling with zeroes.",
        Form::Binary(Bin::Shr),
    ),
    primitive("=", "( x1 x2 -- f )", "True when equal.", Form::Binary(Bin::Eq)),
    primitive("<", "( n1 n2 -- f )", "True when n1 is less.", Form::Binary(Bin::Lt)),
    primitive(">", "( n1 n2 -- f )", "True when n1 is greater.", Form::Binary(Bin::Gt)),
    primitive(
        "u<",
        "( u1 u2 -- f )",
        "True when u1 is less, without sign.",
        Form::Binary(Bin::ULt),
    ),
    primitive("0=", "( x -- f )", "True when zero.", Form::CompareZero(Bin::Eq)),
    primitive("0<", "( n -- f )", "True when negative.", Form::CompareZero(Bin::Lt)),
    stepped(
        "s>d",
        "( n -- d )",
        "Makes a double number of a single one.",
        s_to_d,
        Form::Sequence(&[DUP, Form::Number(63), Form::Binary(Bin::Sar)]),
    ),
    prim("m*", "( n1 n2 -- d )", "Multiplies to a double number.", m_star),
    prim("um*", "( u1 u2 -- ud )", "Multiplies to a double number, without sign.", um_star),
    prim("um/mod", "( ud u -- rem quot )", "Divides a double number, without sign.", um_mod),
    prim("fm/mod", "( d n -- rem quot )", "Divides a double number, rounding down.", fm_mod),
    prim("sm/rem", "( d n -- rem quot )", "Divides a double number, rounding to zero.", sm_rem),
    stepped("@", "( a-addr -- x )", "Reads a cell.", fetch, Form::Load),
    stepped("!", "( x a-addr -- )", "Writes a cell.", store, Form::Store),
    stepped("c@", "( c-addr -- char )", "Reads a byte.", c_fetch, Form::LoadByte),
    stepped("c!", "( char c-addr -- )", "Writes a byte.", c_store, Form::StoreByte),
    stepped("+!", "( n a-addr -- )", "Adds to a cell.", plus_store, Form::StoreAdd),
    stepped(
        "2@",
        "( a-addr -- x1 x2 )",
        "Reads a pair, x2 from the lower address.",
        two_fetch,
        TWO_FETCH,
    ),
    stepped(
        "2!",
        "( x1 x2 a-addr -- )",
        "Writes a pair, x2 to the lower address.",
        super::double::two_store,
        TWO_STORE,
    ),
    primitive("cells", "( n1 -- n2 )", "Bytes of n1 cells.", Form::Cells),
    primitive("cell+", "( a-addr1 -- a-addr2 )", "Address of the next cell.", Form::Add(8)),
    primitive("chars", "( n1 -- n2 )", "Bytes of n1 characters.", Form::Nothing),
    primitive("char+", "( c-addr1 -- c-addr2 )", "Address of the next character.", Form::Add(1)),
    prim("here", "( -- addr )", "The end of the dictionary.", here),
    prim("allot", "( n -- )", "Reserves n bytes of data space, or gives them back.", allot),
    prim(",", "( x -- )", "Appends a cell to data space.", comma),
    prim("c,", "( char -- )", "Appends a byte to data space.", c_comma),
    prim("align", "( -- )", "Moves HERE to an aligned address.", align),
    prim("aligned", "( addr -- a-addr )", "The first aligned address from addr on.", aligned),
    prim("move", "( addr1 addr2 u -- )", "Copies u bytes, overlapping or not.", move_bytes),
    prim("fill", "( c-addr u char -- )", "Fills u bytes.", fill),
    stepped(
        "execute",
        "( i*x xt -- j*x )",
        "Runs the word of an execution token.",
        execute,
        Form::Execute,
    ),
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

/// `2@`: the cell behind first.
const TWO_FETCH: Form = Form::Sequence(&[DUP, Form::Add(8), Form::Load, SWAP, Form::Load]);

/// `2!`: the top item of the pair to the lower address first.
const TWO_STORE: Form =
    Form::Sequence(&[Form::Arrange(3, &[0, 2, 1, 2]), Form::Store, Form::Add(8), Form::Store]);

fn dup_if(m: &mut Machine) -> Res {
    let x = m.pop()?;
    if x == 0 { m.push(x) } else { m.push_n([x, x]) }
}

fn to_r(m: &mut Machine) -> Res {
    let x = m.pop()?;
    m.rpush(x)
}

fn r_from(m: &mut Machine) -> Res {
    let x = m.rpop()?;
    m.push(x)
}

fn r_fetch(m: &mut Machine) -> Res {
    let x = m.rpop()?;
    m.rpush(x)?;
    m.push(x)
}

fn divide(m: &mut Machine, operation: fn(i64, i64) -> Res<i64>) -> Res {
    let [a, b] = m.pop_n()?;
    m.push(operation(a, b)?)
}

fn slash_mod(m: &mut Machine) -> Res {
    let [a, b] = m.pop_n()?;
    m.push_n([modulo(a, b)?, div(a, b)?])
}

fn s_to_d(m: &mut Machine) -> Res {
    let x = m.pop()?;
    m.push_n([x, x >> 63])
}

fn fetch(m: &mut Machine) -> Res {
    let at = m.pop()?;
    m.push(m.memory.cell(at)?)
}

fn store(m: &mut Machine) -> Res {
    let [x, at] = m.pop_n()?;
    m.memory.set_cell(at, x)
}

fn c_fetch(m: &mut Machine) -> Res {
    let at = m.pop()?;
    let byte = m.memory.byte(at)?;
    m.push(i64::from(byte))
}

fn c_store(m: &mut Machine) -> Res {
    let [x, at] = m.pop_n()?;
    m.memory.set_byte(at, x as u8)
}

fn plus_store(m: &mut Machine) -> Res {
    let [n, at] = m.pop_n()?;
    let old = m.memory.cell(at)?;
    m.memory.set_cell(at, old.wrapping_add(n))
}

fn two_fetch(m: &mut Machine) -> Res {
    let at = m.pop()?;
    let pair = m.fetch_two(at)?;
    m.push_pair(pair)
}

fn execute(m: &mut Machine) -> Res {
    let xt = m.pop()?;
    m.execute_xt(xt)
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

fn key(m: &mut Machine) -> Res {
    match next_key(m)? {
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
