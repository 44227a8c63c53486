//! Batch verification against k256 and against itself: field, lanes, scalars, points, sums, lists.
//!
//! `FORTHCOIN_BATCH_CASES` sets the number of arithmetic cases (20,000; the slow field runs a
//! tenth), `FORTHCOIN_BATCH_PLANTED` the number of batches with a bad signature in them (60).

mod arithmetic;
mod lists;
mod sums;
mod work;

/// Numbers from a seed (SplitMix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_exact_mut(8) {
            chunk.copy_from_slice(&self.next().to_be_bytes());
        }
        bytes
    }

    /// 32 bytes, often with long runs of equal bits, as carries like them.
    pub fn rough_bytes(&mut self) -> [u8; 32] {
        let mut bytes = self.bytes();
        match self.below(4) {
            0 => {
                let (start, end) = (self.below(256), self.below(256));
                let one = self.below(2) == 1;
                for bit in start.min(end)..start.max(end) {
                    let mask = 0x80 >> (bit % 8);
                    match one {
                        true => bytes[bit / 8] |= mask,
                        false => bytes[bit / 8] &= !mask,
                    }
                }
            }
            1 => {
                let edge = self.below(32);
                let fill = if self.below(2) == 1 { 0xff } else { 0 };
                bytes[..edge].fill(fill);
            }
            _ => {}
        }
        bytes
    }
}

pub fn from_env(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

pub fn cases() -> usize {
    from_env("FORTHCOIN_BATCH_CASES", 20_000)
}

/// 64 hexadecimal digits.
pub fn bytes_of(text: &str) -> [u8; 32] {
    std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("hex"))
}
