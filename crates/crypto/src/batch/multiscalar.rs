//! Sums of many points times short scalars (Pippenger): points fall into buckets by the digits of
//! their scalars, buckets are summed up in affine coordinates, pair by pair, with one inversion for
//! a whole block of pairs, and the sums of buckets with formulas that know no exceptions.
//!
//! Pairs with equal x are found by the product of all differences being zero, so ordinary sums pay
//! nothing for them; blocks that have any are looked through, and those pairs added one by one.

use std::array;

use super::field::Fe;
use super::lanes::Lanes;
use super::point::{Affine, Projective, invert_all};
use super::scalar::{Short, digit_count, digits};

/// Pairs that share an inversion.
const BLOCK: usize = 2048;
/// Digits that are worked on at a time, at least a window's: bounds the memory, and keeps most of it
/// near the processor.
const DIGITS_AT_ONCE: usize = 1 << 14;
/// What an affine addition and a bucket's part in the sums cost, in multiplications.
const PAIR_COST: u64 = 8;
const BUCKET_COST: u64 = 26;
const WIDEST: u32 = 13;

/// The window width that costs least for `count` points, where `lanes` windows are summed at once.
fn window(count: usize, lanes: usize) -> u32 {
    let cost = |width: &u32| {
        let buckets = 1u64 << (width - 1);
        let windows = digit_count(*width);
        let summed = windows.next_multiple_of(lanes) as u64;
        windows as u64 * count as u64 * PAIR_COST + summed * buckets * BUCKET_COST
    };
    (3..=WIDEST).min_by_key(cost).unwrap_or(WIDEST)
}

/// The sum of all `points` times their scalars.
#[inline(always)]
pub fn sum<const W: usize, L: Lanes<W>>(
    points: &[Affine<Fe>],
    scalars: &[Short],
) -> Projective<Fe> {
    sum_with_window::<W, L>(points, scalars, window(points.len(), W))
}

/// The same with windows of `width` bits, 2 to 13.
#[inline(always)]
pub(super) fn sum_with_window<const W: usize, L: Lanes<W>>(
    points: &[Affine<Fe>],
    scalars: &[Short],
    width: u32,
) -> Projective<Fe> {
    assert_eq!(points.len(), scalars.len(), "a scalar for each point");
    let windows = digit_count(width);
    let mut columns = vec![0i16; points.len() * windows];
    for (at, scalar) in scalars.iter().enumerate() {
        digits(scalar, width, |window, digit| {
            columns[window * points.len() + at] = digit as i16;
        });
    }
    let buckets = 1usize << (width - 1);
    let at_once = (DIGITS_AT_ONCE / points.len().max(1)).clamp(1, windows);
    let mut work = Work::<W, L>::new(points);
    for chunk in columns.chunks(points.len().max(1) * at_once) {
        work.sort(chunk, points.len(), buckets);
        work.reduce();
        work.keep();
    }
    let sums = work.weigh(buckets);
    let mut total = Projective::identity();
    for sum in sums.iter().rev() {
        for _ in 0..width {
            total = total.double();
        }
        total = total.add(sum);
    }
    total
}

/// Buckets in the making.
struct Work<const W: usize, L: Lanes<W>> {
    /// Coordinates: of each point and of its negative, then of the sums so far.
    xs: Vec<L::Slot>,
    ys: Vec<L::Slot>,
    /// How many of them are no sums.
    given: usize,
    /// Where the points of the buckets are, bucket after bucket, window after window.
    places: Vec<u32>,
    next: Vec<u32>,
    /// Points in each bucket.
    counts: Vec<u32>,
    pairs: Vec<(u32, u32)>,
    products: Vec<L>,
    /// Finished buckets, window after window: where their sums are, if they have one.
    buckets: Vec<Option<u32>>,
    bucket_xs: Vec<L::Slot>,
    bucket_ys: Vec<L::Slot>,
}

impl<const W: usize, L: Lanes<W>> Work<W, L> {
    fn new(points: &[Affine<Fe>]) -> Self {
        let (mut xs, mut ys) = (vec![], vec![]);
        for point in points {
            let x = L::pack(&point.x);
            xs.extend([x, x]);
            ys.extend([L::pack(&point.y), L::pack(&point.y.neg())]);
        }
        Work {
            given: xs.len(),
            xs,
            ys,
            places: vec![],
            next: vec![],
            counts: vec![],
            pairs: vec![],
            products: vec![],
            buckets: vec![],
            bucket_xs: vec![],
            bucket_ys: vec![],
        }
    }

    /// Puts the points of some windows into buckets: bucket d-1 of a window holds those of digit d.
    fn sort(&mut self, columns: &[i16], points: usize, buckets: usize) {
        self.counts.clear();
        self.places.clear();
        if points == 0 {
            return;
        }
        let windows = columns.len() / points;
        self.counts.resize(windows * buckets, 0);
        let mut starts = vec![0u32; buckets];
        for (window, column) in columns.chunks_exact(points).enumerate() {
            let counts = &mut self.counts[window * buckets..][..buckets];
            for digit in column.iter().filter(|digit| **digit != 0) {
                counts[usize::from(digit.unsigned_abs()) - 1] += 1;
            }
            let mut end = self.places.len() as u32;
            for (start, count) in starts.iter_mut().zip(counts.iter()) {
                *start = end;
                end += count;
            }
            self.places.resize(end as usize, 0);
            for (place, digit) in (0u32..).zip(column) {
                if *digit != 0 {
                    let start = &mut starts[usize::from(digit.unsigned_abs()) - 1];
                    self.places[*start as usize] = place << 1 | u32::from(*digit < 0);
                    *start += 1;
                }
            }
        }
    }

    /// Adds up each bucket: pairs become their sums until every bucket has one point or none.
    #[inline(always)]
    fn reduce(&mut self) {
        for slots in [&mut self.xs, &mut self.ys] {
            slots.truncate(self.given);
            // Each sum leaves one point less.
            slots.reserve(self.places.len() + 2 * BLOCK);
        }
        let zero = L::pack(&Fe::ZERO);
        loop {
            self.pairs.clear();
            self.next.clear();
            let base = self.xs.len();
            let mut rest = &self.places[..];
            for count in &mut self.counts {
                let (bucket, others) = rest.split_at(*count as usize);
                rest = others;
                let pairs = bucket.chunks_exact(2);
                // What is left over stays behind its bucket's sums.
                let left = pairs.remainder();
                let first = (base + self.pairs.len()) as u32;
                self.next.extend(first..first + *count / 2);
                self.next.extend_from_slice(left);
                self.pairs.extend(pairs.map(|pair| (pair[0], pair[1])));
                *count -= *count / 2;
            }
            if self.pairs.is_empty() {
                break;
            }
            let end = base + self.pairs.len().next_multiple_of(W);
            self.xs.resize(end, zero);
            self.ys.resize(end, zero);
            let (old_xs, xs) = self.xs.split_at_mut(base);
            let (old_ys, ys) = self.ys.split_at_mut(base);
            let mut lost = vec![];
            let sums = xs.chunks_mut(BLOCK).zip(ys.chunks_mut(BLOCK));
            for (block, (pairs, (xs, ys))) in self.pairs.chunks(BLOCK).zip(sums).enumerate() {
                let first = (base + block * BLOCK) as u32;
                let without = add_pairs((old_xs, old_ys), pairs, &mut self.products, (xs, ys));
                lost.extend(without.into_iter().map(|at| first + at as u32));
            }
            std::mem::swap(&mut self.places, &mut self.next);
            if !lost.is_empty() {
                self.forget(&lost);
            }
        }
    }

    /// Takes sums that are the identity out of their buckets.
    fn forget(&mut self, lost: &[u32]) {
        self.next.clear();
        let mut rest = &self.places[..];
        for count in &mut self.counts {
            let (bucket, others) = rest.split_at(*count as usize);
            rest = others;
            let before = self.next.len();
            self.next.extend(bucket.iter().filter(|place| lost.binary_search(place).is_err()));
            *count = (self.next.len() - before) as u32;
        }
        std::mem::swap(&mut self.places, &mut self.next);
    }

    /// Puts the sums of buckets aside.
    fn keep(&mut self) {
        let mut places = self.places.iter();
        for count in &self.counts {
            let place = if *count > 0 { places.next() } else { None };
            self.buckets.push(place.map(|_| self.bucket_xs.len() as u32));
            self.bucket_xs.extend(place.map(|place| self.xs[*place as usize]));
            self.bucket_ys.extend(place.map(|place| self.ys[*place as usize]));
        }
    }

    /// The sum of each window's buckets, each times its digit.
    #[inline(always)]
    fn weigh(&self, buckets: usize) -> Vec<Projective<Fe>> {
        let (zero, one) = (L::pack(&Fe::ZERO), L::pack(&Fe::ONE));
        let windows: Vec<&[Option<u32>]> = self.buckets.chunks_exact(buckets).collect();
        let mut sums = Vec::with_capacity(windows.len());
        for group in windows.chunks(W) {
            let mut running = Projective::<L>::identity();
            let mut total = Projective::<L>::identity();
            for bucket in (0..buckets).rev() {
                let points: [Option<u32>; W] =
                    array::from_fn(|lane| group.get(lane).and_then(|window| window[bucket]));
                if points.iter().any(Option::is_some) {
                    let x =
                        L::load(points.map(|p| p.map_or(&zero, |p| &self.bucket_xs[p as usize])));
                    let y =
                        L::load(points.map(|p| p.map_or(&one, |p| &self.bucket_ys[p as usize])));
                    let z = L::load(points.map(|p| if p.is_some() { &one } else { &zero }));
                    running = running.add(&Projective { x, y, z });
                }
                total = total.add(&running);
            }
            let (x, y, z) = (total.x.store(), total.y.store(), total.z.store());
            sums.extend((0..group.len()).map(|lane| Projective {
                x: L::unpack(&x[lane]),
                y: L::unpack(&y[lane]),
                z: L::unpack(&z[lane]),
            }));
        }
        sums
    }
}

/// Coordinates of points at rest, one slice each.
type Slots<'a, S> = (&'a [S], &'a [S]);

/// Writes the sum of each pair of places in `source` to `sums`. Which of the sums are the identity.
#[inline(always)]
fn add_pairs<const W: usize, L: Lanes<W>>(
    source: Slots<'_, L::Slot>,
    pairs: &[(u32, u32)],
    products: &mut Vec<L>,
    sums: (&mut [L::Slot], &mut [L::Slot]),
) -> Vec<usize> {
    let one = L::splat(&Fe::ONE);
    let (xs, ys) = source;
    // Pairs with equal x, found only if there are any.
    let mut equal: Vec<bool> = vec![];
    let mut inverse;
    loop {
        products.clear();
        let mut product = one;
        for (at, chunk) in pairs.chunks(W).enumerate() {
            products.push(product);
            let (a, b) = load_pairs::<W, L>(xs, chunk);
            product = product.mul(&unequal(b.sub(&a), chunk.len(), &equal, at));
        }
        let lanes = product.store().map(|slot| L::unpack(&slot));
        if !lanes.iter().any(Fe::is_zero) {
            inverse = invert_lanes::<W, L>(&lanes);
            break;
        }
        assert!(equal.is_empty(), "differences of zero have been taken out");
        equal = pairs
            .iter()
            .map(|(a, b)| {
                let [a, b] = [a, b].map(|at| L::unpack(&xs[*at as usize]));
                a == b
            })
            .collect();
    }
    let (sum_xs, _) = sums.0.as_chunks_mut::<W>();
    let (sum_ys, _) = sums.1.as_chunks_mut::<W>();
    let chunks = pairs.chunks(W).zip(sum_xs.iter_mut().zip(sum_ys)).enumerate();
    for (at, (chunk, (sum_x, sum_y))) in chunks.rev() {
        let (a_x, b_x) = load_pairs::<W, L>(xs, chunk);
        let (a_y, b_y) = load_pairs::<W, L>(ys, chunk);
        let difference = unequal(b_x.sub(&a_x), chunk.len(), &equal, at);
        let slope = b_y.sub(&a_y).mul(&inverse.mul(&products[at]));
        inverse = inverse.mul(&difference);
        let x = slope.sqr().sub2(&a_x, &b_x);
        let y = slope.mul(&a_x.sub(&x)).sub(&a_y);
        x.store_to(sum_x);
        y.store_to(sum_y);
    }
    let mut lost = vec![];
    for (at, _) in equal.iter().enumerate().filter(|(_, equal)| **equal) {
        let (a, b) = pairs[at];
        let point = |at: u32| {
            let (x, y) = (L::unpack(&xs[at as usize]), L::unpack(&ys[at as usize]));
            Affine { x, y }.to_projective()
        };
        match point(a).add(&point(b)).to_affine() {
            Some(sum) => {
                sums.0[at] = L::pack(&sum.x);
                sums.1[at] = L::pack(&sum.y);
            }
            None => lost.push(at),
        }
    }
    lost
}

/// One coordinate of as many pairs as there are lanes, at most; lanes without one repeat the first.
#[inline(always)]
fn load_pairs<const W: usize, L: Lanes<W>>(slots: &[L::Slot], chunk: &[(u32, u32)]) -> (L, L) {
    let pair = |lane: usize| chunk.get(lane).unwrap_or(&chunk[0]);
    (
        L::load(array::from_fn(|lane| &slots[pair(lane).0 as usize])),
        L::load(array::from_fn(|lane| &slots[pair(lane).1 as usize])),
    )
}

/// Differences of the `at`th `count` pairs, with one in the place of those known to be zero.
#[inline(always)]
fn unequal<const W: usize, L: Lanes<W>>(
    difference: L,
    count: usize,
    equal: &[bool],
    at: usize,
) -> L {
    if equal.is_empty() {
        return difference;
    }
    let (slots, one) = (difference.store(), L::pack(&Fe::ONE));
    let slot = |lane: usize| {
        let place = if lane < count { lane } else { 0 };
        if equal[at * W + place] { &one } else { &slots[lane] }
    };
    L::load(array::from_fn(slot))
}

/// The inverses of elements that are not zero, one in each lane.
#[inline(always)]
fn invert_lanes<const W: usize, L: Lanes<W>>(lanes: &[Fe; W]) -> L {
    let mut inverses = *lanes;
    invert_all(&mut inverses);
    let slots = inverses.map(|inverse| L::pack(&inverse));
    L::load(slots.each_ref())
}
