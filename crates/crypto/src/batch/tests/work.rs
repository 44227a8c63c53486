//! What lists cost, counted in multiplications of the field and in checks, not in time: the bounds
//! that docs/BATCH.md states.

use std::cell::Cell;
use std::sync::OnceLock;

use super::Random;
use super::lists::{Posed, good, learnt, spoil};
use crate::batch::equation::{Told, holds};
use crate::batch::field::Fe;
use crate::batch::lanes::{Element, Entry, Lanes, Twin};
use crate::batch::list::{Check, Ledger, Work, relations, verify_here, verify_here_within};
use crate::batch::lockstep;

thread_local! {
    static MULTIPLIED: Cell<u64> = const { Cell::new(0) };
}

fn count(times: u32) {
    MULTIPLIED.set(MULTIPLIED.get() + u64::from(times));
}

/// The safe lanes, whose multiplications and squarings are counted.
#[derive(Debug, Clone, Copy)]
struct Counted(Twin<4>);

impl Element for Counted {
    fn splat(value: &Fe) -> Self {
        Counted(Twin::splat(value))
    }

    fn add(&self, other: &Self) -> Self {
        Counted(self.0.add(&other.0))
    }

    fn sub(&self, other: &Self) -> Self {
        Counted(self.0.sub(&other.0))
    }

    fn mul(&self, other: &Self) -> Self {
        count(1);
        Counted(self.0.mul(&other.0))
    }

    fn sqr(&self) -> Self {
        count(1);
        Counted(self.0.sqr())
    }

    fn sqr_times(&self, times: u32) -> Self {
        count(times);
        Counted(self.0.sqr_times(times))
    }

    fn small(&self, factor: u32) -> Self {
        Counted(self.0.small(factor))
    }

    fn sub2(&self, a: &Self, b: &Self) -> Self {
        Counted(self.0.sub2(&a.0, &b.0))
    }
}

impl Lanes<4> for Counted {
    type Slot = Fe;

    const EQUATION_FROM: usize = Twin::<4>::EQUATION_FROM;
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

    fn load(slots: [&Fe; 4]) -> Self {
        Counted(Twin::load(slots))
    }

    fn store(&self) -> [Fe; 4] {
        self.0.store()
    }
}

fn multiplications(job: impl FnOnce()) -> u64 {
    MULTIPLIED.set(0);
    job();
    MULTIPLIED.get()
}

#[test]
fn one_in_an_equation_costs_less_than_one_alone() {
    let mut random = Random(31);
    let posed = good(1024, &mut random);
    let hints = learnt(&posed);
    let checks: Vec<Check> = posed.iter().filter_map(Posed::check).collect();
    // Makes the generator's multiples.
    lockstep::verify::<4, Counted>(&relations(&checks[..1]));
    for size in [8, 12, 16, 20, 32, 64, 128, 256, 1024] {
        let relations = relations(&checks[..size]);
        let alone = multiplications(|| {
            assert!(lockstep::verify::<4, Counted>(&relations).iter().all(|one| one.valid));
        });
        let told: Vec<Told<'_>> =
            relations.iter().zip(&hints).filter_map(|(one, hint)| Told::new(one, *hint)).collect();
        assert_eq!(told.len(), size);
        let together = multiplications(|| assert!(holds::<4, Counted>(&told)));
        println!(
            "{size}: {:.0} multiplications of 4 lanes each in the equation, {:.0} alone",
            together as f64 / size as f64,
            alone as f64 / size as f64,
        );
        assert!(5 * together < 4 * alone, "{size}: {together} {alone}");
    }
}

/// Whatever is in the lists and whatever the hints say, equations that fail cost no more than a
/// constant and a quarter of what equations have proven; each check is verified alone once at most.
#[test]
fn failing_equations_are_bounded() {
    let mut random = Random(32);
    let posed = good(600, &mut random);
    let hints = learnt(&posed);
    let checks: Vec<Check> = posed.iter().filter_map(Posed::check).collect();
    let mut bad = posed.clone();
    bad.iter_mut().step_by(5).for_each(|one| spoil(one, &mut random));
    let spoilt: Vec<Check> =
        bad.iter().zip(&checks).map(|(one, good)| one.check().unwrap_or(*good)).collect();
    let ledger = Ledger::default();
    let (mut before, mut total) = (Work::default(), 0);
    for round in 0..60 {
        let list = if round % 10 == 9 { &checks } else { &spoilt };
        let lies: Vec<Option<bool>> = match round % 3 {
            0 => hints.clone(),
            1 => hints.iter().map(|hint| hint.map(|odd| !odd)).collect(),
            _ => hints.iter().map(|_| Some(random.below(2) == 0)).collect(),
        };
        let from = random.below(300);
        let part = from..from + 20 + random.below(280);
        let found = verify_here_within(&list[part.clone()], &lies[part.clone()], &ledger);
        assert_eq!(found, verify_here(&list[part.clone()], &vec![None; part.len()]));
        let work = ledger.work();
        assert!(work.alone - before.alone <= part.len(), "alone once: {work:?}");
        total += part.len();
        before = work;
    }
    let proven = before.proven;
    assert_eq!(before.checks(), total);
    let failed = before.in_equations - proven;
    println!("{total} checks, {before:?}: {proven} proven, {failed} in equations that failed");
    assert!(failed <= 2 * 4096 + proven / 4);
    // The same in relations that count 4/5 each: not more than each alone, and a constant.
    assert!(4 * before.in_equations + 5 * before.alone <= 5 * total + 4 * 2 * 4096);
    assert!(before.alone > total / 2, "the ledger ends what keeps failing: {before:?}");
}
