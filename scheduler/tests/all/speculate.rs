//! The last tasks of a cohort, when they take far longer than was expected, are tried a second time: the first result
//! counts.

use kumi_proto::ids::{CohortId, WorkerId};
use kumi_proto::specs;
use kumi_proto::v1;
use kumi_proto::v1::command::Kind;
use kumi_proto::v1::finished_task::Result as Finished;
use kumi_scheduler::policy::{self, Offer, Watch};
use kumi_scheduler::tallies::CopyTally;
use kumi_scheduler::{Outcome, Verdict};

use crate::support::{Checked, Shape, finished, hello, manifest};

const MINUTE_MS: u64 = 60_000;

/// Two workers of four cores. Of a cohort of 25 samples all alignments but one are done, each after four minutes; that
/// one runs on the first worker.
struct Scene {
    checked: Checked,
    now_ms: u64,
    last: v1::Start,
}

const SLOW: WorkerId = WorkerId(1);
const OTHER: WorkerId = WorkerId(2);

fn offer(worker: WorkerId, free_cores: u32) -> Offer {
    Offer {
        worker,
        free_cores,
        free_memory_bytes: 64 << 30,
    }
}

fn task(start: &v1::Start) -> v1::TaskId {
    let spec = start.spec.as_ref().expect("a start has a specification");
    spec.task.expect("a task")
}

impl Scene {
    fn new(shape: Shape) -> Self {
        let mut checked = Checked::default();
        for name in ["slow", "other"] {
            let hello = Some(hello(name, "1", 4, 64));
            checked.apply(1, Kind::Register(v1::Register { hello }));
        }
        let shape = Shape {
            samples: (0..25).map(|number| format!("S{number}")).collect(),
            call_shards: 1,
            cores_per_align: 1,
            index_given: true,
            ..shape
        };
        checked.apply(1, shape.open());
        let mut scene = Self {
            checked,
            now_ms: 1,
            last: v1::Start::default(),
        };
        scene.last = scene.grant(SLOW, 1).remove(0);
        loop {
            let starts = scene.grant(OTHER, 4);
            if starts.is_empty() {
                return scene;
            }
            scene.now_ms += 4 * MINUTE_MS;
            for start in starts {
                assert_eq!(scene.settle(OTHER, &start, None), Verdict::Committed);
            }
        }
    }

    fn grant(&mut self, worker: WorkerId, cores: u32) -> Vec<v1::Start> {
        let tasks = policy::pick(&self.checked.state, &offer(worker, cores), 10);
        let grant = v1::Grant {
            worker: worker.0,
            tasks,
            lease_ms: 1_000,
        };
        self.granted(Kind::Grant(grant))
    }

    fn granted(&mut self, kind: Kind) -> Vec<v1::Start> {
        let Outcome::Granted(starts) = self.checked.apply(self.now_ms, kind) else {
            panic!("the worker is known");
        };
        self.checked.state.starts(&starts, specs::NEWEST)
    }

    fn settle(
        &mut self,
        worker: WorkerId,
        start: &v1::Start,
        failure: Option<v1::FailureClass>,
    ) -> Verdict {
        let spec = start.spec.as_ref().expect("a start has a specification");
        let result = match failure {
            None => Finished::Manifest(manifest(spec)),
            Some(class) => Finished::Failure(v1::Failure {
                class: class.into(),
                message: "broken".to_owned(),
            }),
        };
        let settle = v1::Settle {
            worker: worker.0,
            finished: vec![finished(start.attempt, spec.task, result)],
        };
        let settled = self.checked.apply(self.now_ms, Kind::Settle(settle));
        let Outcome::Settled(settled) = settled else {
            panic!("settling is always answered");
        };
        settled[0].verdict
    }

    fn late(&self, age_ms: u64, offers: &[Offer]) -> Vec<(WorkerId, u64)> {
        let watch = Watch {
            age_ms: &|_| age_ms,
            after_ms: 1_000,
            copy_after_ms: MINUTE_MS,
            offers,
            was_asked: &|_| false,
        };
        policy::speculate(&self.checked.state, &watch)
    }

    /// What the policy chooses is granted.
    fn speculate(&mut self) -> v1::Start {
        let chosen = self.late(60 * MINUTE_MS, &[offer(SLOW, 3), offer(OTHER, 4)]);
        assert_eq!(chosen, [(OTHER, self.last.attempt)]);
        let mut starts = self.try_beside(OTHER, self.last.attempt);
        assert_eq!(starts.len(), 1);
        assert_eq!(task(&starts[0]), task(&self.last));
        starts.remove(0)
    }

    fn try_beside(&mut self, worker: WorkerId, attempt: u64) -> Vec<v1::Start> {
        let worker = worker.0;
        self.granted(Kind::Speculate(v1::Speculate { worker, attempt }))
    }

    fn copies(&self) -> (u64, u64) {
        let CopyTally { won, lost } = self.checked.state.tallies().copies;
        (won, lost)
    }

    fn attempts(&self, worker: WorkerId) -> Vec<u64> {
        let attempts = self.checked.state.attempts_of(worker);
        attempts.into_iter().map(|(attempt, _)| attempt).collect()
    }

    fn why(&self) -> v1::TaskExplanation {
        let task = task(&self.last);
        let why = self
            .checked
            .state
            .why(None, CohortId(1), "", Some(&task), self.now_ms + 2_000);
        why[0].clone()
    }
}

#[test]
fn the_first_result_counts_and_the_other_attempt_is_fenced() {
    for copy_wins in [true, false] {
        let mut scene = Scene::new(Shape::default());
        let copy = scene.speculate();
        let reason = scene.why().reason;
        assert!(
            reason.contains("attempt 74 does the same on other for 2.0 s"),
            "{reason}"
        );
        scene.checked.restart();
        assert!(
            scene.try_beside(OTHER, copy.attempt).is_empty(),
            "at most one copy a task"
        );
        let last = scene.last.clone();
        assert!(scene.try_beside(OTHER, last.attempt).is_empty());
        let (first, second) = if copy_wins {
            ((OTHER, copy), (SLOW, last))
        } else {
            ((SLOW, last), (OTHER, copy))
        };
        assert_eq!(scene.settle(first.0, &first.1, None), Verdict::Committed);
        assert!(scene.attempts(SLOW).is_empty() && scene.attempts(OTHER).is_empty());
        assert_eq!(scene.settle(second.0, &second.1, None), Verdict::Refused);
        let won = u64::from(copy_wins);
        assert_eq!(scene.copies(), (won, 1 - won));
    }
}

#[test]
fn when_one_attempt_fails_or_is_lost_the_other_goes_on() {
    let mut scene = Scene::new(Shape::default());
    let copy = scene.speculate();
    let last = scene.last.clone();
    let transient = Some(v1::FailureClass::Transient);
    assert_eq!(
        scene.settle(OTHER, &copy, transient),
        Verdict::Failed { again: true }
    );
    assert_eq!((scene.copies(), scene.why().failures), ((0, 1), 1));
    assert_eq!(scene.attempts(SLOW), [last.attempt]);
    assert_eq!(
        scene.late(60 * MINUTE_MS, &[offer(OTHER, 4)]),
        [],
        "not where it failed"
    );
    let copy = scene.try_beside(OTHER, last.attempt).remove(0);
    let reason = "silent".to_owned();
    let expire = v1::Expire {
        worker: SLOW.0,
        reason,
    };
    scene.checked.apply(scene.now_ms, Kind::Expire(expire));
    scene.checked.restart();
    assert_eq!(scene.attempts(OTHER), [copy.attempt]);
    assert_eq!(scene.why().state(), v1::TaskState::Running);
    assert_eq!(scene.settle(OTHER, &copy, None), Verdict::Committed);
    assert_eq!(scene.copies(), (1, 1));
}

#[test]
fn a_bad_input_ends_both() {
    let mut scene = Scene::new(Shape {
        quarantine: true,
        ..Shape::default()
    });
    let copy = scene.speculate();
    let bad = Some(v1::FailureClass::BadInput);
    assert_eq!(
        scene.settle(OTHER, &copy, bad),
        Verdict::Failed { again: false }
    );
    assert!(scene.attempts(SLOW).is_empty());
    assert_eq!(scene.copies(), (0, 1));
}

#[test]
fn a_cancelled_cohort_leaves_no_copy() {
    let mut scene = Scene::new(Shape::default());
    scene.speculate();
    let cancel = v1::Cancel {
        cohort: 1,
        ..v1::Cancel::default()
    };
    scene.checked.apply(scene.now_ms, Kind::Cancel(cancel));
    assert!(scene.attempts(SLOW).is_empty() && scene.attempts(OTHER).is_empty());
    assert_eq!(scene.copies(), (0, 1));
}

#[test]
fn only_late_tasks_are_doubled_and_only_on_idle_workers() {
    let mut scene = Scene::new(Shape::default());
    let both = [offer(SLOW, 3), offer(OTHER, 4)];
    // All others took four minutes, which lie below the bound of five: twice that is ten.
    assert_eq!(scene.late(10 * MINUTE_MS, &both), []);
    assert_eq!(scene.late(10 * MINUTE_MS + 1, &both).len(), 1);
    assert_eq!(
        scene.late(60 * MINUTE_MS, &[offer(SLOW, 3)]),
        [],
        "not beside itself"
    );
    let busy = Shape {
        name: "more".to_owned(),
        samples: vec!["X".to_owned()],
        index_given: true,
        cores_per_align: 1,
        ..Shape::default()
    };
    scene.checked.apply(scene.now_ms, busy.open());
    assert_eq!(
        scene.late(60 * MINUTE_MS, &both),
        [],
        "first what nobody does"
    );
}
