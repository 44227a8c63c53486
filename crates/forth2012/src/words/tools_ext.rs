//! TOOLS EXT (Forth-2012 15.6.2): name tokens, control-flow stack, N>R, SYNONYM, FORGET.
//!
//! CODE, ;CODE, ASSEMBLER and EDITOR are absent: there is no assembler and no block editor.

use crate::definition::Flow;
use crate::dict::{COMPILE_ONLY, CT_BASE, Entry, IMMEDIATE, Kind, Name, WordSet, XT_BASE, prim};
use crate::error::{Fault, Res, throw, throw_with};
use crate::frame::T_HALT;
use crate::limits::CALLBACK_NESTING;
use crate::machine::Machine;

/// The table.
pub const SET: WordSet = WordSet { name: "TOOLS EXT", words: WORDS };

static WORDS: &[Entry] = &[
    prim(
        "cs-pick",
        "( u -- ) ( C: destu ... dest0 -- destu ... dest0 destu )",
        "Copies a control-flow item.",
        cs_pick,
    ),
    prim(
        "cs-roll",
        "( u -- ) ( C: xu ... x0 -- xu-1 ... x0 xu )",
        "Moves a control-flow item to the top.",
        cs_roll,
    ),
    prim("n>r", "( xn ... x1 n -- ) ( R: -- x1 ... xn n )", "Puts n items away for NR>.", n_to_r),
    prim(
        "nr>",
        "( -- xn ... x1 n ) ( R: x1 ... xn n -- )",
        "Takes back what N>R put away.",
        n_r_from,
    ),
    prim("synonym", "( \"new\" \"old\" -- )", "Makes another name for a word.", synonym),
    prim(
        "traverse-wordlist",
        "( i*x xt wid -- j*x )",
        "Runs xt ( nt -- f ) for each word, newest first.",
        traverse,
    ),
    prim("name>string", "( nt -- c-addr u )", "The name of a name token.", name_to_string),
    prim("name>interpret", "( nt -- xt | 0 )", "The token for interpretation.", name_to_interpret),
    prim(
        "name>compile",
        "( nt -- x xt )",
        "What compiles the word: x xt EXECUTE.",
        name_to_compile,
    ),
    prim(
        "find-name",
        "( c-addr u -- nt | 0 )",
        "The name token of a word in the search order.",
        find_name,
    ),
    prim("forget", "( \"name\" -- )", "Forgets a word and everything defined after it.", forget),
];

/// Name token of word 0.
const NT_BASE: i64 = 0x0300_0000_0000;

fn word_of(m: &Machine, nt: i64) -> Res<u32> {
    m.dict.from_xt(nt.wrapping_sub(NT_BASE - XT_BASE)).ok_or(throw(-9))
}

fn flow_index(m: &mut Machine) -> Res<usize> {
    let n = m.pop()?;
    let at = usize::try_from(n).ok().and_then(|n| m.comp.flow.len().checked_sub(n.checked_add(1)?));
    at.ok_or(throw(-22))
}

fn cs_pick(m: &mut Machine) -> Res {
    let at = flow_index(m)?;
    match m.comp.flow[at].clone() {
        item @ Flow::Dest(_) => m.flow_push(item),
        _ => Err(throw(-22)),
    }
}

fn cs_roll(m: &mut Machine) -> Res {
    let at = flow_index(m)?;
    m.comp.flow[at..].rotate_left(1);
    Ok(())
}

fn n_to_r(m: &mut Machine) -> Res {
    let count = m.pop()?;
    let kept = usize::try_from(count).ok().filter(|&count| count <= m.ds.depth).ok_or(throw(-4))?;
    if m.ns.len() + kept >= m.limits.return_cells {
        return Err(throw(-5));
    }
    let at = m.ds.depth - kept;
    m.ns.extend_from_slice(&m.ds.items()[at..]);
    m.ns.push(count);
    m.ds.depth = at;
    Ok(())
}

fn n_r_from(m: &mut Machine) -> Res {
    let count = m.ns.pop().ok_or(throw(-6))?;
    let at = usize::try_from(count).ok().and_then(|count| m.ns.len().checked_sub(count));
    let items = m.ns.split_off(at.ok_or(throw(-6))?);
    items.into_iter().try_for_each(|item| m.push(item))?;
    m.push(count)
}

fn synonym(m: &mut Machine) -> Res {
    let name = m.definition_name()?;
    let mut old = m.tick_name()?;
    let flags = m.dict.get(old).map_or(0, |word| word.flags) & (IMMEDIATE | COMPILE_ONLY);
    // Always of the word itself, so that chains stay short.
    while let Some(Kind::Synonym(target)) = m.dict.get(old).map(|word| word.kind) {
        old = target;
    }
    m.define(&name, Kind::Synonym(old), flags).map(drop)
}

impl Machine {
    /// Runs an execution token to its end, for words that call back.
    ///
    /// Recursion is bounded; a THROW goes through to the caller.
    pub(crate) fn call_back(&mut self, xt: i64) -> Res {
        if self.nesting >= CALLBACK_NESTING {
            return Err(throw_with(-5, "words that call back are nested too deeply"));
        }
        self.nesting += 1;
        let (ip, floor) = (self.ip, self.catches.len());
        // A definition returns to Halt; a primitive is done when the run begins.
        self.ip = T_HALT;
        let started = match self.execute_xt(xt) {
            Err(Fault::Throw(throw)) if self.catches.len() > floor => {
                self.unwind(throw.code, throw.message)
            }
            other => other,
        };
        let result = started.and_then(|()| self.run(floor));
        self.ip = ip;
        self.nesting = self.nesting.saturating_sub(1);
        result
    }
}

fn traverse(m: &mut Machine) -> Res {
    let [xt, wid] = m.pop_n()?;
    let list = super::search::list_of(m, wid)?;
    let words: Vec<u32> = m.dict.words_of(list).filter(|&w| !m.dict.name(w).is_empty()).collect();
    for word in words {
        if word as usize >= m.dict.len() {
            continue;
        }
        m.push(NT_BASE + i64::from(word))?;
        m.call_back(xt)?;
        if m.pop()? == 0 {
            break;
        }
    }
    Ok(())
}

fn name_to_string(m: &mut Machine) -> Res {
    let nt = m.pop()?;
    let name = m.dict.name(word_of(m, nt)?).to_vec();
    let pair = m.transient(&name)?;
    m.push_pair(pair)
}

fn name_to_interpret(m: &mut Machine) -> Res {
    let nt = m.pop()?;
    let word = word_of(m, nt)?;
    let only = m.dict.get(word).is_some_and(|header| header.flags & COMPILE_ONLY != 0);
    m.push(if only { 0 } else { Machine::xt(word) })
}

/// The token that performs compilation semantics, and EXECUTE to run it.
fn name_to_compile(m: &mut Machine) -> Res {
    let nt = m.pop()?;
    let word = word_of(m, nt)?;
    let header = m.dict.get(word).ok_or(throw(-9))?;
    let immediate = header.flags & IMMEDIATE != 0;
    let dual = matches!(super::core_ext::real_kind(m, word), Kind::Dual(..));
    let own = |m: &Machine, name: &str| own_word(m, name).ok_or(throw(-13));
    if immediate || dual {
        let token = if dual { CT_BASE + i64::from(word) } else { Machine::xt(word) };
        let execute = own(m, "execute")?;
        return m.push_n([token, Machine::xt(execute)]);
    }
    let compile = own(m, "compile,")?;
    m.push_n([Machine::xt(word), Machine::xt(compile)])
}

/// The machine's own word of a name, also when the user redefined the name.
pub fn own_word(m: &Machine, name: &str) -> Option<u32> {
    (0..m.dict.len() as u32).find(|&word| {
        m.dict.get(word).is_some_and(|header| header.entry.is_some())
            && m.dict.name(word) == name.as_bytes()
    })
}

fn find_name(m: &mut Machine) -> Res {
    let name = m.pop_text()?;
    let word = m.dict.find(&Name::new(&name));
    m.push(word.map_or(0, |word| NT_BASE + i64::from(word)))
}

/// FORGET knows no saved state: data space goes back to the first data of a forgotten word.
fn forget(m: &mut Machine) -> Res {
    let word = m.tick_name()?;
    let built_in = m
        .dict
        .get(word)
        .is_none_or(|header| header.entry.is_some() || matches!(header.kind, Kind::Host(_)));
    if built_in {
        return Err(throw(-15));
    }
    m.forget_from(word)
}
