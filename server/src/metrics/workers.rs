//! The workers. Who there is comes from the log; what is busy on them only the leader knows.

use std::collections::BTreeMap;

use kumi_scheduler::{WorkerState, WorkerView};

use crate::limits;
use crate::metrics::family::Family;
use crate::soft::Soft;

pub(super) fn families(workers: &[WorkerView], lost: u64, now_ms: u64, soft: &Soft) -> Vec<Family> {
    let mut up = Family::gauge(
        "kumi_worker_up",
        "1 while the worker holds its registration.",
    );
    let mut info = Family::gauge("kumi_worker_info", "1; the labels tell what the worker is.");
    let mut cores = Family::gauge(
        "kumi_worker_cores",
        "Cores of a worker by state; only the leader knows them.",
    );
    let mut memory = Family::gauge(
        "kumi_worker_memory_bytes",
        "Memory that a worker offers to tasks, by kind; only the leader knows it.",
    );
    for view in newest(workers, now_ms) {
        let worker = ("worker", view.hello.name.as_str());
        let present = view.state != WorkerState::Lost;
        up.add(&[worker], if present { 1.0 } else { 0.0 });
        if !present {
            continue;
        }
        let labels = [
            worker,
            ("version", view.hello.version.as_str()),
            ("cpu", &view.hello.cpu),
            ("kernel_version", &view.hello.kernel_version),
        ];
        info.add(&labels, 1.0);
        let Some(seen) = soft.seen(view.id.0).filter(|seen| seen.report_ms > 0) else {
            continue;
        };
        let (all, free) = (view.hello.cores, seen.free_cores);
        cores.add(&[worker, ("state", "free")], f64::from(free));
        cores.add(
            &[worker, ("state", "busy")],
            f64::from(all.saturating_sub(free)),
        );
        let (all, free) = (view.hello.memory_bytes, seen.free_memory_bytes);
        memory.add(&[worker, ("kind", "free")], free as f64);
        memory.add(&[worker, ("kind", "busy")], all.saturating_sub(free) as f64);
    }
    let lost = Family::counter(
        "kumi_worker_lost_total",
        "Workers lost while they held tasks.",
    )
    .of(&[], lost as f64);
    let mut preempted = Family::counter(
        "kumi_preemptions_total",
        "Running tasks that this process, leading, asked to make room for urgent ones, by how they end.",
    );
    preempted.add(&[("how", "split")], soft.preempted.split as f64);
    preempted.add(&[("how", "stopped")], soft.preempted.stopped as f64);
    vec![up, info, cores, memory, lost, preempted]
}

/// The latest registration of each name, without those that have been gone for long.
fn newest(workers: &[WorkerView], now_ms: u64) -> Vec<&WorkerView> {
    let mut newest: BTreeMap<&str, &WorkerView> = BTreeMap::new();
    for view in workers {
        let shown = newest.entry(&view.hello.name).or_insert(view);
        if view.id > shown.id {
            *shown = view;
        }
    }
    let recent = |view: &&WorkerView| {
        view.state != WorkerState::Lost
            || now_ms.saturating_sub(view.since_ms) < limits::WORKER_SHOWN_MS
    };
    newest.into_values().filter(recent).collect()
}
