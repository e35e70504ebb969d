//! Where the two reads of a short fragment cover the same bases: those count once.

use std::collections::BTreeMap;

use kumi_formats::bam::{View, flag};

/// What a read covered of the stretch where its mate will come.
#[derive(Debug, Default)]
pub(crate) struct Covered {
    /// Aligned stretches: 0-based, half-open, ascending.
    pub(crate) aligned: Vec<(u32, u32)>,
    /// Positions whose base counts for coverage of quality, ascending.
    pub(crate) good: Vec<u32>,
}

impl Covered {
    /// How much of `start..end` is covered.
    pub(crate) fn overlap(&self, start: u32, end: u32) -> impl Iterator<Item = (u32, u32)> {
        let cut = move |&(from, to): &(u32, u32)| (from.max(start), to.min(end));
        self.aligned.iter().map(cut).filter(|(from, to)| from < to)
    }

    /// True when the base at `position` counted.
    pub(crate) fn is_good(&self, position: u32) -> bool {
        self.good.binary_search(&position).is_ok()
    }
}

/// Reads whose mate is still to come and will overlap them. Holds only those around the current position.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// By contig and position of the mate, then name.
    reads: BTreeMap<(u32, u32, Vec<u8>), Covered>,
}

impl Waiting {
    /// True when the mate of this primary record comes later and begins inside it.
    pub(crate) fn expects(record: View<'_>) -> bool {
        const NOT: u16 =
            flag::UNMAPPED | flag::MATE_UNMAPPED | flag::SECONDARY | flag::SUPPLEMENTARY;
        record.flags() & (flag::PAIRED | NOT) == flag::PAIRED
            && record.ref_id() == record.mate_ref_id()
            && (record.pos()..record.end()).contains(&record.mate_pos())
    }

    /// What the mate of `record` covered, if it came before.
    pub(crate) fn take(&mut self, record: View<'_>) -> Option<Covered> {
        if self.reads.is_empty() || record.flags() & (flag::SECONDARY | flag::SUPPLEMENTARY) != 0 {
            return None;
        }
        let (contig, pos) = (record.ref_id() as u32, record.pos() as u32);
        // Mates that should have come before this place were left out.
        while let Some(first) = self.reads.first_entry() {
            if (first.key().0, first.key().1) >= (contig, pos) {
                break;
            }
            first.remove();
        }
        self.reads.remove(&(contig, pos, record.name().to_vec()))
    }

    /// Keeps what `record` covered until its mate comes.
    pub(crate) fn keep(&mut self, record: View<'_>, covered: Covered) {
        let place = (record.ref_id() as u32, record.mate_pos() as u32);
        self.reads
            .insert((place.0, place.1, record.name().to_vec()), covered);
    }
}
