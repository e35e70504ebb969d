//! The directory of this process for what tasks spill.
//!
//! It is held by a file lock, so that what a killed process left is told from what a living one uses, and is
//! removed when the next worker starts.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

const PREFIX: &str = "kumi-worker-";
const LOCK: &str = "lock";

/// A directory that lives as long as this value.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    _lock: File,
}

impl Scratch {
    /// Removes what dead workers left below `parent`, and makes a directory for this one.
    pub(crate) fn create(parent: &Path, incarnation: &str) -> io::Result<Self> {
        fs::create_dir_all(parent)?;
        remove_abandoned(parent)?;
        let path = parent.join(format!("{PREFIX}{incarnation}"));
        // Locked under a name that nobody looks for, so that no other worker sees it without its lock.
        let unborn = parent.join(format!(".{PREFIX}{incarnation}"));
        fs::create_dir(&unborn)?;
        let lock = File::create(unborn.join(LOCK))?;
        lock.lock()?;
        fs::rename(&unborn, &path)?;
        Ok(Self { path, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn remove_abandoned(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)?.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        if !is_held(&entry.path().join(LOCK)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

/// Whether somebody alive holds a lock. NFS locks only what is open for writing; where it cannot be told, somebody does.
pub(crate) fn is_held(lock: &Path) -> bool {
    match File::options().write(true).open(lock) {
        Ok(lock) => lock.try_lock().is_err(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Scratch;

    #[test]
    fn what_the_dead_left_goes_and_what_the_living_use_stays() {
        let parent = tempfile::tempdir().expect("tempdir");
        let killed = parent.path().join("kumi-worker-killed");
        fs::create_dir(&killed).expect("created");
        fs::write(killed.join("lock"), b"").expect("written");
        fs::write(killed.join("run"), b"spilled").expect("written");
        let foreign = parent.path().join("other");
        fs::create_dir(&foreign).expect("created");
        let first = Scratch::create(parent.path(), "a").expect("scratch");
        let second = Scratch::create(parent.path(), "b").expect("scratch");
        assert!(!killed.exists());
        assert!(first.path().exists() && second.path().exists() && foreign.exists());
        let path = first.path().to_owned();
        drop(first);
        assert!(!path.exists() && second.path().exists());
    }
}
