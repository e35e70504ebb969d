//! The writing end of the audit log.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::audit::segment::{self, Segment, io};
use crate::audit::{AuditError, Head, Record};
use crate::limits;

/// Appends to the newest file of a folder. What was appended is durable after [`Journal::sync`]; a crash
/// before it loses nothing that the raft log does not still have.
#[derive(Debug)]
pub(crate) struct Journal {
    folder: PathBuf,
    file: Option<File>,
    bytes: u64,
    /// The last index written, and the head after it.
    last: Option<(u64, Head)>,
    waiting: Vec<u8>,
}

impl Journal {
    /// Opens the log of a replica whose snapshot ends at `index` with `head`; a record that a crash cut
    /// off is removed.
    pub(crate) fn open(folder: &Path, index: u64, head: Head) -> Result<Self, AuditError> {
        std::fs::create_dir_all(folder).map_err(io("create", folder))?;
        let mut journal = Self {
            folder: folder.to_owned(),
            file: None,
            bytes: 0,
            last: None,
            waiting: Vec::new(),
        };
        let mut files = segment::files(folder)?;
        while let Some(newest) = files.pop() {
            if journal.adopt(&newest, index)? {
                break;
            }
        }
        match journal.last {
            Some((last, found)) if last == index && found != head => {
                Err(AuditError::Differs { index })
            }
            // Behind the snapshot: what is between is on the others.
            Some((last, _)) if last < index => {
                journal.file = None;
                journal.last = (index > 0).then_some((index, head));
                Ok(journal)
            }
            None => {
                journal.last = (index > 0).then_some((index, head));
                Ok(journal)
            }
            Some(_) => Ok(journal),
        }
    }

    /// Goes on with a file, without what a crash left of its last record; false when a crash left nothing of the file,
    /// which is removed. Up to the snapshot, at `index`, everything was durable: what is damaged there was not damaged
    /// by a crash.
    fn adopt(&mut self, path: &Path, index: u64) -> Result<bool, AuditError> {
        let mut found = match Segment::open(path) {
            Ok(found) => found,
            Err(AuditError::Damaged(_))
                if segment::first(path).is_some_and(|first| first > index) =>
            {
                tracing::warn!(file = %path.display(), "a file of the audit log was not finished and is written again");
                std::fs::remove_file(path).map_err(io("remove", path))?;
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        loop {
            match found.read_next() {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(AuditError::Damaged(damage)) if found.next > index => {
                    tracing::warn!(%damage, "the end of the audit log is written again");
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        let file = File::options().append(true).open(path);
        let file = file.map_err(io("open", path))?;
        file.set_len(found.sound_bytes).map_err(io("cut", path))?;
        self.file = Some(file);
        self.bytes = found.sound_bytes;
        self.last = (found.next > 1).then_some((found.next - 1, found.head));
        Ok(true)
    }

    /// Adds an applied entry. One that is there already, after a restart, must lead to the same head.
    pub(crate) fn append(&mut self, record: &Record, before: Head) -> Result<(), AuditError> {
        if let Some((last, head)) = self.last {
            if record.index < last {
                return Ok(());
            }
            if record.index == last {
                return match head == record.head {
                    true => Ok(()),
                    false => Err(AuditError::Differs { index: last }),
                };
            }
        }
        if self.file.is_none() || self.bytes >= limits::AUDIT_FILE_BYTES {
            self.begin(record.index, before)?;
        }
        let waited = self.waiting.len();
        segment::put(&mut self.waiting, record);
        self.bytes += (self.waiting.len() - waited) as u64;
        self.last = Some((record.index, record.head));
        if self.waiting.len() >= limits::AUDIT_WAITING_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Hands what was appended to the operating system: readers see it.
    pub(crate) fn flush(&mut self) -> Result<(), AuditError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        if let Some(file) = &mut self.file {
            file.write_all(&self.waiting)
                .map_err(io("write", &self.folder))?;
        }
        self.waiting.clear();
        Ok(())
    }

    /// Makes everything durable.
    pub(crate) fn sync(&mut self) -> Result<(), AuditError> {
        self.flush()?;
        let folder = &self.folder;
        match &self.file {
            Some(file) => file.sync_data().map_err(io("sync", folder)),
            None => Ok(()),
        }
    }

    /// A snapshot of the leader takes the place of the entries in between.
    pub(crate) fn skip_to(&mut self, index: u64, head: Head) -> Result<(), AuditError> {
        self.sync()?;
        self.file = None;
        self.last = Some((index, head));
        Ok(())
    }

    fn begin(&mut self, first: u64, before: Head) -> Result<(), AuditError> {
        self.sync()?;
        let path = self.folder.join(segment::name(first));
        let mut file = File::create_new(&path).map_err(io("create", &path))?;
        let header = segment::header(first, before);
        file.write_all(&header).map_err(io("write", &path))?;
        file.sync_all().map_err(io("sync", &path))?;
        let folder = File::open(&self.folder).map_err(io("open", &self.folder))?;
        folder.sync_all().map_err(io("sync", &self.folder))?;
        self.bytes = header.len() as u64;
        self.file = Some(file);
        Ok(())
    }
}
