//! A generator of random numbers from a seed that comes in from outside, so that a seed repeats a
//! whole run (SplitMix64). Not for keys.

/// The generator.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to below `bound` (0 gives 0).
    pub fn below(&mut self, bound: u64) -> u64 {
        self.word() % bound.max(1)
    }

    /// True `per_mille` times in a thousand.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    /// A waiting time of a Poisson process with that mean, in the unit of the mean.
    pub fn exponential(&mut self, mean: u64) -> u64 {
        let unit = ((self.word() >> 11) as f64 + 1.0) / (1u64 << 53) as f64;
        (-unit.ln() * mean as f64) as u64
    }

    /// Puts a list into random order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for i in (1..list.len()).rev() {
            list.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_means_hold() {
        let mut a = Random::new(7);
        let mut b = a.clone();
        assert!((0..100).all(|_| a.word() == b.word()));
        let sum: u64 = (0..10_000).map(|_| a.exponential(1000)).sum();
        assert!((900..1100).contains(&(sum / 10_000)));
        let mut list: Vec<u32> = (0..50).collect();
        a.shuffle(&mut list);
        assert_ne!(list, (0..50).collect::<Vec<_>>());
    }
}
