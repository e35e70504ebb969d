//! What is still to do: gauges, computed from the state when asked.

use std::collections::BTreeMap;

use kumi_proto::v1::{Priority, Stage, TaskState};

/// By what waiting genomes are counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BacklogLabels {
    /// The programme.
    pub programme: String,
    /// The centre.
    pub centre: String,
    /// The first stage that the genome has not finished.
    pub stage: Stage,
    /// The cohort's priority.
    pub priority: Priority,
}

/// What the running cohorts still have to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Genomes (rows that are neither finished nor set aside).
    pub units: BTreeMap<BacklogLabels, u64>,
    /// When the oldest running cohort of a programme and priority was submitted, Unix milliseconds.
    pub oldest_submitted_ms: BTreeMap<(String, Priority), u64>,
    /// Tasks of the running cohorts.
    pub tasks: BTreeMap<(TaskState, Stage, Priority), u64>,
}
