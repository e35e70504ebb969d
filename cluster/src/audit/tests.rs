use std::path::Path;

use super::*;

fn entry(index: u64, payload: &[u8]) -> Entry {
    let mut packer = crate::entry::Packer::default();
    packer.push(payload);
    Entry {
        index,
        term: 3,
        data: packer.finish().into(),
        ..Entry::default()
    }
}

/// Applies entries `from..=to` to a journal; the head afterwards.
fn write(journal: &mut Journal, head: Head, range: std::ops::RangeInclusive<u64>) -> Head {
    let mut head = head;
    for index in range {
        let record = Record::of(&entry(index, &index.to_le_bytes()), head);
        journal.append(&record, head).unwrap();
        head = record.head;
    }
    journal.sync().unwrap();
    head
}

fn read(folder: &Path, from: u64) -> Result<Vec<u64>, AuditError> {
    let mut reader = Reader::open(folder, from, u64::MAX)?;
    let mut found = Vec::new();
    while let Some(record) = reader.read_next()? {
        let (term, deed) = record.read().unwrap();
        assert_eq!(term, 3);
        let command = record.index.to_le_bytes().to_vec();
        assert_eq!(deed, Deed::Commands(vec![command]));
        found.push(record.index);
    }
    Ok(found)
}

fn only_file(folder: &Path) -> std::path::PathBuf {
    let mut files = segment::files(folder).unwrap();
    assert_eq!(files.len(), 1);
    files.remove(0)
}

#[test]
fn what_was_applied_is_read_back_and_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path(), 0, Head::default()).unwrap();
    let at_10 = write(&mut journal, Head::default(), 1..=10);
    drop(journal);
    // A restart from a snapshot at 6 applies 7 to 10 again.
    let at_6 = write(
        &mut Journal::open(&folder.path().join("other"), 0, Head::default()).unwrap(),
        Head::default(),
        1..=6,
    );
    let mut journal = Journal::open(folder.path(), 6, at_6).unwrap();
    let at_12 = write(&mut journal, at_6, 7..=12);
    assert_ne!(at_10, at_12);
    assert_eq!(
        read(folder.path(), 1).unwrap(),
        (1..=12).collect::<Vec<_>>()
    );
    assert_eq!(read(folder.path(), 9).unwrap(), [9, 10, 11, 12]);
    assert_eq!(
        beginnings(folder.path(), 12).unwrap(),
        [(1, Head::default())]
    );
}

#[test]
fn a_torn_end_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path(), 0, Head::default()).unwrap();
    let at_3 = write(&mut journal, Head::default(), 1..=3);
    write(&mut journal, at_3, 4..=5);
    drop(journal);
    let path = only_file(folder.path());
    let whole = std::fs::read(&path).unwrap();
    let two = (whole.len() - segment::HEADER_BYTES) / 5 * 2;
    for cut in 1..two {
        std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
        let mut journal = Journal::open(folder.path(), 3, at_3).unwrap();
        write(&mut journal, at_3, 4..=5);
        assert_eq!(std::fs::read(&path).unwrap(), whole, "cut by {cut}");
    }
}

#[test]
fn every_changed_byte_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path(), 0, Head::default()).unwrap();
    let head = write(&mut journal, Head::default(), 1..=4);
    drop(journal);
    let path = only_file(folder.path());
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut broken = whole.clone();
        broken[at] ^= 0x20;
        std::fs::write(&path, &broken).unwrap();
        assert!(read(folder.path(), 1).is_err(), "byte {at}");
        assert!(Journal::open(folder.path(), 4, head).is_err(), "byte {at}");
    }
}

/// Whoever writes the whole file anew has an unbroken chain; it leads elsewhere.
#[test]
fn a_history_written_anew_does_not_lead_to_the_head() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path(), 0, Head::default()).unwrap();
    let head = write(&mut journal, Head::default(), 1..=4);
    drop(journal);
    std::fs::remove_file(only_file(folder.path())).unwrap();
    let mut forged = Journal::open(folder.path(), 0, Head::default()).unwrap();
    let record = Record::of(&entry(1, b"another command"), Head::default());
    forged.append(&record, Head::default()).unwrap();
    write(&mut forged, record.head, 2..=4);
    drop(forged);
    let refused = Journal::open(folder.path(), 4, head).unwrap_err();
    assert!(matches!(refused, AuditError::Differs { index: 4 }));
    // Also when the raft log still has the end of it.
    let before = head;
    let mut journal = Journal::open(folder.path(), 0, Head::default()).unwrap();
    let record = Record::of(&entry(4, b"the fourth"), before);
    assert!(journal.append(&record, before).is_err());
}

#[test]
fn a_node_far_behind_goes_on_in_a_new_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path(), 0, Head::default()).unwrap();
    write(&mut journal, Head::default(), 1..=3);
    let later = Head([9; 32]);
    journal.skip_to(100, later).unwrap();
    let at_102 = write(&mut journal, later, 101..=102);
    drop(journal);
    assert_eq!(read(folder.path(), 1).unwrap(), [1, 2, 3, 101, 102]);
    let begins = [(1, Head::default()), (101, later)];
    assert_eq!(beginnings(folder.path(), 102).unwrap(), begins);
    let mut journal = Journal::open(folder.path(), 102, at_102).unwrap();
    write(&mut journal, at_102, 103..=103);
    let files = segment::files(folder.path()).unwrap();
    std::fs::remove_file(&files[0]).unwrap();
    assert_eq!(read(folder.path(), 1).unwrap(), [101, 102, 103]);
}

/// A crash between the creation of a file and its header, after which the one before it must be gone on with.
#[test]
fn a_file_that_was_not_finished_hides_none_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path(), 0, Head::default()).unwrap();
    let at_3 = write(&mut journal, Head::default(), 1..=3);
    write(&mut journal, at_3, 4..=5);
    drop(journal);
    for unfinished in [b"".as_slice(), b"KUMIAUD", &[0; segment::HEADER_BYTES]] {
        std::fs::write(folder.path().join(segment::name(6)), unfinished).unwrap();
        let mut journal = Journal::open(folder.path(), 3, at_3).unwrap();
        write(&mut journal, at_3, 4..=6);
        assert_eq!(read(folder.path(), 1).unwrap(), [1, 2, 3, 4, 5, 6]);
        let path = only_file(folder.path());
        let bytes = std::fs::read(&path).unwrap();
        let record = (bytes.len() - segment::HEADER_BYTES) / 6;
        std::fs::write(&path, &bytes[..bytes.len() - record]).unwrap();
    }
}

/// What lies behind the entry up to which the log can be read may be half written.
#[test]
fn what_is_being_written_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path(), 0, Head::default()).unwrap();
    write(&mut journal, Head::default(), 1..=4);
    let path = only_file(folder.path());
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    std::fs::write(folder.path().join(segment::name(5)), b"KUMI").unwrap();
    let mut reader = Reader::open(folder.path(), 1, 3).unwrap();
    for index in 1..=3 {
        assert_eq!(reader.read_next().unwrap().unwrap().index, index);
    }
    assert!(reader.read_next().unwrap().is_none());
    assert_eq!(beginnings(folder.path(), 3).unwrap().len(), 1);
}
