//! What is still to do.

use kumi_proto::STAGES;
use kumi_proto::v1::{Stage, TaskState};

use crate::backlog::{Backlog, BacklogLabels};
use crate::cohort::{BY_SAMPLE, Cohort};
use crate::state::State;

const STATES: [TaskState; 8] = [
    TaskState::Waiting,
    TaskState::Ready,
    TaskState::Running,
    TaskState::Done,
    TaskState::Failed,
    TaskState::Quarantined,
    TaskState::Cancelled,
    TaskState::Skipped,
];

impl State {
    /// What is still to do.
    #[must_use]
    pub fn backlog(&self) -> Backlog {
        let mut backlog = Backlog::default();
        for (_, _, id) in &self.derived.queue {
            let cohort = &self.cohorts[id];
            let priority = cohort.priority();
            let owner = (cohort.header.programme.clone(), priority);
            let oldest = backlog.oldest_submitted_ms.entry(owner);
            let oldest = oldest.or_insert(cohort.submitted_ms);
            *oldest = cohort.submitted_ms.min(*oldest);
            for stage in STAGES {
                for state in STATES {
                    let count = cohort.grid(stage).count(state);
                    *backlog.tasks.entry((state, stage, priority)).or_default() += count;
                }
            }
            for row in (0..cohort.rows()).filter(|row| !cohort.aside.contains_key(row)) {
                let labels = BacklogLabels {
                    programme: cohort.header.programme.clone(),
                    centre: cohort.centre(row).to_owned(),
                    stage: stage_of(cohort, row),
                    priority,
                };
                *backlog.units.entry(labels).or_default() += 1;
            }
        }
        backlog
    }
}

/// The first stage that a genome has not finished.
fn stage_of(cohort: &Cohort, row: u32) -> Stage {
    let open = |stage: &Stage| cohort.grid(*stage).open(row) > 0;
    let own = BY_SAMPLE.into_iter().find(open);
    own.unwrap_or_else(|| {
        let batch = cohort.layout.batch_of[row as usize];
        if batch.is_some_and(|batch| cohort.grid(Stage::Ingest).open(batch) > 0) {
            return Stage::Ingest;
        }
        let after = [Stage::Census, Stage::Joint].into_iter();
        let mut after = after.filter(|stage| cohort.grid(*stage).rows() > 0);
        after
            .find(|stage| cohort.grid(*stage).open(0) > 0)
            .unwrap_or(Stage::Release)
    })
}
