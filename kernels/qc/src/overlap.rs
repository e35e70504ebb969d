//! Where records of one fragment cover the same bases: those count once.

use std::collections::BTreeMap;

use kumi_formats::bam::{View, flag};

/// Aligned stretches: 0-based, half-open, ascending.
pub(crate) type Stretches = Vec<(u32, u32)>;

/// How much of `start..end` is in `stretches`.
pub(crate) fn overlap(
    stretches: &[(u32, u32)],
    start: u32,
    end: u32,
) -> impl Iterator<Item = (u32, u32)> {
    let cut = move |&(from, to): &(u32, u32)| (from.max(start), to.min(end));
    stretches.iter().map(cut).filter(|(from, to)| from < to)
}

/// Reads of proper pairs whose mate is still to come and will overlap them: mosdepth's rule. Holds only those
/// around the current position.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// By contig and position of the mate, then name.
    reads: BTreeMap<(u32, u32, Vec<u8>), Stretches>,
}

impl Waiting {
    /// True when the mate of this primary record comes later and begins inside it.
    pub(crate) fn expects(record: View<'_>) -> bool {
        is_half(record)
            && record.ref_id() == record.mate_ref_id()
            && (record.pos()..record.end()).contains(&record.mate_pos())
    }

    /// What the mate of `record` covered, if it came before.
    pub(crate) fn take(&mut self, record: View<'_>) -> Option<Stretches> {
        if self.reads.is_empty() || !is_half(record) {
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
    pub(crate) fn keep(&mut self, record: View<'_>, covered: Stretches) {
        let place = (record.ref_id() as u32, record.mate_pos() as u32);
        self.reads
            .insert((place.0, place.1, record.name().to_vec()), covered);
    }
}

fn is_half(record: View<'_>) -> bool {
    record.flags() & (flag::PROPER | flag::SECONDARY | flag::SUPPLEMENTARY) == flag::PROPER
}

/// The good bases of fragments around the current position, by name: Picard's rule, for which all records of
/// a fragment are one.
#[derive(Debug, Default)]
pub(crate) struct Fragments {
    contig: u32,
    seen: BTreeMap<Vec<u8>, Good>,
    /// Those that lie behind are forgotten when there are so many.
    limit: usize,
}

/// Fragments held without looking for those that lie behind.
const LIMIT_MIN: usize = 1 << 10;

impl Fragments {
    /// What of the fragment was seen before, to be given back with [`Self::keep`].
    pub(crate) fn take(&mut self, record: View<'_>) -> Good {
        let (contig, pos) = (record.ref_id() as u32, record.pos() as u32);
        if contig != self.contig {
            self.contig = contig;
            self.seen.clear();
        }
        let good = self.seen.remove(record.name()).unwrap_or_default();
        if good.end() <= pos {
            Good::new(pos)
        } else {
            good
        }
    }

    /// Keeps what was seen of the fragment as long as another record of it may come.
    pub(crate) fn keep(&mut self, record: View<'_>, good: Good) {
        let is_alone =
            record.flags() & flag::PAIRED == 0 || record.flags() & flag::MATE_UNMAPPED != 0;
        if is_alone && record.tag(*b"SA").is_none() {
            return;
        }
        if self.seen.len() >= self.limit {
            let pos = record.pos() as u32;
            self.seen.retain(|_, good| good.end() > pos);
            self.limit = (2 * self.seen.len()).max(LIMIT_MIN);
        }
        self.seen.insert(record.name().to_vec(), good);
    }
}

/// A set of positions.
#[derive(Debug, Default)]
pub(crate) struct Good {
    start: u32,
    words: Vec<u64>,
}

impl Good {
    fn new(start: u32) -> Self {
        Self {
            start,
            words: Vec::new(),
        }
    }

    /// One past the last position, rounded up.
    fn end(&self) -> u32 {
        self.start
            .saturating_add(self.words.len() as u32 * u64::BITS)
    }

    /// Adds a position, which is not before the first; false when it was there.
    pub(crate) fn add(&mut self, position: u32) -> bool {
        let at = position - self.start;
        let (word, bit) = ((at / u64::BITS) as usize, 1 << (at % u64::BITS));
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        let is_new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        is_new
    }
}
