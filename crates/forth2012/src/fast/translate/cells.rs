//! Arithmetic, comparisons and memory: descriptions that fold, or instructions.

use super::super::select;
use super::*;

impl Translator<'_> {
    /// Makes an item cheap to copy: sums are worked out once.
    pub(super) fn dup_safe(&mut self, n: usize) -> Step {
        self.ensure(n + 1)?;
        match self.items[self.items.len() - 1 - n] {
            Val::Sum { .. } => self.settle(n),
            _ => Ok(()),
        }
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

    pub(super) fn unary(&mut self, un: Un) -> Step {
        self.ensure(1)?;
        if let Some(Val::Imm(value)) = self.items.last().copied() {
            self.items.pop();
            return self.push(Val::Imm(un.eval(value)));
        }
        self.settle_x(0)?;
        let val = self.pop()?;
        let (x, bits) = self.x_operand(val)?;
        self.push_result(select::un(un, x), bits)
    }

    /// A word of two operands, fused with a branch that follows.
    pub(super) fn binary(&mut self, op: Bin, token: u32) -> Step<u32> {
        self.ensure(2)?;
        let n = self.items.len();
        if let (Val::Imm(a), Val::Imm(b)) = (self.items[n - 2], self.items[n - 1]) {
            self.items.truncate(n - 2);
            self.push(Val::Imm(op.eval(a, b)))?;
            return Ok(1);
        }
        match op {
            Bin::Add => {
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
            Bin::Sub => {
                if let Val::Imm(value) = self.items[n - 1]
                    && let Some(minus) = value.checked_neg()
                {
                    self.items.pop();
                    return self.add(minus).map(|()| 1);
                }
                self.emit_binary(Bin::Sub)?;
            }
            Bin::And => {
                if let Some((used, target, inverted)) = self.branch_after(token) {
                    let test = if inverted { Bin::Tst } else { Bin::NTst };
                    self.compare_branch(test, target)?;
                    return Ok(used);
                }
                self.emit_binary(Bin::And)?;
            }
            _ if op.negated().is_none() => self.emit_binary(op)?,
            _ => {
                let mut op = op;
                let n = self.items.len();
                if matches!(self.items[n - 2], Val::Imm(_)) {
                    self.arrange(2, &[1, 0])?;
                    op = op.mirrored().ok_or(Untranslatable).or_else(|Untranslatable| {
                        // No mirror: put the number into a slot instead.
                        self.arrange(2, &[1, 0])?;
                        self.settle(1)?;
                        Ok(op)
                    })?;
                }
                if let Some((used, target, inverted)) = self.branch_after(token) {
                    let jump = if inverted { op } else { op.negated().ok_or(Untranslatable)? };
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
                Op::Primitive
                    if self.machine.dict.form(tok) == Some(Form::CompareZero(Bin::Eq)) =>
                {
                    inverted = !inverted;
                }
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
            if op.commutes() || op == Bin::Sub {
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
        let f = select::bin(op, xk, yk).ok_or(Untranslatable)?;
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
        let Val::Slot(at) = x else { return Err(Untranslatable) };
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
                (X::Zero, false, imm_bits(i32::try_from(value).map_err(|_| Untranslatable)?))
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
