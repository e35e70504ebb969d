//! Writes the sections of a new index and, when all are there, the header.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use sha2::{Digest, Sha256};
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U32, U64};

use crate::layout::{ALIGNMENT, FileHeader, MAGIC, SECTIONS, SectionEntry, VERSION};
use crate::minimizer::{K, W};

/// Bytes collected before they are given to the file.
const BUFFER: usize = 1 << 20;

/// A section on its way to the file; several can be written side by side.
pub(crate) struct SectionWriter {
    file: File,
    pending: Vec<u8>,
    offset: u64,
    length: u64,
    crc: crc32fast::Hasher,
}

impl SectionWriter {
    /// A section that begins at `offset` of the file at `path`, which exists.
    pub(crate) fn new(path: &Path, offset: u64) -> io::Result<Self> {
        // Each has a file handle, and so a place in the file, of its own.
        let mut file = File::options().write(true).open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(Self {
            file,
            pending: Vec::with_capacity(BUFFER),
            offset,
            length: 0,
            crc: crc32fast::Hasher::new(),
        })
    }

    /// Adds bytes to the section.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= BUFFER {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.crc.update(&self.pending);
        self.length += self.pending.len() as u64;
        self.file.write_all(&self.pending)?;
        self.pending.clear();
        Ok(())
    }

    /// Ends the section.
    pub(crate) fn finish(mut self) -> io::Result<SectionEntry> {
        self.flush()?;
        Ok(SectionEntry {
            offset: U64::new(self.offset),
            length: U64::new(self.length),
            crc32: U32::new(self.crc.finalize()),
            reserved: U32::new(0),
        })
    }
}

/// Where the first section begins.
pub(crate) fn first_offset() -> u64 {
    (size_of::<FileHeader>() as u64).next_multiple_of(ALIGNMENT)
}

/// Where a section begins after one that ends at `end`.
pub(crate) fn offset_after(end: u64) -> u64 {
    end.next_multiple_of(ALIGNMENT)
}

/// Writes the header over the sections that were written, and waits until all of it is on disk.
pub(crate) fn seal(
    path: &Path,
    bucket_bits: u32,
    entries: [SectionEntry; SECTIONS.len()],
) -> io::Result<()> {
    let mut header = FileHeader {
        magic: MAGIC,
        version: U32::new(VERSION),
        k: U32::new(K as u32),
        w: U32::new(W as u32),
        bucket_bits: U32::new(bucket_bits),
        digest: Sha256::digest(entries.as_bytes()).into(),
        sections: entries,
        crc32: U32::new(0),
        reserved: U32::new(0),
    };
    let bytes = header.as_bytes();
    header.crc32 = U32::new(crc32fast::hash(&bytes[..bytes.len() - 8]));
    let mut file = File::options().write(true).open(path)?;
    file.write_all(header.as_bytes())?;
    // A last section without bytes (no contig is long enough for a seed) still begins inside the file.
    let end = header
        .sections
        .iter()
        .map(|entry| entry.offset.get() + entry.length.get());
    file.set_len(end.max().unwrap_or(0))?;
    file.sync_all()
}
