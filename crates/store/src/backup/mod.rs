//! A whole store as one file: every row of every table of one snapshot, in redb's order of keys.
//!
//! Written from a snapshot, so that the chain can continue meanwhile. Rows, not pages: the contents
//! of a backup do not depend on how full the database file was, and each row is checked on reading
//! before it reaches a table. In chunks (`chunks`): header, tables, end. A table is its number,
//! then `key length | key | value length | value` for each row, then `u32::MAX` and the number of
//! rows.

mod chunks;
pub mod file;

use std::io;
use std::path::PathBuf;

use redb::{Database, Durability, Key, ReadTransaction, TableDefinition, TableError, Value};

pub use self::chunks::MAGIC;
use self::chunks::{ChunkReader, ChunkWriter};
use super::error::{Place, StoreError};
use super::rows::{HeaderRow, Tip};
use super::snapshot::Snapshot;
use super::tables::{self, SCHEMA_VERSION};
use primitives::codec::{Decode, Encode, Reader};
use primitives::network::NetworkParams;

/// Stands where a row's key length would, after the last row.
const NO_ROW: u32 = u32::MAX;

/// Stands where a table's number would, after the last table.
const NO_TABLE: u8 = u8::MAX;

/// Longest row: undo data of a block of the most and largest inputs stays far below.
const MAX_ROW: u32 = 1 << 30;

/// Longest name of a network.
const MAX_NAME: u8 = 32;

/// Bytes of rows that one commit of a restore takes.
const COMMIT_BYTES: usize = 64 << 20;

/// Bytes of a tip.
const TIP: usize = 4 + 4 + 32 + 32 + 8;

/// Why a backup is not written, not good or not restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("can't {what} {}: {error}", path.display())]
    Io { what: &'static str, path: PathBuf, error: io::Error },
    #[error("{} is no good backup: {what}", path.display())]
    Damaged { path: PathBuf, what: String },
    #[error("{} is of network {found:?}, not of {wanted:?}: choose that network", path.display())]
    OtherNetwork { path: PathBuf, found: String, wanted: &'static str },
    #[error(
        "{} was written by a newer version (schema {found}, this program knows up to {SCHEMA_VERSION}): upgrade this program",
        path.display()
    )]
    NewerSchema { path: PathBuf, found: u32 },
    #[error("{} is there already: give another name, or move it away first", path.display())]
    Exists { path: PathBuf },
    #[error(
        "{} is not empty ({found} is there): restore into an empty folder, named with --datadir",
        path.display()
    )]
    NotEmpty { path: PathBuf, found: String },
    #[error("stopped; nothing was left behind")]
    Stopped,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub schema: u32,
    pub network: String,
    pub genesis: [u8; 32],
    /// The end of the active chain at the moment of the backup.
    pub tip: Tip,
    /// Seconds since 1970.
    pub made_at: u32,
}

/// What was written or read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub head: Head,
    pub rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Called now and then with the bytes of the file so far; an error stops the work.
pub type Step<'a> = &'a mut dyn FnMut(u64) -> io::Result<()>;

/// Why a stream was not written or read; the caller adds the file's name.
#[derive(Debug)]
enum Fault {
    Io(io::Error),
    Store(StoreError),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Io(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Fault {
        Fault::Store(error)
    }
}

fn bad(what: impl Into<String>) -> Fault {
    Fault::Io(io::Error::new(io::ErrorKind::InvalidData, what.into()))
}

fn head_of(snapshot: &Snapshot, made_at: u32) -> Result<Head, StoreError> {
    let meta = |name: &str| Ok::<_, StoreError>(snapshot.meta(name)?.unwrap_or_default());
    let schema = <[u8; 4]>::try_from(meta(tables::META_SCHEMA)?.as_slice()).unwrap_or_default();
    Ok(Head {
        schema: u32::from_le_bytes(schema),
        network: String::from_utf8_lossy(&meta(tables::META_NETWORK)?).into_owned(),
        genesis: meta(tables::META_GENESIS)?.try_into().unwrap_or_default(),
        tip: snapshot.tip()?,
        made_at,
    })
}

/// Writes all of a snapshot.
fn write(
    snapshot: &Snapshot,
    made_at: u32,
    out: &mut dyn io::Write,
    step: Step<'_>,
) -> Result<Summary, Fault> {
    let head = head_of(snapshot, made_at)?;
    let mut writer = Writer { out: ChunkWriter::new(out, step)?, snapshot, rows: 0 };
    writer.out.put_all(&head.schema.to_le_bytes())?;
    writer.out.put_all(&[head.network.len() as u8])?;
    writer.out.put_all(head.network.as_bytes())?;
    writer.out.put_all(&head.genesis)?;
    writer.out.put_all(&head.tip.to_bytes())?;
    writer.out.put_all(&head.made_at.to_le_bytes())?;
    writer.table(1, tables::META)?;
    writer.table(2, tables::HEADERS)?;
    writer.table(3, tables::HEADER_IDS)?;
    writer.table(4, tables::CHAIN)?;
    writer.table(5, tables::BLOCKS)?;
    writer.table(6, tables::UNDO)?;
    writer.table(7, tables::COINS)?;
    writer.table(8, tables::TXS)?;
    writer.table(9, tables::SCRIPT_HISTORY)?;
    writer.table(10, tables::SCRIPT_COINS)?;
    writer.table(11, tables::HINTS)?;
    writer.out.put_all(&[NO_TABLE])?;
    let rows = writer.rows;
    let bytes = writer.out.finish()?;
    Ok(Summary { head, rows, bytes })
}

struct Writer<'a> {
    out: ChunkWriter<'a>,
    snapshot: &'a Snapshot,
    rows: u64,
}

impl Writer<'_> {
    /// Writes a table; one that is not kept is left out.
    fn table<K: Key + 'static, V: Value + 'static>(
        &mut self,
        number: u8,
        definition: TableDefinition<'_, K, V>,
    ) -> Result<(), Fault> {
        let txn: &ReadTransaction = self.snapshot.transaction();
        let place = self.snapshot.place();
        let table = match txn.open_table(definition) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Ok(()),
            Err(e) => return Err(place.sort(e).into()),
        };
        self.out.put_all(&[number])?;
        let mut rows = 0u64;
        for row in table.range::<K::SelfType<'_>>(..).map_err(|e| place.sort(e))? {
            let (key, value) = row.map_err(|e| place.sort(e))?;
            for part in [K::as_bytes(&key.value()).as_ref(), V::as_bytes(&value.value()).as_ref()] {
                self.out.put_all(&(part.len() as u32).to_le_bytes())?;
                self.out.put_all(part)?;
            }
            rows += 1;
        }
        self.out.put_all(&NO_ROW.to_le_bytes())?;
        self.out.put_all(&rows.to_le_bytes())?;
        self.rows += rows;
        Ok(())
    }
}

/// Reads a backup to its end and holds its rows against its head; with `into` given, the rows go
/// there. `admit` may refuse it by its head, before anything is written.
fn read(
    input: &mut dyn io::Read,
    into: Option<&Database>,
    step: Step<'_>,
    admit: &mut dyn FnMut(&Head) -> Result<(), Fault>,
) -> Result<Summary, Fault> {
    let mut input = ChunkReader::new(input, step)?;
    let schema = u32::from_le_bytes(input.array()?);
    let [length] = input.array()?;
    if length > MAX_NAME {
        return Err(bad("its network's name is too long"));
    }
    let mut network = vec![0; usize::from(length)];
    input.get(&mut network)?;
    let network = String::from_utf8(network).map_err(|_| bad("its network's name is no text"))?;
    let genesis = input.array()?;
    let tip = Tip::decode(&mut Reader::new(&input.array::<TIP>()?))
        .map_err(|e| bad(format!("tip: {e}")))?;
    let made_at = u32::from_le_bytes(input.array()?);
    let head = Head { schema, network, genesis, tip, made_at };
    admit(&head)?;
    let mut reader = RowReader {
        input,
        into,
        seen: Seen::default(),
        rows: 0,
        key: Vec::new(),
        before: Vec::new(),
        value: Vec::new(),
    };
    let mut last = 0;
    loop {
        let [number] = reader.input.array()?;
        if number != NO_TABLE && number <= last {
            return Err(bad("its tables are out of order"));
        }
        last = number;
        match number {
            1 => reader.table(1, tables::META)?,
            2 => reader.table(2, tables::HEADERS)?,
            3 => reader.table(3, tables::HEADER_IDS)?,
            4 => reader.table(4, tables::CHAIN)?,
            5 => reader.table(5, tables::BLOCKS)?,
            6 => reader.table(6, tables::UNDO)?,
            7 => reader.table(7, tables::COINS)?,
            8 => reader.table(8, tables::TXS)?,
            9 => reader.table(9, tables::SCRIPT_HISTORY)?,
            10 => reader.table(10, tables::SCRIPT_COINS)?,
            11 => reader.table(11, tables::HINTS)?,
            NO_TABLE => break,
            other => return Err(bad(format!("it has a table {other}, which is not known"))),
        }
    }
    reader.seen.hold_against(&head, reader.rows)?;
    let rows = reader.rows;
    let bytes = reader.input.finish()?;
    Ok(Summary { head, rows, bytes })
}

/// What is kept of the rows for the last check.
#[derive(Default)]
struct Seen {
    schema: Vec<u8>,
    tip: Vec<u8>,
    /// The last row of `CHAIN` and how many there are.
    chain: Vec<u8>,
    chain_rows: u64,
    /// The newest header row of `HEADERS` that is at the tip's place is looked up by its id.
    headers: Vec<(u32, [u8; 32])>,
}

/// Headers that are remembered: the tip is among the newest, whatever else came after it.
const HEADERS_SEEN: usize = 4096;

impl Seen {
    fn row(&mut self, number: u8, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        match number {
            1 if key == tables::META_SCHEMA.as_bytes() => self.schema = value.to_vec(),
            1 if key == tables::META_TIP.as_bytes() => self.tip = value.to_vec(),
            2 => {
                let row = <&[u8; tables::HEADER_ROW]>::try_from(value).ok();
                let row = row.and_then(|row| HeaderRow::from_array(row).ok());
                let id = <[u8; 4]>::try_from(key).map(u32::from_le_bytes).ok();
                let (Some(row), Some(id)) = (row, id) else {
                    return Err(bad("a header in it is damaged"));
                };
                if self.headers.len() >= 2 * HEADERS_SEEN {
                    self.headers.drain(..HEADERS_SEEN);
                }
                self.headers.push((id, row.hash.0));
            }
            4 => {
                self.chain_rows += 1;
                self.chain = [key, value].concat();
            }
            _ => {}
        }
        Ok(())
    }

    fn hold_against(&self, head: &Head, rows: u64) -> Result<(), Fault> {
        if self.schema != head.schema.to_le_bytes() || self.tip != head.tip.to_bytes() {
            return Err(bad("its rows are of another moment than its head"));
        }
        let tip = &head.tip;
        let end = [tip.height.0.to_le_bytes(), tip.id.to_le_bytes()].concat();
        if self.chain != end || self.chain_rows != u64::from(tip.height.0) + 1 {
            return Err(bad(format!("its chain does not end at height {}", tip.height)));
        }
        let header = self.headers.iter().rev().find(|(id, _)| *id == tip.id);
        // One that is further back than what is remembered is found when it is restored.
        if header.is_some_and(|(_, hash)| *hash != tip.hash.0) || rows == 0 {
            return Err(bad(format!("the header of its tip is not {}", tip.hash)));
        }
        Ok(())
    }
}

struct RowReader<'a, 'b> {
    input: ChunkReader<'a>,
    into: Option<&'b Database>,
    seen: Seen,
    rows: u64,
    key: Vec<u8>,
    before: Vec<u8>,
    value: Vec<u8>,
}

impl RowReader<'_, '_> {
    /// The next row of a table in `key` and `value`, its form checked; false after the last.
    fn row<K: Key, V: Value>(&mut self, number: u8) -> Result<bool, Fault> {
        let length = u32::from_le_bytes(self.input.array()?);
        if length == NO_ROW {
            return Ok(false);
        }
        let fits = |length: u32, width: Option<usize>| {
            length <= MAX_ROW && width.is_none_or(|width| width == length as usize)
        };
        let wrong = || bad(format!("a row of table {number} has a wrong length"));
        if !fits(length, K::fixed_width()) {
            return Err(wrong());
        }
        std::mem::swap(&mut self.key, &mut self.before);
        self.input.take(length as usize, &mut self.key)?;
        let length = u32::from_le_bytes(self.input.array()?);
        if !fits(length, V::fixed_width()) {
            return Err(wrong());
        }
        self.input.take(length as usize, &mut self.value)?;
        // The keys of META alone are text.
        if number == 1 && std::str::from_utf8(&self.key).is_err() {
            return Err(bad("a name in it is no text"));
        }
        self.seen.row(number, &self.key, &self.value)?;
        Ok(true)
    }

    fn table<K: Key + 'static, V: Value + 'static>(
        &mut self,
        number: u8,
        definition: TableDefinition<'_, K, V>,
    ) -> Result<(), Fault> {
        let mut rows = 0u64;
        let mut more = true;
        while more {
            let into = self.into;
            let engine =
                |e: redb::Error| Fault::Store(Place(PathBuf::from("the new file")).sort(e));
            let txn = into.map(|db| begin(db).map_err(engine)).transpose()?;
            {
                let table = txn.as_ref().map(|txn| txn.open_table(definition));
                let mut table = table.transpose().map_err(|e| engine(e.into()))?;
                let mut bytes = 0;
                while bytes < COMMIT_BYTES {
                    more = self.row::<K, V>(number)?;
                    if !more {
                        break;
                    }
                    if rows > 0 && K::compare(&self.before, &self.key).is_ge() {
                        return Err(bad(format!("the rows of table {number} are out of order")));
                    }
                    rows += 1;
                    bytes += self.key.len() + self.value.len();
                    if let Some(table) = &mut table {
                        let (key, value) = (K::from_bytes(&self.key), V::from_bytes(&self.value));
                        table.insert(&key, &value).map_err(|e| engine(e.into()))?;
                    }
                }
            }
            txn.map(|txn| txn.commit()).transpose().map_err(|e| engine(e.into()))?;
        }
        if u64::from_le_bytes(self.input.array()?) != rows {
            return Err(bad(format!("table {number} has not as many rows as it says")));
        }
        self.rows += rows;
        Ok(())
    }
}

/// A commit that need not reach the disk: the last one makes all of it durable.
fn begin(db: &Database) -> Result<redb::WriteTransaction, redb::Error> {
    let mut txn = db.begin_write()?;
    let unsynced = txn.set_durability(Durability::None);
    unsynced.map_err(|e| redb::Error::Corrupted(e.to_string()))?;
    Ok(txn)
}

/// Says why a backup of that head is not for this network or this program.
fn admitted(head: &Head, params: &'static NetworkParams, path: PathBuf) -> Option<BackupError> {
    if head.schema > SCHEMA_VERSION {
        return Some(BackupError::NewerSchema { path, found: head.schema });
    }
    if head.network != params.name || head.genesis != params.genesis.hash.0 {
        let (found, wanted) = (head.network.clone(), params.name);
        return Some(BackupError::OtherNetwork { path, found, wanted });
    }
    None
}
