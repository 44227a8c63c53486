//! STEP: a definition walked through word by word, the stack shown before each.
//!
//! The stepper of the machine runs the definition as ever (fast code stays away meanwhile) and calls
//! `show` before each token. At a terminal the operator says how to go on; elsewhere, where nobody
//! could answer, the walk is only shown.

use crate::dict::{Entry, Kind, WordSet, prim};
use crate::error::{Res, throw, throw_with};
use crate::machine::Machine;
use crate::op::{Op, Tok};
use crate::words::state::Walk;

/// The table.
pub const SET: WordSet = WordSet { name: "TOOLS", words: WORDS };

static WORDS: &[Entry] = &[prim(
    "step",
    "( i*x \"name\" -- j*x )",
    "Runs a definition word by word and shows the stack before each; ? at a stop says how to go on.",
    step,
)];

/// Longest answer at a stop, in bytes.
const ANSWER: usize = 80;

/// Characters of a word that are shown.
const WIDTH: usize = 16;

const HELP: &[u8] =
    b"  Enter: next word; i: into the words that it calls; o: only this definition again;\n  \
      g: go on without stopping; q: stop here (THROW -28)\n";

fn step(m: &mut Machine) -> Res {
    let word = m.tick_name()?;
    let from = match m.dict.get(word).map(|word| word.kind) {
        Some(Kind::Colon(from)) => from,
        Some(Kind::Create(_, does)) if does != 0 => does,
        _ => return Err(throw_with(-12, "not a definition: there is nothing to step through")),
    };
    let next = m.code_words.partition_point(|&(token, _)| token <= from);
    let to = m.code_words.get(next).map_or(m.code.len() as u32, |&(token, _)| token);
    let ask = m.host.is_watched();
    let before = (m.stepping, m.extra.walk.replace(Walk { from, to, deep: false, ask }));
    m.stepping = true;
    let result = m.call_back(Machine::xt(word));
    (m.stepping, m.extra.walk) = before;
    result
}

/// Shows the token that comes next, if it belongs to what is walked through.
pub fn show(m: &mut Machine, token: Tok) -> Res {
    let at = m.ip;
    let Some(walk) = &m.extra.walk else { return Ok(()) };
    if token.op == Op::Enter || !(walk.deep || (walk.from..walk.to).contains(&at)) {
        return Ok(());
    }
    let ask = walk.ask;
    let (place, word) = match m.sources.place(token.pos) {
        Some(place) => {
            let column = place.column.saturating_sub(1);
            let line: String = place.source_line.chars().skip(column).collect();
            let word = line.split_whitespace().next().unwrap_or_default().to_owned();
            (format!("{}:{}:{}", place.name, place.line, place.column), word)
        }
        None => (String::new(), format!("{:?}", token.op)),
    };
    let word: String = word.chars().take(WIDTH).collect();
    m.print(format!("{place} {word:<WIDTH$} ").as_bytes())?;
    super::tools::dot_s(m)?;
    if !ask {
        return m.print(b"\n");
    }
    loop {
        m.print(b" ? ")?;
        m.flush_out()?;
        m.host.flush()?;
        let answer = m.host.accept(ANSWER)?;
        let Some(walk) = &mut m.extra.walk else { return Ok(()) };
        match answer.as_ref().map(|answer| answer.trim_ascii()) {
            Some(b"") => return Ok(()),
            Some(b"i") => walk.deep = true,
            Some(b"o") => walk.deep = false,
            Some(b"g") | None => m.extra.walk = None,
            Some(b"q") => return Err(throw(-28)),
            Some(_) => {
                m.print(HELP)?;
                continue;
            }
        }
        return Ok(());
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::{machine, run};

    #[test]
    fn each_word_is_shown_with_the_stack_before_it() {
        let shown = run(": sq dup * ; : f 1+ sq 2 - ; 4 step f .");
        let lines: Vec<&str> = shown.lines().collect();
        let wanted = [
            "test:1:18 1+               <1> 4 ",
            "test:1:21 sq               <1> 5 ",
            "test:1:24 2                <1> 25 ",
            "test:1:26 -                <2> 25 2 ",
            "test:1:28 ;                <1> 23 ",
            "23 ",
        ];
        assert_eq!(lines, wanted, "{shown}");
    }

    #[test]
    fn a_loop_is_walked_each_time_and_errors_end_the_walk() {
        let shown = run(": f 2 0 do i . loop ; step f");
        assert_eq!(shown.matches(" i  ").count(), 2, "{shown}");
        let (mut machine, out) = machine();
        assert!(machine.interpret(b": f 1 0 / ; step f", "test").is_err());
        out.borrow_mut().clear();
        machine.interpret(b": g 1 . ; g", "test").expect("the walk is over");
        assert_eq!(*out.borrow(), b"1 ");
        assert!(machine.interpret(b"step dup", "test").is_err());
    }
}
