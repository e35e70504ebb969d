//! Joint genotyping seen from outside.

mod cohort;
mod golden;
mod order;
mod real;
