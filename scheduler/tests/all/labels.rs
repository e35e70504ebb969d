//! Cohorts that ask for labels run on workers that have them, and nowhere else.

use kumi_proto::ids::{CohortId, WorkerId};
use kumi_proto::v1;
use kumi_proto::v1::command::Kind;
use kumi_scheduler::policy::{self, Offer};
use kumi_scheduler::{Outcome, Rejection, State, version};
use proptest::prelude::*;

use crate::support::{Checked, Shape, hello, pick, stamped};

fn register(checked: &mut Checked, name: &str, labels: &[&str]) -> WorkerId {
    let labels = labels.iter().map(|label| (*label).to_owned()).collect();
    let hello = v1::WorkerHello {
        labels,
        ..hello(name, "1", 8, 64)
    };
    checked.register(1, hello)
}

fn shape(require: &[&str]) -> Shape {
    Shape {
        samples: vec!["A".to_owned(), "B".to_owned()],
        index_given: true,
        cores_per_align: 1,
        require: require.iter().map(|label| (*label).to_owned()).collect(),
        ..Shape::default()
    }
}

fn align() -> v1::TaskId {
    v1::TaskId {
        cohort: 1,
        stage: v1::Stage::Align.into(),
        row: 0,
        column: 0,
    }
}

fn why(checked: &Checked) -> v1::TaskExplanation {
    checked.state.why(None, CohortId(1), "", Some(&align()), 2)[0].clone()
}

#[test]
fn the_missing_label_is_named_until_a_worker_has_it() {
    let mut checked = Checked::default();
    let plain = register(&mut checked, "plain", &["avx2"]);
    checked.apply(2, shape(&["avx2", "bigmem"]).open());
    assert_eq!(pick(&checked, plain), []);
    let grant = v1::Grant {
        worker: plain.0,
        tasks: vec![align()],
        lease_ms: 1_000,
    };
    let granted = checked.apply(2, Kind::Grant(grant));
    assert_eq!(granted, Outcome::Granted(Vec::new()), "checked again");
    let reason = why(&checked).reason;
    assert!(
        reason.starts_with("no worker has the label bigmem"),
        "{reason}"
    );
    assert_eq!(checked.state.unsuited(CohortId(1)), Some(reason));
    register(&mut checked, "large", &["bigmem"]);
    let reason = why(&checked).reason;
    let both = "no worker has all of the labels avx2, bigmem";
    assert!(reason.starts_with(both), "{reason}");
    let suited = register(&mut checked, "suited", &["avx2", "bigmem"]);
    checked.restart();
    assert_eq!(checked.state.unsuited(CohortId(1)), None);
    assert_eq!(pick(&checked, suited).len(), 2);
    let fits = why(&checked).workers;
    let said: Vec<(&str, &str)> = fits
        .iter()
        .map(|fit| (fit.name.as_str(), fit.reason.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            ("suited", ""),
            ("large", "it does not have the label avx2"),
            ("plain", "it does not have the label bigmem"),
        ]
    );
}

#[test]
fn what_is_no_label_is_refused() {
    let mut checked = Checked::default();
    let refused = checked.apply(1, shape(&["big mem"]).open());
    let Outcome::Refused(Rejection::InvalidCohort(found)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(found[0].field, "header.require[0]");
    let hello = v1::WorkerHello {
        labels: vec![String::new()],
        ..hello("w", "1", 8, 64)
    };
    let register = v1::Register { hello: Some(hello) };
    let refused = checked.apply(1, Kind::Register(register));
    assert!(matches!(
        refused,
        Outcome::Refused(Rejection::InvalidWorker { .. })
    ));
}

/// A build that does not know labels must come to the same state.
#[test]
fn before_their_version_is_in_force_there_are_no_labels() {
    let command = |kind| stamped(1, kind);
    let applied = |labels: &[&str]| {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        let hello = v1::WorkerHello {
            labels: labels.clone(),
            ..hello("w", "1", 8, 64)
        };
        let shape = Shape {
            require: labels,
            ..shape(&[])
        };
        let mut state = State::default();
        let before = version::LABELS - 1;
        state.apply(1, before, &command(shape.open()));
        let register = v1::Register { hello: Some(hello) };
        state.apply(2, before, &command(Kind::Register(register)));
        state
    };
    let state = applied(&["bigmem"]);
    assert_eq!(state.snapshot(), applied(&[]).snapshot());
    let offer = Offer {
        worker: WorkerId(1),
        free_cores: 8,
        free_memory_bytes: 64 << 30,
    };
    assert_eq!(policy::pick(&state, &offer, 10).len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever labels workers have and cohorts ask for: who gets a task has all, and who has all gets one.
    #[test]
    fn tasks_go_to_those_who_have_all_labels(has in prop::collection::vec(0u8..8, 1..5), asks in prop::collection::vec(0u8..8, 1..5)) {
        const LABELS: [&str; 3] = ["a", "b", "c"];
        let labels = |bits: u8| -> Vec<&str> {
            LABELS.into_iter().zip(0..).filter(|(_, bit)| bits >> bit & 1 == 1).map(|(label, _)| label).collect()
        };
        let mut checked = Checked::default();
        let workers: Vec<(WorkerId, u8)> = has.iter().zip(0..).map(|(bits, number)| {
            (register(&mut checked, &format!("w{number}"), &labels(*bits)), *bits)
        }).collect();
        for (bits, number) in asks.iter().zip(0..) {
            let shape = Shape { name: format!("c{number}"), programme: format!("p{number}"), ..shape(&labels(*bits)) };
            checked.apply(2, shape.open());
        }
        for (worker, has) in workers {
            let picked: Vec<u64> = pick(&checked, worker).iter().map(|task| task.cohort).collect();
            for (asks, cohort) in asks.iter().zip(1..) {
                prop_assert_eq!(picked.contains(&cohort), asks & !has == 0);
            }
        }
    }
}
