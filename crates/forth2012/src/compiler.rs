//! Building definitions: tokens, control flow, locals.

use super::definition::Flow;
use super::dict::{BOUND, FORTH_LIST, HIDDEN, Kind, NONE, NOWHERE, Name};
use super::error::{Res, throw, throw_with};
use super::limits::{CODE_TOKENS, LOCALS_COUNT, WORDS};
use super::machine::Machine;
use super::memory;
use super::op::{Op, Tok};

/// Control-flow items that one definition may have open.
const FLOW_DEPTH: usize = 4096;

impl Machine {
    /// Appends a token to the definition.
    #[inline]
    pub(super) fn emit(&mut self, op: Op, arg: i64) -> Res {
        if !self.comp.active {
            return Err(throw(-14));
        }
        if self.code.len() + self.comp.toks.len() >= CODE_TOKENS {
            return Err(throw(-8));
        }
        let pos = self.word_pos();
        self.comp.toks.push(Tok::new(op, arg, pos));
        Ok(())
    }

    /// Compiles the execution of a word.
    pub(super) fn compile_word(&mut self, index: u32) -> Res {
        let Some(word) = self.dict.get(index) else { return Err(throw(-9)) };
        match word.kind {
            Kind::Primitive(_) => self.emit(Op::Primitive, i64::from(index)),
            Kind::Constant(value) => self.emit(Op::Lit, value),
            Kind::FConstant(value) => self.emit(Op::FLit, value.to_bits() as i64),
            Kind::Defer(at) => self.emit(Op::Deferred, i64::from(at)),
            Kind::Host(at) => {
                let parses =
                    self.host_words.get(at as usize).is_some_and(|word| word.effect.contains('"'));
                if parses {
                    self.comp.parsing_host = Some(at);
                }
                self.emit(Op::Word, i64::from(index))
            }
            _ => self.emit(Op::Word, i64::from(index)),
        }
    }

    /// Compiles a call of a word of the machine by name.
    pub(super) fn compile_named(&mut self, name: &str) -> Res {
        let own = |word: u32| self.dict.get(word).is_some_and(|word| word.entry.is_some());
        let found = self.dict.find_in(&Name::new(name.as_bytes()), FORTH_LIST);
        // A user may have redefined the name: the machine's own word is the one with a table row.
        let word = found.filter(|&word| own(word)).or_else(|| {
            (0..self.dict.len() as u32).find(|&word| {
                own(word) && self.dict.name(word).eq_ignore_ascii_case(name.as_bytes())
            })
        });
        word.map_or(Err(throw(-13)), |word| self.compile_word(word))
    }

    /// Adds a word to the compilation wordlist.
    pub(super) fn define(&mut self, name: &[u8], kind: Kind, flags: u8) -> Res<u32> {
        self.define_in(name, self.dict.current, kind, flags)
    }

    fn define_in(&mut self, name: &[u8], list: u32, kind: Kind, flags: u8) -> Res<u32> {
        if self.dict.len() >= WORDS {
            return Err(throw(-8));
        }
        let pos = self.word_pos();
        let index = self.dict.add(name, list, kind, flags, pos);
        let end = self.parse_pos();
        if let Some(word) = self.dict.get_mut(index) {
            word.end = end;
        }
        self.latest = index;
        Ok(index)
    }

    /// Starts a definition; `None` is :NONAME.
    pub(super) fn begin_definition(&mut self, name: Option<&[u8]>) -> Res {
        if self.comp.active {
            return Err(throw(-29));
        }
        let index = match name {
            Some(name) => self.define(name, Kind::Broken, HIDDEN)?,
            None => self.define_in(b"", NOWHERE, Kind::Broken, HIDDEN)?,
        };
        self.start_code(index);
        self.memory.set_system(memory::STATE, -1);
        self.emit(Op::Enter, 0)
    }

    fn start_code(&mut self, word: u32) {
        let comp = &mut self.comp;
        comp.toks.clear();
        comp.flow.clear();
        comp.locals.clear();
        comp.active = true;
        comp.word = word;
        comp.enter = 0;
        comp.parsing_host = None;
    }

    /// Starts a quotation inside the definition.
    pub(super) fn begin_quotation(&mut self) -> Res {
        if !self.comp.active {
            return Err(throw(-14));
        }
        if self.comp_outer.len() >= 256 {
            return Err(throw(-52));
        }
        let outer = std::mem::take(&mut self.comp);
        self.comp_outer.push(outer);
        let latest = self.latest;
        let index = self.define_in(b"", NOWHERE, Kind::Broken, HIDDEN)?;
        self.latest = latest;
        self.start_code(index);
        self.emit(Op::Enter, 0)
    }

    /// Ends the innermost definition; its word.
    pub(super) fn end_definition(&mut self) -> Res<u32> {
        if !self.comp.active {
            return Err(throw(-14));
        }
        if !self.comp.flow.is_empty() {
            return Err(throw_with(-22, self.open_structure()));
        }
        self.emit(Op::Exit, 0)?;
        self.close_locals();
        let base = self.code.len() as u32;
        let index = self.comp.word;
        let toks = std::mem::take(&mut self.comp.toks);
        self.code.extend(toks.iter().map(|tok| {
            let arg = if tok.jumps() { tok.arg + i64::from(base) } else { tok.arg };
            Tok { arg, ..*tok }
        }));
        self.comp.toks = toks;
        self.comp.toks.clear();
        self.comp.active = false;
        self.code_words.push((base, index));
        let end = self.parse_pos();
        if let Some(word) = self.dict.get_mut(index) {
            word.kind = Kind::Colon(base);
            word.flags &= !HIDDEN;
            word.end = end;
        }
        Ok(index)
    }

    fn open_structure(&self) -> String {
        let what = match self.comp.flow.last() {
            Some(Flow::Do { .. }) => "DO without LOOP",
            Some(Flow::Case(_)) => "CASE without ENDCASE",
            Some(Flow::Of(_)) => "OF without ENDOF",
            Some(Flow::Dest(_)) => "BEGIN without UNTIL, AGAIN or REPEAT",
            _ => "IF or WHILE without THEN or REPEAT",
        };
        format!("control structures do not match: {what}")
    }

    /// Ends a quotation and compiles its token into the definition around it.
    pub(super) fn end_quotation(&mut self) -> Res {
        if self.comp_outer.is_empty() {
            return Err(throw(-22));
        }
        let index = self.end_definition()?;
        if let Some(outer) = self.comp_outer.pop() {
            self.comp = outer;
        }
        self.emit(Op::Lit, Self::xt(index))
    }

    /// Starts the DOES> part.
    pub(super) fn compile_does(&mut self) -> Res {
        if !self.comp.flow.is_empty() {
            return Err(throw_with(-22, self.open_structure()));
        }
        let target = self.comp.toks.len() as i64 + 2;
        self.emit(Op::Does, target)?;
        self.emit(Op::Exit, 0)?;
        self.close_locals();
        self.comp.locals.clear();
        self.comp.enter = self.comp.toks.len();
        self.emit(Op::Enter, 0)
    }

    /// Writes the number of locals into the Enter and Exits of the current part.
    fn close_locals(&mut self) {
        let count = self.comp.locals.len() as i64;
        if count == 0 {
            return;
        }
        for tok in &mut self.comp.toks[self.comp.enter..] {
            if matches!(tok.op, Op::Enter | Op::Exit) {
                tok.arg = count;
            }
        }
    }

    /// Declares a local that exists from here on; its index.
    pub(super) fn add_local(&mut self, name: Vec<u8>) -> Res<usize> {
        if !self.comp.active {
            return Err(throw(-14));
        }
        if self.comp.locals.len() >= LOCALS_COUNT {
            return Err(throw_with(-32, "too many local variables in one definition"));
        }
        self.comp.locals.push(name);
        Ok(self.comp.locals.len() - 1)
    }

    /// Throws the unfinished definition away.
    pub(super) fn abandon_definition(&mut self) {
        self.memory.set_system(memory::STATE, 0);
        self.comp_outer.clear();
        self.comp.active = false;
        self.comp.toks.clear();
        self.comp.flow.clear();
        self.comp.locals.clear();
        while !self.dict.is_empty() && !self.is_visible(self.dict.len() as u32 - 1) {
            self.dict.truncate(self.dict.len() - 1);
        }
        if self.latest as usize >= self.dict.len() {
            self.latest = NONE;
        }
        if self.latest_created as usize >= self.dict.len() {
            self.latest_created = NONE;
        }
    }

    /// DOES> at run time: the latest created word runs the code at `token`.
    pub(super) fn set_does(&mut self, token: u32) -> Res {
        let Some(word) = self.dict.get_mut(self.latest_created) else { return Err(throw(-31)) };
        let Kind::Create(_, does) = &mut word.kind else { return Err(throw(-31)) };
        *does = token;
        if word.flags & BOUND != 0 {
            word.flags &= !BOUND;
            self.drop_fast_code();
        }
        Ok(())
    }

    // ------------------------------------------------------------------ control flow

    /// Puts an item on the control-flow stack.
    pub(super) fn flow_push(&mut self, item: Flow) -> Res {
        if !self.comp.active {
            return Err(throw(-14));
        }
        if self.comp.flow.len() >= FLOW_DEPTH {
            return Err(throw(-52));
        }
        self.comp.flow.push(item);
        Ok(())
    }

    /// Takes an item from the control-flow stack.
    pub(super) fn flow_pop(&mut self) -> Res<Flow> {
        self.comp.flow.pop().ok_or(throw(-22))
    }

    /// Takes an unresolved branch.
    pub(super) fn pop_orig(&mut self) -> Res<usize> {
        match self.flow_pop()? {
            Flow::Orig(at) => Ok(at),
            _ => Err(throw(-22)),
        }
    }

    /// Takes a place to branch back to.
    pub(super) fn pop_dest(&mut self) -> Res<usize> {
        match self.flow_pop()? {
            Flow::Dest(at) => Ok(at),
            _ => Err(throw(-22)),
        }
    }

    /// Compiles a branch to be resolved later; its token.
    pub(super) fn branch_ahead(&mut self, op: Op) -> Res<usize> {
        let at = self.comp.toks.len();
        self.emit(op, -1)?;
        Ok(at)
    }

    /// Lets the branch at `at` come here.
    pub(super) fn resolve(&mut self, at: usize) -> Res {
        let here = self.comp.toks.len() as i64;
        match self.comp.toks.get_mut(at) {
            Some(tok) => {
                tok.arg = here;
                Ok(())
            }
            None => Err(throw(-22)),
        }
    }

    /// Compiles the end of a counted loop.
    pub(super) fn end_counted(&mut self, op: Op) -> Res {
        match self.flow_pop()? {
            Flow::Do { start, leaves } => {
                self.emit(op, start as i64)?;
                leaves.into_iter().try_for_each(|at| self.resolve(at))
            }
            _ => Err(throw(-22)),
        }
    }

    /// Compiles LEAVE.
    pub(super) fn leave_loop(&mut self) -> Res {
        if !self.comp.flow.iter().any(|item| matches!(item, Flow::Do { .. })) {
            return Err(throw(-26));
        }
        self.compile_named("unloop")?;
        let at = self.branch_ahead(Op::Branch)?;
        for item in self.comp.flow.iter_mut().rev() {
            if let Flow::Do { leaves, .. } = item {
                leaves.push(at);
                break;
            }
        }
        Ok(())
    }
}
