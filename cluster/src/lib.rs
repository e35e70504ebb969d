//! Replication of any state machine over raft-rs with a durable log
