//! The only door through which a file becomes visible: stage, sync, validate, digest, rename, sync
//! the directory.
//!
//! A staged file lies beside its final name as `.<name>.a<attempt>`, so it never looks complete and
//! the rename never crosses a file system. A publication that is dropped, by an error or a panic,
//! removes what it staged; what a killed process staged is removed when a later attempt publishes
//! the same name. The reasons are in `docs/adr/0004-publish-by-content-address.md`.

mod digest;
mod error;
mod remove;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};

use kumi_proto::v1;

pub(crate) use crate::store::digest::sha256_bytes;
pub use crate::store::digest::{hex, sha256_file};
pub use crate::store::error::StoreError;
pub use crate::store::remove::{contents, discard, remove};

/// The outputs of one attempt at one task, until [`Publication::publish`] makes them visible.
#[derive(Debug)]
pub struct Publication {
    directory: PathBuf,
    attempt: u64,
    staged: Vec<Staged>,
}

#[derive(Debug)]
struct Staged {
    name: String,
    path: PathBuf,
}

impl Publication {
    /// Makes `directory` below `root` and prepares to publish into it.
    pub fn begin(root: &Path, directory: &str, attempt: u64) -> Result<Self, StoreError> {
        let directory = below(root, directory)?;
        make_directories(&directory)?;
        Ok(Self {
            directory,
            attempt,
            staged: Vec::new(),
        })
    }

    /// Where to write the file that will be published as `name` (relative to the directory; it may
    /// lie in a sub-directory such as `qc/`).
    pub fn stage(&mut self, name: &str) -> Result<PathBuf, StoreError> {
        let target = below(&self.directory, name)?;
        let (parent, file) = split(&target);
        make_directories(parent)?;
        let path = parent.join(format!(".{file}.a{}", self.attempt));
        Ok(self.remember(name.to_owned(), path))
    }

    /// Where to write an index that readers look for beside `main`: the staged name of `main` with
    /// `extension` added; it is published as `<main>.<extension>`.
    pub fn stage_beside(&mut self, main: &str, extension: &str) -> Result<PathBuf, StoreError> {
        let target = below(&self.directory, main)?;
        let (parent, file) = split(&target);
        let path = parent.join(format!(".{file}.a{}.{extension}", self.attempt));
        Ok(self.remember(format!("{main}.{extension}"), path))
    }

    /// Stages a small file with these bytes.
    pub fn stage_bytes(&mut self, name: &str, bytes: &[u8]) -> Result<PathBuf, StoreError> {
        let path = self.stage(name)?;
        File::create(&path)
            .and_then(|mut file| file.write_all(bytes))
            .map_err(|source| StoreError::io("write", &path, source))?;
        Ok(path)
    }

    /// What is staged will be published in `directory` below `root` instead, which is made.
    pub fn redirect(&mut self, root: &Path, directory: &str) -> Result<(), StoreError> {
        self.directory = below(root, directory)?;
        make_directories(&self.directory)
    }

    fn remember(&mut self, name: String, path: PathBuf) -> PathBuf {
        if !self.staged.iter().any(|staged| staged.path == path) {
            self.staged.push(Staged {
                name,
                path: path.clone(),
            });
        }
        path
    }

    /// Syncs and digests every staged file without publishing it: name, size and digest, sorted by
    /// name. For files that list other files.
    pub fn seal(&self) -> Result<Vec<v1::File>, StoreError> {
        self.seal_more(Vec::new())
    }

    /// As [`Publication::seal`], when `sealed` is what it gave before: only what was staged since then is read.
    pub fn seal_more(&self, sealed: Vec<v1::File>) -> Result<Vec<v1::File>, StoreError> {
        let mut files = sealed;
        for staged in &self.staged {
            if !files.iter().any(|file| file.name == staged.name) {
                let (size, sha256) = sync_and_digest(&staged.path)?;
                files.push(v1::File {
                    name: staged.name.clone(),
                    size,
                    sha256,
                });
            }
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }

    /// Makes everything visible under its name: syncs, digests, renames, syncs the directories.
    /// Call it after the staged files have been validated.
    pub fn publish(self) -> Result<Vec<v1::File>, StoreError> {
        self.publish_sealed(Vec::new())
    }

    /// As [`Publication::publish`], with what [`Publication::seal`] gave; a file staged since then
    /// is sealed now, the others are not read again.
    pub fn publish_sealed(mut self, sealed: Vec<v1::File>) -> Result<Vec<v1::File>, StoreError> {
        let files = self.seal_more(sealed)?;
        let mut directories = vec![self.directory.clone()];
        for staged in std::mem::take(&mut self.staged) {
            let target = self.directory.join(&staged.name);
            if let Err(source) = fs::rename(&staged.path, &target) {
                self.staged.push(staged);
                return Err(StoreError::io("rename to", target, source));
            }
            let (parent, file) = split(&target);
            remove_leftovers(parent, file, self.attempt);
            directories.push(parent.to_owned());
        }
        directories.sort();
        directories.dedup();
        for directory in &directories {
            sync_directory(directory)?;
        }
        Ok(files)
    }
}

impl Drop for Publication {
    fn drop(&mut self) {
        for staged in &self.staged {
            let _ = fs::remove_file(&staged.path);
        }
    }
}

/// `relative` below `root`; refused when it is absolute, empty, or climbs.
pub fn below(root: &Path, relative: &str) -> Result<PathBuf, StoreError> {
    let path = Path::new(relative);
    let plain = path
        .components()
        .all(|component| matches!(component, Component::Normal(_)));
    if relative.is_empty() || !plain || relative.contains('\0') {
        return Err(StoreError::Escape(relative.to_owned()));
    }
    Ok(root.join(path))
}

fn split(target: &Path) -> (&Path, &str) {
    let parent = target.parent().unwrap_or_else(|| Path::new("."));
    let file = target.file_name().and_then(|name| name.to_str());
    (parent, file.unwrap_or_default())
}

/// Creates what is missing of a path, and makes each new entry durable in its parent.
fn make_directories(directory: &Path) -> Result<(), StoreError> {
    if directory.is_dir() {
        return Ok(());
    }
    let parent = directory.parent().unwrap_or_else(|| Path::new("."));
    make_directories(parent)?;
    match fs::create_dir(directory) {
        Ok(()) => sync_directory(parent),
        Err(source) if source.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(StoreError::io("create", directory, source)),
    }
}

fn sync_directory(directory: &Path) -> Result<(), StoreError> {
    File::open(directory)
        .and_then(|handle| handle.sync_all())
        .map_err(|source| StoreError::io("sync", directory, source))
}

fn sync_and_digest(path: &Path) -> Result<(u64, String), StoreError> {
    let file = match File::open(path) {
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => {
            return Err(StoreError::Missing(path.to_owned()));
        }
        other => other.map_err(|source| StoreError::io("open", path, source))?,
    };
    file.sync_all()
        .map_err(|source| StoreError::io("sync", path, source))?;
    digest::sha256(file).map_err(|source| StoreError::io("read back", path, source))
}

/// Removes what earlier attempts staged for `name`. Attempt numbers only grow, so an earlier one is
/// fenced, or is the first of two of which the second has just published the same; failing to remove
/// it harms nobody.
fn remove_leftovers(parent: &Path, name: &str, attempt: u64) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let file = entry.file_name();
        let earlier = file
            .to_str()
            .and_then(|file| staged_by(file, name))
            .is_some_and(|other| other < attempt);
        if earlier {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The attempt that staged `file` for `name`, if that is what it is. An index staged beside its
/// main file counts as the main file's.
fn staged_by(file: &str, name: &str) -> Option<u64> {
    let rest = file.strip_prefix('.')?.strip_prefix(name)?;
    let rest = rest.strip_prefix(".a")?;
    let digits = rest.split('.').next()?;
    digits.parse().ok()
}
