//! What a cohort's state looks like on a terminal and in JSON.

use kumi_proto::v1;
use serde_json::{Value, json};

use crate::table::{Table, count, percent};

/// A count of a manifest that the tables show.
pub(crate) fn counted(manifest: Option<&v1::Manifest>, name: &str) -> Option<u64> {
    manifest?.counts.get(name).copied()
}

fn cell(number: Option<u64>) -> String {
    number.map_or_else(|| "-".to_owned(), count)
}

/// A table of stages and the states of their tasks.
#[must_use]
pub fn stages(summary: &v1::CohortSummary) -> String {
    let mut table = Table::new(&[
        "stage",
        "waiting",
        "ready",
        "running",
        "done",
        "skipped",
        "failed",
        "quarantined",
    ]);
    for stage in &summary.stages {
        table.row(vec![
            stage.stage().label().to_owned(),
            count(stage.waiting),
            count(stage.ready),
            count(stage.running),
            count(stage.done),
            count(stage.skipped),
            count(stage.failed + stage.cancelled),
            count(stage.quarantined),
        ]);
    }
    table.render()
}

/// A table of at most `limit` samples: reads, mapped, duplicates, depth, variants, Ti/Tv.
#[must_use]
pub fn samples(detail: &v1::CohortDetail, limit: usize) -> String {
    let mut table = Table::new(&[
        "sample",
        "state",
        "reads",
        "mapped",
        "duplicates",
        "depth",
        "variants",
        "Ti/Tv",
    ]);
    for sample in detail.samples.iter().take(limit) {
        let aligned = |name: &'static str| counted(sample.alignment.as_ref(), name);
        let called = |name| counted(sample.gvcf.as_ref(), name);
        let share = |part: &'static str| match (aligned(part), aligned("reads")) {
            (Some(part), Some(reads)) => percent(part, reads),
            _ => "-".to_owned(),
        };
        table.row(vec![
            sample.name.clone(),
            sample.state.clone(),
            cell(aligned("reads")),
            share("mapped"),
            share("duplicates"),
            aligned("depth_milli").map_or_else(
                || "-".to_owned(),
                |depth| format!("{:.1}x", depth as f64 / 1000.0),
            ),
            cell(called("variants")),
            ratio(called("transitions"), called("transversions")),
        ]);
    }
    table.render()
}

/// Transitions over transversions.
pub(crate) fn ratio(transitions: Option<u64>, transversions: Option<u64>) -> String {
    match (transitions, transversions) {
        (Some(ti), Some(tv)) if tv > 0 => format!("{:.2}", ti as f64 / tv as f64),
        _ => "-".to_owned(),
    }
}

/// Samples as JSON.
#[must_use]
pub fn samples_value(detail: &v1::CohortDetail) -> Value {
    let sample = |sample: &v1::SampleStatus| {
        json!({
            "name": sample.name, "state": sample.state, "reason": sample.reason,
            "alignment": sample.alignment.as_ref().map(manifest_value),
            "gvcf": sample.gvcf.as_ref().map(manifest_value),
        })
    };
    detail.samples.iter().map(sample).collect()
}

/// A manifest as JSON.
#[must_use]
pub fn manifest_value(manifest: &v1::Manifest) -> Value {
    let files: Vec<_> = manifest
        .files
        .iter()
        .map(|file| json!({ "name": file.name, "size": file.size, "sha256": file.sha256 }))
        .collect();
    json!({ "directory": manifest.directory, "files": files, "counts": manifest.counts })
}

/// The word for a task's state.
#[must_use]
pub fn task_state(state: v1::TaskState) -> &'static str {
    match state {
        v1::TaskState::Unspecified => "unknown",
        v1::TaskState::Waiting => "waiting",
        v1::TaskState::Ready => "ready",
        v1::TaskState::Running => "running",
        v1::TaskState::Done => "done",
        v1::TaskState::Failed => "failed",
        v1::TaskState::Quarantined => "quarantined",
        v1::TaskState::Cancelled => "cancelled",
        v1::TaskState::Skipped => "skipped",
    }
}

/// A task as `call[1,3]`: stage, row, column.
#[must_use]
pub fn task_name(task: &v1::TaskId) -> String {
    format!("{}[{},{}]", task.stage().label(), task.row, task.column)
}

/// Explanations as JSON.
#[must_use]
pub fn explanation_value(why: &v1::TaskExplanation) -> Value {
    let task = why.task.unwrap_or_default();
    json!({
        "task": task_name(&task), "sample": why.sample, "state": task_state(why.state()), "reason": why.reason,
        "failures": why.failures, "worker": why.worker, "attempt": why.attempt,
        "expected_ms": why.expected_ms,
    })
}

/// Explanations as a table.
#[must_use]
pub fn explanations(tasks: &[v1::TaskExplanation]) -> String {
    if tasks.is_empty() {
        return "every task is done\n".to_owned();
    }
    let mut table = Table::new(&["task", "sample", "state", "failures", "why"]);
    for why in tasks {
        table.row(vec![
            task_name(&why.task.unwrap_or_default()),
            if why.sample.is_empty() {
                "-".to_owned()
            } else {
                why.sample.clone()
            },
            task_state(why.state()).to_owned(),
            why.failures.to_string(),
            why.reason.clone(),
        ]);
    }
    table.render()
}
