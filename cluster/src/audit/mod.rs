//! The audit log: every applied entry of the raft log, for good, each chained to the one before it.
//!
//! The raft log forgets what a snapshot covers; this one does not. A [`Head`] is a digest over everything
//! applied so far. It is the same on every replica at the same index and is part of every snapshot, so a
//! file that was changed, cut or exchanged no longer leads to the head that the cluster knows. Layout of
//! the files in `docs/formats/audit-log.md`.

mod journal;
mod reader;
mod segment;

use raft::eraftpb::{ConfChangeType, ConfChangeV2, Entry, EntryType};
use sha2::{Digest as _, Sha256};

use crate::change;
use crate::entry::unpack;
use crate::membership::Membership;
use crate::store::codec;

pub(crate) use journal::Journal;
pub use reader::{Reader, beginnings};
pub use segment::Damage;

/// SHA-256 over the head before it and an entry's record; all zeros before the first entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head(pub [u8; 32]);

impl Head {
    /// The head after an entry whose record has these bytes.
    #[must_use]
    pub fn after(self, record: &[u8]) -> Self {
        let digest = Sha256::new().chain_update(self.0).chain_update(record);
        Self(digest.finalize().into())
    }
}

/// One applied entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its raft index.
    pub index: u64,
    /// Its bytes as the raft log has them: checksum, index, term, kind, context, payload.
    pub bytes: Vec<u8>,
    /// The head after it.
    pub head: Head,
}

/// What an entry did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Commands of the state machine, in their order; none: a leader began its term.
    Commands(Vec<Vec<u8>>),
    /// A change of who belongs to the cluster.
    Members {
        /// What changes, in words.
        what: String,
        /// Who asked for it; empty: the leader, to leave a joint configuration.
        actor: String,
    },
    /// A version of the state machine came into force.
    Version {
        /// The version.
        version: u32,
        /// Who asked for it.
        actor: String,
    },
}

impl Record {
    pub(crate) fn of(entry: &Entry, before: Head) -> Self {
        let bytes = codec::encode_entry(entry);
        Self {
            index: entry.index,
            head: before.after(&bytes),
            bytes,
        }
    }

    /// Term and deed; `None` when the bytes are no entry of that index.
    #[must_use]
    pub fn read(&self) -> Option<(u64, Deed)> {
        let entry = codec::decode_entry(self.index, &self.bytes)?;
        let deed = if entry.get_entry_type() != EntryType::EntryNormal {
            let coming = Membership::decode(&entry.context).unwrap_or_default();
            Deed::Members {
                what: in_words(&change::of(&entry).ok()?, &coming),
                actor: coming.actor,
            }
        } else if !entry.context.is_empty() {
            let Membership { version, actor, .. } = Membership::decode(&entry.context)?;
            Deed::Version { version, actor }
        } else if entry.data.is_empty() {
            Deed::Commands(Vec::new())
        } else {
            let commands = unpack(&entry.data).ok()?;
            Deed::Commands(commands.into_iter().map(<[u8]>::to_vec).collect())
        };
        Some((entry.term, deed))
    }
}

fn in_words(change: &ConfChangeV2, coming: &Membership) -> String {
    let steps = change.get_changes().iter().map(|step| {
        let id = step.node_id;
        match step.get_change_type() {
            ConfChangeType::AddNode => format!("node {id} votes"),
            ConfChangeType::RemoveNode => format!("node {id} leaves"),
            ConfChangeType::AddLearnerNode => {
                let address = coming.addresses.get(&id).map_or("", String::as_str);
                format!("node {id} at {address} learns")
            }
        }
    });
    let steps: Vec<_> = steps.collect();
    if steps.is_empty() {
        return "the joint configuration is left".to_owned();
    }
    steps.join(", ")
}

/// Why the audit log cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// A file or folder operation failed.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what was written.
    #[error("the audit log is damaged: {0}")]
    Damaged(#[from] Damage),
    /// It leads elsewhere than the raft log.
    #[error(
        "the audit log of this node and its raft log differ at entry {index}: one of them was changed; keep \
         both for whoever looks into it, and replace this node"
    )]
    Differs {
        /// The entry.
        index: u64,
    },
}

#[cfg(test)]
mod tests;
