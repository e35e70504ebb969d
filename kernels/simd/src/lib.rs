//! Vector kernels with run-time dispatch, each beside its scalar oracle.
//!
//! A kernel takes a [`level::Level`] and gives the same bytes at every level: operations come in a
//! fixed order and floating point is never fused. This crate knows vectors, not genomes.

pub mod banded;
pub mod level;
pub mod packed;
pub mod pairhmm;
pub mod prefetch;
