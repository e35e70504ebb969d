//! Small questions that the leader asks of the replicated state.

use kumi_scheduler::{State, WorkerState};

/// Workers that are not lost.
pub(crate) fn present(state: &State) -> Vec<u64> {
    let workers = state.workers().into_iter();
    let present = workers.filter(|worker| worker.state != WorkerState::Lost);
    present.map(|worker| worker.id.0).collect()
}
