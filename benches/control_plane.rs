//! What the scheduler's state machine costs as cohorts grow: to open one, to decide what a worker gets, to grant and
//! commit a task, to be written down and restored. Prints a table; each size runs in a process of its own.
//!
//! `cargo bench -p kumi-benches --bench control_plane`; a sample here has 40 tasks.
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

mod campaign;

use std::process::Command;
use std::time::Instant;

use kumi_proto::ids::WorkerId;
use kumi_proto::specs;
use kumi_proto::v1;
use kumi_proto::v1::command::Kind;
use kumi_scheduler::policy::{self, Offer};
use kumi_scheduler::{Outcome, State, version};

/// Samples of the cohorts; 37 call shards, an alignment and a gVCF each, and a little more.
const SIZES: [usize; 4] = [250, 2_500, 25_000, 250_000];
/// Decisions that are timed, and tasks that are granted and committed.
const DECISIONS: u32 = 200;
const TASKS: usize = 20_000;
/// What a worker offers.
const CORES: u32 = 64;

fn main() {
    let size = std::env::args().skip_while(|arg| arg != "--samples").nth(1);
    if let Some(size) = size {
        println!("{}", measure(size.parse().expect("a number of samples")));
        return;
    }
    println!(
        "| samples | tasks | open, s | bytes a task, as submitted, in all | decision of {CORES} tasks, us | grant and commit, us a task | snapshot, MB, s | restore, s |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for size in SIZES {
        let this = std::env::current_exe().expect("a program");
        let mut child = Command::new(this);
        let output = child.args(["--samples", &size.to_string()]).output();
        let output = output.expect("it runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        print!("{}", String::from_utf8_lossy(&output.stdout));
    }
}

/// A row of the table.
fn measure(samples: usize) -> String {
    let kind = Kind::Open(campaign::campaign("bench", "k", samples));
    let before = resident();
    let mut cluster = Cluster::default();
    let started = Instant::now();
    let opened = cluster.apply(kind);
    let open = started.elapsed().as_secs_f64();
    let Outcome::Opened { tasks, .. } = opened else {
        panic!("{opened:?}");
    };
    let held = resident().saturating_sub(before);
    let worker = cluster.register();
    let started = Instant::now();
    for _ in 0..DECISIONS {
        assert_eq!(cluster.pick(worker).len(), CORES as usize);
    }
    let decision = started.elapsed().as_secs_f64() / f64::from(DECISIONS);
    let started = Instant::now();
    let done = cluster.work(worker);
    let cycle = started.elapsed().as_secs_f64() / done as f64;
    let started = Instant::now();
    let bytes = cluster.state.snapshot();
    let written = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let restored = State::restore(&bytes).expect("what was written can be read");
    let restore = started.elapsed().as_secs_f64();
    assert!(restored.snapshot() == bytes);
    format!(
        "| {samples} | {tasks} | {open:.2} | {:.0} | {:.0} | {:.1} | {:.1}, {written:.2} | {restore:.2} |",
        held as f64 / tasks as f64,
        decision * 1e6,
        cycle * 1e6,
        bytes.len() as f64 / 1e6
    )
}

#[derive(Default)]
struct Cluster {
    state: State,
    index: u64,
}

impl Cluster {
    fn apply(&mut self, kind: Kind) -> Outcome {
        self.index += 1;
        let command = v1::Command {
            at_ms: self.index,
            kind: Some(kind),
            ..v1::Command::default()
        };
        self.state.apply(self.index, version::NEWEST, &command)
    }

    fn register(&mut self) -> WorkerId {
        let hello = Some(v1::WorkerHello {
            name: "w".to_owned(),
            incarnation: "1".to_owned(),
            cores: CORES,
            memory_bytes: 4 << 40,
            version: "1".to_owned(),
            cpu: "avx2".to_owned(),
            kernel_version: "k".to_owned(),
            labels: Vec::new(),
            ..v1::WorkerHello::default()
        });
        match self.apply(Kind::Register(v1::Register { hello })) {
            Outcome::Registered(worker) => worker,
            other => panic!("{other:?}"),
        }
    }

    fn pick(&self, worker: WorkerId) -> Vec<v1::TaskId> {
        let offer = Offer {
            worker,
            free_cores: CORES,
            free_memory_bytes: 4 << 40,
        };
        policy::pick(&self.state, &offer, CORES as usize)
    }

    /// Grants and commits tasks; how many.
    fn work(&mut self, worker: WorkerId) -> usize {
        let mut done = 0;
        while done < TASKS {
            let tasks = self.pick(worker);
            let grant = v1::Grant {
                worker: worker.0,
                tasks,
                lease_ms: 60_000,
            };
            let Outcome::Granted(starts) = self.apply(Kind::Grant(grant)) else {
                panic!("the worker is known");
            };
            if starts.is_empty() {
                break;
            }
            let starts = self.state.starts(&starts, specs::NEWEST);
            done += starts.len();
            let finished = starts.into_iter().map(campaign::finished).collect();
            let settle = v1::Settle {
                worker: worker.0,
                finished,
            };
            self.apply(Kind::Settle(settle));
        }
        done
    }
}

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * 4_096
}
