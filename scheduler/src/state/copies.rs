//! Second attempts at tasks that take far longer than was expected (the backup tasks of Dean and Ghemawat, OSDI 2004):
//! the first result is taken, the other attempt ends.
//!
//! A copy is a lease as any other. That it is one is kept beside the leases: tasks that have none cost nothing.

use kumi_proto::v1;
use kumi_proto::v1::Stage;

use crate::cohort::Mishap;
use crate::outcome::{Granted, Outcome, Rejection};
use crate::state::{Lease, State};
use crate::tallies::{Ending, Reason};

impl State {
    pub(super) fn speculate(&mut self, speculate: &v1::Speculate) -> Result<Outcome, Rejection> {
        if !self.workers.contains_key(&speculate.worker) {
            let worker = speculate.worker.to_string();
            return Err(Rejection::NoSuchWorker { worker });
        }
        let copy = self.copy_for(speculate.attempt, speculate.worker);
        let granted = copy.map(|copy| {
            let task = self.cohorts[&copy.cohort].task(copy.cell);
            let attempt = self.enter_attempt(copy);
            self.copies.insert(speculate.attempt, attempt);
            Granted { attempt, task }
        });
        Ok(Outcome::Granted(granted.into_iter().collect()))
    }

    /// The lease of a second attempt at the task of a first one, on a worker; none where there must be none.
    pub(crate) fn copy_for(&self, attempt: u64, worker_id: u64) -> Option<Lease> {
        let lease = self.leases.get(&attempt)?;
        let worker = self.workers.get(&worker_id)?;
        let cohort = &self.cohorts[&lease.cohort];
        let need = cohort.need(lease.cell);
        let cores = need.cores.min(worker.hello.cores);
        let may = may_run_twice(lease.cell.stage)
            && !self.has_copy(attempt, lease)
            && lease.worker != worker_id
            && worker.takes_tasks()
            && worker.suits(cohort)
            && self.quotas_allow(cohort, lease.cell, cores);
        may.then(|| Lease {
            worker: worker_id,
            cores,
            memory_bytes: need.memory_bytes,
            scratch_bytes: need.scratch_bytes,
            started_ms: self.clock_ms,
            ..lease.clone()
        })
    }

    /// Whether an attempt is one of two.
    pub(crate) fn has_copy(&self, attempt: u64, lease: &Lease) -> bool {
        self.copies.contains_key(&attempt) || self.is_copy(attempt, lease)
    }

    /// Whether an attempt is the second of two.
    pub(crate) fn is_copy(&self, attempt: u64, lease: &Lease) -> bool {
        let first = self.cohorts[&lease.cohort].running.get(&lease.cell);
        first.is_some_and(|first| *first != attempt)
    }

    /// One of two attempts at a task has its result, or shows that there is none: the other ends.
    pub(super) fn end_other(&mut self, attempt: u64, lease: &Lease, reason: Reason) {
        if self.copies.is_empty() {
            return;
        }
        let first = self.cohorts[&lease.cohort]
            .running
            .get(&lease.cell)
            .copied();
        let pair = first.and_then(|first| Some((first, self.copies.remove(&first)?)));
        let Some((first, copy)) = pair else {
            return;
        };
        let is_copy = copy == attempt;
        self.count_copy(is_copy && reason == Reason::Superseded);
        let other = if is_copy { first } else { copy };
        self.end_lease(other, Ending::Stopped, reason);
    }

    /// A first attempt was ended from outside: its copy ends with it.
    pub(super) fn end_copy(&mut self, first: u64, reason: Reason) {
        if let Some(copy) = self.copies.remove(&first) {
            self.count_copy(false);
            self.end_lease(copy, Ending::Stopped, reason);
        }
    }

    /// One of two attempts has failed or was lost, and the other goes on alone; false when there is no other. A failure
    /// of the input is that of both: the other ends.
    pub(super) fn leave_to_other(
        &mut self,
        attempt: u64,
        lease: &Lease,
        mishap: &Mishap<'_>,
    ) -> bool {
        if !self.has_copy(attempt, lease) {
            return false;
        }
        if mishap.reason == Reason::BadInput {
            self.end_other(attempt, lease, Reason::Failed);
            return false;
        }
        let now_ms = self.clock_ms;
        let cohort = self.cohorts.get_mut(&lease.cohort);
        let cohort = cohort.expect("a lease is of a cohort");
        let first = cohort.running[&lease.cell];
        let copy = self.copies.remove(&first).expect("it has two attempts");
        let is_copy = copy == attempt;
        if !is_copy {
            cohort.running.insert(lease.cell, copy);
            self.derived.in_flight.insert(lease.address, copy);
        }
        cohort.note_mishap(lease.cell, mishap, now_ms);
        self.count_copy(!is_copy);
        true
    }

    fn count_copy(&mut self, won: bool) {
        let tally = &mut self.tallies.copies;
        *if won { &mut tally.won } else { &mut tally.lost } += 1;
    }
}

/// What a purge removes is gone for both; everything else publishes the same bytes under the same names.
fn may_run_twice(stage: Stage) -> bool {
    stage != Stage::Purge
}
