//! Field, lanes and scalars.

use k256::elliptic_curve::PrimeField;
use k256::{FieldBytes, Scalar};

use super::{Random, bytes_of, cases};
use crate::batch::field::Fe;
use crate::batch::lanes::{Job, Lanes};
use crate::batch::point::{invert, root};
use crate::batch::scalar::{self, Short, digit_count, digits};
use crate::batch::simd::each;

const P: &str = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f";
const N: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";

/// Slow arithmetic modulo p on big-endian bytes, bit by bit, that shares nothing with `field`
/// (k256 keeps its field to itself; points and roots are compared with it in `sums`).
mod slow {
    pub type Bytes = [u8; 32];

    fn p() -> Bytes {
        crate::batch::tests::bytes_of(super::P)
    }

    /// a - b with the borrow.
    fn minus(a: &Bytes, b: &Bytes) -> (Bytes, bool) {
        let (mut difference, mut borrow) = ([0; 32], 0);
        for at in (0..32).rev() {
            let digit = i32::from(a[at]) - i32::from(b[at]) - borrow;
            difference[at] = digit.rem_euclid(256) as u8;
            borrow = i32::from(digit < 0);
        }
        (difference, borrow == 1)
    }

    pub fn add(a: &Bytes, b: &Bytes) -> Bytes {
        let (mut sum, mut carry) = ([0; 32], 0);
        for at in (0..32).rev() {
            let digit = u32::from(a[at]) + u32::from(b[at]) + carry;
            sum[at] = digit as u8;
            carry = digit >> 8;
        }
        let (less, borrow) = minus(&sum, &p());
        if carry == 1 || !borrow { less } else { sum }
    }

    pub fn neg(a: &Bytes) -> Bytes {
        if *a == [0; 32] { *a } else { minus(&p(), a).0 }
    }

    pub fn mul(a: &Bytes, b: &Bytes) -> Bytes {
        let mut product = [0; 32];
        for bit in 0..256 {
            product = add(&product, &product);
            if a[bit / 8] >> (7 - bit % 8) & 1 == 1 {
                product = add(&product, b);
            }
        }
        product
    }
}

fn plus(bytes: [u8; 32], mut delta: i64) -> [u8; 32] {
    let mut bytes = bytes;
    for byte in bytes.iter_mut().rev() {
        let sum = i64::from(*byte) + delta;
        (*byte, delta) = (sum.rem_euclid(256) as u8, sum.div_euclid(256));
    }
    bytes
}

/// Elements around 0, p and 2^256 - p, and powers of two around the limbs of both forms.
fn edges() -> Vec<Fe> {
    let p = bytes_of(P);
    let mut edges: Vec<Fe> = (0..4).map(Fe::small).collect();
    edges.extend((1..4).map(|below| Fe::from_bytes(&plus(p, -below)).expect("below p")));
    edges.extend([Fe::small(0x1_0000_03d0), Fe::small(0x1_0000_03d1), Fe::BETA]);
    for bit in [47, 48, 51, 52, 63, 64, 103, 104, 127, 128, 155, 156, 191, 192, 207, 208, 255] {
        let mut limbs = [0; 4];
        limbs[bit / 64] = 1u64 << (bit % 64);
        let power = Fe(limbs);
        edges.extend([power, power.sub(&Fe::ONE), power.add(&Fe::ONE), power.neg()]);
    }
    // Not reduced: p itself and the largest that the limbs hold.
    edges.extend([Fe([u64::MAX; 4]), Fe([0xffff_fffe_ffff_fc2f, u64::MAX, u64::MAX, u64::MAX])]);
    edges
}

fn any(random: &mut Random, edges: &[Fe]) -> Fe {
    match random.below(5) {
        0 => edges[random.below(edges.len())],
        _ => Fe::from_bytes(&random.rough_bytes()).unwrap_or(Fe([u64::MAX; 4])),
    }
}

#[test]
fn the_field_is_the_slow_one() {
    let (mut random, edges) = (Random(1), edges());
    let twenty_one = Fe::small(21).to_bytes();
    let check = |a: &Fe, b: &Fe| {
        let (x, y) = (a.to_bytes(), b.to_bytes());
        assert_eq!(a.add(b).to_bytes(), slow::add(&x, &y), "{a:?} + {b:?}");
        assert_eq!(a.sub(b).to_bytes(), slow::add(&x, &slow::neg(&y)), "{a:?} - {b:?}");
        assert_eq!(a.mul(b).to_bytes(), slow::mul(&x, &y), "{a:?} · {b:?}");
        assert_eq!(a.sqr().to_bytes(), slow::mul(&x, &x), "{a:?}²");
        assert_eq!(a.times(21).to_bytes(), slow::mul(&x, &twenty_one), "21 · {a:?}");
        assert_eq!(a.neg().to_bytes(), slow::neg(&x), "-{a:?}");
        assert_eq!(a.is_odd(), x[31] & 1 == 1);
        assert_eq!(a == b, x == y);
        assert_eq!(a.is_zero(), x == [0; 32]);
    };
    for a in &edges {
        for b in &edges {
            check(a, b);
        }
    }
    for _ in 0..cases() / 10 {
        check(&any(&mut random, &edges), &any(&mut random, &edges));
    }
    for a in edges.iter().copied().chain((0..cases() / 100).map(|_| any(&mut random, &edges))) {
        assert_eq!(invert(&a).mul(&a), if a.is_zero() { Fe::ZERO } else { Fe::ONE });
        // -1 has no root, so that of a and -a exactly one has, zero aside.
        let square = root(&a).sqr();
        assert!(square == a || square == a.neg());
    }
}

#[test]
fn bytes_there_and_back() {
    let p = bytes_of(P);
    assert_eq!(Fe::from_bytes(&p), None);
    assert_eq!(Fe::from_bytes(&[0xff; 32]), None);
    for delta in [-1, -2, -977] {
        let bytes = plus(p, delta);
        assert_eq!(Fe::from_bytes(&bytes).map(Fe::to_bytes), Some(bytes));
    }
    assert_eq!(Fe([u64::MAX; 4]).to_bytes(), Fe::small(0x1_0000_03d0).to_bytes());
}

/// Elements that a program runs on at once, in as many groups as the lanes make of them.
const WIDTH: usize = 8;

/// A program over lanes: operations whose results are operands of later ones.
struct Program {
    start: Vec<[Fe; WIDTH]>,
    steps: Vec<(u8, usize, usize)>,
}

impl Job for &Program {
    type Output = Vec<[Fe; WIDTH]>;

    fn run<const W: usize, L: Lanes<W>>(self) -> Vec<[Fe; WIDTH]> {
        let group = |lanes: &[Fe]| {
            let slots: [L::Slot; W] = std::array::from_fn(|lane| L::pack(&lanes[lane]));
            L::load(slots.each_ref())
        };
        let mut values: Vec<Vec<L>> =
            self.start.iter().map(|lanes| lanes.chunks(W).map(group).collect()).collect();
        for (operation, a, b) in &self.steps {
            let (a, b) = (&values[*a], &values[*b]);
            let first = L::unpack(&a[0].store()[1]);
            let step = |(a, b): (&L, &L)| match operation {
                0 | 1 => a.mul(b),
                2 => a.sqr(),
                3 => a.add(b),
                4 => a.sub(b),
                5 => a.small(3),
                6 => a.sub2(b, b),
                7 => a.small(21),
                8 => a.small(32),
                9 => a.sqr_times(3),
                _ => L::splat(&first),
            };
            let next = a.iter().zip(b).map(step).collect();
            values.push(next);
        }
        let unpack = |value: &Vec<L>| -> [Fe; WIDTH] {
            let slots: Vec<L::Slot> = value.iter().flat_map(|group| group.store()).collect();
            std::array::from_fn(|lane| Fe(L::unpack(&slots[lane]).canonical()))
        };
        values.iter().map(unpack).collect()
    }
}

/// All forms of lanes give the same elements, bit for bit, through chains of operations.
#[test]
fn lanes_are_their_twin() {
    let (mut random, edges) = (Random(2), edges());
    const STEPS: usize = 60;
    for round in 0..cases() / STEPS {
        let start: Vec<[Fe; WIDTH]> =
            (0..6).map(|_| std::array::from_fn(|_| any(&mut random, &edges))).collect();
        let steps = (0..STEPS)
            .map(|step| {
                // Sums of sums of sums stay within the limbs' bounds.
                let recent = |random: &mut Random| match random.below(2) {
                    0 => start.len() + step - 1 - random.below((start.len() + step).min(4)),
                    _ => random.below(start.len() + step),
                };
                (random.below(11) as u8, recent(&mut random), recent(&mut random))
            })
            .collect();
        let program = Program { start, steps };
        let all = each(&program);
        let (_, safe) = &all[0];
        for (name, fast) in &all[1..] {
            for (at, (fast, safe)) in fast.iter().zip(safe).enumerate() {
                let same = fast.iter().zip(safe).all(|(a, b)| a.0 == b.0);
                let step = program.steps[at.saturating_sub(6)];
                assert!(same, "{name}, round {round}, step {at}: {step:?}");
            }
        }
    }
}

fn value(short: &Short) -> Scalar {
    let magnitude = Scalar::from(short.magnitude);
    if short.negative { -magnitude } else { magnitude }
}

#[test]
fn scalars_split_and_go_into_digits() {
    let mut random = Random(3);
    let n = bytes_of(N);
    assert!(scalar::from_bytes(&n).is_none());
    assert_eq!(scalar::reduced(&n), Scalar::ZERO);
    // λ itself is what splits as (0, 1).
    let lambda = "5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72";
    let lambda = scalar::reduced(&bytes_of(lambda));
    let mut scalars = vec![Scalar::ZERO, Scalar::ONE, -Scalar::ONE, lambda, -lambda];
    scalars.extend((1..4).filter_map(|below| scalar::from_bytes(&plus(n, -below))));
    for half in [u64::MAX, 1 << 63, (1 << 63) - 1] {
        let wide = u128::from(half) << 64 | u128::from(half);
        scalars.extend([Scalar::from(wide), -Scalar::from(wide), lambda * Scalar::from(wide)]);
    }
    let more: Vec<Scalar> = (0..cases()).map(|_| scalar::reduced(&random.rough_bytes())).collect();
    for scalar in scalars.into_iter().chain(more) {
        let [first, second] = scalar::split(&scalar);
        assert_eq!(value(&first) + lambda * value(&second), scalar);
        let width = 2 + random.below(12) as u32;
        for short in [first, second] {
            let half = 1i32 << (width - 1);
            let (mut sum, mut power, mut seen) = (Scalar::ZERO, Scalar::ONE, 0);
            digits(&short, width, |at, digit| {
                assert_eq!(at, seen);
                assert!((-half..=half).contains(&digit));
                let size = Scalar::from(u64::from(digit.unsigned_abs()));
                sum += power * if digit < 0 { -size } else { size };
                power *= Scalar::from(1u64 << width);
                seen += 1;
            });
            assert_eq!((sum, seen), (value(&short), digit_count(width)));
        }
    }
    assert!(bool::from(Scalar::from_repr(FieldBytes::from(n)).is_none()));
}

#[test]
fn inverses_of_many() {
    let mut random = Random(4);
    let mut scalars: Vec<Scalar> = (0..50).map(|_| scalar::reduced(&random.bytes())).collect();
    scalars.insert(7, Scalar::ZERO);
    scalars.push(Scalar::ZERO);
    let before = scalars.clone();
    scalar::invert_all(&mut scalars);
    for (own, inverse) in before.iter().zip(&scalars) {
        let wanted = if *own == Scalar::ZERO { Scalar::ZERO } else { Scalar::ONE };
        assert_eq!(own * inverse, wanted);
    }
    scalar::invert_all(&mut []);
}
