//! The bytes of a backup: a stream cut into chunks, each with a SHA-256 over the one before it, its
//! length and its bytes. A changed, lost or moved byte breaks the chain at its chunk.
//!
//! `MAGIC`, then chunks `length (u32, little-endian) | bytes | digest (32)`; one of length 0 ends it.

use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};

/// The first bytes of a backup: name and version of the form.
pub const MAGIC: &[u8; 8] = b"FCBACKU1";

/// Bytes of a full chunk; every chunk but the last before the end is full.
pub const CHUNK: usize = 1 << 20;

fn digest(before: &[u8; 32], bytes: &[u8]) -> [u8; 32] {
    let hasher = Sha256::new().chain_update(before);
    hasher.chain_update((bytes.len() as u32).to_le_bytes()).chain_update(bytes).finalize().into()
}

fn first() -> [u8; 32] {
    Sha256::digest(MAGIC).into()
}

/// The writing end; `finish` ends the stream.
pub struct ChunkWriter<'a> {
    out: &'a mut dyn Write,
    /// Called with the bytes of the file so far; an error stops the writing.
    step: &'a mut dyn FnMut(u64) -> io::Result<()>,
    buffer: Vec<u8>,
    chain: [u8; 32],
    written: u64,
}

impl<'a> ChunkWriter<'a> {
    pub fn new(
        out: &'a mut dyn Write,
        step: &'a mut dyn FnMut(u64) -> io::Result<()>,
    ) -> io::Result<ChunkWriter<'a>> {
        out.write_all(MAGIC)?;
        let buffer = Vec::with_capacity(CHUNK);
        Ok(ChunkWriter { out, step, buffer, chain: first(), written: MAGIC.len() as u64 })
    }

    fn put(&mut self) -> io::Result<()> {
        self.chain = digest(&self.chain, &self.buffer);
        self.out.write_all(&(self.buffer.len() as u32).to_le_bytes())?;
        self.out.write_all(&self.buffer)?;
        self.out.write_all(&self.chain)?;
        self.written += 4 + self.buffer.len() as u64 + 32;
        self.buffer.clear();
        (self.step)(self.written)
    }

    pub fn put_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while self.buffer.len() + bytes.len() >= CHUNK {
            let (now, later) = bytes.split_at(CHUNK - self.buffer.len());
            self.buffer.extend_from_slice(now);
            self.put()?;
            bytes = later;
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Ends the stream; the bytes of the whole file.
    pub fn finish(mut self) -> io::Result<u64> {
        if !self.buffer.is_empty() {
            self.put()?;
        }
        self.put()?;
        Ok(self.written)
    }
}

/// The reading end: gives bytes only of chunks whose digest holds.
pub struct ChunkReader<'a> {
    input: &'a mut dyn Read,
    step: &'a mut dyn FnMut(u64) -> io::Result<()>,
    chunk: Vec<u8>,
    at: usize,
    chain: [u8; 32],
    number: u64,
    read: u64,
    ended: bool,
}

fn damaged(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl<'a> ChunkReader<'a> {
    /// Reads the magic; without it the file is no backup at all.
    pub fn new(
        input: &'a mut dyn Read,
        step: &'a mut dyn FnMut(u64) -> io::Result<()>,
    ) -> io::Result<ChunkReader<'a>> {
        let mut magic = [0; MAGIC.len()];
        match input.read_exact(&mut magic) {
            Ok(()) if &magic == MAGIC => {}
            Err(e) if e.kind() != io::ErrorKind::UnexpectedEof => return Err(e),
            _ => return Err(damaged("it does not begin as a backup does".to_owned())),
        }
        let (chunk, read) = (Vec::new(), MAGIC.len() as u64);
        Ok(ChunkReader { input, step, chunk, at: 0, chain: first(), number: 0, read, ended: false })
    }

    /// Reads the next chunk; an error names it and where it begins.
    fn next(&mut self) -> io::Result<()> {
        let (number, start) = (self.number, self.read);
        let short = |e: io::Error| match e.kind() {
            io::ErrorKind::UnexpectedEof => {
                damaged(format!("it breaks off in chunk {number}, which begins at byte {start}"))
            }
            _ => e,
        };
        let wrong = || damaged(format!("chunk {number}, from byte {start} on, is damaged"));
        let mut length = [0; 4];
        self.input.read_exact(&mut length).map_err(short)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > CHUNK {
            return Err(wrong());
        }
        self.chunk.resize(length, 0);
        self.input.read_exact(&mut self.chunk).map_err(short)?;
        let mut told = [0; 32];
        self.input.read_exact(&mut told).map_err(short)?;
        self.chain = digest(&self.chain, &self.chunk);
        if told != self.chain {
            return Err(wrong());
        }
        self.number += 1;
        self.read += 4 + length as u64 + 32;
        self.at = 0;
        if length == 0 {
            self.ended = true;
            if self.input.read(&mut [0])? != 0 {
                return Err(damaged(format!("bytes follow its end at byte {}", self.read)));
            }
        }
        (self.step)(self.read)
    }

    /// Fills `out`.
    pub fn get(&mut self, mut out: &mut [u8]) -> io::Result<()> {
        while !out.is_empty() {
            if self.at == self.chunk.len() {
                if self.ended {
                    return Err(damaged("its rows end too early".to_owned()));
                }
                self.next()?;
                continue;
            }
            let some = out.len().min(self.chunk.len() - self.at);
            let (now, later) = out.split_at_mut(some);
            now.copy_from_slice(&self.chunk[self.at..self.at + some]);
            self.at += some;
            out = later;
        }
        Ok(())
    }

    pub fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut out = [0; N];
        self.get(&mut out)?;
        Ok(out)
    }

    /// Puts the next `length` bytes into `out`, taking memory only as they come.
    pub fn take(&mut self, length: usize, out: &mut Vec<u8>) -> io::Result<()> {
        out.clear();
        while out.len() < length {
            let (from, some) = (out.len(), CHUNK.min(length - out.len()));
            out.resize(from + some, 0);
            self.get(&mut out[from..])?;
        }
        Ok(())
    }

    /// Nothing may be left; the bytes of the whole file.
    pub fn finish(mut self) -> io::Result<u64> {
        if self.at == self.chunk.len() && !self.ended {
            self.next()?;
        }
        match self.ended {
            true => Ok(self.read),
            false => Err(damaged("rows follow the last table".to_owned())),
        }
    }
}
