//! Joint genotyping seen from outside.

mod census;
mod cohort;
mod dialects;
mod golden;
mod hostile;
mod order;
mod output;
mod real;
mod store;
