//! `<root>/.kumi`: what an embedded cluster keeps between two runs, locked by the one that runs.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use crate::exit::{Code, Exit};

/// The folder, held by this process until it is dropped.
#[derive(Debug)]
pub(super) struct Home {
    dir: PathBuf,
    /// The lock lives as long as the file is open; a killed process loses it by itself.
    _lock: File,
}

impl Home {
    /// Creates the folder where it is missing and locks it.
    ///
    /// # Errors
    /// 73 when it cannot be created, 75 when another run holds it.
    pub(super) fn open(root: &Path) -> Result<Self, Exit> {
        let dir = root.join(".kumi");
        let cannot =
            |error: io::Error| Exit::new(Code::CannotCreate, format!("{}: {error}", dir.display()));
        fs::create_dir_all(&dir).map_err(cannot)?;
        let mut lock = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(dir.join("lock"))
            .map_err(cannot)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(root, &mut lock)),
            Err(TryLockError::Error(error)) => return Err(cannot(error)),
        }
        lock.set_len(0)
            .and_then(|()| write!(lock, "{}", std::process::id()))
            .map_err(cannot)?;
        Ok(Self { dir, _lock: lock })
    }

    /// Where the scheduler keeps its log and snapshots.
    #[must_use]
    pub(super) fn scheduler(&self) -> PathBuf {
        self.dir.join("scheduler")
    }

    /// Where the worker keeps temporary files.
    #[must_use]
    pub(super) fn scratch(&self) -> PathBuf {
        self.dir.join("scratch")
    }

    /// The log of the last run.
    #[must_use]
    pub(super) fn log(&self) -> PathBuf {
        self.dir.join("run.log")
    }
}

fn held(root: &Path, lock: &mut File) -> Exit {
    let mut holder = String::new();
    let _ = lock.rewind();
    let _ = lock.read_to_string(&mut holder);
    let who = if holder.is_empty() {
        String::new()
    } else {
        format!(" (process {holder})")
    };
    let message = format!(
        "{}: another `kumi run`{who} is working there; wait for it, or give another --output-dir",
        root.display()
    );
    Exit::new(Code::TryAgain, message)
}

#[cfg(test)]
mod tests {
    use super::Home;
    use crate::exit::Code;

    #[test]
    fn one_run_at_a_time() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let first = Home::open(root.path()).expect("free");
        let second = Home::open(root.path()).expect_err("held");
        assert_eq!(second.code, Code::TryAgain);
        assert!(
            second.message.contains(&std::process::id().to_string()),
            "{second}"
        );
        drop(first);
        assert!(Home::open(root.path()).is_ok());
    }
}
