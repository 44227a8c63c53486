//! What each word becomes.

use super::super::super::run::{binary, unary};
use super::super::floats as f;
use super::super::select::{self, Bin, From, Un, X, Y};
use super::*;

impl Translator<'_> {
    /// Translates the token and perhaps those that fuse with it; how many.
    pub(super) fn translate_token(&mut self, token: u32) -> Step<u32> {
        let tok = self.list[token as usize].tok;
        match tok.op {
            Op::Enter => {
                if tok.arg > 0 {
                    if tok.arg as usize > LOCALS {
                        return Err(GiveUp);
                    }
                    self.emit(h::enter_locals, imm_bits(tok.arg as i32));
                }
                Ok(1)
            }
            Op::Exit => self.exit(tok.arg).map(|()| 1),
            Op::Frame => {
                self.frames.push((self.code.len(), token));
                self.emit(h::frame, 0);
                Ok(1)
            }
            Op::Unframe => {
                self.emit(h::unframe, 0);
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
                self.alive = false;
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
                let x = *self.items.last().ok_or(GiveUp)?;
                self.branch(Bin::Ne, x, y, tok.arg as u32, 0)?;
                self.pop()?;
                Ok(1)
            }
            Op::QDup => {
                let next = self.follows(token, 1);
                let Some(next) = next.filter(|next| next.op == Op::Branch0) else {
                    return self.step_out(token).map(|()| 1);
                };
                self.settle(0)?;
                self.canonical()?;
                let top = Val::Slot(self.depth() - 1);
                self.branch(Bin::Eq, top, Val::Imm(0), next.arg as u32, -1)?;
                Ok(2)
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
            Op::Unloop => {
                self.settle_index()?;
                self.emit(h::unloop, 0);
                Ok(1)
            }
            Op::LoopI => self.push(Val::Index).map(|()| 1),
            Op::LoopJ => self.push_result(h::r_fetch, 0).map(|()| 1),
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
            Op::Execute | Op::Catch => {
                self.canonical()?;
                let at = self.depth() - 1;
                self.base -= 1;
                let by = self.by(0)?;
                let f: Handler = if tok.op == Op::Execute { h::execute } else { h::catch };
                let back = self.here() + 1;
                self.emit(f, by | (slot_byte(at) << 8) | imm_bits(back as i32));
                self.alive = false;
                Ok(1)
            }
            Op::Throw => {
                self.canonical()?;
                let at = self.depth() - 1;
                self.base -= 1;
                let by = self.by(0)?;
                self.emit(
                    h::throw,
                    by | (slot_byte(at) << 8) | imm_bits(self.original(token) as i32),
                );
                Ok(1)
            }
            Op::Deferred => {
                self.canonical()?;
                let by = self.by(0)?;
                let back = self.here() + 2;
                self.emit(h::deferred, by | imm_bits(back as i32));
                self.emit(h::end, tok.arg as u64);
                self.alive = false;
                Ok(1)
            }
            Op::Compile | Op::Does | Op::Halt | Op::CatchDone | Op::Interpret => {
                self.step_out(token).map(|()| 1)
            }
            op if self.is_float(op) => self.float(token, tok),
            op => self.data(token, op),
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
        self.emit(h::ret, by);
        self.alive = false;
        Ok(())
    }

    pub(super) fn is_float(&self, op: Op) -> bool {
        op == Op::FLit || (op as u8 >= Op::FAdd as u8 && op as u8 <= Op::SToF as u8)
    }

    /// The op `ahead` pieces on, unless something else leads there.
    pub(super) fn follows(&self, token: u32, ahead: u32) -> Option<Tok> {
        let marked = (1..=ahead).any(|n| {
            let mark = self.plan.mark(token + n);
            mark.label || mark.header
        });
        if marked { None } else { self.list.get((token + ahead) as usize).map(|piece| piece.tok) }
    }

    /// Floating-point words, fused where they often stand together.
    pub(super) fn float(&mut self, token: u32, tok: Tok) -> Step<u32> {
        let next = self.follows(token, 1).map_or(Op::Noop, |tok| tok.op);
        let third = self.follows(token, 2).map_or(Op::Noop, |tok| tok.op);
        match tok.op {
            Op::FLit => {
                if let Some(f) = select::float_binary(next, From::Lit) {
                    self.emit(f, tok.arg as u64);
                    return Ok(2);
                }
                self.emit(f::flit, tok.arg as u64);
            }
            Op::FDup if next == Op::FMul => {
                self.emit(f::fsquare, 0);
                return Ok(2);
            }
            Op::FOver if next == Op::FDup && third == Op::FMul => {
                self.emit(f::fover_square, 0);
                return Ok(3);
            }
            Op::FOver => {
                if next == Op::FOver
                    && let Some(f) = select::float_binary(third, From::TwoOver)
                {
                    self.emit(f, 0);
                    return Ok(3);
                }
                if let Some(f) = select::float_binary(next, From::Over) {
                    self.emit(f, 0);
                    return Ok(2);
                }
                self.emit(f::fpick::<1>, 0);
            }
            Op::FRot if next == Op::FRot => {
                self.emit(f::frot_back, 0);
                return Ok(2);
            }
            Op::FDup => self.emit(f::fpick::<0>, 0),
            Op::FDrop => self.emit(f::fdrop, 0),
            Op::FSwap => self.emit(f::fswap, 0),
            Op::FRot => self.emit(f::frot, 0),
            Op::FNegate => self.emit(f::fnegate, 0),
            Op::FAbs => self.emit(f::fabs, 0),
            Op::FFetch | Op::FStore => {
                self.ensure(1)?;
                let fixed = match self.items.last() {
                    Some(Val::Imm(address)) => Some(*address as u64),
                    _ => None,
                };
                if tok.op == Op::FFetch
                    && let Some(address) = fixed
                    && let Some(f) = select::float_binary(next, From::Load)
                {
                    self.pop()?;
                    self.emit(f, address);
                    return Ok(2);
                }
                self.settle_fixed()?;
                if let Some(Val::Sum { scaled: true, .. }) = self.items.last() {
                    self.settle(0)?;
                }
                let val = self.pop()?;
                let (x, _, bits) = self.address(val)?;
                self.emit(select::float_memory(x, tok.op == Op::FStore), bits);
            }
            Op::FLt => self.push_result(f::fless, 0)?,
            Op::FZLt => self.push_result(f::fnegative, 0)?,
            Op::FZEq => self.push_result(f::fzero, 0)?,
            Op::DToF => {
                self.settle(0)?;
                self.settle(1)?;
                let high = self.pop()?;
                let low = self.pop()?;
                let (Val::Slot(high), Val::Slot(low)) = (high, low) else { return Err(GiveUp) };
                self.emit(f::d_to_f, (slot_byte(low) << 8) | (slot_byte(high) << 16));
            }
            Op::SToF => {
                self.settle_x(0)?;
                let val = self.pop()?;
                let (x, bits) = self.x_operand(val)?;
                self.emit(select::s_to_f(x), bits);
            }
            op => {
                let f = select::float_binary(op, From::Stack).ok_or(GiveUp)?;
                self.emit(f, 0);
            }
        }
        Ok(1)
    }

    /// The signed byte by which a window moves to the depth plus `extra`.
    pub(super) fn by(&self, extra: i32) -> Step<u64> {
        i8::try_from(self.depth() + extra).map(|by| u64::from(by as u8)).map_err(|_| GiveUp)
    }

    /// The stepper runs the token.
    pub(super) fn step_out(&mut self, token: u32) -> Step {
        self.canonical()?;
        let by = self.by(0)?;
        self.emit(h::step_out, by | imm_bits(self.original(token) as i32));
        self.alive = false;
        Ok(())
    }

    /// A flag popped for a branch.
    pub(super) fn flag_operand(&mut self) -> Step<Val> {
        self.ensure(1)?;
        self.settle_x(0)?;
        self.pop()
    }

    pub(super) fn local_slot(&self, index: i64) -> Step<u8> {
        u8::try_from(LOCALS as i64 - 1 - index).map_err(|_| GiveUp)
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
        let step = match *self.items.last().ok_or(GiveUp)? {
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
        let Some(word) = self.machine.dict.get(index) else { return Err(GiveUp) };
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
        let by = i32::from(i8::try_from(self.depth()).map_err(|_| GiveUp)?);
        let back = self.here() + 1;
        let known = match self.machine.fast.entries.get(callee as usize) {
            _ if callee == self.start => Some(self.origin as u32),
            Some(&Entry { at, .. }) if at < NONE => Some(at - 1),
            _ => None,
        };
        match known {
            Some(header) => self.emit(h::call_direct, h::direct_operands(by, header, back)),
            None => self.emit(h::call, h::call_operands(by, callee, back)),
        }
        self.alive = false;
        Ok(())
    }

    /// Words on the data stack and memory.
    #[allow(clippy::too_many_lines)] // one arm a word
    pub(super) fn data(&mut self, token: u32, op: Op) -> Step<u32> {
        match op {
            Op::Dup => {
                self.dup_safe(0)?;
                let top = *self.items.last().ok_or(GiveUp)?;
                self.push(top)?;
            }
            Op::Drop => drop(self.pop()?),
            Op::Swap => self.permute(2, &[1, 0])?,
            Op::Over => {
                self.dup_safe(1)?;
                self.permute(2, &[0, 1, 0])?;
            }
            Op::Rot => self.permute(3, &[1, 2, 0])?,
            Op::MRot => self.permute(3, &[2, 0, 1])?,
            Op::Nip => self.permute(2, &[1])?,
            Op::Tuck => {
                self.dup_safe(0)?;
                self.permute(2, &[1, 0, 1])?;
            }
            Op::TwoDup => {
                self.dup_safe(0)?;
                self.dup_safe(1)?;
                self.permute(2, &[0, 1, 0, 1])?;
            }
            Op::TwoDrop => self.permute(2, &[])?,
            Op::TwoSwap => self.permute(4, &[2, 3, 0, 1])?,
            Op::TwoOver => {
                self.dup_safe(2)?;
                self.dup_safe(3)?;
                self.permute(4, &[0, 1, 2, 3, 0, 1])?;
            }
            Op::Pick => {
                let n = match self.items.last() {
                    Some(Val::Imm(n @ 0..=31)) => *n as usize,
                    _ => return self.step_out(token).map(|()| 1),
                };
                self.pop()?;
                self.dup_safe(n)?;
                let val = self.items[self.items.len() - 1 - n];
                self.push(val)?;
            }
            Op::ToR => {
                self.settle_x(0)?;
                let val = self.pop()?;
                let (x, bits) = self.x_operand(val)?;
                self.emit(select::to_r(x), bits);
            }
            Op::RFrom => self.push_result(h::r_from, 0)?,
            Op::RFetch => self.push_result(h::r_fetch, 0)?,
            Op::TwoToR => {
                self.settle_x(0)?;
                self.settle_x(1)?;
                let b = self.pop()?;
                let a = self.pop()?;
                let (x, bits) = self.x_operand(a)?;
                self.emit(select::to_r(x), bits);
                let (x, bits) = self.x_operand(b)?;
                self.emit(select::to_r(x), bits);
            }
            Op::TwoRFrom => {
                self.push_result(h::r_from, 0)?;
                self.push_result(h::r_from, 0)?;
                self.permute(2, &[1, 0])?;
            }
            Op::TwoRFetch => {
                self.push_result(h::r_fetch, 1 << 8)?;
                self.push_result(h::r_fetch, 0)?;
            }
            Op::OnePlus | Op::CharPlus => self.add(1)?,
            Op::OneMinus => self.add(-1)?,
            Op::CellPlus => self.add(8)?,
            Op::Cells => self.cells()?,
            Op::Chars | Op::Noop => {}
            Op::TwoStar => {
                self.push(Val::Imm(1))?;
                self.binary(Op::LShift, token)?;
            }
            Op::TwoSlash => {
                if let Some(Val::Imm(value)) = self.items.last().copied() {
                    self.items.pop();
                    self.push(Val::Imm(value >> 1))?;
                } else {
                    self.push(Val::Imm(1))?;
                    self.emit_binary(Bin::Sar)?;
                }
            }
            Op::Invert => self.unary(op, Un::Invert)?,
            Op::Negate => self.unary(op, Un::Negate)?,
            Op::Abs => self.unary(op, Un::Abs)?,
            Op::ZEq | Op::ZNe | Op::ZLt | Op::ZGt => {
                self.push(Val::Imm(0))?;
                let op = match op {
                    Op::ZEq => Op::Eq,
                    Op::ZNe => Op::Ne,
                    Op::ZLt => Op::Lt,
                    _ => Op::Gt,
                };
                return self.binary(op, token);
            }
            Op::Fetch => self.load(false)?,
            Op::CFetch => self.load(true)?,
            Op::Store => self.store(h::STORE)?,
            Op::CStore => self.store(h::STORE_BYTE)?,
            Op::PlusStore => self.store(h::STORE_ADD)?,
            Op::TwoFetch => {
                self.dup_safe(0)?;
                let address = *self.items.last().ok_or(GiveUp)?;
                self.push(address)?;
                self.add(8)?;
                self.load(false)?;
                self.permute(2, &[1, 0])?;
                self.load(false)?;
            }
            Op::TwoStore => {
                self.dup_safe(0)?;
                self.permute(3, &[0, 2, 1, 2])?;
                self.store(h::STORE)?;
                self.add(8)?;
                self.store(h::STORE)?;
            }
            Op::StoD => {
                self.dup_safe(0)?;
                let top = *self.items.last().ok_or(GiveUp)?;
                self.push(top)?;
                self.push(Val::Imm(63))?;
                self.emit_binary(Bin::Sar)?;
            }
            Op::Div | Op::Mod => self.divide(op == Op::Mod)?,
            Op::Within => {
                // ( x low high ) : x-low < high-low, unsigned.
                self.dup_safe(1)?;
                self.permute(3, &[0, 1, 2, 1])?;
                self.binary(Op::Sub, token)?;
                self.permute(3, &[2, 0, 1])?;
                self.binary(Op::Sub, token)?;
                self.permute(2, &[1, 0])?;
                return self.binary(Op::ULt, token);
            }
            Op::Add
            | Op::Sub
            | Op::Mul
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
            | Op::UGt => return self.binary(op, token),
            _ => self.step_out(token)?,
        }
        Ok(1)
    }

    /// Makes an item cheap to copy: sums are worked out once.
    pub(super) fn dup_safe(&mut self, n: usize) -> Step {
        self.ensure(n + 1)?;
        match self.items[self.items.len() - 1 - n] {
            Val::Sum { .. } => self.settle(n),
            _ => Ok(()),
        }
    }

    /// Rearranges the top `n` items; the pattern counts from the deepest.
    pub(super) fn permute(&mut self, n: usize, pattern: &[usize]) -> Step {
        self.ensure(n)?;
        let top = self.items.split_off(self.items.len() - n);
        for &at in pattern {
            self.push(top[at])?;
        }
        Ok(())
    }

    /// Adds a constant to the top item.
    pub(super) fn add(&mut self, value: i64) -> Step {
        self.ensure(1)?;
        let at = self.items.len() - 1;
        let small = i32::try_from(value);
        let new = match (self.items[at], small) {
            (Val::Imm(old), _) => Some(Val::Imm(old.wrapping_add(value))),
            (Val::Slot(slot), Ok(offset)) => {
                Some(Val::Sum { base: Base::Slot(slot), scaled: false, offset })
            }
            (Val::Local(local), Ok(offset)) => {
                Some(Val::Sum { base: Base::Local(local), scaled: false, offset })
            }
            (Val::Index, Ok(offset)) => Some(Val::Sum { base: Base::Index, scaled: false, offset }),
            (Val::Sum { base, scaled, offset }, Ok(more)) => {
                offset.checked_add(more).map(|offset| Val::Sum { base, scaled, offset })
            }
            _ => None,
        };
        match new {
            Some(new) => self.items[at] = new,
            None => {
                self.push(Val::Imm(value))?;
                self.emit_binary(Bin::Add)?;
            }
        }
        Ok(())
    }

    pub(super) fn cells(&mut self) -> Step {
        self.ensure(1)?;
        let at = self.items.len() - 1;
        let new = match self.items[at] {
            Val::Imm(value) => Some(Val::Imm(value.wrapping_mul(8))),
            Val::Slot(slot) => Some(Val::Sum { base: Base::Slot(slot), scaled: true, offset: 0 }),
            Val::Local(local) => {
                Some(Val::Sum { base: Base::Local(local), scaled: true, offset: 0 })
            }
            Val::Index => Some(Val::Sum { base: Base::Index, scaled: true, offset: 0 }),
            Val::Sum { base, scaled: false, offset } => {
                offset.checked_mul(8).map(|offset| Val::Sum { base, scaled: true, offset })
            }
            Val::Sum { .. } => None,
        };
        match new {
            Some(new) => self.items[at] = new,
            None => {
                self.settle(0)?;
                return self.cells();
            }
        }
        Ok(())
    }

    pub(super) fn unary(&mut self, op: Op, un: Un) -> Step {
        self.ensure(1)?;
        if let Some(Val::Imm(value)) = self.items.last().copied() {
            self.items.pop();
            return self.push(Val::Imm(unary(op, value)));
        }
        self.settle_x(0)?;
        let val = self.pop()?;
        let (x, bits) = self.x_operand(val)?;
        self.push_result(select::un(un, x), bits)
    }

    /// A word of two operands, fused with a branch that follows.
    pub(super) fn binary(&mut self, op: Op, token: u32) -> Step<u32> {
        self.ensure(2)?;
        let n = self.items.len();
        if let (Val::Imm(a), Val::Imm(b)) = (self.items[n - 2], self.items[n - 1])
            && let Some(value) = binary(op, a, b)
        {
            self.items.truncate(n - 2);
            self.push(Val::Imm(value))?;
            return Ok(1);
        }
        match op {
            Op::Add => {
                if let Val::Imm(value) = self.items[n - 1] {
                    self.items.pop();
                    return self.add(value).map(|()| 1);
                }
                if let Val::Imm(value) = self.items[n - 2] {
                    self.items.remove(n - 2);
                    return self.add(value).map(|()| 1);
                }
                self.emit_binary(Bin::Add)?;
            }
            Op::Sub => {
                if let Val::Imm(value) = self.items[n - 1]
                    && let Some(minus) = value.checked_neg()
                {
                    self.items.pop();
                    return self.add(minus).map(|()| 1);
                }
                self.emit_binary(Bin::Sub)?;
            }
            Op::And => {
                if let Some((used, target, inverted)) = self.branch_after(token) {
                    let test = if inverted { Bin::Tst } else { Bin::NTst };
                    self.compare_branch(test, target)?;
                    return Ok(used);
                }
                self.emit_binary(Bin::And)?;
            }
            Op::Mul => self.emit_binary(Bin::Mul)?,
            Op::Or => self.emit_binary(Bin::Or)?,
            Op::Xor => self.emit_binary(Bin::Xor)?,
            Op::Min => self.emit_binary(Bin::Min)?,
            Op::Max => self.emit_binary(Bin::Max)?,
            Op::LShift => self.emit_binary(Bin::Shl)?,
            Op::RShift => self.emit_binary(Bin::Shr)?,
            _ => {
                let (mut op, swapped) = compare_of(op).ok_or(GiveUp)?;
                if swapped {
                    self.permute(2, &[1, 0])?;
                }
                let n = self.items.len();
                if matches!(self.items[n - 2], Val::Imm(_)) {
                    self.permute(2, &[1, 0])?;
                    op = mirrored(op).ok_or(GiveUp).or_else(|GiveUp| {
                        // No mirror: put the number into a slot instead.
                        self.permute(2, &[1, 0])?;
                        self.settle(1)?;
                        Ok(op)
                    })?;
                }
                if let Some((used, target, inverted)) = self.branch_after(token) {
                    let jump = if inverted { op } else { negated(op).ok_or(GiveUp)? };
                    self.compare_branch(jump, target)?;
                    return Ok(used);
                }
                self.emit_binary(op)?;
            }
        }
        Ok(1)
    }

    /// When a flag is used by a branch alone: tokens used, target, and whether `0=` inverts it.
    pub(super) fn branch_after(&self, token: u32) -> Option<(u32, u32, bool)> {
        let mut at = token + 1;
        let mut inverted = false;
        loop {
            if self.plan.mark(at).label || self.plan.mark(at).header {
                return None;
            }
            let tok = self.list.get(at as usize)?.tok;
            match tok.op {
                Op::ZEq => inverted = !inverted,
                Op::Branch0 => return Some((at + 1 - token, tok.arg as u32, inverted)),
                _ => return None,
            }
            at += 1;
        }
    }

    pub(super) fn compare_branch(&mut self, op: Bin, target: u32) -> Step {
        self.settle_y(0)?;
        self.settle_x(1)?;
        let y = self.pop()?;
        let x = self.pop()?;
        self.branch(op, x, y, target, 0)
    }

    /// Emits an operation on the top two items.
    pub(super) fn emit_binary(&mut self, op: Bin) -> Step {
        self.ensure(2)?;
        let n = self.items.len();
        let mut op = op;
        // A number goes second.
        if matches!(self.items[n - 2], Val::Imm(_)) {
            let commutes = matches!(
                op,
                Bin::Add
                    | Bin::Mul
                    | Bin::And
                    | Bin::Or
                    | Bin::Xor
                    | Bin::Min
                    | Bin::Max
                    | Bin::Eq
                    | Bin::Ne
            );
            if commutes || op == Bin::Sub {
                self.items.swap(n - 2, n - 1);
                op = if op == Bin::Sub { Bin::RSub } else { op };
            } else {
                self.settle(1)?;
            }
        }
        if let (Bin::And, Val::Imm(value)) = (op, self.items[n - 1])
            && let Ok(unsigned) = u32::try_from(value)
            && i32::try_from(value).is_err()
        {
            op = Bin::AndU;
            self.items[n - 1] = Val::Imm(i64::from(unsigned as i32));
        }
        self.settle_y(0)?;
        self.settle_x(1)?;
        let y = self.pop()?;
        let x = self.pop()?;
        let (xk, yk, bits) = self.operands(x, y)?;
        let f = select::bin(op, xk, yk).ok_or(GiveUp)?;
        self.push_result(f, bits)
    }

    /// Operand kinds and bits; a number that does not fit comes through the accumulator.
    pub(super) fn operands(&mut self, x: Val, y: Val) -> Step<(X, Y, u64)> {
        if let Val::Imm(value) = y {
            if let Ok(short) = i32::try_from(value) {
                let (xk, bits) = self.x_operand(x)?;
                return Ok((xk, Y::Imm, bits | imm_bits(short)));
            }
            self.emit(h::lit_wide, value as u64);
            self.acc = None;
            let (xk, bits) = self.x_operand(x)?;
            return Ok((xk, Y::Acc, bits));
        }
        let (xk, xb) = self.x_operand(x)?;
        let (yk, yb) = self.y_operand(y)?;
        Ok((xk, yk, xb | yb))
    }

    pub(super) fn divide(&mut self, modulo: bool) -> Step {
        self.settle_y(0)?;
        self.settle(1)?;
        let y = self.pop()?;
        let x = self.pop()?;
        let Val::Slot(at) = x else { return Err(GiveUp) };
        let (yk, yb) = match y {
            Val::Imm(value) => match i32::try_from(value) {
                Ok(short) => (Y::Imm, imm_bits(short)),
                Err(_) => {
                    self.emit(h::lit_wide, value as u64);
                    self.acc = None;
                    (Y::Acc, 0)
                }
            },
            _ => self.y_operand(y)?,
        };
        self.push_result(select::divide(modulo, yk), (slot_byte(at) << 8) | yb)
    }

    /// A fixed address that does not fit an instruction goes into a slot.
    pub(super) fn settle_fixed(&mut self) -> Step {
        match self.items.last() {
            Some(Val::Imm(value)) if i32::try_from(*value).is_err() => self.settle(0),
            _ => Ok(()),
        }
    }

    /// An address operand: kind, scaled, bits with offset.
    pub(super) fn address(&self, val: Val) -> Step<(X, bool, u64)> {
        Ok(match val {
            Val::Sum { base, scaled, offset } => {
                let (x, bits) = self.base_operand(base)?;
                (x, scaled, bits | imm_bits(offset))
            }
            Val::Imm(value) => {
                (X::Zero, false, imm_bits(i32::try_from(value).map_err(|_| GiveUp)?))
            }
            _ => {
                let (x, bits) = self.x_operand(val)?;
                (x, false, bits)
            }
        })
    }

    pub(super) fn load(&mut self, byte: bool) -> Step {
        self.ensure(1)?;
        self.settle_fixed()?;
        let val = self.pop()?;
        let (x, scaled, bits) = self.address(val)?;
        self.push_result(select::load(x, scaled, byte), bits)
    }

    pub(super) fn store(&mut self, how: u8) -> Step {
        self.ensure(2)?;
        self.settle_fixed()?;
        // ( value address )
        let n = self.items.len();
        match self.items[n - 2] {
            Val::Imm(value) if i16::try_from(value).is_ok() => {}
            _ => {
                if !matches!(self.items[n - 2], Val::Local(_)) {
                    self.settle(1)?;
                }
            }
        }
        let address = self.pop()?;
        let value = self.pop()?;
        let (x, scaled, bits) = self.address(address)?;
        let (y, more) = match value {
            Val::Imm(value) => (Y::Imm, u64::from(value as i16 as u16) << 16),
            _ => self.y_operand(value)?,
        };
        self.emit(select::store(x, scaled, y, how), bits | more);
        Ok(())
    }
}

/// The comparison of a word, and whether its operands change places.
fn compare_of(op: Op) -> Option<(Bin, bool)> {
    Some(match op {
        Op::Eq => (Bin::Eq, false),
        Op::Ne => (Bin::Ne, false),
        Op::Lt => (Bin::Lt, false),
        Op::Gt => (Bin::Gt, false),
        Op::Le => (Bin::Le, false),
        Op::Ge => (Bin::Ge, false),
        Op::ULt => (Bin::ULt, false),
        Op::UGt => (Bin::ULt, true),
        _ => return None,
    })
}

/// The comparison with operands exchanged.
fn mirrored(op: Bin) -> Option<Bin> {
    Some(match op {
        Bin::Eq | Bin::Ne => op,
        Bin::Lt => Bin::Gt,
        Bin::Gt => Bin::Lt,
        Bin::Le => Bin::Ge,
        Bin::Ge => Bin::Le,
        _ => return None,
    })
}

/// The opposite comparison.
fn negated(op: Bin) -> Option<Bin> {
    Some(match op {
        Bin::Eq => Bin::Ne,
        Bin::Ne => Bin::Eq,
        Bin::Lt => Bin::Ge,
        Bin::Ge => Bin::Lt,
        Bin::Gt => Bin::Le,
        Bin::Le => Bin::Gt,
        Bin::ULt => Bin::UGe,
        Bin::UGe => Bin::ULt,
        _ => return None,
    })
}
