//! BLOCK (Forth-2012 7.6): blocks of 1024 characters in a file, `blocks.fb` unless `use` named one.
//!
//! Block n lies at byte n * 1024. A block beyond the end of the file is blank; it reaches the file
//! when it was UPDATEd and saved. A buffer that is being interpreted keeps its address until its
//! LOAD has ended.

use std::rc::Rc;

use crate::dict::{Entry, WordSet, constant, prim};
use crate::error::{Res, throw, throw_with};
use crate::frame::T_INTERPRET;
use crate::host::{FileMode, HostFiles};
use crate::limits::{BLOCK_BUFFERS, BLOCKS};
use crate::machine::Machine;
use crate::memory::{BLK, SCR, TO_IN};
use crate::source::{Input, Refill};
use crate::words::state::Buffer;

/// The table.
pub const SET: WordSet = WordSet { name: "BLOCK", words: WORDS };

/// The table of the extension words.
pub const EXT: WordSet = WordSet { name: "BLOCK EXT", words: EXTENSIONS };

static WORDS: &[Entry] = &[
    constant(
        "blk",
        "( -- a-addr )",
        "The cell with the block that is interpreted, or 0.",
        BLK as i64,
    ),
    prim("block", "( u -- a-addr )", "The buffer with block u, read from the file.", block),
    prim("buffer", "( u -- a-addr )", "A buffer for block u, not read.", buffer),
    prim("update", "( -- )", "Marks the current block as changed.", update),
    prim("save-buffers", "( -- )", "Writes the changed blocks to the file.", save_buffers),
    prim("flush", "( -- )", "Writes the changed blocks and gives all buffers back.", flush),
    prim("load", "( i*x u -- j*x )", "Interprets block u.", load),
];

static EXTENSIONS: &[Entry] = &[
    constant("scr", "( -- a-addr )", "The cell with the block listed last.", SCR as i64),
    prim("empty-buffers", "( -- )", "Gives all buffers back without writing.", empty_buffers),
    prim("list", "( u -- )", "Prints block u.", list),
    prim("thru", "( i*x u1 u2 -- j*x )", "Interprets the blocks u1 to u2.", thru),
    prim("open-blocks", "( c-addr u -- )", "Takes the blocks from a file.", open_blocks),
    prim("use", "( \"name\" -- )", "Takes the blocks from a file.", use_file),
];

/// Bytes of a block.
const BLOCK_BYTES: usize = 1024;
/// Characters of a line of a block.
const LINE_BYTES: usize = 64;
/// The file when nobody named one.
const DEFAULT_NAME: &[u8] = b"blocks.fb";

fn host(m: &mut Machine) -> Res<&mut dyn HostFiles> {
    m.host.file().ok_or_else(|| throw_with(-21, "files are switched off here"))
}

/// The identifier of the block file; `None` when there is none yet and none shall be made.
fn file(m: &mut Machine, create: bool) -> Res<Option<i64>> {
    if let Some(id) = m.extra.blocks.file {
        host(m)?;
        return Ok(Some(id));
    }
    let name = m.extra.blocks.name.clone().unwrap_or_else(|| DEFAULT_NAME.to_vec());
    let mode = FileMode { read: true, write: true, create: false, binary: true };
    let files = host(m)?;
    let opened = match files.open(&name, mode) {
        Err(_) if create => files.open(&name, FileMode { create: true, ..mode }).map_err(|_| -34),
        Err(_) => match files.open(&name, FileMode { write: false, ..mode }) {
            Ok(id) => Ok(id),
            Err(_) => return Ok(None),
        },
        opened => opened,
    };
    let id = opened.map_err(throw)?;
    m.extra.blocks.file = Some(id);
    Ok(Some(id))
}

fn checked(block: i64) -> Res<i64> {
    if (0..BLOCKS).contains(&block) { Ok(block) } else { Err(throw(-35)) }
}

/// Where the block that an input interprets lies.
fn interpreted(input: &Input) -> Option<(usize, i64)> {
    matches!(input.refill, Refill::Blocks { .. }).then_some((input.address as usize, input.blk))
}

fn save(m: &mut Machine, index: usize) -> Res {
    let Buffer { address, block: Some(block), changed: true, .. } = m.extra.blocks.buffers[index]
    else {
        return Ok(());
    };
    let id = file(m, true)?.ok_or(throw(-34))?;
    let range = crate::memory::Memory::range(address as i64, BLOCK_BYTES as i64)?;
    let Some(files) = m.host.file() else { return Err(throw(-34)) };
    let written = files.write_at(id, block as u64 * BLOCK_BYTES as u64, &m.memory.space[range]);
    written.map_err(|_| throw(-34))?;
    m.extra.blocks.buffers[index].changed = false;
    Ok(())
}

/// A buffer for a block that has none: one that is free, a new one, or the one unused longest.
fn choose(m: &mut Machine, block: i64) -> Res<usize> {
    let pinned: Vec<(usize, i64)> = m.inputs.iter().filter_map(interpreted).collect();
    let buffers = &m.extra.blocks.buffers;
    let is_pinned = |buffer: &Buffer| pinned.iter().any(|&(at, _)| at == buffer.address);
    // A block that is interpreted and whose buffer was given back returns to its place.
    let own = buffers
        .iter()
        .position(|buffer| buffer.block.is_none() && pinned.contains(&(buffer.address, block)));
    let free = || buffers.iter().position(|buffer| buffer.block.is_none() && !is_pinned(buffer));
    if let Some(index) = own.or_else(free) {
        return Ok(index);
    }
    let open = buffers.iter().enumerate().filter(|(_, buffer)| !is_pinned(buffer));
    let oldest = open.min_by_key(|(_, buffer)| buffer.used).map(|(index, _)| index);
    match oldest {
        Some(index) if buffers.len() >= BLOCK_BUFFERS => {
            save(m, index)?;
            Ok(index)
        }
        // Sources nest to a bounded depth, so that pinned buffers are bounded too.
        _ => {
            let address = m.memory.allocate(BLOCK_BYTES).ok_or(throw(-59))?;
            let buffers = &mut m.extra.blocks.buffers;
            buffers.push(Buffer { address, block: None, changed: false, used: 0 });
            Ok(buffers.len() - 1)
        }
    }
}

/// The address of the buffer of a block, which becomes the current one.
fn assign(m: &mut Machine, block: i64, read: bool) -> Res<usize> {
    let block = checked(block)?;
    host(m)?;
    let index = match m.extra.blocks.buffers.iter().position(|b| b.block == Some(block)) {
        Some(index) => index,
        None => {
            let index = choose(m, block)?;
            m.extra.blocks.buffers[index].block = None;
            if read {
                fetch(m, index, block)?;
            }
            index
        }
    };
    let blocks = &mut m.extra.blocks;
    blocks.clock += 1;
    blocks.current = Some(index);
    let buffer = &mut blocks.buffers[index];
    buffer.block = Some(block);
    buffer.used = blocks.clock;
    Ok(buffer.address)
}

/// Reads a block into a buffer; what the file lacks is blank.
fn fetch(m: &mut Machine, index: usize, block: i64) -> Res {
    let address = m.extra.blocks.buffers[index].address;
    let range = crate::memory::Memory::range(address as i64, BLOCK_BYTES as i64)?;
    let mut done = 0;
    if let Some(id) = file(m, false)? {
        let Some(files) = m.host.file() else { return Err(throw(-33)) };
        while done < BLOCK_BYTES {
            let at = block as u64 * BLOCK_BYTES as u64 + done as u64;
            let part = &mut m.memory.space[range.start + done..range.end];
            match files.read_at(id, at, part) {
                Ok(0) => break,
                Ok(count) => done += count.min(part.len()),
                Err(_) => return Err(throw(-33)),
            }
        }
    }
    m.memory.space[range.start + done..range.end].fill(b' ');
    Ok(())
}

fn block(m: &mut Machine) -> Res {
    let block = m.pop()?;
    let address = assign(m, block, true)?;
    m.push(address as i64)
}

fn buffer(m: &mut Machine) -> Res {
    let block = m.pop()?;
    let address = assign(m, block, false)?;
    m.push(address as i64)
}

fn update(m: &mut Machine) -> Res {
    let blocks = &mut m.extra.blocks;
    if let Some(buffer) = blocks.current.and_then(|index| blocks.buffers.get_mut(index))
        && buffer.block.is_some()
    {
        buffer.changed = true;
    }
    Ok(())
}

fn save_buffers(m: &mut Machine) -> Res {
    for index in 0..m.extra.blocks.buffers.len() {
        save(m, index)?;
    }
    match m.extra.blocks.file {
        Some(id) => host(m)?.flush(id).map_err(|_| throw(-34)),
        None => Ok(()),
    }
}

fn flush(m: &mut Machine) -> Res {
    save_buffers(m)?;
    empty_buffers(m)
}

fn empty_buffers(m: &mut Machine) -> Res {
    let blocks = &mut m.extra.blocks;
    for buffer in &mut blocks.buffers {
        buffer.block = None;
        buffer.changed = false;
    }
    blocks.current = None;
    Ok(())
}

fn set_file(m: &mut Machine, name: Vec<u8>) -> Res {
    flush(m)?;
    if let Some(id) = m.extra.blocks.file.take() {
        // Everything was written and flushed just now.
        let _ = host(m)?.close(id);
    }
    m.extra.blocks.name = Some(name);
    Ok(())
}

fn open_blocks(m: &mut Machine) -> Res {
    let name = m.pop_text()?;
    set_file(m, name)
}

fn use_file(m: &mut Machine) -> Res {
    let name = m.definition_name()?;
    set_file(m, name)
}

fn list(m: &mut Machine) -> Res {
    let block = m.pop()?;
    let address = assign(m, block, true)?;
    m.memory.set_system(SCR, block);
    let changed = m.extra.blocks.buffers.iter().any(|b| b.block == Some(block) && b.changed);
    let mut text = format!("\nblock {block}{}\n", if changed { ", changed" } else { "" });
    let bytes = m.memory.bytes(address as i64, BLOCK_BYTES as i64)?;
    for (number, line) in bytes.chunks(LINE_BYTES).enumerate() {
        let line: Vec<u8> =
            line.iter().map(|&b| if b < b' ' || b == 127 { b' ' } else { b }).collect();
        text.push_str(&format!("{number:2} {}\n", String::from_utf8_lossy(&line).trim_end()));
    }
    m.print(text.as_bytes())
}

// ---------------------------------------------------------------------- blocks as input

fn load(m: &mut Machine) -> Res {
    let block = m.pop()?;
    load_range(m, block, block)
}

fn thru(m: &mut Machine) -> Res {
    let [first, last] = m.pop_n()?;
    if first > last {
        return Ok(());
    }
    checked(last)?;
    load_range(m, first, last)
}

fn load_range(m: &mut Machine, first: i64, last: i64) -> Res {
    if first == 0 {
        return Err(throw_with(-35, "block 0 cannot be loaded"));
    }
    let address = assign(m, first, true)?;
    let texts_before = m.sources.len();
    let pos = add_source(m, first, address)?;
    m.push_return(m.ip)?;
    m.push_input(Input {
        id: 0,
        address: address as i64,
        len: BLOCK_BYTES as i64,
        refill: Refill::Blocks { next: first + 1, last },
        buffer: None,
        buffer_bytes: 0,
        pos,
        path: None,
        blk: first,
        saved_in: 0,
        texts_before,
        words_before: m.code.len() + m.dict.len(),
        word_at: 0,
        outermost: false,
    })?;
    m.ip = T_INTERPRET;
    Ok(())
}

fn add_source(m: &mut Machine, block: i64, address: usize) -> Res<u32> {
    let text: Rc<[u8]> = Rc::from(m.memory.bytes(address as i64, BLOCK_BYTES as i64)?);
    Ok(m.sources.add(Rc::from(format!("block {block}")), text, 1))
}

/// Makes a block the parse area of the current input.
pub fn switch(m: &mut Machine, block: i64) -> Res {
    let address = assign(m, block, true)?;
    let pos = add_source(m, block, address)?;
    if let Some(input) = m.inputs.last_mut() {
        input.address = address as i64;
        input.len = BLOCK_BYTES as i64;
        input.pos = pos;
        input.blk = block;
        input.word_at = 0;
    }
    m.memory.set_system(BLK, block);
    m.memory.set_system(TO_IN, 0);
    Ok(())
}

/// At the end of a block: the next block of THRU, or false.
pub fn next_of_thru(m: &mut Machine) -> Res<bool> {
    let Some(Refill::Blocks { next, last }) = m.inputs.last_mut().map(|input| &mut input.refill)
    else {
        return Ok(false);
    };
    let block = *next;
    if block > *last {
        return Ok(false);
    }
    *next += 1;
    switch(m, block)?;
    Ok(true)
}

/// REFILL: the next block becomes the input; false when neither the file nor a buffer has it.
pub fn refill(m: &mut Machine) -> Res<bool> {
    let block = m.memory.system(BLK).saturating_add(1);
    let buffered = m.extra.blocks.buffers.iter().any(|buffer| buffer.block == Some(block));
    let in_file = match file(m, false)? {
        Some(id) => host(m)?.size(id).map_err(|_| throw(-33))? / BLOCK_BYTES as u64 > block as u64,
        None => false,
    };
    if block >= BLOCKS || !(buffered || in_file) {
        return Ok(false);
    }
    switch(m, block)?;
    Ok(true)
}
