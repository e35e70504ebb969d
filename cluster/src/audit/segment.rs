//! One file of the audit log.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use crate::audit::{AuditError, Head, Record};
use crate::limits;

pub(super) const MAGIC: &[u8; 8] = b"KUMIAUDT";
pub(super) const VERSION: u32 = 1;
pub(super) const HEADER_BYTES: usize = 8 + 4 + 8 + 32;
const ENDING: &str = "audit";

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// It does not start as one does.
    #[error("{} is not a file of an audit log, or of a newer version", path.display())]
    Header {
        /// The file.
        path: PathBuf,
    },
    /// A record is cut off or changed.
    #[error("{} is changed or cut off after entry {after}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// The last entry in order.
        after: u64,
    },
    /// A file is missing or was exchanged.
    #[error("{} does not go on where the file before it ends, after entry {after}", path.display())]
    Gap {
        /// The file.
        path: PathBuf,
        /// The last entry before it.
        after: u64,
    },
}

pub(super) fn name(first: u64) -> String {
    format!("{first:020}.{ENDING}")
}

pub(super) fn header(first: u64, before: Head) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&first.to_le_bytes());
    bytes.extend_from_slice(&before.0);
    bytes
}

pub(super) fn put(bytes: &mut Vec<u8>, record: &Record) {
    let length = u32::try_from(record.bytes.len()).expect("an entry has its limit");
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&record.bytes);
    bytes.extend_from_slice(&record.head.0);
}

/// The index in a file's name.
pub(super) fn first(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.parse().ok()
}

/// The files in a folder, in order.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>, AuditError> {
    let entries = std::fs::read_dir(folder).map_err(io("list", folder))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(io("list", folder))?.path();
        if path.extension().is_some_and(|ending| ending == ENDING) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> AuditError {
    let path = path.to_owned();
    move |source| AuditError::Io {
        action,
        path,
        source,
    }
}

/// Reads one file and checks the chain as it goes.
pub(super) struct Segment {
    path: PathBuf,
    file: BufReader<File>,
    pub(super) first: u64,
    pub(super) before: Head,
    /// The next entry's index, and the head before it.
    pub(super) next: u64,
    pub(super) head: Head,
    /// Bytes up to the end of the last whole record.
    pub(super) sound_bytes: u64,
}

impl Segment {
    pub(super) fn open(path: &Path) -> Result<Self, AuditError> {
        let file = File::open(path).map_err(io("open", path))?;
        let mut file = BufReader::with_capacity(limits::AUDIT_BUFFER_BYTES, file);
        let mut header = [0; HEADER_BYTES];
        let whole = file.read_exact(&mut header).is_ok();
        let version = u32::from_le_bytes(header[8..12].try_into().expect("4 bytes"));
        if !whole || !header.starts_with(MAGIC) || version != VERSION {
            let path = path.to_owned();
            return Err(Damage::Header { path }.into());
        }
        let first = u64::from_le_bytes(header[12..20].try_into().expect("8 bytes"));
        if path.file_name().is_none_or(|found| *found != *name(first)) {
            let path = path.to_owned();
            return Err(Damage::Header { path }.into());
        }
        let before = Head(header[20..].try_into().expect("32 bytes"));
        Ok(Self {
            path: path.to_owned(),
            file,
            first,
            before,
            next: first,
            head: before,
            sound_bytes: HEADER_BYTES as u64,
        })
    }

    /// The next record; `None` at the end of the file.
    pub(super) fn read_next(&mut self) -> Result<Option<Record>, AuditError> {
        let mut length = [0; 4];
        match self.read(&mut length)? {
            0 => return Ok(None),
            4 => {}
            _ => return Err(self.damage()),
        }
        let length = u32::from_le_bytes(length) as usize;
        if length > limits::ENTRY_BYTES_MAX + limits::AUDIT_BUFFER_BYTES {
            return Err(self.damage());
        }
        let mut bytes = vec![0; length];
        let mut head = [0; 32];
        if self.read(&mut bytes)? != length || self.read(&mut head)? != head.len() {
            return Err(self.damage());
        }
        let record = Record {
            index: self.next,
            bytes,
            head: Head(head),
        };
        if self.head.after(&record.bytes) != record.head || record.read().is_none() {
            return Err(self.damage());
        }
        self.next += 1;
        self.head = record.head;
        self.sound_bytes += (4 + length + head.len()) as u64;
        Ok(Some(record))
    }

    fn read(&mut self, to: &mut [u8]) -> Result<usize, AuditError> {
        let mut read = 0;
        while read < to.len() {
            match self.file.read(&mut to[read..]) {
                Ok(0) => break,
                Ok(bytes) => read += bytes,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(io("read", &self.path)(error)),
            }
        }
        Ok(read)
    }

    fn damage(&self) -> AuditError {
        let (path, after) = (self.path.clone(), self.next - 1);
        Damage::Record { path, after }.into()
    }
}
