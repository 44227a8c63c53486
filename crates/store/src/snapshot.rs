//! Reads over a consistent snapshot of the database, from any thread, while the chain keeps
//! writing.
//!
//! A snapshot keeps its pages from being reused: drop it soon.

use std::ops::{Bound, RangeInclusive};
use std::sync::OnceLock;

use redb::{
    Key, ReadOnlyTable, ReadTransaction, ReadableTableMetadata, TableDefinition, TableError, Value,
};

use super::error::{Place, StoreError};
use super::rows::{HeaderRow, Spent, Tip, TxPlace};
use super::script_rows::{Build, ChainPlace, HistoryEntry, ScriptId, ScriptIndex};
use super::tables::{
    self, COIN_KEY, HEADER_ROW, HISTORY_KEY, HISTORY_ROW, SCRIPT_COIN_KEY, SCRIPT_ID, TX_ROW,
};
use primitives::amount::Amount;
use primitives::block::{Block, Header, Height};
use primitives::codec::{Decode, Reader};
use primitives::coin::Coin;
use primitives::id::{BlockHash, Txid};
use primitives::script::Script;
use primitives::tx::{OutPoint, Transaction};

/// A coin's key and bytes.
type StoredCoin = ([u8; COIN_KEY], Vec<u8>);

/// What a script holds.
#[derive(Debug, Clone)]
pub struct Held {
    pub script: Script,
    pub coins: u64,
    pub sum: Amount,
}

/// A table that opens at its first use.
type Lazy<K, V> = OnceLock<ReadOnlyTable<K, V>>;

pub struct Snapshot {
    txn: ReadTransaction,
    place: Place,
    tip: OnceLock<Tip>,
    headers: Lazy<u32, &'static [u8; HEADER_ROW]>,
    header_ids: Lazy<&'static [u8; 32], u32>,
    chain: Lazy<u32, u32>,
    blocks: Lazy<u32, &'static [u8]>,
    undo: Lazy<u32, &'static [u8]>,
    coins: Lazy<&'static [u8; COIN_KEY], &'static [u8]>,
    txs: Lazy<&'static [u8; 32], &'static [u8; TX_ROW]>,
    history: Lazy<&'static [u8; HISTORY_KEY], &'static [u8; HISTORY_ROW]>,
    script_coins: Lazy<&'static [u8; SCRIPT_COIN_KEY], ()>,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Snapshot")
    }
}

impl Snapshot {
    pub(super) fn new(txn: ReadTransaction, place: Place) -> Snapshot {
        Snapshot {
            txn,
            place,
            tip: OnceLock::new(),
            headers: OnceLock::new(),
            header_ids: OnceLock::new(),
            chain: OnceLock::new(),
            blocks: OnceLock::new(),
            undo: OnceLock::new(),
            coins: OnceLock::new(),
            txs: OnceLock::new(),
            history: OnceLock::new(),
            script_coins: OnceLock::new(),
        }
    }

    fn table<'a, K: Key + 'static, V: Value + 'static>(
        &self,
        cell: &'a Lazy<K, V>,
        definition: TableDefinition<'_, K, V>,
    ) -> Result<&'a ReadOnlyTable<K, V>, StoreError> {
        if let Some(table) = cell.get() {
            return Ok(table);
        }
        let table = self.txn.open_table(definition).map_err(|e| self.place.sort(e))?;
        Ok(cell.get_or_init(|| table))
    }

    /// The error for a row that is not what the schema says.
    pub fn corrupt(&self, what: impl Into<String>) -> StoreError {
        self.place.corrupt(what)
    }

    pub(super) fn transaction(&self) -> &ReadTransaction {
        &self.txn
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// A value of the `meta` table.
    pub fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let table = self.txn.open_table(tables::META).map_err(|e| self.place.sort(e))?;
        let value = table.get(name).map_err(|e| self.place.sort(e))?;
        Ok(value.map(|v| v.value().to_vec()))
    }

    /// The schema that the file is of.
    pub fn schema(&self) -> Result<u32, StoreError> {
        let bytes = self.meta(tables::META_SCHEMA)?.unwrap_or_default();
        Ok(<[u8; 4]>::try_from(bytes.as_slice()).map_or(0, u32::from_le_bytes))
    }

    /// The height below which blocks and undo data are pruned, except genesis; 0 when none are.
    pub fn pruned_below(&self) -> Result<Height, StoreError> {
        let bytes = self.meta(tables::META_PRUNED)?.unwrap_or_default();
        Ok(Height(<[u8; 4]>::try_from(bytes.as_slice()).map_or(0, u32::from_le_bytes)))
    }

    /// How many headers are known.
    pub fn header_count(&self) -> Result<u64, StoreError> {
        let table = self.table(&self.headers, tables::HEADERS)?;
        table.len().map_err(|e| self.place.sort(e))
    }

    /// The end of the active chain.
    pub fn tip(&self) -> Result<Tip, StoreError> {
        if let Some(tip) = self.tip.get() {
            return Ok(*tip);
        }
        let bytes = self.meta(tables::META_TIP)?.ok_or_else(|| self.corrupt("it has no tip"))?;
        let tip = Tip::from_bytes(&bytes).map_err(|e| self.corrupt(format!("tip: {e}")))?;
        Ok(*self.tip.get_or_init(|| tip))
    }

    /// The id of the block of that hash.
    pub fn id_of(&self, hash: &BlockHash) -> Result<Option<u32>, StoreError> {
        let table = self.table(&self.header_ids, tables::HEADER_IDS)?;
        let id = table.get(&hash.0).map_err(|e| self.place.sort(e))?;
        Ok(id.map(|id| id.value()))
    }

    /// The id of the active chain's block at that height.
    pub fn id_at(&self, height: Height) -> Result<Option<u32>, StoreError> {
        let table = self.table(&self.chain, tables::CHAIN)?;
        let id = table.get(height.0).map_err(|e| self.place.sort(e))?;
        Ok(id.map(|id| id.value()))
    }

    /// Whether the active chain goes through that block.
    pub fn is_active(&self, id: u32, row: &HeaderRow) -> Result<bool, StoreError> {
        Ok(self.id_at(row.height)? == Some(id))
    }

    pub fn header(&self, id: u32) -> Result<Option<HeaderRow>, StoreError> {
        let table = self.table(&self.headers, tables::HEADERS)?;
        let row = table.get(id).map_err(|e| self.place.sort(e))?;
        row.map(|row| self.decode_header(id, row.value())).transpose()
    }

    fn decode_header(&self, id: u32, row: &[u8; HEADER_ROW]) -> Result<HeaderRow, StoreError> {
        HeaderRow::from_array(row).map_err(|e| self.corrupt(format!("header {id}: {e}")))
    }

    /// A header and those that it comes after, newest first: up to `most`. Most branches lie in the
    /// table as they grew, so that one walk finds them.
    pub fn lineage(&self, id: u32, most: u32) -> Result<Vec<HeaderRow>, StoreError> {
        let table = self.table(&self.headers, tables::HEADERS)?;
        let near = id.saturating_sub(most.saturating_sub(1))..=id;
        let near = table.range::<u32>(near).map_err(|e| self.place.sort(e))?;
        let mut rows = Vec::with_capacity(most as usize);
        // Puts a row away; the id of the next.
        let mut put = |id: u32, row: HeaderRow| {
            rows.push(row);
            let more = row.height.0 > 0 && rows.len() < most as usize && row.parent < id;
            more.then_some(row.parent)
        };
        let mut next = Some(id);
        for row in near.rev() {
            let (at, row) = row.map_err(|e| self.place.sort(e))?;
            if next == Some(at.value()) {
                next = put(at.value(), self.decode_header(at.value(), row.value())?);
            }
        }
        while let Some(id) = next {
            let lost = || self.corrupt(format!("header {id} is not there"));
            next = put(id, self.header(id)?.ok_or_else(lost)?);
        }
        Ok(rows)
    }

    /// Every header with its id, parents before children.
    pub fn headers(
        &self,
    ) -> Result<impl Iterator<Item = Result<(u32, HeaderRow), StoreError>>, StoreError> {
        self.headers_from(0)
    }

    /// Every header from an id on, with its id.
    pub fn headers_from(
        &self,
        first: u32,
    ) -> Result<impl Iterator<Item = Result<(u32, HeaderRow), StoreError>>, StoreError> {
        let table = self.table(&self.headers, tables::HEADERS)?;
        let rows = table.range::<u32>(first..).map_err(|e| self.place.sort(e))?;
        Ok(rows.map(|row| {
            let (id, row) = row.map_err(|e| self.place.sort(e))?;
            Ok((id.value(), self.decode_header(id.value(), row.value())?))
        }))
    }

    /// The ids of the active chain between two heights.
    pub fn chain(
        &self,
        heights: RangeInclusive<u32>,
    ) -> Result<impl DoubleEndedIterator<Item = Result<(Height, u32), StoreError>>, StoreError>
    {
        let table = self.table(&self.chain, tables::CHAIN)?;
        let rows = table.range(heights).map_err(|e| self.place.sort(e))?;
        Ok(rows.map(|row| {
            let (height, id) = row.map_err(|e| self.place.sort(e))?;
            Ok((Height(height.value()), id.value()))
        }))
    }

    /// A block's wire form.
    pub fn block_bytes(&self, id: u32) -> Result<Option<Vec<u8>>, StoreError> {
        let table = self.table(&self.blocks, tables::BLOCKS)?;
        let bytes = table.get(id).map_err(|e| self.place.sort(e))?;
        Ok(bytes.map(|bytes| bytes.value().to_vec()))
    }

    pub fn block(&self, id: u32) -> Result<Option<Block>, StoreError> {
        let table = self.table(&self.blocks, tables::BLOCKS)?;
        let bytes = table.get(id).map_err(|e| self.place.sort(e))?;
        let decode = |bytes: &[u8]| {
            Block::from_bytes(bytes).map_err(|e| self.corrupt(format!("block {id}: {e}")))
        };
        bytes.map(|bytes| decode(bytes.value())).transpose()
    }

    /// What a block spent.
    pub fn spent(&self, id: u32) -> Result<Option<Spent>, StoreError> {
        let table = self.table(&self.undo, tables::UNDO)?;
        let bytes = table.get(id).map_err(|e| self.place.sort(e))?;
        let decode = |bytes: &[u8]| {
            Spent::from_bytes(bytes).map_err(|e| self.corrupt(format!("undo data {id}: {e}")))
        };
        bytes.map(|bytes| decode(bytes.value())).transpose()
    }

    /// What was learnt of a block's signatures, packed (`script/hints`).
    pub fn hints(&self, id: u32) -> Result<Option<Vec<u8>>, StoreError> {
        let table = match self.txn.open_table(tables::HINTS) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(self.place.sort(error)),
        };
        let bytes = table.get(id).map_err(|e| self.place.sort(e))?;
        Ok(bytes.map(|bytes| bytes.value().to_vec()))
    }

    pub fn coin(&self, outpoint: &OutPoint) -> Result<Option<Coin>, StoreError> {
        let table = self.table(&self.coins, tables::COINS)?;
        let bytes = table.get(&tables::coin_key(outpoint)).map_err(|e| self.place.sort(e))?;
        bytes.map(|bytes| self.decode_coin(outpoint, bytes.value())).transpose()
    }

    fn decode_coin(&self, outpoint: &OutPoint, bytes: &[u8]) -> Result<Coin, StoreError> {
        Coin::from_bytes(bytes).map_err(|e| self.corrupt(format!("coin {outpoint}: {e}")))
    }

    /// Every coin's key and bytes as stored, in the order of keys.
    pub fn for_each_coin(
        &self,
        mut each: impl FnMut(&[u8; COIN_KEY], &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let table = self.table(&self.coins, tables::COINS)?;
        for row in table.range::<&[u8; COIN_KEY]>(..).map_err(|e| self.place.sort(e))? {
            let (key, bytes) = row.map_err(|e| self.place.sort(e))?;
            each(key.value(), bytes.value())?;
        }
        Ok(())
    }

    /// Up to `limit` coins' keys and bytes behind a key, in the order of keys.
    pub fn coins_after(
        &self,
        after: &[u8; COIN_KEY],
        limit: usize,
    ) -> Result<Vec<StoredCoin>, StoreError> {
        let table = self.table(&self.coins, tables::COINS)?;
        let range = (Bound::Excluded(after), Bound::Unbounded);
        let rows = table.range::<&[u8; COIN_KEY]>(range).map_err(|e| self.place.sort(e))?;
        rows.take(limit)
            .map(|row| {
                let (key, bytes) = row.map_err(|e| self.place.sort(e))?;
                Ok((*key.value(), bytes.value().to_vec()))
            })
            .collect()
    }

    /// How the index of scripts is. Its rows say something only when it is ready.
    pub fn script_index(&self) -> Result<ScriptIndex, StoreError> {
        Ok(match self.meta(tables::META_SCRIPT_INDEX)?.as_deref() {
            Some([1]) => match self.build()? {
                Some(build) => ScriptIndex::Building(build),
                None => ScriptIndex::Ready,
            },
            _ => ScriptIndex::Off,
        })
    }

    /// The work on the indexes that is not finished.
    pub fn build(&self) -> Result<Option<Build>, StoreError> {
        let Some(bytes) = self.meta(tables::META_BUILD)? else { return Ok(None) };
        Build::from_bytes(&bytes).map(Some).ok_or_else(|| self.corrupt("the state of its indexes"))
    }

    /// Transactions of the active chain that pay to a script or spend from it, oldest first: up to
    /// `limit` from a place on. Ask `script_index` first whether there is an index.
    pub fn script_history(
        &self,
        script: &Script,
        from: ChainPlace,
        limit: usize,
    ) -> Result<Vec<HistoryEntry>, StoreError> {
        self.history_between(script, from, ChainPlace::END, |rows| rows.take(limit).collect())
    }

    /// The same newest first: up to `limit` before a place (`ChainPlace::END` for the newest).
    pub fn script_history_back(
        &self,
        script: &Script,
        before: ChainPlace,
        limit: usize,
    ) -> Result<Vec<HistoryEntry>, StoreError> {
        let start = ChainPlace::default();
        self.history_between(script, start, before, |rows| rows.rev().take(limit).collect())
    }

    fn history_between<T>(
        &self,
        script: &Script,
        from: ChainPlace,
        below: ChainPlace,
        take: impl FnOnce(
            &mut dyn DoubleEndedIterator<Item = Result<HistoryEntry, StoreError>>,
        ) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let id = ScriptId::of(script.as_bytes());
        let table = self.table(&self.history, tables::SCRIPT_HISTORY)?;
        let (from, below) = (from.key(id), below.key(id));
        // An empty range may be asked for back to front.
        let below = below.max(from);
        let rows = table.range::<&[u8; HISTORY_KEY]>(&from..&below);
        take(&mut rows.map_err(|e| self.place.sort(e))?.map(|row| {
            let (key, row) = row.map_err(|e| self.place.sort(e))?;
            Ok(HistoryEntry::read(key.value(), row.value()))
        }))
    }

    /// Every coin of a script, in the order of outpoints.
    pub fn script_coins(&self, script: &Script) -> Result<Vec<(OutPoint, Coin)>, StoreError> {
        self.script_coins_after(script, None, usize::MAX)
    }

    /// Up to `limit` coins of a script behind an outpoint, in the order of outpoints. Ask
    /// `script_index` first whether there is an index.
    pub fn script_coins_after(
        &self,
        script: &Script,
        after: Option<&OutPoint>,
        limit: usize,
    ) -> Result<Vec<(OutPoint, Coin)>, StoreError> {
        let id = ScriptId::of(script.as_bytes());
        let table = self.table(&self.script_coins, tables::SCRIPT_COINS)?;
        let first = tables::script_coin_key(&id.0, &[0; COIN_KEY]);
        let last = tables::script_coin_key(&id.0, &[0xff; COIN_KEY]);
        let after = after.map(|after| tables::script_coin_key(&id.0, &tables::coin_key(after)));
        let start = after.as_ref().map_or(Bound::Included(&first), Bound::Excluded);
        let range = (start, Bound::Included(&last));
        let rows = table.range::<&[u8; SCRIPT_COIN_KEY]>(range).map_err(|e| self.place.sort(e))?;
        let mut coins = Vec::new();
        for row in rows.take(limit) {
            let (key, _) = row.map_err(|e| self.place.sort(e))?;
            let mut coin_key = [0u8; COIN_KEY];
            coin_key.copy_from_slice(&key.value()[SCRIPT_ID..]);
            let outpoint = tables::coin_outpoint(&coin_key);
            match self.coin(&outpoint)? {
                Some(coin) => coins.push((outpoint, coin)),
                None => return Err(self.corrupt(format!("no coin {outpoint} for its script"))),
            }
        }
        Ok(coins)
    }

    /// What scripts hold, in the order of their ids: up to `limit` scripts behind one. Ask
    /// `script_index` first whether there is an index.
    pub fn script_sums_after(
        &self,
        after: Option<&ScriptId>,
        limit: usize,
    ) -> Result<Vec<(ScriptId, Held)>, StoreError> {
        let table = self.table(&self.script_coins, tables::SCRIPT_COINS)?;
        let after = after.map(|id| tables::script_coin_key(&id.0, &[0xff; COIN_KEY]));
        let start = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let rows = table.range::<&[u8; SCRIPT_COIN_KEY]>((start, Bound::Unbounded));
        let mut sums: Vec<(ScriptId, Held)> = Vec::new();
        for row in rows.map_err(|e| self.place.sort(e))? {
            let (key, _) = row.map_err(|e| self.place.sort(e))?;
            let mut id = ScriptId([0; SCRIPT_ID]);
            id.0.copy_from_slice(&key.value()[..SCRIPT_ID]);
            let mut coin_key = [0u8; COIN_KEY];
            coin_key.copy_from_slice(&key.value()[SCRIPT_ID..]);
            let outpoint = tables::coin_outpoint(&coin_key);
            let Some(coin) = self.coin(&outpoint)? else {
                return Err(self.corrupt(format!("no coin {outpoint} for its script")));
            };
            let full = sums.len() == limit;
            match sums.last_mut().filter(|(last, _)| last.0 == id.0) {
                Some((_, held)) => {
                    held.coins += 1;
                    held.sum.0 = held.sum.0.saturating_add(coin.output.value.0);
                }
                None if full => break,
                None => {
                    let script = coin.output.script_pubkey;
                    sums.push((id, Held { script, coins: 1, sum: coin.output.value }));
                }
            }
        }
        Ok(sums)
    }

    /// Every key and row of the script index, for comparing two.
    pub fn script_rows(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut found = Vec::new();
        let history = self.table(&self.history, tables::SCRIPT_HISTORY)?;
        for row in history.range::<&[u8; HISTORY_KEY]>(..).map_err(|e| self.place.sort(e))? {
            let (key, row) = row.map_err(|e| self.place.sort(e))?;
            found.push([key.value().as_slice(), row.value().as_slice()].concat());
        }
        let coins = self.table(&self.script_coins, tables::SCRIPT_COINS)?;
        for row in coins.range::<&[u8; SCRIPT_COIN_KEY]>(..).map_err(|e| self.place.sort(e))? {
            found.push(row.map_err(|e| self.place.sort(e))?.0.value().to_vec());
        }
        Ok(found)
    }

    /// Where a transaction of the active chain is, if there is an index and it knows.
    pub fn tx_place(&self, txid: &Txid) -> Result<Option<TxPlace>, StoreError> {
        let table = self.table(&self.txs, tables::TXS)?;
        let row = table.get(&txid.0).map_err(|e| self.place.sort(e))?;
        Ok(row.map(|row| TxPlace::from_array(row.value())))
    }

    /// One transaction out of a block's wire form, and the block's header.
    pub fn tx_at(
        &self,
        id: u32,
        place: TxPlace,
    ) -> Result<Option<(Header, Transaction)>, StoreError> {
        let table = self.table(&self.blocks, tables::BLOCKS)?;
        let Some(bytes) = table.get(id).map_err(|e| self.place.sort(e))? else {
            return Ok(None);
        };
        let bytes = bytes.value();
        let decode = || {
            let header = Header::decode(&mut Reader::new(bytes))?;
            let tx = bytes.get(place.offset as usize..).unwrap_or_default();
            Ok((header, Transaction::decode(&mut Reader::new(tx))?))
        };
        decode().map(Some).map_err(|e: primitives::codec::DecodeError| {
            self.corrupt(format!("transaction at {place:?}: {e}"))
        })
    }
}
