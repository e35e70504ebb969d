//! A cohort of a million tasks.

use kumi_proto::v1::command::Kind;
use kumi_proto::{ids::WorkerId, v1};
use kumi_scheduler::policy::{self, Offer};
use kumi_scheduler::{Outcome, State, version};

use crate::support::{Shape, hello, stamped};

#[test]
fn a_million_tasks_are_opened_and_picked_from() {
    let shape = Shape {
        samples: (0..23_800).map(|number| format!("S{number}")).collect(),
        call_shards: 40,
        contigs: vec![("1".to_owned(), 200_000_000)],
        index_given: true,
        ..Shape::default()
    };
    let mut state = State::default();
    let mut apply = |index: u64, kind| state.apply(index, version::NEWEST, &stamped(1, kind));
    let Outcome::Opened { cohort, tasks, .. } = apply(1, shape.open()) else {
        panic!("the cohort is valid");
    };
    assert!(tasks >= 999_000, "{tasks}");
    let hello = Some(hello("w", "1", 64, 512));
    apply(2, Kind::Register(v1::Register { hello }));
    let offer = Offer {
        worker: WorkerId(1),
        free_cores: 64,
        free_memory_bytes: 512 << 30,
    };
    let picked = policy::pick(&state, &offer, 100);
    assert_eq!(picked.len(), 8, "eight alignments of eight cores");
    let summary = state.summary(cohort).expect("it is there");
    assert_eq!(summary.stages[1].waiting, 23_800 * 40);

    // Facts about samples aside, a task is about a byte.
    let small = Shape {
        call_shards: 1,
        ..shape
    };
    let mut without = State::default();
    let kind = Some(small.open());
    let command = v1::Command {
        at_ms: 1,
        kind,
        ..v1::Command::default()
    };
    without.apply(1, version::NEWEST, &command);
    let (many, few) = (state.snapshot().len(), without.snapshot().len());
    let bytes = (many - few) as f64 / (23_800.0 * 39.0);
    assert!(bytes < 1.1, "{bytes} bytes a task");
    let restored = State::restore(&state.snapshot()).expect("restorable");
    assert!(restored.snapshot() == state.snapshot());
}
