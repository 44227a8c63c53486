//! Points and sums of points.

use k256::elliptic_curve::group::Group;
use k256::elliptic_curve::point::AffineCoordinates;
use k256::{ProjectivePoint, Scalar};

use super::{Random, cases, from_env};
use crate::batch::field::Fe;
use crate::batch::lanes::{Job, Lanes, Twin};
use crate::batch::multiscalar::{sum, sum_with_window};
use crate::batch::point::{Affine, Projective, lift_all};
use crate::batch::scalar::{self, Short};
use crate::batch::simd::each;

fn ours(point: &ProjectivePoint) -> Projective<Fe> {
    if bool::from(point.is_identity()) {
        return Projective::identity();
    }
    affine(point).to_projective()
}

fn affine(point: &ProjectivePoint) -> Affine<Fe> {
    let point = point.to_affine();
    let x = Fe::from_bytes(&point.x().into()).expect("below p");
    let odd = bool::from(point.y_is_odd());
    let y = lift_all::<4, Twin<4>>(&[(x, odd)])[0].expect("on the curve").y;
    Affine { x, y }
}

fn same(a: Projective<Fe>, point: &ProjectivePoint) -> bool {
    match a.to_affine() {
        None => bool::from(point.is_identity()),
        Some(a) => !bool::from(point.is_identity()) && a == affine(point),
    }
}

#[test]
fn points_add_and_double() {
    let mut random = Random(11);
    let g = ProjectivePoint::GENERATOR;
    assert_eq!(affine(&g), Affine::G);
    let lambda = {
        // (β·x, y) is some multiple of (x, y).
        let beta = Affine::G.endomorphism();
        let third = beta.endomorphism().to_projective();
        let sum = Affine::G.to_projective().add(&beta.to_projective()).add(&third);
        assert!(sum.is_identity());
        beta
    };
    let mut points: Vec<ProjectivePoint> = vec![ProjectivePoint::IDENTITY, g, -g, g + g];
    points.extend((0..6).map(|_| g * scalar::reduced(&random.bytes())));
    let negative = -points[5];
    points.push(negative);
    for a in &points {
        assert!(same(ours(a).double(), &(a + a)));
        for b in &points {
            assert!(same(ours(a).add(&ours(b)), &(a + b)));
            if !bool::from(b.is_identity()) {
                assert!(same(ours(a).add_affine(&affine(b)), &(a + b)));
            }
        }
    }
    assert_ne!(lambda, Affine::G);
}

struct Lift(Vec<(Fe, bool)>);

impl Job for &Lift {
    type Output = Vec<Option<Affine<Fe>>>;

    fn run<const W: usize, L: Lanes<W>>(self) -> Self::Output {
        lift_all::<W, L>(&self.0)
    }
}

#[test]
fn points_are_lifted_as_k256_does() {
    let mut random = Random(12);
    let xs: Vec<(Fe, bool)> = (0..cases() / 40)
        .map(|at| {
            let x = match at {
                0 => Fe::ZERO,
                1 => Fe::ONE,
                _ => Fe::from_bytes(&random.rough_bytes()).unwrap_or(Fe::ONE.neg()),
            };
            (x, random.below(2) == 1)
        })
        .collect();
    let mut all = each(&Lift(xs.clone()));
    let (_, lifted) = all.remove(0);
    for (name, others) in all {
        assert_eq!(others, lifted, "{name}");
    }
    let mut found = 0;
    for ((x, odd), point) in xs.iter().zip(lifted) {
        let mut bytes = vec![if *odd { 3 } else { 2 }];
        bytes.extend_from_slice(&x.to_bytes());
        let theirs = k256::PublicKey::from_sec1_bytes(&bytes).ok();
        assert_eq!(point.is_some(), theirs.is_some());
        if let (Some(point), Some(theirs)) = (point, theirs) {
            assert_eq!(point, affine(&theirs.to_projective()));
            found += 1;
        }
    }
    assert!(found > 100);
}

struct Sum {
    points: Vec<Affine<Fe>>,
    scalars: Vec<Short>,
    width: Option<u32>,
}

impl Job for &Sum {
    type Output = Projective<Fe>;

    fn run<const W: usize, L: Lanes<W>>(self) -> Projective<Fe> {
        match self.width {
            Some(width) => sum_with_window::<W, L>(&self.points, &self.scalars, width),
            None => sum::<W, L>(&self.points, &self.scalars),
        }
    }
}

fn value(short: &Short) -> Scalar {
    let magnitude = Scalar::from(short.magnitude);
    if short.negative { -magnitude } else { magnitude }
}

fn check(points: &[ProjectivePoint], scalars: &[Short], width: Option<u32>) {
    let wanted: ProjectivePoint =
        points.iter().zip(scalars).map(|(point, scalar)| point * &value(scalar)).sum();
    let job = Sum { points: points.iter().map(affine).collect(), scalars: scalars.to_vec(), width };
    for (name, sum) in each(&job) {
        assert!(same(sum, &wanted), "{name}: {} points, window {width:?}", points.len());
    }
}

fn short(random: &mut Random) -> Short {
    let bytes = random.rough_bytes();
    let mut half = [0; 16];
    half.copy_from_slice(&bytes[8..24]);
    Short { negative: random.below(2) == 1, magnitude: u128::from_be_bytes(half) }
}

#[test]
fn sums_of_points() {
    let mut random = Random(13);
    check(&[], &[], None);
    let g = ProjectivePoint::GENERATOR;
    for count in [1, 2, 3, 4, 5, 17, 64, 200] {
        let points: Vec<_> = (0..count).map(|_| g * scalar::reduced(&random.bytes())).collect();
        let scalars: Vec<_> = (0..count).map(|_| short(&mut random)).collect();
        check(&points, &scalars, None);
        check(&points, &scalars, Some(2 + random.below(9) as u32));
    }
}

/// Few points many times over, with their negatives, and small multiples of one point: pairs of
/// equal and of opposite points on every level.
#[test]
fn sums_with_exceptional_pairs() {
    let mut random = Random(14);
    let g = ProjectivePoint::GENERATOR;
    for round in 0..from_env("FORTHCOIN_BATCH_CASES", 20_000) / 500 {
        let count = 1 + random.below(60);
        let kinds = 1 + random.below(3) as u64;
        let points: Vec<ProjectivePoint> = (0..count)
            .map(|_| {
                let point = g * Scalar::from(1 + random.below(kinds as usize) as u64);
                if random.below(2) == 1 { -point } else { point }
            })
            .collect();
        let scalars: Vec<Short> = (0..count)
            .map(|_| match round % 3 {
                0 => Short { negative: random.below(2) == 1, magnitude: 3 },
                1 => Short { negative: false, magnitude: u128::MAX },
                _ => short(&mut random),
            })
            .collect();
        check(&points, &scalars, Some(2 + random.below(6) as u32));
    }
    // All that there is cancels out.
    let same = Short { negative: false, magnitude: 12345 };
    check(&[g, -g, g, -g], &[same; 4], None);
    check(&[g; 300], &[same; 300], None);
}
