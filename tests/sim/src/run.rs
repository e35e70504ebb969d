//! One run, from its seed to what the checkers say of it.

use std::sync::Arc;
use std::time::Duration;

use std::sync::atomic::Ordering;

use turmoil::Sim;

use crate::administrator::administrator;
use crate::check::{self, Violation};
use crate::client::{maintainer, operator, submitter};
use crate::disk::Disk;
use crate::faults::{Fault, LATENCY_MS_MAX, Size, plan, scheduler, worker};
use crate::history::History;
use crate::hosts::{Scheduler, Worker};
use crate::plant::Plant;
use crate::random::Random;

/// The step of virtual time.
const TICK: Duration = Duration::from_millis(5);
/// A cohort that is not complete by then is stuck, virtual milliseconds.
const LIMIT_MS: u64 = 150_000;

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// What decided it.
    pub seed: u64,
    /// Its virtual length, milliseconds.
    pub virtual_ms: u64,
    /// Commands that were applied.
    pub commands: usize,
    /// Attempts that workers began.
    pub attempts: usize,
    /// Attempts that were in vain.
    pub wasted: usize,
    /// Second attempts at tasks, and those whose result was taken.
    pub second: (usize, usize),
    /// What must not be.
    pub violations: Vec<Violation>,
    /// SHA-256 of everything that was seen: equal for equal seeds.
    pub digest: String,
    /// What happened, a line each.
    pub trace: Vec<String>,
}

/// Runs a cluster of a seed, perhaps with a fault planted in it.
///
/// # Panics
/// When the simulation itself is at fault.
#[must_use]
pub fn run(seed: u64, plant: Option<Plant>) -> Report {
    let size = size(seed);
    run_plan(seed, size, plan(seed, size), plant)
}

/// How large the cluster of a seed is.
#[must_use]
pub fn size(seed: u64) -> Size {
    Size {
        schedulers: if seed.is_multiple_of(4) { 5 } else { 3 },
        spare: seed % 5 == 3,
        workers: 3,
    }
}

/// Runs a cluster in which what breaks is given: times in virtual milliseconds, in order.
///
/// # Panics
/// When the simulation itself is at fault.
#[must_use]
pub fn run_plan(seed: u64, size: Size, plan: Vec<(u64, Fault)>, plant: Option<Plant>) -> Report {
    let history = History::default();
    let mut world = World::new(seed, size, plant, &history);
    for (at_ms, fault) in plan {
        world.go_to(at_ms);
        history.tell_at(at_ms, &fault);
        if let Fault::Rot(node) = fault {
            history.seen().rotten.insert(node);
        }
        world.apply(fault);
    }
    world.go_to(LIMIT_MS);
    let virtual_ms = world.now_ms();
    drop(world);
    let seen = history.seen();
    Report {
        seed,
        virtual_ms,
        commands: seen.steps.len(),
        attempts: seen.begun.len(),
        wasted: check::wasted(&seen),
        second: check::second_attempts(&seen),
        violations: check::all(&seen),
        digest: seen.digest(),
        trace: seen.trace.clone(),
    }
}

struct World<'a> {
    sim: Sim<'a>,
    schedulers: Vec<Scheduler>,
    random: Random,
    over: bool,
}

impl World<'_> {
    fn new(seed: u64, size: Size, plant: Option<Plant>, history: &History) -> Self {
        let mut sim = turmoil::Builder::new()
            .rng_seed(seed)
            .tick_duration(TICK)
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(Duration::from_millis(LATENCY_MS_MAX))
            .simulation_duration(Duration::from_millis(2 * LIMIT_MS))
            .tcp_capacity(4_096)
            .build();
        let schedulers: Vec<_> = (1..=size.nodes())
            .map(|node| Scheduler {
                node,
                disk: Disk::new(plant.and_then(Plant::disk_fault)),
                skew_ms: Arc::default(),
                plant,
            })
            .collect();
        for host in schedulers.clone() {
            let history = history.clone();
            let name = scheduler(host.node);
            sim.host(name, move || host.clone().run(size, history.clone()));
        }
        for number in 1..=size.workers {
            let host = Worker {
                number,
                lives: Arc::default(),
                seed,
            };
            let history = history.clone();
            sim.host(worker(number), move || {
                host.clone().run(size, history.clone())
            });
        }
        sim.client("submitter", submitter(size, seed, history.clone()));
        sim.client("maintainer", maintainer(size, seed, history.clone()));
        if size.spare {
            sim.client("administrator", administrator(size, seed, history.clone()));
        }
        for number in 0..2 {
            let name = format!("operator-{number}");
            sim.client(name, operator(number, size, seed, history.clone()));
        }
        Self {
            sim,
            schedulers,
            random: Random::new(seed, 2),
            over: false,
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.sim.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Lets time pass until then, or until every client is done.
    fn go_to(&mut self, at_ms: u64) {
        while !self.over && self.now_ms() < at_ms {
            self.over = self.sim.step().expect("no host fails");
        }
    }

    fn apply(&mut self, fault: Fault) {
        let sim = &mut self.sim;
        match fault {
            Fault::Part(a, b) => sim.partition(a, b),
            Fault::PartOneWay(a, b) => sim.partition_oneway(a, b),
            Fault::Join(a, b) => sim.repair(a, b),
            Fault::Slow(a, b, ms) => {
                sim.set_link_max_message_latency(a, b, Duration::from_millis(ms));
            }
            // The disk first: nothing that is dropped with the process may still be written.
            Fault::Kill(host) => {
                self.disk_of(&host, |disk, _| disk.lose_process());
                self.sim.crash(host.as_str());
            }
            Fault::PowerOff(host) => {
                self.disk_of(&host, Disk::lose_power);
                self.sim.crash(host.as_str());
            }
            Fault::Start(host) => {
                if !sim.is_host_running(host.as_str()) {
                    sim.bounce(host);
                }
            }
            Fault::Fill(node) => self.scheduler(node).disk.set_full(true),
            Fault::Free(node) => self.scheduler(node).disk.set_full(false),
            Fault::SlowDisk(node, ms) => self.scheduler(node).disk.set_slow(ms),
            Fault::Rot(node) => {
                let disk = self.scheduler(node).disk.clone();
                disk.rot(&mut self.random);
            }
            Fault::Jump(node, ms) => {
                self.scheduler(node).skew_ms.store(ms, Ordering::Relaxed);
            }
        }
    }

    fn scheduler(&self, node: u64) -> &Scheduler {
        let found = self.schedulers.iter().find(|host| host.node == node);
        found.expect("plans name schedulers that there are")
    }

    fn disk_of(&mut self, host: &str, act: impl FnOnce(&Disk, &mut Random)) {
        let found = self.schedulers.iter().find(|s| scheduler(s.node) == host);
        if let Some(found) = found {
            act(&found.disk, &mut self.random);
        }
    }
}
