//! What others may ask. Every view is computed from the state and changes nothing.

mod backlog;
mod cohort;
mod release;
mod target;
mod why;

pub(crate) use cohort::cohort_state;
