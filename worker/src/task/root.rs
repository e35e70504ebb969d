//! What lies below the root of a cohort, in a folder or in a bucket.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::cache::Item;
use crate::fault::Fault;
use crate::objects::{Location, Place};
use crate::store::{self, Bucket, Publication, Root, StoreError};
use crate::task::Context;

impl Context<'_> {
    /// Under what everything lies.
    pub(super) fn root(&self) -> Result<Place, Fault> {
        match Place::parse(&self.spec.root) {
            Ok(Place::Path(path)) if !path.is_absolute() => Err(self.internal(format_args!(
                "the root {:?} is no absolute path",
                self.spec.root
            ))),
            Ok(place) => Ok(place),
            Err(error) => Err(self.internal(error)),
        }
    }

    /// Where this task publishes.
    pub(super) fn publication(&self) -> Result<Publication, Fault> {
        let root = match self.root()? {
            Place::Path(path) => Root::Folder(path),
            Place::Object(root) => Root::Bucket(Bucket {
                objects: self.needs.objects().clone(),
                cache: self.needs.cache().clone(),
                root,
                staging: self.scratch.join("publish"),
            }),
        };
        Ok(Publication::begin_in(
            root,
            &self.spec.directory,
            self.attempt,
        )?)
    }

    /// An object, which is what it is now, as a file.
    pub(super) fn object(&self, at: Location) -> Result<PathBuf, Fault> {
        let head = self.needs.objects().head(&at)?;
        self.needs.file(Item::one(at, head), self.control)
    }

    /// A file below the root, wherever that is.
    pub(super) fn file_below(&self, path: &str) -> Result<PathBuf, Fault> {
        match self.root()?.join(path) {
            Place::Path(path) => Ok(path),
            Place::Object(at) => self.object(at),
        }
    }

    /// Removes a directory of work that nothing needs any more.
    pub(super) fn discard(&self, directory: &str) -> Result<(), Fault> {
        match self.root()? {
            Place::Path(root) => store::discard(&root, directory)?,
            Place::Object(root) => {
                store::check_work(directory)?;
                let at = root.join(&store::laid_out(directory));
                self.needs.objects().remove_below(&at)?;
            }
        }
        Ok(())
    }

    /// As [`store::contents`].
    pub(super) fn contents(&self, directory: &str) -> Result<BTreeMap<String, u64>, Fault> {
        let root = match self.root()? {
            Place::Path(root) => return Ok(store::contents(&root, directory)?),
            Place::Object(root) => root,
        };
        let mut files = BTreeMap::new();
        for place in self.object_places(&root, directory)? {
            let found = self.needs.objects().below(&root.join(&place))?;
            files.extend(
                found
                    .into_iter()
                    .map(|(key, size)| (format!("{place}/{key}"), size)),
            );
        }
        Ok(files)
    }

    /// As [`store::remove`].
    pub(super) fn remove(&self, directory: &str) -> Result<(), Fault> {
        let root = match self.root()? {
            Place::Path(root) => return Ok(store::remove(&root, directory)?),
            Place::Object(root) => root,
        };
        for place in self.object_places(&root, directory)? {
            self.needs.objects().remove_below(&root.join(&place))?;
        }
        Ok(())
    }

    /// A directory that may be removed, and those of its parts.
    fn object_places(&self, root: &Location, directory: &str) -> Result<Vec<String>, Fault> {
        let has_parts = store::has_parts(directory)?;
        let directory = store::laid_out(directory);
        let mut places = vec![directory.to_string()];
        if has_parts && let Some((folder, name)) = directory.rsplit_once('/') {
            let part = format!("{name}-");
            let parts = self.needs.objects();
            let parts = parts.beginning_with(&root.join(folder), &part)?;
            places.extend(parts.into_iter().map(|part| format!("{folder}/{part}")));
        }
        Ok(places)
    }

    /// The entries of a folder below the root, in order; none when it is not there.
    pub(super) fn names(&self, folder: &str) -> Result<BTreeSet<String>, Fault> {
        match self.root()?.join(folder) {
            Place::Path(folder) => names(&folder),
            Place::Object(at) => Ok(self.needs.objects().names(&at)?.into_iter().collect()),
        }
    }
}

fn names(folder: &Path) -> Result<BTreeSet<String>, Fault> {
    let failed = |error| StoreError::io("look into", folder, error);
    let entries = match fs::read_dir(folder) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(BTreeSet::new());
        }
        other => other.map_err(failed)?,
    };
    let name = |entry: io::Result<fs::DirEntry>| {
        let name = entry.map_err(failed)?.file_name();
        Ok(name.to_string_lossy().into_owned())
    };
    entries.map(name).collect()
}
