//! Simulated networks of whole nodes. More seeds run with the release program: `tests/sync_test.sh`.

use std::ops::ControlFlow;

use sim::hostile::Kind;
use sim::plan::Plan;
use sim::report::{Failure, Report};
use sim::world::World;

fn run(plan: Plan) -> Result<Report, Failure> {
    World::new(plan)?.run(&mut |_| ControlFlow::Continue(()))
}

fn good(plan: Plan) -> Report {
    run(plan).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn a_calm_network_comes_to_one_chain_and_a_seed_repeats_a_run() {
    let first = good(Plan::calm(1, 4, 8));
    assert!(first.mined >= 8 && first.paid > 0, "{}", first.table());
    assert_eq!(first, good(Plan::calm(1, 4, 8)));
    assert_ne!(first.digest, good(Plan::calm(2, 4, 8)).digest);
}

#[test]
fn rough_networks_come_to_one_chain() {
    let (mut sum, mut works) = ((0, 0, 0), 0);
    for seed in 1..=3 {
        let report = good(Plan::rough(seed, 5, 8));
        works += report.works;
        sum.0 += report.partitions;
        sum.1 += report.crashes;
        sum.2 += report.harm;
    }
    assert!(sum.0 > 0 && sum.1 > 0 && sum.2 > 0, "faults did happen: {sum:?}");
    assert!(works > 0, "the standing miners gave out no work");
}

#[test]
fn a_rough_run_repeats_to_the_last_byte() {
    let plan = || Plan::rough(4, 4, 5);
    assert_eq!(good(plan()), good(plan()));
}

#[test]
fn every_kind_of_stranger_is_withstood() {
    for kind in Kind::ALL {
        let mut plan = Plan::calm(kind as u64 + 100, 3, 6);
        plan.hostile = vec![kind];
        if kind == Kind::LowWork {
            plan.history = 2500;
        }
        let report = good(plan);
        assert!(report.harm > 0 || kind == Kind::Silent, "{kind:?} did nothing");
        let bans: usize = report.rows.iter().map(|row| row.bans).sum();
        let sure = [Kind::BadBlocks, Kind::BadTransactions, Kind::Unconnecting].contains(&kind);
        assert!(bans > 0 || !sure, "{kind:?} is not banned:\n{}", report.table());
    }
}
