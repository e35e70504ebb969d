//! Remote objects as files of this node: fetched once, verified, shared by all processes, and gone again when others need
//! the room.
//!
//! ```text
//! <scratch>/kumi-cache-<uid>/lock                  held while any of the folders below come or go
//!                            entries/<kk>/<name>/  whole: the files, `.about.json`, `.lock` (shared by who uses it)
//!                            incoming/<name>/      being fetched, `.lock` held by who does
//!                            gone/                 about to be removed
//! ```
//! Locks are those of open files: a killed process holds none, and what it left is removed by the next that looks.

mod counts;
mod error;
mod folder;
mod held;
mod item;
mod room;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus::core::Collector;

use crate::cache::counts::{Counts, Gone};
pub use crate::cache::error::CacheError;
use crate::cache::error::is_full;
use crate::cache::folder::{Incoming, Locked};
pub use crate::cache::held::Held;
pub use crate::cache::item::{Item, Wanted};
use crate::cache::room::Room;
use crate::objects::{FetchError, Objects};

/// After how long a wait looks again, and each time so much later, until it is so many times as long: who looks reads what
/// lies on the scratch.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const LOOK_LESS: u32 = 20;
/// How long a full disk is left alone before it is tried again.
const FULL_FOR: Duration = Duration::from_secs(2);
/// Looks after which it is said again what is waited for.
const SAY_EVERY: u32 = 30;

/// The cache of a node, as one process sees it.
#[derive(Debug)]
pub struct Cache {
    scratch: PathBuf,
    limit_bytes: u64,
    counts: Counts,
    /// Folders whose files this process has held against their digests.
    verified: Mutex<BTreeSet<String>>,
}

/// How one asks.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// What fetches.
    pub objects: &'a Objects,
    /// Whether to give up.
    pub stopped: &'a (dyn Fn() -> bool + Sync),
    /// Whether whoever asks may wait for room: only who holds nothing may, or two would wait for each other.
    pub patient: bool,
}

/// What one look found.
enum Look {
    Here(Vec<Held>),
    /// Room is reserved for what is missing; the rest is held.
    Fetch(Vec<Held>, Vec<(Item, Incoming)>),
    /// Another process fetches some of it.
    Coming,
    Full,
}

impl Cache {
    /// A cache on this scratch, of so many bytes with all that tasks spill there.
    #[must_use]
    pub fn new(scratch: PathBuf, limit_bytes: u64) -> Self {
        Self {
            scratch,
            limit_bytes,
            counts: Counts::new(limit_bytes),
            verified: Mutex::default(),
        }
    }

    /// What is to be registered of it.
    pub(crate) fn collectors(&self) -> Vec<Box<dyn Collector>> {
        self.counts.collectors()
    }

    /// Brings up to date how full it is, for whoever reads the metrics now.
    pub(crate) fn measure(&self) {
        self.counts.holds(folder::held(&self.folder()));
    }

    /// Has all of these as files, at the same time.
    ///
    /// # Errors
    /// What cannot be had, and why. A full scratch is no error for who is patient.
    pub fn hold(&self, items: &[Item], asking: Asking<'_>) -> Result<Vec<Held>, CacheError> {
        let failed = |source| CacheError::Io {
            path: self.folder(),
            source,
        };
        let wanted = items.iter().map(Item::bytes).sum();
        if wanted > self.limit_bytes {
            let what = items.first().and_then(|item| item.0.first());
            return Err(CacheError::TooLarge {
                what: what.map(|first| first.at.to_string()).unwrap_or_default(),
                wanted,
                limit: self.limit_bytes,
            });
        }
        // What was there or came stays until the next look, so that others do not take it away meanwhile. Who waits
        // holds nothing.
        let mut kept: (Vec<Held>, Vec<File>) = Default::default();
        let mut fetched = 0;
        for looked in 0u32.. {
            if (asking.stopped)() {
                return Err(CacheError::Stopped);
            }
            let look = self.look(items).map_err(failed)?;
            drop(std::mem::take(&mut kept));
            match look {
                Look::Here(held) => {
                    if self.are_sound(&held).map_err(failed)? {
                        self.counts.had(items.len(), fetched);
                        return Ok(held);
                    }
                    continue;
                }
                Look::Fetch(held, missing) => {
                    if let Some(came) = self.fetch(missing, asking)? {
                        fetched += came.len();
                        kept = (held, came);
                        continue;
                    }
                    drop(held);
                    if !asking.patient {
                        return Err(CacheError::Later);
                    }
                    std::thread::sleep(FULL_FOR);
                }
                Look::Coming => {}
                Look::Full if !asking.patient => return Err(CacheError::Later),
                Look::Full => {}
            }
            if looked % SAY_EVERY == 0 {
                tracing::info!(
                    wanted,
                    limit = self.limit_bytes,
                    "waiting for room on the scratch, or for another who fetches the same"
                );
            }
            std::thread::sleep(LOOK_EVERY * looked.clamp(1, LOOK_LESS));
        }
        Err(CacheError::Stopped)
    }

    /// Takes files that were published as if they had been fetched; what cannot be taken is left where it is.
    pub(crate) fn adopt(&self, item: &Item, files: &[&Path]) -> io::Result<()> {
        let reserved = Locked::lock(&self.folder())?.reserve(item)?;
        // Moving and digesting take their time, in which others may look.
        if let Some(incoming) = reserved {
            for (wanted, path) in item.0.iter().zip(files) {
                std::fs::rename(path, incoming.path().join(&wanted.name))?;
            }
            incoming.describe(item)?;
            Locked::lock(&self.folder())?.complete(item, incoming)?;
            self.remember(&item.folder());
        }
        Ok(())
    }

    fn folder(&self) -> PathBuf {
        folder_on(&self.scratch)
    }

    /// Looks at the cache as nobody changes it.
    fn look(&self, items: &[Item]) -> io::Result<Look> {
        let locked = Locked::lock(&self.folder())?;
        let mut held = Vec::new();
        let mut missing = Vec::new();
        for item in items {
            match locked.pin(item)? {
                Some((folder, pin)) => held.push(Held::new(folder, item.clone(), pin)),
                None if missing
                    .iter()
                    .any(|other: &&Item| other.folder() == item.folder()) => {}
                None => missing.push(item),
            }
        }
        if missing.is_empty() {
            return Ok(Look::Here(held));
        }
        if missing.iter().any(|item| locked.is_coming(item)) {
            return Ok(Look::Coming);
        }
        let wanted = missing.iter().map(|item| item.bytes()).sum();
        let (entries, reserved) = locked.entries()?;
        let others = reserved + folder::spilled(&self.scratch);
        match room::find(&entries, others, wanted, self.limit_bytes) {
            Room::After(names) => {
                for name in names {
                    tracing::debug!(name, "goes from the cache");
                    locked.evict(&name)?;
                    self.counts.gone(Gone::Room);
                }
                let mut reserved = Vec::new();
                for item in missing {
                    if let Some(incoming) = locked.reserve(item)? {
                        reserved.push((item.clone(), incoming));
                    }
                }
                Ok(Look::Fetch(held, reserved))
            }
            Room::Later | Room::Never => Ok(Look::Full),
        }
    }

    /// Fetches what room was reserved for, which stays as long as the files are open; none when the disk is full before
    /// the limit is reached.
    fn fetch(
        &self,
        missing: Vec<(Item, Incoming)>,
        asking: Asking<'_>,
    ) -> Result<Option<Vec<File>>, CacheError> {
        let mut came = Vec::new();
        for (item, incoming) in missing {
            let failed = |source| CacheError::Io {
                path: incoming.path().to_owned(),
                source,
            };
            match incoming.fill(&item, asking.objects, asking.stopped) {
                Ok(()) => {}
                Err(FetchError::Stopped) => return Err(CacheError::Stopped),
                Err(FetchError::Object(error)) => return Err(error.into()),
                Err(FetchError::Io(source)) if is_full(&source) => {
                    tracing::warn!(%source, "the scratch is full before its limit");
                    drop(incoming);
                    let locked = Locked::lock(&self.folder()).map_err(|source| CacheError::Io {
                        path: self.folder(),
                        source,
                    })?;
                    let freed = locked.free(item.bytes()).map_err(|source| CacheError::Io {
                        path: self.folder(),
                        source,
                    })?;
                    (0..freed).for_each(|_| self.counts.gone(Gone::Room));
                    return Ok(None);
                }
                Err(FetchError::Io(source)) => return Err(failed(source)),
            }
            let locked = Locked::lock(&self.folder()).map_err(failed)?;
            let path = incoming.path().to_owned();
            let completed = locked.complete(&item, incoming);
            came.push(completed.map_err(|source| CacheError::Io { path, source })?);
            self.remember(&item.folder());
        }
        Ok(Some(came))
    }

    fn remember(&self, folder: &str) {
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        verified.insert(folder.to_owned());
    }

    /// Whether what is held is what was fetched: all bytes the first time, sizes later. What is not goes.
    fn are_sound(&self, held: &[Held]) -> io::Result<bool> {
        let mut sound = true;
        for one in held {
            let name = one.item().folder();
            let known = {
                let verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
                verified.contains(&name)
            };
            if one.is_sound(!known) {
                self.remember(&name);
            } else {
                tracing::warn!(
                    folder = name,
                    "is damaged in the cache and is fetched again"
                );
                Locked::lock(&self.folder())?.evict(&name)?;
                self.counts.gone(Gone::Damaged);
                sound = false;
            }
        }
        Ok(sound)
    }

    /// Looks at every byte of what is held; what is damaged goes. True when something was.
    pub(crate) fn drop_damaged(&self, held: &[Held]) -> io::Result<bool> {
        let mut any = false;
        for one in held.iter().filter(|one| !one.is_sound(true)) {
            tracing::warn!(
                folder = one.item().folder(),
                "was damaged in the cache while it was used"
            );
            Locked::lock(&self.folder())?.evict(&one.item().folder())?;
            self.counts.gone(Gone::Damaged);
            any = true;
        }
        Ok(any)
    }
}

/// The folder of this user's cache on a scratch.
fn folder_on(scratch: &Path) -> PathBuf {
    let uid = rustix::process::getuid().as_raw();
    scratch.join(format!("kumi-cache-{uid}"))
}

/// Bytes that a process may use of a scratch when it is not told: eight tenths of what is free and of what the cache
/// holds there already.
pub(crate) fn room_on(scratch: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(scratch)?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    Ok(free.saturating_add(folder::bytes_in(vec![folder_on(scratch)])) / 10 * 8)
}
