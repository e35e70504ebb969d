use std::collections::VecDeque;
use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use raft::eraftpb::{ConfState, Entry, EntryType, HardState, Snapshot};
use redb::StorageBackend;

use crate::limits::{WAL_BYTES, WAL_RECORDS_AT};
use crate::store::disk::{DiskLog, FILE_NAME};
use crate::store::memory::MemoryLog;
use crate::store::records::Identity;
use crate::store::{LogStore, StoreError, codec};

fn identity() -> Identity {
    Identity {
        cluster: "test".to_owned(),
        node: 2,
        voters: vec![1, 2, 3],
    }
}

fn entry(index: u64, term: u64, bytes: usize) -> Entry {
    let mut entry = Entry {
        index,
        term,
        data: vec![(index ^ term) as u8; bytes].into(),
        context: vec![7; bytes % 3].into(),
        ..Entry::default()
    };
    if index.is_multiple_of(5) {
        entry.set_entry_type(EntryType::EntryConfChangeV2);
    }
    entry
}

fn snapshot(index: u64, term: u64, bytes: usize) -> Snapshot {
    let mut snapshot = Snapshot {
        data: vec![term as u8; bytes].into(),
        ..Snapshot::default()
    };
    let metadata = snapshot.mut_metadata();
    metadata.index = index;
    metadata.term = term;
    metadata.mut_conf_state().voters = vec![1, 2, 3];
    snapshot
}

fn hard_state(term: u64, commit: u64) -> HardState {
    HardState {
        term,
        vote: term % 3 + 1,
        commit,
        ..HardState::default()
    }
}

/// A change of a log; positions are relative to what the log holds when it is made.
#[derive(Clone, Debug)]
enum Change {
    Append {
        back: u64,
        count: u64,
        bytes: usize,
    },
    HardState {
        term: u64,
    },
    Compact {
        behind: u64,
        tail: u64,
        bytes: usize,
    },
    Install {
        ahead: u64,
        bytes: usize,
    },
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => (0u64..5, 1u64..8, 0usize..600).prop_map(|(back, count, bytes)| Change::Append { back, count, bytes }),
        1 => (1u64..9).prop_map(|term| Change::HardState { term }),
        2 => (0u64..4, 0u64..6, 0usize..2_200_000).prop_map(|(behind, tail, bytes)| Change::Compact { behind, tail, bytes }),
        1 => (1u64..20, 0usize..5000).prop_map(|(ahead, bytes)| Change::Install { ahead, bytes }),
    ]
}

fn make(log: &mut impl LogStore, change: &Change, step: u64) -> Result<(), StoreError> {
    let state = log.state()?;
    let (begin, last) = (state.truncated.0, state.last_index);
    let term = state.truncated.1 + step;
    match *change {
        Change::Append { back, count, bytes } => {
            let first = (last + 1).saturating_sub(back).max(begin + 1);
            let entries: Vec<Entry> = (first..first + count)
                .map(|index| entry(index, term, bytes))
                .collect();
            log.append(Some(&hard_state(term, first)), &entries)
        }
        Change::HardState { term } => log.append(Some(&hard_state(term, begin)), &[]),
        Change::Compact {
            behind,
            tail,
            bytes,
        } => {
            let index = last.saturating_sub(behind).max(begin);
            if index == 0 {
                return Ok(());
            }
            let first = (index + 1).saturating_sub(tail).max(1);
            log.compact(
                &snapshot(index, term, bytes),
                &hard_state(term, index),
                first,
            )
        }
        Change::Install { ahead, bytes } => {
            let index = last + ahead;
            log.install(&snapshot(index, term, bytes), &hard_state(term, index))
        }
    }
}

/// Everything that can be seen of a log.
#[derive(Debug, PartialEq)]
struct Seen {
    state: crate::store::StoredState,
    entries: Vec<Entry>,
    terms: Vec<Option<u64>>,
    snapshot: Option<Snapshot>,
}

fn see(log: &impl LogStore) -> Seen {
    let state = log.state().unwrap();
    let (begin, end) = (state.truncated.0, state.last_index + 1);
    Seen {
        entries: log.entries(begin + 1, end, u64::MAX).unwrap(),
        terms: (begin.saturating_sub(2)..end + 3)
            .map(|index| log.term(index).unwrap())
            .collect(),
        snapshot: log.snapshot().unwrap(),
        state,
    }
}

/// A disk that loses what was not synced: each unsynced write survives or not, whole or torn.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<DiskInner>>);

#[derive(Debug, Default)]
struct DiskInner {
    durable: Vec<u8>,
    now: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
    operations_left: Option<u32>,
}

impl DiskInner {
    fn operate(&mut self) -> Result<(), Error> {
        match &mut self.operations_left {
            None => Ok(()),
            Some(0) => Err(Error::other("the power is gone")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }
}

impl Disk {
    /// What is found after the power loss; `fate` decides about each unsynced write.
    fn crash(&self, fate: &[u8]) -> Disk {
        let mut inner = self.0.lock().unwrap();
        let mut bytes = std::mem::take(&mut inner.durable);
        let mut fates = fate.iter().cycle();
        for (offset, data) in &inner.unsynced {
            let kept = match fates.next().copied().unwrap_or(0) % 3 {
                0 => 0,
                1 => data.len() / 2,
                _ => data.len(),
            };
            if bytes.len() < offset + data.len() {
                bytes.resize(offset + data.len(), 0);
            }
            bytes[*offset..offset + kept].copy_from_slice(&data[..kept]);
        }
        Disk(Arc::new(Mutex::new(DiskInner {
            now: bytes.clone(),
            durable: bytes,
            ..DiskInner::default()
        })))
    }

    fn flip(&self, at: usize) {
        let mut inner = self.0.lock().unwrap();
        inner.now[at] ^= 1;
        inner.durable[at] ^= 1;
    }

    fn fail_after(&self, operations: u32) {
        self.0.lock().unwrap().operations_left = Some(operations);
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, Error> {
        Ok(self.0.lock().unwrap().now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let inner = self.0.lock().unwrap();
        let offset = usize::try_from(offset).unwrap();
        let bytes = inner
            .now
            .get(offset..offset + out.len())
            .ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), Error> {
        let mut inner = self.0.lock().unwrap();
        inner.operate()?;
        let len = usize::try_from(len).unwrap();
        inner.now.resize(len, 0);
        // A file system journals lengths apart from data; redb syncs after it grows the file.
        inner.durable.resize(len, 0);
        inner
            .unsynced
            .retain(|(offset, data)| offset + data.len() <= len);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), Error> {
        let mut inner = self.0.lock().unwrap();
        inner.operate()?;
        inner.durable = inner.now.clone();
        inner.unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        let mut inner = self.0.lock().unwrap();
        inner.operate()?;
        let offset = usize::try_from(offset).unwrap();
        inner.now[offset..offset + data.len()].copy_from_slice(data);
        inner.unsynced.push((offset, data.to_vec()));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The disk log and the model agree after every change, and after reopening.
    #[test]
    fn the_disk_log_is_its_model(changes in prop::collection::vec(change(), 1..25)) {
        let disk = Disk::default();
        let mut model = MemoryLog::new(vec![1, 2, 3]);
        let mut log = DiskLog::open_on(disk.clone(), &identity()).unwrap();
        for (change, step) in changes.iter().zip(1..) {
            let expected = make(&mut model, change, step);
            let found = make(&mut log, change, step);
            prop_assert_eq!(expected.is_ok(), found.is_ok(), "{:?}: {:?}", expected, found);
            prop_assert_eq!(see(&log), see(&model));
        }
        drop(log);
        let log = DiskLog::open_on(disk, &identity()).unwrap();
        prop_assert_eq!(see(&log), see(&model));
    }

    /// Power is lost in the middle of a change, unsynced writes are lost or torn, and this again and again: the log opens
    /// and is as before the change or as after it, never in between.
    #[test]
    fn power_loss_leaves_a_change_whole_or_undone(
        lives in prop::collection::vec(
            (prop::collection::vec(change(), 1..8), 0u32..40, prop::collection::vec(any::<u8>(), 1..30)),
            1..5,
        ),
    ) {
        let mut disk = Disk::default();
        let mut model = MemoryLog::new(vec![1, 2, 3]);
        let mut step = 0;
        for (changes, operations, fate) in &lives {
            let mut log = DiskLog::open_on(disk.clone(), &identity()).unwrap();
            prop_assert_eq!(see(&log), see(&model));
            let (doomed, changes) = changes.split_last().unwrap();
            for change in changes {
                step += 1;
                make(&mut model, change, step).unwrap();
                make(&mut log, change, step).unwrap();
            }
            step += 1;
            let before = model.clone();
            disk.fail_after(*operations);
            let acknowledged = make(&mut log, doomed, step).is_ok();
            make(&mut model, doomed, step).unwrap();
            let after_loss = disk.crash(fate);
            drop(log);
            disk = after_loss;
            let found = see(&DiskLog::open_on(disk.clone(), &identity()).unwrap());
            prop_assert!(found == see(&model) || (!acknowledged && found == see(&before)));
            if found != see(&model) {
                model = before;
            }
        }
    }

    #[test]
    fn records_survive_and_damage_is_noticed(index in 1u64.., term in 0u64.., bytes in 0usize..100, flip in any::<usize>()) {
        let entry = entry(index, term, bytes);
        let mut encoded = codec::encode_entry(&entry);
        prop_assert_eq!(codec::decode_entry(index, &encoded), Some(entry));
        prop_assert_eq!(codec::decode_entry(index - 1, &encoded), None);
        let at = flip % encoded.len();
        encoded[at] ^= 1;
        prop_assert_eq!(codec::decode_entry(index, &encoded), None);
        prop_assert_eq!(codec::decode_entry(index, &encoded[..at]), None);
    }

    #[test]
    fn changes_survive_and_others_are_none(
        (term, first) in (0u64..3, 1u64..u64::MAX - 4),
        sizes in prop::collection::vec(0usize..50, 0..4),
        (gap, flip) in (any::<bool>(), any::<usize>()),
    ) {
        let hard_state = (term > 0).then(|| hard_state(term, first));
        let entries = (first..).zip(&sizes).map(|(index, size)| entry(index, 1, *size));
        let mut entries: Vec<Vec<u8>> = entries.map(|entry| codec::encode_entry(&entry)).collect();
        let encoded = codec::encode_change(hard_state.as_ref(), &entries);
        let told = if entries.is_empty() { 0 } else { first };
        let read = codec::decode_change(&encoded);
        prop_assert_eq!(read, Some((hard_state, told, entries.clone())));
        prop_assert_eq!(codec::decode_change(&encoded[..encoded.len() - 1]), None);
        if gap && entries.len() > 2 {
            entries.remove(1);
            let encoded = codec::encode_change(None, &entries);
            prop_assert_eq!(codec::decode_change(&encoded), None);
        }
        if let Some(at) = flip.checked_rem(encoded.len() - 1) {
            let mut damaged = encoded.clone();
            damaged[1 + at] ^= 1;
            prop_assert_ne!(codec::decode_change(&damaged), codec::decode_change(&encoded));
        }
    }
}

#[test]
fn configurations_survive() {
    let state = ConfState {
        voters: vec![1, 2],
        learners: vec![9],
        voters_outgoing: vec![4, 5, 6],
        learners_next: vec![],
        auto_leave: true,
        ..ConfState::default()
    };
    let encoded = codec::encode_conf_state(&state);
    assert_eq!(codec::decode_conf_state(&encoded), Some(state));
}

#[test]
fn a_gap_or_a_step_behind_the_beginning_is_refused() {
    let mut log = DiskLog::open_on(Disk::default(), &identity()).unwrap();
    assert!(log.append(None, &[entry(2, 1, 1)]).is_err());
    log.install(&snapshot(10, 3, 5), &hard_state(3, 10))
        .unwrap();
    assert!(log.append(None, &[entry(10, 3, 1)]).is_err());
    assert!(log.append(None, &[entry(11, 3, 1)]).is_ok());
    assert!(log.entries(10, 12, u64::MAX).is_err());
    assert!(log.entries(11, 13, u64::MAX).is_err());
}

#[test]
fn a_folder_is_one_nodes_and_in_use_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er");
    let log = DiskLog::open(&path, &identity()).unwrap();
    assert_eq!(log.boots(), 1);
    let second = DiskLog::open(&path, &identity()).unwrap_err();
    assert!(matches!(second, StoreError::InUse { .. }), "{second}");
    drop(log);
    let others = [
        Identity {
            node: 3,
            ..identity()
        },
        Identity {
            cluster: "other".to_owned(),
            ..identity()
        },
    ];
    for other in others {
        let refused = DiskLog::open(&path, &other).unwrap_err();
        assert!(matches!(refused, StoreError::Foreign { .. }), "{refused}");
    }
    assert_eq!(DiskLog::open(&path, &identity()).unwrap().boots(), 2);
}

#[test]
fn another_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(DiskLog::open(folder.path(), &identity()).unwrap());
    let path = folder.path().join(FILE_NAME);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[8] += 1;
    std::fs::write(&path, bytes).unwrap();
    let refused = DiskLog::open(folder.path(), &identity()).unwrap_err();
    assert!(matches!(refused, StoreError::Format { .. }), "{refused}");
}

/// A log of format 1 was redb's alone. What it holds is there in this one; a restart that was cut short changes nothing.
#[test]
fn a_log_without_a_write_ahead_log_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE_NAME);
    let mut log = DiskLog::open(folder.path(), &identity()).unwrap();
    for index in 1..9 {
        log.append(Some(&hard_state(2, index)), &[entry(index, 1, 3000)])
            .unwrap();
    }
    log.compact(&snapshot(5, 1, 700), &hard_state(2, 5), 3)
        .unwrap();
    let expected = see(&log);
    drop(log);
    let bytes = std::fs::read(&path).unwrap();
    let old = &bytes[WAL_BYTES..];
    std::fs::write(&path, old).unwrap();
    std::fs::write(path.with_extension("redb.new"), &bytes[..WAL_BYTES]).unwrap();
    let other = redb::Database::open(&path).unwrap();
    let refused = DiskLog::open(folder.path(), &identity()).unwrap_err();
    assert!(matches!(refused, StoreError::InUse { .. }), "{refused}");
    drop(other);
    for boots in 2..4 {
        let log = DiskLog::open(folder.path(), &identity()).unwrap();
        assert_eq!(see(&log), expected);
        assert_eq!(log.boots(), boots);
    }
    assert!(!path.with_extension("redb.new").exists());
}

/// Of a process that died: what its write-ahead log holds is there, and a record that rotted before the last one is told.
#[test]
fn a_log_that_was_not_closed_is_replayed() {
    let disk = Disk::default();
    let mut log = DiskLog::open_on(disk.clone(), &identity()).unwrap();
    for index in 1..20 {
        log.append(Some(&hard_state(index, 0)), &[entry(index, index, 100)])
            .unwrap();
    }
    log.append(None, &[entry(12, 30, 100), entry(13, 30, 100)])
        .unwrap();
    let expected = see(&log);
    let died = disk.crash(&[0]);
    let rotted = died.crash(&[0]);
    drop(log);
    let log = DiskLog::open_on(died, &identity()).unwrap();
    assert_eq!(see(&log), expected);
    assert_eq!(expected.state.last_index, 13);
    rotted.flip(WAL_RECORDS_AT + 30);
    let refused = DiskLog::open_on(rotted, &identity()).unwrap_err();
    assert!(refused.to_string().contains("record 0 "), "{refused}");
}

/// A file cut short, overwritten or of something else is refused with its name; it never opens
/// as another log than it was.
#[test]
fn a_damaged_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE_NAME);
    let mut log = DiskLog::open(folder.path(), &identity()).unwrap();
    for index in 1..40 {
        log.append(None, &[entry(index, 1, 3000)]).unwrap();
    }
    let expected = see(&log);
    drop(log);
    let whole = std::fs::read(&path).unwrap();
    let mut damages: VecDeque<(String, Vec<u8>)> = VecDeque::new();
    damages.push_back(("empty".to_owned(), Vec::new()));
    damages.push_back(("other file".to_owned(), b"@HD\tVN:1.6\n".repeat(1000)));
    for cut in [1, 100, 4096, whole.len() / 2, whole.len() - 4096] {
        damages.push_back((format!("cut at {cut}"), whole[..cut].to_vec()));
    }
    for at in (0..whole.len()).step_by(whole.len() / 60) {
        let mut bytes = whole.clone();
        for byte in bytes.iter_mut().skip(at).take(64) {
            *byte ^= 0x55;
        }
        damages.push_back((format!("flipped at {at}"), bytes));
    }
    let mut refused = 0;
    for (what, bytes) in damages {
        std::fs::write(&path, &bytes).unwrap();
        match DiskLog::open(folder.path(), &identity()) {
            Ok(log) => {
                // Free pages may be damaged without harm; nothing else may.
                assert_eq!(see(&log), expected, "{what}");
            }
            Err(error) => {
                refused += 1;
                let text = error.to_string();
                assert!(
                    text.contains("raft log") || text.contains(FILE_NAME),
                    "{what}: {text}"
                );
            }
        }
    }
    assert!(refused >= 7, "{refused}");
}

#[test]
fn a_creation_cut_short_is_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("raft.redb.new"), b"half a file").unwrap();
    let log = DiskLog::open(folder.path(), &identity()).unwrap();
    assert_eq!(log.state().unwrap().conf_state.voters, [1, 2, 3]);
    assert!(!folder.path().join("raft.redb.new").exists());
}
