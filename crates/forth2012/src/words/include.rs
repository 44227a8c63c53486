//! Source files: INCLUDED, REQUIRED and their parsing forms.

use std::rc::Rc;

use crate::dict::{Entry, WordSet, prim};
use crate::error::{Fault, Res, throw, throw_with};
use crate::frame::T_INTERPRET;
use crate::machine::Machine;

/// The table.
pub const SET: WordSet = WordSet { name: "FILE", words: WORDS };

static WORDS: &[Entry] = &[
    prim("included", "( i*x c-addr u -- j*x )", "Interprets a file.", included),
    prim("include", "( i*x \"name\" -- j*x )", "Interprets a file.", include),
    prim(
        "required",
        "( i*x c-addr u -- i*x )",
        "Interprets a file unless it was before.",
        required,
    ),
    prim("require", "( i*x \"name\" -- i*x )", "Interprets a file unless it was before.", require),
    prim("bye", "( -- )", "Leaves.", bye),
    prim("(bye)", "( n -- )", "Leaves with an exit code.", bye_with),
];

fn bye(_: &mut Machine) -> Res {
    Err(Fault::Bye(0))
}

fn bye_with(m: &mut Machine) -> Res {
    let code = m.pop()?;
    Err(Fault::Bye((code & 0xff) as i32))
}

fn parsed_name(m: &mut Machine) -> Res<Vec<u8>> {
    let [address, len] = m.parse_name()?;
    if len == 0 {
        return Err(throw(-16));
    }
    Ok(m.memory.bytes(address, len)?.to_vec())
}

fn included(m: &mut Machine) -> Res {
    let name = m.pop_text()?;
    load(m, &name, false)
}

fn include(m: &mut Machine) -> Res {
    let name = parsed_name(m)?;
    load(m, &name, false)
}

fn required(m: &mut Machine) -> Res {
    let name = m.pop_text()?;
    load(m, &name, true)
}

fn require(m: &mut Machine) -> Res {
    let name = parsed_name(m)?;
    load(m, &name, true)
}

/// Opens a file as the input; its end returns to the current token.
fn load(m: &mut Machine, name: &[u8], once: bool) -> Res {
    let from = m.inputs.iter().rev().find_map(|input| input.path.clone());
    m.flush_out()?;
    let (path, text) = m.host.open_include(name, from.as_deref())?;
    let path: Rc<str> = Rc::from(path);
    if once && m.included.contains(&path) {
        return Ok(());
    }
    if m.included.len() >= 65_536 {
        return Err(throw_with(-8, "too many files were included"));
    }
    m.push_return(m.ip)?;
    m.open_file(&text, path)?;
    m.ip = T_INTERPRET;
    Ok(())
}
