//! Randomness as an argument: the console passes in the system's, tests a seeded stream.

use sha2::{Digest, Sha256};

/// The system gave no randomness; nothing that needs it may go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no randomness: {0}")]
pub struct EntropyError(pub String);

/// A source of bytes that nobody can guess.
pub trait Entropy {
    /// Fills all of `bytes`, or fails.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

/// `N` bytes from a source.
pub fn random_bytes<const N: usize>(entropy: &mut dyn Entropy) -> Result<[u8; N], EntropyError> {
    let mut bytes = [0u8; N];
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}

/// A number below `bound` (above zero), without bias.
pub fn random_below(entropy: &mut dyn Entropy, bound: u64) -> Result<u64, EntropyError> {
    let bound = bound.max(1);
    let usable = u64::MAX - u64::MAX % bound;
    loop {
        let value = u64::from_le_bytes(random_bytes(entropy)?);
        if value < usable {
            return Ok(value % bound);
        }
    }
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(bytes).map_err(|e| EntropyError(e.to_string()))
    }
}

/// SHA-256 of a seed and a counter: the same bytes each time, for tests and simulations only.
#[derive(Debug, Clone)]
pub struct SeededEntropy {
    seed: [u8; 32],
    counter: u64,
}

impl SeededEntropy {
    pub fn new(seed: [u8; 32]) -> SeededEntropy {
        SeededEntropy { seed, counter: 0 }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        for chunk in bytes.chunks_mut(32) {
            let mut engine = Sha256::new();
            engine.update(self.seed);
            engine.update(self.counter.to_le_bytes());
            self.counter += 1;
            let block: [u8; 32] = engine.finalize().into();
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_repeats_nothing() {
        let a: [u8; 32] = random_bytes(&mut SystemEntropy).expect("randomness");
        let b: [u8; 32] = random_bytes(&mut SystemEntropy).expect("randomness");
        assert_ne!(a, b);
    }

    #[test]
    fn numbers_stay_below_and_reach_all() {
        let mut entropy = SeededEntropy::new([1; 32]);
        let mut seen = [false; 7];
        for _ in 0..200 {
            seen[random_below(&mut entropy, 7).expect("randomness") as usize] = true;
        }
        assert_eq!(seen, [true; 7]);
    }
}
