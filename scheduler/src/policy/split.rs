//! Which running call tasks are to leave their rest to others. Looks at the state and changes nothing.

use std::collections::BTreeMap;

use kumi_proto::ids::WorkerId;
use kumi_proto::v1::Stage;

use crate::cohort::Cohort;
use crate::limits::{SPLIT_CANDIDATES_MAX, SPLIT_FACTOR, SPLIT_PIECES_MAX};
use crate::policy::{Offer, pick};
use crate::state::{Lease, State};

/// What the leader knows besides the state.
pub struct Watch<'a> {
    /// Unix milliseconds.
    pub now_ms: u64,
    /// How long a task runs at least before it is split.
    pub after_ms: u64,
    /// What connected workers have free.
    pub offers: &'a [Offer],
    /// Whether an attempt was asked to split before.
    pub was_asked: &'a dyn Fn(u64) -> bool,
}

/// Attempts at call tasks that run three times as long as was expected, those that run the longest first, while workers
/// have cores for which there is no task. A task of which nothing is known is left alone.
#[must_use]
pub fn split(state: &State, watch: &Watch<'_>) -> Vec<(WorkerId, u64)> {
    let idle = watch.offers.iter();
    let idle: Vec<&Offer> = idle
        .filter(|offer| pick(state, offer, 1).is_empty())
        .collect();
    let cores: u32 = idle.iter().map(|offer| offer.free_cores).sum();
    let leases = state.leases.iter();
    let (asked, others): (Vec<_>, Vec<_>) =
        leases.partition(|(attempt, _)| (watch.was_asked)(**attempt));
    // Each leaves all but one of its pieces to others.
    let wanted = cores.div_ceil(SPLIT_PIECES_MAX - 1) as usize;
    let room = wanted.saturating_sub(asked.len());
    let row_of = |lease: &Lease| (lease.cohort, lease.cell.row);
    let mut promised: BTreeMap<(u64, u32), usize> = BTreeMap::new();
    for (_, lease) in &asked {
        *promised.entry(row_of(lease)).or_default() += 1;
    }
    let elapsed_ms = |lease: &Lease| watch.now_ms.saturating_sub(lease.started_ms);
    let late = others
        .into_iter()
        .filter(|(_, lease)| lease.cell.stage == Stage::Call && elapsed_ms(lease) > watch.after_ms);
    let mut late: Vec<(&u64, &Lease)> = late.collect();
    late.sort_by_key(|(attempt, lease)| (lease.started_ms, **attempt));
    late.truncate(SPLIT_CANDIDATES_MAX);
    late.retain(|(_, lease)| {
        let cohort = &state.cohorts[&lease.cohort];
        let promised = promised.entry(row_of(lease)).or_default();
        let expected_ms = state.expected_ms(cohort, lease.cell);
        let splits = expected_ms
            .is_some_and(|ms| elapsed_ms(lease) > SPLIT_FACTOR.saturating_mul(ms))
            && cohort.spare(lease.cell.row).count() > *promised
            && idle
                .iter()
                .any(|offer| could_take(state, offer, cohort, lease));
        *promised += usize::from(splits);
        splits
    });
    let chosen = late.into_iter().take(room);
    chosen
        .map(|(attempt, lease)| (WorkerId(lease.worker), *attempt))
        .collect()
}

/// Whether a worker that has so much free could do a piece of a task.
fn could_take(state: &State, offer: &Offer, cohort: &Cohort, lease: &Lease) -> bool {
    let worker = state.workers.get(&offer.worker.0);
    worker.is_some_and(|worker| {
        worker.takes_tasks()
            && worker.computes(cohort.kernel_version())
            && offer.free_memory_bytes >= cohort.need(lease.cell).memory_bytes
    })
}
