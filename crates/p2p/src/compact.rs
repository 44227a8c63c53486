//! Compact blocks (BIP152, version 2: ids over wtxids): wire forms, and putting a block together
//! from what the pool has.

use std::collections::HashMap;
use std::sync::Arc;

use crypto::hash::sha256;
use crypto::hash::siphash24;
use primitives::block::{Block, Header};
use primitives::codec::{Decode, DecodeError, Encode, MAX_SIZE, Reader, put_compact_size};
use primitives::id::{BlockHash, Wtxid};
use primitives::tx::Transaction;

/// Transactions that a block can have at most: each takes 60 bytes and the limit is on weight.
const MAX_TXS: usize = 4_000_000 / (60 * 4);

/// The first six bytes of a keyed hash of a wtxid.
pub type ShortId = u64;

/// A header, short ids, and transactions that the receiver can't have.
#[derive(Debug, Clone, PartialEq)]
pub struct CompactBlock {
    pub header: Header,
    pub nonce: u64,
    pub short_ids: Vec<ShortId>,
    /// Places in the block, rising, and the transactions there.
    pub prefilled: Vec<(u16, Transaction)>,
}

/// The key of short ids: SHA-256 of header and nonce.
fn short_key(header: &Header, nonce: u64) -> (u64, u64) {
    let hash = sha256(&[&header.to_array()[..], &nonce.to_le_bytes()].concat());
    let part = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| hash[at + i]));
    (part(0), part(8))
}

fn short_id(key: (u64, u64), wtxid: &Wtxid) -> ShortId {
    siphash24(key.0, key.1, &wtxid.0) & 0xffff_ffff_ffff
}

impl CompactBlock {
    /// The compact form of a block, its coinbase prefilled.
    pub fn of(block: &Block, nonce: u64) -> CompactBlock {
        let key = short_key(&block.header, nonce);
        let short_ids = block.txs.iter().skip(1).map(|tx| short_id(key, &tx.wtxid())).collect();
        let prefilled = block.txs.first().map(|tx| (0, tx.clone())).into_iter().collect();
        CompactBlock { header: block.header, nonce, short_ids, prefilled }
    }

    pub fn tx_count(&self) -> usize {
        self.short_ids.len() + self.prefilled.len()
    }
}

/// Indexes as differences, each less one (BIP152).
fn put_indexes(
    out: &mut Vec<u8>,
    indexes: impl Iterator<Item = u16>,
    mut each: impl FnMut(&mut Vec<u8>, usize),
) {
    let mut next = 0u32;
    for (place, index) in indexes.enumerate() {
        put_compact_size(out, (u32::from(index) - next) as usize);
        next = u32::from(index) + 1;
        each(out, place);
    }
}

fn read_index(reader: &mut Reader<'_>, next: &mut u32) -> Result<u16, DecodeError> {
    let at = reader.position();
    let step = reader.compact_size(0xffff)? as u32;
    let index = *next + step;
    *next = index + 1;
    u16::try_from(index).map_err(|_| DecodeError::Oversized {
        at,
        length: u64::from(index),
        limit: 0xffff,
    })
}

impl Encode for CompactBlock {
    fn encode(&self, out: &mut Vec<u8>) {
        self.header.encode(out);
        out.extend_from_slice(&self.nonce.to_le_bytes());
        put_compact_size(out, self.short_ids.len());
        for id in &self.short_ids {
            out.extend_from_slice(&id.to_le_bytes()[..6]);
        }
        put_compact_size(out, self.prefilled.len());
        let indexes = self.prefilled.iter().map(|(index, _)| *index);
        put_indexes(out, indexes, |out, place| self.prefilled[place].1.encode(out));
    }
}

impl Decode for CompactBlock {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let header = Header::decode(reader)?;
        let nonce = reader.u64()?;
        let short_ids = reader.list(6, |r| {
            let bytes = r.array::<6>()?;
            Ok(bytes.iter().rev().fold(0, |id, &byte| id << 8 | u64::from(byte)))
        })?;
        let mut next = 0;
        let prefilled =
            reader.list(11, |r| Ok((read_index(r, &mut next)?, Transaction::decode(r)?)))?;
        Ok(CompactBlock { header, nonce, short_ids, prefilled })
    }
}

/// A question for transactions of a block by their places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxnRequest {
    pub block: BlockHash,
    /// Rising.
    pub indexes: Vec<u16>,
}

impl Encode for TxnRequest {
    fn encode(&self, out: &mut Vec<u8>) {
        self.block.encode(out);
        put_compact_size(out, self.indexes.len());
        put_indexes(out, self.indexes.iter().copied(), |_, _| {});
    }
}

impl Decode for TxnRequest {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let block = BlockHash::decode(reader)?;
        let mut next = 0;
        Ok(TxnRequest { block, indexes: reader.list(1, |r| read_index(r, &mut next))? })
    }
}

/// The answer: those transactions, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockTxns {
    pub block: BlockHash,
    pub txs: Vec<Transaction>,
}

impl Encode for BlockTxns {
    fn encode(&self, out: &mut Vec<u8>) {
        self.block.encode(out);
        put_compact_size(out, self.txs.len());
        self.txs.iter().for_each(|tx| tx.encode(out));
    }
}

impl Decode for BlockTxns {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let block = BlockHash::decode(reader)?;
        debug_assert!(MAX_TXS < MAX_SIZE as usize);
        Ok(BlockTxns { block, txs: reader.list(10, Transaction::decode)? })
    }
}

/// Why a compact block is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CompactError {
    #[error("the compact block can't be one")]
    Invalid,
    /// Two transactions have one short id: nobody's fault, ask for the whole block.
    #[error("short ids collide")]
    Collision,
}

/// A block being put together.
#[derive(Debug, Clone)]
pub struct PartialBlock {
    pub header: Header,
    txs: Vec<Option<Arc<Transaction>>>,
    /// How many the pool had, of how many.
    pub from_pool: usize,
}

impl PartialBlock {
    /// Fills in what is prefilled and what `have` knows.
    pub fn new<'a>(
        compact: CompactBlock,
        have: impl Iterator<Item = (Wtxid, &'a Arc<Transaction>)>,
    ) -> Result<PartialBlock, CompactError> {
        let count = compact.tx_count();
        if count == 0 || count > MAX_TXS {
            return Err(CompactError::Invalid);
        }
        let mut txs: Vec<Option<Arc<Transaction>>> = vec![None; count];
        let key = short_key(&compact.header, compact.nonce);
        for (index, tx) in compact.prefilled {
            let place = txs.get_mut(usize::from(index)).ok_or(CompactError::Invalid)?;
            *place = Some(Arc::new(tx));
        }
        let mut places: HashMap<ShortId, usize> = HashMap::with_capacity(compact.short_ids.len());
        let mut ids = compact.short_ids.into_iter();
        for (place, tx) in txs.iter().enumerate() {
            if tx.is_none()
                && let Some(id) = ids.next()
                && places.insert(id, place).is_some()
            {
                return Err(CompactError::Collision);
            }
        }
        let mut from_pool = 0;
        if !places.is_empty() {
            for (wtxid, tx) in have {
                let Some(&place) = places.get(&short_id(key, &wtxid)) else { continue };
                if txs[place].is_some() {
                    return Err(CompactError::Collision);
                }
                txs[place] = Some(Arc::clone(tx));
                from_pool += 1;
            }
        }
        Ok(PartialBlock { header: compact.header, txs, from_pool })
    }

    /// Places of what is missing.
    pub fn missing(&self) -> Vec<u16> {
        let places = self.txs.iter().enumerate().filter(|(_, tx)| tx.is_none());
        places.map(|(place, _)| place as u16).collect()
    }

    /// Fills in the answer; the whole block's wire form if that was all that was missing.
    pub fn finish(mut self, answer: Vec<Transaction>) -> Option<Vec<u8>> {
        let mut answer = answer.into_iter();
        for place in self.txs.iter_mut().filter(|place| place.is_none()) {
            *place = Some(Arc::new(answer.next()?));
        }
        if answer.next().is_some() {
            return None;
        }
        let mut out = self.header.to_bytes();
        put_compact_size(&mut out, self.txs.len());
        self.txs.iter().flatten().for_each(|tx| tx.encode(&mut out));
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use primitives::network::REGTEST;
    use primitives::tx::TxOut;

    fn block(count: usize) -> Block {
        let mut block = REGTEST.genesis_block();
        let first = block.txs[0].clone();
        for i in 1..count {
            let mut tx = first.clone();
            tx.outputs = vec![TxOut {
                value: primitives::amount::Amount(i as i64),
                ..first.outputs[0].clone()
            }];
            block.txs.push(tx);
        }
        block
    }

    fn pool(block: &Block) -> Vec<(Wtxid, Arc<Transaction>)> {
        block.txs.iter().skip(1).map(|tx| (tx.wtxid(), Arc::new(tx.clone()))).collect()
    }

    #[test]
    fn a_full_pool_gives_the_block_at_once() {
        let block = block(30);
        let pool = pool(&block);
        let have = pool.iter().map(|(id, tx)| (*id, tx));
        let partial = PartialBlock::new(CompactBlock::of(&block, 9), have).expect("it is one");
        assert_eq!((partial.missing().len(), partial.from_pool), (0, 29));
        assert_eq!(partial.finish(vec![]), Some(block.to_bytes()));
    }

    #[test]
    fn what_is_missing_is_asked_for() {
        let block = block(30);
        let pool = pool(&block);
        let have = pool.iter().filter(|(_, tx)| tx.outputs[0].value.0 % 3 != 0);
        let have = have.map(|(id, tx)| (*id, tx));
        let partial = PartialBlock::new(CompactBlock::of(&block, 9), have).expect("it is one");
        let missing = partial.missing();
        assert_eq!(missing, [3, 6, 9, 12, 15, 18, 21, 24, 27]);
        let answer: Vec<_> = missing.iter().map(|&i| block.txs[usize::from(i)].clone()).collect();
        assert_eq!(partial.clone().finish(answer[1..].to_vec()), None);
        assert_eq!(partial.finish(answer), Some(block.to_bytes()));
    }

    #[test]
    fn nonsense_is_told_apart_from_bad_luck() {
        let block = block(4);
        let mut compact = CompactBlock::of(&block, 9);
        compact.short_ids[1] = compact.short_ids[0];
        let none = || std::iter::empty::<(Wtxid, &Arc<Transaction>)>();
        assert_eq!(PartialBlock::new(compact.clone(), none()).err(), Some(CompactError::Collision));
        compact.short_ids.clear();
        compact.prefilled[0].0 = 7;
        assert_eq!(PartialBlock::new(compact.clone(), none()).err(), Some(CompactError::Invalid));
        compact.prefilled.clear();
        assert_eq!(PartialBlock::new(compact, none()).err(), Some(CompactError::Invalid));
    }

    #[test]
    fn indexes_that_run_over_are_refused() {
        let mut bytes = [7; 32].to_vec();
        put_compact_size(&mut bytes, 2);
        put_compact_size(&mut bytes, 0xffff);
        put_compact_size(&mut bytes, 0);
        assert!(matches!(TxnRequest::from_bytes(&bytes), Err(DecodeError::Oversized { .. })));
    }
}
