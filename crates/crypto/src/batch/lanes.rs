//! Several field elements at a time: the type over which the formulas are written.
//!
//! Implementations: `Twin`, plain Rust over `field`, and those in the leaves of `simd`. Their
//! results are identical; `simd` chooses one, and only the time differs.

use std::sync::OnceLock;

use super::field::Fe;

/// What formulas need of one element or of several.
pub trait Element: Copy {
    fn splat(value: &Fe) -> Self;
    fn add(&self, other: &Self) -> Self;
    fn sub(&self, other: &Self) -> Self;
    fn mul(&self, other: &Self) -> Self;
    fn sqr(&self) -> Self;
    /// Squared `times` times.
    fn sqr_times(&self, times: u32) -> Self;
    /// The same of two, whose squarings need not wait for each other.
    fn sqr_times_two(&self, other: &Self, times: u32) -> (Self, Self) {
        (self.sqr_times(times), other.sqr_times(times))
    }
    /// Times a number of at most 32.
    fn small(&self, factor: u32) -> Self;
    /// self - a - b.
    fn sub2(&self, a: &Self, b: &Self) -> Self;
}

/// A point's coordinates at rest, and x of λ times it.
#[derive(Debug, Clone, Copy)]
pub struct Entry<S> {
    pub x: S,
    pub beta_x: S,
    pub y: S,
    pub z: S,
}

/// `W` elements side by side.
pub trait Lanes<const W: usize>: Element {
    /// One element at rest.
    type Slot: Copy + Send + Sync + 'static;

    /// So many relations make the batch equation quicker than verifying each by itself.
    const EQUATION_FROM: usize;
    /// One verification in a set of lanes, the others idle, is quicker than k256's.
    const QUICK_ALONE: bool;

    /// Where these lanes keep what is made once for the process: the generator's multiples.
    fn generator() -> &'static OnceLock<Vec<Entry<Self::Slot>>>;

    fn pack(value: &Fe) -> Self::Slot;
    fn unpack(slot: &Self::Slot) -> Fe;
    fn load(slots: [&Self::Slot; W]) -> Self;
    fn store(&self) -> [Self::Slot; W];
    /// The same, written where it is to be.
    fn store_to(&self, slots: &mut [Self::Slot; W]) {
        *slots = self.store();
    }
}

/// Work that is written over any lanes.
pub trait Job {
    type Output;

    fn run<const W: usize, L: Lanes<W>>(self) -> Self::Output;
}

impl Element for Fe {
    fn splat(value: &Fe) -> Fe {
        *value
    }

    #[inline]
    fn add(&self, other: &Fe) -> Fe {
        Fe::add(self, other)
    }

    #[inline]
    fn sub(&self, other: &Fe) -> Fe {
        Fe::sub(self, other)
    }

    #[inline]
    fn mul(&self, other: &Fe) -> Fe {
        Fe::mul(self, other)
    }

    #[inline]
    fn sqr(&self) -> Fe {
        Fe::sqr(self)
    }

    fn sqr_times(&self, times: u32) -> Fe {
        (0..times).fold(*self, |value, _| value.sqr())
    }

    #[inline]
    fn small(&self, factor: u32) -> Fe {
        self.times(factor)
    }

    #[inline]
    fn sub2(&self, a: &Fe, b: &Fe) -> Fe {
        self.sub(a).sub(b)
    }
}

/// Two of a kind: where each operation would wait for the one before, there is another to do.
#[derive(Debug, Clone, Copy)]
pub struct Two<E>(pub E, pub E);

impl<E: Element> Element for Two<E> {
    #[inline(always)]
    fn splat(value: &Fe) -> Self {
        Two(E::splat(value), E::splat(value))
    }

    #[inline(always)]
    fn add(&self, other: &Self) -> Self {
        Two(self.0.add(&other.0), self.1.add(&other.1))
    }

    #[inline(always)]
    fn sub(&self, other: &Self) -> Self {
        Two(self.0.sub(&other.0), self.1.sub(&other.1))
    }

    #[inline(always)]
    fn mul(&self, other: &Self) -> Self {
        Two(self.0.mul(&other.0), self.1.mul(&other.1))
    }

    #[inline(always)]
    fn sqr(&self) -> Self {
        Two(self.0.sqr(), self.1.sqr())
    }

    #[inline(always)]
    fn sqr_times(&self, times: u32) -> Self {
        let (first, second) = self.0.sqr_times_two(&self.1, times);
        Two(first, second)
    }

    #[inline(always)]
    fn small(&self, factor: u32) -> Self {
        Two(self.0.small(factor), self.1.small(factor))
    }

    #[inline(always)]
    fn sub2(&self, a: &Self, b: &Self) -> Self {
        Two(self.0.sub2(&a.0, &b.0), self.1.sub2(&a.1, &b.1))
    }
}

/// The safe lanes. Their operations stay calls: copied into a job they would make it so large that
/// compiling it takes minutes.
#[derive(Debug, Clone, Copy)]
pub struct Twin<const W: usize>([Fe; W]);

impl<const W: usize> Twin<W> {
    #[inline]
    fn zip(&self, other: &Self, f: impl Fn(&Fe, &Fe) -> Fe) -> Self {
        Twin(std::array::from_fn(|lane| f(&self.0[lane], &other.0[lane])))
    }
}

impl<const W: usize> Element for Twin<W> {
    fn splat(value: &Fe) -> Self {
        Twin([*value; W])
    }

    #[inline(never)]
    fn add(&self, other: &Self) -> Self {
        self.zip(other, Fe::add)
    }

    #[inline(never)]
    fn sub(&self, other: &Self) -> Self {
        self.zip(other, Fe::sub)
    }

    #[inline(never)]
    fn mul(&self, other: &Self) -> Self {
        self.zip(other, Fe::mul)
    }

    #[inline(never)]
    fn sqr(&self) -> Self {
        Twin(self.0.map(|value| value.sqr()))
    }

    #[inline(never)]
    fn sqr_times(&self, times: u32) -> Self {
        Twin(self.0.map(|value| value.sqr_times(times)))
    }

    #[inline(never)]
    fn small(&self, factor: u32) -> Self {
        Twin(self.0.map(|value| value.times(factor)))
    }

    #[inline(never)]
    fn sub2(&self, a: &Self, b: &Self) -> Self {
        self.sub(a).sub(b)
    }
}

impl<const W: usize> Lanes<W> for Twin<W> {
    type Slot = Fe;

    const EQUATION_FROM: usize = 8;
    const QUICK_ALONE: bool = false;

    fn generator() -> &'static OnceLock<Vec<Entry<Fe>>> {
        static MULTIPLES: OnceLock<Vec<Entry<Fe>>> = OnceLock::new();
        &MULTIPLES
    }

    fn pack(value: &Fe) -> Fe {
        *value
    }

    fn unpack(slot: &Fe) -> Fe {
        *slot
    }

    fn load(slots: [&Fe; W]) -> Self {
        Twin(slots.map(|slot| *slot))
    }

    fn store(&self) -> [Fe; W] {
        self.0
    }
}
