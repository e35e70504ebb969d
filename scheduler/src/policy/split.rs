//! Which running call tasks are to leave their rest to others. Looks at the state and changes nothing.

use std::collections::BTreeMap;

use kumi_proto::ids::WorkerId;
use kumi_proto::v1::Stage;

use crate::cohort::Cohort;
use crate::limits::{SPLIT_CANDIDATES_MAX, SPLIT_FACTOR, SPLIT_PIECES_MAX};
use crate::policy::backfill::Kept;
use crate::policy::{Offer, Picker, Promised};
use crate::state::{Lease, State};

/// What the leader knows besides the state.
pub struct Watch<'a> {
    /// For how many milliseconds the leader has seen an attempt run.
    pub age_ms: &'a dyn Fn(u64) -> u64,
    /// How long a task runs at least before it is split.
    pub after_ms: u64,
    /// And before it is tried a second time: what is over soon is not worth that.
    pub copy_after_ms: u64,
    /// What connected workers have free.
    pub offers: &'a [Offer],
    /// Whether an attempt was asked to split before.
    pub was_asked: &'a dyn Fn(u64) -> bool,
}

/// The current attempts.
#[must_use]
pub fn running(state: &State) -> Vec<u64> {
    state.leases.keys().copied().collect()
}

/// Attempts at call tasks that run three times as long as was expected, those that run the longest first, while workers
/// have cores for which there is no task. A task of which nothing is known is left alone.
#[must_use]
pub fn split(state: &State, watch: &Watch<'_>) -> Vec<(WorkerId, u64)> {
    let idle: Vec<&Offer> = idle(state, watch.offers).collect();
    let cores: u32 = idle.iter().map(|offer| offer.free_cores).sum();
    let leases = state.leases.iter();
    let (asked, others): (Vec<_>, Vec<_>) =
        leases.partition(|(attempt, _)| (watch.was_asked)(**attempt));
    // Each leaves all but one of its pieces to others.
    let wanted = cores.div_ceil(SPLIT_PIECES_MAX - 1) as usize;
    let room = wanted.saturating_sub(asked.len());
    if room == 0 {
        return Vec::new();
    }
    let row_of = |lease: &Lease| (lease.cohort, lease.cell.row);
    let mut promised: BTreeMap<(u64, u32), usize> = BTreeMap::new();
    for (_, lease) in &asked {
        *promised.entry(row_of(lease)).or_default() += 1;
    }
    let is_old = |attempt: &u64| (watch.age_ms)(*attempt) > watch.after_ms;
    let late = others
        .into_iter()
        .filter(|(attempt, lease)| lease.cell.stage == Stage::Call && is_old(attempt))
        .filter(|(attempt, lease)| !state.has_copy(**attempt, lease));
    // Attempts are numbered in the order in which they began.
    let mut late: Vec<(&u64, &Lease)> = late.take(SPLIT_CANDIDATES_MAX).collect();
    late.retain(|(attempt, lease)| {
        let cohort = &state.cohorts[&lease.cohort];
        let promised = promised.entry(row_of(lease)).or_default();
        let expected_ms = state.expected_ms(cohort, lease.cell);
        let splits = expected_ms
            .is_some_and(|ms| (watch.age_ms)(**attempt) > SPLIT_FACTOR.saturating_mul(ms))
            && cohort.spare(lease.cell.row).count() >= (*promised + 1) * SPLIT_PIECES_MAX as usize
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

/// Workers that have something free for which there is no task, and that are kept for none.
pub(super) fn idle<'a>(state: &State, offers: &'a [Offer]) -> impl Iterator<Item = &'a Offer> {
    let offers = offers.iter();
    offers.filter(|offer| {
        let mut promised = Promised::default();
        let picker = Picker::new(state, offer, 1, &mut promised);
        picker.is_none_or(|mut picker| {
            picker.serve();
            picker.picked.is_empty() && !matches!(picker.kept, Kept::Here(_))
        })
    })
}

/// Whether a worker that has so much free could do a piece of a task.
fn could_take(state: &State, offer: &Offer, cohort: &Cohort, lease: &Lease) -> bool {
    let worker = state.workers.get(&offer.worker.0);
    worker.is_some_and(|worker| {
        worker.takes_tasks()
            && worker.suits(cohort)
            && offer.free_memory_bytes >= cohort.need(lease.cell).memory_bytes
            && state.free(offer.worker.0, worker).scratch_bytes >= lease.scratch_bytes
    })
}
