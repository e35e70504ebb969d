//! Cohorts in short and in full.

use kumi_proto::STAGES;
use kumi_proto::ids::CohortId;
use kumi_proto::v1;
use kumi_proto::v1::{CohortState, Manifest, Stage, TaskState};

use crate::cohort::{BY_SAMPLE, Cohort};
use crate::grid::{Cell, Grid};
use crate::state::State;
use crate::tallies::Reason;

impl State {
    /// A cohort in short. `running_fraction` is left 0: only the leader's soft state knows it.
    #[must_use]
    pub fn summary(&self, id: CohortId) -> Option<v1::CohortSummary> {
        self.cohorts.get(&id.0).map(summary)
    }

    /// Cohorts in short, newest first, those before `before`.
    #[must_use]
    pub fn summaries(&self, before: Option<CohortId>, limit: usize) -> Vec<v1::CohortSummary> {
        let before = before.map_or(u64::MAX, |id| id.0);
        let cohorts = self.cohorts.range(..before).rev().take(limit);
        cohorts.map(|(_, cohort)| summary(cohort)).collect()
    }

    /// A cohort with its samples and manifests, and with what of it is stored if that is asked for.
    #[must_use]
    pub fn detail(&self, id: CohortId, store: bool) -> Option<v1::CohortDetail> {
        let cohort = self.cohorts.get(&id.0)?;
        let samples = (0..cohort.rows()).map(|row| self.sample(cohort, row));
        let release = cohort.has_release();
        Some(v1::CohortDetail {
            summary: Some(summary(cohort)),
            samples: samples.collect(),
            release: release
                .then(|| self.manifest(cohort, Stage::Release, 0))
                .flatten(),
            root: cohort.header.root.clone(),
            reference: self.manifest(cohort, Stage::Index, 0),
            store: if store {
                self.store(cohort)
            } else {
                Vec::new()
            },
        })
    }

    fn store(&self, cohort: &Cohort) -> Vec<v1::IngestedShard> {
        let ingest = cohort.grid(Stage::Ingest);
        let columns = ingest.columns();
        let cells = (0..ingest.rows()).flat_map(|row| (0..columns).map(move |at| (row, at)));
        let done = cells.filter(|(row, column)| ingest.get(*row, *column) == TaskState::Done);
        let shard = |(batch, shard): (u32, u32)| {
            let cell = Cell {
                stage: Stage::Ingest,
                row: batch,
                column: shard,
            };
            Some(v1::IngestedShard {
                batch,
                shard,
                segments: Some(self.ledger.get(&cohort.address(cell))?),
            })
        };
        done.filter_map(shard).collect()
    }

    fn manifest(&self, cohort: &Cohort, stage: Stage, row: u32) -> Option<Manifest> {
        let cell = Cell {
            stage,
            row,
            column: 0,
        };
        let has = cohort.has(cell) && cohort.get(cell) == TaskState::Done;
        has.then(|| self.ledger.get(&cohort.address(cell)))
            .flatten()
    }

    fn sample(&self, cohort: &Cohort, row: u32) -> v1::SampleStatus {
        let (state, reason) = sample_state(cohort, row);
        v1::SampleStatus {
            name: cohort.samples[row as usize].name.clone(),
            row,
            state: state.to_owned(),
            reason,
            alignment: self.manifest(cohort, Stage::Align, row),
            gvcf: self.manifest(cohort, Stage::Gvcf, row),
        }
    }
}

fn summary(cohort: &Cohort) -> v1::CohortSummary {
    let header = &cohort.header;
    let stages = STAGES.into_iter();
    let stages = stages.filter(|stage| cohort.grid(*stage).tasks() > 0);
    let done = (0..cohort.rows()).filter(|row| is_done(cohort, *row));
    let aside = cohort.failed_rows() as u64;
    v1::CohortSummary {
        cohort: cohort.id,
        name: header.name.clone(),
        programme: header.programme.clone(),
        centre: header.centre.clone(),
        priority: cohort.priority().into(),
        state: cohort.state.into(),
        samples: cohort.samples.len() as u64,
        samples_done: done.count() as u64,
        samples_quarantined: if cohort.quarantines() { aside } else { 0 },
        submitted_ms: cohort.submitted_ms,
        finished_ms: cohort.finished_ms,
        stages: stages
            .map(|stage| progress(stage, cohort.grid(stage)))
            .collect(),
        reason: cohort.reason.clone(),
    }
}

fn progress(stage: Stage, grid: &Grid) -> v1::StageProgress {
    v1::StageProgress {
        stage: stage.into(),
        waiting: grid.count(TaskState::Waiting),
        ready: grid.count(TaskState::Ready),
        running: grid.count(TaskState::Running),
        done: grid.count(TaskState::Done),
        failed: grid.count(TaskState::Failed),
        quarantined: grid.count(TaskState::Quarantined),
        cancelled: grid.count(TaskState::Cancelled),
        skipped: grid.count(TaskState::Skipped),
        running_fraction: 0.0,
    }
}

/// Whether all that is published of a row's sample is there.
pub(super) fn is_done(cohort: &Cohort, row: u32) -> bool {
    let [align, gvcf] = [Stage::Align, Stage::Gvcf].map(|stage| cohort.grid(stage));
    !cohort.aside.contains_key(&row) && align.open(row) == 0 && gvcf.open(row) == 0
}

fn sample_state(cohort: &Cohort, row: u32) -> (&'static str, String) {
    if let Some(aside) = cohort.aside.get(&row) {
        let state = match aside.reason {
            Reason::Withdrawn => "withdrawn",
            _ if cohort.quarantines() => "quarantined",
            _ => "failed",
        };
        return (state, aside.message.clone());
    }
    if is_done(cohort, row) {
        return ("done", String::new());
    }
    let runs = |stage| {
        let first = Cell {
            stage,
            row,
            column: 0,
        };
        let last = Cell {
            column: u32::MAX,
            ..first
        };
        cohort.running.range(first..=last).next().is_some()
    };
    if BY_SAMPLE.into_iter().any(runs) {
        ("running", String::new())
    } else if cohort.is_running() {
        ("waiting", String::new())
    } else {
        ("cancelled", cohort.reason.clone())
    }
}

/// The word for a cohort's state.
pub(crate) fn cohort_state(state: CohortState) -> &'static str {
    match state {
        CohortState::Unspecified => "unknown",
        CohortState::Running => "running",
        CohortState::Completed => "completed",
        CohortState::CompletedWithFailures => "completed with failures",
        CohortState::Failed => "failed",
        CohortState::Cancelled => "cancelled",
    }
}
