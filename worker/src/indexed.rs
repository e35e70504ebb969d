//! A mapped index as the formats and kernels want their reference.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use kumi_formats::reference::ReferenceSource;
use kumi_index::{Index, OpenError};
use kumi_seq::contig::Contigs;
use kumi_seq::interval::Interval;

/// The reference in an index. Ambiguous bases are `N`.
#[derive(Clone, Debug)]
pub struct Indexed(pub Arc<Index>);

/// The index that was opened last, which stays mapped between the tasks of a worker: those that follow each other do
/// not fault in again, page by page, what is in memory.
#[derive(Debug, Default)]
pub struct Kept(Mutex<Option<Opened>>);

#[derive(Debug)]
struct Opened {
    path: PathBuf,
    /// Device, inode, size, and time of the last change in seconds and nanoseconds: another file has others.
    file: [i128; 5],
    index: Arc<Index>,
}

impl Kept {
    /// Opens an index, or gives the one that is kept if it is of this file. Tasks that want it meanwhile wait: two
    /// would map it twice.
    pub(crate) fn open(&self, path: &Path) -> Result<Indexed, OpenError> {
        let file = std::fs::metadata(path).map(|found| {
            let (seconds, nanoseconds) = (found.mtime(), found.mtime_nsec());
            [
                found.dev().into(),
                found.ino().into(),
                found.size().into(),
                seconds.into(),
                nanoseconds.into(),
            ]
        });
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(opened), Ok(file)) = (&*last, &file)
            && (opened.path.as_path(), &opened.file) == (path, file)
        {
            return Ok(Indexed(Arc::clone(&opened.index)));
        }
        // What is mapped of another index goes first.
        *last = None;
        let index = Arc::new(Index::open(path)?);
        *last = file.ok().map(|file| Opened {
            path: path.to_owned(),
            file,
            index: Arc::clone(&index),
        });
        Ok(Indexed(index))
    }
}

impl ReferenceSource for Indexed {
    fn contigs(&self) -> &Contigs {
        self.0.contigs()
    }

    fn bases(&self, interval: Interval, into: &mut Vec<u8>) {
        self.0.view().bases(interval, into);
    }
}
