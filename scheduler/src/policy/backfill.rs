//! The worker that is kept for the first task that waits for room: it can start there soonest.
//!
//! A task that finds room nowhere, but would on a worker with nothing else to do, never starts where smaller ones take
//! whatever becomes free. So one worker is kept for the first such task of the order, and what comes behind it starts there
//! only if it is expected to end before, or finds room beside it: EASY backfilling (Lifka, JSSPP 1995), Slurm's
//! `sched/backfill`. A lease that runs for longer than was expected, or of which nothing is known, is taken to end now: then
//! nothing more is let in that the task would have to wait for.

use kumi_proto::ids::WorkerId;

use crate::cohort::Cohort;
use crate::grid::Cell;
use crate::limits::RESERVE_WORKERS_MAX;
use crate::plan::need::Need;
use crate::policy::Promised;
use crate::state::{Lease, State, Worker};

/// A worker that is kept for a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reservation {
    pub(crate) worker: u64,
    /// When the task is expected to find room there, Unix milliseconds.
    pub(crate) from_ms: u64,
    /// What is free there then beside it.
    pub(crate) beside: Need,
}

/// What a picker knows of the first task that waits for room.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Kept {
    /// It has met none so far.
    #[default]
    Nothing,
    /// Another worker is kept for it.
    Elsewhere,
    /// This worker is.
    Here(Reservation),
}

impl State {
    /// The worker where a ready task that waits for room can start soonest, of those that lack the fewest cores; none when
    /// some worker has room now, or none ever has. `free` is what each has free.
    pub(crate) fn reserve(
        &self,
        (cohort, cell): (&Cohort, Cell),
        promised: &Promised,
        free: &dyn Fn(u64, &Worker) -> Need,
    ) -> Option<Reservation> {
        let need = cohort.need(cell);
        let able = self.workers.iter().filter(|(_, worker)| {
            worker.takes_tasks()
                && worker.suits(cohort)
                && worker.holds(need)
                && self.ends_before(cohort, cell, worker)
                && !self.avoids(cohort, cell, worker)
        });
        let mut short = Vec::new();
        for (id, worker) in able {
            let (free, wanted) = (free(*id, worker), worker.capped(need));
            if wanted.fits(free) {
                return None;
            }
            short.push((wanted.less(free).cores, *id, worker));
        }
        short.sort_unstable_by_key(|(short, id, _)| (*short, *id));
        let candidates = short.into_iter().take(RESERVE_WORKERS_MAX);
        let expected = candidates.filter_map(|(_, id, worker)| {
            let reservation = self.expect_room(id, worker, need, promised);
            let left_ms = worker.hello.ends_ms.saturating_sub(reservation.from_ms);
            let lasts = worker.hello.ends_ms == 0 || self.ends_within(cohort, cell, left_ms);
            lasts.then_some(reservation)
        });
        // Of those where it can start at the same time the first.
        expected.min_by_key(|reservation| reservation.from_ms)
    }

    /// When a worker is expected to have room for what a task needs, which an empty one has.
    pub(super) fn expect_room(
        &self,
        id: u64,
        worker: &Worker,
        need: Need,
        promised: &Promised,
    ) -> Reservation {
        let wanted = worker.capped(need);
        let leases = self.leases_of(WorkerId(id));
        let leases = leases.map(|(_, lease)| (self.expected_end_ms(lease), lease.claim()));
        let promised = promised.of(id);
        let promised = promised.map(|(stage, need)| {
            let lasts_ms = self.usual_ms(stage).unwrap_or(0);
            (self.clock_ms.saturating_add(lasts_ms), need)
        });
        let mut held: Vec<(u64, Need)> = leases.chain(promised).collect();
        held.sort_unstable_by_key(|(end_ms, _)| *end_ms);
        let all = held
            .iter()
            .fold(Need::default(), |all, (_, claim)| all.and(*claim));
        let mut free = worker.capacity().less(all);
        let mut from_ms = self.clock_ms;
        for (end_ms, claim) in held {
            if wanted.fits(free) && end_ms > from_ms {
                break;
            }
            from_ms = from_ms.max(end_ms);
            free = free.and(claim);
        }
        Reservation {
            worker: id,
            from_ms,
            beside: free.less(wanted),
        }
    }

    /// When a lease is expected to end: now, when it should have ended or nothing is known.
    fn expected_end_ms(&self, lease: &Lease) -> u64 {
        let lasts_ms = self.usual_ms(lease.cell.stage).unwrap_or(0);
        let end_ms = lease.started_ms.saturating_add(lasts_ms);
        end_ms.max(self.clock_ms)
    }
}
