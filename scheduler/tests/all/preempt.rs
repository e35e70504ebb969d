//! Urgent tasks that wait take cores from bulk ones: at a checkpoint, and no more than needed.

use std::collections::BTreeSet;

use kumi_proto::ids::WorkerId;
use kumi_proto::v1;
use kumi_proto::v1::command::Kind;
use kumi_proto::v1::finished_task::Result as Finished;
use kumi_scheduler::policy::{self, Offer, Room, Siege};

use crate::support::{Checked, Shape, finished, hello, manifest};

const MINUTE_MS: u64 = 60_000;

/// A worker of four cores, all of which a cohort's call tasks hold; its attempts.
fn besieged(priority: v1::Priority) -> (Checked, WorkerId, Vec<u64>) {
    let mut checked = Checked::default();
    let worker = checked.register(1, hello("w", "1", 4, 64));
    let shape = Shape {
        samples: vec!["A".to_owned()],
        call_shards: 4,
        contigs: vec![("1".to_owned(), 100_000_000)],
        index_given: true,
        priority,
        ..Shape::default()
    };
    checked.apply(2, shape.open());
    let align = grant(&mut checked, worker);
    let done = align.iter().map(|start| {
        let spec = start.spec.as_ref().expect("a specification");
        finished(start.attempt, spec.task, Finished::Manifest(manifest(spec)))
    });
    let settle = v1::Settle {
        worker: worker.0,
        finished: done.collect(),
    };
    checked.apply(3, Kind::Settle(settle));
    let calls = grant(&mut checked, worker);
    assert_eq!(calls.len(), 4);
    (
        checked,
        worker,
        calls.iter().map(|start| start.attempt).collect(),
    )
}

fn grant(checked: &mut Checked, worker: WorkerId) -> Vec<v1::Start> {
    let offer = Offer {
        worker,
        free_cores: 4,
        free_memory_bytes: 64 << 30,
    };
    let tasks = policy::pick(&checked.state, &offer, 10);
    checked.grant(4, worker, tasks)
}

fn urgent(checked: &mut Checked, cores: u32, priority: v1::Priority) {
    let shape = Shape {
        name: "baby".to_owned(),
        samples: vec!["B".to_owned()],
        cores_per_align: cores,
        index_given: true,
        priority,
        ..Shape::default()
    };
    checked.apply(5, shape.open());
}

fn room(checked: &Checked, age_ms: u64, asked: &[u64]) -> Room {
    let connected = BTreeSet::from([1]);
    let siege = Siege {
        age_ms: &|_| age_ms,
        was_asked: &|attempt| asked.contains(&attempt),
        connected: &connected,
    };
    policy::make_room(&checked.state, &siege)
}

#[test]
fn as_many_calls_end_at_a_checkpoint_as_the_urgent_task_needs() {
    let (mut checked, worker, calls) = besieged(v1::Priority::Bulk);
    assert_eq!(room(&checked, 60 * MINUTE_MS, &[]), Room::default());
    urgent(&mut checked, 2, v1::Priority::Urgent);
    let made = room(&checked, 60 * MINUTE_MS, &[]);
    assert_eq!(made.split, [(worker, calls[0]), (worker, calls[1])]);
    assert!(made.stop.is_empty() && made.is_wanted);
    let again = room(&checked, 60 * MINUTE_MS, &calls[..2]);
    assert_eq!(again, Room::default(), "their cores are on the way");
    let more = room(&checked, 60 * MINUTE_MS, &calls[..1]);
    assert_eq!(more.split, [(worker, calls[1])]);
}

#[test]
fn only_urgent_and_high_work_makes_room_and_only_in_normal_and_bulk() {
    for (runs, waits) in [
        (v1::Priority::Bulk, v1::Priority::Normal),
        (v1::Priority::Urgent, v1::Priority::Urgent),
        (v1::Priority::High, v1::Priority::Urgent),
        (v1::Priority::Urgent, v1::Priority::High),
    ] {
        let (mut checked, ..) = besieged(runs);
        urgent(&mut checked, 1, waits);
        let made = room(&checked, 60 * MINUTE_MS, &[]);
        assert!(
            made.split.is_empty() && made.stop.is_empty(),
            "{runs:?} {waits:?}"
        );
    }
    let (mut checked, ..) = besieged(v1::Priority::Normal);
    urgent(&mut checked, 1, v1::Priority::High);
    assert_eq!(room(&checked, 60 * MINUTE_MS, &[]).split.len(), 1);
}

#[test]
fn what_cannot_be_split_is_stopped_while_it_has_used_little() {
    let mut checked = Checked::default();
    let hello = Some(hello("w", "1", 4, 64));
    checked.apply(1, Kind::Register(v1::Register { hello }));
    let shape = Shape {
        samples: vec!["A".to_owned(), "C".to_owned()],
        cores_per_align: 2,
        index_given: true,
        priority: v1::Priority::Bulk,
        ..Shape::default()
    };
    checked.apply(2, shape.open());
    let aligns = grant(&mut checked, WorkerId(1));
    assert_eq!(aligns.len(), 2);
    urgent(&mut checked, 2, v1::Priority::Urgent);
    let late = room(&checked, 6 * MINUTE_MS, &[]);
    assert!(late.stop.is_empty() && late.split.is_empty() && late.is_wanted);
    let made = room(&checked, MINUTE_MS, &[]);
    assert_eq!(made.stop.len(), 1);
    let (worker, attempt, task) = made.stop[0];
    let failure = v1::Failure {
        class: v1::FailureClass::Stopped.into(),
        message: "made room".to_owned(),
    };
    let settle = v1::Settle {
        worker: worker.0,
        finished: vec![finished(attempt, Some(task), Finished::Failure(failure))],
    };
    checked.apply(6, Kind::Settle(settle));
    let offer = Offer {
        worker,
        free_cores: 2,
        free_memory_bytes: 64 << 30,
    };
    let picked = policy::pick(&checked.state, &offer, 10);
    assert_eq!(picked.len(), 1);
    assert_eq!(picked[0].cohort, 2, "the urgent one has the place");
}
