//! The durable log in one file, `raft.redb`, in the node's data folder: a write-ahead log in front of a database of redb.
//!
//! A small change is a record of the write-ahead log; a large one, a snapshot, and what makes the log full is one redb
//! transaction that also takes over all records. Either way it is on disk when the method returns, whole. After a write
//! that failed nobody knows what is there, and the log takes no more until it is opened again. The file is created under
//! another name and renamed once it is complete, and the folder is synced, so that a crash never leaves half a log
//! behind. It never repairs: what is damaged is refused. Tables and records: `docs/formats/raft-log.md`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use raft::eraftpb::{Entry, HardState, Snapshot};
use redb::{Database, ReadableDatabase, ReadableTable, StorageBackend, WriteTransaction};

use crate::metrics::Counters;
use crate::store::file::{
    Opened, create_file, create_folder, damaged, io, open_backend, open_file,
};
use crate::store::newest::Newest;
use crate::store::records::{
    self, ENTRIES, Identity, META, SNAPSHOT, check_identity, damaged_entry, db, initialise,
    load_state, numbers, put_hard_state, put_meta, put_snapshot, put_wal, required_meta,
};
use crate::store::wal::{Found, WriteAhead};
use crate::store::{LogStore, StoreError, StoredState, codec};

/// The file's name in the data folder.
pub const FILE_NAME: &str = "raft.redb";

/// See the module.
#[derive(Debug)]
pub struct DiskLog {
    database: Database,
    ahead: WriteAhead,
    /// What the write-ahead log holds.
    newest: Newest,
    /// A write failed.
    broken: bool,
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
        let opened = open_file(folder, &path)?;
        Self::adopt(opened, path, identity)
    }

    /// Opens or creates the log of `identity` on a redb backend of the caller's: the seam through
    /// which tests and simulations lose and tear writes.
    ///
    /// # Errors
    /// As [`DiskLog::open`].
    pub fn open_on(backend: impl StorageBackend, identity: &Identity) -> Result<Self, StoreError> {
        let path = PathBuf::from("(backend)");
        let opened = open_backend(&path, backend)?;
        let database = &opened.0;
        let fresh = {
            let read = database.begin_read().map_err(db("begin"))?;
            read.open_table(META).is_err()
        };
        if fresh {
            initialise(database, identity)?;
        }
        Self::adopt(opened, path, identity)
    }

    /// How often this log has been opened, this time included: a number no earlier life of the
    /// node has used.
    pub fn boots(&self) -> u64 {
        self.boots
    }

    fn adopt(
        (database, file): Opened,
        path: PathBuf,
        identity: &Identity,
    ) -> Result<Self, StoreError> {
        check_identity(&database, &path, identity)?;
        let [generation] = numbers(&required_meta(&database, "wal")?, "wal")?;
        let mut log = Self {
            state: load_state(&database)?,
            database,
            ahead: WriteAhead::new(Arc::clone(&file), generation),
            newest: Newest::default(),
            broken: false,
            path,
            boots: 0,
            counters: Arc::default(),
        };
        log.replay(WriteAhead::find(&*file, generation))?;
        let boots = log.read_meta("boots")?;
        log.boots = numbers::<1>(&boots, "boots")?[0] + 1;
        let boots = log.boots;
        log.commit(|transaction| put_meta(transaction, "boots", &codec::encode_numbers(&[boots])))?;
        Ok(log)
    }

    /// Takes up what the write-ahead log holds.
    fn replay(&mut self, found: std::io::Result<Found>) -> Result<(), StoreError> {
        let bodies = match found.map_err(io("read", &self.path))? {
            Found::Records(bodies) => bodies,
            Found::Damaged(number) => return Err(self.damaged_record(number)),
        };
        for (body, number) in bodies.iter().zip(0..) {
            let change = codec::decode_change(body);
            let (hard_state, first, entries) = change.ok_or_else(|| self.damaged_record(number))?;
            let follows = self.state.truncated.0 < first && first <= self.state.last_index + 1;
            if !entries.is_empty() && !follows {
                return Err(self.damaged_record(number));
            }
            self.newest.take(hard_state, first, entries);
            self.state.last_index = self.newest.last().unwrap_or(self.state.last_index);
        }
        if let Some(hard_state) = self.newest.hard_state() {
            self.state.hard_state = hard_state.clone();
        }
        Ok(())
    }

    fn damaged_record(&self, number: u64) -> StoreError {
        let detail = format!("record {number} of its write-ahead log is not what was written");
        damaged(&self.path, &detail)
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

    /// Runs `change` in one transaction, which also takes over the write-ahead log, and is durable when this returns.
    fn commit(
        &mut self,
        change: impl FnOnce(&WriteTransaction) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let begun = self.begin()?;
        let next = self.ahead.next();
        records::commit(&self.database, |transaction| {
            self.newest.put(transaction)?;
            change(transaction)?;
            put_wal(transaction, next)
        })?;
        self.newest = Newest::default();
        self.ahead.begin_next();
        self.counters
            .wal_bytes
            .store(self.bytes(), Ordering::Relaxed);
        self.end(begun);
        Ok(())
    }

    /// Appends a record to the write-ahead log; it is durable when this returns.
    fn record(&mut self, body: &[u8]) -> Result<(), StoreError> {
        let begun = self.begin()?;
        self.ahead.append(body).map_err(io("write", &self.path))?;
        self.end(begun);
        Ok(())
    }

    /// Before a write: until it has ended well, the log takes no other.
    fn begin(&mut self) -> Result<Instant, StoreError> {
        if std::mem::replace(&mut self.broken, true) {
            let error = std::io::Error::other("an earlier write failed");
            return Err(io("write", &self.path)(error));
        }
        Ok(Instant::now())
    }

    fn end(&mut self, begun: Instant) {
        self.counters.observe_fsync(begun.elapsed());
        self.broken = false;
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
        for index in low..high {
            let entry = match self.newest.get(index) {
                Some(encoded) => codec::decode_entry(index, encoded),
                None => {
                    let value = table.get(index).map_err(db("read entries"))?;
                    value.and_then(|value| codec::decode_entry(index, value.value()))
                }
            };
            let entry = entry.ok_or_else(|| damaged_entry(index))?;
            bytes += entry.data.len() as u64;
            if !found.is_empty() && bytes > bytes_max {
                break;
            }
            found.push(entry);
        }
        Ok(found)
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
        let first = entries.first().map_or(0, |entry| entry.index);
        if !entries.is_empty()
            && (first <= self.state.truncated.0 || first > self.state.last_index + 1)
        {
            return Err(self.out_of_range(first));
        }
        let encoded: Vec<Vec<u8>> = entries.iter().map(codec::encode_entry).collect();
        let body = codec::encode_change(hard_state, &encoded);
        let small = self.ahead.takes(&body);
        if small {
            self.record(&body)?;
        }
        self.newest.take(hard_state.cloned(), first, encoded);
        if !small {
            self.commit(|_| Ok(()))?;
        }
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

impl Drop for DiskLog {
    /// Leaves everything to redb, which tells damage of a file that was closed from a write that was cut short.
    fn drop(&mut self) {
        if !self.broken && !self.newest.is_empty() {
            // Whatever comes of it, the write-ahead log has everything.
            let _ = self.commit(|_| Ok(()));
        }
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
