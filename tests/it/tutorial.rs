//! Runs every example of docs/FORTH.md and compares what it prints with what the page says.

use std::cell::RefCell;
use std::rc::Rc;

use forth2012::error::Failure;
use forth2012::host::{Host, HostContext, HostWord, Throw};
use forth2012::limits::Limits;
use forth2012::machine::Machine;

/// A host that keeps what is printed and has a few words of a node.
struct Page {
    out: Rc<RefCell<Vec<u8>>>,
}

impl Host for Page {
    fn type_out(&mut self, text: &[u8]) -> Result<(), Throw> {
        self.out.borrow_mut().extend_from_slice(text);
        Ok(())
    }

    fn utime_us(&mut self) -> i64 {
        1
    }

    fn words(&self) -> &'static [HostWord] {
        NODE_WORDS
    }

    fn call(&mut self, index: usize, context: &mut HostContext<'_>) -> Result<(), Throw> {
        call(index, context)
    }
}

/// The node's words as the page uses them, over a chain of 206 blocks.
static NODE_WORDS: &[HostWord] = &[
    word("init-storage", "( -- )"),
    word("get-height", "( -- height )"),
    word("status", "( -- )"),
    word("chain-info", "( -- )"),
    word("block", "( \"height|hash\" -- )"),
    word("get-block-hash", "( height -- hash-addr u )"),
];

const HEIGHT: i64 = 206;

const fn word(name: &'static str, effect: &'static str) -> HostWord {
    HostWord { name, effect, help: "", example: "", group: "node", twin: None }
}

/// Runs a word of that node.
fn call(index: usize, context: &mut HostContext<'_>) -> Result<(), Throw> {
    match index {
        0 => Ok(()),
        1 => context.push(HEIGHT),
        2 => context.write(format!("height {HEIGHT}\n").as_bytes()),
        3 => context.write(format!("chain main, height {HEIGHT}\n").as_bytes()),
        4 => {
            let height = context.parse_name().unwrap_or_default();
            context.write(format!("block {height}\n").as_bytes())
        }
        _ => {
            let height = context.pop()?;
            if !(0..=HEIGHT).contains(&height) {
                return Err(Throw::new(-256, format!("there is no block {height}")));
            }
            context.push_string(format!("{height:064}").as_bytes())
        }
    }
}

/// A fenced block: what stands behind the fence, and its lines.
struct Fenced {
    kind: String,
    text: String,
}

fn fenced(page: &str) -> Vec<Fenced> {
    let mut all: Vec<Fenced> = Vec::new();
    let mut open = false;
    for line in page.lines() {
        if let Some(kind) = line.strip_prefix("```") {
            open = !open;
            if open {
                all.push(Fenced { kind: kind.to_owned(), text: String::new() });
            }
        } else if open && let Some(block) = all.last_mut() {
            block.text.push_str(line);
            block.text.push('\n');
        }
    }
    all
}

/// Lines without blanks at their ends.
fn lines(text: &str) -> Vec<String> {
    let mut all: Vec<String> = text.lines().map(|line| line.trim_end().to_owned()).collect();
    while all.last().is_some_and(String::is_empty) {
        all.pop();
    }
    all
}

#[test]
fn every_example_runs() {
    let out = Rc::new(RefCell::new(Vec::new()));
    let host = Page { out: Rc::clone(&out) };
    let mut machine = Machine::new(Limits::default(), Box::new(host));
    let blocks = fenced(include_str!("../../docs/FORTH.md"));
    assert!(blocks.len() > 20);
    for (index, block) in blocks.iter().enumerate() {
        if !block.kind.starts_with("forth") {
            continue;
        }
        out.borrow_mut().clear();
        let result = machine.interpret(block.text.as_bytes(), "FORTH.md");
        if block.kind == "forth error" {
            assert!(matches!(result, Err(Failure::Error(_))), "{} should fail", block.text);
            continue;
        }
        if let Err(Failure::Error(report)) = result {
            panic!("{}\n{report}", block.text);
        }
        let shown = String::from_utf8_lossy(&out.borrow()).into_owned();
        let wanted = blocks.get(index + 1).filter(|next| next.kind == "text");
        let wanted = wanted.map_or("", |next| next.text.as_str());
        assert_eq!(lines(&shown), lines(wanted), "{}", block.text);
    }
    assert_eq!(machine.stack(), &[] as &[i64], "the page leaves the stack empty");
}
