//! The invariants of the state, walked in every test and simulation step.

use std::collections::BTreeSet;

use kumi_proto::STAGES;
use kumi_proto::v1::{CohortState, Stage, TaskState};

use crate::cohort::{Cohort, is_by_sample};
use crate::grid::Cell;
use crate::state::{Derived, State, Store};

impl State {
    /// Walks all invariants.
    ///
    /// # Panics
    /// When one is broken.
    pub fn check(&self) {
        for cohort in self.cohorts.values() {
            self.check_cohort(cohort);
        }
        self.check_leases();
        self.check_derived();
        self.check_sums();
    }

    /// A census counts somebody, and nobody who was purged.
    fn check_sums(&self) {
        for sum in self.stores.stores.values().flat_map(Store::sums) {
            for (key, part) in &sum.parts {
                assert_eq!(*key, part.batch.key());
                assert!(part.excluded.len() < part.batch.0.len());
            }
            assert!(!sum.parts.is_empty());
        }
        for (place, withdrawn) in &self.stores.withdrawn {
            let purged = withdrawn.iter();
            let purged = purged.filter(|(_, withdrawal)| withdrawal.purged_ms > 0);
            let purged: Vec<&String> = purged.map(|(sample, _)| sample).collect();
            let stores = self.stores_at(place);
            let stores = stores.filter_map(|store| self.stores.stores.get(&store));
            for sum in stores.flat_map(Store::sums) {
                assert!(!purged.iter().any(|sample| sum.counts(sample)));
            }
        }
    }

    fn check_leases(&self) {
        let running: usize = self
            .cohorts
            .values()
            .map(|cohort| cohort.running.len())
            .sum();
        let copies = self.copies.len();
        assert_eq!(
            running + copies,
            self.leases.len(),
            "a lease for every running task"
        );
        for (first, copy) in &self.copies {
            let (first, copy) = (&self.leases[first], &self.leases[copy]);
            assert_eq!((first.cohort, first.cell), (copy.cohort, copy.cell));
            assert_ne!(first.worker, copy.worker, "two attempts are on two workers");
        }
        let copies: BTreeSet<u64> = self.copies.values().copied().collect();
        self.cohorts.values().for_each(Cohort::check_call_keys);
        for (attempt, lease) in &self.leases {
            assert!(*attempt <= self.last_attempt);
            let cohort = &self.cohorts[&lease.cohort];
            let first = cohort.running.get(&lease.cell) == Some(attempt);
            assert_ne!(first, copies.contains(attempt));
            assert_eq!(cohort.address(lease.cell), lease.address);
            let worker = &self.workers[&lease.worker];
            assert!(!worker.lost, "a lost worker holds no lease");
            assert!(lease.cores >= 1 && lease.cores <= worker.hello.cores.max(lease.cores));
            assert!(
                !self.ledger.has(&lease.address),
                "what is done does not run"
            );
        }
    }

    /// What is derived is what deriving it again gives.
    fn check_derived(&self) {
        let mut again = Derived::default();
        for cohort in self.cohorts.values() {
            again.add_cohort(cohort);
        }
        for (attempt, lease) in &self.leases {
            again.add_lease(*attempt, lease, self.cohorts[&lease.cohort].account());
        }
        assert_eq!(again, self.derived);
        let first = self.leases.len() - self.copies.len();
        assert_eq!(again.in_flight.len(), first, "each result once");
    }

    fn check_cohort(&self, cohort: &Cohort) {
        for grid in &cohort.grids {
            grid.check();
        }
        assert!(cohort.parts_are_sound(), "every base is called once");
        let planned = cohort.shards.len() as u32;
        for cell in cells(cohort).filter(|cell| cell.stage == Stage::Call) {
            let whole = cell.column < planned;
            assert!(whole || cohort.parts.contains_key(&cell), "{cell:?}");
        }
        for (row, aside) in &cohort.aside {
            assert!(*row < cohort.rows() && !aside.message.contains('\0'));
        }
        let unfinished: u64 = cohort.grids.iter().map(|grid| grid.unfinished()).sum();
        let ended = !cohort.is_running();
        assert_eq!(unfinished == 0, ended, "a cohort runs while tasks do");
        assert_eq!(cohort.finished_ms != 0 || self.clock_ms == 0, ended);
        let complete = [CohortState::Completed, CohortState::CompletedWithFailures];
        if complete.contains(&cohort.state) {
            assert!(cohort.has_release());
            let with_failures = cohort.state == CohortState::CompletedWithFailures;
            assert_eq!(with_failures, cohort.failed_rows() > 0);
        }
        for cell in cells(cohort) {
            self.check_cell(cohort, cell);
        }
        for (cell, trouble) in &cohort.troubles {
            let done = [TaskState::Done, TaskState::Skipped].contains(&cohort.get(*cell));
            assert!(!done, "done tasks have no trouble");
            let inherited = trouble.memory_bytes > 0;
            assert!(inherited || trouble.failures + trouble.losses > 0);
        }
    }

    fn check_cell(&self, cohort: &Cohort, cell: Cell) {
        let state = cohort.get(cell);
        let running = cohort.running.contains_key(&cell);
        assert_eq!(running, state == TaskState::Running, "{cell:?}");
        if !cohort.is_running() {
            return;
        }
        let aside = is_by_sample(cell.stage) && cohort.aside.contains_key(&cell.row);
        let runs = matches!(state, TaskState::Ready | TaskState::Running);
        let given_up = [
            TaskState::Failed,
            TaskState::Quarantined,
            TaskState::Cancelled,
        ];
        if aside {
            assert!(!runs && state != TaskState::Waiting, "{cell:?}");
        } else {
            assert!(!given_up.contains(&state), "{cell:?}");
        }
        if runs {
            self.check_inputs(cohort, cell);
        }
        let row_open = |stage: Stage| cohort.grid(stage).open(cell.row) > 0;
        let read = match cell.stage {
            Stage::Cut | Stage::Chunk | Stage::Mark | Stage::Merge => row_open(Stage::Align),
            Stage::Call => row_open(Stage::Gvcf),
            Stage::Ingest | Stage::Census | Stage::Joint => cohort.grid(Stage::Release).open(0) > 0,
            _ => true,
        };
        if state == TaskState::Done && read && !aside {
            assert!(self.ledger.has(&cohort.address(cell)), "{cell:?}");
        }
    }

    /// What a ready or running task reads is done.
    fn check_inputs(&self, cohort: &Cohort, cell: Cell) {
        let done = |stage: Stage, row: u32| {
            let grid = cohort.grid(stage);
            (0..grid.columns()).all(|column| {
                let state = grid.get(row, column);
                matches!(state, TaskState::Done | TaskState::Unspecified)
            })
        };
        let index = cohort.grid(Stage::Index).tasks() == 0 || done(Stage::Index, 0);
        assert!(index || cell.stage == Stage::Index, "{cell:?}");
        let inputs = match cell.stage {
            Stage::Unspecified | Stage::Index | Stage::Cut => true,
            Stage::Chunk => done(Stage::Cut, cell.row),
            Stage::Mark => done(Stage::Chunk, cell.row),
            Stage::Merge => done(Stage::Chunk, cell.row) && done(Stage::Mark, cell.row),
            Stage::Align => {
                let before = [Stage::Chunk, Stage::Mark, Stage::Merge];
                before.into_iter().all(|stage| done(stage, cell.row))
            }
            Stage::Call => done(Stage::Align, cell.row),
            Stage::Gvcf => done(Stage::Align, cell.row) && done(Stage::Call, cell.row),
            Stage::Ingest => cohort.is_settled(cell.row),
            Stage::Census | Stage::Joint => {
                let ingest = cohort.grid(Stage::Ingest);
                let there = [TaskState::Done, TaskState::Skipped];
                let mut batches = 0..ingest.rows();
                let read = match cohort.census_of(cell) {
                    // Another cohort may have counted it, of other batches.
                    Some(census) => cohort.get(census) == TaskState::Done,
                    None => batches.all(|batch| there.contains(&ingest.get(batch, cell.column))),
                };
                read && cohort.included().all(|row| done(Stage::Gvcf, row))
            }
            Stage::Purge => done(Stage::Release, 0),
            Stage::Release => {
                let census = cohort.grid(Stage::Census).rows() == 0 || done(Stage::Census, 0);
                census && done(Stage::Joint, 0)
            }
        };
        assert!(inputs, "{cell:?}");
    }
}

fn cells(cohort: &Cohort) -> impl Iterator<Item = Cell> + '_ {
    STAGES.into_iter().flat_map(move |stage| {
        let grid = cohort.grid(stage);
        (0..grid.rows()).flat_map(move |row| {
            let columns = 0..grid.columns();
            let columns = columns.filter(move |column| grid.has(row, *column));
            columns.map(move |column| Cell { stage, row, column })
        })
    })
}
