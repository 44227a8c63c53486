//! ENVIRONMENT? (Forth-2012 3.2.6): what can be asked, and the truth.

use crate::dict::{Entry, WordSet, prim};
use crate::error::Res;
use crate::host::EnvironmentValue;
use crate::limits::{HOLD_BYTES, LOCALS_COUNT, ORDER_LISTS, PAD_BYTES};
use crate::machine::Machine;

/// The table.
pub const SET: WordSet = WordSet { name: "CORE", words: WORDS };

static WORDS: &[Entry] = &[prim(
    "environment?",
    "( c-addr u -- false | i*x true )",
    "Asks about the system.",
    environment,
)];

/// Word sets that are there whole (3.2.6, obsolescent) and extensions of Forth 200x (X:...).
///
/// TOOLS-EXT is not among them: CODE, ;CODE, ASSEMBLER and EDITOR are absent.
const PRESENT: &[&str] = &[
    "CORE",
    "CORE-EXT",
    "BLOCK",
    "BLOCK-EXT",
    "DOUBLE",
    "DOUBLE-EXT",
    "EXCEPTION",
    "EXCEPTION-EXT",
    "FACILITY",
    "FACILITY-EXT",
    "FILE",
    "FILE-EXT",
    "FLOATING",
    "FLOATING-EXT",
    "LOCALS",
    "LOCALS-EXT",
    "MEMORY-ALLOC",
    "MEMORY-ALLOC-EXT",
    "SEARCH-ORDER",
    "SEARCH-ORDER-EXT",
    "STRING",
    "STRING-EXT",
    "TOOLS",
    "XCHAR",
    "XCHAR-EXT",
];

/// Extensions of Forth 200x: they answer with TRUE alone.
const EXTENSIONS: &[&str] = &[
    "X:2VALUE",
    "X:BUFFER",
    "X:DEFERRED",
    "X:DEFINED",
    "X:EKEYS",
    "X:ESCAPED-STRINGS",
    "X:EXTENSION-QUERY",
    "X:FP-STACK",
    "X:FTRUNC",
    "X:FVALUE",
    "X:LOCALS",
    "X:N-TO-R",
    "X:NUMBER-PREFIXES",
    "X:PARSE-NAME",
    "X:QUOTATIONS",
    "X:REQUIRED",
    "X:S-ESCAPE-QUOTE",
    "X:STRUCTURES",
    "X:SUBSTITUTE",
    "X:SYNONYM",
    "X:TEXT-SUBSTITUTION",
    "X:THROW-IORS",
    "X:TRAVERSE-WORDLIST",
    "X:XCHAR",
];

fn environment(m: &mut Machine) -> Res {
    let name = m.pop_text()?;
    let name = String::from_utf8_lossy(&name).to_uppercase();
    let cell = match name.as_str() {
        "/COUNTED-STRING" => 255,
        "/HOLD" => HOLD_BYTES as i64,
        "/PAD" => PAD_BYTES as i64,
        "ADDRESS-UNIT-BITS" => 8,
        "FLOORED" => -1,
        "MAX-CHAR" => 255,
        "MAX-N" => i64::MAX,
        "MAX-U" => -1,
        "RETURN-STACK-CELLS" => m.limits.return_cells as i64,
        "STACK-CELLS" => m.limits.stack_cells as i64,
        "FLOATING-STACK" => m.limits.float_cells as i64,
        "#LOCALS" => LOCALS_COUNT as i64,
        "WORDLISTS" => ORDER_LISTS as i64,
        "MAX-XCHAR" => i64::from(u32::from(char::MAX)),
        "XCHAR-MAXMEM" => 4,
        "XCHAR-ENCODING" => {
            let pair = m.transient(b"UTF-8")?;
            m.push_pair(pair)?;
            return m.push(-1);
        }
        "MAX-FLOAT" => {
            m.fpush(f64::MAX)?;
            return m.push(-1);
        }
        "MAX-D" => {
            m.push_double(i128::MAX)?;
            return m.push(-1);
        }
        "MAX-UD" => {
            m.push_double(-1)?;
            return m.push(-1);
        }
        set if PRESENT.contains(&set) => -1,
        // Some of the word set is there, not all of it.
        "TOOLS-EXT" => 0,
        extension if EXTENSIONS.contains(&extension) => return m.push(-1),
        _ => return environment_of_host(m, &name),
    };
    m.push_n([cell, -1])
}

fn environment_of_host(m: &mut Machine, name: &str) -> Res {
    match m.host.environment(name) {
        None => return m.push(0),
        Some(EnvironmentValue::Cell(value)) => m.push(value)?,
        Some(EnvironmentValue::Flag(value)) => m.push_flag(value)?,
        Some(EnvironmentValue::Double(value)) => m.push_double(value)?,
        Some(EnvironmentValue::Text(text)) => {
            let pair = m.transient(&text)?;
            m.push_pair(pair)?;
        }
    }
    m.push(-1)
}
