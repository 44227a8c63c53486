//! The log, open for more lines.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::files::FILE;
use crate::line::{HEAD_FILE, Head, LONGEST_LINE, Line, head};
use crypto::hash::sha256;
use primitives::hex;

/// The log, open for more lines. One process writes it: the one that holds the folder.
#[derive(Debug)]
pub struct AuditLog {
    folder: PathBuf,
    file: File,
    head_file: File,
    head: Head,
    /// The file ended in the middle of a line.
    torn: bool,
}

fn open_for(path: &Path, append: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).create(true).mode(0o600);
    if append {
        options.append(true)
    } else {
        options.write(true).truncate(false)
    };
    options.open(path)
}

impl AuditLog {
    /// Opens the log of a folder, made at its first line. What a crash tore off is left as it is:
    /// the next line says that it comes after a torn one.
    pub fn open(folder: &Path) -> io::Result<AuditLog> {
        let mut file = open_for(&folder.join(FILE), true)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(2 * LONGEST_LINE as u64)))?;
        let mut end = Vec::new();
        (&mut file).take(2 * LONGEST_LINE as u64).read_to_end(&mut end)?;
        let torn = end.last().is_some_and(|byte| *byte != b'\n');
        if torn {
            file.write_all(b"\n")?;
        }
        let last = end.split(|byte| *byte == b'\n').rev();
        let last = last.filter_map(|line| Line::read(std::str::from_utf8(line).ok()?)).next();
        let last = last.map(|line| Head { number: line.number, hash: line.hash });
        // A log that lost lines goes on behind what was promised, so that the loss stays seen.
        let kept = head(folder)?;
        let newer = |a: Option<Head>, b: Option<Head>| match (a, b) {
            (Some(a), Some(b)) => Some(if b.number > a.number { b } else { a }),
            (a, b) => a.or(b),
        };
        let head = newer(last, kept).unwrap_or_default();
        let head_file = open_for(&folder.join(HEAD_FILE), false)?;
        Ok(AuditLog { folder: folder.to_owned(), file, head_file, head, torn })
    }

    pub fn head(&self) -> Head {
        self.head
    }

    /// Adds a line; `fields` are its members besides number and hashes. `sync`: it is on the disk
    /// when this returns.
    pub fn append(&mut self, fields: Map<String, Value>, sync: bool) -> io::Result<()> {
        self.follow_rotation()?;
        let mut line = Map::new();
        line.insert("n".to_owned(), json!(self.head.number + 1));
        line.extend(fields);
        if self.torn {
            line.insert("after_torn".to_owned(), json!(true));
        }
        line.insert("prev".to_owned(), json!(hex::encode(&self.head.hash)));
        let mut text = Value::Object(line).to_string();
        if text.len() > LONGEST_LINE - 100 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "an audit line is too long"));
        }
        text.pop();
        let hash = sha256(text.as_bytes());
        text.push_str(&format!(",\"hash\":\"{}\"}}\n", hex::encode(&hash)));
        self.file.write_all(text.as_bytes())?;
        self.torn = false;
        self.head = Head { number: self.head.number + 1, hash };
        self.head_file.write_all_at(self.head.to_line().as_bytes(), 0)?;
        if sync {
            self.file.sync_data()?;
            self.head_file.sync_data()?;
        }
        Ok(())
    }

    /// Goes on in a new file when the old one was moved away or removed.
    fn follow_rotation(&mut self) -> io::Result<()> {
        let path = self.folder.join(FILE);
        let ours = self.file.metadata()?;
        let same = fs::metadata(&path)
            .is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino()));
        if !same {
            self.file.sync_data()?;
            self.file = open_for(&path, true)?;
        }
        Ok(())
    }
}
