//! The worker daemon: it leases tasks from the scheduler, runs the kernels on them, and publishes
//! what they make.
//!
//! `agent` decides (purely), `daemon` carries its decisions out, `executor` gives every
//! task its own threads, `objects` reaches S3, `cache` has what lies there as files, `task` turns a `Spec` into files, `store` is the only door through which a
//! file becomes visible. A worker never decides what to run next, never talks to another worker, and
//! never reports a file that it has not validated, synced and renamed.

pub mod agent;
pub mod cache;
pub mod capabilities;
mod certificate;
mod cgroup;
pub mod control;
pub mod daemon;
pub mod endpoint;
pub mod executor;
pub mod fault;
pub mod fingerprint;
pub mod indexed;
mod measure;
pub mod metrics;
pub mod objects;
mod open_files;
mod scratch;
pub mod store;
pub mod supply;
mod task;

pub use capabilities::{KERNEL_VERSION, capabilities};
