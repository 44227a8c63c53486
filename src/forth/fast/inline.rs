//! Small words are copied into the definitions that use them.
//!
//! Only leaves are copied: straight code and forward branches, no calls, no loops, a balanced
//! return stack. When such code stops half-way, the chain of sites says which return addresses the
//! stepper needs, so that nobody can tell the copy from a call.

use super::super::dict::{Dict, Kind};
use super::super::op::{Op, Tok};

/// Tokens of a word that is copied.
const LEAF_TOKENS: usize = 32;
/// Copies inside copies.
const NESTING: usize = 4;
/// Tokens that copies may add to a definition.
const GROWTH: usize = 2000;

/// A token to translate.
#[derive(Debug, Clone, Copy)]
pub struct Piece {
    /// The token; targets are indices of pieces.
    pub tok: Tok,
    /// Its index in the code of the machine.
    pub token: u32,
    /// The site of the copy, 0 for none.
    pub site: u32,
}

/// Where a copy stands: the calling token and the site of that, 0 for none.
pub type Site = (u32, u32);

/// Copies leaves into a definition.
pub struct Inliner<'a> {
    /// Code of the machine.
    pub code: &'a [Tok],
    /// Starts of definitions.
    pub starts: &'a [(u32, u32)],
    /// Words.
    pub dict: &'a Dict,
    /// Sites so far; the first is unused.
    pub sites: Vec<Site>,
    /// Sites that other code has already.
    pub first_site: u32,
    /// Words whose present action the code relies on.
    pub bound: Vec<u32>,
    pieces: Vec<Piece>,
}

impl<'a> Inliner<'a> {
    /// Prepares; `first_site` is the number of sites in use.
    #[must_use]
    pub fn new(code: &'a [Tok], starts: &'a [(u32, u32)], dict: &'a Dict, first_site: u32) -> Self {
        let (sites, bound, pieces) = (Vec::new(), Vec::new(), Vec::new());
        Self { code, starts, dict, sites, first_site, bound, pieces }
    }

    /// The pieces of a definition.
    #[must_use]
    pub fn expand(mut self, start: u32, end: u32) -> (Vec<Piece>, Vec<Site>, Vec<u32>) {
        self.copy(start, end, 0, 0);
        (self.pieces, self.sites, self.bound)
    }

    /// Copies tokens; exits of a copy become branches to its end.
    fn copy(&mut self, start: u32, end: u32, site: u32, nesting: usize) {
        let mut places = Vec::with_capacity((end - start) as usize + 1);
        let first = self.pieces.len();
        let is_copy = nesting > 0;
        for token in start..end {
            places.push(self.pieces.len() as i64);
            let tok = self.code[token as usize];
            if is_copy && tok.op == Op::Exit {
                if token + 1 < end {
                    let tok = Tok { op: Op::Branch, arg: i64::from(end), ..tok };
                    self.pieces.push(Piece { tok, token, site });
                }
                continue;
            }
            if tok.op == Op::Word
                && nesting < NESTING
                && self.pieces.len() < GROWTH
                && self.copy_word(tok, token, site, nesting)
            {
                continue;
            }
            self.pieces.push(Piece { tok, token, site });
        }
        places.push(self.pieces.len() as i64);
        for piece in &mut self.pieces[first..] {
            let target = piece.tok.arg;
            let own = piece.site == site && (start..end).contains(&piece.token);
            if own && piece.tok.jumps() && piece.tok.op != Op::Does {
                let at = usize::try_from(target - i64::from(start)).unwrap_or(usize::MAX);
                piece.tok.arg = places.get(at).copied().unwrap_or(-1);
            }
        }
    }

    /// Copies a word if it is a leaf.
    fn copy_word(&mut self, tok: Tok, token: u32, site: u32, nesting: usize) -> bool {
        let index = tok.arg as u32;
        let (body, callee) = match self.dict.get(index).map(|word| word.kind) {
            Some(Kind::Colon(callee)) => (None, callee),
            Some(Kind::Create(body, does)) if does != 0 => (Some(body), does),
            _ => return false,
        };
        let end = self.end_of(callee);
        if !self.is_leaf(callee, end, nesting) {
            return false;
        }
        // The call itself keeps a piece, which labels and headers of its token can use.
        let tok = match body {
            Some(body) => {
                self.bound.push(index);
                Tok { op: Op::Lit, arg: i64::from(body), ..tok }
            }
            None => Tok { op: Op::Noop, arg: 0, ..tok },
        };
        self.pieces.push(Piece { tok, token, site });
        self.sites.push((token, site));
        let inner = self.first_site + self.sites.len() as u32 - 1;
        // Behind the Enter.
        self.copy(callee + 1, end, inner, nesting + 1);
        true
    }

    fn end_of(&self, token: u32) -> u32 {
        let at = self.starts.partition_point(|&(start, _)| start <= token);
        self.starts.get(at).map_or(self.code.len() as u32, |&(start, _)| start)
    }

    /// True for code that may be copied.
    fn is_leaf(&self, start: u32, end: u32, nesting: usize) -> bool {
        let Some(code) = self.code.get(start as usize..end as usize) else { return false };
        if code.len() > LEAF_TOKENS || code.last().is_none_or(|tok| tok.op != Op::Exit) {
            return false;
        }
        let mut returns = 0i32;
        let mut uses_returns = false;
        let mut jumps = false;
        for (at, tok) in code.iter().enumerate() {
            let token = start + at as u32;
            match tok.op {
                Op::Enter if at > 0 || tok.arg != 0 => return false,
                Op::Exit if tok.arg != 0 => return false,
                Op::Exit if at + 1 < code.len() => jumps = true,
                Op::Branch | Op::Branch0 | Op::Of => {
                    if tok.arg <= i64::from(token) || tok.arg >= i64::from(end) {
                        return false;
                    }
                    jumps = true;
                }
                Op::Word => {
                    let kind = self.dict.get(tok.arg as u32).map(|word| word.kind);
                    let leaf = match kind {
                        Some(Kind::Create(_, 0) | Kind::Constant(_) | Kind::Value(_)) => true,
                        Some(Kind::Colon(callee) | Kind::Create(_, callee)) => {
                            nesting + 1 < NESTING
                                && callee != start
                                && self.is_leaf(callee, self.end_of(callee), nesting + 1)
                        }
                        _ => false,
                    };
                    if !leaf {
                        return false;
                    }
                }
                Op::ToR => (returns, uses_returns) = (returns + 1, true),
                Op::TwoToR => (returns, uses_returns) = (returns + 2, true),
                Op::RFrom => returns -= 1,
                Op::TwoRFrom => returns -= 2,
                Op::RFetch if returns < 1 => return false,
                Op::TwoRFetch if returns < 2 => return false,
                Op::Halt
                | Op::CatchDone
                | Op::Interpret
                | Op::Compile
                | Op::Does
                | Op::Do
                | Op::QDo
                | Op::Loop
                | Op::PlusLoop
                | Op::Unloop
                | Op::LoopJ
                | Op::Local
                | Op::SetLocal
                | Op::Deferred
                | Op::Execute
                | Op::Catch
                | Op::QDup
                | Op::Pick
                | Op::SlashMod => return false,
                _ => {}
            }
            if returns < 0 {
                return false;
            }
        }
        returns == 0 && !(uses_returns && jumps)
    }
}
