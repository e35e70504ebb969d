//! Which of a cohort's last tasks are tried a second time, elsewhere. Looks at the state and changes nothing.

use std::collections::BTreeMap;

use kumi_proto::ids::WorkerId;
use kumi_proto::v1::TaskState;

use crate::cohort::Cohort;
use crate::limits::{COPIES_MAX, COPY_LAST_TASKS_MAX, SPLIT_CANDIDATES_MAX};
use crate::plan::need::Need;
use crate::policy::Watch;
use crate::policy::split::idle;
use crate::state::{Lease, State};
use crate::version::SECOND_ATTEMPTS;

/// Second attempts: on which worker, beside which attempt. For tasks that take far longer than was expected, the oldest
/// first, of cohorts of which nothing is ready and of stages of which few tasks are left, on workers that have cores for
/// which there is no other task.
#[must_use]
pub fn speculate(state: &State, watch: &Watch<'_>) -> Vec<(WorkerId, u64)> {
    if state.version < SECOND_ATTEMPTS {
        return Vec::new();
    }
    let room = COPIES_MAX.saturating_sub(state.copies.len());
    let after_ms = watch.after_ms.max(watch.copy_after_ms);
    let is_old = |attempt: &u64| (watch.age_ms)(*attempt) > after_ms;
    let old = state.leases.iter().filter(|(attempt, _)| is_old(attempt));
    let old = old.take(SPLIT_CANDIDATES_MAX);
    let late: Vec<(u64, &Lease)> = old
        .filter(|(attempt, lease)| is_late(state, watch, **attempt, lease))
        .map(|(attempt, lease)| (*attempt, lease))
        .collect();
    if room == 0 || late.is_empty() {
        return Vec::new();
    }
    let idle = idle(state, watch.offers).filter_map(|offer| {
        let id = offer.worker.0;
        let by_leases = state.free(id, state.workers.get(&id)?);
        let free = Need {
            cores: offer.free_cores,
            memory_bytes: offer.free_memory_bytes,
            scratch_bytes: by_leases.scratch_bytes,
        };
        Some((id, free))
    });
    let mut free: BTreeMap<u64, Need> = idle.collect();
    let mut chosen = Vec::new();
    for (attempt, lease) in late {
        if chosen.len() == room {
            break;
        }
        let copies = free.iter_mut().filter_map(|(worker, free)| {
            let copy = state.copy_for(attempt, *worker)?;
            let fits = copy.claim().fits(*free);
            let lasts = state.workers.get(worker).is_some_and(|worker| {
                state.ends_before(&state.cohorts[&lease.cohort], lease.cell, worker)
            });
            (fits && lasts && !has_failed_on(state, lease, *worker)).then_some((copy, free))
        });
        // The one with the most cores free: the least beside it.
        let most = copies.max_by_key(|(copy, free)| (free.cores, std::cmp::Reverse(copy.worker)));
        if let Some((copy, free)) = most {
            *free = free.less(copy.claim());
            chosen.push((WorkerId(copy.worker), attempt));
        }
    }
    chosen
}

fn is_late(state: &State, watch: &Watch<'_>, attempt: u64, lease: &Lease) -> bool {
    let cohort = &state.cohorts[&lease.cohort];
    !state.has_copy(attempt, lease)
        && is_among_last(cohort, lease)
        && state
            .late_after_ms(cohort, lease.cell)
            .is_some_and(|late_ms| (watch.age_ms)(attempt) > late_ms)
}

/// Whether few tasks of its stage are left, and nothing of its cohort waits for cores.
fn is_among_last(cohort: &Cohort, lease: &Lease) -> bool {
    let ready = |stage| cohort.grid(stage).count(TaskState::Ready);
    let left = cohort.grid(lease.cell.stage).unfinished();
    left <= COPY_LAST_TASKS_MAX
        && kumi_proto::STAGES
            .into_iter()
            .all(|stage| ready(stage) == 0)
}

fn has_failed_on(state: &State, lease: &Lease, worker: u64) -> bool {
    let trouble = state.cohorts[&lease.cohort].troubles.get(&lease.cell);
    let name = state.workers.get(&worker).map(|worker| &worker.hello.name);
    trouble.is_some_and(|trouble| name.is_some_and(|name| trouble.workers.contains(name)))
}
