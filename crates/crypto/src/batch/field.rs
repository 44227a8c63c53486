//! The field of secp256k1, p = 2^256 - 2^32 - 977: one element, four 64-bit limbs.
//!
//! A value is below 2^256 and need not be below p; comparing and writing out reduce it.

/// 2^256 modulo p.
const FOLD: u64 = 0x1_0000_03d1;
/// p, least limb first.
const P: [u64; 4] = [0xffff_fffe_ffff_fc2f, u64::MAX, u64::MAX, u64::MAX];

/// An element of the field.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fe(pub(super) [u64; 4]);

impl PartialEq for Fe {
    fn eq(&self, other: &Fe) -> bool {
        self.canonical() == other.canonical()
    }
}

impl Eq for Fe {}

impl Fe {
    pub const ZERO: Fe = Fe([0; 4]);
    pub const ONE: Fe = Fe([1, 0, 0, 0]);
    /// The cube root of one that goes with the endomorphism: λ·(x, y) = (β·x, y).
    pub const BETA: Fe = Fe([
        0xc139_6c28_7195_01ee,
        0x9cf0_4975_12f5_8995,
        0x6e64_479e_ac34_34e9,
        0x7ae9_6a2b_657c_0710,
    ]);

    pub const fn small(value: u64) -> Fe {
        Fe([value, 0, 0, 0])
    }

    /// 32 big-endian bytes; None from p on.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Fe> {
        let mut limbs = [0u64; 4];
        for (limb, chunk) in limbs.iter_mut().zip(bytes.rchunks_exact(8)) {
            *limb = chunk.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        }
        below_p(&limbs).then_some(Fe(limbs))
    }

    /// 32 big-endian bytes of the value below p.
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0u8; 32];
        for (chunk, limb) in bytes.rchunks_exact_mut(8).zip(self.canonical()) {
            chunk.copy_from_slice(&limb.to_be_bytes());
        }
        bytes
    }

    /// The limbs of the value below p.
    pub(super) fn canonical(&self) -> [u64; 4] {
        if below_p(&self.0) {
            return self.0;
        }
        // What is from p to 2^256 - 1 loses p by gaining 2^256 - p and dropping the carry.
        add_small(&self.0, FOLD).0
    }

    pub fn is_zero(&self) -> bool {
        self.canonical() == [0; 4]
    }

    pub fn is_odd(&self) -> bool {
        self.canonical()[0] & 1 == 1
    }

    #[inline]
    pub fn add(&self, other: &Fe) -> Fe {
        let (sum, carry) = add_limbs(&self.0, &other.0);
        let (sum, carry) = add_small(&sum, if carry { FOLD } else { 0 });
        Fe(add_small(&sum, if carry { FOLD } else { 0 }).0)
    }

    #[inline]
    pub fn sub(&self, other: &Fe) -> Fe {
        let (difference, borrow) = sub_limbs(&self.0, &other.0);
        let (difference, borrow) = sub_small(&difference, if borrow { FOLD } else { 0 });
        Fe(sub_small(&difference, if borrow { FOLD } else { 0 }).0)
    }

    pub fn neg(&self) -> Fe {
        Fe::ZERO.sub(self)
    }

    #[inline]
    pub fn mul(&self, other: &Fe) -> Fe {
        let (a, b) = (&self.0, &other.0);
        let mut wide = [0u64; 8];
        for i in 0..4 {
            let mut carry = 0;
            for j in 0..4 {
                (wide[i + j], carry) = mul_add(a[i], b[j], wide[i + j], carry);
            }
            wide[i + 4] = carry;
        }
        Fe(fold(&wide))
    }

    #[inline]
    pub fn sqr(&self) -> Fe {
        let a = &self.0;
        let mut wide = [0u64; 8];
        // What is off the diagonal stands twice.
        for i in 0..3 {
            let mut carry = 0;
            for j in i + 1..4 {
                (wide[i + j], carry) = mul_add(a[i], a[j], wide[i + j], carry);
            }
            wide[i + 4] = carry;
        }
        let mut top = 0;
        for limb in &mut wide {
            (*limb, top) = (*limb << 1 | top, *limb >> 63);
        }
        let mut carry = false;
        for i in 0..4 {
            let square = u128::from(a[i]) * u128::from(a[i]);
            (wide[2 * i], carry) = carrying(wide[2 * i], square as u64, carry);
            (wide[2 * i + 1], carry) = carrying(wide[2 * i + 1], (square >> 64) as u64, carry);
        }
        Fe(fold(&wide))
    }

    /// Times a number below 2^32.
    pub fn times(&self, factor: u32) -> Fe {
        let mut limbs = [0u64; 4];
        let mut carry = 0;
        for (limb, own) in limbs.iter_mut().zip(self.0) {
            (*limb, carry) = mul_add(own, u64::from(factor), 0, carry);
        }
        Fe(fold_top(&limbs, carry))
    }
}

fn below_p(limbs: &[u64; 4]) -> bool {
    limbs[1] & limbs[2] & limbs[3] != u64::MAX || limbs[0] < P[0]
}

/// a·b + c + d as low and high limb.
#[inline(always)]
fn mul_add(a: u64, b: u64, c: u64, d: u64) -> (u64, u64) {
    let wide = u128::from(a) * u128::from(b) + u128::from(c) + u128::from(d);
    (wide as u64, (wide >> 64) as u64)
}

#[inline(always)]
fn carrying(a: u64, b: u64, carry: bool) -> (u64, bool) {
    let (sum, first) = a.overflowing_add(b);
    let (sum, second) = sum.overflowing_add(u64::from(carry));
    (sum, first | second)
}

#[inline(always)]
fn borrowing(a: u64, b: u64, borrow: bool) -> (u64, bool) {
    let (difference, first) = a.overflowing_sub(b);
    let (difference, second) = difference.overflowing_sub(u64::from(borrow));
    (difference, first | second)
}

#[inline(always)]
fn add_limbs(a: &[u64; 4], b: &[u64; 4]) -> ([u64; 4], bool) {
    let (mut sum, mut carry) = ([0; 4], false);
    for i in 0..4 {
        (sum[i], carry) = carrying(a[i], b[i], carry);
    }
    (sum, carry)
}

#[inline(always)]
fn sub_limbs(a: &[u64; 4], b: &[u64; 4]) -> ([u64; 4], bool) {
    let (mut difference, mut borrow) = ([0; 4], false);
    for i in 0..4 {
        (difference[i], borrow) = borrowing(a[i], b[i], borrow);
    }
    (difference, borrow)
}

#[inline(always)]
fn add_small(a: &[u64; 4], b: u64) -> ([u64; 4], bool) {
    add_limbs(a, &[b, 0, 0, 0])
}

#[inline(always)]
fn sub_small(a: &[u64; 4], b: u64) -> ([u64; 4], bool) {
    sub_limbs(a, &[b, 0, 0, 0])
}

/// Eight limbs modulo p, below 2^256.
#[inline(always)]
fn fold(wide: &[u64; 8]) -> [u64; 4] {
    let mut limbs = [0u64; 4];
    let mut carry = 0;
    for i in 0..4 {
        (limbs[i], carry) = mul_add(wide[i + 4], FOLD, wide[i], carry);
    }
    fold_top(&limbs, carry)
}

/// Four limbs and a fifth below 2^34 modulo p, below 2^256.
#[inline(always)]
fn fold_top(limbs: &[u64; 4], top: u64) -> [u64; 4] {
    let wide = u128::from(top) * u128::from(FOLD);
    let (sum, carry) = add_limbs(limbs, &[wide as u64, (wide >> 64) as u64, 0, 0]);
    // After a carry the rest is far below 2^256, so this is the last.
    add_small(&sum, if carry { FOLD } else { 0 }).0
}
