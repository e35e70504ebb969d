//! A scheduler as its clients, workers and monitoring see it: real sockets, real logs on disk, in
//! one process.

mod cluster;
mod cohorts;
mod harness;
mod hostile;
mod metrics;
mod secure;
mod security;
mod worker;
mod workers;
