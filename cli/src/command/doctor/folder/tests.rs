use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Facts, Failed, Purpose, Tried, gather, judge, within};
use crate::command::doctor::filesystem::Kind;
use crate::command::doctor::finding::{Finding, Status};

fn tried(kind: Kind, free_gib: u64, sync_us: u64) -> Tried {
    Tried {
        at: PathBuf::from("/fast"),
        filesystem: ("some".to_owned(), kind),
        free_bytes: free_gib << 30,
        free_inodes: None,
        sync_us,
    }
}

fn finding(purpose: Purpose, tried: Result<Tried, Failed>) -> Finding {
    let path = PathBuf::from("/fast");
    let found = judge(&Facts {
        path,
        purpose,
        tried,
    });
    let [finding] = found.as_slice() else {
        panic!("{found:?}")
    };
    finding.clone()
}

#[test]
fn where_a_folder_may_lie_depends_on_its_purpose() {
    let status = |purpose, kind| finding(purpose, Ok(tried(kind, 500, 100))).status;
    for purpose in [Purpose::Scratch, Purpose::Store, Purpose::Log] {
        assert_eq!(status(purpose, Kind::Local), Status::Ok);
        assert_eq!(status(purpose, Kind::Unknown), Status::Ok);
    }
    assert_eq!(status(Purpose::Log, Kind::Network), Status::Fail);
    assert_eq!(status(Purpose::Log, Kind::Memory), Status::Fail);
    assert_eq!(status(Purpose::Scratch, Kind::Network), Status::Warn);
    assert_eq!(status(Purpose::Scratch, Kind::Memory), Status::Warn);
    assert_eq!(status(Purpose::Store, Kind::Network), Status::Ok);
    assert_eq!(status(Purpose::Store, Kind::Memory), Status::Warn);
}

#[test]
fn a_full_disk_fails_and_a_small_one_is_told() {
    let status = |purpose, gib| finding(purpose, Ok(tried(Kind::Local, gib, 100))).status;
    assert_eq!(status(Purpose::Scratch, 0), Status::Fail);
    assert_eq!(status(Purpose::Scratch, 50), Status::Warn);
    assert_eq!(status(Purpose::Log, 50), Status::Ok);
    assert_eq!(status(Purpose::Log, 5), Status::Warn);
    let none_left = Tried {
        free_inodes: Some(3),
        ..tried(Kind::Local, 500, 100)
    };
    let found = finding(Purpose::Store, Ok(none_left));
    assert_eq!(found.status, Status::Fail);
    assert!(found.needed.contains("3 are left"), "{}", found.needed);
}

#[test]
fn a_slow_sync_matters_to_a_log_alone() {
    let status = |purpose| finding(purpose, Ok(tried(Kind::Local, 500, 40_000))).status;
    assert_eq!(status(Purpose::Log), Status::Warn);
    assert_eq!(status(Purpose::Scratch), Status::Ok);
}

#[test]
fn what_cannot_be_done_is_named_with_what_mends_it() {
    for (kind, mend) in [
        (io::ErrorKind::NotFound, "mkdir -p /fast"),
        (io::ErrorKind::PermissionDenied, "chown"),
        (io::ErrorKind::ReadOnlyFilesystem, "remount"),
        (io::ErrorKind::StorageFull, "free space"),
        (io::ErrorKind::Unsupported, "dmesg"),
    ] {
        let failed = Failed {
            step: "sync a file in",
            error: kind.into(),
        };
        let found = finding(Purpose::Store, Err(failed));
        assert_eq!(found.status, Status::Fail);
        assert!(found.found.starts_with("cannot sync a file in /fast"));
        assert!(found.mend.contains(mend), "{}", found.mend);
    }
}

#[test]
fn nothing_stays_in_a_folder_that_was_tried() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let facts = gather(dir.path(), Purpose::Store);
    let tried = facts.tried.expect("it can be written to");
    assert_eq!(tried.at, dir.path());
    assert!(tried.free_bytes > 0);
    let left = std::fs::read_dir(dir.path()).expect("read").count();
    assert_eq!(left, 0);
}

#[test]
fn only_a_store_must_be_there_already() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let absent = dir.path().join("not/yet");
    let scratch = gather(&absent, Purpose::Scratch).tried;
    assert_eq!(scratch.expect("it will be made").at, dir.path());
    let store = gather(&absent, Purpose::Store).tried;
    let failed = store.err().expect("it is not there");
    assert_eq!(failed.error.kind(), io::ErrorKind::NotFound);
    assert!(!absent.exists());
    let file = dir.path().join("file");
    std::fs::write(&file, b"").expect("written");
    let failed = gather(&file, Purpose::Store).tried.err().expect("a file");
    assert_eq!(failed.error.kind(), io::ErrorKind::NotADirectory);
}

#[test]
fn a_filesystem_that_hangs_is_not_waited_for() {
    let tried = within(Duration::from_millis(50), Path::new("/fast"), |_| {
        std::thread::sleep(Duration::from_secs(600));
        Ok(tried(Kind::Local, 500, 100))
    });
    let found = finding(Purpose::Store, tried);
    assert_eq!(found.status, Status::Fail);
    assert!(found.found.contains("wait any longer"), "{}", found.found);
    assert!(found.mend.contains("df /fast"), "{}", found.mend);
}
