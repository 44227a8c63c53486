//! Any text as a Forth source: no panic, no hang past the fuel, bounded memory.
#![no_main]

use forth2012::host::NoHost;
use forth2012::limits::Limits;
use forth2012::machine::Machine;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut machine = Machine::new(Limits::default(), Box::new(NoHost));
    machine.set_fuel(Some(20_000));
    let _ = machine.interpret(data, "fuzz");
    machine.set_fuel(Some(20_000));
    let _ = machine.interpret(b"1 2 + drop", "fuzz");
});
