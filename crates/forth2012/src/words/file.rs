//! FILE (Forth-2012 11.6): files over the byte-level [`HostFiles`], with positions and a read buffer
//! of our own.
//!
//! Source files that INCLUDED reads lie in memory; their SOURCE-ID is a file identifier above
//! [`SOURCE_ID_BASE`] on which READ-LINE, FILE-POSITION and the like work too. A line ends with a
//! line feed; a carriage return before it is left out unless the file was opened with BIN.

use crate::dict::{Entry, WordSet, constant, prim};
use crate::error::{Res, throw, throw_with};
use crate::frame::T_INTERPRET;
use crate::host::{FileMode, HostFiles};
use crate::limits::{OPEN_FILES, SOURCE_BYTES};
use crate::machine::Machine;
use crate::source::Refill;
use crate::words::state::{Files, OpenFile};

/// The table.
pub const SET: WordSet = WordSet { name: "FILE", words: WORDS };

/// The table of the extension words.
pub const EXT: WordSet = WordSet { name: "FILE EXT", words: EXTENSIONS };

static WORDS: &[Entry] = &[
    constant("r/o", "( -- fam )", "Opens a file for reading.", READ),
    constant("w/o", "( -- fam )", "Opens a file for writing.", WRITE),
    constant("r/w", "( -- fam )", "Opens a file for reading and writing.", READ | WRITE),
    prim("bin", "( fam1 -- fam2 )", "Opens a file without looking at line ends.", bin),
    prim("open-file", "( c-addr u fam -- fileid ior )", "Opens a file.", |m| open(m, false)),
    prim(
        "create-file",
        "( c-addr u fam -- fileid ior )",
        "Makes an empty file and opens it.",
        |m| open(m, true),
    ),
    prim("close-file", "( fileid -- ior )", "Closes a file.", close),
    prim("delete-file", "( c-addr u -- ior )", "Removes a file.", delete),
    prim(
        "file-position",
        "( fileid -- ud ior )",
        "Where the file is read or written next.",
        position,
    ),
    prim("file-size", "( fileid -- ud ior )", "Bytes of a file.", size),
    prim(
        "reposition-file",
        "( ud fileid -- ior )",
        "Sets where to read or write next.",
        reposition,
    ),
    prim("resize-file", "( ud fileid -- ior )", "Sets the bytes of a file.", resize),
    prim("read-file", "( c-addr u1 fileid -- u2 ior )", "Reads up to u1 bytes.", read),
    prim(
        "read-line",
        "( c-addr u1 fileid -- u2 f ior )",
        "Reads a line; false at the end.",
        read_line,
    ),
    prim("write-file", "( c-addr u fileid -- ior )", "Writes a text.", |m| write(m, false)),
    prim("write-line", "( c-addr u fileid -- ior )", "Writes a text and a line end.", |m| {
        write(m, true)
    }),
    prim("include-file", "( i*x fileid -- j*x )", "Interprets an open file.", include_file),
];

static EXTENSIONS: &[Entry] = &[
    prim("file-status", "( c-addr u -- x ior )", "True when the file exists: ior is zero.", status),
    prim("flush-file", "( fileid -- ior )", "Makes sure that what was written is kept.", flush),
    prim("rename-file", "( c-addr1 u1 c-addr2 u2 -- ior )", "Renames a file.", rename),
];

const READ: i64 = 1;
const WRITE: i64 = 2;
const BINARY: i64 = 4;
/// Bytes that READ-LINE asks for at once.
const BUFFER_BYTES: usize = 4096;
/// File identifiers above are sources in memory.
pub const SOURCE_ID_BASE: i64 = 1 << 40;

/// The ior of words that got an identifier of no open file.
const NO_SUCH_FILE: i64 = -37;

impl OpenFile {
    /// What the buffer holds from the position on.
    fn ahead(&self) -> &[u8] {
        let skip = self.position.checked_sub(self.buffer_at).and_then(|n| usize::try_from(n).ok());
        skip.and_then(|skip| self.buffer.get(skip..)).unwrap_or(&[])
    }

    /// Reads ahead until `enough` holds or the file ends; each step doubles what is ahead, so that
    /// looking through it again costs no more than reading.
    fn look(
        &mut self,
        files: &mut dyn HostFiles,
        id: i64,
        enough: impl Fn(&[u8]) -> bool,
    ) -> Result<(), i64> {
        if enough(self.ahead()) {
            return Ok(());
        }
        self.buffer = self.ahead().to_vec();
        self.buffer_at = self.position;
        while !enough(&self.buffer) {
            let have = self.buffer.len();
            self.buffer.resize(have + have.max(BUFFER_BYTES), 0);
            let room = self.buffer.len() - have;
            let read = files.read_at(id, self.position + have as u64, &mut self.buffer[have..]);
            self.buffer.truncate(have + read.unwrap_or(0).min(room));
            if read? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Moves on, and gives a large buffer back.
    fn used(&mut self, count: usize) {
        self.position += count as u64;
        if self.buffer.len() > 16 * BUFFER_BYTES {
            self.buffer = Vec::new();
        }
    }
}

impl Files {
    /// A file identifier for a source in memory.
    pub fn source_id(&mut self) -> i64 {
        self.sources += 1;
        SOURCE_ID_BASE + self.sources
    }

    /// After a write: the same file may be open twice.
    fn forget_buffers(&mut self) {
        self.open.values_mut().for_each(|file| file.buffer.clear());
    }

    /// An open file that the machine's own code may use.
    fn get(&mut self, id: i64) -> Result<&mut OpenFile, i64> {
        self.open.get_mut(&id).ok_or(NO_SUCH_FILE)
    }
}

fn host(m: &mut Machine) -> Res<&mut dyn HostFiles> {
    m.host.file().ok_or_else(|| throw_with(-21, "files are switched off here"))
}

/// The ior on the stack: zero or the code.
fn answer(m: &mut Machine, result: Result<(), i64>) -> Res {
    m.push(result.err().unwrap_or(0))
}

fn bin(m: &mut Machine) -> Res {
    let mode = m.pop()?;
    m.push(mode | BINARY)
}

fn open(m: &mut Machine, create: bool) -> Res {
    let fam = m.pop()?;
    let name = m.pop_text()?;
    let mode = FileMode {
        read: fam & READ != 0,
        write: fam & WRITE != 0,
        create,
        binary: fam & BINARY != 0,
    };
    let full = m.extra.files.open.len() >= OPEN_FILES;
    let files = host(m)?;
    let failed = if create { -63 } else { -69 };
    let result = if full || fam & !(READ | WRITE | BINARY) != 0 || !(mode.read || mode.write) {
        Err(failed)
    } else {
        files.open(&name, mode)
    };
    match result {
        Ok(id) => {
            let file = OpenFile { mode, position: 0, buffer: Vec::new(), buffer_at: 0 };
            m.extra.files.open.insert(id, file);
            m.push_n([id, 0])
        }
        Err(ior) => m.push_n([0, ior]),
    }
}

fn close(m: &mut Machine) -> Res {
    let id = m.pop()?;
    host(m)?;
    let result = close_id(m, id);
    answer(m, result)
}

fn close_id(m: &mut Machine, id: i64) -> Result<(), i64> {
    m.extra.files.open.remove(&id).ok_or(NO_SUCH_FILE)?;
    m.host.file().map_or(Ok(()), |files| files.close(id))
}

fn delete(m: &mut Machine) -> Res {
    let name = m.pop_text()?;
    let result = host(m)?.delete(&name);
    answer(m, result)
}

fn rename(m: &mut Machine) -> Res {
    let to = m.pop_text()?;
    let from = m.pop_text()?;
    let result = host(m)?.rename(&from, &to);
    answer(m, result)
}

fn status(m: &mut Machine) -> Res {
    let name = m.pop_text()?;
    match host(m)?.status(&name) {
        Ok(value) => m.push_n([value, 0]),
        Err(ior) => m.push_n([0, ior]),
    }
}

fn flush(m: &mut Machine) -> Res {
    let id = m.pop()?;
    let known = m.extra.files.open.contains_key(&id);
    let files = host(m)?;
    let result = if known { files.flush(id) } else { Err(NO_SUCH_FILE) };
    answer(m, result)
}

// ---------------------------------------------------------------------- sources in memory

/// The current or a waiting source with this identifier: its text and the offset of its next line.
fn source(m: &mut Machine, id: i64) -> Option<(&[u8], &mut usize)> {
    let input = m.inputs.iter_mut().rev().find(|input| id > 0 && input.id == id)?;
    match &mut input.refill {
        Refill::Lines { text, next } => Some((text, next)),
        _ => None,
    }
}

/// Size of a file or a source.
fn size_of(m: &mut Machine, id: i64) -> Res<Result<u64, i64>> {
    if let Some((text, _)) = source(m, id) {
        return Ok(Ok(text.len() as u64));
    }
    let known = m.extra.files.open.contains_key(&id);
    let files = host(m)?;
    Ok(if known { files.size(id) } else { Err(NO_SUCH_FILE) })
}

fn size(m: &mut Machine) -> Res {
    let id = m.pop()?;
    let result = size_of(m, id)?;
    push_size(m, result)
}

fn push_size(m: &mut Machine, result: Result<u64, i64>) -> Res {
    m.push_double(i128::from(result.unwrap_or(0)))?;
    m.push(result.err().unwrap_or(0))
}

fn position(m: &mut Machine) -> Res {
    let id = m.pop()?;
    let at = match source(m, id) {
        Some((_, next)) => Ok(*next as u64),
        None => m.extra.files.get(id).map(|file| file.position),
    };
    push_size(m, at)
}

fn file_position(value: i128) -> Result<u64, i64> {
    u64::try_from(value).ok().filter(|&value| i64::try_from(value).is_ok()).ok_or(-36)
}

fn reposition(m: &mut Machine) -> Res {
    let id = m.pop()?;
    let at = file_position(m.pop_double()?);
    if let Some((text, next)) = source(m, id) {
        let inside = at.map(|at| usize::try_from(at).unwrap_or(usize::MAX));
        let result = match inside {
            Ok(at) if at <= text.len() => {
                *next = at;
                Ok(())
            }
            _ => Err(-36),
        };
        return answer(m, result);
    }
    let result = at.and_then(|at| m.extra.files.get(id).map(|file| file.position = at));
    answer(m, result)
}

fn resize(m: &mut Machine) -> Res {
    let id = m.pop()?;
    let size = file_position(m.pop_double()?).map_err(|_| -74);
    let checked =
        size.and_then(|size| if m.extra.files.get(id)?.mode.write { Ok(size) } else { Err(-74) });
    m.extra.files.forget_buffers();
    let files = host(m)?;
    let result = checked.and_then(|size| files.resize(id, size));
    answer(m, result)
}

// ---------------------------------------------------------------------- reading

/// Reads at the position of an open file and moves it; 0 bytes at the end.
fn read_some(m: &mut Machine, id: i64, range: std::ops::Range<usize>) -> Res<Result<usize, i64>> {
    let file = match m.extra.files.get(id) {
        Ok(file) if file.mode.read => file,
        Ok(_) => return Ok(Err(-70)),
        Err(ior) => return Ok(Err(ior)),
    };
    let files = m.host.file().ok_or_else(|| throw_with(-21, "files are switched off here"))?;
    if range.len() < BUFFER_BYTES {
        if let Err(ior) = file.look(files, id, |ahead| ahead.len() >= range.len()) {
            return Ok(Err(ior));
        }
        let count = file.ahead().len().min(range.len());
        m.memory.space[range.start..range.start + count].copy_from_slice(&file.ahead()[..count]);
        file.used(count);
        return Ok(Ok(count));
    }
    let mut done = 0;
    while done < range.len() {
        let part = &mut m.memory.space[range.start + done..range.end];
        match files.read_at(id, file.position + done as u64, part) {
            Ok(0) => break,
            Ok(count) => done += count.min(part.len()),
            Err(ior) if done == 0 => return Ok(Err(ior)),
            Err(_) => break,
        }
    }
    file.used(done);
    Ok(Ok(done))
}

fn read(m: &mut Machine) -> Res {
    let [address, count, id] = m.pop_n()?;
    let range = crate::memory::Memory::range(address, count)?;
    if let Some((text, next)) = source(m, id) {
        let from = (*next).min(text.len());
        let part = text[from..].len().min(range.len());
        let bytes = text[from..from + part].to_vec();
        *next = from + part;
        m.memory.space[range.start..range.start + part].copy_from_slice(&bytes);
        return m.push_n([part as i64, 0]);
    }
    match read_some(m, id, range)? {
        Ok(count) => m.push_n([count as i64, 0]),
        Err(ior) => m.push_n([0, ior]),
    }
}

/// What READ-LINE takes of the text at the position of a file: (characters, bytes used).
///
/// With exactly `room` characters the line end has yet to be reached (11.6.1.2090).
fn line_in(text: &[u8], room: usize, binary: bool) -> (usize, usize) {
    let window = &text[..text.len().min(room.saturating_add(1))];
    match window.iter().position(|&byte| byte == b'\n') {
        Some(at) if at > 0 && !binary && text[at - 1] == b'\r' => (at - 1, at + 1),
        Some(at) if at < room => (at, at + 1),
        _ => (text.len().min(room), text.len().min(room)),
    }
}

fn read_line(m: &mut Machine) -> Res {
    let [address, count, id] = m.pop_n()?;
    let range = crate::memory::Memory::range(address, count)?;
    let line = if let Some((text, next)) = source(m, id) {
        let rest = &text[(*next).min(text.len())..];
        let (len, used) = line_in(rest, range.len(), false);
        let line = rest[..len].to_vec();
        let ended = rest.is_empty();
        *next += used;
        Ok((!ended).then_some(line))
    } else {
        file_line(m, id, range.len())?
    };
    match line {
        Ok(Some(line)) => {
            m.memory.space[range.start..range.start + line.len()].copy_from_slice(&line);
            m.push_n([line.len() as i64, -1, 0])
        }
        Ok(None) => m.push_n([0, 0, 0]),
        Err(ior) => m.push_n([0, 0, ior]),
    }
}

/// The next line of an open file through its buffer; `None` at the end.
fn file_line(m: &mut Machine, id: i64, room: usize) -> Res<Result<Option<Vec<u8>>, i64>> {
    let file = match m.extra.files.get(id) {
        Ok(file) if file.mode.read => file,
        Ok(_) => return Ok(Err(-71)),
        Err(ior) => return Ok(Err(ior)),
    };
    let files = m.host.file().ok_or_else(|| throw_with(-21, "files are switched off here"))?;
    let enough = |ahead: &[u8]| ahead.len() > room || ahead.contains(&b'\n');
    if let Err(ior) = file.look(files, id, enough) {
        return Ok(Err(ior));
    }
    if file.ahead().is_empty() {
        return Ok(Ok(None));
    }
    let (len, used) = line_in(file.ahead(), room, file.mode.binary);
    let line = file.ahead()[..len].to_vec();
    file.used(used);
    Ok(Ok(Some(line)))
}

// ---------------------------------------------------------------------- writing

fn write(m: &mut Machine, line: bool) -> Res {
    let [address, count, id] = m.pop_n()?;
    let range = crate::memory::Memory::range(address, count)?;
    let file = match m.extra.files.get(id) {
        Ok(file) if file.mode.write => file,
        Ok(_) => return m.push(if line { -76 } else { -75 }),
        Err(ior) => return m.push(ior),
    };
    let files = m.host.file().ok_or_else(|| throw_with(-21, "files are switched off here"))?;
    let text = &m.memory.space[range];
    let result = if line {
        let mut text = text.to_vec();
        text.push(b'\n');
        files.write_at(id, file.position, &text).map(|()| text.len())
    } else {
        files.write_at(id, file.position, text).map(|()| text.len())
    };
    if let Ok(written) = result {
        file.position += written as u64;
    }
    m.extra.files.forget_buffers();
    answer(m, result.map(drop))
}

// ---------------------------------------------------------------------- interpreting

fn include_file(m: &mut Machine) -> Res {
    let id = m.pop()?;
    let size = match size_of(m, id)? {
        Ok(size) => size,
        Err(ior) => return Err(throw(ior)),
    };
    let file = m.extra.files.get(id).map_err(throw)?;
    let start = file.position;
    let left = usize::try_from(size.saturating_sub(start)).unwrap_or(usize::MAX);
    if left > SOURCE_BYTES {
        return Err(throw_with(-18, "the source is too long"));
    }
    let mut text = vec![0; left];
    let files = m.host.file().ok_or_else(|| throw_with(-21, "files are switched off here"))?;
    let mut done = 0;
    while done < left {
        match files.read_at(id, start + done as u64, &mut text[done..]) {
            Ok(0) => break,
            Ok(count) => done += count.min(left - done),
            Err(ior) => return Err(throw(ior)),
        }
    }
    text.truncate(done);
    m.push_return(m.ip)?;
    m.open_lines(&text, std::rc::Rc::from(format!("<file {id}>")), id, None)?;
    m.ip = T_INTERPRET;
    Ok(())
}

/// INCLUDE-FILE closes its file when the input ends, by its end or by a THROW.
pub fn input_ended(m: &mut Machine, id: i64) {
    if id > 0 && id < SOURCE_ID_BASE {
        // There is nobody to tell; the data was read already.
        let _ = close_id(m, id);
    }
}

#[cfg(test)]
mod tests {
    use super::line_in;

    #[test]
    fn lines_end_as_the_standard_says() {
        for (text, room, want) in [
            ("abc\ndef", 10, (3, 4)),
            ("abc\ndef", 3, (3, 3)),
            ("abc\ndef", 0, (0, 0)),
            ("\ndef", 0, (0, 0)),
            ("\ndef", 3, (0, 1)),
            ("abc\r\n", 10, (3, 5)),
            ("abc\r\n", 4, (3, 5)),
            ("abc\r\n", 3, (3, 3)),
            ("\r\nx", 5, (0, 2)),
            ("abc", 10, (3, 3)),
        ] {
            assert_eq!(line_in(text.as_bytes(), room, false), want, "{text:?} {room}");
        }
        assert_eq!(line_in(b"abc\r\n", 10, true), (4, 5));
    }
}
