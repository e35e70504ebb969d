//! What raft-rs reads its log through: the durable store with its newest entries in memory.

use std::collections::VecDeque;

use raft::eraftpb::{ConfState, Entry, HardState, Snapshot};
use raft::{GetEntriesContext, RaftState, Storage, StorageError};

use crate::limits;
use crate::store::{LogStore, StoreError, StoredState, within};

/// See the module. Writes go through to the store before they are visible here.
pub(crate) struct RaftStorage<L> {
    log: L,
    state: StoredState,
    /// The newest entries, contiguous up to the last one.
    cache: VecDeque<Entry>,
    cache_bytes: usize,
}

impl<L: LogStore> RaftStorage<L> {
    pub(crate) fn new(log: L) -> Result<Self, StoreError> {
        Ok(Self {
            state: log.state()?,
            log,
            cache: VecDeque::new(),
            cache_bytes: 0,
        })
    }

    pub(crate) fn hard_state(&self) -> &HardState {
        &self.state.hard_state
    }

    pub(crate) fn conf_state(&self) -> &ConfState {
        &self.state.conf_state
    }

    pub(crate) fn snapshot_index(&self) -> u64 {
        self.state.snapshot_index
    }

    pub(crate) fn first(&self) -> u64 {
        self.state.truncated.0 + 1
    }

    pub(crate) fn stored_snapshot(&self) -> Result<Option<Snapshot>, StoreError> {
        self.log.snapshot()
    }

    pub(crate) fn term_of(&self, index: u64) -> Result<Option<u64>, StoreError> {
        match self.cached(index) {
            Some(entry) => Ok(Some(entry.term)),
            None => self.log.term(index),
        }
    }

    /// Remembers a commit index that need not be durable: raft learns it again after a crash.
    pub(crate) fn note_commit(&mut self, commit: u64) {
        self.state.hard_state.commit = commit;
    }

    /// Makes entries durable, and term and vote when they changed. The commit index is only noted with them: what is
    /// applied before a crash is committed on a majority, and is learnt again.
    pub(crate) fn append(
        &mut self,
        hard_state: Option<&HardState>,
        entries: Vec<Entry>,
    ) -> Result<(), StoreError> {
        let hard_state = hard_state.unwrap_or(&self.state.hard_state).clone();
        let kept = &self.state.hard_state;
        let promised = (hard_state.term, hard_state.vote) != (kept.term, kept.vote);
        self.log.append(promised.then_some(&hard_state), &entries)?;
        self.state.hard_state = hard_state;
        let Some(first) = entries.first().map(|entry| entry.index) else {
            return Ok(());
        };
        while self.cache.back().is_some_and(|last| last.index >= first) {
            self.forget_back();
        }
        for entry in entries {
            self.state.last_index = entry.index;
            self.cache_bytes += entry.data.len();
            self.cache.push_back(entry);
        }
        while self.cache_bytes > limits::LOG_CACHE_BYTES_MAX {
            self.forget_front();
        }
        Ok(())
    }

    /// Keeps a snapshot of this node's state, drops the entries before `first`.
    pub(crate) fn compact(&mut self, snapshot: &Snapshot, first: u64) -> Result<(), StoreError> {
        self.log.compact(snapshot, &self.state.hard_state, first)?;
        self.state = self.log.state()?;
        while self.cache.front().is_some_and(|entry| entry.index < first) {
            self.forget_front();
        }
        Ok(())
    }

    /// Replaces the log by the leader's snapshot.
    pub(crate) fn install(
        &mut self,
        snapshot: &Snapshot,
        hard_state: Option<&HardState>,
    ) -> Result<(), StoreError> {
        let mut hard_state = hard_state.unwrap_or(&self.state.hard_state).clone();
        hard_state.commit = hard_state.commit.max(snapshot.get_metadata().index);
        self.log.install(snapshot, &hard_state)?;
        self.state = self.log.state()?;
        self.cache.clear();
        self.cache_bytes = 0;
        Ok(())
    }

    fn cached(&self, index: u64) -> Option<&Entry> {
        let first = self.cache.front()?.index;
        let at = usize::try_from(index.checked_sub(first)?).ok()?;
        self.cache.get(at)
    }

    fn forget_front(&mut self) {
        if let Some(entry) = self.cache.pop_front() {
            self.cache_bytes -= entry.data.len();
        }
    }

    fn forget_back(&mut self) {
        if let Some(entry) = self.cache.pop_back() {
            self.cache_bytes -= entry.data.len();
        }
    }
}

impl<L: LogStore> Storage for RaftStorage<L> {
    fn initial_state(&self) -> raft::Result<RaftState> {
        Ok(RaftState::new(
            self.state.hard_state.clone(),
            self.state.conf_state.clone(),
        ))
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _context: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        if low < self.first() {
            return Err(StorageError::Compacted.into());
        }
        if high > self.state.last_index + 1 {
            return Err(StorageError::Unavailable.into());
        }
        let bytes_max = max_size.into().unwrap_or(u64::MAX);
        if self.cached(low).is_none() {
            return self.log.entries(low, high, bytes_max).map_err(other);
        }
        let range = || (low..high).filter_map(|index| self.cached(index));
        let count = within(bytes_max, range().map(|entry| entry.data.len() as u64));
        Ok(range().take(count).cloned().collect())
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        if index < self.state.truncated.0 {
            return Err(StorageError::Compacted.into());
        }
        self.term_of(index)
            .map_err(other)?
            .ok_or_else(|| StorageError::Unavailable.into())
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.first())
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.state.last_index)
    }

    fn snapshot(&self, request_index: u64, _to: u64) -> raft::Result<Snapshot> {
        match self.log.snapshot().map_err(other)? {
            Some(snapshot) if snapshot.get_metadata().index >= request_index => Ok(snapshot),
            _ => Err(StorageError::SnapshotTemporarilyUnavailable.into()),
        }
    }
}

fn other(error: StoreError) -> raft::Error {
    StorageError::Other(Box::new(error)).into()
}
