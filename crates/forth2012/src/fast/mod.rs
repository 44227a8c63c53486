//! Fast code: tail-threaded handlers over the slots of a stack window.
//!
//! An instruction is a handler and 64 bits of operands. A handler does its work and calls the
//! handler of the next instruction as its last act. Optimised, these calls are jumps; where they are
//! not, checks in the code bound the native stack (see [`probe`]).
//!
//! The data stack is seen through a window of 256 cells around the place where its top was when
//! the definition, or the code after the last call, began. Translation knows the depth at each
//! word, so DUP and SWAP become slot numbers. One check at each such beginning, in the header
//! instruction, says that all items which the code may reach exist; when it fails, the stepper
//! takes over and names the exact word. Return addresses are token indices and the stepper and
//! fast code hand over to each other at every header.

mod calls;
mod chain;
pub mod code;
pub mod floats;
mod flow;
pub mod handlers;
mod inline;
mod probe;
pub mod select;
#[cfg(test)]
mod tests;
mod translate;

use std::cell::Cell;

use super::dict::{Dict, Kind};
use super::error::{Res, throw};
use super::frame::{RETURN_TAG, TO_TOKEN, is_return, return_token};
use super::machine::Machine;
use super::stack::GUARD;
use code::{
    BIAS, CHAIN_BYTES, Definitions, Entry, Exit, Fast, Handler, NEVER, NONE, QUANTUM, Vm, WINDOW,
    locals_window,
};

/// Instructions kept; beyond, all fast code is dropped and made anew on demand.
const INSNS: usize = 2 << 20;

impl Machine {
    /// Fast instructions of each token, copies of small words counted where they are used.
    pub(crate) fn instructions_of(&mut self, start: u32, end: u32) -> Vec<usize> {
        let known = |fast: &Fast| fast.entries.get(start as usize).is_some_and(|e| e.at != NONE);
        if !known(&self.fast) {
            self.translate(start);
        }
        let mut counts = vec![0; (end - start) as usize];
        let places = self.fast.token_of.iter().zip(&self.fast.site_of);
        for (insn, (&token, &site)) in self.fast.code.iter().zip(places) {
            // How many checks there are depends on how the program was built.
            if std::ptr::fn_addr_eq(insn.f, chain::check_stack as Handler) {
                continue;
            }
            let mut token = token;
            let mut site = site;
            while let Some(&from) = self.fast.sites.get(site as usize)
                && site != 0
            {
                (token, site) = (from.token, from.outer);
            }
            if let Some(count) = token.checked_sub(start).and_then(|at| counts.get_mut(at as usize))
            {
                *count += 1;
            }
        }
        counts
    }

    /// Drops all fast code; return addresses forget where it was.
    pub(crate) fn drop_fast_code(&mut self) {
        for value in self.rs.items_mut() {
            if is_return(*value) {
                let token = return_token(*value, &self.fast.token_of);
                *value = RETURN_TAG | TO_TOKEN | i64::from(token);
            }
        }
        self.fast.flush();
    }

    /// Header of the fast code of the current token, if there is one or it can be made.
    #[inline]
    pub(crate) fn fast_entry(&mut self, starts: bool) -> Option<u32> {
        if self.stepping {
            return None;
        }
        match self.fast.entries.get(self.ip as usize) {
            Some(&Entry { at: NEVER, .. }) => None,
            Some(&Entry { at, .. }) if at != NONE => Some(at - 1),
            _ if starts => self.translate_here(),
            _ => None,
        }
    }

    #[cold]
    fn translate_here(&mut self) -> Option<u32> {
        if self.fast.code.len() > INSNS {
            self.drop_fast_code();
        }
        self.translate(self.ip);
        match self.fast.entries.get(self.ip as usize) {
            Some(&Entry { at, .. }) if at < NONE => Some(at - 1),
            _ => None,
        }
    }

    /// The machine as handlers see it.
    #[inline(always)]
    fn fast_state(&mut self) -> Option<Vm<'_>> {
        // Cut so that a window exists exactly for the depths that are allowed.
        let room = self.ds.limit + BIAS + WINDOW;
        let stack = Cell::from_mut(&mut self.ds.cells[..room]).as_slice_of_cells();
        let lstack = Cell::from_mut(&mut self.ls.cells[..]).as_slice_of_cells();
        let depth = self.ds.depth + BIAS;
        let frame = stack.get(depth..)?.first_chunk()?;
        Some(Vm {
            space: &mut self.memory.space,
            stack,
            code: &self.fast.code,
            entries: &self.fast.entries,
            headers: &self.fast.headers,
            token_of: &self.fast.token_of,
            site_of: &self.fast.site_of,
            definitions: &self.dict,
            rstack: &mut self.rs.cells[..GUARD + self.rs.limit],
            rdepth: self.rs.depth,
            lstack,
            ldepth: self.ls.depth,
            llimit: self.ls.limit,
            locals: locals_window(lstack, self.ls.depth),
            fstack: &mut self.fs.cells[..GUARD + self.fs.limit],
            fdepth: self.fs.depth,
            loop_index: self.loop_index,
            loop_limit: self.loop_limit,
            ticks: QUANTUM,
            catches: &mut self.catches,
            floor: 0,
            inputs: self.inputs.len(),
            nested: self.ns.len(),
            caught: false,
            token: self.ip,
            site: 0,
            code_thrown: 0,
            depth,
            native_base: 0,
            native_used: 0,
            resume: (&self.fast.code, frame, 0),
        })
    }

    /// Runs fast code from a header until it hands over. False: the stepper must take the next
    /// token.
    pub(crate) fn run_fast(&mut self, entry: u32, floor: usize) -> Res<bool> {
        let granted = match self.fuel {
            Some(fuel) => QUANTUM.min(u32::try_from(fuel).unwrap_or(u32::MAX)).max(1),
            None => QUANTUM,
        };
        let Some(mut vm) = self.fast_state() else { return Ok(false) };
        (vm.ticks, vm.floor) = (granted, floor);
        // An address of this frame, as `code::position` would give one.
        vm.native_base = std::ptr::from_ref(&vm.ticks).addr();
        let Some(code) = vm.code.get(entry as usize..) else { return Ok(false) };
        let Some(first) = code.first() else { return Ok(false) };
        let (frame, sp) = (vm.resume.1, vm.depth);
        let mut exit = (first.f)(&mut vm, code, frame, sp, 0);
        let mut unwound = false;
        while exit == Exit::Unwind {
            unwound = true;
            let (ip, frame, acc) = vm.resume;
            let Some(first) = ip.first() else { return Ok(false) };
            let sp = vm.depth;
            exit = (first.f)(&mut vm, ip, frame, sp, acc);
        }
        let native_used = vm.native_used;
        let site = vm.site;
        let (token, thrown, caught) = (vm.token, vm.code_thrown, vm.caught);
        let (depth, rdepth, ldepth, fdepth) = (vm.depth, vm.rdepth, vm.ldepth, vm.fdepth);
        let left = vm.ticks;
        (self.loop_index, self.loop_limit) = (vm.loop_index, vm.loop_limit);
        // The needs of headers keep the depth inside; this holds even if they were wrong.
        let depth = depth.wrapping_sub(BIAS);
        if depth > self.ds.cells.len() - GUARD {
            self.ds.depth = 0;
            return Err(throw(-4));
        }
        self.ds.depth = depth;
        self.rs.depth = rdepth;
        self.ls.depth = ldepth;
        self.fs.depth = fdepth;
        if caught {
            self.caught_message = None;
        }
        self.ip = token;
        self.push_inlined_returns(site)?;
        if unwound || native_used > CHAIN_BYTES {
            self.note_nesting();
        }
        #[cfg(test)]
        {
            self.fast.native_peak = self.fast.native_peak.max(native_used);
        }
        if let Some(fuel) = &mut self.fuel {
            *fuel = fuel.saturating_sub(u64::from(granted - left));
        }
        if left == 0 {
            self.ticks = 0;
        }
        match exit {
            Exit::Step => Ok(false),
            Exit::Resume | Exit::Unwind => Ok(true),
            Exit::Throw => {
                self.ip = token + 1;
                Err(throw(thrown))
            }
        }
    }
}

impl Machine {
    /// The native stack went deep: when the probe found jumps, some handler does not end in one.
    #[cold]
    fn note_nesting(&mut self) {
        if self.fast.nests == Some(false) {
            self.drop_fast_code();
            self.fast.nests = Some(true);
        }
    }

    /// Gives the return addresses that a call would have left to code that was copied.
    fn push_inlined_returns(&mut self, site: u32) -> Res {
        let mut chain = Vec::new();
        let mut at = site;
        while at != 0 {
            let Some(&from) = self.fast.sites.get(at as usize) else { break };
            if from.framed {
                break;
            }
            chain.push(from.token + 1);
            at = from.outer;
        }
        chain.into_iter().rev().try_for_each(|back| self.push_return(back))
    }
}

impl Definitions for Dict {
    fn colon_of(&self, xt: i64) -> Option<u32> {
        match self.get(self.from_xt(xt)?)?.kind {
            Kind::Colon(token) => Some(token),
            _ => None,
        }
    }
}
