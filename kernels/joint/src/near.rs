//! The reference around a window, fetched once for all samples.

use kumi_formats::reference::ReferenceSource;
use kumi_seq::contig::Contigs;
use kumi_seq::interval::Interval;

use crate::allele::SHIFT_MAX;

/// A reference of which the bases around a window are at hand.
pub(crate) struct Near<'a> {
    reference: &'a dyn ReferenceSource,
    held: Interval,
    bases: Vec<u8>,
}

impl<'a> Near<'a> {
    /// Takes the bases of the window and as many around it as its records mostly ask for.
    pub(crate) fn new(reference: &'a dyn ReferenceSource, window: Interval) -> Self {
        let length = reference
            .contigs()
            .get(window.contig)
            .map_or(0, |c| c.length);
        let held = window.padded(2 * SHIFT_MAX, length);
        let mut bases = Vec::with_capacity(held.len() as usize);
        if !held.is_empty() {
            reference.bases(held, &mut bases);
        }
        Self {
            reference,
            held,
            bases,
        }
    }
}

impl ReferenceSource for Near<'_> {
    fn contigs(&self) -> &Contigs {
        self.reference.contigs()
    }

    fn bases(&self, interval: Interval, into: &mut Vec<u8>) {
        let inside = interval.contig == self.held.contig
            && interval.start >= self.held.start
            && interval.end <= self.held.end;
        if !inside {
            return self.reference.bases(interval, into);
        }
        let place = |position: u32| (position - self.held.start) as usize;
        into.extend_from_slice(&self.bases[place(interval.start)..place(interval.end)]);
    }
}
