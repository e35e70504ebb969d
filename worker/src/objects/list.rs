//! What lies in a bucket, and taking it away.

use futures::{StreamExt as _, TryStreamExt as _};
use object_store::ObjectStore;
use object_store::path::Path;

use crate::objects::error::ObjectError;
use crate::objects::location::{Location, Place};
use crate::objects::{Objects, wait};

impl Objects {
    /// The objects below a location, as one looks into a folder and all folders in it: keys as seen from there, and
    /// sizes in bytes; in the order of the keys. None when nothing is there.
    ///
    /// # Errors
    /// That the bucket is not there or may not be listed.
    pub fn below(&self, at: &Location) -> Result<Vec<(String, u64)>, ObjectError> {
        let (bucket, path) = self.object(at, "list")?;
        let prefix = prefix(at.key());
        let found = wait(async {
            let listed = bucket.plain.list(Some(&path));
            listed.try_collect::<Vec<_>>().await
        });
        let found = found.map_err(|error| self.error(at, "list", &error))?;
        let mut below: Vec<(String, u64)> = found
            .into_iter()
            .filter_map(|object| {
                let key = object.location.as_ref().strip_prefix(&prefix)?;
                Some((key.to_owned(), object.size))
            })
            .collect();
        below.sort();
        Ok(below)
    }

    /// The names right below a location, objects' and folders', in order.
    ///
    /// # Errors
    /// As [`Objects::below`].
    pub fn names(&self, at: &Location) -> Result<Vec<String>, ObjectError> {
        let (bucket, path) = self.object(at, "list")?;
        let found = wait(bucket.plain.list_with_delimiter(Some(&path)));
        let found = found.map_err(|error| self.error(at, "list", &error))?;
        let objects = found.objects.iter().map(|object| &object.location);
        let folders = found.common_prefixes.iter();
        let name = |path: &Path| path.filename().map(str::to_owned);
        let mut names: Vec<String> = objects.chain(folders).filter_map(name).collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// The names right below `at` that begin with `start`, whatever else is there.
    ///
    /// # Errors
    /// As [`Objects::below`].
    pub fn beginning_with(&self, at: &Location, start: &str) -> Result<Vec<String>, ObjectError> {
        let (bucket, path) = self.object(at, "list")?;
        let prefix = prefix(at.key());
        let first = Path::parse(format!("{prefix}{start}"));
        let first = first.map_err(|error| self.error(at, "list", &error.into()))?;
        let mut names = wait(async {
            let mut names = Vec::new();
            let mut listed = bucket.plain.list_with_offset(Some(&path), &first);
            while let Some(object) = listed.next().await {
                let object = object?;
                let key = object.location.as_ref().strip_prefix(&prefix);
                let Some(key) = key.filter(|key| key.starts_with(start)) else {
                    break;
                };
                names.extend(key.split('/').next().map(str::to_owned));
            }
            Ok(names)
        })
        .map_err(|error| self.error(at, "list", &error))?;
        names.dedup();
        Ok(names)
    }

    /// Looks whether there is anything in the bucket from a key on: tells a bucket that is not there from an object that is
    /// not, and whether the store answers at all.
    ///
    /// # Errors
    /// As [`Objects::below`].
    pub fn first_below(&self, at: &Location) -> Result<(), ObjectError> {
        let (bucket, path) = self.object(at, "list")?;
        let first = wait(async { bucket.plain.list(Some(&path)).next().await });
        match first {
            Some(Err(error)) => Err(self.error(at, "list", &error)),
            _ => Ok(()),
        }
    }

    /// Removes everything below a location. Nothing there is no error.
    ///
    /// # Errors
    /// That the bucket is not there, or not everything may be removed.
    pub fn remove_below(&self, at: &Location) -> Result<(), ObjectError> {
        let (bucket, _) = self.object(at, "remove")?;
        let mut keys = Vec::new();
        for (below, _) in self.below(at)? {
            let (_, path) = self.object(&at.join(&below), "remove")?;
            keys.push(Ok(path));
        }
        if keys.is_empty() {
            return Ok(());
        }
        let removed = wait(async {
            let keys = futures::stream::iter(keys).boxed();
            bucket.plain.delete_stream(keys).collect::<Vec<_>>().await
        });
        // All are tried before one that fails is told of; somebody else may have removed some meanwhile.
        let failed = removed.into_iter().filter_map(Result::err);
        let mut failed = failed.filter(|e| !matches!(e, object_store::Error::NotFound { .. }));
        match failed.next() {
            None => Ok(()),
            Some(error) => Err(self.error(at, "remove", &error)),
        }
    }
}

impl Place {
    /// The location, if it is in a bucket.
    #[must_use]
    pub fn object(&self) -> Option<&Location> {
        match self {
            Self::Object(location) => Some(location),
            Self::Path(_) => None,
        }
    }
}

fn prefix(key: &str) -> String {
    match key {
        "" => String::new(),
        key => format!("{key}/"),
    }
}
