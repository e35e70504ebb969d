//! Who an input file is, without reading all of it.
//!
//! A fingerprint is the SHA-256 of the file's size, its modification time in nanoseconds and its first
//! and last 64 KiB (`docs/formats/fingerprint.md`). The submitter takes it, and the worker takes it again
//! before it reads the file: what was submitted is what is computed.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::UNIX_EPOCH;

use kumi_formats::open;
use kumi_proto::v1;
use sha2::{Digest, Sha256};

use crate::objects::{Head, Location};
use crate::store::hex;

const SAMPLE_BYTES: u64 = 64 << 10;

/// Describes a file: absolute path, size in bytes, fingerprint.
///
/// # Errors
/// Any error of opening or reading it.
pub fn describe(path: &Path) -> io::Result<v1::ReadFile> {
    let absolute = std::path::absolute(path)?;
    let mut file = open::regular(path)?;
    let metadata = file.metadata()?;
    let size = metadata.len();
    let modified = metadata
        .modified()?
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    let mut hash = Sha256::new();
    hash.update(size.to_le_bytes());
    hash.update(modified.to_le_bytes());
    let mut buffer = Vec::new();
    file.by_ref().take(SAMPLE_BYTES).read_to_end(&mut buffer)?;
    if size > SAMPLE_BYTES {
        file.seek(SeekFrom::Start((size - SAMPLE_BYTES).max(SAMPLE_BYTES)))?;
        file.take(SAMPLE_BYTES).read_to_end(&mut buffer)?;
    }
    hash.update(&buffer);
    Ok(v1::ReadFile {
        path: absolute.to_string_lossy().into_owned(),
        size,
        fingerprint: hex(&hash.finalize()),
    })
}

/// Describes an object: URL, size in bytes, and a fingerprint made of its size and ETag, which changes with its content.
#[must_use]
pub fn of_object(at: &Location, head: &Head) -> v1::ReadFile {
    let mut hash = Sha256::new();
    hash.update(b"s3 object");
    hash.update(head.size.to_le_bytes());
    hash.update(head.etag.as_bytes());
    v1::ReadFile {
        path: at.to_string(),
        size: head.size,
        fingerprint: hex(&hash.finalize()),
    }
}

#[cfg(test)]
mod tests {
    use super::describe;

    /// Size, time, head and tail count. Bytes that the head holds already are not taken twice, so that a file
    /// of 64 KiB and less is known by all its bytes once.
    #[test]
    fn what_the_format_page_lists_counts() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("reads");
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        let mut seen = std::collections::BTreeSet::new();
        let contents = [
            vec![1u8; 200_000],
            [vec![1u8; 199_999], vec![2]].concat(),
            [vec![2], vec![1u8; 199_999]].concat(),
            vec![1u8; 200_001],
            vec![1u8; 70_000],
        ];
        for content in &contents {
            std::fs::write(&path, content).expect("written");
            std::fs::File::options()
                .write(true)
                .open(&path)
                .and_then(|f| f.set_modified(time))
                .expect("stamped");
            seen.insert(describe(&path).expect("readable").fingerprint);
        }
        std::fs::File::options()
            .write(true)
            .open(&path)
            .and_then(|f| f.set_modified(time + std::time::Duration::from_nanos(1_000_000)))
            .expect("stamped");
        seen.insert(describe(&path).expect("readable").fingerprint);
        assert_eq!(seen.len(), contents.len() + 1);
    }
}
