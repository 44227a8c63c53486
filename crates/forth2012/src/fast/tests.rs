//! Random programs give the same stack, memory and THROW with and without fast code.

use crate::error::Failure;
use crate::machine::Machine;
use crate::tests::machine;

/// A small generator of numbers; the seed reproduces everything.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

const PLAIN: &[&str] = &[
    "dup",
    "drop",
    "swap",
    "over",
    "rot",
    "-rot",
    "nip",
    "tuck",
    "2dup",
    "2drop",
    "2swap",
    "2over",
    "+",
    "-",
    "*",
    "and",
    "or",
    "xor",
    "invert",
    "negate",
    "abs",
    "min",
    "max",
    "1+",
    "1-",
    "2*",
    "2/",
    "cells",
    "cell+",
    "=",
    "<>",
    "<",
    ">",
    "<=",
    ">=",
    "u<",
    "u>",
    "0=",
    "0<>",
    "0<",
    "0>",
    "s>d",
    "within",
    "0 pick",
    "1 pick",
    "2 pick",
    "3 pick",
    "3 and lshift",
    "5 and rshift",
    "63 rshift",
    "1 lshift",
    "chars",
    "char+",
    "7 xor",
    "100 -",
    "-3 *",
    "4294967295 and",
    "65535 and",
    "123456789012345 xor",
    "10 swap -",
    "1 swap lshift",
    "5 <",
    "-1 =",
    "0 max",
    "depth 3 > if drop then",
    "?dup",
    "dup if 1+ then",
    "dup 1 and if 3 * 1+ else 2/ then",
];

const MEMORY: &[&str] = &[
    "v @",
    "v !",
    "v +!",
    "56 and buf + @",
    "56 and buf + !",
    "63 and buf + c@",
    "63 and buf + c!",
    "7 and cells buf + @",
    "7 and cells buf + !",
    "7 and cells buf + +!",
    "48 and buf + 2@",
    "48 and buf + 2!",
    "val",
    "to val",
    "w +",
    "5 v !",
    "-1 v +!",
    "w",
    "3 cells buf + @",
    "buf 8 + c@",
    "2 v 1+ 1- !",
];

const RISKY: &[&str] = &[
    "/",
    "mod",
    "/mod",
    "3 /",
    "-2 mod",
    "@",
    "c@",
    "!",
    "execute",
    "r> >r",
    "throw",
    "exit",
    "1000000 +",
    "roll",
    "pick",
    "['] leaf1 catch",
    "dup 0= throw",
];

const RETURN: &[&str] =
    &[">r {} r>", ">r {} r@ r> +", "2>r {} 2r>", "2>r {} 2r@ 2r> 2drop", ">r >r {} r> r>"];

const LOCALS: &[&str] = &["a", "b", "to a", "to b", "a b +", "a cells", "a 1+ to b", "b a - to a"];

fn body(dice: &mut Dice, depth: usize, locals: bool, loops: usize, risk: bool) -> String {
    let mut text = String::new();
    for _ in 0..1 + dice.roll(7) {
        text.push(' ');
        let choice = dice.roll(100);
        let inner = |dice: &mut Dice| body(dice, depth - 1, locals, loops, risk);
        match choice {
            0..45 => text.push_str(dice.pick(PLAIN)),
            45..57 => text.push_str(&format!("{}", dice.roll(2000) as i64 - 1000)),
            57..67 => text.push_str(dice.pick(MEMORY)),
            67..71 if locals => text.push_str(dice.pick(LOCALS)),
            71..75 if loops > 0 => text.push_str(if loops > 1 { "i j +" } else { "i" }),
            75..78 => text.push_str(dice.pick(&[
                "leaf1",
                "leaf2",
                "leaf3",
                "leaf4",
                "made",
                "['] leaf3 execute",
                "hook",
                "step",
                "deep",
                "odd",
            ])),
            78..79 if loops == 0 => {
                text.push_str("1 again +! again @ 20 < if recurse then");
            }
            79..81 if risk => text.push_str(dice.pick(RISKY)),
            81..86 if depth > 0 => {
                let (yes, no) = (inner(dice), inner(dice));
                text.push_str(&format!("if {yes} else {no} then"));
            }
            86..90 if depth > 0 => {
                let yes = inner(dice);
                text.push_str(&format!("dup 0< if {yes} then"));
            }
            90..93 if depth > 0 && loops < 2 => {
                // A loop that runs round the whole range would end where the stack is full, and
                // fast code notices that up to a window later.
                let start = dice.roll(3);
                let times = start + dice.roll(4);
                let inside = body(dice, depth - 1, locals, loops + 1, risk);
                let end = dice.pick(&["loop", "2 +loop", "i 5 > if leave then loop"]);
                text.push_str(&format!("{times} {start} ?do {inside} {end}"));
            }
            93..96 if depth > 0 && loops == 0 => {
                let pattern = dice.pick(RETURN);
                text.push_str(&pattern.replace("{}", &inner(dice)));
            }
            96..98 if depth > 0 => {
                let inside = inner(dice);
                text.push_str(&format!(
                    "0 turns ! begin turns @ 4 < while 1 turns +! {inside} repeat"
                ));
            }
            98..100 if depth > 0 => {
                let (a, b) = (inner(dice), inner(dice));
                text.push_str(&format!("case 1 of {a} endof 2 of {b} endof 3 + dup endcase"));
            }
            _ => text.push_str("dup"),
        }
    }
    text
}

/// What every program may use. After a THROW the values that it left behind do not count.
const PRELUDE: &str = "
variable v variable turns variable again create buf 128 allot buf 128 erase 7 value val 40 constant w
: leaf1 dup + 1- ; : leaf2 2dup < if swap then leaf1 ; : leaf3 >r 2 * r> xor leaf2 ;
: maker create , does> @ + dup 0< if negate exit then 3 * ; 11 maker made
: leaf4 3 0 do i + loop ;
defer hook ' leaf1 is hook
: step v @ 1 and if ['] leaf2 else ['] leaf4 then execute hook 1 v +! ;
: deep dup 7 and if dup 1- 7 and recurse + else 0= then ;
: odd dup 0< if >r leaf4 r> exit then over 3 > if step deep exit then leaf4 ;
: check ' catch dup if >r begin depth while drop repeat r> then ;
";

fn program(seed: u64) -> String {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut text = String::new();
    for n in 0..4 {
        let locals = dice.roll(3) == 0;
        let start = if locals { "{: a b :}" } else { "" };
        let risk = dice.roll(3) == 0;
        let code = body(&mut dice, 3, locals, 0, risk);
        let call = if n > 0 && dice.roll(2) == 0 { format!("t{}", n - 1) } else { String::new() };
        text.push_str(&format!(": t{n} {start} {code} {call} ;\n"));
    }
    for n in 0..4 {
        let (a, b) = (dice.roll(40) as i64 - 20, dice.roll(2000) as i64 - 1000);
        let few = dice.roll(4) == 0;
        let more = if few { "" } else { "11 22 33 44 55 66 77 88 99 5 6 7" };
        text.push_str(&format!("{more} {a} {b} check t{n}\n"));
    }
    text
}

/// What a program leaves: its failure, the stack, the buffer.
fn outcome(machine: &mut Machine, text: &str) -> (i64, Vec<i64>, Vec<i64>) {
    machine.set_fuel(Some(2_000_000));
    let text = format!("{PRELUDE}{text}");
    let code = match machine.interpret(text.as_bytes(), "random") {
        Ok(()) => 0,
        Err(Failure::Error(report)) => report.code,
        Err(Failure::Bye { .. }) => 1,
    };
    let stack = machine.stack().to_vec();
    machine.reset_after_error();
    machine.set_fuel(None);
    let _ = machine.interpret(b": dump-all v @ val 16 0 do buf i cells + @ loop ; dump-all", "end");
    (code, stack, machine.stack().to_vec())
}

/// How a program ends with and without fast code, if it differs.
fn differs(text: &str) -> Option<String> {
    let (mut fast, _) = machine();
    let (mut slow, _) = machine();
    slow.stepping = true;
    let (got, want) = (outcome(&mut fast, text), outcome(&mut slow, text));
    (got != want).then(|| format!("fast {got:?}\nslow {want:?}"))
}

/// Leaves words out of a program as long as it still differs.
fn shrink(text: &str) -> String {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    for len in [64, 16, 8, 4, 3, 2, 1, 4, 2, 1] {
        let mut at = 0;
        while at + len <= words.len() {
            let mut fewer = words.clone();
            fewer.drain(at..at + len);
            if differs(&fewer.join(" ")).is_some() {
                words = fewer;
            } else {
                at += 1;
            }
        }
    }
    words.join(" ")
}

#[test]
fn fast_code_and_stepper_agree() {
    let count: u64 = std::env::var("FORTH_RANDOM").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    for seed in 1..=count {
        let text = program(seed);
        if differs(&text).is_some() {
            let small = shrink(&text);
            panic!("seed {seed}\n{small}\n{}", differs(&small).unwrap_or_default());
        }
    }
}
