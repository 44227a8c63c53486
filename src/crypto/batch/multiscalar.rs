//! Sums of many points times short scalars (Pippenger): points fall into buckets by the digits of
//! their scalars, buckets are summed up in affine coordinates, pair by pair, with one inversion for
//! a whole block of pairs, and the sums of buckets with formulas that know no exceptions.
//!
//! Pairs with equal x are found by the product of all differences being zero, so ordinary sums pay
//! nothing for them; blocks that have any are looked through, and those pairs added one by one.

use super::field::Fe;
use super::lanes::{Lanes, WIDTH};
use super::point::{Affine, Projective, invert};
use super::scalar::{Short, digit_count, digits};

/// Pairs that share an inversion.
const BLOCK: usize = 2048;
/// Digits that are worked on at a time, at least a window's: bounds the memory.
const DIGITS_AT_ONCE: usize = 1 << 16;
/// What an affine addition and a bucket's part in the sums cost, in multiplications.
const PAIR_COST: u64 = 8;
const BUCKET_COST: u64 = 26;
const WIDEST: u32 = 13;

/// The window width that costs least for `count` points.
fn window(count: usize) -> u32 {
    let cost = |width: &u32| {
        let buckets = 1u64 << (width - 1);
        let windows = digit_count(*width) as u64;
        windows * (count as u64 * PAIR_COST + buckets * BUCKET_COST)
    };
    (3..=WIDEST).min_by_key(cost).unwrap_or(WIDEST)
}

/// The sum of all `points` times their scalars.
#[inline(always)]
pub fn sum<L: Lanes>(points: &[Affine<Fe>], scalars: &[Short]) -> Projective<Fe> {
    sum_with_window::<L>(points, scalars, window(points.len()))
}

/// The same with windows of `width` bits, 2 to 13.
#[inline(always)]
pub(super) fn sum_with_window<L: Lanes>(
    points: &[Affine<Fe>],
    scalars: &[Short],
    width: u32,
) -> Projective<Fe> {
    assert_eq!(points.len(), scalars.len(), "a scalar for each point");
    let table: Vec<Affine<L::Slot>> = points
        .iter()
        .flat_map(|p| [p.y, p.y.neg()].map(|y| Affine { x: L::pack(&p.x), y: L::pack(&y) }))
        .collect();
    let windows = digit_count(width);
    let mut columns = vec![0i16; points.len() * windows];
    for (at, scalar) in scalars.iter().enumerate() {
        digits(scalar, width, |window, digit| {
            columns[window * points.len() + at] = digit as i16;
        });
    }
    let buckets = 1usize << (width - 1);
    let at_once = (DIGITS_AT_ONCE / points.len().max(1)).clamp(1, windows);
    // Groups of windows fill the lanes of the sums.
    let at_once = if at_once >= WIDTH { at_once / WIDTH * WIDTH } else { at_once };
    let mut sums = Vec::with_capacity(windows);
    let mut work = Work::<L>::default();
    for chunk in columns.chunks(points.len().max(1) * at_once) {
        work.sort(chunk, points.len(), buckets);
        work.reduce(&table);
        work.weigh(buckets, &mut sums);
    }
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
struct Work<L: Lanes> {
    /// Places in the table, bucket after bucket; even places are points, odd ones their negatives.
    places: Vec<u32>,
    /// Points in each bucket; window after window.
    counts: Vec<u32>,
    points: Vec<Affine<L::Slot>>,
    next: Vec<Affine<L::Slot>>,
    pairs: Vec<(u32, u32)>,
    products: Vec<L>,
}

impl<L: Lanes> Default for Work<L> {
    fn default() -> Self {
        Work {
            places: vec![],
            counts: vec![],
            points: vec![],
            next: vec![],
            pairs: vec![],
            products: vec![],
        }
    }
}

impl<L: Lanes> Work<L> {
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
    fn reduce(&mut self, table: &[Affine<L::Slot>]) {
        // The first round reads from the table.
        let mut places = std::mem::take(&mut self.places);
        let mut first = true;
        loop {
            self.pairs.clear();
            self.next.clear();
            let mut at = 0u32;
            let source = if first { table } else { &self.points[..] };
            let place = |at: u32| if first { places[at as usize] } else { at };
            // Sums come in the order of pairs; what is left over is put behind its bucket's sums.
            let mut order = Vec::with_capacity(self.counts.len());
            for count in &self.counts {
                let end = at + count;
                order.push((self.pairs.len() as u32, (count & 1 == 1).then(|| place(end - 1))));
                while at + 1 < end {
                    self.pairs.push((place(at), place(at + 1)));
                    at += 2;
                }
                at = end;
            }
            if self.pairs.is_empty() && !first {
                break;
            }
            let mut sums = Vec::with_capacity(self.pairs.len());
            let mut lost = vec![];
            for block in self.pairs.chunks(BLOCK) {
                add_pairs(source, block, &mut self.products, &mut sums, &mut lost);
            }
            let mut pair = 0;
            for (count, (_, left)) in self.counts.iter_mut().zip(order) {
                let end = pair + (*count / 2) as usize;
                let before = self.next.len();
                if lost.is_empty() {
                    self.next.extend_from_slice(&sums[pair..end]);
                } else {
                    let kept = (pair..end).filter(|at| lost.binary_search(at).is_err());
                    self.next.extend(kept.map(|at| sums[at]));
                }
                self.next.extend(left.map(|place| source[place as usize]));
                pair = end;
                *count = (self.next.len() - before) as u32;
            }
            std::mem::swap(&mut self.points, &mut self.next);
            first = false;
        }
        places.clear();
        self.places = places;
    }

    /// The sum of each window's buckets, each times its digit.
    #[inline(always)]
    fn weigh(&mut self, buckets: usize, sums: &mut Vec<Projective<Fe>>) {
        let (zero, one) = (L::pack(&Fe::ZERO), L::pack(&Fe::ONE));
        let mut places = Vec::with_capacity(self.counts.len());
        let mut end = 0u32;
        for count in &self.counts {
            places.push((*count > 0).then_some(end));
            end += count;
        }
        let windows: Vec<&[Option<u32>]> = places.chunks_exact(buckets).collect();
        for group in windows.chunks(WIDTH) {
            let mut running = Projective::<L>::identity();
            let mut total = Projective::<L>::identity();
            for bucket in (0..buckets).rev() {
                let points: [Option<&Affine<L::Slot>>; WIDTH] = std::array::from_fn(|lane| {
                    let place = group.get(lane)?[bucket]?;
                    Some(&self.points[place as usize])
                });
                if points.iter().any(Option::is_some) {
                    let x = L::load(points.map(|p| p.map_or(&zero, |p| &p.x)));
                    let y = L::load(points.map(|p| p.map_or(&one, |p| &p.y)));
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
    }
}

/// Puts the sum of each pair behind `sums`. The places in `sums` of those that are the identity go
/// to `lost`.
#[inline(always)]
fn add_pairs<L: Lanes>(
    source: &[Affine<L::Slot>],
    pairs: &[(u32, u32)],
    products: &mut Vec<L>,
    sums: &mut Vec<Affine<L::Slot>>,
    lost: &mut Vec<usize>,
) {
    let base = sums.len();
    let one = L::splat(&Fe::ONE);
    // Pairs with equal x, found only if there are any.
    let mut equal: Vec<bool> = vec![];
    let mut inverse;
    loop {
        products.clear();
        let mut product = one;
        for (at, chunk) in pairs.chunks(WIDTH).enumerate() {
            products.push(product);
            product = product.mul(&difference(source, chunk, &equal, at));
        }
        let lanes = product.store().map(|slot| L::unpack(&slot));
        if !lanes.iter().any(Fe::is_zero) {
            inverse = invert_lanes::<L>(&lanes);
            break;
        }
        assert!(equal.is_empty(), "differences of zero have been taken out");
        equal = pairs
            .iter()
            .map(|(a, b)| {
                let [a, b] = [a, b].map(|at| L::unpack(&source[*at as usize].x));
                a == b
            })
            .collect();
    }
    let filler = Affine { x: L::pack(&Fe::ZERO), y: L::pack(&Fe::ZERO) };
    sums.resize(base + pairs.len(), filler);
    for (at, chunk) in pairs.chunks(WIDTH).enumerate().rev() {
        let (a, b) = load_pairs::<L>(source, chunk);
        let difference = difference(source, chunk, &equal, at);
        let slope = b.y.sub(&a.y).mul(&inverse.mul(&products[at]));
        inverse = inverse.mul(&difference);
        let x = slope.sqr().sub2(&a.x, &b.x);
        let y = slope.mul(&a.x.sub(&x)).sub(&a.y);
        let (x, y) = (x.store(), y.store());
        for lane in 0..chunk.len() {
            sums[base + at * WIDTH + lane] = Affine { x: x[lane], y: y[lane] };
        }
    }
    for (at, _) in equal.iter().enumerate().filter(|(_, equal)| **equal) {
        let (a, b) = pairs[at];
        let point = |at: u32| {
            let slot = &source[at as usize];
            Affine { x: L::unpack(&slot.x), y: L::unpack(&slot.y) }.to_projective()
        };
        match point(a).add(&point(b)).to_affine() {
            Some(sum) => {
                sums[base + at] = Affine { x: L::pack(&sum.x), y: L::pack(&sum.y) };
            }
            None => lost.push(base + at),
        }
    }
}

/// Up to four pairs; lanes without one repeat the first.
#[inline(always)]
fn load_pairs<L: Lanes>(
    source: &[Affine<L::Slot>],
    chunk: &[(u32, u32)],
) -> (Affine<L>, Affine<L>) {
    let pair = |lane: usize| chunk.get(lane).unwrap_or(&chunk[0]);
    let point = |at: u32| &source[at as usize];
    (
        Affine::load([point(pair(0).0), point(pair(1).0), point(pair(2).0), point(pair(3).0)]),
        Affine::load([point(pair(0).1), point(pair(1).1), point(pair(2).1), point(pair(3).1)]),
    )
}

/// The differences in x of up to four pairs; one where x is known to be equal.
#[inline(always)]
fn difference<L: Lanes>(
    source: &[Affine<L::Slot>],
    chunk: &[(u32, u32)],
    equal: &[bool],
    at: usize,
) -> L {
    let pair = |lane: usize| chunk.get(lane).unwrap_or(&chunk[0]);
    let x = |at: u32| &source[at as usize].x;
    let a = L::load([x(pair(0).0), x(pair(1).0), x(pair(2).0), x(pair(3).0)]);
    let b = L::load([x(pair(0).1), x(pair(1).1), x(pair(2).1), x(pair(3).1)]);
    let difference = b.sub(&a);
    if equal.is_empty() {
        return difference;
    }
    let (slots, one) = (difference.store(), L::pack(&Fe::ONE));
    let slot = |lane: usize| {
        let place = if lane < chunk.len() { lane } else { 0 };
        if equal[at * WIDTH + place] { &one } else { &slots[lane] }
    };
    L::load([slot(0), slot(1), slot(2), slot(3)])
}

/// The inverses of four elements, none of them zero, by one inversion.
#[inline(always)]
fn invert_lanes<L: Lanes>(lanes: &[Fe; WIDTH]) -> L {
    let [a, b, c, d] = lanes;
    let (ab, cd) = (a.mul(b), c.mul(d));
    let inverse = invert(&ab.mul(&cd));
    let (of_ab, of_cd) = (inverse.mul(&cd), inverse.mul(&ab));
    let slots = [of_ab.mul(b), of_ab.mul(a), of_cd.mul(d), of_cd.mul(c)].map(|v| L::pack(&v));
    L::load([&slots[0], &slots[1], &slots[2], &slots[3]])
}
