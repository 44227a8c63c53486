//! The text interpreter: inputs, parsing, and what becomes of each word of a source.

use std::rc::Rc;

use super::dict::{COMPILE_ONLY, HIDDEN, IMMEDIATE, Kind, Name};
use super::error::{Fault, Res, throw, throw_with};
use super::frame::{T_HALT, T_INTERPRET};
use super::lex::{self, Number};
use super::limits::{NAME_BYTES, SOURCE_BYTES, SOURCE_NESTING};
use super::machine::Machine;
use super::memory::{self, TO_IN};
use super::op::Op;
use super::source::{Input, Refill};

/// What a name in a source turned out to be.
enum Found {
    Local(usize),
    Word(u32),
    Number(Number),
}

impl Machine {
    // ------------------------------------------------------------------ inputs

    /// Opens a file's text as the input.
    pub(super) fn open_file(&mut self, text: &[u8], path: Rc<str>) -> Res {
        // Remembered before it is read, so that files that require each other end.
        if !self.included.contains(&path) {
            self.included.push(Rc::clone(&path));
        }
        let id = self.extra.files.source_id();
        self.open_lines(text, Rc::clone(&path), id, Some(path))
    }

    /// Opens a whole text that is read line by line.
    pub(super) fn open_lines(
        &mut self,
        text: &[u8],
        name: Rc<str>,
        id: i64,
        path: Option<Rc<str>>,
    ) -> Res {
        if text.len() > SOURCE_BYTES {
            return Err(throw_with(-18, "the source is too long"));
        }
        let text: Rc<[u8]> = Rc::from(text);
        let longest = text.split(|&b| b == b'\n').map(<[u8]>::len).max().unwrap_or(0);
        let texts_before = self.sources.len();
        let Some(buffer) = self.memory.allocate(longest + 1) else { return Err(throw(-59)) };
        let pos = self.sources.add(name, Rc::clone(&text), 1);
        let input = Input {
            id,
            address: buffer as i64,
            len: 0,
            refill: Refill::Lines { text, next: 0 },
            buffer: Some(buffer),
            buffer_bytes: longest + 1,
            pos,
            path,
            blk: 0,
            saved_in: 0,
            texts_before,
            words_before: self.code.len() + self.dict.len(),
            word_at: 0,
            outermost: false,
        };
        self.push_input(input)?;
        self.refill()?;
        Ok(())
    }

    /// Opens a string in data space (EVALUATE).
    pub(super) fn open_string(&mut self, address: i64, len: i64) -> Res {
        let text: Rc<[u8]> = Rc::from(self.memory.bytes(address, len)?);
        let texts_before = self.sources.len();
        let pos = self.sources.add(self.evaluated_name(), text, 1);
        self.push_input(Input {
            id: -1,
            address,
            len,
            refill: Refill::Never,
            buffer: None,
            buffer_bytes: 0,
            pos,
            path: None,
            blk: 0,
            saved_in: 0,
            texts_before,
            words_before: self.code.len() + self.dict.len(),
            word_at: 0,
            outermost: false,
        })
    }

    fn evaluated_name(&self) -> Rc<str> {
        self.inputs
            .iter()
            .rev()
            .find(|input| input.id == -1)
            .and_then(|input| self.sources.text_at(input.pos))
            .map_or_else(|| Rc::from("<evaluated>"), |(_, text)| Rc::clone(&text.name))
    }

    /// Makes an input current.
    pub(super) fn push_input(&mut self, mut input: Input) -> Res {
        if self.inputs.len() >= SOURCE_NESTING {
            if let Some(buffer) = input.buffer {
                self.memory.release(buffer);
            }
            return Err(throw_with(-5, "sources are nested too deeply"));
        }
        let to_in = self.memory.system(TO_IN);
        if let Some(current) = self.inputs.last_mut() {
            current.saved_in = to_in;
            current.blk = self.memory.system(memory::BLK);
        }
        input.saved_in = 0;
        self.memory.set_system(TO_IN, 0);
        self.memory.set_system(memory::BLK, input.blk);
        self.inputs.push(input);
        Ok(())
    }

    /// Leaves the current input.
    pub(super) fn pop_input(&mut self) {
        let Some(input) = self.inputs.pop() else { return };
        if let Some(buffer) = input.buffer {
            self.memory.release(buffer);
        }
        super::words::file::input_ended(self, input.id);
        // A text that no code and no word points into need not be kept.
        if self.code.len() + self.dict.len() == input.words_before
            && self.sources.len() == input.texts_before + 1
            && !self.comp.active
        {
            self.sources.truncate(input.texts_before);
        }
        if let Some((texts, left)) = self.forgotten.take()
            && self.code.len() + self.dict.len() == left
            && !self.comp.active
        {
            let open = self.inputs.iter().filter_map(|input| self.sources.text_at(input.pos));
            let open = open.map(|(index, _)| index + 1).max().unwrap_or(0);
            self.sources.truncate(texts.max(open));
        }
        if let Some(current) = self.inputs.last() {
            self.memory.set_system(TO_IN, current.saved_in);
            self.memory.set_system(memory::BLK, current.blk);
        } else {
            self.memory.set_system(TO_IN, 0);
            self.memory.set_system(memory::BLK, 0);
        }
    }

    /// Gets the next line of the current input; false at its end.
    pub(super) fn refill(&mut self) -> Res<bool> {
        let Some(input) = self.inputs.last_mut() else { return Ok(false) };
        match &mut input.refill {
            Refill::Never => Ok(false),
            Refill::Lines { text, next } => {
                if *next >= text.len() {
                    return Ok(false);
                }
                let start = *next;
                let (line, used) = lex::until(&text[start..], b'\n');
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                *next = start + used;
                let base = self.sources.text_at(input.pos).map_or(0, |(_, text)| text.base);
                input.pos = if base == 0 { 0 } else { base + start as u32 };
                input.len = line.len() as i64;
                let at = input.address;
                self.memory.bytes_mut(at, line.len() as i64)?.copy_from_slice(line);
                self.memory.set_system(TO_IN, 0);
                Ok(true)
            }
            Refill::Terminal => {
                self.flush_out()?;
                let Some(line) = self.host.accept(SOURCE_BYTES)? else { return Ok(false) };
                let Some(buffer) = self.memory.allocate(line.len() + 1) else {
                    return Err(throw(-59));
                };
                self.memory.bytes_mut(buffer as i64, line.len() as i64)?.copy_from_slice(&line);
                let len = line.len();
                let pos = self.sources.add(Rc::from("<terminal>"), Rc::from(line), 1);
                if let Some(input) = self.inputs.last_mut() {
                    if let Some(old) = input.buffer.replace(buffer) {
                        self.memory.release(old);
                    }
                    input.buffer_bytes = len + 1;
                    input.address = buffer as i64;
                    input.len = len as i64;
                    input.pos = pos;
                }
                self.memory.set_system(TO_IN, 0);
                Ok(true)
            }
            Refill::Blocks { .. } => super::words::block::refill(self),
        }
    }

    // ------------------------------------------------------------------ parsing

    /// The rest of the parse area.
    pub(super) fn parse_area(&self) -> Res<&[u8]> {
        let Some(input) = self.inputs.last() else { return Ok(&[]) };
        let at = self.memory.system(TO_IN).clamp(0, input.len);
        self.memory.bytes(input.address + at, input.len - at)
    }

    /// Address of the rest of the parse area.
    pub(super) fn parse_address(&self) -> i64 {
        let to_in = self.memory.system(TO_IN);
        self.inputs.last().map_or(0, |input| input.address + to_in.clamp(0, input.len))
    }

    /// Moves >IN on.
    pub(super) fn advance(&mut self, bytes: usize) {
        let len = self.inputs.last().map_or(0, |input| input.len);
        let at = self.memory.system(TO_IN).clamp(0, len);
        self.memory.set_system(TO_IN, (at + bytes as i64).min(len));
    }

    /// PARSE-NAME: ( c-addr u ).
    pub(super) fn parse_name(&mut self) -> Res<[i64; 2]> {
        let address = self.parse_address();
        let (skipped, name, used) = lex::name(self.parse_area()?);
        let (skipped, len) = (skipped as i64, name.len() as i64);
        self.advance(used);
        Ok([address + skipped, len])
    }

    /// PARSE: ( c-addr u ).
    pub(super) fn parse_until(&mut self, delimiter: u8) -> Res<[i64; 2]> {
        let address = self.parse_address();
        let (text, used) = lex::until(self.parse_area()?, delimiter);
        let len = text.len() as i64;
        self.advance(used);
        Ok([address, len])
    }

    /// A name for a definition, copied: -16 when it is missing, -19 when too long.
    pub(super) fn definition_name(&mut self) -> Res<Vec<u8>> {
        let [address, len] = self.parse_name()?;
        if len == 0 {
            return Err(throw(-16));
        }
        if len as usize > NAME_BYTES {
            return Err(throw(-19));
        }
        Ok(self.memory.bytes(address, len)?.to_vec())
    }

    /// Position of the word that is being interpreted.
    #[inline]
    pub(super) fn word_pos(&self) -> u32 {
        match self.inputs.last() {
            Some(input) if input.pos != 0 => input.pos + input.word_at as u32,
            _ => 0,
        }
    }

    /// Position of the parse pointer.
    pub(super) fn parse_pos(&self) -> u32 {
        match self.inputs.last() {
            Some(input) if input.pos != 0 => {
                input.pos + self.memory.system(TO_IN).clamp(0, input.len) as u32
            }
            _ => 0,
        }
    }

    /// Parses a name and finds its word; -13 when there is none.
    pub(super) fn tick_name(&mut self) -> Res<u32> {
        let [address, len] = self.parse_name()?;
        if len == 0 {
            return Err(throw(-16));
        }
        self.mark_word(address);
        let name = self.memory.bytes(address, len)?.to_vec();
        match self.find_word(&name)? {
            Some(word) => Ok(word),
            None => Err(self.undefined(&name)),
        }
    }

    /// Makes errors point at the word at `address`.
    pub(super) fn mark_word(&mut self, address: i64) {
        if let Some(input) = self.inputs.last_mut() {
            input.word_at = (address - input.address).clamp(0, input.len);
        }
    }

    /// Finds a word in the search order or the library.
    pub(super) fn find_word(&mut self, name: &[u8]) -> Res<Option<u32>> {
        if let Some(word) = self.dict.find(&Name::new(name)) {
            return Ok(Some(word));
        }
        if self.load_library(name)? {
            return Ok(self.dict.find(&Name::new(name)));
        }
        Ok(None)
    }

    /// Compiles the library source that defines `name`; false when there is none.
    fn load_library(&mut self, name: &[u8]) -> Res<bool> {
        if self.autoload.table.is_empty() || name.len() > NAME_BYTES {
            return Ok(false);
        }
        let Some(&row) = self.autoload.index.get(&name.to_ascii_lowercase()) else {
            return Ok(false);
        };
        let source = self.autoload.table[row].3;
        match self.autoload.loaded.get_mut(source) {
            Some(loaded) if !*loaded => *loaded = true,
            _ => return Ok(false),
        }
        let (file, text) = self.autoload.sources[source];
        self.load_apart(text.as_bytes(), file)?;
        Ok(true)
    }

    /// Interprets a source with a compiler, search order and base of its own.
    ///
    /// Recursion is bounded: each library source is loaded once.
    pub(super) fn load_apart(&mut self, text: &[u8], name: &str) -> Res {
        let comp = std::mem::take(&mut self.comp);
        let outer = std::mem::take(&mut self.comp_outer);
        let order = std::mem::replace(&mut self.dict.order, vec![super::dict::FORTH_LIST]);
        let current = std::mem::replace(&mut self.dict.current, super::dict::FORTH_LIST);
        let (latest, created) = (self.latest, self.latest_created);
        let state = self.memory.system(memory::STATE);
        let base = self.memory.system(memory::BASE);
        self.memory.set_system(memory::STATE, 0);
        self.memory.set_system(memory::BASE, 10);
        let (ip, depth, inputs) = (self.ip, self.rs.depth, self.inputs.len());
        let path = Some(Rc::from(name));
        let result = self.open_lines(text, Rc::from(name), 0, path).and_then(|()| {
            self.push_return(T_HALT)?;
            self.ip = T_INTERPRET;
            self.run(self.catches.len())
        });
        // After an error the inputs stay for the report; the caller unwinds them.
        if result.is_ok() {
            self.rs.depth = depth;
            while self.inputs.len() > inputs {
                self.pop_input();
            }
        }
        self.ip = ip;
        self.comp = comp;
        self.comp_outer = outer;
        self.dict.order = order;
        self.dict.current = current;
        (self.latest, self.latest_created) = (latest, created);
        self.memory.set_system(memory::STATE, state);
        self.memory.set_system(memory::BASE, base);
        result
    }

    // ------------------------------------------------------------------ interpreting

    /// Interprets the current input until it ends or a definition has to run first.
    pub(super) fn interpret_input(&mut self) -> Res {
        loop {
            if self.inputs.is_empty() {
                return self.return_to_caller();
            }
            let [address, len] = self.parse_name()?;
            if len == 0 {
                if self.ticks == 0 {
                    self.tick()?;
                }
                self.ticks -= 1;
                if !self.next_line()? {
                    self.pop_input();
                    return self.return_to_caller();
                }
                continue;
            }
            self.mark_word(address);
            self.interpret_name(address, len)?;
            if self.ip != T_INTERPRET {
                return Ok(());
            }
        }
    }

    /// The next line for the text interpreter: a keyboard line ends, a block does too.
    fn next_line(&mut self) -> Res<bool> {
        match self.inputs.last().map(|input| &input.refill) {
            Some(Refill::Lines { .. }) => self.refill(),
            Some(Refill::Blocks { .. }) => super::words::block::next_of_thru(self),
            _ => Ok(false),
        }
    }

    fn interpret_name(&mut self, address: i64, len: i64) -> Res {
        let compiling = self.memory.system(memory::STATE) != 0;
        match self.look_up(address, len, compiling)? {
            Found::Local(index) => self.emit(Op::Local, index as i64),
            Found::Word(word) if compiling => self.compile_semantics(word),
            Found::Word(word) => {
                let flags = self.dict.get(word).map_or(0, |word| word.flags);
                if flags & COMPILE_ONLY != 0 {
                    return Err(throw(-14));
                }
                self.execute_word(word)
            }
            Found::Number(number) => self.use_number(number, compiling),
        }
    }

    fn look_up(&mut self, address: i64, len: i64, compiling: bool) -> Res<Found> {
        let text = self.memory.bytes(address, len)?;
        if compiling && let Some(index) = self.comp.local(text) {
            return Ok(Found::Local(index));
        }
        if let Some(word) = self.dict.find(&Name::new(text)) {
            return Ok(Found::Word(word));
        }
        if let Some(number) = lex::number(text, self.base()) {
            return Ok(Found::Number(number));
        }
        let name = text.to_vec();
        if self.load_library(&name)?
            && let Some(word) = self.dict.find(&Name::new(&name))
        {
            return Ok(Found::Word(word));
        }
        Err(self.undefined(&name))
    }

    fn use_number(&mut self, number: Number, compiling: bool) -> Res {
        match (number, compiling) {
            (Number::Single(value), false) => self.push(value),
            (Number::Single(value), true) => self.emit(Op::Lit, value),
            (Number::Double(value), false) => self.push_double(value),
            (Number::Double(value), true) => {
                self.emit(Op::Lit, value as i64)?;
                self.emit(Op::Lit, (value >> 64) as i64)
            }
            (Number::Float(value), false) => self.fpush(value),
            (Number::Float(value), true) => self.emit(Op::FLit, value.to_bits() as i64),
        }
    }

    /// Compilation semantics of a word.
    pub(super) fn compile_semantics(&mut self, index: u32) -> Res {
        let Some(word) = self.dict.get(index) else { return Err(throw(-9)) };
        match word.kind {
            Kind::Dual(_, compiled) => compiled(self),
            Kind::Synonym(target) if word.flags & IMMEDIATE == 0 => {
                if target < index {
                    self.compile_semantics(target)
                } else {
                    Err(throw(-27))
                }
            }
            _ if word.flags & IMMEDIATE != 0 => self.execute_word(index),
            _ => self.compile_word(index),
        }
    }

    /// Number base.
    pub(super) fn base(&self) -> i64 {
        self.memory.system(memory::BASE)
    }

    /// The fault for an unknown name, with what might have been meant.
    pub(super) fn undefined(&mut self, name: &[u8]) -> Fault {
        let shown: String = String::from_utf8_lossy(name).chars().take(80).collect();
        self.suggestion = self.suggest(name);
        throw_with(-13, format!("undefined word `{shown}`"))
    }

    /// True when the word may be found.
    pub(super) fn is_visible(&self, index: u32) -> bool {
        self.dict.get(index).is_some_and(|word| word.flags & HIDDEN == 0)
    }
}
