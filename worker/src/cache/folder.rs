//! The cache on the disk. Everything that comes or goes does so by the rename of a folder, under the cache's lock.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::cache::item::{About, Item, Kept, bytes_of};
use crate::cache::room::{Entry, Room, find};
use crate::objects::{FetchError, ObjectError, Objects};
use crate::scratch::is_held;
use crate::store::sha256_file;

const ENTRIES: &str = "entries";
const INCOMING: &str = "incoming";
const GONE: &str = "gone";
/// Of a folder: shared by who uses it, or held by who fills it.
const LOCK: &str = ".lock";
/// How folders of workers begin, beside the cache.
const SPILL: &str = "kumi-worker-";

/// The cache while nobody else changes it.
pub(super) struct Locked {
    folder: PathBuf,
    _lock: File,
}

/// A folder that is being filled. Dropped before it is complete, it is removed.
pub(super) struct Incoming {
    path: PathBuf,
    _lock: File,
}

impl Locked {
    pub(super) fn lock(folder: &Path) -> io::Result<Self> {
        let make = |path| DirBuilder::new().recursive(true).mode(0o700).create(path);
        make(folder.to_owned())?;
        check_owner(folder)?;
        for below in [ENTRIES, INCOMING, GONE] {
            make(folder.join(below))?;
        }
        let lock = File::create(folder.join("lock"))?;
        lock.lock()?;
        Ok(Self {
            folder: folder.to_owned(),
            _lock: lock,
        })
    }

    fn entry(&self, name: &str) -> PathBuf {
        let two = name.get(..2).unwrap_or(name);
        self.folder.join(ENTRIES).join(two).join(name)
    }

    fn incoming(&self, name: &str) -> PathBuf {
        self.folder.join(INCOMING).join(name)
    }

    /// The folder of an item that is there, which stays as long as the file is open.
    pub(super) fn pin(&self, item: &Item) -> io::Result<Option<(PathBuf, File)>> {
        let path = self.entry(&item.folder());
        let pin = match File::open(path.join(LOCK)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        pin.lock_shared()?;
        pin.set_modified(SystemTime::now())?;
        Ok(Some((path, pin)))
    }

    /// Whether somebody alive fetches an item.
    pub(super) fn is_coming(&self, item: &Item) -> bool {
        is_used(&self.incoming(&item.folder()))
    }

    /// A folder to fill; none when the item has come meanwhile.
    pub(super) fn reserve(&self, item: &Item) -> io::Result<Option<Incoming>> {
        let name = item.folder();
        let path = self.incoming(&name);
        let entry = self.entry(&name);
        if entry.join(LOCK).exists() || is_used(&path) {
            return Ok(None);
        }
        // What somebody who tidies the scratch left of an entry is none.
        self.discard(&entry)?;
        self.discard(&path)?;
        fs::create_dir(&path)?;
        let lock = File::create(path.join(LOCK))?;
        lock.lock()?;
        Ok(Some(Incoming { path, _lock: lock }))
    }

    /// What was filled has its name from now on, and stays as long as the file that is given back is open.
    pub(super) fn complete(&self, item: &Item, incoming: Incoming) -> io::Result<File> {
        let path = self.entry(&item.folder());
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::rename(&incoming.path, &path)?;
        let pin = File::open(path.join(LOCK))?;
        drop(incoming);
        pin.lock_shared()?;
        Ok(pin)
    }

    /// What there is, and the bytes that those who fetch have reserved. What the dead left is removed.
    pub(super) fn entries(&self) -> io::Result<(Vec<Entry>, u64)> {
        for gone in fs::read_dir(self.folder.join(GONE))?.flatten() {
            let _ = fs::remove_dir_all(gone.path());
        }
        let mut reserved = 0;
        for incoming in fs::read_dir(self.folder.join(INCOMING))?.flatten() {
            if is_used(&incoming.path()) {
                reserved += bytes_of(&incoming.file_name().to_string_lossy());
            } else {
                self.discard(&incoming.path())?;
            }
        }
        let mut entries = Vec::new();
        for two in fs::read_dir(self.folder.join(ENTRIES))?.flatten() {
            for entry in fs::read_dir(two.path())?.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let used = fs::metadata(entry.path().join(LOCK)).and_then(|lock| lock.modified());
                let used = used
                    .ok()
                    .and_then(|used| used.duration_since(UNIX_EPOCH).ok());
                entries.push(Entry {
                    bytes: bytes_of(&name),
                    used: used.map_or(0, |used| used.as_nanos()),
                    pinned: is_used(&entry.path()),
                    name,
                });
            }
        }
        Ok((entries, reserved))
    }

    /// Removes an entry. Who uses it keeps what is open and mapped.
    pub(super) fn evict(&self, name: &str) -> io::Result<()> {
        self.discard(&self.entry(name))
    }

    /// Removes what is longest unused, of so many bytes if there is as much; how many entries that were.
    pub(super) fn free(&self, bytes: u64) -> io::Result<usize> {
        let (entries, _) = self.entries()?;
        let unused: Vec<Entry> = entries.into_iter().filter(|e| !e.pinned).collect();
        let total: u64 = unused.iter().map(|entry| entry.bytes).sum();
        let Room::After(names) = find(&unused, 0, 0, total.saturating_sub(bytes)) else {
            return Ok(0);
        };
        for name in &names {
            self.evict(name)?;
        }
        Ok(names.len())
    }

    /// Takes a folder out of sight, then removes it: a process that is killed meanwhile leaves nothing half there.
    fn discard(&self, path: &Path) -> io::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let unique = now.map_or(0, |now| now.as_nanos());
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let gone = self.folder.join(GONE).join(format!("{name}.{unique}"));
        match fs::rename(path, &gone) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            // What cannot be removed yet, as an open file on NFS, is tried again by the next that looks.
            Ok(()) => {
                let _ = fs::remove_dir_all(gone);
                Ok(())
            }
        }
    }
}

impl Incoming {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Fetches the files of an item, holds them against what is known of them, and describes them.
    pub(super) fn fill(
        &self,
        item: &Item,
        objects: &Objects,
        stopped: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), FetchError> {
        for wanted in &item.0 {
            let file = File::create(self.path.join(&wanted.name))?;
            objects.fetch(&wanted.at, &wanted.head, &file, stopped)?;
            file.sync_all()?;
        }
        let about = self.describe(item)?;
        for (wanted, kept) in item.0.iter().zip(&about.files) {
            let known = wanted.head.sha256.as_ref();
            if known.is_some_and(|sha256| *sha256 != kept.sha256) {
                return Err(FetchError::Object(ObjectError::Damaged {
                    at: wanted.at.clone(),
                    what: "its bytes are not those that were published".to_owned(),
                }));
            }
        }
        Ok(())
    }

    /// Digests the files that are there and writes down what they are.
    pub(super) fn describe(&self, item: &Item) -> io::Result<About> {
        let mut files = Vec::new();
        for wanted in &item.0 {
            let (size, sha256) = sha256_file(&self.path.join(&wanted.name))?;
            files.push(Kept {
                name: wanted.name.clone(),
                from: wanted.at.to_string(),
                size,
                sha256,
            });
        }
        let about = About { files };
        let text = serde_json::to_vec(&about).map_err(io::Error::other)?;
        let file = File::create(self.path.join(About::NAME))?;
        io::Write::write_all(&mut &file, &text)?;
        file.sync_all()?;
        Ok(about)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // Not there any more when it was completed.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Whether the files of a folder are those that it describes: of this size, and of these bytes.
pub(super) fn is_sound(folder: &Path, every_byte: bool) -> bool {
    let Some(about) = About::read(folder) else {
        return false;
    };
    about.files.iter().all(|file| {
        let path = folder.join(&file.name);
        let found = fs::metadata(&path);
        let right_size = found.is_ok_and(|found| found.len() == file.size);
        let right = || sha256_file(&path).is_ok_and(|(_, sha256)| sha256 == file.sha256);
        right_size && (!every_byte || right())
    })
}

/// Bytes of the entries of a cache, by their names: nothing of them is opened.
pub(super) fn held(folder: &Path) -> u64 {
    let names = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten();
    let entries = names(folder.join(ENTRIES)).flat_map(|two| names(two.path()));
    entries
        .map(|entry| bytes_of(&entry.file_name().to_string_lossy()))
        .sum()
}

/// Bytes of what workers spill beside the cache.
pub(super) fn spilled(scratch: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(scratch) else {
        return 0;
    };
    let workers = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(SPILL))
        .map(|entry| entry.path());
    bytes_in(workers.collect())
}

/// Bytes of all files in these folders.
pub(super) fn bytes_in(mut open: Vec<PathBuf>) -> u64 {
    let mut bytes = 0;
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(found) if found.is_dir() => open.push(entry.path()),
                Ok(found) => bytes += found.len(),
                Err(_) => {}
            }
        }
    }
    bytes
}

/// Whether somebody alive holds the lock of a folder.
fn is_used(folder: &Path) -> bool {
    is_held(&folder.join(LOCK))
}

/// On a scratch where everybody may write, somebody else may have made the folder, to read or to change what comes there.
fn check_owner(folder: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(folder)?;
    let is_ours = found.uid() == rustix::process::geteuid().as_raw();
    if found.is_dir() && is_ours && found.mode() & 0o022 == 0 {
        return Ok(());
    }
    let what = format!(
        "{} is no folder of this user that nobody else may write to; remove it, or give the worker another scratch",
        folder.display()
    );
    Err(io::Error::new(io::ErrorKind::PermissionDenied, what))
}
