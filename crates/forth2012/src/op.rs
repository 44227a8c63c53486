//! Compiled code as tokens: one token for each word of a definition, in source order.
//!
//! Tokens are the truth about a definition. The stepper runs them one by one with every check; the
//! translator turns them into fast code. A return address is always a token index, so that the two
//! can hand over to each other at any call.

/// What a token does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Op {
    /// Leave the run loop: return to Rust.
    Halt,
    /// A CATCH ended without THROW.
    CatchDone,
    /// Go on with the text interpreter.
    Interpret,
    /// Start of a definition; `arg` locals are reserved.
    Enter,
    /// End of a definition; `arg` locals are given back.
    Exit,
    /// Push `arg`.
    Lit,
    /// Push the float with the bits `arg`.
    FLit,
    /// Run the word with index `arg`.
    Word,
    /// Perform the compilation semantics of the word with index `arg`.
    Compile,
    /// Continue at token `arg`.
    Branch,
    /// Continue at token `arg` when the flag is false.
    Branch0,
    /// `OF`: continue at `arg` when the two differ.
    Of,
    /// `DO`.
    Do,
    /// `?DO`: continue at `arg` when there is nothing to do.
    QDo,
    /// `LOOP`: continue at `arg` while not at the limit.
    Loop,
    /// `+LOOP`.
    PlusLoop,
    /// Give the latest CREATEd word the code at token `arg`.
    Does,
    /// Push local `arg`.
    Local,
    /// Store to local `arg`.
    SetLocal,
    /// Store to the cell at address `arg`.
    SetValue,
    /// Run the xt in the cell at address `arg`.
    Deferred,
    /// Run the primitive that is the word with index `arg`.
    Primitive,
    /// Nothing; in the translator only.
    Nothing,
    /// Start of a copied definition that ends before piece `arg`; in the translator only.
    Frame,
    /// End of the copied definition whose frame is at piece `arg`; in the translator only.
    Unframe,
}

/// One token: 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tok {
    /// What to do.
    pub op: Op,
    /// Where it stands in the source, as a position of the source map.
    pub pos: u32,
    /// Number, token index or word index.
    pub arg: i64,
}

impl Tok {
    /// A token.
    #[must_use]
    pub const fn new(op: Op, arg: i64, pos: u32) -> Self {
        Self { op, pos, arg }
    }

    /// True when `arg` is a token index inside the same definition.
    #[must_use]
    pub const fn jumps(&self) -> bool {
        matches!(self.op, Op::Branch | Op::Branch0 | Op::Of | Op::QDo | Op::Loop | Op::PlusLoop)
            || matches!(self.op, Op::Does)
    }
}
