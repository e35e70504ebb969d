//! What is still to do.

use std::collections::BTreeMap;

use kumi_proto::STAGES;
use kumi_proto::v1::{Priority, Stage, TaskState};
use kumi_scheduler::Backlog;

use crate::metrics::family::Family;

/// States in which a task still has to do something.
const OPEN: [TaskState; 3] = [TaskState::Waiting, TaskState::Ready, TaskState::Running];
const PRIORITIES: [Priority; 4] = [
    Priority::Urgent,
    Priority::High,
    Priority::Normal,
    Priority::Bulk,
];

pub(super) fn families(backlog: &Backlog, now_ms: u64) -> Vec<Family> {
    let mut units = Family::gauge(
        "kumi_backlog_units",
        "Genomes not yet finished, by the first stage they have not finished.",
    );
    for (labels, count) in &backlog.units {
        let labels = [
            ("programme", labels.programme.as_str()),
            ("centre", &labels.centre),
            ("stage", labels.stage.label()),
            ("priority", labels.priority.label()),
        ];
        units.add(&labels, *count as f64);
    }
    let mut oldest = Family::gauge(
        "kumi_backlog_oldest_age_seconds",
        "Age of the oldest cohort that still runs.",
    );
    for ((programme, priority), submitted_ms) in &backlog.oldest_submitted_ms {
        let labels = [
            ("programme", programme.as_str()),
            ("priority", priority.label()),
        ];
        oldest.add(&labels, now_ms.saturating_sub(*submitted_ms) as f64 / 1e3);
    }
    let mut tasks = Family::gauge(
        "kumi_tasks",
        "Tasks of the cohorts that still run, by state.",
    );
    for ((state, stage, priority), count) in &with_zeros(backlog) {
        let state = state
            .as_str_name()
            .trim_start_matches("TASK_STATE_")
            .to_lowercase();
        let labels = [
            ("state", state.as_str()),
            ("stage", stage.label()),
            ("priority", priority.label()),
        ];
        tasks.add(&labels, *count as f64);
    }
    vec![units, oldest, tasks]
}

/// Tasks by state, with 0 where none is open: an alert on what is absent would never fire.
fn with_zeros(backlog: &Backlog) -> BTreeMap<(TaskState, Stage, Priority), u64> {
    let open = OPEN.into_iter().flat_map(|state| {
        let stages = STAGES.into_iter();
        stages.flat_map(move |stage| PRIORITIES.map(|priority| (state, stage, priority)))
    });
    let mut tasks: BTreeMap<_, _> = open.map(|key| (key, 0)).collect();
    tasks.extend(backlog.tasks.iter().map(|(key, count)| (*key, *count)));
    tasks
}
