//! What is taken away: work that nothing needs any more, and what there is of samples that have withdrawn.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::store::{StoreError, below, is_fan, laid_out, split, sync_directory};

/// Removes a directory of work that nothing needs any more: `<programme>/work/<key>` below `root`, no other. One
/// that is not there is no error.
pub fn discard(root: &Path, directory: &str) -> Result<(), StoreError> {
    check_work(directory)?;
    remove_all(&below(root, &laid_out(directory))?)?;
    // As earlier versions laid it out.
    remove_all(&below(root, directory)?)
}

/// Refuses what is no directory of work.
pub(crate) fn check_work(directory: &str) -> Result<(), StoreError> {
    below(Path::new(""), directory)?;
    if is_work(directory) {
        Ok(())
    } else {
        Err(StoreError::Escape(directory.to_owned()))
    }
}

/// Whether what was published of parts of a directory lies beside it; refused where nothing may be removed.
pub(crate) fn has_parts(directory: &str) -> Result<bool, StoreError> {
    below(Path::new(""), directory)?;
    let parts: Vec<&str> = directory.split('/').collect();
    match parts[..] {
        // In a folder of some or, as earlier versions published it, not.
        [_, "samples", _, _] | [_, "samples", _, _, _] => Ok(false),
        [_, "cohorts", _, "store" | "census", name] if !is_fan(name) => Ok(false),
        [_, "cohorts", _, "store" | "census", fan, _] if is_fan(fan) => Ok(false),
        [_, "cohorts", _, "releases", _] => Ok(false),
        [_, "work", _] => Ok(true),
        _ => Err(StoreError::Escape(directory.to_owned())),
    }
}

/// Removes what was published in a directory, of work also what was published of parts of it, and the folder of a sample
/// that holds nothing then: nothing else, and no directory that holds others' results. One that is not there is no error.
pub fn remove(root: &Path, directory: &str) -> Result<(), StoreError> {
    for path in places(root, directory)? {
        remove_all(&path)?;
        let (parent, _) = split(&path);
        if directory.split('/').nth(1) == Some("samples") && fs::remove_dir(parent).is_ok() {
            // The folder of the sample held nothing else.
            sync_directory(split(parent).0)?;
        } else if parent.is_dir() {
            sync_directory(parent)?;
        }
    }
    Ok(())
}

/// The files that [`remove`] would remove: paths below the root and sizes.
pub fn contents(root: &Path, directory: &str) -> Result<BTreeMap<String, u64>, StoreError> {
    let mut files = BTreeMap::new();
    let mut open = places(root, directory)?;
    while let Some(path) = open.pop() {
        let failed = |error| StoreError::io("look into", &path, error);
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other.map_err(failed)?,
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let found = entry.metadata().map_err(failed)?;
            if found.is_dir() {
                open.push(entry.path());
            } else {
                let path = entry.path();
                let path = path.strip_prefix(root).unwrap_or(&path);
                files.insert(path.to_string_lossy().into_owned(), found.len());
            }
        }
    }
    Ok(files)
}

/// The directory, and those of its parts if it is one of work.
fn places(root: &Path, directory: &str) -> Result<Vec<PathBuf>, StoreError> {
    let path = below(root, directory)?;
    if !has_parts(directory)? {
        return Ok(vec![path]);
    }
    let mut places = with_parts(&below(root, &laid_out(directory))?)?;
    // As earlier versions laid it out.
    places.extend(with_parts(&path)?);
    Ok(places)
}

fn with_parts(path: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let (parent, name) = split(path);
    let part = format!("{name}-");
    let failed = |error| StoreError::io("look into", parent, error);
    let mut places = vec![path.to_owned()];
    let entries = match fs::read_dir(parent) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(places),
        other => other.map_err(failed)?,
    };
    for entry in entries {
        let beside = entry.map_err(failed)?.path();
        if split(&beside).1.starts_with(&part) {
            places.push(beside);
        }
    }
    Ok(places)
}

fn is_work(directory: &str) -> bool {
    let parts: Vec<&str> = directory.split('/').collect();
    matches!(parts[..], [_, "work", _])
}

fn remove_all(path: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("remove", path, source))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{contents, remove};

    #[test]
    fn only_results_are_removed_and_parts_go_with_the_whole() {
        let root = tempfile::tempdir().expect("tempdir");
        for (directory, file) in [
            ("p/work/aa", "1"),
            ("p/work/aa-300", "2"),
            ("p/work/aab", "3"),
            ("p/work/bb/bbc", "7"),
            ("p/work/bb/bbc-9", "8"),
            ("p/work/bb/bbcd", "9"),
            ("p/samples/S/run/qc", "4"),
            ("p/samples/S/other", "5"),
            ("p/samples/e3/S/run", "6"),
            ("p/samples/e3/T/run", "6"),
            ("p/cohorts/c/store/fa/fab", "a"),
            ("p/cohorts/c/store/fa/fac", "b"),
            ("p/cohorts/c/census/fad", "c"),
        ] {
            let directory = root.path().join(directory);
            fs::create_dir_all(&directory).expect("created");
            fs::write(directory.join(file), "data").expect("written");
        }
        let listed = |directory: &str| -> Vec<String> {
            let contents = contents(root.path(), directory).expect("listed");
            contents.into_keys().collect()
        };
        assert_eq!(listed("p/work/aa"), ["p/work/aa-300/2", "p/work/aa/1"]);
        assert_eq!(listed("p/samples/S/run"), ["p/samples/S/run/qc/4"]);
        let parts = ["p/work/bb/bbc-9/8", "p/work/bb/bbc/7"];
        assert_eq!(listed("p/work/bbc"), parts);
        for directory in [
            "p/work/aa",
            "p/work/bbc",
            "p/samples/S/run",
            "p/samples/e3/S/run",
            "p/cohorts/c/store/gone",
            "p/cohorts/c/store/fa/fab",
            "p/cohorts/c/census/fad",
        ] {
            remove(root.path(), directory).expect("removed");
            assert!(listed(directory).is_empty());
        }
        assert!(root.path().join("p/work/aab/3").is_file());
        assert!(root.path().join("p/work/bb/bbcd/9").is_file());
        assert!(root.path().join("p/samples/S/other/5").is_file());
        assert!(root.path().join("p/samples/e3/T/run/6").is_file());
        assert!(root.path().join("p/cohorts/c/store/fa/fac/b").is_file());
        assert!(!root.path().join("p/samples/e3/S").exists());
        for refused in [
            "p/samples/S",
            "p/work",
            "p",
            "reference/x",
            "p/cohorts/c/purges/x",
            "p/cohorts/c/store/fa",
            "p/cohorts/c/store/fac/x",
            "../p/work/x",
        ] {
            assert!(remove(root.path(), refused).is_err(), "{refused}");
        }
    }
}
