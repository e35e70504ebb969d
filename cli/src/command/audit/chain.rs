//! Following the chain of heads.

use kumi_server::audit::{AuditRecord, Head};

/// Where the chain is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Chain {
    /// The last entry; 0: none yet.
    pub(super) index: u64,
    /// The head after it.
    pub(super) head: Head,
    /// Whether a head was seen: the first record brings its own when the log does not begin with entry 1.
    begun: bool,
}

impl Chain {
    /// A chain that goes on behind a known head.
    pub(super) fn behind(first: u64, base: Head) -> Self {
        Self {
            index: first.saturating_sub(1),
            head: base,
            begun: true,
        }
    }

    /// Goes on by a record; what is wrong with it otherwise.
    pub(super) fn follow(&mut self, record: &AuditRecord) -> Result<(), String> {
        let index = record.index;
        if record.read().is_none() {
            return Err(format!("entry {index} is not one"));
        }
        if self.begun && index != self.index + 1 {
            return Err(format!("entries {} to {index} are missing", self.index + 1));
        }
        if self.begun && self.head.after(&record.bytes) != record.head {
            return Err(format!("entry {index} is not what was written"));
        }
        self.index = index;
        self.head = record.head;
        self.begun = true;
        Ok(())
    }
}
