//! For which ready task a worker is kept, and which.

use kumi_proto::v1::Stage;

use crate::cohort::Cohort;
use crate::grid::Cell;
use crate::limits::PASSED_TASKS_MAX;
use crate::plan::need::Need;
use crate::policy::{LAST_FIRST, Promised, Reservation};
use crate::state::{State, Worker};

/// The first ready task that finds room nowhere, and the worker that is kept for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    cohort: u64,
    cell: Cell,
    reservation: Reservation,
}

impl State {
    /// As the leader has it when it gives out tasks next, but for what workers have not reported yet.
    pub(super) fn kept(&self) -> Option<Kept> {
        let free = |id: u64, worker: &Worker| self.free(id, worker);
        let promised = Promised::default();
        for id in self.served() {
            let cohort = &self.cohorts[&id];
            for stage in LAST_FIRST {
                let Some(cell) = self.first_waiting(cohort, stage) else {
                    continue;
                };
                let reserved = self.reserve((cohort, cell), &promised, &free);
                if let Some(reservation) = reserved {
                    let cohort = id;
                    return Some(Kept {
                        cohort,
                        cell,
                        reservation,
                    });
                }
            }
        }
        None
    }

    fn first_waiting(&self, cohort: &Cohort, stage: Stage) -> Option<Cell> {
        let ready = cohort.grid(stage).ready().take(PASSED_TASKS_MAX as usize);
        let mut cells = ready.map(|(row, column)| Cell { stage, row, column });
        let flies = |cell: &Cell| self.derived.in_flight.contains_key(&cohort.address(*cell));
        let cell = cells.find(|cell| !flies(cell))?;
        let widest = self.workers.values().map(|worker| worker.hello.cores).max();
        let cores = cohort.need(cell).cores.min(widest?);
        self.quotas_allow(cohort, cell, cores).then_some(cell)
    }

    /// What is told of the task that a worker is kept for: its name to those who see workers, and when it is expected to
    /// start.
    pub(super) fn told_of_kept(&self, kept: &Kept, names: bool) -> String {
        let reservation = &kept.reservation;
        let worker = self.workers.get(&reservation.worker);
        let name = worker.filter(|_| names).map(|worker| &worker.hello.name);
        let name = name.map_or("a worker", |name| name);
        let from = match reservation.from_ms.saturating_sub(self.clock_ms) {
            0 => "as soon as enough of what runs there has ended".to_owned(),
            ms => format!("in about {} s", ms.div_ceil(1_000)),
        };
        format!(
            "ready, the first that no worker has room for; {name} is kept for it, where it is expected to start {from}: of what comes behind it only that starts there which ends before or fits beside it"
        )
    }
}

impl Kept {
    /// Whether it is this task.
    pub(super) fn is_for(&self, cohort: &Cohort, cell: Cell) -> bool {
        (self.cohort, self.cell) == (cohort.id, cell)
    }

    /// What keeps another task from a worker that has room for it.
    pub(super) fn reason(
        &self,
        state: &State,
        (cohort, cell): (&Cohort, Cell),
        id: u64,
        need: Need,
    ) -> Option<String> {
        let reservation = &self.reservation;
        let may = id != reservation.worker
            || self.is_for(cohort, cell)
            || need.fits(reservation.beside)
            || state.ends_by(cell.stage, reservation.from_ms);
        let Cell { stage, row, column } = self.cell;
        (!may).then(|| {
            format!(
                "it is kept for {}[{row},{column}] of cohort {}",
                stage.label(),
                self.cohort
            )
        })
    }
}
