//! Files of the data folder beside the database: read whole, replaced whole, private.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Unconfirmed transactions, kept over a restart.
pub const POOL_FILE: &str = "mempool.dat";

/// The file's bytes; `None` if there is none.
pub fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// Replaces the file: whatever happens, it holds the old bytes or the new ones.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // The name may be no UTF-8.
    let mut early = path.as_os_str().to_owned();
    early.push(format!(".{}.new", std::process::id()));
    let early = PathBuf::from(early);
    let write = || {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&early)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&early, path)?;
        match path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    };
    write().inspect_err(|_| {
        // What was begun is of no use to anyone.
        let _ = fs::remove_file(&early);
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn replaced_whole_and_private() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x");
        assert_eq!(read(&path).expect("readable"), None);
        for text in ["one", "another"] {
            replace(&path, text.as_bytes()).expect("writable");
            assert_eq!(read(&path).expect("readable").expect("there"), text.as_bytes());
        }
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
        assert!(replace(&folder.path().join("no/folder"), b"").is_err());
    }
}
