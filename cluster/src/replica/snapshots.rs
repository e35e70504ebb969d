//! The whole state machine: taken when it is due, installed when the leader sends it, restored at the start.

use std::sync::Arc;

use raft::Storage as _;
use raft::eraftpb::{HardState, Snapshot};

use crate::audit::Head;
use crate::envelope::{self, Contents};
use crate::error::{Failure, StartError};
use crate::limits;
use crate::machine::StateMachine;
use crate::membership::{Membership, voters};
use crate::metrics::Counters;
use crate::replica::{Applied, POISONED, Replica};
use crate::storage::RaftStorage;
use crate::store::LogStore;

impl<S: StateMachine, L: LogStore> Replica<S, L> {
    pub(super) fn install(
        &mut self,
        snapshot: &Snapshot,
        hard_state: Option<&HardState>,
    ) -> Result<(), Failure> {
        {
            let mut shared = self.shared.write().expect(POISONED);
            if let Some(membership) = opened(snapshot)?.membership {
                check_version(&membership, self.known_version)?;
                self.membership = membership;
            }
            restore(&mut shared, snapshot)?;
            shared.version = self.membership.version;
            self.applied = shared.index;
            if let Some(audit) = &mut self.audit {
                audit.skip_to(shared.index, shared.head)?;
            }
        }
        self.conf = snapshot.get_metadata().get_conf_state().clone();
        self.campaign_ticks = self.config.campaign_ticks(&voters(&self.conf));
        self.peers.moved();
        self.raw.mut_store().install(snapshot, hard_state)?;
        Counters::add(&self.counters.snapshots_installed, 1);
        self.entries_since_snapshot = 0;
        self.bytes_since_snapshot = 0;
        Ok(())
    }

    pub(super) fn snapshot_if_due(&mut self) -> Result<(), Failure> {
        if !self.conf_changed
            && self.entries_since_snapshot < self.config.snapshot_every
            && self.bytes_since_snapshot < limits::LOG_BYTES_BETWEEN_SNAPSHOTS
        {
            return Ok(());
        }
        if let Some(audit) = &mut self.audit {
            audit.sync()?;
        }
        let data = {
            let shared = self.shared.read().expect(POISONED);
            envelope::seal(&self.membership, shared.head, &shared.machine.snapshot())
        };
        if data.len() > limits::SNAPSHOT_BYTES_MAX {
            return Err(Failure::SnapshotTooLarge { bytes: data.len() });
        }
        let index = self.applied;
        let storage = self.raw.mut_store();
        let mut snapshot = Snapshot {
            data: data.into(),
            ..Snapshot::default()
        };
        let metadata = snapshot.mut_metadata();
        metadata.index = index;
        metadata.term = storage.term(index).map_err(|error| Failure::Raft {
            reason: error.to_string(),
        })?;
        *metadata.mut_conf_state() = self.conf.clone();
        let tail = limits::LOG_TAIL_ENTRIES.min(self.config.snapshot_every);
        // The first entry never stays: a node that joins with an empty log must begin with a snapshot,
        // since the configuration of the founding is in no entry.
        let first = (index + 1).saturating_sub(tail).max(storage.first()).max(2);
        storage.compact(&snapshot, first)?;
        Counters::add(&self.counters.snapshots_taken, 1);
        self.entries_since_snapshot = 0;
        self.bytes_since_snapshot = 0;
        self.conf_changed = false;
        Ok(())
    }
}

/// The state machine as the store's snapshot has it, and who belongs to the cluster then.
pub(super) fn stored<S: StateMachine, L: LogStore>(
    machine: S,
    storage: &RaftStorage<L>,
) -> Result<(Applied<S>, Membership), StartError> {
    let known_version = machine.version();
    let mut membership = Membership::founded_by(&storage.conf_state().voters);
    let mut applied = Applied {
        machine,
        version: 0,
        index: 0,
        head: Head::default(),
    };
    if let Some(snapshot) = storage.stored_snapshot()? {
        let found = opened(&snapshot).map_err(StartError::State)?.membership;
        membership = found.unwrap_or(membership);
        check_version(&membership, known_version).map_err(StartError::State)?;
        restore(&mut applied, &snapshot).map_err(StartError::State)?;
    }
    applied.version = membership.version;
    Ok((applied, membership))
}

/// Refuses a version of the state machine that this build does not know.
pub(super) fn check_version(membership: &Membership, known: u32) -> Result<(), Failure> {
    let version = membership.version;
    if version > known {
        return Err(Failure::TooNew { version, known });
    }
    Ok(())
}

/// What a snapshot's envelope holds.
fn opened(snapshot: &Snapshot) -> Result<Contents<'_>, Failure> {
    envelope::open(&snapshot.data).map_err(|source| Failure::Snapshot {
        index: snapshot.get_metadata().index,
        source: Arc::new(source),
    })
}

fn restore<S: StateMachine>(applied: &mut Applied<S>, snapshot: &Snapshot) -> Result<(), Failure> {
    let index = snapshot.get_metadata().index;
    let Contents { head, state, .. } = opened(snapshot)?;
    applied
        .machine
        .restore(state)
        .map_err(|source| Failure::Restore {
            index,
            source: Arc::new(source),
        })?;
    applied.index = index;
    applied.head = head;
    Ok(())
}
