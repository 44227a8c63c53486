//! A line of the log, and the head: number and hash of the newest one.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value;

use crypto::hash::sha256;
use primitives::hex;

/// Number and hash of the newest line.
pub const HEAD_FILE: &str = "audit.head";

/// Longest line that is written or read, in bytes.
pub const LONGEST_LINE: usize = 16 << 10;

/// The end of the log: the newest line's number, 0 before the first, and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    pub number: u64,
    pub hash: [u8; 32],
}

impl Head {
    pub(crate) fn to_line(self) -> String {
        format!("{:020} {}\n", self.number, hex::encode(&self.hash))
    }

    pub(crate) fn from_line(line: &str) -> Option<Head> {
        let (number, hash) = line.trim_end().split_once(' ')?;
        let hash = hex::decode(hash).ok()?.try_into().ok()?;
        Some(Head { number: number.parse().ok()?, hash })
    }
}

/// The head as it was last kept.
pub fn head(folder: &Path) -> io::Result<Option<Head>> {
    match fs::read_to_string(folder.join(HEAD_FILE)) {
        Ok(line) => Ok(Head::from_line(&line)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// A line as it was read.
pub struct Line {
    pub number: u64,
    pub prev: [u8; 32],
    pub hash: [u8; 32],
    /// Its hash is that of its text.
    pub true_to_hash: bool,
    pub after_torn: bool,
}

impl Line {
    pub fn read(text: &str) -> Option<Line> {
        let (body, hash) = text.rsplit_once(",\"hash\":\"")?;
        let hash = hex::decode(hash.strip_suffix("\"}")?).ok()?.try_into().ok()?;
        let value: Value = serde_json::from_str(text).ok()?;
        let prev = hex::decode(value.get("prev")?.as_str()?).ok()?.try_into().ok()?;
        Some(Line {
            number: value.get("n")?.as_u64()?,
            prev,
            hash,
            true_to_hash: sha256(body.as_bytes()) == hash,
            after_torn: value.get("after_torn") == Some(&Value::Bool(true)),
        })
    }
}
