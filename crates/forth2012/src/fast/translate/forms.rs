//! Primitives by their forms.

use super::super::floats as f;
use super::super::select::{self, From};
use super::*;

/// Greatest item that PICK takes after a number.
const PICKED: i64 = 31;

impl Translator<'_> {
    /// A primitive and perhaps tokens that fuse with it; how many tokens.
    pub(super) fn primitive(&mut self, token: u32, primitive: &Primitive) -> Step<u32> {
        match primitive.form {
            Form::Shuffle => {
                let takes = usize::from(primitive.shape.takes);
                self.arrange(takes, primitive.shape.pattern()).map(|()| 1)
            }
            form => self.form(token, form),
        }
    }

    fn form(&mut self, token: u32, form: Form) -> Step<u32> {
        match form {
            Form::Step => self.step_out(token)?,
            // A word that rearranges is translated by `primitive`, which knows its effect.
            Form::Shuffle => return Err(Untranslatable),
            Form::Nothing => {}
            Form::Arrange(takes, pattern) => self.arrange(takes, pattern)?,
            Form::Number(value) => self.push(Val::Imm(value))?,
            Form::Add(value) => self.add(value)?,
            Form::Cells => self.cells()?,
            Form::Unary(operation) => self.unary(operation)?,
            Form::Binary(operation) => return self.binary(operation, token),
            Form::CompareZero(operation) => {
                self.push(Val::Imm(0))?;
                return self.binary(operation, token);
            }
            Form::Divide => self.divide(false)?,
            Form::Modulo => self.divide(true)?,
            Form::Load => self.load(false)?,
            Form::LoadByte => self.load(true)?,
            Form::Store => self.store(h::STORE)?,
            Form::StoreByte => self.store(h::STORE_BYTE)?,
            Form::StoreAdd => self.store(h::STORE_ADD)?,
            Form::ToReturn => {
                self.settle_x(0)?;
                let val = self.pop()?;
                let (x, bits) = self.x_operand(val)?;
                self.emit(select::to_r(x), bits);
            }
            Form::FromReturn => self.push_result(h::r_from, 0)?,
            Form::FetchReturn(below) => self.push_result(h::r_fetch, u64::from(below) << 8)?,
            Form::OuterIndex => self.push_result(h::r_fetch, 0)?,
            Form::Index => self.push(Val::Index)?,
            Form::Unloop => {
                self.settle_index()?;
                self.emit(h::unloop, 0);
            }
            Form::Execute => self.run_token(calls::execute)?,
            Form::Catch => self.run_token(calls::catch)?,
            Form::Throw => {
                self.canonical()?;
                let at = self.depth() - 1;
                self.base -= 1;
                let by = self.by(0)?;
                let here = imm_bits(self.original(token) as i32);
                self.emit(calls::throw, by | (slot_byte(at) << 8) | here);
            }
            Form::DupIf => return self.dup_if(token),
            Form::Pick => self.pick(token)?,
            Form::Float(float) => return self.float(token, float),
            Form::Sequence(forms) => {
                let mut used = 1;
                for &form in forms {
                    used = self.form(token, form)?;
                }
                return Ok(used);
            }
        }
        Ok(1)
    }

    /// Rearranges the top items; the pattern counts from the deepest.
    pub(super) fn arrange(&mut self, takes: usize, pattern: &[u8]) -> Step {
        self.ensure(takes)?;
        for n in 0..takes {
            let copies = pattern.iter().filter(|&&from| usize::from(from) == takes - 1 - n);
            if copies.count() > 1 {
                self.dup_safe(n)?;
            }
        }
        let top = self.items.split_off(self.items.len() - takes);
        for &at in pattern {
            let val = *top.get(usize::from(at)).ok_or(Untranslatable)?;
            self.push(val)?;
        }
        Ok(())
    }

    /// EXECUTE and CATCH.
    fn run_token(&mut self, handler: Handler) -> Step {
        self.canonical()?;
        let at = self.depth() - 1;
        self.base -= 1;
        let by = self.by(0)?;
        let back = self.here() + 1;
        self.emit(handler, by | (slot_byte(at) << 8) | imm_bits(back as i32));
        self.reachable = false;
        Ok(())
    }

    /// ?DUP and the branch behind it.
    fn dup_if(&mut self, token: u32) -> Step<u32> {
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

    fn pick(&mut self, token: u32) -> Step {
        let n = match self.items.last() {
            Some(Val::Imm(n @ 0..=PICKED)) => *n as usize,
            _ => return self.step_out(token),
        };
        self.pop()?;
        self.dup_safe(n)?;
        let val = self.items[self.items.len() - 1 - n];
        self.push(val)
    }

    /// The float form `ahead` tokens on, unless something else leads there.
    fn float_after(&self, token: u32, ahead: u32) -> Option<Float> {
        match self.machine.dict.form(self.follows(token, ahead)?)? {
            Form::Float(float) => Some(float),
            _ => None,
        }
    }

    /// A float literal and perhaps the operation behind it.
    pub(super) fn float_literal(&mut self, token: u32, bits: u64) -> Step<u32> {
        if let Some(Float::Binary(operation)) = self.float_after(token, 1) {
            self.emit(select::float_binary(operation, From::Lit), bits);
            return Ok(2);
        }
        self.emit(f::flit, bits);
        Ok(1)
    }

    /// Floating-point words, fused where they often stand together.
    fn float(&mut self, token: u32, float: Float) -> Step<u32> {
        const TIMES: Option<Float> = Some(Float::Binary(FloatBin::Mul));
        let next = self.float_after(token, 1);
        let third = self.float_after(token, 2);
        if let (Float::Fetch, Some(Float::Binary(operation))) = (float, next)
            && let Some(&Val::Imm(address)) = self.items.last()
        {
            self.pop()?;
            self.emit(select::float_binary(operation, From::Load), address as u64);
            return Ok(2);
        }
        match (float, next, third) {
            (Float::Dup, TIMES, _) => {
                self.emit(f::fsquare, 0);
                return Ok(2);
            }
            (Float::Over, Some(Float::Dup), TIMES) => {
                self.emit(f::fover_square, 0);
                return Ok(3);
            }
            (Float::Over, Some(Float::Over), Some(Float::Binary(operation))) => {
                self.emit(select::float_binary(operation, From::TwoOver), 0);
                return Ok(3);
            }
            (Float::Over, Some(Float::Binary(operation)), _) => {
                self.emit(select::float_binary(operation, From::Over), 0);
                return Ok(2);
            }
            (Float::Rot, Some(Float::Rot), _) => {
                self.emit(f::frot_back, 0);
                return Ok(2);
            }
            (Float::Binary(operation), ..) => {
                self.emit(select::float_binary(operation, From::Stack), 0);
            }
            (Float::Dup, ..) => self.emit(f::fpick::<0>, 0),
            (Float::Over, ..) => self.emit(f::fpick::<1>, 0),
            (Float::Drop, ..) => self.emit(f::fdrop, 0),
            (Float::Swap, ..) => self.emit(f::fswap, 0),
            (Float::Rot, ..) => self.emit(f::frot, 0),
            (Float::Negate, ..) => self.emit(f::fnegate, 0),
            (Float::Abs, ..) => self.emit(f::fabs, 0),
            (Float::Fetch, ..) => self.float_memory(false)?,
            (Float::Store, ..) => self.float_memory(true)?,
            (Float::Less, ..) => self.push_result(f::fless, 0)?,
            (Float::Negative, ..) => self.push_result(f::fnegative, 0)?,
            (Float::Zero, ..) => self.push_result(f::fzero, 0)?,
            (Float::FromDouble, ..) => {
                self.settle(0)?;
                self.settle(1)?;
                let high = self.pop()?;
                let low = self.pop()?;
                let (Val::Slot(high), Val::Slot(low)) = (high, low) else {
                    return Err(Untranslatable);
                };
                self.emit(f::d_to_f, (slot_byte(low) << 8) | (slot_byte(high) << 16));
            }
            (Float::FromSingle, ..) => {
                self.settle_x(0)?;
                let val = self.pop()?;
                let (x, bits) = self.x_operand(val)?;
                self.emit(select::s_to_f(x), bits);
            }
        }
        Ok(1)
    }

    /// F@ or F!.
    fn float_memory(&mut self, store: bool) -> Step {
        self.ensure(1)?;
        self.settle_fixed()?;
        if let Some(Val::Sum { scaled: true, .. }) = self.items.last() {
            self.settle(0)?;
        }
        let val = self.pop()?;
        let (x, _, bits) = self.address(val)?;
        self.emit(select::float_memory(x, store), bits);
        Ok(())
    }
}
