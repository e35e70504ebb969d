//! Several workers are dealt to while earlier grants are under way.

use kumi_proto::ids::WorkerId;
use kumi_proto::v1;
use kumi_proto::v1::command::Kind;
use kumi_scheduler::policy::{self, Offer, Promised};
use kumi_scheduler::{State, version};

use crate::support::{Shape, hello, stamped};

const WORKERS: u64 = 2;

/// Two idle workers of eight cores, and six samples to align by one core each.
fn site(cores: Option<u32>) -> State {
    let mut state = State::default();
    let mut commands = Vec::new();
    for worker in 1..=WORKERS {
        let hello = Some(hello(&format!("w{worker}"), "1", 8, 512));
        commands.push(Kind::Register(v1::Register { hello }));
    }
    let account = v1::AccountPolicy {
        programme: "p".to_owned(),
        share: 1,
        cores,
        ..v1::AccountPolicy::default()
    };
    let policy = Some(v1::Policy {
        half_life_ms: 0,
        accounts: vec![account],
    });
    commands.push(Kind::SetPolicy(v1::SetPolicy {
        policy,
        ..v1::SetPolicy::default()
    }));
    let shape = Shape {
        samples: (0..6).map(|number| format!("S{number}")).collect(),
        cores_per_align: 1,
        index_given: true,
        ..Shape::default()
    };
    commands.push(shape.open());
    for (index, kind) in (1..).zip(commands) {
        let command = stamped(index, kind);
        state.apply(index, version::NEWEST, &command);
    }
    state
}

fn dealt(state: &State, promised: &mut Promised) -> Vec<(WorkerId, Vec<v1::TaskId>)> {
    let offer = |worker| Offer {
        worker: WorkerId(worker),
        free_cores: 8,
        free_memory_bytes: 512 << 30,
    };
    let offers: Vec<Offer> = (1..=WORKERS).map(offer).collect();
    policy::deal(state, &offers, 64, promised)
}

fn counts(dealt: &[(WorkerId, Vec<v1::TaskId>)]) -> Vec<usize> {
    dealt.iter().map(|(_, tasks)| tasks.len()).collect()
}

#[test]
fn what_is_promised_is_given_once_until_it_is_settled() {
    let state = site(None);
    let mut promised = Promised::default();
    let first = dealt(&state, &mut promised);
    assert_eq!(counts(&first), [3, 3], "few tasks are spread");
    assert_eq!(counts(&dealt(&state, &mut promised)), []);
    for (_, tasks) in &first {
        promised.settle(tasks);
    }
    // Neither grant was applied: all of it is ready still.
    assert_eq!(dealt(&state, &mut promised), first);
}

#[test]
fn a_quota_counts_what_is_promised() {
    let state = site(Some(4));
    let mut promised = Promised::default();
    let first = dealt(&state, &mut promised);
    assert_eq!(counts(&first).iter().sum::<usize>(), 4);
    assert_eq!(counts(&dealt(&state, &mut promised)), []);
}
