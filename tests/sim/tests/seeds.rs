//! Seeds hold, equal seeds are equal runs, and every planted fault is found by the checker that is for it.

use std::sync::atomic::{AtomicU64, Ordering};

use kumi_sim::faults::{Fault, scheduler};
use kumi_sim::{Plant, Report, run, run_plan, size};

/// Seeds of a run of the tests, unless `KUMI_SIM_SEEDS` says how many.
const SEEDS: u64 = 100;
/// Seeds in which a planted fault must show.
const PLANTED_SEEDS: u64 = 30;

fn seeds() -> u64 {
    let asked = std::env::var("KUMI_SIM_SEEDS").ok();
    asked.map_or(SEEDS, |seeds| {
        seeds.parse().expect("KUMI_SIM_SEEDS is a number")
    })
}

/// Runs seeds on all cores until `enough` says so.
fn each(seeds: u64, plant: Option<Plant>, enough: impl Fn(&Report) -> bool + Sync) {
    let next = AtomicU64::new(1);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while next.load(Ordering::Relaxed) <= seeds {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed <= seeds && enough(&run(seed, plant)) {
                        next.store(seeds + 1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
}

#[test]
fn nothing_is_violated_whatever_breaks() {
    each(seeds(), None, |report| {
        let seed = report.seed;
        assert!(
            report.violations.is_empty(),
            "{:#?}\nagain: cargo xtask sim --seed {seed} --trace",
            report.violations
        );
        false
    });
}

/// Each scheduler in turn loses its power while the cohort is worked off, the leader among them: whoever follows it
/// gives nothing away that a worker still computes.
#[test]
fn nothing_is_computed_twice_when_a_scheduler_dies() {
    for seed in 1..=10 {
        let size = size(seed);
        let plan = (1..=size.schedulers).flat_map(|node| {
            let at = 1_500 + node * 8_000 + 137 * seed;
            [
                (at, Fault::PowerOff(scheduler(node))),
                (at + 6_000, Fault::Start(scheduler(node))),
            ]
        });
        let report = run_plan(seed, size, plan.collect(), None);
        assert_eq!(report.violations, [], "seed {seed}");
        assert_eq!(report.wasted, 0, "seed {seed}: {:#?}", report.trace);
    }
}

#[test]
fn equal_seeds_are_equal_runs() {
    for seed in [4, 5, 8, 14, 20] {
        let (first, second) = (run(seed, None), run(seed, None));
        assert_eq!(first.trace, second.trace, "seed {seed}");
        assert_eq!(first.digest, second.digest, "seed {seed}");
        assert_ne!(first.digest, run(seed + 1, None).digest);
    }
}

fn found_by(plant: Plant, checker: &str) {
    let found = AtomicU64::new(0);
    each(PLANTED_SEEDS, Some(plant), |report| {
        let shows = report.violations.iter().any(|v| v.checker == checker);
        found.fetch_add(u64::from(shows), Ordering::Relaxed);
        shows
    });
    let name = plant.name();
    assert!(
        found.into_inner() > 0,
        "{checker} does not find {name} in {PLANTED_SEEDS} seeds"
    );
}

#[test]
fn a_skipped_fsync_is_found() {
    found_by(Plant::SkipFsync, "nodes-come-back");
}

#[test]
fn a_lost_sync_is_found() {
    found_by(Plant::LoseLastSync, "nodes-come-back");
}

#[test]
fn an_accepted_result_of_a_fenced_attempt_is_found() {
    found_by(Plant::AcceptFenced, "fencing");
}

#[test]
fn a_lease_forgotten_by_a_new_leader_is_found() {
    found_by(Plant::ForgetLease, "leases-outlive-leaders");
}

#[test]
fn a_command_applied_twice_after_a_snapshot_is_found() {
    found_by(Plant::ApplyTwice, "applied-once");
}
