//! Small questions that the leader asks of the replicated state.

use std::collections::BTreeSet;

use kumi_scheduler::{State, WorkerState};

/// Workers that are not lost.
pub(crate) fn present(state: &State) -> Vec<u64> {
    let workers = state.workers().into_iter();
    let present = workers.filter(|worker| worker.state != WorkerState::Lost);
    present.map(|worker| worker.id.0).collect()
}

/// Workers that an operator drains.
pub(crate) fn draining(state: &State) -> BTreeSet<u64> {
    let workers = state.workers().into_iter();
    let draining = workers
        .filter(|worker| matches!(worker.state, WorkerState::Draining | WorkerState::Drained));
    draining.map(|worker| worker.id.0).collect()
}
