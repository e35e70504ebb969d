//! Following the chain of heads.

use std::ops::RangeInclusive;

use kumi_server::audit::{AuditRecord, Head};

/// Where the chain is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chain {
    /// The last entry, or the one before the first.
    pub(super) index: u64,
    /// The head after it.
    pub(super) head: Head,
    /// Whether a head is known to go on from.
    begun: bool,
    /// Entries that are missing between pieces whose beginnings are known.
    pub(super) missing: Vec<RangeInclusive<u64>>,
}

impl Chain {
    /// Goes on behind a head that is known: that before the entry `first`. Entries in between are missing.
    pub(super) fn begin(&mut self, first: u64, before: Head) -> Result<(), String> {
        if first == 0 || (self.begun && first <= self.index) {
            return Err(format!("entry {first} comes after entry {}", self.index));
        }
        if first == 1 && before != Head::default() {
            return Err("there is nothing before entry 1".to_owned());
        }
        if self.begun && first > self.index + 1 {
            self.missing.push(self.index + 1..=first - 1);
        } else if self.begun && before != self.head {
            return Err(format!("entry {first} does not follow the one before it"));
        }
        (self.index, self.head, self.begun) = (first - 1, before, true);
        Ok(())
    }

    /// Goes on by a record; what is wrong with it otherwise.
    pub(super) fn follow(&mut self, record: &AuditRecord) -> Result<(), String> {
        let index = record.index;
        if record.read().is_none() {
            return Err(format!("entry {index} is not one"));
        }
        if !self.begun {
            return Err(format!("the head before entry {index} is missing"));
        }
        if index != self.index + 1 {
            return Err(format!("entries {} to {index} are missing", self.index + 1));
        }
        if self.head.after(&record.bytes) != record.head {
            return Err(format!("entry {index} is not what was written"));
        }
        (self.index, self.head) = (index, record.head);
        Ok(())
    }

    /// What is missing, in words.
    pub(super) fn gaps(&self) -> Option<String> {
        let gap = |gap: &RangeInclusive<u64>| format!("{} to {}", gap.start(), gap.end());
        let gaps: Vec<String> = self.missing.iter().map(gap).collect();
        (!gaps.is_empty()).then(|| format!("entries {} are not here", gaps.join(", ")))
    }
}
