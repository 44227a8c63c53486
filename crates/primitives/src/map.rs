//! Hash maps keyed by values that are already hashes: a cheap hasher with a secret seed, so that an
//! attacker who grinds txids cannot target one bucket.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

use super::id::BlockHash;
use super::tx::OutPoint;

/// A map keyed by outpoints.
pub type OutPointMap<V> = HashMap<OutPoint, V, Salted>;

/// A map keyed by block hashes.
pub type BlockMap<V> = HashMap<BlockHash, V, Salted>;

static SALT: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0u8) | 1);

/// Builds the hashers of one process; all share a salt.
#[derive(Debug, Clone, Copy)]
pub struct Salted(u64);

impl Default for Salted {
    fn default() -> Self {
        Salted(*SALT)
    }
}

impl BuildHasher for Salted {
    type Hasher = Folding;

    fn build_hasher(&self) -> Folding {
        Folding(self.0)
    }
}

/// Multiplies each word into the state and folds the halves together.
#[derive(Debug)]
pub struct Folding(u64);

impl Folding {
    fn mix(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
}

impl Hasher for Folding {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0u8; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
    }

    fn write_u32(&mut self, word: u32) {
        self.mix(u64::from(word));
    }

    // The length prefix of an array says nothing: all keys are of one length.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
