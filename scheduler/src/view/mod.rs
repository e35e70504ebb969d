//! What others may ask. Every view is computed from the state and changes nothing.

mod backlog;
mod centre;
mod cohort;
mod demand;
mod kept;
mod pools;
mod queue;
mod release;
mod target;
mod wait;
mod why;

pub(crate) use cohort::cohort_state;
