//! Labels, headers and branches: where paths meet, the window moves so that depths agree.

use super::super::select::{self, Y};
use super::*;

impl Translator<'_> {
    pub(super) fn label(&mut self, token: u32) -> &mut (u32, i32) {
        &mut self.labels[token as usize]
    }

    /// Moves the window so that the depth becomes `depth`.
    pub(super) fn shift_to(&mut self, depth: i32) {
        let by = self.depth() - depth;
        if by != 0 {
            self.emit(calls::shift, imm_bits(by));
            self.base -= by;
            self.acc = None;
        }
    }

    /// Code reaches a token that may be a label or a header.
    pub(super) fn arrive(&mut self, token: u32) -> Step {
        let mark = self.plan.mark(token);
        if !mark.label && !mark.header {
            return Ok(());
        }
        if self.reachable {
            self.canonical()?;
        }
        let wanted = if mark.header { 0 } else { self.label(token).1 };
        if self.reachable {
            if wanted == UNKNOWN {
                let depth = self.depth();
                self.label(token).1 = depth;
            } else {
                self.shift_to(wanted);
            }
        } else if wanted == UNKNOWN {
            return Ok(());
        } else {
            self.base = wanted;
            self.items.clear();
        }
        self.reachable = true;
        self.acc = None;
        if mark.header {
            let need = self.plan.need(token);
            if need > REACH {
                return Err(Untranslatable);
            }
            let here = self.here();
            let original = self.original(token);
            // Elsewhere than in its own copy, a token is reached through its definition.
            if self.list.get(token as usize).is_none_or(|piece| piece.site == 0) {
                let entry = Entry { at: here + 1, need: need as u32 + BIAS as u32 };
                self.entries.push((original, entry));
            }
            self.emit(calls::header, imm_bits(need + BIAS as i32));
            if mark.checked {
                self.emit(calls::header, imm_bits(need + BIAS as i32));
                let here = self.here() - 1;
                *self.label(token) = (here, 0);
                self.check_arrival();
                return Ok(());
            }
        }
        let here = self.here();
        let depth = self.depth();
        *self.label(token) = (here, depth);
        self.check_arrival();
        Ok(())
    }

    /// Where calls nest, every place that control may jump to checks the native stack.
    fn check_arrival(&mut self) {
        if self.nests {
            self.check_stack();
        }
    }

    /// Brings the depth after a branch to what its target expects. `change` is the depth at the
    /// target less the depth here.
    pub(super) fn meet(&mut self, target: u32, change: i32) -> Step<i32> {
        let mark = self.plan.mark(target);
        let depth = self.depth() + change;
        let wanted = if mark.header { 0 } else { self.label(target).1 };
        if wanted == UNKNOWN {
            self.label(target).1 = depth;
            return Ok(0);
        }
        let by = depth - wanted;
        if by != 0 {
            self.emit(calls::shift, imm_bits(by));
            self.base -= by;
            self.acc = None;
        }
        Ok(by)
    }

    pub(super) fn fixup(&mut self, target: u32) {
        self.fixups.push((self.code.len() - 1, target));
    }

    /// A branch on `x op y`, already popped, to `target`.
    pub(super) fn branch(&mut self, op: Bin, x: Val, y: Val, target: u32, change: i32) -> Step {
        let back = target <= self.token;
        // The operands must outlive the moves: they stay on the symbolic stack meanwhile.
        let (mut x, mut y) = (x, y);
        let homes = self.base..self.depth();
        let save = |this: &mut Self, val: &mut Val, other: Val| -> Step {
            if let Val::Slot(at) = *val
                && homes.contains(&at)
                && this.items[(at - this.base) as usize] != Val::Slot(at)
            {
                let mut free = this.depth();
                while this.needed(free, usize::MAX) || reads(other, free) {
                    free += 1;
                }
                this.emit_moves(vec![(free, at)])?;
                *val = Val::Slot(free);
            }
            Ok(())
        };
        save(self, &mut x, y)?;
        let other = x;
        save(self, &mut y, other)?;
        self.guarded_canonical(&[x, y])?;
        let by = self.meet(target, change)?;
        for val in [&mut x, &mut y] {
            if let Val::Slot(at) = val {
                *at -= by;
            }
        }
        if let Val::Imm(value) = y
            && i16::try_from(value).is_err()
        {
            self.emit(h::lit_wide, value as u64);
            self.acc = None;
            let (xk, xb) = self.x_operand(x)?;
            let f = select::branch(op, xk, Y::Acc, back).ok_or(Untranslatable)?;
            self.emit(f, xb);
        } else {
            let (xk, xb) = self.x_operand(x)?;
            let (yk, yb) = match y {
                Val::Imm(value) => (Y::Imm, u64::from(value as i16 as u16) << 16),
                _ => self.y_operand(y)?,
            };
            let f = select::branch(op, xk, yk, back).ok_or(Untranslatable)?;
            self.emit(f, xb | yb);
        }
        self.fixup(target);
        Ok(())
    }

    /// `canonical` that leaves the slots of popped operands alone.
    pub(super) fn guarded_canonical(&mut self, operands: &[Val]) -> Step {
        // Results of placing may only go to homes; temporaries must miss the operands.
        let depth = self.depth();
        let high = operands
            .iter()
            .filter_map(|val| match val {
                Val::Slot(at) if *at >= depth => Some(*at),
                _ => None,
            })
            .max();
        let Some(high) = high else { return self.canonical() };
        // Pretend that items stand on top up to the operand's slot.
        let count = (high - depth + 1) as usize;
        for n in 0..count {
            self.items.push(Val::Slot(depth + n as i32));
        }
        self.canonical()?;
        self.base -= count as i32;
        Ok(())
    }
}
