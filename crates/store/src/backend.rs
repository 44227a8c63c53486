//! The file under redb, untouched until the first real write.
//!
//! redb writes and syncs when it opens and closes a file, even if nothing changes. `Deferred` keeps
//! those writes in memory until `release` is called, so that reading a chain costs no sync and
//! leaves the file unchanged; from then on every write passes through in redb's own order.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use redb::{BackendError, StorageBackend};

/// Bytes of a piece of the held-back image.
const PIECE: u64 = 4096;

/// Bytes at the start of a file that tell it for a database.
const MAGIC: usize = 9;

/// Writes that have not reached the file: pieces by number, and the length of the whole.
#[derive(Debug)]
struct Held {
    pieces: BTreeMap<u64, Box<[u8]>>,
    len: u64,
    /// Bytes of the file that the image still shows; behind them it reads as zeros.
    kept: u64,
}

/// A backend whose writes are held back until `release`.
pub struct Deferred {
    inner: Box<dyn StorageBackend>,
    held: RwLock<Option<Held>>,
    /// Nothing is read or written any more.
    sealed: AtomicBool,
}

/// The handle that redb owns; the store keeps the other.
#[derive(Debug)]
pub struct Shared(pub Arc<Deferred>);

impl fmt::Debug for Deferred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deferred")
    }
}

fn poisoned<T>(_: T) -> io::Error {
    io::Error::other("a thread failed while it wrote")
}

impl Deferred {
    /// Over a file that is locked already. One without its first bytes is a creation that never
    /// finished and counts as empty.
    pub fn new(inner: Box<dyn StorageBackend>) -> io::Result<Deferred> {
        let mut len = inner.len()?;
        let mut magic = [0u8; MAGIC];
        if len >= MAGIC as u64 {
            inner.read(0, &mut magic)?;
            if magic == [0; MAGIC] {
                len = 0;
            }
        }
        let held = Held { pieces: BTreeMap::new(), len, kept: len };
        Ok(Deferred { inner, held: RwLock::new(Some(held)), sealed: AtomicBool::new(false) })
    }

    /// Ends reading and writing if nothing was ever released. On closing, redb writes its allocator
    /// and a header; after a look those could only be thrown away, and take longer than the look.
    pub fn seal(&self) {
        let untouched = self.held.read().is_ok_and(|held| held.is_some());
        self.sealed.store(untouched, Ordering::Release);
    }

    fn open(&self) -> io::Result<()> {
        match self.sealed.load(Ordering::Acquire) {
            true => Err(io::Error::other("the file is closed")),
            false => Ok(()),
        }
    }

    /// No bytes yet, the held-back ones included.
    pub fn is_empty(&self) -> io::Result<bool> {
        match &*self.held.read().map_err(poisoned)? {
            Some(held) => Ok(held.len == 0),
            None => Ok(self.inner.len()? == 0),
        }
    }

    /// Writes what was held back and lets later writes pass. The first piece, which makes a file a
    /// database, goes last and behind a sync: a crash before it leaves the file as it was.
    pub fn release(&self) -> io::Result<()> {
        let mut held = self.held.write().map_err(poisoned)?;
        let Some(image) = held.as_ref() else { return Ok(()) };
        if image.kept < self.inner.len()? {
            self.inner.set_len(image.kept)?;
        }
        if image.len != self.inner.len()? {
            self.inner.set_len(image.len)?;
        }
        let put = |number: u64, piece: &[u8]| {
            let start = number * PIECE;
            let end = (start + PIECE).min(image.len);
            self.inner.write(start, &piece[..end.saturating_sub(start) as usize])
        };
        let mut behind = image.pieces.range(1..).peekable();
        if behind.peek().is_some() {
            behind.try_for_each(|(number, piece)| put(*number, piece))?;
            self.inner.sync_data()?;
        }
        if let Some(first) = image.pieces.get(&0) {
            put(0, first)?;
            self.inner.sync_data()?;
        }
        *held = None;
        Ok(())
    }

    fn read_held(&self, held: &Held, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let end = offset + out.len() as u64;
        if end > held.len {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        let stored = held.kept.saturating_sub(offset).min(out.len() as u64) as usize;
        if stored > 0 {
            self.inner.read(offset, &mut out[..stored])?;
        }
        out[stored..].fill(0);
        for (number, piece) in held.pieces.range(offset / PIECE..end.div_ceil(PIECE)) {
            let start = number * PIECE;
            let (from, to) = (start.max(offset), (start + PIECE).min(end));
            out[(from - offset) as usize..(to - offset) as usize]
                .copy_from_slice(&piece[(from - start) as usize..(to - start) as usize]);
        }
        Ok(())
    }

    fn write_held(&self, held: &mut Held, offset: u64, data: &[u8]) -> io::Result<()> {
        let end = offset + data.len() as u64;
        held.len = held.len.max(end);
        for number in offset / PIECE..end.div_ceil(PIECE) {
            let start = number * PIECE;
            if !held.pieces.contains_key(&number) {
                let mut piece = vec![0u8; PIECE as usize];
                let there = (held.len - start).min(PIECE) as usize;
                self.read_held(held, start, &mut piece[..there])?;
                held.pieces.insert(number, piece.into_boxed_slice());
            }
            let Some(piece) = held.pieces.get_mut(&number) else { continue };
            let (from, to) = (start.max(offset), (start + PIECE).min(end));
            piece[(from - start) as usize..(to - start) as usize]
                .copy_from_slice(&data[(from - offset) as usize..(to - offset) as usize]);
        }
        Ok(())
    }
}

impl StorageBackend for Shared {
    fn len(&self) -> io::Result<u64> {
        self.0.open()?;
        match &*self.0.held.read().map_err(poisoned)? {
            Some(held) => Ok(held.len),
            None => self.0.inner.len(),
        }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.open()?;
        match &*self.0.held.read().map_err(poisoned)? {
            Some(held) => self.0.read_held(held, offset, out),
            None => self.0.inner.read(offset, out),
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.open()?;
        let mut held = self.0.held.write().map_err(poisoned)?;
        let Some(image) = held.as_mut() else { return self.0.inner.set_len(len) };
        if len < image.len {
            // What is past the new end must read as zeros if the file grows again.
            let keep = len / PIECE;
            let last = image.pieces.split_off(&keep).remove(&keep);
            if let Some(mut piece) = last.filter(|_| !len.is_multiple_of(PIECE)) {
                piece[(len % PIECE) as usize..].fill(0);
                image.pieces.insert(keep, piece);
            }
            image.kept = image.kept.min(len);
        }
        image.len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.open()?;
        match &*self.0.held.read().map_err(poisoned)? {
            Some(_) => Ok(()),
            None => self.0.inner.sync_data(),
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.open()?;
        if self.0.held.read().map_err(poisoned)?.is_none() {
            return self.0.inner.write(offset, data);
        }
        let mut held = self.0.held.write().map_err(poisoned)?;
        match held.as_mut() {
            Some(image) => self.0.write_held(image, offset, data),
            None => self.0.inner.write(offset, data),
        }
    }

    fn close(&self) -> io::Result<()> {
        self.0.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.inner.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.0.inner.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.inner.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.inner.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.inner.query_lock_range(start, end)
    }
}
