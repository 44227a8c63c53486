//! A disk in memory that fails as disks do: cuts of power that tear and lose unsynced writes, and
//! no room left. For tests and the simulator; a seed repeats everything.

use std::io;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{BackendError, StorageBackend};

/// What a disk writes whole or not at all, in bytes.
const SECTOR: usize = 512;

/// Something done since the last sync.
#[derive(Debug)]
enum Unsynced {
    Write(u64, Vec<u8>),
    Length(u64),
}

#[derive(Debug, Default)]
struct Disk {
    /// As it is if nothing fails.
    live: Vec<u8>,
    /// As of the last sync.
    durable: Vec<u8>,
    unsynced: Vec<Unsynced>,
    /// Writes, syncs and changes of length so far.
    steps: u64,
    /// Reads so far.
    reads: u64,
    /// The step at which the power goes.
    cut_at: Option<u64>,
    /// Bytes that the disk can hold.
    room: Option<u64>,
}

/// A handle to the disk; clones share it.
#[derive(Debug, Clone, Default)]
pub struct FaultyDisk(Arc<Mutex<Disk>>);

impl FaultyDisk {
    pub fn new() -> FaultyDisk {
        FaultyDisk::default()
    }

    /// A disk that holds these bytes, all of them durable.
    pub fn with_image(image: Vec<u8>) -> FaultyDisk {
        let disk = Disk { durable: image.clone(), live: image, ..Disk::default() };
        FaultyDisk(Arc::new(Mutex::new(disk)))
    }

    /// The bytes as they are if nothing fails.
    pub fn image(&self) -> Vec<u8> {
        self.disk().live.clone()
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes, syncs and changes of length so far.
    pub fn steps(&self) -> u64 {
        self.disk().steps
    }

    /// Reads so far.
    pub fn reads(&self) -> u64 {
        self.disk().reads
    }

    /// Cuts the power at a step; it and all after it fail.
    pub fn cut_at(&self, step: u64) {
        self.disk().cut_at = Some(step);
    }

    /// The power is off.
    pub fn is_cut(&self) -> bool {
        let disk = self.disk();
        disk.cut_at.is_some_and(|cut| disk.steps >= cut)
    }

    /// Limits what the disk can hold, in bytes; `None` lifts the limit.
    pub fn set_room(&self, bytes: Option<u64>) {
        self.disk().room = bytes;
    }

    /// Bytes in use.
    pub fn used(&self) -> u64 {
        self.disk().live.len() as u64
    }

    /// Changes one byte behind the engine's back.
    pub fn flip(&self, at: u64, mask: u8) {
        let mut disk = self.disk();
        let disk = &mut *disk;
        for image in [&mut disk.live, &mut disk.durable] {
            if let Some(byte) = image.get_mut(at as usize) {
                *byte ^= mask;
            }
        }
    }

    /// The disk as it comes back after a cut: each unsynced write is there, not there, or torn at
    /// a sector, as the seed decides.
    pub fn after_cut(&self, seed: u64) -> FaultyDisk {
        let disk = self.disk();
        let mut state = seed;
        let mut random = move || {
            // SplitMix64.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        let mut image = disk.durable.clone();
        for change in &disk.unsynced {
            match (change, random() % 4) {
                (_, 0) => {}
                (Unsynced::Length(len), _) => image.resize(*len as usize, 0),
                (Unsynced::Write(offset, data), fate) => {
                    let sectors = data.len().div_ceil(SECTOR) as u64;
                    let kept = if fate == 1 { (random() % sectors) as usize } else { data.len() };
                    let end = data.len().min(kept.saturating_mul(SECTOR));
                    put(&mut image, *offset, &data[..end]);
                }
            }
        }
        let disk = Disk { live: image.clone(), durable: image, ..Disk::default() };
        FaultyDisk(Arc::new(Mutex::new(disk)))
    }
}

fn put(image: &mut Vec<u8>, offset: u64, data: &[u8]) {
    let (start, end) = (offset as usize, offset as usize + data.len());
    if image.len() < end {
        image.resize(end, 0);
    }
    image[start..end].copy_from_slice(data);
}

impl Disk {
    fn step(&mut self) -> io::Result<()> {
        self.steps += 1;
        match self.cut_at {
            Some(cut) if self.steps >= cut => Err(io::Error::other("the power is off")),
            _ => Ok(()),
        }
    }

    fn need(&self, bytes: u64) -> io::Result<()> {
        match self.room {
            Some(room) if bytes > room => Err(io::Error::from(io::ErrorKind::StorageFull)),
            _ => Ok(()),
        }
    }
}

impl StorageBackend for FaultyDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.used())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut disk = self.disk();
        disk.reads += 1;
        let end = offset as usize + out.len();
        let bytes = disk.live.get(offset as usize..end);
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut disk = self.disk();
        disk.step()?;
        disk.need(len)?;
        disk.live.resize(len as usize, 0);
        disk.unsynced.push(Unsynced::Length(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.disk();
        disk.step()?;
        // Replaying keeps a sync as cheap as what was written since the last one.
        let mut durable = std::mem::take(&mut disk.durable);
        for change in std::mem::take(&mut disk.unsynced) {
            match change {
                Unsynced::Length(len) => durable.resize(len as usize, 0),
                Unsynced::Write(offset, data) => put(&mut durable, offset, &data),
            }
        }
        disk.durable = durable;
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut disk = self.disk();
        disk.step()?;
        disk.need(offset + data.len() as u64)?;
        put(&mut disk.live, offset, data);
        disk.unsynced.push(Unsynced::Write(offset, data.to_vec()));
        Ok(())
    }

    fn try_lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn unlock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }
}
