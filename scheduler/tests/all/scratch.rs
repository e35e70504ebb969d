//! Tasks go where there is scratch for what they are expected to spill, fetch and stage.

use std::collections::BTreeMap;

use kumi_proto::ids::{CohortId, WorkerId};
use kumi_proto::v1;
use kumi_proto::v1::command::Kind;
use kumi_proto::v1::finished_task::Result as Finished;
use kumi_scheduler::policy::{self, Offer};
use kumi_scheduler::{State, version};
use proptest::prelude::*;

use crate::support::{Checked, Shape, finished, hello, manifest, pick, stamped};

const GB: u64 = 1_000_000_000;
/// What an alignment of two files of 20 GB is expected to spill.
const GENOME: u64 = 240 * GB;

/// A worker of eight cores; `scratch_bytes` 0: it does not say.
fn register(checked: &mut Checked, name: &str, scratch_bytes: u64) -> WorkerId {
    let hello = v1::WorkerHello {
        scratch_bytes,
        ..hello(name, "1", 8, 64)
    };
    checked.register(1, hello)
}

/// Eight samples of two files each, aligned by one core.
fn shape(read_bytes: u64) -> Shape {
    Shape {
        samples: (0..8).map(|number| format!("S{number}")).collect(),
        index_given: true,
        cores_per_align: 1,
        read_bytes,
        ..Shape::default()
    }
}

fn why(checked: &Checked, cohort: u64, row: u32) -> v1::TaskExplanation {
    let task = v1::TaskId {
        cohort,
        stage: v1::Stage::Align.into(),
        row,
        column: 0,
    };
    let why = checked
        .state
        .why(None, CohortId(cohort), "", Some(&task), 2);
    why[0].clone()
}

#[test]
fn as_many_genomes_are_aligned_as_there_is_scratch_for() {
    let mut checked = Checked::default();
    let narrow = register(&mut checked, "narrow", 2 * GENOME + 1);
    let silent = register(&mut checked, "silent", 0);
    checked.apply(2, shape(20 * GB).open());
    let both = pick(&checked, narrow);
    assert_eq!(both.len(), 2);
    assert_eq!(pick(&checked, silent).len(), 8, "it is not limited");
    let starts = checked.grant(3, narrow, both);
    assert_eq!(pick(&checked, narrow), []);
    checked.restart();
    assert_eq!(pick(&checked, narrow), [], "a restart forgets nothing");

    let told = why(&checked, 1, 7);
    assert_eq!(told.scratch_bytes, GENOME);
    let fits: Vec<_> = told
        .workers
        .iter()
        .map(|fit| (fit.name.as_str(), fit.free_scratch_bytes))
        .collect();
    assert_eq!(fits, [("silent", None), ("narrow", Some(1))]);
    assert_eq!(told.workers[1].reason, "0.0 GiB of its scratch is free");

    let spec = starts[0].spec.clone().expect("a specification");
    let done = Finished::Manifest(manifest(&spec));
    let settle = v1::Settle {
        worker: narrow.0,
        finished: vec![finished(starts[0].attempt, spec.task, done)],
    };
    checked.apply(4, Kind::Settle(settle));
    let aligns = pick(&checked, narrow);
    let aligns = aligns
        .iter()
        .filter(|task| task.stage() == v1::Stage::Align);
    assert_eq!(aligns.count(), 1, "one has ended, one more fits");
}

#[test]
fn what_no_scratch_is_large_enough_for_is_said_and_holds_up_nobody() {
    let mut checked = Checked::default();
    let worker = register(&mut checked, "narrow", GENOME - 1);
    checked.apply(2, shape(20 * GB).open());
    let small = Shape {
        name: "small".to_owned(),
        ..shape(GB)
    };
    checked.apply(2, small.open());
    let picked = pick(&checked, worker);
    assert_eq!(picked.len(), 8);
    assert!(picked.iter().all(|task| task.cohort == 2));
    let told = why(&checked, 1, 0);
    let said = "is expected to need 223.5 GiB of scratch; the worker with the most, narrow, lets tasks use 223.5 GiB";
    assert!(told.reason.starts_with(said), "{}", told.reason);
    assert_eq!(told.workers[0].reason, "its scratch_limit is 223.5 GiB");
    let explained = checked.state.queue(None, None).cohorts[0].reason.clone();
    assert!(explained.starts_with(said), "{explained}");
    let wide = register(&mut checked, "wide", GENOME);
    assert_eq!(pick(&checked, wide)[0].cohort, 1);
    assert!(!why(&checked, 1, 0).reason.contains("scratch_limit"));
}

#[test]
fn whoever_fetches_from_a_bucket_needs_room_for_it() {
    let mut checked = Checked::default();
    let worker = register(&mut checked, "w", 3 * GENOME);
    let shape = Shape {
        root: "s3://bucket/cohorts".to_owned(),
        ..shape(20 * GB)
    };
    checked.apply(2, shape.open());
    // Its CRAM is staged beside what is spilled.
    assert_eq!(why(&checked, 1, 0).scratch_bytes, GENOME + 30 * GB);
    assert_eq!(pick(&checked, worker).len(), 2);
}

/// A build that does not know what workers say must come to the same state.
#[test]
fn before_its_version_is_in_force_nobody_says_what_scratch_there_is() {
    let applied = |scratch_bytes: u64| {
        let mut state = State::default();
        let hello = v1::WorkerHello {
            scratch_bytes,
            ..hello("w", "1", 8, 64)
        };
        let register = Kind::Register(v1::Register { hello: Some(hello) });
        state.apply(1, version::SCRATCH - 1, &stamped(1, register));
        state.snapshot()
    };
    assert_eq!(applied(7), applied(0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever samples need and workers have: nobody is given more than there is, and nothing that fits is left, unless it
    /// would be in the way of the first that waits for room.
    #[test]
    fn no_scratch_is_promised_twice(sizes in prop::collection::vec(1u64..40, 1..5), limits in prop::collection::vec(0u64..900, 1..4)) {
        let mut checked = Checked::default();
        let workers: Vec<(WorkerId, u64)> = limits.iter().zip(0..).map(|(limit, number)| {
            (register(&mut checked, &format!("w{number}"), limit * GB), *limit * GB)
        }).collect();
        for (size, number) in sizes.iter().zip(0..) {
            let shape = Shape { name: format!("c{number}"), programme: format!("p{number}"), ..shape(size * GB) };
            checked.apply(2, shape.open());
        }
        let needs: BTreeMap<u64, u64> = (1..).zip(&sizes).map(|(cohort, _)| (cohort, why(&checked, cohort, 0).scratch_bytes)).collect();
        let offers: Vec<Offer> = workers.iter().map(|(worker, _)| Offer {
            worker: *worker,
            free_cores: 8,
            free_memory_bytes: 64 << 30,
        }).collect();
        let dealt = policy::deal(&checked.state, &offers, 64, &mut policy::Promised::default());
        let mut given = BTreeMap::new();
        for (worker, tasks) in dealt {
            given.insert(worker, checked.grant(3, worker, tasks));
        }
        let left = |cohort: &u64| (0..8).filter(|row| why(&checked, *cohort, *row).state() == v1::TaskState::Ready).count();
        let most = workers.iter().map(|(_, limit)| if *limit == 0 { u64::MAX } else { *limit }).max();
        let first = needs.iter().find(|(cohort, need)| Some(**need) <= most && left(cohort) > 0);
        for (worker, limit) in workers {
            let starts = given.get(&worker).map_or(&[][..], |starts| starts);
            let task = |start: &v1::Start| start.spec.as_ref().and_then(|spec| spec.task).expect("a task");
            let used: u64 = starts.iter().map(|start| needs[&task(start).cohort]).sum();
            let free = if limit == 0 { u64::MAX } else { limit - used.min(limit) };
            prop_assert!(limit == 0 || used <= limit);
            for (cohort, need) in &needs {
                let in_the_way = first.is_some_and(|(first, large)| {
                    first < cohort && *large > free && *large <= limit && *need > limit - large
                });
                prop_assert!(starts.len() == 8 || *need > free || in_the_way || left(cohort) == 0);
            }
        }
    }
}
