//! Source files: what they are called, where they are looked for, and how they are read.

use std::fs;
use std::path::{Path, PathBuf};

/// Longest source file that is included, in bytes.
const LONGEST_SOURCE: u64 = 16 * 1024 * 1024;

/// What a source file is called: the same for every way to it, short below the current folder.
pub fn source_name(path: &Path) -> String {
    let Ok(whole) = fs::canonicalize(path) else { return path.to_string_lossy().into_owned() };
    let here = std::env::current_dir().ok();
    let short = here.and_then(|here| whole.strip_prefix(here).ok());
    short.unwrap_or(&whole).to_string_lossy().into_owned()
}

/// Where a source is: beside the including file, as named, or in the data folder.
pub fn find_source(name: &Path, from: Option<&str>, data_root: &Path) -> Option<PathBuf> {
    let beside = from.and_then(|from| Path::new(from).parent()).map(|folder| folder.join(name));
    let places = [beside, Some(name.to_owned()), Some(data_root.join(name))];
    places.into_iter().flatten().find(|path| path.is_file())
}

/// The text of a source file, bounded.
pub fn read_source(path: &Path) -> std::io::Result<Vec<u8>> {
    let size = fs::metadata(path)?.len();
    if size > LONGEST_SOURCE {
        let why = format!("its {size} bytes are over the limit of {LONGEST_SOURCE}");
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, why));
    }
    fs::read(path)
}
