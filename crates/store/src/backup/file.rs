//! Backups as files: written under a temporary name and verified before they get their final one,
//! mode 0600, never over another file; restored the same way into an empty folder.

use std::cell::Cell;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read};
use std::ops::Bound;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use redb::StorageBackend;
use redb::backends::FileBackend;

use super::{BackupError, Fault, Head, MAGIC, Summary, admitted, read, write};
use crate::db::{Store, StoreOptions};
use crate::snapshot::Snapshot;
use crate::tables::{FILE_NAME, SCHEMA_VERSION};
use primitives::network::{self, NetworkParams};

/// Bytes that the disk is asked for at once.
const BUFFER: usize = 1 << 20;

/// Pages that a restore keeps in memory, in bytes.
const CACHE: usize = 64 << 20;

/// The store while it is restored.
const UNFINISHED: &str = "chain.redb.restoring";

/// What is being done, for progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Writing,
    Verifying,
    Restoring,
}

/// Told how many bytes of the file are done; false stops the work.
pub type Watch<'a> = &'a mut dyn FnMut(Phase, u64) -> bool;

/// What a watch's "no" is on the way up.
fn stopped() -> io::Error {
    io::Error::from(io::ErrorKind::Interrupted)
}

fn step(watch: Watch<'_>, phase: Phase) -> impl FnMut(u64) -> io::Result<()> {
    move |bytes| if watch(phase, bytes) { Ok(()) } else { Err(stopped()) }
}

fn named(fault: Fault, what: &'static str, path: &Path) -> BackupError {
    let path = path.to_owned();
    match fault {
        Fault::Store(error) => BackupError::Store(error),
        Fault::Io(error) if error.kind() == io::ErrorKind::Interrupted => BackupError::Stopped,
        Fault::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
            BackupError::Damaged { path, what: error.to_string() }
        }
        Fault::Io(error) => BackupError::Io { what, path, error },
    }
}

fn failed(what: &'static str, path: &Path) -> impl Fn(io::Error) -> BackupError {
    move |error| named(Fault::Io(error), what, path)
}

/// Gives a finished file its name, unless something has it. Who crashes between the two steps
/// leaves an empty file of that name, which verifies as none.
fn give_name(part: &Path, path: &Path) -> Result<(), BackupError> {
    let taken = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists { path: path.to_owned() },
        _ => failed("write", path)(error),
    };
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(taken)?;
    fs::rename(part, path).map_err(failed("write", path))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("write", path))
}

/// A file that goes unless it was given its name.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        // Gone already when it got its name.
        let _ = fs::remove_file(&self.0);
    }
}

/// Writes a snapshot to `path` and reads it again before it gets that name. `made_at` is in
/// seconds since 1970.
pub fn back_up(
    snapshot: Snapshot,
    path: &Path,
    made_at: u32,
    watch: Watch<'_>,
) -> Result<Summary, BackupError> {
    if path.symlink_metadata().is_ok() {
        return Err(BackupError::Exists { path: path.to_owned() });
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part);
    let file = open.map_err(failed("write", path))?;
    let part = Part(part);
    let mut out = BufWriter::with_capacity(BUFFER, file);
    let written = write(&snapshot, made_at, &mut out, &mut step(watch, Phase::Writing))
        .map_err(|fault| named(fault, "write", path))?;
    // Its pages may be used again from here on.
    drop(snapshot);
    let file = out.into_inner().map_err(|e| failed("write", path)(e.into_error()))?;
    file.sync_all().map_err(failed("write", path))?;
    drop(file);
    let again = verify(&part.0, watch)?;
    if again != written {
        let what = "what was read again differs from what was written".to_owned();
        return Err(BackupError::Damaged { path: path.to_owned(), what });
    }
    give_name(&part.0, path)?;
    Ok(written)
}

/// The first bytes of a file, which tell backups from other files.
pub fn magic(path: &Path) -> io::Result<Vec<u8>> {
    let mut magic = Vec::new();
    File::open(path)?.take(MAGIC.len() as u64).read_to_end(&mut magic)?;
    Ok(magic)
}

/// Reads a backup to its end: each byte counts.
pub fn verify(path: &Path, watch: Watch<'_>) -> Result<Summary, BackupError> {
    let file = File::open(path).map_err(failed("open", path))?;
    let mut input = BufReader::with_capacity(BUFFER, file);
    let mut admit = |_: &Head| Ok(());
    read(&mut input, None, &mut step(watch, Phase::Verifying), &mut admit)
        .map_err(|fault| named(fault, "read", path))
}

/// Refuses a folder that holds anything that a restored chain could be mixed up with. The lines
/// that the operator typed, other networks' folders, what was set aside of a network
/// (`main.corrupt`), and what a mere look leaves may be there.
fn check_empty(folder: &Path) -> Result<(), BackupError> {
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed("read", folder))?,
    };
    for entry in entries {
        let entry = entry.map_err(failed("read", folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let data = entry.metadata().map_err(failed("read", folder))?;
        let fine = match name.as_str() {
            FILE_NAME => data.len() == 0,
            UNFINISHED | "history" | "holder" | "holder.next" | "lost+found" => true,
            name if name.starts_with("audit.") => true,
            name => {
                let of = name.split_once('.').map_or(name, |(network, _)| network);
                data.is_dir() && network::by_name(of).is_some()
            }
        };
        if !fine {
            return Err(BackupError::NotEmpty { path: folder.to_owned(), found: name });
        }
    }
    Ok(())
}

/// Opens a file that nobody else has open, empty.
fn alone(path: &Path) -> Result<FileBackend, BackupError> {
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    let in_use = || {
        let path = path.to_owned();
        BackupError::Store(crate::error::StoreError::InUse { path })
    };
    let backend = FileBackend::new(file.map_err(failed("write", path))?).map_err(|_| in_use())?;
    match backend.try_lock_range(Bound::Included(0), Bound::Unbounded) {
        Ok(false) => Err(in_use()),
        _ => Ok(backend),
    }
}

/// Makes the store of a backup in `folder`, which must be empty, and opens it once.
pub fn restore(
    path: &Path,
    folder: &Path,
    params: &'static NetworkParams,
    watch: Watch<'_>,
) -> Result<Summary, BackupError> {
    let file = File::open(path).map_err(failed("open", path))?;
    let mut input = BufReader::with_capacity(BUFFER, file);
    check_empty(folder)?;
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed("make", folder))?;
    let whole = folder.join(FILE_NAME);
    // Held until the end, so that no node starts in the folder meanwhile.
    let hold = alone(&whole)?;
    let part = Part(folder.join(UNFINISHED));
    let backend = alone(&part.0)?;
    backend.set_len(0).map_err(failed("write", &part.0))?;
    let refused = Cell::new(None);
    let restored = {
        let engine = |e: redb::DatabaseError| BackupError::Damaged {
            path: part.0.clone(),
            what: e.to_string(),
        };
        let db = redb::Builder::new()
            .set_cache_size(CACHE)
            .create_with_backend(backend)
            .map_err(engine)?;
        let mut admit = |head: &Head| match admitted(head, params, path.to_owned()) {
            Some(why) => {
                refused.set(Some(why));
                Err(Fault::Io(stopped()))
            }
            None => Ok(()),
        };
        let mut step = step(watch, Phase::Restoring);
        let done = read(&mut input, Some(&db), &mut step, &mut admit)
            .map_err(|fault| refused.take().unwrap_or_else(|| named(fault, "restore", path)));
        if done.is_ok() {
            let durable =
                |e: redb::Error| failed("write", &part.0)(io::Error::other(e.to_string()));
            let mut txn = db.begin_write().map_err(|e| durable(e.into()))?;
            txn.set_quick_repair(true);
            txn.commit().map_err(|e| durable(e.into()))?;
        }
        done
    };
    let restored = match restored {
        Ok(restored) => restored,
        Err(error) => {
            drop(hold);
            // The empty file that held the folder.
            let _ = fs::remove_file(&whole);
            return Err(error);
        }
    };
    fs::rename(&part.0, &whole).map_err(failed("write", &whole))?;
    drop(hold);
    let folder_file = File::open(folder).and_then(|folder| folder.sync_all());
    folder_file.map_err(failed("write", folder))?;
    let store = Store::open(folder, params, StoreOptions::default())?;
    if store.tip()? != restored.head.tip || restored.head.schema > SCHEMA_VERSION {
        let what = "the restored chain ends elsewhere".to_owned();
        return Err(BackupError::Damaged { path: path.to_owned(), what });
    }
    Ok(restored)
}
