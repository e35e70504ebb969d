//! A scheduler as its clients, workers and monitoring see it: real sockets, real logs on disk, in
//! one process.

mod cluster;
mod cohorts;
mod harness;
mod metrics;
mod worker;
mod workers;
