//! From the tokens of a definition to fast code: a symbolic stack for each basic block.
//!
//! The translator walks the tokens with a stack of descriptions in place of values. DUP, SWAP and
//! their kin only move descriptions; numbers fold; `address + offset`, CELLS and `@` become one
//! load; a comparison before a branch becomes one instruction. At the end of a block every item is
//! put into its own slot. Any oddity ends the translation: the stepper then keeps the definition.

mod cells;
mod forms;
mod labels;
mod tokens;

use super::super::dict::Kind;
use super::super::frame::{RETURN_TAG, T_CATCH_DONE, TO_TOKEN};
use super::super::machine::Machine;
use super::super::op::{Op, Tok};
use super::super::operation::{Bin, FloatBin, Un};
use super::super::primitive::{Float, Form, Primitive};
use super::calls;
use super::chain;
use super::code::{self, BIAS, Entry, Handler, Insn, LOCALS, NEVER, NONE, Site, TOP};
use super::flow::{Plan, plan};
use super::handlers as h;
use super::inline::{Inliner, Piece};
use super::probe::probe;
use super::select::{self, X, Y};

/// What is known about an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Val {
    /// It lies in a slot, counted from the middle of the window.
    Slot(i32),
    /// A number.
    Imm(i64),
    /// A local.
    Local(u8),
    /// The loop index.
    Index,
    /// A base, times eight when scaled, plus an offset.
    Sum { base: Base, scaled: bool, offset: i32 },
}

/// Base of a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    Slot(i32),
    Local(u8),
    Index,
}

impl Base {
    const fn val(self) -> Val {
        match self {
            Self::Slot(at) => Val::Slot(at),
            Self::Local(at) => Val::Local(at),
            Self::Index => Val::Index,
        }
    }
}

/// Translation gives up: the definition stays with the stepper.
struct Untranslatable;
type Step<T = ()> = Result<T, Untranslatable>;

/// Farthest slot from the middle that is used.
const REACH: i32 = 110;

struct Translator<'m> {
    machine: &'m Machine,
    plan: Plan,
    start: u32,
    list: Vec<Piece>,
    /// First index of the new code in the code of the machine.
    origin: usize,
    code: Vec<Insn>,
    token_of: Vec<u32>,
    site_of: Vec<u32>,
    entries: Vec<(u32, Entry)>,
    fixups: Vec<(usize, u32)>,
    /// Code index and depth of labels.
    labels: Vec<(u32, i32)>,
    items: Vec<Val>,
    /// Position of the first item; all below lie in their own slots.
    base: i32,
    acc: Option<i32>,
    token: u32,
    reachable: bool,
    bound: Vec<u32>,
    /// Frames of copies: instruction and piece.
    frames: Vec<(usize, u32)>,
    /// Calls of handlers nest on the native stack.
    nests: bool,
    /// Length of the code at the last check of the native stack.
    checked: usize,
}

const UNKNOWN: i32 = i32::MIN;

impl Machine {
    /// Makes fast code for the definition around a token.
    pub(super) fn translate(&mut self, token: u32) {
        let at = self.code_words.partition_point(|&(start, _)| start <= token);
        let start = at.checked_sub(1).map_or(0, |at| self.code_words[at].0);
        let end = self.code_words.get(at).map_or(self.code.len() as u32, |&(start, _)| start);
        if self.fast.entries.len() < self.code.len() {
            self.fast.entries.resize(self.code.len(), Entry { at: NONE, need: 0 });
        }
        if self.fast.code.is_empty() {
            self.begin_fast_code();
        }
        if token < start.max(3) {
            return;
        }
        self.translate_callees(start, end);
        let first_site = self.fast.sites.len() as u32;
        let inliner = Inliner::new(&self.code, &self.code_words, &self.dict, first_site);
        let (list, sites, bound) = inliner.expand(start, end);
        let plan = plan(&list, &self.dict);
        let labels = vec![(u32::MAX, UNKNOWN); list.len() + 1];
        let mut translator = Translator {
            nests: self.fast.nests.unwrap_or(true),
            machine: self,
            plan,
            start,
            list,
            origin: self.fast.code.len(),
            code: Vec::new(),
            token_of: Vec::new(),
            site_of: Vec::new(),
            entries: Vec::new(),
            fixups: Vec::new(),
            labels,
            items: Vec::new(),
            base: 0,
            acc: None,
            token: 0,
            reachable: false,
            bound,
            frames: Vec::new(),
            checked: 0,
        };
        let done = translator.run().is_ok();
        let Translator { code, token_of, site_of, entries, bound, .. } = translator;
        if !done {
            for token in start..end {
                if self.code[token as usize].op == Op::Enter {
                    self.fast.entries[token as usize] = Entry { at: NEVER, need: 0 };
                }
            }
            return;
        }
        self.fast.code.extend(code);
        self.fast.token_of.extend(token_of);
        self.fast.site_of.extend(site_of);
        self.fast.sites.extend(sites);
        for (token, entry) in entries {
            self.fast.entries[token as usize] = entry;
        }
        self.record_header(start);
        for word in bound {
            if let Some(word) = self.dict.get_mut(word) {
                word.flags |= super::super::dict::BOUND;
            }
        }
    }

    /// Remembers the header of a definition for EXECUTE.
    fn record_header(&mut self, start: u32) {
        let Some(&(_, index)) = self.code_words.iter().rev().find(|&&(at, _)| at == start) else {
            return;
        };
        let Some(&Entry { at, .. }) = self.fast.entries.get(start as usize) else { return };
        let is_start = |kind| matches!(kind, Kind::Colon(token) if token == start);
        if at >= NONE || !self.dict.get(index).is_some_and(|word| is_start(word.kind)) {
            return;
        }
        let index = index as usize;
        if self.fast.headers.len() <= index {
            self.fast.headers.resize(index + 1, 0);
        }
        self.fast.headers[index] = at - 1;
    }

    /// Translates the definitions that a definition calls, so that the calls go straight there. Those
    /// that call each other in a circle are looked up when they are called.
    fn translate_callees(&mut self, start: u32, end: u32) {
        const DEEPEST: usize = 12;
        if self.fast.nesting >= DEEPEST {
            return;
        }
        self.fast.nesting += 1;
        for token in start..end {
            let tok = self.code[token as usize];
            if tok.op != Op::Word {
                continue;
            }
            let word = self.dict.get(tok.arg as u32).map(|word| word.kind);
            if let Some(Kind::Colon(callee) | Kind::Create(_, callee)) = word
                && callee != 0
                && !(start..end).contains(&callee)
                && self.fast.entries.get(callee as usize).is_some_and(|entry| entry.at == NONE)
            {
                self.translate(callee);
            }
        }
        self.fast.nesting -= 1;
    }

    /// The code that every machine has: the end of CATCH.
    fn begin_fast_code(&mut self) {
        if self.fast.nests.is_none() {
            self.fast.nests = Some(probe(self));
        }
        // Nothing returns to the first instruction: no depth is enough for it.
        let mut put = |f: Handler, token| {
            self.fast.code.push(Insn { f, x: imm_bits(i32::MAX) });
            self.fast.token_of.push(token);
            self.fast.site_of.push(0);
        };
        self.fast.sites.push(Site::default());
        put(calls::end, 0);
        put(calls::header, T_CATCH_DONE);
        put(calls::catch_done, T_CATCH_DONE);
        put(calls::end, 0);
        if let Some(header) = self.fast.code.get_mut(1) {
            header.x = imm_bits(BIAS as i32);
        }
        self.fast.entries[T_CATCH_DONE as usize] = Entry { at: 2, need: BIAS as u32 };
    }
}

fn slot_byte(at: i32) -> u64 {
    (at + TOP) as u8 as u64
}

fn imm_bits(value: i32) -> u64 {
    u64::from(value as u32) << 32
}

impl Translator<'_> {
    fn run(&mut self) -> Step {
        let end = self.list.len() as u32;
        let mut token = 0;
        while token < end {
            self.token = token;
            self.arrive(token)?;
            if self.reachable && self.code.len() - self.checked >= code::apart(self.nests) {
                self.check_stack();
            }
            let used = if self.reachable { self.translate_token(token)? } else { 1 };
            token += used;
        }
        self.emit(calls::end, 0);
        for (at, piece) in std::mem::take(&mut self.frames) {
            self.code[at].x = self.return_path(piece)? as u64;
        }
        self.emit(calls::end, 0);
        for &(at, target) in &self.fixups {
            let (index, _) = *self.labels.get(target as usize).ok_or(Untranslatable)?;
            if index == u32::MAX {
                return Err(Untranslatable);
            }
            self.code[at].x |= u64::from(index) << 32;
        }
        Ok(())
    }

    /// The return address of a copy with a frame, for code that leaves the copy half-way and comes
    /// back by a return: a header of its own and a jump to the end of the copy.
    fn return_path(&mut self, piece: u32) -> Step<i64> {
        let Some(&Piece { tok, token, site }) = self.list.get(piece as usize) else {
            return Err(Untranslatable);
        };
        let (back, target) = (token + 1, tok.arg as u32);
        let (index, depth) = *self.labels.get(target as usize).ok_or(Untranslatable)?;
        if index == u32::MAX {
            // Nothing ever leaves the copy at its end.
            return Ok(RETURN_TAG | TO_TOKEN | i64::from(back));
        }
        let need = self.plan.need(target);
        if need > REACH {
            return Err(Untranslatable);
        }
        let header = self.here();
        if site == 0 {
            let entry = Entry { at: header + 1, need: need as u32 + BIAS as u32 };
            self.entries.push((back, entry));
        }
        self.emit(calls::header, imm_bits(need + BIAS as i32));
        if depth != 0 {
            self.emit(calls::shift, imm_bits(-depth));
        }
        self.emit(h::jump::<false>, 0);
        self.fixup(target);
        let made = self.code.len() - (header as usize - self.origin);
        self.token_of.truncate(self.token_of.len() - made);
        self.token_of.extend(std::iter::repeat_n(back, made));
        self.site_of.truncate(self.site_of.len() - made);
        self.site_of.extend(std::iter::repeat_n(site, made));
        Ok(code::return_address(header))
    }

    // ------------------------------------------------------------------ emission

    fn emit(&mut self, f: Handler, x: u64) {
        self.code.push(Insn { f, x });
        let piece = self.list.get(self.token as usize).or(self.list.last());
        let (token, site) = piece.map_or((0, 0), |piece| (piece.token, piece.site));
        self.token_of.push(token);
        self.site_of.push(site);
    }

    /// A check of the native stack. Nothing but the instruction pointer changes.
    fn check_stack(&mut self) {
        self.emit(chain::check_stack, 0);
        self.checked = self.code.len();
    }

    /// Index in the code of the machine.
    fn original(&self, token: u32) -> u32 {
        self.list.get(token as usize).map_or(0, |piece| piece.token)
    }

    fn here(&self) -> u32 {
        (self.origin + self.code.len()) as u32
    }

    fn depth(&self) -> i32 {
        self.base + self.items.len() as i32
    }

    /// Makes at least `n` items explicit.
    fn ensure(&mut self, n: usize) -> Step {
        while self.items.len() < n {
            self.base -= 1;
            if self.base < -REACH {
                return Err(Untranslatable);
            }
            self.items.insert(0, Val::Slot(self.base));
        }
        Ok(())
    }

    fn push(&mut self, val: Val) -> Step {
        self.items.push(val);
        if self.depth() > REACH { Err(Untranslatable) } else { Ok(()) }
    }

    fn pop(&mut self) -> Step<Val> {
        self.ensure(1)?;
        self.items.pop().ok_or(Untranslatable)
    }

    /// True when an item other than `except` needs the slot.
    fn needed(&self, slot: i32, except: usize) -> bool {
        self.items.iter().enumerate().any(|(at, val)| at != except && reads(*val, slot))
    }

    /// A slot for a result at position `home`.
    fn target(&self, home: i32) -> Step<i32> {
        let mut at = home;
        while self.needed(at, usize::MAX) {
            at = if at < self.depth() { self.depth() } else { at + 1 };
            if at > REACH + 10 {
                return Err(Untranslatable);
            }
        }
        Ok(at)
    }

    /// Emits an instruction with a result; its slot.
    fn result(&mut self, home: i32, f: Handler, x: u64) -> Step<i32> {
        let at = self.target(home)?;
        self.emit(f, x | slot_byte(at));
        self.acc = Some(at);
        Ok(at)
    }

    /// Emits an instruction whose result becomes the top item.
    fn push_result(&mut self, f: Handler, x: u64) -> Step {
        let at = self.result(self.depth(), f, x)?;
        self.push(Val::Slot(at))
    }

    fn x_operand(&self, val: Val) -> Step<(X, u64)> {
        Ok(match val {
            Val::Slot(at) if self.acc == Some(at) => (X::Acc, 0),
            Val::Slot(at) => (X::Slot, slot_byte(at) << 8),
            Val::Local(at) => (X::Local, u64::from(at) << 8),
            Val::Index => (X::Index, 0),
            Val::Imm(_) | Val::Sum { .. } => return Err(Untranslatable),
        })
    }

    fn base_operand(&self, base: Base) -> Step<(X, u64)> {
        self.x_operand(base.val())
    }

    /// A second operand that is no number.
    fn y_operand(&self, val: Val) -> Step<(Y, u64)> {
        Ok(match val {
            Val::Slot(at) if self.acc == Some(at) => (Y::Acc, 0),
            Val::Slot(at) => (Y::Slot, slot_byte(at) << 16),
            Val::Local(at) => (Y::Local, u64::from(at) << 16),
            _ => return Err(Untranslatable),
        })
    }

    /// Puts a description into a slot near `home`.
    fn place(&mut self, val: Val, home: i32) -> Step<i32> {
        match val {
            Val::Slot(at) => Ok(at),
            Val::Imm(value) => match i32::try_from(value) {
                Ok(short) => self.result(home, h::lit, imm_bits(short)),
                Err(_) => {
                    self.emit(h::lit_wide, value as u64);
                    self.acc = None;
                    self.result(home, select::un(Un::Copy, X::Acc), 0)
                }
            },
            Val::Local(_) | Val::Index => {
                let (x, bits) = self.x_operand(val)?;
                self.result(home, select::un(Un::Copy, x), bits)
            }
            Val::Sum { base, scaled, offset } => {
                let (x, bits) = self.base_operand(base)?;
                if scaled {
                    self.result(home, select::scale(x), bits | imm_bits(offset))
                } else {
                    let f = select::bin(Bin::Add, x, Y::Imm).ok_or(Untranslatable)?;
                    self.result(home, f, bits | imm_bits(offset))
                }
            }
        }
    }

    /// Puts the item `n` below the top into a slot, in place.
    fn settle(&mut self, n: usize) -> Step {
        self.ensure(n + 1)?;
        let at = self.items.len() - 1 - n;
        let val = self.items[at];
        if matches!(val, Val::Slot(_)) {
            return Ok(());
        }
        // The slot of its own position, when no other item needs it.
        let home = self.base + at as i32;
        let home = if self.needed(home, at) { self.depth() } else { home };
        let keep = std::mem::replace(&mut self.items[at], Val::Imm(0));
        let slot = self.place(keep, home)?;
        self.items[at] = Val::Slot(slot);
        Ok(())
    }

    /// Makes the item `n` below the top fit as a first operand.
    fn settle_x(&mut self, n: usize) -> Step {
        self.ensure(n + 1)?;
        match self.items[self.items.len() - 1 - n] {
            Val::Slot(_) | Val::Local(_) | Val::Index => Ok(()),
            _ => self.settle(n),
        }
    }

    /// Makes the item `n` below the top fit as a second operand; numbers stay.
    fn settle_y(&mut self, n: usize) -> Step {
        self.ensure(n + 1)?;
        match self.items[self.items.len() - 1 - n] {
            Val::Slot(_) | Val::Local(_) | Val::Imm(_) => Ok(()),
            _ => self.settle(n),
        }
    }

    /// Puts every item into the slot of its position.
    fn canonical(&mut self) -> Step {
        // Numbers, locals and sums whose slot nobody else needs.
        loop {
            let ready = (0..self.items.len()).find(|&at| {
                let home = self.base + at as i32;
                !matches!(self.items[at], Val::Slot(_)) && !self.needed(home, at)
            });
            let Some(at) = ready else { break };
            let home = self.base + at as i32;
            let val = std::mem::replace(&mut self.items[at], Val::Imm(0));
            let slot = self.place_at(val, home)?;
            self.items[at] = Val::Slot(slot);
        }
        // Sums whose base a move might overwrite.
        for at in 0..self.items.len() {
            if let sum @ Val::Sum { .. } = self.items[at] {
                let slot = self.place(sum, self.depth())?;
                self.items[at] = Val::Slot(slot);
            }
        }
        let mut moves: Vec<(i32, i32)> = Vec::new();
        for (at, val) in self.items.iter().enumerate() {
            let home = self.base + at as i32;
            if let Val::Slot(from) = *val
                && from != home
            {
                moves.push((home, from));
            }
        }
        self.emit_moves(moves)?;
        for at in 0..self.items.len() {
            let home = self.base + at as i32;
            if !matches!(self.items[at], Val::Slot(_)) {
                let val = self.items[at];
                self.place_at(val, home)?;
            }
            self.items[at] = Val::Slot(home);
        }
        self.base = self.depth();
        self.items.clear();
        Ok(())
    }

    /// Puts a description into exactly one slot.
    fn place_at(&mut self, val: Val, home: i32) -> Step<i32> {
        let count = self.code.len();
        let slot = self.place(val, home)?;
        if slot != home {
            // `place` chose another slot because the item itself still reads this one.
            let Some(last) = self.code[count..].last_mut() else { return Err(Untranslatable) };
            last.x = (last.x & !0xff) | slot_byte(home);
            self.acc = Some(home);
        }
        Ok(home)
    }

    /// Copies slots as if all at once.
    fn emit_moves(&mut self, mut moves: Vec<(i32, i32)>) -> Step {
        while !moves.is_empty() {
            let mut now: Vec<(i32, i32)>;
            if moves.len() <= 4 {
                now = std::mem::take(&mut moves);
            } else {
                let ready = |at: usize| {
                    !moves.iter().enumerate().any(|(other, m)| other != at && m.1 == moves[at].0)
                };
                match (0..moves.len()).find(|&at| ready(at)) {
                    Some(at) => now = vec![moves.remove(at)],
                    None => {
                        // All wait for each other: one source goes to a free slot.
                        let mut free = self.depth();
                        while moves.iter().any(|m| m.0 == free || m.1 == free)
                            || self.needed(free, usize::MAX)
                        {
                            free += 1;
                        }
                        if free > REACH + 10 {
                            return Err(Untranslatable);
                        }
                        let from = moves[0].1;
                        now = vec![(free, from)];
                        for m in &mut moves {
                            if m.1 == from {
                                m.1 = free;
                            }
                        }
                    }
                }
            }
            if now.iter().any(|m| self.acc == Some(m.0)) {
                self.acc = None;
            }
            let handler: Handler = match now.len() {
                1 => h::moves::<1>,
                2 => h::moves::<2>,
                3 => h::moves::<3>,
                _ => h::moves::<4>,
            };
            let bits = now.drain(..).enumerate().fold(0, |bits, (n, (to, from))| {
                bits | (slot_byte(to) << (16 * n)) | (slot_byte(from) << (16 * n + 8))
            });
            self.emit(handler, bits);
        }
        Ok(())
    }
}

fn reads(val: Val, slot: i32) -> bool {
    match val {
        Val::Slot(at) | Val::Sum { base: Base::Slot(at), .. } => at == slot,
        _ => false,
    }
}
