//! Every bound of a machine in one place.

/// Bytes of data space of any machine; addresses above it never exist.
pub const SPACE_BYTES: usize = 64 << 20;
/// First address of data space: everything below is invalid, so that `0 @` is caught.
pub const SPACE_BASE: usize = 0x1000;
/// Longest name of a definition in bytes.
pub const NAME_BYTES: usize = 255;
/// Deepest nesting of input sources (EVALUATE, INCLUDED).
pub const SOURCE_NESTING: usize = 256;
/// Deepest nesting of CATCH.
pub const CATCH_NESTING: usize = 16 << 10;
/// Longest source text that is taken in one piece.
pub const SOURCE_BYTES: usize = 16 << 20;
/// Source text kept for `see`, `locate` and error reports.
pub const SOURCE_KEPT_BYTES: usize = 32 << 20;
/// Bytes of the pictured numeric output buffer.
pub const HOLD_BYTES: usize = 512;
/// Bytes of PAD.
pub const PAD_BYTES: usize = 1024;
/// Transient strings that live at the same time.
pub const TRANSIENT_STRINGS: usize = 16;
/// Frames that a report names.
pub const TRACE_FRAMES: usize = 24;
/// Locals in one definition.
pub const LOCALS_COUNT: usize = 64;
/// Wordlists of one machine.
pub const WORDLISTS: usize = 4096;
/// Wordlists in the search order.
pub const ORDER_LISTS: usize = 32;
/// Tokens of compiled code of one machine.
pub const CODE_TOKENS: usize = 8 << 20;
/// Words of one machine.
pub const WORDS: usize = 1 << 20;

/// Files that a machine has open at the same time.
pub const OPEN_FILES: usize = 128;
/// Blocks of a block file.
pub const BLOCKS: i64 = 1 << 20;
/// Block buffers that are not interpreted.
pub const BLOCK_BUFFERS: usize = 16;
/// Significant digits of any float: no float has more that are not zero.
pub const FLOAT_DIGITS: usize = 800;
/// Digits that SET-PRECISION allows.
pub const PRECISION_DIGITS: usize = 255;
/// Bytes of all names and texts of REPLACES.
pub const SUBSTITUTION_BYTES: usize = 1 << 20;
/// Deepest nesting of words that run an execution token while they run (TRAVERSE-WORDLIST).
pub const CALLBACK_NESTING: usize = 32;

/// Limits that the owner of a machine may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of dictionary data space (HERE, ALLOT); at most half of [`SPACE_BYTES`].
    pub dictionary_bytes: usize,
    /// Bytes that ALLOCATE may hand out in total; source texts and long strings are kept there, too.
    pub heap_bytes: usize,
    /// Cells of the data stack.
    pub stack_cells: usize,
    /// Cells of the return stack.
    pub return_cells: usize,
    /// Items of the floating-point stack.
    pub float_cells: usize,
    /// Cells of all live local variables.
    pub locals_cells: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            dictionary_bytes: 16 << 20,
            heap_bytes: 46 << 20,
            stack_cells: 32 << 10,
            return_cells: 64 << 10,
            float_cells: 8 << 10,
            locals_cells: 64 << 10,
        }
    }
}
