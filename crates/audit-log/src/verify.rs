//! Reads a whole log and names what is wrong with it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use crate::files::files;
use crate::line::{HEAD_FILE, Head, LONGEST_LINE, Line, head};

/// Faults that are reported, at most.
const MOST_FAULTS: usize = 100;

/// The result of reading the whole log.
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
