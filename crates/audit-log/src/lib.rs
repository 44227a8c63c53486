//! The audit log: one JSON line for every change asked for, each with a SHA-256 over itself that
//! takes in the hash of the line before. A line that is edited, removed or moved breaks the chain
//! and is named by `verify`.
//!
//! A line's `hash` is over its text before `,"hash"`, which holds `prev`. The newest number and
//! hash are kept in a file beside it, so that lines missing at the end are noticed too. Who can
//! write both files can make a new chain of lies: an anchor of the head on the block chain is what
//! holds against that. Rotation moves the file away (`audit.log.1` is newer than `audit.log.2`);
//! the next line, in a new file, goes on with number and hash.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crypto::hash::sha256;
use primitives::hex;

/// The log's file in a network's data folder; rotated ones have a number behind it.
pub const FILE: &str = "audit.log";

/// Number and hash of the newest line.
const HEAD_FILE: &str = "audit.head";

/// Longest line that is written or read, in bytes.
pub const LONGEST_LINE: usize = 16 << 10;

/// Rotated files that are looked for.
const MOST_ROTATED: u32 = 10_000;

/// Faults that are named, at most.
const MOST_FAULTS: usize = 100;

/// The end of the log: the newest line's number, 0 before the first, and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    pub number: u64,
    pub hash: [u8; 32],
}

impl Head {
    fn to_line(self) -> String {
        format!("{:020} {}\n", self.number, hex::encode(&self.hash))
    }

    fn from_line(line: &str) -> Option<Head> {
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
struct Line {
    number: u64,
    prev: [u8; 32],
    hash: [u8; 32],
    /// Its hash is that of its text.
    true_to_hash: bool,
    after_torn: bool,
}

impl Line {
    fn read(text: &str) -> Option<Line> {
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

/// What a look at the whole log found.
#[derive(Debug, Default)]
pub struct Report {
    pub files: usize,
    pub lines: u64,
    /// The number of the oldest line: more than 1 when older files are gone.
    pub first: u64,
    pub head: Head,
    /// Torn lines, each noted by the line behind it.
    pub torn: u64,
    pub faults: Vec<String>,
}

impl Report {
    fn fault(&mut self, what: String) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(what);
        }
    }
}

/// Reads a line without its end, bounded; `None` at the end of the file.
fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    reader.by_ref().take(LONGEST_LINE as u64 + 1).read_until(b'\n', line)?;
    let more = !line.is_empty();
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() > LONGEST_LINE {
        // What follows of it is read as a line, which is as wrong.
        line.truncate(LONGEST_LINE);
    }
    Ok(more)
}

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

/// Reads the whole log, rotated files included, and names what is wrong with it.
pub fn verify(folder: &Path) -> io::Result<Report> {
    let mut report = Report::default();
    let mut last: Option<Head> = None;
    // A line that can't be read waits for the next one to say that it was torn.
    let mut unread: Option<String> = None;
    for path in files(folder) {
        report.files += 1;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut reader = BufReader::new(File::open(&path)?);
        let (mut text, mut at) = (Vec::new(), 0u64);
        while next_line(&mut reader, &mut text)? {
            at += 1;
            let place = format!("{name} line {at}");
            let Some(line) = std::str::from_utf8(&text).ok().and_then(Line::read) else {
                if let Some(earlier) = unread.replace(place) {
                    report.fault(format!("{earlier} is not a line of this log: it was edited"));
                }
                continue;
            };
            report.lines += 1;
            match unread.take() {
                Some(_) if line.after_torn => report.torn += 1,
                Some(earlier) => {
                    report.fault(format!("{earlier} is not a line of this log: it was edited"));
                }
                None => {}
            }
            if !line.true_to_hash {
                report.fault(format!("{place} (number {}) was edited", line.number));
            }
            match last {
                None => report.first = line.number,
                Some(last) if line.number == last.number + 1 => {
                    if line.prev != last.hash {
                        report.fault(format!(
                            "{place} (number {}) does not follow number {}: one of them was replaced",
                            line.number, last.number
                        ));
                    }
                }
                Some(last) if line.number > last.number + 1 => report.fault(format!(
                    "numbers {} to {} are missing before {place}",
                    last.number + 1,
                    line.number - 1
                )),
                Some(last) => report.fault(format!(
                    "{place} (number {}) stands after number {}: lines were moved or repeated",
                    line.number, last.number
                )),
            }
            last = Some(Head { number: line.number, hash: line.hash });
        }
    }
    if let Some(place) = unread {
        report.fault(format!("{place} breaks off: a crash, or it was edited"));
    }
    report.head = last.unwrap_or_default();
    match head(folder)? {
        Some(kept) if kept.number > report.head.number => report.fault(format!(
            "numbers {} to {} are missing at the end",
            report.head.number + 1,
            kept.number
        )),
        Some(kept) if kept.number == report.head.number && kept != report.head => {
            report.fault(format!("number {} was replaced", kept.number));
        }
        None if report.lines > 0 => report.fault(format!("{HEAD_FILE} is missing")),
        _ => {}
    }
    Ok(report)
}

/// The newest lines, oldest first, at most `count` of them and 4 MiB.
pub fn tail(folder: &Path, count: usize) -> io::Result<Vec<String>> {
    let mut lines: Vec<String> = Vec::new();
    for path in files(folder).iter().rev() {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let start = length.saturating_sub(4 << 20);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(4 << 20).read_to_end(&mut bytes)?;
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

/// What is kept of a call's parameters: names that sound secret and long values are not.
pub fn redacted(name: &str, value: &Value) -> Value {
    const SECRET: &[&str] =
        &["pass", "secret", "phrase", "seed", "mnemonic", "priv", "wif", "token", "preimage"];
    const LONGEST_TEXT: usize = 100;
    const MOST_ITEMS: usize = 8;
    let lower = name.to_lowercase();
    if SECRET.iter().any(|word| lower.contains(word)) {
        return json!("(not kept)");
    }
    match value {
        Value::String(text) if text.chars().count() > LONGEST_TEXT => {
            let start: String = text.chars().take(32).collect();
            json!(format!("{start}… ({} characters)", text.chars().count()))
        }
        Value::Array(items) if items.len() > MOST_ITEMS => json!({ "items": items.len() }),
        Value::Array(items) => items.iter().map(|item| redacted("", item)).collect(),
        Value::Object(members) if members.len() > MOST_ITEMS => json!({ "members": members.len() }),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.chars().take(40).collect(), redacted(name, value)))
            .collect::<Map<String, Value>>()
            .into(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn fields(text: &str) -> Map<String, Value> {
        Map::from_iter([("method".to_owned(), json!(text))])
    }

    fn filled(lines: u64) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let mut log = AuditLog::open(folder.path()).expect("opens");
        for number in 1..=lines {
            log.append(fields(&format!("call{number}")), number % 2 == 0).expect("written");
        }
        folder
    }

    fn edit(folder: &Path, edit: impl FnOnce(&mut Vec<String>)) {
        let path = folder.join(FILE);
        let text = fs::read_to_string(&path).expect("read");
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        edit(&mut lines);
        fs::write(path, lines.join("\n") + "\n").expect("written");
    }

    fn only_fault(folder: &Path) -> String {
        let report = verify(folder).expect("read");
        assert_eq!(report.faults.len(), 1, "{:?}", report.faults);
        report.faults.into_iter().next().unwrap_or_default()
    }

    #[test]
    fn goes_on_over_restarts_and_is_private() {
        let folder = filled(3);
        for name in [FILE, HEAD_FILE] {
            let mode = fs::metadata(folder.path().join(name)).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        let mut log = AuditLog::open(folder.path()).expect("opens");
        log.append(fields("later"), true).expect("written");
        let report = verify(folder.path()).expect("read");
        assert!(report.faults.is_empty(), "{:?}", report.faults);
        assert_eq!((report.lines, report.first, report.head), (4, 1, log.head()));
        assert_eq!(tail(folder.path(), 2).expect("read").len(), 2);
    }

    #[test]
    fn what_was_done_to_a_line_is_named() {
        let folder = filled(6);
        edit(folder.path(), |lines| lines[2] = lines[2].replace("call3", "call9"));
        assert_eq!(only_fault(folder.path()), "audit.log line 3 (number 3) was edited");

        let folder = filled(6);
        edit(folder.path(), |lines| drop(lines.remove(2)));
        assert_eq!(only_fault(folder.path()), "numbers 3 to 3 are missing before audit.log line 3");

        let folder = filled(6);
        edit(folder.path(), |lines| lines.truncate(4));
        assert_eq!(only_fault(folder.path()), "numbers 5 to 6 are missing at the end");
        // The loss stays seen when the log goes on.
        let mut log = AuditLog::open(folder.path()).expect("opens");
        log.append(fields("later"), false).expect("written");
        assert_eq!(only_fault(folder.path()), "numbers 5 to 6 are missing before audit.log line 5");

        let folder = filled(6);
        edit(folder.path(), |lines| lines.swap(1, 2));
        let faults = verify(folder.path()).expect("read").faults;
        assert!(faults.iter().any(|f| f.contains("moved or repeated")), "{faults:?}");

        // With its hash made anew, the line behind it no longer follows.
        let folder = filled(6);
        edit(folder.path(), |lines| {
            let (body, _) = lines[2].rsplit_once(",\"hash\"").expect("a hash");
            let body = body.replace("call3", "call9");
            lines[2] = format!("{body},\"hash\":\"{}\"}}", hex::encode(&sha256(body.as_bytes())));
        });
        assert!(only_fault(folder.path()).contains("(number 4) does not follow number 3"));
        let folder = filled(2);
        edit(folder.path(), |lines| {
            let (body, _) = lines[1].rsplit_once(",\"hash\"").expect("a hash");
            let body = body.replace("call2", "call9");
            lines[1] = format!("{body},\"hash\":\"{}\"}}", hex::encode(&sha256(body.as_bytes())));
        });
        assert_eq!(only_fault(folder.path()), "number 2 was replaced");
        let folder = filled(6);
        edit(folder.path(), |lines| lines[1] = "words".to_owned());
        let faults = verify(folder.path()).expect("read").faults;
        assert!(faults[0].contains("line 2 is not a line"), "{faults:?}");
    }

    #[test]
    fn a_crash_in_the_middle_of_a_line_is_no_forgery() {
        let folder = filled(3);
        let path = folder.path().join(FILE);
        let mut text = fs::read_to_string(&path).expect("read");
        text.push_str("{\"n\":4,\"meth");
        fs::write(&path, text).expect("written");
        assert!(only_fault(folder.path()).contains("breaks off"));
        let mut log = AuditLog::open(folder.path()).expect("opens");
        log.append(fields("later"), true).expect("written");
        let report = verify(folder.path()).expect("read");
        assert!(report.faults.is_empty(), "{:?}", report.faults);
        assert_eq!((report.lines, report.torn), (4, 1));
    }

    #[test]
    fn rotation_carries_the_chain_on() {
        let folder = filled(2);
        let mut log = AuditLog::open(folder.path()).expect("opens");
        let path = |name: &str| folder.path().join(name);
        for round in 0..3 {
            for number in (1..=round).rev() {
                let (from, to) =
                    (format!("audit.log.{number}"), format!("audit.log.{}", number + 1));
                fs::rename(path(&from), path(&to)).expect("moved");
            }
            fs::rename(path(FILE), path("audit.log.1")).expect("moved");
            log.append(fields("a"), false).expect("written");
            log.append(fields("b"), false).expect("written");
        }
        let report = verify(folder.path()).expect("read");
        assert!(report.faults.is_empty(), "{:?}", report.faults);
        assert_eq!((report.files, report.lines, report.head), (4, 8, log.head()));
        assert_eq!(tail(folder.path(), 5).expect("read").len(), 5);
        // The oldest may go; one in between may not.
        fs::remove_file(path("audit.log.3")).expect("removed");
        let report = verify(folder.path()).expect("read");
        assert!(report.faults.is_empty() && report.first == 3, "{report:?}");
        fs::rename(path("audit.log.2"), path("audit.log.x")).expect("moved");
        fs::remove_file(path("audit.log.1")).expect("removed");
        fs::rename(path("audit.log.x"), path("audit.log.1")).expect("moved");
        assert!(only_fault(folder.path()).contains("numbers 5 to 6 are missing"));
        // A process that starts with the log moved away goes on, too.
        let folder = filled(2);
        fs::rename(folder.path().join(FILE), folder.path().join("audit.log.1")).expect("moved");
        let mut log = AuditLog::open(folder.path()).expect("opens");
        log.append(fields("later"), false).expect("written");
        assert_eq!(verify(folder.path()).expect("read").faults, [""; 0]);
    }

    #[test]
    fn secrets_and_long_values_are_not_kept() {
        let long = "ab".repeat(400);
        assert_eq!(redacted("walletpassphrase", &json!("x")), json!("(not kept)"));
        assert_eq!(
            redacted("a", &json!({ "seed_words": ["x"] })),
            json!({ "seed_words": "(not kept)" })
        );
        assert!(redacted("hexdata", &json!(long)).to_string().len() < 100);
        assert_eq!(redacted("blocks", &json!(vec![0; 9])), json!({ "items": 9 }));
        assert_eq!(redacted("address", &json!("bcrt1x")), json!("bcrt1x"));
    }
}
