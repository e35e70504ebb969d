//! What a cohort's state looks like on a terminal and in JSON.

use kumi_proto::{STAGES, v1};
use serde_json::{Value, json};

use crate::table::{Table, bytes, count, percent, timestamp};

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
        "expected_ms": why.expected_ms, "priority": why.priority().label(), "deadline": timestamp(why.deadline_ms),
        "place": why.place, "cores": why.cores, "memory_bytes": why.memory_bytes, "scratch_bytes": why.scratch_bytes,
        "accounts": why.accounts.iter().map(account_value).collect::<Vec<_>>(),
        "workers": why.workers.iter().map(worker_value).collect::<Vec<_>>(),
    })
}

fn worker_value(fit: &v1::WorkerFit) -> Value {
    json!({
        "name": fit.name, "fits": fit.fits, "free_cores": fit.free_cores,
        "free_memory_bytes": fit.free_memory_bytes, "free_scratch_bytes": fit.free_scratch_bytes,
        "reason": fit.reason,
    })
}

/// An account as JSON.
#[must_use]
pub fn account_value(account: &v1::AccountStatus) -> Value {
    json!({
        "programme": account.programme, "centre": account.centre, "share": account.share,
        "core_hours": core_hours(account), "core_hours_per_share": account.level, "cores": account.cores,
        "cores_max": account.cores_max, "genomes_today": account.genomes,
        "genomes_per_day_max": account.genomes_max, "ready": account.ready, "waiting": account.waiting,
    })
}

/// Accounts as a table.
#[must_use]
pub fn accounts(accounts: &[v1::AccountStatus]) -> String {
    if accounts.is_empty() {
        return "no account has used anything\n".to_owned();
    }
    let mut table = Table::new(&[
        "programme",
        "centre",
        "share",
        "core-hours",
        "per share",
        "cores",
        "genomes today",
        "ready",
        "waiting",
    ]);
    let of = |value: u64, most: Option<u32>| match most {
        Some(most) => format!("{value} of {most}"),
        None => value.to_string(),
    };
    for account in accounts {
        table.row(vec![
            account.programme.clone(),
            match account.centre.as_str() {
                "" => "(all)".to_owned(),
                centre => centre.to_owned(),
            },
            account.share.to_string(),
            format!("{:.1}", core_hours(account)),
            format!("{:.1}", account.level),
            of(account.cores, account.cores_max),
            of(account.genomes.into(), account.genomes_max),
            account.ready.to_string(),
            account.waiting.to_string(),
        ]);
    }
    table.render()
}

fn core_hours(account: &v1::AccountStatus) -> f64 {
    account.core_milliseconds as f64 / 3_600_000.0
}

/// The numbers behind a ready task's place: priority, deadline, accounts, and which worker fits.
fn arithmetic(why: &v1::TaskExplanation) -> String {
    let deadline = match why.deadline_ms {
        0 => "no deadline".to_owned(),
        given => format!("deadline {}", timestamp(given)),
    };
    let asked = format!(
        "\nits cohort is number {} in the queue: priority {}, {deadline}; it asks for {} cores, {} of memory and {} of scratch\n\n",
        why.place,
        why.priority().label(),
        why.cores,
        bytes(why.memory_bytes),
        bytes(why.scratch_bytes),
    );
    let mut workers = Table::new(&[
        "worker",
        "free cores",
        "free memory",
        "free scratch",
        "fits",
    ]);
    for fit in &why.workers {
        workers.row(vec![
            fit.name.clone(),
            fit.free_cores.to_string(),
            bytes(fit.free_memory_bytes),
            fit.free_scratch_bytes
                .map_or_else(|| "it does not say".to_owned(), bytes),
            if fit.fits {
                "yes".to_owned()
            } else {
                format!("no: {}", fit.reason)
            },
        ]);
    }
    let workers = if why.workers.is_empty() {
        "no worker is connected\n".to_owned()
    } else {
        workers.render()
    };
    format!("{asked}{}\n{workers}", accounts(&why.accounts))
}

/// The task of a name as [`task_name`] writes it.
#[must_use]
pub fn parse_task(name: &str) -> Option<v1::TaskId> {
    let (stage, rest) = name.split_once('[')?;
    let (row, column) = rest.strip_suffix(']')?.split_once(',')?;
    let stage = STAGES.into_iter().find(|known| known.label() == stage)?;
    Some(v1::TaskId {
        cohort: 0,
        stage: stage.into(),
        row: row.trim().parse().ok()?,
        column: column.trim().parse().ok()?,
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
    let numbers = tasks.iter().filter(|why| why.place > 0).map(arithmetic);
    format!("{}{}", table.render(), numbers.collect::<String>())
}
