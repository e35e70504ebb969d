//! The durable log in one redb file, `raft.redb`, in the node's data folder.
//!
//! Every change is one redb transaction committed with `Durability::Immediate`: it is on disk
//! when the method returns, whole. The file is created under another name and renamed once it is
//! complete, and the folder is synced, so that a crash never leaves half a log behind. It never
//! repairs: what is damaged is refused. Tables and records: `docs/formats/raft-log.md`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use raft::eraftpb::{Entry, HardState, Snapshot};
use redb::{Database, ReadableDatabase, ReadableTable, StorageBackend, WriteTransaction};

use crate::metrics::Counters;
use crate::store::file::{create_file, create_folder, io, open_backend, open_file};
use crate::store::records::{
    self, ENTRIES, Identity, META, SNAPSHOT, check_identity, damaged_entry, db, initialise,
    load_state, numbers, put_hard_state, put_meta, put_snapshot,
};
use crate::store::{LogStore, StoreError, StoredState, codec};

/// The file's name in the data folder.
pub const FILE_NAME: &str = "raft.redb";

/// See the module.
#[derive(Debug)]
pub struct DiskLog {
    database: Database,
    path: PathBuf,
    state: StoredState,
    boots: u64,
    counters: Arc<Counters>,
}

impl DiskLog {
    /// Opens the log of `identity` in `folder`, or creates it there.
    ///
    /// # Errors
    /// When the folder belongs to someone else, is in use, damaged or of another format, or the
    /// disk refuses.
    pub fn open(folder: &Path, identity: &Identity) -> Result<Self, StoreError> {
        create_folder(folder)?;
        let path = folder.join(FILE_NAME);
        if !path.try_exists().map_err(io("look for", &path))? {
            create_file(folder, &path, identity)?;
        }
        let database = open_file(&path)?;
        Self::adopt(database, path, identity)
    }

    /// Opens or creates the log of `identity` on a redb backend of the caller's: the seam through
    /// which tests and simulations lose and tear writes.
    ///
    /// # Errors
    /// As [`DiskLog::open`].
    pub fn open_on(backend: impl StorageBackend, identity: &Identity) -> Result<Self, StoreError> {
        let path = PathBuf::from("(backend)");
        let database = open_backend(&path, backend)?;
        let fresh = {
            let read = database.begin_read().map_err(db("begin"))?;
            read.open_table(META).is_err()
        };
        if fresh {
            initialise(&database, identity)?;
        }
        Self::adopt(database, path, identity)
    }

    /// How often this log has been opened, this time included: a number no earlier life of the
    /// node has used.
    pub fn boots(&self) -> u64 {
        self.boots
    }

    fn adopt(database: Database, path: PathBuf, identity: &Identity) -> Result<Self, StoreError> {
        check_identity(&database, &path, identity)?;
        let mut log = Self {
            state: load_state(&database)?,
            database,
            path,
            boots: 0,
            counters: Arc::default(),
        };
        let boots = log.read_meta("boots")?;
        log.boots = numbers::<1>(&boots, "boots")?[0] + 1;
        let boots = log.boots;
        log.commit(|transaction| put_meta(transaction, "boots", &codec::encode_numbers(&[boots])))?;
        Ok(log)
    }

    /// From now on this log counts there.
    pub(crate) fn count_in(&mut self, counters: Arc<Counters>) {
        counters
            .snapshot_bytes
            .store(self.state.snapshot_bytes, Ordering::Relaxed);
        self.counters = counters;
    }

    fn read_meta(&self, key: &'static str) -> Result<Vec<u8>, StoreError> {
        records::read_meta(&self.database, key)?.ok_or(StoreError::DamagedRecord {
            record: key.to_owned(),
        })
    }

    /// Runs `change` in one transaction that is durable when this returns.
    fn commit(
        &self,
        change: impl FnOnce(&WriteTransaction) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let begun = Instant::now();
        records::commit(&self.database, change)?;
        self.counters.observe_fsync(begun.elapsed());
        self.counters
            .wal_bytes
            .store(self.bytes(), Ordering::Relaxed);
        Ok(())
    }

    fn out_of_range(&self, asked: u64) -> StoreError {
        StoreError::OutOfRange {
            first: self.state.truncated.0 + 1,
            last: self.state.last_index,
            asked,
        }
    }
}

impl LogStore for DiskLog {
    fn state(&self) -> Result<StoredState, StoreError> {
        Ok(self.state.clone())
    }

    fn entries(&self, low: u64, high: u64, bytes_max: u64) -> Result<Vec<Entry>, StoreError> {
        if low <= self.state.truncated.0 {
            return Err(self.out_of_range(low));
        }
        if low > high || high > self.state.last_index + 1 {
            return Err(self.out_of_range(high));
        }
        let read = self.database.begin_read().map_err(db("read entries"))?;
        let table = read.open_table(ENTRIES).map_err(db("read entries"))?;
        let mut found = Vec::new();
        let mut bytes = 0u64;
        for (item, expected) in table
            .range(low..high)
            .map_err(db("read entries"))?
            .zip(low..)
        {
            let (key, value) = item.map_err(db("read entries"))?;
            let entry = (key.value() == expected)
                .then(|| codec::decode_entry(expected, value.value()))
                .flatten()
                .ok_or_else(|| damaged_entry(expected))?;
            bytes += entry.data.len() as u64;
            if !found.is_empty() && bytes > bytes_max {
                return Ok(found);
            }
            found.push(entry);
        }
        if found.len() as u64 == high - low {
            Ok(found)
        } else {
            Err(damaged_entry(low + found.len() as u64))
        }
    }

    fn term(&self, index: u64) -> Result<Option<u64>, StoreError> {
        if index == self.state.truncated.0 {
            return Ok(Some(self.state.truncated.1));
        }
        if index < self.state.truncated.0 || index > self.state.last_index {
            return Ok(None);
        }
        Ok(self.entries(index, index + 1, 0)?.first().map(|e| e.term))
    }

    fn snapshot(&self) -> Result<Option<Snapshot>, StoreError> {
        if self.state.snapshot_index == 0 {
            return Ok(None);
        }
        let [index, term, length] = numbers(&self.read_meta("snapshot")?, "snapshot")?;
        let read = self
            .database
            .begin_read()
            .map_err(db("read the snapshot"))?;
        let table = read.open_table(SNAPSHOT).map_err(db("read the snapshot"))?;
        let mut data = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        for (item, expected) in table.iter().map_err(db("read the snapshot"))?.zip(0u64..) {
            let (key, value) = item.map_err(db("read the snapshot"))?;
            let chunk = (key.value() == expected)
                .then(|| codec::decode_bytes(value.value()))
                .flatten()
                .ok_or_else(|| StoreError::DamagedRecord {
                    record: format!("snapshot chunk {expected}"),
                })?;
            data.extend_from_slice(chunk);
        }
        if data.len() as u64 != length {
            return Err(StoreError::DamagedRecord {
                record: "snapshot".to_owned(),
            });
        }
        let mut snapshot = Snapshot {
            data: data.into(),
            ..Snapshot::default()
        };
        let metadata = snapshot.mut_metadata();
        metadata.index = index;
        metadata.term = term;
        *metadata.mut_conf_state() = self.state.conf_state.clone();
        Ok(Some(snapshot))
    }

    fn append(
        &mut self,
        hard_state: Option<&HardState>,
        entries: &[Entry],
    ) -> Result<(), StoreError> {
        let old_last = self.state.last_index;
        if let Some(first) = entries.first()
            && (first.index <= self.state.truncated.0 || first.index > old_last + 1)
        {
            return Err(self.out_of_range(first.index));
        }
        self.commit(|transaction| {
            if let Some(hard_state) = hard_state {
                put_hard_state(transaction, hard_state)?;
            }
            let Some(last) = entries.last() else {
                return Ok(());
            };
            let mut table = transaction.open_table(ENTRIES).map_err(db("append"))?;
            for stale in last.index + 1..=old_last {
                table.remove(stale).map_err(db("append"))?;
            }
            for entry in entries {
                table
                    .insert(entry.index, codec::encode_entry(entry).as_slice())
                    .map_err(db("append"))?;
            }
            Ok(())
        })?;
        if let Some(hard_state) = hard_state {
            self.state.hard_state = hard_state.clone();
        }
        if let Some(last) = entries.last() {
            self.state.last_index = last.index;
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
        if first > index + 1 || index > self.state.last_index {
            return Err(self.out_of_range(first));
        }
        let old_first = self.state.truncated.0 + 1;
        let truncated = if first > old_first {
            let term = self.term(first - 1)?;
            (first - 1, term.ok_or_else(|| damaged_entry(first - 1))?)
        } else {
            self.state.truncated
        };
        self.commit(|transaction| {
            put_snapshot(transaction, snapshot, truncated)?;
            put_hard_state(transaction, hard_state)?;
            let mut table = transaction.open_table(ENTRIES).map_err(db("compact"))?;
            for old in old_first..=truncated.0 {
                table.remove(old).map_err(db("compact"))?;
            }
            Ok(())
        })?;
        self.state.truncated = truncated;
        self.remember(snapshot, hard_state);
        Ok(())
    }

    fn install(&mut self, snapshot: &Snapshot, hard_state: &HardState) -> Result<(), StoreError> {
        let metadata = snapshot.get_metadata();
        let truncated = (metadata.index, metadata.term);
        self.commit(|transaction| {
            put_snapshot(transaction, snapshot, truncated)?;
            put_hard_state(transaction, hard_state)?;
            transaction
                .delete_table(ENTRIES)
                .map_err(db("install a snapshot"))?;
            transaction
                .open_table(ENTRIES)
                .map_err(db("install a snapshot"))?;
            Ok(())
        })?;
        self.state.truncated = truncated;
        self.state.last_index = truncated.0;
        self.remember(snapshot, hard_state);
        Ok(())
    }

    fn bytes(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }
}

impl DiskLog {
    fn remember(&mut self, snapshot: &Snapshot, hard_state: &HardState) {
        let metadata = snapshot.get_metadata();
        self.state.snapshot_index = metadata.index;
        self.state.snapshot_bytes = snapshot.data.len() as u64;
        self.state.conf_state = metadata.get_conf_state().clone();
        self.state.hard_state = hard_state.clone();
        self.counters
            .snapshot_bytes
            .store(self.state.snapshot_bytes, Ordering::Relaxed);
    }
}
