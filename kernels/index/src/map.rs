//! The one call that maps a file.
#![allow(
    unsafe_code,
    reason = "mapping a file is the one unsafe call of this crate"
)]

use std::fs::File;
use std::io;
use std::path::Path;

use bytes::Bytes;
use memmap2::Mmap;

/// Maps a published file, for whoever reads it in place.
///
/// # Errors
/// Those of opening and mapping it.
pub fn mapped(path: &Path) -> io::Result<Bytes> {
    read_only(&File::open(path)?).map(Bytes::from_owner)
}

/// Maps a whole file for reading.
pub(crate) fn read_only(file: &File) -> io::Result<Mmap> {
    // SAFETY: what is mapped is immutable once it has its name: it is written beside, synced and renamed, and
    // nothing opens it for writing. Whoever truncates it under a running process gets SIGBUS, as with
    // every mapped file; every access is inside bounds that were checked at open.
    let map = unsafe { Mmap::map(file) }?;
    // Look-ups go anywhere: large pages spare walks of the page table where the file system has them.
    #[cfg(target_os = "linux")]
    let _ = map.advise(memmap2::Advice::HugePage);
    Ok(map)
}
