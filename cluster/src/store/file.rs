//! The file of the durable log: created whole or not at all, opened only when it is intact. A header and the write-ahead
//! log come first, redb's database behind them.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Seek as _, SeekFrom};
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::backends::FileBackend;
use redb::{BackendError, Builder, Database, DatabaseError, StorageBackend, StorageError};

use crate::limits::{self, WAL_BYTES};
use crate::store::StoreError;
use crate::store::records::{Identity, commit, initialise, put_wal};

/// What the file begins with, before its format.
const MAGIC: &[u8; 8] = b"KUMIRAFT";
/// With a write-ahead log in front of the database.
const FORMAT: u32 = 2;
/// What a database of redb begins with: all there was in format 1.
const MAGIC_OF_REDB: &[u8; 4] = b"redb";

/// An open file.
pub(crate) type Opened = (Database, Arc<dyn StorageBackend>);

/// Creates the data folder and makes its entry in the parent durable.
pub(crate) fn create_folder(folder: &Path) -> Result<(), StoreError> {
    std::fs::create_dir_all(folder).map_err(io("create", folder))?;
    sync_folder(folder)?;
    match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_folder(parent),
        _ => Ok(()),
    }
}

/// Creates a complete, empty log at `path`. A file left over by a crash in here is replaced.
pub(crate) fn create_file(
    folder: &Path,
    path: &Path,
    identity: &Identity,
) -> Result<(), StoreError> {
    let new = path.with_extension("redb.new");
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(io("remove", &new)(error));
        }
        _ => {}
    }
    let file = created(&new)?;
    let (database, _) = open_backend(&new, file)?;
    initialise(&database, identity)?;
    drop(database);
    publish(folder, &new, path)
}

/// A file has its name once it is whole.
fn publish(folder: &Path, new: &Path, path: &Path) -> Result<(), StoreError> {
    let file = File::open(new).map_err(io("open", new))?;
    file.sync_all().map_err(io("sync", new))?;
    std::fs::rename(new, path).map_err(io("rename", new))?;
    sync_folder(folder)
}

/// An empty file in the place of whatever is there.
fn created(path: &Path) -> Result<FileBackend, StoreError> {
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(true);
    let file = options.open(path).map_err(io("create", path))?;
    opened(path, || FileBackend::new(file))
}

/// Opens the file after checking every page of it. One of format 1 is replaced by one of this format.
pub(crate) fn open_file(folder: &Path, path: &Path) -> Result<Opened, StoreError> {
    let backend = existing(path)?;
    let mut magic = [0; MAGIC_OF_REDB.len()];
    if backend.read(0, &mut magic).is_ok() && magic == *MAGIC_OF_REDB {
        replace(folder, path, &backend)?;
        drop(backend);
        return open_file(folder, path);
    }
    let length = backend.len().map_err(io("read", path))?;
    if length <= WAL_BYTES as u64 {
        return Err(damaged(path, "it ends before its database begins"));
    }
    open_backend(path, backend)
}

fn existing(path: &Path) -> Result<FileBackend, StoreError> {
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).open(path);
    let file = file.map_err(io("open", path))?;
    opened(path, || FileBackend::new(file))
}

/// Writes a file of this format with the database of one of format 1, which nobody else has meanwhile, and gives it that
/// one's name.
fn replace(folder: &Path, path: &Path, old: &FileBackend) -> Result<(), StoreError> {
    if let Ok(false) = old.try_lock_range(Bound::Unbounded, Bound::Unbounded) {
        return Err(in_use(path));
    }
    let length = old.len().map_err(io("read", path))?;
    let new = path.with_extension("redb.new");
    let backend = created(&new)?;
    begin(&backend).map_err(io("write", &new))?;
    drop(backend);
    let mut from = File::open(path).map_err(io("open", path))?;
    let to = OpenOptions::new().write(true).open(&new);
    let mut to = to.map_err(io("open", &new))?;
    let end = to.seek(SeekFrom::Start(WAL_BYTES as u64));
    end.and_then(|_| std::io::copy(&mut from, &mut to))
        .and_then(|copied| {
            (copied == length)
                .then_some(())
                .ok_or(ErrorKind::UnexpectedEof.into())
        })
        .map_err(io("write", &new))?;
    drop(to);
    let (database, _) = open_backend(&new, existing(&new)?)?;
    commit(&database, |transaction| put_wal(transaction, 0))?;
    drop(database);
    publish(folder, &new, path)
}

/// Opens or creates a database, with a write-ahead log, on a backend.
pub(crate) fn open_backend(
    path: &Path,
    backend: impl StorageBackend,
) -> Result<Opened, StoreError> {
    let backend: Arc<dyn StorageBackend> = Arc::new(backend);
    if backend.len().map_err(io("read", path))? == 0 {
        begin(&*backend).map_err(io("write", path))?;
    }
    check_header(path, &*backend)?;
    let part = DatabasePart(Arc::clone(&backend));
    let database = opened(path, || builder().create_with_backend(part))?;
    Ok((database, backend))
}

/// Writes the header and the empty write-ahead log: zeros, so that its blocks belong to the file from now on.
fn begin(backend: &dyn StorageBackend) -> std::io::Result<()> {
    let mut bytes = vec![0; WAL_BYTES];
    bytes[..MAGIC.len()].copy_from_slice(MAGIC);
    bytes[MAGIC.len()..][..4].copy_from_slice(&FORMAT.to_le_bytes());
    backend.set_len(WAL_BYTES as u64)?;
    backend.write(0, &bytes)
}

fn check_header(path: &Path, backend: &dyn StorageBackend) -> Result<(), StoreError> {
    let mut header = [0; 12];
    backend
        .read(0, &mut header)
        .map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => damaged(path, "it ends in its header"),
            _ => io("read", path)(error),
        })?;
    let (magic, format) = header.split_at(MAGIC.len());
    if magic != MAGIC {
        return Err(damaged(path, "it does not begin as a raft log does"));
    }
    let format: [u8; 4] = format.try_into().expect("twelve bytes less eight");
    match u32::from_le_bytes(format) {
        FORMAT => Ok(()),
        found => Err(StoreError::Format {
            path: PathBuf::from(path),
            found,
            expected: FORMAT,
        }),
    }
}

/// What redb sees of the file: what lies behind the write-ahead log. Its locks are not of places in it, but of who has
/// the file.
#[derive(Debug)]
struct DatabasePart(Arc<dyn StorageBackend>);

impl StorageBackend for DatabasePart {
    fn len(&self) -> std::io::Result<u64> {
        Ok(self.0.len()?.saturating_sub(WAL_BYTES as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.0.read(WAL_BYTES as u64 + offset, out)
    }

    fn set_len(&self, length: u64) -> std::io::Result<()> {
        self.0.set_len(WAL_BYTES as u64 + length)
    }

    fn sync_data(&self) -> std::io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.0.write(WAL_BYTES as u64 + offset, data)
    }

    fn close(&self) -> std::io::Result<()> {
        self.0.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.unlock_range(start, end)
    }
}

/// Turns the error of a file operation into ours.
pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = PathBuf::from(path);
    move |source| StoreError::Io {
        action,
        path,
        source,
    }
}

fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    let folder_file = File::open(folder).map_err(io("open", folder))?;
    folder_file.sync_all().map_err(io("sync", folder))
}

fn builder() -> Builder {
    let mut builder = Database::builder();
    builder
        .set_cache_size(limits::STORE_CACHE_BYTES)
        .set_check_integrity_on_open(true);
    builder
}

/// redb may panic on a file that it did not write: that is damage too, not a reason to die.
fn opened<T>(
    path: &Path,
    open: impl FnOnce() -> Result<T, DatabaseError>,
) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(open)) {
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(DatabaseError::DatabaseAlreadyOpen)) => Err(in_use(path)),
        Ok(Err(DatabaseError::Storage(StorageError::Io(source))))
            if source.kind() != ErrorKind::InvalidData
                && source.kind() != ErrorKind::UnexpectedEof =>
        {
            Err(io("open", path)(source))
        }
        Ok(Err(error)) => Err(damaged(path, &error.to_string())),
        Err(_) => Err(damaged(path, "its structure makes no sense")),
    }
}

fn in_use(path: &Path) -> StoreError {
    StoreError::InUse {
        path: PathBuf::from(path),
    }
}

/// What is wrong with a file.
pub(crate) fn damaged(path: &Path, detail: &str) -> StoreError {
    StoreError::Damaged {
        path: PathBuf::from(path),
        detail: detail.to_owned(),
    }
}
