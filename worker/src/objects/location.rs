//! Where files lie: a path of this machine, or an object in a bucket.

use std::fmt;
use std::path::{Path, PathBuf};

/// Longest key that S3 takes, in bytes.
const KEY_BYTES_MAX: usize = 1_024;
const S3: &str = "s3://";
const FILE: &str = "file://";

/// An object, or what the names of several begin with: `s3://bucket/key`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    bucket: String,
    key: String,
}

/// Where a file or a folder lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A path of this machine, perhaps a relative one.
    Path(PathBuf),
    /// In a bucket.
    Object(Location),
}

/// Why a text names no place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// Another scheme than `s3` and `file`.
    #[error("{0:?}: only paths, file:// and s3:// are known here")]
    Scheme(String),
    /// What stands after `s3://` is no bucket.
    #[error("{0:?}: the name of a bucket has 3 to 63 lower-case letters, digits, `.`, `-` and `_`")]
    Bucket(String),
    /// A key that not every store keeps as it is.
    #[error(
        "{0:?}: the key of an object has no empty, `.` or `..` part, no control characters and no more than 1,024 bytes"
    )]
    Key(String),
    /// A `file://` of another host, or no absolute path.
    #[error("{0:?}: file:// is followed by an absolute path of this machine, as file:///data/x")]
    File(String),
}

impl Place {
    /// Reads a path, `file:///path` or `s3://bucket/key`.
    ///
    /// # Errors
    /// What is wrong with a text that begins like a URL.
    pub fn parse(text: &str) -> Result<Self, LocationError> {
        if let Some(rest) = text.strip_prefix(S3) {
            return Location::split(text, rest).map(Self::Object);
        }
        if let Some(path) = text.strip_prefix(FILE) {
            return if path.starts_with('/') {
                Ok(Self::Path(PathBuf::from(path)))
            } else {
                Err(LocationError::File(text.to_owned()))
            };
        }
        if scheme(text).is_some() {
            return Err(LocationError::Scheme(text.to_owned()));
        }
        Ok(Self::Path(PathBuf::from(text)))
    }

    /// As [`Place::parse`], of what a path may hold.
    ///
    /// # Errors
    /// As [`Place::parse`].
    pub fn of(path: &Path) -> Result<Self, LocationError> {
        match path.to_str() {
            Some(text) => Self::parse(text),
            None => Ok(Self::Path(path.to_owned())),
        }
    }

    /// What lies `below` this: a relative path, each part of it a name.
    #[must_use]
    pub fn join(&self, below: &str) -> Self {
        match self {
            Self::Path(path) => Self::Path(path.join(below)),
            Self::Object(location) => Self::Object(location.join(below)),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Object(location) => location.fmt(f),
        }
    }
}

/// `path` as seen from the folder `base`, unless it is absolute or a URL: that stays, a `file://` as its path. What is wrong
/// with a URL is found by whoever opens it.
#[must_use]
pub fn resolve(base: &Path, path: &Path) -> PathBuf {
    match Place::of(path) {
        Ok(Place::Path(path)) => base.join(path),
        Ok(Place::Object(_)) | Err(_) => path.to_owned(),
    }
}

impl Location {
    /// The bucket.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The key; empty: the whole bucket.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The last part of the key.
    #[must_use]
    pub fn name(&self) -> &str {
        self.key.rsplit('/').next().unwrap_or(&self.key)
    }

    /// What lies below this.
    #[must_use]
    pub fn join(&self, below: &str) -> Self {
        let key = match self.key.as_str() {
            "" => below.to_owned(),
            key => format!("{key}/{below}"),
        };
        Self {
            bucket: self.bucket.clone(),
            key,
        }
    }

    fn split(whole: &str, rest: &str) -> Result<Self, LocationError> {
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(plain) {
            return Err(LocationError::Bucket(whole.to_owned()));
        }
        let key = key.strip_suffix('/').unwrap_or(key);
        let named = |part: &str| !matches!(part, "" | "." | "..");
        let sound = key.len() <= KEY_BYTES_MAX && !key.contains(char::is_control);
        let is_key = key.is_empty() || (sound && key.split('/').all(named));
        if !is_key {
            return Err(LocationError::Key(whole.to_owned()));
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{S3}{}/{}", self.bucket, self.key)
    }
}

/// The scheme of what looks like a URL.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once("://")?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"+-.".contains(&b);
    let is_scheme =
        scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(plain);
    is_scheme.then_some(scheme)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use proptest::prelude::*;

    use super::{LocationError, Place, resolve};

    #[test]
    fn paths_files_and_objects_are_told_apart() {
        let shown = |text: &str| Place::parse(text).map(|place| format!("{place:?} {place}"));
        for path in ["/data/a.fq", "a b.fq", "s3:/x", "x/://y", ""] {
            assert_eq!(Place::parse(path), Ok(Place::Path(PathBuf::from(path))));
        }
        assert_eq!(
            Place::parse("file:///d/a.fq"),
            Ok(Place::Path(PathBuf::from("/d/a.fq")))
        );
        let Ok(Place::Object(object)) = Place::parse("s3://reads-1/run 1/a.fq.gz") else {
            panic!("an object");
        };
        assert_eq!(
            (object.bucket(), object.key()),
            ("reads-1", "run 1/a.fq.gz")
        );
        assert_eq!(object.name(), "a.fq.gz");
        let whole = Place::parse("s3://reads/").expect("a bucket");
        assert_eq!(whole.join("p/q").to_string(), "s3://reads/p/q");
        assert_eq!(
            Place::parse("s3://reads/p/").map(|place| place.join("q").to_string()),
            Ok("s3://reads/p/q".to_owned())
        );
        for (text, wrong) in [
            ("gs://b/k", LocationError::Scheme as fn(String) -> _),
            ("https://b/k", LocationError::Scheme),
            ("s3://B/k", LocationError::Bucket),
            ("s3://", LocationError::Bucket),
            ("s3://bucket/a//b", LocationError::Key),
            ("s3://bucket/../b", LocationError::Key),
            ("file://host/x", LocationError::File),
        ] {
            assert_eq!(shown(text), Err(wrong(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn only_relative_paths_are_seen_from_a_folder() {
        let seen = |path: &str| resolve(Path::new("/base"), Path::new(path));
        assert_eq!(seen("a.fq"), Path::new("/base/a.fq"));
        assert_eq!(seen("/a.fq"), Path::new("/a.fq"));
        assert_eq!(seen("file:///a.fq"), Path::new("/a.fq"));
        assert_eq!(seen("s3://bucket/a.fq").as_os_str(), "s3://bucket/a.fq");
    }

    proptest! {
        #[test]
        fn an_object_that_is_shown_reads_back(
            bucket in "[a-z0-9][a-z0-9.-]{1,30}[a-z0-9]",
            parts in proptest::collection::vec("[^/\\p{Cc}.][^/\\p{Cc}]{0,8}", 1..5),
        ) {
            let text = format!("s3://{bucket}/{}", parts.join("/"));
            let place = Place::parse(&text);
            prop_assert_eq!(place.map(|place| place.to_string()), Ok(text));
        }

        #[test]
        fn no_text_makes_a_key_that_climbs(text in "s3://[a-z]{3}/[a-z./]{0,12}") {
            if let Ok(Place::Object(object)) = Place::parse(&text) {
                prop_assert!(!object.key().split('/').any(|part| part == ".." || part == "."));
                prop_assert!(!object.key().starts_with('/') && !object.key().ends_with('/'));
            }
        }
    }
}
