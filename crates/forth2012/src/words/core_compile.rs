//! CORE: defining words, control flow, parsing.

use crate::definition::Flow;
use crate::dict::{
    CT_BASE, Entry, IMMEDIATE, Kind, NONE, WordSet, XT_BASE, control, dual, immediate, prim,
    stepped_only,
};
use crate::error::{Res, throw, throw_with};
use crate::machine::Machine;
use crate::memory::{STATE, WORD_BUFFER};
use crate::op::Op;
use crate::primitive::Form;

/// The table.
pub const SET: WordSet = WordSet { name: "CORE", words: WORDS };

static WORDS: &[Entry] = &[
    prim(":", "( \"name\" -- )", "Starts a definition.", colon),
    control(";", "( -- )", "Ends a definition.", semicolon),
    prim("immediate", "( -- )", "Makes the latest word run while compiling.", make_immediate),
    immediate("[", "( -- )", "Interprets what follows.", left_bracket),
    prim("]", "( -- )", "Compiles what follows.", right_bracket),
    prim("'", "( \"name\" -- xt )", "The execution token of a word.", tick),
    control("[']", "( \"name\" -- xt )", "The execution token of a word, compiled.", bracket_tick),
    control("postpone", "( \"name\" -- )", "Compiles the compilation of a word.", postpone),
    control("literal", "( x -- )", "Compiles a number.", literal),
    control("if", "( f -- )", "Runs what follows when the flag is true.", if_),
    control("else", "( -- )", "Runs what follows when the flag of IF was false.", else_),
    control("then", "( -- )", "Ends IF.", then),
    control("begin", "( -- )", "Starts a loop.", begin),
    control("while", "( f -- )", "Goes on with the loop while the flag is true.", while_),
    control("repeat", "( -- )", "Back to BEGIN.", repeat),
    control("until", "( f -- )", "Back to BEGIN until the flag is true.", until),
    control("again", "( -- )", "Back to BEGIN for ever.", again),
    control("do", "( limit start -- )", "Starts a counted loop.", do_),
    control("?do", "( limit start -- )", "Starts a counted loop that may run no time.", q_do),
    control("loop", "( -- )", "Adds one to the index and loops until the limit.", loop_),
    control(
        "+loop",
        "( n -- )",
        "Adds n to the index and loops until the limit is crossed.",
        plus_loop,
    ),
    control("leave", "( -- )", "Leaves the counted loop.", leave),
    stepped_only(
        "unloop",
        "( -- )",
        "Forgets the innermost counted loop, before EXIT.",
        |m| m.end_loop(),
        Form::Unloop,
    ),
    stepped_only(
        "i",
        "( -- n )",
        "Index of the innermost counted loop.",
        |m| m.push(m.loop_index),
        Form::Index,
    ),
    stepped_only(
        "j",
        "( -- n )",
        "Index of the next outer counted loop.",
        outer_index,
        Form::OuterIndex,
    ),
    control("exit", "( -- )", "Returns from the definition.", exit),
    control("recurse", "( -- )", "Calls the definition itself.", recurse),
    control("does>", "( -- addr )", "What words made by this definition do.", does),
    prim("create", "( \"name\" -- )", "Makes a word that pushes the address of its data.", create),
    prim(
        "variable",
        "( \"name\" -- )",
        "Makes a word that pushes the address of its cell.",
        variable,
    ),
    prim("constant", "( x \"name\" -- )", "Makes a word that pushes x.", constant),
    prim("char", "( \"name\" -- char )", "The first character of the next name.", char_),
    control(
        "[char]",
        "( \"name\" -- char )",
        "The first character of the next name, compiled.",
        bracket_char,
    ),
    dual("s\"", "( \"text<quote>\" -- c-addr u )", "A string.", s_quote, s_quote_compiled),
    dual(".\"", "( \"text<quote>\" -- )", "Prints a text.", dot_quote, dot_quote_compiled),
    control(
        "abort\"",
        "( f \"text<quote>\" -- )",
        "Stops with a message when the flag is true.",
        abort_quote,
    ),
    immediate("(", "( \"text<paren>\" -- )", "Skips a comment.", paren),
    prim(
        "find",
        "( c-addr -- c-addr 0 | xt 1 | xt -1 )",
        "Looks for a word; 1 when immediate.",
        find,
    ),
    prim("word", "( char \"text<char>\" -- c-addr )", "Parses to a counted string.", word),
    prim(">body", "( xt -- a-addr )", "The data of a word made by CREATE.", to_body),
    control("case", "( -- )", "Starts a choice.", case),
    control("of", "( x1 x2 -- | x1 )", "Runs what follows when equal.", of),
    control("endof", "( -- )", "Ends OF: goes on behind ENDCASE.", end_of),
    control("endcase", "( x -- )", "Ends a choice, removing x.", end_case),
    prim(":noname", "( -- xt )", "Starts a definition without a name.", noname),
    prim("compile,", "( xt -- )", "Compiles the execution of a token.", compile_comma),
    control("[:", "( -- )", "Starts a quotation inside a definition.", quotation),
    control(";]", "( -- xt )", "Ends a quotation.", end_quotation),
    control("ahead", "( -- )", "An unconditional branch forward, resolved by THEN.", ahead),
];

fn colon(m: &mut Machine) -> Res {
    let name = m.definition_name()?;
    m.begin_definition(Some(&name))
}

fn noname(m: &mut Machine) -> Res {
    m.begin_definition(None)?;
    m.push(Machine::xt(m.comp.word))
}

fn semicolon(m: &mut Machine) -> Res {
    if !m.comp_outer.is_empty() {
        return Err(throw_with(-22, "control structures do not match: [: without ;]"));
    }
    m.end_definition()?;
    m.memory.set_system(STATE, 0);
    Ok(())
}

fn quotation(m: &mut Machine) -> Res {
    m.begin_quotation()
}

fn end_quotation(m: &mut Machine) -> Res {
    m.end_quotation()
}

fn make_immediate(m: &mut Machine) -> Res {
    match m.dict.get_mut(m.latest) {
        Some(word) => {
            word.flags |= IMMEDIATE;
            Ok(())
        }
        None => Err(throw(-16)),
    }
}

fn left_bracket(m: &mut Machine) -> Res {
    m.memory.set_system(STATE, 0);
    Ok(())
}

fn right_bracket(m: &mut Machine) -> Res {
    m.memory.set_system(STATE, -1);
    Ok(())
}

fn tick(m: &mut Machine) -> Res {
    let word = m.tick_name()?;
    m.push(Machine::xt(word))
}

fn bracket_tick(m: &mut Machine) -> Res {
    let word = m.tick_name()?;
    m.emit(Op::Lit, Machine::xt(word))
}

fn postpone(m: &mut Machine) -> Res {
    let word = m.tick_name()?;
    let Some(header) = m.dict.get(word) else { return Err(throw(-48)) };
    let immediate = header.flags & IMMEDIATE != 0;
    match header.kind {
        Kind::Prim(_) | Kind::Colon(_) | Kind::Create(..) | Kind::Synonym(_) | Kind::Broken
            if immediate =>
        {
            m.emit(Op::Word, i64::from(word))
        }
        _ if immediate => m.compile_word(word),
        _ => m.emit(Op::Compile, i64::from(word)),
    }
}

fn literal(m: &mut Machine) -> Res {
    let value = m.pop()?;
    m.emit(Op::Lit, value)
}

fn if_(m: &mut Machine) -> Res {
    let at = m.branch_ahead(Op::Branch0)?;
    m.flow_push(Flow::Orig(at))
}

fn ahead(m: &mut Machine) -> Res {
    let at = m.branch_ahead(Op::Branch)?;
    m.flow_push(Flow::Orig(at))
}

fn else_(m: &mut Machine) -> Res {
    let orig = m.pop_orig()?;
    let at = m.branch_ahead(Op::Branch)?;
    m.flow_push(Flow::Orig(at))?;
    m.resolve(orig)
}

fn then(m: &mut Machine) -> Res {
    let orig = m.pop_orig()?;
    m.resolve(orig)
}

fn begin(m: &mut Machine) -> Res {
    let here = m.comp.toks.len();
    m.flow_push(Flow::Dest(here))
}

fn while_(m: &mut Machine) -> Res {
    let dest = m.flow_pop()?;
    if_(m)?;
    let orig = m.flow_pop()?;
    m.flow_push(orig)?;
    m.flow_push(dest)?;
    let len = m.comp.flow.len();
    debug_assert!(len >= 2);
    Ok(())
}

fn repeat(m: &mut Machine) -> Res {
    again(m)?;
    then(m)
}

fn until(m: &mut Machine) -> Res {
    let dest = m.pop_dest()?;
    m.emit(Op::Branch0, dest as i64)
}

fn again(m: &mut Machine) -> Res {
    let dest = m.pop_dest()?;
    m.emit(Op::Branch, dest as i64)
}

fn do_(m: &mut Machine) -> Res {
    m.emit(Op::Do, 0)?;
    let start = m.comp.toks.len();
    m.flow_push(Flow::Do { start, leaves: Vec::new() })
}

fn q_do(m: &mut Machine) -> Res {
    let skip = m.branch_ahead(Op::QDo)?;
    let start = m.comp.toks.len();
    m.flow_push(Flow::Do { start, leaves: vec![skip] })
}

fn loop_(m: &mut Machine) -> Res {
    m.end_counted(Op::Loop)
}

fn plus_loop(m: &mut Machine) -> Res {
    m.end_counted(Op::PlusLoop)
}

fn leave(m: &mut Machine) -> Res {
    m.leave_loop()
}

fn exit(m: &mut Machine) -> Res {
    m.emit(Op::Exit, 0)
}

fn recurse(m: &mut Machine) -> Res {
    if !m.comp.active {
        return Err(throw(-14));
    }
    m.emit(Op::Word, i64::from(m.comp.word))
}

fn does(m: &mut Machine) -> Res {
    m.compile_does()
}

/// CREATE with a name that was parsed already.
pub fn create_named(m: &mut Machine, name: &[u8]) -> Res<u32> {
    m.memory.align()?;
    let here = m.memory.here as u32;
    let word = m.define(name, Kind::Create(here, 0), 0)?;
    m.latest_created = word;
    Ok(word)
}

fn create(m: &mut Machine) -> Res {
    let name = m.definition_name()?;
    create_named(m, &name).map(drop)
}

fn variable(m: &mut Machine) -> Res {
    create(m)?;
    m.memory.comma(0)
}

fn constant(m: &mut Machine) -> Res {
    let value = m.pop()?;
    let name = m.definition_name()?;
    m.define(&name, Kind::Constant(value), 0).map(drop)
}

fn first_char(m: &mut Machine) -> Res<i64> {
    let [address, len] = m.parse_name()?;
    if len == 0 {
        return Err(throw(-16));
    }
    let name = m.memory.bytes(address, len)?;
    let wide = std::str::from_utf8(name).ok().and_then(|text| text.chars().next());
    Ok(wide.map_or(i64::from(name[0]), |c| i64::from(u32::from(c))))
}

fn char_(m: &mut Machine) -> Res {
    let value = first_char(m)?;
    m.push(value)
}

fn bracket_char(m: &mut Machine) -> Res {
    let value = first_char(m)?;
    m.emit(Op::Lit, value)
}

/// Parses up to a quote that must be there.
pub fn parse_quoted(m: &mut Machine) -> Res<Vec<u8>> {
    let [address, len] = m.parse_until(b'"')?;
    Ok(m.memory.bytes(address, len)?.to_vec())
}

/// Compiles a string so that it is pushed.
pub fn compile_string(m: &mut Machine, text: &[u8]) -> Res {
    let address = m.memory.keep_string(text)?;
    m.emit(Op::Lit, address as i64)?;
    m.emit(Op::Lit, text.len() as i64)
}

fn s_quote(m: &mut Machine) -> Res {
    let text = parse_quoted(m)?;
    let pair = m.transient(&text)?;
    m.push_pair(pair)
}

fn s_quote_compiled(m: &mut Machine) -> Res {
    let text = parse_quoted(m)?;
    compile_string(m, &text)
}

fn dot_quote(m: &mut Machine) -> Res {
    let text = parse_quoted(m)?;
    m.print(&text)
}

fn dot_quote_compiled(m: &mut Machine) -> Res {
    let text = parse_quoted(m)?;
    compile_string(m, &text)?;
    m.compile_named("type")
}

fn abort_quote(m: &mut Machine) -> Res {
    let text = parse_quoted(m)?;
    compile_string(m, &text)?;
    m.compile_named("(abort\")")
}

fn paren(m: &mut Machine) -> Res {
    loop {
        let before = m.parse_address();
        let [address, len] = m.parse_until(b')')?;
        let closed = m.parse_address() > address + len || before > address + len;
        // In a file a comment may go over several lines (FILE 11.6.1.0080).
        let multi = m
            .inputs
            .last()
            .is_some_and(|input| matches!(input.refill, crate::source::Refill::Lines { .. }));
        if closed || !multi || !m.refill()? {
            return Ok(());
        }
    }
}

fn find(m: &mut Machine) -> Res {
    let address = m.pop()?;
    let len = i64::from(m.memory.byte(address)?);
    let name = m.memory.bytes(address.wrapping_add(1), len)?.to_vec();
    match m.find_word(&name)? {
        None => m.push_n([address, 0]),
        Some(word) => push_found(m, word),
    }
}

/// Pushes ( xt 1 | xt -1 ).
pub fn push_found(m: &mut Machine, word: u32) -> Res {
    let Some(header) = m.dict.get(word) else { return Err(throw(-9)) };
    let immediate = header.flags & IMMEDIATE != 0;
    if matches!(header.kind, Kind::Dual(..)) && m.is_compiling() {
        return m.push_n([CT_BASE + i64::from(word), 1]);
    }
    m.push_n([XT_BASE + i64::from(word), if immediate { 1 } else { -1 }])
}

fn word(m: &mut Machine) -> Res {
    let delimiter = m.pop()? as u8;
    let area = m.parse_area()?;
    let is_delimiter = |b: &u8| *b == delimiter || (delimiter == b' ' && *b <= b' ');
    let skipped = area.iter().take_while(|b| is_delimiter(b)).count();
    m.advance(skipped);
    let [address, len] = m.parse_until(delimiter)?;
    if len > 255 {
        return Err(throw(-18));
    }
    let text = m.memory.bytes(address, len)?.to_vec();
    let at = WORD_BUFFER as i64;
    m.memory.set_byte(at, len as u8)?;
    m.memory.bytes_mut(at + 1, len)?.copy_from_slice(&text);
    m.memory.set_byte(at + 1 + len, b' ')?;
    m.push(at)
}

fn to_body(m: &mut Machine) -> Res {
    let xt = m.pop()?;
    let mut word = m.dict.from_xt(xt).unwrap_or(NONE);
    for _ in 0..64 {
        match m.dict.get(word).map(|word| word.kind) {
            Some(Kind::Create(body, _) | Kind::TwoConstant(body)) => {
                return m.push(i64::from(body));
            }
            Some(Kind::Value(body) | Kind::TwoValue(body) | Kind::FValue(body)) => {
                return m.push(i64::from(body));
            }
            Some(Kind::Defer(body)) => return m.push(i64::from(body)),
            Some(Kind::Synonym(target)) => word = target,
            _ => return Err(throw(-31)),
        }
    }
    Err(throw(-31))
}

fn case(m: &mut Machine) -> Res {
    m.flow_push(Flow::Case(Vec::new()))
}

fn outer_index(m: &mut Machine) -> Res {
    let index = m.rs.peek(0).ok_or(throw(-26))?;
    m.push(index)
}

fn of(m: &mut Machine) -> Res {
    let at = m.branch_ahead(Op::Of)?;
    m.flow_push(Flow::Of(at))
}

fn end_of(m: &mut Machine) -> Res {
    let Flow::Of(of) = m.flow_pop()? else { return Err(throw(-22)) };
    let at = m.branch_ahead(Op::Branch)?;
    match m.comp.flow.last_mut() {
        Some(Flow::Case(ends)) => ends.push(at),
        _ => return Err(throw(-22)),
    }
    m.resolve(of)
}

fn end_case(m: &mut Machine) -> Res {
    let Flow::Case(ends) = m.flow_pop()? else { return Err(throw(-22)) };
    m.compile_named("drop")?;
    ends.into_iter().try_for_each(|at| m.resolve(at))
}

fn compile_comma(m: &mut Machine) -> Res {
    let xt = m.pop()?;
    match m.dict.from_xt(xt) {
        Some(word) => m.compile_word(word),
        None => {
            m.emit(Op::Lit, xt)?;
            m.compile_named("execute")
        }
    }
}
