use kumi_proto::v1::{
    Failure, FailureClass, FinishedTask, Orders, Report, Spec, Stage, Start, TaskId, finished_task,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Agent, Done, Input, TaskResult};
use crate::capabilities::capabilities;

fn agent(cores: u32) -> Agent {
    let hello = capabilities("w1", "incarnation-1", cores, 8 << 30);
    Agent::new(hello, vec!["a:1".into(), "b:1".into()], 1_000)
}

fn start(attempt: u64, cores: u32) -> Start {
    let spec = Spec {
        task: Some(TaskId {
            cohort: 1,
            stage: Stage::Call.into(),
            row: 0,
            column: u32::try_from(attempt).expect("small"),
        }),
        cores,
        memory_bytes: 1 << 30,
        ..Spec::default()
    };
    Start {
        attempt,
        spec: Some(spec),
    }
}

fn orders(start: Vec<Start>) -> Input {
    Input::Orders(Orders {
        start,
        ..Orders::default()
    })
}

fn done() -> TaskResult {
    TaskResult::Done(Done::default())
}

fn connect(agent: &mut Agent, now_ms: u64) {
    assert!(matches!(
        agent.step(now_ms, Input::Tick).as_slice(),
        [Action::Dial { .. }]
    ));
    agent.step(now_ms, Input::Connected);
}

fn report_of(actions: &[Action]) -> Option<&Report> {
    actions.iter().rev().find_map(|action| match action {
        Action::Send(report) | Action::Dial { report, .. } => Some(report),
        _ => None,
    })
}

fn started(actions: &[Action]) -> Vec<u64> {
    let attempts = actions.iter().filter_map(|action| match action {
        Action::StartTask(start) => Some(start.attempt),
        _ => None,
    });
    attempts.collect()
}

fn attempts(finished: &[FinishedTask]) -> Vec<u64> {
    finished.iter().map(|task| task.attempt).collect()
}

fn class_of(finished: &FinishedTask) -> Option<FailureClass> {
    match finished.result.as_ref()? {
        finished_task::Result::Failure(failure) => Some(failure.class()),
        finished_task::Result::Manifest(_) => None,
    }
}

#[test]
fn the_first_report_of_a_session_says_hello_and_later_ones_do_not() {
    let mut agent = agent(4);
    let actions = agent.step(0, Input::Tick);
    let Some(Action::Dial { endpoint, report }) = actions.first() else {
        panic!("expected a dial, got {actions:?}");
    };
    assert_eq!(endpoint, "a:1");
    assert_eq!(report.hello.as_ref().map(|h| h.cores), Some(4));
    assert_eq!(report.free_cores, 4);
    agent.step(0, Input::Connected);
    assert!(agent.step(999, Input::Tick).is_empty());
    let actions = agent.step(1_000, Input::Tick);
    assert_eq!(report_of(&actions).map(|r| r.hello.is_some()), Some(false));
}

#[test]
fn the_scheduler_sets_the_pace() {
    let mut agent = agent(1);
    connect(&mut agent, 0);
    let pace = Orders {
        report_in_ms: 50,
        ..Orders::default()
    };
    agent.step(10, Input::Orders(pace));
    assert_eq!(agent.wake_at_ms(), Some(50));
    assert!(matches!(agent.step(50, Input::Tick)[..], [Action::Send(_)]));
}

#[test]
fn a_result_is_repeated_until_acknowledged_across_a_broken_session() {
    let mut agent = agent(2);
    connect(&mut agent, 0);
    assert_eq!(started(&agent.step(1, orders(vec![start(7, 1)]))), [7]);
    let finish = Input::TaskFinished {
        attempt: 7,
        result: done(),
    };
    let actions = agent.step(2, finish);
    assert_eq!(
        attempts(&report_of(&actions).expect("at once").finished),
        [7]
    );
    agent.step(3, Input::SessionBroken { leader: None });
    let at = agent.wake_at_ms().expect("a dial is due");
    let actions = agent.step(at, Input::Tick);
    let report = report_of(&actions).expect("a dial carries a report");
    assert_eq!(attempts(&report.finished), [7]);
    let hello = report.hello.as_ref().expect("a new session says hello");
    assert_eq!(hello.incarnation, "incarnation-1");
    agent.step(at, Input::Connected);
    let acknowledged = Orders {
        acknowledged: vec![7],
        ..Orders::default()
    };
    agent.step(at + 1, Input::Orders(acknowledged));
    let actions = agent.step(at + 1_000, Input::Tick);
    assert!(report_of(&actions).expect("due").finished.is_empty());
}

#[test]
fn a_broken_session_stops_nothing() {
    let mut agent = agent(2);
    connect(&mut agent, 0);
    agent.step(1, orders(vec![start(7, 2)]));
    let actions = agent.step(2, Input::SessionBroken { leader: None });
    assert!(actions.is_empty(), "{actions:?}");
    let at = agent.wake_at_ms().expect("a dial is due");
    let actions = agent.step(at, Input::Tick);
    let report = report_of(&actions).expect("a dial carries a report");
    assert_eq!(report.running.len(), 1);
    assert_eq!(report.free_cores, 0);
}

#[test]
fn a_named_leader_is_dialled_at_once_and_silence_with_a_pause_in_turn() {
    let mut agent = agent(1);
    agent.step(0, Input::Tick);
    let named = Input::SessionBroken {
        leader: Some("c:1".into()),
    };
    let dialled = |actions: &[Action]| match actions {
        [Action::Dial { endpoint, .. }] => Some(endpoint.clone()),
        _ => None,
    };
    assert_eq!(dialled(&agent.step(5, named)).as_deref(), Some("c:1"));
    let mut last = 0;
    for (broken_at, expected) in [(10, "b:1"), (10_000, "a:1"), (20_000, "b:1")] {
        assert!(
            agent
                .step(broken_at, Input::SessionBroken { leader: None })
                .is_empty()
        );
        let at = agent.wake_at_ms().expect("a dial is due");
        assert!(at - broken_at > last, "the pause grows");
        last = at - broken_at - (at - broken_at) / 2;
        assert_eq!(
            dialled(&agent.step(at, Input::Tick)).as_deref(),
            Some(expected)
        );
    }
}

#[test]
fn what_does_not_fit_waits_its_turn_and_counts_as_taken() {
    let mut agent = agent(4);
    connect(&mut agent, 0);
    let actions = agent.step(1, orders(vec![start(1, 3), start(2, 2), start(3, 1)]));
    assert_eq!(started(&actions), [1], "3 may not overtake 2");
    assert_eq!(agent.free_cores(), 0);
    let finish = Input::TaskFinished {
        attempt: 1,
        result: done(),
    };
    assert_eq!(started(&agent.step(2, finish)), [2, 3]);
    assert_eq!(agent.free_cores(), 1);
}

#[test]
fn a_task_larger_than_the_worker_runs_alone_on_what_there_is() {
    let mut agent = agent(2);
    connect(&mut agent, 0);
    let actions = agent.step(1, orders(vec![start(1, 64)]));
    let [Action::StartTask(order)] = actions.as_slice() else {
        panic!("expected a start, got {actions:?}");
    };
    assert_eq!(order.spec.as_ref().map(|spec| spec.cores), Some(2));
}

#[test]
fn only_what_runs_is_split_and_what_it_says_of_its_part_is_told() {
    let mut agent = agent(1);
    connect(&mut agent, 0);
    agent.step(1, orders(vec![start(1, 1), start(2, 1)]));
    let split = Input::Orders(Orders {
        split: vec![1, 2, 3],
        ..Orders::default()
    });
    assert_eq!(agent.step(2, split), [Action::SplitTask(1)]);
    let done = Done {
        bin_milliseconds: vec![5, 7],
        part_bases: 131_072,
        ..Done::default()
    };
    let finish = Input::TaskFinished {
        attempt: 1,
        result: TaskResult::Done(done),
    };
    let actions = agent.step(3, finish);
    let report = report_of(&actions).expect("a result is news");
    let finished = &report.finished[0];
    assert_eq!(
        (finished.part_bases, &finished.bin_milliseconds[..]),
        (131_072, &[5, 7][..])
    );
}

#[test]
fn drain_finishes_what_runs_gives_back_what_waits_and_exits_when_acknowledged() {
    let mut agent = agent(1);
    connect(&mut agent, 0);
    agent.step(1, orders(vec![start(1, 1), start(2, 1)]));
    let actions = agent.step(2, Input::Drain);
    let report = report_of(&actions).expect("draining is news");
    assert!(report.draining && report.free_cores == 0);
    assert_eq!(class_of(&report.finished[0]), Some(FailureClass::Stopped));
    assert!(!actions.contains(&Action::StopTask(1)));
    let refused = agent.step(3, orders(vec![start(3, 1)]));
    assert!(started(&refused).is_empty());
    let finish = Input::TaskFinished {
        attempt: 1,
        result: done(),
    };
    assert!(!agent.step(4, finish).contains(&Action::Exit));
    let acknowledged = Orders {
        acknowledged: vec![1, 2, 3],
        ..Orders::default()
    };
    assert!(
        agent
            .step(5, Input::Orders(acknowledged))
            .contains(&Action::Exit)
    );
}

#[test]
fn an_ordered_drain_ends_with_a_resume_not_with_an_exit() {
    let mut agent = agent(1);
    connect(&mut agent, 0);
    let drain = |drain| {
        Input::Orders(Orders {
            drain,
            ..Orders::default()
        })
    };
    assert!(agent.step(1, drain(true)).is_empty());
    let actions = agent.step(1_000, Input::Tick);
    let report = report_of(&actions).expect("due");
    assert_eq!((report.free_cores, report.draining), (0, false));
    agent.step(1_001, drain(false));
    let actions = agent.step(2_000, Input::Tick);
    assert_eq!(report_of(&actions).expect("due").free_cores, 1);
}

#[test]
fn shutdown_stops_what_runs_and_does_not_wait_for_ever() {
    let mut agent = agent(2);
    connect(&mut agent, 0);
    agent.step(1, orders(vec![start(1, 1)]));
    let actions = agent.step(2, Input::Shutdown);
    assert!(actions.contains(&Action::StopTask(1)));
    assert!(!actions.contains(&Action::Exit));
    let by = 2 + super::SHUTDOWN_MS_MAX;
    assert!(agent.step(by, Input::Tick).contains(&Action::Exit));
    assert!(agent.step(by + 1, Input::Tick).is_empty());
}

#[test]
fn an_order_without_a_specification_fails_instead_of_vanishing() {
    let mut agent = agent(1);
    connect(&mut agent, 0);
    let empty = Start {
        attempt: 9,
        spec: None,
    };
    let actions = agent.step(1, orders(vec![empty]));
    let report = report_of(&actions).expect("news");
    assert_eq!(class_of(&report.finished[0]), Some(FailureClass::Internal));
}

fn inputs() -> impl Strategy<Value = Input> {
    let attempt = 0u64..12;
    let list = prop::collection::vec(0u64..12, 0..3);
    prop_oneof![
        2 => Just(Input::Connected),
        2 => Just(Input::SessionBroken { leader: None }),
        1 => Just(Input::SessionBroken { leader: Some("c:1".into()) }),
        4 => Just(Input::Tick),
        6 => (
            prop::collection::vec((0u64..12, 1u32..6), 0..3),
            list.clone(),
            list.clone(),
            list,
            any::<bool>(),
        )
            .prop_map(|(starts, stop, split, acknowledged, drain)| {
                let start = starts.into_iter().map(|(a, cores)| start(a, cores)).collect();
                Input::Orders(Orders { start, stop, split, acknowledged, drain, ..Orders::default() })
            }),
        6 => attempt.prop_map(|attempt| {
            let failure = Failure::default();
            Input::TaskFinished { attempt, result: TaskResult::Failed(failure) }
        }),
    ]
}

/// What an onlooker knows: which attempts run, and which results nobody has acknowledged.
#[derive(Default)]
struct Onlooker {
    running: BTreeMap<u64, u32>,
    ever_started: BTreeSet<u64>,
    owed: BTreeSet<u64>,
}

impl Onlooker {
    fn before(&mut self, input: &Input) {
        match input {
            Input::TaskFinished { attempt, .. } if self.running.remove(attempt).is_some() => {
                self.owed.insert(*attempt);
            }
            Input::Orders(orders) => {
                for attempt in &orders.acknowledged {
                    self.owed.remove(attempt);
                }
            }
            _ => {}
        }
    }

    fn after(&mut self, input: &Input, actions: &[Action], cores: u32) {
        for action in actions {
            match action {
                Action::StartTask(start) => {
                    let spec = start.spec.as_ref().expect("checked by the agent");
                    let twice = self.running.insert(start.attempt, spec.cores);
                    assert!(twice.is_none(), "attempt {} started twice", start.attempt);
                    self.ever_started.insert(start.attempt);
                }
                Action::StopTask(attempt) | Action::SplitTask(attempt) => {
                    assert!(matches!(input, Input::Orders(_)), "ordered by {input:?}");
                    assert!(self.running.contains_key(attempt));
                }
                Action::Send(report) | Action::Dial { report, .. } => {
                    let told: BTreeSet<_> = report.finished.iter().map(|f| f.attempt).collect();
                    assert!(
                        told.is_superset(&self.owed),
                        "{told:?} lacks {:?}",
                        self.owed
                    );
                    let runs: BTreeSet<_> = report.running.iter().map(|r| r.attempt).collect();
                    assert!(self.running.keys().all(|attempt| runs.contains(attempt)));
                }
                Action::Exit => panic!("nobody asked it to exit"),
            }
        }
        let used: u32 = self.running.values().sum();
        assert!(used <= cores, "{used} of {cores} cores in use");
    }
}

proptest! {
    #[test]
    fn promises_hold_under_any_inputs(inputs in prop::collection::vec(inputs(), 1..80)) {
        let mut agent = agent(4);
        let mut onlooker = Onlooker::default();
        for (now_ms, input) in (0u64..).step_by(400).zip(inputs) {
            onlooker.before(&input);
            let actions = agent.step(now_ms, input.clone());
            onlooker.after(&input, &actions, 4);
        }
    }
}

fn split(actions: &[Action]) -> Vec<u64> {
    let split = actions.iter().filter_map(|action| match action {
        Action::SplitTask(attempt) => Some(*attempt),
        _ => None,
    });
    split.collect()
}

/// The site ends it at 100 s and two seconds are given: notice at 58 s, stop at 90 s.
#[test]
fn it_leaves_before_the_site_ends_it() {
    let mut agent = agent(4).ending(100_000, 2_000);
    connect(&mut agent, 0);
    agent.step(1, orders(vec![start(1, 1), start(2, 1)]));
    assert!(split(&agent.step(57_000, Input::Tick)).is_empty());
    agent.step(57_500, Input::Tick);
    assert_eq!(agent.wake_at_ms(), Some(58_000));
    let actions = agent.step(58_000, Input::Tick);
    assert_eq!(split(&actions), [1, 2]);
    let report = report_of(&actions).expect("it is told");
    assert!(report.draining && report.free_cores == 0);
    assert!(started(&agent.step(58_001, orders(vec![start(3, 1)]))).is_empty());
    let ended = Input::TaskFinished {
        attempt: 1,
        result: done(),
    };
    agent.step(60_000, ended);
    assert!(split(&agent.step(61_000, Input::Tick)).is_empty());
    let actions = agent.step(90_000, Input::Tick);
    assert!(actions.contains(&Action::StopTask(2)), "{actions:?}");
}

#[test]
fn told_to_leave_it_gives_tasks_so_long_and_no_longer() {
    let mut agent = agent(4);
    connect(&mut agent, 0);
    agent.step(1, orders(vec![start(1, 1)]));
    let actions = agent.step(1_000, Input::Leave { within_ms: 5_000 });
    assert_eq!(split(&actions), [1]);
    assert!(
        !agent
            .step(5_999, Input::Tick)
            .contains(&Action::StopTask(1))
    );
    assert!(
        agent
            .step(6_000, Input::Tick)
            .contains(&Action::StopTask(1))
    );
    let stopped = Failure {
        class: FailureClass::Stopped.into(),
        message: String::new(),
    };
    let ended = Input::TaskFinished {
        attempt: 1,
        result: TaskResult::Failed(stopped),
    };
    agent.step(6_100, ended);
    let acknowledged = Input::Orders(Orders {
        acknowledged: vec![1],
        ..Orders::default()
    });
    let actions = agent.step(6_200, acknowledged);
    assert_eq!(actions.last(), Some(&Action::Exit));
}

#[test]
fn a_worker_that_is_given_back_ends_by_itself() {
    let mut agent = agent(4);
    connect(&mut agent, 0);
    let leave = Input::Orders(Orders {
        drain: true,
        leave: true,
        ..Orders::default()
    });
    let actions = agent.step(1, leave);
    assert!(report_of(&actions).is_some_and(|report| report.draining));
    assert_eq!(actions.last(), Some(&Action::Exit));
}
