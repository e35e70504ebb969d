//! Files that are looked at before work starts. Of an object only its beginning and its end are read.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use kumi_proto::v1;
use kumi_worker::fingerprint::{describe, of_object};
use kumi_worker::objects::{Head, Location, PART_BYTES, Place};
use kumi_worker::store::hex;
use md5::Digest as _;

use crate::check::stores::{Stores, Unseen};
use crate::remote;

/// How much is read of the beginning of an object, and of one that cannot be understood from that, and so on.
const HEADS: [u64; 3] = [256 << 10, 4 << 20, 64 << 20];
/// How much is read at a time of one whose MD5 is to be known: many may be, side by side.
const WHOLE_PART: u64 = 4 << 20;
/// How much is read of its end.
const TAIL: u64 = 64 << 10;

/// What was seen of objects so far.
#[derive(Debug, Default)]
pub(super) struct Files {
    heads: Mutex<BTreeMap<Location, Head>>,
    stores: Stores,
}

/// Why a file cannot be used.
#[derive(Debug)]
pub(super) enum Looked<E> {
    /// Its content is wrong, or it cannot be read here.
    Wrong {
        /// As whoever looked at it says.
        error: E,
        /// The same in words, with what the file is called.
        what: String,
    },
    /// The object store did not show it.
    Unseen(Unseen),
}

impl Files {
    /// What is said of stores that show nothing.
    pub(super) fn silent_stores(&self) -> BTreeSet<String> {
        self.stores.silent()
    }

    /// Who a file is.
    ///
    /// # Errors
    /// Why it cannot be told, and what to do.
    pub(super) fn describe(&self, path: &Path) -> Result<v1::ReadFile, Unseen> {
        match Place::of(path).map_err(|error| error.to_string())? {
            Place::Path(path) => describe(&path).map_err(|error| {
                Unseen::Why(format!(
                    "{}: {error}; check the path, which is relative to the sheet",
                    path.display()
                ))
            }),
            Place::Object(at) => Ok(of_object(&at, &self.head(&at)?)),
        }
    }

    fn head(&self, at: &Location) -> Result<Head, Unseen> {
        let known = |files: &Self| {
            let heads = files.heads.lock().unwrap_or_else(PoisonError::into_inner);
            heads.get(at).cloned()
        };
        if let Some(head) = known(self) {
            return Ok(head);
        }
        let head = self.stores.ask(at, || remote::objects().head(at))?;
        let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        heads.insert(at.clone(), head.clone());
        Ok(head)
    }

    /// Looks at a file, which of an object has holes in its middle: who reads there finds it damaged and is asked again
    /// when more of it is here.
    pub(super) fn look<T, E: Error + 'static>(
        &self,
        path: &Path,
        look: impl Fn(&Path) -> Result<T, E>,
    ) -> Result<T, Looked<E>> {
        let unseen = |error: &dyn Error| Looked::Unseen(Unseen::Why(error.to_string()));
        let at = match Place::of(path).map_err(|error| unseen(&error))? {
            Place::Path(path) => {
                return look(&path).map_err(|error| Looked::Wrong {
                    what: kumi_worker::fault::chain(&error),
                    error,
                });
            }
            Place::Object(at) => at,
        };
        let head = self.head(&at).map_err(Looked::Unseen)?;
        let folder = tempfile::tempdir().map_err(|error| unseen(&error))?;
        let shadow = folder.path().join(at.name());
        for (turn, bytes) in HEADS.into_iter().enumerate() {
            self.cast(&at, &head, bytes, &shadow)
                .map_err(Looked::Unseen)?;
            let last = turn + 1 == HEADS.len() || bytes >= head.size;
            match look(&shadow) {
                Err(error) if last => {
                    let what = kumi_worker::fault::chain(&error);
                    let what = what.replace(&*shadow.to_string_lossy(), &at.to_string());
                    return Err(Looked::Wrong { error, what });
                }
                Err(_) => {}
                Ok(seen) => return Ok(seen),
            }
        }
        let why = format!("{at}: it was not looked at");
        Err(Looked::Unseen(Unseen::Why(why)))
    }

    /// MD5 of all bytes.
    ///
    /// # Errors
    /// Why they cannot be read.
    pub(super) fn md5(&self, path: &Path) -> Result<String, Unseen> {
        let mut hash = md5::Md5::new();
        match Place::of(path).map_err(|error| error.to_string())? {
            Place::Path(path) => {
                let failed = |error| format!("{}: {error}", path.display());
                let mut file = File::open(&path).map_err(failed)?;
                let mut buffer = vec![0; 1 << 20];
                loop {
                    match file.read(&mut buffer).map_err(failed)? {
                        0 => break,
                        some => hash.update(&buffer[..some]),
                    }
                }
            }
            Place::Object(at) => {
                let head = self.head(&at)?;
                for start in (0..head.size).step_by(WHOLE_PART as usize) {
                    let range = start..head.size.min(start + WHOLE_PART);
                    let read = || remote::objects().read(&at, &head, range);
                    hash.update(&self.stores.ask(&at, read)?);
                }
            }
        }
        Ok(hex(&hash.finalize()))
    }

    /// Writes the beginning and the end of an object into a file as long as it.
    fn cast(&self, at: &Location, head: &Head, bytes: u64, shadow: &Path) -> Result<(), Unseen> {
        let failed = |error: std::io::Error| format!("{}: {error}", shadow.display());
        let file = File::create(shadow).map_err(failed)?;
        file.set_len(head.size).map_err(failed)?;
        let first = bytes.min(head.size);
        let tail = head.size.saturating_sub(TAIL).max(first);
        for mut range in [0..first, tail..head.size] {
            while !range.is_empty() {
                let part = range.start..range.end.min(range.start + PART_BYTES);
                let read = || remote::objects().read(at, head, part.clone());
                let read = self.stores.ask(at, read)?;
                file.write_all_at(&read, part.start).map_err(failed)?;
                range.start = part.end;
            }
        }
        Ok(())
    }
}
