//! The redb tables of `chain.redb`, schema version 2. Keys are fixed-width.
//!
//! Blocks are numbered in the order in which their headers arrived (`id`, genesis is 0), so that a
//! parent's id is below its children's and new rows append.

use redb::TableDefinition;

use primitives::tx::OutPoint;

/// The schema that this program writes. It reads those before it: 2 adds the index of scripts.
pub const SCHEMA_VERSION: u32 = 2;

/// File in the data folder.
pub const FILE_NAME: &str = "chain.redb";

/// Bytes of a row of `HEADERS`, of `TXS` and of a key of `COINS`.
pub const HEADER_ROW: usize = 129;
pub const TX_ROW: usize = 12;
pub const COIN_KEY: usize = 36;

/// Bytes that stand for a script, of a key and a row of `SCRIPT_HISTORY`, of a key of
/// `SCRIPT_COINS`.
pub const SCRIPT_ID: usize = 20;
pub const HISTORY_KEY: usize = SCRIPT_ID + 8;
pub const HISTORY_ROW: usize = 48;
pub const SCRIPT_COIN_KEY: usize = SCRIPT_ID + COIN_KEY;

/// Schema version, network, tip and switches by name.
pub const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
/// Every known header: id → `rows::HeaderRow`.
pub const HEADERS: TableDefinition<u32, &[u8; HEADER_ROW]> = TableDefinition::new("headers");
/// Block hash → id.
pub const HEADER_IDS: TableDefinition<&[u8; 32], u32> = TableDefinition::new("header-ids");
/// The active chain: height → id.
pub const CHAIN: TableDefinition<u32, u32> = TableDefinition::new("chain");
/// Blocks in wire form: id → bytes.
pub const BLOCKS: TableDefinition<u32, &[u8]> = TableDefinition::new("blocks");
/// What connecting a block spent: id → `rows::Spent`.
pub const UNDO: TableDefinition<u32, &[u8]> = TableDefinition::new("undo");
/// What was learnt of a block's signatures (`script/hints`): id → packed hints. Only for blocks that
/// have some; the table itself may be missing, as in files that an earlier version made.
pub const HINTS: TableDefinition<u32, &[u8]> = TableDefinition::new("hints");
/// The unspent outputs at the tip: txid and output number (big-endian) → `Coin`.
pub const COINS: TableDefinition<&[u8; COIN_KEY], &[u8]> = TableDefinition::new("coins");
/// The transaction index of the active chain: txid → `rows::TxPlace`.
pub const TXS: TableDefinition<&[u8; 32], &[u8; TX_ROW]> = TableDefinition::new("txs");
/// The transactions of the active chain that pay to a script or spend from it: script, height and
/// place in the block (big-endian) → txid, received, spent.
pub const SCRIPT_HISTORY: TableDefinition<&[u8; HISTORY_KEY], &[u8; HISTORY_ROW]> =
    TableDefinition::new("script-history");
/// The keys of `COINS` by script.
pub const SCRIPT_COINS: TableDefinition<&[u8; SCRIPT_COIN_KEY], ()> =
    TableDefinition::new("script-coins");

/// Keys of `META`.
pub const META_SCHEMA: &str = "schema";
pub const META_NETWORK: &str = "network";
pub const META_GENESIS: &str = "genesis";
pub const META_TIP: &str = "tip";
pub const META_TX_INDEX: &str = "tx-index";
pub const META_SCRIPT_INDEX: &str = "script-index";
/// The height below which blocks and undo data were pruned; absent if none were.
pub const META_PRUNED: &str = "pruned";
/// Work on the indexes that is not finished: `rows::Build`; absent otherwise.
pub const META_BUILD: &str = "build";

/// The key of a coin; the order of keys is the order of (txid bytes, output number).
pub fn coin_key(outpoint: &OutPoint) -> [u8; COIN_KEY] {
    let mut key = [0u8; COIN_KEY];
    key[..32].copy_from_slice(&outpoint.txid.0);
    key[32..].copy_from_slice(&outpoint.vout.to_be_bytes());
    key
}

/// The outpoint that a key stands for.
pub fn coin_outpoint(key: &[u8; COIN_KEY]) -> OutPoint {
    let mut txid = [0u8; 32];
    txid.copy_from_slice(&key[..32]);
    let vout = u32::from_be_bytes([key[32], key[33], key[34], key[35]]);
    OutPoint { txid: primitives::id::Txid(txid), vout }
}

/// The key of a coin in `SCRIPT_COINS`.
pub fn script_coin_key(script: &[u8; SCRIPT_ID], coin: &[u8; COIN_KEY]) -> [u8; SCRIPT_COIN_KEY] {
    let mut key = [0u8; SCRIPT_COIN_KEY];
    key[..SCRIPT_ID].copy_from_slice(script);
    key[SCRIPT_ID..].copy_from_slice(coin);
    key
}
