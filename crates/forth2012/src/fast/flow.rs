//! What the translator must know before it starts: labels, headers, and the items each point needs.

use super::super::dict::{Dict, Kind};
use super::super::op::{Op, Tok};
use super::inline::Piece;

/// Tokens in a row without a header.
const STRAIGHT: u32 = 64;
/// Rounds until the needs of a definition must be settled.
const ROUNDS: usize = 12;

/// What stands at a token.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mark {
    /// A branch comes here.
    pub label: bool,
    /// The stepper, a call or a loop comes here: the depth is zero and a header checks it.
    pub header: bool,
    /// A loop whose depth changes each time: the header checks at every turn.
    pub checked: bool,
}

/// Marks and needs of the tokens of one definition.
pub struct Plan {
    marks: Vec<Mark>,
    needs: Vec<i32>,
}

impl Plan {
    /// The mark of a token.
    #[must_use]
    pub fn mark(&self, token: u32) -> Mark {
        self.marks.get(token as usize).copied().unwrap_or_default()
    }

    /// Items that must be on the stack at a token.
    #[must_use]
    pub fn need(&self, token: u32) -> i32 {
        self.needs.get(token as usize).copied().unwrap_or(0)
    }
}

/// How a token passes control on.
enum Way {
    /// To the next, with this change of depth.
    On(i32),
    /// To the next (first) or a target (second), with changes.
    Both(i32, u32, i32),
    /// To a target.
    To(u32),
    /// Away: a call, the stepper, the caller.
    Away,
}

/// Items used and the way on.
struct Effect {
    takes: i32,
    way: Way,
}

/// Marks labels and headers and works out needs.
#[must_use]
pub fn plan(code: &[Piece], dict: &Dict) -> Plan {
    let (start, end) = (0, code.len() as u32);
    let len = code.len();
    let mut plan = Plan { marks: vec![Mark::default(); len + 1], needs: vec![0; len + 1] };
    for token in start..end {
        let tok = code[token as usize].tok;
        let at = (token - start) as usize;
        if tok.op == Op::Enter {
            plan.marks[at].header = true;
        }
        if tok.op == Op::Frame
            && let Some(mark) = plan.marks.get_mut(tok.arg as usize)
        {
            mark.label = true;
        }
        if tok.jumps() && tok.op != Op::Does && (start..end).contains(&(tok.arg as u32)) {
            let target = (tok.arg as u32 - start) as usize;
            plan.marks[target].label = true;
            if target <= at {
                plan.marks[target].header = true;
            }
        }
    }
    let mut straight = 0;
    for token in start..end {
        let at = (token - start) as usize;
        let before = at.checked_sub(1).map(|at| code[at].tok.op);
        straight += 1;
        if straight >= STRAIGHT
            && code[token as usize].site == 0
            && code[token as usize].tok.op != Op::Pick
            && before != Some(Op::QDup)
        {
            plan.marks[at].header = true;
        }
        if plan.marks[at].header {
            straight = 0;
        }
        if is_call(effect(code, dict, &plan, token).way, code[token as usize].tok.op) {
            plan.marks[at + 1].header = true;
        }
    }
    if !settle(code, dict, &mut plan, start, end) {
        for token in start..end {
            let tok = code[token as usize].tok;
            if tok.jumps() && tok.op != Op::Does && (start..=token).contains(&(tok.arg as u32)) {
                plan.marks[(tok.arg as u32 - start) as usize].checked = true;
            }
        }
        plan.needs.fill(0);
        settle(code, dict, &mut plan, start, end);
    }
    plan
}

fn is_call(way: Way, op: Op) -> bool {
    matches!(way, Way::Away) && op != Op::Exit
}

/// Works the needs out backwards; false when they grow without end.
fn settle(code: &[Piece], dict: &Dict, plan: &mut Plan, start: u32, end: u32) -> bool {
    for _ in 0..ROUNDS {
        let mut changed = false;
        for token in (start..end).rev() {
            let at = (token - start) as usize;
            let effect = effect(code, dict, plan, token);
            let after = |token: u32, change: i32| {
                if plan.mark(token).checked { 0 } else { plan.need(token) - change }
            };
            let on = match effect.way {
                Way::On(change) => after(token + 1, change),
                Way::Both(on, target, there) => after(token + 1, on).max(after(target, there)),
                Way::To(target) => after(target, 0),
                Way::Away => 0,
            };
            let need = effect.takes.max(on).max(0);
            if need != plan.needs[at] {
                plan.needs[at] = need;
                changed = true;
            }
        }
        if !changed {
            return true;
        }
    }
    false
}

#[allow(clippy::too_many_lines)] // the effect of every word in one place
fn effect(code: &[Piece], dict: &Dict, plan: &Plan, token: u32) -> Effect {
    let tok = code[token as usize].tok;
    let on = |takes: i32, gives: i32| Effect { takes, way: Way::On(gives - takes) };
    let away = |takes: i32| Effect { takes, way: Way::Away };
    let target = tok.arg as u32;
    match tok.op {
        Op::Enter | Op::Noop | Op::Unloop | Op::Frame | Op::Unframe => on(0, 0),
        Op::Chars => on(1, 1),
        Op::Lit | Op::Local | Op::LoopI | Op::LoopJ => on(0, 1),
        Op::SetLocal | Op::SetValue | Op::Throw => on(1, 0),
        Op::Branch => Effect { takes: 0, way: Way::To(target) },
        Op::Branch0 => Effect { takes: 1, way: Way::Both(-1, target, -1) },
        Op::Of => Effect { takes: 2, way: Way::Both(-2, target, -1) },
        Op::Do => on(2, 0),
        Op::QDo => Effect { takes: 2, way: Way::Both(-2, target, -2) },
        Op::Loop => Effect { takes: 0, way: Way::Both(0, target, 0) },
        Op::PlusLoop => Effect { takes: 1, way: Way::Both(-1, target, -1) },
        Op::QDup => match code.get(token as usize + 1).map(|piece| piece.tok) {
            Some(next) if next.op == Op::Branch0 && !plan.mark(token + 1).label => {
                // The two run as one: the next token is passed over.
                Effect { takes: 1, way: Way::Both(1, next.arg as u32, -1) }
            }
            _ => away(0),
        },
        Op::Pick => {
            let before = token.checked_sub(1).map(|before| code[before as usize].tok);
            match before {
                Some(Tok { op: Op::Lit, arg: n @ 0..=31, .. }) if !plan.mark(token).label => {
                    Effect { takes: n as i32 + 2, way: Way::On(0) }
                }
                _ => away(0),
            }
        }
        Op::Word => match dict.get(tok.arg as u32).map(|word| word.kind) {
            Some(Kind::Create(_, 0) | Kind::Constant(_) | Kind::Value(_)) => on(0, 1),
            _ => away(0),
        },
        Op::Execute | Op::Catch => away(1),
        Op::Exit
        | Op::Deferred
        | Op::Compile
        | Op::Does
        | Op::Halt
        | Op::CatchDone
        | Op::Interpret => away(0),
        Op::FLit
        | Op::FAdd
        | Op::FSub
        | Op::FMul
        | Op::FDiv
        | Op::FDup
        | Op::FOver
        | Op::FDrop
        | Op::FSwap
        | Op::FRot
        | Op::FNegate
        | Op::FAbs => on(0, 0),
        Op::FFetch | Op::FStore | Op::SToF => on(1, 0),
        Op::FLt | Op::FZLt | Op::FZEq => on(0, 1),
        Op::DToF => on(2, 0),
        Op::Dup => on(1, 2),
        Op::Drop | Op::ToR => on(1, 0),
        Op::Swap => on(2, 2),
        Op::Over => on(2, 3),
        Op::Rot | Op::MRot => on(3, 3),
        Op::Nip => on(2, 1),
        Op::Tuck => on(2, 3),
        Op::TwoDup => on(2, 4),
        Op::TwoDrop | Op::TwoToR | Op::Store | Op::CStore | Op::PlusStore => on(2, 0),
        Op::TwoSwap => on(4, 4),
        Op::TwoOver => on(4, 6),
        Op::RFrom | Op::RFetch => on(0, 1),
        Op::TwoRFrom | Op::TwoRFetch => on(0, 2),
        Op::Invert
        | Op::Negate
        | Op::Abs
        | Op::OnePlus
        | Op::OneMinus
        | Op::TwoStar
        | Op::TwoSlash
        | Op::ZEq
        | Op::ZNe
        | Op::ZLt
        | Op::ZGt
        | Op::Fetch
        | Op::CFetch
        | Op::Cells
        | Op::CellPlus
        | Op::CharPlus => on(1, 1),
        Op::TwoFetch | Op::StoD => on(1, 2),
        Op::TwoStore => on(3, 0),
        Op::Within => on(3, 1),
        Op::SlashMod => away(0),
        Op::Add
        | Op::Sub
        | Op::Mul
        | Op::Div
        | Op::Mod
        | Op::And
        | Op::Or
        | Op::Xor
        | Op::Min
        | Op::Max
        | Op::LShift
        | Op::RShift
        | Op::Eq
        | Op::Ne
        | Op::Lt
        | Op::Gt
        | Op::Le
        | Op::Ge
        | Op::ULt
        | Op::UGt => on(2, 1),
    }
}
