//! A large task that waits for room is not starved by small ones, and holds up no more than it needs.

use std::collections::BTreeMap;

use kumi_proto::ids::{CohortId, WorkerId};
use kumi_proto::specs;
use kumi_proto::v1;
use kumi_proto::v1::command::Kind;
use kumi_proto::v1::finished_task::Result as Finished;
use kumi_scheduler::policy::{self, Offer, Promised};
use kumi_scheduler::{Outcome, State, version};
use proptest::prelude::*;

use crate::support::{Shape, finished, hello, manifest, stamped};

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60_000;
const CORES: u32 = 8;
/// No small task lasts longer.
const LONGEST_MS: u64 = 15 * MINUTE_MS;

/// Workers that compute by a clock of their own.
struct Site {
    state: State,
    index: u64,
    now_ms: u64,
    random: u64,
    workers: Vec<WorkerId>,
    /// What runs: by when it ends and attempt.
    running: BTreeMap<(u64, u64), (WorkerId, v1::Start)>,
}

impl Site {
    fn new(workers: u64, seed: u64) -> Self {
        let mut site = Self {
            state: State::default(),
            index: 0,
            now_ms: 1,
            random: seed,
            workers: Vec::new(),
            running: BTreeMap::new(),
        };
        for number in 0..workers {
            let hello = Some(hello(&format!("w{number}"), "1", CORES, 64));
            let Outcome::Registered(worker) = site.apply(Kind::Register(v1::Register { hello }))
            else {
                panic!("it is sound");
            };
            site.workers.push(worker);
        }
        site
    }

    fn apply(&mut self, kind: Kind) -> Outcome {
        self.index += 1;
        let command = stamped(self.now_ms, kind);
        self.state.apply(self.index, version::NEWEST, &command)
    }

    fn below(&mut self, most: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005);
        self.random = self.random.wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % most
    }

    /// A cohort of samples that are aligned by so many cores each; its number.
    fn open(&mut self, samples: u32, cores_per_align: u32) -> u64 {
        let name = format!("c{}", self.index);
        let shape = Shape {
            samples: (0..samples)
                .map(|number| format!("{name}-{number}"))
                .collect(),
            name,
            index_given: true,
            cores_per_align,
            ..Shape::default()
        };
        match self.apply(shape.open()) {
            Outcome::Opened { cohort, .. } => cohort.0,
            other => panic!("{other:?}"),
        }
    }

    fn free_cores(&self, worker: WorkerId) -> u32 {
        let held = self.running.values().filter(|(other, _)| *other == worker);
        let cores = held.map(|(_, start)| start.spec.as_ref().map_or(0, |spec| spec.cores));
        CORES - cores.sum::<u32>()
    }

    /// Gives out what can be given; what begins.
    fn deal(&mut self) -> Vec<(WorkerId, v1::TaskId)> {
        let offers = self.workers.iter().map(|worker| Offer {
            worker: *worker,
            free_cores: self.free_cores(*worker),
            free_memory_bytes: 64 << 30,
        });
        let offers: Vec<Offer> = offers.filter(|offer| offer.free_cores > 0).collect();
        let dealt = policy::deal(&self.state, &offers, 64, &mut Promised::default());
        let mut begun = Vec::new();
        for (worker, tasks) in dealt {
            let grant = v1::Grant {
                worker: worker.0,
                tasks,
                lease_ms: 1_000,
            };
            let Outcome::Granted(granted) = self.apply(Kind::Grant(grant)) else {
                panic!("the worker is known");
            };
            for start in self.state.starts(&granted, specs::NEWEST) {
                let task = start.spec.as_ref().and_then(|spec| spec.task);
                let task = task.expect("a start names its task");
                let lasts_ms = match task.stage() {
                    v1::Stage::Align => LONGEST_MS / 3 + self.below(LONGEST_MS * 2 / 3),
                    _ => 5 * SECOND_MS + self.below(50 * SECOND_MS),
                };
                let key = (self.now_ms + lasts_ms, start.attempt);
                self.running.insert(key, (worker, start));
                begun.push((worker, task));
            }
        }
        begun
    }

    /// The clock goes on to the next end.
    fn end_one(&mut self) {
        let Some(((end_ms, attempt), (worker, start))) = self.running.pop_first() else {
            panic!("nothing runs at {} ms", self.now_ms);
        };
        self.now_ms = end_ms;
        let spec = start.spec.expect("a start has a specification");
        let done = Finished::Manifest(manifest(&spec));
        let settle = v1::Settle {
            worker: worker.0,
            finished: vec![finished(attempt, spec.task, done)],
        };
        self.apply(Kind::Settle(settle));
    }

    /// Ready tasks of a core each.
    fn ready(&self, large: u64) -> u64 {
        let summaries = self.state.summaries(None, 10_000);
        let small = summaries.iter().filter(|summary| summary.cohort != large);
        let stages = small.flat_map(|summary| &summary.stages);
        stages.map(|stage| stage.ready).sum()
    }

    /// Small cohorts come so that there is always work for everybody.
    fn keep_coming(&mut self, large: u64) {
        while self.ready(large) < u64::from(CORES) * self.workers.len() as u64 {
            self.open(4, 1);
        }
    }
}

/// Until the large task of a cohort begins: for how long it waited, and what began behind it on the worker that it began
/// on at last.
fn wait_for_large(site: &mut Site) -> (u64, usize) {
    let large = site.open(1, CORES);
    let opened_ms = site.now_ms;
    let mut behind = Vec::new();
    loop {
        site.keep_coming(large);
        let begun = site.deal();
        if let Some((worker, _)) = begun.iter().find(|(_, task)| task.cohort == large) {
            let there = behind.iter().filter(|other| *other == worker);
            return (site.now_ms - opened_ms, there.count());
        }
        behind.extend(
            begun
                .iter()
                .filter(|(_, task)| task.cohort > large)
                .map(|(worker, _)| *worker),
        );
        let workers = site.workers.clone();
        let idle: u32 = workers.iter().map(|worker| site.free_cores(*worker)).sum();
        assert!(
            idle <= CORES,
            "more than the large task needs is idle: {idle} cores"
        );
        let waited_ms = site.now_ms - opened_ms;
        assert!(waited_ms <= 3 * LONGEST_MS, "it starves for {waited_ms} ms");
        site.end_one();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Small tasks that never cease do not keep a large one from beginning, and while it waits no more cores are idle
    /// than it needs.
    #[test]
    fn no_large_task_starves(workers in 1u64..5, seed in any::<u64>(), before in 0u32..40) {
        let mut site = Site::new(workers, seed);
        site.keep_coming(0);
        for _ in 0..before {
            site.deal();
            site.end_one();
            site.keep_coming(0);
        }
        site.deal();
        for _ in 0..3 {
            wait_for_large(&mut site);
        }
    }
}

#[test]
fn what_ends_before_begins_on_the_kept_worker() {
    let mut site = Site::new(2, 7);
    site.keep_coming(0);
    for _ in 0..100 {
        site.deal();
        site.end_one();
        site.keep_coming(0);
    }
    let behind: usize = (0..5).map(|_| wait_for_large(&mut site).1).sum();
    assert!(behind > 0, "the worker that is kept need not be idle");
}

#[test]
fn the_kept_worker_is_told() {
    let mut site = Site::new(1, 1);
    site.open(5, 1);
    assert_eq!(site.deal().len(), 5);
    let large = site.open(1, CORES);
    let small = site.open(2, 1);
    assert_eq!(site.deal(), [], "nothing is known of how long they last");
    let align = |cohort| v1::TaskId {
        cohort,
        stage: v1::Stage::Align.into(),
        row: 0,
        column: 0,
    };
    let why = |site: &Site, cohort| {
        let why = site
            .state
            .why(None, CohortId(cohort), "", Some(&align(cohort)), 2);
        why[0].clone()
    };
    let said = "ready, the first that no worker has room for; w0 is kept for it, where it is expected to start as soon as enough of what runs there has ended";
    let reason = why(&site, large).reason;
    assert!(reason.starts_with(said), "{reason}");
    let queued = &site.state.queue(None, None).cohorts[1].reason;
    assert_eq!(*queued, reason);
    let other = why(&site, small).workers[0].clone();
    assert!(!other.fits);
    assert_eq!(
        other.reason,
        format!("it is kept for align[0,0] of cohort {large}")
    );
    // Another worker has room for it: nothing is kept any more.
    let hello = Some(hello("other", "1", CORES, 64));
    let Outcome::Registered(other) = site.apply(Kind::Register(v1::Register { hello })) else {
        panic!("it is sound");
    };
    site.workers.push(other);
    assert!(!why(&site, large).reason.contains("is kept"));
    let begun = site.deal();
    assert!(begun.contains(&(other, align(large))));
    assert_eq!(begun.len(), 3);
}
