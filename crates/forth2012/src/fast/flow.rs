//! What the translator must know before it starts: labels, headers, and the items each point needs.

use super::super::dict::{Dict, Kind};
use super::super::op::{Op, Tok};
use super::super::primitive::{Form, Primitive};
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
enum Next {
    /// To the next, with this change of depth.
    Fall(i32),
    /// To the next (first) or a target (second), with changes.
    Branch(i32, u32, i32),
    /// To a target.
    Jump(u32),
    /// Out of the definition: a call, the stepper, the caller.
    Leave,
}

/// Items used and where control goes next.
struct Effect {
    takes: i32,
    next: Next,
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
        let form = |at: usize| dict.form(code[at].tok);
        straight += 1;
        if straight >= STRAIGHT
            && code[token as usize].site == 0
            && form(at) != Some(Form::Pick)
            && at.checked_sub(1).and_then(form) != Some(Form::DupIf)
        {
            plan.marks[at].header = true;
        }
        if plan.marks[at].header {
            straight = 0;
        }
        if is_call(effect(code, dict, &plan, token).next, code[token as usize].tok.op) {
            plan.marks[at + 1].header = true;
        }
    }
    if !solve(code, dict, &mut plan, start, end) {
        for token in start..end {
            let tok = code[token as usize].tok;
            if tok.jumps() && tok.op != Op::Does && (start..=token).contains(&(tok.arg as u32)) {
                plan.marks[(tok.arg as u32 - start) as usize].checked = true;
            }
        }
        plan.needs.fill(0);
        solve(code, dict, &mut plan, start, end);
    }
    plan
}

fn is_call(next: Next, op: Op) -> bool {
    matches!(next, Next::Leave) && op != Op::Exit
}

/// Works the needs out backwards; false when they grow without end.
fn solve(code: &[Piece], dict: &Dict, plan: &mut Plan, start: u32, end: u32) -> bool {
    for _ in 0..ROUNDS {
        let mut changed = false;
        for token in (start..end).rev() {
            let at = (token - start) as usize;
            let effect = effect(code, dict, plan, token);
            let after = |token: u32, change: i32| {
                if plan.mark(token).checked { 0 } else { plan.need(token) - change }
            };
            let on = match effect.next {
                Next::Fall(change) => after(token + 1, change),
                Next::Branch(on, target, there) => after(token + 1, on).max(after(target, there)),
                Next::Jump(target) => after(target, 0),
                Next::Leave => 0,
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

fn effect(code: &[Piece], dict: &Dict, plan: &Plan, token: u32) -> Effect {
    let tok = code[token as usize].tok;
    let on = |takes: i32, gives: i32| Effect { takes, next: Next::Fall(gives - takes) };
    let away = |takes: i32| Effect { takes, next: Next::Leave };
    let target = tok.arg as u32;
    match tok.op {
        Op::Primitive => match dict.primitive(tok) {
            Some(primitive) => primitive_effect(code, plan, token, primitive),
            None => away(0),
        },
        Op::Enter | Op::Nothing | Op::Frame | Op::Unframe | Op::FLit => on(0, 0),
        Op::Lit | Op::Local => on(0, 1),
        Op::SetLocal | Op::SetValue => on(1, 0),
        Op::Branch => Effect { takes: 0, next: Next::Jump(target) },
        Op::Branch0 => Effect { takes: 1, next: Next::Branch(-1, target, -1) },
        Op::Of => Effect { takes: 2, next: Next::Branch(-2, target, -1) },
        Op::Do => on(2, 0),
        Op::QDo => Effect { takes: 2, next: Next::Branch(-2, target, -2) },
        Op::Loop => Effect { takes: 0, next: Next::Branch(0, target, 0) },
        Op::PlusLoop => Effect { takes: 1, next: Next::Branch(-1, target, -1) },
        Op::Word => match dict.get(tok.arg as u32).map(|word| word.kind) {
            Some(Kind::Create(_, 0) | Kind::Constant(_) | Kind::Value(_)) => on(0, 1),
            _ => away(0),
        },
        Op::Exit
        | Op::Deferred
        | Op::Compile
        | Op::Does
        | Op::Halt
        | Op::CatchDone
        | Op::Interpret => away(0),
    }
}

/// The effect of a primitive: what its stack effect says, unless its form knows better.
fn primitive_effect(code: &[Piece], plan: &Plan, token: u32, primitive: &Primitive) -> Effect {
    let on = |takes: i32, change: i32| Effect { takes, next: Next::Fall(change) };
    let away = |takes: i32| Effect { takes, next: Next::Leave };
    match primitive.form {
        Form::Step => away(0),
        Form::Execute | Form::Catch => away(1),
        Form::Throw => on(1, -1),
        Form::DupIf => match code.get(token as usize + 1).map(|piece| piece.tok) {
            Some(next) if next.op == Op::Branch0 && !plan.mark(token + 1).label => {
                // The two run as one: the next token is passed over.
                Effect { takes: 1, next: Next::Branch(1, next.arg as u32, -1) }
            }
            _ => away(0),
        },
        Form::Pick => {
            let before = token.checked_sub(1).map(|before| code[before as usize].tok);
            match before {
                Some(Tok { op: Op::Lit, arg: n @ 0..=31, .. }) if !plan.mark(token).label => {
                    on(n as i32 + 2, 0)
                }
                _ => away(0),
            }
        }
        _ => {
            let (takes, gives) = (primitive.shape.takes, primitive.shape.gives);
            on(i32::from(takes), i32::from(gives) - i32::from(takes))
        }
    }
}
