//! Why something could not be published.

use std::io;
use std::path::PathBuf;

use kumi_proto::v1::FailureClass;

use crate::fault::{Fault, chain};
use crate::objects::ObjectError;

/// Why a file could not be staged or published. Nothing became visible.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A name or directory of the specification leaves the root.
    #[error("{0:?} is not a plain path below the output directory; refusing to write there")]
    Escape(String),
    /// The file system is full, or a quota is used up.
    #[error("no space left to write {}; free some space and retry", path.display())]
    Full {
        /// What was being written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Any other I/O error.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// `create`, `sync`, `rename`, ….
        action: &'static str,
        /// What it was done to.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A kernel was told to write a file and did not.
    #[error("{} was promised but never written", .0.display())]
    Missing(PathBuf),
    /// An object store's doing.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// The bytes do not read back as what was written.
    #[error("{name} does not read back as what was written: {reason}")]
    Invalid {
        /// The published name.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

impl StoreError {
    /// An I/O error while doing `action` to `path`; a full disk is told apart.
    pub fn io(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::Full { path, source },
            _ => Self::Io {
                action,
                path,
                source,
            },
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let class = match &error {
            StoreError::Object(error) => error.class(),
            StoreError::Escape(_) | StoreError::Missing(_) => FailureClass::Internal,
            StoreError::Full { .. } | StoreError::Io { .. } | StoreError::Invalid { .. } => {
                FailureClass::Transient
            }
        };
        Self::new(class, chain(&error))
    }
}
