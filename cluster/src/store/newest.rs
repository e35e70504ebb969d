//! The newest changes of a log, which redb does not have yet.

use std::collections::VecDeque;

use raft::eraftpb::HardState;
use redb::{ReadableTable as _, WriteTransaction};

use crate::store::StoreError;
use crate::store::records::{ENTRIES, db, put_hard_state};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Newest {
    hard_state: Option<HardState>,
    /// Index of the first entry; those of redb from there on are replaced.
    first: u64,
    /// As redb will hold them.
    entries: VecDeque<Vec<u8>>,
}

impl Newest {
    /// The entry of an index, encoded.
    pub(crate) fn get(&self, index: u64) -> Option<&[u8]> {
        let at = usize::try_from(index.checked_sub(self.first)?).ok()?;
        self.entries.get(at).map(Vec::as_slice)
    }

    /// Takes a change: entries, encoded, replace all from the index of the first one on.
    pub(crate) fn take(
        &mut self,
        hard_state: Option<HardState>,
        first: u64,
        entries: Vec<Vec<u8>>,
    ) {
        if hard_state.is_some() {
            self.hard_state = hard_state;
        }
        if entries.is_empty() {
            return;
        }
        if self.entries.is_empty() || first < self.first {
            self.first = first;
        }
        let kept = usize::try_from(first - self.first).unwrap_or(usize::MAX);
        self.entries.truncate(kept);
        self.entries.extend(entries);
    }

    /// Index of the last entry; none without one.
    pub(crate) fn last(&self) -> Option<u64> {
        let count = self.entries.len() as u64;
        (count > 0).then(|| self.first + count - 1)
    }

    /// Term, vote and commit index, if they changed.
    pub(crate) fn hard_state(&self) -> Option<&HardState> {
        self.hard_state.as_ref()
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.hard_state.is_none() && self.entries.is_empty()
    }

    /// Writes them into redb's tables.
    pub(crate) fn put(&self, transaction: &WriteTransaction) -> Result<(), StoreError> {
        if let Some(hard_state) = &self.hard_state {
            put_hard_state(transaction, hard_state)?;
        }
        if self.entries.is_empty() {
            return Ok(());
        }
        let mut table = transaction.open_table(ENTRIES).map_err(db("append"))?;
        let last = table.last().map_err(db("append"))?;
        let last = last.map_or(0, |(key, _)| key.value());
        for stale in self.first + self.entries.len() as u64..=last {
            table.remove(stale).map_err(db("append"))?;
        }
        for (index, entry) in (self.first..).zip(&self.entries) {
            table
                .insert(index, entry.as_slice())
                .map_err(db("append"))?;
        }
        Ok(())
    }
}
