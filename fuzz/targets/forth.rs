//! Any text as a Forth source: no panic, no hang past the fuel, bounded memory.
#![no_main]

use std::sync::atomic::AtomicBool;

use forthcoin::forth::host::{Host, HostContext, HostFiles, HostWord, Throw};
use forthcoin::forth::limits::Limits;
use forthcoin::forth::machine::Machine;

/// A world with nothing in it.
struct Nothing;

impl Host for Nothing {
    fn type_out(&mut self, _: &[u8]) -> Result<(), Throw> {
        Ok(())
    }
    fn flush(&mut self) -> Result<(), Throw> {
        Ok(())
    }
    fn key(&mut self) -> Result<Option<u8>, Throw> {
        Ok(None)
    }
    fn key_ready(&mut self) -> bool {
        false
    }
    fn accept(&mut self, _: usize) -> Result<Option<Vec<u8>>, Throw> {
        Ok(None)
    }
    fn time_and_date(&mut self) -> [i64; 6] {
        [0; 6]
    }
    fn utime_us(&mut self) -> i64 {
        0
    }
    fn ms(&mut self, _: u64, _: &AtomicBool) {}
    fn open_include(&mut self, _: &[u8], _: Option<&str>) -> Result<(String, Vec<u8>), Throw> {
        Err(Throw::code(-38))
    }
    fn file(&mut self) -> Option<&mut dyn HostFiles> {
        None
    }
    fn words(&self) -> &'static [HostWord] {
        &[]
    }
    fn call(&mut self, _: usize, _: &mut HostContext<'_>) -> Result<(), Throw> {
        Err(Throw::code(-21))
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut machine = Machine::new(Limits::default(), Box::new(Nothing));
    machine.set_fuel(Some(20_000));
    let _ = machine.interpret(data, "fuzz");
    machine.set_fuel(Some(20_000));
    let _ = machine.interpret(b"1 2 + drop", "fuzz");
});
