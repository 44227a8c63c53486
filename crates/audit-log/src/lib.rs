//! The audit log: one JSON line for every change asked for, each with a SHA-256 over itself and the
//! hash of the line before. A line that is edited, removed or moved breaks the chain of hashes and
//! is reported by `verify`.
//!
//! A line's `hash` is over its text before `,"hash"`, which contains `prev`. The newest number and
//! hash are also written to a file beside the log, so that lines missing at the end are noticed.
//! Whoever can write both files can forge the whole chain; an anchor of the head on the block chain
//! proves against that. Rotation renames the file (`audit.log.1` is newer than `audit.log.2`); the
//! next line, in a new file, continues number and hash.

mod files;
mod line;
mod redact;
mod verify;
mod writer;

pub use files::{FILE, files, tail};
pub use line::{Head, LONGEST_LINE, head};
pub use redact::redacted;
pub use verify::{Report, verify};
pub use writer::AuditLog;

#[cfg(test)]
mod tests {
    use super::line::HEAD_FILE;
    use super::*;
    use crypto::hash::sha256;
    use primitives::hex;
    use serde_json::{Map, Value, json};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

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
