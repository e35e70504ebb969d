//! What several workers get at once, while earlier grants are still on their way through the log.

use std::collections::{BTreeMap, BTreeSet};

use kumi_proto::ids::WorkerId;
use kumi_proto::v1;
use kumi_proto::v1::{Stage, TaskState};

use crate::cohort::Cohort;
use crate::grid::Cell;
use crate::plan::need::Need;
use crate::policy::walk::Taken;
use crate::policy::{Offer, Picker};
use crate::state::State;

/// Tasks that were picked and whose grants have not been applied: nobody else gets them, and they count as running.
#[derive(Debug, Default)]
pub struct Promised {
    tasks: BTreeMap<(u64, Cell), (u64, Taken)>,
    /// The same by worker, and what they will hold of it together.
    by_worker: BTreeMap<u64, (Need, BTreeSet<(u64, Cell)>)>,
    /// In this deal: the task that a worker is kept for, and which.
    pub(super) reserved: Option<((u64, Cell), u64)>,
}

impl Promised {
    /// A grant of these tasks was applied, or never will be.
    pub fn settle(&mut self, tasks: &[v1::TaskId]) {
        for task in tasks {
            let cell = Cell {
                stage: task.stage(),
                row: task.row,
                column: task.column,
            };
            if let Some((worker, taken)) = self.tasks.remove(&(task.cohort, cell))
                && let Some((used, tasks)) = self.by_worker.get_mut(&worker)
            {
                *used = used.less(taken.need);
                tasks.remove(&(task.cohort, cell));
                if tasks.is_empty() {
                    self.by_worker.remove(&worker);
                }
            }
        }
    }

    pub(super) fn has(&self, cohort: &Cohort, cell: Cell) -> bool {
        !self.tasks.is_empty() && self.tasks.contains_key(&(cohort.id, cell))
    }

    pub(super) fn add(&mut self, worker: u64, (cohort, cell): (&Cohort, Cell), taken: Taken) {
        self.tasks.insert((cohort.id, cell), (worker, taken));
        let (used, tasks) = self.by_worker.entry(worker).or_default();
        *used = used.and(taken.need);
        tasks.insert((cohort.id, cell));
    }

    /// What is promised of a worker.
    pub(super) fn used(&self, worker: u64) -> Need {
        self.by_worker
            .get(&worker)
            .map_or_else(Need::default, |(used, _)| *used)
    }

    /// What is promised of a worker, one by one.
    pub(super) fn of(&self, worker: u64) -> impl Iterator<Item = (Stage, Need)> + '_ {
        let tasks = self.by_worker.get(&worker).into_iter();
        let tasks = tasks.flat_map(|(_, tasks)| tasks);
        tasks.map(|(cohort, cell)| (cell.stage, self.tasks[&(*cohort, *cell)].1.need))
    }

    /// What is promised to each account.
    pub(super) fn by_account<'a>(
        &self,
        state: &'a State,
    ) -> BTreeMap<(&'a str, &'a str), Vec<Taken>> {
        let mut accounts: BTreeMap<_, Vec<Taken>> = BTreeMap::new();
        for ((cohort, _), (_, taken)) in &self.tasks {
            if let Some(cohort) = state.cohorts.get(cohort) {
                accounts.entry(cohort.account()).or_default().push(*taken);
            }
        }
        accounts
    }
}

/// What each of these workers gets, at most `most` tasks; what is dealt is promised until its grant is settled.
///
/// They are served round after round, so that a few tasks are spread over all, the first offer first.
#[must_use]
pub fn deal(
    state: &State,
    offers: &[Offer],
    most: usize,
    promised: &mut Promised,
) -> Vec<(WorkerId, Vec<v1::TaskId>)> {
    promised.reserved = None;
    let cores: u64 = offers.iter().map(|offer| u64::from(offer.free_cores)).sum();
    let ready = ready(state, cores + promised.tasks.len() as u64);
    let ready = usize::try_from(ready).unwrap_or(usize::MAX);
    if offers.is_empty() || ready <= promised.tasks.len() {
        return Vec::new();
    }
    let mut hands: Vec<_> = offers.iter().map(|offer| (*offer, Vec::new())).collect();
    let mut round = ((ready - promised.tasks.len()) / offers.len()).clamp(1, most);
    loop {
        let mut given = false;
        for (offer, tasks) in &mut hands {
            let room = round.min(most.saturating_sub(tasks.len()));
            let mut picker = match Picker::new(state, offer, room, promised) {
                Some(picker) if room > 0 => picker,
                _ => continue,
            };
            picker.serve();
            (offer.free_cores, offer.free_memory_bytes) =
                (picker.free.cores, picker.free.memory_bytes);
            given |= !picker.picked.is_empty();
            tasks.append(&mut picker.picked);
        }
        if !given {
            break;
        }
        round = round.saturating_mul(2);
    }
    hands.retain(|(_, tasks)| !tasks.is_empty());
    let given = hands.into_iter();
    given.map(|(offer, tasks)| (offer.worker, tasks)).collect()
}

/// How many tasks are ready; not counted beyond `enough`.
fn ready(state: &State, enough: u64) -> u64 {
    let mut ready = 0;
    for (_, _, id) in &state.derived.queue {
        let grids = state.cohorts[id].grids.iter();
        ready += grids.map(|grid| grid.count(TaskState::Ready)).sum::<u64>();
        if ready >= enough {
            break;
        }
    }
    ready
}
