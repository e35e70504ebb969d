//! Whole nodes: real files, real loopback gRPC, several nodes in one process.

mod harness;
mod membership;
mod replication;
