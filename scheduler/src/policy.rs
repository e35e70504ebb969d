//! Which tasks an idle worker gets. Looks at the state and changes nothing: what is picked becomes
//! a `Grant` in the log, which is checked again when it applies.

mod backfill;
mod deal;
mod fair;
mod preempt;
mod speculate;
mod split;
mod walk;

use std::collections::BTreeSet;

use kumi_proto::ids::WorkerId;
use kumi_proto::v1;
use kumi_proto::v1::Stage;

use crate::cohort::Cohort;
use crate::grid::Cell;
use crate::plan::need::Need;
use crate::policy::backfill::Kept;
pub(crate) use crate::policy::backfill::Reservation;
pub use crate::policy::deal::{Promised, deal};
pub(crate) use crate::policy::fair::Level;
use crate::policy::fair::Tree;
pub use crate::policy::preempt::{Room, Siege, make_room};
pub use crate::policy::speculate::speculate;
pub use crate::policy::split::{Watch, running, split};
pub(crate) use crate::policy::walk::LAST_FIRST;
use crate::policy::walk::{Left, Taken, Walk};
use crate::state::{State, Worker};

/// What a worker has free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Who.
    pub worker: WorkerId,
    /// Cores without work.
    pub free_cores: u32,
    /// Memory without work.
    pub free_memory_bytes: u64,
}

/// At most `max` ready tasks that fit the offer together: by priority, then by whose turn it is if there is a policy,
/// then by deadline and cohort, and within a cohort later stages first, so that genomes finish. Nothing for a worker
/// that drains or is lost, and nothing of an account beyond its quotas.
///
/// A task that asks for more cores than the worker has gets all of them. When a task must wait for
/// this worker to become free enough, tasks of a lower priority do not take its place; and when it is the first that waits
/// and this worker is kept for it, what comes behind it must end before or find room beside it.
#[must_use]
pub fn pick(state: &State, offer: &Offer, max: usize) -> Vec<v1::TaskId> {
    let mut promised = Promised::default();
    let picker = Picker::new(state, offer, max, &mut promised);
    picker.map_or_else(Vec::new, |mut picker| {
        picker.serve();
        picker.picked
    })
}

struct Picker<'a> {
    state: &'a State,
    promised: &'a mut Promised,
    worker: &'a Worker,
    id: u64,
    free: Need,
    room: usize,
    picked: Vec<v1::TaskId>,
    /// Tasks in a row that end after the worker, or need more scratch than is free.
    passed: u64,
    kept: Kept,
}

impl<'a> Picker<'a> {
    /// None for a worker that takes no tasks.
    fn new(
        state: &'a State,
        offer: &Offer,
        room: usize,
        promised: &'a mut Promised,
    ) -> Option<Self> {
        let id = offer.worker.0;
        let worker = state.workers.get(&id);
        let worker = worker.filter(|worker| worker.takes_tasks())?;
        let by_leases = state.free(id, worker).less(promised.used(id));
        Some(Self {
            state,
            worker,
            id,
            free: Need {
                cores: offer.free_cores,
                memory_bytes: offer.free_memory_bytes,
                scratch_bytes: by_leases.scratch_bytes,
            },
            promised,
            room,
            picked: Vec::new(),
            passed: 0,
            kept: Kept::Nothing,
        })
    }

    fn serve(&mut self) {
        let state = self.state;
        if state.rules.is_none() {
            self.serve_in_order();
            return;
        }
        for programmes in state.derived.lines.values() {
            if self.is_full() {
                break;
            }
            let tree = Tree::new(state, programmes, self.promised);
            if tree.serve(self) {
                break;
            }
        }
    }

    /// Without a policy: by priority, deadline and number.
    fn serve_in_order(&mut self) {
        let state = self.state;
        let mut waiting_class = None;
        for (class, _, id) in &state.derived.queue {
            let cohort = &state.cohorts[id];
            if waiting_class.is_some_and(|waiting| waiting < *class) || self.is_full() {
                break;
            }
            if self.may_take(cohort) {
                let mut walk = Walk::new(cohort);
                while walk.next(self, Left::default()).is_some() {}
                if walk.keeps_free {
                    waiting_class = Some(*class);
                }
            }
        }
    }

    fn is_full(&self) -> bool {
        self.room == 0 || self.free.cores == 0
    }

    /// Whether the worker may compute a cohort's tasks.
    fn may_take(&self, cohort: &Cohort) -> bool {
        self.worker.suits(cohort)
    }

    /// Takes a ready task if it fits and its account's quotas leave room.
    fn take(&mut self, cohort: &Cohort, cell: Cell, left: Left) -> Option<Taken> {
        let need = self.worker.capped(cohort.need(cell));
        if need.scratch_bytes > self.free.scratch_bytes {
            self.passed += 1;
            return None;
        }
        let allowed = left.allows(need.cores) && need.fits(self.free);
        if !allowed || self.promised.has(cohort, cell) || self.should_avoid(cohort, cell) {
            return None;
        }
        if !self.lasts(cohort, cell) {
            self.passed += 1;
            return None;
        }
        self.passed = 0;
        if self.holds_back(cell.stage, need) {
            self.passed += 1;
            return None;
        }
        let begins = left.counts_genomes() && self.state.would_begin(cohort, cell);
        let address = cohort.address(cell);
        if !left.lets_begin(begins) || self.state.derived.in_flight.contains_key(&address) {
            return None;
        }
        self.free = self.free.less(need);
        if let Kept::Here(kept) = &mut self.kept
            && !self.state.ends_by(cell.stage, kept.from_ms)
        {
            kept.beside = kept.beside.less(need);
        }
        if self.picked.is_empty() {
            let cores = usize::try_from(self.free.cores).unwrap_or(usize::MAX);
            self.picked.reserve(self.room.min(cores + 1));
        }
        self.room -= 1;
        self.picked.push(cohort.task(cell));
        let taken = Taken { need, begins };
        self.promised.add(self.id, (cohort, cell), taken);
        Some(taken)
    }

    /// Whether the worker is there for as long as a task takes.
    fn lasts(&self, cohort: &Cohort, cell: Cell) -> bool {
        self.state.ends_before(cohort, cell, self.worker)
    }

    /// Whether a task would be in the way of the one that this worker is kept for.
    fn holds_back(&self, stage: Stage, need: Need) -> bool {
        match &self.kept {
            Kept::Here(kept) => !need.fits(kept.beside) && !self.state.ends_by(stage, kept.from_ms),
            Kept::Nothing | Kept::Elsewhere => false,
        }
    }

    /// Whether a task runs, or is promised to somebody.
    fn is_given(&self, cohort: &Cohort, cell: Cell) -> bool {
        let flies = &self.state.derived.in_flight;
        self.promised.has(cohort, cell) || flies.contains_key(&cohort.address(cell))
    }

    fn should_avoid(&self, cohort: &Cohort, cell: Cell) -> bool {
        self.state.avoids(cohort, cell, self.worker)
    }

    /// A ready task finds no room here. The first that finds none anywhere has a worker kept for it.
    fn keep_for(&mut self, cohort: &Cohort, cell: Cell) {
        let task = (cohort.id, cell);
        let known = self.promised.reserved.filter(|(other, _)| *other == task);
        let worker = known.map(|(_, worker)| worker).or_else(|| {
            let free = |id: u64, worker: &Worker| {
                if id == self.id {
                    self.free
                } else {
                    self.state.free(id, worker).less(self.promised.used(id))
                }
            };
            let reserved = self.state.reserve((cohort, cell), self.promised, &free);
            reserved.map(|reservation| reservation.worker)
        });
        let Some(worker) = worker else {
            return;
        };
        self.promised.reserved = Some((task, worker));
        self.kept = if worker == self.id {
            let need = cohort.need(cell);
            let promised = &*self.promised;
            Kept::Here(self.state.expect_room(worker, self.worker, need, promised))
        } else {
            Kept::Elsewhere
        };
    }

    /// Whether this worker is one of the `tasks` workers that will be free first for such a task,
    /// going by what is leased: others need not wait for it.
    fn is_among_freest(&self, cohort: &Cohort, tasks: u64, need: Need) -> bool {
        let mut ranking = BTreeSet::new();
        for (id, worker) in &self.state.workers {
            if worker.takes_tasks() && worker.suits(cohort) && worker.holds(need) {
                let free = self.state.free(*id, worker);
                let free = free.less(self.promised.used(*id));
                let wanted = worker.capped(need);
                ranking.insert((wanted.less(free).cores, *id));
            }
        }
        let first = usize::try_from(tasks).unwrap_or(usize::MAX);
        ranking.iter().take(first).any(|(_, id)| *id == self.id)
    }
}

impl State {
    /// What failed on a worker is tried on one where it has not, while there is one.
    fn avoids(&self, cohort: &Cohort, cell: Cell, worker: &Worker) -> bool {
        let Some(trouble) = cohort.troubles.get(&cell) else {
            return false;
        };
        let failed_on = |name: &str| name == trouble.worker || trouble.workers.contains(name);
        let need = cohort.need(cell);
        let elsewhere = |worker: &Worker| {
            worker.takes_tasks()
                && !failed_on(&worker.hello.name)
                && worker.suits(cohort)
                && worker.holds(need)
        };
        failed_on(&worker.hello.name) && self.workers.values().any(elsewhere)
    }
}
