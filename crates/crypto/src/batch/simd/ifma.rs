//! Eight field elements in AVX-512 registers, multiplied by IFMA: a leaf with `unsafe`.
//!
//! Reason: these instructions multiply 52-bit limbs of eight elements and add either half of the
//! products, so that a field multiplication takes a tenth of the scalar one; nothing safe reaches
//! them. Safe twin: `lanes::Twin`, which the tests compare with element for element. What makes it
//! sound: the type is private, and `run` alone names it, after it has asked the processor.
//!
//! An element is five limbs of 52 bits. Invariant of every value: limbs 0 to 3 are below 2^52, limb
//! 4 is below 2^49, so that the multiplier, which reads 52 bits, reads all of each limb.

#![allow(unsafe_code, reason = "a leaf, named in docs/ARCHITECTURE.md")]
use std::arch::x86_64::*;
use std::sync::OnceLock;

use crate::batch::field::Fe;
use crate::batch::lanes::{Element, Entry, Job, Lanes};

const WIDTH: usize = 8;
const LIMBS: usize = 5;
const LIMBS_MASK: __mmask8 = 0b1_1111;
const MASK: u64 = (1 << 52) - 1;
/// Bits of limb 4 that lie below 2^256.
const TOP: u64 = (1 << 48) - 1;
/// 2^260 and 2^256 modulo p.
const FOLD_260: u64 = 0x10_0000_3d10;
const FOLD_256: u64 = 0x1_0000_03d1;

/// 16·p with limbs so great that `times` elements taken from them leave no limb negative: from
/// each limb `times` units go to the one below.
const fn room(times: u64) -> [u64; LIMBS] {
    let lent = times << 52;
    [
        (1 << 52) - FOLD_260 + lent,
        MASK - times + lent,
        MASK - times + lent,
        MASK - times + lent,
        MASK - times,
    ]
}

/// Does the job, or gives it back where the processor can't.
pub fn run<J: Job>(job: J) -> Result<J::Output, J> {
    if !is_x86_feature_detected!("avx512f") || !is_x86_feature_detected!("avx512ifma") {
        return Err(job);
    }
    // SAFETY: the processor has what the function is compiled for.
    Ok(unsafe { run_here(job) })
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn run_here<J: Job>(job: J) -> J::Output {
    job.run::<WIDTH, Ifma>()
}

type Limbs = [__m512i; LIMBS];

#[derive(Clone, Copy)]
struct Ifma(Limbs);

#[target_feature(enable = "avx512f")]
#[inline]
fn all(value: u64) -> __m512i {
    _mm512_set1_epi64(value as i64)
}

/// Adds the low and the high half of a product to a column and to the next.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn product(a: __m512i, b: __m512i, low: &mut __m512i, high: &mut __m512i) {
    *low = _mm512_madd52lo_epu64(*low, a, b);
    *high = _mm512_madd52hi_epu64(*high, a, b);
}

#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn mul(a: &Limbs, b: &Limbs) -> Limbs {
    // Low and high halves apart: shorter chains of additions.
    let (mut low, mut high) = ([_mm512_setzero_si512(); 9], [_mm512_setzero_si512(); 9]);
    for i in 0..LIMBS {
        for j in 0..LIMBS {
            product(a[i], b[j], &mut low[i + j], &mut high[i + j]);
        }
    }
    reduce(low, high)
}

#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn sqr(a: &Limbs) -> Limbs {
    // What is off the diagonal stands twice.
    let (mut low, mut high) = ([_mm512_setzero_si512(); 9], [_mm512_setzero_si512(); 9]);
    for i in 0..LIMBS {
        for j in i + 1..LIMBS {
            product(a[i], a[j], &mut low[i + j], &mut high[i + j]);
        }
    }
    for at in 1..8 {
        low[at] = _mm512_add_epi64(low[at], low[at]);
        high[at] = _mm512_add_epi64(high[at], high[at]);
    }
    for i in 0..LIMBS {
        product(a[i], a[i], &mut low[2 * i], &mut high[2 * i]);
    }
    reduce(low, high)
}

/// The columns of a product modulo p.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn reduce(low: [__m512i; 9], high: [__m512i; 9]) -> Limbs {
    let mut c = [_mm512_setzero_si512(); 10];
    c[0] = low[0];
    for at in 1..9 {
        c[at] = _mm512_add_epi64(low[at], high[at - 1]);
    }
    c[9] = high[8];
    // The upper half: the multiplier drops what a limb hands on.
    for at in 5..9 {
        c[at + 1] = _mm512_add_epi64(c[at + 1], _mm512_srli_epi64::<52>(c[at]));
    }
    let fold = all(FOLD_260);
    let [mut c0, mut c1, mut c2, mut c3, mut c4, h5, h6, h7, h8, h9] = c;
    let mut c5 = _mm512_setzero_si512();
    product(h5, fold, &mut c0, &mut c1);
    product(h6, fold, &mut c1, &mut c2);
    product(h7, fold, &mut c2, &mut c3);
    product(h8, fold, &mut c3, &mut c4);
    product(h9, fold, &mut c4, &mut c5);
    // What stands from bit 256 on, below 2^36, comes around once more.
    let over = _mm512_add_epi64(_mm512_srli_epi64::<48>(c4), _mm512_slli_epi64::<4>(c5));
    product(over, all(FOLD_256), &mut c0, &mut c1);
    hand_on([c0, c1, c2, c3, _mm512_and_si512(c4, all(TOP))])
}

/// Limbs below 2^63 whose last one, with what is handed on to it, stays below 2^49: in bounds.
#[target_feature(enable = "avx512f")]
#[inline]
fn hand_on(mut limbs: Limbs) -> Limbs {
    for at in 0..4 {
        limbs[at + 1] = _mm512_add_epi64(limbs[at + 1], _mm512_srli_epi64::<52>(limbs[at]));
        limbs[at] = _mm512_and_si512(limbs[at], all(MASK));
    }
    limbs
}

/// Limbs below 2^58 in bounds.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn carry(mut limbs: Limbs) -> Limbs {
    let over = _mm512_srli_epi64::<48>(limbs[4]);
    limbs[4] = _mm512_and_si512(limbs[4], all(TOP));
    limbs[0] = _mm512_madd52lo_epu64(limbs[0], over, all(FOLD_256));
    hand_on(limbs)
}

#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn add(a: &Limbs, b: &Limbs) -> Limbs {
    let mut sum = *a;
    for i in 0..LIMBS {
        sum[i] = _mm512_add_epi64(a[i], b[i]);
    }
    carry(sum)
}

#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn sub(a: &Limbs, b: &Limbs) -> Limbs {
    const ROOM: [u64; LIMBS] = room(1);
    let mut difference = *a;
    for i in 0..LIMBS {
        difference[i] = _mm512_sub_epi64(_mm512_add_epi64(a[i], all(ROOM[i])), b[i]);
    }
    carry(difference)
}

#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn sub2(a: &Limbs, b: &Limbs, c: &Limbs) -> Limbs {
    const ROOM: [u64; LIMBS] = room(2);
    let mut difference = *a;
    for i in 0..LIMBS {
        let taken = _mm512_add_epi64(b[i], c[i]);
        difference[i] = _mm512_sub_epi64(_mm512_add_epi64(a[i], all(ROOM[i])), taken);
    }
    carry(difference)
}

/// Times `factor`, at most 32.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn small(a: &Limbs, factor: u32) -> Limbs {
    let factor = all(u64::from(factor));
    let mut c = [_mm512_setzero_si512(); LIMBS + 1];
    for i in 0..LIMBS {
        let (low, high) = c.split_at_mut(i + 1);
        product(a[i], factor, &mut low[i], &mut high[0]);
    }
    let [c0, c1, c2, c3, c4, c5] = c;
    // Limb 4 is below 2^54 with what is above it.
    carry([c0, c1, c2, c3, _mm512_add_epi64(c4, _mm512_slli_epi64::<52>(c5))])
}

#[target_feature(enable = "avx512f,avx512ifma")]
#[inline(never)]
fn mul_call(a: &Ifma, b: &Ifma) -> Ifma {
    Ifma(mul(&a.0, &b.0))
}

#[target_feature(enable = "avx512f,avx512ifma")]
#[inline(never)]
fn sqr_call(a: &Ifma) -> Ifma {
    Ifma(sqr(&a.0))
}

#[target_feature(enable = "avx512f,avx512ifma")]
#[inline(never)]
fn sqr_times_call(a: &Ifma, times: u32) -> Ifma {
    let mut value = a.0;
    for _ in 0..times {
        value = sqr(&value);
    }
    Ifma(value)
}

/// Which 128-bit quarters `quarters` takes: two of the first, then two of the second.
const fn take(a: i32, b: i32, c: i32, d: i32) -> i32 {
    a | b << 2 | c << 4 | d << 6
}

#[target_feature(enable = "avx512f")]
#[inline]
fn quarters<const TAKE: i32>(a: __m512i, b: __m512i) -> __m512i {
    _mm512_shuffle_i64x2::<TAKE>(a, b)
}

/// Rows of limbs to limbs of rows.
#[target_feature(enable = "avx512f")]
#[inline]
fn load(slots: [&[u64; LIMBS]; WIDTH]) -> Ifma {
    // SAFETY: the mask keeps the five limbs that are there.
    let row =
        |at: usize| unsafe { _mm512_maskz_loadu_epi64(LIMBS_MASK, slots[at].as_ptr().cast()) };
    let rows = [row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7)];
    // Each quarter holds one limb of two rows; even limbs in one, odd limbs in the other.
    let even = |at: usize| _mm512_unpacklo_epi64(rows[at], rows[at + 1]);
    let odd = |at: usize| _mm512_unpackhi_epi64(rows[at], rows[at + 1]);
    let (a, b, c, d) = (even(0), even(2), even(4), even(6));
    const HALF: i32 = take(0, 1, 0, 1);
    const FIRST: i32 = take(0, 2, 0, 2);
    const SECOND: i32 = take(1, 3, 1, 3);
    const THIRD: i32 = take(2, 2, 2, 2);
    let (ab, cd) = (quarters::<HALF>(a, b), quarters::<HALF>(c, d));
    let (limb0, limb2) = (quarters::<FIRST>(ab, cd), quarters::<SECOND>(ab, cd));
    let limb4 = quarters::<FIRST>(quarters::<THIRD>(a, b), quarters::<THIRD>(c, d));
    let (ab, cd) = (quarters::<HALF>(odd(0), odd(2)), quarters::<HALF>(odd(4), odd(6)));
    let (limb1, limb3) = (quarters::<FIRST>(ab, cd), quarters::<SECOND>(ab, cd));
    Ifma([limb0, limb1, limb2, limb3, limb4])
}

#[target_feature(enable = "avx512f,avx512ifma")]
#[inline(never)]
fn sqr_times_two_call(a: &Ifma, b: &Ifma, times: u32) -> (Ifma, Ifma) {
    let (mut first, mut second) = (a.0, b.0);
    for _ in 0..times {
        first = sqr(&first);
        second = sqr(&second);
    }
    (Ifma(first), Ifma(second))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn splat(slot: &[u64; LIMBS]) -> Ifma {
    Ifma([all(slot[0]), all(slot[1]), all(slot[2]), all(slot[3]), all(slot[4])])
}

/// Limbs of rows to rows of limbs.
#[target_feature(enable = "avx512f")]
#[inline]
fn store(value: &Ifma, slots: &mut [[u64; LIMBS]; WIDTH]) {
    let [a, b, c, d, e] = value.0;
    let zero = _mm512_setzero_si512();
    const LOW: i32 = take(0, 1, 0, 1);
    const HIGH: i32 = take(2, 3, 2, 3);
    let mut put = |at: usize, row: __m512i| {
        // SAFETY: the mask keeps to the five limbs of the slot.
        unsafe { _mm512_mask_storeu_epi64(slots[at].as_mut_ptr().cast(), LIMBS_MASK, row) };
    };
    let (ab, cd) = (_mm512_unpacklo_epi64(a, b), _mm512_unpacklo_epi64(c, d));
    let e_even = _mm512_unpacklo_epi64(e, zero);
    let (low, high) = (quarters::<LOW>(ab, cd), quarters::<HIGH>(ab, cd));
    put(0, quarters::<{ take(0, 2, 0, 0) }>(low, e_even));
    put(2, quarters::<{ take(1, 3, 1, 1) }>(low, e_even));
    put(4, quarters::<{ take(0, 2, 2, 2) }>(high, e_even));
    put(6, quarters::<{ take(1, 3, 3, 3) }>(high, e_even));
    let (ab, cd) = (_mm512_unpackhi_epi64(a, b), _mm512_unpackhi_epi64(c, d));
    let e_odd = _mm512_unpackhi_epi64(e, zero);
    let (low, high) = (quarters::<LOW>(ab, cd), quarters::<HIGH>(ab, cd));
    put(1, quarters::<{ take(0, 2, 0, 0) }>(low, e_odd));
    put(3, quarters::<{ take(1, 3, 1, 1) }>(low, e_odd));
    put(5, quarters::<{ take(0, 2, 2, 2) }>(high, e_odd));
    put(7, quarters::<{ take(1, 3, 3, 3) }>(high, e_odd));
}

// SAFETY of every `unsafe` below: an `Ifma` type parameter exists only inside `run_here`, which
// runs only on processors with AVX-512 F and IFMA.
impl Element for Ifma {
    #[inline(always)]
    fn splat(value: &Fe) -> Ifma {
        unsafe { splat(&Ifma::pack(value)) }
    }

    #[inline(always)]
    fn add(&self, other: &Ifma) -> Ifma {
        Ifma(unsafe { add(&self.0, &other.0) })
    }

    #[inline(always)]
    fn sub(&self, other: &Ifma) -> Ifma {
        Ifma(unsafe { sub(&self.0, &other.0) })
    }

    #[inline(always)]
    fn mul(&self, other: &Ifma) -> Ifma {
        unsafe { mul_call(self, other) }
    }

    #[inline(always)]
    fn sqr(&self) -> Ifma {
        unsafe { sqr_call(self) }
    }

    #[inline(always)]
    fn sqr_times(&self, times: u32) -> Ifma {
        unsafe { sqr_times_call(self, times) }
    }

    #[inline(always)]
    fn sqr_times_two(&self, other: &Ifma, times: u32) -> (Ifma, Ifma) {
        unsafe { sqr_times_two_call(self, other, times) }
    }

    #[inline(always)]
    fn small(&self, factor: u32) -> Ifma {
        Ifma(unsafe { small(&self.0, factor) })
    }

    #[inline(always)]
    fn sub2(&self, a: &Ifma, b: &Ifma) -> Ifma {
        Ifma(unsafe { sub2(&self.0, &a.0, &b.0) })
    }
}

impl Lanes<WIDTH> for Ifma {
    type Slot = [u64; LIMBS];

    const EQUATION_FROM: usize = 20;
    const QUICK_ALONE: bool = true;

    fn generator() -> &'static OnceLock<Vec<Entry<[u64; LIMBS]>>> {
        static MULTIPLES: OnceLock<Vec<Entry<[u64; LIMBS]>>> = OnceLock::new();
        &MULTIPLES
    }

    #[inline]
    fn pack(value: &Fe) -> [u64; LIMBS] {
        let [a, b, c, d] = value.0;
        [
            a & MASK,
            (a >> 52 | b << 12) & MASK,
            (b >> 40 | c << 24) & MASK,
            (c >> 28 | d << 36) & MASK,
            d >> 16,
        ]
    }

    #[inline]
    fn unpack(slot: &[u64; LIMBS]) -> Fe {
        let [a, b, c, d, e] = *slot;
        let low = Fe([a | b << 52, b >> 12 | c << 40, c >> 24 | d << 28, d >> 36 | e << 16]);
        low.add(&Fe::small((e >> 48) * FOLD_256))
    }

    #[inline(always)]
    fn load(slots: [&[u64; LIMBS]; WIDTH]) -> Ifma {
        unsafe { load(slots) }
    }

    #[inline(always)]
    fn store(&self) -> [[u64; LIMBS]; WIDTH] {
        let mut slots = [[0; LIMBS]; WIDTH];
        self.store_to(&mut slots);
        slots
    }

    #[inline(always)]
    fn store_to(&self, slots: &mut [[u64; LIMBS]; WIDTH]) {
        unsafe { store(self, slots) }
    }
}
