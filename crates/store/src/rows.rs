//! The rows of the tables and their encodings (little-endian, fixed-width where possible).

use super::tables::{HEADER_ROW, TX_ROW};
use primitives::block::{HEADER_SIZE, Header, Height};
use primitives::codec::{Decode, DecodeError, Encode, Reader, put_compact_size};
use primitives::coin::Coin;
use primitives::id::BlockHash;
use primitives::target::U256;
use primitives::tx::TxOut;

/// What is known of a block: a set of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlockStatus(pub u8);

impl BlockStatus {
    /// The header alone is known.
    pub const HEADER: BlockStatus = BlockStatus(0);
    /// The block's bytes are in `BLOCKS`.
    pub const HAVE_DATA: BlockStatus = BlockStatus(1);
    /// What it spent is in `UNDO`.
    pub const HAVE_UNDO: BlockStatus = BlockStatus(2);
    /// It has been connected once with every rule checked.
    pub const VALID: BlockStatus = BlockStatus(4);
    /// It broke a rule, or the operator said so; its descendants fail with it.
    pub const FAILED: BlockStatus = BlockStatus(8);

    pub fn has(self, other: BlockStatus) -> bool {
        self.0 & other.0 == other.0
    }

    pub fn with(self, other: BlockStatus) -> BlockStatus {
        BlockStatus(self.0 | other.0)
    }

    pub fn without(self, other: BlockStatus) -> BlockStatus {
        BlockStatus(self.0 & !other.0)
    }
}

/// One known header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderRow {
    pub header: Header,
    pub hash: BlockHash,
    pub height: Height,
    /// The parent's id; genesis names itself.
    pub parent: u32,
    /// Order in which the block itself arrived, from 1; 0 before it has.
    pub sequence: u32,
    /// Transactions in the block; 0 before it has arrived.
    pub tx_count: u32,
    pub status: BlockStatus,
}

impl HeaderRow {
    /// Header, hash, height, parent, sequence, transaction count, status.
    pub fn to_array(&self) -> [u8; HEADER_ROW] {
        let mut row = [0u8; HEADER_ROW];
        row[..HEADER_SIZE].copy_from_slice(&self.header.to_array());
        row[80..112].copy_from_slice(&self.hash.0);
        row[112..116].copy_from_slice(&self.height.0.to_le_bytes());
        row[116..120].copy_from_slice(&self.parent.to_le_bytes());
        row[120..124].copy_from_slice(&self.sequence.to_le_bytes());
        row[124..128].copy_from_slice(&self.tx_count.to_le_bytes());
        row[128] = self.status.0;
        row
    }

    pub fn from_array(row: &[u8; HEADER_ROW]) -> Result<HeaderRow, DecodeError> {
        let mut reader = Reader::new(row);
        Ok(HeaderRow {
            header: Header::decode(&mut reader)?,
            hash: BlockHash::decode(&mut reader)?,
            height: Height(reader.u32()?),
            parent: reader.u32()?,
            sequence: reader.u32()?,
            tx_count: reader.u32()?,
            status: BlockStatus(reader.u8()?),
        })
    }
}

/// The end of the active chain, written with everything that belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    pub id: u32,
    pub height: Height,
    pub hash: BlockHash,
    /// Hashes that the whole chain stands for.
    pub work: U256,
    /// Transactions in the whole chain, genesis included.
    pub tx_total: u64,
}

impl Encode for Tip {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.to_le_bytes());
        out.extend_from_slice(&self.height.0.to_le_bytes());
        self.hash.encode(out);
        out.extend_from_slice(&self.work.to_le_bytes());
        out.extend_from_slice(&self.tx_total.to_le_bytes());
    }
}

impl Decode for Tip {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Tip {
            id: reader.u32()?,
            height: Height(reader.u32()?),
            hash: BlockHash::decode(reader)?,
            work: U256::from_le_bytes(&reader.array()?),
            tx_total: reader.u64()?,
        })
    }
}

/// Where a transaction of the active chain is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TxPlace {
    pub height: Height,
    /// Place in the block, the coinbase is 0.
    pub position: u32,
    /// First byte in the block's wire form.
    pub offset: u32,
}

impl TxPlace {
    pub fn to_array(&self) -> [u8; TX_ROW] {
        let mut row = [0u8; TX_ROW];
        row[..4].copy_from_slice(&self.height.0.to_le_bytes());
        row[4..8].copy_from_slice(&self.position.to_le_bytes());
        row[8..].copy_from_slice(&self.offset.to_le_bytes());
        row
    }

    pub fn from_array(row: &[u8; TX_ROW]) -> TxPlace {
        let at = |i: usize| u32::from_le_bytes([row[i], row[i + 1], row[i + 2], row[i + 3]]);
        TxPlace { height: Height(at(0)), position: at(4), offset: at(8) }
    }
}

/// What a block spent, in the order of its inputs (the coinbase has none): the outputs side by
/// side, so that each transaction's are a slice, and where each came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spent {
    pub outputs: Vec<TxOut>,
    /// Height and coinbase flag of each, as in `Coin`.
    pub origins: Vec<(Height, bool)>,
}

impl Spent {
    pub fn with_capacity(count: usize) -> Spent {
        Spent { outputs: Vec::with_capacity(count), origins: Vec::with_capacity(count) }
    }

    pub fn push(&mut self, coin: Coin) {
        self.origins.push((coin.height, coin.coinbase));
        self.outputs.push(coin.output);
    }

    pub fn len(&self) -> usize {
        self.outputs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.outputs.is_empty()
    }

    /// The coins again.
    pub fn into_coins(self) -> impl DoubleEndedIterator<Item = Coin> + ExactSizeIterator {
        self.outputs.into_iter().zip(self.origins).map(|(output, (height, coinbase))| Coin {
            output,
            height,
            coinbase,
        })
    }
}

impl Encode for Spent {
    fn encode(&self, out: &mut Vec<u8>) {
        put_compact_size(out, self.len());
        for (output, (height, coinbase)) in self.outputs.iter().zip(&self.origins) {
            out.extend_from_slice(&(height.0 << 1 | u32::from(*coinbase)).to_le_bytes());
            output.encode(out);
        }
    }
}

impl Decode for Spent {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut spent = Spent::default();
        for coin in reader.list(13, Coin::decode)? {
            spent.push(coin);
        }
        Ok(spent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use primitives::amount::Amount;
    use primitives::network::REGTEST;
    use primitives::script::Script;

    #[test]
    fn rows_there_and_back() {
        let row = HeaderRow {
            header: REGTEST.genesis_block().header,
            hash: REGTEST.genesis.hash,
            height: Height(7),
            parent: 6,
            sequence: 9,
            tx_count: 3,
            status: BlockStatus::HAVE_DATA.with(BlockStatus::FAILED),
        };
        assert_eq!(HeaderRow::from_array(&row.to_array()), Ok(row));
        let tip =
            Tip { id: 1, height: Height(2), hash: row.hash, work: U256::MAX, tx_total: u64::MAX };
        assert_eq!(Tip::from_bytes(&tip.to_bytes()), Ok(tip));
        let place = TxPlace { height: Height(3), position: 4, offset: 5 };
        assert_eq!(TxPlace::from_array(&place.to_array()), place);
        let mut spent = Spent::default();
        let output = TxOut { value: Amount(1), script_pubkey: Script::new([0x51]) };
        spent.push(Coin { output, height: Height(4), coinbase: true });
        assert_eq!(Spent::from_bytes(&spent.to_bytes()), Ok(spent));
    }

    #[test]
    fn status_bits() {
        let status = BlockStatus::HAVE_DATA.with(BlockStatus::VALID);
        assert!(status.has(BlockStatus::VALID) && !status.has(BlockStatus::FAILED));
        assert_eq!(status.without(BlockStatus::VALID), BlockStatus::HAVE_DATA);
    }
}
