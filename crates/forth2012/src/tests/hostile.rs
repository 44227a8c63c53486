//! No text may panic the machine, hang it past its fuel or grow it past its limits.

use proptest::prelude::*;

use super::suites;
use crate::error::Failure;
use crate::limits::Limits;
use crate::machine::Machine;

/// A machine with little room, some files and little patience.
fn cramped() -> Machine {
    let limits = Limits {
        dictionary_bytes: 256 << 10,
        heap_bytes: 1 << 20,
        stack_cells: 256,
        return_cells: 256,
        float_cells: 64,
        locals_cells: 256,
    };
    let (mut machine, world) = suites::machine_with(limits);
    let files = &mut world.borrow_mut().files;
    files.insert(b"a".to_vec(), b"1 2 + \\ text\n: x 3 ;\n".to_vec());
    files.insert(b"me".to_vec(), b"include me".to_vec());
    files.insert(b"blocks.fb".to_vec(), b"1 load 2 ".repeat(600));
    machine.set_fuel(Some(200_000));
    machine
}

/// Interprets; only a THROW or BYE may come of it.
fn survive(machine: &mut Machine, text: &[u8]) {
    match machine.interpret(text, "hostile") {
        Ok(()) | Err(Failure::Bye { .. }) => {}
        Err(Failure::Error(report)) => {
            // A report can always be shown.
            let _ = report.to_string();
        }
    }
    assert!(machine.stack().len() <= 256 && machine.float_stack().len() <= 64);
}

const NASTY: &[&str] = &[
    "",
    "0 0 0 0",
    "1 1 1 1",
    "-1 -1 -1 -1",
    "here here here here",
    "here 3 here 3",
    "here 1+ -1 here 1+ -1",
    "$7fffffffffffffff dup dup dup",
    "$8000000000000000 dup dup dup",
    "pad $7fffffffffffffff pad $7fffffffffffffff",
    "0 $8000000000000000 0 -1",
    "here unused here unused",
    "' dup ' dup ' dup ' dup",
    "1 $4000fff 1 $4000fff",
    "s\" a\" s\" a\"",
    "s\" me\" 1 1",
];

#[test]
fn every_word_survives_nasty_arguments() {
    let names: Vec<String> = cramped().word_names().collect();
    for arguments in NASTY {
        for name in &names {
            // A word may spoil a machine for good, by an empty search order for one.
            let mut machine = cramped();
            for floats in ["", "1e 2e 3e", "0e 0e f/ 1e 0e f/ 1e300", "-1e308 -0e 1e-320"] {
                for text in [
                    format!("{floats} {arguments} {name} a b"),
                    format!(": t {name} a ; {floats} {arguments} t"),
                ] {
                    machine.set_fuel(Some(2_000));
                    survive(&mut machine, text.as_bytes());
                }
            }
        }
    }
}

#[test]
fn endless_sources_end() {
    for text in [
        "include me",
        "1 load",
        "1 100000 thru",
        ": f begin refill again ; f",
        "s\" s\\\" 1\\\" evaluate\" evaluate",
        ": e s\" e\" evaluate ; e",
        ": w ['] w forth-wordlist traverse-wordlist ; w",
        ": w drop ['] words catch drop true ; ' w forth-wordlist traverse-wordlist",
        ": c ['] c catch ; c",
        "0 [if]",
        "( open",
        "s\" open",
        ": x {: a",
        "begin-structure s field: f",
        ": a allot recurse ; 1 a",
        ": a begin 100 allocate again ; a",
        ": a begin s\" a\" r/o open-file again ; a",
        ": a begin marker m again ; a",
        ": a begin wordlist drop again ; a",
        ": a begin s\" x\" over 8 replaces again ; a",
        "create m 100 allot : a begin pad 100 pad 90 replaces again ; a",
    ] {
        let mut machine = cramped();
        survive(&mut machine, text.as_bytes());
        survive(&mut machine, b"1 2 + drop");
    }
}

#[test]
fn without_files_the_words_say_so() {
    for text in [
        "s\" a\" r/o open-file",
        "s\" a\" r/w create-file",
        "s\" a\" delete-file",
        "s\" a\" file-status",
        "s\" a\" s\" b\" rename-file",
        "1 close-file",
        "1 file-size",
        "1 block",
        "1 buffer",
        "1 load",
        "1 list",
    ] {
        assert_eq!(super::fails(text).code, -21, "{text}");
    }
}

#[test]
fn definitions_that_cannot_be() {
    for (text, code) in [
        (": f {: a b", -39),
        (": f locals| a b", -39),
        (": f if [ 0 cs-pick ] then ;", -22),
        (": f [ 5 cs-roll ] ;", -22),
        (": f [ -1 cs-pick ] ;", -22),
        ("s\" a\" (local)", -14),
        (": l s\" a\" (local) ; immediate : f 100 0 [ : ] ;", -29),
        ("1 2 3 end-structure", -22),
        ("synonym a", -16),
        ("forget bye", -15),
        ("1e fvalue", -16),
        ("1 to pi", -32),
        ("1e to base", -32),
        ("[if]", -4),
        ("0 [if]", -39),
        ("char", -16),
        ("s\\\" \\xg0\"", -24),
    ] {
        assert_eq!(super::fails(text).code, code, "{text}");
    }
}

fn a_word() -> impl Strategy<Value = String> {
    let names: Vec<String> = cramped().word_names().collect();
    prop_oneof![
        6 => prop::sample::select(names),
        2 => any::<i64>().prop_map(|n| n.to_string()),
        2 => (-3i64..300).prop_map(|n| n.to_string()),
        1 => any::<f64>().prop_map(|r| format!("{r:e}")),
        1 => prop::sample::select(vec![": a", ";", "a", "here", "pad", "s\" me\"", "' a", "\u{e9}"])
            .prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn random_words(words in prop::collection::vec(a_word(), 1..60)) {
        let mut machine = cramped();
        survive(&mut machine, words.join(" ").as_bytes());
        survive(&mut machine, words.join("\n").as_bytes());
    }

    #[test]
    fn random_bytes(text in prop::collection::vec(any::<u8>(), 0..400)) {
        survive(&mut cramped(), &text);
    }

    #[test]
    fn doubles_agree_with_wide_integers(a in any::<i128>(), b in any::<i128>(), n in any::<i64>()) {
        let (mut machine, _) = suites::machine();
        let cells = |value: i128| format!("{} {}", value as i64, (value >> 64) as i64);
        let run = |machine: &mut Machine, text: String| {
            machine.reset_after_error();
            machine.interpret(text.as_bytes(), "test").map_err(|_| TestCaseError::fail(text))
        };
        let pair = |machine: &Machine| {
            let stack = machine.stack();
            (i128::from(stack[1]) << 64) | i128::from(stack[0] as u64)
        };
        for (word, want) in [
            ("d+", a.wrapping_add(b)),
            ("d-", a.wrapping_sub(b)),
            ("dmax", a.max(b)),
            ("dmin", a.min(b)),
        ] {
            run(&mut machine, format!("{} {} {word}", cells(a), cells(b)))?;
            prop_assert_eq!(pair(&machine), want, "{}", word);
        }
        run(&mut machine, format!("{} {n} m+", cells(a)))?;
        prop_assert_eq!(pair(&machine), a.wrapping_add(i128::from(n)));
        run(&mut machine, format!("{n} {} m*", b as i64))?;
        prop_assert_eq!(pair(&machine), i128::from(n) * i128::from(b as i64));
        run(&mut machine, format!("{a}."))?;
        prop_assert_eq!(pair(&machine), a);
        let (small, divisor) = (i128::from(b as i64), i128::from(n));
        if n != 0 && n != -1 {
            run(&mut machine, format!("{} {n} fm/mod", cells(small)))?;
            let floored = if (small % divisor != 0) && ((small < 0) != (divisor < 0)) {
                small / divisor - 1
            } else {
                small / divisor
            };
            prop_assert_eq!(machine.stack(), &[(small - floored * divisor) as i64, floored as i64]);
            run(&mut machine, format!("{} {n} sm/rem", cells(small)))?;
            prop_assert_eq!(machine.stack(), &[(small % divisor) as i64, (small / divisor) as i64]);
        }
    }

    #[test]
    fn numbers_come_back_in_any_base(n in any::<i64>(), base in 2i64..=36) {
        let (mut machine, world) = suites::machine();
        machine.interpret(format!("{n} {base} base ! .").as_bytes(), "test").expect("prints");
        let shown = String::from_utf8(world.borrow().out.clone()).expect("digits are text");
        prop_assert_eq!(i64::from_str_radix(shown.trim(), base as u32), Ok(n));
        machine.interpret(shown.as_bytes(), "test").expect("reads");
        prop_assert_eq!(machine.stack(), &[n]);
    }

    #[test]
    fn floats_agree_with_rust(a in any::<f64>(), b in any::<f64>()) {
        let (mut machine, _) = suites::machine();
        let same = |x: f64, y: f64| x.to_bits() == y.to_bits() || x.is_nan() && y.is_nan();
        for (word, want) in [("f+", a + b), ("f-", a - b), ("f*", a * b), ("f/", a / b)] {
            prop_assume!(a.is_finite() && b.is_finite());
            machine.reset_after_error();
            let text = format!("{a:e} {b:e} {word}");
            machine.interpret(text.as_bytes(), "test").expect("IEEE arithmetic does not throw");
            prop_assert!(same(machine.float_stack()[0], want), "{}", text);
        }
    }
}
