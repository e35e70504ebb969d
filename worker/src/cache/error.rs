//! Why an object is no file of this node.

use std::io;
use std::path::PathBuf;

use kumi_proto::v1::FailureClass;

use crate::objects::ObjectError;

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The store's doing.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// More than there can ever be room for.
    #[error(
        "{what}: {wanted} bytes are needed on the scratch of this worker at a time, and scratch_limit allows {limit}; raise it, or let a worker with more do it"
    )]
    TooLarge {
        /// The first of the objects.
        what: String,
        /// Bytes.
        wanted: u64,
        /// Bytes.
        limit: u64,
    },
    /// There is no room now, and whoever asks holds something that others may wait for.
    #[error("there is no room on the scratch now")]
    Later,
    /// Whoever asked wants it no more.
    #[error("stopped")]
    Stopped,
    /// The scratch cannot be used.
    #[error("the cache {} cannot be used", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl CacheError {
    /// What a failure for this reason is to the scheduler.
    pub(crate) fn class(&self) -> FailureClass {
        match self {
            Self::Object(error) => error.class(),
            Self::Stopped => FailureClass::Stopped,
            Self::TooLarge { .. } | Self::Later | Self::Io { .. } => FailureClass::Transient,
        }
    }
}

/// Whether there is no room on the disk.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
