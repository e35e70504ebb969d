//! The only door through which a file becomes visible: stage, sync, validate, digest, rename, sync
//! the directory.
//!
//! A staged file lies beside its final name as `.<name>.a<attempt>`, so it never looks complete and
//! the rename never crosses a file system. A publication that is dropped, by an error or a panic,
//! removes what it staged; what a killed process staged is removed when a later attempt publishes
//! the same name. What goes to an object store is staged on the scratch instead, and each object is there whole or not
//! at all. The reasons are in `docs/adr/0004-publish-by-content-address.md` and `0017-object-storage.md`.

mod bucket;
mod digest;
mod error;
mod remove;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};

use kumi_proto::v1;

pub use crate::store::bucket::Bucket;
pub(crate) use crate::store::bucket::item;
pub(crate) use crate::store::digest::sha256_bytes;
pub use crate::store::digest::{hex, sha256_file};
pub use crate::store::error::StoreError;
pub(crate) use crate::store::remove::{check_work, has_parts};
pub use crate::store::remove::{contents, discard, remove};

/// Characters of a key by which directories of work are dealt to folders.
const FAN_CHARS: usize = 2;

/// The outputs of one attempt at one task, until [`Publication::publish`] makes them visible.
#[derive(Debug)]
pub struct Publication {
    root: Root,
    /// Below the root; of a folder, where it lies.
    directory: PathBuf,
    attempt: u64,
    staged: Vec<Staged>,
}

/// Under what everything lies.
#[derive(Clone, Debug)]
pub enum Root {
    /// A folder of a file system.
    Folder(PathBuf),
    /// Objects whose keys begin the same.
    Bucket(Bucket),
}

#[derive(Debug)]
struct Staged {
    name: String,
    path: PathBuf,
}

impl Publication {
    /// Makes `directory` below a folder and prepares to publish into it.
    pub fn begin(root: &Path, directory: &str, attempt: u64) -> Result<Self, StoreError> {
        Self::begin_in(Root::Folder(root.to_owned()), directory, attempt)
    }

    /// As [`Publication::begin`], wherever the root is.
    pub fn begin_in(root: Root, directory: &str, attempt: u64) -> Result<Self, StoreError> {
        let mut publication = Self {
            root,
            directory: PathBuf::new(),
            attempt,
            staged: Vec::new(),
        };
        publication.redirect(directory)?;
        Ok(publication)
    }

    /// Where to write the file that will be published as `name` (relative to the directory; it may
    /// lie in a sub-directory such as `qc/`).
    pub fn stage(&mut self, name: &str) -> Result<PathBuf, StoreError> {
        let path = match &self.root {
            Root::Folder(_) => {
                let target = below(&self.directory, name)?;
                let (parent, file) = split(&target);
                make_directories(parent)?;
                parent.join(format!(".{file}.a{}", self.attempt))
            }
            Root::Bucket(bucket) => bucket.stage(name)?,
        };
        Ok(self.remember(name.to_owned(), path))
    }

    /// Where to write an index that readers look for beside `main`: the staged name of `main` with
    /// `extension` added; it is published as `<main>.<extension>`.
    pub fn stage_beside(&mut self, main: &str, extension: &str) -> Result<PathBuf, StoreError> {
        let name = format!("{main}.{extension}");
        let path = match &self.root {
            Root::Folder(_) => {
                let target = below(&self.directory, main)?;
                let (parent, file) = split(&target);
                parent.join(format!(".{file}.a{}.{extension}", self.attempt))
            }
            Root::Bucket(bucket) => bucket.stage(&name)?,
        };
        Ok(self.remember(name, path))
    }

    /// Stages a small file with these bytes.
    pub fn stage_bytes(&mut self, name: &str, bytes: &[u8]) -> Result<PathBuf, StoreError> {
        let path = self.stage(name)?;
        File::create(&path)
            .and_then(|mut file| file.write_all(bytes))
            .map_err(|source| StoreError::io("write", &path, source))?;
        Ok(path)
    }

    /// What is staged will be published in `directory` below the root instead.
    pub fn redirect(&mut self, directory: &str) -> Result<(), StoreError> {
        match &self.root {
            Root::Folder(root) => {
                self.directory = below(root, &laid_out(directory))?;
                make_directories(&self.directory)
            }
            Root::Bucket(_) => {
                self.directory = below(Path::new(""), &laid_out(directory))?;
                Ok(())
            }
        }
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
        if let Root::Bucket(bucket) = &self.root {
            let staged = self.staged.iter();
            let paths: BTreeMap<&str, &Path> = staged
                .map(|staged| (staged.name.as_str(), staged.path.as_path()))
                .collect();
            bucket.publish(&self.directory.to_string_lossy(), &files, &paths)?;
            return Ok(files);
        }
        self.rename_all()?;
        Ok(files)
    }

    fn rename_all(&mut self) -> Result<(), StoreError> {
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
        Ok(())
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

/// Where a directory of results lies below the root. A campaign has a million directories of work at a time, and no folder
/// should hold so many: `<programme>/work/<key>` lies at `<programme>/work/<kk>/<key>`, two digits of the key between.
#[must_use]
pub(crate) fn laid_out(directory: &str) -> Cow<'_, str> {
    let parts: Vec<&str> = directory.split('/').collect();
    match parts[..] {
        [programme, "work", name] => match name.get(..FAN_CHARS) {
            Some(fan) if fan != name => format!("{programme}/work/{fan}/{name}").into(),
            _ => directory.into(),
        },
        _ => directory.into(),
    }
}

/// Whether a folder of work holds directories of work, and is none itself.
pub(crate) fn is_fan(name: &str) -> bool {
    name.len() == FAN_CHARS
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
