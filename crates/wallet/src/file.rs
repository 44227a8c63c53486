//! A wallet's file: written beside and renamed over, 0600, held by a `.lock` against a second
//! console.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crypto::seal::{HEADER_SIZE, MAX_BODY};

/// Longest wallet file that is read, in bytes.
const MAX_FILE: u64 = (MAX_BODY + HEADER_SIZE + 16) as u64;

/// Times that a lock is tried whose file goes away meanwhile.
const TRIES: usize = 16;

/// Why a wallet's file is not read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("can't {what} {path:?}: {error}")]
    Io { what: &'static str, path: PathBuf, error: std::io::Error },
    #[error("{0:?} is in use by another console: leave it there first, or give another name")]
    InUse(PathBuf),
    #[error("{0:?} is there already: give another name, or remove it first")]
    Exists(PathBuf),
    #[error("{0:?} is too long to be a wallet")]
    TooLong(PathBuf),
}

fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> FileError {
    move |error| FileError::Io { what, path: path.to_owned(), error }
}

/// The hold on a wallet's file; it ends with the process at the latest.
#[derive(Debug)]
pub struct Hold {
    path: PathBuf,
    lock: PathBuf,
    _file: File,
}

impl Hold {
    /// Takes the hold, or says that somebody has it.
    pub fn take(path: &Path) -> Result<Hold, FileError> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".lock");
        let lock = path.with_file_name(name);
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        for _ in 0..TRIES {
            let file = options.open(&lock).map_err(io("lock", path))?;
            match file.try_lock() {
                // Whoever held it may have removed the name between our two steps: a lock on a file
                // without a name would keep nobody out.
                Ok(()) if !is_named(&file, &lock) => {}
                Ok(()) => return Ok(Hold { path: path.to_owned(), lock, _file: file }),
                Err(fs::TryLockError::WouldBlock) => break,
                Err(fs::TryLockError::Error(error)) => return Err(io("lock", path)(error)),
            }
        }
        Err(FileError::InUse(path.to_owned()))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The file is the one that has this name.
fn is_named(file: &File, name: &Path) -> bool {
    let (ours, named) = (file.metadata(), fs::metadata(name));
    ours.ok().zip(named.ok()).is_some_and(|(a, b)| (a.dev(), a.ino()) == (b.dev(), b.ino()))
}

impl Drop for Hold {
    fn drop(&mut self) {
        // Whoever opened the name meanwhile holds nothing that we do.
        let _ = fs::remove_file(&self.lock);
    }
}

/// The bytes of a wallet's file, bounded.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(io("open", path))?;
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(io("read", path))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(FileError::TooLong(path.to_owned()));
    }
    Ok(bytes)
}

/// Writes the file whole or not at all: beside it, to the disk, then over it. Without `over`, a
/// file that is there stays.
pub fn write(path: &Path, bytes: &[u8], over: bool) -> Result<(), FileError> {
    if !over && path.exists() {
        return Err(FileError::Exists(path.to_owned()));
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = (|| {
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true).mode(0o600);
        let mut file = options.open(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)?;
        // The name, too, must be on the disk.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    })();
    written.map_err(|error| {
        let _ = fs::remove_file(&part);
        io("write", path)(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn whole_private_and_held_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.wallet");
        write(&path, b"one", false).expect("written");
        assert!(matches!(write(&path, b"two", false), Err(FileError::Exists(_))));
        write(&path, b"two", true).expect("written");
        assert_eq!(read(&path).expect("read"), b"two");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        let hold = Hold::take(&path).expect("held");
        assert!(matches!(Hold::take(&path), Err(FileError::InUse(_))));
        drop(hold);
        drop(Hold::take(&path).expect("free again"));
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1, "nothing is left");
        assert!(write(Path::new("/nowhere/a"), b"", true).is_err());
    }
}
