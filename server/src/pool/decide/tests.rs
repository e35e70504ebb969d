use std::collections::BTreeMap;

use kumi_scheduler::pool::{Pool, Request};
use proptest::prelude::*;

use super::{Bounds, Listing, Member, Memory, Step, View, count, decide, losses, reconcile, told};
use crate::limits;
use crate::pool::site::{Element, Phase};

const NOW_MS: u64 = 10_000_000;

fn request(workers: u32, job: &str) -> Request {
    Request {
        workers,
        asked_ms: NOW_MS - 60_000,
        job: job.to_owned(),
        came: false,
    }
}

fn element(id: &str, request: u64, phase: Phase) -> Element {
    Element {
        id: id.to_owned(),
        job: id.split('_').next().unwrap_or_default().to_owned(),
        request,
        phase,
        reason: String::new(),
    }
}

fn member(id: u64, request: u64, job: &str) -> Member {
    Member {
        id,
        request,
        job: job.to_owned(),
        run: 0,
        lost: false,
        draining: false,
        leaving: false,
        busy: false,
        since_ms: NOW_MS,
    }
}

/// A pool of requests 1, 2, …, the queue as it was seen a moment ago, and workers.
#[derive(Default)]
struct Case {
    pool: Pool,
    elements: Vec<Element>,
    members: Vec<Member>,
    memory: Memory,
}

impl Case {
    fn of(requests: &[Request], elements: Vec<Element>) -> Self {
        let requests: BTreeMap<u64, Request> = (1..).zip(requests.iter().cloned()).collect();
        let pool = Pool {
            last_request: requests.len() as u64,
            requests,
            ..Pool::default()
        };
        Self {
            pool,
            elements,
            ..Self::default()
        }
    }

    fn look<T>(&self, at_ms: u64, look: impl FnOnce(&View<'_>) -> T) -> T {
        let listing = Listing {
            at_ms,
            elements: self.elements.clone(),
        };
        look(&View {
            now_ms: NOW_MS,
            bounds: Bounds {
                min: 1,
                max: 10,
                idle_ms: 5_000,
            },
            pool: &self.pool,
            listing: Some(&listing),
            members: &self.members,
            memory: &self.memory,
        })
    }

    fn reconciled(&self) -> Vec<Step> {
        self.look(NOW_MS - 10, reconcile)
    }

    /// Without what is only written down.
    fn decided(&self, target: u32) -> Vec<Step> {
        let mut steps = self.look(NOW_MS - 10, |view| decide(view, &count(view), target));
        steps.retain(|step| !matches!(step, Step::Seen(_)));
        steps
    }
}

/// A script that lists may fail and say nothing: who works must not be taken for a stray later.
#[test]
fn an_empty_queue_does_not_end_a_request_whose_workers_are_there() {
    let mut case = Case::of(&[request(1, "9")], Vec::new());
    case.members.push(member(1, 1, "9_0"));
    assert_eq!(case.reconciled(), []);
    case.members[0].lost = true;
    assert_eq!(case.reconciled().len(), 1);
}

#[test]
fn what_was_there_before_the_request_is_not_taken_for_it() {
    let queue = vec![
        element("9_0", 1, Phase::Done),
        element("12_0", 1, Phase::Pending),
    ];
    let case = Case::of(&[request(1, "")], queue);
    let before = case.look(NOW_MS - 60_001, reconcile);
    assert_eq!(before, []);
    let job = "12".to_owned();
    assert_eq!(case.reconciled(), [Step::Accept { request: 1, job }]);
}

#[test]
fn a_long_reason_is_written_down_once() {
    let mut queue = vec![element("9_0", 1, Phase::Pending)];
    queue[0].reason = "x".repeat(10_000);
    let mut case = Case::of(&[request(1, "9")], queue);
    let seen = |case: &Case| {
        let steps = case.look(NOW_MS, |view| decide(view, &count(view), 1));
        steps.into_iter().find_map(|step| match step {
            Step::Seen(seen) => Some(seen),
            _ => None,
        })
    };
    case.pool.seen = seen(&case).expect("it is new");
    // No longer than the log keeps it.
    assert!(case.pool.seen.reason.len() < 2_000);
    assert_eq!(seen(&case), None);
}

#[test]
fn a_new_leader_finds_what_the_last_one_asked_for() {
    let queue = vec![
        element("9_0", 1, Phase::Pending),
        element("12_0", 1, Phase::Pending),
    ];
    let case = Case::of(&[request(1, "")], queue);
    let job = "9".to_owned();
    let accept = Step::Accept { request: 1, job };
    let later = Step::Cancel(vec!["12_0".to_owned()]);
    assert_eq!(case.reconciled(), [accept, later]);
    assert_eq!(
        case.decided(5),
        [],
        "nothing is asked before it is written down"
    );
}

#[test]
fn what_the_site_never_had_is_over_once_that_is_certain() {
    let mut case = Case::of(&[request(2, "")], Vec::new());
    let over = |problem: &str, failed| Step::Over {
        request: 1,
        problem: problem.to_owned(),
        failed,
    };
    assert_eq!(case.reconciled(), [over("", false)]);
    case.pool.requests.get_mut(&1).expect("there").asked_ms = NOW_MS - limits::SITE_APPEARS_MS / 2;
    assert_eq!(case.reconciled(), [], "it may still appear");
    case.memory.asking = Some(1);
    case.memory.refused = Some((1, NOW_MS - 5, "sbatch: no".to_owned()));
    assert_eq!(case.reconciled(), [], "it is being asked");
    case.memory.asking = None;
    assert_eq!(case.reconciled(), [], "the queue was not looked at since");
    let steps = case.look(NOW_MS, reconcile);
    assert_eq!(steps, [over("sbatch: no", true)]);
    case.elements.push(element("9_0", 1, Phase::Pending));
    let steps = case.look(NOW_MS, reconcile);
    assert!(
        matches!(steps[..], [Step::Accept { .. }]),
        "it was taken after all"
    );
}

#[test]
fn jobs_of_requests_that_are_over_are_ended() {
    let queue = vec![
        element("7_0", 1, Phase::Running),
        element("8_0", 2, Phase::Running),
        element("9_0", 3, Phase::Running),
        element("6_0", 1, Phase::Failed),
    ];
    let mut case = Case::of(&[request(1, "7"), request(1, "8")], queue);
    case.pool.requests.remove(&1);
    let stray = Step::Cancel(vec!["7_0".to_owned()]);
    assert_eq!(case.reconciled(), [stray], "9 is of nobody we know");
}

#[test]
fn how_jobs_ended_is_told() {
    let mut failed = element("7_0", 1, Phase::Failed);
    failed.reason = "failed (NonZeroExitCode)".to_owned();
    let mut case = Case::of(&[request(1, "7")], vec![failed]);
    let over = |problem: &str, failed| Step::Over {
        request: 1,
        problem: problem.to_owned(),
        failed,
    };
    assert_eq!(
        case.reconciled(),
        [over("job 7_0 failed (NonZeroExitCode)", true)]
    );
    case.memory.cancelled.insert(1);
    assert_eq!(case.reconciled(), [over("", false)], "we did it");
    case.memory.cancelled.clear();
    case.pool.requests.get_mut(&1).expect("there").came = true;
    assert_eq!(case.reconciled(), [over("", false)], "it worked");
}

fn ended(id: &str, phase: Phase, reason: &str) -> Element {
    Element {
        reason: reason.to_owned(),
        ..element(id, 1, phase)
    }
}

/// The queue has forgotten a job: accounting is asked before it is told that it is gone.
#[test]
fn accounting_says_how_a_forgotten_job_ended() {
    let mut case = Case::of(&[request(1, "7")], Vec::new());
    let over = |problem: &str| Step::Over {
        request: 1,
        problem: problem.to_owned(),
        failed: true,
    };
    let gone = [over("job 7 is gone, and no worker came of it")];
    assert_eq!(case.reconciled(), gone, "there is no accounting");
    case.memory.account.kept = true;
    let inquire = [Step::Inquire(vec!["7".to_owned()])];
    assert_eq!(case.reconciled(), inquire);
    assert!(case.memory.account.ask(NOW_MS, "7"));
    assert!(!case.memory.account.ask(NOW_MS + 1, "7"), "a moment ago");
    case.memory
        .account
        .take(vec![ended("7_0", Phase::Running, "")]);
    assert_eq!(case.reconciled(), inquire, "it does not know yet");
    let how = "failed with exit code 3 (FAILED)";
    case.memory
        .account
        .take(vec![ended("7_0", Phase::Failed, how)]);
    assert_eq!(case.reconciled(), [over(&format!("job 7_0 {how}"))]);
    // It never tells.
    case.memory.account = Default::default();
    case.memory.account.kept = true;
    let begun_ms = NOW_MS - limits::SITE_ACCOUNT_TELLS_MS;
    assert!(case.memory.account.ask(begun_ms, "7"));
    assert_eq!(case.reconciled(), gone);
}

/// The queue shows a job that is over and not how it ended.
#[test]
fn accounting_says_how_a_job_ended_of_which_the_queue_does_not_tell() {
    let queue = vec![ended("7_0", Phase::Done, "")];
    let mut case = Case::of(&[request(1, "7")], queue);
    let over = |problem: &str| Step::Over {
        request: 1,
        problem: problem.to_owned(),
        failed: true,
    };
    let unexplained = [over("job 7 ended before its worker came")];
    assert_eq!(case.reconciled(), unexplained, "there is no accounting");
    case.memory.account.kept = true;
    let inquire = [Step::Inquire(vec!["7".to_owned()])];
    assert_eq!(case.reconciled(), inquire);
    let how = "reached its time limit (TIMEOUT)";
    case.memory
        .account
        .take(vec![ended("7_0", Phase::Failed, how)]);
    assert_eq!(case.reconciled(), [over(&format!("job 7_0 {how}"))]);
    case.memory
        .account
        .take(vec![ended("7_0", Phase::Done, "")]);
    assert_eq!(case.reconciled(), unexplained, "it ended well, too early");
}

#[test]
fn why_workers_were_lost_is_asked_once_their_jobs_are_over() {
    let mut case = Case::of(&[request(3, "7")], Vec::new());
    case.pool.requests.get_mut(&1).expect("there").came = true;
    case.elements.push(element("7_0", 1, Phase::Running));
    case.elements.push(element("7_1", 1, Phase::Running));
    case.elements.push(element("7_2", 1, Phase::Pending));
    case.memory.account.kept = true;
    for at in 0..3 {
        case.members.push(Member {
            lost: true,
            since_ms: NOW_MS - 100,
            ..member(at, 1, &format!("7_{at}"))
        });
    }
    // Whose node died: the site does not know so. Who was started again, and who will be.
    case.members[1].run = 1;
    case.members.push(Member {
        run: 2,
        ..member(9, 1, "7_1")
    });
    let asked = ["7_1", "7_2"].map(str::to_owned).to_vec();
    assert_eq!(case.reconciled(), [Step::Inquire(asked)]);
    let lost = |case: &Case| told(&case.look(NOW_MS - 10, losses));
    assert_eq!(lost(&case), "");
    case.memory.account.take(vec![
        ended("7_1", Phase::Failed, "was requeued (REQUEUED)"),
        ended("7_1", Phase::Failed, "was preempted (PREEMPTED)"),
        ended("7_1", Phase::Running, ""),
        ended("7_2", Phase::Failed, "was preempted (PREEMPTED)"),
        ended("7_2", Phase::Pending, ""),
    ]);
    assert_eq!(case.reconciled(), []);
    assert_eq!(lost(&case), "job 7_1 was preempted (PREEMPTED), and 1 more");
    case.members[2].leaving = true;
    assert_eq!(lost(&case), "job 7_1 was preempted (PREEMPTED)");
    case.members[1].since_ms = NOW_MS - limits::SITE_LOSS_TOLD_MS;
    assert_eq!(lost(&case), "", "long ago");
}

/// Without accounting there is what the queue shows for a while.
#[test]
fn the_queue_says_why_a_worker_was_lost() {
    let how = "failed (NonZeroExitCode)";
    let queue = vec![ended("7_0", Phase::Failed, how)];
    let mut case = Case::of(&[request(1, "7")], queue);
    case.members.push(Member {
        lost: true,
        ..member(1, 1, "7_0")
    });
    let said = told(&case.look(NOW_MS - 10, losses));
    assert_eq!(said, format!("job 7_0 {how}"));
}

#[test]
fn no_more_are_asked_for_than_are_lacking() {
    let queue = vec![
        element("7_0", 1, Phase::Running),
        element("7_1", 1, Phase::Pending),
        element("7_2", 1, Phase::Done),
    ];
    let mut case = Case::of(&[request(3, "7"), request(2, "8")], queue);
    case.members.push(member(1, 1, "7_0"));
    let counted = case.look(NOW_MS - 10, count);
    assert_eq!(
        (counted.existing, counted.coming),
        (4, 3),
        "8 was not seen yet"
    );
    assert_eq!(case.decided(3), []);
    assert_eq!(case.decided(5), [Step::Ask(2)]);
    assert_eq!(case.decided(50), [Step::Ask(6)], "ten at most");
    case.pool.failures = 1;
    case.pool.failed_ms = NOW_MS;
    assert_eq!(case.decided(5), [], "the site said no a moment ago");
}

#[test]
fn the_minimum_is_kept() {
    assert_eq!(Case::default().decided(0), [Step::Ask(1)]);
    let mut case = Case::of(&[request(3, "7")], Vec::new());
    for worker in 0..3 {
        let id = format!("7_{worker}");
        case.elements.push(element(&id, 1, Phase::Running));
        let since_ms = NOW_MS - 5_000 - worker;
        case.members.push(Member {
            since_ms,
            ..member(worker, 1, &id)
        });
    }
    assert_eq!(
        case.decided(0),
        [Step::Release(vec![2, 1])],
        "the longest idle"
    );
    case.members[2].busy = true;
    assert_eq!(case.decided(0), [Step::Release(vec![1, 0])]);
    for member in &mut case.members {
        member.since_ms = NOW_MS - 4_000;
    }
    assert_eq!(case.decided(0), []);
}

#[test]
fn who_does_not_leave_is_ended() {
    let mut case = Case::of(&[request(2, "7")], Vec::new());
    case.elements.push(element("7_0", 1, Phase::Running));
    case.elements.push(element("7_1", 1, Phase::Running));
    case.members.push(Member {
        leaving: true,
        draining: true,
        since_ms: NOW_MS - limits::WORKER_LEAVES_MS - 1,
        ..member(1, 1, "7_0")
    });
    let silent = ("7_1".to_owned(), NOW_MS - limits::WORKER_COMES_MS - 1);
    case.memory.silent_since_ms.extend([silent]);
    let ids = ["7_0", "7_1"].map(str::to_owned).to_vec();
    assert_eq!(case.decided(1), [Step::Cancel(ids)]);
}

#[test]
fn those_that_wait_for_nothing_are_called_off() {
    let mut case = Case::of(&[request(4, "7")], Vec::new());
    for worker in 0..4 {
        let id = format!("7_{worker}");
        case.elements.push(element(&id, 1, Phase::Pending));
    }
    assert_eq!(case.decided(2), [], "they may be wanted again in a moment");
    case.memory.surplus_since_ms = Some(NOW_MS - 5_000);
    let last = ["7_3", "7_2"].map(str::to_owned).to_vec();
    assert_eq!(case.decided(2), [Step::Cancel(last)]);
}

#[test]
fn who_has_left_makes_room_before_the_site_says_so() {
    let mut case = Case::of(&[request(1, "7")], vec![element("7_0", 1, Phase::Running)]);
    case.members.push(Member {
        lost: true,
        ..member(1, 1, "7_0")
    });
    let counted = case.look(NOW_MS - 10, count);
    assert_eq!(counted.existing, 0);
    let counted = case.look(NOW_MS + 10, count);
    assert_eq!(
        (counted.existing, counted.silent_ids.len()),
        (1, 1),
        "it runs again"
    );
}

/// Engines that show nothing of what has ended.
#[test]
fn who_came_and_left_is_over_though_nothing_shows_it() {
    let mut case = Case::of(&[request(1, "7")], Vec::new());
    case.pool.requests.get_mut(&1).expect("there").asked_ms = NOW_MS - 5_000;
    case.members.push(Member {
        lost: true,
        since_ms: NOW_MS - 100,
        ..member(1, 1, "7_0")
    });
    assert_eq!(
        case.look(NOW_MS - 200, |view| (reconcile(view), count(view).existing)),
        (Vec::new(), 1)
    );
    let over = Step::Over {
        request: 1,
        problem: String::new(),
        failed: false,
    };
    assert_eq!(
        case.look(NOW_MS - 10, |view| (reconcile(view), count(view).existing)),
        (vec![over], 0)
    );
}

fn phases() -> impl Strategy<Value = Phase> {
    prop_oneof![
        Just(Phase::Pending),
        Just(Phase::Running),
        Just(Phase::Done),
        Just(Phase::Failed)
    ]
}

proptest! {
    /// Whatever the queue looks like: never more than the maximum, never two requests at once, and none given back below
    /// the minimum.
    #[test]
    fn bounds_hold(
        sizes in proptest::collection::vec((1_u32..5, any::<bool>()), 0..4),
        queue in proptest::collection::vec((1_u64..6, 0_u32..6, phases()), 0..20),
        present in proptest::collection::vec((1_u64..5, 0_u32..6, any::<[bool; 3]>()), 0..12),
        target in 0_u32..30,
    ) {
        let requests: Vec<_> = sizes
            .iter()
            .zip(1..)
            .map(|((workers, answered), number): (_, u64)| {
                let job = if *answered { number.to_string() } else { String::new() };
                request(*workers, &job)
            })
            .collect();
        let elements = queue.iter().map(|(request, worker, phase)| {
            element(&format!("{request}_{worker}"), *request, *phase)
        });
        let mut case = Case::of(&requests, elements.collect());
        for (id, (request, worker, [busy, leaving, idle])) in present.into_iter().enumerate() {
            case.members.push(Member {
                busy,
                leaving,
                draining: leaving,
                since_ms: if idle { 0 } else { NOW_MS },
                ..member(id as u64, request, &format!("{request}_{worker}"))
            });
        }
        let counted = case.look(NOW_MS - 10, count);
        let steps = case.decided(target);
        for step in &steps {
            match step {
                Step::Ask(workers) => {
                    prop_assert!(counted.existing + workers <= 10);
                    prop_assert!(!case.pool.is_unanswered());
                }
                Step::Release(workers) => {
                    prop_assert!(counted.staying > workers.len() as u32);
                    for id in workers {
                        let member = &case.members[*id as usize];
                        prop_assert!(!member.busy && !member.draining);
                    }
                }
                _ => {}
            }
        }
        for step in case.reconciled() {
            if let Step::Over { request, .. } = step {
                let job = &case.pool.requests[&request].job;
                let alive = case.elements.iter().any(|e| {
                    e.request == request && (e.job == *job || job.is_empty()) && e.phase.is_alive()
                });
                prop_assert!(!alive, "what lives is not over");
            }
        }
    }
}
