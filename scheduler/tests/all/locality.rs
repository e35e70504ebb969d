//! Workers go on with the samples that they have warm.

use std::collections::{BTreeMap, BTreeSet};

use kumi_proto::ids::WorkerId;
use kumi_proto::specs;
use kumi_proto::v1;
use kumi_proto::v1::command::Kind;
use kumi_proto::v1::finished_task::Result as Finished;
use kumi_scheduler::policy::{self, Offer};
use kumi_scheduler::{Outcome, State, version};

use crate::support::{Shape, finished, hello, manifest, stamped};

const WORKERS: u64 = 8;
const CORES: u32 = 8;

/// Workers that end their tasks at times drawn from a seed. Counts call tasks that ran where their sample was aligned,
/// and those that would have had the first ready one been taken.
struct Site {
    state: State,
    index: u64,
    now_ms: u64,
    random: u64,
    running: BTreeMap<(u64, u64), (u64, v1::Start)>,
    free: BTreeMap<u64, u32>,
    aligned_on: BTreeMap<u32, u64>,
    ready_calls: BTreeSet<(u32, u32)>,
    calls: u64,
    local: u64,
    local_in_order: u64,
}

impl Site {
    fn new(seed: u64, samples: usize, shards: u32) -> Self {
        let mut site = Self {
            state: State::default(),
            index: 0,
            now_ms: 1,
            random: seed,
            running: BTreeMap::new(),
            free: (1..=WORKERS).map(|worker| (worker, CORES)).collect(),
            aligned_on: BTreeMap::new(),
            ready_calls: BTreeSet::new(),
            calls: 0,
            local: 0,
            local_in_order: 0,
        };
        for worker in 0..WORKERS {
            let hello = Some(hello(&format!("w{worker}"), "1", CORES, 512));
            site.apply(Kind::Register(v1::Register { hello }));
        }
        let shape = Shape {
            samples: (0..samples).map(|number| format!("S{number}")).collect(),
            call_shards: shards,
            contigs: vec![("1".to_owned(), 100_000_000)],
            cores_per_align: CORES,
            index_given: true,
            ..Shape::default()
        };
        site.apply(shape.open());
        site
    }

    fn apply(&mut self, kind: Kind) -> Outcome {
        self.index += 1;
        let command = stamped(self.now_ms, kind);
        self.state.apply(self.index, version::NEWEST, &command)
    }

    /// SplitMix64.
    fn draw(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)) % below
    }

    fn hand_out(&mut self) {
        for worker in 1..=WORKERS {
            let offer = Offer {
                worker: WorkerId(worker),
                free_cores: self.free[&worker],
                free_memory_bytes: 512 << 30,
            };
            let tasks = policy::pick(&self.state, &offer, 64);
            let grant = v1::Grant {
                worker,
                tasks,
                lease_ms: 1_000,
            };
            let Outcome::Granted(starts) = self.apply(Kind::Grant(grant)) else {
                panic!("the worker is known");
            };
            for start in self.state.starts(&starts, specs::NEWEST) {
                self.begin(worker, start);
            }
        }
    }

    fn begin(&mut self, worker: u64, start: v1::Start) {
        let spec = start.spec.as_ref().expect("a start has a specification");
        let task = spec.task.expect("a task");
        *self.free.get_mut(&worker).expect("it is known") -= spec.cores;
        if task.stage() == v1::Stage::Call {
            let is_local = |row: u32| u64::from(self.aligned_on[&row] == worker);
            let (first, _) = *self.ready_calls.first().expect("one is ready");
            self.local_in_order += is_local(first);
            self.local += is_local(task.row);
            self.calls += 1;
            assert!(self.ready_calls.remove(&(task.row, task.column)));
        }
        let ends_ms = self.now_ms + 60_000 + self.draw(600_000);
        self.running
            .insert((ends_ms, start.attempt), (worker, start));
    }

    fn run(&mut self, shards: u32) {
        self.hand_out();
        while let Some(((ends_ms, attempt), (worker, start))) = self.running.pop_first() {
            self.now_ms = ends_ms;
            let spec = start.spec.expect("a start has a specification");
            let task = spec.task.expect("a task");
            *self.free.get_mut(&worker).expect("it is known") += spec.cores;
            let done = Finished::Manifest(manifest(&spec));
            self.apply(Kind::Settle(v1::Settle {
                worker,
                finished: vec![finished(attempt, spec.task, done)],
            }));
            if task.stage() == v1::Stage::Align {
                self.aligned_on.insert(task.row, worker);
                let columns = (0..shards).map(|column| (task.row, column));
                self.ready_calls.extend(columns);
            }
            self.hand_out();
        }
        self.state.check();
        let restored = State::restore(&self.state.snapshot()).expect("restorable");
        assert!(restored.snapshot() == self.state.snapshot());
    }
}

#[test]
fn more_calls_run_where_their_sample_was_aligned() {
    let shards = 16;
    let (mut calls, mut local, mut in_order) = (0, 0, 0);
    for seed in 0..8 {
        let mut site = Site::new(seed, 64, shards);
        site.run(shards);
        assert_eq!(site.calls, 64 * u64::from(shards), "seed {seed}");
        calls += site.calls;
        local += site.local;
        in_order += site.local_in_order;
    }
    assert!(
        2 * local > calls && 2 * local > 3 * in_order,
        "of {calls} calls {local} ran where their sample was aligned; in order {in_order} had"
    );
}
