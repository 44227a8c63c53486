//! The stepper: runs tokens one by one with every check, and the loop that catches faults.

use super::dict::{CT_BASE, Kind};
use super::error::{Fault, Res, throw};
use super::machine::{
    CatchFrame, Machine, RETURN_TAG, T_CATCH_DONE, T_INTERPRET, TO_TOKEN, is_return, return_token,
};
use super::op::Op;
use super::words::{core, double, exception, float};

/// Tokens between two looks at the interrupt flag.
const QUANTUM: u32 = 256;

impl Machine {
    /// Runs from the current token until Halt, catching faults where a CATCH above `floor` waits.
    pub(super) fn run(&mut self, floor: usize) -> Res {
        loop {
            match self.run_steps(floor) {
                Ok(()) => return Ok(()),
                Err(Fault::Throw(throw)) if self.catches.len() > floor => {
                    self.unwind(throw.code, throw.message)?;
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Restores what the innermost CATCH saved and pushes the code.
    pub(super) fn unwind(&mut self, code: i64, message: Option<String>) -> Res {
        let Some(frame) = self.catches.pop() else { return Err(throw(code)) };
        self.caught_message = message.map(|text| (code, text));
        self.rs.depth = frame.rs.min(self.rs.depth);
        self.ds.depth = frame.ds;
        self.fs.depth = frame.fs;
        self.ls.depth = frame.ls;
        self.ns.truncate(frame.ns);
        (self.loop_index, self.loop_limit) = (frame.loop_index, frame.loop_limit);
        while self.inputs.len() > frame.inputs {
            self.pop_input();
        }
        self.memory.set_system(super::memory::TO_IN, frame.to_in);
        self.return_to_caller()?;
        self.push(code)
    }

    /// CATCH: runs `xt` so that a THROW comes back here.
    pub(super) fn catch(&mut self, xt: i64) -> Res {
        if self.catches.len() >= super::limits::CATCH_NESTING {
            return Err(throw(-53));
        }
        self.push_return(self.ip)?;
        self.catches.push(CatchFrame {
            rs: self.rs.depth,
            ds: self.ds.depth,
            fs: self.fs.depth,
            ls: self.ls.depth,
            ns: self.ns.len(),
            loop_index: self.loop_index,
            loop_limit: self.loop_limit,
            inputs: self.inputs.len(),
            to_in: self.memory.system(super::memory::TO_IN),
        });
        self.ip = T_CATCH_DONE;
        self.execute_xt(xt)
    }

    /// Pushes a return address.
    #[inline]
    pub(super) fn push_return(&mut self, ip: u32) -> Res {
        if self.rs.push(RETURN_TAG | TO_TOKEN | i64::from(ip)) { Ok(()) } else { Err(throw(-5)) }
    }

    /// Pops a return address and continues there.
    #[inline]
    pub(super) fn return_to_caller(&mut self) -> Res {
        match self.rs.pop() {
            Some(value) if is_return(value) => {
                self.ip = return_token(value, &self.fast.token_of);
                Ok(())
            }
            Some(_) => Err(throw(-25)),
            None => Err(throw(-6)),
        }
    }

    /// Continues at the definition that starts at `token`, returning to the current token.
    #[inline]
    pub(super) fn enter(&mut self, token: u32) -> Res {
        self.push_return(self.ip)?;
        self.ip = token;
        Ok(())
    }

    /// EXECUTE.
    pub(super) fn execute_xt(&mut self, xt: i64) -> Res {
        if let Some(word) = self.dict.from_xt(xt) {
            return self.execute_word(word);
        }
        match self.dict.from_xt(xt.wrapping_sub(CT_BASE - super::dict::XT_BASE)) {
            Some(word) => self.compile_semantics(word),
            None => Err(throw(-9)),
        }
    }

    /// Runs a word, or arranges that it runs next.
    pub(super) fn execute_word(&mut self, index: u32) -> Res {
        let mut index = index;
        let mut hops = 0;
        loop {
            let Some(word) = self.dict.get(index) else { return Err(throw(-9)) };
            return match word.kind {
                Kind::Op(op) => self.step(op, 0),
                Kind::Prim(prim) | Kind::Dual(prim, _) => prim(self),
                Kind::Colon(token) => self.enter(token),
                Kind::Create(body, does) => {
                    self.push(i64::from(body))?;
                    if does != 0 { self.enter(does) } else { Ok(()) }
                }
                Kind::Constant(value) => self.push(value),
                Kind::FConstant(value) => self.fpush(value),
                Kind::TwoConstant(at) | Kind::TwoValue(at) => {
                    let value = self.fetch_two(i64::from(at))?;
                    self.push_pair(value)
                }
                Kind::Value(at) => {
                    let value = self.memory.cell(i64::from(at))?;
                    self.push(value)
                }
                Kind::FValue(at) => {
                    let value = self.memory.cell(i64::from(at))?;
                    self.fpush(f64::from_bits(value as u64))
                }
                Kind::Defer(at) => {
                    let xt = self.memory.cell(i64::from(at))?;
                    match self.dict.from_xt(xt) {
                        // A chain of deferred words that leads to itself never ends.
                        Some(next) if hops < 1000 => {
                            hops += 1;
                            index = next;
                            continue;
                        }
                        Some(_) => Err(throw(-27)),
                        None => self.execute_xt(xt),
                    }
                }
                Kind::Host(word) => self.call_host(word),
                Kind::Synonym(target) if hops < 1000 => {
                    hops += 1;
                    index = target;
                    continue;
                }
                Kind::Vocabulary(list) => super::words::search::put_first(self, list),
                Kind::Marker(state) => self.forget_to(state),
                Kind::Synonym(_) | Kind::Local(_) | Kind::Broken => Err(throw(-9)),
            };
        }
    }

    /// Steps until Halt or a fault.
    fn run_steps(&mut self, floor: usize) -> Res {
        loop {
            if self.ticks == 0 {
                self.tick()?;
            }
            self.ticks -= 1;
            let Some(&token) = self.code.get(self.ip as usize) else { return Err(throw(-9)) };
            let token = match self.fast_entry(token.op == Op::Enter) {
                Some(entry) => {
                    if self.run_fast(entry, floor)? {
                        continue;
                    }
                    let Some(&token) = self.code.get(self.ip as usize) else {
                        return Err(throw(-9));
                    };
                    token
                }
                None => {
                    if self.stepping && token.op != Op::Halt {
                        super::words::step::show(self, token)?;
                    }
                    token
                }
            };
            if token.op == Op::Halt {
                return Ok(());
            }
            self.ip += 1;
            self.step(token.op, token.arg)?;
        }
    }

    /// Looks at the interrupt flag and the fuel, and grants the next quantum.
    pub(super) fn tick(&mut self) -> Res {
        if self.interrupt.swap(false, std::sync::atomic::Ordering::Relaxed) {
            return Err(throw(-28));
        }
        if let Some(fuel) = &mut self.fuel {
            if *fuel == 0 {
                return Err(super::error::throw_with(-28, "out of fuel"));
            }
            *fuel = fuel.saturating_sub(u64::from(QUANTUM));
        }
        self.ticks = QUANTUM;
        Ok(())
    }

    fn local_at(&self, index: i64) -> Res<usize> {
        let at = self.ls.depth as i64 - 1 - index;
        if at >= 0 && index >= 0 { Ok(at as usize) } else { Err(throw(-9)) }
    }

    /// One token. `self.ip` already stands behind it.
    #[allow(clippy::too_many_lines)] // one arm a word: splitting would hide the table
    pub(super) fn step(&mut self, op: Op, arg: i64) -> Res {
        match op {
            Op::Halt => {
                self.ip -= 1;
                Ok(())
            }
            Op::CatchDone => {
                self.catches.pop();
                self.return_to_caller()?;
                self.push(0)
            }
            Op::Interpret => {
                self.ip = T_INTERPRET;
                self.interpret_input()
            }
            Op::Enter => self.reserve_locals(arg as usize),
            Op::Exit => {
                self.ls.depth = self.ls.depth.saturating_sub(arg as usize);
                self.return_to_caller()
            }
            Op::Lit => self.push(arg),
            Op::FLit => self.fpush(f64::from_bits(arg as u64)),
            Op::Word => self.execute_word(arg as u32),
            Op::Compile => self.compile_semantics(arg as u32),
            Op::Branch => {
                self.ip = arg as u32;
                Ok(())
            }
            Op::Branch0 => {
                if self.pop()? == 0 {
                    self.ip = arg as u32;
                }
                Ok(())
            }
            Op::Of => {
                let [a, b] = self.pop_n()?;
                if a != b {
                    self.push(a)?;
                    self.ip = arg as u32;
                }
                Ok(())
            }
            Op::Do => {
                let [limit, start] = self.pop_n()?;
                self.start_loop(limit, start)
            }
            Op::QDo => {
                let [limit, start] = self.pop_n()?;
                if limit == start {
                    self.ip = arg as u32;
                    return Ok(());
                }
                self.start_loop(limit, start)
            }
            Op::Loop => {
                self.loop_index = self.loop_index.wrapping_add(1);
                if self.loop_index == self.loop_limit {
                    self.end_loop()
                } else {
                    self.ip = arg as u32;
                    Ok(())
                }
            }
            Op::PlusLoop => {
                let step = self.pop()?;
                let before = self.loop_index.wrapping_sub(self.loop_limit);
                let after = before.wrapping_add(step);
                self.loop_index = self.loop_index.wrapping_add(step);
                if (before ^ after) & (before ^ step) < 0 {
                    self.end_loop()
                } else {
                    self.ip = arg as u32;
                    Ok(())
                }
            }
            Op::Does => self.set_does(arg as u32),
            Op::Local => {
                let at = self.local_at(arg)?;
                let value = self.ls.items()[at];
                self.push(value)
            }
            Op::SetLocal => {
                let value = self.pop()?;
                let at = self.local_at(arg)?;
                self.ls.items_mut()[at] = value;
                Ok(())
            }
            Op::SetValue => {
                let value = self.pop()?;
                self.memory.set_cell(arg, value)
            }
            Op::Deferred => {
                let xt = self.memory.cell(arg)?;
                self.execute_xt(xt)
            }
            Op::Unloop => self.end_loop(),
            Op::LoopI => self.push(self.loop_index),
            Op::LoopJ => {
                let outer = self.rs.peek(0).ok_or(throw(-26))?;
                self.push(outer)
            }
            Op::ToR => {
                let value = self.pop()?;
                self.rpush(value)
            }
            Op::RFrom => {
                let value = self.rpop()?;
                self.push(value)
            }
            Op::RFetch => {
                let value = self.rpop()?;
                self.rpush(value)?;
                self.push(value)
            }
            Op::TwoToR => {
                let [a, b] = self.pop_n()?;
                self.rpush(a)?;
                self.rpush(b)
            }
            Op::TwoRFrom => {
                let b = self.rpop()?;
                let a = self.rpop()?;
                self.push_n([a, b])
            }
            Op::TwoRFetch => {
                let b = self.rpop()?;
                let a = self.rpop()?;
                self.rpush(a)?;
                self.rpush(b)?;
                self.push_n([a, b])
            }
            Op::Execute => {
                let xt = self.pop()?;
                self.execute_xt(xt)
            }
            Op::Catch => {
                let xt = self.pop()?;
                self.catch(xt)
            }
            Op::Throw => exception::throw_word(self),
            Op::FAdd
            | Op::FSub
            | Op::FMul
            | Op::FDiv
            | Op::FDup
            | Op::FOver
            | Op::FDrop
            | Op::FSwap
            | Op::FRot
            | Op::FNegate
            | Op::FAbs
            | Op::FFetch
            | Op::FStore
            | Op::FLt
            | Op::FZLt
            | Op::FZEq
            | Op::DToF
            | Op::SToF => float::step(self, op),
            Op::Noop | Op::Frame | Op::Unframe => Ok(()),
            op => self.step_data(op),
        }
    }

    fn start_loop(&mut self, limit: i64, start: i64) -> Res {
        self.rpush(self.loop_limit)?;
        self.rpush(self.loop_index)?;
        (self.loop_limit, self.loop_index) = (limit, start);
        Ok(())
    }

    fn end_loop(&mut self) -> Res {
        self.loop_index = self.rpop()?;
        self.loop_limit = self.rpop()?;
        Ok(())
    }

    /// Words that work on the data stack and memory alone.
    #[allow(clippy::too_many_lines)] // one arm a word
    fn step_data(&mut self, op: Op) -> Res {
        match op {
            Op::Dup => {
                let [a] = self.pop_n()?;
                self.push_n([a, a])
            }
            Op::Drop => self.pop().map(drop),
            Op::Swap => {
                let [a, b] = self.pop_n()?;
                self.push_n([b, a])
            }
            Op::Over => {
                let [a, b] = self.pop_n()?;
                self.push_n([a, b, a])
            }
            Op::Rot => {
                let [a, b, c] = self.pop_n()?;
                self.push_n([b, c, a])
            }
            Op::MRot => {
                let [a, b, c] = self.pop_n()?;
                self.push_n([c, a, b])
            }
            Op::Nip => {
                let [_, b] = self.pop_n()?;
                self.push(b)
            }
            Op::Tuck => {
                let [a, b] = self.pop_n()?;
                self.push_n([b, a, b])
            }
            Op::TwoDup => {
                let [a, b] = self.pop_n()?;
                self.push_n([a, b, a, b])
            }
            Op::TwoDrop => self.pop_n::<2>().map(drop),
            Op::TwoSwap => {
                let [a, b, c, d] = self.pop_n()?;
                self.push_n([c, d, a, b])
            }
            Op::TwoOver => {
                let [a, b, c, d] = self.pop_n()?;
                self.push_n([a, b, c, d, a, b])
            }
            Op::QDup => {
                let [a] = self.pop_n()?;
                if a == 0 { self.push(a) } else { self.push_n([a, a]) }
            }
            Op::Pick => {
                let n = self.pop()?;
                let value = usize::try_from(n).ok().and_then(|n| self.ds.peek(n));
                self.push(value.ok_or(throw(-4))?)
            }
            Op::Div => self.binary_checked(core::div),
            Op::Mod => self.binary_checked(core::modulo),
            Op::SlashMod => {
                let [a, b] = self.pop_n()?;
                let (quotient, remainder) = (core::div(a, b)?, core::modulo(a, b)?);
                self.push_n([remainder, quotient])
            }
            Op::Within => {
                let [x, low, high] = self.pop_n()?;
                let inside = (x.wrapping_sub(low) as u64) < high.wrapping_sub(low) as u64;
                self.push(core::flag(inside))
            }
            Op::Fetch => {
                let at = self.pop()?;
                let value = self.memory.cell(at)?;
                self.push(value)
            }
            Op::Store => {
                let [value, at] = self.pop_n()?;
                self.memory.set_cell(at, value)
            }
            Op::CFetch => {
                let at = self.pop()?;
                let value = self.memory.byte(at)?;
                self.push(i64::from(value))
            }
            Op::CStore => {
                let [value, at] = self.pop_n()?;
                self.memory.set_byte(at, value as u8)
            }
            Op::PlusStore => {
                let [value, at] = self.pop_n()?;
                let old = self.memory.cell(at)?;
                self.memory.set_cell(at, old.wrapping_add(value))
            }
            Op::TwoFetch => {
                let at = self.pop()?;
                let value = self.fetch_two(at)?;
                self.push_pair(value)
            }
            Op::TwoStore => double::two_store(self),
            Op::StoD => {
                let [a] = self.pop_n()?;
                self.push_n([a, a >> 63])
            }
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
            | Op::Cells
            | Op::CellPlus
            | Op::Chars
            | Op::CharPlus => {
                let a = self.pop()?;
                self.push(unary(op, a))
            }
            op => {
                let [a, b] = self.pop_n()?;
                match binary(op, a, b) {
                    Some(value) => self.push(value),
                    None => Err(throw(-21)),
                }
            }
        }
    }

    fn binary_checked(&mut self, f: fn(i64, i64) -> Res<i64>) -> Res {
        let [a, b] = self.pop_n()?;
        let value = f(a, b)?;
        self.push(value)
    }
}

/// The value of a word of one argument.
#[inline]
#[must_use]
pub fn unary(op: Op, a: i64) -> i64 {
    match op {
        Op::Invert => !a,
        Op::Negate => a.wrapping_neg(),
        Op::Abs => a.wrapping_abs(),
        Op::OnePlus | Op::CharPlus => a.wrapping_add(1),
        Op::OneMinus => a.wrapping_sub(1),
        Op::TwoStar => a.wrapping_mul(2),
        Op::TwoSlash => a >> 1,
        Op::ZEq => core::flag(a == 0),
        Op::ZNe => core::flag(a != 0),
        Op::ZLt => core::flag(a < 0),
        Op::ZGt => core::flag(a > 0),
        Op::Cells => a.wrapping_mul(8),
        Op::CellPlus => a.wrapping_add(8),
        _ => a,
    }
}

/// The value of a word of two arguments that cannot fail.
#[inline]
#[must_use]
pub fn binary(op: Op, a: i64, b: i64) -> Option<i64> {
    Some(match op {
        Op::Add => a.wrapping_add(b),
        Op::Sub => a.wrapping_sub(b),
        Op::Mul => a.wrapping_mul(b),
        Op::And => a & b,
        Op::Or => a | b,
        Op::Xor => a ^ b,
        Op::Min => a.min(b),
        Op::Max => a.max(b),
        Op::LShift => (a as u64).checked_shl(u32::try_from(b).unwrap_or(64)).unwrap_or(0) as i64,
        Op::RShift => (a as u64).checked_shr(u32::try_from(b).unwrap_or(64)).unwrap_or(0) as i64,
        Op::Eq => core::flag(a == b),
        Op::Ne => core::flag(a != b),
        Op::Lt => core::flag(a < b),
        Op::Gt => core::flag(a > b),
        Op::Le => core::flag(a <= b),
        Op::Ge => core::flag(a >= b),
        Op::ULt => core::flag((a as u64) < b as u64),
        Op::UGt => core::flag(a as u64 > b as u64),
        _ => return None,
    })
}
