//! Criterion benches live in the folder above, one per kernel; the crate itself holds nothing.
