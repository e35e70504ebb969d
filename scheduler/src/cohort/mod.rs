//! One cohort: its facts, its grids, and what happened to its tasks.

mod advance;
mod batches;
mod calls;
mod counted;
mod end;
mod parts;
mod purge;
mod reopen;

use std::collections::{BTreeMap, BTreeSet};

use kumi_proto::STAGES;
use kumi_proto::v1;
use kumi_proto::v1::{CohortState, Stage, TaskState};

use crate::grid::{Cell, Grid};
use crate::plan::bins::Bins;
use crate::plan::key::{Address, Key};
use crate::plan::layout::{self, Layout, ReleaseKeys};
use crate::plan::need::Need;
use crate::plan::region::Starts;
use crate::ripple::Ripple;
use crate::state::Request;
use crate::tallies::Reason;

pub(crate) use counted::Counted;
pub(crate) use end::Mishap;
pub(crate) use parts::{Part, Unsplit};
pub(crate) use purge::Purge;

/// What went wrong with a task that is not done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// Failures that count.
    pub(crate) failures: u32,
    /// Workers it lost.
    pub(crate) losses: u32,
    pub(crate) message: String,
    /// Name of the worker it last failed on.
    pub(crate) worker: String,
    /// Names of those it failed on or was lost with.
    pub(crate) workers: BTreeSet<String>,
    pub(crate) since_ms: u64,
    /// What it gets the next time; 0: what its stage asks for.
    pub(crate) memory_bytes: u64,
}

/// Why a row does not take part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Aside {
    pub(crate) reason: Reason,
    pub(crate) message: String,
}

/// A cohort.
#[derive(Debug)]
pub(crate) struct Cohort {
    pub(crate) id: u64,
    pub(crate) header: v1::CohortHeader,
    pub(crate) samples: Vec<v1::Sample>,
    pub(crate) submitted_ms: u64,
    /// 0 while it runs.
    pub(crate) finished_ms: u64,
    pub(crate) state: CohortState,
    /// Why it failed or was cancelled.
    pub(crate) reason: String,
    /// In the order of [`STAGES`].
    pub(crate) grids: [Grid; STAGES.len()],
    /// Rows whose sample failed.
    pub(crate) aside: BTreeMap<u32, Aside>,
    pub(crate) running: BTreeMap<Cell, u64>,
    pub(crate) troubles: BTreeMap<Cell, Trouble>,
    /// Where call shards begin; see [`Starts`].
    pub(crate) shards: Starts,
    /// Call tasks whose regions are others than their column was planned with.
    pub(crate) parts: BTreeMap<Cell, Part>,
    /// What it removes, if it is opened for that.
    pub(crate) purge: Option<Purge>,
    /// What opened it, if that has an id.
    pub(crate) request: Option<Request>,
    /// Follows from header, samples, shards and batches.
    pub(crate) layout: Layout,
    /// Kept while the rows that are in the release are settled.
    release: Option<ReleaseKeys>,
    /// By batch, kept while its rows are settled.
    batch_keys: Vec<Option<Key>>,
    /// Of planned call shards, by row, kept while the row is called.
    call_keys: BTreeMap<u32, Box<[Key]>>,
}

impl Cohort {
    /// A cohort of which nothing has been done, which lies so.
    pub(crate) fn new(
        id: u64,
        header: v1::CohortHeader,
        samples: Vec<v1::Sample>,
        (shards, layout): (Starts, Layout),
        now_ms: u64,
    ) -> Self {
        let grids = STAGES.map(|stage| {
            let tasks_of = |row| layout.tasks_of(stage, row);
            Grid::new(layout.size(stage), tasks_of)
        });
        Self {
            id,
            header,
            samples,
            submitted_ms: now_ms,
            finished_ms: 0,
            state: CohortState::Running,
            reason: String::new(),
            grids,
            aside: BTreeMap::new(),
            running: BTreeMap::new(),
            troubles: BTreeMap::new(),
            shards,
            parts: BTreeMap::new(),
            purge: None,
            request: None,
            batch_keys: vec![None; layout.batches.len()],
            call_keys: BTreeMap::new(),
            layout,
            release: None,
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.state == CohortState::Running
    }

    pub(crate) fn rows(&self) -> u32 {
        self.grid(Stage::Gvcf).rows()
    }

    pub(crate) fn grid(&self, stage: Stage) -> &Grid {
        &self.grids[slot(stage)]
    }

    pub(crate) fn grid_mut(&mut self, stage: Stage) -> &mut Grid {
        &mut self.grids[slot(stage)]
    }

    pub(crate) fn has(&self, cell: Cell) -> bool {
        cell.stage != Stage::Unspecified && self.grid(cell.stage).has(cell.row, cell.column)
    }

    pub(crate) fn get(&self, cell: Cell) -> TaskState {
        self.grid(cell.stage).get(cell.row, cell.column)
    }

    /// The cell that a task's id names, if this cohort has it.
    pub(crate) fn cell_of(&self, task: &v1::TaskId) -> Option<Cell> {
        let cell = Cell {
            stage: task.stage(),
            row: task.row,
            column: task.column,
        };
        self.has(cell).then_some(cell)
    }

    pub(crate) fn task(&self, cell: Cell) -> v1::TaskId {
        v1::TaskId {
            cohort: self.id,
            stage: cell.stage.into(),
            row: cell.row,
            column: cell.column,
        }
    }

    /// The sample of a cell, if its stage is by sample.
    pub(crate) fn sample_of(&self, cell: Cell) -> Option<&v1::Sample> {
        is_by_sample(cell.stage).then(|| &self.samples[cell.row as usize])
    }

    pub(crate) fn row_of(&self, sample: &str) -> Option<u32> {
        let rows = &self.layout.by_name;
        let name = |row: &u32| self.samples[*row as usize].name.as_str();
        let at = rows.binary_search_by(|row| name(row).cmp(sample)).ok()?;
        Some(rows[at])
    }

    /// The programme's centre of a row: the sample's, or else the cohort's.
    pub(crate) fn centre(&self, row: u32) -> &str {
        match self.samples[row as usize].centre.as_str() {
            "" => &self.header.centre,
            own => own,
        }
    }

    /// To whom its tasks are charged: programme and centre.
    pub(crate) fn account(&self) -> (&str, &str) {
        (&self.header.programme, &self.header.centre)
    }

    pub(crate) fn kernel_version(&self) -> &str {
        self.header
            .params
            .as_ref()
            .map_or("", |params| &params.kernel_version)
    }

    pub(crate) fn priority(&self) -> v1::Priority {
        match self.header.priority() {
            v1::Priority::Unspecified => v1::Priority::Normal,
            given => given,
        }
    }

    /// What a task asks for now.
    pub(crate) fn need(&self, cell: Cell) -> Need {
        let mut need = self.layout.need(cell.stage, cell.row);
        if let Some(trouble) = self.troubles.get(&cell) {
            need.memory_bytes = need.memory_bytes.max(trouble.memory_bytes);
        }
        need
    }

    /// The bins by which its costs are kept.
    pub(crate) fn bins(&self) -> Bins<'_> {
        Bins::new(layout::contigs(&self.header))
    }

    /// Where a task's result is known once it is done.
    pub(crate) fn address(&self, cell: Cell) -> Address {
        let layout = &self.layout;
        let row = cell.row as usize;
        match cell.stage {
            Stage::Unspecified | Stage::Index => layout.index_address(),
            Stage::Cut => layout.address(layout.cut_key(cell.row)),
            Stage::Chunk => layout.address(layout.chunk_key(cell.row, cell.column)),
            Stage::Mark | Stage::Merge => {
                let domain = cell.stage.label();
                layout.address(layout.region_key(domain, cell.row, cell.column))
            }
            Stage::Align => layout.address(layout.align[row].unwrap_or_default()),
            Stage::Gvcf => layout.address(layout.gvcf[row]),
            Stage::Call => layout.address(self.call_key(cell)),
            Stage::Ingest => self.ingest_address(cell.row, cell.column),
            Stage::Census | Stage::Joint | Stage::Release => {
                self.address_in(&self.release_keys(), cell)
            }
            Stage::Purge => layout.address(self.purge_key()),
        }
    }

    /// Where a shard of a release, or the release, is known by the keys of that.
    pub(crate) fn address_in(&self, keys: &ReleaseKeys, cell: Cell) -> Address {
        let layout = &self.layout;
        layout.address(match cell.stage {
            Stage::Release => keys.release,
            stage => layout.shard_key(stage, keys, cell.column),
        })
    }

    /// Rows that are in the release, in its order.
    pub(crate) fn included(&self) -> impl Iterator<Item = u32> + '_ {
        let rows = self.layout.by_name.iter().copied();
        rows.filter(|row| !self.aside.contains_key(row))
    }

    pub(crate) fn release_keys(&self) -> ReleaseKeys {
        self.release.unwrap_or_else(|| {
            let name = |row: u32| (self.samples[row as usize].name.as_str(), row);
            let included = self.included().map(name);
            self.layout.release_keys(&self.header, included)
        })
    }

    /// Addresses of this cohort's results that other cohorts may produce.
    pub(crate) fn shared_addresses(&self) -> Vec<(Address, Extent)> {
        let layout = &self.layout;
        let mut addresses = vec![(layout.index_address(), Extent::Whole)];
        for row in 0..self.rows() {
            let align = layout.align[row as usize];
            let keys = align.into_iter().chain([layout.gvcf[row as usize]]);
            addresses.extend(keys.map(|key| (layout.address(key), Extent::Row(row))));
        }
        addresses
    }

    /// A ready task begins.
    pub(crate) fn start(&mut self, cell: Cell, attempt: u64, ripple: &mut Ripple) {
        self.set(cell, TaskState::Running, ripple);
        self.running.insert(cell, attempt);
    }

    /// Puts a task into a state, ending its attempt where the state does not allow one. Failed
    /// tasks stay so, unless the result turned up.
    fn place(&mut self, cell: Cell, to: TaskState, ripple: &mut Ripple) {
        let from = self.get(cell);
        match (from, to) {
            _ if from == to => return,
            (TaskState::Unspecified, _) | (TaskState::Running, TaskState::Ready) => return,
            (TaskState::Failed, TaskState::Done | TaskState::Skipped) => {}
            (TaskState::Failed, _) => return,
            (TaskState::Running, _) => {
                ripple.ended.extend(self.running.remove(&cell));
            }
            _ => {}
        }
        self.set(cell, to, ripple);
    }

    fn set(&mut self, cell: Cell, to: TaskState, ripple: &mut Ripple) {
        let grid = self.grid_mut(cell.stage);
        grid.set(cell.row, cell.column, to, ripple.now_ms);
        if matches!(to, TaskState::Done | TaskState::Skipped) {
            self.troubles.remove(&cell);
        }
        match (cell.stage, to) {
            (Stage::Gvcf, TaskState::Done) => ripple.genomes.push(cell.row),
            (Stage::Align, TaskState::Done) => ripple.aligned.push(cell.row),
            _ => {}
        }
    }

    /// The tasks whose results a row's alignment is made of in latency mode.
    pub(crate) fn chunk_cells(&self, row: u32) -> impl Iterator<Item = Cell> + use<> {
        let tasks = BEFORE_ALIGN.map(|stage| (stage, self.layout.tasks_of(stage, row)));
        tasks.into_iter().flat_map(move |(stage, tasks)| {
            (0..tasks).map(move |column| Cell { stage, row, column })
        })
    }

    /// All cells of a stage's row.
    fn row_cells(&self, stage: Stage, row: u32) -> impl Iterator<Item = Cell> + use<> {
        (0..self.grid(stage).columns()).map(move |column| Cell { stage, row, column })
    }
}

/// Whether results of a stage are among [`Cohort::shared_addresses`].
pub(crate) fn is_shared(stage: Stage) -> bool {
    matches!(stage, Stage::Index | Stage::Align | Stage::Gvcf)
}

/// How much of a cohort a result concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Extent {
    Row(u32),
    Batch(u32),
    /// All batches, and what waits for all rows.
    Batches,
    /// What waits for all rows.
    Tail,
    Whole,
}

/// The stages of latency mode, in order: the alignment is made of their results.
pub(crate) const BEFORE_ALIGN: [Stage; 4] = [Stage::Cut, Stage::Chunk, Stage::Mark, Stage::Merge];

/// Stages with a row for each sample.
pub(crate) const BY_SAMPLE: [Stage; 7] = [
    Stage::Cut,
    Stage::Chunk,
    Stage::Mark,
    Stage::Merge,
    Stage::Align,
    Stage::Call,
    Stage::Gvcf,
];

pub(crate) fn is_by_sample(stage: Stage) -> bool {
    BY_SAMPLE.contains(&stage)
}

/// The place of a stage in [`STAGES`]. Cells are made of those.
pub(crate) fn slot(stage: Stage) -> usize {
    SLOTS[stage as usize]
}

/// The place of each known stage by its number: every look at a cell asks for it.
const SLOTS: [usize; 32] = {
    let mut slots = [usize::MAX; 32];
    let mut at = 0;
    while at < STAGES.len() {
        slots[STAGES[at] as usize] = at;
        at += 1;
    }
    slots
};
