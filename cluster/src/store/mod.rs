//! The durable log: what raft may forget only after it was told to.
//!
//! [`LogStore`] is the seam; [`crate::store::disk::DiskLog`] keeps it in one file,
//! [`crate::store::memory::MemoryLog`] in memory (the model of the tests). A store never decides:
//! it keeps entries, hard state, configuration and one snapshot, and gives them back.

pub mod codec;
pub mod disk;
pub(crate) mod file;
pub mod memory;
pub(crate) mod newest;
pub mod records;
#[cfg(test)]
mod tests;
pub(crate) mod wal;

use std::path::PathBuf;

use raft::eraftpb::{ConfState, Entry, HardState, Snapshot};

/// Where a log begins and ends, and what it remembers beside its entries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredState {
    /// Term, vote and commit index.
    pub hard_state: HardState,
    /// Who votes.
    pub conf_state: ConfState,
    /// Index and term of the entry before the first one kept; (0, 0) at the beginning.
    pub truncated: (u64, u64),
    /// Index of the last entry; `truncated.0` when there are none.
    pub last_index: u64,
    /// Index of the snapshot, 0 without one.
    pub snapshot_index: u64,
    /// Length of the snapshot's data, bytes.
    pub snapshot_bytes: u64,
}

/// Keeps a raft log. Every method that changes something returns only once the change would
/// survive a power loss, and a change is made whole or not at all.
pub trait LogStore: Send + 'static {
    /// Everything but entries and snapshot data.
    ///
    /// # Errors
    /// When the store cannot be read or is damaged.
    fn state(&self) -> Result<StoredState, StoreError>;

    /// Entries `low..high` (1-based raft indices, half-open), cut off once `bytes_max` of payload
    /// are exceeded, but at least one.
    ///
    /// # Errors
    /// When one of them is absent or damaged, or the store cannot be read.
    fn entries(&self, low: u64, high: u64, bytes_max: u64) -> Result<Vec<Entry>, StoreError>;

    /// The term of a kept entry or of the truncated one before them; `None` for any other.
    ///
    /// # Errors
    /// When the store cannot be read or is damaged.
    fn term(&self, index: u64) -> Result<Option<u64>, StoreError>;

    /// The snapshot with its data.
    ///
    /// # Errors
    /// When the store cannot be read or is damaged.
    fn snapshot(&self) -> Result<Option<Snapshot>, StoreError>;

    /// Replaces everything from the first entry's index on by `entries`, and the hard state.
    ///
    /// # Errors
    /// When `entries` would leave a gap or overwrite what was truncated, or on a failed write.
    fn append(
        &mut self,
        hard_state: Option<&HardState>,
        entries: &[Entry],
    ) -> Result<(), StoreError>;

    /// Keeps a snapshot of this node's own state and drops the entries before `first`.
    ///
    /// # Errors
    /// When `first` is past the snapshot or the log, or on a failed write.
    fn compact(
        &mut self,
        snapshot: &Snapshot,
        hard_state: &HardState,
        first: u64,
    ) -> Result<(), StoreError>;

    /// Replaces the whole log by a snapshot of the leader.
    ///
    /// # Errors
    /// On a failed write.
    fn install(&mut self, snapshot: &Snapshot, hard_state: &HardState) -> Result<(), StoreError>;

    /// Bytes the store takes up.
    fn bytes(&self) -> u64;
}

/// Why the durable log cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or folder operation failed.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried: `create`, `sync`, ….
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// redb failed in an operation on an open file.
    #[error("the raft log could not {action}")]
    Database {
        /// What was tried: `read entries`, `commit`, ….
        action: &'static str,
        /// Why.
        #[source]
        source: Box<redb::Error>,
    },
    /// Another process, or another node of this process, uses the folder.
    #[error("{} is in use by a running node; stop it first", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is not what redb wrote.
    #[error(
        "raft log {} is damaged: {detail}; do not run this node on it: keep the folder, and \
         replace the node by one with a new id (kumi cluster replace)",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// A record of the open log is damaged.
    #[error("record {record} of the raft log is damaged; stop this node and replace it")]
    DamagedRecord {
        /// Which: `entry 17`, `hard state`, ….
        record: String,
    },
    /// A newer version wrote it.
    #[error(
        "{} has log format {found}, this version knows {expected}; use the version that wrote it",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// The format found.
        found: u32,
        /// The format known.
        expected: u32,
    },
    /// It belongs to another node or cluster.
    #[error(
        "{} belongs to node {found_node} of cluster {found_cluster:?}, not to node {node} of \
         cluster {cluster:?}; give each node its own data folder",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Node id found in it.
        found_node: u64,
        /// Cluster name found in it.
        found_cluster: String,
        /// Node id configured.
        node: u64,
        /// Cluster name configured.
        cluster: String,
    },
    /// Entries were asked for or given that do not fit the log.
    #[error("the raft log holds entries {first} to {last}; {asked} does not fit it")]
    OutOfRange {
        /// First entry kept.
        first: u64,
        /// Last entry.
        last: u64,
        /// What was asked for or given.
        asked: u64,
    },
}

/// The first `count` of `sizes` that fit into `bytes_max`, but at least one.
pub(crate) fn within(bytes_max: u64, sizes: impl Iterator<Item = u64>) -> usize {
    let mut total = 0u64;
    let mut count = 0;
    for size in sizes {
        total = total.saturating_add(size);
        if count > 0 && total > bytes_max {
            break;
        }
        count += 1;
    }
    count
}
