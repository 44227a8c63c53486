//! Proof-of-work arithmetic: 256-bit targets, their compact form and the work they stand for.
//!
//! The compact form ("bits") is Core's `arith_uint256::SetCompact`, sign bit and overflow included.

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Not, Shl, Shr};

use super::hex;
use super::id::BlockHash;

/// An unsigned 256-bit integer, four 64-bit limbs, least significant first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct U256(pub [u64; 4]);

impl U256 {
    pub const ZERO: U256 = U256([0; 4]);
    pub const ONE: U256 = U256([1, 0, 0, 0]);
    pub const MAX: U256 = U256([u64::MAX; 4]);

    pub const fn from_u64(value: u64) -> U256 {
        U256([value, 0, 0, 0])
    }

    pub fn from_le_bytes(bytes: &[u8; 32]) -> U256 {
        let mut limbs = [0u64; 4];
        for (limb, chunk) in limbs.iter_mut().zip(bytes.chunks_exact(8)) {
            let mut eight = [0u8; 8];
            eight.copy_from_slice(chunk);
            *limb = u64::from_le_bytes(eight);
        }
        U256(limbs)
    }

    pub fn to_le_bytes(self) -> [u8; 32] {
        let mut bytes = [0u8; 32];
        for (limb, chunk) in self.0.iter().zip(bytes.chunks_exact_mut(8)) {
            chunk.copy_from_slice(&limb.to_le_bytes());
        }
        bytes
    }

    pub fn to_be_bytes(self) -> [u8; 32] {
        let mut bytes = self.to_le_bytes();
        bytes.reverse();
        bytes
    }

    pub fn from_be_bytes(mut bytes: [u8; 32]) -> U256 {
        bytes.reverse();
        U256::from_le_bytes(&bytes)
    }

    /// Bits up to and including the highest set one.
    pub fn bit_length(self) -> u32 {
        (0..4)
            .rev()
            .find(|&i| self.0[i] != 0)
            .map_or(0, |i| i as u32 * 64 + 64 - self.0[i].leading_zeros())
    }

    pub fn is_zero(self) -> bool {
        self == U256::ZERO
    }

    pub fn checked_add(self, other: U256) -> Option<U256> {
        let (sum, carry) = self.overflowing_add(other);
        (!carry).then_some(sum)
    }

    pub fn saturating_add(self, other: U256) -> U256 {
        self.checked_add(other).unwrap_or(U256::MAX)
    }

    fn overflowing_add(self, other: U256) -> (U256, bool) {
        let mut limbs = [0u64; 4];
        let mut carry = false;
        for (i, limb) in limbs.iter_mut().enumerate() {
            let (sum, first) = self.0[i].overflowing_add(other.0[i]);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            *limb = sum;
            carry = first || second;
        }
        (U256(limbs), carry)
    }

    pub fn wrapping_sub(self, other: U256) -> U256 {
        self.overflowing_add(!other).0.overflowing_add(U256::ONE).0
    }

    pub fn saturating_sub(self, other: U256) -> U256 {
        if self < other { U256::ZERO } else { self.wrapping_sub(other) }
    }

    /// The product modulo 2^256, as Core's `arith_uint256` multiplies.
    pub fn wrapping_mul_u32(self, factor: u32) -> U256 {
        let mut limbs = [0u64; 4];
        let mut carry = 0u128;
        for (i, limb) in limbs.iter_mut().enumerate() {
            let product = u128::from(self.0[i]) * u128::from(factor) + carry;
            *limb = product as u64;
            carry = product >> 64;
        }
        U256(limbs)
    }

    /// The quotient; `None` for division by zero.
    pub fn checked_div(self, divisor: U256) -> Option<U256> {
        if divisor.is_zero() {
            return None;
        }
        let Some(mut shift) = self.bit_length().checked_sub(divisor.bit_length()) else {
            return Some(U256::ZERO);
        };
        let mut rest = self;
        let mut quotient = U256::ZERO;
        loop {
            let scaled = divisor << shift;
            if rest >= scaled {
                rest = rest.wrapping_sub(scaled);
                quotient.0[(shift / 64) as usize] |= 1 << (shift % 64);
            }
            match shift.checked_sub(1) {
                Some(next) => shift = next,
                None => return Some(quotient),
            }
        }
    }

    /// The nearest double, for people to read.
    pub fn to_f64(self) -> f64 {
        self.0.iter().rev().fold(0.0, |sum, &limb| sum * 18_446_744_073_709_551_616.0 + limb as f64)
    }
}

impl Not for U256 {
    type Output = U256;

    fn not(self) -> U256 {
        U256(self.0.map(|limb| !limb))
    }
}

impl Shl<u32> for U256 {
    type Output = U256;

    fn shl(self, count: u32) -> U256 {
        let (words, bits) = ((count / 64) as usize, count % 64);
        let at = |i: usize| if i < 4 { self.0[i] } else { 0 };
        U256(std::array::from_fn(|i| {
            let low = i.checked_sub(words).map_or(0, at);
            let lower = i.checked_sub(words + 1).map_or(0, at);
            if bits == 0 { low } else { low << bits | lower >> (64 - bits) }
        }))
    }
}

impl Shr<u32> for U256 {
    type Output = U256;

    fn shr(self, count: u32) -> U256 {
        let (words, bits) = ((count / 64) as usize, count % 64);
        let at = |i: usize| if i < 4 { self.0[i] } else { 0 };
        U256(std::array::from_fn(|i| {
            let (high, higher) = (at(i + words), at(i + words + 1));
            if bits == 0 { high } else { high >> bits | higher << (64 - bits) }
        }))
    }
}

impl Ord for U256 {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.iter().rev().cmp(other.0.iter().rev())
    }
}

impl PartialOrd for U256 {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// 64 hex digits, most significant first.
impl fmt::Display for U256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.to_be_bytes()))
    }
}

impl fmt::Debug for U256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A target in the header's compact form: one byte of size, one sign bit, 23 bits of mantissa.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct CompactTarget(pub u32);

impl CompactTarget {
    /// The target, unless it is negative, zero or over 256 bits.
    pub fn to_target(self) -> Option<U256> {
        let size = self.0 >> 24;
        let mantissa = self.0 & 0x007f_ffff;
        let negative = mantissa != 0 && self.0 & 0x0080_0000 != 0;
        let overflow = mantissa != 0
            && (size > 34 || (mantissa > 0xff && size > 33) || (mantissa > 0xffff && size > 32));
        if negative || overflow {
            return None;
        }
        let mantissa = U256::from_u64(u64::from(mantissa));
        let target =
            if size <= 3 { mantissa >> (8 * (3 - size)) } else { mantissa << (8 * (size - 3)) };
        (!target.is_zero()).then_some(target)
    }

    /// The compact form, rounded down to 23 bits of mantissa.
    pub fn from_target(target: U256) -> CompactTarget {
        let mut size = target.bit_length().div_ceil(8);
        let mut mantissa = if size <= 3 {
            (target.0[0] << (8 * (3 - size))) as u32
        } else {
            (target >> (8 * (size - 3))).0[0] as u32
        };
        if mantissa & 0x0080_0000 != 0 {
            mantissa >>= 8;
            size += 1;
        }
        CompactTarget(mantissa | size << 24)
    }

    /// The hashes that a block of this target stands for: 2^256 / (target + 1).
    pub fn work(self) -> U256 {
        let Some(target) = self.to_target() else { return U256::ZERO };
        let Some(above) = target.checked_add(U256::ONE) else { return U256::ONE };
        (!target).checked_div(above).unwrap_or(U256::ZERO).saturating_add(U256::ONE)
    }

    /// How many times harder than Bitcoin's easiest target (0x1d00ffff), as Core's
    /// `getdifficulty` defines it on every network.
    pub fn difficulty(self) -> f64 {
        let mantissa = f64::from(self.0 & 0x00ff_ffff);
        let exponent = 29 - (self.0 >> 24) as i32;
        f64::from(0x0000_ffff) / mantissa * 256f64.powi(exponent)
    }
}

/// True if `hash`, read as a little-endian number, is at most `target`.
pub fn meets(hash: &BlockHash, target: U256) -> bool {
    U256::from_le_bytes(&hash.0) <= target
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn compact_edge_cases() {
        for (bits, target) in [
            (0x0000_0000, None),
            (0x0012_3456, None),
            (0x0100_3456, None),
            (0x0112_3456, Some(U256::from_u64(0x12))),
            (0x0200_8000, Some(U256::from_u64(0x80))),
            (0x0500_9234, Some(U256::from_u64(0x9234_0000))),
            (0x0492_3456, None),
            (0x0412_3456, Some(U256::from_u64(0x1234_5600))),
            (0x2012_3456, Some(U256::from_u64(0x0012_3456) << 232)),
            (0xff12_3456, None),
        ] {
            assert_eq!(CompactTarget(bits).to_target(), target, "{bits:#x}");
        }
        assert_eq!(CompactTarget::from_target(U256::from_u64(0x80)), CompactTarget(0x0200_8000));
        assert_eq!(CompactTarget::from_target(U256::ZERO), CompactTarget(0));
    }

    #[test]
    fn work_and_difficulty_of_known_targets() {
        assert_eq!(CompactTarget(0x1d00_ffff).work(), U256::from_u64(0x1_0001_0001));
        assert_eq!(CompactTarget(0x207f_ffff).work(), U256::from_u64(2));
        assert_eq!(CompactTarget(0x1d00_ffff).difficulty(), 1.0);
        let difficulty = CompactTarget(0x1b04_04cb).difficulty();
        assert!((difficulty - 16307.420938523983).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn division_inverts_multiplication(a in any::<[u64; 3]>(), b in 1u32..) {
            let a = U256([a[0], a[1], a[2], 0]);
            let product = a.wrapping_mul_u32(b);
            prop_assert_eq!(product.checked_div(U256::from_u64(u64::from(b))), Some(a));
        }

        #[test]
        fn shifts_agree_with_multiplication(a in any::<u64>(), n in 0u32..31) {
            let wide = U256([a, a, a, 0]);
            prop_assert_eq!(wide << n, wide.wrapping_mul_u32(1 << n));
            prop_assert_eq!((wide << n) >> n, wide);
        }

        #[test]
        fn compact_keeps_its_own_values(mantissa in 0x8000u32..0x80_0000, size in 3u32..=32) {
            let bits = CompactTarget(mantissa | size << 24);
            prop_assert_eq!(CompactTarget::from_target(bits.to_target().expect("positive")), bits);
        }

        #[test]
        fn subtraction_undoes_addition(a in any::<[u64; 4]>(), b in any::<[u64; 4]>()) {
            let (a, b) = (U256(a), U256(b));
            prop_assert_eq!(a.overflowing_add(b).0.wrapping_sub(b), a);
        }
    }
}
