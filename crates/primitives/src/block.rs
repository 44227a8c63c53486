//! Block headers and blocks.

use super::codec::{Decode, DecodeError, Encode, Reader, compact_size_len, put_compact_size};
use super::fee::{WITNESS_SCALE, Weight};
use super::id::{BlockHash, MerkleRoot};
use super::target::CompactTarget;
use super::tx::Transaction;
use crypto::hash::sha256d;

/// Bytes of a header.
pub const HEADER_SIZE: usize = 80;

/// Fewest bytes of a transaction.
const LEAST_TX: usize = 10;

/// A block's place in its chain; genesis is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Height(pub u32);

impl Height {
    pub const GENESIS: Height = Height(0);

    /// The height of a child; heights stop growing at `u32::MAX`, which no chain reaches.
    pub fn next(self) -> Height {
        Height(self.0.saturating_add(1))
    }
}

impl std::fmt::Display for Height {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Header {
    pub version: i32,
    pub prev: BlockHash,
    pub merkle_root: MerkleRoot,
    /// Seconds since 1970, as the miner says.
    pub time: u32,
    pub bits: CompactTarget,
    pub nonce: u32,
}

impl Header {
    pub fn to_array(&self) -> [u8; HEADER_SIZE] {
        let mut bytes = [0u8; HEADER_SIZE];
        bytes[..4].copy_from_slice(&self.version.to_le_bytes());
        bytes[4..36].copy_from_slice(&self.prev.0);
        bytes[36..68].copy_from_slice(&self.merkle_root.0);
        bytes[68..72].copy_from_slice(&self.time.to_le_bytes());
        bytes[72..76].copy_from_slice(&self.bits.0.to_le_bytes());
        bytes[76..].copy_from_slice(&self.nonce.to_le_bytes());
        bytes
    }

    /// Double SHA-256 of the 80 bytes.
    pub fn hash(&self) -> BlockHash {
        BlockHash(sha256d(&self.to_array()))
    }
}

impl Encode for Header {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_array());
    }
}

impl Decode for Header {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Header {
            version: reader.i32()?,
            prev: BlockHash::decode(reader)?,
            merkle_root: MerkleRoot::decode(reader)?,
            time: reader.u32()?,
            bits: CompactTarget(reader.u32()?),
            nonce: reader.u32()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub header: Header,
    pub txs: Vec<Transaction>,
}

impl Block {
    pub fn hash(&self) -> BlockHash {
        self.header.hash()
    }

    /// Bytes without witness.
    pub fn base_size(&self) -> usize {
        self.size_of(Transaction::base_size)
    }

    /// Bytes with witness.
    pub fn total_size(&self) -> usize {
        self.size_of(Transaction::total_size)
    }

    /// Weight units (BIP141).
    pub fn weight(&self) -> Weight {
        Weight(self.base_size() * (WITNESS_SCALE - 1) + self.total_size())
    }

    fn size_of(&self, tx_size: impl Fn(&Transaction) -> usize) -> usize {
        let txs: usize = self.txs.iter().map(tx_size).sum();
        HEADER_SIZE + compact_size_len(self.txs.len()) + txs
    }
}

impl Encode for Block {
    fn encode(&self, out: &mut Vec<u8>) {
        self.header.encode(out);
        put_compact_size(out, self.txs.len());
        for tx in &self.txs {
            tx.encode(out);
        }
    }
}

impl Decode for Block {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Block {
            header: Header::decode(reader)?,
            txs: reader.list(LEAST_TX, Transaction::decode)?,
        })
    }
}
