//! Seeds hold, equal seeds are equal runs, and every planted fault is found by the checker that is for it.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use kumi_sim::faults::{Fault, Size, scheduler};
use kumi_sim::{Plant, run_plan, size};

/// Seeds of a run of the tests, unless `KUMI_SIM_SEEDS` says how many.
const SEEDS: u64 = 100;
/// Seeds in which a planted fault must show.
const PLANTED_SEEDS: u64 = 100;

fn seeds() -> u64 {
    let asked = std::env::var("KUMI_SIM_SEEDS").ok();
    asked.map_or(SEEDS, |seeds| {
        seeds.parse().expect("KUMI_SIM_SEEDS is a number")
    })
}

/// What the program prints of a seed, which runs in a process of its own: what ran before in one shifts what follows.
fn printed(seed: u64, plant: Option<Plant>, trace: bool) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_kumi-sim"));
    program.args(["--seed", &seed.to_string()]);
    program.args(plant.map(|plant| format!("--plant={}", plant.name())));
    program.args(trace.then_some("--trace"));
    let output = program.output().expect("the program runs");
    let text = String::from_utf8(output.stdout).expect("it prints text");
    let begins = text.starts_with(&format!("seed {seed}: "));
    assert!(begins, "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// The checkers that found something, and what.
fn violations(printed: &str) -> Vec<&str> {
    let lines = printed.lines().filter_map(|line| line.strip_prefix("  "));
    lines.filter(|line| !line.starts_with(' ')).collect()
}

/// Runs seeds on all cores until `enough` says so.
fn each(seeds: u64, plant: Option<Plant>, enough: impl Fn(&str) -> bool + Sync) {
    let next = AtomicU64::new(1);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while next.load(Ordering::Relaxed) <= seeds {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed <= seeds && enough(&printed(seed, plant, false)) {
                        next.store(seeds + 1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
}

/// The number before some words of what is printed of a seed.
fn number_before(printed: &str, words: &str) -> u64 {
    let (before, _) = printed.split_once(words).expect("it is printed");
    let number = before.rsplit(' ').find(|word| !word.is_empty());
    let number = number.and_then(|number| number.parse().ok());
    number.expect("a number stands there")
}

/// Late tasks are tried a second time while things break, and some of these attempts win.
#[test]
fn nothing_is_violated_whatever_breaks() {
    let (second, won) = (AtomicU64::new(0), AtomicU64::new(0));
    each(seeds(), None, |printed| {
        assert!(violations(printed).is_empty(), "{printed}");
        let add = |sum: &AtomicU64, words| {
            sum.fetch_add(number_before(printed, words), Ordering::Relaxed);
        };
        add(&second, " second ones");
        add(&won, " of which won");
        false
    });
    let (second, won) = (second.into_inner(), won.into_inner());
    assert!(
        won > 0 && won < second,
        "{won} of {second} second attempts won"
    );
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

/// A scheduler is replaced while the cohort is worked off and nothing else happens.
#[test]
fn a_scheduler_is_replaced_while_work_runs() {
    for seed in 1..=6 {
        let size = Size {
            spare: true,
            ..size(seed)
        };
        let report = run_plan(seed, size, Vec::new(), None);
        assert_eq!(report.violations, [], "seed {seed}");
        assert_eq!(report.wasted, 0, "seed {seed}: {:#?}", report.trace);
        let came = format!("{} is in the place of", scheduler(size.nodes()));
        let replaced = report.trace.iter().any(|line| line.contains(&came));
        assert!(replaced, "seed {seed}: {:#?}", report.trace);
    }
}

#[test]
fn equal_seeds_are_equal_runs() {
    for seed in [4, 5, 8, 14, 20] {
        let first = printed(seed, None, true);
        assert_eq!(first, printed(seed, None, true));
        assert_ne!(first, printed(seed + 1, None, true));
    }
}

/// One of the checkers finds a planted fault.
fn found_by(plant: Plant, checkers: &[&str]) {
    let found = AtomicU64::new(0);
    each(PLANTED_SEEDS, Some(plant), |printed| {
        let shows = violations(printed)
            .iter()
            .filter_map(|violation| violation.split_once(": "))
            .any(|(checker, _)| checkers.contains(&checker));
        found.fetch_add(u64::from(shows), Ordering::Relaxed);
        shows
    });
    let name = plant.name();
    assert!(
        found.into_inner() > 0,
        "{checkers:?} do not find {name} in {PLANTED_SEEDS} seeds"
    );
}

#[test]
fn a_skipped_fsync_is_found() {
    found_by(Plant::SkipFsync, &["nodes-come-back"]);
}

/// Raft finds it, or what was done is done again.
#[test]
fn a_lost_sync_is_found() {
    found_by(Plant::LoseLastSync, &["nodes-come-back", "one-commit"]);
}

#[test]
fn an_accepted_result_of_a_fenced_attempt_is_found() {
    found_by(Plant::AcceptFenced, &["fencing"]);
}

#[test]
fn a_lease_forgotten_by_a_new_leader_is_found() {
    found_by(Plant::ForgetLease, &["leases-outlive-leaders"]);
}

#[test]
fn a_command_applied_twice_after_a_snapshot_is_found() {
    found_by(Plant::ApplyTwice, &["applied-once"]);
}
