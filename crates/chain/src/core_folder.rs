//! The `blocks` folder of Bitcoin Core, read as it is: `blk00000.dat` and so on in order, masked with
//! the key of `xor.dat` (Core 28 and later), with records out of order and rubbish between them.
//!
//! Where no record starts, the next one is looked for; what was passed over is told. A record starts
//! with the network's magic, a size, and a header with proof of work, so that rubbish can't claim
//! much. Invariant: each byte of a file is part of one record, zero, or told of.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::import::MAX_BLOCK_BYTES;
use consensus::header::check_work;
use primitives::block::{Block, HEADER_SIZE, Header};
use primitives::codec::Decode;
use primitives::network::NetworkParams;

/// Bytes of the key that masks the files.
const KEY_SIZE: usize = 8;
/// The file that holds it.
const KEY_FILE: &str = "xor.dat";
/// Magic and size before a block.
const FRAME_SIZE: usize = 8;
/// Records of one file that turn out to be none after more than their header was read.
const MAX_FALSE_STARTS: usize = 100;
/// Files of a folder: Core's numbers have five digits.
const MAX_FILES: u32 = 100_000;

/// Where a record starts, or rubbish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordPlace {
    /// The file's name.
    pub file: String,
    pub byte: u64,
}

impl std::fmt::Display for RecordPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} byte {}", self.file, self.byte)
    }
}

/// Bytes that are no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {bytes} bytes are no block of this network")]
pub struct Rubbish {
    pub at: RecordPlace,
    pub bytes: u64,
}

/// Why a folder can't be read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("{path:?}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path:?} has {found} bytes, a key has {KEY_SIZE}")]
    Key { path: PathBuf, found: usize },
    #[error("{path:?} holds no blk*.dat")]
    Empty { path: PathBuf },
    #[error("{path:?} has more than {MAX_FALSE_STARTS} records that are no blocks")]
    FalseStarts { path: PathBuf },
}

/// What a folder holds next.
#[derive(Debug)]
pub enum Record {
    Block(RecordPlace, Vec<u8>),
    Rubbish(Rubbish),
}

/// The records of a folder, file by file.
#[derive(Debug)]
pub struct CoreFolder {
    params: &'static NetworkParams,
    key: [u8; KEY_SIZE],
    /// Those still to be read, the next one last.
    files: Vec<(PathBuf, String)>,
    open: Option<Records>,
    /// Bytes of all files, and of those that have been read.
    size: u64,
    done: u64,
}

impl CoreFolder {
    /// Lists the files and reads the key, which is not there before Core 28.
    pub fn open(path: &Path, params: &'static NetworkParams) -> Result<CoreFolder, FolderError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| FolderError::Io { path, source }
        };
        let key_path = path.join(KEY_FILE);
        let key = match fs::read(&key_path) {
            Ok(bytes) => <[u8; KEY_SIZE]>::try_from(&bytes[..])
                .map_err(|_| FolderError::Key { path: key_path, found: bytes.len() })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => [0; KEY_SIZE],
            Err(error) => return Err(io(&key_path)(error)),
        };
        let mut numbered = Vec::new();
        let mut size = 0;
        for entry in fs::read_dir(path).map_err(io(path))? {
            let entry = entry.map_err(io(path))?;
            let name = entry.file_name();
            let Some((number, name)) = name.to_str().and_then(|n| Some((number_of(n)?, n))) else {
                continue;
            };
            size += entry.metadata().map_err(io(path))?.len();
            numbered.push((number, entry.path(), name.to_owned()));
        }
        numbered.sort_unstable_by_key(|(number, ..)| std::cmp::Reverse(*number));
        let files: Vec<_> = numbered.into_iter().map(|(_, path, name)| (path, name)).collect();
        if files.is_empty() {
            return Err(FolderError::Empty { path: path.to_owned() });
        }
        Ok(CoreFolder { params, key, files, open: None, size, done: 0 })
    }

    /// Bytes of all files.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes that have been read.
    pub fn read(&self) -> u64 {
        self.done + self.open.as_ref().map_or(0, |records| records.input.at)
    }

    /// The next record, or what stands before it and is none; `None` at the end.
    pub fn next_record(&mut self) -> Result<Option<Record>, FolderError> {
        loop {
            if self.open.is_none() {
                let Some((path, name)) = self.files.pop() else { return Ok(None) };
                let file = File::open(&path)
                    .map_err(|source| FolderError::Io { path: path.clone(), source })?;
                let masked = Masked { inner: file, key: self.key, at: 0 };
                self.open = Some(Records {
                    input: Ahead::new(masked),
                    path,
                    name,
                    params: self.params,
                    found: None,
                    false_starts: 0,
                });
            }
            let Some(records) = &mut self.open else { continue };
            if let Some(record) = records.next_record()? {
                return Ok(Some(record));
            }
            self.done += records.input.at;
            self.open = None;
        }
    }
}

/// The number in `blk00012.dat`.
fn number_of(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("blk")?.strip_suffix(".dat")?;
    let all = digits.len() >= 5 && digits.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| digits.parse().ok()).flatten().filter(|number| *number < MAX_FILES)
}

/// A file whose bytes are masked with a key, by their place.
#[derive(Debug)]
struct Masked<R> {
    inner: R,
    key: [u8; KEY_SIZE],
    at: u64,
}

impl<R: Read> Read for Masked<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        let from = (self.at % KEY_SIZE as u64) as usize;
        for (byte, key) in out[..count].iter_mut().zip(self.key.iter().cycle().skip(from)) {
            *byte ^= key;
        }
        self.at += count as u64;
        Ok(count)
    }
}

/// A reader into which bytes can be put back.
#[derive(Debug)]
struct Ahead<R> {
    back: Vec<u8>,
    back_at: usize,
    inner: BufReader<R>,
    /// Bytes consumed and not put back.
    at: u64,
}

impl<R: Read> Ahead<R> {
    fn new(inner: R) -> Ahead<R> {
        let inner = BufReader::with_capacity(1 << 16, inner);
        Ahead { back: Vec::new(), back_at: 0, inner, at: 0 }
    }

    fn fill(&mut self) -> io::Result<&[u8]> {
        match self.back_at < self.back.len() {
            true => Ok(&self.back[self.back_at..]),
            false => self.inner.fill_buf(),
        }
    }

    fn consume(&mut self, count: usize) {
        self.at += count as u64;
        if self.back.is_empty() {
            return self.inner.consume(count);
        }
        self.back_at += count;
        if self.back_at == self.back.len() {
            self.back.clear();
            self.back_at = 0;
        }
    }

    /// Up to `count` bytes; fewer at the end.
    fn take(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        while out.len() < count {
            let here = self.fill()?;
            if here.is_empty() {
                break;
            }
            let now = here.len().min(count - out.len());
            out.extend_from_slice(&here[..now]);
            self.consume(now);
        }
        Ok(out)
    }

    /// The bytes that were consumed last come again.
    fn put_back(&mut self, bytes: &[u8]) {
        self.at -= bytes.len() as u64;
        // What is left of `back` follows what was taken of it.
        if self.back_at >= bytes.len() {
            self.back_at -= bytes.len();
            return;
        }
        let rest = self.back.split_off(self.back_at.min(self.back.len()));
        self.back.clear();
        self.back.extend_from_slice(bytes);
        self.back.extend_from_slice(&rest);
        self.back_at = 0;
    }
}

/// The records of one file.
#[derive(Debug)]
struct Records {
    input: Ahead<Masked<File>>,
    path: PathBuf,
    name: String,
    params: &'static NetworkParams,
    /// A block that was found behind rubbish which is told of first.
    found: Option<(u64, Vec<u8>)>,
    false_starts: usize,
}

impl Records {
    fn place(&self, byte: u64) -> RecordPlace {
        RecordPlace { file: self.name.clone(), byte }
    }

    fn next_record(&mut self) -> Result<Option<Record>, FolderError> {
        if let Some((at, bytes)) = self.found.take() {
            return Ok(Some(Record::Block(self.place(at), bytes)));
        }
        let path = self.path.clone();
        let io = |source| FolderError::Io { path: path.clone(), source };
        let mut rubbish: Option<u64> = None;
        let mut end_of_rubbish = 0;
        loop {
            let (skipped, is_magic) = self.to_magic().map_err(io)?;
            if let Some((first, last)) = skipped {
                rubbish.get_or_insert(first);
                end_of_rubbish = last;
            }
            let at = self.input.at;
            let block = if is_magic { self.block().map_err(io)? } else { None };
            let told = rubbish.map(|from| {
                Record::Rubbish(Rubbish { at: self.place(from), bytes: end_of_rubbish - from })
            });
            match (block, told) {
                (Some(bytes), None) => return Ok(Some(Record::Block(self.place(at), bytes))),
                (Some(bytes), Some(told)) => {
                    self.found = Some((at, bytes));
                    return Ok(Some(told));
                }
                (None, told) if !is_magic => return Ok(told),
                (None, _) => {
                    // A magic that starts nothing is rubbish as well; the next may be in it.
                    rubbish.get_or_insert(at);
                    self.input.consume(1);
                    end_of_rubbish = self.input.at;
                    if self.false_starts > MAX_FALSE_STARTS {
                        return Err(FolderError::FalseStarts { path: self.path.clone() });
                    }
                }
            }
        }
    }

    /// Goes to the next magic, whose bytes come next then, or to the end. What was passed over but
    /// for zeros (which are room set aside): from its first byte to behind its last.
    fn to_magic(&mut self) -> io::Result<(Option<(u64, u64)>, bool)> {
        let magic = self.params.magic;
        let mut skipped: Option<(u64, u64)> = None;
        loop {
            let here = self.input.fill()?;
            let zeros = here.iter().take_while(|byte| **byte == 0).count();
            if zeros > 0 {
                self.input.consume(zeros);
                continue;
            }
            let four = self.input.take(magic.len())?;
            if four == magic {
                self.input.put_back(&four);
                return Ok((skipped, true));
            }
            if four.is_empty() {
                return Ok((skipped, false));
            }
            // Up to the next byte that may begin a magic.
            let step = four[1..].iter().position(|byte| *byte == magic[0]);
            let step = step.map_or(four.len(), |at| at + 1);
            let start = self.input.at - four.len() as u64;
            self.input.put_back(&four[step..]);
            for (at, _) in (start..).zip(&four[..step]).filter(|(_, byte)| **byte != 0) {
                skipped = Some((skipped.map_or(at, |(first, _)| first), at + 1));
            }
        }
    }

    /// The block of the record whose magic comes next; None, and nothing consumed, where it is none.
    fn block(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut head = self.input.take(FRAME_SIZE + HEADER_SIZE)?;
        let size = match head.get(4..FRAME_SIZE) {
            Some(&[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]) as usize,
            _ => 0,
        };
        let header = head.get(FRAME_SIZE..).and_then(|bytes| Header::from_bytes(bytes).ok());
        let starts = (HEADER_SIZE..=MAX_BLOCK_BYTES).contains(&size)
            && header
                .is_some_and(|header| check_work(&header.hash(), header.bits, self.params).is_ok());
        if !starts {
            self.input.put_back(&head);
            return Ok(None);
        }
        let mut rest = self.input.take(size - HEADER_SIZE)?;
        head.append(&mut rest);
        let block = head.split_off(FRAME_SIZE);
        if block.len() == size && Block::from_bytes(&block).is_ok() {
            return Ok(Some(block));
        }
        self.false_starts += 1;
        self.input.put_back(&block);
        self.input.put_back(&head);
        Ok(None)
    }
}
