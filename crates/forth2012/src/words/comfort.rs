//! Words beyond the standard that people of the console expect: tracing, timing, small helpers.

use crate::dict::{Code, EXACT, Entry, WordSet, constant, dual, immediate, prim};
use crate::error::Res;
use crate::limits::SPACE_BASE;
use crate::machine::Machine;
use crate::memory::CELL;

use super::float::{ask, compare};

/// The table.
pub const SET: WordSet = WordSet { name: "COMFORT", words: WORDS };

static WORDS: &[Entry] = &[
    dual("~~", "( -- )", "Prints where it stands and the stack.", trace, trace_compiled),
    prim("(~~)", "( c-addr u -- )", "Prints a place and the stack.", trace_at),
    prim(
        "time:",
        "( \"line\" -- )",
        "Runs the rest of the line and prints the time it took.",
        time,
    ),
    prim("utime", "( -- ud )", "A clock in microseconds.", utime),
    prim(".stack", "( -- )", "Prints the stack, one item a line: decimal, hex and meaning.", stack),
    // The one name here whose case tells: the standard leaves the look of .S to the system.
    Entry {
        name: ".S",
        effect: "( -- )",
        help: "Prints the stack as .stack does; `.s` in small letters prints one line.",
        flags: EXACT,
        code: Code::Prim(stack),
    },
    prim("f.s", "( -- )", "Prints the floating-point stack.", float_stack),
    immediate(
        "#!",
        "( \"line\" -- )",
        "Skips the line, so that a script can name its program.",
        |m| m.parse_until(b'\n').map(drop),
    ),
    constant("cell", "( -- n )", "Bytes of a cell.", CELL as i64),
    prim("bounds", "( addr u -- addr+u addr )", "The limits of DO for u bytes.", bounds),
    prim("on", "( a-addr -- )", "Writes true.", |m| set(m, -1)),
    prim("off", "( a-addr -- )", "Writes false.", |m| set(m, 0)),
    prim("str=", "( c-addr1 u1 c-addr2 u2 -- f )", "True when two strings are the same.", same),
    prim("d>", "( d1 d2 -- f )", "True when d1 is greater.", |m| doubles(m, |a, b| a > b)),
    prim("d<>", "( d1 d2 -- f )", "True when different.", |m| doubles(m, |a, b| a != b)),
    prim("f=", "( -- f ) ( F: r1 r2 -- )", "True when equal.", |m| compare(m, |a, b| a == b)),
    prim("f<>", "( -- f ) ( F: r1 r2 -- )", "True when different.", |m| compare(m, |a, b| a != b)),
    prim("f>", "( -- f ) ( F: r1 r2 -- )", "True when r1 is greater.", |m| {
        compare(m, |a, b| a > b)
    }),
    prim("f<=", "( -- f ) ( F: r1 r2 -- )", "True when r1 is not greater.", |m| {
        compare(m, |a, b| a <= b)
    }),
    prim("f>=", "( -- f ) ( F: r1 r2 -- )", "True when r1 is not less.", |m| {
        compare(m, |a, b| a >= b)
    }),
    prim("f0>", "( -- f ) ( F: r -- )", "True when above zero.", |m| ask(m, |a| a > 0.0)),
    prim("f0<>", "( -- f ) ( F: r -- )", "True when not zero.", |m| ask(m, |a| a != 0.0)),
    prim("pi", "( F: -- r )", "Half a turn in radians.", |m| m.fpush(std::f64::consts::PI)),
];

/// Items of a stack that are printed; the ones below are left out.
const SHOWN: usize = 64;

fn here_as_text(m: &Machine) -> String {
    m.sources
        .place(m.word_pos())
        .map_or_else(String::new, |place| format!("{}:{}:{}", place.name, place.line, place.column))
}

fn trace(m: &mut Machine) -> Res {
    let place = here_as_text(m);
    print_trace(m, &place)
}

fn trace_compiled(m: &mut Machine) -> Res {
    let place = here_as_text(m);
    super::core_compile::compile_string(m, place.as_bytes())?;
    m.compile_named("(~~)")
}

fn trace_at(m: &mut Machine) -> Res {
    let place = m.pop_text()?;
    print_trace(m, &String::from_utf8_lossy(&place))
}

fn print_trace(m: &mut Machine, place: &str) -> Res {
    m.print(format!("\n{place} ").as_bytes())?;
    super::tools::dot_s(m)?;
    if m.fs.depth > 0 {
        float_stack(m)?;
    }
    m.print(b"\n")
}

fn float_stack(m: &mut Machine) -> Res {
    let skip = m.fs.depth.saturating_sub(SHOWN);
    let mut text = format!("<f {}> ", m.fs.depth);
    if skip > 0 {
        text.push_str("... ");
    }
    for item in &m.fs.items()[skip..] {
        text.push_str(&format!("{item:?} "));
    }
    m.print(text.as_bytes())
}

fn utime(m: &mut Machine) -> Res {
    let now = m.host.utime_us();
    m.push_double(i128::from(now))
}

/// The line runs inside this word, so that its end can be timed.
fn time(m: &mut Machine) -> Res {
    let [address, len] = m.parse_until(b'\n')?;
    let evaluate = super::tools_ext::own_word(m, "evaluate").unwrap_or(0);
    let start = m.host.utime_us();
    m.push_n([address, len])?;
    m.call_back(Machine::xt(evaluate))?;
    let spent = m.host.utime_us().wrapping_sub(start).max(0);
    m.print(format!("{}.{:03} ms\n", spent / 1000, spent % 1000).as_bytes())
}

fn stack(m: &mut Machine) -> Res {
    let skip = m.ds.depth.saturating_sub(SHOWN);
    let items = m.ds.items()[skip..].to_vec();
    let mut text = String::new();
    for (index, &item) in items.iter().enumerate().rev() {
        let place = items.len() - 1 - index;
        text.push_str(&format!("{place:3}  {item:<20} ${item:<16x} {}\n", meaning(m, item)));
    }
    m.print(text.as_bytes())
}

/// What a number may be: a token, the text at an address, a character.
fn meaning(m: &Machine, item: i64) -> String {
    if let Some(word) = m.dict.from_xt(item) {
        return format!("' {}", String::from_utf8_lossy(m.dict.name(word)));
    }
    if (32..127).contains(&item) {
        return format!("'{}'", char::from(item as u8));
    }
    let text = if item >= SPACE_BASE as i64 { m.memory.bytes(item, 16).ok() } else { None };
    let readable = |text: &&[u8]| text.iter().take(4).all(|byte| (32..127).contains(byte));
    text.filter(readable).map_or_else(String::new, |text| {
        let end = text.iter().position(|byte| !(32..127).contains(byte)).unwrap_or(text.len());
        format!("\"{}\"", String::from_utf8_lossy(&text[..end]))
    })
}

fn bounds(m: &mut Machine) -> Res {
    let [address, len] = m.pop_n()?;
    m.push_n([address.wrapping_add(len), address])
}

fn set(m: &mut Machine, value: i64) -> Res {
    let at = m.pop()?;
    m.memory.set_cell(at, value)
}

fn same(m: &mut Machine) -> Res {
    let [address1, len1, address2, len2] = m.pop_n()?;
    let same = m.memory.bytes(address1, len1)? == m.memory.bytes(address2, len2)?;
    m.push_flag(same)
}

fn doubles(m: &mut Machine, f: fn(i128, i128) -> bool) -> Res {
    let b = m.pop_double()?;
    let a = m.pop_double()?;
    m.push_flag(f(a, b))
}

#[cfg(test)]
mod tests {
    use crate::tests::run;

    #[test]
    fn traces_name_their_place() {
        assert_eq!(run(": f 1 ~~ drop ; f"), "\ntest:1:7 <1> 1 \n");
        assert_eq!(run("2 ~~"), "\ntest:1:3 <1> 2 \n");
    }

    #[test]
    fn time_runs_the_rest_of_the_line() {
        assert_eq!(run("time: 1 2 + .\n4 ."), "3 0.000 ms\n4 ");
    }

    #[test]
    fn small_helpers() {
        let shown = run("65 ' dup .stack 2drop s\" abcd\" drop .stack");
        assert!(shown.contains("' dup") && shown.contains("'A'"), "{shown}");
        assert_eq!(run("65 .S"), run("65 .stack"));
        assert_eq!(run("65 .s drop : .S 7 . ; .s .S"), "<1> 65 7 7 ");
        assert_eq!(run("1e 2.5e f.s"), "<f 2> 1.0 2.5 ");
        assert_eq!(
            run("1e 2e f> . 1e f0> . pi f. 1. 2. d> . s\" a\" 2dup str= ."),
            "0 -1 3.14159265358979 0 -1 "
        );
        assert_eq!(run("#! /bin/x\npad 2 bounds - . cell ."), "2 8 ");
    }
}
