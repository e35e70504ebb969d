use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{Asking, Cache, CacheError, Held, Item};
use crate::objects::{Head, Objects, Place};
use crate::store::sha256_bytes;

fn item(name: &str, bytes: &[u8]) -> Item {
    let Ok(Place::Object(at)) = Place::parse(&format!("s3://bucket/{name}")) else {
        panic!("an object");
    };
    let head = Head {
        size: bytes.len() as u64,
        etag: "e".to_owned(),
        sha256: Some(sha256_bytes(bytes)),
    };
    Item::one(at, head)
}

/// Puts bytes into the cache as what was published here is put there.
fn adopt(cache: &Cache, scratch: &Path, name: &str, bytes: &[u8]) -> Item {
    let item = item(name, bytes);
    let staged = scratch.join("staged");
    fs::write(&staged, bytes).expect("written");
    cache.adopt(&item, &[&staged]).expect("adopted");
    item
}

/// Asks as a task does that may not wait; nothing of these tests is fetched.
fn hold(cache: &Cache, item: &Item) -> Result<Vec<Held>, CacheError> {
    let objects = Objects::default();
    let asking = Asking {
        objects: &objects,
        stopped: &|| false,
        patient: false,
    };
    cache.hold(std::slice::from_ref(item), asking)
}

fn entries(cache: &Cache) -> usize {
    let count = |folder: fs::DirEntry| fs::read_dir(folder.path()).map_or(0, Iterator::count);
    let all = fs::read_dir(cache.folder().join("entries")).expect("there");
    all.flatten().map(count).sum()
}

#[test]
fn what_is_held_stays_and_the_rest_makes_room() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let cache = Cache::new(scratch.path().to_owned(), 100);
    let first = adopt(&cache, scratch.path(), "first", &[1; 40]);
    let second = adopt(&cache, scratch.path(), "second", &[2; 40]);
    let held = hold(&cache, &first).expect("is there");
    assert_eq!(fs::read(held[0].path()).expect("readable"), [1; 40]);
    // Another process has its own view of the same folders.
    let other = Cache::new(scratch.path().to_owned(), 100);
    let also = hold(&other, &first).expect("is there");
    let wanted = item("third", &[3; 70]);
    let full = hold(&other, &wanted).expect_err("40 bytes are held, 70 do not fit beside them");
    assert!(matches!(full, CacheError::Later), "{full}");
    assert_eq!(entries(&cache), 2, "nothing goes for nothing");
    drop(held);
    assert!(matches!(hold(&other, &wanted), Err(CacheError::Later)));
    drop(also);
    let never = hold(&other, &item("fourth", &[4; 101])).expect_err("more than there can be");
    assert!(
        never
            .to_string()
            .starts_with("s3://bucket/fourth: 101 bytes"),
        "{never}"
    );
    assert!(hold(&cache, &second).is_ok());
}

/// What tasks spill beside the cache counts.
#[test]
fn spilled_runs_leave_less_room() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let cache = Cache::new(scratch.path().to_owned(), 100);
    let runs = scratch.path().join("kumi-worker-1/a7");
    fs::create_dir_all(&runs).expect("made");
    fs::write(runs.join("run"), [0; 60]).expect("written");
    let full = hold(&cache, &item("x", &[1; 50])).expect_err("60 and 50 are too many");
    assert!(matches!(full, CacheError::Later), "{full}");
}

#[test]
fn damage_is_found_and_nobody_is_given_it() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let cache = Cache::new(scratch.path().to_owned(), 100);
    let kept = adopt(&cache, scratch.path(), "kept", &[1; 40]);
    let path = hold(&cache, &kept).expect("is there")[0].path();
    fs::write(&path, [2; 40]).expect("written");
    // A process that starts looks at every byte once; one that ran already, at the size, until a task fails of it.
    let held = hold(&cache, &kept).expect("of the right size");
    assert!(cache.drop_damaged(&held).expect("looked at"));
    assert_eq!(entries(&cache), 0);
    let kept = adopt(&cache, scratch.path(), "kept", &[1; 40]);
    fs::write(&path, [2; 40]).expect("written");
    let fresh = Cache::new(scratch.path().to_owned(), 10);
    assert!(
        !fresh
            .are_sound(&hold_one(&fresh, &kept))
            .expect("looked at")
    );
    assert_eq!(entries(&cache), 0);
    adopt(&cache, scratch.path(), "kept", &[1; 40]);
    fs::write(&path, [1; 39]).expect("written");
    assert!(
        !cache
            .are_sound(&hold_one(&cache, &kept))
            .expect("looked at")
    );
    assert_eq!(entries(&cache), 0);
}

/// What is there, sound or not.
fn hold_one(cache: &Cache, item: &Item) -> Vec<Held> {
    match cache.look(std::slice::from_ref(item)).expect("looked at") {
        super::Look::Here(held) => held,
        _ => panic!("it is there"),
    }
}

/// Who tidies a scratch takes files one by one: without its lock an entry is none, and makes way for the whole.
#[test]
fn an_entry_that_was_tidied_away_in_part_is_taken_anew() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let cache = Cache::new(scratch.path().to_owned(), 100);
    let kept = adopt(&cache, scratch.path(), "kept", &[1; 40]);
    let path = hold(&cache, &kept).expect("is there")[0].path();
    fs::remove_file(path.with_file_name(".lock")).expect("removed");
    adopt(&cache, scratch.path(), "kept", &[1; 40]);
    let held = hold(&cache, &kept).expect("is there");
    assert_eq!(fs::read(held[0].path()).expect("readable"), [1; 40]);
}

/// What came stays until whoever fetched it has looked, as long as the file that says so is open.
#[test]
fn what_came_is_not_taken_away_before_it_is_looked_at() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let cache = Cache::new(scratch.path().to_owned(), 100);
    let first = item("first", &[1; 60]);
    let locked = super::Locked::lock(&cache.folder()).expect("locked");
    let incoming = locked.reserve(&first).expect("reserved").expect("free");
    let came = locked.complete(&first, incoming).expect("completed");
    drop(locked);
    let other = item("other", &[2; 60]);
    assert!(matches!(hold(&cache, &other), Err(CacheError::Later)));
    assert_eq!(entries(&cache), 1);
    drop(came);
    let locked = super::Locked::lock(&cache.folder()).expect("locked");
    assert!(!locked.entries().expect("read").0[0].pinned);
}

/// On a scratch of many users, a folder that others may change is not used.
#[test]
fn a_folder_that_others_may_write_to_is_refused() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let cache = Cache::new(scratch.path().to_owned(), 100);
    fs::create_dir(cache.folder()).expect("made");
    let open = fs::Permissions::from_mode(0o777);
    fs::set_permissions(cache.folder(), open).expect("opened");
    let refused = hold(&cache, &item("x", &[1; 10])).expect_err("others may write there");
    assert!(matches!(refused, CacheError::Io { .. }), "{refused}");
    fs::remove_dir(cache.folder()).expect("removed");
    let elsewhere = scratch.path().join("elsewhere");
    fs::create_dir(&elsewhere).expect("made");
    std::os::unix::fs::symlink(&elsewhere, cache.folder()).expect("linked");
    assert!(hold(&cache, &item("x", &[1; 10])).is_err());
    assert_eq!(fs::read_dir(&elsewhere).expect("there").count(), 0);
}

#[test]
fn what_the_dead_left_is_removed_and_what_the_living_fetch_counts() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let cache = Cache::new(scratch.path().to_owned(), 100);
    let half = item("half", &[1; 60]);
    let coming = {
        let locked = super::Locked::lock(&cache.folder()).expect("locked");
        locked.reserve(&half).expect("reserved").expect("free")
    };
    fs::write(coming.path().join("half"), [1; 30]).expect("written");
    let other = item("other", &[2; 50]);
    let full = hold(&cache, &other).expect_err("60 bytes are reserved");
    assert!(matches!(full, CacheError::Later), "{full}");
    // A killed process drops nothing, but its locks are gone: here by way of a copy that nobody has locked.
    let dead = coming
        .path()
        .with_file_name(half.folder().replace(&half.folder()[..4], "dead"));
    fs::create_dir(&dead).expect("made");
    fs::write(dead.join(".lock"), b"").expect("written");
    fs::write(dead.join("half"), [1; 30]).expect("written");
    let locked = super::Locked::lock(&cache.folder()).expect("locked");
    assert_eq!(locked.entries().expect("read").1, 60);
    assert!(!dead.exists());
    drop(coming);
    assert_eq!(locked.entries().expect("read").1, 0);
}
