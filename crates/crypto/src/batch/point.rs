//! Points of y² = x³ + 7 over one field element or several: formulas without exceptions (Renes,
//! Costello, Batina: Complete addition formulas for prime order elliptic curves, 2016, algorithms
//! 7 to 9), square roots and inverses.

use super::field::Fe;
use super::lanes::{Element, Lanes, Two};

/// 3·b of the curve's equation.
const B3: u32 = 21;

/// A point in homogeneous coordinates: (X/Z, Y/Z); the identity is (0 : 1 : 0).
#[derive(Debug, Clone, Copy)]
pub struct Projective<E> {
    pub x: E,
    pub y: E,
    pub z: E,
}

/// A point that is not the identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Affine<T> {
    pub x: T,
    pub y: T,
}

impl Affine<Fe> {
    /// The generator.
    pub const G: Affine<Fe> = Affine {
        x: Fe([
            0x59f2_815b_16f8_1798,
            0x029b_fcdb_2dce_28d9,
            0x55a0_6295_ce87_0b07,
            0x79be_667e_f9dc_bbac,
        ]),
        y: Fe([
            0x9c47_d08f_fb10_d4b8,
            0xfd17_b448_a685_5419,
            0x5da4_fbfc_0e11_08a8,
            0x483a_da77_26a3_c465,
        ]),
    };
}

/// Points at rest side by side.
#[inline(always)]
pub fn load<const W: usize, L: Lanes<W>>(points: [&Affine<L::Slot>; W]) -> Affine<L> {
    Affine { x: L::load(points.map(|p| &p.x)), y: L::load(points.map(|p| &p.y)) }
}

impl<E: Element> Affine<E> {
    #[inline(always)]
    pub fn to_projective(self) -> Projective<E> {
        Projective { x: self.x, y: self.y, z: E::splat(&Fe::ONE) }
    }

    /// λ times the point.
    #[inline(always)]
    pub fn endomorphism(&self) -> Affine<E> {
        Affine { x: self.x.mul(&E::splat(&Fe::BETA)), y: self.y }
    }
}

impl<E: Element> Projective<E> {
    #[inline(always)]
    pub fn identity() -> Projective<E> {
        Projective { x: E::splat(&Fe::ZERO), y: E::splat(&Fe::ONE), z: E::splat(&Fe::ZERO) }
    }

    #[inline(always)]
    pub fn add(&self, other: &Projective<E>) -> Projective<E> {
        let xx = self.x.mul(&other.x);
        let yy = self.y.mul(&other.y);
        let zz = self.z.mul(&other.z);
        let xy = self.x.add(&self.y).mul(&other.x.add(&other.y)).sub2(&xx, &yy);
        let yz = self.y.add(&self.z).mul(&other.y.add(&other.z)).sub2(&yy, &zz);
        let xz = self.x.add(&self.z).mul(&other.x.add(&other.z)).sub2(&xx, &zz);
        Self::combine(&xx, &yy, &zz.small(B3), &xy, &yz, &xz.small(B3))
    }

    /// Adds a point that is not the identity.
    #[inline(always)]
    pub fn add_affine(&self, other: &Affine<E>) -> Projective<E> {
        let xx = self.x.mul(&other.x);
        let yy = self.y.mul(&other.y);
        let xy = self.x.add(&self.y).mul(&other.x.add(&other.y)).sub2(&xx, &yy);
        let yz = other.y.mul(&self.z).add(&self.y);
        let xz = other.x.mul(&self.z).add(&self.x);
        Self::combine(&xx, &yy, &self.z.small(B3), &xy, &yz, &xz.small(B3))
    }

    #[inline(always)]
    fn combine(xx: &E, yy: &E, zz: &E, xy: &E, yz: &E, xz: &E) -> Projective<E> {
        let xx = xx.small(3);
        let plus = yy.add(zz);
        let minus = yy.sub(zz);
        Projective {
            x: xy.mul(&minus).sub(&yz.mul(xz)),
            y: xz.mul(&xx).add(&minus.mul(&plus)),
            z: plus.mul(yz).add(&xx.mul(xy)),
        }
    }

    #[inline(always)]
    pub fn double(&self) -> Projective<E> {
        let yy = self.y.sqr();
        let eight = yy.small(8);
        let zz = self.z.sqr().small(B3);
        let minus = yy.sub(&zz.small(3));
        Projective {
            x: self.x.mul(&self.y).mul(&minus).small(2),
            y: minus.mul(&yy.add(&zz)).add(&zz.mul(&eight)),
            z: self.y.mul(&self.z).mul(&eight),
        }
    }
}

impl Projective<Fe> {
    pub fn is_identity(&self) -> bool {
        self.z.is_zero()
    }

    /// None for the identity.
    pub fn to_affine(self) -> Option<Affine<Fe>> {
        if self.is_identity() {
            return None;
        }
        let inverse = invert(&self.z);
        Some(Affine { x: self.x.mul(&inverse), y: self.y.mul(&inverse) })
    }
}

/// Raised to (2^223 - 1)·2^23 + 2^22 - 1, up to where roots and inverses part, and to 3.
#[inline(always)]
fn ladder<E: Element>(a: &E) -> (E, E) {
    let x2 = a.sqr().mul(a);
    let x3 = x2.sqr().mul(a);
    let x6 = x3.sqr_times(3).mul(&x3);
    let x9 = x6.sqr_times(3).mul(&x3);
    let x11 = x9.sqr_times(2).mul(&x2);
    let x22 = x11.sqr_times(11).mul(&x11);
    let x44 = x22.sqr_times(22).mul(&x22);
    let x88 = x44.sqr_times(44).mul(&x44);
    let x176 = x88.sqr_times(88).mul(&x88);
    let x220 = x176.sqr_times(44).mul(&x44);
    let x223 = x220.sqr_times(3).mul(&x3);
    (x223.sqr_times(23).mul(&x22), x2)
}

/// a^((p+1)/4): a square root, if there is one.
#[inline(always)]
pub fn root<E: Element>(a: &E) -> E {
    let (high, x2) = ladder(a);
    high.sqr_times(6).mul(&x2).sqr_times(2)
}

/// a^(p-2): the inverse, 0 for 0.
#[inline(always)]
pub fn invert<E: Element>(a: &E) -> E {
    let (high, x2) = ladder(a);
    high.sqr_times(5).mul(a).sqr_times(3).mul(&x2).sqr_times(2).mul(a)
}

/// Replaces each element by its inverse, zero by zero, at the price of one inversion.
pub fn invert_all(elements: &mut [Fe]) {
    let mut products = Vec::with_capacity(elements.len());
    let mut product = Fe::ONE;
    for element in elements.iter() {
        products.push(product);
        if !element.is_zero() {
            product = product.mul(element);
        }
    }
    let mut inverse = invert(&product);
    for (element, before) in elements.iter_mut().zip(products).rev() {
        if !element.is_zero() {
            let own = *element;
            *element = inverse.mul(&before);
            inverse = inverse.mul(&own);
        }
    }
}

/// y of a point with that x, of either sign, and the difference of its square from what it should
/// be: zero if x is the coordinate of a point.
#[inline(always)]
pub fn lift<E: Element>(x: &E) -> (E, E) {
    let square = x.sqr().mul(x).add(&E::splat(&Fe::small(7)));
    let y = root(&square);
    (y, y.sqr().sub(&square))
}

/// The points with the given x coordinates and y parities (true is odd); None where there is none.
#[inline(always)]
pub fn lift_all<const W: usize, L: Lanes<W>>(xs: &[(Fe, bool)]) -> Vec<Option<Affine<Fe>>> {
    let mut points = Vec::with_capacity(xs.len());
    for chunk in xs.chunks(2 * W) {
        let slot = |at: usize| L::pack(&chunk.get(at).unwrap_or(&chunk[0]).0);
        let first: [L::Slot; W] = std::array::from_fn(slot);
        let second: [L::Slot; W] = std::array::from_fn(|lane| slot(W + lane));
        let (first, second) = (L::load(first.each_ref()), L::load(second.each_ref()));
        let halves = if chunk.len() <= W {
            let (y, off) = lift(&first);
            [Some((y, off)), None]
        } else {
            let (y, off) = lift(&Two(first, second));
            [Some((y.0, off.0)), Some((y.1, off.1))]
        };
        for (chunk, (y, off)) in chunk.chunks(W).zip(halves.iter().flatten()) {
            let (y, off) = (y.store(), off.store());
            for (lane, (x, odd)) in chunk.iter().enumerate() {
                let y = L::unpack(&y[lane]);
                let y = if y.is_odd() == *odd { y } else { y.neg() };
                points.push(L::unpack(&off[lane]).is_zero().then_some(Affine { x: *x, y }));
            }
        }
    }
    points
}
