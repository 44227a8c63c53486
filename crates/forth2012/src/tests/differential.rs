//! The same random programs here and in Debian's gforth: they must print the same.
//!
//! Runs where `gforth` is installed. `FORTH_DIFFERENTIAL=SEED,COUNT` chooses another run than the
//! default. Not generated, because gforth 0.7 differs with reason to: decimal fractions (it reads
//! them a little wrong), printed floats (it rounds exact ties up) and NaNs as numbers.

#![expect(clippy::disallowed_types, reason = "the test runs gforth")]

use std::io::Write;
use std::process::Command;

use super::suites;
use crate::error::Failure;

/// A word with the items that it takes and leaves; `#` stands for a random number.
struct Step {
    text: &'static str,
    takes: usize,
    leaves: usize,
    /// The same for floats.
    floats: (usize, usize),
}

const fn ints(text: &'static str, takes: usize, leaves: usize) -> Step {
    Step { text, takes, leaves, floats: (0, 0) }
}

const fn floats(text: &'static str, takes: usize, leaves: usize) -> Step {
    Step { text, takes: 0, leaves: 0, floats: (takes, leaves) }
}

const fn mixed(text: &'static str, takes: usize, leaves: usize, floats: (usize, usize)) -> Step {
    Step { text, takes, leaves, floats }
}

static STEPS: &[Step] = &[
    ints("#", 0, 1),
    ints("#", 0, 1),
    ints("#", 0, 1),
    ints("dup", 1, 2),
    ints("drop", 1, 0),
    ints("swap", 2, 2),
    ints("over", 2, 3),
    ints("rot", 3, 3),
    ints("nip", 2, 1),
    ints("tuck", 2, 3),
    ints("2dup", 2, 4),
    ints("2swap", 4, 4),
    ints("2over", 4, 6),
    ints("2drop", 2, 0),
    ints("2 pick", 3, 4),
    ints("3 roll", 4, 4),
    ints("+", 2, 1),
    ints("-", 2, 1),
    ints("*", 2, 1),
    ints("and", 2, 1),
    ints("or", 2, 1),
    ints("xor", 2, 1),
    ints("min", 2, 1),
    ints("max", 2, 1),
    ints("=", 2, 1),
    ints("<>", 2, 1),
    ints("<", 2, 1),
    ints(">", 2, 1),
    ints("u<", 2, 1),
    ints("u>", 2, 1),
    ints("within", 3, 1),
    ints("0=", 1, 1),
    ints("0<", 1, 1),
    ints("0>", 1, 1),
    ints("0<>", 1, 1),
    ints("1+", 1, 1),
    ints("1-", 1, 1),
    ints("2*", 1, 1),
    ints("2/", 1, 1),
    ints("negate", 1, 1),
    ints("invert", 1, 1),
    ints("abs", 1, 1),
    ints("63 and lshift", 2, 1),
    ints("63 and rshift", 2, 1),
    ints("7 /", 1, 1),
    ints("-13 mod", 1, 1),
    ints("1000003 /mod", 1, 2),
    ints("dup 0= or dup -1 = if drop 3 then mod", 2, 1),
    ints("17 23 */", 1, 1),
    ints("-17 23 */mod", 1, 2),
    ints("m*", 2, 2),
    ints("um*", 2, 2),
    ints("s>d", 1, 2),
    ints("0 10 um/mod", 1, 2),
    ints("s>d 9 fm/mod", 1, 2),
    ints("s>d -9 sm/rem", 1, 2),
    ints("d+", 4, 2),
    ints("d-", 4, 2),
    ints("dnegate", 2, 2),
    ints("dabs", 2, 2),
    ints("d2*", 2, 2),
    ints("d2/", 2, 2),
    ints("d<", 4, 1),
    ints("d=", 4, 1),
    ints("du<", 4, 1),
    ints("d0<", 2, 1),
    ints("dmax", 4, 2),
    ints("dmin", 4, 2),
    ints("m+", 3, 2),
    ints("2rot", 6, 6),
    ints("3 5 m*/", 2, 2),
    ints(".", 1, 0),
    ints("u.", 1, 0),
    ints("20 .r", 1, 0),
    ints("d.", 2, 0),
    ints("30 d.r", 2, 0),
    ints("hex u. decimal", 1, 0),
    ints("36 base ! . decimal", 1, 0),
    ints("2dup dabs <# #s 46 hold rot sign #> type space", 2, 1),
    ints(">r >r r@ r> r>", 2, 3),
    ints("2>r 2r@ 2r>", 2, 4),
    ints("if # else # then", 1, 1),
    ints("if dup else 1+ dup then", 2, 2),
    ints("?dup 0= if 5 then", 1, 1),
    ints("4 0 do i + loop", 1, 1),
    ints("3 0 do dup i * swap 1+ loop", 1, 4),
    ints("-5 5 do i xor -3 +loop", 1, 1),
    ints("7 and 0 ?do i . loop", 1, 0),
    ints("255 and begin dup while 2/ repeat", 1, 1),
    ints("15 and begin 1+ dup 20 > until", 1, 1),
    ints("3 and case 0 of # endof 1 of # endof dup swap endcase", 1, 1),
    ints("10 0 do i 4 = if leave then 1+ loop", 1, 1),
    ints("v ! v @", 1, 1),
    ints("v +! v @", 1, 1),
    ints("v 2! v 2@", 2, 2),
    ints("v c! v c@", 1, 1),
    ints("['] thrower catch nip", 1, 1),
    ints("s\" hello\" s\" help\" compare", 0, 1),
    ints("s\" hello\" s\" ll\" search nip nip", 0, 1),
    ints("s\" -12\" evaluate", 0, 1),
    ints("0. s\" 12z\" >number nip nip", 0, 2),
    ints("char-count", 1, 1),
    floats("@", 0, 1),
    floats("@", 0, 1),
    floats("fdup", 1, 2),
    floats("fswap", 2, 2),
    floats("fover", 2, 3),
    floats("frot", 3, 3),
    floats("f+", 2, 1),
    floats("f-", 2, 1),
    floats("f*", 2, 1),
    floats("fnegate", 1, 1),
    floats("fabs", 1, 1),
    floats("fabs fsqrt", 1, 1),
    floats("floor", 1, 1),
    floats("fmax", 2, 1),
    floats("fmin", 2, 1),
    floats("f.bits", 1, 0),
    mixed("f<", 0, 1, (2, 0)),
    mixed("f0=", 0, 1, (1, 0)),
    mixed("f0<", 0, 1, (1, 0)),
    mixed("0e f~", 0, 1, (2, 0)),
    mixed("1e-3 f~", 0, 1, (2, 0)),
    mixed("-1e-3 f~", 0, 1, (2, 0)),
    mixed("s>d d>f", 1, 0, (0, 1)),
    mixed("v f! v f@ v @", 0, 1, (1, 1)),
    mixed("v sf! v sf@", 0, 0, (1, 1)),
];

const PRELUDE: &str = "\
decimal
create v 64 allot
: thrower ( x -- )  99 throw ;
: char-count ( n -- n )  15 and pad over [char] x fill pad swap -trailing nip ;
: f.bits ( F: r -- )
  fdup fdup f- f0= if v f! v @ else fdrop -1 then hex u. decimal ;
: clear ( i*x -- )  depth 0 ?do drop loop fdepth 0 ?do fdrop loop 0 0 v 2! ;
: show ( i*x -- )  depth 0 ?do . loop fdepth 0 ?do f.bits loop cr ;
";

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 11) % bound
    }

    fn number(&mut self) -> i64 {
        match self.below(4) {
            0 => self.next() as i64,
            1 => [0, 1, -1, i64::MAX, i64::MIN + 1, 1 << 32, 255][self.below(7) as usize],
            _ => self.below(200) as i64 - 100,
        }
    }

    /// A whole number or a binary fraction: gforth 0.7 reads others a little wrong.
    fn float(&mut self) -> String {
        let whole = self.below(200_000) as i64 - 100_000;
        if self.below(2) == 0 { format!("{whole}e") } else { format!("{whole}e 1024e f/") }
    }

    /// A definition that never takes what is not there.
    fn program(&mut self, index: usize) -> String {
        let mut text = format!(": p{index}");
        let (mut depth, mut deep) = (0, 0);
        let mut left = 5 + self.below(40);
        while left > 0 {
            let step = &STEPS[self.below(STEPS.len() as u64) as usize];
            if step.takes > depth || step.floats.0 > deep || depth > 40 || deep > 5 {
                if depth > 40 {
                    text.push_str(" 2drop 2drop");
                    depth -= 4;
                }
                if deep > 5 {
                    text.push_str(" fdrop");
                    deep -= 1;
                }
                continue;
            }
            for word in step.text.split(' ') {
                text.push(' ');
                match word {
                    "#" => text.push_str(&self.number().to_string()),
                    "@" if step.takes == 0 && step.floats == (0, 1) => text.push_str(&self.float()),
                    word => text.push_str(word),
                }
            }
            depth = depth - step.takes + step.leaves;
            deep = deep - step.floats.0 + step.floats.1;
            left -= 1;
        }
        format!("{text} ; clear .\" {index}: \" p{index} show\n")
    }
}

#[test]
fn prints_what_gforth_prints() {
    if Command::new("gforth").arg("--version").output().is_err() {
        return;
    }
    let chosen = std::env::var("FORTH_DIFFERENTIAL").unwrap_or_default();
    let (seed, count) = chosen.split_once(',').unwrap_or(("2012", "300"));
    let mut random = Random(seed.parse::<u64>().unwrap_or(2012).max(1));
    let count: usize = count.parse().unwrap_or(300);
    let programs: Vec<String> = (0..count).map(|index| random.program(index)).collect();
    let source = format!("{PRELUDE}{}", programs.concat());

    let (mut machine, world) = suites::machine();
    if let Err(Failure::Error(report)) = machine.interpret(source.as_bytes(), "programs") {
        panic!("seed {seed}: {report}\n{}", report.place.source_line);
    }
    let mut file = tempfile::NamedTempFile::new().expect("a file for gforth");
    file.write_all(source.as_bytes()).expect("a file for gforth");
    let output = Command::new("gforth").arg(file.path()).args(["-e", "bye"]).output();
    let theirs = String::from_utf8_lossy(&output.expect("gforth runs").stdout).into_owned();
    let world = world.borrow();
    let ours = String::from_utf8_lossy(&world.out);
    for (index, (our, their)) in ours.lines().zip(theirs.lines()).enumerate() {
        assert_eq!(our.trim_end(), their.trim_end(), "seed {seed}\n{}", programs[index]);
    }
    assert_eq!(ours.lines().count(), theirs.lines().count(), "seed {seed}");
}
