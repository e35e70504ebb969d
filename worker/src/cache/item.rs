//! What is wanted of an object store: an object, and those that readers look for beside it.

use std::fmt::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::objects::{Head, Location};
use crate::store::sha256_bytes;

/// Bytes of the name of a file in the cache.
const NAME_BYTES_MAX: usize = 200;

/// An object to be had as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The name of the file.
    pub name: String,
    /// Where the object lies.
    pub at: Location,
    /// Which bytes those are.
    pub head: Head,
}

/// Objects that are files of one folder: the first is the one that is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item(pub Vec<Wanted>);

impl Item {
    /// One object, by the end of the name it has: as much as a file system takes, and nothing that begins as files of the
    /// cache itself do.
    #[must_use]
    pub fn one(at: Location, head: Head) -> Self {
        let name = at.name().trim_start_matches('.');
        let from = name.len().saturating_sub(NAME_BYTES_MAX);
        let from = (from..name.len()).find(|at| name.is_char_boundary(*at));
        let name = from.map_or("object", |from| &name[from..]).to_owned();
        Self(vec![Wanted { name, at, head }])
    }

    /// Bytes of all.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|wanted| wanted.head.size).sum()
    }

    /// The name of its folder in the cache: the same bytes under the same names have the same, wherever they were fetched
    /// from, as far as their digests are known. The size stands in it, so that a look at the names tells how full a cache is.
    pub(super) fn folder(&self) -> String {
        let mut text = String::new();
        for Wanted { name, at, head } in &self.0 {
            let known = match &head.sha256 {
                Some(sha256) => sha256.clone(),
                None => format!("{at} {}", head.etag),
            };
            let _ = writeln!(text, "{name}\t{}\t{known}", head.size);
        }
        format!("{}-{}", &sha256_bytes(text.as_bytes())[..32], self.bytes())
    }
}

/// The bytes that a folder of this name holds.
pub(super) fn bytes_of(folder: &str) -> u64 {
    let size = folder.rsplit('-').next().and_then(|size| size.parse().ok());
    size.unwrap_or(0)
}

/// What a folder of the cache says that it holds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) files: Vec<Kept>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) name: String,
    pub(super) from: String,
    pub(super) size: u64,
    pub(super) sha256: String,
}

impl About {
    /// Its name in the folder.
    pub(super) const NAME: &str = ".about.json";

    pub(super) fn read(folder: &Path) -> Option<Self> {
        let text = std::fs::read(folder.join(Self::NAME)).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{Item, bytes_of};
    use crate::objects::{Head, Place};

    #[test]
    fn a_file_of_the_cache_has_a_name_that_it_can_have() {
        let named = |key: &str| {
            let Ok(Place::Object(at)) = Place::parse(&format!("s3://bucket/{key}")) else {
                panic!("an object");
            };
            let head = Head {
                size: 1,
                etag: String::new(),
                sha256: None,
            };
            Item::one(at, head).0[0].name.clone()
        };
        assert_eq!(named("run 1/a b%2F.fq.gz"), "a b%2F.fq.gz");
        assert_eq!(named(".about.json"), "about.json");
        assert_eq!(named("..."), "object");
        let long = format!("{}.fq.gz", "ü".repeat(300));
        assert!(named(&long).ends_with("ü.fq.gz") && named(&long).len() <= 200);
    }

    #[test]
    fn a_folder_is_named_for_the_bytes_it_holds() {
        let item = |url: &str, size, etag: &str, sha256: Option<&str>| {
            let Ok(Place::Object(at)) = Place::parse(url) else {
                panic!("an object");
            };
            let head = Head {
                size,
                etag: etag.to_owned(),
                sha256: sha256.map(str::to_owned),
            };
            Item::one(at, head).folder()
        };
        let known = item("s3://one/a/x", 7, "1", Some("ab"));
        assert_eq!(known, item("s3://two/b/x", 7, "2", Some("ab")));
        assert_eq!(bytes_of(&known), 7);
        let others = [
            item("s3://one/a/y", 7, "1", Some("ab")),
            item("s3://one/a/x", 7, "1", Some("cd")),
            item("s3://one/a/x", 7, "1", None),
            item("s3://one/a/x", 7, "2", None),
            item("s3://two/a/x", 7, "1", None),
        ];
        for (at, other) in others.iter().enumerate() {
            assert!(*other != known && !others[..at].contains(other), "{at}");
        }
    }
}
