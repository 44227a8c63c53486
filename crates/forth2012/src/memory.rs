//! Data space: one bounded byte memory with dictionary, literal strings and heap.
//!
//! Addresses are offsets plus [`SPACE_BASE`]. Pages that nobody touches cost nothing. Every access
//! is checked; a bad address is THROW -9.
//!
//! ```text
//! SPACE_BASE  system variables | buffers | dictionary -> ...   <- literal strings | heap ...
//! ```

use std::collections::BTreeMap;

use super::error::{Res, throw};
use super::limits::{HOLD_BYTES, Limits, PAD_BYTES, SPACE_BASE, SPACE_BYTES};

/// The bytes of data space, of a fixed size so that checks are against a constant.
pub type Space = [u8; SPACE_BYTES];

/// Address of STATE.
pub const STATE: usize = SPACE_BASE;
/// Address of BASE.
pub const BASE: usize = SPACE_BASE + 8;
/// Address of >IN.
pub const TO_IN: usize = SPACE_BASE + 16;
/// Address of BLK.
pub const BLK: usize = SPACE_BASE + 24;
/// Address of SCR.
pub const SCR: usize = SPACE_BASE + 32;
/// Address of the start of the pictured number.
pub const HLD: usize = SPACE_BASE + 40;
/// Start of the pictured numeric output buffer.
pub const HOLD: usize = SPACE_BASE + 64;
/// End of the pictured numeric output buffer.
pub const HOLD_END: usize = HOLD + HOLD_BYTES;
/// PAD.
pub const PAD: usize = HOLD_END;
/// Buffer of WORD: a counted string and a blank.
pub const WORD_BUFFER: usize = PAD + PAD_BYTES;
/// Ring of short transient strings.
pub const TRANSIENT: usize = WORD_BUFFER + 264;
/// Bytes of the ring of short transient strings.
pub const TRANSIENT_BYTES: usize = 8 << 10;
/// First dictionary address.
pub const DICTIONARY: usize = (TRANSIENT + TRANSIENT_BYTES + 15) & !15;
/// Bytes of one cell.
pub const CELL: usize = 8;

/// Data space with its allocators.
pub struct Memory {
    /// The bytes; index 0 is address [`SPACE_BASE`].
    pub space: Box<Space>,
    /// The dictionary pointer (HERE).
    pub here: usize,
    /// Literal strings grow down from the end of the dictionary to here.
    pub strings: usize,
    used: BTreeMap<usize, usize>,
    free: BTreeMap<usize, usize>,
}

impl Memory {
    /// Fresh zeroed memory.
    pub fn new(limits: &Limits) -> Self {
        let space: Box<Space> = vec![0u8; SPACE_BYTES]
            .into_boxed_slice()
            .try_into()
            .expect("the vector has exactly this length");
        let dictionary = limits.dictionary_bytes.clamp(64 << 10, SPACE_BYTES / 2) & !15;
        let dictionary_end = SPACE_BASE + dictionary;
        let heap = limits.heap_bytes.min(SPACE_BYTES - dictionary) & !15;
        let mut free = BTreeMap::new();
        if heap > 0 {
            free.insert(dictionary_end, heap);
        }
        let mut memory =
            Self { space, here: DICTIONARY, strings: dictionary_end, used: BTreeMap::new(), free };
        memory.set_system(BASE, 10);
        memory
    }

    /// Reads a system variable.
    pub fn system(&self, address: usize) -> i64 {
        self.cell(address as i64).expect("system variables lie inside data space")
    }

    /// Writes a system variable.
    pub fn set_system(&mut self, address: usize, value: i64) {
        self.set_cell(address as i64, value).expect("system variables lie inside data space");
    }

    /// The byte range of `count` bytes at `address`, or -9.
    #[inline]
    pub fn range(address: i64, count: i64) -> Res<std::ops::Range<usize>> {
        let start = (address as u64).wrapping_sub(SPACE_BASE as u64);
        if count == 0 {
            let start = if start <= SPACE_BYTES as u64 { start as usize } else { 0 };
            return Ok(start..start);
        }
        if start < SPACE_BYTES as u64 && count > 0 && count as u64 <= SPACE_BYTES as u64 - start {
            Ok(start as usize..(start + count as u64) as usize)
        } else {
            Err(throw(-9))
        }
    }

    /// A view of bytes.
    pub fn bytes(&self, address: i64, count: i64) -> Res<&[u8]> {
        Ok(&self.space[Self::range(address, count)?])
    }

    /// A writable view of bytes.
    pub fn bytes_mut(&mut self, address: i64, count: i64) -> Res<&mut [u8]> {
        Ok(&mut self.space[Self::range(address, count)?])
    }

    /// Reads a cell at any alignment.
    #[inline]
    pub fn cell(&self, address: i64) -> Res<i64> {
        let range = Self::range(address, CELL as i64)?;
        let bytes: [u8; 8] = self.space[range].try_into().expect("eight bytes");
        Ok(i64::from_ne_bytes(bytes))
    }

    /// Writes a cell at any alignment.
    #[inline]
    pub fn set_cell(&mut self, address: i64, value: i64) -> Res {
        let range = Self::range(address, CELL as i64)?;
        self.space[range].copy_from_slice(&value.to_ne_bytes());
        Ok(())
    }

    /// Reads a byte.
    pub fn byte(&self, address: i64) -> Res<u8> {
        Ok(self.space[Self::range(address, 1)?.start])
    }

    /// Writes a byte.
    pub fn set_byte(&mut self, address: i64, value: u8) -> Res {
        self.space[Self::range(address, 1)?.start] = value;
        Ok(())
    }

    /// Bytes between HERE and the literal strings.
    pub fn unused(&self) -> usize {
        self.strings - self.here
    }

    /// Moves HERE; -8 when the dictionary is full, also when it would fall below its start.
    pub fn allot(&mut self, count: i64) -> Res {
        let here = self.here as i64;
        match here.checked_add(count) {
            Some(new) if new >= DICTIONARY as i64 && new <= self.strings as i64 => {
                self.here = new as usize;
                Ok(())
            }
            _ => Err(throw(-8)),
        }
    }

    /// Appends a cell to the dictionary.
    pub fn comma(&mut self, value: i64) -> Res {
        let at = self.here;
        self.allot(CELL as i64)?;
        self.set_cell(at as i64, value)
    }

    /// Aligns HERE to a cell, filling with zeroes.
    pub fn align(&mut self) -> Res {
        while !self.here.is_multiple_of(CELL) {
            let at = self.here;
            self.allot(1)?;
            self.set_byte(at as i64, 0)?;
        }
        Ok(())
    }

    /// Keeps a literal string for ever (until its MARKER); the address.
    pub fn keep_string(&mut self, text: &[u8]) -> Res<usize> {
        if text.len() + 64 > self.unused() {
            return Err(throw(-8));
        }
        self.strings -= text.len();
        let at = self.strings;
        self.bytes_mut(at as i64, text.len() as i64)?.copy_from_slice(text);
        Ok(at)
    }

    /// ALLOCATE: the address, or `None` when there is no room.
    pub fn allocate(&mut self, count: usize) -> Option<usize> {
        let size = count.max(1).checked_add(15)? & !15;
        let (&at, &room) = self.free.iter().find(|(_, room)| **room >= size)?;
        self.free.remove(&at);
        if room > size {
            self.free.insert(at + size, room - size);
        }
        self.used.insert(at, size);
        Some(at)
    }

    /// FREE: false when the address is not from ALLOCATE.
    pub fn release(&mut self, address: usize) -> bool {
        let Some(mut size) = self.used.remove(&address) else { return false };
        let mut at = address;
        if let Some((&before, &room)) = self.free.range(..at).next_back()
            && before + room == at
        {
            self.free.remove(&before);
            at = before;
            size += room;
        }
        if let Some(room) = self.free.remove(&(at + size)) {
            size += room;
        }
        self.free.insert(at, size);
        true
    }

    /// RESIZE: the new address; `Err` holds the ior.
    pub fn resize(&mut self, address: usize, count: usize) -> Result<usize, i64> {
        let old = *self.used.get(&address).ok_or(-61)?;
        if count <= old {
            return Ok(address);
        }
        let new = self.allocate(count).ok_or(-61)?;
        let from = address - SPACE_BASE;
        self.space.copy_within(from..from + old, new - SPACE_BASE);
        self.release(address);
        Ok(new)
    }
}
