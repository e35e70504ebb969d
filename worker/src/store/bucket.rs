//! Results that go to an object store: staged on the scratch, put whole, and kept in the node's cache, since whoever
//! reads them next is often on the same node.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kumi_proto::v1;

use crate::cache::{Cache, Item, Wanted};
use crate::objects::{Head, Location, Objects, Sealed};
use crate::store::{StoreError, below, split};

/// Where objects are published, and what for that is needed here.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// What puts them.
    pub objects: Arc<Objects>,
    /// What keeps them.
    pub cache: Arc<Cache>,
    /// What all keys begin with.
    pub root: Location,
    /// A folder of this attempt on the scratch.
    pub staging: PathBuf,
}

impl Bucket {
    pub(super) fn stage(&self, name: &str) -> Result<PathBuf, StoreError> {
        let path = below(&self.staging, name)?;
        let (parent, _) = split(&path);
        fs::create_dir_all(parent).map_err(|source| StoreError::io("create", parent, source))?;
        Ok(path)
    }

    /// Puts files that are staged; `paths` by the names that `files` has.
    pub(super) fn publish(
        &self,
        directory: &str,
        files: &[v1::File],
        paths: &BTreeMap<&str, &Path>,
    ) -> Result<(), StoreError> {
        let at = self.root.join(directory);
        let path = |file: &v1::File| {
            let staged = paths.get(file.name.as_str());
            staged.ok_or_else(|| StoreError::Missing(PathBuf::from(&file.name)))
        };
        for file in files {
            let sealed = Sealed {
                path: path(file)?,
                size: file.size,
                sha256: &file.sha256,
            };
            self.objects.publish(&at.join(&file.name), &sealed)?;
        }
        for file in files.iter().filter(|file| is_read_again(file, files)) {
            let item = item(&at, file, files);
            let names = item.0.iter().map(|wanted| wanted.name.as_str());
            let staged: Vec<&Path> = names.filter_map(|name| paths.get(name).copied()).collect();
            if let Err(error) = self.cache.adopt(&item, &staged) {
                tracing::debug!(%error, "what was published is not kept here");
            }
        }
        Ok(())
    }
}

/// A published file, with the indexes that readers look for beside it.
pub(crate) fn item(at: &Location, file: &v1::File, files: &[v1::File]) -> Item {
    let beside = files.iter().filter(|other| is_index_of(other, file));
    let wanted = |file: &v1::File| Wanted {
        name: file.name.clone(),
        at: at.join(&file.name),
        head: Head {
            size: file.size,
            etag: String::new(),
            sha256: Some(file.sha256.clone()),
        },
    };
    Item(std::iter::once(file).chain(beside).map(wanted).collect())
}

fn is_index_of(index: &v1::File, file: &v1::File) -> bool {
    let rest = index.name.strip_prefix(&file.name);
    matches!(rest, Some(".crai" | ".tbi" | ".csi"))
}

/// Whether some task may read it: metrics of quality are for people, and an index goes with its file.
fn is_read_again(file: &v1::File, files: &[v1::File]) -> bool {
    let is_index = files.iter().any(|other| is_index_of(file, other));
    !file.name.contains('/') && !is_index
}
