//! Tokens of control flow, locals and calls.

use super::super::select;
use super::*;

impl Translator<'_> {
    /// Translates the token and perhaps those that fuse with it; how many.
    pub(super) fn translate_token(&mut self, token: u32) -> Step<u32> {
        let tok = self.list[token as usize].tok;
        match tok.op {
            Op::Enter => {
                if tok.arg > 0 {
                    if tok.arg as usize > LOCALS {
                        return Err(Untranslatable);
                    }
                    self.emit(h::enter_locals, imm_bits(tok.arg as i32));
                }
                Ok(1)
            }
            Op::Exit => self.exit(tok.arg).map(|()| 1),
            Op::Frame => {
                self.frames.push((self.code.len(), token));
                self.emit(calls::frame, 0);
                Ok(1)
            }
            Op::Unframe => {
                self.emit(calls::unframe, 0);
                Ok(1)
            }
            Op::Lit => self.push(Val::Imm(tok.arg)).map(|()| 1),
            Op::Branch if self.is_exit(tok.arg) => self.exit(0).map(|()| 1),
            Op::Branch => {
                self.canonical()?;
                let target = tok.arg as u32;
                self.meet(target, 0)?;
                let f: Handler = if target <= token { h::jump::<true> } else { h::jump::<false> };
                self.emit(f, 0);
                self.fixup(target);
                self.reachable = false;
                Ok(1)
            }
            Op::Branch0 => {
                let flag = self.flag_operand()?;
                self.branch(Bin::Eq, flag, Val::Imm(0), tok.arg as u32, 0)?;
                Ok(1)
            }
            Op::Of => {
                self.settle_y(0)?;
                self.settle(1)?;
                let y = self.pop()?;
                let x = *self.items.last().ok_or(Untranslatable)?;
                self.branch(Bin::Ne, x, y, tok.arg as u32, 0)?;
                self.pop()?;
                Ok(1)
            }
            Op::Do | Op::QDo => {
                self.settle(0)?;
                self.settle(1)?;
                self.canonical()?;
                let depth = self.depth();
                let (limit, start) = (depth - 2, depth - 1);
                self.base -= 2;
                let bits =
                    |this: i32| (slot_byte(limit - this) << 8) | (slot_byte(start - this) << 16);
                if tok.op == Op::Do {
                    self.emit(h::do_, bits(0));
                } else {
                    let by = self.meet(tok.arg as u32, 0)?;
                    self.emit(h::q_do, bits(by));
                    self.fixup(tok.arg as u32);
                }
                self.acc = None;
                Ok(1)
            }
            Op::Loop => {
                self.canonical()?;
                self.meet(tok.arg as u32, 0)?;
                self.emit(h::loop_, 0);
                self.fixup(tok.arg as u32);
                Ok(1)
            }
            Op::PlusLoop => self.plus_loop(tok.arg as u32).map(|()| 1),
            Op::Local => {
                let at = self.local_slot(tok.arg)?;
                self.push(Val::Local(at)).map(|()| 1)
            }
            Op::SetLocal => self.set_local(tok.arg).map(|()| 1),
            Op::SetValue => {
                self.push(Val::Imm(tok.arg))?;
                self.store(h::STORE).map(|()| 1)
            }
            Op::Word => self.word(token, tok),
            Op::Deferred => {
                self.canonical()?;
                let by = self.by(0)?;
                let back = self.here() + 2;
                self.emit(calls::deferred, by | imm_bits(back as i32));
                self.emit(calls::end, tok.arg as u64);
                self.reachable = false;
                Ok(1)
            }
            Op::Compile | Op::Does | Op::Halt | Op::CatchDone | Op::Interpret => {
                self.step_out(token).map(|()| 1)
            }
            Op::FLit => self.float_literal(token, tok.arg as u64),
            Op::Primitive => match self.machine.dict.primitive(tok) {
                Some(primitive) => self.primitive(token, primitive),
                None => Err(Untranslatable),
            },
            Op::Nothing => Ok(1),
        }
    }

    /// True when a branch leads to the end of a definition without locals.
    pub(super) fn is_exit(&self, target: i64) -> bool {
        let piece = usize::try_from(target).ok().and_then(|at| self.list.get(at));
        piece.is_some_and(|piece| piece.tok.op == Op::Exit && piece.tok.arg == 0 && piece.site == 0)
    }

    pub(super) fn exit(&mut self, locals: i64) -> Step {
        self.canonical()?;
        if locals > 0 {
            self.emit(h::leave_locals, imm_bits(locals as i32));
        }
        let by = self.by(0)?;
        self.emit(calls::ret, by);
        self.reachable = false;
        Ok(())
    }

    /// The token `ahead` pieces on, unless something else leads there.
    pub(super) fn follows(&self, token: u32, ahead: u32) -> Option<Tok> {
        let marked = (1..=ahead).any(|n| {
            let mark = self.plan.mark(token + n);
            mark.label || mark.header
        });
        if marked { None } else { self.list.get((token + ahead) as usize).map(|piece| piece.tok) }
    }

    /// The signed byte by which a window moves to the depth plus `extra`.
    pub(super) fn by(&self, extra: i32) -> Step<u64> {
        i8::try_from(self.depth() + extra).map(|by| u64::from(by as u8)).map_err(|_| Untranslatable)
    }

    /// The stepper runs the token.
    pub(super) fn step_out(&mut self, token: u32) -> Step {
        self.canonical()?;
        let by = self.by(0)?;
        self.emit(calls::step_out, by | imm_bits(self.original(token) as i32));
        self.reachable = false;
        Ok(())
    }

    /// A flag popped for a branch.
    pub(super) fn flag_operand(&mut self) -> Step<Val> {
        self.ensure(1)?;
        self.settle_x(0)?;
        self.pop()
    }

    pub(super) fn local_slot(&self, index: i64) -> Step<u8> {
        u8::try_from(LOCALS as i64 - 1 - index).map_err(|_| Untranslatable)
    }

    pub(super) fn set_local(&mut self, index: i64) -> Step {
        let at = self.local_slot(index)?;
        self.settle_x(0)?;
        let val = self.pop()?;
        // Items that still mean the old value take it now.
        for n in 0..self.items.len() {
            let uses = match self.items[self.items.len() - 1 - n] {
                Val::Local(local) | Val::Sum { base: Base::Local(local), .. } => local == at,
                _ => false,
            };
            if uses {
                self.items.push(val);
                self.settle(n + 1)?;
                self.items.pop();
            }
        }
        let (x, bits) = self.x_operand(val)?;
        self.emit(select::set_local(x), bits | (u64::from(at) << 16));
        self.acc = None;
        Ok(())
    }

    /// Items that mean the loop index take its value now.
    pub(super) fn settle_index(&mut self) -> Step {
        for n in 0..self.items.len() {
            if matches!(
                self.items[self.items.len() - 1 - n],
                Val::Index | Val::Sum { base: Base::Index, .. }
            ) {
                self.settle(n)?;
            }
        }
        Ok(())
    }

    pub(super) fn plus_loop(&mut self, target: u32) -> Step {
        self.settle_y(0)?;
        let step = match *self.items.last().ok_or(Untranslatable)? {
            Val::Imm(value) if i16::try_from(value).is_ok() => {
                self.pop()?;
                self.canonical()?;
                self.meet(target, 0)?;
                (Y::Imm, u64::from(value as i16 as u16) << 16)
            }
            _ => {
                self.settle(0)?;
                self.canonical()?;
                self.base -= 1;
                let at = self.depth();
                let by = self.meet(target, 0)?;
                (Y::Slot, slot_byte(at - by) << 16)
            }
        };
        self.emit(select::plus_loop(step.0), step.1);
        self.fixup(target);
        Ok(())
    }

    /// A word by its index.
    pub(super) fn word(&mut self, token: u32, tok: Tok) -> Step<u32> {
        let index = tok.arg as u32;
        let Some(word) = self.machine.dict.get(index) else { return Err(Untranslatable) };
        match word.kind {
            Kind::Colon(callee) => self.call(callee)?,
            Kind::Create(body, 0) => {
                self.bound.push(index);
                self.push(Val::Imm(i64::from(body)))?;
            }
            Kind::Create(body, does) => {
                self.bound.push(index);
                self.push(Val::Imm(i64::from(body)))?;
                self.call(does)?;
            }
            Kind::Constant(value) => self.push(Val::Imm(value))?,
            Kind::Value(at) => {
                self.push(Val::Imm(i64::from(at)))?;
                self.load(false)?;
            }
            _ => self.step_out(token)?,
        }
        Ok(1)
    }

    pub(super) fn call(&mut self, callee: u32) -> Step {
        self.canonical()?;
        let by = i32::from(i8::try_from(self.depth()).map_err(|_| Untranslatable)?);
        let back = self.here() + 1;
        let known = match self.machine.fast.entries.get(callee as usize) {
            _ if callee == self.start => Some(self.origin as u32),
            Some(&Entry { at, .. }) if at < NONE => Some(at - 1),
            _ => None,
        };
        match known.filter(|&header| header < calls::DIRECT_END) {
            Some(header) => self.emit(calls::call_direct, calls::direct_operands(by, header, back)),
            None => self.emit(calls::call, calls::call_operands(by, callee, back)),
        }
        self.reachable = false;
        Ok(())
    }
}
