//! Reads over a snapshot: from any thread, without the header tree, never waiting for the writer.

use sha2::{Digest, Sha256};

use consensus::header::median;
use crypto::hash::sha256;
use primitives::amount::Amount;
use primitives::block::{Block, Header, Height};
use primitives::codec::{Decode, Encode};
use primitives::coin::Coin;
use primitives::id::{BlockHash, Txid};
use primitives::target::CompactTarget;
use primitives::tx::{OutPoint, Transaction};
use store::error::StoreError;
use store::rows::{HeaderRow, Tip};
use store::snapshot::Snapshot;
use store::tables::{COIN_KEY, coin_outpoint};

/// Bytes that Core's `GetBogoSize` counts for a coin beside its script.
const BOGO_COIN_BYTES: u64 = 32 + 4 + 4 + 8 + 2;

/// What `chain-info` shows.
#[derive(Debug, Clone, PartialEq)]
pub struct ChainInfo {
    pub tip: Tip,
    pub time: u32,
    /// Median time of the last eleven blocks.
    pub median_time: u32,
    pub bits: CompactTarget,
    pub difficulty: f64,
}

/// The coins in sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoinTotals {
    pub height: Height,
    pub hash: BlockHash,
    pub coins: u64,
    pub amount: Amount,
    /// Transactions that have unspent outputs.
    pub transactions: u64,
    /// Core's measure of the set's size that no database changes.
    pub bogo_size: u64,
    /// Core's `hash_serialized_3`: double SHA-256 over all coins in the order of their outpoints,
    /// each as outpoint, height and coinbase flag, output. Equal sets of coins have equal hashes.
    pub digest: [u8; 32],
}

/// A block of the tree, and whether the active chain goes through it.
#[derive(Debug, Clone)]
pub struct HeaderInfo {
    pub id: u32,
    pub row: HeaderRow,
    pub active: bool,
    /// The block after it on the active chain.
    pub next: Option<BlockHash>,
}

/// A transaction of the active chain.
#[derive(Debug, Clone)]
pub struct TxInfo {
    pub tx: Transaction,
    pub header: Header,
    pub block: BlockHash,
    pub height: Height,
    /// Place in the block.
    pub position: u32,
}

/// The hash of the active chain's block at a height.
pub fn hash_at(snapshot: &Snapshot, height: Height) -> Result<Option<BlockHash>, StoreError> {
    Ok(row_at(snapshot, height)?.map(|(_, row)| row.hash))
}

fn row_at(snapshot: &Snapshot, height: Height) -> Result<Option<(u32, HeaderRow)>, StoreError> {
    let Some(id) = snapshot.id_at(height)? else { return Ok(None) };
    let row = snapshot.header(id)?.ok_or_else(|| snapshot.corrupt(format!("no header {id}")))?;
    Ok(Some((id, row)))
}

/// A header by its hash, of any branch.
pub fn header(snapshot: &Snapshot, hash: &BlockHash) -> Result<Option<HeaderInfo>, StoreError> {
    let Some(id) = snapshot.id_of(hash)? else { return Ok(None) };
    let Some(row) = snapshot.header(id)? else { return Ok(None) };
    let active = snapshot.is_active(id, &row)?;
    let next = match active {
        true => hash_at(snapshot, row.height.next())?,
        false => None,
    };
    Ok(Some(HeaderInfo { id, row, active, next }))
}

/// A block by its hash, of any branch; `None` if it is unknown or only its header is.
pub fn block(snapshot: &Snapshot, hash: &BlockHash) -> Result<Option<Block>, StoreError> {
    match snapshot.id_of(hash)? {
        Some(id) => snapshot.block(id),
        None => Ok(None),
    }
}

/// A transaction of the active chain, if the store has a transaction index.
pub fn transaction(snapshot: &Snapshot, txid: &Txid) -> Result<Option<TxInfo>, StoreError> {
    let Some(place) = snapshot.tx_place(txid)? else { return Ok(None) };
    let Some((id, row)) = row_at(snapshot, place.height)? else { return Ok(None) };
    let Some((header, tx)) = snapshot.tx_at(id, place)? else { return Ok(None) };
    let (block, height, position) = (row.hash, place.height, place.position);
    Ok(Some(TxInfo { tx, header, block, height, position }))
}

/// An unspent output at the tip.
pub fn coin(snapshot: &Snapshot, outpoint: &OutPoint) -> Result<Option<Coin>, StoreError> {
    snapshot.coin(outpoint)
}

/// The median of a block's time and those of the ten before it (BIP113), in seconds since 1970.
pub fn median_time(snapshot: &Snapshot, id: u32) -> Result<u32, StoreError> {
    const SPAN: u32 = 11;
    let rows = snapshot.lineage(id, SPAN)?;
    let mut times: Vec<u32> = rows.iter().map(|row| row.header.time).collect();
    Ok(median(&mut times))
}

/// The state of the active chain.
pub fn chain_info(snapshot: &Snapshot) -> Result<ChainInfo, StoreError> {
    let tip = snapshot.tip()?;
    let missing = || snapshot.corrupt(format!("no header {}", tip.id));
    let Header { bits, time, .. } = snapshot.header(tip.id)?.ok_or_else(missing)?.header;
    let median_time = median_time(snapshot, tip.id)?;
    Ok(ChainInfo { tip, time, median_time, bits, difficulty: bits.difficulty() })
}

/// Counts and hashes every coin; reads the whole table.
pub fn coin_totals(snapshot: &Snapshot) -> Result<CoinTotals, StoreError> {
    let tip = snapshot.tip()?;
    let mut digest = Sha256::new();
    let (mut coins, mut amount) = (0, 0i64);
    let (mut transactions, mut bogo_size, mut last) = (0, 0, None);
    snapshot.for_each_coin(|key: &[u8; COIN_KEY], row| {
        let outpoint = coin_outpoint(key);
        digest.update(outpoint.to_bytes());
        // A row is what Core hashes behind the outpoint.
        digest.update(row);
        let coin = Coin::from_bytes(row).map_err(|e| snapshot.corrupt(format!("coin: {e}")))?;
        coins += 1;
        transactions += u64::from(last != Some(outpoint.txid));
        last = Some(outpoint.txid);
        bogo_size += BOGO_COIN_BYTES + coin.output.script_pubkey.len() as u64;
        amount = amount.saturating_add(coin.output.value.0);
        Ok(())
    })?;
    Ok(CoinTotals {
        height: tip.height,
        hash: tip.hash,
        coins,
        amount: Amount(amount),
        transactions,
        bogo_size,
        digest: sha256(&digest.finalize()),
    })
}
