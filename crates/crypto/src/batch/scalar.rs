//! Scalars modulo the group order, split into halves (GLV) and digits. Arithmetic is k256's.

use k256::elliptic_curve::PrimeField;
use k256::elliptic_curve::ops::Reduce;
use k256::{FieldBytes, Scalar};

/// λ: the endomorphism (x, y) → (β·x, y) multiplies by it.
const LAMBDA: [u8; 32] = [
    0x53, 0x63, 0xad, 0x4c, 0xc0, 0x5c, 0x30, 0xe0, 0xa5, 0x26, 0x1c, 0x02, 0x88, 0x12, 0x64, 0x5a,
    0x12, 0x2e, 0x22, 0xea, 0x20, 0x81, 0x66, 0x78, 0xdf, 0x02, 0x96, 0x7c, 0x1b, 0x23, 0xbd, 0x72,
];
/// The lattice basis (a1, b1), (a2, b2) of the endomorphism: -b1 and b2 over the order times
/// 2^384, rounded; -b1 and b2 themselves.
const G1: [u64; 4] =
    [0xe893_209a_45db_b031, 0x3daa_8a14_71e8_ca7f, 0xe86c_90e4_9284_eb15, 0x3086_d221_a7d4_6bcd];
const G2: [u64; 4] =
    [0x1571_b4ae_8ac4_7f71, 0x2212_08ac_9df5_06c6, 0x6f54_7fa9_0abf_e4c4, 0xe443_7ed6_010e_8828];
const MINUS_B1: u128 = 0xe443_7ed6_010e_8828_6f54_7fa9_0abf_e4c3;
const B2: u128 = 0x3086_d221_a7d4_6bcd_e86c_90e4_9284_eb15;

/// A scalar of at most 128 bits with a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Short {
    pub negative: bool,
    pub magnitude: u128,
}

/// 32 big-endian bytes, when below the order.
pub fn from_bytes(bytes: &[u8; 32]) -> Option<Scalar> {
    Scalar::from_repr(FieldBytes::from(*bytes)).into_option()
}

/// 32 big-endian bytes modulo the order.
pub fn reduced(bytes: &[u8; 32]) -> Scalar {
    <Scalar as Reduce<FieldBytes>>::reduce(&FieldBytes::from(*bytes))
}

pub fn from_u128(value: u128) -> Scalar {
    Scalar::from(value)
}

/// Least limb first.
fn limbs(scalar: &Scalar) -> [u64; 4] {
    let bytes = scalar.to_bytes();
    let mut limbs = [0u64; 4];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.rchunks_exact(8)) {
        *limb = chunk.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
    }
    limbs
}

/// a·b / 2^384, rounded.
fn mul_shift(a: &[u64; 4], b: &[u64; 4]) -> u128 {
    let mut wide = [0u64; 8];
    for i in 0..4 {
        let mut carry = 0u128;
        for j in 0..4 {
            let sum = u128::from(a[i]) * u128::from(b[j]) + u128::from(wide[i + j]) + carry;
            wide[i + j] = sum as u64;
            carry = sum >> 64;
        }
        wide[i + 4] = carry as u64;
    }
    let high = u128::from(wide[7]) << 64 | u128::from(wide[6]);
    high.wrapping_add(u128::from(wide[5] >> 63))
}

/// `scalar` as first + λ·second.
pub fn split(scalar: &Scalar) -> [Short; 2] {
    let own = limbs(scalar);
    let (c1, c2) = (mul_shift(&own, &G1), mul_shift(&own, &G2));
    let second = from_u128(c1) * from_u128(MINUS_B1) - from_u128(c2) * from_u128(B2);
    let first = *scalar - second * reduced(&LAMBDA);
    [short(&first), short(&second)]
}

/// A scalar whose distance from zero is below 2^128.
fn short(scalar: &Scalar) -> Short {
    let own = limbs(scalar);
    let negative = own[2] | own[3] != 0;
    let own = if negative { limbs(&-*scalar) } else { own };
    assert!(own[2] | own[3] == 0, "halves of a scalar are short");
    Short { negative, magnitude: u128::from(own[1]) << 64 | u128::from(own[0]) }
}

/// Digits of a short scalar's magnitude: those of a window of `width` bits lie from
/// -2^(width-1) to 2^(width-1).
pub const fn digit_count(width: u32) -> usize {
    (129u32.div_ceil(width)) as usize
}

/// The digits of a short scalar, least first, signs applied.
pub fn digits(short: &Short, width: u32, mut each: impl FnMut(usize, i32)) {
    let mut rest = short.magnitude;
    let (half, full) = (1i32 << (width - 1), 1i32 << width);
    let mut carry = 0;
    for at in 0..digit_count(width) {
        let mut digit = (rest as u32 & (full as u32 - 1)) as i32 + carry;
        rest >>= width;
        carry = i32::from(digit > half);
        digit -= carry * full;
        each(at, if short.negative { -digit } else { digit });
    }
}

/// Replaces each scalar by its inverse, zero by zero, at the price of one inversion.
pub fn invert_all(scalars: &mut [Scalar]) {
    let mut products = Vec::with_capacity(scalars.len());
    let mut product = Scalar::ONE;
    for scalar in scalars.iter() {
        products.push(product);
        if *scalar != Scalar::ZERO {
            product *= scalar;
        }
    }
    let mut inverse = product.invert_vartime().unwrap_or(Scalar::ZERO);
    for (scalar, before) in scalars.iter_mut().zip(products).rev() {
        if *scalar != Scalar::ZERO {
            let own = *scalar;
            *scalar = inverse * before;
            inverse *= own;
        }
    }
}
