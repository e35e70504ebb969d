//! A whole cluster in one file, and a new cluster from it.
//!
//! Layout in `docs/formats/raft-log.md`, "Backup". A restored cluster is founded anew: nodes of the one
//! that was backed up are strangers to it, even under the same name and ids.

use std::path::{Path, PathBuf};

use raft::eraftpb::{ConfState, HardState, Snapshot};

use crate::audit::Head;
use crate::config::{Config, ConfigError};
use crate::envelope::{self, EnvelopeError};
use crate::membership::{Membership, founding};
use crate::store::disk::{DiskLog, FILE_NAME};
use crate::store::file::{create_folder, io};
use crate::store::records::Identity;
use crate::store::{LogStore as _, StoreError};

const MAGIC: &[u8; 8] = b"KUMIBKUP";
const VERSION: u32 = 1;
/// The term of a restored cluster's first entry.
const TERM: u64 = 1;
/// Where a log is restored until it is whole.
const UNFINISHED: &str = "restoring";
/// What the root of a file system may hold.
const LOST_AND_FOUND: &str = "lost+found";

/// The state of a cluster at one index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// The cluster's name.
    pub cluster: String,
    /// Raft index up to which commands are in the state.
    pub index: u64,
    /// Version of the state machine that was in force.
    pub machine_version: u32,
    /// Head of the audit log up to the index: that of a restored cluster goes on from it.
    pub head: Head,
    /// The state machine's snapshot.
    pub state: Vec<u8>,
}

impl Backup {
    /// The file.
    ///
    /// # Panics
    /// When the cluster's name takes 4 GiB or more.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let name_bytes = u32::try_from(self.cluster.len()).expect("a name is short");
        let mut header = Vec::new();
        header.extend_from_slice(&self.index.to_le_bytes());
        header.extend_from_slice(&name_bytes.to_le_bytes());
        header.extend_from_slice(self.cluster.as_bytes());
        let membership = Membership {
            version: self.machine_version,
            ..Membership::default()
        };
        let mut file = MAGIC.to_vec();
        file.extend_from_slice(&VERSION.to_le_bytes());
        file.extend_from_slice(&header);
        file.extend_from_slice(&crc32fast::hash(&header).to_le_bytes());
        envelope::seal_onto(&mut file, &membership, self.head, &self.state);
        file
    }

    /// What [`Backup::encode`] gave.
    ///
    /// # Errors
    /// When anything about it is not as it was written.
    pub fn decode(file: &[u8]) -> Result<Self, BackupError> {
        let short = || BackupError::NotABackup;
        let (magic, rest) = file.split_first_chunk::<8>().ok_or_else(short)?;
        if magic != MAGIC {
            return Err(BackupError::NotABackup);
        }
        let (found, header) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        let found = u32::from_le_bytes(*found);
        if found != VERSION {
            return Err(BackupError::Version { found });
        }
        let (index, rest) = header.split_first_chunk::<8>().ok_or_else(short)?;
        let (name_bytes, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        let name_bytes = u32::from_le_bytes(*name_bytes) as usize;
        let (name, rest) = rest.split_at_checked(name_bytes).ok_or_else(short)?;
        let (checksum, sealed) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        let header = &header[..header.len() - rest.len()];
        if u32::from_le_bytes(*checksum) != crc32fast::hash(header) {
            return Err(BackupError::Header);
        }
        let contents = envelope::open(sealed)?;
        Ok(Self {
            cluster: String::from_utf8(name.to_vec()).map_err(|_| BackupError::Header)?,
            index: u64::from_le_bytes(*index),
            machine_version: contents.membership.map_or(1, |found| found.version),
            head: contents.head,
            state: contents.state.to_vec(),
        })
    }

    /// Creates the data folder of one founding node of a new cluster that begins with this state.
    /// Every node must be given the same backup and the same peers. The log has its name once it is whole:
    /// a restore that is killed can be repeated, and leaves nothing that a node would start from.
    ///
    /// # Errors
    /// When the folder holds anything already, the configuration cannot work, or the disk refuses.
    pub fn restore(&self, config: &Config) -> Result<(), BackupError> {
        config.validate()?;
        let unfinished = prepare(&config.data_dir)?;
        let voters = config.founders();
        let membership = Membership {
            founding: founding(&voters, &crc32fast::hash(&self.encode()).to_le_bytes()),
            version: self.machine_version,
            ..Membership::default()
        };
        let mut snapshot = Snapshot {
            data: envelope::seal(&membership, self.head, &self.state).into(),
            ..Snapshot::default()
        };
        let metadata = snapshot.mut_metadata();
        metadata.index = self.index;
        metadata.term = TERM;
        *metadata.mut_conf_state() = ConfState {
            voters: voters.clone(),
            ..ConfState::default()
        };
        let hard_state = HardState {
            term: TERM,
            commit: self.index,
            ..HardState::default()
        };
        let identity = Identity {
            cluster: config.cluster.clone(),
            node: config.id,
            voters,
        };
        let mut log = DiskLog::open(&unfinished, &identity)?;
        log.install(&snapshot, &hard_state)?;
        drop(log);
        let path = config.data_dir.join(FILE_NAME);
        std::fs::rename(unfinished.join(FILE_NAME), &path).map_err(io("create", &path))?;
        std::fs::remove_dir(&unfinished).map_err(io("remove", &unfinished))?;
        create_folder(&config.data_dir)?;
        Ok(())
    }
}

/// The folder within a data folder in which a restored log is written; what an earlier restore left of it is
/// removed. It is not beside the data folder, which may be a file system of its own.
fn prepare(data_dir: &Path) -> Result<PathBuf, BackupError> {
    create_folder(data_dir)?;
    let unfinished = data_dir.join(UNFINISHED);
    for entry in std::fs::read_dir(data_dir).map_err(io("list", data_dir))? {
        let path = entry.map_err(io("list", data_dir))?.path();
        if path != unfinished && path.file_name().is_none_or(|name| name != LOST_AND_FOUND) {
            return Err(BackupError::Exists { path });
        }
    }
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished).map_err(io("remove", &unfinished))?;
    }
    Ok(unfinished)
}

/// Why a backup cannot be read or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It does not start as a backup does, or ends in its header.
    #[error("this is not a backup of a cluster (wrong magic or too short)")]
    NotABackup,
    /// A newer version wrote it.
    #[error(
        "backup version {found} is not known here (this build knows {VERSION}); use the build that wrote it"
    )]
    Version {
        /// The version found.
        found: u32,
    },
    /// Its header is damaged.
    #[error("the header of the backup is damaged; take another copy of it")]
    Header,
    /// Its state is damaged or of an unknown version.
    #[error("the state in the backup cannot be used")]
    State(#[from] EnvelopeError),
    /// The folder is in use.
    #[error("{} exists; restore into an empty folder", path.display())]
    Exists {
        /// What is there.
        path: PathBuf,
    },
    /// The configuration cannot work.
    #[error("the cluster configuration is wrong")]
    Config(#[from] ConfigError),
    /// The folder cannot be used.
    #[error("the data folder cannot be used")]
    Store(#[from] StoreError),
}

impl BackupError {
    /// Whether the folder is in the way, not the backup.
    #[must_use]
    pub fn is_of_the_folder(&self) -> bool {
        matches!(self, Self::Exists { .. } | Self::Store(_) | Self::Config(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backup() -> Backup {
        Backup {
            cluster: "national".to_owned(),
            index: 77,
            machine_version: 2,
            head: Head([5; 32]),
            state: b"the whole state".to_vec(),
        }
    }

    #[test]
    fn what_is_in_the_folder_is_neither_mixed_in_nor_lost() {
        for kept in ["audit", FILE_NAME, "notes.txt"] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(kept), b"of before").unwrap();
            let refused = backup().restore(&Config::new(1, folder.path()));
            let Err(BackupError::Exists { path }) = refused else {
                panic!("{kept}: {refused:?}");
            };
            assert_eq!(path, folder.path().join(kept));
            let there: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
            assert_eq!(there.len(), 1, "nothing was made beside {kept}");
        }
    }

    #[test]
    fn a_restore_that_was_killed_is_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::new(1, folder.path().join("data"));
        let identity = Identity {
            cluster: config.cluster.clone(),
            node: 1,
            voters: config.founders(),
        };
        // Killed when the log was there and the state was not yet in it.
        let unfinished = prepare(&config.data_dir).unwrap();
        drop(DiskLog::open(&unfinished, &identity).unwrap());
        assert!(!config.data_dir.join(FILE_NAME).exists());
        backup().restore(&config).unwrap();
        let log = DiskLog::open(&config.data_dir, &identity).unwrap();
        let snapshot = log.snapshot().unwrap().unwrap();
        assert_eq!(snapshot.get_metadata().index, 77);
        drop(log);
        let again = backup().restore(&config);
        assert!(matches!(again, Err(BackupError::Exists { .. })));
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_noticed() {
        let backup = backup();
        let file = backup.encode();
        assert_eq!(Backup::decode(&file).unwrap(), backup);
        for at in 0..file.len() {
            assert!(Backup::decode(&file[..at]).is_err(), "cut at {at}");
            let mut broken = file.clone();
            broken[at] ^= 0x10;
            assert!(Backup::decode(&broken).is_err(), "byte {at}");
        }
    }
}
