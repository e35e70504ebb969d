//! What a centre is shown of others' work: how much of it there is.

use kumi_proto::ids::CohortId;
use kumi_proto::v1;
use kumi_proto::v1::command::Kind;
use kumi_scheduler::Outcome;

use crate::support::{Checked, Shape, hello};

fn open(checked: &mut Checked, name: &str, centre: &str, samples: &[&str]) -> CohortId {
    let shape = Shape {
        name: name.to_owned(),
        centre: centre.to_owned(),
        request_id: name.to_owned(),
        samples: samples.iter().map(|&sample| sample.to_owned()).collect(),
        index_given: true,
        ..Shape::default()
    };
    let Outcome::Opened { cohort, .. } = checked.apply(1_000, shape.open()) else {
        panic!("the cohort is valid");
    };
    cohort
}

fn policy() -> Kind {
    let account = |centre: &str| v1::AccountPolicy {
        programme: "p".to_owned(),
        centre: centre.to_owned(),
        share: 2,
        ..v1::AccountPolicy::default()
    };
    Kind::SetPolicy(v1::SetPolicy {
        request_id: String::new(),
        policy: Some(v1::Policy {
            half_life_ms: 0,
            accounts: vec![account(""), account("atoll"), account("curious")],
        }),
    })
}

/// All that a centre is told of one of its cohorts, as text.
fn told(checked: &Checked, centre: Option<&str>, cohort: CohortId) -> String {
    let state = &checked.state;
    let mut told = format!(
        "{:?}{:?}",
        state.queue(centre, None),
        state.policy_of(centre)
    );
    let all = state.why(centre, cohort, "", None, 5_000);
    for short in &all {
        let task = short.task.as_ref();
        told += &format!("{:?}", state.why(centre, cohort, "", task, 5_000));
    }
    told + &format!("{all:?}")
}

fn is_blind(checked: &Checked, cohort: CohortId) {
    let names = ["atoll", "hidden", "node17"];
    let told_own = told(checked, Some("curious"), cohort);
    for name in names {
        assert!(!told_own.contains(name), "{name} in {told_own}");
    }
}

/// `why` and `queue explain` named the cohort that a task waits behind, of whatever centre, with its account, and
/// every worker; the policy was shown whole.
#[test]
fn a_centre_is_told_how_much_goes_first_and_not_whose() {
    let mut checked = Checked::default();
    checked.apply(1_000, policy());
    open(&mut checked, "hidden", "atoll", &["a", "b", "shared"]);
    let own = open(&mut checked, "mine", "curious", &["c", "shared"]);
    let hello = |cores, version: &str| {
        let mut hello = hello("node17", &format!("{cores}{version}"), cores, 64);
        hello.kernel_version = version.to_owned();
        Kind::Register(v1::Register { hello: Some(hello) })
    };
    // A worker that is too old, one that is small, one that drains, and one that is busy with the other's work.
    checked.apply(2_000, hello(1, "older"));
    is_blind(&checked, own);
    let Outcome::Registered(worker) = checked.apply(3_000, hello(8, "k1")) else {
        panic!("the worker is fine");
    };
    is_blind(&checked, own);
    let behind = told(&checked, Some("curious"), own);
    assert!(
        behind.contains("ready tasks of cohorts of other centres"),
        "{behind}"
    );
    let drain = |resume| {
        Kind::Drain(v1::Drain {
            request_id: format!("drain {resume}"),
            name: "node17".to_owned(),
            resume,
            reason: String::new(),
        })
    };
    checked.apply(4_000, drain(false));
    is_blind(&checked, own);
    checked.apply(4_000, drain(true));
    let shared = checked.state.why(None, CohortId(1), "shared", None, 5_000);
    let grant = v1::Grant {
        worker: worker.0,
        tasks: shared.into_iter().filter_map(|task| task.task).collect(),
        lease_ms: 30_000,
    };
    let granted = checked.apply(5_000, Kind::Grant(grant));
    assert!(
        matches!(&granted, Outcome::Granted(starts) if !starts.is_empty()),
        "{granted:?}"
    );
    is_blind(&checked, own);
    let same = told(&checked, Some("curious"), own);
    assert!(
        same.contains("runs for a cohort of another centre"),
        "{same}"
    );
    // Whoever operates the cluster is told all of it.
    let all = told(&checked, None, own);
    for name in ["atoll", "hidden", "node17"] {
        assert!(all.contains(name), "{name}");
    }
}
