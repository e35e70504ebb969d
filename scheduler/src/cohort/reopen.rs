//! How tasks that had ended come back: retried rows, and results whose files are gone.

use std::collections::BTreeSet;

use kumi_proto::STAGES;
use kumi_proto::v1::{CohortState, Stage, TaskState};

use crate::cohort::{BEFORE_ALIGN, BY_SAMPLE, Cohort, Extent};
use crate::grid::Cell;
use crate::ledger::Ledger;
use crate::ripple::Ripple;
use crate::tallies::Reason;

impl Cohort {
    /// Opens failed rows again (all of them, or those given), whatever was cancelled or failed
    /// beside them, and `missing` tasks, whose results the ledger has forgotten already. Answers
    /// how many tasks came back.
    ///
    /// Those who have withdrawn since are left out. Where one bad sample fails the cohort, all failed
    /// rows come back: the cohort cannot go on without them.
    pub(crate) fn retry(
        &mut self,
        (rows, withdrawn): (Option<&BTreeSet<u32>>, &BTreeSet<u32>),
        missing: &[Cell],
        ledger: &Ledger,
        ripple: &mut Ripple,
    ) -> u64 {
        let mut rows = self.retried(rows);
        rows.retain(|row| !withdrawn.contains(row));
        let stopped = [CohortState::Failed, CohortState::Cancelled].contains(&self.state);
        if rows.is_empty() && missing.is_empty() && !stopped {
            return 0;
        }
        let before = self.unfinished();
        self.state = CohortState::Running;
        self.reason.clear();
        self.finished_ms = 0;
        self.release = None;
        for row in &rows {
            self.aside.remove(row);
        }
        for row in withdrawn {
            self.leave_out(*row);
        }
        self.reopen_stopped(ripple);
        if !rows.is_empty() {
            self.reopen_tail(ripple);
        }
        for cell in missing {
            let to = if cell.stage == Stage::Index {
                TaskState::Ready
            } else {
                TaskState::Waiting
            };
            self.place(*cell, to, ripple);
        }
        self.advance(Extent::Whole, ledger, ripple);
        self.unfinished().saturating_sub(before)
    }

    /// The rows that a retry opens again; never those of samples that have withdrawn.
    fn retried(&self, rows: Option<&BTreeSet<u32>>) -> Vec<u32> {
        let failed = self.aside.iter();
        let failed = failed.filter(|(_, aside)| aside.reason != Reason::Withdrawn);
        let chosen = |row: &u32| !self.quarantines() || rows.is_none_or(|rows| rows.contains(row));
        failed.map(|(row, _)| *row).filter(chosen).collect()
    }

    /// What failed tasks of latency mode and failed shards of the release were given: when it can be at fault, a retry
    /// makes it again.
    pub(crate) fn suspects(&self, rows: Option<&BTreeSet<u32>>) -> Vec<Cell> {
        let failed = |stage: Stage, row: u32| {
            let mut cells = self.row_cells(stage, row);
            cells.any(|cell| self.get(cell) == TaskState::Failed)
        };
        let mut suspects = Vec::new();
        for row in self.retried(rows) {
            let stages = [Stage::Align].into_iter();
            let stages = stages.chain(BEFORE_ALIGN.into_iter().rev());
            // What comes before the last stage that failed.
            if let Some(last) = stages.into_iter().find(|stage| failed(*stage, row)) {
                let before = BEFORE_ALIGN.into_iter().take_while(|stage| *stage != last);
                let before: Vec<Stage> = before.collect();
                let cells = self.chunk_cells(row);
                suspects.extend(cells.filter(|cell| before.contains(&cell.stage)));
            }
        }
        suspects.extend(self.suspect_segments());
        suspects.retain(|cell| self.get(*cell) == TaskState::Done);
        suspects
    }

    /// What failed shards of the release were given.
    fn suspect_segments(&self) -> impl Iterator<Item = Cell> + '_ {
        let shards = [Stage::Census, Stage::Joint].into_iter();
        let shards = shards.flat_map(|stage| self.row_cells(stage, 0));
        let failed = shards.filter(|cell| self.get(*cell) == TaskState::Failed);
        failed.flat_map(|failed| {
            let batches = 0..self.grid(Stage::Ingest).rows();
            let ingested = batches.map(move |row| Cell {
                stage: Stage::Ingest,
                row,
                column: failed.column,
            });
            ingested.chain(self.census_of(failed))
        })
    }

    /// Tasks that will run or are running.
    fn unfinished(&self) -> u64 {
        self.grids.iter().map(|grid| grid.unfinished()).sum()
    }

    /// Tasks that were given up wait again, but those of rows that stay aside.
    fn reopen_stopped(&mut self, ripple: &mut Ripple) {
        let stopped = [
            TaskState::Failed,
            TaskState::Quarantined,
            TaskState::Cancelled,
        ];
        for stage in STAGES {
            let grid = self.grid(stage);
            if stopped.iter().all(|state| grid.count(*state) == 0) {
                continue;
            }
            for row in 0..grid.rows() {
                if BY_SAMPLE.contains(&stage) && self.aside.contains_key(&row) {
                    continue;
                }
                for cell in self.row_cells(stage, row) {
                    let failed = self.get(cell) == TaskState::Failed;
                    if let (Stage::Ingest, true, Some(purge)) = (stage, failed, &mut self.purge) {
                        // What it was to be written from may be at fault: gVCFs are read instead.
                        purge.sources.remove(&row);
                    }
                    if stopped.contains(&self.get(cell)) {
                        self.troubles.remove(&cell);
                        self.set(cell, TaskState::Waiting, ripple);
                    }
                }
            }
        }
    }

    /// The release will hold more samples.
    fn reopen_tail(&mut self, ripple: &mut Ripple) {
        for stage in [Stage::Census, Stage::Joint, Stage::Release, Stage::Purge] {
            for cell in self.row_cells(stage, 0) {
                self.place(cell, TaskState::Waiting, ripple);
            }
        }
    }
}
