//! The reading end of the audit log.

use std::path::{Path, PathBuf};

use crate::audit::segment::{self, Segment};
use crate::audit::{AuditError, Damage, Head, Record};

/// Reads an audit log from its folder, checking the chain as it goes. Where a node once took a snapshot of its leader
/// entries are missing; it goes on behind them.
pub struct Reader {
    files: std::vec::IntoIter<PathBuf>,
    current: Option<Segment>,
    from: u64,
    until: u64,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl Reader {
    /// Records from the raft index `from` on, or from the first that is kept, up to `until`. A log that is being written
    /// can be read up to where it says that it is ([`crate::Node::head`]).
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn open(folder: &Path, from: u64, until: u64) -> Result<Self, AuditError> {
        let mut files = files(folder, until)?;
        let starts = |path: &PathBuf| segment::first(path).is_some_and(|first| first <= from);
        let before = files.iter().rposition(starts).unwrap_or(0);
        files.drain(..before);
        Ok(Self {
            files: files.into_iter(),
            current: None,
            from,
            until,
        })
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// Where the log is damaged or ends in the middle.
    pub fn read_next(&mut self) -> Result<Option<Record>, AuditError> {
        loop {
            let record = match &mut self.current {
                Some(segment) if segment.next <= self.until => segment.read_next()?,
                _ => None,
            };
            match record {
                Some(record) if record.index >= self.from => return Ok(Some(record)),
                Some(_) => {}
                None if !self.advance()? => return Ok(None),
                None => {}
            }
        }
    }

    /// Goes on to the next file.
    fn advance(&mut self) -> Result<bool, AuditError> {
        let Some(path) = self.files.next() else {
            return Ok(false);
        };
        let segment = Segment::open(&path)?;
        if let Some(last) = &self.current {
            let follows = segment.first == last.next && segment.before == last.head;
            if !follows && segment.first <= last.next {
                let after = last.next - 1;
                return Err(Damage::Gap { path, after }.into());
            }
        }
        self.current = Some(segment);
        Ok(true)
    }
}

/// Of each file up to the entry `until`, in order: its first entry, and the head before that.
///
/// # Errors
/// When a file cannot be read or is not one of an audit log.
pub fn beginnings(folder: &Path, until: u64) -> Result<Vec<(u64, Head)>, AuditError> {
    let files = files(folder, until)?.into_iter();
    let begins = files.map(|path| Segment::open(&path).map(|file| (file.first, file.before)));
    begins.collect()
}

/// The files that begin at or before an entry, in order: one that begins later may not be whole yet.
fn files(folder: &Path, until: u64) -> Result<Vec<PathBuf>, AuditError> {
    let mut files = segment::files(folder)?;
    files.retain(|path| segment::first(path).is_none_or(|first| first <= until));
    Ok(files)
}
