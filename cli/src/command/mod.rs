//! One module per noun of the command line.

pub mod audit;
pub mod certs;
pub mod cluster;
pub mod cohort;
pub mod completions;
pub mod doctor;
pub mod kernel;
mod opened;
mod pools;
pub mod queue;
pub mod reference;
pub mod release;
pub mod scheduler;
pub mod target;
pub mod worker;
