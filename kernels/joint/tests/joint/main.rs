//! Joint genotyping seen from outside.

mod cohort;
mod golden;
mod hostile;
mod order;
mod real;
