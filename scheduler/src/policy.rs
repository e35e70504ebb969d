//! Which tasks an idle worker gets. Looks at the state and changes nothing: what is picked becomes
//! a `Grant` in the log, which is checked again when it applies.

use kumi_proto::ids::WorkerId;
use kumi_proto::v1;

use crate::state::State;

/// What a worker has free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Who.
    pub worker: WorkerId,
    /// Cores without work.
    pub free_cores: u32,
    /// Memory without work.
    pub free_memory_bytes: u64,
}

/// At most `max` ready tasks that fit the offer together: by priority, then by cohort, and within a
/// cohort later stages first, so that genomes finish. Nothing for a worker that drains or is lost.
#[must_use]
pub fn pick(state: &State, offer: &Offer, max: usize) -> Vec<v1::TaskId> {
    let _ = (state, offer, max);
    Vec::new()
}
