//! The flow of tasks: ended, repeated, how long.

use std::collections::BTreeMap;

use kumi_proto::STAGES;
use kumi_proto::v1::Stage;
use kumi_scheduler::Tallies;
use kumi_scheduler::tallies::{BOUNDS_SECONDS, Histogram, Reason};

use crate::metrics::family::Family;

/// Why a task runs again.
const RETRIED: [Reason; 5] = [
    Reason::Transient,
    Reason::OutOfMemory,
    Reason::Internal,
    Reason::Stopped,
    Reason::WorkerLost,
];

pub(super) fn families(tallies: &Tallies) -> Vec<Family> {
    let mut finished = Family::counter(
        "kumi_tasks_finished_total",
        "Attempts at tasks that ended, by outcome and reason.",
    );
    for ((stage, ending, reason), count) in &tallies.finished {
        let labels = [
            ("stage", stage.label()),
            ("outcome", ending.label()),
            ("reason", reason.label()),
        ];
        finished.add(&labels, *count as f64);
    }
    let mut retries = Family::counter(
        "kumi_task_retries_total",
        "Tasks that had to run again, by the reason of the attempt before.",
    );
    // A counter that appears with its first event hides it from `rate`.
    let possible = STAGES
        .into_iter()
        .flat_map(|stage| RETRIED.map(|reason| ((stage, reason), 0)));
    let mut by_reason: BTreeMap<_, u64> = possible.collect();
    by_reason.extend(tallies.retries.iter().map(|(key, count)| (*key, *count)));
    for ((stage, reason), count) in &by_reason {
        retries.add(
            &[("stage", stage.label()), ("reason", reason.label())],
            *count as f64,
        );
    }
    let mut split = Family::counter(
        "kumi_tasks_split_total",
        "Tasks that ended with a part of their work because they ran far longer than was expected.",
    );
    let splits = tallies.split.get(&Stage::Call).copied();
    split.add(
        &[("stage", Stage::Call.label())],
        splits.unwrap_or(0) as f64,
    );
    let mut copies = Family::counter(
        "kumi_speculative_attempts_total",
        "Second attempts at tasks that took far longer than was expected, by whether their result was taken.",
    );
    for (result, count) in [("won", tallies.copies.won), ("lost", tallies.copies.lost)] {
        copies.add(&[("result", result)], count as f64);
    }
    let mut wasted = Family::counter(
        "kumi_task_wasted_core_seconds_total",
        "Core time of attempts whose result was not taken.",
    );
    for stage in STAGES {
        let core_ms = tallies.wasted_core_milliseconds.get(&stage).copied();
        wasted.add(
            &[("stage", stage.label())],
            core_ms.unwrap_or(0) as f64 / 1e3,
        );
    }
    vec![
        finished,
        retries,
        split,
        copies,
        wasted,
        durations(
            "kumi_stage_duration_seconds",
            "Time of a task from its grant to its commit.",
            by(&tallies.stage_duration, |stage| ("stage", stage.label())),
        ),
        durations(
            "kumi_queue_wait_seconds",
            "Time of a task from ready to its grant.",
            by(&tallies.queue_wait, |stage| ("stage", stage.label())),
        ),
        durations(
            "kumi_turnaround_seconds",
            "Time from the submission of a genome to its gVCF.",
            by(&tallies.turnaround, |priority| {
                ("priority", priority.label())
            }),
        ),
    ]
}

type Labelled<'a> = ((&'static str, &'static str), &'a Histogram);

fn by<K>(
    histograms: &BTreeMap<K, Histogram>,
    label: impl Fn(&K) -> (&'static str, &'static str),
) -> Vec<Labelled<'_>> {
    histograms
        .iter()
        .map(|(key, histogram)| (label(key), histogram))
        .collect()
}

fn durations(name: &str, help: &str, histograms: Vec<Labelled<'_>>) -> Family {
    let bounds = BOUNDS_SECONDS.map(|bound| bound as f64);
    let mut family = Family::histogram(name, help);
    for (label, histogram) in histograms {
        family.add_histogram(
            &[label],
            &bounds,
            &histogram.counts,
            histogram.sum_ms as f64 / 1e3,
        );
    }
    family
}
