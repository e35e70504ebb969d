//! The state and its one way to change.

use kumi_proto::ids::{CohortId, WorkerId};
use kumi_proto::v1;

use crate::backlog::Backlog;
use crate::outcome::{Outcome, Rejection};
use crate::tallies::Tallies;
use crate::worker::WorkerView;

/// Everything the cluster knows. Empty by default.
#[derive(Debug, Default)]
pub struct State {
    clock_ms: u64,
    tallies: Tallies,
}

/// A snapshot that cannot be restored.
#[derive(Debug, thiserror::Error)]
#[error("not a scheduler snapshot: {problem}")]
pub struct RestoreError {
    problem: &'static str,
}

impl State {
    /// Applies one command of the log. `index` is its raft index, the revision.
    pub fn apply(&mut self, index: u64, command: &v1::Command) -> Outcome {
        let _ = index;
        self.clock_ms = self.clock_ms.max(command.at_ms);
        Outcome::Refused(Rejection::UnknownCommand)
    }

    /// The state as bytes: equal states give equal bytes.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        Vec::new()
    }

    /// The state that [`State::snapshot`] wrote.
    ///
    /// # Errors
    /// When the bytes are not one, or damaged.
    pub fn restore(bytes: &[u8]) -> Result<Self, RestoreError> {
        if bytes.is_empty() {
            Ok(Self::default())
        } else {
            Err(RestoreError { problem: "unknown" })
        }
    }

    /// Walks all invariants.
    ///
    /// # Panics
    /// When one is broken.
    pub fn check(&self) {}

    /// The cohort of that number, or the latest of that name.
    #[must_use]
    pub fn find(&self, cohort: &str) -> Option<CohortId> {
        let _ = cohort;
        None
    }

    /// A cohort in short. `running_fraction` is left 0: only the leader's soft state knows it.
    #[must_use]
    pub fn summary(&self, id: CohortId) -> Option<v1::CohortSummary> {
        let _ = id;
        None
    }

    /// Cohorts in short, newest first, those before `before`.
    #[must_use]
    pub fn summaries(&self, before: Option<CohortId>, limit: usize) -> Vec<v1::CohortSummary> {
        let _ = (before, limit);
        Vec::new()
    }

    /// A cohort with its samples and manifests.
    #[must_use]
    pub fn detail(&self, id: CohortId) -> Option<v1::CohortDetail> {
        let _ = id;
        None
    }

    /// Why tasks are in their state: of the cohort, of a sample (`sample` not empty), or of one task.
    #[must_use]
    pub fn why(
        &self,
        id: CohortId,
        sample: &str,
        task: Option<&v1::TaskId>,
    ) -> Vec<v1::TaskExplanation> {
        let _ = (id, sample, task);
        Vec::new()
    }

    /// All registrations, by number.
    #[must_use]
    pub fn workers(&self) -> Vec<WorkerView> {
        Vec::new()
    }

    /// A worker's current leases.
    #[must_use]
    pub fn attempts_of(&self, worker: WorkerId) -> Vec<(u64, v1::TaskId)> {
        let _ = worker;
        Vec::new()
    }

    /// A worker's current leases with their specifications, as they were granted.
    #[must_use]
    pub fn starts_of(&self, worker: WorkerId) -> Vec<v1::Start> {
        let _ = worker;
        Vec::new()
    }

    /// Targets and how they stand, all or those of one programme.
    #[must_use]
    pub fn targets(&self, programme: Option<&str>, now_ms: u64) -> Vec<v1::TargetProgress> {
        let _ = (programme, now_ms);
        Vec::new()
    }

    /// The counters behind the business metrics.
    #[must_use]
    pub fn tallies(&self) -> &Tallies {
        &self.tallies
    }

    /// What is still to do.
    #[must_use]
    pub fn backlog(&self) -> Backlog {
        Backlog::default()
    }
}
