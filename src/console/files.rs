//! Files for the FILE word set, within the rights of the process.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;

use forth2012::host::{FileMode, HostFiles};

/// Files open at once.
const MOST_OPEN: usize = 256;

/// iors of the standard's table 9.1: FILE I/O exception and non-existent file.
const IOR_FILE: i64 = -37;
const IOR_NO_FILE: i64 = -38;

/// Open files by id.
#[derive(Default)]
pub struct Files {
    open: BTreeMap<i64, File>,
    next_id: i64,
}

fn path(name: &[u8]) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(name))
}

fn ior(error: &io::Error) -> i64 {
    if error.kind() == io::ErrorKind::NotFound { IOR_NO_FILE } else { IOR_FILE }
}

impl Files {
    fn get(&self, id: i64) -> Result<&File, i64> {
        self.open.get(&id).ok_or(IOR_FILE)
    }
}

impl HostFiles for Files {
    fn open(&mut self, name: &[u8], mode: FileMode) -> Result<i64, i64> {
        if self.open.len() >= MOST_OPEN {
            return Err(IOR_FILE);
        }
        let mut options = OpenOptions::new();
        options.read(mode.read).write(mode.write || mode.create);
        options.create(mode.create).truncate(mode.create);
        let file = options.open(path(name)).map_err(|e| ior(&e))?;
        if file.metadata().map_err(|e| ior(&e))?.is_dir() {
            return Err(IOR_FILE);
        }
        self.next_id += 1;
        self.open.insert(self.next_id, file);
        Ok(self.next_id)
    }

    fn close(&mut self, id: i64) -> Result<(), i64> {
        self.open.remove(&id).map(drop).ok_or(IOR_FILE)
    }

    fn read_at(&mut self, id: i64, position: u64, buffer: &mut [u8]) -> Result<usize, i64> {
        let file = self.get(id)?;
        loop {
            match file.read_at(buffer, position) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map_err(|e| ior(&e)),
            }
        }
    }

    fn write_at(&mut self, id: i64, position: u64, bytes: &[u8]) -> Result<(), i64> {
        self.get(id)?.write_all_at(bytes, position).map_err(|e| ior(&e))
    }

    fn size(&mut self, id: i64) -> Result<u64, i64> {
        self.get(id)?.metadata().map(|m| m.len()).map_err(|e| ior(&e))
    }

    fn resize(&mut self, id: i64, size: u64) -> Result<(), i64> {
        self.get(id)?.set_len(size).map_err(|e| ior(&e))
    }

    fn flush(&mut self, id: i64) -> Result<(), i64> {
        self.get(id)?.sync_all().map_err(|e| ior(&e))
    }

    fn delete(&mut self, name: &[u8]) -> Result<(), i64> {
        fs::remove_file(path(name)).map_err(|e| ior(&e))
    }

    fn rename(&mut self, from: &[u8], to: &[u8]) -> Result<(), i64> {
        fs::rename(path(from), path(to)).map_err(|e| ior(&e))
    }

    fn status(&mut self, name: &[u8]) -> Result<i64, i64> {
        let metadata = fs::metadata(path(name)).map_err(|e| ior(&e))?;
        Ok(i64::from(metadata.permissions().readonly()))
    }
}
