//! Which tasks an idle worker gets. Looks at the state and changes nothing: what is picked becomes
//! a `Grant` in the log, which is checked again when it applies.

mod split;

use std::collections::BTreeSet;

use kumi_proto::ids::WorkerId;
use kumi_proto::v1;
use kumi_proto::v1::Stage;

use crate::cohort::Cohort;
use crate::grid::Cell;
pub use crate::policy::split::{Watch, running_calls, split};
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

/// At most `max` ready tasks that fit the offer together: by priority, then by cohort, and within a
/// cohort later stages first, so that genomes finish. Nothing for a worker that drains or is lost.
///
/// A task that asks for more cores than the worker has gets all of them. When a task must wait for
/// this worker to become free enough, tasks of a lower priority do not take its place.
#[must_use]
pub fn pick(state: &State, offer: &Offer, max: usize) -> Vec<v1::TaskId> {
    let worker = state.workers.get(&offer.worker.0);
    let Some(worker) = worker.filter(|worker| worker.takes_tasks()) else {
        return Vec::new();
    };
    let mut picker = Picker {
        state,
        worker,
        id: offer.worker.0,
        free_cores: offer.free_cores,
        free_memory_bytes: offer.free_memory_bytes,
        room: max,
        picked: Vec::new(),
    };
    let mut waiting_class = None;
    for (class, id) in &state.derived.queue {
        let cohort = &state.cohorts[id];
        if waiting_class.is_some_and(|waiting| waiting < *class) || picker.is_full() {
            break;
        }
        if worker.computes(cohort.kernel_version()) && picker.take_from(cohort) {
            waiting_class = Some(*class);
        }
    }
    picker.picked
}

/// The stages in the order in which their tasks are taken.
const LAST_FIRST: [Stage; 13] = [
    Stage::Purge,
    Stage::Release,
    Stage::Census,
    Stage::Joint,
    Stage::Ingest,
    Stage::Gvcf,
    Stage::Call,
    Stage::Align,
    Stage::Merge,
    Stage::Mark,
    Stage::Chunk,
    Stage::Cut,
    Stage::Index,
];

struct Picker<'a> {
    state: &'a State,
    worker: &'a Worker,
    id: u64,
    free_cores: u32,
    free_memory_bytes: u64,
    room: usize,
    picked: Vec<v1::TaskId>,
}

impl Picker<'_> {
    fn is_full(&self) -> bool {
        self.room == 0 || self.free_cores == 0
    }

    /// Takes what fits of a cohort's ready tasks. True when one is left that this worker should keep
    /// itself free for.
    fn take_from(&mut self, cohort: &Cohort) -> bool {
        let mut keep_free = false;
        for stage in LAST_FIRST {
            let grid = cohort.grid(stage);
            if grid.count(v1::TaskState::Ready) == 0 {
                continue;
            }
            let (least, most) = cohort.layout.needs(stage);
            let cores = least.cores.min(self.worker.hello.cores);
            let mut taken = 0;
            if self.fits(cores, least.memory_bytes) {
                for (row, column) in grid.ready() {
                    let cell = Cell { stage, row, column };
                    if self.take(cohort, cell) {
                        taken += 1;
                    }
                    if self.is_full() || !self.fits(cores, least.memory_bytes) {
                        break;
                    }
                }
            }
            let left = grid.count(v1::TaskState::Ready) - taken;
            let cores = most.cores.min(self.worker.hello.cores);
            let possible = most.memory_bytes <= self.worker.hello.memory_bytes;
            keep_free |= left > 0
                && possible
                && !self.fits(cores, most.memory_bytes)
                && self.is_among_freest(left, cores, most.memory_bytes);
            if self.is_full() {
                break;
            }
        }
        keep_free
    }

    fn fits(&self, cores: u32, memory_bytes: u64) -> bool {
        cores <= self.free_cores && memory_bytes <= self.free_memory_bytes
    }

    fn take(&mut self, cohort: &Cohort, cell: Cell) -> bool {
        let need = cohort.need(cell);
        let cores = need.cores.min(self.worker.hello.cores);
        if !self.fits(cores, need.memory_bytes) || self.should_avoid(cohort, cell) {
            return false;
        }
        let address = cohort.address(cell);
        if self.state.derived.in_flight.contains_key(&address) {
            return false;
        }
        self.free_cores -= cores;
        self.free_memory_bytes -= need.memory_bytes;
        self.room -= 1;
        self.picked.push(cohort.task(cell));
        true
    }

    /// What failed here is tried elsewhere, if there is an elsewhere.
    fn should_avoid(&self, cohort: &Cohort, cell: Cell) -> bool {
        let here = |name: &str| name == self.worker.hello.name;
        let trouble = cohort.troubles.get(&cell);
        trouble.is_some_and(|trouble| {
            let need = cohort.need(cell);
            let elsewhere = |worker: &Worker| {
                worker.takes_tasks()
                    && !here(&worker.hello.name)
                    && worker.computes(cohort.kernel_version())
                    && worker.hello.memory_bytes >= need.memory_bytes
            };
            here(&trouble.worker) && self.state.workers.values().any(elsewhere)
        })
    }

    /// Whether this worker is one of the `tasks` workers that will be free first for such a task,
    /// going by what is leased: others need not wait for it.
    fn is_among_freest(&self, tasks: u64, cores: u32, memory_bytes: u64) -> bool {
        let mut ranking = BTreeSet::new();
        for (id, worker) in &self.state.workers {
            if worker.takes_tasks() && worker.hello.memory_bytes >= memory_bytes {
                let leased = self.state.leases_of(WorkerId(*id));
                let leased: u32 = leased.map(|(_, lease)| lease.cores).sum();
                let wanted = cores.min(worker.hello.cores);
                let short = wanted.saturating_sub(worker.hello.cores.saturating_sub(leased));
                ranking.insert((short, *id));
            }
        }
        let first = usize::try_from(tasks).unwrap_or(usize::MAX);
        ranking.iter().take(first).any(|(_, id)| *id == self.id)
    }
}
