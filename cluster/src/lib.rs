//! Replication of any state machine over raft-rs with a durable log.
//!
//! A [`Node`] replicates a [`StateMachine`] to its peers: [`Node::propose`] answers once a command
//! is durable on a majority and applied here, [`Node::read`] sees everything answered before it
//! began, [`Node::stale`] reads the local replica. The server that owns the node mounts
//! [`service`] on its gRPC endpoint; peers talk through it.
//!
//! This crate never knows what a command means, never invents time or randomness for the state
//! machine, and never acknowledges what is not on disk.

mod addresses;
pub mod audit;
pub mod backup;
mod change;
mod config;
mod desk;
pub mod entry;
pub mod envelope;
mod environment;
mod error;
mod event;
mod event_loop;
pub mod limits;
mod log_bridge;
mod machine;
pub mod membership;
mod metrics;
mod node;
mod pending;
mod reads;
mod replica;
mod status;
mod storage;
pub mod store;
mod transport;

pub use change::{Change, ChangeError};
pub use config::{Config, ConfigError};
pub use environment::{Drive, Environment};
pub use error::{Failure, ProposeError, ReadError, StartError};
pub use machine::{RestoreError, StateMachine, UnknownCommand};
pub use metrics::{BOUNDS_SECONDS, Histogram, Metrics};
pub use node::Node;
pub use status::{Role, Status};
pub use transport::service::{RaftEndpoint, Sender, service};
