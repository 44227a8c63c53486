//! The functions of the opcodes, one file per family; each belongs to a row of `opcode.rs`.

pub mod flow;
pub mod hash;
pub mod number;
pub mod signature;
pub mod stack;

use crate::error::ScriptError;
use crate::opcode::{is_direct_push, with_opcodes};
use crate::vm::Vm;

/// What an opcode does when it runs.
pub type Handler = fn(&mut Vm<'_>) -> Result<(), ScriptError>;

macro_rules! handlers {
    ($($byte:literal $konst:ident $name:literal $effect:literal $kind:ident $run:path;)*) => {
        const fn handlers() -> [Handler; 256] {
            let mut handlers: [Handler; 256] = [flow::bad; 256];
            let mut byte = 0;
            while byte < 256 {
                if is_direct_push(byte as u8) {
                    handlers[byte] = flow::push_data;
                }
                byte += 1;
            }
            $(handlers[$byte] = $run;)*
            handlers
        }
    };
}
with_opcodes!(handlers);

/// The opcode table's functions, indexed by the opcode's byte.
pub(super) static RUN: [Handler; 256] = handlers();
