//! The file of the durable log: created whole or not at all, opened only when it is intact.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::{Builder, Database, DatabaseError, StorageBackend, StorageError};

use crate::limits;
use crate::store::StoreError;
use crate::store::records::{Identity, initialise};

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
    let database = opened(&new, || builder().create(&new))?;
    initialise(&database, identity)?;
    drop(database);
    let file = File::open(&new).map_err(io("open", &new))?;
    file.sync_all().map_err(io("sync", &new))?;
    std::fs::rename(&new, path).map_err(io("rename", &new))?;
    sync_folder(folder)
}

/// Opens the file after checking every page of it.
pub(crate) fn open_file(path: &Path) -> Result<Database, StoreError> {
    opened(path, || builder().open(path))
}

/// Opens or creates a database on another backend than a file.
pub(crate) fn open_backend(
    path: &Path,
    backend: impl StorageBackend,
) -> Result<Database, StoreError> {
    opened(path, || builder().create_with_backend(backend))
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
fn opened(
    path: &Path,
    open: impl FnOnce() -> Result<Database, DatabaseError>,
) -> Result<Database, StoreError> {
    let damaged = |detail: String| StoreError::Damaged {
        path: PathBuf::from(path),
        detail,
    };
    match catch_unwind(AssertUnwindSafe(open)) {
        Ok(Ok(database)) => Ok(database),
        Ok(Err(DatabaseError::DatabaseAlreadyOpen)) => Err(StoreError::InUse {
            path: PathBuf::from(path),
        }),
        Ok(Err(DatabaseError::Storage(StorageError::Io(source))))
            if source.kind() != std::io::ErrorKind::InvalidData
                && source.kind() != std::io::ErrorKind::UnexpectedEof =>
        {
            Err(io("open", path)(source))
        }
        Ok(Err(error)) => Err(damaged(error.to_string())),
        Err(_) => Err(damaged("its structure makes no sense".to_owned())),
    }
}
