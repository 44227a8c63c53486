//! Reads and writes block files: one hex block per line, or Bitcoin's `blk*.dat` framing (magic,
//! length, block), distinguished by their first bytes.
//!
//! Reading takes no more memory than one block and a buffer, whatever the file says.

use std::collections::{HashSet, VecDeque};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::ops::ControlFlow;

use super::core_folder::{CoreFolder, FolderError, Record, RecordPlace, Rubbish};
use super::error::{BlockError, Standing};
use super::event::ChainEvent;
use super::state::Chain;
use consensus::block::CheckedBlock;
use consensus::rule::{Blame, RuleError};
use consensus::tx::MAX_BLOCK_WEIGHT;
use primitives::block::{HEADER_SIZE, Height};
use primitives::hex::{self, HexError};
use primitives::id::BlockHash;
use primitives::map::BlockMap;
use store::error::StoreError;
use store::snapshot::Snapshot;

/// Most bytes of a block: its weight counts every byte at least once (BIP141).
pub const MAX_BLOCK_BYTES: usize = MAX_BLOCK_WEIGHT;

/// Blocks and bytes that are checked side by side.
const BATCH_BLOCKS: usize = 512;
const BATCH_BYTES: usize = 4 << 20;

/// Bytes of blocks that may wait for their parents; files of Bitcoin Core are out of order by
/// some hundred blocks.
const MAX_WAITING_BYTES: usize = 64 << 20;

/// Blocks that an import passed over and remembers, so that their children are passed over too.
const MAX_PASSED: usize = 1 << 20;

/// How a file holds blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One block in hex on each line.
    Hex,
    /// Magic, length (`u32` little-endian), block; zeros may follow the last.
    Framed,
}

/// Where in a file a block starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// From 0.
    pub byte: u64,
    /// From 1; 0 in a framed file.
    pub line: u64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "byte {}", self.byte),
            line => write!(f, "line {line}"),
        }
    }
}

/// Why a file of blocks can't be read on.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("this is no file of blocks: it starts neither with hex nor with this network's magic")]
    Unknown,
    #[error("{at}: {source}")]
    Hex { at: Place, source: HexError },
    #[error("{at}: a block of {size} bytes or more, {MAX_BLOCK_BYTES} is the limit")]
    TooLarge { at: Place, size: u64 },
    #[error("{at}: a block of {size} bytes is too short to have a header")]
    TooShort { at: Place, size: u64 },
    #[error("{at}: the file ends in the middle of a block")]
    Truncated { at: Place },
    #[error("{at}: {found} where the magic of {network} belongs")]
    Magic { at: Place, found: String, network: &'static str },
    #[error("{at}: {source}")]
    Io { at: Place, source: io::Error },
}

/// The blocks of a file, one after the other.
#[derive(Debug)]
pub struct BlockFile<R> {
    input: BufReader<R>,
    format: Option<Format>,
    network: &'static str,
    magic: [u8; 4],
    at: Place,
}

impl<R: Read> BlockFile<R> {
    pub fn new(input: R, params: &'static primitives::network::NetworkParams) -> Self {
        let input = BufReader::with_capacity(1 << 16, input);
        let (network, magic) = (params.name, params.magic);
        BlockFile { input, format: None, network, magic, at: Place::default() }
    }

    /// Where the next block is looked for.
    pub fn place(&self) -> Place {
        self.at
    }

    /// The next block's wire form and where it starts; `None` at the end.
    pub fn next_block(&mut self) -> Result<Option<(Place, Vec<u8>)>, FileError> {
        let format = match self.format {
            Some(format) => format,
            None => match self.sniff()? {
                Some(format) => *self.format.insert(format),
                None => return Ok(None),
            },
        };
        match format {
            Format::Hex => self.next_line(),
            Format::Framed => self.next_frame(),
        }
    }

    fn io(&self, source: io::Error) -> FileError {
        FileError::Io { at: self.at, source }
    }

    /// Tells the format by the first bytes; an empty file has none.
    fn sniff(&mut self) -> Result<Option<Format>, FileError> {
        let at = self.at;
        let start = self.input.fill_buf().map_err(|source| FileError::Io { at, source })?;
        Ok(match start {
            [] => None,
            start if start.starts_with(&self.magic) => Some(Format::Framed),
            [first, ..] if first.is_ascii_hexdigit() || first.is_ascii_whitespace() => {
                Some(Format::Hex)
            }
            _ => return Err(FileError::Unknown),
        })
    }

    fn next_line(&mut self) -> Result<Option<(Place, Vec<u8>)>, FileError> {
        let most = 2 * MAX_BLOCK_BYTES as u64 + 2;
        loop {
            self.at.line += 1;
            let at = self.at;
            let mut line = Vec::new();
            let count = (&mut self.input)
                .take(most + 1)
                .read_until(b'\n', &mut line)
                .map_err(|e| self.io(e))? as u64;
            if count == 0 {
                self.at.line -= 1;
                return Ok(None);
            }
            if count > most {
                return Err(FileError::TooLarge { at, size: count / 2 });
            }
            self.at.byte += count;
            let text = line.trim_ascii();
            if text.is_empty() {
                continue;
            }
            // What is no text is no hex: its first byte is named.
            let text = String::from_utf8_lossy(text);
            let bytes = hex::decode(&text).map_err(|source| FileError::Hex { at, source })?;
            return self.sized(at, bytes).map(Some);
        }
    }

    fn next_frame(&mut self) -> Result<Option<(Place, Vec<u8>)>, FileError> {
        let mut head = [0u8; 8];
        // Zeros between and behind blocks are room that was set aside.
        let at = loop {
            let buffer = self.input.fill_buf();
            let at = self.at;
            let buffer = buffer.map_err(|source| FileError::Io { at, source })?;
            if buffer.is_empty() {
                return Ok(None);
            }
            let zeros = buffer.iter().take_while(|&&byte| byte == 0).count();
            let found = zeros < buffer.len();
            self.input.consume(zeros);
            self.at.byte += zeros as u64;
            if found {
                break self.at;
            }
        };
        self.fill(&mut head, at)?;
        if head[..4] != self.magic {
            let found = hex::encode(&head[..4]);
            return Err(FileError::Magic { at, found, network: self.network });
        }
        let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        if size as usize > MAX_BLOCK_BYTES {
            return Err(FileError::TooLarge { at, size: size.into() });
        }
        let mut bytes = Vec::new();
        let limit = u64::from(size);
        let got = (&mut self.input).take(limit).read_to_end(&mut bytes).map_err(|e| self.io(e))?;
        if got < size as usize {
            return Err(FileError::Truncated { at });
        }
        self.at.byte += limit;
        self.sized(at, bytes).map(Some)
    }

    fn fill(&mut self, out: &mut [u8], at: Place) -> Result<(), FileError> {
        self.input.read_exact(out).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => FileError::Truncated { at },
            _ => FileError::Io { at, source },
        })?;
        self.at.byte += out.len() as u64;
        Ok(())
    }

    fn sized(&self, at: Place, bytes: Vec<u8>) -> Result<(Place, Vec<u8>), FileError> {
        let size = bytes.len();
        if size < HEADER_SIZE {
            return Err(FileError::TooShort { at, size: size as u64 });
        }
        Ok((at, bytes))
    }
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    pub accepted: u64,
    /// Blocks that were here already.
    pub known: u64,
    /// Blocks whose parents have not come yet.
    pub waiting: usize,
    pub height: Height,
    pub place: Place,
}

/// Why an import ended before the end of the file. What came before it is kept.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{0}")]
    File(#[from] FileError),
    #[error("{at}: {error}")]
    Block { at: Place, error: BlockError },
    #[error(
        "{at}: the parent {parent} of this block is not known, and it is not in the file before or after it"
    )]
    NoParent { at: Place, parent: BlockHash },
}

/// What an import of a folder passes over.
#[derive(Debug, thiserror::Error)]
pub enum Passed {
    #[error("{0}")]
    Rubbish(#[from] Rubbish),
    #[error("{at}: block {hash} is refused: {reason}")]
    Block { at: RecordPlace, hash: BlockHash, reason: String },
    #[error("{blocks} blocks name parents that are neither known nor in the folder")]
    NoParents { blocks: usize },
}

/// Why an import of a folder ended before the end of its last file.
#[derive(Debug, thiserror::Error)]
pub enum FolderImportError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The first thing that would have been passed over, where nothing may be.
    #[error(transparent)]
    Passed(Passed),
    #[error("more than {MAX_PASSED} blocks are refused")]
    TooManyPassed,
}

/// Reads the `blocks` folder of Bitcoin Core into the chain in bulk and makes it durable at the end.
/// What is no block, or is refused, is passed over and told to `tell`, which can end the import;
/// blocks that build on a refused one are refused with it, all others go on. `watch` is called after
/// each batch and can end the import, which is no error.
pub fn import_folder(
    chain: &mut Chain,
    folder: &mut CoreFolder,
    now: u32,
    tell: &mut dyn FnMut(Passed) -> Result<(), Passed>,
    watch: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<(Progress, Vec<ChainEvent>), FolderImportError> {
    let mut work = Importer::default();
    let result = work.run_folder(chain, folder, now, tell, watch);
    chain.flush()?;
    result.map(|()| (work.progress, work.events))
}

/// A block that was read, where it was, and its header's link.
type Read1 = (Place, Result<CheckedBlock, BlockError>);

/// Reads a file of blocks into the chain in bulk and makes it durable at the end. Blocks that are
/// here already are skipped, so that an import that was cut off can be run again. `watch` is
/// called after each batch and can end the import, which is not an error. The next batch is read
/// and checked while one is connected.
pub fn import<R: Read + Send>(
    chain: &mut Chain,
    file: &mut BlockFile<R>,
    now: u32,
    watch: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<(Progress, Vec<ChainEvent>), ImportError> {
    let mut work = Importer::default();
    let result = work.run(chain, file, now, watch);
    let flushed = chain.flush();
    let at = file.place();
    let fault = |error: StoreError| ImportError::Block { at, error: error.into() };
    result.and_then(|()| flushed.map_err(fault))?;
    Ok((work.progress, work.events))
}

/// Takes blocks in almost any order: those whose parents have not come yet wait, bounded.
#[derive(Debug, Default)]
pub struct Importer {
    progress: Progress,
    events: Vec<ChainEvent>,
    /// Blocks by the parent they wait for.
    waiting: BlockMap<Vec<(Place, CheckedBlock)>>,
    waiting_bytes: usize,
    /// Blocks of a folder that were refused.
    passed: HashSet<BlockHash>,
}

impl Importer {
    /// How far it is.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// What happened since this was last asked.
    pub fn take_events(&mut self) -> Vec<ChainEvent> {
        std::mem::take(&mut self.events)
    }

    /// Takes blocks in their wire form, each with its place; those before a fault are kept.
    pub fn take_blocks(
        &mut self,
        chain: &mut Chain,
        blocks: Vec<(Place, Vec<u8>)>,
        now: u32,
    ) -> Result<(), ImportError> {
        let checked = check_batch(blocks, chain.params());
        let taken = self.take(chain, checked, now);
        self.progress.height = chain.tip().height;
        taken
    }

    /// The first block whose parent never came, as an error.
    pub fn finish(&self) -> Result<(), ImportError> {
        let first = self.waiting.values().flatten().min_by_key(|(at, _)| (at.byte, at.line));
        match first {
            Some((at, block)) => {
                Err(ImportError::NoParent { at: *at, parent: block.block.header.prev })
            }
            None => Ok(()),
        }
    }

    fn run<R: Read + Send>(
        &mut self,
        chain: &mut Chain,
        file: &mut BlockFile<R>,
        now: u32,
        watch: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<(), ImportError> {
        let params = chain.params();
        let mut batch = Vec::new();
        loop {
            let (next, taken) = rayon::join(
                || read_batch(file).map(|(blocks, end)| (check_batch(blocks, params), end)),
                || self.take(chain, std::mem::take(&mut batch), now),
            );
            taken?;
            self.progress.height = chain.tip().height;
            self.progress.place = file.place();
            let stop = watch(&self.progress).is_break();
            // What was read before a fault of the file is still taken.
            let (next, end) = next?;
            batch = next;
            if let Some(end) = end {
                self.take(chain, batch, now)?;
                end?;
                break;
            }
            if stop {
                return Ok(());
            }
        }
        self.progress.height = chain.tip().height;
        self.progress.place = file.place();
        let _ = watch(&self.progress);
        self.finish()
    }

    fn run_folder(
        &mut self,
        chain: &mut Chain,
        folder: &mut CoreFolder,
        now: u32,
        tell: &mut dyn FnMut(Passed) -> Result<(), Passed>,
        watch: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<(), FolderImportError> {
        let params = chain.params();
        let mut more = true;
        // Where the blocks were that are not taken yet.
        let mut places: BlockMap<RecordPlace> = BlockMap::default();
        while more {
            let (mut batch, mut bytes) = (Vec::with_capacity(BATCH_BLOCKS), 0);
            let mut at = Vec::with_capacity(BATCH_BLOCKS);
            while batch.len() < BATCH_BLOCKS && bytes < BATCH_BYTES {
                match folder.next_record()? {
                    None => {
                        more = false;
                        break;
                    }
                    Some(Record::Rubbish(rubbish)) => {
                        tell(Passed::Rubbish(rubbish)).map_err(FolderImportError::Passed)?;
                    }
                    Some(Record::Block(place, block)) => {
                        bytes += block.len();
                        batch.push((Place::default(), block));
                        at.push(place);
                    }
                }
            }
            for ((_, checked), at) in check_batch(batch, params).into_iter().zip(at) {
                let checked = match checked {
                    Ok(checked) => checked,
                    Err(BlockError::Store(error)) => return Err(error.into()),
                    // The folder has decoded it before.
                    Err(error) => {
                        let (hash, reason) = (BlockHash::ZERO, error.to_string());
                        tell(Passed::Block { at, hash, reason })
                            .map_err(FolderImportError::Passed)?;
                        continue;
                    }
                };
                places.insert(checked.hash, at);
                for (hash, reason) in self.take_or_pass(chain, checked, now)? {
                    let at = places.get(&hash).cloned();
                    let at = at.unwrap_or(RecordPlace { file: String::new(), byte: 0 });
                    tell(Passed::Block { at, hash, reason }).map_err(FolderImportError::Passed)?;
                }
                if self.waiting.is_empty() {
                    places.clear();
                }
            }
            self.progress.height = chain.tip().height;
            if watch(&self.progress).is_break() {
                return Ok(());
            }
        }
        match self.progress.waiting {
            0 => Ok(()),
            blocks => tell(Passed::NoParents { blocks }).map_err(FolderImportError::Passed),
        }
    }

    /// Takes a block, then those that waited for it; which of them are refused, and why.
    fn take_or_pass(
        &mut self,
        chain: &mut Chain,
        checked: CheckedBlock,
        now: u32,
    ) -> Result<Vec<(BlockHash, String)>, FolderImportError> {
        let mut refused = vec![];
        let mut todo = VecDeque::from([checked]);
        while let Some(checked) = todo.pop_front() {
            let (hash, parent) = (checked.hash, checked.block.header.prev);
            let known = chain.has_header(&parent)? || hash == chain.params().genesis.hash;
            let mut is_spoilt = true;
            if self.passed.contains(&parent) {
                refused.push((hash, format!("its parent {parent} is refused")));
            } else if !known && checked.verdict.is_ok() {
                if self.waiting_bytes + checked.bytes.len() > MAX_WAITING_BYTES {
                    let why = "its parent has not come, and too many blocks wait for theirs";
                    refused.push((hash, why.to_owned()));
                } else {
                    self.waiting_bytes += checked.bytes.len();
                    self.waiting.entry(parent).or_default().push((Place::default(), checked));
                }
                continue;
            } else {
                match chain.accept_in_bulk(checked, now, &mut self.events) {
                    Ok(Standing::Known) => {
                        self.progress.known += 1;
                        is_spoilt = false;
                    }
                    Ok(_) => {
                        self.progress.accepted += 1;
                        is_spoilt = false;
                    }
                    Err(BlockError::Store(error)) => return Err(error.into()),
                    Err(error) => {
                        // Another block may have the same header, or be good later.
                        is_spoilt = match &error {
                            BlockError::Rule(rule) => {
                                !matches!(rule.blame(), Blame::Mutated | Blame::Future)
                            }
                            _ => false,
                        };
                        refused.push((hash, error.to_string()));
                        if !is_spoilt {
                            continue;
                        }
                    }
                }
            }
            if is_spoilt {
                self.passed.insert(hash);
                if self.passed.len() > MAX_PASSED {
                    return Err(FolderImportError::TooManyPassed);
                }
            }
            let freed = self.waiting.remove(&hash).unwrap_or_default();
            self.waiting_bytes -= freed.iter().map(|(_, b)| b.bytes.len()).sum::<usize>();
            todo.extend(freed.into_iter().map(|(_, block)| block));
        }
        self.progress.waiting = self.waiting.values().map(Vec::len).sum();
        Ok(refused)
    }

    fn take(&mut self, chain: &mut Chain, batch: Vec<Read1>, now: u32) -> Result<(), ImportError> {
        for (at, checked) in batch {
            let checked = checked.map_err(|error| ImportError::Block { at, error })?;
            self.take_block(chain, at, checked, now)?;
        }
        Ok(())
    }

    /// Takes a block, then those that waited for it.
    fn take_block(
        &mut self,
        chain: &mut Chain,
        at: Place,
        checked: CheckedBlock,
        now: u32,
    ) -> Result<(), ImportError> {
        let mut todo = VecDeque::from([(at, checked)]);
        while let Some((at, checked)) = todo.pop_front() {
            let (hash, parent) = (checked.hash, checked.block.header.prev);
            let known = chain
                .has_header(&parent)
                .map_err(|e| ImportError::Block { at, error: e.into() })?;
            if !known && checked.verdict.is_ok() && hash != chain.params().genesis.hash {
                self.waiting_bytes += checked.bytes.len();
                if self.waiting_bytes > MAX_WAITING_BYTES {
                    return Err(ImportError::NoParent { at, parent });
                }
                self.waiting.entry(parent).or_default().push((at, checked));
            } else {
                match chain.accept_in_bulk(checked, now, &mut self.events) {
                    Ok(Standing::Known) => self.progress.known += 1,
                    Ok(_) => self.progress.accepted += 1,
                    // A side branch that was found invalid earlier is no fault of this import.
                    Err(BlockError::Rule(RuleError::KnownInvalid { .. })) => {}
                    Err(error) => return Err(ImportError::Block { at, error }),
                }
                let freed = self.waiting.remove(&hash).unwrap_or_default();
                self.waiting_bytes -= freed.iter().map(|(_, b)| b.bytes.len()).sum::<usize>();
                todo.extend(freed);
            }
        }
        self.progress.waiting = self.waiting.values().map(Vec::len).sum();
        Ok(())
    }
}

type RawBatch = Vec<(Place, Vec<u8>)>;

/// Blocks up to the size of a batch, and how the file ended if it did.
#[allow(clippy::type_complexity)]
fn read_batch<R: Read>(
    file: &mut BlockFile<R>,
) -> Result<(RawBatch, Option<Result<(), FileError>>), ImportError> {
    let mut blocks = Vec::with_capacity(BATCH_BLOCKS);
    let mut bytes = 0;
    while blocks.len() < BATCH_BLOCKS && bytes < BATCH_BYTES {
        match file.next_block() {
            Ok(Some((at, block))) => {
                bytes += block.len();
                blocks.push((at, block));
            }
            Ok(None) => return Ok((blocks, Some(Ok(())))),
            Err(error) => return Ok((blocks, Some(Err(error)))),
        }
    }
    Ok((blocks, None))
}

fn check_batch(
    blocks: RawBatch,
    params: &'static primitives::network::NetworkParams,
) -> Vec<Read1> {
    use rayon::prelude::*;
    let check = |(at, bytes)| (at, CheckedBlock::new(bytes, params).map_err(BlockError::from));
    blocks.into_par_iter().with_min_len(8).map(check).collect()
}

/// Writes the active chain's blocks between two heights.
pub fn export(
    snapshot: &Snapshot,
    heights: std::ops::RangeInclusive<u32>,
    format: Format,
    magic: [u8; 4],
    out: &mut dyn Write,
) -> Result<u64, ExportError> {
    let mut count = 0;
    for row in snapshot.chain(heights)? {
        let (height, id) = row?;
        let missing = || snapshot.corrupt(format!("block {height} is missing"));
        let bytes = snapshot.block_bytes(id)?.ok_or_else(missing)?;
        match format {
            Format::Hex => {
                out.write_all(hex::encode(&bytes).as_bytes())?;
                out.write_all(b"\n")?;
            }
            Format::Framed => {
                out.write_all(&magic)?;
                out.write_all(&(bytes.len() as u32).to_le_bytes())?;
                out.write_all(&bytes)?;
            }
        }
        count += 1;
    }
    out.flush()?;
    Ok(count)
}

/// Why blocks could not be written out.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the file of blocks can't be written ({0})")]
    File(#[from] io::Error),
}
