//! CORE EXT.

use std::rc::Rc;

use crate::dict::{
    Entry, Kind, NONE, WordSet, constant, control, dual, immediate, prim, primitive, stepped,
    stepped_only,
};
use crate::error::{Res, throw};
use crate::lex;
use crate::machine::Machine;
use crate::memory;
use crate::op::Op;
use crate::operation::Bin;
use crate::primitive::{Form, SWAP};
use crate::source::Refill;
use crate::words::state::MarkerState;

/// The table.
pub const SET: WordSet = WordSet { name: "CORE EXT", words: WORDS };

static WORDS: &[Entry] = &[
    primitive("nip", "( x1 x2 -- x2 )", "Removes the second item.", Form::Shuffle),
    primitive(
        "tuck",
        "( x1 x2 -- x2 x1 x2 )",
        "Copies the top item below the second.",
        Form::Shuffle,
    ),
    primitive(
        "-rot",
        "( x1 x2 x3 -- x3 x1 x2 )",
        "Moves the top item below the next two.",
        Form::Shuffle,
    ),
    stepped(
        "pick",
        "( xu ... x0 u -- xu ... x0 xu )",
        "Copies item u to the top.",
        pick,
        Form::Pick,
    ),
    prim("roll", "( xu ... x0 u -- xu-1 ... x0 xu )", "Moves item u to the top.", roll),
    stepped_only(
        "2>r",
        "( x1 x2 -- ) ( R: -- x1 x2 )",
        "Moves a pair to the return stack.",
        two_to_r,
        Form::Sequence(&[SWAP, Form::ToReturn, Form::ToReturn]),
    ),
    stepped_only(
        "2r>",
        "( -- x1 x2 ) ( R: x1 x2 -- )",
        "Moves a pair from the return stack.",
        two_r_from,
        Form::Sequence(&[Form::FromReturn, Form::FromReturn, SWAP]),
    ),
    stepped_only(
        "2r@",
        "( -- x1 x2 ) ( R: x1 x2 -- x1 x2 )",
        "Copies a pair of the return stack.",
        two_r_fetch,
        Form::Sequence(&[Form::FetchReturn(1), Form::FetchReturn(0)]),
    ),
    primitive("<>", "( x1 x2 -- f )", "True when different.", Form::Binary(Bin::Ne)),
    primitive("0<>", "( x -- f )", "True when not zero.", Form::CompareZero(Bin::Ne)),
    primitive("0>", "( n -- f )", "True when above zero.", Form::CompareZero(Bin::Gt)),
    primitive("<=", "( n1 n2 -- f )", "True when n1 is not greater.", Form::Binary(Bin::Le)),
    primitive(">=", "( n1 n2 -- f )", "True when n1 is not less.", Form::Binary(Bin::Ge)),
    stepped(
        "u>",
        "( u1 u2 -- f )",
        "True when u1 is greater, without sign.",
        u_greater,
        Form::Sequence(&[SWAP, Form::Binary(Bin::ULt)]),
    ),
    stepped("within", "( x low high -- f )", "True when low <= x < high.", within, WITHIN),
    constant("true", "( -- true )", "The true flag: all bits set.", -1),
    constant("false", "( -- false )", "The false flag: zero.", 0),
    constant("pad", "( -- c-addr )", "Room of 1024 bytes for any use.", memory::PAD as i64),
    prim("hex", "( -- )", "Numbers are hexadecimal.", hex),
    prim("unused", "( -- u )", "Bytes of data space that are left.", unused),
    prim("erase", "( addr u -- )", "Fills u bytes with zeroes.", erase),
    immediate(".(", "( \"text<paren>\" -- )", "Prints a text at once.", dot_paren),
    immediate("\\", "( \"line\" -- )", "Skips the rest of the line.", backslash),
    dual(
        "s\\\"",
        "( \"text<quote>\" -- c-addr u )",
        "A string with escapes.",
        s_slash,
        s_slash_compiled,
    ),
    dual("c\"", "( \"text<quote>\" -- c-addr )", "A counted string.", c_quote, c_quote_compiled),
    prim("parse", "( char \"text<char>\" -- c-addr u )", "Parses up to a character.", parse),
    prim("parse-name", "( \"name\" -- c-addr u )", "Parses the next name.", parse_name),
    prim("refill", "( -- f )", "Gets the next line of the input.", refill),
    prim(
        "restore-input",
        "( xn ... x1 n -- f )",
        "Back to a saved place of the input.",
        restore_input,
    ),
    prim("save-input", "( -- xn ... x1 n )", "Describes the place in the input.", save_input),
    prim("source-id", "( -- 0 | -1 | fileid )", "0 for the keyboard, -1 for a string.", source_id),
    prim(
        "buffer:",
        "( u \"name\" -- )",
        "Makes a word that pushes the address of u bytes.",
        buffer,
    ),
    prim("value", "( x \"name\" -- )", "Makes a word that pushes x, changed by TO.", value),
    dual("to", "( x \"name\" -- )", "Changes a VALUE or a local.", to, to_compiled),
    prim("defer", "( \"name\" -- )", "Makes a word whose action is given later.", defer),
    dual("is", "( xt \"name\" -- )", "Gives a DEFERed word its action.", is, is_compiled),
    dual(
        "action-of",
        "( \"name\" -- xt )",
        "The action of a DEFERed word.",
        action_of,
        action_of_compiled,
    ),
    prim("defer@", "( xt1 -- xt2 )", "The action of a DEFERed word, by token.", defer_fetch),
    prim("defer!", "( xt2 xt1 -- )", "Gives a DEFERed word its action, by token.", defer_store),
    prim(
        "marker",
        "( \"name\" -- )",
        "Makes a word that forgets everything from itself on.",
        marker,
    ),
    control(
        "[compile]",
        "( \"name\" -- )",
        "Compiles the next word even when immediate.",
        bracket_compile,
    ),
    primitive("noop", "( -- )", "Does nothing.", Form::Nothing),
];

const WITHIN: Form = Form::Sequence(&[
    // ( x low high ) : x-low < high-low, without sign.
    Form::Arrange(3, &[0, 1, 2, 1]),
    Form::Binary(Bin::Sub),
    Form::Arrange(3, &[2, 0, 1]),
    Form::Binary(Bin::Sub),
    SWAP,
    Form::Binary(Bin::ULt),
]);

fn within(m: &mut Machine) -> Res {
    let [x, low, high] = m.pop_n()?;
    m.push_flag((x.wrapping_sub(low) as u64) < high.wrapping_sub(low) as u64)
}

fn u_greater(m: &mut Machine) -> Res {
    let [a, b] = m.pop_n()?;
    m.push_flag(a as u64 > b as u64)
}

fn pick(m: &mut Machine) -> Res {
    let n = m.pop()?;
    let item = usize::try_from(n).ok().and_then(|n| m.ds.peek(n));
    m.push(item.ok_or(throw(-4))?)
}

fn two_to_r(m: &mut Machine) -> Res {
    let [a, b] = m.pop_n()?;
    m.rpush(a)?;
    m.rpush(b)
}

fn two_r_from(m: &mut Machine) -> Res {
    let b = m.rpop()?;
    let a = m.rpop()?;
    m.push_n([a, b])
}

fn two_r_fetch(m: &mut Machine) -> Res {
    let b = m.rpop()?;
    let a = m.rpop()?;
    m.rpush(a)?;
    m.rpush(b)?;
    m.push_n([a, b])
}

fn roll(m: &mut Machine) -> Res {
    let n = m.pop()?;
    let depth = m.ds.depth;
    match usize::try_from(n) {
        Ok(n) if n < depth => {
            m.ds.items_mut()[depth - 1 - n..].rotate_left(1);
            Ok(())
        }
        _ => Err(throw(-4)),
    }
}

fn hex(m: &mut Machine) -> Res {
    m.memory.set_system(memory::BASE, 16);
    Ok(())
}

fn unused(m: &mut Machine) -> Res {
    m.push(m.memory.unused() as i64)
}

fn erase(m: &mut Machine) -> Res {
    let [address, count] = m.pop_n()?;
    m.memory.bytes_mut(address, count)?.fill(0);
    Ok(())
}

fn dot_paren(m: &mut Machine) -> Res {
    let [address, len] = m.parse_until(b')')?;
    m.push_n([address, len])?;
    super::core::type_text(m)
}

fn backslash(m: &mut Machine) -> Res {
    if m.memory.system(memory::BLK) != 0 {
        // In a block a line has 64 characters (BLOCK EXT 7.6.2.2535).
        let to_in = m.memory.system(memory::TO_IN);
        m.advance((64 - to_in.rem_euclid(64)) as usize % 64);
        return Ok(());
    }
    m.parse_until(b'\n').map(drop)
}

/// Parses a text with the escapes of S\".
pub fn parse_escaped(m: &mut Machine) -> Res<Vec<u8>> {
    let area = m.parse_area()?;
    let mut text = Vec::new();
    let mut at = 0;
    let mut closed = false;
    while at < area.len() {
        let byte = area[at];
        at += 1;
        if byte == b'"' {
            closed = true;
            break;
        }
        if byte != b'\\' {
            text.push(byte);
            continue;
        }
        let Some(&escape) = area.get(at) else { break };
        at += 1;
        match escape {
            b'a' => text.push(7),
            b'b' => text.push(8),
            b'e' => text.push(27),
            b'f' => text.push(12),
            b'l' => text.push(10),
            b'm' => text.extend_from_slice(b"\r\n"),
            b'n' => text.push(10),
            b'q' => text.push(b'"'),
            b'r' => text.push(13),
            b't' => text.push(9),
            b'v' => text.push(11),
            b'z' => text.push(0),
            b'x' => {
                let digits = area.get(at..at + 2).map(|pair| [pair[0], pair[1]]);
                let value = digits.and_then(|[high, low]| {
                    let (high, low) = (lex::digit(high)?, lex::digit(low)?);
                    (high < 16 && low < 16).then_some((high * 16 + low) as u8)
                });
                let Some(value) = value else {
                    return Err(crate::error::throw_with(
                        -24,
                        "`\\x` needs two hexadecimal digits",
                    ));
                };
                text.push(value);
                at += 2;
            }
            other => text.push(other),
        }
    }
    let _ = closed;
    m.advance(at);
    Ok(text)
}

fn s_slash(m: &mut Machine) -> Res {
    let text = parse_escaped(m)?;
    let pair = m.transient(&text)?;
    m.push_pair(pair)
}

fn s_slash_compiled(m: &mut Machine) -> Res {
    let text = parse_escaped(m)?;
    super::core_compile::compile_string(m, &text)
}

fn counted(m: &mut Machine) -> Res<Vec<u8>> {
    let text = super::core_compile::parse_quoted(m)?;
    let Ok(len) = u8::try_from(text.len()) else { return Err(throw(-18)) };
    let mut counted = vec![len];
    counted.extend_from_slice(&text);
    Ok(counted)
}

fn c_quote(m: &mut Machine) -> Res {
    let text = counted(m)?;
    let [address, _] = m.transient(&text)?;
    m.push(address)
}

fn c_quote_compiled(m: &mut Machine) -> Res {
    let text = counted(m)?;
    let address = m.memory.keep_string(&text)?;
    m.emit(Op::Lit, address as i64)
}

fn parse(m: &mut Machine) -> Res {
    let delimiter = m.pop()?;
    let pair = match u8::try_from(delimiter) {
        Ok(byte) if byte.is_ascii() => m.parse_until(byte)?,
        _ => super::xchar::parse_until(m, delimiter)?,
    };
    m.push_pair(pair)
}

fn parse_name(m: &mut Machine) -> Res {
    let pair = m.parse_name()?;
    m.push_pair(pair)
}

fn refill(m: &mut Machine) -> Res {
    let got = m.refill()?;
    m.push_flag(got)
}

fn save_input(m: &mut Machine) -> Res {
    let to_in = m.memory.system(memory::TO_IN);
    let Some(input) = m.inputs.last() else { return m.push(0) };
    let next = match &input.refill {
        Refill::Lines { next, .. } => *next as i64,
        _ => 0,
    };
    let pos = i64::from(input.pos);
    let level = m.inputs.len() as i64;
    let blk = m.memory.system(memory::BLK);
    m.push_n([to_in, next, pos, blk, level, 5])
}

fn restore_input(m: &mut Machine) -> Res {
    let count = m.pop()?;
    if count != 5 {
        for _ in 0..count.clamp(0, m.ds.depth as i64) {
            m.pop()?;
        }
        return m.push(-1);
    }
    let [to_in, next, pos, blk, level] = m.pop_n()?;
    let depth = m.inputs.len() as i64;
    let Some(input) = m.inputs.last_mut() else { return m.push(-1) };
    let in_blocks = matches!(input.refill, Refill::Blocks { .. });
    if level != depth || in_blocks != (blk != 0) {
        return m.push(-1);
    }
    if in_blocks {
        if m.memory.system(memory::BLK) != blk {
            super::block::switch(m, blk)?;
        }
        m.memory.set_system(memory::TO_IN, to_in);
        return m.push(0);
    }
    if i64::from(input.pos) != pos {
        // Another line of the same text: put that line back.
        let Refill::Lines { text, next: current } = &mut input.refill else { return m.push(-1) };
        let base = m.sources.text_at(input.pos).map(|(_, text)| text.base);
        let start = base.and_then(|base| usize::try_from(pos - i64::from(base)).ok());
        let (Some(start), Ok(next)) = (start, usize::try_from(next)) else { return m.push(-1) };
        if start > next || next > text.len() {
            return m.push(-1);
        }
        *current = start;
        let _ = Rc::clone(text);
        m.refill()?;
    }
    m.memory.set_system(memory::TO_IN, to_in);
    m.push(0)
}

fn source_id(m: &mut Machine) -> Res {
    let id = m.inputs.last().map_or(0, |input| input.id);
    m.push(id)
}

fn buffer(m: &mut Machine) -> Res {
    let size = m.pop()?;
    let name = m.definition_name()?;
    if size < 0 {
        return Err(throw(-24));
    }
    super::core_compile::create_named(m, &name)?;
    m.memory.allot(size)
}

fn value(m: &mut Machine) -> Res {
    let value = m.pop()?;
    let name = m.definition_name()?;
    m.memory.align()?;
    let at = m.memory.here;
    m.memory.comma(value)?;
    m.define(&name, Kind::Value(at as u32), 0).map(drop)
}

/// The kind of a word behind its synonyms.
pub fn real_kind(m: &Machine, mut word: u32) -> Kind {
    for _ in 0..64 {
        match m.dict.get(word).map(|word| word.kind) {
            Some(Kind::Synonym(target)) => word = target,
            Some(kind) => return kind,
            None => break,
        }
    }
    Kind::Broken
}

fn to(m: &mut Machine) -> Res {
    let word = m.tick_name()?;
    match real_kind(m, word) {
        Kind::Value(at) => {
            let value = m.pop()?;
            m.memory.set_cell(i64::from(at), value)
        }
        Kind::TwoValue(at) => {
            m.push(i64::from(at))?;
            super::double::two_store(m)
        }
        Kind::FValue(at) => {
            let value = m.fpop()?;
            m.memory.set_cell(i64::from(at), value.to_bits() as i64)
        }
        Kind::Defer(at) => {
            let xt = m.pop()?;
            m.memory.set_cell(i64::from(at), xt)
        }
        _ => Err(throw(-32)),
    }
}

fn to_compiled(m: &mut Machine) -> Res {
    let saved = m.memory.system(memory::TO_IN);
    let [address, len] = m.parse_name()?;
    if let Some(local) = m.comp.local(m.memory.bytes(address, len)?) {
        return m.emit(Op::SetLocal, local as i64);
    }
    m.memory.set_system(memory::TO_IN, saved);
    let word = m.tick_name()?;
    match real_kind(m, word) {
        Kind::Value(at) | Kind::Defer(at) => m.emit(Op::SetValue, i64::from(at)),
        Kind::TwoValue(at) => {
            m.emit(Op::Lit, i64::from(at))?;
            m.compile_named("2!")
        }
        Kind::FValue(at) => {
            m.emit(Op::Lit, i64::from(at))?;
            m.compile_named("f!")
        }
        _ => Err(throw(-32)),
    }
}

fn uninitialized(_: &mut Machine) -> Res {
    Err(crate::error::throw_with(-9, "a DEFERed word has no action yet"))
}

fn defer(m: &mut Machine) -> Res {
    let name = m.definition_name()?;
    m.memory.align()?;
    let at = m.memory.here;
    let nothing = unset_defer(m);
    m.memory.comma(nothing)?;
    m.define(&name, Kind::Defer(at as u32), 0).map(drop)
}

/// Token of the action that a new DEFER has.
fn unset_defer(m: &Machine) -> i64 {
    let own = m.dict.find_in(&crate::dict::Name::new(b"(deferred)"), 0);
    Machine::xt(own.unwrap_or(NONE))
}

pub(super) const DEFERRED: Entry =
    prim("(deferred)", "( -- )", "What a DEFERed word does before IS.", uninitialized);

fn deferred_at(m: &Machine, word: u32) -> Res<i64> {
    match real_kind(m, word) {
        Kind::Defer(at) => Ok(i64::from(at)),
        _ => Err(throw(-32)),
    }
}

fn is(m: &mut Machine) -> Res {
    let word = m.tick_name()?;
    let at = deferred_at(m, word)?;
    let xt = m.pop()?;
    m.memory.set_cell(at, xt)
}

fn is_compiled(m: &mut Machine) -> Res {
    let word = m.tick_name()?;
    let at = deferred_at(m, word)?;
    m.emit(Op::SetValue, at)
}

fn action_of(m: &mut Machine) -> Res {
    let word = m.tick_name()?;
    let at = deferred_at(m, word)?;
    let xt = m.memory.cell(at)?;
    m.push(xt)
}

fn action_of_compiled(m: &mut Machine) -> Res {
    let word = m.tick_name()?;
    let at = deferred_at(m, word)?;
    m.emit(Op::Lit, at)?;
    m.compile_named("@")
}

fn defer_fetch(m: &mut Machine) -> Res {
    let xt = m.pop()?;
    let at = deferred_at(m, m.dict.from_xt(xt).unwrap_or(NONE))?;
    let action = m.memory.cell(at)?;
    m.push(action)
}

fn defer_store(m: &mut Machine) -> Res {
    let [action, xt] = m.pop_n()?;
    let at = deferred_at(m, m.dict.from_xt(xt).unwrap_or(NONE))?;
    m.memory.set_cell(at, action)
}

fn bracket_compile(m: &mut Machine) -> Res {
    let word = m.tick_name()?;
    match m.dict.get(word).map(|word| word.kind) {
        Some(Kind::Dual(_, compiled)) => {
            let _ = compiled;
            m.emit(Op::Compile, i64::from(word))
        }
        _ => m.compile_word(word),
    }
}

fn marker(m: &mut Machine) -> Res {
    let name = m.definition_name()?;
    let state = MarkerState {
        words: m.dict.len(),
        code: m.code.len(),
        code_words: m.code_words.len(),
        texts: m.sources.len(),
        here: m.memory.here,
        strings: m.memory.strings,
        lists: m.dict.lists(),
        order: m.dict.order.clone(),
        current: m.dict.current,
        markers: m.markers.len(),
        included: m.included.len(),
    };
    let index = m.markers.len() as u32;
    m.define(&name, Kind::Marker(index), 0)?;
    m.markers.push(state);
    Ok(())
}

impl Machine {
    /// Runs a MARKER: forgets everything defined since.
    pub(crate) fn forget_to(&mut self, index: u32) -> Res {
        if self.comp.active {
            return Err(throw(-29));
        }
        let Some(state) = self.markers.get(index as usize).cloned() else {
            return Err(throw(-9));
        };
        self.markers.truncate(state.markers);
        self.dict.truncate(state.words);
        self.dict.truncate_lists(state.lists);
        self.dict.order = state.order;
        self.dict.current = state.current;
        self.memory.here = state.here;
        self.memory.strings = state.strings;
        self.included.truncate(state.included);
        self.code_words.truncate(state.code_words);
        self.latest = NONE;
        self.latest_created = NONE;
        self.forget_code(state.code);
        self.forgotten = Some((state.texts, self.code.len() + self.dict.len()));
        Ok(())
    }

    /// FORGET: as a MARKER just before `word`, as far as that can be told afterwards.
    pub(crate) fn forget_from(&mut self, word: u32) -> Res {
        let mut state = MarkerState {
            words: word as usize,
            code: self.code.len(),
            code_words: self.code_words.len(),
            texts: self.sources.len(),
            here: self.memory.here,
            strings: self.memory.strings,
            lists: self.dict.lists(),
            order: self.dict.order.clone(),
            current: self.dict.current,
            markers: self.markers.len(),
            included: self.included.len(),
        };
        if let Some(at) = self.code_words.iter().position(|&(_, owner)| owner >= word) {
            (state.code, state.code_words) = (self.code_words[at].0 as usize, at);
        }
        for index in word..self.dict.len() as u32 {
            match self.dict.get(index).map(|header| header.kind) {
                Some(
                    Kind::Create(at, _)
                    | Kind::Value(at)
                    | Kind::TwoValue(at)
                    | Kind::FValue(at)
                    | Kind::TwoConstant(at)
                    | Kind::Defer(at),
                ) => state.here = state.here.min(at as usize),
                Some(Kind::Marker(at)) => state.markers = state.markers.min(at as usize),
                Some(Kind::Vocabulary(list)) => state.lists = state.lists.min(list as usize),
                _ => {}
            }
        }
        state.order.retain(|&list| (list as usize) < state.lists);
        if state.current as usize >= state.lists {
            state.current = crate::dict::FORTH_LIST;
        }
        let index = self.markers.len() as u32;
        self.markers.push(state);
        self.forget_to(index)
    }

    /// Cuts the code, unless something that still runs would return into it.
    fn forget_code(&mut self, len: usize) {
        self.drop_fast_code();
        use crate::frame::{is_return, return_token};
        let returns = |value: &i64| is_return(*value) && return_token(*value, &[]) as usize >= len;
        if self.ip as usize >= len || self.rs.items().iter().any(returns) {
            return;
        }
        self.code.truncate(len);
    }
}
