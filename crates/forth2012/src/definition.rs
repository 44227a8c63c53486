//! A definition being built.

use super::op::Tok;

/// An item of the control-flow stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flow {
    /// A branch that is not resolved yet.
    Orig(usize),
    /// A place to branch back to.
    Dest(usize),
    /// A counted loop: its start, and the branches that leave it.
    Do { start: usize, leaves: Vec<usize> },
    /// CASE with the ENDOFs so far.
    Case(Vec<usize>),
    /// OF.
    Of(usize),
}

/// A definition being built.
#[derive(Debug, Default)]
pub struct Compiler {
    /// True while there is one.
    pub active: bool,
    /// Its word, or [`NONE`] for a quotation.
    pub word: u32,
    /// Its tokens; targets count from its start.
    pub toks: Vec<Tok>,
    /// Control-flow stack.
    pub flow: Vec<Flow>,
    /// Names of its locals.
    pub locals: Vec<Vec<u8>>,
    /// Token of the Enter that the locals belong to.
    pub enter: usize,
    /// A host word that parses when it runs was compiled last.
    pub parsing_host: Option<u32>,
}

impl Compiler {
    /// Index of a local; the newest of a name wins.
    #[must_use]
    pub fn local(&self, name: &[u8]) -> Option<usize> {
        self.locals.iter().rposition(|local| local.eq_ignore_ascii_case(name))
    }
}
