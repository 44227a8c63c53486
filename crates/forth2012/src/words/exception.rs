//! EXCEPTION and EXCEPTION EXT.

use crate::dict::{Entry, WordSet, prim, stepped};
use crate::error::{Fault, Res, throw};
use crate::host::Throw;
use crate::machine::Machine;
use crate::primitive::Form;

/// The table.
pub const SET: WordSet = WordSet { name: "EXCEPTION", words: WORDS };

static WORDS: &[Entry] = &[
    stepped(
        "catch",
        "( i*x xt -- j*x 0 | i*x n )",
        "Runs a token; n is what it THROWs.",
        catch,
        Form::Catch,
    ),
    stepped(
        "throw",
        "( k*x n -- k*x | i*x n )",
        "Goes back to CATCH unless n is zero.",
        throw_word,
        Form::Throw,
    ),
    prim(
        "(abort\")",
        "( f c-addr u -- )",
        "Stops with a message when the flag is true.",
        abort_with,
    ),
    super::core_ext::DEFERRED,
];

fn catch(m: &mut Machine) -> Res {
    let xt = m.pop()?;
    m.catch(xt)
}

fn throw_word(m: &mut Machine) -> Res {
    let code = m.pop()?;
    if code == 0 {
        return Ok(());
    }
    // A code that goes on from a CATCH keeps the sentence it came with.
    let message = match m.caught_message.take() {
        Some((caught, text)) if caught == code => Some(text),
        _ => None,
    };
    match code {
        -56 => Err(Fault::Quit),
        _ => Err(Fault::Throw(Throw { code, message })),
    }
}

fn abort_with(m: &mut Machine) -> Res {
    let text = m.pop_text()?;
    if m.pop()? == 0 {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    if text.is_empty() { Err(throw(-2)) } else { Err(Fault::Throw(Throw::new(-2, text))) }
}
