//! A calculator: lines of Forth from the keyboard, the stack after each, and one word of the host.
//!
//! `echo '3 4 + vat' | cargo run --example calculator`

use std::io::{BufRead, Write};
use std::process::ExitCode;

use forth2012::error::Failure;
use forth2012::host::{Host, HostContext, HostWord, Throw};
use forth2012::limits::Limits;
use forth2012::machine::Machine;

/// Steps that one line may take.
const FUEL: u64 = 10_000_000;

static WORDS: &[HostWord] = &[HostWord {
    name: "vat",
    effect: "( n1 -- n2 )",
    help: "Adds the tax, 20 percent, to a price in cents.",
    example: "1000 vat .",
    group: "calculator",
    twin: None,
}];

struct Calculator;

impl Host for Calculator {
    fn type_out(&mut self, text: &[u8]) -> Result<(), Throw> {
        // -37 is the standard's "file I/O exception".
        std::io::stdout().write_all(text).map_err(|error| Throw::new(-37, error.to_string()))
    }

    fn words(&self) -> &'static [HostWord] {
        WORDS
    }

    fn call(&mut self, index: usize, context: &mut HostContext<'_>) -> Result<(), Throw> {
        match index {
            0 => {
                let price = context.pop()?;
                // -11 is the standard's "result out of range".
                let taxed = price.checked_mul(6).ok_or(Throw::code(-11))? / 5;
                context.push(taxed)
            }
            _ => Err(Throw::code(-21)),
        }
    }
}

fn main() -> ExitCode {
    let mut machine = Machine::new(Limits::default(), Box::new(Calculator));
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { return ExitCode::FAILURE };
        machine.set_fuel(Some(FUEL));
        match machine.interpret_line(line.as_bytes()) {
            Ok(()) if machine.is_compiling() => println!(" compiled"),
            Ok(()) => println!(" {:?}", machine.stack()),
            Err(Failure::Bye { code }) => return ExitCode::from(code as u8),
            Err(Failure::Error(report)) => eprintln!("{report}"),
        }
    }
    ExitCode::SUCCESS
}
