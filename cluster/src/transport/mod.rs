//! Raft messages between nodes over gRPC: one outgoing stream for each peer.
//!
//! Losing a message is allowed, blocking the event loop is not: queues are bounded and drop.

pub(crate) mod frame;
pub(crate) mod inbox;
pub(crate) mod outbox;
pub(crate) mod peer;
pub(crate) mod service;
