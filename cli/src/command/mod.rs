//! One module per noun of the command line.

pub mod cohort;
pub mod kernel;
pub mod reference;
