//! Basic block filters (BIP158): a Golomb-coded set of the scripts that a block makes and spends,
//! and the chain of hashes over them (BIP157).

use crypto::hash::sha256d;
use crypto::hash::siphash24;
use primitives::block::Block;
use primitives::codec::{DecodeError, MAX_SIZE, Reader, put_compact_size};
use primitives::id::BlockHash;
use primitives::script::Script;

/// The only kind there is.
pub const BASIC: u8 = 0;
/// Bits of a remainder, and the inverse of the rate of false matches.
const P: u32 = 19;
const M: u64 = 784_931;

const OP_RETURN: u8 = 0x6a;

/// The key: the first half of the block's hash.
fn key(block: &BlockHash) -> (u64, u64) {
    let part = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| block.0[at + i]));
    (part(0), part(8))
}

/// Maps a hash evenly onto 0 to below `range`.
fn spread(hash: u64, range: u64) -> u64 {
    ((u128::from(hash) * u128::from(range)) >> 64) as u64
}

/// The filter of a block; `spent` are the scripts of what it spends, in any order.
pub fn basic_filter<'a>(
    block: &'a Block,
    hash: &BlockHash,
    spent: impl Iterator<Item = &'a Script>,
) -> Vec<u8> {
    let made = block.txs.iter().flat_map(|tx| &tx.outputs).map(|output| &output.script_pubkey);
    let made = made.filter(|script| script.as_bytes().first() != Some(&OP_RETURN));
    let mut items: Vec<&[u8]> =
        made.chain(spent).map(Script::as_bytes).filter(|bytes| !bytes.is_empty()).collect();
    items.sort_unstable();
    items.dedup();
    encode(&items, key(hash))
}

/// A Golomb-coded set: count, then the differences of the sorted hashes.
fn encode(items: &[&[u8]], (k0, k1): (u64, u64)) -> Vec<u8> {
    let mut out = Vec::new();
    put_compact_size(&mut out, items.len());
    let range = items.len() as u64 * M;
    let mut values: Vec<u64> =
        items.iter().map(|item| spread(siphash24(k0, k1, item), range)).collect();
    values.sort_unstable();
    let mut bits = BitWriter { out, used: 0 };
    let mut last = 0;
    for value in values {
        let step = value - last;
        last = value;
        for _ in 0..step >> P {
            bits.put(true);
        }
        bits.put(false);
        (0..P).rev().for_each(|bit| bits.put(step >> bit & 1 == 1));
    }
    bits.out
}

/// Whether a filter matches any of the scripts: false is certain, true may be wrong once in
/// 784,931 times a script.
pub fn matches_any(
    filter: &[u8],
    hash: &BlockHash,
    scripts: &[Script],
) -> Result<bool, DecodeError> {
    let mut reader = Reader::new(filter);
    let count = reader.compact_size(MAX_SIZE)? as u64;
    let (k0, k1) = key(hash);
    let range = count * M;
    let mut wanted: Vec<u64> =
        scripts.iter().map(|s| spread(siphash24(k0, k1, s.as_bytes()), range)).collect();
    wanted.sort_unstable();
    let mut bits = BitReader { data: reader.take(reader.remaining())?, at: 0 };
    let mut value = 0u64;
    for _ in 0..count {
        let mut high = 0u64;
        while bits.next()? {
            high += 1;
        }
        let mut low = 0u64;
        for _ in 0..P {
            low = low << 1 | u64::from(bits.next()?);
        }
        value = value.saturating_add((high << P) | low);
        if wanted.binary_search(&value).is_ok() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The hash of a filter.
pub fn filter_hash(filter: &[u8]) -> [u8; 32] {
    sha256d(filter)
}

/// The header of a filter: its hash over the header before it.
pub fn filter_header(filter_hash: &[u8; 32], previous: &[u8; 32]) -> [u8; 32] {
    sha256d(&[&filter_hash[..], previous].concat())
}

struct BitWriter {
    out: Vec<u8>,
    /// Bits of the last byte in use; 0 means that it is full.
    used: u32,
}

impl BitWriter {
    fn put(&mut self, bit: bool) {
        if self.used == 0 {
            self.out.push(0);
        }
        if let Some(last) = self.out.last_mut() {
            *last |= u8::from(bit) << (7 - self.used);
        }
        self.used = (self.used + 1) % 8;
    }
}

struct BitReader<'a> {
    data: &'a [u8],
    at: usize,
}

impl BitReader<'_> {
    fn next(&mut self) -> Result<bool, DecodeError> {
        let byte = self.data.get(self.at / 8);
        let byte = byte.ok_or(DecodeError::Truncated { at: self.at / 8, wanted: 1 })?;
        let bit = byte >> (7 - self.at % 8) & 1 == 1;
        self.at += 1;
        Ok(bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use primitives::codec::Decode;
    use primitives::hex;
    use testkit::vectors;

    /// Every row of BIP158's and Core's vectors.
    #[test]
    fn published_vectors() {
        for name in ["core/blockfilters.json", "bips/bip-0158-testnet-19.json"] {
            let Some(text) = vectors::read(name) else { return };
            let rows: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
            let mut count = 0;
            for row in rows.as_array().expect("a list").iter().filter(|row| row[0].is_number()) {
                let text = |i: usize| row[i].as_str().expect("text");
                let block = hex::decode(text(2)).expect("hex");
                let block = Block::from_bytes(&block).expect("a block");
                let spent: Vec<Script> = row[3]
                    .as_array()
                    .expect("a list")
                    .iter()
                    .map(|s| Script(hex::decode(s.as_str().expect("text")).expect("hex")))
                    .collect();
                let hash: BlockHash = text(1).parse().expect("a hash");
                assert_eq!(block.hash(), hash);
                let filter = basic_filter(&block, &hash, spent.iter());
                assert_eq!(hex::encode(&filter), text(5), "{}", row[0]);
                let previous: BlockHash = text(4).parse().expect("a hash");
                let header = filter_header(&filter_hash(&filter), &previous.0);
                assert_eq!(BlockHash(header).to_string(), text(6));
                for script in spent.iter().filter(|script| !script.is_empty()) {
                    assert_eq!(matches_any(&filter, &hash, std::slice::from_ref(script)), Ok(true));
                }
                assert_eq!(matches_any(&filter, &hash, &[Script(vec![9; 33])]), Ok(false));
                count += 1;
            }
            assert!(count > 0, "{name} has rows");
        }
    }

    #[test]
    fn a_cut_filter_is_an_error() {
        let hash = BlockHash([3; 32]);
        let filter = encode(&[b"a", b"b", b"c"], key(&hash));
        assert!(matches_any(&filter[..filter.len() - 2], &hash, &[Script(vec![9])]).is_err());
        assert_eq!(matches_any(&[0], &hash, &[Script(vec![9])]), Ok(false));
    }
}
