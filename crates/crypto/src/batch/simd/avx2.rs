//! Four field elements in AVX2 and FMA registers: a leaf with `unsafe`.
//!
//! Reason: a field multiplication in lanes takes a fraction of the scalar one, and nothing safe
//! reaches those instructions. Safe twin: `lanes::Twin`, which the tests compare with element for
//! element. What makes it sound: the type is private, and `run` alone names it, after it has asked the
//! processor.
//!
//! An element is five limbs of 52 bits, held as doubles with integer values, of either sign. The
//! product of two limbs is split without loss: `hi = fma(a, b, C1)` rounds to a multiple of 2^52,
//! `fma(a, b, C1 - hi)` is the exact rest, and with the constants chosen as they are the bit
//! patterns of both grow by one for each unit, so that sums of patterns are sums of integers
//! (Emmart, Zheng, Weems: Faster modular exponentiation using double precision floating point
//! arithmetic on the GPU, 2018; rounding to nearest here).
//!
//! Invariant of every value: |limb 0..3| ≤ 2^51 + 2^45, |limb 4| ≤ 2^47 + 2^10.

#![allow(unsafe_code, reason = "a leaf, named in docs/ARCHITECTURE.md")]
use std::arch::x86_64::*;
use std::sync::OnceLock;

use crate::batch::field::Fe;
use crate::batch::lanes::{Element, Entry, Job, Lanes};

const WIDTH: usize = 4;
const LIMBS: usize = 5;
const MASK: u64 = (1 << 52) - 1;

const fn power(exponent: u32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// 3·2^103: a sum with a product of at most 2^103 has the unit 2^52.
const C1: f64 = 3.0 * power(103);
/// 3·2^51: a sum with an integer of at most 2^51 has the unit 1.
const C3: f64 = 3.0 * power(51);
/// 2^260 and 2^256 modulo p.
const FOLD_260: f64 = 0x10_0000_3d10_u64 as f64;
const FOLD_256: f64 = 0x1_0000_03d1_u64 as f64;
/// Makes a column positive before it is shifted; what it carries is taken back a limb later.
const BIAS: u64 = 1 << 56;
const BIAS_CARRY: u64 = BIAS >> 52;
const HALF: u64 = 1 << 51;

/// What a column starts with: minus the patterns of the constants that its `lows` and `highs`
/// bring along, plus `bias`.
const fn start(lows: u64, highs: u64, bias: u64) -> i64 {
    bias.wrapping_sub(lows.wrapping_mul(C3.to_bits()))
        .wrapping_sub(highs.wrapping_mul(C1.to_bits())) as i64
}

/// Columns 0 to 9 of a product with the parts that the reduction adds: below 5 each column
/// takes one low and (from 1) one high part more; column 0 and 1 take those of the last fold.
const MUL_START: [i64; 10] = [
    start(1 + 2, 0, BIAS + HALF),
    start(2 + 1, 1 + 2, BIAS + HALF - BIAS_CARRY),
    start(3 + 1, 2 + 1, BIAS + HALF - BIAS_CARRY),
    start(4 + 1, 3 + 1, BIAS + HALF - BIAS_CARRY),
    start(5 + 1, 4 + 1, BIAS + (1 << 47)),
    start(4, 5, BIAS),
    start(3, 4, BIAS - BIAS_CARRY),
    start(2, 3, BIAS - BIAS_CARRY),
    start(1, 2, BIAS - BIAS_CARRY),
    start(0, 1, 0_u64.wrapping_sub(BIAS_CARRY)),
];

/// Does the job, or gives it back where the processor can't.
pub fn run<J: Job>(job: J) -> Result<J::Output, J> {
    if !is_x86_feature_detected!("avx2") || !is_x86_feature_detected!("fma") {
        return Err(job);
    }
    // SAFETY: the processor has what the function is compiled for.
    Ok(unsafe { run_here(job) })
}

#[target_feature(enable = "avx2,fma")]
fn run_here<J: Job>(job: J) -> J::Output {
    job.run::<WIDTH, Avx>()
}

#[derive(Clone, Copy)]
struct Avx([__m256d; LIMBS]);

#[target_feature(enable = "avx2,fma")]
#[inline]
fn bits(value: __m256d) -> __m256i {
    _mm256_castpd_si256(value)
}

/// Adds the two parts of a·b to a column and the next.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn product(a: __m256d, b: __m256d, low: &mut __m256i, high: &mut __m256i) {
    let c1 = _mm256_set1_pd(C1);
    let hi = _mm256_fmadd_pd(a, b, c1);
    let lo = _mm256_fmadd_pd(a, b, _mm256_sub_pd(c1, hi));
    let lo = _mm256_add_pd(lo, _mm256_set1_pd(C3));
    *low = _mm256_add_epi64(*low, bits(lo));
    *high = _mm256_add_epi64(*high, bits(hi));
}

#[target_feature(enable = "avx2,fma")]
#[inline]
fn mul(a: &[__m256d; LIMBS], b: &[__m256d; LIMBS]) -> [__m256d; LIMBS] {
    let mut columns = MUL_START.map(|start| _mm256_set1_epi64x(start));
    for i in 0..LIMBS {
        for j in 0..LIMBS {
            let (low, high) = columns.split_at_mut(i + j + 1);
            product(a[i], b[j], &mut low[i + j], &mut high[0]);
        }
    }
    reduce(columns)
}

#[target_feature(enable = "avx2,fma")]
#[inline]
fn sqr(a: &[__m256d; LIMBS]) -> [__m256d; LIMBS] {
    // What is off the diagonal stands twice.
    let mut columns = [_mm256_setzero_si256(); 10];
    for i in 0..LIMBS {
        for j in i + 1..LIMBS {
            let (low, high) = columns.split_at_mut(i + j + 1);
            product(a[i], a[j], &mut low[i + j], &mut high[0]);
        }
    }
    for (column, start) in columns.iter_mut().zip(MUL_START) {
        *column = _mm256_add_epi64(_mm256_add_epi64(*column, *column), _mm256_set1_epi64x(start));
    }
    for i in 0..LIMBS {
        let (low, high) = columns.split_at_mut(2 * i + 1);
        product(a[i], a[i], &mut low[2 * i], &mut high[0]);
    }
    reduce(columns)
}

/// The columns of a product, biased, modulo p.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn reduce(columns: [__m256i; 10]) -> [__m256d; LIMBS] {
    let [mut c0, mut c1, mut c2, mut c3, mut c4, c5, mut c6, mut c7, mut c8, mut c9] = columns;
    let mask = _mm256_set1_epi64x(MASK as i64);
    let unit = _mm256_set1_pd(power(52));
    let c3_pd = _mm256_set1_pd(C3);
    let fold = _mm256_set1_pd(FOLD_260);
    // The upper half as limbs below 2^52, the last one with its sign.
    c6 = _mm256_add_epi64(c6, _mm256_srli_epi64::<52>(c5));
    c7 = _mm256_add_epi64(c7, _mm256_srli_epi64::<52>(c6));
    c8 = _mm256_add_epi64(c8, _mm256_srli_epi64::<52>(c7));
    c9 = _mm256_add_epi64(c9, _mm256_srli_epi64::<52>(c8));
    let h5 = unsigned(c5, mask, unit, unit);
    let h6 = unsigned(c6, mask, unit, unit);
    let h7 = unsigned(c7, mask, unit, unit);
    let h8 = unsigned(c8, mask, unit, unit);
    let h9 = signed(c9, c3_pd);
    let mut c5 = _mm256_set1_epi64x(start(0, 1, 0));
    product(h5, fold, &mut c0, &mut c1);
    product(h6, fold, &mut c1, &mut c2);
    product(h7, fold, &mut c2, &mut c3);
    product(h8, fold, &mut c3, &mut c4);
    product(h9, fold, &mut c4, &mut c5);
    // What stands from bit 256 on comes around once more.
    let over = _mm256_sub_epi64(
        _mm256_add_epi64(_mm256_srli_epi64::<48>(c4), _mm256_slli_epi64::<4>(c5)),
        _mm256_set1_epi64x((BIAS >> 48) as i64),
    );
    let c4 = _mm256_and_si256(c4, _mm256_set1_epi64x((1 << 48) - 1));
    product(signed(over, c3_pd), _mm256_set1_pd(FOLD_256), &mut c0, &mut c1);
    // Limbs of either sign.
    c1 = _mm256_add_epi64(c1, _mm256_srli_epi64::<52>(c0));
    c2 = _mm256_add_epi64(c2, _mm256_srli_epi64::<52>(c1));
    c3 = _mm256_add_epi64(c3, _mm256_srli_epi64::<52>(c2));
    let c4 = _mm256_add_epi64(c4, _mm256_srli_epi64::<52>(c3));
    let c4 = _mm256_sub_epi64(c4, _mm256_set1_epi64x((BIAS_CARRY + (1 << 47)) as i64));
    [
        unsigned(c0, mask, unit, c3_pd),
        unsigned(c1, mask, unit, c3_pd),
        unsigned(c2, mask, unit, c3_pd),
        unsigned(c3, mask, unit, c3_pd),
        signed(c4, c3_pd),
    ]
}

/// The low 52 bits as a double, less `minus` - 2^52.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn unsigned(value: __m256i, mask: __m256i, unit: __m256d, minus: __m256d) -> __m256d {
    let low = _mm256_or_si256(_mm256_and_si256(value, mask), bits(unit));
    _mm256_sub_pd(_mm256_castsi256_pd(low), minus)
}

/// An integer of at most 2^51 either way as a double; `c3` is `C3`.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn signed(value: __m256i, c3: __m256d) -> __m256d {
    _mm256_sub_pd(_mm256_castsi256_pd(_mm256_add_epi64(value, bits(c3))), c3)
}

#[target_feature(enable = "avx2,fma")]
#[inline]
fn add(a: &[__m256d; LIMBS], b: &[__m256d; LIMBS]) -> [__m256d; LIMBS] {
    let mut sum = *a;
    for i in 0..LIMBS {
        sum[i] = _mm256_add_pd(a[i], b[i]);
    }
    carry(&sum, 1.0)
}

#[target_feature(enable = "avx2,fma")]
#[inline]
fn sub(a: &[__m256d; LIMBS], b: &[__m256d; LIMBS]) -> [__m256d; LIMBS] {
    let mut difference = *a;
    for i in 0..LIMBS {
        difference[i] = _mm256_sub_pd(a[i], b[i]);
    }
    carry(&difference, 1.0)
}

#[target_feature(enable = "avx2,fma")]
#[inline]
fn sub2(a: &[__m256d; LIMBS], b: &[__m256d; LIMBS], c: &[__m256d; LIMBS]) -> [__m256d; LIMBS] {
    let mut difference = *a;
    for i in 0..LIMBS {
        difference[i] = _mm256_sub_pd(_mm256_sub_pd(a[i], b[i]), c[i]);
    }
    carry(&difference, 1.0)
}

/// Times `factor` (at most 32), each limb handing on what is above its size. Limbs are at most
/// 2^53 when `factor` is 1.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn carry(a: &[__m256d; LIMBS], factor: f64) -> [__m256d; LIMBS] {
    let factor = _mm256_set1_pd(factor);
    let c1 = _mm256_set1_pd(C1);
    let top = _mm256_set1_pd(3.0 * power(99));
    let mut rest = *a;
    let mut over = *a;
    for i in 0..LIMBS {
        let magic = if i == 4 { top } else { c1 };
        over[i] = _mm256_sub_pd(_mm256_fmadd_pd(a[i], factor, magic), magic);
        rest[i] = _mm256_fmsub_pd(a[i], factor, over[i]);
    }
    let down = _mm256_set1_pd(1.0 / power(52));
    let around = _mm256_set1_pd(FOLD_256 / power(48));
    [
        _mm256_fmadd_pd(over[4], around, rest[0]),
        _mm256_fmadd_pd(over[0], down, rest[1]),
        _mm256_fmadd_pd(over[1], down, rest[2]),
        _mm256_fmadd_pd(over[2], down, rest[3]),
        _mm256_fmadd_pd(over[3], down, rest[4]),
    ]
}

#[target_feature(enable = "avx2,fma")]
#[inline(never)]
fn mul_call(a: &Avx, b: &Avx) -> Avx {
    Avx(mul(&a.0, &b.0))
}

#[target_feature(enable = "avx2,fma")]
#[inline(never)]
fn sqr_call(a: &Avx) -> Avx {
    Avx(sqr(&a.0))
}

#[target_feature(enable = "avx2,fma")]
#[inline(never)]
fn sqr_times_call(a: &Avx, times: u32) -> Avx {
    let mut value = a.0;
    for _ in 0..times {
        value = sqr(&value);
    }
    Avx(value)
}

#[target_feature(enable = "avx2,fma")]
#[inline]
fn load(slots: [&[f64; LIMBS]; WIDTH]) -> Avx {
    let [a, b, c, d] = slots;
    let limb = |i: usize| _mm256_set_pd(d[i], c[i], b[i], a[i]);
    Avx([limb(0), limb(1), limb(2), limb(3), limb(4)])
}

#[target_feature(enable = "avx2,fma")]
#[inline]
fn splat(slot: &[f64; LIMBS]) -> Avx {
    Avx(slot.map(|limb| _mm256_set1_pd(limb)))
}

// SAFETY of every `unsafe` below: an `Avx` type parameter exists only inside `run_here`, which runs
// only on processors with AVX2 and FMA.
impl Element for Avx {
    #[inline(always)]
    fn splat(value: &Fe) -> Avx {
        unsafe { splat(&Avx::pack(value)) }
    }

    #[inline(always)]
    fn add(&self, other: &Avx) -> Avx {
        Avx(unsafe { add(&self.0, &other.0) })
    }

    #[inline(always)]
    fn sub(&self, other: &Avx) -> Avx {
        Avx(unsafe { sub(&self.0, &other.0) })
    }

    #[inline(always)]
    fn mul(&self, other: &Avx) -> Avx {
        unsafe { mul_call(self, other) }
    }

    #[inline(always)]
    fn sqr(&self) -> Avx {
        unsafe { sqr_call(self) }
    }

    #[inline(always)]
    fn sqr_times(&self, times: u32) -> Avx {
        unsafe { sqr_times_call(self, times) }
    }

    #[inline(always)]
    fn small(&self, factor: u32) -> Avx {
        Avx(unsafe { carry(&self.0, f64::from(factor)) })
    }

    #[inline(always)]
    fn sub2(&self, a: &Avx, b: &Avx) -> Avx {
        Avx(unsafe { sub2(&self.0, &a.0, &b.0) })
    }
}

impl Lanes<WIDTH> for Avx {
    type Slot = [f64; LIMBS];

    const EQUATION_FROM: usize = 8;
    const QUICK_ALONE: bool = false;

    fn generator() -> &'static OnceLock<Vec<Entry<[f64; LIMBS]>>> {
        static MULTIPLES: OnceLock<Vec<Entry<[f64; LIMBS]>>> = OnceLock::new();
        &MULTIPLES
    }

    fn pack(value: &Fe) -> [f64; LIMBS] {
        let [a, b, c, d] = value.0;
        let mut limbs = [
            a & MASK,
            (a >> 52 | b << 12) & MASK,
            (b >> 40 | c << 24) & MASK,
            (c >> 28 | d << 36) & MASK,
            d >> 16,
        ]
        .map(|limb| limb as i64);
        // Limbs of either sign; what the last one has too much comes around.
        let over = (limbs[4] + (1 << 47)) >> 48;
        limbs[4] -= over << 48;
        limbs[0] += over * 0x1_0000_03d1;
        for i in 0..4 {
            let over = (limbs[i] + (1 << 51)) >> 52;
            limbs[i] -= over << 52;
            limbs[i + 1] += over;
        }
        limbs.map(|limb| limb as f64)
    }

    fn unpack(slot: &[f64; LIMBS]) -> Fe {
        let mut limbs = [0u64; LIMBS];
        let mut over = 0i64;
        for (limb, own) in limbs.iter_mut().zip(slot) {
            let sum = *own as i64 + over;
            (*limb, over) = (sum as u64 & MASK, sum >> 52);
        }
        let [a, b, c, d, e] = limbs;
        let low = Fe([a | b << 52, b >> 12 | c << 40, c >> 24 | d << 28, d >> 36 | e << 16]);
        let top = (e >> 48) as i64 + (over << 4);
        let around = Fe::small(0x1_0000_03d1).times(top.unsigned_abs() as u32);
        if top < 0 { low.sub(&around) } else { low.add(&around) }
    }

    #[inline(always)]
    fn load(slots: [&[f64; LIMBS]; WIDTH]) -> Avx {
        unsafe { load(slots) }
    }

    #[inline(always)]
    fn store(&self) -> [[f64; LIMBS]; WIDTH] {
        let limbs: [[f64; WIDTH]; LIMBS] = self.0.map(|limb| {
            let mut lanes = [0.0; WIDTH];
            // SAFETY: also, `lanes` has room for the four.
            unsafe { _mm256_storeu_pd(lanes.as_mut_ptr(), limb) };
            lanes
        });
        std::array::from_fn(|lane| std::array::from_fn(|i| limbs[i][lane]))
    }
}
