//! Hints from peers for blocks that are not connected yet: bounded, the oldest dropped first.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use primitives::id::BlockHash;

/// Bytes of hints that wait.
const MOST_BYTES: usize = 16 << 20;
/// What an offer counts beside its bytes.
const OVERHEAD: usize = 128;

/// Who gave hints, as the caller numbers them.
pub type Giver = u64;

/// Hints that wait for their blocks, one offer for each block.
#[derive(Debug, Default)]
pub struct Offers {
    offers: BTreeMap<BlockHash, (Giver, Vec<u8>)>,
    order: VecDeque<BlockHash>,
    bytes: usize,
    /// Those whose hints turned out to be wrong.
    misled: BTreeSet<Giver>,
}

impl Offers {
    /// Takes packed hints for a block; the first offer for a block stays.
    pub fn offer(&mut self, block: BlockHash, giver: Giver, packed: Vec<u8>) {
        if self.offers.contains_key(&block) {
            return;
        }
        self.bytes += packed.len() + OVERHEAD;
        self.offers.insert(block, (giver, packed));
        self.order.push_back(block);
        while self.bytes > MOST_BYTES {
            let Some(oldest) = self.order.front().copied() else { break };
            self.take(&oldest);
        }
    }

    pub fn take(&mut self, block: &BlockHash) -> Option<(Giver, Vec<u8>)> {
        let (giver, packed) = self.offers.remove(block)?;
        self.bytes -= packed.len() + OVERHEAD;
        self.order.retain(|other| other != block);
        Some((giver, packed))
    }

    /// Whoever gave these was wrong.
    pub fn blame(&mut self, giver: Giver) {
        self.misled.insert(giver);
    }

    /// Peers whose hints were wrong since the last query.
    pub fn take_misled(&mut self) -> BTreeSet<Giver> {
        std::mem::take(&mut self.misled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_are_bounded() {
        let mut offers = Offers::default();
        let hash = |n: u32| {
            let mut hash = [0; 32];
            hash[..4].copy_from_slice(&n.to_be_bytes());
            BlockHash(hash)
        };
        for n in 0..400 {
            offers.offer(hash(n), 7, vec![1; 1 << 16]);
            offers.offer(hash(n), 8, vec![2]);
            assert!(offers.bytes <= MOST_BYTES && offers.order.len() == offers.offers.len());
        }
        assert_eq!(offers.take(&hash(0)), None);
        assert_eq!(offers.take(&hash(399)), Some((7, vec![1; 1 << 16])));
        for n in 0..400 {
            offers.take(&hash(n));
        }
        assert_eq!((offers.bytes, offers.order.len()), (0, 0));
        offers.blame(3);
        assert_eq!(offers.take_misled().into_iter().collect::<Vec<_>>(), [3]);
        assert!(offers.take_misled().is_empty());
    }
}
