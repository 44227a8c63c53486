//! Which blocks each peer has, as far as it has announced or proven (Core's `CNodeState`).

use std::collections::BTreeMap;

use chain::state::Chain;
use p2p::download::PeerId;
use p2p::relay::RecentSet;
use primitives::id::BlockHash;
use store::error::StoreError;

/// Blocks that a peer is remembered to know.
const MAX_KNOWN_BLOCKS: usize = 2000;

/// What one peer has.
#[derive(Debug)]
struct PeerBlocks {
    /// The best header that it has announced or proven to have, as an id of the tree.
    best_known: Option<u32>,
    /// A block that it announced before we knew its header.
    last_unknown: Option<BlockHash>,
    /// Blocks that it sent, announced or was sent.
    known: RecentSet,
}

/// The blocks of every peer.
#[derive(Debug, Default)]
pub struct BlockAvailability {
    peers: BTreeMap<PeerId, PeerBlocks>,
}

impl BlockAvailability {
    pub fn connected(&mut self, id: PeerId) {
        let known = RecentSet::new(MAX_KNOWN_BLOCKS);
        self.peers.insert(id, PeerBlocks { best_known: None, last_unknown: None, known });
    }

    pub fn removed(&mut self, id: PeerId) {
        self.peers.remove(&id);
    }

    /// The best header that a peer is known to have, as an id of the tree.
    pub fn best_known(&self, id: PeerId) -> Option<u32> {
        self.peers.get(&id)?.best_known
    }

    /// The peer has sent, announced or been sent this block.
    pub fn is_known(&self, id: PeerId, hash: &BlockHash) -> bool {
        self.peers.get(&id).is_some_and(|peer| peer.known.contains(&hash.0))
    }

    pub fn set_known(&mut self, id: PeerId, hash: &BlockHash) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.known.insert(hash.0);
        }
    }

    /// A peer has a block: its best is that one if it has more work.
    pub fn has(
        &mut self,
        id: PeerId,
        hash: &BlockHash,
        chain: &mut Chain,
    ) -> Result<(), StoreError> {
        let tree = chain.tree()?;
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(()) };
        let earlier = peer.last_unknown.take_if(|hash| tree.id_of(hash).is_some());
        for hash in earlier.iter().chain([hash]) {
            let Some(block) = tree.id_of(hash) else {
                peer.last_unknown = Some(*hash);
                continue;
            };
            let better = |best| tree.entry(block).work >= tree.entry(best).work;
            if peer.best_known.is_none_or(better) {
                peer.best_known = Some(block);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn a_block_announced_early_counts_once_its_header_is_here() {
        let mut fixture = Fixture::new();
        let blocks = fixture.blocks(3);
        let mut availability = BlockAvailability::default();
        availability.connected(1);
        let late = blocks[2].hash();
        availability.has(1, &late, &mut fixture.chain).expect("a store");
        assert_eq!(availability.best_known(1), None);
        fixture.accept(&blocks);
        availability.has(1, &blocks[0].hash(), &mut fixture.chain).expect("a store");
        let tip = fixture.chain.tip();
        assert_eq!((tip.hash, availability.best_known(1)), (late, Some(tip.id)));
        // A block of less work changes nothing.
        availability.has(1, &blocks[1].hash(), &mut fixture.chain).expect("a store");
        assert_eq!(availability.best_known(1), Some(tip.id));
        assert!(!availability.is_known(1, &late));
        availability.set_known(1, &late);
        assert!(availability.is_known(1, &late));
    }
}
