//! What is still to do.

use kumi_scheduler::Backlog;

use crate::metrics::family::Family;

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
    for ((state, stage, priority), count) in &backlog.tasks {
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
