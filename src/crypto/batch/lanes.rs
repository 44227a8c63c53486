//! Four field elements at a time: what the formulas are written on.
//!
//! Two forms: `Twin`, plain Rust over `field`, and the one in the leaf `simd`. They give the same
//! elements; which of them runs is `simd`'s choice and shows in nothing but the time.

use std::sync::OnceLock;

use super::field::Fe;

/// Elements in one operation.
pub const WIDTH: usize = 4;

/// What formulas need of one element or of four.
pub trait Element: Copy {
    fn splat(value: &Fe) -> Self;
    fn add(&self, other: &Self) -> Self;
    fn sub(&self, other: &Self) -> Self;
    fn mul(&self, other: &Self) -> Self;
    fn sqr(&self) -> Self;
    /// Squared `times` times.
    fn sqr_times(&self, times: u32) -> Self;
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

/// Four elements side by side.
pub trait Lanes: Element {
    /// One element at rest.
    type Slot: Copy + Send + Sync + 'static;

    /// Where these lanes keep what is made once for the process: the generator's multiples.
    fn generator() -> &'static OnceLock<Vec<Entry<Self::Slot>>>;

    fn pack(value: &Fe) -> Self::Slot;
    fn unpack(slot: &Self::Slot) -> Fe;
    fn load(slots: [&Self::Slot; WIDTH]) -> Self;
    fn store(&self) -> [Self::Slot; WIDTH];
}

/// Work that is written over any lanes.
pub trait Job {
    type Output;

    fn run<L: Lanes>(self) -> Self::Output;
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

/// The safe lanes.
#[derive(Debug, Clone, Copy)]
pub struct Twin([Fe; WIDTH]);

impl Twin {
    #[inline]
    fn zip(&self, other: &Twin, f: impl Fn(&Fe, &Fe) -> Fe) -> Twin {
        Twin(std::array::from_fn(|lane| f(&self.0[lane], &other.0[lane])))
    }
}

impl Element for Twin {
    fn splat(value: &Fe) -> Twin {
        Twin([*value; WIDTH])
    }

    #[inline]
    fn add(&self, other: &Twin) -> Twin {
        self.zip(other, Fe::add)
    }

    #[inline]
    fn sub(&self, other: &Twin) -> Twin {
        self.zip(other, Fe::sub)
    }

    fn mul(&self, other: &Twin) -> Twin {
        self.zip(other, Fe::mul)
    }

    fn sqr(&self) -> Twin {
        Twin(self.0.map(|value| value.sqr()))
    }

    fn sqr_times(&self, times: u32) -> Twin {
        Twin(self.0.map(|value| value.sqr_times(times)))
    }

    fn small(&self, factor: u32) -> Twin {
        Twin(self.0.map(|value| value.times(factor)))
    }

    fn sub2(&self, a: &Twin, b: &Twin) -> Twin {
        self.sub(a).sub(b)
    }
}

impl Lanes for Twin {
    type Slot = Fe;

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

    fn load(slots: [&Fe; WIDTH]) -> Twin {
        Twin(slots.map(|slot| *slot))
    }

    fn store(&self) -> [Fe; WIDTH] {
        self.0
    }
}
