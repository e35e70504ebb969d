use std::fs;
use std::io;
use std::path::Path;

use kumi_proto::v1::FailureClass;

use super::{Publication, StoreError, below, laid_out, sha256_bytes, staged_by};
use crate::fault::Fault;

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .expect("readable")
        .map(|entry| {
            entry
                .expect("entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

#[test]
fn nothing_is_visible_before_publish_and_everything_after() {
    let root = tempfile::tempdir().expect("tempdir");
    let mut publication = Publication::begin(root.path(), "p/samples/s/run", 3).expect("begin");
    let cram = publication.stage("s.cram").expect("stage");
    fs::write(&cram, b"reads").expect("write");
    let crai = publication.stage_beside("s.cram", "crai").expect("stage");
    assert_eq!(crai.to_string_lossy(), format!("{}.crai", cram.display()));
    fs::write(&crai, b"index").expect("write");
    publication.stage_bytes("qc/s.json", b"{}").expect("stage");
    let directory = root.path().join("p/samples/s/run");
    assert_eq!(names(&directory), [".s.cram.a3", ".s.cram.a3.crai", "qc"]);
    assert_eq!(names(&directory.join("qc")), [".s.json.a3"]);
    let files = publication.publish().expect("publish");
    assert_eq!(names(&directory), ["qc", "s.cram", "s.cram.crai"]);
    let listed: Vec<_> = files.iter().map(|f| (f.name.as_str(), f.size)).collect();
    assert_eq!(
        listed,
        [("qc/s.json", 2), ("s.cram", 5), ("s.cram.crai", 5)]
    );
    // printf reads | sha256sum
    let hex = &files[1].sha256;
    assert_eq!(hex.len(), 64);
    assert_eq!(
        *hex,
        super::sha256_file(&directory.join("s.cram"))
            .expect("readable")
            .1
    );
}

#[test]
fn the_digest_is_sha256_in_hex() {
    let root = tempfile::tempdir().expect("tempdir");
    let path = root.path().join("abc");
    fs::write(&path, b"abc").expect("write");
    let (size, hex) = super::sha256_file(&path).expect("readable");
    assert_eq!(size, 3);
    // FIPS 180-2, appendix B.1
    assert_eq!(
        hex,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}

#[test]
fn a_dropped_publication_leaves_nothing_behind() {
    let root = tempfile::tempdir().expect("tempdir");
    let mut publication = Publication::begin(root.path(), "d", 1).expect("begin");
    publication.stage_bytes("a.vcf.gz", b"half").expect("stage");
    drop(publication);
    assert!(names(&root.path().join("d")).is_empty());
}

#[test]
fn a_file_that_was_never_written_stops_the_publication_of_the_others() {
    let root = tempfile::tempdir().expect("tempdir");
    let mut publication = Publication::begin(root.path(), "d", 1).expect("begin");
    publication.stage_bytes("a", b"a").expect("stage");
    publication.stage("b").expect("stage");
    let error = publication.publish().expect_err("b is missing");
    assert!(matches!(error, StoreError::Missing(_)), "{error}");
    assert!(names(&root.path().join("d")).is_empty());
}

/// A process killed between any two steps leaves only names that start with a dot, or whole files.
#[test]
fn a_later_attempt_removes_what_a_killed_one_staged_and_nothing_else() {
    let root = tempfile::tempdir().expect("tempdir");
    let directory = root.path().join("d");
    let mut killed = Publication::begin(root.path(), "d", 4).expect("begin");
    killed.stage_bytes("s.cram", b"ha").expect("stage");
    fs::write(killed.stage_beside("s.cram", "crai").expect("stage"), b"l").expect("write");
    std::mem::forget(killed);
    for other in [".s.cram.a9", ".s.cram.bak", ".t.cram.a1", "s.cramp"] {
        fs::write(directory.join(other), b"").expect("write");
    }
    assert!(
        names(&directory)
            .iter()
            .all(|n| n.starts_with('.') || n == "s.cramp")
    );
    let mut publication = Publication::begin(root.path(), "d", 7).expect("begin");
    publication.stage_bytes("s.cram", b"whole").expect("stage");
    publication.publish().expect("publish");
    assert_eq!(
        names(&directory),
        [
            ".s.cram.a9",
            ".s.cram.bak",
            ".t.cram.a1",
            "s.cram",
            "s.cramp"
        ]
    );
}

#[test]
fn publishing_twice_puts_the_same_bytes_in_place() {
    let root = tempfile::tempdir().expect("tempdir");
    let publish = |attempt| {
        let mut publication = Publication::begin(root.path(), "d", attempt).expect("begin");
        publication.stage_bytes("a", b"same").expect("stage");
        publication.publish().expect("publish")
    };
    assert_eq!(publish(1), publish(2));
}

#[test]
fn a_name_that_leaves_the_root_is_refused() {
    let root = Path::new("/data");
    for escape in ["../x", "/etc/passwd", "a/../../x", "", ".", "a/./../b"] {
        let error = below(root, escape).expect_err(escape);
        assert_eq!(Fault::from(error).class, FailureClass::Internal, "{escape}");
    }
    assert_eq!(below(root, "a/b").expect("plain"), Path::new("/data/a/b"));
}

#[test]
fn a_full_disk_is_told_apart_and_may_be_tried_again() {
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
        let error = StoreError::io("write", "/data/s.cram", io::Error::from(kind));
        let fault = Fault::from(error);
        assert_eq!(fault.class, FailureClass::Transient);
        assert!(
            fault
                .message
                .contains("no space left to write /data/s.cram"),
            "{fault}"
        );
    }
}

/// `/dev/full` answers every write with ENOSPC: the real error of a real full disk.
#[test]
fn the_error_of_a_real_full_device_is_recognised() {
    let Ok(mut full) = fs::OpenOptions::new().write(true).open("/dev/full") else {
        eprintln!("skipped: no /dev/full here");
        return;
    };
    let source = io::Write::write_all(&mut full, b"x").expect_err("always full");
    let error = StoreError::io("write", "/dev/full", source);
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
}

#[test]
fn staged_names_are_told_from_others() {
    let cases = [
        (".s.cram.a3", Some(3)),
        (".s.cram.a3.crai", Some(3)),
        (".s.cram.crai.a3", None),
        (".s.cram.abc", None),
        ("s.cram.a3", None),
    ];
    for (file, attempt) in cases {
        assert_eq!(staged_by(file, "s.cram"), attempt, "{file}");
    }
}

/// A campaign of 25,000 genomes of 40 tasks each has a million directories of work.
#[test]
fn no_folder_of_work_holds_more_than_some_thousands() {
    let mut folders = std::collections::BTreeMap::<String, u32>::new();
    for task in 0..1_000_000u32 {
        let key = u64::from(task).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let directory = format!("p/work/{key:016x}");
        let laid = laid_out(&directory);
        let (folder, name) = laid.rsplit_once('/').expect("a folder");
        assert_eq!(format!("p/work/{name}"), directory);
        *folders.entry(folder.to_owned()).or_default() += 1;
    }
    assert!(folders.len() <= 256, "{}", folders.len());
    let most = folders.values().max().expect("some");
    assert!(*most < 5_000, "{most}");
    let key = &sha256_bytes(b"task")[..16];
    assert_eq!(
        laid_out(&format!("p/work/{key}")),
        format!("p/work/{}/{key}", &key[..2])
    );
    for unchanged in [
        "p/samples/S/run",
        "p/work",
        "p/cohorts/c/store/0123",
        "p/work/aa",
    ] {
        assert_eq!(laid_out(unchanged), unchanged);
    }
}
