//! Why a task is in its state: one sentence that an operator can act on.

use kumi_proto::STAGES;
use kumi_proto::ids::CohortId;
use kumi_proto::v1;
use kumi_proto::v1::{Stage, TaskState};

use crate::cohort::{BY_SAMPLE, Cohort, Trouble};
use crate::grid::Cell;
use crate::limits::{EXPLANATIONS_MAX, FAILURES_MAX};
use crate::state::State;
use crate::view::kept::Kept;

impl State {
    /// Why tasks are in their state: of the cohort, of a sample (`sample` not empty), or of one
    /// task. Done and skipped tasks are explained only when asked for by name; at most a thousand
    /// explanations, those of running and failed tasks first. `now_ms`: Unix milliseconds. A `centre` is told
    /// of others' cohorts how many go first and no more, and no worker's name but where its own tasks are.
    #[must_use]
    pub fn why(
        &self,
        centre: Option<&str>,
        id: CohortId,
        sample: &str,
        task: Option<&v1::TaskId>,
        now_ms: u64,
    ) -> Vec<v1::TaskExplanation> {
        let Some(cohort) = self.cohorts.get(&id.0) else {
            return Vec::new();
        };
        let cells = if let Some(task) = task {
            cohort.cell_of(task).into_iter().collect()
        } else if sample.is_empty() {
            cells_of(cohort, &STAGES, None)
        } else {
            let row = cohort.row_of(sample);
            row.map_or_else(Vec::new, |row| cells_of(cohort, &BY_SAMPLE, Some(row)))
        };
        let kept = self.kept();
        let kept = kept.as_ref();
        let cells = cells.into_iter();
        let explain = |cell| {
            let short = self.explain(centre, (cohort, cell), kept, now_ms);
            match task {
                Some(_) if cohort.get(cell) == TaskState::Ready => {
                    self.with_arithmetic(centre, short, (cohort, cell), kept)
                }
                _ => short,
            }
        };
        cells.map(explain).collect()
    }

    fn explain(
        &self,
        centre: Option<&str>,
        (cohort, cell): (&Cohort, Cell),
        kept: Option<&Kept>,
        now_ms: u64,
    ) -> v1::TaskExplanation {
        let state = cohort.get(cell);
        let trouble = cohort.troubles.get(&cell);
        let attempt = cohort.running.get(&cell).copied().unwrap_or(0);
        let lease = self.leases.get(&attempt);
        let ready_ms = cohort.grid(cell.stage).ready_ms(cell.row);
        let since_ms = match (state, trouble) {
            (TaskState::Running, _) => lease.map_or(0, |lease| lease.started_ms),
            (TaskState::Ready | TaskState::Failed, Some(trouble)) => trouble.since_ms,
            (TaskState::Ready, None) => ready_ms,
            (TaskState::Waiting, _) => cohort.submitted_ms,
            _ => cohort.finished_ms,
        };
        let worker = lease.and_then(|lease| self.workers.get(&lease.worker));
        let sample = cohort.sample_of(cell);
        let expected_ms = self.expected_ms(cohort, cell);
        let mut reason = self.reason(centre, (cohort, cell), kept, state);
        let copy = self.copies.get(&attempt);
        if let (Some(lease), Some(expected_ms)) = (lease, expected_ms) {
            let so_far = seconds(now_ms.saturating_sub(lease.started_ms));
            let expected = seconds(expected_ms);
            reason += &format!(" for {so_far} s; {expected} s of one core were expected");
        }
        if let Some(copy) = copy {
            reason += &self.beside(*copy, now_ms);
        }
        if cohort.parts.contains_key(&cell) {
            reason += &parted(cohort, cell);
        }
        v1::TaskExplanation {
            task: Some(cohort.task(cell)),
            state: state.into(),
            sample: sample.map_or_else(String::new, |sample| sample.name.clone()),
            reason,
            failures: trouble.map_or(0, |trouble| trouble.failures),
            worker: worker.map_or_else(String::new, |worker| worker.hello.name.clone()),
            attempt,
            since_ms,
            expected_ms: expected_ms.unwrap_or(0),
            ..v1::TaskExplanation::default()
        }
    }

    fn reason(
        &self,
        centre: Option<&str>,
        (cohort, cell): (&Cohort, Cell),
        kept: Option<&Kept>,
        state: TaskState,
    ) -> String {
        match state {
            TaskState::Unspecified => "there is no such task".to_owned(),
            TaskState::Waiting => waiting(self, cohort, cell),
            TaskState::Ready => {
                let last = cohort.troubles.get(&cell).map(last_failure);
                let last = last.map_or_else(String::new, |last| format!("{last}; "));
                format!("{last}{}", self.ready(centre, (cohort, cell), kept))
            }
            TaskState::Running => self.place_of(cohort, cell),
            TaskState::Done => "its result is there".to_owned(),
            TaskState::Failed => {
                let last = cohort.troubles.get(&cell).map(last_failure);
                let last = last.unwrap_or_else(|| "failed".to_owned());
                format!(
                    "{last}; when the cause is gone: kumi cohort retry {}",
                    cohort.id
                )
            }
            TaskState::Quarantined => {
                let aside = cohort.aside.get(&cell.row);
                let message = aside.map_or("", |aside| &aside.message);
                format!("its sample was set aside: {message}")
            }
            TaskState::Cancelled => match cohort.reason.as_str() {
                "" => "the cohort was cancelled".to_owned(),
                reason => format!("the cohort was stopped: {reason}"),
            },
            TaskState::Skipped => "nothing needs it: what it feeds was there before".to_owned(),
        }
    }

    /// That a second attempt runs.
    fn beside(&self, copy: u64, now_ms: u64) -> String {
        let lease = &self.leases[&copy];
        let worker = self.workers.get(&lease.worker);
        let name = worker.map_or("?", |worker| &worker.hello.name);
        let so_far = seconds(now_ms.saturating_sub(lease.started_ms));
        format!(
            "; it takes far longer than was expected, so attempt {copy} does the same on {name} for {so_far} s: the first result is taken"
        )
    }

    /// Where a running task runs.
    pub(super) fn place_of(&self, cohort: &Cohort, cell: Cell) -> String {
        let attempt = cohort.running.get(&cell).copied().unwrap_or(0);
        let lease = self.leases.get(&attempt);
        let worker = lease.and_then(|lease| self.workers.get(&lease.worker));
        let name = worker.map_or("?", |worker| &worker.hello.name);
        format!("running on {name} as attempt {attempt}")
    }
}

/// Cells to explain, those that run or failed first; those that are done only where one row is asked about.
fn cells_of(cohort: &Cohort, stages: &[Stage], row: Option<u32>) -> Vec<Cell> {
    let states = [
        TaskState::Running,
        TaskState::Failed,
        TaskState::Ready,
        TaskState::Waiting,
        TaskState::Quarantined,
        TaskState::Cancelled,
        TaskState::Done,
        TaskState::Skipped,
    ];
    let ended = |state: &TaskState| matches!(state, TaskState::Done | TaskState::Skipped);
    let mut cells = Vec::new();
    for wanted in states.into_iter().filter(|s| row.is_some() || !ended(s)) {
        for stage in stages {
            let grid = cohort.grid(*stage);
            if grid.count(wanted) == 0 {
                continue;
            }
            let rows = row.map_or(0..grid.rows(), |row| row..row + 1);
            for (row, column) in rows.flat_map(|r| (0..grid.columns()).map(move |c| (r, c))) {
                if cells.len() == EXPLANATIONS_MAX {
                    return cells;
                }
                if grid.get(row, column) == wanted {
                    let stage = *stage;
                    cells.push(Cell { stage, row, column });
                }
            }
        }
    }
    cells
}

/// What a waiting task waits for.
fn waiting(state: &State, cohort: &Cohort, cell: Cell) -> String {
    let at = |stage, row| Cell {
        stage,
        row,
        column: 0,
    };
    let index = at(Stage::Index, 0);
    let align = at(Stage::Align, cell.row);
    let is_open = |cell: Cell| {
        cohort.has(cell) && !matches!(cohort.get(cell), TaskState::Done | TaskState::Skipped)
    };
    let says = |cell: Cell| {
        let what = cohort.get(cell);
        match what {
            TaskState::Running => state.place_of(cohort, cell),
            _ => format!("{what:?}").to_lowercase(),
        }
    };
    let after_align = matches!(cell.stage, Stage::Call | Stage::Gvcf);
    if after_align && is_open(align) {
        let sample = &cohort.samples[cell.row as usize].name;
        return format!("needs the alignment of {sample}, which is {}", says(align));
    }
    let cut = at(Stage::Cut, cell.row);
    if cell.stage == Stage::Chunk && is_open(cut) {
        let sample = &cohort.samples[cell.row as usize].name;
        let says = says(cut);
        return format!("needs to know where the chunks of {sample} begin: the cut is {says}");
    }
    // Of the stages of latency mode the first that is not done; each reads all that come before it but the cut.
    if let Some(missing) = [Stage::Chunk, Stage::Mark, Stage::Merge]
        .into_iter()
        .take_while(|stage| *stage != cell.stage)
        .find(|stage| reads_regions(cell.stage) && cohort.grid(*stage).open(cell.row) > 0)
    {
        return missing_of_row(cohort, missing, cell.row, &says);
    }
    if cell.stage == Stage::Gvcf && cohort.grid(Stage::Call).open(cell.row) > 0 {
        return missing_of_row(cohort, Stage::Call, cell.row, &says);
    }
    let of_release = matches!(cell.stage, Stage::Census | Stage::Joint);
    if of_release || cell.stage == Stage::Ingest {
        let of_batch =
            |row: &u32| of_release || cohort.layout.batch_of[*row as usize] == Some(cell.row);
        let rows = (0..cohort.rows()).filter(|row| !cohort.aside.contains_key(row));
        let open: Vec<u32> = rows
            .filter(|row| of_batch(row) && !super::cohort::is_done(cohort, *row))
            .collect();
        if let Some(first) = open.first() {
            let name = &cohort.samples[*first as usize].name;
            let stages = BY_SAMPLE.map(|stage| at(stage, *first));
            let stage = stages.into_iter().find(|cell| is_open(*cell));
            let stage = stage.map_or("?", |cell| cell.stage.label());
            return format!(
                "needs {} more samples; the first is {name}, whose {stage} stage is not done",
                open.len()
            );
        }
    }
    if of_release {
        let batches = (0..cohort.grid(Stage::Ingest).rows()).map(|row| Cell {
            stage: Stage::Ingest,
            row,
            ..cell
        });
        let open: Vec<Cell> = batches.filter(|cell| is_open(*cell)).collect();
        if let Some(first) = open.first() {
            return format!(
                "needs {} more batches to be ingested; batch {} is {}",
                open.len(),
                first.row,
                says(*first)
            );
        }
    }
    if let Some(census) = cohort.census_of(cell).filter(|census| is_open(*census)) {
        return format!("needs the census of its shard, which is {}", says(census));
    }
    let before_release = [Stage::Census, Stage::Joint];
    let mut before_release = before_release
        .into_iter()
        .filter(|stage| cell.stage == Stage::Release && cohort.grid(*stage).rows() > 0);
    if let Some(stage) = before_release.find(|stage| cohort.grid(*stage).open(0) > 0) {
        return missing_of_row(cohort, stage, 0, &says);
    }
    if cell.stage == Stage::Purge {
        return "needs all that is kept to be written and released without those who have withdrawn"
            .to_owned();
    }
    if is_open(index) {
        return format!("needs the reference index, which is {}", says(index));
    }
    "needs the stage before it".to_owned()
}

fn reads_regions(stage: Stage) -> bool {
    matches!(stage, Stage::Mark | Stage::Merge | Stage::Align)
}

fn missing_of_row(
    cohort: &Cohort,
    stage: Stage,
    row: u32,
    says: &dyn Fn(Cell) -> String,
) -> String {
    let grid = cohort.grid(stage);
    let columns = 0..grid.columns();
    let cells = columns.map(|column| Cell { stage, row, column });
    let open = |cell: &Cell| {
        let state = cohort.get(*cell);
        !matches!(state, TaskState::Done | TaskState::Skipped)
    };
    let cells = cells.filter(|cell| cohort.has(*cell));
    let (part, parts) = match stage {
        Stage::Chunk => ("chunk", "chunks".to_owned()),
        Stage::Mark => ("region", "regions to be marked".to_owned()),
        Stage::Merge => ("region", "regions to be merged".to_owned()),
        _ => ("shard", format!("{} shards", stage.label())),
    };
    let first = cells.clone().find(open);
    let first = first.map_or_else(String::new, |cell| {
        format!("; {part} {} is {}", cell.column, says(cell))
    });
    format!(
        "needs {} more of {} {parts}{first}",
        grid.open(row),
        cells.count(),
    )
}

fn last_failure(trouble: &Trouble) -> String {
    let Trouble {
        failures,
        losses,
        message,
        worker,
        memory_bytes,
        ..
    } = trouble;
    let memory = match memory_bytes {
        0 => String::new(),
        bytes => format!(
            " (it ran out of memory; it asks for {:.1} GiB the next time, at most what the largest worker has)",
            *bytes as f64 / (1u64 << 30) as f64
        ),
    };
    let what = match (failures, losses) {
        (0, 0) => return "its shard ran out of memory before it was split".to_owned(),
        (0, lost) => format!("lost {lost} times with its worker, last: {message}"),
        (failed, 0) => {
            format!("failed {failed} of at most {FAILURES_MAX} times, last on {worker}: {message}")
        }
        (failed, lost) => format!(
            "failed {failed} of at most {FAILURES_MAX} times and was lost {lost} times, last on {worker}: {message}"
        ),
    };
    format!("{what}{memory}")
}

/// That a shard was split while it ran.
fn parted(cohort: &Cohort, cell: Cell) -> String {
    let regions = cohort.regions(cell);
    let bases: u64 = regions.iter().map(|region| region.end - region.start).sum();
    if (cell.column as usize) < cohort.shards.len() {
        format!("; it was split while it ran: {bases} bases were left to it")
    } else {
        format!("; it is a piece of {bases} bases of a shard that was split while it ran")
    }
}

/// With one digit behind the point.
fn seconds(ms: u64) -> String {
    format!("{}.{}", ms / 1_000, ms % 1_000 / 100)
}
