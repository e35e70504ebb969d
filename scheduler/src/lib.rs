//! The replicated state machine: cohorts, task grids, leases, ledger, policy, targets.
//!
//! [`State::apply`] takes one command of the log after another and answers with an [`Outcome`];
//! everything else looks and changes nothing. This crate does no I/O, asks for no time and no
//! randomness, starts no thread and never iterates in hash order: the same commands give the same
//! state, and [`State::snapshot`] of equal states the same bytes.

pub mod backlog;
mod bits;
mod cohort;
mod grid;
mod ledger;
mod limits;
mod outcome;
pub mod plan;
pub mod policy;
pub mod pool;
mod profile;
mod ripple;
mod rules;
mod snapshot;
mod state;
pub mod tallies;
mod unit;
mod usage;
pub mod version;
mod view;
mod worker;

pub use backlog::Backlog;
pub use outcome::{Code, Granted, Outcome, Rejection, Settlement, Verdict};
pub use snapshot::RestoreError;
pub use state::State;
pub use tallies::Tallies;
pub use unit::{EQ30X_BASES, Unit};
pub use worker::{WorkerState, WorkerView};
