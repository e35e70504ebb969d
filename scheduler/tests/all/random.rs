//! Random commands: invariants hold after each, the same commands give the same bytes, a restart in
//! the middle changes nothing, and with a good worker every cohort ends.

use std::collections::BTreeSet;

use kumi_proto::ids::WorkerId;
use kumi_proto::specs;
use kumi_proto::v1;
use kumi_proto::v1::command::Kind;
use kumi_proto::v1::finished_task::Result as Finished;
use kumi_scheduler::policy::{self, Offer};
use kumi_scheduler::{Outcome, State, Verdict, WorkerState, version};
use proptest::prelude::*;

use crate::sums::Sums;
use crate::support::{Checked, Shape, bins, finished, first_bin, hello, manifest};

#[derive(Clone, Debug)]
enum Step {
    Open(u8),
    Register(u8, u8),
    Grant(u8, u8),
    /// A granted attempt, counted from the latest; 0 is done, 6 a part if it is a call, others are failures.
    Settle(u8, u8),
    /// Tasks that nobody picked, for a worker: of a cohort.
    Force(u8, u8),
    /// A second attempt beside one of the latest, on a worker.
    Speculate(u8, u8),
    Expire(u8),
    Cancel(u8),
    Retry(u8, u8),
    Drain(u8, bool),
    Withdraw(u8, u8),
    Build(u8),
    Purge(u8),
    /// Shares and quotas, by bits.
    Policy(u8),
    Term,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => any::<u8>().prop_map(Step::Open),
        2 => (0u8..3, 0u8..2).prop_map(|(name, run)| Step::Register(name, run)),
        12 => (0u8..3, 1u8..9).prop_map(|(worker, max)| Step::Grant(worker, max)),
        16 => (0u8..12, prop_oneof![6 => Just(0u8), 3 => Just(6), 2 => 1u8..6]).prop_map(|(a, r)| Step::Settle(a, r)),
        2 => (0u8..3, 0u8..4).prop_map(|(worker, cohort)| Step::Force(worker, cohort)),
        6 => (0u8..3, 0u8..6).prop_map(|(worker, back)| Step::Speculate(worker, back)),
        1 => (0u8..6).prop_map(Step::Expire),
        1 => (0u8..4).prop_map(Step::Cancel),
        2 => (0u8..4, any::<u8>()).prop_map(|(cohort, what)| Step::Retry(cohort, what)),
        1 => (0u8..3, any::<bool>()).prop_map(|(worker, resume)| Step::Drain(worker, resume)),
        1 => (0u8..4, any::<u8>()).prop_map(|(cohort, what)| Step::Withdraw(cohort, what)),
        1 => (0u8..4).prop_map(Step::Build),
        1 => (0u8..4).prop_map(Step::Purge),
        1 => any::<u8>().prop_map(Step::Policy),
        1 => Just(Step::Term),
        1 => Just(Step::Restart),
    ]
}

/// Few samples and names, so that cohorts share work.
fn shape(bits: u8) -> Shape {
    let samples = ["A", "B", "C", "D"].into_iter().zip(0..);
    let samples = samples.filter(|(_, at)| bits >> at & 1 == 1 || *at == 0);
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Shape {
        request_id: format!("open-{bits}"),
        name: if bits & 16 == 0 { "x" } else { "y" }.to_owned(),
        programme: if bits & 128 == 0 { "p" } else { "q" }.to_owned(),
        samples: samples.map(|(name, _)| name.to_owned()).collect(),
        from_gvcf: if bits & 8 == 0 {
            Vec::new()
        } else {
            own(&["D"])
        },
        call_shards: u32::from(bits & 2) + 1,
        joint_shards: u32::from(bits & 4) / 2 + 1,
        batch_samples: u32::from(bits & 3),
        // Several forms of the same samples.
        genotypes: match (bits & 16 == 0, bits & 32 == 0) {
            (true, true) => v1::Genotypes::Unspecified,
            (false, false) => v1::Genotypes::BcfLocalChunks,
            _ => v1::Genotypes::Store,
        },
        chunks: u32::from(bits & 5),
        regions: u32::from(bits & 3),
        quarantine: bits & 32 == 0,
        index_given: bits & 64 != 0,
        contigs: vec![("1".to_owned(), 700_000), ("2".to_owned(), 150_000)],
        ..Shape::default()
    }
}

#[derive(Default)]
struct World {
    checked: Checked,
    commands: Vec<v1::Command>,
    starts: Vec<(u64, v1::Start)>,
    committed: BTreeSet<u64>,
    sums: Sums,
}

impl World {
    fn apply(&mut self, kind: Kind) -> Outcome {
        // Every fifth leader's clock is behind.
        let turn = self.commands.len() as u64;
        let at_ms = 1_000 + turn * 10
            - if turn.is_multiple_of(5) {
                25.min(turn * 10)
            } else {
                0
            };
        let kind = Some(kind);
        let command = v1::Command {
            at_ms,
            kind,
            ..v1::Command::default()
        };
        self.commands.push(command.clone());
        self.checked.apply(at_ms, command.kind.expect("just made"))
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Open(bits) => {
                self.apply(shape(bits).open());
            }
            Step::Register(name, run) => {
                let cores = 2 + 6 * u32::from(name);
                let hello = hello(&format!("w{name}"), &run.to_string(), cores, 4);
                self.apply(Kind::Register(v1::Register { hello: Some(hello) }));
            }
            Step::Grant(worker, max) => self.grant(worker.into(), max.into()),
            Step::Settle(back, result) => self.settle(back.into(), result),
            Step::Force(worker, cohort) => self.force(worker.into(), cohort.into()),
            Step::Speculate(worker, back) => self.speculate(worker.into(), back.into()),
            Step::Expire(worker) => {
                let reason = "silent".to_owned();
                let worker = worker.into();
                self.apply(Kind::Expire(v1::Expire { worker, reason }));
            }
            Step::Cancel(cohort) => {
                self.apply(Kind::Cancel(v1::Cancel {
                    cohort: cohort.into(),
                    ..v1::Cancel::default()
                }));
            }
            Step::Retry(cohort, what) => self.retry(cohort.into(), what),
            Step::Drain(worker, resume) => {
                self.apply(Kind::Drain(v1::Drain {
                    request_id: format!("drain-{}", self.commands.len()),
                    name: format!("w{worker}"),
                    resume,
                    reason: String::new(),
                }));
            }
            Step::Withdraw(cohort, what) => {
                let samples = ["A", "B", "C", "D"].into_iter().zip(0..);
                let samples = samples.filter(|(_, bit)| what >> bit & 1 == 1);
                self.apply(Kind::Withdraw(v1::Withdraw {
                    cohort: cohort.into(),
                    samples: samples.map(|(name, _)| name.to_owned()).collect(),
                    undo: what & 16 != 0,
                    ..v1::Withdraw::default()
                }));
            }
            Step::Purge(cohort) => {
                self.apply(Kind::Purge(v1::Purge {
                    cohort: cohort.into(),
                    ..v1::Purge::default()
                }));
            }
            Step::Build(cohort) => {
                self.apply(Kind::Build(v1::Build {
                    cohort: cohort.into(),
                    ..v1::Build::default()
                }));
            }
            Step::Policy(bits) => self.policy(bits),
            Step::Term => {
                self.apply(Kind::NewTerm(v1::NewTerm::default()));
            }
            Step::Restart => self.checked.restart(),
        }
    }

    fn grant(&mut self, place: usize, max: usize) {
        let workers = self.checked.state.workers();
        let Some(view) = workers.get(place) else {
            return;
        };
        let offer = Offer {
            worker: view.id,
            free_cores: view.hello.cores,
            free_memory_bytes: view.hello.memory_bytes,
        };
        let tasks = policy::pick(&self.checked.state, &offer, max);
        assert!(tasks.is_empty() || view.state == WorkerState::Up);
        self.grant_tasks(view.id, tasks);
    }

    fn force(&mut self, place: usize, cohort: u64) {
        let workers = self.checked.state.workers();
        let Some(view) = workers.get(place) else {
            return;
        };
        let tasks = [v1::Stage::Cut, v1::Stage::Align, v1::Stage::Call];
        let tasks = tasks.into_iter().flat_map(|stage| {
            (0..4).map(move |row| v1::TaskId {
                cohort,
                stage: stage.into(),
                row,
                column: 0,
            })
        });
        self.grant_tasks(view.id, tasks.collect());
    }

    fn grant_tasks(&mut self, worker: WorkerId, tasks: Vec<v1::TaskId>) {
        let before = self.checked.state.account_list();
        let grant = v1::Grant {
            worker: worker.0,
            tasks,
            lease_ms: 1_000,
        };
        self.begin(worker, &before, Kind::Grant(grant));
    }

    fn speculate(&mut self, place: usize, back: usize) {
        let workers = self.checked.state.workers();
        let (Some(view), Some(at)) = (workers.get(place), self.starts.len().checked_sub(back + 1))
        else {
            return;
        };
        let speculate = v1::Speculate {
            worker: view.id.0,
            attempt: self.starts[at].1.attempt,
        };
        let before = self.checked.state.account_list();
        self.begin(view.id, &before, Kind::Speculate(speculate));
    }

    fn begin(&mut self, worker: WorkerId, before: &[v1::AccountStatus], kind: Kind) {
        let Outcome::Granted(starts) = self.apply(kind) else {
            panic!("the worker is known");
        };
        if !starts.is_empty() {
            self.check_quotas(before);
        }
        for start in self.checked.state.starts(&starts, specs::NEWEST) {
            let last = self.starts.last().map_or(0, |(_, start)| start.attempt);
            assert!(start.attempt > last, "attempts only grow");
            self.sums
                .begin(start.spec.as_ref().expect("a specification"));
            self.starts.push((worker.0, start));
        }
    }

    fn policy(&mut self, bits: u8) {
        let cores = u32::from(bits & 3) * 4;
        let account = |programme: &str, centre: &str, share, cores, genomes| v1::AccountPolicy {
            programme: programme.to_owned(),
            centre: centre.to_owned(),
            share,
            cores,
            genomes_per_day: genomes,
        };
        let policy = v1::Policy {
            half_life_ms: 0,
            accounts: vec![
                account("p", "", 2, (bits & 4 == 0).then_some(cores), None),
                account(
                    "q",
                    "centre",
                    0,
                    (bits & 8 == 0).then_some(8),
                    Some(u32::from(bits >> 6)),
                ),
            ],
        };
        self.apply(Kind::SetPolicy(v1::SetPolicy {
            request_id: format!("policy-{}", self.commands.len()),
            policy: Some(policy),
        }));
    }

    /// No grant takes an account beyond its quotas: what is beyond them was so when they were set.
    fn check_quotas(&self, before: &[v1::AccountStatus]) {
        for now in self.checked.state.account_list() {
            let same = |was: &&v1::AccountStatus| {
                (&was.programme, &was.centre) == (&now.programme, &now.centre)
            };
            let was = before.iter().find(same).cloned().unwrap_or_default();
            let cores = now.cores_max.is_none_or(|most| now.cores <= most.into());
            assert!(cores || now.cores <= was.cores, "{was:?} {now:?}");
            let genomes = now.genomes_max.is_none_or(|most| now.genomes <= most);
            assert!(genomes || now.genomes <= was.genomes, "{was:?} {now:?}");
        }
    }

    fn settle(&mut self, back: usize, result: u8) {
        let Some(place) = self.starts.len().checked_sub(back + 1) else {
            return;
        };
        let (worker, start) = self.starts[place].clone();
        let spec = start.spec.expect("a start has a specification");
        let current = self.checked.state.attempts_of(WorkerId(worker));
        let current = current.iter().any(|(attempt, _)| *attempt == start.attempt);
        let class = v1::FailureClass::try_from(i32::from(result)).unwrap_or_default();
        let message = "broken".to_owned();
        let kind = result;
        let result = match result {
            0 | 6 => Finished::Manifest(manifest(&spec)),
            _ => Finished::Failure(v1::Failure {
                class: class.into(),
                message,
            }),
        };
        let mut bins = bins(&spec);
        let mut part_bases = 0;
        let mut result = result;
        if let (6, Finished::Manifest(manifest), Some(first)) =
            (kind, &mut result, first_bin(&spec))
        {
            part_bases = first;
            manifest.directory += &format!("-{first}");
            bins = 1;
        }
        // Costs that make the next cohort's shards others.
        let bin_milliseconds = (0..bins).zip(start.attempt..);
        let bin_milliseconds = bin_milliseconds.map(|(_, number)| (number % 5 * 300) as u32);
        let settle = v1::Settle {
            worker,
            finished: vec![v1::FinishedTask {
                bin_milliseconds: bin_milliseconds.collect(),
                part_bases,
                ..finished(start.attempt, spec.task, result)
            }],
        };
        let Outcome::Settled(settled) = self.apply(Kind::Settle(settle)) else {
            panic!("settling is always answered");
        };
        let refused = settled[0].verdict == Verdict::Refused;
        assert_eq!(refused, !current, "only current attempts count");
        if settled[0].verdict == Verdict::Committed {
            assert!(self.committed.insert(start.attempt), "committed twice");
            self.sums.commit(&spec);
        }
    }

    /// Retries a cohort and says that some of the files of its tasks are gone.
    fn retry(&mut self, cohort: u64, what: u8) {
        let stages = [
            (1, 0),
            (2, 0),
            (3, 1),
            (4, 0),
            (4, 1),
            (5, 0),
            (6, 0),
            (7, 0),
            (8, 0),
            (11, 0),
            (11, 1),
            (12, 0),
            (13, 0),
        ];
        let missing = stages
            .into_iter()
            .zip([0, 1, 2, 3, 4, 5, 6, 7, 7, 4, 5, 6, 7])
            .filter(|(_, bit)| what >> bit & 1 == 1);
        let missing = missing.map(|((stage, row), _)| v1::TaskId {
            cohort,
            stage,
            row,
            column: 0,
        });
        let state = &self.checked.state;
        let has = |task: &v1::TaskId| {
            let id = kumi_proto::ids::CohortId(task.cohort);
            !state.why(None, id, "", Some(task), 0).is_empty()
        };
        let missing: Vec<_> = missing.filter(has).collect();
        self.apply(Kind::Retry(v1::Retry {
            cohort,
            missing,
            ..v1::Retry::default()
        }));
    }

    /// With a good worker everything ends.
    fn finish(&mut self) {
        self.apply(Kind::SetPolicy(v1::SetPolicy::default()));
        for name in 0..3 {
            self.take(&Step::Drain(name, true));
        }
        let hello = Some(hello("good", "1", 8, 64));
        let registered = self.apply(Kind::Register(v1::Register { hello }));
        let Outcome::Registered(good) = registered else {
            panic!("{registered:?}");
        };
        for view in self.checked.state.workers() {
            if view.id != good {
                let worker = view.id.0;
                let reason = "the end".to_owned();
                self.apply(Kind::Expire(v1::Expire { worker, reason }));
            }
        }
        let place = self.checked.state.workers().len() - 1;
        for _ in 0..2_000 {
            let before = (self.starts.len(), self.checked.state.snapshot().len());
            self.grant(place, 8);
            let fresh = self.starts.len() - before.0;
            for back in (0..fresh).rev() {
                self.settle(back, 0);
            }
            let summaries = self.checked.state.summaries(None, 100);
            let runs = |summary: &v1::CohortSummary| summary.state() == v1::CohortState::Running;
            if !summaries.iter().any(runs) {
                return;
            }
        }
        panic!("something never ends");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn any_commands_keep_the_promises(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::default();
        for step in &steps {
            world.take(step);
        }
        world.finish();
        let mut replayed = State::default();
        let mut restarted = State::default();
        for (index, command) in (1..).zip(&world.commands) {
            let live = replayed.apply(index, version::NEWEST, command);
            let again = restarted.apply(index, version::NEWEST, command);
            prop_assert_eq!(live, again);
            if index % 7 == 0 {
                restarted = State::restore(&restarted.snapshot()).expect("restorable");
            }
        }
        prop_assert!(replayed.snapshot() == world.checked.state.snapshot());
        prop_assert!(replayed.snapshot() == restarted.snapshot());
    }
}

#[test]
fn a_damaged_snapshot_is_refused() {
    let mut world = World::default();
    world.take(&Step::Open(3));
    let bytes = world.checked.state.snapshot();
    for at in [0, 9, 13, 30, 60, bytes.len() - 1] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        assert!(State::restore(&damaged).is_err(), "byte {at}");
    }
    assert!(State::restore(&bytes[..bytes.len() - 1]).is_err());
    assert!(State::restore(&[]).is_err());
}
