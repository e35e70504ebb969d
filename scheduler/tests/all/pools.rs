//! Workers from the site's own engine: requests are numbered, what came of them is known, and nobody is given what they
//! cannot end in time.

use kumi_proto::ids::{CohortId, WorkerId};
use kumi_proto::specs;
use kumi_proto::v1;
use kumi_proto::v1::command::Kind;
use kumi_proto::v1::finished_task::Result as Finished;
use kumi_proto::v1::pool_event::What;
use kumi_scheduler::pool::Shape as Worker;
use kumi_scheduler::{Outcome, Rejection, State, version};

use crate::support::{Checked, Shape, finished, hello, manifest, pick, stamped};

const HOUR_MS: u64 = 3_600_000;

fn event(what: What) -> Kind {
    Kind::Pool(v1::PoolEvent {
        pool: "cpu".to_owned(),
        what: Some(what),
    })
}

fn ask(request: u64, workers: u32) -> Kind {
    event(What::Ask(v1::PoolAsk { request, workers }))
}

fn accepted(request: u64, job: &str) -> Kind {
    let job = job.to_owned();
    event(What::Accepted(v1::PoolAccepted { request, job }))
}

fn over(request: u64, problem: &str) -> Kind {
    event(What::Over(v1::PoolOver {
        request,
        problem: problem.to_owned(),
        failed: !problem.is_empty(),
    }))
}

fn of_pool(name: &str, request: u64, ends_ms: u64) -> v1::WorkerHello {
    v1::WorkerHello {
        pool: "cpu".to_owned(),
        pool_request: request,
        job: name.to_owned(),
        ends_ms,
        ..hello(name, "1", 8, 64)
    }
}

fn register(checked: &mut Checked, at_ms: u64, hello: v1::WorkerHello) -> WorkerId {
    let hello = Some(hello);
    match checked.apply(at_ms, Kind::Register(v1::Register { hello })) {
        Outcome::Registered(worker) => worker,
        other => panic!("{other:?}"),
    }
}

fn shape(samples: usize) -> Shape {
    Shape {
        samples: (0..samples).map(|sample| format!("s{sample}")).collect(),
        index_given: true,
        cores_per_align: 4,
        call_shards: 1,
        ..Shape::default()
    }
}

/// Of eight cores: two alignments fit.
fn worker(coming: u32, room: u32) -> Worker {
    Worker {
        pool: "cpu".to_owned(),
        cores: 8,
        memory_bytes: 64 << 30,
        coming,
        room,
        ..Worker::default()
    }
}

fn why(checked: &Checked, centre: Option<&str>) -> String {
    let task = v1::TaskId {
        cohort: 1,
        stage: v1::Stage::Align.into(),
        row: 0,
        column: 0,
    };
    let why = checked.state.why(centre, CohortId(1), "", Some(&task), 2);
    why[0].reason.clone()
}

#[test]
fn a_request_is_made_once() {
    let mut checked = Checked::default();
    let refused = |outcome| matches!(outcome, Outcome::Refused(Rejection::PoolRequest { .. }));
    assert!(refused(checked.apply(1, ask(2, 3))), "1 is the next");
    assert_eq!(checked.apply(1, ask(1, 3)), Outcome::Pooled);
    assert!(refused(checked.apply(2, ask(1, 3))), "it was made");
    assert!(refused(checked.apply(2, ask(2, 3))), "1 has no answer");
    assert_eq!(checked.apply(3, accepted(1, "17")), Outcome::Pooled);
    checked.apply(3, accepted(1, "18"));
    assert_eq!(checked.state.pools()["cpu"].requests[&1].job, "17");
    checked.restart();
    assert_eq!(checked.apply(4, ask(2, 3)), Outcome::Pooled);
    checked.apply(5, over(2, ""));
    assert!(refused(checked.apply(6, over(2, ""))), "it is over");
    assert!(
        refused(checked.apply(6, ask(2, 1))),
        "a number is given once"
    );
    let requests = checked.state.pools()["cpu"].requests.keys();
    assert_eq!(requests.copied().collect::<Vec<_>>(), [1]);
}

#[test]
fn pauses_double_until_a_worker_comes() {
    let mut checked = Checked::default();
    let mut retry = |request: u64| {
        checked.apply(1_000, ask(request, 1));
        checked.apply(1_000, over(request, "sbatch: no such account"));
        checked.state.pools()["cpu"].retry_ms()
    };
    assert_eq!((retry(1), retry(2), retry(3)), (6_000, 11_000, 21_000));
    checked.apply(21_000, ask(4, 1));
    register(&mut checked, 21_500, of_pool("w", 4, 0));
    let pool = &checked.state.pools()["cpu"];
    assert_eq!(
        (pool.retry_ms(), pool.reason(), pool.requests_failed),
        (0, "", 3)
    );
    checked.apply(22_000, over(4, "cancelled"));
    let pool = &checked.state.pools()["cpu"];
    assert_eq!(pool.retry_ms(), 0, "a worker came of it");
}

#[test]
fn only_idle_workers_of_the_pool_are_given_back() {
    let mut checked = Checked::default();
    checked.apply(1, ask(1, 2));
    let busy = register(&mut checked, 2, of_pool("busy", 1, 0));
    let idle = register(&mut checked, 2, of_pool("idle", 1, 0));
    let other = register(&mut checked, 2, hello("other", "1", 8, 64));
    checked.apply(3, shape(1).open());
    let tasks = pick(&checked, busy);
    let grant = v1::Grant {
        worker: busy.0,
        tasks,
        lease_ms: 1_000,
    };
    checked.apply(4, Kind::Grant(grant));
    let workers = vec![busy.0, idle.0, other.0, 99];
    checked.apply(5, event(What::Release(v1::PoolRelease { workers })));
    checked.restart();
    let drains: Vec<_> = checked.state.drains().into_iter().collect();
    assert_eq!(drains, [(idle.0, true)]);
    let resume = v1::Drain {
        request_id: "r".to_owned(),
        name: "idle".to_owned(),
        resume: true,
        ..v1::Drain::default()
    };
    checked.apply(6, Kind::Drain(resume));
    assert!(checked.state.drains().is_empty(), "an operator keeps it");
}

#[test]
fn workers_are_worth_what_the_ready_tasks_need() {
    let mut checked = Checked::default();
    let demand = |checked: &Checked, shapes: &[Worker]| checked.state.demand(shapes);
    assert_eq!(demand(&checked, &[worker(0, 10)]), [0], "nothing to do");
    checked.apply(1, shape(7).open());
    assert_eq!(demand(&checked, &[worker(0, 10)]), [4], "two on each");
    assert_eq!(demand(&checked, &[worker(0, 3)]), [3], "no room for more");
    assert_eq!(
        demand(&checked, &[worker(0, 3), worker(0, 10)]),
        [3, 1],
        "the next pool"
    );
    assert_eq!(
        demand(&checked, &[worker(3, 0), worker(0, 10)]),
        [3, 1],
        "three are coming"
    );
    let small = Worker {
        memory_bytes: 1 << 20,
        ..worker(0, 10)
    };
    let narrow = Worker {
        cores: 2,
        ..worker(0, 10)
    };
    assert_eq!(
        demand(&checked, &[small, narrow]),
        [0, 7],
        "a task has at most all cores"
    );
    let there = register(&mut checked, 2, hello("there", "1", 8, 64));
    assert_eq!(demand(&checked, &[worker(0, 10)]), [3], "one is there");
    let grant = v1::Grant {
        worker: there.0,
        tasks: pick(&checked, there),
        lease_ms: 1_000,
    };
    checked.apply(3, Kind::Grant(grant));
    assert_eq!(demand(&checked, &[worker(0, 10)]), [3], "five wait");
}

#[test]
fn labels_of_workers_that_came_count() {
    let mut checked = Checked::default();
    let cohort = Shape {
        require: vec!["avx2".to_owned(), "local".to_owned()],
        ..shape(1)
    };
    checked.apply(1, cohort.open());
    let given = Worker {
        labels: vec!["local".to_owned()],
        ..worker(0, 10)
    };
    assert_eq!(checked.state.demand(std::slice::from_ref(&given)), [0]);
    let came = v1::WorkerHello {
        labels: vec!["avx2".to_owned()],
        ..of_pool("came", 1, 0)
    };
    register(&mut checked, 2, came);
    assert_eq!(checked.state.demand(&[given]), [1]);
}

/// Three alignments have taken an hour: the fourth is not begun with less than that left.
#[test]
fn nothing_is_begun_that_the_site_would_end() {
    let mut checked = Checked::default();
    checked.apply(1, ask(1, 3));
    let first = register(&mut checked, 1, of_pool("first", 1, 0));
    checked.apply(2, shape(4).open());
    for round in 0..2 {
        let at_ms = 2 + round * HOUR_MS;
        let align = |task: &v1::TaskId| task.stage() == v1::Stage::Align;
        let tasks = pick(&checked, first).into_iter().filter(align);
        let grant = v1::Grant {
            worker: first.0,
            tasks: tasks.collect(),
            lease_ms: 1_000,
        };
        let Outcome::Granted(granted) = checked.apply(at_ms, Kind::Grant(grant)) else {
            panic!("it was ready");
        };
        let starts = checked.state.starts(&granted, specs::NEWEST);
        let done = starts.iter().map(|start| {
            let spec = start.spec.as_ref().expect("a spec");
            finished(start.attempt, spec.task, Finished::Manifest(manifest(spec)))
        });
        let settle = v1::Settle {
            worker: first.0,
            finished: done.collect(),
        };
        checked.apply(at_ms + HOUR_MS, Kind::Settle(settle));
    }
    let drain = v1::Drain {
        request_id: "r".to_owned(),
        name: "first".to_owned(),
        ..v1::Drain::default()
    };
    checked.apply(2 * HOUR_MS + 2, Kind::Drain(drain));
    let now_ms = 2 * HOUR_MS + 2;
    let short = register(&mut checked, now_ms, of_pool("short", 1, now_ms + HOUR_MS));
    let long = register(
        &mut checked,
        now_ms,
        of_pool("long", 1, now_ms + 2 * HOUR_MS),
    );
    let align = |tasks: Vec<v1::TaskId>| {
        let align = tasks.iter().filter(|task| task.stage() == v1::Stage::Align);
        align.count()
    };
    assert_eq!(
        (align(pick(&checked, short)), align(pick(&checked, long))),
        (0, 1)
    );
    let lasts = |lasts_ms| Worker {
        lasts_ms,
        cores: 4,
        ..worker(0, 10)
    };
    // What the workers there have no room for.
    let drain_long = v1::Drain {
        request_id: "q".to_owned(),
        name: "long".to_owned(),
        ..v1::Drain::default()
    };
    checked.apply(now_ms, Kind::Drain(drain_long));
    let demand = |lasts_ms| checked.state.demand(&[lasts(lasts_ms)])[0];
    assert_eq!(demand(0) - demand(HOUR_MS), 1);
    assert_eq!(demand(2 * HOUR_MS), demand(0));
    let task = v1::TaskId {
        cohort: 1,
        stage: v1::Stage::Align.into(),
        row: 3,
        column: 0,
    };
    let why = checked.state.why(None, CohortId(1), "", Some(&task), 2);
    let reason = &why[0].reason;
    assert!(
        reason.starts_with("it is expected to run for 60 min"),
        "{reason}"
    );
}

#[test]
fn what_the_site_says_is_told_to_operators() {
    let mut checked = Checked::default();
    checked.apply(1, shape(1).open());
    assert!(why(&checked, None).contains("kumi worker start"));
    checked.apply(2, ask(1, 2));
    assert_eq!(
        why(&checked, None),
        "no worker is connected; pool cpu waits for 2 workers from the site"
    );
    checked.apply(3, over(1, "Slurm: no account secret"));
    assert_eq!(
        why(&checked, None),
        "no worker is connected; pool cpu: Slurm: no account secret"
    );
    let told = why(&checked, Some("centre"));
    assert!(
        told.contains("pool cpu gets no workers") && !told.contains("secret"),
        "{told}"
    );
    assert_eq!(checked.state.queue(None, None).pools.len(), 1);
    assert_eq!(checked.state.queue(Some("centre"), None).pools, []);
}

/// Slurm gives a job another node and counts that; the worker before need not be waited for.
#[test]
fn a_job_that_is_started_again_ends_the_worker_before_it() {
    let mut checked = Checked::default();
    checked.apply(1, shape(1).open());
    let named = |name: &str, job: &str| v1::WorkerHello {
        job: job.to_owned(),
        ..of_pool(name, 1, 0)
    };
    let first = register(&mut checked, 2, named("cpu-17_3", "17_3"));
    let other = register(&mut checked, 2, named("cpu-17_30", "17_30"));
    let again = register(&mut checked, 3, named("cpu-17_3.1", "17_3"));
    let lost = |checked: &Checked, id: WorkerId| {
        let workers = checked.state.workers_of("cpu");
        let worker = workers.iter().find(|worker| worker.id == id);
        worker.map(|worker| worker.state) == Some(kumi_scheduler::WorkerState::Lost)
    };
    assert!(lost(&checked, first) && !lost(&checked, other) && !lost(&checked, again));
    // The one before was only cut off: it does not end who came after it.
    let before = register(&mut checked, 4, named("cpu-17_3", "17_3"));
    assert!(!lost(&checked, again) && !lost(&checked, before));
    let last = register(&mut checked, 5, named("cpu-17_3.2", "17_3"));
    assert!(lost(&checked, again) && lost(&checked, before) && !lost(&checked, last));
    checked.restart();
    // Elsewhere a name ends as it likes.
    let outside = register(&mut checked, 6, hello("node.1", "1", 8, 64));
    register(&mut checked, 7, hello("node.2", "1", 8, 64));
    let workers = checked.state.workers();
    let there = workers.iter().find(|worker| worker.id == outside);
    assert!(there.is_some_and(|worker| worker.state == kumi_scheduler::WorkerState::Up));
}

/// A build that does not know pools must come to the same state.
#[test]
fn before_their_version_is_in_force_there_are_no_pools() {
    let applied = |hello: v1::WorkerHello| {
        let mut state = State::default();
        let register = Kind::Register(v1::Register { hello: Some(hello) });
        state.apply(1, version::POOLS - 1, &stamped(1, register));
        let refused = state.apply(2, version::POOLS - 1, &stamped(1, ask(1, 1)));
        assert!(matches!(
            refused,
            Outcome::Refused(Rejection::NotInForce { .. })
        ));
        state.snapshot()
    };
    assert_eq!(applied(of_pool("w", 1, 5)), applied(hello("w", "1", 8, 64)));
}
