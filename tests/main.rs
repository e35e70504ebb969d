//! Tests of the whole product: the `kumi` binary on real reads, and the tools of others on what it leaves behind.
//!
//! A test that needs a tool which is not installed says so and passes; CI installs all of them and sets
//! `KUMI_TEST_TOOLS=required`, which turns a missing tool into a failure.

mod align;
mod alternates;
mod audit;
mod bad;
mod client;
mod cluster;
mod cohort;
mod daemon;
mod daemons;
mod deploy;
mod determinism;
mod doctor;
mod hostile;
mod inputs;
mod interop;
mod kernels;
mod latency;
mod layers;
mod lengths;
mod membership;
mod memory;
mod metrics;
mod network;
mod objects;
mod ploidy;
mod pools;
mod qc;
mod releases;
mod run;
mod security;
mod shards;
mod slurm;
mod store;
mod support;
