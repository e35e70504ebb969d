//! The rules by which tasks wait, become ready, are done or skipped: index, then align by row (in
//! latency mode cut by row, chunk by row and column and perhaps mark and merge by row and region before it), call by row and column, gVCF by row,
//! ingest by batch and column over the rows of the batch, census and joint by column over all batches (joint after the
//! census where it makes the sites from that), release.
//!
//! A state follows from what the ledger knows and what is set aside; running and failed tasks are
//! left as they are while the rules allow it. So the same function plans a cohort, follows a result
//! and repairs a cohort whose files are gone.

use kumi_proto::v1::{Stage, TaskState};

use crate::cohort::{BY_SAMPLE, Cohort, Extent};
use crate::grid::Cell;
use crate::ledger::Ledger;
use crate::ripple::Ripple;
use crate::tallies::Reason;

const INDEX: Cell = Cell {
    stage: Stage::Index,
    row: 0,
    column: 0,
};
const RELEASE: Cell = Cell {
    stage: Stage::Release,
    row: 0,
    column: 0,
};

impl Cohort {
    /// Brings a part of the cohort up to date, and what waits for all rows.
    pub(crate) fn advance(&mut self, extent: Extent, ledger: &Ledger, ripple: &mut Ripple) {
        if !self.is_running() {
            return;
        }
        match extent {
            Extent::Tail => {}
            Extent::Batch(batch) => self.advance_batch(batch, ledger, ripple),
            Extent::Row(row) => {
                self.advance_row(row, ledger, ripple);
                if let Some(batch) = self.layout.batch_of[row as usize] {
                    self.advance_batch(batch, ledger, ripple);
                }
            }
            Extent::Batches => self.advance_batches(ledger, ripple),
            Extent::Whole => {
                self.find_index(ledger, ripple);
                for row in 0..self.rows() {
                    self.advance_row(row, ledger, ripple);
                }
                self.advance_batches(ledger, ripple);
            }
        }
        self.advance_tail(ledger, ripple);
    }

    /// Follows the commit of a task, whose result the ledger has.
    pub(crate) fn commit(&mut self, cell: Cell, ledger: &Ledger, ripple: &mut Ripple) {
        self.running.remove(&cell);
        self.set(cell, TaskState::Done, ripple);
        match cell.stage {
            Stage::Unspecified => {}
            Stage::Index => self.advance(Extent::Whole, ledger, ripple),
            Stage::Cut | Stage::Chunk | Stage::Mark | Stage::Merge | Stage::Align | Stage::Gvcf => {
                self.advance(Extent::Row(cell.row), ledger, ripple)
            }
            Stage::Call if self.parts.contains_key(&cell) => {
                self.advance(Extent::Row(cell.row), ledger, ripple);
            }
            // Until the last of them nothing follows.
            Stage::Call if self.grid(Stage::Call).open(cell.row) > 0 => {}
            Stage::Call => self.advance_gvcf(cell.row, ledger, ripple),
            Stage::Ingest => self.advance(Extent::Batch(cell.row), ledger, ripple),
            Stage::Census | Stage::Joint | Stage::Release => {
                self.advance(Extent::Tail, ledger, ripple);
            }
            Stage::Purge => {
                ripple.purged = true;
                self.advance(Extent::Tail, ledger, ripple);
            }
        }
    }

    fn index_is_there(&self) -> bool {
        !self.layout.builds_index || self.get(INDEX) == TaskState::Done
    }

    fn find_index(&mut self, ledger: &Ledger, ripple: &mut Ripple) {
        if self.layout.builds_index {
            if ledger.has(&self.layout.index_address()) {
                self.place(INDEX, TaskState::Done, ripple);
            } else if self.get(INDEX) == TaskState::Done {
                self.place(INDEX, TaskState::Waiting, ripple);
            }
        }
    }

    /// The index is built when something that is to run reads it.
    fn need_index(&mut self, ripple: &mut Ripple) {
        let idle = [TaskState::Waiting, TaskState::Skipped];
        if self.layout.builds_index && idle.contains(&self.get(INDEX)) {
            let others = &self.grids[1..];
            let needed = others.iter().any(|grid| grid.unfinished() > 0);
            let to = if needed {
                TaskState::Ready
            } else {
                TaskState::Skipped
            };
            self.place(INDEX, to, ripple);
        }
    }

    fn advance_row(&mut self, row: u32, ledger: &Ledger, ripple: &mut Ripple) {
        if self.aside.contains_key(&row) {
            self.set_row_aside(row, ledger, ripple);
            return;
        }
        if let Some(key) = self.layout.align[row as usize] {
            let known = ledger.has(&self.layout.address(key));
            let align = one(Stage::Align, row);
            let inputs = known || self.advance_chunks(row, ledger, ripple);
            let to = self.state(known, inputs);
            self.place(align, to, ripple);
            if known {
                self.drop_chunks(row, ripple);
            }
            self.advance_calls(row, known, ledger, ripple);
        }
        self.advance_gvcf(row, ledger, ripple);
    }

    /// Brings the chunks of a row and the regions that they are merged in up to date; true when the results of all
    /// that there are can be read.
    fn advance_chunks(&mut self, row: u32, ledger: &Ledger, ripple: &mut Ripple) -> bool {
        let cut = self.advance_stage(Stage::Cut, row, true, ledger, ripple);
        // Nothing but chunks reads the cut.
        let mut whole = self.advance_stage(Stage::Chunk, row, cut, ledger, ripple);
        for stage in [Stage::Mark, Stage::Merge] {
            whole &= self.advance_stage(stage, row, whole, ledger, ripple);
        }
        whole
    }

    /// Brings the tasks that a row has of a stage of latency mode up to date, when what they read is there or not;
    /// true when the results of all are known.
    fn advance_stage(
        &mut self,
        stage: Stage,
        row: u32,
        inputs: bool,
        ledger: &Ledger,
        ripple: &mut Ripple,
    ) -> bool {
        let mut whole = true;
        for column in 0..self.layout.tasks_of(stage, row) {
            let cell = Cell { stage, row, column };
            let known = ledger.has(&self.address(cell));
            let to = self.state(known, inputs);
            self.place(cell, to, ripple);
            whole &= known;
        }
        whole
    }

    /// The alignment is there: nothing needs the chunks of a row and what was merged of them any more.
    fn drop_chunks(&mut self, row: u32, ripple: &mut Ripple) {
        for cell in self.chunk_cells(row) {
            if self.get(cell) == TaskState::Done {
                ripple.forget.push(self.address(cell));
            } else {
                self.place(cell, TaskState::Skipped, ripple);
            }
        }
    }

    fn set_row_aside(&mut self, row: u32, ledger: &Ledger, ripple: &mut Ripple) {
        self.call_keys.remove(&row);
        for stage in BY_SAMPLE {
            for cell in self.row_cells(stage, row) {
                let lasting = matches!(stage, Stage::Align | Stage::Gvcf);
                let lost = lasting
                    && self.get(cell) == TaskState::Done
                    && !ledger.has(&self.address(cell));
                if lost || is_unfinished(self.get(cell)) {
                    self.place(cell, TaskState::Quarantined, ripple);
                }
            }
        }
    }

    fn advance_calls(&mut self, row: u32, aligned: bool, ledger: &Ledger, ripple: &mut Ripple) {
        let gvcf = self.layout.address(self.layout.gvcf[row as usize]);
        let called = ledger.has(&gvcf);
        if called {
            ripple.forget.reserve(self.layout.call.len());
        } else if aligned {
            self.keep_call_keys(row);
        }
        for cell in self.row_cells(Stage::Call, row) {
            if !self.has(cell) {
                continue;
            }
            let was_done = self.get(cell) == TaskState::Done;
            if called {
                if was_done {
                    ripple.forget.push(self.address(cell));
                } else {
                    self.place(cell, TaskState::Skipped, ripple);
                }
            } else {
                // Without the alignment only what was done before can be known.
                let known = (aligned || was_done) && ledger.has(&self.address(cell));
                let to = self.state(known, aligned);
                self.place(cell, to, ripple);
            }
        }
        if called {
            self.call_keys.remove(&row);
        }
    }

    fn advance_gvcf(&mut self, row: u32, ledger: &Ledger, ripple: &mut Ripple) {
        let known = ledger.has(&self.layout.address(self.layout.gvcf[row as usize]));
        let inputs = match self.layout.align[row as usize] {
            None => true,
            Some(key) => {
                self.grid(Stage::Call).open(row) == 0 && ledger.has(&self.layout.address(key))
            }
        };
        let to = self.state(known, inputs);
        self.place(one(Stage::Gvcf, row), to, ripple);
    }

    /// What waits for all rows; then whether the cohort is complete.
    fn advance_tail(&mut self, ledger: &Ledger, ripple: &mut Ripple) {
        let rows = [Stage::Align, Stage::Gvcf].map(|stage| self.grid(stage).unfinished());
        if rows.iter().sum::<u64>() > 0 {
            self.hold_tail(ripple);
        } else if self.aside.len() == self.samples.len() {
            self.fail(
                "every sample was set aside or has withdrawn",
                Reason::Failed,
                ripple,
            );
            return;
        } else {
            let keys = self.release_keys();
            self.release = Some(keys);
            if ledger.has(&self.layout.address(keys.release)) {
                self.finish_tail(ripple);
                self.advance_purge(ledger, ripple);
            } else {
                self.advance_joint(ledger, ripple);
            }
        }
        self.need_index(ripple);
        if self.grids.iter().all(|grid| grid.unfinished() == 0) {
            self.complete(ripple.now_ms);
        }
    }

    pub(super) fn hold_tail(&mut self, ripple: &mut Ripple) {
        self.release = None;
        for stage in [Stage::Census, Stage::Joint, Stage::Release, Stage::Purge] {
            let grid = self.grid(stage);
            if grid.count(TaskState::Ready) + grid.count(TaskState::Running) > 0 {
                for cell in self.row_cells(stage, 0) {
                    if is_unfinished(self.get(cell)) {
                        self.place(cell, TaskState::Waiting, ripple);
                    }
                }
            }
        }
    }

    fn finish_tail(&mut self, ripple: &mut Ripple) {
        for cell in self.row_cells(Stage::Joint, 0) {
            if self.get(cell) == TaskState::Done {
                ripple.forget.push(self.address(cell));
            } else {
                self.place(cell, TaskState::Skipped, ripple);
            }
        }
        // What is written again without samples that have withdrawn must be there before the old goes.
        let unneeded = if self.layout.purges {
            &[Stage::Census][..]
        } else {
            &[Stage::Ingest, Stage::Census]
        };
        for stage in unneeded.iter().copied() {
            for row in 0..self.grid(stage).rows() {
                for cell in self.row_cells(stage, row) {
                    if self.get(cell) != TaskState::Done {
                        self.place(cell, TaskState::Skipped, ripple);
                    }
                }
            }
        }
        self.place(RELEASE, TaskState::Done, ripple);
    }

    fn advance_joint(&mut self, ledger: &Ledger, ripple: &mut Ripple) {
        for stage in [Stage::Census, Stage::Joint] {
            for cell in self.row_cells(stage, 0) {
                let known = ledger.has(&self.address(cell));
                let inputs = match self.census_of(cell) {
                    Some(census) => self.get(census) == TaskState::Done,
                    None => self.is_ingested(cell.column),
                };
                let to = self.state(known, inputs);
                self.place(cell, to, ripple);
            }
        }
        let counted = self.layout.batches.is_empty() || self.grid(Stage::Census).open(0) == 0;
        let joined = self.grid(Stage::Joint).open(0) == 0;
        let to = self.state(false, counted && joined);
        self.place(RELEASE, to, ripple);
    }

    /// The state of a task that may run: every stage but the index reads the index.
    pub(super) fn state(&self, known: bool, inputs: bool) -> TaskState {
        if known {
            TaskState::Done
        } else if inputs && self.index_is_there() {
            TaskState::Ready
        } else {
            TaskState::Waiting
        }
    }
}

fn one(stage: Stage, row: u32) -> Cell {
    Cell {
        stage,
        row,
        column: 0,
    }
}

pub(super) fn is_unfinished(state: TaskState) -> bool {
    matches!(
        state,
        TaskState::Waiting | TaskState::Ready | TaskState::Running
    )
}
