//! Errors of the data folder, each with what to do about it.
//!
//! A `StoreError` is the fault of our own disk, never of a peer: it stops the node and affects no
//! peer's score.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// A fault of the data folder. Cheap to clone, so that it can be reported in several places.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    #[error(
        "the data folder {} is in use by another process: stop that one or choose another --datadir",
        path.display()
    )]
    InUse { path: PathBuf },
    #[error(
        "{} can't be written: give this user write permission or choose another --datadir ({source})",
        path.display()
    )]
    NotWritable { path: PathBuf, source: Arc<io::Error> },
    #[error(
        "the disk of {} is full, or a limit of this user: free some space and start again, the chain is kept up to the last commit",
        path.display()
    )]
    DiskFull { path: PathBuf },
    #[error(
        "{} holds the chain of network {found:?}, not of {wanted:?}: choose that network or another --datadir",
        path.display()
    )]
    OtherNetwork { path: PathBuf, found: String, wanted: &'static str },
    #[error(
        "{} was written by a newer version (schema {found}, this program knows up to {known}): upgrade this program or restore a backup",
        path.display()
    )]
    NewerSchema { path: PathBuf, found: u32, known: u32 },
    #[error(
        "{} is damaged ({what}): restore a backup, or move the file away and sync or import again",
        path.display()
    )]
    Corrupt { path: PathBuf, what: String },
    #[error("{} can't be read or written ({source})", path.display())]
    Io { path: PathBuf, source: Arc<io::Error> },
    #[error(
        "{} failed earlier and takes no more writes: start again, the chain is kept up to the last commit",
        path.display()
    )]
    Stopped { path: PathBuf },
}

/// Which file an error of the engine belongs to.
#[derive(Debug, Clone)]
pub(super) struct Place(pub(super) PathBuf);

impl Place {
    pub(super) fn corrupt(&self, what: impl Into<String>) -> StoreError {
        StoreError::Corrupt { path: self.0.clone(), what: what.into() }
    }

    /// Sorts an error of the file system by what an operator can do about it.
    pub(super) fn io(&self, source: io::Error) -> StoreError {
        let path = self.0.clone();
        match source.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => StoreError::DiskFull { path },
            io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::IsADirectory => {
                StoreError::NotWritable { path, source: Arc::new(source) }
            }
            // What the engine says of a file that is not its own.
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                self.corrupt(source.to_string())
            }
            _ => StoreError::Io { path, source: Arc::new(source) },
        }
    }

    /// Sorts an error of the engine.
    pub(super) fn sort(&self, error: impl Into<redb::Error>) -> StoreError {
        match error.into() {
            redb::Error::DatabaseAlreadyOpen => StoreError::InUse { path: self.0.clone() },
            redb::Error::Io(source) => self.io(source),
            redb::Error::PreviousIo | redb::Error::DatabaseClosed => {
                StoreError::Stopped { path: self.0.clone() }
            }
            redb::Error::UpgradeRequired(version) => {
                self.corrupt(format!("file format {version} is too old"))
            }
            other => self.corrupt(other.to_string()),
        }
    }
}
