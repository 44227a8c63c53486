//! The nonce search: double SHA-256 of a header over a range of nonces.
//!
//! Only the highest 32 bits of each hash are compared; the rare header that passes is hashed in
//! full. A hash is counted once, whichever path computed it.

use std::ops::Range;

use crypto::lanes::Lanes;
use crypto::sha256::{HeaderMidstate, header_hash};
use primitives::block::Header;
use primitives::id::BlockHash;
use primitives::target::{U256, meets};

/// Nonces of a header.
pub const NONCES: u64 = 1 << 32;

/// What a search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ground {
    /// The first nonce of the range that meets the target, if one does.
    pub nonce: Option<u32>,
    /// Hashes made.
    pub hashes: u64,
}

/// Searches `nonces` (each below 2^32) for one that makes the header's hash meet `target`.
pub fn grind(lanes: Lanes, header: &Header, target: U256, nonces: Range<u64>) -> Ground {
    let midstate = HeaderMidstate::new(&header.to_array());
    let limit = (target.0[3] >> 32) as u32;
    let end = nonces.end.min(NONCES);
    let mut at = nonces.start;
    while at < end {
        let count = (end - at).min(1 << 31) as u32;
        let Some(found) = lanes.scan(&midstate, at as u32, count, limit) else {
            at += u64::from(count);
            continue;
        };
        at = u64::from(found) + 1;
        if meets(&BlockHash(header_hash(&midstate, found)), target) {
            return Ground { nonce: Some(found), hashes: at - nonces.start };
        }
    }
    Ground { nonce: None, hashes: end.saturating_sub(nonces.start) }
}

/// Hashes that a target takes on average.
pub fn expected_hashes(target: U256) -> f64 {
    2f64.powi(256) / (target.to_f64() + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use primitives::network::NETWORKS;

    #[test]
    fn finds_every_genesis() {
        for params in NETWORKS {
            let mut header = params.genesis_block().header;
            let nonce = u64::from(header.nonce);
            let target = header.bits.to_target().expect("a target");
            header.nonce = 0;
            // Regtest's is not the first that serves.
            let from = if params.no_retarget { nonce } else { nonce.saturating_sub(3000) };
            for lanes in [Lanes::Portable, Lanes::best()] {
                let ground = grind(lanes, &header, target, from..NONCES);
                assert_eq!(ground.nonce, Some(nonce as u32), "{} {}", params.name, lanes.name());
                assert_eq!(ground.hashes, nonce - from + 1);
            }
        }
    }

    #[test]
    fn an_impossible_target_ends() {
        let header = NETWORKS[0].genesis_block().header;
        for lanes in [Lanes::Portable, Lanes::best()] {
            let ground = grind(lanes, &header, U256::ONE, NONCES - 1001..NONCES + 5);
            assert_eq!(ground, Ground { nonce: None, hashes: 1001 });
            assert_eq!(grind(lanes, &header, U256::MAX, 5..5).hashes, 0);
        }
    }

    #[test]
    fn difficulty_one_takes_2_to_the_32() {
        let target = primitives::target::CompactTarget(0x1d00_ffff).to_target();
        let hashes = expected_hashes(target.expect("a target"));
        assert!((hashes / 4_295_032_833.0 - 1.0).abs() < 1e-9, "{hashes}");
    }
}
