//! What runs on the hosts: schedulers and workers as the product starts them, but for what they stand on.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use kumi_cluster::Drive;
use kumi_cluster::store::disk::DiskLog;
use kumi_proto::v1;
use kumi_server::config::{Config, Span};
use kumi_server::{Clock, Environment, Machine};
use kumi_worker::agent::{Done, TaskResult};
use kumi_worker::daemon::{Attempt, Run};
use kumi_worker::executor::Execution;
use kumi_worker::fault::chain;

use crate::check::ATTEMPT;
use crate::cohort::BAD;
use crate::disk::Disk;
use crate::faults::{Size, worker};
use crate::history::{Begun, End, History, now_ms};
use crate::network::{PORT, address, dial, listen};
use crate::plant::{Plant, Planted};
use crate::random::Random;
use crate::witness::Eyes;

/// Unix time at which every run begins, milliseconds.
pub const EPOCH_MS: u64 = 1_800_000_000_000;
/// How long a silent worker keeps its tasks.
pub const LEASE_MS: u64 = 6_000;
/// A scheduler that ended by itself is started again after this long.
const RESTART: Duration = Duration::from_millis(1_000);

/// A scheduler node over all its lives.
#[derive(Clone, Debug)]
pub struct Scheduler {
    /// Its number.
    pub node: u64,
    /// Its disk.
    pub disk: Disk,
    /// By how much its clock is wrong, milliseconds.
    pub skew_ms: Arc<AtomicI64>,
    /// What is wrong with it.
    pub plant: Option<Plant>,
}

impl Scheduler {
    /// Runs it, and again whenever it ends by itself.
    ///
    /// # Errors
    /// Never; the simulation wants to be told of errors.
    pub async fn run(self, size: Size, history: History) -> turmoil::Result {
        loop {
            if let Err(error) = self.live(size, &history).await {
                let (node, why) = (self.node, chain(error.as_ref()));
                history.tell(format_args!("scheduler-{node} does not run: {why}"));
                history.seen().ended.push(End {
                    node,
                    at_ms: now_ms(),
                    disk_full: self.disk.has_refused(),
                    why,
                });
            }
            tokio::time::sleep(RESTART).await;
        }
    }

    async fn live(&self, size: Size, history: &History) -> Result<(), Box<dyn std::error::Error>> {
        let mounted = self.disk.mount();
        let planted = Planted::new(self.plant);
        let eyes = Eyes::new((self.node, mounted.life()), history.clone(), planted);
        let environment = Environment {
            clock: self.clock(),
            cluster: kumi_cluster::Environment::new(dial(), self.drive(), |_, identity| {
                DiskLog::open_on(mounted, identity)
            }),
            machine: Machine::watched(Box::new(eyes)),
            credentials: None,
        };
        let address = SocketAddr::from(([0, 0, 0, 0], PORT));
        let connections = listen().await?;
        let config = self.config(size);
        let server = kumi_server::start_in(config, environment, address, connections).await?;
        Ok(server.stopped().await?)
    }

    fn drive(&self) -> Drive {
        let disk = self.disk.clone();
        Drive::Task(Arc::new(move || disk.take_owed()))
    }

    fn clock(&self) -> Clock {
        let skew = Arc::clone(&self.skew_ms);
        Clock::new(
            move || (EPOCH_MS + now_ms()).saturating_add_signed(skew.load(Ordering::Relaxed)),
            now_ms,
        )
    }

    fn config(&self, size: Size) -> Config {
        let mut config = Config::embedded("simulated");
        let own = &mut config.scheduler;
        own.id = self.node;
        own.listen = format!("0.0.0.0:{PORT}");
        let founders = 1..=size.schedulers;
        if founders.contains(&self.node) {
            own.peers = founders
                .map(|node| (node, address(node)))
                .collect::<BTreeMap<_, _>>();
        } else {
            own.join = true;
            own.advertise = Some(address(self.node));
        }
        own.tick = Span::from_ms(50);
        own.snapshot_every = 15;
        own.lease = Span::from_ms(LEASE_MS);
        own.report_in = Span::from_ms(250);
        own.split_after = Span::from_ms(1_000);
        own.copy_after = Span::from_ms(1_000);
        config
    }
}

/// A worker over all its lives.
#[derive(Clone, Debug)]
pub struct Worker {
    /// Its number.
    pub number: u64,
    /// How often it was started.
    pub lives: Arc<AtomicU64>,
    /// The run's seed.
    pub seed: u64,
}

impl Worker {
    /// Runs it until it is killed.
    ///
    /// # Errors
    /// When its configuration cannot work.
    pub async fn run(self, size: Size, history: History) -> turmoil::Result {
        let life = self.lives.fetch_add(1, Ordering::Relaxed) + 1;
        let name = worker(self.number);
        let config = kumi_worker::daemon::Config {
            name: name.clone(),
            endpoints: (1..=size.nodes()).map(address).collect(),
            cores: 4,
            memory_bytes: 64 << 30,
            labels: Vec::new(),
            scratch: "simulated".into(),
            storage: Default::default(),
            metrics: None,
            report_interval: Duration::from_millis(250),
            tls: None,
            pool: None,
        };
        let runner = Pretender {
            history,
            seed: self.seed,
        };
        let environment = kumi_worker::daemon::Environment {
            incarnation: format!("{name}-{life}"),
            dial: dial(),
            runner: Arc::new(runner),
            supply: None,
            credentials: None,
        };
        let daemon = kumi_worker::daemon::start_in(config, environment).await?;
        daemon.stopped().await;
        Ok(())
    }
}

/// Runs attempts by waiting.
struct Pretender {
    history: History,
    seed: u64,
}

/// So many attempts at a task may be told to fail: with a third it would be given up, as it should be.
const TOLD_TO_FAIL: usize = 2;

/// How often a waiting attempt looks whether it is to stop.
const LOOK_MS: u64 = 20;

impl Run for Pretender {
    fn run(&self, attempt: Attempt) {
        let spec = attempt.start.spec.clone().unwrap_or_default();
        let number = attempt.start.attempt;
        let task = spec.task.unwrap_or_default();
        let begun = Begun {
            attempt: number,
            task,
            makes: format!("{} in {}", spec.key, spec.directory),
        };
        let before = {
            let mut seen = self.history.seen();
            let before = seen.begun.iter().filter(|before| before.task == task);
            let before = before.count();
            seen.begun.push(begun);
            before
        };
        let mut random = Random::new(self.seed, number.wrapping_add(1_000));
        let looks = random.between(1, 250);
        let fails = random.once_in(40) && before < TOLD_TO_FAIL;
        tokio::spawn(async move {
            for _ in 0..looks {
                tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
                if let Err(fault) = attempt.control.check() {
                    return (attempt.ended)(failed(fault.to_failure()));
                }
                if attempt.control.should_split()
                    && let Some(part) = first_bin(&spec)
                {
                    return (attempt.ended)(done(&spec, number, part));
                }
            }
            (attempt.ended)(if is_bad(&spec) {
                failed(v1::Failure {
                    class: v1::FailureClass::BadInput.into(),
                    message: "sample bad: these are no reads".to_owned(),
                })
            } else if fails {
                failed(v1::Failure {
                    class: v1::FailureClass::Transient.into(),
                    message: "told to fail".to_owned(),
                })
            } else {
                done(&spec, number, 0)
            });
        });
    }
}

fn is_bad(spec: &v1::Spec) -> bool {
    matches!(&spec.kind, Some(v1::spec::Kind::Align(align)) if align.sample == BAD)
}

fn failed(failure: v1::Failure) -> Execution {
    Execution {
        result: TaskResult::Failed(failure),
        core_milliseconds: 1,
    }
}

/// How many bases the first bin of a call task has, when that is not all.
fn first_bin(spec: &v1::Spec) -> Option<u64> {
    let Some(v1::spec::Kind::Call(call)) = &spec.kind else {
        return None;
    };
    let first = call.regions.first()?;
    let bin = u64::from(call.bin_bases.max(1));
    let bases = first.end.min((first.start / bin + 1) * bin) - first.start;
    let all: u64 = call.regions.iter().map(|r| r.end - r.start).sum();
    (bases < all).then_some(bases)
}

/// What a task, or the part of one, would have published: a function of its key, but for the count that tells the
/// attempt.
fn done(spec: &v1::Spec, attempt: u64, part_bases: u64) -> Execution {
    let file = v1::File {
        name: "result.kidx".to_owned(),
        size: 1,
        sha256: spec.key.clone(),
    };
    let manifest = v1::Manifest {
        directory: if part_bases > 0 {
            format!("{}-{part_bases}", spec.directory)
        } else {
            spec.directory.clone()
        },
        files: vec![file],
        counts: [(ATTEMPT.to_owned(), attempt)].into(),
        ..v1::Manifest::default()
    };
    Execution {
        result: TaskResult::Done(Done {
            manifest,
            bin_milliseconds: if part_bases > 0 { vec![10] } else { bins(spec) },
            part_bases,
        }),
        core_milliseconds: 1,
    }
}

/// What the bins of a call task's regions took: the more the further they lie.
fn bins(spec: &v1::Spec) -> Vec<u32> {
    let Some(v1::spec::Kind::Call(call)) = &spec.kind else {
        return Vec::new();
    };
    let size = u64::from(call.bin_bases.max(1));
    let touched = |region: &v1::Region| region.start / size..region.end.div_ceil(size);
    let bins = call.regions.iter().flat_map(touched);
    bins.map(|bin| 10 + bin as u32).collect()
}
