//! Leases: who works on what. A task has one current attempt, whose number only grows; what any
//! other attempt reports is refused.

use kumi_proto::ids::WorkerId;
use kumi_proto::v1;
use kumi_proto::v1::finished_task::Result as Finished;
use kumi_proto::v1::{FailureClass, Manifest, Stage, TaskState};

use crate::cohort::{Cohort, Extent, Mishap, Unsplit, is_by_sample, is_shared};
use crate::grid::Cell;
use crate::ledger::Reader;
use crate::outcome::{Granted, Outcome, Rejection, Settlement, Verdict};
use crate::plan::directory;
use crate::plan::key::Address;
use crate::plan::need::Need;
use crate::plan::spec;
use crate::ripple::Ripple;
use crate::state::State;
use crate::tallies::{Ending, Reason};
use crate::version::WARM_ROWS;

/// A current attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) cohort: u64,
    pub(crate) cell: Cell,
    pub(crate) worker: u64,
    pub(crate) cores: u32,
    pub(crate) memory_bytes: u64,
    /// Not stored: follows from the cohort.
    pub(crate) scratch_bytes: u64,
    pub(crate) started_ms: u64,
    /// Where the result will be known.
    pub(crate) address: Address,
}

impl Lease {
    /// What it holds of its worker.
    pub(crate) fn claim(&self) -> Need {
        Need {
            cores: self.cores,
            memory_bytes: self.memory_bytes,
            scratch_bytes: self.scratch_bytes,
        }
    }
}

impl State {
    pub(super) fn grant(&mut self, grant: &v1::Grant) -> Result<Outcome, Rejection> {
        let worker = self.workers.get(&grant.worker);
        let worker = worker.ok_or_else(|| Rejection::NoSuchWorker {
            worker: grant.worker.to_string(),
        })?;
        if !worker.takes_tasks() {
            return Ok(Outcome::Granted(Vec::new()));
        }
        let mut granted = Vec::with_capacity(grant.tasks.len());
        let tasks = grant.tasks.iter();
        granted.extend(tasks.filter_map(|task| self.grant_one(grant.worker, task)));
        Ok(Outcome::Granted(granted))
    }

    fn grant_one(&mut self, worker_id: u64, task: &v1::TaskId) -> Option<Granted> {
        let worker = self.workers.get(&worker_id)?;
        let cohort = self.cohorts.get(&task.cohort)?;
        let cell = cohort.cell_of(task)?;
        if cohort.get(cell) != TaskState::Ready || !worker.suits(cohort) {
            return None;
        }
        let address = cohort.address(cell);
        if self.ledger.has(&address) || self.is_released(cohort, cell) {
            let extent = match cell.stage {
                Stage::Ingest => Extent::Batch(cell.row),
                stage if is_by_sample(stage) => Extent::Row(cell.row),
                _ => Extent::Tail,
            };
            self.bring_up_to_date(task.cohort, extent);
            return None;
        }
        if self.derived.in_flight.contains_key(&address) {
            return None;
        }
        let need = cohort.need(cell);
        if !self.quotas_allow(cohort, cell, need.cores.min(worker.hello.cores)) {
            return None;
        }
        let lease = Lease {
            cohort: task.cohort,
            cell,
            worker: worker_id,
            cores: need.cores.min(worker.hello.cores),
            memory_bytes: need.memory_bytes,
            scratch_bytes: need.scratch_bytes,
            started_ms: self.clock_ms,
            address,
        };
        let (task, attempt) = (*task, self.begin(lease));
        Some(Granted { attempt, task })
    }

    /// Whether a cohort of the same name made the release of which this cell is a part.
    fn is_released(&self, cohort: &Cohort, cell: Cell) -> bool {
        let release = Cell {
            stage: Stage::Release,
            row: 0,
            column: 0,
        };
        let of_release = [Stage::Census, Stage::Joint];
        of_release.contains(&cell.stage) && self.ledger.has(&cohort.address(release))
    }

    fn begin(&mut self, lease: Lease) -> u64 {
        let cell = lease.cell;
        let attempt = self.last_attempt + 1;
        if let Some(cohort) = self.cohorts.get_mut(&lease.cohort) {
            let trouble = cohort.troubles.get(&cell);
            let since_ms = trouble.map(|trouble| trouble.since_ms);
            let since_ms = since_ms.unwrap_or_else(|| cohort.grid(cell.stage).ready_ms(cell.row));
            let wait = self.tallies.queue_wait.entry(cell.stage).or_default();
            wait.observe(self.clock_ms.saturating_sub(since_ms));
            cohort.start(cell, attempt, &mut Ripple::new(self.clock_ms));
        }
        self.note_beginning(lease.cohort, cell);
        if cell.stage == Stage::Census {
            self.note_sum(lease.cohort);
        }
        self.enter_attempt(lease)
    }

    /// Enters the lease of the next attempt; its number.
    pub(super) fn enter_attempt(&mut self, lease: Lease) -> u64 {
        self.last_attempt += 1;
        let attempt = self.last_attempt;
        let account = self.cohorts[&lease.cohort].account();
        self.derived.add_lease(attempt, &lease, account);
        self.leases.insert(attempt, lease);
        attempt
    }

    fn start_of(
        &self,
        (attempt, lease): (u64, &Lease),
        specs: u32,
        manifests: &Reader<'_>,
    ) -> v1::Start {
        let cohort = &self.cohorts[&lease.cohort];
        v1::Start {
            attempt,
            spec: Some(spec::spec(
                cohort,
                (lease.cell, &lease.address.key),
                lease.claim(),
                (manifests, self.sums_for(lease, specs)),
            )),
        }
    }

    /// Ends a lease and counts how.
    pub(super) fn end_lease(&mut self, attempt: u64, ending: Ending, reason: Reason) {
        let Some(lease) = self.leases.remove(&attempt) else {
            return;
        };
        let account = self.cohorts[&lease.cohort].account();
        if self.derived.remove_lease(attempt, &lease, account)
            && let Some(worker) = self.workers.get_mut(&lease.worker)
        {
            worker.idle_ms = self.clock_ms;
        }
        let stage = lease.cell.stage;
        let finished = self.tallies.finished.entry((stage, ending, reason));
        *finished.or_default() += 1;
        let lasted_ms = self.clock_ms.saturating_sub(lease.started_ms);
        self.charge(&lease, lasted_ms);
        if ending == Ending::Done {
            let durations = self.tallies.stage_duration.entry(stage).or_default();
            durations.observe(lasted_ms);
        } else {
            let wasted = self.tallies.wasted_core_milliseconds.entry(stage);
            *wasted.or_default() += lasted_ms.saturating_mul(lease.cores.into());
        }
    }

    pub(super) fn settle(&mut self, settle: &v1::Settle) -> Outcome {
        let settled = settle.finished.iter().map(|finished| Settlement {
            attempt: finished.attempt,
            verdict: self.settle_one(settle.worker, finished),
        });
        Outcome::Settled(settled.collect())
    }

    fn settle_one(&mut self, worker: u64, finished: &v1::FinishedTask) -> Verdict {
        let lease = self.leases.get(&finished.attempt);
        let lease = lease.filter(|lease| lease.worker == worker).cloned();
        let Some(lease) = lease else {
            return Verdict::Refused;
        };
        let cohort = &self.cohorts[&lease.cohort];
        if finished.task != Some(cohort.task(lease.cell)) {
            return Verdict::Refused;
        }
        let directory = match finished.part_bases {
            0 => directory::directory_of(cohort, lease.cell, &lease.address.key),
            bases => directory::part_directory(cohort, lease.cell, bases),
        };
        let failed = |reason, message: &str| (reason, message.to_owned());
        let (reason, message) = match &finished.result {
            Some(Finished::Manifest(manifest)) if manifest.directory == directory => {
                match self.split(&lease, finished.part_bases) {
                    Ok(address) => {
                        let other = self.derived.in_flight.get(&address).copied();
                        let other = other.filter(|other| *other != finished.attempt);
                        let done = Lease { address, ..lease };
                        self.measure(&done, &finished.bin_milliseconds);
                        self.commit(finished.attempt, &done, manifest);
                        self.supersede(other);
                        return Verdict::Committed;
                    }
                    Err(Unsplit::Wrong) => {
                        let message = "the worker parted its shard where that is not possible";
                        failed(Reason::Internal, message)
                    }
                    Err(Unsplit::Full) => {
                        let message = "a part was done, and its sample has no room for more shards";
                        failed(Reason::Stopped, message)
                    }
                }
            }
            Some(Finished::Manifest(manifest)) => {
                let elsewhere = &manifest.directory;
                let message = format!("published in `{elsewhere}` instead of `{directory}`");
                failed(Reason::Internal, &message)
            }
            Some(Finished::Failure(failure)) => {
                failed(reason_of(failure.class()), &failure.message)
            }
            None => failed(Reason::Internal, "the worker sent no result"),
        };
        Verdict::Failed {
            again: self.fail_lease(finished.attempt, &lease, reason, &message),
        }
    }

    /// The address of what an attempt did: all of its task, or a part, whose rest becomes tasks of their own.
    fn split(&mut self, lease: &Lease, part_bases: u64) -> Result<Address, Unsplit> {
        if part_bases == 0 {
            return Ok(lease.address);
        }
        let rest = self.rest(lease, part_bases)?;
        let stage = lease.cell.stage;
        *self.tallies.split.entry(stage).or_default() += 1;
        let cohort = self.cohorts.get_mut(&lease.cohort);
        let cohort = cohort.expect("a lease is of a cohort");
        cohort.split(lease.cell, part_bases, &rest, self.clock_ms);
        Ok(cohort.address(lease.cell))
    }

    fn commit(&mut self, attempt: u64, lease: &Lease, manifest: &Manifest) {
        self.end_other(attempt, lease, Reason::Superseded);
        self.end_lease(attempt, Ending::Done, Reason::None);
        if let Some(worker) = self.workers.get_mut(&lease.worker)
            && is_by_sample(lease.cell.stage)
            && self.version >= WARM_ROWS
        {
            worker.warm_up(lease.cohort, lease.cell.row);
        }
        // Of a part that others know, what they read stays.
        self.ledger.insert_new(lease.address, manifest);
        let count = |name: &str| manifest.counts.get(name).copied().unwrap_or(0);
        let tally = self.tallies.kernels.entry(lease.cell.stage).or_default();
        tally.reads += count("reads");
        tally.bases += count("bases");
        tally.core_milliseconds += manifest.core_milliseconds;
        tally.peak_rss_bytes = tally.peak_rss_bytes.max(manifest.peak_rss_bytes);
        let mut ripple = Ripple::new(self.clock_ms);
        if let Some(cohort) = self.cohorts.get_mut(&lease.cohort) {
            cohort.commit(lease.cell, &self.ledger, &mut ripple);
        }
        let shared = is_shared(lease.cell.stage);
        self.absorb(lease.cohort, ripple, shared.then_some(lease.address));
    }

    /// A part of a shard was done that another cohort's attempt, if there is one, makes as a task of its own.
    fn supersede(&mut self, other: Option<u64>) {
        let lease = other.and_then(|other| self.leases.get(&other));
        if let Some((cohort, row)) = lease.map(|lease| (lease.cohort, lease.cell.row)) {
            self.bring_up_to_date(cohort, Extent::Row(row));
        }
    }

    /// Ends an attempt without a result; whether the task is tried again.
    fn fail_lease(&mut self, attempt: u64, lease: &Lease, reason: Reason, message: &str) -> bool {
        let ending = match reason {
            Reason::Stopped => Ending::Stopped,
            Reason::WorkerLost => Ending::Lost,
            _ => Ending::Failed,
        };
        let worker = self.workers.get(&lease.worker);
        let name = worker.map_or_else(String::new, |worker| worker.hello.name.clone());
        let mishap = Mishap {
            reason,
            message,
            worker: &name,
            memory_bytes: lease.memory_bytes,
            memory_max_bytes: self.memory_max_bytes(),
        };
        let goes_on = self.leave_to_other(attempt, lease, &mishap);
        self.end_lease(attempt, ending, reason);
        if goes_on {
            return true;
        }
        if ending == Ending::Stopped {
            self.note_stop(lease);
        }
        let mut ripple = Ripple::new(self.clock_ms);
        let cohort = self.cohorts.get_mut(&lease.cohort);
        let again = cohort
            .is_some_and(|cohort| cohort.mishap(lease.cell, &mishap, &self.ledger, &mut ripple));
        if again {
            let retries = self.tallies.retries.entry((lease.cell.stage, reason));
            *retries.or_default() += 1;
        }
        self.absorb(lease.cohort, ripple, None);
        again
    }

    /// Ends all leases of a worker that is lost; how many there were.
    pub(super) fn lose_leases(&mut self, worker: u64, why: &str) -> u64 {
        let attempts = self.derived.held.get(&worker).cloned().unwrap_or_default();
        for attempt in &attempts {
            // The loss of one may have ended others: of a cohort that failed.
            if let Some(lease) = self.leases.get(attempt).cloned() {
                self.fail_lease(*attempt, &lease, Reason::WorkerLost, why);
            }
        }
        attempts.len() as u64
    }

    /// A worker's current leases.
    #[must_use]
    pub fn attempts_of(&self, worker: WorkerId) -> Vec<(u64, v1::TaskId)> {
        let task = |lease: &Lease| self.cohorts[&lease.cohort].task(lease.cell);
        let leases = self.leases_of(worker);
        leases
            .map(|(attempt, lease)| (attempt, task(lease)))
            .collect()
    }

    /// What a worker that reads `specs` ([`kumi_proto::specs`]) is told of leases that were just granted to it; those
    /// that have ended since are left out.
    #[must_use]
    pub fn starts(&self, granted: &[Granted], specs: u32) -> Vec<v1::Start> {
        // Nearly all are current, and a specification is too large to be moved again and again while they grow.
        let mut starts = Vec::with_capacity(granted.len());
        let manifests = Reader::new(&self.ledger);
        starts.extend(granted.iter().filter_map(|granted| {
            let lease = self.leases.get(&granted.attempt)?;
            Some(self.start_of((granted.attempt, lease), specs, &manifests))
        }));
        starts
    }

    /// A worker's current leases with specifications that it reads, as in [`State::starts`]; what they come to is what
    /// was granted.
    #[must_use]
    pub fn starts_of(&self, worker: WorkerId, specs: u32) -> Vec<v1::Start> {
        let manifests = Reader::new(&self.ledger);
        let leases = self.leases_of(worker);
        leases
            .map(|lease| self.start_of(lease, specs, &manifests))
            .collect()
    }

    pub(crate) fn leases_of(&self, worker: WorkerId) -> impl Iterator<Item = (u64, &Lease)> {
        let attempts = self.derived.held.get(&worker.0).into_iter().flatten();
        attempts.map(|attempt| (*attempt, &self.leases[attempt]))
    }
}

fn reason_of(class: FailureClass) -> Reason {
    match class {
        FailureClass::Transient => Reason::Transient,
        FailureClass::OutOfMemory => Reason::OutOfMemory,
        FailureClass::BadInput => Reason::BadInput,
        FailureClass::Stopped => Reason::Stopped,
        FailureClass::Internal | FailureClass::Unspecified => Reason::Internal,
    }
}
