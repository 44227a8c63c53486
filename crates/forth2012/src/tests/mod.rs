//! The machine against a host that only collects what is printed.

mod differential;
mod hostile;
mod suites;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;

use crate::error::{Failure, Report};
use crate::host::{Host, HostContext, HostFiles, HostWord, Throw};
use crate::limits::Limits;
use crate::machine::Machine;

/// A host without a world.
pub(crate) struct TestHost {
    out: Rc<RefCell<Vec<u8>>>,
}

static TEST_WORDS: &[HostWord] = &[
    HostWord {
        name: "greet",
        effect: "( \"name\" -- )",
        help: "Greets.",
        example: "greet world",
        group: "test",
        twin: Some("greet-them"),
    },
    HostWord {
        name: "twice",
        effect: "( n -- n n )",
        help: "Doubles.",
        example: "",
        group: "test",
        twin: None,
    },
];

impl Host for TestHost {
    fn type_out(&mut self, text: &[u8]) -> Result<(), Throw> {
        self.out.borrow_mut().extend_from_slice(text);
        Ok(())
    }
    fn flush(&mut self) -> Result<(), Throw> {
        Ok(())
    }
    fn key(&mut self) -> Result<Option<u8>, Throw> {
        Ok(Some(b'k'))
    }
    fn key_ready(&mut self) -> bool {
        true
    }
    fn accept(&mut self, max: usize) -> Result<Option<Vec<u8>>, Throw> {
        Ok(Some(b"typed line"[..max.min(10)].to_vec()))
    }
    fn time_and_date(&mut self) -> [i64; 6] {
        [1, 2, 3, 4, 5, 2026]
    }
    fn utime_us(&mut self) -> i64 {
        1
    }
    fn ms(&mut self, _: u64, _: &AtomicBool) {}
    fn open_include(&mut self, name: &[u8], _: Option<&str>) -> Result<(String, Vec<u8>), Throw> {
        match name {
            b"one.fs" => Ok(("one.fs".into(), b"require two.fs : one 1 ;".to_vec())),
            b"two.fs" => Ok(("two.fs".into(), b"require one.fs : two 2 ;".to_vec())),
            b"bad.fs" => Ok(("bad.fs".into(), b": bad\n  1 0 / ;\n bad".to_vec())),
            _ => Err(Throw::code(-38)),
        }
    }
    fn file(&mut self) -> Option<&mut dyn HostFiles> {
        None
    }
    fn words(&self) -> &'static [HostWord] {
        TEST_WORDS
    }
    fn call(&mut self, index: usize, context: &mut HostContext<'_>) -> Result<(), Throw> {
        if index == 0 {
            let name = context.parse_name().unwrap_or_default();
            return context.write(format!("hello {name}\n").as_bytes());
        }
        let value = context.pop()?;
        context.push(value)?;
        context.push(value)
    }
}

/// A machine and what it prints.
pub(crate) fn machine() -> (Machine, Rc<RefCell<Vec<u8>>>) {
    let out = Rc::new(RefCell::new(Vec::new()));
    let host = TestHost { out: Rc::clone(&out) };
    (Machine::new(Limits::default(), Box::new(host)), out)
}

/// What a source prints; panics on an error.
pub(crate) fn run(source: &str) -> String {
    let (mut machine, out) = machine();
    if let Err(failure) = machine.interpret(source.as_bytes(), "test") {
        panic!("{failure:?}");
    }
    drop(machine);
    String::from_utf8(out.take()).expect("tests print text")
}

/// The report of a source that must fail.
pub(crate) fn fails(source: &str) -> Report {
    let (mut machine, _) = machine();
    match machine.interpret(source.as_bytes(), "test") {
        Err(Failure::Error(report)) => *report,
        other => panic!("{source} should fail: {other:?}"),
    }
}

const TESTER: &str = include_str!("../../tests/forth/tester.fs");

fn suite(name: &str, source: &str) {
    let (mut machine, out) = machine();
    for (text, name) in [(TESTER, "tester.fs"), (source, name), ("t-report", "report")] {
        if let Err(Failure::Error(report)) = machine.interpret(text.as_bytes(), name) {
            panic!("{}\n{report}", String::from_utf8_lossy(&out.borrow()));
        }
    }
    assert_eq!(machine.stack(), &[0], "{}", String::from_utf8_lossy(&out.borrow()));
}

#[test]
fn core_suite() {
    suite("core.fs", include_str!("../../tests/forth/core.fs"));
}

#[test]
fn prints_numbers_and_text() {
    assert_eq!(run("1 2 + . cr .\" hi\" -5 u. hex ff ."), "3 \nhi18446744073709551611 FF ");
    assert_eq!(run(": sq dup * ; 7 sq ."), "49 ");
    assert_eq!(run("1 2 .s"), "<2> 1 2 ");
    assert_eq!(run("greet \"big world\" 4 twice + ."), "hello big world\n8 ");
}

#[test]
fn reports_place_word_and_code() {
    let report = fails("1 2\n : foo 0 / ; foo");
    assert_eq!((report.code, report.place.line, report.place.column), (-10, 2, 14));
    assert_eq!(report.trace.len(), 1);
    assert_eq!(report.trace[0].word, "foo");
    assert_eq!((report.trace[0].place.line, report.trace[0].place.column), (2, 10));
    let report = fails("dupe");
    assert_eq!(report.code, -13);
    assert_eq!(report.suggestion.as_deref(), Some("did you mean `dup`?"));
    assert!(fails(": x s\"abc\" ;").suggestion.is_some_and(|hint| hint.contains("blank")));
    let hint = fails(": x greet you ;").suggestion;
    assert!(hint.is_some_and(|hint| hint.contains("greet-them")));
    let shown = fails("1 0 /").to_string();
    assert_eq!(shown, "test:1:5: division by zero (THROW -10)\n  1 0 /\n      ^");
}

/// Return addresses are numbers that a program can read, change and put back.
#[test]
fn made_up_return_addresses_end_in_an_error_at_worst() {
    let uses = ["r@", "i", "j", "r> r@", "r> r> tuck >r"];
    let words =
        [": b a ; b", ": b 2 0 do a loop ; b", ": b a 1 ; : c b 2 ; c", ": b s\" a\" evaluate ; b"];
    let mut failed = 0;
    for (used, word) in uses.iter().flat_map(|used| words.iter().map(move |word| (used, word))) {
        for offset in -60..60 {
            let (mut machine, output) = machine();
            machine.set_fuel(Some(20_000));
            let text = format!(": a {used} {offset} + >r ; {word}");
            failed += u32::from(machine.interpret(text.as_bytes(), "made up").is_err());
            machine.set_fuel(None);
            machine.reset_after_error();
            let before = output.borrow().len();
            machine.interpret(b"1 2 + .", "after").unwrap_or_else(|e| panic!("{text}: {e:?}"));
            assert_eq!(&output.borrow()[before..], b"3 ", "{text}");
        }
    }
    assert!(failed > 1000, "{failed}");
    // What the fuzzer came upon: nothing runs but the line behind.
    let (mut machine, _) = machine();
    machine.interpret(b": + 3 40 - - + >R ; : I j + + ; : + I ;", "fuzz").expect("it compiles");
    assert!(machine.interpret(b"1 2 + drop", "fuzz").is_err());
}

#[test]
fn circular_require_ends() {
    assert_eq!(run("require one.fs one two + ."), "3 ");
    let report = fails("include bad.fs");
    assert_eq!(report.place.name, "bad.fs");
    assert_eq!(report.place.line, 3);
}

#[test]
fn a_definition_may_go_over_terminal_lines() {
    let (mut machine, _) = machine();
    machine.interpret_line(b": sq dup").expect("first line");
    assert!(machine.is_compiling());
    machine.interpret_line(b"* ; 5 sq").expect("second line");
    assert_eq!(machine.stack(), &[25]);
    assert!(!machine.is_compiling());
}

#[test]
fn bye_leaves_with_a_code() {
    let (mut machine, _) = machine();
    assert_eq!(machine.interpret(b"bye", "x"), Err(Failure::Bye { code: 0 }));
    assert_eq!(machine.interpret(b": x 3 (bye) ; ' x catch", "x"), Err(Failure::Bye { code: 3 }));
}

#[test]
fn hostile_text_ends_in_a_throw() {
    for (source, code) in [
        (": f recurse ; f", -5),
        (": f begin 1 again ; f", -3),
        ("0 @", -9),
        ("-1 @", -9),
        ("-1 allot", -8),
        ("here 1 30 lshift erase", -9),
        ("drop", -4),
        (": f r> drop ; f", -6),
        (": f 1 >r ; f", -25),
        ("12345 execute", -9),
        ("-1 execute", -9),
        ("5 pick", -4),
        ("-1 roll", -4),
        ("' dup >body", -31),
        ("-9223372036854775808 -1 /", -11),
        (": x if ;", -22),
        ("if", -14),
        ("create", -16),
        ("123456 throw", 123_456),
        ("s\" evaluate-me\" evaluate", -13),
    ] {
        assert_eq!(fails(source).code, code, "{source}");
    }
}

#[test]
fn fuel_and_interrupt_stop_endless_loops() {
    let (mut machine, _) = machine();
    machine.set_fuel(Some(10_000));
    let failure = machine.interpret(b": f begin again ; f", "x");
    assert!(matches!(failure, Err(Failure::Error(report)) if report.code == -28));
    machine.set_fuel(None);
    machine.interrupt().store(true, std::sync::atomic::Ordering::Relaxed);
    let failure = machine.interpret(b": f begin again ; f", "x");
    assert!(matches!(failure, Err(Failure::Error(report)) if report.code == -28));
}
