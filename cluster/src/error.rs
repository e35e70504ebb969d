//! What can go wrong, by operation: starting, proposing, reading; and why a node stops.

use std::path::PathBuf;
use std::sync::Arc;

use crate::audit::AuditError;
use crate::config::ConfigError;
use crate::entry::UnpackError;
use crate::envelope::EnvelopeError;
use crate::machine::{RestoreError, UnknownCommand};
use crate::store::StoreError;

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot work.
    #[error("the cluster configuration is wrong")]
    Config(#[from] ConfigError),
    /// A peer's address is not one.
    #[error("the address {address:?} of node {id} is not host:port")]
    Address {
        /// The peer.
        id: u64,
        /// As configured.
        address: String,
    },
    /// A cluster of one was told that it has peers.
    #[error(
        "{} holds a cluster of node {id} alone, the configuration names other nodes; leave them out \
         and let the cluster take them in (kumi cluster add)",
        data_dir.display()
    )]
    Alone {
        /// The data folder.
        data_dir: PathBuf,
        /// The node.
        id: u64,
    },
    /// The data folder cannot be used.
    #[error("the data folder cannot be used")]
    Store(#[from] StoreError),
    /// The state on disk cannot be restored.
    #[error("the state on disk cannot be restored")]
    State(#[source] Failure),
    /// The audit log cannot be kept.
    #[error("the audit log cannot be kept")]
    Audit(#[from] AuditError),
    /// The node's thread could not be started.
    #[error("the node's thread could not be started")]
    Thread(#[source] std::io::Error),
}

/// Why a proposal has no outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// Nothing was proposed: another node leads, or none does.
    #[error("{}", not_leader(.leader.as_ref()))]
    NotLeader {
        /// The leader's id and address, if this node knows one.
        leader: Option<(u64, String)>,
    },
    /// Leadership changed while the command was under way: it may or may not be applied.
    #[error("leadership changed before the command was applied; ask whether it was, then retry")]
    Lost,
    /// The node has stopped. A command under way may or may not be applied.
    #[error("this node has stopped; ask another one")]
    Stopped,
    /// The command is larger than a log entry may be.
    #[error(
        "the command has {bytes} bytes, at most {} are possible; split it",
        crate::limits::COMMAND_BYTES_MAX
    )]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
}

pub(crate) fn not_leader(leader: Option<&(u64, String)>) -> String {
    match leader {
        Some((id, address)) => {
            format!("this node does not lead; ask node {id} at {address}")
        }
        None => "the cluster has no leader now; retry in a moment".to_owned(),
    }
}

/// Why a linearizable read was not possible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// No leader confirmed the read in time.
    #[error("no leader confirmed the read in time; retry, or read the local replica as stale")]
    NoLeader,
    /// The node has stopped.
    #[error("this node has stopped; ask another one")]
    Stopped,
}

/// Why a running node had to stop by itself.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// The durable log failed: nothing can be acknowledged any more.
    #[error("the durable log failed")]
    Store(#[source] Arc<StoreError>),
    /// A committed entry cannot be applied.
    #[error("log entry {index} cannot be applied")]
    Entry {
        /// Its index.
        index: u64,
        /// Why.
        #[source]
        source: Arc<UnpackError>,
    },
    /// The audit log cannot be kept.
    #[error("the audit log cannot be kept")]
    Audit(#[source] Arc<AuditError>),
    /// A committed command is of a kind that this version does not know.
    #[error("log entry {index} cannot be applied")]
    Command {
        /// Its index.
        index: u64,
        /// Why.
        #[source]
        source: Arc<UnknownCommand>,
    },
    /// The cluster has gone over to a newer state machine.
    #[error(
        "the cluster uses version {version} of the state machine, this build knows {known}; start the \
         newer build of kumi on this data folder"
    )]
    TooNew {
        /// The version in force.
        version: u32,
        /// The newest one known here.
        known: u32,
    },
    /// A committed entry changes the membership in a way that makes no sense here.
    #[error("log entry {index} changes the membership and cannot be applied: {reason}")]
    Membership {
        /// Its index.
        index: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A snapshot is damaged or of an unknown version.
    #[error("the snapshot at index {index} is unusable")]
    Snapshot {
        /// Its index.
        index: u64,
        /// Why.
        #[source]
        source: Arc<EnvelopeError>,
    },
    /// The state machine does not understand a snapshot.
    #[error("the snapshot at index {index} was refused")]
    Restore {
        /// Its index.
        index: u64,
        /// Why.
        #[source]
        source: Arc<RestoreError>,
    },
    /// The state has outgrown what a snapshot may hold.
    #[error("the state machine's snapshot has {bytes} bytes, more than a message may have")]
    SnapshotTooLarge {
        /// Its length.
        bytes: usize,
    },
    /// raft-rs refused its own state.
    #[error("raft refused: {reason}")]
    Raft {
        /// In its words.
        reason: String,
    },
    /// A broken invariant, in the state machine or in raft.
    #[error("an invariant is broken: {message}; the node stopped before doing harm")]
    Panicked {
        /// The panic's message.
        message: String,
    },
}

impl From<AuditError> for Failure {
    fn from(source: AuditError) -> Self {
        Self::Audit(Arc::new(source))
    }
}

impl From<StoreError> for Failure {
    fn from(source: StoreError) -> Self {
        Self::Store(Arc::new(source))
    }
}
