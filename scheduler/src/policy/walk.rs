//! The ready tasks of a cohort, one after another: later stages first.

use kumi_proto::v1::{Stage, TaskState};

use crate::cohort::{Cohort, is_by_sample};
use crate::grid::Cell;
use crate::limits::{PASSED_TASKS_MAX, WARM_TASKS_MAX};
use crate::plan::need::Need;
use crate::policy::Picker;
use crate::policy::backfill::Kept;
use crate::state::{Standing, Worker, is_entry};

/// The stages in the order in which their tasks are taken.
pub(crate) const LAST_FIRST: [Stage; 13] = [
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

/// What the quotas of an account leave.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Left {
    /// Cores; none: any number.
    cores: Option<u64>,
    /// Genomes that may begin; none: any number.
    genomes: Option<u32>,
}

impl Left {
    pub(super) fn of(standing: &Standing) -> Self {
        Self {
            cores: standing.cores_left(),
            genomes: standing.genomes_left(),
        }
    }

    /// What two quotas leave together.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            cores: least(self.cores, other.cores),
            genomes: least(self.genomes, other.genomes),
        }
    }

    /// After a task was taken.
    pub(super) fn less(&mut self, taken: Taken) {
        self.cores = self
            .cores
            .map(|left| left.saturating_sub(taken.need.cores.into()));
        let begun = u32::from(taken.begins);
        self.genomes = self.genomes.map(|left| left.saturating_sub(begun));
    }

    pub(super) fn allows(&self, cores: u32) -> bool {
        self.cores.is_none_or(|left| u64::from(cores) <= left)
    }

    /// Whether a task may be taken with which a genome begins, or not.
    pub(super) fn lets_begin(&self, begins: bool) -> bool {
        !begins || self.genomes != Some(0)
    }

    /// Whether it matters that a genome begins.
    pub(super) fn counts_genomes(&self) -> bool {
        self.genomes.is_some()
    }
}

fn least<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// What a picked task takes of its account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) need: Need,
    /// A genome begins with it.
    pub(super) begins: bool,
}

/// One cohort's ready tasks, as far as they were looked at.
pub(super) struct Walk<'a> {
    cohort: &'a Cohort,
    stages: std::slice::Iter<'static, Stage>,
    stage: Option<StageWalk<'a>>,
    /// A task is left that the worker should keep itself free for.
    pub(super) keeps_free: bool,
}

struct StageWalk<'a> {
    stage: Stage,
    least: Need,
    most: Need,
    cells: Box<dyn Iterator<Item = (u32, u32)> + 'a>,
    taken: u64,
    /// Genomes may begin with tasks of this walk.
    may_begin: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(cohort: &'a Cohort) -> Self {
        Self {
            cohort,
            stages: LAST_FIRST.iter(),
            stage: None,
            keeps_free: false,
        }
    }

    /// Takes the next task that fits; none when no more does.
    pub(super) fn next(&mut self, picker: &mut Picker<'a>, left: Left) -> Option<Taken> {
        loop {
            if picker.is_full() {
                return None;
            }
            if self.stage.is_none() {
                let stage = *self.stages.next()?;
                self.stage = StageWalk::new(self.cohort, stage, left, picker.worker);
                continue;
            }
            let stage = self.stage.as_mut().expect("just looked");
            if let Some(taken) = stage.next(self.cohort, picker, left) {
                return Some(taken);
            }
            self.keeps_free |= stage.keeps_free(self.cohort, picker, left);
            stage.keep_one(self.cohort, picker, left);
            self.stage = None;
        }
    }
}

impl<'a> StageWalk<'a> {
    /// None when nothing of the stage is ready.
    fn new(cohort: &'a Cohort, stage: Stage, left: Left, worker: &Worker) -> Option<Self> {
        let grid = cohort.grid(stage);
        if grid.count(TaskState::Ready) == 0 {
            return None;
        }
        let (least, most) = cohort.layout.needs(stage);
        let entry = matches!(stage, Stage::Cut | Stage::Align);
        let cells: Box<dyn Iterator<Item = (u32, u32)> + 'a> = if entry && left.genomes == Some(0) {
            // No genome may begin today: only those can go on that did, of which something is remembered.
            let from = Cell {
                stage,
                row: 0,
                column: 0,
            };
            let troubled = cohort.troubles.range(from..).map(|(cell, _)| *cell);
            let troubled = troubled.take_while(move |cell| cell.stage == stage);
            // Alignments that join chunks, where there are any.
            let joins = cohort.grid(Stage::Cut).tasks() > 0;
            let joins = joins.then(|| grid.ready()).into_iter().flatten();
            let joins = joins.filter(move |(row, column)| {
                let (row, column) = (*row, *column);
                !is_entry(cohort, Cell { stage, row, column })
            });
            let ready = |cell: &Cell| cohort.get(*cell) == TaskState::Ready;
            let begun = troubled.filter(move |cell| ready(cell) && is_entry(cohort, *cell));
            Box::new(begun.map(|cell| (cell.row, cell.column)).chain(joins))
        } else if entry || !is_by_sample(stage) {
            Box::new(grid.ready())
        } else {
            let mut rows: Vec<u32> = worker.warm_rows(cohort.id).collect();
            rows.sort_unstable();
            let warm = rows.into_iter().flat_map(|row| grid.ready_of(row));
            let first: Vec<(u32, u32)> = warm.take(WARM_TASKS_MAX).collect();
            let warm = first.clone();
            // In the order of rows and columns, as they were found.
            let others = grid.ready();
            let others = others.filter(move |cell| first.binary_search(cell).is_err());
            Box::new(warm.into_iter().chain(others))
        };
        Some(Self {
            stage,
            least,
            most,
            cells,
            taken: 0,
            may_begin: entry && left.genomes != Some(0),
        })
    }

    fn next(&mut self, cohort: &Cohort, picker: &mut Picker<'_>, left: Left) -> Option<Taken> {
        let least = picker.worker.capped(self.least);
        if self.may_begin && left.genomes == Some(0) {
            // Those that may go on are found the next time.
            return None;
        }
        loop {
            if !left.allows(least.cores)
                || !least.fits(picker.free)
                || picker.holds_back(self.stage, least)
            {
                return None;
            }
            if picker.passed >= PASSED_TASKS_MAX {
                picker.passed = 0;
                return None;
            }
            let (row, column) = self.cells.next()?;
            let stage = self.stage;
            let taken = picker.take(cohort, Cell { stage, row, column }, left);
            if taken.is_some() {
                self.taken += 1;
                return taken;
            }
        }
    }

    /// Has a worker kept for the first ready task that is left, if it is the first of all that waits for room.
    fn keep_one(&self, cohort: &Cohort, picker: &mut Picker<'_>, left: Left) {
        let entry = matches!(self.stage, Stage::Cut | Stage::Align);
        let looks_on = matches!(picker.kept, Kept::Nothing) && !picker.is_full();
        if !looks_on || entry && left.genomes == Some(0) {
            return;
        }
        let ready = cohort.grid(self.stage).ready();
        let cells = ready
            .take(PASSED_TASKS_MAX as usize)
            .map(|(row, column)| Cell {
                stage: self.stage,
                row,
                column,
            });
        let mut waiting = cells.filter(|cell| !picker.is_given(cohort, *cell));
        if let Some(cell) = waiting.next()
            && left.allows(picker.worker.capped(cohort.need(cell)).cores)
        {
            picker.keep_for(cohort, cell);
        }
    }

    fn keeps_free(&self, cohort: &Cohort, picker: &Picker<'_>, left: Left) -> bool {
        let waiting = cohort.grid(self.stage).count(TaskState::Ready) - self.taken;
        let most = picker.worker.capped(self.most);
        let entry = matches!(self.stage, Stage::Cut | Stage::Align);
        waiting > 0
            && left.allows(most.cores)
            && !(entry && left.genomes == Some(0))
            && picker.lasts(
                cohort,
                Cell {
                    stage: self.stage,
                    row: 0,
                    column: 0,
                },
            )
            && picker.worker.holds(most)
            && !most.fits(picker.free)
            && picker.is_among_freest(cohort, waiting, self.most)
    }
}
