//! The files of a log, rotated ones included, and its newest lines.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The log's file in a network's data folder; rotated files have a numeric suffix.
pub const FILE: &str = "audit.log";

/// Rotated files that are read, at most.
const MOST_ROTATED: u32 = 10_000;

/// Bytes at the end of a file that `tail` reads.
const TAIL_BYTES: u64 = 4 << 20;

/// The files of a log, oldest first.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let rotated = |number: u32| folder.join(format!("{FILE}.{number}"));
    let mut files: Vec<PathBuf> =
        (1..=MOST_ROTATED).map(rotated).take_while(|path| path.exists()).collect();
    files.reverse();
    files.push(folder.join(FILE));
    files.retain(|path| path.exists());
    files
}

/// The newest lines, oldest first, at most `count` of them and 4 MiB.
pub fn tail(folder: &Path, count: usize) -> io::Result<Vec<String>> {
    let mut lines: Vec<String> = Vec::new();
    for path in files(folder).iter().rev() {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let start = length.saturating_sub(TAIL_BYTES);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let mut here: Vec<String> = text.lines().map(str::to_owned).collect();
        if start > 0 && !here.is_empty() {
            here.remove(0);
        }
        here.append(&mut lines);
        lines = here;
        if lines.len() >= count || start > 0 {
            break;
        }
    }
    Ok(lines.split_off(lines.len().saturating_sub(count)))
}
