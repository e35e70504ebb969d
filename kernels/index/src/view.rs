//! What can be looked up in an index, in place.

use kumi_seq::base;
use kumi_seq::contig::{ContigId, Contigs};
use kumi_seq::interval::Interval;
use zerocopy::little_endian::U64;

use crate::layout::{PLACE_BITS, Run};

/// A place where a seed stands in the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// First base in the concatenation of all contigs, 0-based.
    pub position: u64,
    /// Strand of the canonical k-mer there.
    pub reverse: bool,
}

/// A mapped index, ready for look-ups. Copying it is free.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub(crate) contigs: &'a Contigs,
    pub(crate) offsets: &'a [u64],
    pub(crate) bases: &'a [u8],
    pub(crate) runs: &'a [Run],
    pub(crate) buckets: &'a [U64],
    pub(crate) seeds: &'a [U64],
    pub(crate) rest_bits: u32,
}

impl<'a> View<'a> {
    /// The contigs.
    #[must_use]
    pub fn contigs(&self) -> &'a Contigs {
        self.contigs
    }

    /// Where a seed stands, in the order of positions.
    pub fn hits(&self, hash: u64) -> impl ExactSizeIterator<Item = Hit> + use<'a> {
        let bucket = (hash >> self.rest_bits) as usize;
        let bound = |at: usize| {
            self.buckets
                .get(at)
                .map_or(0, |bound| bound.get() as usize)
                .min(self.seeds.len())
        };
        let (start, end) = (bound(bucket), bound(bucket + 1));
        let bucket = self.seeds.get(start..end.max(start)).unwrap_or(&[]);
        let rest = hash & ((1 << self.rest_bits) - 1);
        let from = bucket.partition_point(|seed| seed.get() >> PLACE_BITS < rest);
        let count = bucket[from..].partition_point(|seed| seed.get() >> PLACE_BITS == rest);
        bucket[from..from + count].iter().map(|seed| {
            let place = seed.get() & ((1 << PLACE_BITS) - 1);
            Hit {
                position: place >> 1,
                reverse: place & 1 == 1,
            }
        })
    }

    /// First base of a contig in the concatenation of all contigs.
    #[must_use]
    pub fn offset(&self, contig: ContigId) -> u64 {
        self.offsets[contig.index()]
    }

    /// The contig and 0-based position of a place in the concatenation; the last contig for a place behind
    /// the end.
    #[must_use]
    pub fn locate(&self, position: u64) -> (ContigId, u64) {
        let after = self.offsets.partition_point(|&offset| offset <= position);
        let contig = after.saturating_sub(1);
        (
            ContigId(contig as u32),
            position - self.offsets.get(contig).copied().unwrap_or(0),
        )
    }

    /// Appends the codes (0 to 3, 4 for an ambiguous base) of an interval, which must lie in its contig.
    pub fn codes(&self, interval: Interval, into: &mut Vec<u8>) {
        let start = self.offset(interval.contig) + u64::from(interval.start);
        let end = start + u64::from(interval.len());
        let first = into.len();
        into.extend((start..end).map(|at| self.bases[(at / 4) as usize] >> (2 * (at % 4)) & 3));
        let from = self
            .runs
            .partition_point(|run| run.start.get() + run.length.get() <= start);
        for run in self.runs[from..]
            .iter()
            .take_while(|run| run.start.get() < end)
        {
            let (run_start, run_end) = (
                run.start.get().max(start),
                (run.start.get() + run.length.get()).min(end),
            );
            into[first + (run_start - start) as usize..first + (run_end - start) as usize]
                .fill(base::N);
        }
    }

    /// Appends the bases of an interval as upper-case ASCII, `N` for an ambiguous one.
    pub fn bases(&self, interval: Interval, into: &mut Vec<u8>) {
        let first = into.len();
        self.codes(interval, into);
        into[first..]
            .iter_mut()
            .for_each(|code| *code = base::ASCII[*code as usize]);
    }
}
