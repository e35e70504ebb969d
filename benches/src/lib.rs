//! Criterion benches live beside this file, one per kernel; the crate itself holds nothing.
