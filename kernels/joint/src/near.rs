//! The reference around a window, fetched once for all samples.

use std::borrow::Cow;

use kumi_formats::reference::ReferenceSource;
use kumi_seq::contig::{ContigId, Contigs};
use kumi_seq::interval::Interval;

use crate::allele::SHIFT_MAX;

/// A reference of which the bases around a window are at hand.
pub(crate) struct Near<'a> {
    reference: &'a dyn ReferenceSource,
    /// Bases of the window's contig.
    length: u32,
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
            length,
            held,
            bases,
        }
    }
}

impl Near<'_> {
    /// Bases of a contig; 0 when there is none.
    pub(crate) fn length(&self, contig: ContigId) -> u32 {
        if contig == self.held.contig {
            return self.length;
        }
        let contig = self.reference.contigs().get(contig);
        contig.map_or(0, |contig| contig.length)
    }

    /// The bases of an interval, which lies on its contig.
    pub(crate) fn around(&self, interval: Interval) -> Cow<'_, [u8]> {
        if let Some(bases) = self.at_hand(interval) {
            return Cow::Borrowed(bases);
        }
        let mut bases = Vec::new();
        self.reference.bases(interval, &mut bases);
        Cow::Owned(bases)
    }

    fn at_hand(&self, interval: Interval) -> Option<&[u8]> {
        let inside = interval.contig == self.held.contig
            && interval.start >= self.held.start
            && interval.end <= self.held.end;
        let place = |position: u32| (position - self.held.start) as usize;
        inside.then(|| &self.bases[place(interval.start)..place(interval.end)])
    }
}

impl ReferenceSource for Near<'_> {
    fn contigs(&self) -> &Contigs {
        self.reference.contigs()
    }

    fn bases(&self, interval: Interval, into: &mut Vec<u8>) {
        match self.at_hand(interval) {
            Some(bases) => into.extend_from_slice(bases),
            None => self.reference.bases(interval, into),
        }
    }
}
