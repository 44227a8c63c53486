//! Numbers that nobody outside can guess.

use std::hash::{BuildHasher, RandomState};

/// A salt for hash tables and caches that hold what strangers send. Not for keys.
pub fn salt() -> [u8; 32] {
    let mut salt = [0u8; 32];
    for (place, part) in salt.chunks_exact_mut(8).enumerate() {
        // The standard library seeds every process from the operating system.
        part.copy_from_slice(&RandomState::new().hash_one(place).to_le_bytes());
    }
    salt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn salts_differ() {
        assert_ne!(salt(), salt());
        assert_ne!(salt()[..8], salt()[8..16]);
    }
}
