//! The rows of the script index: the history of an output script, and its coins.
//!
//! A script is identified by the first 20 bytes of its SHA-256. Two scripts with the same
//! identifier would share their rows; finding such a pair takes about 2^80 hashes.

use super::tables::{COIN_KEY, HISTORY_KEY, HISTORY_ROW, SCRIPT_ID};
use crypto::hash::sha256;
use primitives::amount::Amount;
use primitives::block::Height;
use primitives::id::Txid;

/// What stands for an output script in keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScriptId(pub [u8; SCRIPT_ID]);

impl ScriptId {
    pub fn of(script: &[u8]) -> ScriptId {
        let hash = sha256(script);
        let mut id = [0u8; SCRIPT_ID];
        id.copy_from_slice(&hash[..SCRIPT_ID]);
        ScriptId(id)
    }
}

/// Where a transaction stands on the active chain: height of its block, place in the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ChainPlace {
    pub height: Height,
    pub position: u32,
}

impl ChainPlace {
    /// After every other.
    pub const END: ChainPlace = ChainPlace { height: Height(u32::MAX), position: u32::MAX };

    pub(super) fn key(self, script: ScriptId) -> [u8; HISTORY_KEY] {
        let mut key = [0u8; HISTORY_KEY];
        key[..SCRIPT_ID].copy_from_slice(&script.0);
        key[SCRIPT_ID..SCRIPT_ID + 4].copy_from_slice(&self.height.0.to_be_bytes());
        key[SCRIPT_ID + 4..].copy_from_slice(&self.position.to_be_bytes());
        key
    }
}

/// What one transaction did to one script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryEntry {
    pub place: ChainPlace,
    pub txid: Txid,
    /// Paid to the script, in sum.
    pub received: Amount,
    /// Spent from the script, in sum.
    pub spent: Amount,
}

impl HistoryEntry {
    pub(super) fn row(&self) -> [u8; HISTORY_ROW] {
        let mut row = [0u8; HISTORY_ROW];
        row[..32].copy_from_slice(&self.txid.0);
        row[32..40].copy_from_slice(&self.received.0.to_le_bytes());
        row[40..].copy_from_slice(&self.spent.0.to_le_bytes());
        row
    }

    pub(super) fn read(key: &[u8; HISTORY_KEY], row: &[u8; HISTORY_ROW]) -> HistoryEntry {
        let number = |i: usize| u32::from_be_bytes([key[i], key[i + 1], key[i + 2], key[i + 3]]);
        let (height, position) = (Height(number(SCRIPT_ID)), number(SCRIPT_ID + 4));
        let (mut txid, mut received, mut spent) = ([0; 32], [0; 8], [0; 8]);
        txid.copy_from_slice(&row[..32]);
        received.copy_from_slice(&row[32..40]);
        spent.copy_from_slice(&row[40..]);
        HistoryEntry {
            place: ChainPlace { height, position },
            txid: Txid(txid),
            received: Amount(i64::from_le_bytes(received)),
            spent: Amount(i64::from_le_bytes(spent)),
        }
    }
}

/// A change of `SCRIPT_HISTORY`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryChange {
    Add(ScriptId, HistoryEntry),
    Remove(ScriptId, ChainPlace),
}

impl HistoryChange {
    pub(super) fn key(&self) -> [u8; HISTORY_KEY] {
        match self {
            HistoryChange::Add(script, entry) => entry.place.key(*script),
            HistoryChange::Remove(script, place) => place.key(*script),
        }
    }
}

/// Work on the indexes that continues across restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Build {
    /// The chain is connected again from genesis.
    Replay,
    /// Rows of blocks are written; this height is the next.
    Blocks(Height),
    /// The coins are sorted by script; those up to this key are done.
    Coins([u8; COIN_KEY]),
}

impl Build {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        match self {
            Build::Replay => vec![0],
            Build::Blocks(height) => [&[1][..], &height.0.to_le_bytes()].concat(),
            Build::Coins(key) => [&[2][..], &key].concat(),
        }
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Build> {
        match bytes.split_first()? {
            (0, []) => Some(Build::Replay),
            (1, height) => Some(Build::Blocks(Height(u32::from_le_bytes(height.try_into().ok()?)))),
            (2, key) => Some(Build::Coins(key.try_into().ok()?)),
            _ => None,
        }
    }
}

/// How the index of scripts is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptIndex {
    /// There is none.
    Off,
    /// It is being made: it must not be read yet.
    Building(Build),
    Ready,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_there_and_back_and_in_order() {
        let place = |height, position| ChainPlace { height: Height(height), position };
        let script = ScriptId::of(b"script");
        let entry = HistoryEntry {
            place: place(258, 3),
            txid: Txid([7; 32]),
            received: Amount(5),
            spent: Amount(-1),
        };
        let key = entry.place.key(script);
        assert_eq!(HistoryEntry::read(&key, &entry.row()), entry);
        assert!(key < place(258, 4).key(script) && key < place(512, 0).key(script));
        assert!(key < ChainPlace::END.key(script));
        for build in [Build::Replay, Build::Blocks(Height(9)), Build::Coins([3; COIN_KEY])] {
            assert_eq!(Build::from_bytes(&build.to_bytes()), Some(build));
        }
        assert_eq!(Build::from_bytes(&[1, 2]), None);
        assert_eq!(Build::from_bytes(&[]), None);
    }
}
