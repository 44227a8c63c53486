//! The stepper: runs tokens one by one with every check, and the loop that catches faults.

use super::dict::{CT_BASE, Kind};
use super::error::{Fault, Res, throw};
use super::frame::{
    CatchFrame, RETURN_TAG, T_CATCH_DONE, T_INTERPRET, TO_TOKEN, is_return, return_token,
};
use super::machine::Machine;
use super::memory::CELL;
use super::op::Op;
use super::primitive::{Float, Form, Primitive, Shape};
use super::words::float;

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
                Kind::Primitive(primitive) => self.run_primitive(primitive),
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
            Op::Primitive => match self.dict.get(arg as u32).map(|word| word.kind) {
                Some(Kind::Primitive(primitive)) => self.run_primitive(primitive),
                _ => Err(throw(-21)),
            },
            // The translator's own; no definition holds them.
            Op::Nothing | Op::Frame | Op::Unframe => Ok(()),
        }
    }

    fn start_loop(&mut self, limit: i64, start: i64) -> Res {
        self.rpush(self.loop_limit)?;
        self.rpush(self.loop_index)?;
        (self.loop_limit, self.loop_index) = (limit, start);
        Ok(())
    }

    pub(super) fn end_loop(&mut self) -> Res {
        self.loop_index = self.rpop()?;
        self.loop_limit = self.rpop()?;
        Ok(())
    }

    /// A primitive: its own code, or what its form says.
    #[inline]
    fn run_primitive(&mut self, primitive: &'static Primitive) -> Res {
        match primitive.run {
            Some(run) => run(self),
            None => self.run_form(primitive),
        }
    }

    fn run_form(&mut self, primitive: &'static Primitive) -> Res {
        match primitive.form {
            Form::Shuffle => self.shuffle(&primitive.shape),
            Form::Add(n) => self.map_top(|x| x.wrapping_add(n)),
            Form::Cells => self.map_top(|x| x.wrapping_mul(CELL as i64)),
            Form::Unary(operation) => self.map_top(|x| operation.eval(x)),
            Form::CompareZero(operation) => self.map_top(|x| operation.eval(x, 0)),
            Form::Binary(operation) => {
                let [a, b] = self.pop_n()?;
                self.push(operation.eval(a, b))
            }
            Form::Float(Float::Binary(operation)) => {
                let [a, b] = float::pop_two(self)?;
                self.fpush(operation.eval(a, b))
            }
            Form::Nothing if self.ds.depth < usize::from(primitive.shape.takes) => Err(throw(-4)),
            Form::Nothing => Ok(()),
            // `Primitive::of_form` refuses every other form.
            _ => Err(throw(-21)),
        }
    }

    /// Replaces the top item.
    pub(super) fn map_top(&mut self, f: impl FnOnce(i64) -> i64) -> Res {
        let x = self.pop()?;
        self.push(f(x))
    }

    /// Rearranges items as a stack effect says.
    fn shuffle(&mut self, shape: &Shape) -> Res {
        let takes = usize::from(shape.takes);
        let Some(base) = self.ds.depth.checked_sub(takes) else { return Err(throw(-4)) };
        let mut items = [0; 8];
        for (item, cell) in items.iter_mut().zip(&self.ds.items()[base..]) {
            *item = *cell;
        }
        self.ds.depth = base;
        shape.pattern().iter().try_for_each(|&from| self.push(items[usize::from(from) & 7]))
    }
}
