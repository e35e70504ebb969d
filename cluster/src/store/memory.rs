//! A log in memory: the model the durable one is tested against, and the store of simulations.
//!
//! It forgets everything with the process and must never stand behind a real node.

use std::collections::BTreeMap;

use raft::eraftpb::{ConfState, Entry, HardState, Snapshot};

use crate::store::{LogStore, StoreError, StoredState, within};

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct MemoryLog {
    hard_state: HardState,
    conf_state: ConfState,
    entries: BTreeMap<u64, Entry>,
    truncated: (u64, u64),
    snapshot: Option<Snapshot>,
}

impl MemoryLog {
    /// An empty log of a cluster with these voters.
    pub fn new(voters: Vec<u64>) -> Self {
        Self {
            conf_state: ConfState {
                voters,
                ..ConfState::default()
            },
            ..Self::default()
        }
    }

    fn last_index(&self) -> u64 {
        self.entries
            .last_key_value()
            .map_or(self.truncated.0, |(index, _)| *index)
    }

    fn check(&self, fits: bool, asked: u64) -> Result<(), StoreError> {
        if fits {
            return Ok(());
        }
        Err(StoreError::OutOfRange {
            first: self.truncated.0 + 1,
            last: self.last_index(),
            asked,
        })
    }
}

impl LogStore for MemoryLog {
    fn state(&self) -> Result<StoredState, StoreError> {
        let snapshot = self.snapshot.as_ref();
        Ok(StoredState {
            hard_state: self.hard_state.clone(),
            conf_state: self.conf_state.clone(),
            truncated: self.truncated,
            last_index: self.last_index(),
            snapshot_index: snapshot.map_or(0, |s| s.get_metadata().index),
            snapshot_bytes: snapshot.map_or(0, |s| s.data.len() as u64),
        })
    }

    fn entries(&self, low: u64, high: u64, bytes_max: u64) -> Result<Vec<Entry>, StoreError> {
        self.check(low > self.truncated.0, low)?;
        self.check(low <= high && high <= self.last_index() + 1, high)?;
        let range = || self.entries.range(low..high).map(|(_, entry)| entry);
        let count = within(bytes_max, range().map(|e| e.data.len() as u64));
        Ok(range().take(count).cloned().collect())
    }

    fn term(&self, index: u64) -> Result<Option<u64>, StoreError> {
        if index == self.truncated.0 {
            return Ok(Some(self.truncated.1));
        }
        Ok(self.entries.get(&index).map(|entry| entry.term))
    }

    fn snapshot(&self) -> Result<Option<Snapshot>, StoreError> {
        Ok(self.snapshot.clone())
    }

    fn append(
        &mut self,
        hard_state: Option<&HardState>,
        entries: &[Entry],
    ) -> Result<(), StoreError> {
        if let Some(first) = entries.first() {
            let fits = first.index > self.truncated.0 && first.index <= self.last_index() + 1;
            self.check(fits, first.index)?;
            let _ = self.entries.split_off(&first.index);
            self.entries
                .extend(entries.iter().map(|entry| (entry.index, entry.clone())));
        }
        if let Some(hard_state) = hard_state {
            self.hard_state = hard_state.clone();
        }
        Ok(())
    }

    fn compact(
        &mut self,
        snapshot: &Snapshot,
        hard_state: &HardState,
        first: u64,
    ) -> Result<(), StoreError> {
        let index = snapshot.get_metadata().index;
        self.check(first <= index + 1 && index <= self.last_index(), first)?;
        if first > self.truncated.0 + 1 {
            let term = self.term(first - 1)?.unwrap_or_default();
            self.entries = self.entries.split_off(&first);
            self.truncated = (first - 1, term);
        }
        self.conf_state = snapshot.get_metadata().get_conf_state().clone();
        self.snapshot = Some(snapshot.clone());
        self.hard_state = hard_state.clone();
        Ok(())
    }

    fn install(&mut self, snapshot: &Snapshot, hard_state: &HardState) -> Result<(), StoreError> {
        let metadata = snapshot.get_metadata();
        self.entries.clear();
        self.truncated = (metadata.index, metadata.term);
        self.conf_state = metadata.get_conf_state().clone();
        self.snapshot = Some(snapshot.clone());
        self.hard_state = hard_state.clone();
        Ok(())
    }

    fn bytes(&self) -> u64 {
        let entries: usize = self.entries.values().map(|entry| entry.data.len()).sum();
        entries as u64 + self.snapshot.as_ref().map_or(0, |s| s.data.len() as u64)
    }
}
