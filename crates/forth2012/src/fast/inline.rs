//! Small words are copied into the definitions that use them.
//!
//! Leaves are straight code and forward branches, no calls, no loops, a balanced return stack. When
//! such code stops half-way, the chain of sites says which return addresses the stepper needs, so
//! that nobody can tell the copy from a call.
//!
//! Other small words without loops are copied with a frame: the copy begins by pushing the return
//! address that a call would push and ends by taking it off. A definition that calls itself gets one
//! copy of itself this way.

use super::super::dict::{Dict, Kind};
use super::super::op::{Op, Tok};
use super::super::primitive::Form;
use super::code::Site;

/// Tokens of a word that is copied.
const LEAF_TOKENS: usize = 32;
/// Copies inside copies.
const NESTING: usize = 4;
/// Tokens of a word that is copied with a frame.
const FRAME_TOKENS: usize = 40;
/// Copies with frames inside each other.
const FRAME_NESTING: usize = 2;
/// Copies of a definition in itself inside each other.
const RECURSION: usize = 2;
/// Tokens that copies may add to a definition.
const GROWTH: usize = 2000;
/// Pieces of a definition beyond which no more frames are made.
const FRAME_GROWTH: usize = 300;

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

/// A definition that is being copied.
#[derive(Debug, Clone, Copy, Default)]
struct Copying {
    site: u32,
    /// Copies around it.
    nesting: usize,
    /// Frames around it.
    frames: usize,
    /// The piece of its own frame.
    frame: Option<usize>,
}

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
        self.copy(start, end, Copying::default(), start);
        (self.pieces, self.sites, self.bound)
    }

    /// Copies tokens; exits of a copy become branches to its end.
    fn copy(&mut self, start: u32, end: u32, how: Copying, whole: u32) {
        let mut places = Vec::with_capacity((end - start) as usize + 1);
        let first = self.pieces.len();
        let site = how.site;
        for token in start..end {
            places.push(self.pieces.len() as i64);
            let tok = self.code[token as usize];
            if how.nesting > 0 && tok.op == Op::Exit {
                if let Some(frame) = how.frame {
                    let tok = Tok { op: Op::Unframe, arg: frame as i64, ..tok };
                    self.pieces.push(Piece { tok, token, site });
                }
                if token + 1 < end {
                    let tok = Tok { op: Op::Branch, arg: i64::from(end), ..tok };
                    self.pieces.push(Piece { tok, token, site });
                }
                continue;
            }
            if tok.op == Op::Word
                && how.nesting < NESTING
                && self.pieces.len() < GROWTH
                && self.copy_word(tok, token, how, whole)
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

    /// Copies a word if it is small; `whole` is the start of the definition that is made.
    fn copy_word(&mut self, tok: Tok, token: u32, how: Copying, whole: u32) -> bool {
        let index = tok.arg as u32;
        let (body, callee) = match self.dict.get(index).map(|word| word.kind) {
            Some(Kind::Colon(callee)) => (None, callee),
            Some(Kind::Create(body, does)) if does != 0 => (Some(body), does),
            _ => return false,
        };
        let end = self.end_of(callee);
        let leaf = self.is_leaf(callee, end, how.nesting);
        if !leaf && !self.is_framed(callee, end, how, whole) {
            return false;
        }
        // The call itself keeps a piece, which labels and headers of its token can use.
        let tok = match body {
            Some(body) => {
                self.bound.push(index);
                Tok { op: Op::Lit, arg: i64::from(body), ..tok }
            }
            None => Tok { op: Op::Nothing, arg: 0, ..tok },
        };
        self.pieces.push(Piece { tok, token, site: how.site });
        let frame = (!leaf).then_some(self.pieces.len());
        if frame.is_some() {
            let tok = Tok { op: Op::Frame, arg: 0, ..tok };
            self.pieces.push(Piece { tok, token, site: how.site });
        }
        self.sites.push(Site { token, outer: how.site, framed: !leaf });
        let inner = Copying {
            site: self.first_site + self.sites.len() as u32 - 1,
            nesting: how.nesting + 1,
            frames: how.frames + usize::from(!leaf),
            frame,
        };
        // Behind the Enter.
        self.copy(callee + 1, end, inner, whole);
        if let Some(frame) = frame {
            self.pieces[frame].tok.arg = self.pieces.len() as i64;
        }
        true
    }

    /// True for code that may be copied with a frame.
    fn is_framed(&self, start: u32, end: u32, how: Copying, whole: u32) -> bool {
        let Some(code) = self.code.get(start as usize..end as usize) else { return false };
        let recursive = start == whole;
        if how.frames >= if recursive { RECURSION } else { FRAME_NESTING }
            || code.len() > FRAME_TOKENS
            || self.pieces.len() > FRAME_GROWTH
            || code.last().is_none_or(|tok| tok.op != Op::Exit)
        {
            return false;
        }
        code.iter().enumerate().all(|(at, tok)| match tok.op {
            Op::Enter => at == 0 && tok.arg == 0,
            Op::Exit => tok.arg == 0,
            Op::Branch | Op::Branch0 | Op::Of => {
                tok.arg > i64::from(start) + at as i64 && tok.arg < i64::from(end)
            }
            Op::Word => matches!(
                self.dict.get(tok.arg as u32).map(|word| word.kind),
                Some(Kind::Colon(_) | Kind::Create(..) | Kind::Constant(_) | Kind::Value(_))
            ),
            Op::Primitive => match self.dict.form(*tok) {
                Some(Form::Pick) => at
                    .checked_sub(1)
                    .and_then(|before| code.get(before))
                    .is_some_and(|tok| tok.op == Op::Lit && (0..32).contains(&tok.arg)),
                Some(form) => !matches!(
                    form,
                    Form::Step | Form::Unloop | Form::OuterIndex | Form::Catch | Form::DupIf
                ),
                None => false,
            },
            Op::Halt
            | Op::CatchDone
            | Op::Interpret
            | Op::Compile
            | Op::Does
            | Op::Do
            | Op::QDo
            | Op::Loop
            | Op::PlusLoop
            | Op::Local
            | Op::SetLocal => false,
            _ => true,
        })
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
                Op::Primitive => {
                    match self.dict.form(*tok).and_then(|form| form.in_leaf(returns)) {
                        Some(change) => {
                            returns += change;
                            uses_returns |= change > 0;
                        }
                        None => return false,
                    }
                }
                Op::Halt
                | Op::CatchDone
                | Op::Interpret
                | Op::Compile
                | Op::Does
                | Op::Do
                | Op::QDo
                | Op::Loop
                | Op::PlusLoop
                | Op::Local
                | Op::SetLocal
                | Op::Deferred => return false,
                _ => {}
            }
            if returns < 0 {
                return false;
            }
        }
        returns == 0 && !(uses_returns && jumps)
    }
}
