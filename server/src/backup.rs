//! A new cluster from a backup of a lost one.

use std::net::SocketAddr;

use kumi_cluster::StateMachine as _;
use kumi_cluster::backup::{Backup, BackupError};
use kumi_scheduler::State;

use crate::config::Config;

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Name of the cluster that was backed up.
    pub cluster: String,
    /// Revision of the backup.
    pub revision: u64,
    /// Who founds the new cluster.
    pub nodes: Vec<u64>,
}

/// Creates the data folder of one node of a new cluster from the bytes of a backup. Every node of it
/// must be given the same backup and the same peers; then all are started as usual.
///
/// # Errors
/// When the backup is damaged, the folder holds a log already, or the disk refuses.
pub fn restore(file: &[u8], config: &Config) -> Result<Restored, RestoreError> {
    let mut backup = Backup::decode(file)?;
    let mut state = State::restore(&backup.state).map_err(|error| RestoreError::State {
        reason: error.to_string(),
    })?;
    let known = crate::machine::Machine::default().version();
    if backup.machine_version > known {
        let version = backup.machine_version;
        return Err(RestoreError::TooNew { version, known });
    }
    let revision = backup.index;
    backup.index += state.recover();
    backup.state = state.snapshot();
    // Without peers, other nodes find this one under the address that it says once it is up.
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let cluster = config.cluster(nowhere);
    backup.restore(&cluster)?;
    Ok(Restored {
        cluster: backup.cluster,
        revision,
        nodes: cluster.founders(),
    })
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The file or the folder cannot be used.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The scheduler's state in it cannot be read.
    #[error("the state in the backup cannot be read: {reason}")]
    State {
        /// Why.
        reason: String,
    },
    /// A newer build wrote it.
    #[error(
        "the backup needs version {version} of the state machine, this build knows {known}; restore it \
         with the newer build"
    )]
    TooNew {
        /// The version needed.
        version: u32,
        /// The newest one known here.
        known: u32,
    },
}
