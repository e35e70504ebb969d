//! The scheduler daemon: gRPC services in, proposals out, soft state, metrics.
//!
//! [`start`] runs one node of a cluster: the services of `kumi.v1`, raft between the nodes, health
//! and reflection on one endpoint, monitoring on another. Whatever must survive goes through the
//! log; heartbeats, progress and connections live in the leader's memory and are lost with it.
//!
//! This crate never decides what runs next and never reads a genome.

mod ages;
pub mod audit;
mod authorise;
pub mod backup;
mod caller;
mod clock;
pub mod config;
mod control;
mod dispatch;
mod elements;
mod endpoint;
mod environment;
mod guard;
mod intake;
mod leader;
pub mod limits;
mod machine;
mod metrics;
mod orders;
mod pool;
pub mod refusal;
mod roster;
mod server;
mod service;
mod session;
mod soft;
mod views;

pub use clock::Clock;
pub use config::{Config, ConfigError};
pub use environment::{Connection, Environment};
pub use machine::{Applied, Machine, Witness};
pub use server::{Server, StartError, StopError, start, start_in, start_with};
